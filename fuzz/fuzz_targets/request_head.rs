//! No request head panics the parser, and what it accepts keeps the promises of [`RequestHead`].
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_core::http1::{BodyLength, HeadLimits, HeaderId, Parsed, RequestHead, Scan, parse_request};
use ringway_core::limits::{HEADER_BYTES_MAX, REQUEST_LINE_BYTES_MAX};

fuzz_target!(|bytes: &[u8]| {
    let (mut scan, mut head) = (Scan::default(), RequestHead::default());
    let parsed = parse_request(bytes, &mut scan, &HeadLimits::default(), &mut head);
    if parsed == Ok(Parsed::Partial) {
        assert!(
            bytes.len() < REQUEST_LINE_BYTES_MAX + HEADER_BYTES_MAX + 8,
            "a partial head above the limits"
        );
    }
    if parsed != Ok(Parsed::Complete) {
        return;
    }
    let text = &bytes[..head.len];
    let count = |id| head.headers.iter().filter(|header| header.id == id).count();
    assert!(matches!(head.path.of(text)[0], b'/' | b'*'));
    assert!(head.target.of(text).iter().all(|byte| byte.is_ascii_graphic()));
    assert!(count(HeaderId::Host) <= 1 && count(HeaderId::ContentLength) <= 1);
    match head.body {
        BodyLength::None => assert_eq!(count(HeaderId::ContentLength) + count(HeaderId::TransferEncoding), 0),
        BodyLength::Length(_) => assert_eq!(count(HeaderId::TransferEncoding), 0),
        BodyLength::Chunked => assert_eq!(count(HeaderId::ContentLength), 0),
        BodyLength::UntilClose => panic!("a request until close"),
    }
    // The head alone means the same as with what follows.
    let mut alone = RequestHead::default();
    assert_eq!(
        parse_request(text, &mut Scan::default(), &HeadLimits::default(), &mut alone),
        Ok(Parsed::Complete)
    );
    assert_eq!(format!("{alone:?}"), format!("{head:?}"));
});
