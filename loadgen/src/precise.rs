//! Many deadlines on the one precise timer of a core: the wheel's tick of a millisecond would be seen in what is measured.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

use ringway_ring::net::{Alarm, Runtime};

/// The deadlines of a core.
pub(crate) struct Precise<R: Runtime> {
    runtime: R,
    alarm: R::Alarm,
    /// Who waits, by deadline; the number tells equal ones apart. As long as there are tasks that wait.
    waiting: RefCell<BTreeMap<(u64, u64), Waker>>,
    number: Cell<u64>,
}

impl<R: Runtime> Precise<R> {
    /// Takes a descriptor, and starts the task that wakes the others.
    pub(crate) fn start(runtime: &R) -> io::Result<Rc<Self>> {
        let precise = Rc::new(Precise {
            alarm: runtime.alarm()?,
            runtime: runtime.clone(),
            waiting: RefCell::default(),
            number: Cell::new(0),
        });
        let driver = precise.clone();
        runtime.spawn(async move {
            loop {
                driver.alarm.wait().await;
                driver.fire();
            }
        });
        Ok(precise)
    }

    fn fire(&self) {
        let now = self.runtime.now();
        let due = {
            let mut waiting = self.waiting.borrow_mut();
            let later = waiting.split_off(&(now + 1, 0));
            std::mem::replace(&mut *waiting, later)
        };
        due.into_values().for_each(Waker::wake);
        self.set();
    }

    fn set(&self) {
        let earliest = self.waiting.borrow().keys().next().map_or(u64::MAX, |(due, _)| *due);
        self.alarm.set(earliest);
    }

    /// Resolves at `due`, a time of [`Runtime::now`]; never before.
    pub(crate) async fn sleep_until(&self, due: u64) {
        if self.runtime.now() >= due {
            return;
        }
        let number = self.number.replace(self.number.get() + 1);
        let _forget = Forget { precise: self, key: (due, number) };
        poll_fn(|cx| {
            if self.runtime.now() >= due {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().insert((due, number), cx.waker().clone());
            self.set();
            Poll::Pending
        })
        .await;
    }
}

/// Takes a deadline away with the wait for it.
struct Forget<'a, R: Runtime> {
    precise: &'a Precise<R>,
    key: (u64, u64),
}

impl<R: Runtime> Drop for Forget<'_, R> {
    fn drop(&mut self) {
        let waker = self.precise.waiting.borrow_mut().remove(&self.key);
        // Dropped with the map released: the last reference to a task may own other waits.
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway_ring::sim::{Faults, Outcome, World};

    #[test]
    fn each_wait_ends_at_its_own_time() {
        let mut world = World::new(1, Faults::default());
        let runtime = world.core();
        let precise = Precise::start(&runtime).unwrap();
        let start = runtime.now();
        let woken: Rc<RefCell<Vec<(u64, u64)>>> = Rc::default();
        for offset in [7_123_457, 100, 2_000_001, 2_000_001, 0] {
            let (precise, runtime, woken) = (precise.clone(), runtime.clone(), woken.clone());
            runtime.clone().spawn(async move {
                precise.sleep_until(start + offset).await;
                woken.borrow_mut().push((offset, runtime.now() - start));
            });
        }
        assert_eq!(world.run_for(10_000_000), Outcome::Done);
        let woken = woken.borrow();
        assert_eq!(
            woken.iter().map(|(_, at)| *at).collect::<Vec<_>>(),
            [0, 100, 2_000_001, 2_000_001, 7_123_457]
        );
        assert!(woken.iter().all(|(offset, at)| offset == at));
        assert!(precise.waiting.borrow().is_empty());
    }

    #[test]
    fn a_wait_that_is_dropped_is_forgotten() {
        let mut world = World::new(1, Faults::default());
        let runtime = world.core();
        let precise = Precise::start(&runtime).unwrap();
        let (sleeper, late) = (precise.clone(), runtime.now() + 1_000_000_000);
        let timer = ringway_ring::wheel::Timer::new(runtime.wheel());
        timer.arm(runtime.now() + 1_000_000);
        runtime.spawn(async move {
            let sleep = std::pin::pin!(sleeper.sleep_until(late));
            assert!(timer.guard(sleep).await.is_err());
        });
        assert_eq!(world.run_for(10_000_000), Outcome::Done);
        assert!(precise.waiting.borrow().is_empty());
    }
}
