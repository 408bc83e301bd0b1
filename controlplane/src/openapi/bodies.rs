//! Request models and method responses: `requestBody`, the parameter in `body`, `responses` (tables.md §10.1).

use std::collections::BTreeMap;

use ringway_core::model::{MethodResponse, Texts};

use super::annotations::{self, OWN_PREFIX};
use super::format::Format;
use super::importer::Importer;
use super::path::is_parameter_name;
use crate::cursor::Cursor;
use crate::document::nodes_of;
use crate::issue::quoted;

/// The media type of a body where a document names none.
const JSON: &str = "application/json";

impl<'a> Importer<'_, 'a> {
    /// Model names by media type. `body` is the parameter of Swagger 2.0.
    pub(super) fn request_models(&mut self, operation: &Cursor<'a>, body: Option<&Cursor<'a>>) -> Texts {
        if let Some(models) = operation.get(&format!("{OWN_PREFIX}request-models")) {
            return self.named_models(&models);
        }
        match self.format {
            Format::Swagger2 => {
                let schema = body.and_then(|body| body.get("schema"));
                self.schema_of_types(operation, "consumes", schema)
            }
            Format::OpenApi3 => {
                let body = operation.get("requestBody").and_then(|body| self.follow(&body));
                body.map(|body| self.content(&body)).unwrap_or_default()
            }
        }
    }

    /// `x-ringway-…-models`: what an export writes where Swagger 2.0 cannot say it.
    fn named_models(&mut self, cursor: &Cursor<'a>) -> Texts {
        let mut models = Texts::new();
        for (media_type, name) in self.members(cursor).unwrap_or_default() {
            let schema = self.model_of(&name);
            models.extend(schema.map(|model| (media_type.to_owned(), model)));
        }
        models
    }

    /// Swagger 2.0: one schema, and media types that the operation or the root lists.
    fn schema_of_types(&mut self, operation: &Cursor<'a>, key: &str, schema: Option<Cursor<'a>>) -> Texts {
        let Some(model) = schema.and_then(|schema| self.model_of(&schema)) else { return Texts::new() };
        let list = operation.get(key).or_else(|| self.root.get(key));
        let Some(list) = list.filter(|list| !list.is_empty_collection()) else {
            return Texts::from([(JSON.to_owned(), model)]);
        };
        if self.spend(&list, nodes_of(list.node())).is_none() {
            return Texts::new();
        }
        let types = self.errors.sequence(&list).unwrap_or_default();
        let types = types.iter().filter_map(|item| self.errors.string(item));
        types.map(|media_type| (media_type.to_owned(), model.clone())).collect()
    }

    /// OpenAPI 3: a schema for each media type.
    fn content(&mut self, cursor: &Cursor<'a>) -> Texts {
        let mut models = Texts::new();
        for (media_type, member) in self.members_of(cursor, "content") {
            self.members(&member);
            let model = member.get("schema").and_then(|schema| self.model_of(&schema));
            models.extend(model.map(|model| (media_type.to_owned(), model)));
        }
        models
    }

    pub(super) fn method_responses(&mut self, operation: &Cursor<'a>) -> BTreeMap<u16, MethodResponse> {
        let mut responses = BTreeMap::new();
        for (key, member) in self.members_of(operation, "responses") {
            let digits = key.len() == 3 && key.bytes().all(|byte| byte.is_ascii_digit());
            match key.parse() {
                Ok(status @ 100..=599) if digits => {
                    let response =
                        self.follow(&member).map(|member| self.method_response(operation, &member));
                    responses.insert(status, response.unwrap_or_default());
                }
                _ if key.starts_with("x-") => self.extension_or_unknown(key, &member, &[], &[]),
                // An integration response chooses one by its status code; no status code chooses these.
                _ => {
                    let message =
                        format!("{} names no status code of a method response: it is not kept", quoted(key));
                    self.warnings.at_key(&member, message, None);
                }
            }
        }
        responses
    }

    fn method_response(&mut self, operation: &Cursor<'a>, cursor: &Cursor<'a>) -> MethodResponse {
        let mut response = MethodResponse::default();
        let Some(members) = self.members(cursor) else { return response };
        for (key, member) in members {
            if !matches!(key, "schema" | "content") {
                annotations::scan(self, &member);
            }
        }
        for (name, header) in self.members_of(cursor, "headers") {
            if is_parameter_name(name) {
                // Recorded (tables.md §10.1): never required.
                response.response_parameters.insert(name.to_owned(), false);
            } else {
                let message =
                    format!("{} cannot be a header of a method response: it is not kept", quoted(name));
                self.warnings.at_key(&header, message, None);
            }
        }
        response.response_models = match (cursor.get(&format!("{OWN_PREFIX}response-models")), self.format) {
            (Some(models), _) => self.named_models(&models),
            (None, Format::Swagger2) => self.schema_of_types(operation, "produces", cursor.get("schema")),
            (None, Format::OpenApi3) => self.content(cursor),
        };
        response
    }
}
