//! The operations that this driver submits: these and no others.

use std::os::fd::RawFd;

use io_uring::squeue::Entry;
use io_uring::{opcode, types};

use super::buffers;

/// Operation codes with their names: what the probe asks for, and all that a restricted ring would have to allow.
pub(super) const OPERATIONS: [(u8, &str); 8] = [
    (opcode::AcceptMulti::CODE, "accept"),
    (opcode::RecvMulti::CODE, "recv"),
    (opcode::Send::CODE, "send"),
    (opcode::SendMsg::CODE, "sendmsg"),
    (opcode::Connect::CODE, "connect"),
    (opcode::AsyncCancel::CODE, "cancel"),
    (opcode::Close::CODE, "close"),
    (opcode::Read::CODE, "read"),
];

/// A send that ends early is taken up again by the kernel, so that it completes once. A peer that is gone is an error, not a signal.
pub(super) const SEND_FLAGS: i32 = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;

/// What an operation was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Bytes for a connection, into a small buffer each time.
    Receive,
    /// Bytes for a connection, once, into a large buffer.
    ReceiveBulk,
    /// Bytes of a connection.
    Send,
    /// A connection of our own.
    Connect,
    /// Connections for a listener.
    Accept,
    /// The end of another operation.
    Cancel,
    /// The end of a descriptor.
    Close,
    /// A wake-up from another thread.
    Wake,
}

/// What the kernel gives back with a completion: what it was for, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) slot: u32,
    /// Tells the tenants of a slot apart; 24 bits.
    pub(super) generation: u32,
}

/// Generations are counted in so many bits.
pub(super) const GENERATION_MASK: u32 = (1 << 24) - 1;

impl Tag {
    pub(super) fn new(kind: Kind, slot: usize, generation: u32) -> Self {
        Tag { kind, slot: slot as u32, generation: generation & GENERATION_MASK }
    }

    pub(super) fn pack(self) -> u64 {
        (self.kind as u64) << 56 | u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// `None`: no operation of this driver has it.
    pub(super) fn unpack(word: u64) -> Option<Self> {
        let kind = match word >> 56 {
            0 => Kind::Receive,
            1 => Kind::ReceiveBulk,
            2 => Kind::Send,
            3 => Kind::Connect,
            4 => Kind::Accept,
            5 => Kind::Cancel,
            6 => Kind::Close,
            7 => Kind::Wake,
            _ => return None,
        };
        Some(Tag { kind, slot: word as u32, generation: (word >> 32) as u32 & GENERATION_MASK })
    }
}

/// Receives into small buffers until it is cancelled, the peer is done, no buffer is left, or `limit` bytes have come.
///
/// The limit (Linux 6.17) is what keeps a peer that sends faster than its bytes are taken in check: while a socket always has bytes, the
/// operation is always being run, and a cancel does not find it.
pub(super) fn receive(fd: RawFd, limit: u32, tag: Tag) -> Entry {
    let mut entry = opcode::RecvMulti::new(types::Fd(fd), buffers::SMALL_GROUP).build().user_data(tag.pack());
    // SAFETY: an entry is the kernel's `struct io_uring_sqe` and nothing else, as its size says; the word at this offset is `optlen`, any
    // value of which is valid, and the crate has no name for it yet.
    unsafe { (&raw mut entry).cast::<u32>().add(OPTLEN_OFFSET / size_of::<u32>()).write(limit) };
    entry
}

/// Where `struct io_uring_sqe` has `optlen`.
const OPTLEN_OFFSET: usize = 44;
const _: () = assert!(size_of::<Entry>() == 64 && align_of::<Entry>() >= align_of::<u32>());

/// Receives once, into a small buffer: what kernels without the limit do.
pub(super) fn receive_once(fd: RawFd, capacity: u32, tag: Tag) -> Entry {
    opcode::Recv::new(types::Fd(fd), std::ptr::null_mut(), capacity)
        .buf_group(buffers::SMALL_GROUP)
        .build()
        .flags(io_uring::squeue::Flags::BUFFER_SELECT)
        .user_data(tag.pack())
}

/// Receives once, into a large buffer that is taken when there are bytes.
pub(super) fn receive_bulk(fd: RawFd, capacity: u32, tag: Tag) -> Entry {
    opcode::Recv::new(types::Fd(fd), std::ptr::null_mut(), capacity)
        .buf_group(buffers::BULK_GROUP)
        .build()
        .flags(io_uring::squeue::Flags::BUFFER_SELECT)
        .user_data(tag.pack())
}

/// Sends `bytes`, which must stay until the completion.
pub(super) fn send(fd: RawFd, bytes: &[u8], tag: Tag) -> Entry {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    opcode::Send::new(types::Fd(fd), bytes.as_ptr(), len).flags(SEND_FLAGS).build().user_data(tag.pack())
}

/// Sends what `message` points to; both must stay until the completion.
pub(super) fn send_vectored(fd: RawFd, message: *const libc::msghdr, tag: Tag) -> Entry {
    opcode::SendMsg::new(types::Fd(fd), message).flags(SEND_FLAGS as u32).build().user_data(tag.pack())
}

/// Connects to `address`, which must stay until the completion.
pub(super) fn connect(fd: RawFd, address: &socket2::SockAddr, tag: Tag) -> Entry {
    opcode::Connect::new(types::Fd(fd), address.as_ptr().cast(), address.len()).build().user_data(tag.pack())
}

/// Accepts until it is cancelled or fails.
pub(super) fn accept(fd: RawFd, tag: Tag) -> Entry {
    opcode::AcceptMulti::new(types::Fd(fd)).flags(libc::SOCK_CLOEXEC).build().user_data(tag.pack())
}

/// Ends the operation that `target` names.
pub(super) fn cancel(target: Tag) -> Entry {
    let tag = Tag { kind: Kind::Cancel, ..target };
    opcode::AsyncCancel::new(target.pack()).build().user_data(tag.pack())
}

/// Closes a descriptor that no operation uses any more.
pub(super) fn close(fd: RawFd, tag: Tag) -> Entry {
    opcode::Close::new(types::Fd(fd)).build().user_data(tag.pack())
}

/// Reads the count of an eventfd into `word`, which must stay until the completion.
pub(super) fn read_event(fd: RawFd, word: *mut u64, tag: Tag) -> Entry {
    opcode::Read::new(types::Fd(fd), word.cast(), size_of::<u64>() as u32).build().user_data(tag.pack())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_the_kernel() {
        let kinds = [
            Kind::Receive,
            Kind::ReceiveBulk,
            Kind::Send,
            Kind::Connect,
            Kind::Accept,
            Kind::Cancel,
            Kind::Close,
            Kind::Wake,
        ];
        for kind in kinds {
            for (slot, generation) in [(0, 0), (7, 1), (u32::MAX as usize, GENERATION_MASK)] {
                let tag = Tag::new(kind, slot, generation);
                assert_eq!(Tag::unpack(tag.pack()), Some(tag));
            }
        }
        assert_eq!(Tag::new(Kind::Send, 1, GENERATION_MASK + 6).generation, 5);
        assert_eq!(Tag::unpack(u64::MAX), None);
    }
}
