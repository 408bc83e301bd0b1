//! The parts of a document that change nothing in what is served, and the extensions that would.

use crate::cursor::{Cursor, nearest};
use crate::issue::{Issues, quoted};

const PREFIX: &str = "x-amazon-apigateway-";

/// Extensions that only annotate: documentation parts, the version of the export format, the value of a tag.
const HARMLESS: [&str; 3] = ["documentation", "importexport-version", "tag-value"];

/// Extensions of AWS (spec sheet §13) that would change what is served.
const NOT_BUILT: [&str; 17] = [
    "any-method",
    "api-key-source",
    "auth",
    "authorizer",
    "authtype",
    "binary-media-types",
    "cors",
    "endpoint-access-mode",
    "endpoint-configuration",
    "gateway-responses",
    "integration",
    "integrations",
    "minimum-compression-size",
    "policy",
    "request-validator",
    "request-validators",
    "security-policy",
];

/// Keys below which anything may stand that only looks like an extension.
const FREE_FORM: [&str; 4] = ["example", "examples", "default", "enum"];

/// Checks the keys of a mapping against those known at this place, and its extensions.
pub(super) fn check_keys(issues: &mut Issues<'_>, cursor: &Cursor<'_>, known: &[&str]) {
    for (key, member) in cursor.entries() {
        if known.contains(&key) {
            continue;
        }
        if key.starts_with("x-") {
            check_extension(issues, &member, key);
        } else {
            issues.unknown_key(&member, key, known.iter().copied());
        }
    }
}

/// Checks one extension that the reader of its place does not build. Vendor extensions (`x-…`) are annotations by
/// definition.
pub(super) fn check_extension(issues: &mut Issues<'_>, cursor: &Cursor<'_>, key: &str) {
    let Some(name) = key.strip_prefix(PREFIX) else { return };
    if HARMLESS.contains(&name) {
        return;
    }
    if !NOT_BUILT.contains(&name) {
        let help = nearest(name, NOT_BUILT).map(|name| format!("did you mean `{PREFIX}{name}`?"));
        issues.at_key(cursor, format!("{} is no extension of API Gateway", quoted(key)), help);
    } else if matches!(name, "integration" | "any-method") {
        let place = if name == "integration" { "in an operation" } else { "in a path" };
        issues.at_key(cursor, format!("not valid: `{key}` stands {place}"), None);
    } else {
        issues.at_key(cursor, format!("`{key}` is not built yet"), None);
    }
}

/// Looks for extensions in a part that otherwise changes nothing in what is served.
pub(super) fn scan(issues: &mut Issues<'_>, cursor: &Cursor<'_>) {
    for (key, member) in cursor.entries() {
        if key.starts_with("x-") {
            check_extension(issues, &member, key);
        } else if !FREE_FORM.contains(&key) {
            scan(issues, &member);
        }
    }
    cursor.items().for_each(|item| scan(issues, &item));
}

/// `security` that asks for something: nothing here could check it, and serving without the check would open the API.
/// A root-level requirement counts for every operation (tables.md §16).
pub(super) fn check_security(issues: &mut Issues<'_>, cursor: &Cursor<'_>) {
    let Some(requirements) = issues.sequence(cursor) else { return };
    for requirement in requirements {
        if !requirement.is_empty_collection() {
            issues.at_with_help(
                &requirement,
                "`security` is not built yet: the gateway cannot check this requirement",
                "remove it only if the operations may be called by anyone",
            );
        }
    }
}
