//! The corpora of malformed messages, as the codec's own tests use them.

use std::sync::OnceLock;

#[path = "../../corpus/http1/reader.rs"]
mod reader;

pub(crate) use reader::Entry;

/// Requests that are refused before anything of them is passed on.
pub(crate) fn bad_requests() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| heads(include_str!("../../corpus/http1/bad-requests.txt")))
}

/// Answers that become 502.
pub(crate) fn bad_responses() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| heads(include_str!("../../corpus/http1/bad-responses.txt")))
}

fn heads(file: &'static str) -> Vec<Entry> {
    reader::read(file).into_iter().filter(|entry| !entry.in_body).collect()
}
