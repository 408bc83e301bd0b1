//! YAML text of a JSON value, in block style.

use super::{Json, is_unprintable, write_string};

/// YAML readers take a key of the usual form only up to 1024 characters (YAML 1.2 §8.2.2).
const SIMPLE_KEY_MAX: usize = 1000;

pub(super) fn write(value: &Json) -> String {
    let mut text = String::new();
    match value {
        Json::Object(members) if !members.is_empty() => write_members(&mut text, members, 0),
        Json::Array(items) if !items.is_empty() => write_items(&mut text, items, 0),
        scalar => {
            write_scalar(&mut text, scalar, 1);
            text.push('\n');
        }
    }
    text
}

fn write_members(text: &mut String, members: &[(String, Json)], level: usize) {
    for (index, (name, value)) in members.iter().enumerate() {
        // The first member of an item of a list stands in the line of its dash.
        if index > 0 || !text.ends_with("- ") {
            indent(text, level);
        }
        if name.len() > SIMPLE_KEY_MAX {
            text.push_str("? ");
            write_string(text, name);
            text.push('\n');
            indent(text, level);
        } else {
            write_name(text, name);
        }
        text.push(':');
        write_value(text, value, level);
    }
}

fn write_items(text: &mut String, items: &[Json], level: usize) {
    for item in items {
        indent(text, level);
        text.push('-');
        match item {
            Json::Object(members) if !members.is_empty() => {
                text.push(' ');
                write_members(text, members, level + 1);
            }
            item => write_value(text, item, level),
        }
    }
}

/// What stands after `:` or `-`, to the end of its last line.
fn write_value(text: &mut String, value: &Json, level: usize) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            text.push('\n');
            write_members(text, members, level + 1);
        }
        Json::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_items(text, items, level + 1);
        }
        scalar => {
            text.push(' ');
            write_scalar(text, scalar, level + 1);
            text.push('\n');
        }
    }
}

fn write_scalar(text: &mut String, value: &Json, level: usize) {
    match value {
        Json::String(string) if is_block(string) => write_block(text, string, level),
        Json::String(string) if is_plain(string) => text.push_str(string),
        // JSON is YAML, so the rest is written as JSON: empty collections, numbers, strings in quotes.
        other => other.write(text, None),
    }
}

fn write_name(text: &mut String, name: &str) {
    if is_plain(name) { text.push_str(name) } else { write_string(text, name) }
}

fn indent(text: &mut String, level: usize) {
    text.extend(std::iter::repeat_n("  ", level));
}

/// Whether a string may stand without quotes. Stricter than YAML, so that no reader (YAML 1.1 has `yes`, `on` and `1:30`) takes it
/// for anything else.
fn is_plain(string: &str) -> bool {
    const WORDS: [&str; 12] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "none"];
    let first = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'/' | b'$');
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"_/$.-+{}@()".contains(&byte);
    !WORDS.iter().any(|word| word.eq_ignore_ascii_case(string))
        && string.bytes().next().is_some_and(first)
        && string.split(' ').all(|word| !word.is_empty() && word.bytes().all(rest))
}

/// Whether a string can be a block scalar: several printable lines, the first not indented, and at most one line end at the end.
fn is_block(string: &str) -> bool {
    let body = string.strip_suffix('\n').unwrap_or(string);
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with([' ', '\n'])
        && !string.chars().any(|character| character != '\n' && is_unprintable(character))
}

fn write_block(text: &mut String, string: &str, level: usize) {
    let (header, body) = match string.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", string),
    };
    text.push_str(header);
    for line in body.split('\n') {
        text.push('\n');
        // An empty line has no indentation, so that no line ends in blanks.
        if !line.is_empty() {
            indent(text, level);
            text.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::issue::Issues;

    fn round_trip(json: &Json) -> Json {
        let text = json.to_yaml();
        let mut issues = Issues::new(std::path::Path::new("x.yaml"));
        match document::parse(&text, &mut issues) {
            Some(node) => Json::of_node(&node),
            None => panic!("{text:?}: {:?}", issues.into_result::<()>(None)),
        }
    }

    #[test]
    fn looks_as_written_by_hand() {
        let json = Json::parse(
            r##"{"openapi":"3.0.1","paths":{"/a/{b}":{"get":{"tags":["x",{"k":[[1],[]]}],"t":"#set($a = 1)\n{}\n",
            "yes":"no","e":{},"n":null,"l":"a\n\n  b"}}}}"##,
        )
        .unwrap();
        let expected = "openapi: \"3.0.1\"\npaths:\n  /a/{b}:\n    get:\n      tags:\n        - x\n        - k:\n            -\n\
                        \x20             - 1\n            - []\n      t: |\n        #set($a = 1)\n        {}\n      \"yes\": \"no\"\n\
                        \x20     e: {}\n      \"n\": null\n      l: |-\n        a\n\n          b\n";
        assert_eq!(json.to_yaml(), expected);
        assert_eq!(round_trip(&json), json);
    }

    #[test]
    fn every_string_comes_back() {
        let long = "k".repeat(3000);
        for string in [
            "",
            " ",
            "a ",
            " a",
            "-",
            "- a",
            "a: b",
            "a:",
            "#",
            "a #b",
            "null",
            "~",
            "1",
            "1.5",
            ".5",
            "0x1",
            "<<",
            "*a",
            "&a",
            "!x",
            "|",
            ">",
            "'",
            "\"",
            "@a",
            "`",
            "%",
            "? a",
            "a\nb",
            "a\nb\n",
            "a\nb\n\n",
            "\na\nb",
            " a\nb",
            "a \nb",
            "a\n b",
            "a\n\tb",
            "a\nb ",
            "a\n---\nb",
            "a\n...\nb",
            "a\r\nb",
            "\u{85}",
            "a\u{2028}b",
            "\u{feff}a",
            "\u{0}",
            "\u{7f}",
            "é𝄞",
            "a\n#b",
            "true",
            "Yes",
            "é",
            "a\n \nb",
            "{a}",
            "[",
            "a, b",
            "---",
            "a\n\u{feff}b",
            "1:30",
            "\t",
            "a\tb",
            "=",
            "\\",
            "a\\nb",
            &long,
        ] {
            let json = Json::Object(vec![
                (string.into(), string.into()),
                ("list".into(), Json::Array(vec![string.into(), Json::Array(vec![string.into()])])),
            ]);
            assert_eq!(round_trip(&json), json, "{string:?} in\n{}", json.to_yaml());
            assert_eq!(round_trip(&string.into()), Json::from(string), "{string:?}");
        }
    }
}
