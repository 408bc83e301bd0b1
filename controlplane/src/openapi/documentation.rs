//! `x-amazon-apigateway-documentation` (tables.md §10).

use ringway_core::model::DocumentationPart;

use super::annotations::full_name;
use super::importer::Importer;
use crate::cursor::Cursor;
use crate::issue::quoted;

/// Types of locations (recorded, tables.md §8.5).
const TYPES: [&str; 12] = [
    "RESPONSE_BODY",
    "RESPONSE",
    "METHOD",
    "MODEL",
    "AUTHORIZER",
    "RESPONSE_HEADER",
    "RESOURCE",
    "PATH_PARAMETER",
    "REQUEST_BODY",
    "QUERY_PARAMETER",
    "API",
    "REQUEST_HEADER",
];

impl<'a> Importer<'_, 'a> {
    pub(super) fn documentation(&mut self, root: &Cursor<'a>) -> Vec<DocumentationPart> {
        let Some(documentation) = root.get(&full_name("documentation")) else { return Vec::new() };
        if self.options.ignore_documentation {
            return Vec::new();
        }
        for (key, member) in self.members(&documentation).unwrap_or_default() {
            match key {
                "documentationParts" => {}
                "version" | "createdDate" => {
                    self.warnings.at_key(
                        &member,
                        format!("`{key}` of the documentation has no effect and is not kept"),
                        None,
                    );
                }
                key => self.unknown_key(&member, key, &["documentationParts", "version"]),
            }
        }
        let Some(parts) = documentation.get("documentationParts") else { return Vec::new() };
        let parts = self.errors.sequence(&parts).unwrap_or_default();
        parts.iter().filter_map(|part| self.documentation_part(part)).collect()
    }

    fn documentation_part(&mut self, cursor: &Cursor<'a>) -> Option<DocumentationPart> {
        for (key, member) in self.members(cursor)? {
            if !["location", "properties"].contains(&key) {
                self.unknown_key(&member, key, &["location", "properties"]);
            }
        }
        let location = self.errors.required(cursor, "location")?;
        self.members(&location)?;
        let kind = self.errors.required(&location, "type")?;
        let text = self.errors.string(&kind)?;
        if !TYPES.contains(&text) {
            let message = format!(
                "{} is not valid: Member must satisfy enum value set: [{}]",
                quoted(text),
                TYPES.join(", ")
            );
            self.errors.at(&kind, message);
            return None;
        }
        let properties = self.errors.required(cursor, "properties")?;
        let (location, properties) =
            (self.json(&location)?.to_compact(), self.json(&properties)?.to_compact());
        Some(DocumentationPart { location, properties })
    }
}
