//! Things in a template that Velocity accepts and that are most likely mistakes.

use std::collections::HashSet;
use std::fmt;

use super::Template;
use super::ast::{Block, Expression, Node, Place, Reference, ReferenceKind, Step};
use super::error::position;
use super::names::{self, Slot};
use super::token::Operator;

/// A likely mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is odd there.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Likely mistakes of a template, in the order of their places: variables that are never set, conditions that are always true
/// because a reference without a value is, and values that stand in JSON without quotes.
pub fn lint(template: &Template) -> Vec<Warning> {
    let mut set: HashSet<Slot> = (0..=names::BODY_CONTENT).collect();
    collect_block(&template.block, &mut set);
    for known in &template.macros {
        set.extend(&known.parameters);
        collect_block(&known.body, &mut set);
    }
    let mut linter = Linter { template, set, warnings: Vec::new() };
    linter.block(&template.block);
    for known in &template.macros {
        linter.block(&known.body);
    }
    linter.warnings.sort_by_key(|warning| (warning.line, warning.column));
    linter.warnings.dedup();
    linter.warnings
}

/// The variables that a block sets.
fn collect_block(block: &Block, set: &mut HashSet<Slot>) {
    for node in &block.nodes {
        match node {
            Node::Set(assignment) => {
                set.insert(assignment.slot);
                set.insert(assignment.target.root);
            }
            Node::If(branches) => {
                branches.branches.iter().for_each(|(_, block, _)| collect_block(block, set));
                branches.otherwise.iter().for_each(|block| collect_block(block, set));
            }
            Node::Foreach(foreach) => {
                set.insert(foreach.element);
                collect_block(&foreach.body, set);
            }
            Node::Define(definition) => {
                set.insert(definition.slot);
                collect_block(&definition.body, set);
            }
            Node::Call(call) => call.body.iter().for_each(|block| collect_block(block, set)),
            _ => {}
        }
    }
}

struct Linter<'t> {
    template: &'t Template,
    set: HashSet<Slot>,
    warnings: Vec<Warning>,
}

impl Linter<'_> {
    fn warn(&mut self, place: Place, message: String) {
        let (line, column) = self.position(place);
        self.warnings.push(Warning { line, column, message });
    }

    fn position(&self, place: Place) -> (u32, u32) {
        let unit = &self.template.units[(place.unit - self.template.first_unit) as usize];
        match unit.within {
            // Close enough: where the text in quotes begins.
            Some(outer) => self.position(outer),
            None => position(&unit.text, place.offset as usize),
        }
    }

    fn block(&mut self, block: &Block) {
        let mut before: Option<&str> = None;
        for node in &block.nodes {
            match node {
                Node::Text(_) => {}
                Node::Reference(reference) => {
                    self.reference(reference);
                    self.quotes(reference, before);
                }
                Node::Set(assignment) => self.expression(&assignment.value),
                Node::If(branches) => {
                    for (condition, block, place) in &branches.branches {
                        self.condition(condition, *place);
                        self.expression(condition);
                        self.block(block);
                    }
                    branches.otherwise.iter().for_each(|block| self.block(block));
                }
                Node::Foreach(foreach) => {
                    self.expression(&foreach.list);
                    self.block(&foreach.body);
                }
                Node::Call(call) => {
                    call.arguments.iter().for_each(|argument| self.expression(&argument.value));
                    call.body.iter().for_each(|block| self.block(block));
                }
                Node::Define(definition) => self.block(&definition.body),
                Node::Evaluate(evaluate) => self.expression(&evaluate.0),
                Node::Refused(why, place) => {
                    self.warn(*place, format!("this fails when it is reached: {why}"))
                }
                Node::Break(_) | Node::Stop(_) => {}
            }
            before = match node {
                Node::Text(text) => Some(text),
                _ => None,
            };
        }
    }

    fn reference(&mut self, reference: &Reference) {
        if matches!(reference.kind, ReferenceKind::Bare(_) | ReferenceKind::NoValue) {
            return;
        }
        if !self.set.contains(&reference.root) {
            let name = self.template.names.name(reference.root);
            self.warn(reference.place, format!("${name} is never set: it is always empty"));
        }
        for step in &reference.steps {
            match step {
                Step::Method(method) => {
                    if let Some(Err(error)) = &method.path {
                        self.warn(method.place, format!("this fails when it is reached: {error}"));
                    }
                    method.arguments.iter().for_each(|argument| self.expression(argument));
                }
                Step::Index(index) => self.expression(index),
                Step::Property(_) => {}
            }
        }
    }

    /// `#if($x)` asks whether something is not `false`: what is missing is true, texts and numbers are false.
    fn condition(&mut self, condition: &Expression, place: Place) {
        match condition {
            Expression::Reference(reference) if !self.set.contains(&reference.root) => {
                self.warn(place, "the condition is always true: a reference without a value is".into());
            }
            Expression::Reference(reference) => {
                let asks_input = matches!(&*reference.steps, [Step::Method(method)]
                    if reference.root == names::INPUT && matches!(&*method.name, "path" | "params" | "json"));
                if asks_input {
                    let message =
                        "the condition is true even without such a value: compare with \"\" instead";
                    self.warn(place, message.into());
                }
            }
            Expression::Text(_)
            | Expression::Template(_)
            | Expression::Integer(_)
            | Expression::Double(_) => {
                self.warn(
                    place,
                    "the condition is always false: only references and comparisons can be true".into(),
                );
            }
            Expression::Binary(Operator::And | Operator::Or, sides) => {
                self.condition(&sides.left, place);
                self.condition(&sides.right, place);
            }
            Expression::Not(inner) => self.condition(inner, place),
            _ => {}
        }
    }

    /// A text of the request as a JSON value without quotes around it.
    fn quotes(&mut self, reference: &Reference, before: Option<&str>) {
        let in_json = before.is_some_and(|text| {
            let text = text.trim_end();
            text.strip_suffix(':').is_some_and(|key| key.trim_end().ends_with('"'))
        });
        let is_text = match &*reference.steps {
            [Step::Method(method)] => reference.root == names::INPUT && &*method.name == "params",
            [Step::Property(_), ..] => matches!(reference.root, names::CONTEXT | names::STAGE_VARIABLES),
            _ => false,
        };
        if in_json && is_text {
            self.warn(reference.place, "a text without quotes around it is no JSON".into());
        }
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Reference(reference) => self.reference(reference),
            Expression::Template(inside) => self.block(&inside.block),
            Expression::List(items) => items.iter().for_each(|item| self.expression(item)),
            Expression::Map(entries) => entries.iter().for_each(|(key, value)| {
                self.expression(key);
                self.expression(value);
            }),
            Expression::Range(ends) => {
                self.expression(&ends.0);
                self.expression(&ends.1);
            }
            Expression::Binary(_, sides) => {
                self.expression(&sides.left);
                self.expression(&sides.right);
            }
            Expression::Not(inner) => self.expression(inner),
            _ => {}
        }
    }
}
