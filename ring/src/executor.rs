//! A single-thread executor: tasks in a slab, a queue of the ready ones, and wakers that may be used from any thread.
//!
//! A task needs not be `Send`; its waker is, as `std` demands. A wake-up on the executor's own thread is a push on a plain queue;
//! one from another thread goes through a concurrent queue and unparks the host.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crossbeam::queue::SegQueue;
use slab::Slab;

use crate::pages::shrink;

use crate::block::fetch_lines;

thread_local! {
    /// A number that no other thread of this process has or will have.
    static THREAD: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// Owns the tasks of one thread. Dropping it drops them.
pub struct Executor {
    tasks: Rc<Tasks>,
    order: Option<Order>,
}

/// Which of so many ready tasks runs next.
type Order = Box<dyn FnMut(usize) -> usize>;

/// A handle that starts tasks; tasks may hold it.
#[derive(Clone)]
pub struct Spawner(Rc<Tasks>);

struct Tasks {
    slab: RefCell<Slab<Task>>,
    ready: Arc<Ready>,
    generation: Cell<u32>,
    closed: Cell<bool>,
}

struct Task {
    generation: u32,
    /// Bytes of its future.
    size: u32,
    /// Out while it is polled, so that a task may start others.
    body: Option<Body>,
}

struct Body {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
    state: Arc<TaskWaker>,
}

/// Names a task for as long as wakers may remember it: the slot may have a new tenant, of another generation.
#[derive(Clone, Copy)]
struct Key {
    slot: u32,
    generation: u32,
}

struct TaskWaker {
    key: Key,
    /// Whether the task is in a queue: it is in at most one place, so the queues are no longer than the slab.
    queued: AtomicBool,
    ready: Arc<Ready>,
}

/// The queues of ready tasks.
struct Ready {
    thread: u64,
    local: UnsafeCell<VecDeque<Key>>,
    remote: SegQueue<Key>,
    unpark: Waker,
}

// SAFETY: `local` is the only field that is not `Send + Sync` by itself, and `with_local` is the only access to it: it
// checks that it runs on the one thread whose number is `thread`. Numbers are never used twice, so a later thread cannot pass for it.
unsafe impl Send for Ready {}
// SAFETY: as above.
unsafe impl Sync for Ready {}

impl Ready {
    /// Runs `f` on the local queue, or returns `None` on any other thread than the executor's. `f` must not call foreign code.
    fn with_local<T>(&self, f: impl FnOnce(&mut VecDeque<Key>) -> T) -> Option<T> {
        if THREAD.with(|thread| *thread) != self.thread {
            return None;
        }
        // SAFETY: this is the executor's thread, so nobody else has a reference; and the closures given here only push
        // and pop keys, so none is active further up the stack.
        Some(f(unsafe { &mut *self.local.get() }))
    }

    fn push(&self, key: Key) {
        if self.with_local(|local| local.push_back(key)).is_none() {
            self.remote.push(key);
            self.unpark.wake_by_ref();
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A read-modify-write even where it is queued already: the coming poll must see what this thread did before.
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.key);
        }
    }
}

impl Executor {
    /// Gives the room of tasks that have ended back.
    pub(crate) fn give_back(&self) {
        shrink(&mut self.tasks.slab.borrow_mut());
    }

    /// An executor of this thread, for a host that never blocks.
    #[allow(clippy::new_without_default)] // it binds to the thread that makes it; that should be seen
    pub fn new() -> Self {
        Executor::with_unpark(Waker::noop().clone())
    }

    /// An executor of this thread. `unpark` is woken when another thread has made a task ready: the host may be blocked.
    pub fn with_unpark(unpark: Waker) -> Self {
        let ready = Ready {
            thread: THREAD.with(|thread| *thread),
            local: UnsafeCell::new(VecDeque::new()),
            remote: SegQueue::new(),
            unpark,
        };
        let tasks = Tasks {
            slab: RefCell::new(Slab::new()),
            ready: Arc::new(ready),
            generation: Cell::new(0),
            closed: Cell::new(false),
        };
        Executor { tasks: Rc::new(tasks), order: None }
    }

    /// Replaces first-in-first-out by `order`: given how many tasks are ready, oldest first, it says which of them runs next.
    pub fn set_order(&mut self, order: impl FnMut(usize) -> usize + 'static) {
        self.order = Some(Box::new(order));
    }

    /// A handle that starts tasks here.
    pub fn spawner(&self) -> Spawner {
        Spawner(self.tasks.clone())
    }

    /// Starts a task: it is polled by the next [`Executor::run_ready`].
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn(Box::pin(task));
    }

    /// How many tasks have not ended.
    pub fn live_tasks(&self) -> usize {
        self.tasks.slab.borrow().len()
    }

    /// Whether another thread has made a task ready since the last [`Executor::run_ready`].
    pub fn has_remote(&self) -> bool {
        !self.tasks.ready.remote.is_empty()
    }

    /// Polls ready tasks, and those that become ready meanwhile, until there are none or `budget` polls are done.
    /// Returns the number of polls: if it is less than `budget`, the host may block.
    pub fn run_ready(&mut self, budget: usize) -> usize {
        let mut polls = 0;
        self.take_remote();
        while polls < budget {
            match self.next() {
                Some(key) => polls += usize::from(self.tasks.poll(key)),
                None if self.take_remote() == 0 => break,
                None => {}
            }
        }
        polls
    }

    fn take_remote(&self) -> usize {
        let ready = &self.tasks.ready;
        let mut taken = 0;
        while let Some(key) = ready.remote.pop() {
            ready.with_local(|local| local.push_back(key));
            taken += 1;
        }
        taken
    }

    fn next(&mut self) -> Option<Key> {
        let ready = &self.tasks.ready;
        let Some(order) = &mut self.order else {
            let (key, following) = ready.with_local(|local| (local.pop_front(), local.front().copied()))?;
            if let Some(following) = following {
                self.tasks.fetch_ahead(following);
            }
            return key;
        };
        let count = ready.with_local(|local| local.len())?;
        if count == 0 {
            return None;
        }
        let chosen = order(count);
        assert!(chosen < count, "the order chose task {chosen} of {count}");
        ready.with_local(|local| local.remove(chosen))?
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.tasks.closed.set(true);
        // Out of the cell first: tasks that are dropped may wake and start others.
        let slab = std::mem::take(&mut *self.tasks.slab.borrow_mut());
        drop(slab);
    }
}

impl Spawner {
    /// Starts a task: it is polled by the next [`Executor::run_ready`]. Once the executor is gone, the task is dropped instead.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.spawn(Box::pin(task));
    }
}

impl Tasks {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()>>>) {
        if self.closed.get() {
            return;
        }
        let generation = self.generation.get();
        self.generation.set(generation.wrapping_add(1));
        let size = size_of_val(&*future);
        let mut slab = self.slab.borrow_mut();
        let entry = slab.vacant_entry();
        let key = Key { slot: entry.key() as u32, generation };
        let state = Arc::new(TaskWaker { key, queued: AtomicBool::new(true), ready: self.ready.clone() });
        let body = Body { future, waker: Waker::from(state.clone()), state };
        entry.insert(Task { generation, size: size as u32, body: Some(body) });
        self.ready.push(key);
    }

    /// Asks for the memory of a task that is polled soon.
    #[inline]
    fn fetch_ahead(&self, key: Key) {
        let slab = self.slab.borrow();
        let Some(task) = slab.get(key.slot as usize) else { return };
        if let Some(body) = &task.body {
            // Without a reference to the future, which refers to itself: a box is the address of what it owns, before anything else.
            let place = (&raw const body.future).cast::<*const u8>();
            // SAFETY: the box is live and is as large as a pointer at least. Should its first word be no address, the hint is a bad one.
            fetch_lines(unsafe { place.read() }, task.size as usize);
        }
    }

    /// Polls a task, unless it ended after it was woken.
    fn poll(&self, key: Key) -> bool {
        let slot = key.slot as usize;
        let body = match self.slab.borrow_mut().get_mut(slot) {
            Some(task) if task.generation == key.generation => task.body.take(),
            _ => None,
        };
        let Some(mut body) = body else { return false };
        body.state.queued.swap(false, Ordering::AcqRel);
        match body.future.as_mut().poll(&mut Context::from_waker(&body.waker)) {
            Poll::Pending => {
                if let Some(task) = self.slab.borrow_mut().get_mut(slot) {
                    task.body = Some(body);
                }
            }
            Poll::Ready(()) => {
                // Dropped before its slot is free, and with the slab released: it may start tasks as it goes.
                drop(body);
                self.slab.borrow_mut().try_remove(slot);
            }
        }
        true
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Executor({} tasks)", self.live_tasks())
    }
}

impl std::fmt::Debug for Spawner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spawner")
    }
}

#[cfg(test)]
mod tests;
