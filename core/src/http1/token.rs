//! Character classes and the one way to read a comma-separated list.

static TCHAR: [bool; 256] = letters_digits_and(b"!#$%&'*+-.^_`|~");
static HOST: [bool; 256] = letters_digits_and(b"-._~");

const fn letters_digits_and(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
}

/// A character of a token: a method, a field name, an option (RFC 9110 §5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    TCHAR[usize::from(byte)]
}

/// Whether `bytes` is a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// A character of a host name: an unreserved one (RFC 3986 §2.3).
pub(super) fn is_host_char(byte: u8) -> bool {
    HOST[usize::from(byte)]
}

/// A character of a field value, a reason phrase or a chunk extension: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5).
pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// A character of a request target: visible ASCII but no fragment (RFC 9112 §3.2). Characters that a URI must encode and that
/// clients send raw all the same (`|`, `{`, `^` ...) are left to routing.
pub(super) fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

/// The elements of a list without the white space around them; empty ones included (RFC 9110 §5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tchar_is_the_set_of_the_rfc() {
        let expected: Vec<u8> = (0..=255)
            .filter(|&b: &u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&b))
            .collect();
        let found: Vec<u8> = (0..=255).filter(|&b| is_tchar(b)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn elements_are_trimmed_and_empty_ones_kept() {
        let found: Vec<&[u8]> = elements(b" a ,\tb c\t,,d").collect();
        assert_eq!(found, [&b"a"[..], b"b c", b"", b"d"]);
        assert_eq!(elements(b"").collect::<Vec<_>>(), [b""]);
    }
}
