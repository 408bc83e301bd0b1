//! Compiled templates: a tree whose variables are slots and whose constant paths are compiled.

use regex::Regex;

use super::names::Slot;
use super::token::Operator;
use crate::json_path::{JsonPath, PathError};

/// What a template or a part of it consists of.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) nodes: Box<[Node]>,
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(Box<str>),
    Reference(Box<Reference>),
    Set(Box<Assignment>),
    If(Box<If>),
    Foreach(Box<Foreach>),
    Call(Box<Call>),
    Define(Box<Definition>),
    Evaluate(Box<(Expression, Place)>),
    Break(Option<Box<(Expression, Place)>>),
    Stop(Option<Box<Expression>>),
    /// `#parse` and `#include`: there are no other templates. An error when it is reached.
    Refused(&'static str, Place),
}

/// A place in a text of the template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) unit: u32,
    pub(super) offset: u32,
}

/// A part of the template's text: what prints where a value is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    /// Which text: the template's own, or a text in quotes within it.
    pub(super) unit: u32,
    /// Its first and last token.
    pub(super) first: u32,
    pub(super) last: u32,
}

/// A text that was cut up into tokens, as far as it may be printed.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) text: Box<str>,
    pub(super) tokens: Box<[Span]>,
    /// Where the text is in another one, if it stands in quotes there.
    pub(super) within: Option<Place>,
}

/// Where a token is in its text.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) special: Option<Box<str>>,
    pub(super) is_comment: bool,
}

/// `$name.property.method()[index]`
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) root: Slot,
    pub(super) steps: Box<[Step]>,
    pub(super) kind: ReferenceKind,
    /// What prints before the value: backslashes that escape each other, `#`, `$`.
    pub(super) prefix: Box<str>,
    /// The properties joined by dots, if there is nothing else: the name in `$context`.
    pub(super) dotted: Option<Box<str>>,
    /// The text without what escapes it.
    pub(super) literal: Literal,
    pub(super) place: Place,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReferenceKind {
    /// `$name` and `${name}`; without a value they print nothing, as `$!name` does.
    Normal,
    /// `\$name`: prints the text of the reference.
    Escaped,
    /// A name without `$`: prints itself, is `null`.
    Bare(Box<str>),
    /// `$\!name`: is `null`, prints nothing.
    NoValue,
}

#[derive(Debug)]
pub(super) enum Step {
    Property(Box<str>),
    Method(Box<Method>),
    Index(Box<Expression>),
}

/// A call of a method.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: Box<str>,
    pub(super) arguments: Box<[Expression]>,
    /// The first argument, compiled, where the method takes a JSONPath and the argument is constant.
    pub(super) path: Option<Result<JsonPath, PathError>>,
    /// The first argument, compiled, where the method takes a regular expression and the argument is constant.
    pub(super) regex: Option<Regex>,
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) enum Expression {
    Null,
    Boolean(bool),
    Integer(i32),
    Long(i64),
    BigInteger(Box<str>),
    Double(f64),
    Text(Box<str>),
    /// A text in double quotes that has references or directives.
    Template(Box<Interpolated>),
    Reference(Box<Reference>),
    List(Box<[Expression]>),
    Map(Box<[(Expression, Expression)]>),
    Range(Box<(Expression, Expression)>),
    /// `and`, `or`, comparisons, arithmetic.
    Binary(Operator, Box<Binary>),
    Not(Box<Expression>),
}

#[derive(Debug)]
pub(super) struct Binary {
    pub(super) left: Expression,
    pub(super) right: Expression,
    /// What `+` joins where a side that has no value meets a text.
    pub(super) literals: (Literal, Literal),
}

/// The inside of a text in double quotes.
#[derive(Debug)]
pub(super) struct Interpolated {
    pub(super) block: Block,
    /// Velocity puts a blank at the end and takes the last character off the result. Here the blank is gone already, or, if it
    /// cannot be found in the template, the last character has to go.
    pub(super) cut_last: bool,
}

/// `#set($target.steps = value)`
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) target: Reference,
    /// The variable of a target without steps. Velocity cuts the first character off its text, so `$!x` sets a variable `!x`.
    pub(super) slot: Slot,
    pub(super) value: Expression,
}

#[derive(Debug)]
pub(super) struct If {
    /// Conditions and what they guard, in their order.
    pub(super) branches: Box<[(Expression, Block, Place)]>,
    pub(super) otherwise: Option<Block>,
}

#[derive(Debug)]
pub(super) struct Foreach {
    pub(super) element: Slot,
    pub(super) list: Expression,
    pub(super) body: Block,
    pub(super) place: Place,
}

/// `#name(arguments)`, `#@name(arguments) body #end`, and what only looks like it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: Box<str>,
    pub(super) arguments: Box<[Argument]>,
    pub(super) body: Option<Block>,
    /// What prints if there is no such macro.
    pub(super) literal: Literal,
    /// A word without quotes among the arguments: an error if there is such a macro.
    pub(super) bad_argument: bool,
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) struct Argument {
    pub(super) value: Expression,
    pub(super) literal: Literal,
}

/// `#macro(name $a $b) body #end`
#[derive(Debug)]
pub(super) struct Macro {
    pub(super) name: Box<str>,
    pub(super) parameters: Box<[Slot]>,
    pub(super) body: Block,
}

/// `#define($name) body #end`
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) slot: Slot,
    pub(super) body: Block,
}
