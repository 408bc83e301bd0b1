//! Media types as keys of templates.

use super::importer::Importer;
use crate::cursor::Cursor;
use crate::issue::quoted;

impl<'a> Importer<'_, 'a> {
    /// Reports a key that is no media type, in AWS's own words (tables.md §8.4).
    pub(super) fn check_media_type(&mut self, cursor: &Cursor<'a>, text: &str) {
        if !is_media_type(text) {
            let message = format!("not valid: Invalid content type specified: {}", quoted(text));
            self.errors.at_key(cursor, message, None);
        }
    }
}

/// `type/subtype`; parameters never match (tables.md §2.3), but AWS takes them.
pub(crate) fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+*-".contains(&byte))
    };
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        assert!(is_media_type("application/json") && is_media_type("application/vnd.x+json"));
        assert!(is_media_type("application/json; charset=utf-8"));
        assert!(!is_media_type("123") && !is_media_type("a b/c") && !is_media_type("/"));
    }
}
