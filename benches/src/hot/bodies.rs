//! The chunked coding, read and written.

use std::hint::black_box;

use ringway_core::http1::{BodyDecoder, BodyLength, encode};

use super::{Prepared, Row};

pub(super) const FUNCTIONS: &[Row] = &[("chunked/decode", 1024, decode), ("chunked/encode", 1024, write)];

/// Sizes of the chunks of a body: small ones as frameworks write them, and one that is not.
const CHUNKS: [usize; 8] = [5, 128, 64, 1000, 17, 256, 4096, 33];

fn body() -> Vec<u8> {
    crate::http::body(CHUNKS.iter().sum())
}

fn encode_chunks(mut body: &[u8], out: &mut Vec<u8>) {
    for size in CHUNKS {
        let (chunk, rest) = body.split_at(size);
        encode::chunk_head(chunk.len(), out);
        out.extend_from_slice(chunk);
        out.extend_from_slice(encode::CHUNK_END);
        body = rest;
    }
    out.extend_from_slice(encode::LAST_CHUNK);
}

fn decode() -> Prepared {
    let mut bytes = Vec::new();
    encode_chunks(&body(), &mut bytes);
    Prepared::new(CHUNKS.iter().sum(), move || {
        let mut decoder = BodyDecoder::with_limit(BodyLength::Chunked, 1 << 20);
        let (mut at, mut payload) = (0, 0);
        while !decoder.is_done() {
            let piece = decoder.decode(black_box(&bytes[at..])).expect("a well-formed body");
            payload += piece.data.len();
            at += piece.consumed;
        }
        payload
    })
}

fn write() -> Prepared {
    let body = body();
    let mut out = Vec::with_capacity(16 * 1024);
    encode_chunks(&body, &mut out);
    Prepared::new(out.len(), move || {
        out.clear();
        encode_chunks(black_box(&body), &mut out);
        out.len()
    })
}
