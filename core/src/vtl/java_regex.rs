//! Java's regular expressions, as far as they can be matched in linear time.

use regex::{Captures, Regex, RegexBuilder};

use crate::limits::VTL_REGEX_BYTES_MAX;

/// Compiles a pattern. `None` for what is malformed, or has look-around, back references and the like.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&translate(pattern)).size_limit(VTL_REGEX_BYTES_MAX).build().ok()
}

/// As [`compile`], to match a whole text.
pub(super) fn compile_whole(pattern: &str) -> Option<Regex> {
    // Alone first: `a)|(b` would become well-formed inside of the group.
    compile(pattern)?;
    RegexBuilder::new(&format!(r"\A(?:{})\z", translate(pattern)))
        .size_limit(VTL_REGEX_BYTES_MAX)
        .build()
        .ok()
}

/// Java's `\d`, `\w` and `\s` are ASCII, its dot does not match any line end, and it has `\Q…\E`.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut class = 0_u32;
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('d') => out.push_str(if class > 0 { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if class > 0 { "a-zA-Z0-9_" } else { "[a-zA-Z0-9_]" }),
                Some('s') => out.push_str(if class > 0 { r" \t\n\x0B\f\r" } else { r"[ \t\n\x0B\f\r]" }),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^a-zA-Z0-9_]"),
                Some('S') => out.push_str(r"[^ \t\n\x0B\f\r]"),
                Some('Z') => out.push_str(r"\z"),
                Some('Q') => {
                    let text: String = rest.by_ref().collect();
                    let (quoted, after) = text.split_once("\\E").unwrap_or((&text, ""));
                    out.push_str(&regex::escape(quoted));
                    out.push_str(&translate(after));
                }
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' => {
                class += 1;
                out.push('[');
            }
            ']' => {
                class = class.saturating_sub(1);
                out.push(']');
            }
            '.' if class == 0 && !pattern.contains("(?") => {
                out.push_str("[^\n\r\u{85}\u{2028}\u{2029}]");
            }
            other => out.push(other),
        }
    }
    out
}

/// Appends what Java's replacement text stands for: `$1` and `${name}` are groups, a backslash takes the next character as it is.
/// `None` where Java throws.
pub(super) fn expand(replacement: &str, captures: &Captures<'_>, out: &mut String) -> Option<()> {
    let mut rest = replacement;
    while let Some(at) = rest.find(['\\', '$']) {
        out.push_str(&rest[..at]);
        let mark = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        if mark == b'\\' {
            let character = rest.chars().next()?;
            out.push(character);
            rest = &rest[character.len_utf8()..];
        } else if let Some(named) = rest.strip_prefix('{') {
            let end = named.find('}')?;
            out.push_str(captures.name(&named[..end]).map_or("", |group| group.as_str()));
            rest = &named[end + 1..];
        } else {
            let mut number = usize::try_from(rest.chars().next()?.to_digit(10)?).ok()?;
            if number >= captures.len() {
                return None;
            }
            rest = &rest[1..];
            // More digits as long as there is such a group.
            while let Some(digit) = rest.chars().next().and_then(|c| c.to_digit(10)) {
                let longer = number * 10 + digit as usize;
                if longer >= captures.len() {
                    break;
                }
                number = longer;
                rest = &rest[1..];
            }
            out.push_str(captures.get(number).map_or("", |group| group.as_str()));
        }
    }
    out.push_str(rest);
    Some(())
}

/// Java's `String.split`: no empty parts at the end, nor at the start for a match of nothing, unless `limit` says otherwise.
pub(super) fn split<'t>(regex: &Regex, text: &'t str, limit: i32) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for found in regex.find_iter(text) {
        if limit > 0 && parts.len() + 1 == limit as usize {
            break;
        }
        if found.is_empty() && (found.start() == 0 || found.start() == text.len()) {
            // At the end, Java's matcher finds nothing that would cut something off.
            if found.start() == 0 {
                continue;
            }
        }
        if found.start() == 0 && found.end() == 0 {
            continue;
        }
        parts.push(&text[from..found.start()]);
        from = found.end();
    }
    if from == 0 && parts.is_empty() {
        return vec![text];
    }
    parts.push(&text[from..]);
    if limit == 0 {
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
    }
    parts
}
