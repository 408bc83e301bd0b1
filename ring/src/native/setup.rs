//! Setting up a ring, and trying beforehand everything that will be asked of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use io_uring::squeue::Entry;
use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue};

use super::buffers::BufferGroup;
use super::ops::{self, Kind, OPERATIONS, Tag};

/// Entries of the completion queue for each of the submission queue: a receive completes again and again for one submission.
const COMPLETIONS_PER_SUBMISSION: u32 = 8;

/// A ring for one thread, which defers the kernel's work to its own calls. `entries` is a power of two.
pub(super) fn ring(entries: u32) -> io::Result<IoUring> {
    #[cfg(feature = "driver-trials")]
    let entries = super::trials::entries().unwrap_or(entries);
    #[cfg(feature = "driver-faults")]
    if let Some(error) = super::faults::setup_error() {
        return Err(error);
    }
    let built = builder(entries).setup_no_sqarray().build(entries);
    match built {
        // Linux 6.6 has the array left out; older ones refuse the flag.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => builder(entries).build(entries),
        built => built,
    }
}

fn builder(entries: u32) -> io_uring::Builder {
    let mut builder = IoUring::builder();
    builder
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_coop_taskrun()
        .setup_submit_all()
        .setup_clamp()
        .setup_cqsize(entries * COMPLETIONS_PER_SUBMISSION);
    builder
}

/// Whether the kernel ends a receive after a number of bytes (Linux 6.17); found out once.
pub(super) fn limits_receives() -> bool {
    static LIMITS: OnceLock<bool> = OnceLock::new();
    *LIMITS.get_or_init(|| try_limit().unwrap_or(false))
}

/// Receives four bytes with a limit of two. The limit ends the receive, it does not cut it; kernels that do not know it refuse the entry.
fn try_limit() -> io::Result<bool> {
    let (one, other) = UnixStream::pair()?;
    let mut ring = ring(8)?;
    let mut small = BufferGroup::small()?;
    small.register(&ring.submitter())?;
    small.refill();
    std::io::Write::write_all(&mut &other, b"ring")?;
    let tag = Tag::new(Kind::Receive, 0, 0);
    let mut attempt = Attempt { ring: &mut ring };
    attempt.submit(ops::receive(one.as_raw_fd(), 2, tag))?;
    let (_, result, flags) = attempt.wait()?;
    // Before the buffers.
    drop(ring);
    Ok(result == 4 && !cqueue::more(flags))
}

/// A descriptor that other threads write to in order to wake a core.
pub(super) fn event() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Why the native driver cannot run here.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What was tried.
    pub(crate) step: &'static str,
    pub(crate) error: io::Error,
}

/// Runs every operation of the driver once, on sockets of the loopback interface.
pub(crate) fn try_everything() -> Result<(), Refusal> {
    let refused = |step| move |error| Refusal { step, error };
    let mut ring = ring(8).map_err(refused("setting up a ring"))?;
    let mut supported = io_uring::Probe::new();
    ring.submitter().register_probe(&mut supported).map_err(refused("asking for the operations"))?;
    for (code, name) in OPERATIONS {
        if !supported.is_supported(code) {
            return Err(Refusal { step: name, error: io::ErrorKind::Unsupported.into() });
        }
    }
    if !ring.params().is_feature_ext_arg() || !ring.params().is_feature_nodrop() {
        return Err(Refusal { step: "waiting with a timeout", error: io::ErrorKind::Unsupported.into() });
    }
    let (mut small, mut bulk) = BufferGroup::small()
        .and_then(|small| BufferGroup::bulk().map(|bulk| (small, bulk)))
        .map_err(refused("mapping buffer rings"))?;
    let registered = small.register(&ring.submitter()).and_then(|()| bulk.register(&ring.submitter()));
    registered.map_err(refused("registering buffer rings"))?;
    small.refill();
    bulk.refill();
    let mut attempt = Attempt { ring: &mut ring };
    let result = attempt.run(&mut small, &mut bulk);
    // What is still armed goes with the ring, and only then the buffers.
    drop(ring);
    result
}

/// A small ring on which the operations are tried.
struct Attempt<'a> {
    ring: &'a mut IoUring,
}

impl Attempt<'_> {
    fn run(&mut self, small: &mut BufferGroup, bulk: &mut BufferGroup) -> Result<(), Refusal> {
        let refused = |step| move |error| Refusal { step, error };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused("listening"))?;
        let to: SocketAddr = listener.local_addr().map_err(refused("listening"))?;
        let mut tag = 0;
        let mut next = |kind| {
            tag += 1;
            Tag::new(kind, tag, 0)
        };
        let accepting = next(Kind::Accept);
        self.submit(ops::accept(listener.as_raw_fd(), accepting)).map_err(refused("accepting"))?;
        let client = crate::sockets::for_connecting(&to, false).map_err(refused("connecting"))?;
        let address = socket2::SockAddr::from(to);
        self.submit(ops::connect(client.as_raw_fd(), &address, next(Kind::Connect)))
            .map_err(refused("connecting"))?;
        let (mut accepted, mut connected) = (None, false);
        while accepted.is_none() || !connected {
            let (tag, result, _) = self.wait().map_err(refused("accepting and connecting"))?;
            let ok = check(result).map_err(refused("accepting and connecting"))?;
            match tag.kind {
                // SAFETY: the descriptor was just accepted, and nobody else owns it.
                Kind::Accept => accepted = Some(unsafe { OwnedFd::from_raw_fd(ok) }),
                _ => connected = true,
            }
        }
        let Some(server) = accepted else { unreachable!("the loop ends with it") };
        let receiving = next(Kind::Receive);
        let step = "receiving into provided buffers";
        self.submit(small_receive(server.as_raw_fd(), receiving)).map_err(refused(step))?;
        self.submit(ops::send(client.as_raw_fd(), b"ring", next(Kind::Send))).map_err(refused("sending"))?;
        let (mut open, mut receives_on) = (2, false);
        while open > 0 {
            let (tag, result, flags) = self.wait().map_err(refused(step))?;
            let n = check(result).map_err(refused(step))?;
            if tag == receiving {
                let id = cqueue::buffer_select(flags).ok_or_else(|| missing(step))?;
                let bytes = small.take(id, n as usize).ok_or_else(|| missing(step))?;
                if &bytes[..] != b"ring" {
                    return Err(missing(step));
                }
                receives_on = cqueue::more(flags);
            }
            open -= 1;
        }
        self.submit(ops::cancel(receiving)).map_err(refused("cancelling"))?;
        // The cancel, and what it ends.
        for _ in 0..1 + usize::from(receives_on) {
            self.wait().map_err(refused("cancelling"))?;
        }
        let step = "receiving into a large provided buffer";
        let receiving = next(Kind::ReceiveBulk);
        let bulk_entry = ops::receive_bulk(server.as_raw_fd(), crate::buf::LARGE as u32, receiving);
        self.submit(bulk_entry).map_err(refused(step))?;
        drop(client);
        let (_, result, flags) = self.wait().map_err(refused(step))?;
        check(result).map_err(refused(step))?;
        drop(cqueue::buffer_select(flags).and_then(|id| bulk.take(id, 0)));
        Ok(())
    }

    fn submit(&mut self, entry: Entry) -> io::Result<()> {
        // SAFETY: what the entry points to outlives the wait for its completion in `run`, or the ring.
        unsafe { self.ring.submission().push(&entry) }
            .map_err(|_| io::Error::other("the submission queue is full"))?;
        self.ring.submit().map(drop)
    }

    /// The next completion, within a second.
    fn wait(&mut self) -> io::Result<(Tag, i32, u32)> {
        if self.ring.completion().is_empty() {
            let second = Timespec::from(Duration::from_secs(1));
            self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&second))?;
        }
        let entry = self.ring.completion().next().ok_or_else(|| io::Error::other("it did not complete"))?;
        let tag = Tag::unpack(entry.user_data()).ok_or_else(|| io::Error::other("an unknown completion"))?;
        Ok((tag, entry.result(), entry.flags()))
    }
}

/// A receive as the driver begins it on this kernel.
fn small_receive(fd: RawFd, tag: Tag) -> Entry {
    match limits_receives() {
        true => ops::receive(fd, super::driver::RECEIVE_LIMIT, tag),
        false => ops::receive_once(fd, crate::buf::SMALL as u32, tag),
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

fn missing(step: &'static str) -> Refusal {
    Refusal { step, error: io::ErrorKind::Unsupported.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trial_runs_or_says_what_did_not() {
        match try_everything() {
            Ok(()) => println!("limits receives: {}", limits_receives()),
            Err(refusal) => println!("{}: {}", refusal.step, refusal.error),
        }
    }
}
