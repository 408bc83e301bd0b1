//! A request and its body come to the same result whole and in any pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_fuzz::{ends, request};

fuzz_target!(|input: (u8, &[u8])| {
    let (seed, bytes) = input;
    let whole = request(bytes, &[]);
    assert_eq!(request(bytes, &ends(seed, bytes.len())), whole);
    assert_eq!(request(bytes, &ends(255, bytes.len())), whole);
});
