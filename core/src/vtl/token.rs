//! The tokens of Velocity 1.7, and which of them each state of its scanner knows.
//!
//! The scanner of Velocity takes the longest token that its state knows, and of several equally long ones the first in the order
//! of its grammar. [`longest`] does the same, so odd templates are cut up here exactly as there.

/// The states of the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Text.
    Default,
    /// After a `#`.
    PreDirective,
    /// In the arguments of a directive.
    Directive,
    /// After a `$`.
    Reference,
    /// After the dot of a reference.
    Modifier,
    /// In the arguments of a method.
    Arguments,
    /// In the square brackets of a reference.
    Index,
    /// In `##`.
    LineComment,
    /// In `#*` and `#**`.
    BlockComment,
    /// In `#[[`.
    TextBlock,
}

/// The tokens that the parser sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    IndexOpen,
    IndexClose,
    BracketOpen,
    BracketClose,
    Comma,
    DoubleDot,
    Colon,
    CurlyOpen,
    CurlyClose,
    ParenOpen,
    ParenClose,
    ArgumentsClose,
    EscapedDirective,
    Set,
    LineComment,
    LineCommentEnd,
    BlockComment,
    TextBlock,
    DoubleEscape,
    Escape,
    Text,
    White,
    String,
    True,
    False,
    Operator(Operator),
    Assign,
    EndDirective,
    If,
    ElseIf,
    Else,
    Integer,
    Float,
    Word,
    BracketedWord,
    Identifier,
    Dot,
    ReferenceOpen,
    ReferenceClose,
    EmptyIndex,
}

/// The operators of expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Not,
}

/// What the scanner does with what it has matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is a token.
    Token(Kind),
    /// It begins a token that the next state ends.
    Dollar,
    Hash,
    TextBlockStart,
    BlockCommentStart,
    /// `#**` and one more character, which is given back.
    FormalCommentStart,
    /// A character of a text block.
    More,
    /// A character of a comment.
    Skip,
    /// The character after a reference or directive: it is given back.
    ReferenceEnd,
    DirectiveEnd,
}

struct Longest<'b> {
    bytes: &'b [u8],
    length: usize,
    rule: Option<Rule>,
}

impl Longest<'_> {
    /// A match of `length` bytes, 0 for none. Of equally long ones the first counts.
    fn offer(&mut self, length: usize, rule: Rule) {
        if length > self.length {
            self.length = length;
            self.rule = Some(rule);
        }
    }

    fn token(&mut self, length: usize, kind: Kind) {
        self.offer(length, Rule::Token(kind));
    }

    fn literal(&mut self, text: &str, rule: Rule) {
        if self.bytes.starts_with(text.as_bytes()) {
            self.offer(text.len(), rule);
        }
    }

    fn literals(&mut self, all: &[(&str, Kind)]) {
        for (text, kind) in all {
            self.literal(text, Rule::Token(*kind));
        }
    }
}

/// The longest match at the start of `bytes`, which are not empty. `None`: the template is malformed.
pub(super) fn longest(state: State, bytes: &[u8]) -> Option<(usize, Rule)> {
    let mut found = Longest { bytes, length: 0, rule: None };
    match state {
        State::Default => default_state(&mut found),
        State::PreDirective => pre_directive(&mut found),
        State::Directive => directive(&mut found),
        State::Reference | State::Modifier => reference(state, &mut found),
        State::Arguments => arguments(&mut found),
        State::Index => index(&mut found),
        State::LineComment => {
            more(&mut found);
            found.token(newline(bytes), Kind::LineCommentEnd);
            found.offer(character(bytes), Rule::Skip);
        }
        State::BlockComment => {
            more(&mut found);
            found.literal("*#", Rule::Token(Kind::BlockComment));
            found.offer(character(bytes), Rule::Skip);
        }
        State::TextBlock => {
            more(&mut found);
            found.literal("]]#", Rule::Token(Kind::TextBlock));
            found.offer(character(bytes), Rule::More);
        }
    }
    found.rule.map(|rule| (found.length, rule))
}

/// What every state knows.
fn more(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    if !matches!(bytes[0], b'\\' | b'$' | b'#') {
        return;
    }
    let slashes = run(bytes, |byte| byte == b'\\');
    if bytes.get(slashes) == Some(&b'$') {
        found.offer(slashes + 1, Rule::Dollar);
        let again = slashes + 1 + run(&bytes[slashes + 1..], |byte| byte == b'\\');
        if bytes.get(again) == Some(&b'!') {
            found.offer(again + 1, Rule::Dollar);
        }
    }
    found.literal("#[[", Rule::TextBlockStart);
    if bytes.starts_with(b"#**") && bytes.len() > 3 && bytes[3] != b'#' {
        found.offer(3 + character(&bytes[3..]), Rule::FormalCommentStart);
    }
    found.literal("#*", Rule::BlockCommentStart);
    found.literal("#", Rule::Hash);
}

fn line_comment(found: &mut Longest<'_>) {
    found.literal("##", Rule::Token(Kind::LineComment));
}

fn default_state(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    if !matches!(bytes[0], b'$' | b'#' | b'\\' | b' ' | b'\t') {
        return found.token(text(bytes), Kind::Text);
    }
    found.token(escaped_directive(bytes), Kind::EscapedDirective);
    found.token(set_directive(bytes), Kind::Set);
    more(found);
    line_comment(found);
    found.literals(&[("\\\\", Kind::DoubleEscape), ("\\", Kind::Escape)]);
    found.token(text(bytes), Kind::Text);
    found.token(empty_index(bytes), Kind::EmptyIndex);
}

fn pre_directive(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    more(found);
    line_comment(found);
    for name in ["end", "{end}"] {
        found.token(with_line_end(bytes, name), Kind::EndDirective);
    }
    found.literals(&[
        ("if", Kind::If),
        ("{if}", Kind::If),
        ("elseif", Kind::ElseIf),
        ("{elseif}", Kind::ElseIf),
    ]);
    for name in ["else", "{else}"] {
        found.token(with_line_end(bytes, name), Kind::Else);
    }
    numbers(found);
    words(found);
    found.offer(character(bytes), Rule::DirectiveEnd);
}

fn directive(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    brackets(found);
    found.literal("(", Rule::Token(Kind::ParenOpen));
    found.token(with_line_end(bytes, ")"), Kind::ParenClose);
    more(found);
    line_comment(found);
    found.token(white(bytes), Kind::White);
    found.token(string(bytes), Kind::String);
    truth(found);
    operators(found);
    numbers(found);
    words(found);
}

fn reference(state: State, found: &mut Longest<'_>) {
    let bytes = found.bytes;
    found.literal("[", Rule::Token(Kind::IndexOpen));
    if state == State::Modifier {
        found.literal("(", Rule::Token(Kind::ParenOpen));
    }
    found.token(set_directive(bytes), Kind::Set);
    more(found);
    if state == State::Reference {
        line_comment(found);
    }
    truth(found);
    identifiers(found);
    found.literals(&[("{", Kind::ReferenceOpen), ("}", Kind::ReferenceClose)]);
    found.offer(character(bytes), Rule::ReferenceEnd);
    if state == State::Reference {
        found.token(empty_index(bytes), Kind::EmptyIndex);
    }
}

fn arguments(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    brackets(found);
    found.literal(")", Rule::Token(Kind::ArgumentsClose));
    found.token(set_directive(bytes), Kind::Set);
    more(found);
    found.token(white(bytes), Kind::White);
    found.token(string(bytes), Kind::String);
    truth(found);
    numbers(found);
    identifiers(found);
}

fn index(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    found.literal("]", Rule::Token(Kind::IndexClose));
    more(found);
    found.token(white(bytes), Kind::White);
    found.token(string(bytes), Kind::String);
    truth(found);
    numbers(found);
}

fn brackets(found: &mut Longest<'_>) {
    found.literals(&[
        ("[", Kind::BracketOpen),
        ("]", Kind::BracketClose),
        (",", Kind::Comma),
        ("..", Kind::DoubleDot),
        (":", Kind::Colon),
        ("{", Kind::CurlyOpen),
        ("}", Kind::CurlyClose),
    ]);
}

fn truth(found: &mut Longest<'_>) {
    found.literals(&[("true", Kind::True), ("false", Kind::False)]);
}

fn operators(found: &mut Longest<'_>) {
    use Operator::*;
    for (text, operator) in [
        ("-", Subtract),
        ("+", Add),
        ("*", Multiply),
        ("/", Divide),
        ("%", Modulo),
        ("&&", And),
        ("and", And),
        ("||", Or),
        ("or", Or),
        ("<", Less),
        ("lt", Less),
        ("<=", LessOrEqual),
        ("le", LessOrEqual),
        (">", Greater),
        ("gt", Greater),
        (">=", GreaterOrEqual),
        ("ge", GreaterOrEqual),
        ("==", Equal),
        ("eq", Equal),
        ("!=", NotEqual),
        ("ne", NotEqual),
        ("!", Not),
        ("not", Not),
    ] {
        found.literal(text, Rule::Token(Kind::Operator(operator)));
    }
    found.literal("=", Rule::Token(Kind::Assign));
}

fn numbers(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    let sign = usize::from(bytes[0] == b'-');
    let digits = |at: usize| run(bytes.get(at..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let whole = digits(sign);
    if whole > 0 {
        let end = sign + whole;
        let dots = if bytes[end..].starts_with(b"..") { 2 } else { 0 };
        found.token(end + dots, Kind::Integer);
    }
    let end = sign + whole;
    let mut float = 0;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if whole > 0 || fraction > 0 {
            float = end + 1 + fraction;
            float += exponent(&bytes[float..]);
        }
    } else if whole > 0 {
        let exponent = exponent(&bytes[end..]);
        float = if exponent > 0 { end + exponent } else { 0 };
    }
    found.token(float, Kind::Float);
}

fn exponent(bytes: &[u8]) -> usize {
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return 0;
    }
    let sign = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    match run(&bytes[1 + sign..], |byte| byte.is_ascii_digit()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

fn words(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    found.token(word(bytes), Kind::Word);
    found.token(bracketed_word(bytes), Kind::BracketedWord);
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@'
}

fn word(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(first) if first.is_ascii_alphabetic() || matches!(first, b'_' | b'@') => run(bytes, is_word),
        _ => 0,
    }
}

fn bracketed_word(bytes: &[u8]) -> usize {
    let Some(inside) = bytes.strip_prefix(b"{") else { return 0 };
    if !inside.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_') {
        return 0;
    }
    let length = run(inside, is_word);
    if inside.get(length) == Some(&b'}') { length + 2 } else { 0 }
}

fn identifiers(found: &mut Longest<'_>) {
    let bytes = found.bytes;
    if bytes[0].is_ascii_alphabetic() || bytes[0] == b'_' {
        let length = run(bytes, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        found.token(length, Kind::Identifier);
    }
    if bytes[0] == b'.' && bytes.get(1).is_some_and(u8::is_ascii_alphabetic) {
        found.token(2, Kind::Dot);
    }
}

/// Backslashes, then `#` and a word, the number of backslashes being odd.
fn escaped_directive(bytes: &[u8]) -> usize {
    let slashes = run(bytes, |byte| byte == b'\\');
    if slashes % 2 == 0 || bytes.get(slashes) != Some(&b'#') {
        return 0;
    }
    let rest = &bytes[slashes + 1..];
    match word(rest).max(bracketed_word(rest)) {
        0 => 0,
        length => slashes + 1 + length,
    }
}

/// Blanks, `#set` or `#{set}`, blanks and `(`.
fn set_directive(bytes: &[u8]) -> usize {
    if !matches!(bytes[0], b' ' | b'\t' | b'#') {
        return 0;
    }
    let before = run(bytes, |byte| byte == b' ' || byte == b'\t');
    let rest = &bytes[before..];
    let name = if rest.starts_with(b"#set") {
        4
    } else if rest.starts_with(b"#{set}") {
        6
    } else {
        return 0;
    };
    let blanks = run(&rest[name..], |byte| byte == b' ');
    if rest.get(name + blanks) == Some(&b'(') { before + name + blanks + 1 } else { 0 }
}

fn empty_index(bytes: &[u8]) -> usize {
    ["$[", "$![", "$\\![", "$."]
        .iter()
        .find(|text| bytes.starts_with(text.as_bytes()))
        .map_or(0, |text| text.len())
}

fn text(bytes: &[u8]) -> usize {
    memchr::memchr3(b'$', b'#', b'\\', bytes).unwrap_or(bytes.len())
}

fn white(bytes: &[u8]) -> usize {
    run(bytes, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// A text in quotes. Two quotes stand for one; the longest match counts, so three quotes need another one later.
fn string(bytes: &[u8]) -> usize {
    let quote = bytes[0];
    if quote != b'"' && quote != b'\'' {
        return 0;
    }
    let mut end = 0;
    let mut at = 1;
    while let Some(next) = memchr::memchr(quote, &bytes[at..]) {
        end = at + next + 1;
        if bytes.get(end) != Some(&quote) {
            break;
        }
        at = end + 1;
    }
    end
}

fn newline(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// `name`, and the blanks and the line end after it if there is one.
fn with_line_end(bytes: &[u8], name: &str) -> usize {
    if !bytes.starts_with(name.as_bytes()) {
        return 0;
    }
    let blanks = run(&bytes[name.len()..], |byte| byte == b' ' || byte == b'\t');
    match newline(&bytes[name.len() + blanks..]) {
        0 => name.len(),
        newline => name.len() + blanks + newline,
    }
}

fn run(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| !is(byte)).unwrap_or(bytes.len())
}

/// Bytes of the first character; `bytes` are UTF-8.
fn character(bytes: &[u8]) -> usize {
    match bytes[0] {
        0..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    }
}
