//! Asking for a cached answer anew while the one that is too old is given: a request of the core's own, that no client waits for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ringway_core::http1::{RequestHead, ResponseHead, Scan, parse_request};
use ringway_core::ids::RequestId;
use ringway_core::limits::REFRESHES_MAX;
use ringway_core::pipeline::{self, Exchange};
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::Runtime;
use ringway_ring::wheel::Timer;

use crate::adopted::Adopted;
use crate::core::Core;
use crate::exchange::ExchangeEnv;
use crate::gather::Share;
use crate::request_body::RequestBody;

/// What is left of the request that found the answer.
struct Again {
    /// Its head; it has no body.
    head: Vec<u8>,
    id: RequestId,
    source_ip: Vec<u8>,
}

/// One of the core's, until it is dropped.
struct Counted<R: Runtime>(Rc<Core<R>>);

impl<R: Runtime> Drop for Counted<R> {
    fn drop(&mut self) {
        self.0.refreshes.set(self.0.refreshes.get() - 1);
    }
}

/// Starts a task that asks again what `exchange` has asked. Too many of them: it is not done, and a later request tries.
#[cold]
pub(crate) fn start<R: Runtime>(core: &Rc<Core<R>>, adopted: &Rc<Adopted<R>>, exchange: &Exchange<'_>) {
    if core.refreshes.get() >= REFRESHES_MAX || core.draining.get() {
        return;
    }
    core.refreshes.set(core.refreshes.get() + 1);
    let counted = Counted(core.clone());
    let head = exchange.bytes[..exchange.head.len].to_vec();
    // The id decides whether the canary answers.
    let again = Again { head, id: exchange.id, source_ip: exchange.source_ip.to_vec() };
    core.runtime.spawn(Box::pin(run(counted, adopted.clone(), again)));
}

async fn run<R: Runtime>(counted: Counted<R>, adopted: Rc<Adopted<R>>, again: Again) {
    let core = &*counted.0;
    let (mut head, mut answer) = (RequestHead::default(), ResponseHead::default());
    // It was one when the request came.
    if parse_request(&again.head, &mut Scan::default(), &core.head_limits, &mut head).is_err() {
        return;
    }
    let timer = Timer::new(core.runtime.wheel());
    let env = ExchangeEnv {
        core,
        adopted: &adopted,
        client: None,
        timer: &timer,
        free_since: None,
        body: RefCell::new(Some(RequestBody::new(head.body, core.settings.body_bytes_max, false))),
        lease: RefCell::new(None),
        upload: RefCell::new(None),
        rest: RefCell::new(None),
        torn: Cell::new(false),
        gave_up: Cell::new(false),
        client_left: Cell::new(false),
        deadline: Cell::new(0),
        called: Cell::new(0),
        answered: Cell::new(0),
        gathered: Cell::new(false),
        share: Share::of(core),
        log: RefCell::new(None),
    };
    let mut exchange = Exchange::new(&again.head, &head, &mut answer, again.id);
    exchange.source_ip = &again.source_ip;
    exchange.now = core.runtime.now();
    exchange.unix_millis = core.unix_millis(exchange.now);
    exchange.integration_request = Buf::with_capacity(SMALL).into_vec();
    if pipeline::refresh(&env, &adopted.snapshot, &mut exchange).await {
        core.counters.cache_refreshes.add(1);
    }
    drop(Buf::from(std::mem::take(&mut exchange.integration_request)));
    drop(Buf::from(std::mem::take(&mut exchange.out)));
}
