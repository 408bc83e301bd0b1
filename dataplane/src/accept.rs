//! Accepting connections.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::rc::Rc;

use ringway_ring::net::{Listener, Runtime};
use ringway_ring::wheel::Timer;

use crate::connection;
use crate::core::Core;

/// How long a listener rests when the process has no descriptor or memory left for a connection.
const EXHAUSTED_REST_NANOS: u64 = 100_000_000;

/// Accepts while it lives: dropping it closes the listeners.
pub(crate) struct Accepting {
    stops: Vec<Rc<Stop>>,
}

struct Stop {
    stopped: Cell<bool>,
    timer: Timer,
}

impl Drop for Accepting {
    fn drop(&mut self) {
        for stop in &self.stops {
            stop.stopped.set(true);
            stop.timer.arm(0);
        }
    }
}

/// Starts an accept task for each listener.
pub(crate) fn start<R: Runtime>(core: &Rc<Core<R>>, listeners: Vec<R::Listener>) -> Accepting {
    let mut stops = Vec::new();
    for listener in listeners {
        let stop = Rc::new(Stop { stopped: Cell::new(false), timer: Timer::new(core.runtime.wheel()) });
        stops.push(stop.clone());
        core.runtime.spawn(accept(core.clone(), listener, stop));
    }
    Accepting { stops }
}

async fn accept<R: Runtime>(core: Rc<Core<R>>, listener: R::Listener, stop: Rc<Stop>) {
    while !stop.stopped.get() {
        let accepted = {
            let accept = pin!(listener.accept());
            stop.timer.guard(accept).await
        };
        match accepted {
            Ok(Ok(stream)) => take(&core, stream),
            // The peer gave up while it was queued: the next one may be fine.
            Ok(Err(error)) if is_about_one_connection(&error) => {}
            Ok(Err(_)) => {
                core.runtime.wheel().sleep_until(core.runtime.now() + EXHAUSTED_REST_NANOS).await;
            }
            Err(_) => {}
        }
    }
}

fn take<R: Runtime>(core: &Rc<Core<R>>, stream: R::Stream) {
    core.counters.accepted.add(1);
    if core.connections.borrow().len() >= core.settings.connections_max {
        core.counters.connections_shed.add(1);
        return;
    }
    core.runtime.spawn(connection::serve(core.clone(), stream));
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
