//! Templates that come into being while another one is rendered live as long as that.

use std::cell::{Cell, OnceCell};

/// Keeps values at their place until it is dropped itself.
pub(super) struct Arena<T> {
    first: Node<T>,
}

struct Node<T> {
    value: OnceCell<T>,
    next: OnceCell<Box<Node<T>>>,
}

impl<T> Node<T> {
    fn new() -> Self {
        Node { value: OnceCell::new(), next: OnceCell::new() }
    }
}

/// Where the next value goes.
pub(super) struct End<'a, T>(Cell<&'a Node<T>>);

impl<T> Arena<T> {
    pub(super) fn new() -> Self {
        Arena { first: Node::new() }
    }

    pub(super) fn end(&self) -> End<'_, T> {
        End(Cell::new(&self.first))
    }
}

impl<'a, T> End<'a, T> {
    /// Keeps `value`. There may be a few hundred: they are dropped one within the other.
    pub(super) fn push(&self, value: T) -> &'a T {
        let node = self.0.get();
        let next = node.next.get_or_init(|| Box::new(Node::new()));
        self.0.set(next);
        node.value.get_or_init(|| value)
    }
}
