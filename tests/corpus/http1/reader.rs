//! Reads the corpora of this directory: one message a line. Shared by the codec's unit tests and the tests over sockets.
//!
//! ```text
//! # comment
//! name | head | 400 | GET / HTTP/1.1\nHost: a\n\n
//! ```
//! Name; where the fault lies (`head`, or `body` after a good head); for requests the status of the answer; then the bytes with the
//! escapes `\r` `\n` `\t` `\\` `\xHH`, and `\{COUNT*TEXT}`, which is TEXT, escapes and all, COUNT times.

/// One bad message.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What is wrong with it; unique in its file.
    pub(crate) name: &'static str,
    /// Whether the head is good and the fault lies in the body.
    pub(crate) in_body: bool,
    /// The status of the answer; `None` for responses.
    pub(crate) status: Option<u16>,
    /// The message.
    pub(crate) bytes: Vec<u8>,
}

/// Reads a whole file. Panics with the line where it is not in the format: a corpus is part of a test.
pub(crate) fn read(file: &'static str) -> Vec<Entry> {
    let lines = file.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let entries: Vec<Entry> =
        lines.map(|(at, line)| entry(line).unwrap_or_else(|| panic!("line {}: {line}", at + 1))).collect();
    for (at, entry) in entries.iter().enumerate() {
        assert!(
            entries[..at].iter().all(|other| other.name != entry.name),
            "two entries are named {}",
            entry.name
        );
    }
    entries
}

fn entry(line: &'static str) -> Option<Entry> {
    let (name, rest) = line.split_once(" | ")?;
    let (place, rest) = rest.split_once(" | ")?;
    let in_body = match place {
        "head" => false,
        "body" => true,
        _ => return None,
    };
    let (status, text) = match rest.split_once(" | ") {
        Some((status, text)) if status.len() == 3 => (Some(status.parse().ok()?), text),
        _ => (None, rest),
    };
    Some(Entry { name, in_body, status, bytes: unescape(text)? })
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut used = at + 2;
        match rest.as_bytes().get(at + 1)? {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'\\' => out.push(b'\\'),
            b'x' => {
                out.push(u8::from_str_radix(rest.get(at + 2..at + 4)?, 16).ok()?);
                used += 2;
            }
            b'{' => {
                let (count, repeated) = rest[used..].split_once('}')?.0.split_once('*')?;
                out.extend(unescape(repeated)?.repeat(count.parse().ok()?));
                used += rest[used..].find('}')? + 1;
            }
            _ => return None,
        }
        rest = &rest[used..];
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}
