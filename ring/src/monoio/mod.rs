//! The body on monoio: io_uring with the ring flags the kernel has, or epoll where io_uring is forbidden.

mod alarm;
mod stream;

pub use alarm::MonoioAlarm;
pub use stream::MonoioStream;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;

use monoio::net::{ListenerOpts, TcpListener, TcpStream};

use crate::buf;
use crate::clock::monotonic_nanos;
use crate::net::{Alarm, Listener, Runtime};
use crate::pages::Crowd;
use crate::wheel::Wheel;
use stream::IdleReads;

/// How often pending reads are looked at, in nanoseconds. A read that is pending in two looks gives its buffer back,
/// so that an idle connection keeps one for 50 to 100 ms.
const SWEEP_NANOS: u64 = 50_000_000;

/// After this many reads were cancelled, or when so many connections have come and most have gone, the next sweep that cancels hardly any
/// gives their memory back.
const GIVE_BACK_AFTER: usize = 512;
/// A sweep that cancels fewer is a quiet one.
const QUIET_SWEEP: usize = 64;
/// At most once in this many sweeps (1 s).
const GIVE_BACK_SWEEPS: u32 = 20;

/// A handle on the runtime of this core.
#[derive(Clone)]
pub struct MonoioRuntime {
    core: Rc<Core>,
}

/// What the streams of a core share.
struct Core {
    wheel: Wheel,
    idle_reads: IdleReads,
    crowd: Crowd,
    /// Whether the driver is epoll: operations are then made when they are polled, not when they are created.
    epoll: bool,
    /// Whether connections made from here do without pacing.
    unpaced: bool,
    /// Set while the sweeper sleeps because no direct read is pending.
    sweeper: RefCell<Option<std::task::Waker>>,
    sweeping: Cell<bool>,
}

impl MonoioRuntime {
    /// Makes the handle and starts its wheel and its sweeper. Called once on the core's own thread, inside monoio.
    pub(crate) fn start(epoll: bool, unpaced: bool) -> io::Result<Self> {
        let alarm = MonoioAlarm::new()?;
        let core = Rc::new(Core {
            wheel: Wheel::new(monotonic_nanos()),
            idle_reads: IdleReads::default(),
            crowd: Crowd::default(),
            epoll,
            unpaced,
            sweeper: RefCell::new(None),
            sweeping: Cell::new(false),
        });
        monoio::spawn(drive_wheel(core.wheel.clone(), alarm));
        monoio::spawn(sweep(core.clone()));
        Ok(MonoioRuntime { core })
    }
}

impl Runtime for MonoioRuntime {
    type Stream = MonoioStream;
    type Listener = MonoioListener;
    type Alarm = MonoioAlarm;

    #[inline]
    fn now(&self) -> u64 {
        monotonic_nanos()
    }

    fn unix_millis(&self) -> u64 {
        crate::clock::unix_millis()
    }

    fn wheel(&self) -> &Wheel {
        &self.core.wheel
    }

    fn alarm(&self) -> io::Result<MonoioAlarm> {
        MonoioAlarm::new()
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        drop(monoio::spawn(task));
    }

    fn listen(&self, addr: SocketAddr, backlog: u32) -> io::Result<MonoioListener> {
        let options = ListenerOpts::new().reuse_port(true).reuse_addr(true).backlog(backlog as i32);
        let listener = TcpListener::bind_with_config(addr, &options)?;
        Ok(MonoioListener { listener, core: self.core.clone() })
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<MonoioStream> {
        let stream = TcpStream::connect_addr(to).await?;
        MonoioStream::connected(stream, self.core.clone())
    }
}

/// A listening socket of one core.
pub struct MonoioListener {
    listener: TcpListener,
    core: Rc<Core>,
}

impl Listener for MonoioListener {
    type Stream = MonoioStream;

    async fn accept(&self) -> io::Result<MonoioStream> {
        let (stream, _) = self.listener.accept().await?;
        MonoioStream::accepted(stream, self.core.clone())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Advances the wheel whenever it asks for it. The alarm is what makes that precise: monoio's own sleeps are rounded up to milliseconds.
async fn drive_wheel(wheel: Wheel, alarm: MonoioAlarm) {
    let mut ring = std::pin::pin!(alarm.wait());
    loop {
        alarm.set(wheel.next_deadline().unwrap_or(u64::MAX));
        let mut registered = false;
        // Ends when the alarm does, or on the one wake that an earlier timer causes; a wait that is pending follows the alarm.
        let rang = std::future::poll_fn(|cx| {
            if ring.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            if std::mem::replace(&mut registered, true) {
                return Poll::Ready(false);
            }
            wheel.on_earlier(cx.waker());
            Poll::Pending
        })
        .await;
        if rang {
            ring.set(alarm.wait());
        }
        wheel.advance(monotonic_nanos());
    }
}

/// Takes the buffers of reads that have been pending for a while, and gives back what a burst of connections has left.
async fn sweep(core: Rc<Core>) {
    let reads = &core.idle_reads;
    let mut cancelled = 0;
    let mut sweeps = 0;
    loop {
        let has_much = core.crowd.has_shrunk() || buf::has_freed_much();
        if reads.direct() == 0 && cancelled < GIVE_BACK_AFTER && !has_much {
            core.sweeping.set(false);
            std::future::poll_fn(|cx| {
                if core.sweeping.get() {
                    return std::task::Poll::Ready(());
                }
                *core.sweeper.borrow_mut() = Some(cx.waker().clone());
                std::task::Poll::Pending
            })
            .await;
        }
        core.wheel.sleep_until(monotonic_nanos() + SWEEP_NANOS).await;
        let now_cancelled = reads.sweep();
        cancelled += now_cancelled;
        sweeps += 1;
        let left = cancelled >= GIVE_BACK_AFTER || core.crowd.has_shrunk() || buf::has_freed_much();
        if left && now_cancelled < QUIET_SWEEP && sweeps >= GIVE_BACK_SWEEPS {
            (cancelled, sweeps) = (0, 0);
            core.crowd.forget_peak();
            buf::give_back();
        }
    }
}

impl Core {
    /// A direct read begins: the sweeper has to run.
    #[inline]
    fn wake_sweeper(&self) {
        if !self.sweeping.get() {
            self.sweeping.set(true);
            if let Some(waker) = self.sweeper.borrow_mut().take() {
                waker.wake();
            }
        }
    }
}
