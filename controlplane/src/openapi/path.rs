//! Paths of resources and AWS's rules for them (spec sheet §2, tables.md §8.2 and §10.1).

use std::collections::HashMap;

use ringway_core::limits::URL_BYTES_MAX;

use crate::issue::quoted;

/// A path that keeps the rules.
pub(super) struct ResourcePath<'a> {
    text: &'a str,
    /// Names of its variables, without `+`.
    variables: Vec<&'a str>,
}

impl<'a> ResourcePath<'a> {
    /// Parses a key of `paths`.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut variables = Vec::new();
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("not valid: the path {} does not begin with `/`", quoted(text)));
        };
        if text.len() > URL_BYTES_MAX {
            return Err(format!("not valid: the path is longer than a URL may be ({URL_BYTES_MAX} bytes)"));
        }
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            if rest.is_empty() {
                break;
            }
            let Some(variable) = segment_variable(segment)? else { continue };
            if segment.ends_with("+}") && segments.peek().is_some() {
                return Err(format!(
                    "Cannot create a child of a resource with a greedy path variable: {segment}"
                ));
            }
            if variables.contains(&variable) {
                return Err(format!("not valid: the variable {} is twice in the path", quoted(variable)));
            }
            variables.push(variable);
        }
        Ok(Self { text, variables })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The names of its variables.
    pub(super) fn variables(&self) -> &[&'a str] {
        &self.variables
    }

    /// Whether the path has the variable `name`.
    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.variables.contains(&name)
    }
}

/// The variable that a segment is, if it is one.
fn segment_variable(segment: &str) -> Result<Option<&str>, String> {
    let literal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.,:-".contains(&byte);
    if segment.is_empty() {
        return Err(
            "not valid: the path has an empty segment; AWS has no resource for `//` or a last `/`".into()
        );
    }
    if let Some(inner) = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
        let name = inner.strip_suffix('+').unwrap_or(inner);
        if is_parameter_name(name) {
            return Ok(Some(name));
        }
        return Err(format!(
            "not valid: {} is no variable; its name has letters, digits, `.`, `_`, `$` and `-`",
            quoted(segment)
        ));
    }
    if segment.bytes().all(literal) {
        return Ok(None);
    }
    Err(format!(
        "not valid: the segment {} has characters other than `A-Za-z0-9_.,:-`, or a variable that is not the whole segment",
        quoted(segment)
    ))
}

/// Names of parameters (tables.md §2.5): `^[a-zA-Z0-9._$-]+$`.
pub(crate) fn is_parameter_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$-".contains(&byte))
}

/// The variable below each parent: AWS allows one.
#[derive(Default)]
pub(super) struct Siblings<'a> {
    by_parent: HashMap<&'a str, &'a str>,
}

impl<'a> Siblings<'a> {
    /// Adds a path, unless it names a second variable below a parent.
    pub(super) fn add(&mut self, path: &ResourcePath<'a>) -> Result<(), String> {
        let mut end = 0;
        for segment in path.text.split('/') {
            let start = end;
            end += segment.len() + 1;
            if !segment.starts_with('{') {
                continue;
            }
            let sibling = self.by_parent.entry(&path.text[..start]).or_insert(segment);
            if *sibling != segment {
                return Err(format!(
                    "A sibling ({sibling}) of this resource already has a variable path part -- only one is allowed"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(siblings: &mut Siblings<'static>, path: &'static str) -> Result<(), String> {
        ResourcePath::parse(path).and_then(|path| siblings.add(&path))
    }

    #[test]
    fn variables() {
        let path = ResourcePath::parse("/pets/{petId}/{proxy+}").unwrap();
        assert!(path.has_variable("petId") && path.has_variable("proxy"));
        assert!(!path.has_variable("proxy+"));
        assert!(ResourcePath::parse("/").unwrap().variables.is_empty());
        assert!(ResourcePath::parse("/a.b,c:d-e_f").is_ok());
    }

    #[test]
    fn refused() {
        let cases = [
            ("pets", "begin with"),
            ("", "begin with"),
            ("/pets/", "empty segment"),
            ("//", "empty segment"),
            ("/a//b", "empty segment"),
            ("/a b", "characters"),
            ("/x{id}", "whole segment"),
            ("/{id}.json", "whole segment"),
            ("/{}", "no variable"),
            ("/{+}", "no variable"),
            ("/{a}/{a}", "twice"),
            ("/é", "characters"),
            ("/{proxy+}/a", "Cannot create a child of a resource with a greedy path variable: {proxy+}"),
        ];
        for (path, expected) in cases {
            let message = ResourcePath::parse(path).err().unwrap_or_default();
            assert!(message.contains(expected), "{path}: {message}");
        }
        assert!(ResourcePath::parse(&format!("/{}", "a".repeat(10_240))).is_err());
    }

    #[test]
    fn one_variable_below_a_parent() {
        let mut siblings = Siblings::default();
        assert_eq!(add(&mut siblings, "/pets/{id}"), Ok(()));
        assert_eq!(add(&mut siblings, "/pets/{id}/photos"), Ok(()));
        assert_eq!(add(&mut siblings, "/toys/{toyId}"), Ok(()));
        let expected =
            "A sibling ({id}) of this resource already has a variable path part -- only one is allowed";
        assert_eq!(add(&mut siblings, "/pets/{petId}/photos"), Err(expected.to_owned()));
        assert_eq!(add(&mut siblings, "/pets/{proxy+}"), Err(expected.to_owned()));
        assert_eq!(add(&mut siblings, "/{proxy+}"), Ok(()));
        assert!(add(&mut siblings, "/{other}").is_err());
    }
}
