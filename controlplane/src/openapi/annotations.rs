//! Keys: extensions that are known at a place, that stand at a wrong one, or that belong to another kind of API.

use super::importer::Importer;
use crate::cursor::{Cursor, nearest};
use crate::issue::quoted;

const PREFIX: &str = "x-amazon-apigateway-";

/// The prefix of what only Ringway writes, where a format has no place for it: an export to Swagger 2.0 needs some.
pub(crate) const OWN_PREFIX: &str = "x-ringway-";

/// Every extension of AWS (spec sheet §13) and where it stands (tables.md §10).
const KNOWN: [(&str, &str); 20] = [
    ("any-method", "in a path"),
    ("api-key-source", "at the root"),
    ("auth", "in an operation"),
    ("authorizer", "in a security scheme"),
    ("authtype", "in a security scheme"),
    ("binary-media-types", "at the root"),
    ("cors", "at the root"),
    ("documentation", "at the root"),
    ("endpoint-access-mode", "at the root"),
    ("endpoint-configuration", "at the root, or in an entry of `servers`"),
    ("gateway-responses", "at the root"),
    ("importexport-version", "at the root"),
    ("integration", "in an operation"),
    ("integrations", "in `components`"),
    ("minimum-compression-size", "at the root"),
    ("policy", "at the root"),
    ("request-validator", "at the root, or in an operation"),
    ("request-validators", "at the root"),
    ("security-policy", "at the root"),
    ("tag-value", "in an entry of the root's `tags`"),
];

/// Keys below which anything may stand that only looks like an extension.
const FREE_FORM: [&str; 4] = ["example", "examples", "default", "enum"];

/// The key of an extension of AWS.
pub(super) fn full_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

impl<'a> Importer<'_, 'a> {
    /// Reports a key that is neither one of the extensions `read` nor one of `known`. Extensions of other vendors are annotations by
    /// definition.
    pub(super) fn extension_or_unknown(
        &mut self,
        key: &str,
        cursor: &Cursor<'a>,
        read: &[&str],
        known: &[&str],
    ) {
        match key.strip_prefix(PREFIX) {
            Some(name) if read.contains(&name) => {}
            Some(name) => self.extension(key, name, cursor),
            None if key.starts_with("x-") || known.contains(&key) => {}
            None => self.unknown_key(cursor, key, known),
        }
    }

    /// Reports an extension of AWS that nothing reads at its place.
    fn extension(&mut self, key: &str, name: &str, cursor: &Cursor<'a>) {
        if name == "cors" {
            self.errors.at_key(
                cursor,
                format!("`{key}` is for HTTP APIs only (tables.md §10)"),
                Some(
                    "a REST API answers preflight requests by an `options` operation with a MOCK integration"
                        .into(),
                ),
            );
        } else if matches!(name, "importexport-version" | "tag-value") {
            // The first names the format of an HTTP API's export; the second is read where it means something.
        } else if let Some((_, place)) = KNOWN.iter().find(|(known, _)| *known == name) {
            self.lost().at_key(cursor, format!("`{key}` has no effect here: it stands {place}"), None);
        } else {
            let help = nearest(name, KNOWN.map(|(known, _)| known))
                .map(|name| format!("did you mean `{PREFIX}{name}`?"));
            self.lost().at_key(cursor, format!("{} is no extension of API Gateway", quoted(key)), help);
        }
    }
}

/// Looks for extensions in a part that otherwise changes nothing in what is served.
pub(super) fn scan<'a>(importer: &mut Importer<'_, 'a>, cursor: &Cursor<'a>) {
    if importer.errors.is_intrinsic(cursor, "a value") {
        return;
    }
    for (key, member) in cursor.entries() {
        match key.strip_prefix(PREFIX) {
            Some(name) => importer.extension(key, name, &member),
            None if FREE_FORM.contains(&key) || key.starts_with("x-") => {}
            None => scan(importer, &member),
        }
    }
    cursor.items().for_each(|item| scan(importer, &item));
}
