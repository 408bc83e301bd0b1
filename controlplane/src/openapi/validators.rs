//! `x-amazon-apigateway-request-validators` and the names that refer to them (tables.md §10).

use ringway_core::model::RequestValidator;

use super::annotations::full_name;
use super::importer::Importer;
use crate::cursor::Cursor;

const BODY: &str = "validateRequestBody";
const PARAMETERS: &str = "validateRequestParameters";

impl<'a> Importer<'_, 'a> {
    pub(super) fn request_validators(&mut self, root: &Cursor<'a>) {
        for (name, validator) in self.members_of(root, &full_name("request-validators")) {
            if name.is_empty() {
                // AWS's own words (tables.md §8.5).
                self.errors.at_key(&validator, "Request Validator name cannot be blank", None);
            }
            for (key, member) in self.members(&validator).unwrap_or_default() {
                self.extension_or_unknown(key, &member, &[], &[BODY, PARAMETERS]);
            }
            let mut flag =
                |key| validator.get(key).and_then(|member| self.boolean_text(&member)).unwrap_or_default();
            let (validate_request_body, validate_request_parameters) = (flag(BODY), flag(PARAMETERS));
            self.validators.push(RequestValidator {
                name: name.to_owned(),
                validate_request_body,
                validate_request_parameters,
            });
        }
        if let Some(default) = root.get(&full_name("request-validator")) {
            self.validator_name(&default);
        }
    }

    /// The validator of an operation: its own, else that of the root.
    pub(super) fn request_validator(&mut self, operation: &Cursor<'a>) -> Option<String> {
        let name = full_name("request-validator");
        let cursor = operation.get(&name).or_else(|| self.root.get(&name))?;
        self.validator_name(&cursor)
    }

    fn validator_name(&mut self, cursor: &Cursor<'a>) -> Option<String> {
        let name = self.errors.string(cursor)?;
        if !self.validators.iter().any(|validator| validator.name == name) {
            // AWS's own words (tables.md §8.3).
            self.errors.at_with_help(
                cursor,
                "Invalid Request Validator identifier specified",
                "the root's `x-amazon-apigateway-request-validators` defines them",
            );
            return None;
        }
        Some(name.to_owned())
    }
}
