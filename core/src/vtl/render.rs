//! Rendering: what each node of a template does.

use std::rc::Rc;

use super::ast::{Block, Call, Expression, Foreach, Node, Place, Reference, ReferenceKind, Step};
use super::encode::escape_java_script;
use super::evaluate::member;
use super::frames::Frame;
use super::names;
use super::state::{Deferred, Document, Halt, Loop, Outcome, Render, handle};
use super::{Template, ast::Macro};
use crate::json::{Style, Text, Value, write_json, write_text};
use crate::limits::{VTL_EVALUATIONS_MAX, VTL_LOOP_ROUNDS_MAX, VTL_MACRO_DEPTH_MAX, VTL_TEMPLATE_BYTES_MAX};

/// How often a `#define` may print within itself.
const DEFINE_DEPTH_MAX: u32 = 2;

impl<'r> Render<'r> {
    pub(super) fn block(&mut self, block: &'r Block) -> Outcome<()> {
        for node in &block.nodes {
            self.node(node)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &'r Node) -> Outcome<()> {
        match node {
            Node::Text(text) => {
                self.out.extend_from_slice(text.as_bytes());
                self.step(text.len())?;
                self.check_output()
            }
            Node::Reference(reference) => self.print_reference(reference),
            Node::Set(assignment) => {
                self.step(0)?;
                let value = self.value(&assignment.value)?;
                // Nothing can be set to null: the variable keeps its value.
                if value.is_null() {
                    return Ok(());
                }
                if assignment.target.steps.is_empty() {
                    self.put(assignment.slot, value);
                    return Ok(());
                }
                self.assign(&assignment.target, value)
            }
            Node::If(branches) => {
                self.step(0)?;
                for (condition, block, place) in &branches.branches {
                    let taken = self.truth(condition)?;
                    self.observe_branch(*place, if taken { "true" } else { "false" });
                    if taken {
                        return self.nested(block);
                    }
                }
                match &branches.otherwise {
                    Some(block) => self.nested(block),
                    None => Ok(()),
                }
            }
            Node::Foreach(foreach) => self.foreach(foreach),
            Node::Call(call) => self.call(call),
            Node::Define(definition) => {
                self.step(0)?;
                let value = self.defer(&definition.body, DEFINE_DEPTH_MAX);
                self.put(definition.slot, value);
                Ok(())
            }
            Node::Evaluate(evaluate) => self.evaluate(&evaluate.0, evaluate.1),
            Node::Break(None) => Err(Halt::Break),
            Node::Break(Some(scope)) => match self.value(&scope.0)? {
                Value::Handle(handle @ handle::LOOPS..handle::OBJECTS) => {
                    Err(Halt::BreakLoop(handle - handle::LOOPS))
                }
                _ => Err(self.error(Some(scope.1), "#break needs a scope such as $foreach")),
            },
            Node::Stop(message) => {
                if let Some(message) = message {
                    self.value(message)?;
                }
                Err(Halt::Stop)
            }
            Node::Refused(why, place) => Err(self.error(Some(*place), *why)),
        }
    }

    fn nested(&mut self, block: &'r Block) -> Outcome<()> {
        self.descend()?;
        self.block(block)?;
        self.ascend();
        Ok(())
    }

    #[inline]
    fn observe_branch(&mut self, place: Place, what: &str) {
        if self.observer.is_some() {
            let line = self.line(place);
            if let Some(observer) = &mut self.observer {
                observer.branch(line, what);
            }
        }
    }

    fn print_reference(&mut self, reference: &'r Reference) -> Outcome<()> {
        if self.observer.is_none() {
            return self.print_value(reference);
        }
        let start = self.out.len();
        self.print_value(reference)?;
        let value = String::from_utf8_lossy(&self.out[start.min(self.out.len())..]).into_owned();
        let line = self.line(reference.place);
        let text = self.literal(reference.literal, false);
        if let Some(observer) = &mut self.observer {
            observer.reference(line, &text, &value);
        }
        Ok(())
    }

    fn print_value(&mut self, reference: &'r Reference) -> Outcome<()> {
        self.step(0)?;
        match &reference.kind {
            ReferenceKind::Normal => {}
            ReferenceKind::NoValue => return Ok(()),
            ReferenceKind::Bare(text) => {
                self.out.extend_from_slice(text.as_bytes());
                return Ok(());
            }
            ReferenceKind::Escaped => {
                self.reference(reference)?;
                let text = self.escaped_text(reference);
                self.out.extend_from_slice(reference.prefix.as_bytes());
                self.out.extend_from_slice(text.as_bytes());
                return Ok(());
            }
        }
        if self.print_member(reference)? || self.print_call(reference)? {
            return Ok(());
        }
        let value = self.reference(reference)?;
        if let Value::Handle(block @ handle::BLOCKS..handle::LOOPS) = value {
            if !self.print_block((block - handle::BLOCKS) as usize, false)? {
                self.print_unprintable(reference);
            }
            return Ok(());
        }
        self.out.extend_from_slice(reference.prefix.as_bytes());
        self.print(&value)
    }

    /// A block that would print itself too often: the text of the reference instead, nothing for `$!name`.
    fn print_unprintable(&mut self, reference: &'r Reference) {
        let slashes = reference.prefix.len() - reference.prefix.trim_start_matches('\\').len();
        let text = self.escaped_text(reference);
        self.out.extend_from_slice(&reference.prefix.as_bytes()[..slashes]);
        self.out.extend_from_slice(reference.prefix.as_bytes());
        if !text.starts_with("$!") {
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    /// Prints a variable, or what is in its maps, without copying it. `false` if it takes more than that.
    fn print_member(&mut self, reference: &'r Reference) -> Outcome<bool> {
        if self.frame.is_some() || !reference.prefix.is_empty() {
            return Ok(false);
        }
        let Some(root) = self.slots.get(reference.root as usize) else { return Ok(false) };
        let out = &mut self.out;
        let printed = member(root, &reference.steps, |value| match value {
            Value::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                true
            }
            Value::Integer(_) | Value::Boolean(_) => write_text(value, out),
            _ => false,
        });
        if printed != Some(true) {
            return Ok(false);
        }
        self.step_over(&reference.steps)?;
        self.check_output()?;
        Ok(true)
    }

    /// Prints `$input.json('…')` and `$util.escapeJavaScript(…)` without making a text of it first. `false` if it is another call.
    fn print_call(&mut self, reference: &'r Reference) -> Outcome<bool> {
        let [Step::Method(method)] = &*reference.steps else { return Ok(false) };
        let [argument] = &*method.arguments else { return Ok(false) };
        match (self.get(reference.root)?, &*method.name, &method.path) {
            (Value::Handle(handle::INPUT), "json", Some(path)) => {
                let value = self.find_in_body(path, method.place)?;
                self.out.extend_from_slice(reference.prefix.as_bytes());
                let start = self.out.len();
                match value {
                    Value::Null => self.out.extend_from_slice(b"\"\""),
                    value if write_json(&value, Style::Plain, &mut self.out) => {}
                    _ => return Err(self.limit("a value is nested too deeply to be printed")),
                }
                self.step(self.out.len() - start)?;
            }
            (Value::Handle(handle::UTIL), "escapeJavaScript", _) => {
                let value = self.value(argument)?;
                let text = if value.is_null() { Text::Borrowed("") } else { self.text_of(&value)? };
                self.out.extend_from_slice(reference.prefix.as_bytes());
                let start = self.out.len();
                escape_java_script(&text, &mut self.out);
                self.step(self.out.len() - start)?;
            }
            _ => return Ok(false),
        }
        self.check_output()?;
        Ok(true)
    }

    /// What `\$name` prints: its text, or the text of the argument that a macro was called with.
    fn escaped_text(&mut self, reference: &'r Reference) -> String {
        let text = self.literal(reference.literal, true);
        let argument = self.frame.as_ref().and_then(|frame| frame.argument(reference.root));
        match (argument, text.strip_prefix('$')) {
            (Some(argument), Some(name))
                if reference.steps.is_empty() && self.is_name_of(reference.root, name) =>
            {
                match argument.value {
                    Expression::Integer(_)
                    | Expression::Long(_)
                    | Expression::BigInteger(_)
                    | Expression::Double(_)
                    | Expression::Boolean(_)
                    | Expression::Null => text,
                    _ => self.literal(argument.literal, true),
                }
            }
            _ => text,
        }
    }

    fn is_name_of(&self, slot: names::Slot, name: &str) -> bool {
        let names = self.names.as_ref().unwrap_or(&self.template.names);
        names.find(name) == Some(slot)
    }

    pub(super) fn defer(&mut self, block: &'r Block, depth_max: u32) -> Value<'r> {
        let number = self.blocks.len() as u32;
        self.blocks.push(Deferred { block, frame: self.frame.clone(), depth: 0, depth_max });
        Value::Handle(handle::BLOCKS + number)
    }

    /// Prints a block, in the context it is used in or in its own one. `false` if it is being printed too often already.
    pub(super) fn print_block(&mut self, number: usize, own_context: bool) -> Outcome<bool> {
        let Some(deferred) = self.blocks.get_mut(number) else { return Ok(false) };
        if deferred.depth >= deferred.depth_max {
            return Ok(false);
        }
        deferred.depth += 1;
        let block = deferred.block;
        let frame = deferred.frame.clone();
        let outer = self.frame.clone();
        if own_context {
            self.frame = frame;
        }
        self.descend()?;
        let result = self.block(block);
        self.ascend();
        self.frame = outer;
        self.blocks[number].depth -= 1;
        match result {
            Ok(()) | Err(Halt::Break) => Ok(true),
            Err(halt) => Err(halt),
        }
    }

    fn foreach(&mut self, foreach: &'r Foreach) -> Outcome<()> {
        self.step(0)?;
        let Some(mut items) = self.items_of(&foreach.list)? else {
            self.observe_branch(foreach.place, "nothing to go through");
            return Ok(());
        };
        let element = self.get(foreach.element)?;
        let count = self.get(names::VELOCITY_COUNT)?;
        let has_next = self.get(names::VELOCITY_HAS_NEXT)?;
        let replaced = self.get(names::FOREACH)?;
        let parent = match replaced {
            Value::Handle(handle @ handle::LOOPS..handle::OBJECTS) => Some(handle - handle::LOOPS),
            _ => None,
        };
        let number = self.loops.len() as u32;
        let user = match parent {
            Some(parent) => self.loops[parent as usize].replaced.clone(),
            None => replaced.clone(),
        };
        self.loops.push(Loop { index: -1, has_next: false, parent, replaced: user, storage: None });
        self.put(names::FOREACH, Value::Handle(handle::LOOPS + number));
        self.descend()?;
        let result = self.rounds(foreach, &mut items, number);
        self.ascend();
        self.restore(foreach.element, element);
        self.restore(names::VELOCITY_COUNT, count);
        self.restore(names::VELOCITY_HAS_NEXT, has_next);
        self.restore(names::FOREACH, replaced);
        result
    }

    fn restore(&mut self, slot: names::Slot, value: Value<'r>) {
        if value.is_null() {
            self.remove(slot);
        } else {
            self.put(slot, value);
        }
    }

    fn rounds(&mut self, foreach: &'r Foreach, items: &mut Items<'r>, number: u32) -> Outcome<()> {
        let mut rounds = 0;
        let mut null_frame: Option<Rc<Frame<'r>>> = None;
        while rounds < VTL_LOOP_ROUNDS_MAX && items.has_next() {
            rounds += 1;
            self.step(0)?;
            let Some(value) = items.next() else {
                return Err(
                    self.error(Some(foreach.place), "the list changes while #foreach goes through it")
                );
            };
            let has_next = items.has_next();
            self.put(names::VELOCITY_COUNT, Value::Integer(rounds as i32));
            self.put(names::VELOCITY_HAS_NEXT, Value::Boolean(has_next));
            let is_null = value.is_null();
            self.put(foreach.element, value);
            let this = &mut self.loops[number as usize];
            this.index += 1;
            this.has_next = has_next;
            self.observe_branch(foreach.place, "round");
            let result = if is_null {
                let outer = self.frame.clone();
                let frame = null_frame.get_or_insert_with(|| Frame::of_null(outer.clone(), foreach.element));
                self.frame = Some(Rc::clone(frame));
                let result = self.block(&foreach.body);
                self.frame = outer;
                result
            } else {
                self.block(&foreach.body)
            };
            match result {
                Ok(()) => {}
                Err(Halt::Break) => break,
                Err(Halt::BreakLoop(target)) if target == number => break,
                Err(halt) => return Err(halt),
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &'r Call) -> Outcome<()> {
        self.step(0)?;
        let Some(known) = self.macros.get(&*call.name).copied() else {
            let literal = self.literal(call.literal, false);
            self.out.extend_from_slice(literal.as_bytes());
            self.step(literal.len())?;
            return self.check_output();
        };
        if call.bad_argument {
            return Err(self.error(Some(call.place), format!("#{} takes no words without quotes", call.name)));
        }
        if self.macro_depth >= VTL_MACRO_DEPTH_MAX {
            return Err(self.error(Some(call.place), format!("#{} calls itself too often", call.name)));
        }
        self.descend()?;
        self.macro_depth += 1;
        let result = self.call_macro(known, call);
        self.macro_depth -= 1;
        self.ascend();
        match result {
            Ok(()) | Err(Halt::Break) => Ok(()),
            Err(halt) => Err(halt),
        }
    }

    fn call_macro(&mut self, known: &'r Macro, call: &'r Call) -> Outcome<()> {
        let outer = self.frame.clone();
        let mut by_name = Vec::new();
        let mut constants = Vec::new();
        for (slot, argument) in known.parameters.iter().zip(&call.arguments) {
            match &argument.value {
                Expression::Integer(_)
                | Expression::Long(_)
                | Expression::BigInteger(_)
                | Expression::Double(_)
                | Expression::Boolean(_)
                | Expression::Null => constants.push((*slot, self.value(&argument.value)?)),
                // Evaluated whenever the macro uses it. Of two parameters with one name the last counts.
                _ => {
                    by_name.retain(|(known, _)| known != slot);
                    by_name.push((*slot, argument));
                }
            }
        }
        // More arguments than parameters do no harm; the body of a block call comes after those that there are.
        let frame = Frame::of_macro(outer.clone(), by_name);
        for (slot, value) in constants {
            frame.set_local(slot, value);
        }
        if let Some(body) = &call.body {
            let body = self.defer(body, VTL_MACRO_DEPTH_MAX);
            frame.set_local(names::BODY_CONTENT, body);
        }
        self.frame = Some(frame);
        let result = self.block(&known.body);
        self.frame = outer;
        result
    }

    fn evaluate(&mut self, text: &'r Expression, place: Place) -> Outcome<()> {
        self.step(0)?;
        let value = self.value(text)?;
        let text = if value.is_null() { "".into() } else { self.text_of(&value)? };
        if self.evaluated.len() as u32 >= VTL_EVALUATIONS_MAX || text.len() > VTL_TEMPLATE_BYTES_MAX {
            return Err(self.limit("#evaluate is used too much"));
        }
        self.charge(text.len() * 8)?;
        self.descend()?;
        let names = self.names.take().unwrap_or_else(|| self.template.names.clone());
        let template = match Template::compile_within(&text, names, self.next_unit(), 0) {
            Ok(template) => template,
            Err(error) => return Err(self.error(Some(place), format!("#evaluate: {error}"))),
        };
        let template = self.arena.push(template);
        self.names = Some(template.names.clone());
        self.evaluated.push(template);
        for known in &template.macros {
            self.macros.entry(&known.name).or_insert(known);
        }
        // Velocity gives it a context of its own, and sets variables in all of them.
        let result = self.block(&template.block);
        self.ascend();
        match result {
            Ok(()) | Err(Halt::Break) => Ok(()),
            Err(halt) => Err(halt),
        }
    }

    /// What a JSONPath finds in the body.
    pub(super) fn find_in_body(
        &mut self,
        path: &Result<crate::json_path::JsonPath, crate::json_path::PathError>,
        place: Place,
    ) -> Outcome<Value<'r>> {
        self.read_document();
        let document = match &self.document {
            Document::Parsed(document) => document.clone(),
            Document::Failed(why) => return Err(self.error(Some(place), why.clone())),
            Document::Unread | Document::None => return Ok(Value::Null),
        };
        let found = match path {
            Ok(path) => path.evaluate(&document),
            Err(error) => Err(error.clone()),
        };
        match found {
            Ok(found) => Ok(found.unwrap_or(Value::Null)),
            Err(error) => Err(self.error(Some(place), error.to_string())),
        }
    }
}

/// A walk over what `#foreach` goes through.
pub(super) enum Items<'r> {
    List(Rc<crate::json::List<'r>>, u32, usize),
    /// With whether there was a next entry when the last one was taken: Java's iterator looks ahead.
    Map(Rc<crate::json::Map<'r>>, u32, usize, bool),
    /// From, to, and whether the end was passed.
    Range(i64, i64, bool),
}

impl<'r> Items<'r> {
    pub(super) fn of_map(map: &Rc<crate::json::Map<'r>>) -> Self {
        Items::Map(Rc::clone(map), map.version(), 0, !map.is_empty())
    }

    pub(super) fn has_next(&self) -> bool {
        match self {
            Items::List(list, _, at) => *at != list.len(),
            Items::Map(_, _, _, more) => *more,
            Items::Range(_, _, done) => !done,
        }
    }

    /// The next item. `None` if there is none, or if the list was changed.
    pub(super) fn next(&mut self) -> Option<Value<'r>> {
        match self {
            Items::List(list, version, at) => {
                let item = list.get(*at).filter(|_| list.version() == *version)?;
                *at += 1;
                Some(item)
            }
            Items::Map(map, version, at, more) => {
                let (_, value) = map.entry(*at).filter(|_| map.version() == *version)?;
                *at += 1;
                *more = *at < map.len();
                Some(value)
            }
            Items::Range(from, to, done) => {
                let value = *from;
                *done = from == to;
                *from += if *to > value { 1 } else { -1 };
                Some(Value::Integer(value as i32))
            }
        }
    }
}
