//! `${stageVariables.NAME}` in an integration URI: the one place that knows its spelling and rules (tables.md §9.3).

use std::collections::BTreeMap;

const OPEN: &str = "${";
const PREFIX: &str = "${stageVariables.";

/// Longest name, in characters.
const NAME_MAX: usize = 64;
/// Longest value, in characters.
const VALUE_MAX: usize = 512;

/// Whether AWS accepts `name`: one to 64 letters, digits and underscores.
pub fn is_stage_variable_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether AWS accepts `value`: one to 512 characters of `[A-Za-z0-9-._~:/?#&=,]`.
pub fn is_stage_variable_value(value: &str) -> bool {
    (1..=VALUE_MAX).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte))
}

/// The names that `uri` refers to, in order, repetitions included.
///
/// # Errors
/// Says which `${` is not `${stageVariables.NAME}`.
pub fn stage_variables_of(uri: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut rest = uri;
    while let Some(start) = rest.find(OPEN) {
        let (name, after) = reference(&rest[start..])?;
        names.push(name);
        rest = after;
    }
    Ok(names)
}

/// Puts the values of `variables` in the place of each `${stageVariables.NAME}`.
///
/// # Errors
/// Says which variable is not defined, or which `${` is not a reference. AWS answers such a call with 500; we refuse the
/// stage instead.
pub fn substitute_stage_variables(uri: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut result = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(start) = rest.find(OPEN) {
        let (name, after) = reference(&rest[start..])?;
        let value = variables.get(name).ok_or_else(|| format!("stage variable `{name}` is not defined"))?;
        result.push_str(&rest[..start]);
        result.push_str(value);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// Splits text that begins with `${` into the variable's name and what follows the reference.
fn reference(text: &str) -> Result<(&str, &str), String> {
    text.strip_prefix(PREFIX)
        .and_then(|inner| inner.split_once('}'))
        .filter(|(name, _)| is_stage_variable_name(name))
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            format!("`{shown}` is not a reference of the form `${{stageVariables.NAME}}`")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn replaces_every_reference_and_leaves_placeholders() {
        let variables = variables(&[("host", "127.0.0.1:9001"), ("q", "a")]);
        assert_eq!(
            substitute_stage_variables(
                "http://${stageVariables.host}/pets/{id}?x=${stageVariables.q}",
                &variables
            ),
            Ok("http://127.0.0.1:9001/pets/{id}?x=a".to_owned())
        );
        assert_eq!(substitute_stage_variables("http://h/$x", &variables), Ok("http://h/$x".to_owned()));
    }

    #[test]
    fn a_value_is_not_substituted_again() {
        // `$` and `{` are no characters of a value, but this function does not rely on its caller for that.
        let variables = variables(&[("a", "${stageVariables.a}")]);
        assert_eq!(
            substitute_stage_variables("${stageVariables.a}", &variables),
            Ok("${stageVariables.a}".to_owned())
        );
    }

    #[test]
    fn names_what_is_undefined_or_malformed() {
        let none = BTreeMap::new();
        assert_eq!(
            substitute_stage_variables("http://${stageVariables.host}", &none),
            Err("stage variable `host` is not defined".to_owned())
        );
        for bad in
            ["http://${host}", "http://${stageVariables.}", "http://${stageVariables.a-b}", "http://${"]
        {
            assert!(stage_variables_of(bad).is_err(), "{bad}");
            assert!(substitute_stage_variables(bad, &none).is_err(), "{bad}");
        }
    }

    #[test]
    fn name_and_value_rules() {
        assert!(is_stage_variable_name("backend_1"));
        assert!(!is_stage_variable_name(""));
        assert!(!is_stage_variable_name("back-end"));
        assert!(!is_stage_variable_name(&"a".repeat(65)));
        assert!(is_stage_variable_value("127.0.0.1:9001/v1?a=b&c=d#e,~_"));
        assert!(!is_stage_variable_value("a b"));
        assert!(!is_stage_variable_value(""));
        assert!(!is_stage_variable_value(&"a".repeat(513)));
    }
}
