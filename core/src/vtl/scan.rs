//! The scanner of Velocity 1.7: cuts templates up into tokens.

use super::CompileError;
use super::token::{Kind, Rule, State, longest};

/// A token: a part of the template's text.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// What stands before it and belongs to no token: `$` and `#` that turned out to begin nothing.
    pub(super) special: Option<Box<str>>,
}

/// What is restored when a state ends.
struct Saved {
    state: State,
    open: i32,
    closed: i32,
}

/// A scanner. The parser changes its state where Velocity's does.
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    state: State,
    stack: Vec<Saved>,
    /// Brackets that were opened and closed in this state.
    open: i32,
    closed: i32,
    in_comment: bool,
    pub(super) in_set: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Scanner {
            text,
            at: 0,
            state: State::Default,
            stack: Vec::new(),
            open: 0,
            closed: 0,
            in_comment: false,
            in_set: false,
        }
    }

    fn push(&mut self, state: State) {
        self.stack.push(Saved { state: self.state, open: self.open, closed: self.closed });
        self.open = 0;
        self.state = state;
    }

    /// Back to the state before. `false` if there is none.
    pub(super) fn pop(&mut self) -> bool {
        match self.stack.pop() {
            Some(saved) => {
                (self.state, self.open, self.closed) = (saved.state, saved.open, saved.closed);
                true
            }
            None => {
                self.open = 0;
                self.state = State::Default;
                false
            }
        }
    }

    /// Goes on in `state` without remembering the one before.
    pub(super) fn switch(&mut self, state: State) {
        self.state = state;
    }

    /// Whether a round bracket comes next, after white space or at once.
    pub(super) fn bracket_is_next(&self) -> bool {
        self.text[self.at..].trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    /// The next token. [`Kind::End`] at the end, again and again.
    pub(super) fn next(&mut self) -> Result<Token, CompileError> {
        let mut special = Special::default();
        let bytes = self.text.as_bytes();
        'token: loop {
            let start = self.at;
            if start == bytes.len() {
                return Ok(self.token(Kind::End, start, special));
            }
            loop {
                let Some((length, rule)) = longest(self.state, &bytes[self.at..]) else {
                    let what = self.text[self.at..].chars().next().unwrap_or_default();
                    return Err(self.error(format!("unexpected {what:?}")));
                };
                self.at += length;
                match rule {
                    Rule::Token(kind) => {
                        self.act(kind, start);
                        return Ok(self.token(kind, start, special));
                    }
                    Rule::Skip => continue 'token,
                    Rule::ReferenceEnd | Rule::DirectiveEnd => {
                        special.add(&self.text[start..self.at]);
                        self.at -= length;
                        self.pop();
                        continue 'token;
                    }
                    more => self.begin(more, length),
                }
                if self.at == bytes.len() {
                    return Err(self.error("the template ends in the middle of something".into()));
                }
            }
        }
    }

    /// What starts a token that another state ends.
    fn begin(&mut self, rule: Rule, length: usize) {
        if self.in_comment {
            return;
        }
        match rule {
            Rule::Dollar => {
                if self.state == State::Reference {
                    self.pop();
                }
                self.push(State::Reference);
            }
            Rule::Hash => {
                if matches!(self.state, State::Reference | State::Modifier) {
                    self.pop();
                }
                self.push(State::PreDirective);
            }
            Rule::TextBlockStart => self.comment(State::TextBlock),
            Rule::BlockCommentStart => self.comment(State::BlockComment),
            Rule::FormalCommentStart => {
                self.at -= length - "#**".len();
                self.comment(State::BlockComment);
            }
            _ => {}
        }
    }

    fn comment(&mut self, state: State) {
        self.in_comment = true;
        self.push(state);
    }

    /// What a token does to the state.
    fn act(&mut self, kind: Kind, start: usize) {
        match kind {
            Kind::IndexOpen => self.push(State::Index),
            Kind::IndexClose | Kind::ReferenceClose | Kind::EndDirective | Kind::Else => {
                self.pop();
            }
            Kind::ParenOpen => {
                self.open += 1;
                if self.state == State::Modifier {
                    self.state = State::Arguments;
                }
            }
            Kind::ParenClose => self.close(),
            Kind::ArgumentsClose => self.state = State::Reference,
            Kind::Set => {
                self.push(State::Directive);
                self.in_set = true;
                self.open += 1;
            }
            Kind::LineComment => {
                if self.state == State::Reference {
                    self.pop();
                }
                self.comment(State::LineComment);
            }
            Kind::LineCommentEnd | Kind::BlockComment | Kind::TextBlock => {
                self.in_comment = false;
                self.pop();
            }
            Kind::String if self.state == State::Directive && !self.in_set && self.open == 0 => {
                self.pop();
            }
            Kind::If | Kind::ElseIf => self.state = State::Directive,
            Kind::Integer => {
                // The dots of a range are not a part of its start.
                if self.text[start..self.at].ends_with("..") {
                    self.at -= 2;
                }
                if self.open == 0 && !self.in_set && !matches!(self.state, State::Arguments | State::Index) {
                    self.pop();
                }
            }
            Kind::Float if self.open == 0 && !self.in_set && self.state != State::Arguments => {
                self.pop();
            }
            Kind::Dot => {
                self.at -= 1;
                self.state = State::Modifier;
            }
            _ => {}
        }
    }

    /// A closing bracket of a directive ends the states that have none open.
    fn close(&mut self) {
        loop {
            if self.open > 0 {
                if self.open == self.closed + 1 {
                    self.pop();
                } else {
                    self.closed += 1;
                }
                return;
            }
            if !self.pop() {
                return;
            }
        }
    }

    fn token(&self, kind: Kind, start: usize, special: Special) -> Token {
        // A dot is a dot alone, whatever began before it.
        let start = if kind == Kind::Dot { self.at - 1 } else { start };
        Token { kind, start: start as u32, end: self.at as u32, special: special.text() }
    }

    fn error(&self, message: String) -> CompileError {
        CompileError::at(self.text, self.at.min(self.text.len()), message)
    }
}

/// What was begun and given up before a token.
#[derive(Default)]
struct Special {
    text: String,
    last_is_comment: bool,
}

impl Special {
    /// Of what was begun, `#`, `$` and the backslashes before a `$` are printed.
    fn add(&mut self, image: &str) {
        self.last_is_comment = image.starts_with("##");
        let bytes = image.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                mark @ (b'#' | b'$') => self.text.push(char::from(mark)),
                b'\\' => {
                    let slashes = bytes[at..].iter().take_while(|&&byte| byte == b'\\').count();
                    if bytes.get(at + slashes) == Some(&b'$') {
                        self.text.push_str(&image[at..=at + slashes]);
                        at += slashes + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn text(self) -> Option<Box<str>> {
        (!self.text.is_empty() && !self.last_is_comment).then(|| self.text.into())
    }
}
