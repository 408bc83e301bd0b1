//! The key of an integration response: which results of an integration it answers.

use regex::{Regex, RegexBuilder};

/// Bytes a compiled pattern may take. A pattern is matched against a status code, so real ones are tiny.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Compiles a `selectionPattern` so that it has to match the whole text (spec sheet §4: "matched against the entire
/// string").
///
/// # Errors
/// AWS's patterns are Java regular expressions; says what this one has that cannot be matched in linear time
/// (look-around, back references) or what is malformed.
pub fn compile_selection_pattern(pattern: &str) -> Result<Regex, String> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
    // Alone first: `a)|(b` would become well-formed, and mean something else, inside of our group.
    build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("needs more than {PATTERN_BYTES_MAX} bytes compiled"),
        // The last line says what; those before it draw the place.
        error => {
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_whole_text() {
        let pattern = compile_selection_pattern(r"4\d{2}|500").unwrap();
        assert!(pattern.is_match("404") && pattern.is_match("500"));
        assert!(!pattern.is_match("4040") && !pattern.is_match("1500"));
    }

    #[test]
    fn refuses_what_it_cannot_match() {
        assert!(compile_selection_pattern("(?=4)4..").unwrap_err().contains("look"));
        assert!(compile_selection_pattern("a)|(b").is_err());
        assert!(compile_selection_pattern(&"(a{1000}){1000}".repeat(9)).unwrap_err().contains("bytes"));
    }
}
