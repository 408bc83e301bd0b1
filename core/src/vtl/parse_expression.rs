//! Expressions, and the references in them.

use std::borrow::Cow;

use super::CompileError;
use super::ast::{Binary, Expression, Interpolated, Literal, Method, Node, Reference, ReferenceKind, Step};
use super::java_regex;
use super::parse::{Parser, compile_unit};
use super::token::{Kind, Operator};
use crate::json_path::JsonPath;
use crate::limits::VTL_OPERATORS_MAX;

/// An expression and the text that stands for it where it has no value.
pub(super) struct Operand {
    pub(super) value: Expression,
    pub(super) literal: Literal,
}

/// How strongly operators bind; the first ones least.
fn level(operator: Operator) -> u8 {
    match operator {
        Operator::Or => 0,
        Operator::And => 1,
        Operator::Equal | Operator::NotEqual => 2,
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => 3,
        Operator::Add | Operator::Subtract => 4,
        Operator::Multiply | Operator::Divide | Operator::Modulo => 5,
        Operator::Not => 6,
    }
}

/// Whether a value can begin with a token.
fn begins_value(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::String
            | Kind::Integer
            | Kind::Float
            | Kind::BracketOpen
            | Kind::CurlyOpen
            | Kind::True
            | Kind::False
            | Kind::Identifier
            | Kind::ReferenceOpen
    )
}

impl Parser<'_, '_> {
    pub(super) fn expression(&mut self) -> Result<Operand, CompileError> {
        self.enter()?;
        let operand = self.operation(0)?;
        self.leave();
        Ok(operand)
    }

    /// An operand and the operators after it that bind at least as strongly as `lowest`.
    fn operation(&mut self, lowest: u8) -> Result<Operand, CompileError> {
        let mut left = self.unary()?;
        while let Kind::Operator(operator) = self.peek()? {
            let level = level(operator);
            if operator == Operator::Not || level < lowest {
                break;
            }
            let sign = self.take();
            self.shared.operators += 1;
            if self.shared.operators > VTL_OPERATORS_MAX {
                let message = format!("more than {VTL_OPERATORS_MAX} operators in a statement");
                return Err(self.error_at(sign, message));
            }
            let first = self.at;
            let right = self.operation(level + 1)?;
            // Velocity takes the right side for the text of the whole.
            let literal = self.literal(first, self.at - 1);
            let literals = (left.literal, right.literal);
            let binary = Binary { left: left.value, right: right.value, literals };
            left = Operand { value: Expression::Binary(operator, Box::new(binary)), literal };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Operand, CompileError> {
        let not = Kind::Operator(Operator::Not);
        if self.peek()? == not || self.peek()? == Kind::White && self.peek_at(1)? == not {
            self.enter()?;
            self.take_if(Kind::White)?;
            self.take();
            let first = self.at;
            let operand = self.unary()?;
            self.leave();
            let literal = self.literal(first, self.at - 1);
            return Ok(Operand { value: Expression::Not(Box::new(operand.value)), literal });
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Operand, CompileError> {
        self.take_if(Kind::White)?;
        let first = self.at;
        let operand = if self.take_if(Kind::ParenOpen)? {
            let inside = self.at;
            let value = self.expression()?.value;
            let literal = self.literal(inside, self.at - 1);
            self.expect(Kind::ParenClose)?;
            Operand { value, literal }
        } else {
            let value = self.argument()?;
            Operand { value, literal: self.literal(first, self.at - 1) }
        };
        self.take_if(Kind::White)?;
        Ok(operand)
    }

    /// A value with the white space around it.
    fn parameter(&mut self) -> Result<Expression, CompileError> {
        self.take_if(Kind::White)?;
        let value = self.argument()?;
        self.take_if(Kind::White)?;
        Ok(value)
    }

    /// A value: a text, number, list, map, range, reference or truth value.
    pub(super) fn argument(&mut self) -> Result<Expression, CompileError> {
        match self.peek()? {
            Kind::String => {
                let token = self.take();
                self.string(token)
            }
            Kind::Integer => {
                let token = self.take();
                let image = self.image(token);
                Ok(match image.parse::<i64>() {
                    Ok(number) => match i32::try_from(number) {
                        Ok(number) => Expression::Integer(number),
                        Err(_) => Expression::Long(number),
                    },
                    Err(_) => Expression::BigInteger(image.into()),
                })
            }
            Kind::Float => {
                let token = self.take();
                let number = self.image(token).parse();
                number.map(Expression::Double).map_err(|_| self.error_at(token, "not a number"))
            }
            Kind::True => {
                self.take();
                Ok(Expression::Boolean(true))
            }
            Kind::False => {
                self.take();
                Ok(Expression::Boolean(false))
            }
            Kind::BracketOpen => {
                self.enter()?;
                let value = if self.is_range()? { self.range() } else { self.list() }?;
                self.leave();
                Ok(value)
            }
            Kind::CurlyOpen => {
                self.enter()?;
                let value = self.map()?;
                self.leave();
                Ok(value)
            }
            Kind::Identifier | Kind::ReferenceOpen => {
                let reference = self.reference()?;
                Ok(match reference.kind {
                    ReferenceKind::Bare(_) => Expression::Null,
                    _ => Expression::Reference(Box::new(reference)),
                })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Whether `[a..b]` follows. Looks ahead without parsing, up to the dots.
    fn is_range(&mut self) -> Result<bool, CompileError> {
        let mut ahead = 1;
        if self.peek_at(ahead)? == Kind::White {
            ahead += 1;
        }
        match self.peek_at(ahead)? {
            Kind::Integer => ahead += 1,
            Kind::Identifier | Kind::ReferenceOpen => {
                let mut open = 0;
                loop {
                    match self.peek_at(ahead)? {
                        Kind::ParenOpen | Kind::IndexOpen => open += 1,
                        Kind::ArgumentsClose | Kind::IndexClose => open -= 1,
                        Kind::Identifier | Kind::ReferenceOpen | Kind::ReferenceClose | Kind::Dot => {}
                        Kind::End => return Ok(false),
                        _ if open == 0 => break,
                        _ => {}
                    }
                    ahead += 1;
                }
            }
            _ => return Ok(false),
        }
        if self.peek_at(ahead)? == Kind::White {
            ahead += 1;
        }
        Ok(self.peek_at(ahead)? == Kind::DoubleDot)
    }

    fn range(&mut self) -> Result<Expression, CompileError> {
        self.take();
        let from = self.parameter()?;
        self.expect(Kind::DoubleDot)?;
        let to = self.parameter()?;
        self.expect(Kind::BracketClose)?;
        let is_bound = |bound: &Expression| {
            matches!(
                bound,
                Expression::Integer(_)
                    | Expression::Long(_)
                    | Expression::BigInteger(_)
                    | Expression::Reference(_)
            )
        };
        if is_bound(&from) && is_bound(&to) {
            return Ok(Expression::Range(Box::new((from, to))));
        }
        Err(self.error_at(self.at - 1, "the ends of a range are whole numbers or references"))
    }

    fn list(&mut self) -> Result<Expression, CompileError> {
        self.take();
        let mut items = Vec::new();
        if self.peek()? != Kind::BracketClose {
            loop {
                items.push(self.parameter()?);
                if !self.take_if(Kind::Comma)? {
                    break;
                }
            }
        }
        self.expect(Kind::BracketClose)?;
        Ok(Expression::List(items.into()))
    }

    fn map(&mut self) -> Result<Expression, CompileError> {
        self.take();
        let mut entries = Vec::new();
        let first = self.peek()?;
        if begins_value(first) || first == Kind::White && begins_value(self.peek_at(1)?) {
            loop {
                let key = self.parameter()?;
                self.expect(Kind::Colon)?;
                entries.push((key, self.parameter()?));
                if !self.take_if(Kind::Comma)? {
                    break;
                }
            }
        } else {
            self.take_if(Kind::White)?;
        }
        // A reference before the bracket makes another token of it.
        if !self.take_if(Kind::CurlyClose)? {
            self.expect(Kind::ReferenceClose)?;
        }
        Ok(Expression::Map(entries.into()))
    }

    /// A text in quotes. In double quotes, what looks like a reference or a directive is one.
    fn string(&mut self, token: usize) -> Result<Expression, CompileError> {
        let image = self.image(token);
        let (quote, inside) = (image.as_bytes()[0], &image[1..image.len() - 1]);
        let interpolated = quote == b'"' && image.contains(['$', '#']);
        let text = match quote {
            b'"' => unescape(inside).ok_or_else(|| self.error_at(token, "\\u without four hex digits"))?,
            _ => Cow::Borrowed(inside),
        };
        let twice = if quote == b'"' { "\"\"" } else { "''" };
        let mut text =
            if text.contains(twice) { text.replace(twice, &twice[..1]) } else { text.into_owned() };
        if !interpolated {
            return Ok(Expression::Text(text.into()));
        }
        let blank_added = !text.contains("##");
        if blank_added {
            text.push(' ');
        }
        self.enter()?;
        let place = self.place(token);
        let compiled = compile_unit(&text, Some(place), self.depth, self.shared);
        let block = compiled.map_err(|error| error.within(self.text, place.offset as usize))?;
        self.leave();
        let mut inside = Interpolated { block, cut_last: blank_added };
        if blank_added {
            inside.remove_blank();
        }
        Ok(match &inside.block.nodes[..] {
            [] if !inside.cut_last => Expression::Text("".into()),
            [Node::Text(text)] if !inside.cut_last => Expression::Text(text.clone()),
            _ => Expression::Template(Box::new(inside)),
        })
    }

    /// A reference that begins here. Its text loses what escapes it.
    pub(super) fn reference(&mut self) -> Result<Reference, CompileError> {
        let first = self.at;
        let braces = self.take_if(Kind::ReferenceOpen)?;
        self.expect(Kind::Identifier)?;
        let mut steps = Vec::new();
        self.indices(&mut steps)?;
        while self.peek()? == Kind::Dot && self.peek_at(1)? == Kind::Identifier {
            self.take();
            let step = self.member()?;
            steps.push(step);
            self.indices(&mut steps)?;
        }
        if braces {
            self.expect(Kind::ReferenceClose)?;
        }
        let place = self.place(first);
        let (kind, prefix, name) = self.root(first);
        let root = self.shared.names.slot(&name);
        let dotted: Option<Vec<&str>> = steps
            .iter()
            .map(|step| match step {
                Step::Property(name) => Some(&**name),
                _ => None,
            })
            .collect();
        let dotted = dotted.filter(|names| !names.is_empty()).map(|names| names.join(".").into());
        let literal = self.literal(first, self.at - 1);
        Ok(Reference { root, steps: steps.into(), kind, prefix: prefix.into(), dotted, literal, place })
    }

    /// What a reference is, what prints before it and which variable it begins with, by its first token.
    fn root(&mut self, first: usize) -> (ReferenceKind, String, String) {
        let image = self.image(first).to_owned();
        if image.contains("\\!") {
            return (ReferenceKind::NoValue, String::new(), image);
        }
        let slashes = image.bytes().take_while(|&byte| byte == b'\\').count();
        let mut prefix = image[..slashes / 2].to_owned();
        let rest = &image[slashes..];
        let dollar = rest.rfind('$').unwrap_or(0);
        let rest_start = slashes + dollar;
        self.tokens[first].start += rest_start as u32;
        let rest = &rest[dollar..];
        let kind = if slashes % 2 == 1 { ReferenceKind::Escaped } else { ReferenceKind::Normal };
        if kind == ReferenceKind::Normal {
            prefix.push_str(&image[slashes..rest_start]);
        }
        let name = if rest == "${" || rest.starts_with("$!{") {
            self.image(first + 1).to_owned()
        } else if let Some(name) = rest.strip_prefix("$!") {
            name.to_owned()
        } else if let Some(name) = rest.strip_prefix('$') {
            name.to_owned()
        } else {
            return (ReferenceKind::Bare(rest.into()), String::new(), String::new());
        };
        (kind, prefix, name)
    }

    fn indices(&mut self, steps: &mut Vec<Step>) -> Result<(), CompileError> {
        while self.take_if(Kind::IndexOpen)? {
            self.enter()?;
            self.take_if(Kind::White)?;
            if matches!(self.peek()?, Kind::Float | Kind::BracketOpen | Kind::CurlyOpen) {
                return Err(self.unexpected());
            }
            let value = self.argument()?;
            self.take_if(Kind::White)?;
            self.expect(Kind::IndexClose)?;
            self.leave();
            steps.push(Step::Index(Box::new(value)));
        }
        Ok(())
    }

    /// A property, or a method with its arguments.
    fn member(&mut self) -> Result<Step, CompileError> {
        let token = self.take();
        let name: Box<str> = self.image(token).into();
        let is_method = self.peek()? == Kind::ParenOpen && {
            let third = self.peek_at(1)?;
            third == Kind::ArgumentsClose || third == Kind::White || begins_value(third)
        };
        if !is_method {
            return Ok(Step::Property(name));
        }
        self.enter()?;
        self.take();
        let mut arguments = Vec::new();
        if self.peek()? != Kind::ArgumentsClose {
            loop {
                arguments.push(self.parameter()?);
                if !self.take_if(Kind::Comma)? {
                    break;
                }
            }
        }
        self.expect(Kind::ArgumentsClose)?;
        self.leave();
        let constant = match arguments.first() {
            Some(Expression::Text(text)) => Some(&**text),
            _ => None,
        };
        let path = constant.filter(|_| matches!(&*name, "path" | "json")).map(JsonPath::compile);
        let regex = constant.and_then(|pattern| match &*name {
            "matches" => java_regex::compile_whole(pattern),
            "replaceAll" | "replaceFirst" | "split" => java_regex::compile(pattern),
            _ => None,
        });
        let place = self.place(token);
        Ok(Step::Method(Box::new(Method { name, arguments: arguments.into(), path, regex, place })))
    }
}

impl Interpolated {
    /// Takes the added blank off the end of the last text, where it is unless a comment has swallowed it.
    fn remove_blank(&mut self) {
        let mut nodes = std::mem::take(&mut self.block.nodes).into_vec();
        if let Some(Node::Text(text)) = nodes.last_mut()
            && let Some(without) = text.strip_suffix(' ')
        {
            let without: Box<str> = without.into();
            if without.is_empty() {
                nodes.pop();
            } else {
                *text = without;
            }
            self.cut_last = false;
        }
        self.block.nodes = nodes.into();
    }
}

/// Replaces `\uXXXX`. `None` if one has no four hex digits.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains("\\u") {
        return Some(Cow::Borrowed(text));
    }
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        units.extend(rest[..at].encode_utf16());
        let digits = rest.get(at + 2..at + 6)?;
        units.push(u16::from_str_radix(digits, 16).ok()?);
        rest = &rest[at + 6..];
    }
    units.extend(rest.encode_utf16());
    let characters = char::decode_utf16(units).map(|character| character.unwrap_or('?'));
    Some(Cow::Owned(characters.collect()))
}
