//! Where variables live: in slots, and in the contexts that macros put over them.

use std::cell::RefCell;
use std::rc::Rc;

use super::ast::{Argument, Expression, ReferenceKind};
use super::names::Slot;
use super::state::{Outcome, Render};
use crate::json::Value;

/// A context over another one.
pub(super) struct Frame<'r> {
    kind: FrameKind<'r>,
    parent: Option<Rc<Frame<'r>>>,
    /// What was set here.
    locals: RefCell<Vec<(Slot, Value<'r>)>>,
}

enum FrameKind<'r> {
    /// A macro: its parameters stand for the arguments of the call, evaluated anew each time, in the parent.
    Macro(RefCell<Vec<(Slot, &'r Argument)>>),
    /// A round of `#foreach` over `null`: the variable stays `null` whatever it is set to.
    Null(Slot),
}

impl<'r> Frame<'r> {
    pub(super) fn of_macro(parent: Option<Rc<Frame<'r>>>, arguments: Vec<(Slot, &'r Argument)>) -> Rc<Self> {
        let kind = FrameKind::Macro(RefCell::new(arguments));
        Rc::new(Frame { kind, parent, locals: RefCell::default() })
    }

    pub(super) fn of_null(parent: Option<Rc<Frame<'r>>>, variable: Slot) -> Rc<Self> {
        Rc::new(Frame { kind: FrameKind::Null(variable), parent, locals: RefCell::default() })
    }

    pub(super) fn set_local(&self, slot: Slot, value: Value<'r>) {
        let mut locals = self.locals.borrow_mut();
        match locals.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, old)) => *old = value,
            None => locals.push((slot, value)),
        }
    }

    fn local(&self, slot: Slot) -> Option<Value<'r>> {
        let locals = self.locals.borrow();
        let found = locals.iter().find(|(known, _)| *known == slot);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_null())
    }

    fn remove_local(&self, slot: Slot) {
        self.locals.borrow_mut().retain(|(known, _)| *known != slot);
    }

    /// The argument that stands behind a parameter of a macro, here or further out.
    pub(super) fn argument(self: &Rc<Self>, slot: Slot) -> Option<&'r Argument> {
        let mut frame = Some(self);
        while let Some(this) = frame {
            if let FrameKind::Macro(arguments) = &this.kind
                && let Some((_, argument)) = arguments.borrow().iter().find(|(known, _)| *known == slot)
            {
                return Some(argument);
            }
            frame = this.parent.as_ref();
        }
        None
    }
}

impl<'r> Render<'r> {
    /// The value of a variable; `Null` if it has none.
    pub(super) fn get(&mut self, slot: Slot) -> Outcome<Value<'r>> {
        match self.frame.clone() {
            None => Ok(self.slot(slot)),
            Some(frame) => self.get_in(&frame, slot),
        }
    }

    fn slot(&self, slot: Slot) -> Value<'r> {
        self.slots.get(slot as usize).cloned().unwrap_or(Value::Null)
    }

    fn get_in(&mut self, frame: &Rc<Frame<'r>>, slot: Slot) -> Outcome<Value<'r>> {
        let mut frame = Some(frame);
        while let Some(this) = frame {
            if let FrameKind::Null(variable) = this.kind
                && variable == slot
            {
                return Ok(Value::Null);
            }
            if let Some(value) = this.local(slot) {
                return Ok(value);
            }
            if let FrameKind::Macro(arguments) = &this.kind {
                let argument = arguments.borrow().iter().find(|(known, _)| *known == slot).map(|(_, a)| *a);
                if let Some(argument) = argument {
                    return self.argument_value(this, argument);
                }
            }
            frame = this.parent.as_ref();
        }
        Ok(self.slot(slot))
    }

    /// Evaluates an argument where the macro was called.
    fn argument_value(&mut self, frame: &Rc<Frame<'r>>, argument: &'r Argument) -> Outcome<Value<'r>> {
        self.descend()?;
        let inner = std::mem::replace(&mut self.frame, frame.parent.clone());
        let value = match &argument.value {
            // A plain variable that is not set is `null` here: whoever asks makes an empty text of it.
            Expression::Reference(reference)
                if reference.steps.is_empty()
                    && matches!(reference.kind, ReferenceKind::Normal | ReferenceKind::Escaped) =>
            {
                self.get(reference.root)
            }
            value => self.value(value),
        };
        self.frame = inner;
        self.ascend();
        value
    }

    /// Sets a variable.
    pub(super) fn put(&mut self, slot: Slot, value: Value<'r>) {
        let mut frame = self.frame.clone();
        while let Some(this) = frame {
            match &this.kind {
                // Macros set a variable here and outside.
                FrameKind::Macro(_) => this.set_local(slot, value.clone()),
                FrameKind::Null(_) => {}
            }
            frame = this.parent.clone();
        }
        let slot = slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize(slot + 1, Value::Null);
        }
        self.slots[slot] = value;
    }

    /// Unsets a variable.
    pub(super) fn remove(&mut self, slot: Slot) {
        let mut frame = self.frame.clone();
        while let Some(this) = frame {
            this.remove_local(slot);
            match &this.kind {
                FrameKind::Macro(arguments) => arguments.borrow_mut().retain(|(known, _)| *known != slot),
                FrameKind::Null(_) => {}
            }
            frame = this.parent.clone();
        }
        if let Some(value) = self.slots.get_mut(slot as usize) {
            *value = Value::Null;
        }
    }
}
