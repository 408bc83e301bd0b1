//! Memory for one future at a time, used again and again: what `Box::pin` does, without an allocation each time.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Bytes of a block. A future that is larger does not compile.
pub const BLOCK_BYTES: usize = 4096;
/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE_BYTES: usize = 64;

#[repr(align(16))]
struct Storage {
    _bytes: [MaybeUninit<u8>; BLOCK_BYTES],
}

/// A block of heap memory that holds at most one future.
///
/// A pointer and not a `Box`: to use a `Box` claims its memory for itself, and a future in it refers to itself.
pub struct Block(NonNull<MaybeUninit<Storage>>);

impl Default for Block {
    fn default() -> Self {
        let memory: Box<MaybeUninit<Storage>> = Box::new_uninit();
        Block(NonNull::from(Box::leak(memory)))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the pointer came out of a `Box` of this type, and only this takes it back.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Block {
    /// Places the future that `make` returns in this block and runs it there; its output comes with the block.
    #[inline]
    pub fn run<F: Future>(self, make: impl FnOnce() -> F) -> Running<F> {
        const { assert!(size_of::<F>() <= BLOCK_BYTES && align_of::<F>() <= align_of::<Storage>()) };
        let place: *mut F = self.0.as_ptr().cast();
        // SAFETY: the block is large enough and aligned for an `F`, as asserted, and nothing else is in it: a block that holds a
        // future is inside of a `Running`, and comes out of it empty.
        unsafe { place.write(make()) };
        Running { block: Some(self), companion: None, future: PhantomData }
    }
}

/// Memory that the running task works on, to be fetched ahead when something comes that will wake it.
///
/// Only addresses: what is there may be gone by then, and fetching it does no harm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hint {
    future: *const u8,
    companion: *const u8,
    future_len: u16,
    companion_len: u16,
}

impl Hint {
    const NONE: Hint =
        Hint { future: std::ptr::null(), companion: std::ptr::null(), future_len: 0, companion_len: 0 };

    /// That of the running task.
    pub(crate) fn of_this_task() -> Self {
        RUNNING.get()
    }

    /// Asks for the memory.
    #[inline]
    pub(crate) fn fetch(self) {
        fetch_lines(self.future, usize::from(self.future_len));
        fetch_lines(self.companion, usize::from(self.companion_len));
    }
}

impl Default for Hint {
    fn default() -> Self {
        Hint::NONE
    }
}

thread_local! {
    static RUNNING: Cell<Hint> = const { Cell::new(Hint::NONE) };
}

/// A future in its block.
///
/// The block is owned here, so that who forgets this forgets the memory with it: what is pinned stays where it is until it is dropped.
#[must_use = "futures do nothing unless polled"]
pub struct Running<F> {
    /// `None` once the future is done.
    block: Option<Block>,
    /// Memory that is fetched ahead with the future; never read from here.
    companion: Option<(*const u8, usize)>,
    future: PhantomData<F>,
}

// The block's memory does not move with the handle.
impl<F> Unpin for Running<F> {}

impl<F> Running<F> {
    /// Names memory that the future works on: it is fetched ahead with the future, each time it is polled.
    #[inline]
    pub fn beside<T>(mut self, companion: *const T) -> Self {
        const { assert!(size_of::<T>() <= u16::MAX as usize) };
        self.companion = Some((companion.cast(), size_of::<T>()));
        self
    }

    fn place(&self) -> Option<*mut F> {
        self.block.as_ref().map(|block| block.0.as_ptr().cast())
    }
}

impl<F: Future> Future for Running<F> {
    type Output = (Block, F::Output);

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let place = self.place().expect("not polled after it was done");
        let (companion, companion_len) = self.companion.unwrap_or((std::ptr::null(), 0));
        let hint = Hint {
            future: place.cast(),
            companion,
            future_len: size_of::<F>() as u16,
            companion_len: companion_len as u16,
        };
        hint.fetch();
        let outer = RUNNING.replace(hint);
        // SAFETY: while the block is here it holds a live `F`, which is only reached through this handle, and which stays at its
        // address until it is dropped in place.
        let polled = unsafe { Pin::new_unchecked(&mut *place) }.poll(cx);
        RUNNING.set(outer);
        let Poll::Ready(output) = polled else { return Poll::Pending };
        let block = self.block.take().expect("it was there above");
        // SAFETY: the future is live and, with the block taken, dropped exactly once.
        unsafe { place.drop_in_place() };
        Poll::Ready((block, output))
    }
}

/// Asks for all lines at once. With hundreds of futures under way theirs are not in the near caches when an answer comes, and the
/// future's own reads would wait for one line after the other.
#[inline]
pub(crate) fn fetch_lines(start: *const u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..len).step_by(LINE_BYTES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint that reads nothing and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, len);
}

impl<F> Drop for Running<F> {
    fn drop(&mut self) {
        if let Some(place) = self.place() {
            // SAFETY: the block is still here, so the future in it is live and was not dropped.
            unsafe { place.drop_in_place() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::rc::Rc;
    use std::task::Waker;

    struct CountsDrops(Rc<Cell<u32>>);

    impl Drop for CountsDrops {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    fn poll<F: Future>(running: &mut Running<F>) -> Poll<(Block, F::Output)> {
        Pin::new(running).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_block_is_used_again_and_each_future_is_dropped_once() {
        let drops = Rc::new(Cell::new(0));
        let mut block = Block::default();
        for round in 0..3 {
            let held = CountsDrops(drops.clone());
            let mut running = block.run(|| async move {
                let _held = held;
                ready(()).await;
                round
            });
            let Poll::Ready((empty, output)) = poll(&mut running) else { panic!("it waits for nothing") };
            block = empty;
            assert_eq!(output, round);
            drop(running);
            assert_eq!(drops.get(), round + 1);
        }
    }

    #[test]
    fn a_future_that_is_not_done_is_dropped_with_its_block() {
        let drops = Rc::new(Cell::new(0));
        let held = CountsDrops(drops.clone());
        let mut running = Block::default().run(|| async move {
            let _held = held;
            pending::<()>().await;
        });
        assert!(poll(&mut running).is_pending());
        drop(running);
        assert_eq!(drops.get(), 1);
    }

    #[test]
    fn a_future_may_refer_to_itself_and_to_what_outlives_it() {
        let text = String::from("outlives");
        let mut running = Block::default().run(|| async {
            let own = [text.len(); 8];
            let of_own = &own;
            ready(()).await;
            of_own.iter().sum::<usize>()
        });
        let Poll::Ready((_, sum)) = poll(&mut running) else { panic!("it waits for nothing") };
        assert_eq!(sum, 64);
    }
}
