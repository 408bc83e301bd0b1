//! Bodies between text and bytes: content handling (tables.md §1), base64, content codings (§14).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::error::GatewayError;
use crate::limits::DECODED_BYTES_MAX;
use crate::model::ContentHandling;

/// Why a body cannot be converted: its base64 is wrong. AWS: 500 (tables.md §1.2).
const CANNOT_CONVERT: GatewayError = GatewayError::ApiConfigurationError;

/// The body that an integration is sent: `binary` says whether its type is in the API's list (tables.md §1.1, §1.3).
pub(super) fn to_integration(
    body: Vec<u8>,
    binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Vec<u8>, GatewayError> {
    match (binary, handling) {
        (true, None | Some(ContentHandling::ConvertToBinary)) => Ok(body),
        (true, Some(ContentHandling::ConvertToText)) => Ok(encode_base64(&body)),
        (false, None | Some(ContentHandling::ConvertToText)) => Ok(to_text(body)),
        (false, Some(ContentHandling::ConvertToBinary)) => decode_base64(&body).ok_or(CANNOT_CONVERT),
    }
}

/// The body that a client is sent: `accepts_binary` is about its first `Accept` type, `binary` about the type of the integration's answer
/// (tables.md §1.2, §1.4).
pub(super) fn to_client(
    body: Vec<u8>,
    accepts_binary: bool,
    binary: bool,
    handling: Option<ContentHandling>,
) -> Result<Vec<u8>, GatewayError> {
    match (binary, accepts_binary, handling) {
        (true, true, None) | (true, _, Some(ContentHandling::ConvertToBinary)) => Ok(body),
        (true, false, None) | (true, _, Some(ContentHandling::ConvertToText)) => Ok(encode_base64(&body)),
        (false, true, None) | (false, _, Some(ContentHandling::ConvertToBinary)) => {
            decode_base64(&body).ok_or(CANNOT_CONVERT)
        }
        (false, false, None) | (false, _, Some(ContentHandling::ConvertToText)) => Ok(to_text(body)),
    }
}

/// UTF-8: each byte that is part of none becomes U+FFFD (tables.md §1.3).
fn to_text(body: Vec<u8>) -> Vec<u8> {
    let mut rest = match std::str::from_utf8(&body) {
        Ok(_) => return body,
        Err(_) => body.as_slice(),
    };
    let mut out = Vec::with_capacity(body.len() * 2);
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, broken) = rest.split_at(error.valid_up_to());
        out.extend_from_slice(valid);
        let length = error.error_len().unwrap_or(broken.len());
        (0..length).for_each(|_| out.extend_from_slice("\u{fffd}".as_bytes()));
        rest = &broken[length..];
    }
    out.extend_from_slice(rest);
    out
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 §4, padded.
pub(super) fn encode_base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= group.len() { digit } else { b'=' });
        }
    }
    out
}

/// RFC 4648 §4, strictly: padded, no line ends, nothing else.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for (index, group) in text.chunks_exact(4).enumerate() {
        let padding = if (index + 1) * 4 == text.len() { padding } else { 0 };
        let mut bits = 0u32;
        for (at, byte) in group.iter().enumerate() {
            let digit = if at >= 4 - padding { 0 } else { digit(*byte)? };
            bits = bits << 6 | digit;
        }
        let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        out.extend_from_slice(&bytes[..3 - padding]);
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// A content coding that AWS knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Identity,
}

impl Coding {
    pub(super) fn of(name: &[u8]) -> Option<Coding> {
        [(&b"gzip"[..], Coding::Gzip), (b"deflate", Coding::Deflate), (b"identity", Coding::Identity)]
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, coding)| coding)
    }

    pub(super) fn name(self) -> &'static [u8] {
        match self {
            Coding::Gzip => b"gzip",
            Coding::Deflate => b"deflate",
            Coding::Identity => b"identity",
        }
    }
}

/// Undoes the coding of a request body. A body that is not in it: 415; one that grows beyond the payload limit: 413 (tables.md §14.2).
pub(super) fn decompress(body: Vec<u8>, coding: Coding) -> Result<Vec<u8>, GatewayError> {
    let mut out = Vec::new();
    let limit = DECODED_BYTES_MAX as u64 + 1;
    let read = match coding {
        Coding::Identity => return Ok(body),
        Coding::Gzip => GzDecoder::new(&*body).take(limit).read_to_end(&mut out),
        Coding::Deflate => ZlibDecoder::new(&*body).take(limit).read_to_end(&mut out),
    };
    match read {
        Err(_) => Err(GatewayError::UnsupportedMediaType),
        Ok(_) if out.len() > DECODED_BYTES_MAX => Err(GatewayError::RequestTooLarge),
        Ok(_) => Ok(out),
    }
}

/// The body in this coding.
pub(super) fn compress(body: &[u8], coding: Coding) -> Vec<u8> {
    let out = Vec::with_capacity(body.len() / 2 + 64);
    // Writing to memory does not fail.
    match coding {
        Coding::Identity => body.to_vec(),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(out, Compression::fast());
            let _ = encoder.write_all(body);
            encoder.finish().unwrap_or_default()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(out, Compression::fast());
            let _ = encoder.write_all(body);
            encoder.finish().unwrap_or_default()
        }
    }
}

/// The coding that the client prefers, from `Accept-Encoding`: that of the highest quality, if it is one to compress with; `*` is none
/// (tables.md §14.1).
pub(super) fn preferred_coding(accept_encoding: &[u8]) -> Option<Coding> {
    let mut best: Option<(&[u8], u32)> = None;
    for item in accept_encoding.split(|byte| *byte == b',') {
        let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix(b"q=")).map_or(1000, quality);
        if quality > 0 && !name.is_empty() && best.is_none_or(|(_, other)| quality > other) {
            best = Some((name, quality));
        }
    }
    Coding::of(best?.0).filter(|coding| *coding != Coding::Identity)
}

/// Thousandths; what is no number is 0.
fn quality(text: &[u8]) -> u32 {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f32>().ok());
    number.map_or(0, |number| (number.clamp(0.0, 1.0) * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_both_ways_and_strictly() {
        for text in ["", "a", "ab", "abc", "abcd", "\u{0}\u{ff}"] {
            let encoded = encode_base64(text.as_bytes());
            assert_eq!(decode_base64(&encoded).unwrap(), text.as_bytes());
        }
        assert_eq!(encode_base64(b"any carnal pleas"), b"YW55IGNhcm5hbCBwbGVhcw==");
        for bad in ["a", "abc", "ab c", "abcd\n", "a===", "=abc", "ab=c", "YW55IGNhcm5hbA==YW55"] {
            assert!(decode_base64(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_one_by_one() {
        assert_eq!(
            to_text(b"a\xff\xfe\xd3\xb5b\xe2\x82".to_vec()),
            "a\u{fffd}\u{fffd}ӵb\u{fffd}\u{fffd}".as_bytes()
        );
        assert_eq!(to_text(b"plain".to_vec()), b"plain");
    }

    #[test]
    fn codings_both_ways() {
        let body = b"hello ".repeat(100);
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Identity] {
            assert_eq!(decompress(compress(&body, coding), coding).unwrap(), body);
        }
        assert_eq!(decompress(b"no gzip".to_vec(), Coding::Gzip), Err(GatewayError::UnsupportedMediaType));
        let bomb = compress(&vec![0; DECODED_BYTES_MAX + 1], Coding::Gzip);
        assert_eq!(decompress(bomb, Coding::Gzip), Err(GatewayError::RequestTooLarge));
    }

    #[test]
    fn the_highest_quality_decides() {
        for (header, expected) in [
            ("deflate,gzip", Some(Coding::Deflate)),
            ("deflate;q=0.5,gzip;q=1.0", Some(Coding::Gzip)),
            ("gzip;q=1.0,identity;q=0.5,*;q=0", Some(Coding::Gzip)),
            ("identity, gzip;q=0.5", None),
            ("br, gzip;q=0.9", None),
            ("*", None),
            ("", None),
            ("gzip;q=0", None),
        ] {
            assert_eq!(preferred_coding(header.as_bytes()), expected, "{header}");
        }
    }
}
