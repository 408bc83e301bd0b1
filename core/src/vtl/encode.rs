//! What `$util` encodes and decodes, as Java's libraries do.

/// commons-lang's `escapeJavaScript`: quotes, backslashes and slashes get a backslash, everything beyond ASCII becomes `\uXXXX`.
pub(super) fn escape_java_script(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
        out.extend_from_slice(&rest.as_bytes()[..plain]);
        rest = &rest[plain..];
        let Some(character) = rest.chars().next() else { return };
        rest = &rest[character.len_utf8()..];
        escape_character(character, out);
    }
}

fn is_plain(byte: u8) -> bool {
    (b' '..=0x7f).contains(&byte) && !matches!(byte, b'\'' | b'"' | b'\\' | b'/')
}

fn escape_character(character: char, out: &mut Vec<u8>) {
    match character {
        '\'' | '"' | '\\' | '/' => out.extend_from_slice(&[b'\\', character as u8]),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\r' => out.extend_from_slice(b"\\r"),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(HEX[usize::from(*unit >> shift & 15)]);
                }
            }
        }
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// `URLEncoder.encode`: a form's encoding, with `+` for a blank.
pub(super) fn url_encode(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

/// `URLDecoder.decode`. `None` where it throws.
pub(super) fn url_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2)?;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                // Java reads a number here, which may have a plus.
                let value = match digits[0] {
                    b'+' => digit(digits[1])?,
                    high => digit(high)? * 16 + digit(digits[1])?,
                };
                bytes.push(value as u8);
                rest = &rest[2..];
            }
            byte => bytes.push(byte),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub(super) fn base64_encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            out.push(match at <= chunk.len() {
                true => BASE64[(group >> (18 - 6 * at) & 63) as usize],
                false => b'=',
            });
        }
    }
}

/// Java's basic decoder: no other characters, padding complete or absent. `None` where it throws.
pub(super) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits = match text {
        [digits @ .., b'=', b'='] if text.len().is_multiple_of(4) => digits,
        [digits @ .., b'='] if text.len().is_multiple_of(4) => digits,
        digits => digits,
    };
    if digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut group = 0;
        for &digit in chunk {
            group = group << 6 | BASE64.iter().position(|&known| known == digit)? as u32;
        }
        group <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encode: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn base64_is_read_as_it_is_written() {
        for (plain, text) in [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("héllo", "aMOpbGxv")]
        {
            assert_eq!(encoded(|out| base64_encode(plain.as_bytes(), out)), text);
            assert_eq!(base64_decode(text.as_bytes()).unwrap(), plain.as_bytes());
            assert_eq!(base64_decode(text.trim_end_matches('=').as_bytes()).unwrap(), plain.as_bytes());
        }
        for bad in ["Y", "YQ=", "Y=Q=", "YW J", "=", "===="] {
            assert!(base64_decode(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn urls_and_scripts() {
        assert_eq!(encoded(|out| url_encode("a b&c=ü*", out)), "a+b%26c%3D%C3%BC*");
        assert_eq!(url_decode("a+b%26%C3%BC").unwrap(), "a b&ü");
        for bad in ["%", "%4", "%zz", "a%-1"] {
            assert!(url_decode(bad).is_none(), "{bad}");
        }
        assert_eq!(
            encoded(|out| escape_java_script("a'\"/\\é\u{1}😀", out)),
            r#"a\'\"\/\\\u00E9\u0001\uD83D\uDE00"#
        );
    }
}
