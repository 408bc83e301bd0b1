//! Rules about the text of files.

use super::Finding;

/// Longest line of a Rust file, in characters. rustfmt breaks code far earlier; this is about strings and comments.
const LINE_MAX: usize = 140;
/// Longest Rust file, in lines.
const FILE_MAX: usize = 600;

/// Longer Rust files that are right as they are, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Crates whose roots need no `#![forbid(unsafe_code)]`.
const UNSAFE_CRATES: &[&str] = &["ring/"];

/// Words that must not be committed, and why. Spelled in two halves so that this file may be.
const BANNED: &[(&str, &str)] = &[
    (concat!("to", "do!"), "unfinished work belongs into an issue"),
    (concat!("FIX", "ME"), "unfinished work belongs into an issue"),
    (concat!("X", "XX"), "unfinished work belongs into an issue"),
    (concat!("TO", "DO"), "unfinished work belongs into an issue"),
    (concat!("dbg", "!"), "a left-over of debugging"),
    (concat!("<<<<", "<<<"), "a left-over of a merge"),
    (concat!("static.", "crates.io"), "registries are named in nobody's code but cargo's"),
    (concat!("index.", "crates.io"), "registries are named in nobody's code but cargo's"),
    (concat!("deb.", "debian.org"), "mirrors differ from machine to machine"),
];

/// Directories of single machines.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];

/// What the gateway's pure part must not touch (architecture: clocks, I/O and threads are arguments).
const CORE_BANNED: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "std::fs",
    "std::process",
    "thread::spawn",
    "thread::sleep",
    "Instant::now",
    "SystemTime",
];

/// Checks one file; `file` is its path from the root.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    if file == "Cargo.lock" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let rust = file.ends_with(".rs");
    if rust {
        findings.extend(check_length(file, text));
        findings.extend(check_forbid(file, text));
    }
    let mut in_tests = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        in_tests |= line.trim() == "#[cfg(test)]";
        findings.extend(check_words(file, number, line));
        if rust {
            findings.extend(check_rust_line(file, number, line, in_tests));
        }
    }
    findings
}

fn check_length(file: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let excused = LONG_FILES.iter().any(|(name, _)| *name == file);
    match (lines > FILE_MAX, excused) {
        (true, false) => {
            Some(Finding::new(file, 0, format!("{lines} lines; at most {FILE_MAX}: split it by meaning")))
        }
        (false, true) => {
            Some(Finding::new(file, 0, "is short enough now: take it off the list of long files"))
        }
        _ => None,
    }
}

/// The roots of crates: `src/lib.rs`, `src/main.rs` and `src/bin/*.rs` of a member.
fn check_forbid(file: &str, text: &str) -> Option<Finding> {
    let (member, path) = file.split_once('/')?;
    let root = path == "src/lib.rs" || path == "src/main.rs" || path.starts_with("src/bin/");
    let excused = member == "fuzz" || UNSAFE_CRATES.iter().any(|directory| file.starts_with(directory));
    let missing = root && !excused && !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
    missing.then(|| Finding::new(file, 0, "the root of a crate without #![forbid(unsafe_code)]"))
}

fn check_words(file: &str, number: usize, line: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (word, why) in BANNED {
        if contains_word(line, word) {
            findings.push(Finding::new(file, number, format!("`{word}`: {why}")));
        }
    }
    for path in MACHINE_PATHS {
        if has_machine_path(line, path) {
            let message = format!("`{path}`: a path of one machine; take it from the environment or mktemp");
            findings.push(Finding::new(file, number, message));
        }
    }
    findings
}

/// Whether `word` occurs with no letter or digit right before it.
fn contains_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
        && (word.ends_with(|c: char| !c.is_ascii_alphanumeric()) || ends_a_word(line, word))
}

fn ends_a_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Whether `path` starts a path here, and is not the middle of another one as in `a/work/b`.
fn has_machine_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '*'))
    })
}

fn check_rust_line(file: &str, number: usize, line: &str, in_tests: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let length = line.chars().count();
    if length > LINE_MAX {
        findings.push(Finding::new(file, number, format!("{length} columns; at most {LINE_MAX}")));
    }
    let code = line.split("//").next().unwrap_or_default();
    if (file.starts_with("core/src/") || file.starts_with("dataplane/src/")) && !file.ends_with("/limits.rs")
    {
        let declared = code.trim_start().strip_prefix("pub const ").and_then(|rest| rest.split(':').next());
        if let Some(name) = declared.filter(|name| name.trim_end().ends_with("_MAX")) {
            let message = format!("{name} is a limit: limits are in limits.rs and nowhere else");
            findings.push(Finding::new(file, number, message));
        }
    }
    if file.starts_with("core/src/") && !in_tests {
        for token in CORE_BANNED.iter().filter(|token| code.contains(**token)) {
            let message = format!("core touches no clock, file, socket or thread, but names {token}");
            findings.push(Finding::new(file, number, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;

    fn messages(file: &str, text: &str) -> Vec<String> {
        check(file, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn banned_words_are_found_at_their_line() {
        let text = format!("fine\nlet x = {}();\n", concat!("to", "do!"));
        assert_eq!(messages("a/src/x.rs", &text).len(), 1);
        assert!(messages("a/src/x.rs", &text)[0].starts_with("a/src/x.rs:2: "));
        assert!(messages("a/src/x.rs", "a mastodon and a todo list\n").is_empty());
    }

    #[test]
    fn machine_paths_are_found_but_not_inside_others() {
        let text = format!("see {}shared\n", concat!("/wo", "rk/"));
        assert_eq!(messages("docs/a.md", &text).len(), 1);
        assert!(messages("docs/a.md", &format!("see a{}shared\n", concat!("/wo", "rk/"))).is_empty());
    }

    #[test]
    fn roots_forbid_unsafe_code_except_in_ring() {
        assert_eq!(messages("core/src/lib.rs", "//! x\n").len(), 1);
        assert_eq!(messages("benches/src/bin/x.rs", "fn main() {}\n").len(), 1);
        assert!(messages("core/src/lib.rs", "//! x\n#![forbid(unsafe_code)]\n").is_empty());
        assert!(messages("ring/src/lib.rs", "//! x\n").is_empty());
        assert!(messages("core/src/time.rs", "//! x\n").is_empty());
    }

    #[test]
    fn long_lines_and_files_are_found() {
        assert_eq!(messages("a/src/x.rs", &"x".repeat(141)).len(), 1);
        assert!(messages("a/src/x.rs", &"x".repeat(140)).is_empty());
        assert_eq!(messages("a/src/x.rs", &"x\n".repeat(601)).len(), 1);
        assert!(messages("docs/x.md", &"x\n".repeat(601)).is_empty());
    }

    #[test]
    fn limits_live_in_one_place() {
        assert_eq!(messages("core/src/http1/head.rs", "pub const HEADERS_MAX: usize = 1;\n").len(), 1);
        assert!(messages("core/src/limits.rs", "pub const HEADERS_MAX: usize = 1;\n").is_empty());
        assert!(messages("core/src/http1/head.rs", "const HEADERS_MAX: usize = 1;\n").is_empty());
    }

    #[test]
    fn core_touches_no_clock_outside_of_tests() {
        let text = "fn f() { Instant::now(); }\n";
        assert_eq!(messages("core/src/time.rs", text).len(), 1);
        assert!(messages("core/src/time.rs", "// Instant::now is the host's business\n").is_empty());
        assert!(messages("core/src/time.rs", &format!("#[cfg(test)]\nmod tests {{\n{text}}}\n")).is_empty());
        assert!(messages("server/src/boot.rs", text).is_empty());
    }
}
