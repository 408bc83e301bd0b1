//! Percent-encoding of mapped values.

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

#[cfg(test)]
mod tests {
    #[test]
    fn only_unreserved_characters_stay() {
        let mut out = Vec::new();
        super::encode(b"a b/\r\n\xc3\xa4~", &mut out);
        assert_eq!(out, b"a%20b%2F%0D%0A%C3%A4~");
    }
}
