//! The body of our own: one io_uring per core under the executor and the timer wheel that the simulation runs on as well.
//!
//! A connection receives into buffers that the kernel takes from a shared ring when bytes come, so that one that waits holds none, and its
//! receive stays armed from message to message. What is submitted in a turn goes to the kernel in one call, which is also the wait.

mod alarm;
mod buffers;
mod counters;
mod driver;
#[cfg(feature = "driver-faults")]
pub mod faults;
mod host;
mod listener;
mod ops;
mod setup;
mod slots;
mod stream;
#[cfg(feature = "driver-trials")]
mod trials;

pub use alarm::NativeAlarm;
pub use counters::{Counter, RingCounters};
pub use driver::Live;
pub use host::run;
pub use listener::NativeListener;
pub(crate) use setup::try_everything;
pub use stream::NativeStream;

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::clock::monotonic_nanos;
use crate::executor::Spawner;
use crate::net::Runtime;
use crate::pages::Crowd;
use crate::wheel::Wheel;
use alarm::Alarms;
use driver::Driver;

/// A handle on the runtime of this core.
#[derive(Clone)]
pub struct NativeRuntime {
    core: Rc<Core>,
}

/// What the handles of a core share.
pub(crate) struct Core {
    driver: RefCell<Driver>,
    wheel: Wheel,
    alarms: Alarms,
    spawner: Spawner,
    crowd: Crowd,
    /// Whether connections made from here do without pacing.
    unpaced: bool,
}

impl NativeRuntime {
    /// What the driver of this core holds now.
    pub fn live(&self) -> Live {
        self.core.driver.borrow().live()
    }
}

impl Runtime for NativeRuntime {
    type Stream = NativeStream;
    type Listener = NativeListener;
    type Alarm = NativeAlarm;

    #[inline]
    fn now(&self) -> u64 {
        monotonic_nanos()
    }

    #[inline]
    fn arrival(&self) -> u64 {
        self.core.wheel.now()
    }

    fn unix_millis(&self) -> u64 {
        crate::clock::unix_millis()
    }

    fn wheel(&self) -> &Wheel {
        &self.core.wheel
    }

    fn alarm(&self) -> io::Result<NativeAlarm> {
        Ok(NativeAlarm::new(self.core.clone()))
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.core.spawner.spawn(task);
    }

    fn listen(&self, addr: SocketAddr, backlog: u32) -> io::Result<NativeListener> {
        NativeListener::new(self.core.clone(), addr, backlog)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<NativeStream> {
        NativeStream::connect(self.core.clone(), to).await
    }
}
