//! Messages with places to fill in: `{{uuid}}`, `{{seq}}`, `{{int:A..B}}`, `{{hex:N}}`, `{{text:N}}`, `{{choice:a|b}}`.

use super::issue::quoted;
use super::{Field, Part, Template};
use crate::random::SmallRandom;

/// Widest field, in bytes.
const WIDTH_MAX: usize = 1024 * 1024;
/// Most fields in one text.
const FIELDS_MAX: usize = 1_000;
/// Longest text between `{{` and `}}`.
const SPECIFICATION_BYTES_MAX: usize = 4_096;
/// Decimal digits of `{{seq}}`.
const SEQUENCE_DIGITS: usize = 16;

const HEX: &[u8; 16] = b"0123456789abcdef";
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Letters drawn from one random number: 62¹⁰ < 2⁶⁴.
const LETTERS_AT_ONCE: usize = 10;

/// Which part of a message a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    Path,
    HeaderValue,
    Body,
}

/// The parts of a text with fields, or what is wrong with it.
pub(super) fn parse(text: &[u8], spot: Spot) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = find(rest, b"{{") {
        let (before, after) = rest.split_at(start);
        push_fixed(&mut parts, before);
        let inner = &after[2..after.len().min(2 + SPECIFICATION_BYTES_MAX)];
        let place = text.len() - after.len();
        let end = find(inner, b"}}").ok_or_else(|| format!("`{{{{` at byte {place} has no `}}}}`"))?;
        let field = field(&String::from_utf8_lossy(&inner[..end]), spot)?;
        parts.push(Part::Field(field));
        if parts.len() > 2 * FIELDS_MAX {
            return Err(format!("more than {FIELDS_MAX} fields"));
        }
        rest = &after[2 + end + 2..];
    }
    push_fixed(&mut parts, rest);
    check_bytes(&parts, spot)?;
    Ok(parts)
}

/// The same text without any field.
pub(super) fn verbatim(text: &[u8], spot: Spot) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    push_fixed(&mut parts, text);
    check_bytes(&parts, spot)?;
    Ok(parts)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Appends bytes, joined with the fixed bytes before them.
pub(super) fn push_fixed(parts: &mut Vec<Part>, bytes: &[u8]) {
    match parts.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Part::Fixed(last)) => last.extend_from_slice(bytes),
        _ => parts.push(Part::Fixed(bytes.to_vec())),
    }
}

/// Appends parts, fixed bytes joined.
pub(super) fn push_parts(parts: &mut Vec<Part>, more: &[Part]) {
    for part in more {
        match part {
            Part::Fixed(bytes) => push_fixed(parts, bytes),
            Part::Field(_) => parts.push(part.clone()),
        }
    }
}

fn field(text: &str, spot: Spot) -> Result<Field, String> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument)),
        None => (text.trim(), None),
    };
    let shown = quoted(&format!("{{{{{text}}}}}"));
    match (name, argument) {
        ("uuid", None) => Ok(Field::Uuid),
        ("seq", None) => Ok(Field::Sequence),
        ("int", Some(range)) => integer(range).ok_or_else(|| {
            format!("{shown}: write two numbers A < B like `{{{{int:1..1000}}}}`; B itself is never sent")
        }),
        ("hex" | "text", Some(width)) => match width.trim().parse() {
            Ok(width @ 1..=WIDTH_MAX) if name == "hex" => Ok(Field::Hex(width)),
            Ok(width @ 1..=WIDTH_MAX) => Ok(Field::Text(width)),
            _ => Err(format!(
                "{shown}: write a number of characters, 1 to {WIDTH_MAX}, like `{{{{{name}:8}}}}`"
            )),
        },
        ("choice", Some(options)) => choice(options, spot, &shown),
        _ => Err(format!(
            "{shown} is no field; there are `{{{{uuid}}}}`, `{{{{seq}}}}`, `{{{{int:A..B}}}}`, `{{{{hex:N}}}}`, `{{{{text:N}}}}` and \
             `{{{{choice:a|b}}}}` (`template = false` sends braces as they are)"
        )),
    }
}

fn integer(range: &str) -> Option<Field> {
    let (from, to) = range.split_once("..")?;
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from < to).then_some(Field::Integer { from, to })
}

fn choice(options: &str, spot: Spot, shown: &str) -> Result<Field, String> {
    let options: Vec<String> = options.split('|').map(str::to_owned).collect();
    if options.len() < 2 {
        return Err(format!("{shown}: write two or more choices with `|` between them"));
    }
    if spot == Spot::Body && options.iter().any(|option| option.len() != options[0].len()) {
        return Err(format!(
            "{shown}: in a body all choices must have the same length, so that Content-Length is true"
        ));
    }
    Ok(Field::Choice(options))
}

/// Refuses bytes that would end the line they stand in, or that the place does not allow.
fn check_bytes(parts: &[Part], spot: Spot) -> Result<(), String> {
    let check = |bytes: &[u8]| match spot {
        Spot::Path => check_path(bytes),
        Spot::HeaderValue => check_header_value(bytes),
        Spot::Body => Ok(()),
    };
    parts.iter().try_for_each(|part| match part {
        Part::Fixed(bytes) => check(bytes),
        Part::Field(Field::Choice(options)) => options.iter().try_for_each(|option| check(option.as_bytes())),
        Part::Field(_) => Ok(()),
    })
}

/// A request target is visible ASCII (RFC 9112 §3.2, RFC 3986 §3.3); the fragment never leaves a client.
fn check_path(bytes: &[u8]) -> Result<(), String> {
    match bytes.iter().find(|byte| !matches!(byte, 0x21..=0x7e) || **byte == b'#') {
        None => Ok(()),
        Some(b'#') => {
            Err("a path has no `#`: a fragment is never sent; write `%23` for the character".to_owned())
        }
        Some(byte) => {
            let name = if *byte == b' ' { "a space".to_owned() } else { format!("the byte {byte:#04x}") };
            Err(format!("a path cannot have {name}; write it percent-encoded, `%{byte:02X}`"))
        }
    }
}

/// RFC 9110 §5.5: no control characters but the tab. CR and LF would make a second header.
fn check_header_value(bytes: &[u8]) -> Result<(), String> {
    match bytes.iter().find(|byte| matches!(byte, 0..=8 | 0x0a..=0x1f | 0x7f)) {
        None => Ok(()),
        Some(byte) => Err(format!("a header value cannot have the byte {byte:#04x}")),
    }
}

impl Template {
    /// Appends one message. `sequence` is a number that no other request of the run has. Allocates nothing when `out` has room for
    /// [`Template::length_max`] bytes.
    #[inline]
    pub fn render(&self, random: &mut SmallRandom, sequence: u64, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Fixed(bytes) => out.extend_from_slice(bytes),
                Part::Field(field) => field.render(random, sequence, out),
            }
        }
    }

    /// The whole message where it is the same each time.
    #[inline]
    pub fn fixed(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part::Fixed(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Length of the longest message, in bytes.
    pub fn length_max(&self) -> usize {
        length_max(&self.parts)
    }
}

/// Length of the longest text that parts can make.
pub(super) fn length_max(parts: &[Part]) -> usize {
    let length = |part: &Part| match part {
        Part::Fixed(bytes) => bytes.len(),
        Part::Field(field) => field.width_max(),
    };
    parts.iter().map(length).sum()
}

impl Field {
    fn width_max(&self) -> usize {
        match self {
            Field::Uuid => 36,
            Field::Sequence => SEQUENCE_DIGITS,
            Field::Integer { to, .. } => digits(to - 1),
            Field::Hex(width) | Field::Text(width) => *width,
            Field::Choice(options) => options.iter().map(String::len).max().unwrap_or(0),
        }
    }

    fn render(&self, random: &mut SmallRandom, sequence: u64, out: &mut Vec<u8>) {
        match self {
            Field::Uuid => uuid(random, out),
            Field::Sequence => decimal(sequence, SEQUENCE_DIGITS, out),
            Field::Integer { from, to } => decimal(from + random.below(to - from), digits(to - 1), out),
            Field::Hex(width) => hex(random, *width, out),
            Field::Text(width) => letters(random, *width, out),
            Field::Choice(options) => {
                out.extend_from_slice(options[random.below(options.len() as u64) as usize].as_bytes());
            }
        }
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// The last `width` decimal digits, with leading zeros.
fn decimal(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let place = &mut buffer[..width.min(20)];
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(place);
}

fn hex_digits(number: u64) -> [u8; 16] {
    std::array::from_fn(|index| HEX[(number >> (4 * index)) as usize & 15])
}

fn hex(random: &mut SmallRandom, width: usize, out: &mut Vec<u8>) {
    let end = out.len() + width;
    while out.len() < end {
        let digits = hex_digits(random.next_u64());
        out.extend_from_slice(&digits[..digits.len().min(end - out.len())]);
    }
}

fn letters(random: &mut SmallRandom, width: usize, out: &mut Vec<u8>) {
    let end = out.len() + width;
    while out.len() < end {
        let mut bits = random.next_u64();
        let letters: [u8; LETTERS_AT_ONCE] = std::array::from_fn(|_| {
            let product = u128::from(bits) * LETTERS.len() as u128;
            bits = product as u64;
            LETTERS[(product >> 64) as usize]
        });
        out.extend_from_slice(&letters[..letters.len().min(end - out.len())]);
    }
}

/// Version 4, variant 10 (RFC 9562 §5.4).
fn uuid(random: &mut SmallRandom, out: &mut Vec<u8>) {
    let (a, b) = (hex_digits(random.next_u64()), hex_digits(random.next_u64()));
    let variant = HEX[8 + (usize::from(b[0]) & 3)];
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&a[..8]);
    text[9..13].copy_from_slice(&a[8..12]);
    text[14] = b'4';
    text[15..18].copy_from_slice(&a[13..16]);
    text[19] = variant;
    text[20..23].copy_from_slice(&b[1..4]);
    text[24..].copy_from_slice(&b[4..]);
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, seed: u64) -> String {
        let template = Template { parts: parse(text.as_bytes(), Spot::Body).unwrap() };
        let mut out = Vec::with_capacity(template.length_max());
        let room = out.capacity();
        template.render(&mut SmallRandom::new(seed), seed, &mut out);
        assert_eq!((out.len(), out.capacity()), (template.length_max(), room), "{text}");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_have_their_shape() {
        for seed in 0..200 {
            let uuid = rendered("{{uuid}}", seed);
            let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{uuid}");
            assert!(uuid[14..].starts_with('4') && "89ab".contains(&uuid[19..20]), "{uuid}");
            assert!(uuid.bytes().all(|byte| byte == b'-' || HEX.contains(&byte)), "{uuid}");

            let number = rendered("{{ int : 5 .. 107 }}", seed);
            assert_eq!(number.len(), 3);
            assert!((5..107).contains(&number.parse::<u32>().unwrap()), "{number}");

            assert!(rendered("{{hex:33}}", seed).bytes().all(|byte| HEX.contains(&byte)));
            assert!(rendered("{{text:25}}", seed).bytes().all(|byte| LETTERS.contains(&byte)));
            assert!(["ab", " c"].contains(&rendered("{{choice:ab| c}}", seed).as_str()));
            assert_eq!(rendered("<{{seq}}>", seed), format!("<{seed:016}>"));
        }
        assert_eq!(rendered("{{int:0..1}}", 1), "0");
        assert_eq!(rendered("{{int:18446744073709551614..18446744073709551615}}", 1), "18446744073709551614");
    }

    #[test]
    fn every_value_comes_up_and_repeats_by_seed() {
        let seen: std::collections::BTreeSet<String> =
            (0..500).map(|seed| rendered("{{int:8..12}}{{choice:a|b}}", seed)).collect();
        assert_eq!(seen.len(), 8, "{seen:?}");
        assert_eq!(rendered("{{uuid}}{{text:9}}", 5), rendered("{{uuid}}{{text:9}}", 5));
        assert_ne!(rendered("{{uuid}}", 5), rendered("{{uuid}}", 6));
    }

    #[test]
    fn single_braces_are_text() {
        assert_eq!(rendered("{\"a\":{\"b\":{}}}", 1), "{\"a\":{\"b\":{}}}");
        assert_eq!(verbatim(b"{{nothing}}", Spot::Body).unwrap(), [Part::Fixed(b"{{nothing}}".to_vec())]);
    }

    #[test]
    fn refusals_say_what_to_write() {
        let message = |text: &str| parse(text.as_bytes(), Spot::Body).unwrap_err();
        assert_eq!(
            message("a{{now}}"),
            "`{{now}}` is no field; there are `{{uuid}}`, `{{seq}}`, `{{int:A..B}}`, `{{hex:N}}`, `{{text:N}}` and \
             `{{choice:a|b}}` (`template = false` sends braces as they are)"
        );
        assert_eq!(message("ab{{uuid"), "`{{` at byte 2 has no `}}`");
        let range = "write two numbers A < B like `{{int:1..1000}}`; B itself is never sent";
        for text in ["{{int:5..5}}", "{{int:5}}", "{{int:a..b}}", "{{int:-1..5}}"] {
            assert_eq!(message(text), format!("`{text}`: {range}"));
        }
        for text in ["{{hex:0}}", "{{hex:}}", "{{hex:1048577}}"] {
            let rest = "write a number of characters, 1 to 1048576, like `{{hex:8}}`";
            assert_eq!(message(text), format!("`{text}`: {rest}"));
        }
        assert_eq!(
            message("{{choice:a|bc}}"),
            "`{{choice:a|bc}}`: in a body all choices must have the same length, so that Content-Length is true"
        );
        assert!(parse(b"{{choice:a|bc}}", Spot::Path).is_ok());
        assert_eq!(
            message("{{choice:a}}"),
            "`{{choice:a}}`: write two or more choices with `|` between them"
        );
        assert_eq!(message(&"{{seq}} ".repeat(1_001)), "more than 1000 fields");
        assert!(message("{{uuid:4}}").contains("is no field") && message("{{hex}}").contains("is no field"));
    }

    #[test]
    fn random_text_never_panics_and_never_leaves_its_line() {
        let pieces: [&[u8]; 16] = [
            b"{{", b"}}", b"uuid", b"int:", b"..", b"9", b"hex:", b"choice:", b"|", b"\r\n", b"\0", b" ",
            b"a", b"\xff", b"{", b":",
        ];
        let mut random = SmallRandom::new(11);
        for _ in 0..20_000 {
            let count = random.below(12);
            let text: Vec<u8> = (0..count).flat_map(|_| pieces[random.below(16) as usize].to_vec()).collect();
            for spot in [Spot::Path, Spot::HeaderValue, Spot::Body] {
                let Ok(parts) = parse(&text, spot) else { continue };
                let template = Template { parts };
                let mut out = Vec::new();
                template.render(&mut random, 1, &mut out);
                assert!(out.len() <= template.length_max());
                assert!(
                    spot == Spot::Body || !out.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
                    "{out:?}"
                );
            }
        }
    }
}
