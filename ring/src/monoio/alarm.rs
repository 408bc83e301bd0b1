//! The precise timer: a timerfd whose readiness the driver waits for.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use monoio::net::UnixStream;

use super::monotonic_nanos;
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::super::{Driver, MonoioRuntime, RunOptions, probe, run_on_core};
    use super::*;
    use crate::net::Runtime;

    /// io_uring where the machine has it, and epoll.
    fn drivers() -> Vec<Driver> {
        probe().io_uring.map(Driver::IoUring).into_iter().chain([Driver::Epoll]).collect()
    }

    fn on_each_driver<F: Future<Output = ()>>(test: impl Fn(MonoioRuntime) -> F) {
        for driver in drivers() {
            run_on_core(&RunOptions { driver, entries: 64, ..RunOptions::default() }, &test).unwrap();
        }
    }

    #[test]
    fn it_fires_at_its_deadline_and_never_before() {
        on_each_driver(|runtime| async move {
            let alarm = runtime.alarm().unwrap();
            let mut late = Vec::new();
            for pause in [150_000, 0, 400_000, 1_700_000, 30_000].into_iter().cycle().take(50) {
                let deadline = runtime.now() + pause;
                alarm.set(deadline);
                alarm.wait().await;
                let now = runtime.now();
                assert!(now >= deadline, "{} ns early", deadline - now);
                late.push(now - deadline);
            }
            // Far below a tick of the wheel, which no other wait could reach; how far is for the benches to say.
            late.sort_unstable();
            assert!(late[late.len() / 2] < crate::wheel::TICK_NS / 2, "{late:?}");
        });
    }

    #[test]
    fn a_wait_follows_a_deadline_that_moves() {
        on_each_driver(|runtime| async move {
            let alarm = Rc::new(runtime.alarm().unwrap());
            let fired = Rc::new(RefCell::new(None));
            let start = runtime.now();
            alarm.set(start + 60_000_000_000);
            let (task_alarm, log, clock) = (alarm.clone(), fired.clone(), runtime.clone());
            runtime.spawn(async move {
                task_alarm.wait().await;
                *log.borrow_mut() = Some(clock.now());
            });
            // Earlier, while it waits; then later again before that.
            runtime.wheel().sleep_until(start + 2_000_000).await;
            alarm.set(start + 20_000_000);
            runtime.wheel().sleep_until(start + 5_000_000).await;
            alarm.set(start + 30_000_000);
            runtime.wheel().sleep_until(start + 25_000_000).await;
            assert_eq!(*fired.borrow(), None);
            while fired.borrow().is_none() {
                runtime.wheel().sleep_until(runtime.now() + 1_000_000).await;
            }
            assert!(fired.borrow().unwrap() >= start + 30_000_000);
        });
    }

    #[test]
    fn a_dropped_wait_leaves_the_alarm_usable() {
        on_each_driver(|runtime| async move {
            let alarm = runtime.alarm().unwrap();
            let start = runtime.now();
            alarm.set(start + 60_000_000_000);
            let timer = crate::wheel::Timer::new(runtime.wheel());
            timer.arm(start + 3_000_000);
            assert!(timer.guard(alarm.wait()).await.is_err());
            alarm.set(start + 6_000_000);
            alarm.wait().await;
            assert!(runtime.now() >= start + 6_000_000);
        });
    }
}
