//! Leased buffers from a per-thread pool: a request that fits one buffer touches one, and an idle connection none.

use std::cell::RefCell;
use std::ops::Deref;

/// Capacity of the smaller class: heads and ordinary messages. Not a power of two, because buffers that all start at the same place in
/// a page share a few cache sets, and those of hundreds of connections evict each other.
pub const SMALL: usize = 7 * 1024;
/// Capacity of the larger class: bodies in bulk.
pub const LARGE: usize = 64 * 1024;
/// How many free buffers of each class a thread keeps (at most 2 MiB + 4 MiB); more are given back to the allocator.
const FREE_SMALL_MAX: usize = 1024;
const FREE_LARGE_MAX: usize = 64;
/// How many small ones stay after [`give_back`]: each may keep a whole page of the allocator from being given back.
const FREE_SMALL_KEPT: usize = 16;

thread_local! {
    static FREE: RefCell<Free> = const { RefCell::new(Free { small: Vec::new(), large: Vec::new() }) };
}

struct Free {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

/// A leased buffer: bytes to read, or to send. It goes back to the pool of the thread that drops it.
#[derive(Default)]
pub struct Buf {
    bytes: Vec<u8>,
    start: usize,
}

/// Gives free buffers of this thread back to the allocator, and the allocator's free pages back to the system. Costs up to
/// milliseconds: for quiet moments after a burst, whose buffers would otherwise stay.
pub fn give_back() {
    FREE.with_borrow_mut(|free| {
        free.small.truncate(FREE_SMALL_KEPT);
        free.large.clear();
    });
    // SAFETY: collects only what mimalloc itself holds for this thread; where another allocator is in use, that is nothing.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

impl Buf {
    /// An empty buffer of at least `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let bytes = FREE.with_borrow_mut(|free| {
            if capacity <= SMALL {
                free.small.pop().unwrap_or_else(|| Vec::with_capacity(SMALL))
            } else if capacity <= LARGE {
                free.large.pop().unwrap_or_else(|| Vec::with_capacity(LARGE))
            } else {
                Vec::with_capacity(capacity)
            }
        });
        Buf { bytes, start: 0 }
    }

    /// A buffer that holds a copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut buf = Buf::with_capacity(bytes.len());
        buf.bytes.extend_from_slice(bytes);
        buf
    }

    /// Drops the first `n` bytes. Panics if there are fewer.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.len());
        self.start += n;
    }

    /// Keeps only the first `n` bytes.
    pub fn truncate(&mut self, n: usize) {
        self.bytes.truncate(self.start + n);
    }

    /// The storage as a vector of its own, for code that knows nothing of buffers; turned back with `Buf::from`.
    pub fn into_vec(mut self) -> Vec<u8> {
        debug_assert_eq!(self.start, 0);
        std::mem::take(&mut self.bytes)
    }

    /// The storage, for encoders that append. Only for buffers that were never advanced.
    pub fn vec_mut(&mut self) -> &mut Vec<u8> {
        debug_assert_eq!(self.start, 0);
        &mut self.bytes
    }
}

impl From<Vec<u8>> for Buf {
    /// Takes bytes that were encoded into a vector, most likely one of [`Buf::into_vec`].
    fn from(bytes: Vec<u8>) -> Self {
        Buf { bytes, start: 0 }
    }
}

impl Deref for Buf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl std::fmt::Debug for Buf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buf({} bytes)", self.len())
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        let capacity = self.bytes.capacity();
        if capacity != SMALL && capacity != LARGE {
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        // The thread may be ending: then the pool is gone and the buffer is simply freed.
        let _ = FREE.try_with(|free| {
            let Ok(mut free) = free.try_borrow_mut() else { return };
            let (list, max) = if capacity == SMALL {
                (&mut free.small, FREE_SMALL_MAX)
            } else {
                (&mut free.large, FREE_LARGE_MAX)
            };
            if list.len() < max {
                bytes.clear();
                list.push(bytes);
            }
        });
    }
}
