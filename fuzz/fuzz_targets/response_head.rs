//! No response head panics the parser, the split makes no difference, and a reused connection never follows an unknown length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_core::http1::{BodyLength, HeadLimits, Method, Parsed, ResponseHead, Scan, parse_response};
use ringway_fuzz::{ends, response};

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (to_head, seed, bytes) = input;
    let to_method = if to_head { Method::Head } else { Method::Get };
    assert_eq!(response(bytes, &ends(seed, bytes.len()), to_method), response(bytes, &[], to_method));
    let (mut scan, mut head) = (Scan::default(), ResponseHead::default());
    if parse_response(bytes, &mut scan, &HeadLimits::default(), to_method, &mut head) == Ok(Parsed::Complete)
    {
        assert!((100..=599).contains(&head.status));
        assert!(!(head.keep_alive && head.body == BodyLength::UntilClose));
        assert!(!(to_head && head.body != BodyLength::None));
    }
});
