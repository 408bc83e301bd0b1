//! Percent-encoding of mapped values.

use std::borrow::Cow;

/// Appends `bytes` with everything but unreserved characters (RFC 3986 §2.3) percent-encoded.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            _ => out.extend_from_slice(&[b'%', DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]),
        }
    }
}

/// Undoes percent-encoding; in a query a `+` is a space. What is no UTF-8 then becomes U+FFFD, and a `%` without digits is itself.
pub fn decode(bytes: &[u8], in_query: bool) -> Cow<'_, str> {
    if !bytes.iter().any(|byte| *byte == b'%' || (in_query && *byte == b'+')) {
        return String::from_utf8_lossy(bytes);
    }
    let digit = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 2;
            }
            (b'+', ..) if in_query => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_unreserved_characters_stay() {
        let mut out = Vec::new();
        super::encode(b"a b/\r\n\xc3\xa4~", &mut out);
        assert_eq!(out, b"a%20b%2F%0D%0A%C3%A4~");
    }

    #[test]
    fn decoding() {
        assert_eq!(super::decode(b"a%20b+c%zz%", false), "a b+c%zz%");
        assert_eq!(super::decode(b"a+b%2B", true), "a b+");
        assert_eq!(super::decode(b"%ff", false), "\u{fffd}");
    }
}
