//! Tests of the reader of answers and of the memo.

use super::*;
use crate::check::{BodyCheck, Check};
use crate::worker::tests::request;

fn expecting(body: &[u8]) -> Request {
    let check = Check { body: Some(BodyCheck::Exact(body.to_vec())), ..Check::default() };
    Request { check, ..request("a") }
}

/// Reads one answer from bytes that come in pieces of `size`; returns how many were used.
fn read<'p>(
    reader: &mut Reader<'p>,
    request: &'p Request,
    bytes: &[u8],
    size: usize,
) -> Result<(Answer, usize), Broken> {
    let (mut begin, mut end) = (0, 0);
    loop {
        end = bytes.len().min(end + size);
        let (used, step) = reader.read(&bytes[begin..end], request)?;
        begin += used;
        match step {
            Step::Done(answer) => return Ok((answer, begin)),
            Step::More(_) if end < bytes.len() => {}
            Step::More(_) => return reader.end_of_stream().map(|answer| (answer, begin)),
        }
    }
}

const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] =
    b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n";
const UNTIL_CLOSE: &[u8] = b"HTTP/1.0 200 OK\r\n\r\nhello";
const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n\
    HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn every_framing_is_read_in_every_split() {
    let request = expecting(b"hello");
    let cases = [(LENGTH, 200, true), (CHUNKED, 201, true), (UNTIL_CLOSE, 200, false), (INTERIM, 200, true)];
    for (bytes, status, keep_alive) in cases {
        for size in 1..=bytes.len() {
            let outcome = read(&mut Reader::new(), &request, bytes, size);
            let expected = Answer { status, keep_alive, wrong: None };
            assert_eq!(outcome, Ok((expected, bytes.len())), "pieces of {size}");
        }
    }
}

#[test]
fn one_reader_reads_one_answer_after_the_other() {
    let request = expecting(b"hello");
    let all = [LENGTH, CHUNKED, INTERIM, LENGTH].concat();
    let mut reader = Reader::new();
    let mut at = 0;
    for status in [200, 201, 200, 200] {
        let (answer, used) = read(&mut reader, &request, &all[at..], 4096).unwrap();
        assert_eq!((answer.status, answer.wrong), (status, None));
        at += used;
    }
    assert_eq!(at, all.len());
}

#[test]
fn every_cut_is_told_by_its_place() {
    let request = expecting(b"hello");
    for bytes in [LENGTH, CHUNKED, INTERIM] {
        for end in 0..bytes.len() {
            let failure = read(&mut Reader::new(), &request, &bytes[..end], 4096).unwrap_err().failure;
            let expected = if end == 0 { Failure::Closed } else { Failure::ShortBody };
            assert_eq!(failure, expected, "cut at {end}");
        }
    }
}

#[test]
fn an_answer_to_head_has_no_body_and_a_wrong_body_is_read_to_its_end() {
    let head = Request { is_head: true, ..request("a") };
    let (_, used) = read(&mut Reader::new(), &head, LENGTH, 4096).unwrap();
    assert_eq!(used, LENGTH.len() - 5);
    let other = expecting(b"hallo");
    for bytes in [LENGTH, CHUNKED] {
        let (answer, used) = read(&mut Reader::new(), &other, bytes, 4096).unwrap();
        assert!(matches!(answer.wrong, Some(Wrong::BodyBytes(_))) && answer.keep_alive);
        assert_eq!(used, bytes.len());
    }
}

#[test]
fn what_is_no_answer_is_a_protocol_failure() {
    let request = request("a");
    let many = b"HTTP/1.1 102 Wait\r\n\r\n".repeat(INTERIM_RESPONSES_MAX + 1);
    let wide =
        [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; HEADER_BYTES_MAX], b"\r\n\r\n".to_vec()].concat();
    let cases: [&[u8]; 6] = [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        &many,
        &wide,
    ];
    for bytes in cases {
        let broken = read(&mut Reader::new(), &request, bytes, 4096).unwrap_err();
        assert_eq!(broken.failure, Failure::Protocol, "{}", broken.why);
    }
}

#[test]
fn random_bytes_never_panic() {
    let request = expecting(b"hello");
    let mut random = crate::random::SmallRandom::new(5);
    for _ in 0..20_000 {
        let mut bytes = [LENGTH, CHUNKED, INTERIM, UNTIL_CLOSE][random.below(4) as usize].to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next_u64() as u8;
        }
        let size = 1 + random.below(bytes.len() as u64) as usize;
        let _ = read(&mut Reader::new(), &request, &bytes, size);
    }
}

#[test]
fn a_memo_matches_the_same_message_and_no_other() {
    let mut memo = Memo::default();
    assert_eq!(memo.matches(LENGTH), None);
    memo.keep(LENGTH, 200);
    assert_eq!(memo.matches(LENGTH), Some((200, LENGTH.len())));
    assert_eq!(memo.matches(&[LENGTH, CHUNKED].concat()), Some((200, LENGTH.len())));
    assert_eq!(memo.matches(&LENGTH[..LENGTH.len() - 1]), None);
    let mut other = LENGTH.to_vec();
    *other.last_mut().unwrap() = b'!';
    assert_eq!(memo.matches(&other), None);
    // What is too large to be kept matches nothing.
    memo.keep(&vec![b'a'; SMALL + 1], 200);
    assert_eq!(memo.matches(&vec![b'a'; SMALL + 1]), None);
}

#[test]
fn answers_that_are_all_different_are_hardly_kept() {
    let mut memo = Memo::default();
    let kept = (0..10_000).filter(|_| memo.wants()).count();
    assert!((150..200).contains(&kept), "{kept}");
    memo.hit();
    assert!(memo.wants());
}
