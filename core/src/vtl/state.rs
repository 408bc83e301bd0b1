//! One rendering: what it knows, what it may still use, and how it begins and ends.

use std::rc::Rc;

use ahash::AHashMap;

use super::arena::{Arena, End};
use super::ast::{Block, Literal, Macro, Place, Unit};
use super::error::position;
use super::frames::Frame;
use super::names::{self, Names, Slot};
use super::scope::{Observer, Overrides, Scope, Variables};
use super::{RenderError, Template};
use crate::json::{self, Map, Value, parse_text, write_text};
use crate::limits::{VTL_DEPTH_MAX, VTL_OUTPUT_BYTES_MAX, VTL_STEPS_MAX, VTL_VALUE_BYTES_MAX};

/// Values that are not data: [`Value::Handle`].
pub(super) mod handle {
    pub(in crate::vtl) const INPUT: u32 = 0;
    pub(in crate::vtl) const UTIL: u32 = 1;
    /// `$context` itself.
    pub(in crate::vtl) const CONTEXT: u32 = 2;
    pub(in crate::vtl) const STAGE_VARIABLES: u32 = 3;
    pub(in crate::vtl) const REQUEST_OVERRIDE: u32 = 4;
    pub(in crate::vtl) const RESPONSE_OVERRIDE: u32 = 5;
    pub(in crate::vtl) const REQUEST_HEADER: u32 = 6;
    pub(in crate::vtl) const REQUEST_PATH: u32 = 7;
    pub(in crate::vtl) const REQUEST_QUERYSTRING: u32 = 8;
    pub(in crate::vtl) const RESPONSE_HEADER: u32 = 9;
    /// From here on: blocks of `#define` and of macro calls.
    pub(in crate::vtl) const BLOCKS: u32 = 1 << 24;
    /// From here on: loops, as `$foreach`.
    pub(in crate::vtl) const LOOPS: u32 = 2 << 24;
    /// From here on: objects of `$context`.
    pub(in crate::vtl) const OBJECTS: u32 = 3 << 24;
}

/// Why rendering does not go on.
pub(super) enum Halt {
    /// `#break`: the innermost loop, macro, block or evaluation ends.
    Break,
    /// `#break($scope)`: this loop ends.
    BreakLoop(u32),
    /// `#stop`: everything ends.
    Stop,
    Error(Box<RenderError>),
}

pub(super) type Outcome<T> = Result<T, Halt>;

/// A block that prints wherever it is referred to.
pub(super) struct Deferred<'r> {
    pub(super) block: &'r Block,
    /// Where it was made: what it prints with where it is used as a text.
    pub(super) frame: Option<Rc<Frame<'r>>>,
    /// How often it is being printed right now, and how often it may be.
    pub(super) depth: u32,
    pub(super) depth_max: u32,
}

/// A loop, as `$foreach` shows it.
pub(super) struct Loop<'r> {
    pub(super) index: i32,
    pub(super) has_next: bool,
    /// The loop around it.
    pub(super) parent: Option<u32>,
    /// What `$foreach` was before.
    pub(super) replaced: Value<'r>,
    /// What the template keeps in `$foreach`.
    pub(super) storage: Option<Rc<Map<'r>>>,
}

/// What `$input` has of the body.
pub(super) enum Document<'r> {
    Unread,
    None,
    Parsed(Value<'r>),
    Failed(String),
}

pub(super) struct Render<'r> {
    pub(super) template: &'r Template,
    pub(super) scope: &'r dyn Scope,
    pub(super) overrides: &'r mut Overrides,
    pub(super) observer: Option<&'r mut dyn Observer>,
    pub(super) out: Vec<u8>,
    /// Where this template's output begins in `out`.
    out_start: usize,
    pub(super) slots: Vec<Value<'r>>,
    pub(super) frame: Option<Rc<Frame<'r>>>,
    pub(super) blocks: Vec<Deferred<'r>>,
    pub(super) loops: Vec<Loop<'r>>,
    /// Names of the objects of `$context` that were met.
    pub(super) objects: Vec<Box<str>>,
    /// What templates set in `$context` beside overrides.
    pub(super) context_values: Vec<(String, Value<'r>)>,
    pub(super) document: Document<'r>,
    pub(super) parameters: Option<Value<'r>>,
    pub(super) stage_variables: Option<Rc<Map<'r>>>,
    /// Lists and maps that something was put into: emptied at the end, because they may contain themselves.
    pub(super) changed: Vec<Value<'r>>,
    /// Templates that were evaluated.
    pub(super) arena: End<'r, Template>,
    pub(super) evaluated: Vec<&'r Template>,
    /// The variables of `evaluated` too.
    pub(super) names: Option<Names>,
    pub(super) macros: AHashMap<&'r str, &'r Macro>,
    pub(super) macro_depth: u32,
    steps_left: u32,
    value_bytes_left: usize,
    depth: usize,
}

pub(super) fn render(
    template: &Template,
    scope: &dyn Scope,
    overrides: &mut Overrides,
    variables: &Variables,
    observer: Option<&mut dyn Observer>,
    out: &mut Vec<u8>,
) -> Result<(), RenderError> {
    let arena = Arena::new();
    let texts: Vec<(&str, &str)> =
        variables.json.iter().map(|(name, json)| (name.as_str(), json.as_str())).collect();
    run(template, scope, overrides, &texts, observer.map(|observer| observer as _), out, &arena)
}

fn run<'r>(
    template: &'r Template,
    scope: &'r dyn Scope,
    overrides: &'r mut Overrides,
    variables: &'r [(&'r str, &'r str)],
    observer: Option<&'r mut (dyn Observer + 'r)>,
    out: &mut Vec<u8>,
    arena: &'r Arena<Template>,
) -> Result<(), RenderError> {
    let out_start = out.len();
    // About as much as most templates write.
    out.reserve(template.units.first().map_or(0, |unit| unit.text.len()));
    let mut render = Render {
        template,
        scope,
        overrides,
        observer: observer.map(|observer| observer as _),
        out: std::mem::take(out),
        out_start,
        slots: vec![Value::Null; template.names.len()],
        frame: None,
        blocks: Vec::new(),
        loops: Vec::new(),
        objects: Vec::new(),
        context_values: Vec::new(),
        document: Document::Unread,
        parameters: None,
        stage_variables: None,
        changed: Vec::new(),
        arena: arena.end(),
        evaluated: Vec::new(),
        names: None,
        macros: template.macros.iter().map(|known| (&*known.name, known)).collect(),
        macro_depth: 0,
        steps_left: VTL_STEPS_MAX,
        value_bytes_left: VTL_VALUE_BYTES_MAX,
        depth: 0,
    };
    for (slot, handle) in [
        (names::INPUT, handle::INPUT),
        (names::UTIL, handle::UTIL),
        (names::CONTEXT, handle::CONTEXT),
        (names::STAGE_VARIABLES, handle::STAGE_VARIABLES),
    ] {
        render.slots[slot as usize] = Value::Handle(handle);
    }
    let result = render.set_variables(variables).and_then(|()| render.block(&template.block));
    for container in std::mem::take(&mut render.changed) {
        match container {
            Value::List(list) => drop(list.change(std::mem::take)),
            Value::Map(map) => map.clear(),
            _ => {}
        }
    }
    *out = std::mem::take(&mut render.out);
    match result {
        Err(Halt::Error(error)) => Err(*error),
        // A `#break` that nothing catches ends the template.
        Ok(()) | Err(Halt::Break | Halt::BreakLoop(_) | Halt::Stop) => Ok(()),
    }
}

impl<'r> Render<'r> {
    fn set_variables(&mut self, variables: &'r [(&'r str, &'r str)]) -> Outcome<()> {
        for (name, text) in variables {
            let value = parse_text(text).map_err(|error| self.error(None, format!("${name}: {error}")))?;
            if let Some(slot) = self.template.names.find(name) {
                self.slots[slot as usize] = value;
            } else {
                let names = self.names.get_or_insert_with(|| self.template.names.clone());
                let slot: Slot = names.slot(name);
                self.put(slot, value);
            }
        }
        Ok(())
    }

    /// An error at a place of the template.
    #[cold]
    pub(super) fn error(&self, place: Option<Place>, message: impl Into<String>) -> Halt {
        let (line, column) = place.map_or((0, 0), |place| self.position(place));
        Halt::Error(Box::new(RenderError { line, column, limit: false, message: message.into() }))
    }

    #[cold]
    pub(super) fn limit(&self, what: &str) -> Halt {
        let message = what.to_owned();
        Halt::Error(Box::new(RenderError { line: 0, column: 0, limit: true, message }))
    }

    /// Line and column of a place, in the template itself where it is in a text in quotes.
    pub(super) fn position(&self, place: Place) -> (u32, u32) {
        let unit = self.unit(place.unit);
        let (line, column) = position(&unit.text, place.offset as usize);
        let Some(outer) = unit.within else { return (line, column) };
        let (outer_line, outer_column) = self.position(outer);
        (outer_line + line - 1, if line == 1 { outer_column + column } else { column })
    }

    fn unit(&self, unit: u32) -> &'r Unit {
        let in_template = |template: &&'r Template| unit >= template.first_unit;
        let template = self.evaluated.iter().copied().rev().find(in_template).unwrap_or(self.template);
        &template.units[(unit - template.first_unit) as usize]
    }

    /// The text of a literal. `specials`: with what stands before its tokens, and without comments.
    pub(super) fn literal(&self, literal: Literal, specials: bool) -> String {
        let unit = self.unit(literal.unit);
        let mut text = String::new();
        for span in &unit.tokens[literal.first as usize..=literal.last as usize] {
            if specials {
                if span.is_comment {
                    continue;
                }
                text.push_str(span.special.as_deref().unwrap_or_default());
            }
            text.push_str(&unit.text[span.start as usize..span.end as usize]);
        }
        text
    }

    /// One more unit number than any template has.
    pub(super) fn next_unit(&self) -> u32 {
        let last = self.evaluated.last().copied().unwrap_or(self.template);
        last.first_unit + last.units.len() as u32
    }

    /// Uses up steps: one, and one for each hundred things touched.
    pub(super) fn step(&mut self, touched: usize) -> Outcome<()> {
        let cost = 1 + (touched / 100) as u32;
        match self.steps_left.checked_sub(cost) {
            Some(left) => self.steps_left = left,
            None => return Err(self.limit("the template takes too many steps")),
        }
        Ok(())
    }

    /// Accounts for values that are made.
    pub(super) fn charge(&mut self, bytes: usize) -> Outcome<()> {
        match self.value_bytes_left.checked_sub(bytes) {
            Some(left) => self.value_bytes_left = left,
            None => return Err(self.limit("the template makes too many values")),
        }
        self.step(bytes)
    }

    /// One level deeper in calls, blocks or evaluations.
    pub(super) fn descend(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > VTL_DEPTH_MAX * 2 { Err(self.limit("calls are nested too deeply")) } else { Ok(()) }
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// To be called after output was written.
    pub(super) fn check_output(&self) -> Outcome<()> {
        match self.out.len() - self.out_start.min(self.out.len()) > VTL_OUTPUT_BYTES_MAX {
            true => Err(self.limit("the template writes too much")),
            false => Ok(()),
        }
    }

    /// Prints a value, as Java's `toString` does.
    pub(super) fn print(&mut self, value: &Value<'r>) -> Outcome<()> {
        match value {
            Value::Text(text) => self.out.extend_from_slice(text.as_bytes()),
            Value::Handle(handle) => return self.print_handle(*handle),
            Value::Integer(_) | Value::Boolean(_) => {
                let _ = write_text(value, &mut self.out);
            }
            value => {
                let before = self.out.len();
                if !write_text(value, &mut self.out) {
                    return Err(self.limit("a value is nested too deeply to be printed"));
                }
                self.step(self.out.len() - before)?;
            }
        }
        self.check_output()
    }

    /// A value as a text.
    pub(super) fn text_of(&mut self, value: &Value<'r>) -> Outcome<json::Text<'r>> {
        if let Value::Text(text) = value {
            return Ok(text.clone());
        }
        self.captured(|render| render.print(value))
    }

    /// What `write` would have printed.
    pub(super) fn captured(
        &mut self,
        write: impl FnOnce(&mut Self) -> Outcome<()>,
    ) -> Outcome<json::Text<'r>> {
        let start = self.out.len();
        let result = write(self);
        let text = String::from_utf8_lossy(&self.out[start..]);
        let text: Rc<str> = text.into();
        self.out.truncate(start);
        result?;
        self.charge(text.len())?;
        Ok(json::Text::Shared(text))
    }

    /// To be called before something is put into a list or map that was there before.
    pub(super) fn note_change(&mut self, container: &Value<'r>, item: &Value<'r>) {
        if matches!(item, Value::List(_) | Value::Map(_) | Value::Entry(_)) {
            self.changed.push(container.clone());
        }
    }

    /// The line of a place, for an observer.
    pub(super) fn line(&self, place: Place) -> u32 {
        self.position(place).0
    }
}
