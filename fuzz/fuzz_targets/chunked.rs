//! The chunked decoder reads what the encoder writes, and any bytes the same way whole and in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_core::http1::{BodyDecoder, BodyLength, encode};
use ringway_fuzz::{Outcome, body, ends};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (size, seed, bytes) = input;
    let decode = |bytes: &[u8], ends: &[usize]| {
        let ends = ends.iter().copied().chain([bytes.len()]);
        body(bytes, 0, 0, ends, BodyDecoder::with_limit(BodyLength::Chunked, 1 << 32), String::new())
    };
    assert_eq!(decode(bytes, &ends(seed, bytes.len())), decode(bytes, &[]));

    let mut encoded = Vec::new();
    for chunk in bytes.chunks(usize::from(size) + 1) {
        encode::chunk_head(chunk.len(), &mut encoded);
        encoded.extend_from_slice(chunk);
        encoded.extend_from_slice(encode::CHUNK_END);
    }
    encoded.extend_from_slice(encode::LAST_CHUNK);
    let used = encoded.len();
    encoded.extend_from_slice(b"GET");
    let decoded = decode(&encoded, &ends(seed, encoded.len()));
    assert_eq!(decoded, Outcome::Good(String::new(), bytes.to_vec(), true, used));
});
