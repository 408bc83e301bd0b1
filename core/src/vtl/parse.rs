//! The parser of Velocity 1.7: text, directives and blocks.
//!
//! It asks the scanner for tokens exactly when Velocity's parser does, because the scanner's state depends on that.

use super::CompileError;
use super::ast::{
    Argument, Assignment, Block, Call, Definition, Expression, Foreach, If, Literal, Macro, Node,
};
use super::ast::{Place, Span, Unit};
use super::names::Names;
use super::scan::{Scanner, Token};
use super::token::{Kind, State};
use crate::limits::{VTL_DEPTH_MAX, VTL_TEMPLATE_BYTES_MAX};

/// What a template and the texts in quotes within it have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) names: Names,
    /// The number of the first unit: those before it belong to the template that this one is evaluated in.
    pub(super) first_unit: u32,
    pub(super) units: Vec<Unit>,
    pub(super) macros: Vec<Macro>,
    /// Operators of the statement that is being read.
    pub(super) operators: usize,
}

/// A parser of one text.
pub(super) struct Parser<'t, 's> {
    pub(super) text: &'t str,
    pub(super) scanner: Scanner<'t>,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) unit: u32,
    pub(super) depth: usize,
    pub(super) shared: &'s mut Shared,
}

/// Collects the nodes of a block; text that belongs together becomes one node.
#[derive(Default)]
struct Nodes {
    nodes: Vec<Node>,
    text: String,
}

impl Nodes {
    fn push(&mut self, node: Node) {
        self.flush();
        self.nodes.push(node);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.nodes.push(Node::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn block(mut self) -> Block {
        self.flush();
        Block { nodes: self.nodes.into() }
    }
}

/// The directives that are not a part of the grammar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Foreach,
    Macro,
    Literal,
    Define,
    Include,
    Parse,
    Evaluate,
    Break,
    Stop,
}

fn known(name: &str) -> Option<Known> {
    Some(match name {
        "foreach" => Known::Foreach,
        "macro" => Known::Macro,
        "literal" => Known::Literal,
        "define" => Known::Define,
        "include" => Known::Include,
        "parse" => Known::Parse,
        "evaluate" => Known::Evaluate,
        "break" => Known::Break,
        "stop" => Known::Stop,
        _ => return None,
    })
}

/// An argument of a directive.
struct DirectiveArgument {
    value: Expression,
    /// Its first token, and its last.
    first: usize,
    last: usize,
    is_word: bool,
}

/// Compiles `text` as one more unit of `shared`.
pub(super) fn compile_unit(
    text: &str,
    within: Option<Place>,
    depth: usize,
    shared: &mut Shared,
) -> Result<Block, CompileError> {
    if text.len() > VTL_TEMPLATE_BYTES_MAX {
        let message = format!("the template has more than {VTL_TEMPLATE_BYTES_MAX} bytes");
        return Err(CompileError { line: 1, column: 1, message });
    }
    let index = shared.units.len();
    let unit = shared.first_unit + index as u32;
    shared.units.push(Unit::default());
    let scanner = Scanner::new(text);
    let mut parser = Parser { text, scanner, tokens: Vec::new(), at: 0, unit, depth, shared };
    let block = parser.block()?;
    if parser.peek()? != Kind::End {
        return Err(parser.unexpected());
    }
    let tokens = std::mem::take(&mut parser.tokens);
    let spans = tokens.into_iter().map(|token| Span {
        start: token.start,
        end: token.end,
        special: token.special,
        is_comment: token.kind == Kind::BlockComment,
    });
    shared.units[index] = Unit { text: text.into(), tokens: spans.collect(), within };
    Ok(block)
}

impl Parser<'_, '_> {
    /// The kind of the next token.
    pub(super) fn peek(&mut self) -> Result<Kind, CompileError> {
        self.peek_at(0)
    }

    /// The kind of the token after `ahead` others.
    pub(super) fn peek_at(&mut self, ahead: usize) -> Result<Kind, CompileError> {
        while self.tokens.len() <= self.at + ahead {
            let token = self.scanner.next()?;
            self.tokens.push(token);
        }
        Ok(self.tokens[self.at + ahead].kind)
    }

    /// Takes the next token, which was looked at before; returns its number.
    pub(super) fn take(&mut self) -> usize {
        self.at += 1;
        self.at - 1
    }

    pub(super) fn take_if(&mut self, kind: Kind) -> Result<bool, CompileError> {
        let there = self.peek()? == kind;
        if there {
            self.take();
        }
        Ok(there)
    }

    pub(super) fn expect(&mut self, kind: Kind) -> Result<usize, CompileError> {
        if self.peek()? == kind { Ok(self.take()) } else { Err(self.unexpected()) }
    }

    /// The text of a token.
    pub(super) fn image(&self, token: usize) -> &str {
        let token = &self.tokens[token];
        &self.text[token.start as usize..token.end as usize]
    }

    pub(super) fn place(&self, token: usize) -> Place {
        Place { unit: self.unit, offset: self.tokens[token].start }
    }

    pub(super) fn literal(&self, first: usize, last: usize) -> Literal {
        Literal { unit: self.unit, first: first as u32, last: last as u32 }
    }

    pub(super) fn unexpected(&self) -> CompileError {
        let (start, what) = match self.tokens.get(self.at) {
            Some(token) if token.kind == Kind::End => (token.start, "the end".to_owned()),
            Some(token) => (token.start, format!("{:?}", self.image(self.at).trim_end())),
            None => (self.text.len() as u32, "the end".to_owned()),
        };
        CompileError::at(self.text, start as usize, format!("unexpected {what}"))
    }

    pub(super) fn error_at(&self, token: usize, message: impl Into<String>) -> CompileError {
        CompileError::at(self.text, self.tokens[token].start as usize, message.into())
    }

    /// One level deeper into blocks, brackets or texts.
    pub(super) fn enter(&mut self) -> Result<(), CompileError> {
        self.depth += 1;
        if self.depth <= VTL_DEPTH_MAX {
            return Ok(());
        }
        let at = self.tokens.get(self.at).map_or(self.text.len(), |token| token.start as usize);
        Err(CompileError::at(self.text, at, format!("nested deeper than {VTL_DEPTH_MAX}")))
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Statements, as many as there are.
    fn block(&mut self) -> Result<Block, CompileError> {
        self.enter()?;
        let mut nodes = Nodes::default();
        loop {
            if self.unit == self.shared.first_unit {
                self.shared.operators = 0;
            }
            match self.peek()? {
                Kind::If => {
                    let node = self.if_statement()?;
                    nodes.push(node);
                }
                Kind::Identifier => self.reference_statement(&mut nodes)?,
                Kind::ReferenceOpen if self.peek_at(1)? == Kind::Identifier => {
                    self.reference_statement(&mut nodes)?;
                }
                Kind::LineComment | Kind::BlockComment => self.comment(&mut nodes)?,
                Kind::TextBlock => {
                    let token = self.take();
                    let image = self.image(token);
                    nodes.text.push_str(&image["#[[".len()..image.len() - "]]#".len()]);
                }
                Kind::Set => {
                    let node = self.set_statement()?;
                    nodes.push(node);
                }
                Kind::EscapedDirective => {
                    let token = self.take();
                    let image = self.image(token);
                    nodes.text.push_str(&self.unescaped_directive(image));
                }
                Kind::DoubleEscape => self.escapes(&mut nodes)?,
                Kind::Word | Kind::BracketedWord => self.directive(&mut nodes)?,
                Kind::Text
                | Kind::Dot
                | Kind::ParenClose
                | Kind::ParenOpen
                | Kind::Integer
                | Kind::Float
                | Kind::String
                | Kind::Escape
                | Kind::ReferenceOpen
                | Kind::ReferenceClose
                | Kind::EmptyIndex => {
                    let token = self.take();
                    nodes.text.push_str(self.tokens[token].special.as_deref().unwrap_or_default());
                    let image = self.image(token);
                    nodes.text.push_str(image);
                }
                _ => break,
            }
        }
        self.leave();
        Ok(nodes.block())
    }

    fn reference_statement(&mut self, nodes: &mut Nodes) -> Result<(), CompileError> {
        let reference = self.reference()?;
        nodes.push(Node::Reference(Box::new(reference)));
        Ok(())
    }

    /// What stands before a comment in its token prints.
    fn comment(&mut self, nodes: &mut Nodes) -> Result<(), CompileError> {
        let token = self.take();
        let image = self.image(token);
        let start = image.find("##").or_else(|| image.find("#*")).unwrap_or(0);
        nodes.text.push_str(&image[..start]);
        if self.tokens[token].kind == Kind::LineComment {
            self.take_if(Kind::LineCommentEnd)?;
        }
        Ok(())
    }

    /// Whether a backslash before `#name` escapes it.
    fn is_directive(&self, name: &str) -> bool {
        known(name).is_some() || self.shared.macros.iter().any(|known| *known.name == *name)
    }

    fn unescaped_directive(&self, image: &str) -> String {
        let slashes = image.rfind('\\').unwrap_or(0);
        let directive = &image[slashes + 1..];
        let name = directive[1..].trim_start_matches('{').trim_end_matches('}');
        if self.is_directive(name) || matches!(name, "if" | "end" | "set" | "else" | "elseif") {
            format!("{}{directive}", &image[..slashes / 2])
        } else {
            image.to_owned()
        }
    }

    /// Pairs of backslashes: before a directive, each stands for one.
    fn escapes(&mut self, nodes: &mut Nodes) -> Result<(), CompileError> {
        let mut count = 0;
        while self.take_if(Kind::DoubleEscape)? {
            count += 1;
        }
        let next = self.peek()?;
        let image = self.image(self.at);
        let rest = image.char_indices().nth(1).map_or("", |(at, _)| &image[at..]);
        let escaping = matches!(next, Kind::If | Kind::Else | Kind::ElseIf | Kind::EndDirective)
            || self.is_directive(rest);
        nodes.text.push_str(&if escaping { "\\" } else { "\\\\" }.repeat(count));
        Ok(())
    }

    fn if_statement(&mut self) -> Result<Node, CompileError> {
        let mut branches = Vec::new();
        loop {
            let token = self.take();
            self.take_if(Kind::White)?;
            self.expect(Kind::ParenOpen)?;
            let condition = self.expression()?.value;
            self.expect(Kind::ParenClose)?;
            let block = self.block()?;
            branches.push((condition, block, self.place(token)));
            if self.peek()? != Kind::ElseIf {
                break;
            }
        }
        let otherwise = if self.take_if(Kind::Else)? { Some(self.block()?) } else { None };
        self.expect(Kind::EndDirective)?;
        Ok(Node::If(Box::new(If { branches: branches.into(), otherwise })))
    }

    fn set_statement(&mut self) -> Result<Node, CompileError> {
        self.take();
        self.take_if(Kind::White)?;
        if !matches!(self.peek()?, Kind::Identifier | Kind::ReferenceOpen) {
            return Err(self.unexpected());
        }
        let first = self.at;
        let target = self.reference()?;
        self.take_if(Kind::White)?;
        self.expect(Kind::Assign)?;
        let value = self.expression()?.value;
        self.expect(Kind::ParenClose)?;
        self.scanner.in_set = false;
        // Velocity looks whether a line end follows, which never comes as a token of its own.
        self.peek()?;
        let name = self.image(first).get(1..).unwrap_or_default().to_owned();
        let slot = self.shared.names.slot(&name);
        Ok(Node::Set(Box::new(Assignment { target, slot, value })))
    }

    fn directive(&mut self, nodes: &mut Nodes) -> Result<(), CompileError> {
        let first = self.take();
        let image = self.image(first);
        let name = match self.tokens[first].kind {
            Kind::BracketedWord => image[2..image.len() - 1].to_owned(),
            _ => image.get(1..).unwrap_or_default().to_owned(),
        };
        let known = known(&name);
        self.scanner.switch(State::Directive);
        if !self.scanner.bracket_is_next() {
            if known == Some(Known::Macro) {
                return Err(self.error_at(first, "#macro needs a name"));
            }
            self.scanner.pop();
            return self.finish(nodes, first, &name, known, Vec::new(), None);
        }
        let arguments = self.directive_arguments(first, known)?;
        let block_follows = match known {
            Some(Known::Foreach | Known::Macro | Known::Literal | Known::Define) => true,
            Some(_) => false,
            None => name.starts_with('@'),
        };
        if !block_follows {
            return self.finish(nodes, first, &name, known, arguments, None);
        }
        let start = self.at;
        let body = self.block()?;
        let end = self.expect(Kind::EndDirective)?;
        self.finish(nodes, first, &name, known, arguments, Some((body, start, end)))
    }

    fn directive_arguments(
        &mut self,
        first: usize,
        known: Option<Known>,
    ) -> Result<Vec<DirectiveArgument>, CompileError> {
        self.peek()?;
        self.take_if(Kind::White)?;
        self.expect(Kind::ParenOpen)?;
        let mut arguments = Vec::new();
        loop {
            self.take_if(Kind::White)?;
            let comma = self.take_if(Kind::Comma)?;
            if comma {
                self.take_if(Kind::White)?;
            }
            if self.peek()? == Kind::ParenClose && !comma {
                self.take();
                return Ok(arguments);
            }
            let start = self.at;
            let is_word = self.take_if(Kind::Word)?;
            let value = if is_word { Expression::Null } else { self.argument()? };
            let word_expected = known == Some(Known::Macro) && arguments.is_empty();
            let word_allowed = known.is_none() || known == Some(Known::Foreach) && arguments.len() == 1;
            if is_word && !word_allowed && !word_expected || !is_word && word_expected {
                return Err(self.error_at(first, format!("invalid argument {}", arguments.len() + 1)));
            }
            arguments.push(DirectiveArgument { value, first: start, last: self.at - 1, is_word });
        }
    }

    /// Makes the node of a directive. `body` comes with its first token and with the one that ends it.
    fn finish(
        &mut self,
        nodes: &mut Nodes,
        first: usize,
        name: &str,
        known: Option<Known>,
        mut arguments: Vec<DirectiveArgument>,
        body: Option<(Block, usize, usize)>,
    ) -> Result<(), CompileError> {
        let place = self.place(first);
        let count = arguments.len();
        let node = match known {
            None => return self.call(nodes, first, name, arguments, body),
            Some(Known::Literal) => {
                let (_, start, end) = body.ok_or_else(|| self.error_at(first, "#literal needs a body"))?;
                let text = (start..end).map(|token| self.token_literal(token)).collect::<String>();
                nodes.text.push_str(&text);
                return Ok(());
            }
            Some(Known::Macro) => {
                let (body, ..) = body.ok_or_else(|| self.error_at(first, "#macro needs a body"))?;
                return self.define_macro(first, &arguments, body);
            }
            Some(Known::Foreach) => {
                let (body, ..) = body.ok_or_else(|| self.error_at(first, "#foreach needs arguments"))?;
                if count < 2 {
                    Node::Refused("#foreach needs a variable and a list", place)
                } else if count == 2 {
                    return Ok(());
                } else {
                    let list = std::mem::replace(&mut arguments[2].value, Expression::Null);
                    let element = match &arguments[0].value {
                        Expression::Reference(reference) => reference.root,
                        _ => self.slot_of(arguments[0].first),
                    };
                    Node::Foreach(Box::new(Foreach { element, list, body, place }))
                }
            }
            Some(Known::Define) => match body {
                Some((body, ..)) if count == 1 => {
                    Node::Define(Box::new(Definition { slot: self.slot_of(arguments[0].first), body }))
                }
                _ => return Err(self.error_at(first, "#define needs exactly one variable")),
            },
            Some(Known::Evaluate) => match arguments.pop() {
                Some(DirectiveArgument { value, .. }) if count == 1 && may_be_evaluated(&value) => {
                    Node::Evaluate(Box::new((value, place)))
                }
                _ => return Err(self.error_at(first, "#evaluate needs exactly one text or reference")),
            },
            Some(Known::Break | Known::Stop) if count > 1 => {
                return Err(self.error_at(first, format!("#{name} takes at most one argument")));
            }
            Some(Known::Break) => {
                Node::Break(arguments.pop().map(|argument| Box::new((argument.value, place))))
            }
            Some(Known::Stop) => Node::Stop(arguments.pop().map(|argument| Box::new(argument.value))),
            Some(Known::Include) if count == 0 => return Ok(()),
            Some(Known::Include) => Node::Refused("#include: there are no files", place),
            Some(Known::Parse) => Node::Refused("#parse: there are no other templates", place),
        };
        nodes.push(node);
        Ok(())
    }

    /// The variable that a token names, its first character aside.
    fn slot_of(&mut self, token: usize) -> u32 {
        let name = self.image(token).get(1..).unwrap_or_default().to_owned();
        self.shared.names.slot(&name)
    }

    /// The text of a token with what stands before it.
    fn token_literal(&self, token: usize) -> String {
        if self.tokens[token].kind == Kind::BlockComment {
            return String::new();
        }
        let special = self.tokens[token].special.as_deref().unwrap_or_default();
        format!("{special}{}", self.image(token))
    }

    fn define_macro(
        &mut self,
        first: usize,
        arguments: &[DirectiveArgument],
        body: Block,
    ) -> Result<(), CompileError> {
        let Some((name, parameters)) = arguments.split_first() else {
            return Err(self.error_at(first, "#macro needs a name"));
        };
        let name: Box<str> = self.image(name.first).into();
        let parameters = parameters
            .iter()
            .map(|parameter| {
                let image = self.image(parameter.first);
                let name = image.strip_prefix('$').unwrap_or(image).to_owned();
                self.shared.names.slot(&name)
            })
            .collect();
        // The first definition of a name counts: Velocity does not let a template replace macros.
        if !self.shared.macros.iter().any(|known| known.name == name) {
            self.shared.macros.push(Macro { name, parameters, body });
        }
        Ok(())
    }

    /// `#name(…)` of no directive: a macro, now or later, or just text.
    fn call(
        &mut self,
        nodes: &mut Nodes,
        first: usize,
        name: &str,
        arguments: Vec<DirectiveArgument>,
        body: Option<(Block, usize, usize)>,
    ) -> Result<(), CompileError> {
        if name.starts_with('@') && body.is_none() {
            nodes.text.push('#');
            nodes.text.push_str(name);
            return Ok(());
        }
        let bad_argument = arguments.iter().any(|argument| argument.is_word);
        let literal = self.literal(first, self.at - 1);
        let arguments = arguments
            .into_iter()
            .map(|argument| Argument {
                literal: self.literal(argument.first, argument.last),
                value: argument.value,
            })
            .collect();
        nodes.push(Node::Call(Box::new(Call {
            name: name.trim_start_matches('@').into(),
            arguments,
            body: body.map(|(body, ..)| body),
            literal,
            bad_argument,
            place: self.place(first),
        })));
        Ok(())
    }
}

fn may_be_evaluated(value: &Expression) -> bool {
    matches!(value, Expression::Text(_) | Expression::Template(_) | Expression::Reference(_))
}
