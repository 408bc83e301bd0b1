//! The methods of Java's `String`. Its indices count UTF-16 units.

use std::borrow::Cow;

use regex::Regex;

use super::ast::Method;
use super::java_regex;
use super::state::{Outcome, Render};
use crate::json::{List, ListKind, Text, Value};

/// Bytes that an item of a list is counted as.
const ITEM_BYTES: usize = 48;

/// The byte where a UTF-16 unit begins. `None` beyond the end. Within a character of two units: where it ends.
fn byte_of(text: &str, unit: i32) -> Option<usize> {
    let unit = usize::try_from(unit).ok()?;
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut units = 0;
    for (at, character) in text.char_indices() {
        if units >= unit {
            return Some(at);
        }
        units += character.len_utf16();
    }
    (units >= unit).then_some(text.len())
}

/// How many UTF-16 units there are before a byte.
fn units_before(text: &str, byte: usize) -> i32 {
    let before = &text[..byte];
    if before.is_ascii() { byte as i32 } else { before.encode_utf16().count() as i32 }
}

/// A part of a text: of the same text if that lives long enough.
fn part<'r>(text: &Text<'r>, from: usize, to: usize) -> Value<'r> {
    match text {
        Text::Borrowed(text) => Value::text(&text[from..to]),
        Text::Shared(shared) if from == 0 && to == shared.len() => Value::Text(text.clone()),
        Text::Shared(shared) => Value::text(shared[from..to].to_owned()),
    }
}

fn trimmed<'r>(text: &Text<'r>, inside: &str) -> Value<'r> {
    let from = inside.as_ptr().addr() - text.as_ptr().addr();
    part(text, from, from + inside.len())
}

impl<'r> Render<'r> {
    pub(super) fn text_method(
        &mut self,
        text: &Text<'r>,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        self.step(text.len())?;
        let integer = |number: i32| Ok(Value::Integer(number));
        let boolean = |truth: bool| Ok(Value::Boolean(truth));
        match (&*method.name, arguments) {
            ("length", []) => integer(units_before(text, text.len())),
            ("isEmpty", []) => boolean(text.is_empty()),
            ("isBlank", []) => boolean(text.trim().is_empty()),
            ("trim", []) => Ok(trimmed(text, text.trim_matches(|c| c <= ' '))),
            ("strip", []) => Ok(trimmed(text, text.trim())),
            ("stripLeading", []) => Ok(trimmed(text, text.trim_start())),
            ("stripTrailing", []) => Ok(trimmed(text, text.trim_end())),
            ("intern", []) => Ok(Value::Text(text.clone())),
            ("toLowerCase", []) => self.made(text.to_lowercase()),
            ("toUpperCase", []) => self.made(text.to_uppercase()),
            ("equalsIgnoreCase", [Value::Text(other)]) => boolean(equal_ignoring_case(text, other)),
            ("equalsIgnoreCase", [Value::Null]) => boolean(false),
            ("contentEquals", [Value::Text(other)]) => boolean(text == other),
            ("compareTo", [Value::Text(other)]) => integer(compare(text, other)),
            ("compareTo", [_]) => Err(self.other_class(method)),
            ("toCharArray", []) => {
                self.charge(text.len() * ITEM_BYTES)?;
                let items = text.chars().map(Value::Character).collect();
                Ok(Value::List(List::new(ListKind::Array, items)))
            }
            ("compareToIgnoreCase", [Value::Text(other)]) => {
                integer(compare(&text.to_uppercase().to_lowercase(), &other.to_uppercase().to_lowercase()))
            }
            ("contains", [Value::Text(part)]) => {
                boolean(memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some())
            }
            ("startsWith", [Value::Text(start)]) => boolean(text.starts_with(&**start)),
            ("startsWith", [Value::Text(start), Value::Integer(from)]) => {
                boolean(byte_of(text, *from).is_some_and(|from| text[from..].starts_with(&**start)))
            }
            ("endsWith", [Value::Text(end)]) => boolean(text.ends_with(&**end)),
            ("indexOf" | "lastIndexOf", [Value::Text(_) | Value::Integer(_), ..]) => {
                self.search(text, method, arguments)
            }
            ("charAt" | "codePointAt", [Value::Integer(index)]) => self.character(text, *index, method),
            ("substring" | "subSequence", [Value::Integer(from), rest @ ..]) => {
                self.substring(text, *from, rest, method)
            }
            ("concat", [Value::Text(other)]) => {
                self.charge(text.len() + other.len())?;
                self.made(format!("{}{}", &**text, &**other))
            }
            ("repeat", [Value::Integer(times)]) => match usize::try_from(*times) {
                Ok(times) => {
                    self.charge(text.len().saturating_mul(times))?;
                    self.made(text.repeat(times))
                }
                Err(_) => Err(self.error(Some(method.place), "repeat: the count is negative")),
            },
            ("replace", [Value::Text(from), Value::Text(to)]) => self.replace(text, from, to),
            ("replace", [Value::Character(from), Value::Character(to)]) => {
                self.replace(text, from.encode_utf8(&mut [0; 4]), to.encode_utf8(&mut [0; 4]))
            }
            ("matches", [Value::Text(pattern)]) => {
                let regex = self.regex(method, pattern, java_regex::compile_whole)?;
                boolean(regex.is_match(text))
            }
            ("replaceAll" | "replaceFirst", [Value::Text(pattern), Value::Text(to)]) => {
                let limit = usize::from(&*method.name == "replaceFirst");
                self.replace_matches(text, pattern, to, limit, method)
            }
            ("split", [Value::Text(pattern)]) => self.split(text, pattern, 0, method),
            ("split", [Value::Text(pattern), Value::Integer(limit)]) => {
                self.split(text, pattern, *limit, method)
            }
            ("valueOf" | "copyValueOf", [value]) => self.text_of(value).map(Value::Text),
            ("join", [Value::Text(between), Value::List(items)]) => self.join(between, items),
            ("format", [Value::Text(format), values @ ..]) => self.format(format, values, method),
            _ => Ok(Value::Null),
        }
    }

    fn search(&mut self, text: &Text<'r>, method: &'r Method, arguments: &[Value<'r>]) -> Outcome<Value<'r>> {
        let mut buffer = [0; 4];
        let wanted: &str = match &arguments[0] {
            Value::Text(wanted) => wanted,
            Value::Integer(code) => match u32::try_from(*code).ok().and_then(char::from_u32) {
                Some(character) => character.encode_utf8(&mut buffer),
                None => return Ok(Value::Integer(-1)),
            },
            _ => return Ok(Value::Null),
        };
        let forwards = &*method.name == "indexOf";
        let found = match arguments.get(1) {
            None if forwards => memchr::memmem::find(text.as_bytes(), wanted.as_bytes()),
            None => memchr::memmem::rfind(text.as_bytes(), wanted.as_bytes()),
            Some(Value::Integer(from)) if forwards => {
                let from = byte_of(text, (*from).max(0)).unwrap_or(text.len());
                text[from..].find(wanted).map(|at| from + at)
            }
            Some(Value::Integer(from)) if *from >= 0 => {
                let from = byte_of(text, *from).unwrap_or(text.len());
                let end = text.len().min(from + wanted.len());
                let end = (end..=text.len()).find(|&end| text.is_char_boundary(end)).unwrap_or(text.len());
                text[..end].rfind(wanted)
            }
            Some(Value::Integer(_)) => None,
            Some(_) => return Ok(Value::Null),
        };
        Ok(Value::Integer(found.map_or(-1, |at| units_before(text, at))))
    }

    fn character(&mut self, text: &Text<'r>, index: i32, method: &'r Method) -> Outcome<Value<'r>> {
        let at = byte_of(text, index);
        match at.and_then(|at| text[at..].chars().next()) {
            Some(character) if &*method.name == "charAt" => Ok(Value::Character(character)),
            Some(character) => Ok(Value::Integer(character as i32)),
            None => Err(self.error(Some(method.place), format!("{}: {index} is out of bounds", method.name))),
        }
    }

    fn substring(
        &mut self,
        text: &Text<'r>,
        from: i32,
        rest: &[Value<'r>],
        method: &'r Method,
    ) -> Outcome<Value<'r>> {
        let to = match rest {
            [] if &*method.name == "substring" => Some(text.len()),
            [Value::Integer(to)] => byte_of(text, *to),
            _ => return Ok(Value::Null),
        };
        match (byte_of(text, from), to) {
            (Some(from), Some(to)) if from <= to => {
                self.charge(to - from)?;
                Ok(part(text, from, to))
            }
            _ => Err(self.error(Some(method.place), "substring: the indices are out of bounds")),
        }
    }

    fn replace(&mut self, text: &Text<'r>, from: &str, to: &str) -> Outcome<Value<'r>> {
        if !from.is_empty() && memchr::memmem::find(text.as_bytes(), from.as_bytes()).is_none() {
            return Ok(Value::Text(text.clone()));
        }
        // An upper bound of what it can grow to, so that nothing huge is made before it is noticed.
        let matches = if from.is_empty() { text.len() + 1 } else { text.matches(from).count() };
        self.charge(text.len() + matches.saturating_mul(to.len()))?;
        self.made(text.replace(from, to))
    }

    /// The compiled pattern of a call: compiled with the template if it is constant.
    fn regex(
        &mut self,
        method: &'r Method,
        pattern: &str,
        compile: fn(&str) -> Option<Regex>,
    ) -> Outcome<Cow<'r, Regex>> {
        if let Some(regex) = &method.regex {
            return Ok(Cow::Borrowed(regex));
        }
        self.step(pattern.len() * 100 + 1000)?;
        match compile(pattern) {
            Some(regex) => Ok(Cow::Owned(regex)),
            None => {
                let message = format!("{}: the regular expression {pattern:?} cannot be used", method.name);
                Err(self.error(Some(method.place), message))
            }
        }
    }

    fn replace_matches(
        &mut self,
        text: &Text<'r>,
        pattern: &str,
        to: &str,
        limit: usize,
        method: &'r Method,
    ) -> Outcome<Value<'r>> {
        let regex = self.regex(method, pattern, java_regex::compile)?;
        let mut out = String::new();
        let mut from = 0;
        let limit = if limit == 0 { usize::MAX } else { limit };
        for captures in regex.captures_iter(text).take(limit) {
            let Some(whole) = captures.get(0) else { break };
            out.push_str(&text[from..whole.start()]);
            from = whole.end();
            let before = out.len();
            if java_regex::expand(to, &captures, &mut out).is_none() {
                let message = format!("{}: the replacement {to:?} cannot be used", method.name);
                return Err(self.error(Some(method.place), message));
            }
            self.charge(out.len() - before)?;
        }
        if from == 0 && out.is_empty() && !regex.is_match(text) {
            return Ok(Value::Text(text.clone()));
        }
        out.push_str(&text[from..]);
        self.made(out)
    }

    fn split(
        &mut self,
        text: &Text<'r>,
        pattern: &str,
        limit: i32,
        method: &'r Method,
    ) -> Outcome<Value<'r>> {
        let regex = self.regex(method, pattern, java_regex::compile)?;
        let parts = java_regex::split(&regex, text, limit);
        self.charge(parts.len() * ITEM_BYTES + text.len())?;
        let items = parts.into_iter().map(|inside| trimmed(text, inside)).collect();
        Ok(Value::List(List::new(ListKind::Array, items)))
    }

    fn join(&mut self, between: &str, items: &List<'r>) -> Outcome<Value<'r>> {
        let items = items.with(<[Value<'r>]>::to_vec);
        let text = self.captured(|render| {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    render.out.extend_from_slice(between.as_bytes());
                }
                render.print(item)?;
            }
            render.check_output()
        })?;
        Ok(Value::Text(text))
    }

    /// `String.format` with `%s`, `%d`, `%x`, `%f` and their widths, which is what templates use it for.
    fn format(&mut self, format: &str, values: &[Value<'r>], method: &'r Method) -> Outcome<Value<'r>> {
        let mut out = String::new();
        let mut values = values.iter();
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let flags_end = rest.find(|c: char| !matches!(c, '-' | '0' | ',' | '+')).unwrap_or(rest.len());
            let (flags, after) = rest.split_at(flags_end);
            let width_end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let width: usize = after[..width_end].parse().unwrap_or(0);
            let after = &after[width_end..];
            let (precision, after) = match after.strip_prefix('.') {
                Some(after) => {
                    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                    (after[..end].parse::<usize>().ok(), &after[end..])
                }
                None => (None, after),
            };
            let Some(conversion) = after.chars().next() else {
                return Err(self.error(Some(method.place), "format: the format is malformed"));
            };
            rest = &after[conversion.len_utf8()..];
            let text = match conversion {
                '%' => "%".to_owned(),
                'n' => "\n".to_owned(),
                _ => {
                    let value = values.next().cloned();
                    self.formatted(conversion, precision, value.as_ref(), method)?
                }
            };
            self.charge(width + text.len())?;
            pad(&text, flags, width, &mut out);
        }
        out.push_str(rest);
        self.made(out)
    }

    fn formatted(
        &mut self,
        conversion: char,
        precision: Option<usize>,
        value: Option<&Value<'r>>,
        method: &'r Method,
    ) -> Outcome<String> {
        Ok(match (conversion, value) {
            ('s', Some(value)) => {
                let text = self.text_of(value)?;
                match precision {
                    Some(precision) => text.chars().take(precision).collect(),
                    None => text.to_string(),
                }
            }
            ('d', Some(Value::Integer(number))) => number.to_string(),
            ('d', Some(Value::Long(number))) => number.to_string(),
            ('x', Some(Value::Integer(number))) => format!("{number:x}"),
            ('x', Some(Value::Long(number))) => format!("{number:x}"),
            ('X', Some(Value::Integer(number))) => format!("{number:X}"),
            ('f', Some(Value::Double(number))) => format!("{number:.*}", precision.unwrap_or(6).min(100)),
            ('b', Some(Value::Boolean(truth))) => truth.to_string(),
            _ => {
                let message = format!("format: %{conversion} cannot be used for this value");
                return Err(self.error(Some(method.place), message));
            }
        })
    }
}

fn pad(text: &str, flags: &str, width: usize, out: &mut String) {
    let length = text.encode_utf16().count();
    let missing = width.saturating_sub(length);
    if flags.contains('-') {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if flags.contains('0') {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text),
        };
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(text);
    }
}

/// Java's `compareTo`: the difference of the first units that differ, or of the lengths.
fn compare(a: &str, b: &str) -> i32 {
    let (mut left, mut right) = (a.encode_utf16(), b.encode_utf16());
    loop {
        match (left.next(), right.next()) {
            (Some(a), Some(b)) if a == b => {}
            (Some(a), Some(b)) => return i32::from(a) - i32::from(b),
            (None, None) => return 0,
            (Some(_), None) => return 1 + left.count() as i32,
            (None, Some(_)) => return -1 - right.count() as i32,
        }
    }
}

fn equal_ignoring_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    let fold = |text: &str| {
        text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect::<String>()
    };
    a.chars().count() == b.chars().count() && fold(a) == fold(b)
}
