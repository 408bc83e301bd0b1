//! Leased buffers from a per-thread pool: a request that fits one buffer touches one, and an idle connection none.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::sync::Arc;

/// Capacity of the smaller class: heads and ordinary messages. Not a power of two, because buffers that all start at the same place in
/// a page share a few cache sets, and those of hundreds of connections evict each other.
pub const SMALL: usize = 7 * 1024;
/// Capacity of the larger class: bodies in bulk.
pub const LARGE: usize = 64 * 1024;
/// The least capacity that needs the larger class.
const LARGER: usize = SMALL + 1;
/// How many free buffers of each class a thread keeps (at most 7 MiB + 4 MiB); more are given back to the allocator.
const FREE_SMALL_MAX: usize = 1024;
const FREE_LARGE_MAX: usize = 64;
/// How many storages without bytes a thread keeps.
const SPARE_MAX: usize = 256;
/// How many small ones stay after [`give_back`]: each may keep a whole page of the allocator from being given back.
const FREE_SMALL_KEPT: usize = 16;

/// Freed bytes of bodies that were read as a whole from which a quiet moment is worth waiting for.
const FREED_MUCH: usize = 8 * 1024 * 1024;

thread_local! {
    static FREED: Cell<usize> = const { Cell::new(0) };
    static FREE: RefCell<Free> = const {
        RefCell::new(Free { small: Vec::new(), large: Vec::new(), spare: Vec::new() })
    };
}

/// What a thread keeps for later. The boxes are the point: a buffer's storage does not move.
#[allow(clippy::vec_box)]
struct Free {
    small: Vec<Box<Storage>>,
    large: Vec<Box<Storage>>,
    /// Without bytes: these were taken out.
    spare: Vec<Box<Storage>>,
}

impl Free {
    /// Keeps a storage whose bytes are gone.
    fn keep_spare(&mut self, storage: Box<Storage>) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(storage);
        }
    }
}

#[derive(Default)]
struct Storage {
    bytes: Vec<u8>,
    /// In place of `bytes`: what others have too, to be sent and not written to.
    shared: Option<Arc<[u8]>>,
    start: usize,
    #[cfg(feature = "driver-faults")]
    _counted: counted::Counted,
}

/// Counts the storages of a thread: what is neither in its pool nor in use somewhere has leaked.
#[cfg(feature = "driver-faults")]
mod counted {
    use std::cell::Cell;

    thread_local! {
        pub(super) static LIVE: Cell<isize> = const { Cell::new(0) };
    }

    pub(super) struct Counted;

    impl Default for Counted {
        fn default() -> Self {
            LIVE.set(LIVE.get() + 1);
            Counted
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            let _ = LIVE.try_with(|live| live.set(live.get() - 1));
        }
    }
}

/// Buffers of this thread that somebody holds, the kernel included.
#[cfg(feature = "driver-faults")]
pub fn leased() -> isize {
    let pooled = FREE.with_borrow(|free| free.small.len() + free.large.len() + free.spare.len());
    counted::LIVE.get() - pooled as isize
}

/// A leased buffer: bytes to read, or to send. It goes back to the pool of the thread that drops it.
///
/// One pointer, because it is moved through every layer between a request and its system call, and a future holds a place for it in each.
#[derive(Default)]
pub struct Buf(Option<Box<Storage>>);

/// Tells that `bytes` outside of the pool were freed: the body of an exchange, and what was made of it. The allocator would keep them.
pub fn freed(bytes: usize) {
    FREED.set(FREED.get().saturating_add(bytes));
}

/// Whether much was [`freed`] since the last [`give_back`].
pub(crate) fn has_freed_much() -> bool {
    FREED.get() >= FREED_MUCH
}

/// Gives free buffers of this thread back to the allocator, and the allocator's free pages back to the system. Costs up to
/// milliseconds: for quiet moments after a burst, whose buffers would otherwise stay.
pub fn give_back() {
    FREED.set(0);
    FREE.with_borrow_mut(|free| {
        free.small.truncate(FREE_SMALL_KEPT);
        free.large.clear();
        free.spare.truncate(FREE_SMALL_KEPT);
    });
    // SAFETY: collects only what mimalloc itself holds for this thread; where another allocator is in use, that is nothing.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

impl Buf {
    /// An empty buffer of at least `capacity` bytes.
    #[inline]
    pub fn with_capacity(capacity: usize) -> Self {
        let pooled = FREE.with_borrow_mut(|free| match capacity {
            ..=SMALL => free.small.pop(),
            LARGER..=LARGE => free.large.pop(),
            _ => None,
        });
        Buf(Some(pooled.unwrap_or_else(|| storage_of(capacity))))
    }

    /// A buffer that holds a copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut buf = Buf::with_capacity(bytes.len());
        buf.vec_mut().extend_from_slice(bytes);
        buf
    }

    /// A buffer of bytes that are sent from where they are, without a copy.
    pub fn shared(bytes: Arc<[u8]>) -> Self {
        let mut buf = Buf::from(Vec::new());
        if let Some(storage) = &mut buf.0 {
            storage.shared = Some(bytes);
        }
        buf
    }

    /// Drops the first `n` bytes. Panics if there are fewer.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.len());
        if let Some(storage) = &mut self.0 {
            storage.start += n;
        }
    }

    /// Keeps only the first `n` bytes.
    pub fn truncate(&mut self, n: usize) {
        let Some(storage) = &mut self.0 else { return };
        match storage.shared.take() {
            None => storage.bytes.truncate(storage.start + n),
            Some(shared) => {
                let end = shared.len().min(storage.start + n);
                storage.bytes.extend_from_slice(&shared[storage.start..end]);
                storage.start = 0;
            }
        }
    }

    /// The storage as a vector of its own, for code that knows nothing of buffers; turned back with `Buf::from`.
    #[inline]
    pub fn into_vec(mut self) -> Vec<u8> {
        let Some(mut storage) = self.0.take() else { return Vec::new() };
        debug_assert_eq!(storage.start, 0);
        let bytes = match storage.shared.take() {
            None => std::mem::take(&mut storage.bytes),
            Some(shared) => shared.to_vec(),
        };
        with_free(|free| free.keep_spare(storage));
        bytes
    }

    /// The storage, for encoders that append. Only for buffers that were never advanced, and are not shared.
    pub fn vec_mut(&mut self) -> &mut Vec<u8> {
        let storage = self.0.get_or_insert_default();
        debug_assert!(storage.start == 0 && storage.shared.is_none());
        &mut storage.bytes
    }
}

#[cold]
fn storage_of(capacity: usize) -> Box<Storage> {
    let capacity = match capacity {
        ..=SMALL => SMALL,
        LARGER..=LARGE => LARGE,
        larger => larger,
    };
    Box::new(Storage { bytes: Vec::with_capacity(capacity), ..Storage::default() })
}

/// The pool, unless the thread is ending: what would go there is then simply freed.
#[inline]
fn with_free(work: impl FnOnce(&mut Free)) {
    let _ = FREE.try_with(|free| free.try_borrow_mut().map(|mut free| work(&mut free)));
}

impl From<Vec<u8>> for Buf {
    /// Takes bytes that were encoded into a vector, most likely one of [`Buf::into_vec`].
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        let mut spare = None;
        with_free(|free| spare = free.spare.pop());
        let mut storage = spare.unwrap_or_default();
        storage.bytes = bytes;
        Buf(Some(storage))
    }
}

impl Deref for Buf {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |storage| match &storage.shared {
            None => &storage.bytes[storage.start..],
            Some(shared) => &shared[storage.start..],
        })
    }
}

impl std::fmt::Debug for Buf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buf({} bytes)", self.len())
    }
}

impl Drop for Buf {
    #[inline]
    fn drop(&mut self) {
        let Some(mut storage) = self.0.take() else { return };
        let capacity = storage.bytes.capacity();
        storage.start = 0;
        storage.bytes.clear();
        storage.shared = None;
        with_free(move |free| match capacity {
            SMALL if free.small.len() < FREE_SMALL_MAX => free.small.push(storage),
            LARGE if free.large.len() < FREE_LARGE_MAX => free.large.push(storage),
            _ => {
                storage.bytes = Vec::new();
                free.keep_spare(storage);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_bytes_are_not_copied_until_they_are_changed() {
        let bytes: Arc<[u8]> = b"shared bytes".as_slice().into();
        let mut buf = Buf::shared(bytes.clone());
        assert_eq!(buf.as_ptr(), bytes.as_ptr());
        buf.advance(7);
        assert_eq!((&*buf, Arc::strong_count(&bytes)), (&b"bytes"[..], 2));
        buf.truncate(2);
        assert_eq!((&*buf, Arc::strong_count(&bytes)), (&b"by"[..], 1));
        assert_eq!(Buf::shared(bytes.clone()).into_vec(), b"shared bytes");
        drop(Buf::shared(bytes.clone()));
        assert_eq!(Arc::strong_count(&bytes), 1);
        // The storage of a shared one is used again for others.
        assert_eq!(&*Buf::from(b"own".to_vec()), b"own");
    }
}
