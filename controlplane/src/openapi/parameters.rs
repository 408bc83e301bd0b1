//! `parameters` of operations and paths: `requestParameters` of methods (tables.md §10.1, §14.3).

use std::collections::BTreeMap;

use ringway_core::model::{RequestParameterKey, RequestParameterPlace};

use super::annotations;
use super::expressions::invalid_expression;
use super::importer::Importer;
use super::path::is_parameter_name;
use crate::cursor::Cursor;
use crate::document::nodes_of;
use crate::issue::quoted;

impl<'a> Importer<'_, 'a> {
    /// Which parameters are required, and the `in: body` parameter of Swagger 2.0. Those of the operation win over those of its path.
    pub(super) fn request_parameters(
        &mut self,
        operation: &Cursor<'a>,
        path_parameters: Option<&Cursor<'a>>,
    ) -> (BTreeMap<RequestParameterKey, bool>, Option<Cursor<'a>>) {
        let mut parameters = BTreeMap::new();
        let mut body = None;
        if let Some(list) = operation.get("parameters") {
            for item in self.errors.sequence(&list).unwrap_or_default() {
                self.parameter(&item, false, &mut parameters, &mut body);
            }
        }
        if let Some(list) = path_parameters
            && self.spend(list, nodes_of(list.node())).is_some()
        {
            for item in self.errors.sequence(list).unwrap_or_default() {
                self.parameter(&item, true, &mut parameters, &mut body);
            }
        }
        (parameters, body)
    }

    fn parameter(
        &mut self,
        item: &Cursor<'a>,
        of_path: bool,
        parameters: &mut BTreeMap<RequestParameterKey, bool>,
        body: &mut Option<Cursor<'a>>,
    ) -> Option<()> {
        let cursor = self.follow(item)?;
        self.members(&cursor)?;
        annotations::scan(self, &cursor);
        let place = self.errors.required(&cursor, "in")?;
        let place = match self.errors.string(&place)? {
            "query" => RequestParameterPlace::Querystring,
            "header" => RequestParameterPlace::Header,
            "path" => RequestParameterPlace::Path,
            "body" => {
                body.get_or_insert(cursor);
                return None;
            }
            other @ ("formData" | "cookie") => {
                self.warnings.at(
                    &place,
                    format!("API Gateway has no parameters in {}: it is not kept", quoted(other)),
                );
                return None;
            }
            other => {
                let message = format!("{} is not valid: `query`, `header`, `path` or `body`", quoted(other));
                self.errors.at(&place, message);
                return None;
            }
        };
        let name = self.errors.required(&cursor, "name")?;
        let text = self.errors.string(&name)?;
        if !is_parameter_name(text) {
            let expression = format!("method.request.{}.{text}", place.as_str());
            self.errors.at(&name, invalid_expression(&expression));
            return None;
        }
        let required = cursor.get("required").and_then(|required| self.boolean_text(&required));
        let key = RequestParameterKey { place, name: text.to_owned() };
        if parameters.contains_key(&key) {
            if !of_path {
                self.errors.at(item, format!("not valid: the parameter {} is there twice", quoted(text)));
            }
            return None;
        }
        let is_taken =
            [RequestParameterPlace::Header, RequestParameterPlace::Path, RequestParameterPlace::Querystring]
                .iter()
                .any(|&place| parameters.contains_key(&RequestParameterKey { place, name: text.to_owned() }));
        if is_taken {
            // AWS's own words (tables.md §8.3).
            self.errors.at(&name, "Parameter names must be unique across querystring, header and path");
            return None;
        }
        // Without a path parameter there would be another path (OpenAPI 3.0.3 §4.7.12).
        parameters.insert(key, required.unwrap_or(place == RequestParameterPlace::Path));
        Some(())
    }
}
