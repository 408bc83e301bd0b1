//! Buffers that are handed to the kernel before there is anything to put into them: it takes one when bytes have come, so that a
//! connection that waits holds none.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::buf::{Buf, LARGE, SMALL};

/// The group of small buffers: heads and ordinary messages.
pub(super) const SMALL_GROUP: u16 = 0;
/// The group of large ones: bodies in bulk.
pub(super) const BULK_GROUP: u16 = 1;
/// Buffers of each group that the kernel is given at a time; powers of two. They bound what one turn can receive. They are used in
/// turns, so that more large ones than the caches hold would make each of them cold.
const SMALL_ENTRIES: u16 = 256;
const BULK_ENTRIES: u16 = 8;

/// One group: a ring that is shared with the kernel, and the buffers whose addresses are in it.
pub(super) struct BufferGroup {
    id: u16,
    capacity: usize,
    entries: u16,
    /// Start of `entries` entries in pages of their own.
    ring: NonNull<BufRingEntry>,
    /// Counts what was ever put into the ring.
    tail: u16,
    /// By buffer id: the buffers that the kernel has.
    given: Vec<Option<Buf>>,
    /// Ids of buffers that the kernel does not have.
    free: Vec<u16>,
}

impl BufferGroup {
    /// The group of small buffers.
    pub(super) fn small() -> io::Result<Self> {
        BufferGroup::new(SMALL_GROUP, SMALL_ENTRIES, SMALL)
    }

    /// The group of large ones.
    pub(super) fn bulk() -> io::Result<Self> {
        BufferGroup::new(BULK_GROUP, BULK_ENTRIES, LARGE)
    }

    fn new(id: u16, entries: u16, capacity: usize) -> io::Result<Self> {
        assert!(entries.is_power_of_two());
        let bytes = size_of::<BufRingEntry>() * usize::from(entries);
        // SAFETY: a new anonymous mapping; nothing else is at the address that the kernel chooses.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let ring =
            NonNull::new(address.cast()).ok_or_else(|| io::Error::other("a mapping at address zero"))?;
        let given = (0..entries).map(|_| None).collect();
        Ok(BufferGroup { id, capacity, entries, ring, tail: 0, given, free: (0..entries).rev().collect() })
    }

    /// Tells the kernel where the ring is. It must be dropped after the io_uring that `submitter` belongs to.
    pub(super) fn register(&self, submitter: &Submitter<'_>) -> io::Result<()> {
        let address = self.ring.as_ptr() as u64;
        // SAFETY: the mapping has `entries` entries and stays until this struct is dropped, which is after the io_uring.
        unsafe { submitter.register_buf_ring_with_flags(address, self.entries, self.id, 0) }
    }

    /// Takes all buffers back from the kernel, which knows no ring of this group until it is registered again.
    pub(super) fn withdraw(&mut self, submitter: &Submitter<'_>) -> io::Result<()> {
        submitter.unregister_buf_ring(self.id)?;
        for (id, given) in self.given.iter_mut().enumerate() {
            if given.take().is_some() {
                self.free.push(id as u16);
            }
        }
        self.tail = 0;
        self.publish();
        Ok(())
    }

    /// Tells the kernel how many entries there are.
    fn publish(&self) {
        // SAFETY: the ring's first entry is initialised (the mapping was zeroed), and its tail is a u16 that the kernel only reads.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.ring.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    /// Gives the kernel a buffer in place of each that it has used. Returns how many.
    pub(super) fn refill(&mut self) -> usize {
        let count = self.free.len();
        while let Some(id) = self.free.pop() {
            let mut buf = Buf::with_capacity(self.capacity);
            let index = usize::from(self.tail & (self.entries - 1));
            // SAFETY: the index is below `entries`. The kernel reads entries before the published tail only, and this one is at it.
            let entry = unsafe { &mut *self.ring.as_ptr().add(index) };
            entry.set_addr(buf.vec_mut().as_mut_ptr() as u64);
            entry.set_len(self.capacity as u32);
            entry.set_bid(id);
            self.given[usize::from(id)] = Some(buf);
            self.tail = self.tail.wrapping_add(1);
        }
        if count > 0 {
            self.publish();
        }
        count
    }

    /// Never gives the kernel more than `count` buffers.
    #[cfg(feature = "driver-faults")]
    pub(super) fn keep(&mut self, count: u16) {
        self.free.truncate(usize::from(count));
    }

    /// The buffer with this id, in which the kernel has written `len` bytes. `None`: it is not the kernel's.
    pub(super) fn take(&mut self, id: u16, len: usize) -> Option<Buf> {
        let mut buf = self.given.get_mut(usize::from(id))?.take()?;
        self.free.push(id);
        debug_assert!(len <= self.capacity);
        // SAFETY: the kernel was given `capacity` bytes at the vector's start and says that it wrote the first `len` of them.
        unsafe { buf.vec_mut().set_len(len.min(self.capacity)) };
        Some(buf)
    }

    /// The buffers of a bundle of `len` bytes that begins with this id: the following ones are the next in the ring.
    #[cfg(feature = "driver-trials")]
    pub(super) fn take_bundle(&mut self, id: u16, len: usize) -> Vec<Buf> {
        // SAFETY: all entries were written before; the index is below `entries`.
        let id_at = |index: u16| unsafe { (*self.ring.as_ptr().add(usize::from(index))).bid() };
        let mask = self.entries - 1;
        let used = |index: &u16| id_at(*index) == id && self.given[usize::from(id)].is_some();
        let first = (0..self.entries).find(used).expect("the kernel used an entry of the ring");
        let count = len.div_ceil(self.capacity) as u16;
        let ids: Vec<u16> = (0..count).map(|n| id_at(first.wrapping_add(n) & mask)).collect();
        let mut left = len;
        let mut take = |id| {
            let part = left.min(self.capacity);
            left -= part;
            self.take(id, part).expect("a buffer of the bundle")
        };
        ids.into_iter().map(&mut take).collect()
    }

    /// Lets go of the buffers without freeing them: the kernel may still write to them.
    pub(super) fn leak(&mut self) {
        self.given.drain(..).for_each(std::mem::forget);
    }
}

impl Drop for BufferGroup {
    fn drop(&mut self) {
        let bytes = size_of::<BufRingEntry>() * usize::from(self.entries);
        // SAFETY: the mapping was made in `new` with this length, and the io_uring that knew it is gone.
        unsafe { libc::munmap(self.ring.as_ptr().cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does what the kernel does with a ring of buffers: it takes the entry after the last that it took, and writes.
    struct Kernel {
        head: u16,
    }

    impl Kernel {
        /// The id of the buffer that has the bytes now; `None`: it was given no further one.
        fn receive(&mut self, group: &BufferGroup, bytes: &[u8]) -> Option<u16> {
            if self.head == group.tail {
                return None;
            }
            let index = usize::from(self.head & (group.entries - 1));
            self.head = self.head.wrapping_add(1);
            // SAFETY: the entry was written before the tail passed it, and names a live buffer of `capacity` bytes.
            unsafe {
                let entry = &*group.ring.as_ptr().add(index);
                let place = std::ptr::with_exposed_provenance_mut::<u8>(entry.addr() as usize);
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
                Some(entry.bid())
            }
        }
    }

    #[test]
    fn every_buffer_is_used_once_and_then_replaced() {
        let mut group = BufferGroup::new(7, 4, 64).unwrap();
        let mut kernel = Kernel { head: 0 };
        assert_eq!(kernel.receive(&group, b"early"), None, "it was given nothing yet");
        assert_eq!(group.refill(), 4);
        // Often enough for the ring to be gone through, with one refill for several buffers and for none.
        let mut held = Vec::new();
        for round in 0..40u8 {
            let id = kernel.receive(&group, &[round; 3]).unwrap();
            held.push(group.take(id, 3).unwrap());
            assert!(group.take(id, 3).is_none(), "it is not the kernel's any more");
            if round % 3 == 0 {
                group.refill();
            }
            if held.len() == 4 {
                let first = held.remove(0);
                assert_eq!(&*first, [round - 3; 3], "a buffer that is held is not written to again");
            }
        }
        assert!(group.take(9, 1).is_none(), "there is no such buffer");
    }

    #[test]
    fn without_a_refill_the_kernel_runs_out_of_buffers() {
        let mut group = BufferGroup::new(7, 2, 64).unwrap();
        group.refill();
        let mut kernel = Kernel { head: 0 };
        let ids = [kernel.receive(&group, b"a").unwrap(), kernel.receive(&group, b"b").unwrap()];
        assert_eq!(kernel.receive(&group, b"c"), None);
        assert_eq!(&*group.take(ids[1], 1).unwrap(), b"b");
        assert_eq!(group.refill(), 1);
        assert!(kernel.receive(&group, b"c").is_some());
        assert_eq!(&*group.take(ids[0], 1).unwrap(), b"a");
    }
}
