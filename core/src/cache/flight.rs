//! Requests of one core that want the same answer: one asks the integration, the others wait for what it gets.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What of a core's caches is being asked for now. At most as many as the core has requests.
#[derive(Debug, Clone, Default)]
pub struct Flights(Rc<RefCell<HashMap<Question, Waiting>>>);

/// A cache and the hash of a key. Keys with one hash wait for each other and look for their own answers then.
type Question = (usize, u64);
type Waiting = VecDeque<Rc<Waiter>>;

#[derive(Debug, Default)]
struct Waiter {
    called: Cell<Option<Called>>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Called {
    Look,
    Pass,
    Lead,
}

/// What a request does that has found no answer.
#[derive(Debug)]
pub enum Turn {
    /// It asks the integration.
    Lead(Lead),
    /// Somebody else does.
    Wait(Wait),
}

/// What the one who asked has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer that is kept now.
    Kept,
    /// An answer that is not kept: everybody has to ask for themselves.
    NotKept,
    /// None, or none that is worth having: one of those who wait asks next.
    Failed,
}

/// The duty to ask. Dropped without an outcome, the next one has it.
#[derive(Debug)]
pub struct Lead {
    flights: Flights,
    question: Question,
    done: bool,
}

/// What became of waiting.
#[derive(Debug)]
pub enum Waited {
    /// There may be an answer now.
    Look,
    /// There is none to share.
    Pass,
    /// It is the next to ask.
    Lead(Lead),
}

/// A place among those who wait.
#[derive(Debug)]
pub struct Wait {
    flights: Flights,
    question: Question,
    waiter: Rc<Waiter>,
}

impl Flights {
    /// Whether somebody asks already for what has this hash in the cache at this address.
    pub fn begin(&self, cache: usize, hash: u64) -> Turn {
        let question = (cache, hash);
        let mut asked = self.0.borrow_mut();
        match asked.get_mut(&question) {
            Some(waiting) => {
                let waiter = Rc::new(Waiter::default());
                waiting.push_back(waiter.clone());
                Turn::Wait(Wait { flights: self.clone(), question, waiter })
            }
            None => {
                asked.insert(question, Waiting::new());
                Turn::Lead(self.lead(question))
            }
        }
    }

    fn lead(&self, question: Question) -> Lead {
        Lead { flights: self.clone(), question, done: false }
    }

    fn end(&self, question: Question, called: Called) {
        let waiting = self.0.borrow_mut().remove(&question).unwrap_or_default();
        waiting.iter().for_each(|waiter| waiter.call(called));
    }

    /// Makes the first of those who wait the one who asks.
    fn hand_over(&self, question: Question) {
        let next = self.0.borrow_mut().get_mut(&question).and_then(VecDeque::pop_front);
        match next {
            Some(waiter) => waiter.call(Called::Lead),
            None => drop(self.0.borrow_mut().remove(&question)),
        }
    }
}

impl Waiter {
    fn call(&self, called: Called) {
        self.called.set(Some(called));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Lead {
    /// Tells those who wait.
    pub fn finish(mut self, outcome: Outcome) {
        self.done = true;
        match outcome {
            Outcome::Kept => self.flights.end(self.question, Called::Look),
            Outcome::NotKept => self.flights.end(self.question, Called::Pass),
            Outcome::Failed => self.flights.hand_over(self.question),
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.done {
            self.flights.hand_over(self.question);
        }
    }
}

impl Future for Wait {
    type Output = Waited;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        match self.waiter.called.take() {
            None => {
                *self.waiter.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Called::Look) => Poll::Ready(Waited::Look),
            Some(Called::Pass) => Poll::Ready(Waited::Pass),
            Some(Called::Lead) => Poll::Ready(Waited::Lead(self.flights.lead(self.question))),
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        match self.waiter.called.take() {
            // It was to ask and has left before it knew.
            Some(Called::Lead) => self.flights.hand_over(self.question),
            Some(Called::Look | Called::Pass) => {}
            None => {
                if let Some(waiting) = self.flights.0.borrow_mut().get_mut(&self.question) {
                    waiting.retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(flights: &Flights) -> Lead {
        match flights.begin(1, 7) {
            Turn::Lead(lead) => lead,
            Turn::Wait(_) => panic!("somebody leads already"),
        }
    }

    fn wait(flights: &Flights) -> Wait {
        match flights.begin(1, 7) {
            Turn::Wait(wait) => wait,
            Turn::Lead(_) => panic!("nobody leads"),
        }
    }

    fn poll(wait: &mut Wait) -> Poll<Waited> {
        Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn all_look_for_what_one_has_got() {
        for (outcome, passes) in [(Outcome::Kept, false), (Outcome::NotKept, true)] {
            let flights = Flights::default();
            let first = lead(&flights);
            let mut others: Vec<Wait> = (0..5).map(|_| wait(&flights)).collect();
            assert!(others.iter_mut().all(|other| poll(other).is_pending()));
            assert!(matches!(flights.begin(2, 7), Turn::Lead(_)), "another cache");
            first.finish(outcome);
            for other in &mut others {
                let Poll::Ready(waited) = poll(other) else { panic!("still waiting") };
                assert_eq!(matches!(waited, Waited::Pass), passes);
                assert_eq!(matches!(waited, Waited::Look), !passes);
            }
            assert!(flights.0.borrow().is_empty());
        }
    }

    #[test]
    fn after_a_failure_exactly_one_asks_next() {
        let flights = Flights::default();
        let mut leading = lead(&flights);
        let mut others: VecDeque<Wait> = (0..5).map(|_| wait(&flights)).collect();
        // The one who leads fails, or leaves.
        for leaves in [false, true, false] {
            match leaves {
                true => drop(leading),
                false => leading.finish(Outcome::Failed),
            }
            let Some(Poll::Ready(Waited::Lead(next))) = others.pop_front().as_mut().map(poll) else {
                panic!("nobody asks")
            };
            assert!(others.iter_mut().all(|other| poll(other).is_pending()));
            leading = next;
        }
        // The next one leaves before it knows, and one who waits leaves too.
        let (next, quitter) = (others.pop_front(), wait(&flights));
        drop(quitter);
        leading.finish(Outcome::Failed);
        drop(next);
        let Some(Poll::Ready(Waited::Lead(last))) = others.pop_front().as_mut().map(poll) else {
            panic!("nobody asks")
        };
        drop(last);
        assert!(flights.0.borrow().is_empty());
    }
}
