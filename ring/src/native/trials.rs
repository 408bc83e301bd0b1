//! Operations that `cargo xtask bench driver-ablation` tries; the driver has them only in builds for that bench.
//!
//! `RINGWAY_DRIVER_TRIAL` names one.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fixed, Napi};
use io_uring::{IoUring, cqueue, opcode};

use super::buffers;
use super::driver::{Completion, Driver, Wait};
use super::ops::{self, Kind, Tag};
use super::slots::{Awaited, Receiving};

/// Descriptors that may be registered at a time.
const FIXED_FILES: u32 = 16 * 1024;
/// Bytes from which a send is tried without a copy.
const ZERO_COPY_FROM: usize = 16 * 1024;
/// Microseconds of busy polling.
const NAPI_MICROS: u32 = 50;

/// Trials of ring sizes are called this and a number.
const ENTRIES: &str = "entries-";

/// The size of the submission queue that the environment names.
pub(super) fn entries() -> Option<u32> {
    std::env::var("RINGWAY_DRIVER_TRIAL").ok()?.strip_prefix(ENTRIES)?.parse().ok()
}

/// Registers the ring with this thread; returns its place.
fn register_ring(ring: &IoUring) -> io::Result<i32> {
    /// `struct io_uring_rsrc_update`.
    #[repr(C)]
    struct Update {
        offset: u32,
        reserved: u32,
        data: u64,
    }
    const REGISTER_RING_FDS: libc::c_long = 20;
    let mut update = Update { offset: u32::MAX, reserved: 0, data: ring.as_raw_fd() as u64 };
    // SAFETY: one live update, its count given as 1.
    let n = unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            libc::c_long::from(ring.as_raw_fd()),
            REGISTER_RING_FDS,
            &raw mut update,
            1 as libc::c_long,
        )
    };
    if n == 1 { Ok(update.offset as i32) } else { Err(io::Error::last_os_error()) }
}

/// `io_uring_enter` on a registered ring.
pub(super) fn enter_registered(place: i32, submit: u32, wait: Wait) -> io::Result<usize> {
    /// `struct io_uring_getevents_arg`.
    #[repr(C)]
    struct Arguments {
        sigmask: u64,
        sigmask_bytes: u32,
        min_wait_micros: u32,
        timespec: u64,
    }
    const GETEVENTS: libc::c_long = 1;
    const EXT_ARG: libc::c_long = 1 << 3;
    const REGISTERED_RING: libc::c_long = 1 << 4;
    let nanos = if let Wait::For(nanos) = wait { nanos } else { 0 };
    let timespec = [nanos / 1_000_000_000, nanos % 1_000_000_000];
    let arguments = Arguments {
        sigmask: 0,
        sigmask_bytes: 0,
        min_wait_micros: 0,
        timespec: if nanos > 0 { timespec.as_ptr() as u64 } else { 0 },
    };
    // SAFETY: the arguments and the time live across the call; their size is given.
    let n = unsafe {
        libc::syscall(
            libc::SYS_io_uring_enter,
            libc::c_long::from(place),
            libc::c_long::from(submit),
            libc::c_long::from(wait != Wait::No),
            GETEVENTS | EXT_ARG | REGISTERED_RING,
            &raw const arguments,
            size_of::<Arguments>(),
        )
    };
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n as usize) }
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// Nothing: what the others are compared with.
    None,
    /// Receives and sends name descriptors by their place in a registered table.
    DirectDescriptors,
    /// Closes and cancels that succeed do not complete.
    SkipCompletions,
    /// A receive in bulk fills several buffers.
    Bundles,
    /// Large sends leave their bytes where they are.
    ZeroCopy,
    /// Calls name the ring by its place in a table of the thread.
    RegisteredRing,
    /// The kernel polls the network device for a while before it sleeps.
    BusyPolling,
}

impl Trial {
    /// The one that the environment names.
    pub(super) fn from_environment() -> Self {
        match std::env::var("RINGWAY_DRIVER_TRIAL").as_deref() {
            Ok("direct-descriptors") => Trial::DirectDescriptors,
            Ok("skip-completions") => Trial::SkipCompletions,
            Ok("bundles") => Trial::Bundles,
            Ok("zero-copy") => Trial::ZeroCopy,
            Ok("busy-polling") => Trial::BusyPolling,
            Ok("registered-ring") => Trial::RegisteredRing,
            Ok(other) if other != "none" && !other.starts_with(ENTRIES) => {
                panic!("RINGWAY_DRIVER_TRIAL={other}: there is no such trial")
            }
            _ => Trial::None,
        }
    }

    /// Registers what the trial needs; returns the ring's own place, if it has one.
    pub(super) fn set_up(self, ring: &IoUring) -> io::Result<Option<i32>> {
        match self {
            Trial::RegisteredRing => return register_ring(ring).map(Some),
            Trial::DirectDescriptors => ring.submitter().register_files_sparse(FIXED_FILES),
            Trial::BusyPolling => {
                let mut napi = Napi::new().set_busy_poll_timeout(NAPI_MICROS);
                ring.submitter().register_napi(&mut napi)
            }
            _ => Ok(()),
        }
        .map(|()| None)
    }

    /// Puts a connection's descriptor into the table, or takes it out.
    pub(super) fn register(self, ring: &IoUring, slot: usize, fd: RawFd) {
        if self == Trial::DirectDescriptors {
            ring.submitter().register_files_update(slot as u32, &[fd]).expect("a place in the table");
        }
    }

    /// A receive through the table.
    pub(super) fn receive(self, slot: usize, tag: Tag) -> Option<Entry> {
        let fixed = Fixed(slot as u32);
        match self {
            Trial::DirectDescriptors => {
                Some(opcode::RecvMulti::new(fixed, buffers::SMALL_GROUP).build().user_data(tag.pack()))
            }
            _ => None,
        }
    }

    /// A receive in bulk.
    pub(super) fn receive_bulk(self, slot: usize, fd: RawFd, tag: Tag) -> Option<Entry> {
        let entry = match self {
            Trial::Bundles => opcode::RecvBundle::new(io_uring::types::Fd(fd), buffers::BULK_GROUP).build(),
            Trial::DirectDescriptors => {
                let len = crate::buf::LARGE as u32;
                let receive = opcode::Recv::new(Fixed(slot as u32), std::ptr::null_mut(), len);
                let entry = receive.buf_group(buffers::BULK_GROUP).build();
                entry.flags(Flags::BUFFER_SELECT | Flags::FIXED_FILE)
            }
            _ => return None,
        };
        Some(entry.user_data(tag.pack()))
    }

    /// A send of one buffer.
    pub(super) fn send(self, slot: usize, fd: RawFd, bytes: &[u8], flags: i32, tag: Tag) -> Option<Entry> {
        let len = bytes.len() as u32;
        let entry = match self {
            Trial::DirectDescriptors => {
                opcode::Send::new(Fixed(slot as u32), bytes.as_ptr(), len).flags(flags).build()
            }
            Trial::ZeroCopy if bytes.len() >= ZERO_COPY_FROM => {
                opcode::SendZc::new(io_uring::types::Fd(fd), bytes.as_ptr(), len).flags(flags).build()
            }
            _ => return None,
        };
        Some(entry.user_data(tag.pack()))
    }
}

/// What trials need of the driver.
impl Driver {
    pub(super) fn trial_set_up(&mut self) -> io::Result<()> {
        self.registered = self.trial.set_up(&self.ring)?;
        Ok(())
    }

    /// Whether the successes of such operations are not waited for.
    fn is_unheard(&self, kind: Kind) -> bool {
        self.trial == Trial::SkipCompletions && matches!(kind, Kind::Cancel | Kind::Close)
    }

    pub(super) fn trial_register(&self, slot: usize, fd: RawFd) {
        self.trial.register(&self.ring, slot, fd);
    }

    /// Operations that need not complete.
    pub(super) fn trial_begin(&mut self, entry: Entry) -> Entry {
        let kind = Tag::unpack(entry.get_user_data()).map(|tag| tag.kind);
        if kind.is_some_and(|kind| self.is_unheard(kind)) {
            self.in_flight -= 1;
            return entry.flags(Flags::SKIP_SUCCESS);
        }
        entry
    }

    pub(super) fn trial_send(&self, slot: usize, tag: Tag) -> Option<Entry> {
        let connection = &self.connections[slot];
        if connection.extra.is_some() {
            return None;
        }
        self.trial.send(slot, connection.fd, &connection.sending, ops::SEND_FLAGS, tag)
    }

    /// Completions that only trials have. `true`: that was all.
    pub(super) fn trial_completed(&mut self, tag: Tag, completion: Completion) -> bool {
        let slot = tag.slot as usize;
        // A failure completes all the same, and was not counted when it began.
        self.in_flight += usize::from(self.is_unheard(tag.kind));
        match tag.kind {
            // The bytes are sent, but the kernel still has them.
            Kind::Send if cqueue::more(completion.flags) => {
                if let Some(connection) = self.connection(slot, tag.generation) {
                    connection.zero_copy_sent = completion.result;
                }
                true
            }
            Kind::Send if cqueue::notif(completion.flags) => {
                let sent = self.connection(slot, tag.generation).map(|connection| connection.zero_copy_sent);
                self.send_completed(slot, tag, sent.unwrap_or(0));
                true
            }
            // All but the last buffer of a bundle; the last takes the usual way.
            Kind::ReceiveBulk if completion.result as isize > crate::buf::LARGE as isize => {
                let id = cqueue::buffer_select(completion.flags).expect("a bundle has buffers");
                let bufs = self.bulk.take_bundle(id, completion.result as usize);
                let Some(connection) = self.connection(slot, tag.generation) else { return true };
                connection.in_flight -= 1;
                connection.receiving = Receiving::Off;
                let count = bufs.len();
                bufs.into_iter().for_each(|buf| connection.received.push(buf));
                connection.waiters.wake(Awaited::Received);
                connection.waiters.wake(Awaited::Closed);
                let held = connection.held;
                self.queued += count;
                if !held {
                    let connection = &mut self.connections[slot];
                    self.queued -= connection.received.len();
                    connection.received = Default::default();
                    self.reclaim(slot);
                }
                true
            }
            _ => false,
        }
    }
}
