//! The precise timer: a timerfd whose readiness the driver waits for.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use monoio::net::UnixStream;

use crate::clock::monotonic_nanos;
use crate::net::Alarm;

/// The deadline of an alarm that is not set.
const NEVER: u64 = u64::MAX;

/// A timerfd on CLOCK_MONOTONIC. The kernel fires it without the slack that sleeps and the timeouts of `epoll_wait` have.
pub struct MonoioAlarm {
    /// monoio has no type for a descriptor that is only polled. This one polls whatever it holds, and nothing else is called on it.
    timer: UnixStream,
    deadline: Cell<u64>,
}

impl MonoioAlarm {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers.
        let fd =
            unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made, and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let timer = UnixStream::from_std(fd.into())?;
        Ok(MonoioAlarm { timer, deadline: Cell::new(NEVER) })
    }
}

impl Alarm for MonoioAlarm {
    fn set(&self, deadline: u64) {
        if self.deadline.replace(deadline) == deadline {
            return;
        }
        // Zero would disarm it: a deadline that has passed is one that fires at once.
        let at = deadline.max(1);
        let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = libc::timespec {
            tv_sec: i64::try_from(at / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: (at % 1_000_000_000) as i64,
        };
        let spec = libc::itimerspec { it_interval: none, it_value };
        let fd = self.timer.as_raw_fd();
        // SAFETY: the descriptor is kept open by this struct; the pointer is to a live itimerspec, and no old value is asked for.
        // It cannot fail: the descriptor is a timerfd and the nanoseconds are below a billion.
        unsafe { libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &spec, std::ptr::null_mut()) };
    }

    async fn wait(&self) {
        while monotonic_nanos() < self.deadline.get() {
            // Setting a new deadline clears the readiness of the last one, so the expiry is never read.
            // An error means that the driver is ending, and with it this task.
            if self.timer.readable(false).await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}
