//! Making upstream connections.

use ringway_core::error::{GatewayError, IntegrationFault};
use ringway_ring::net::Runtime;
use ringway_ring::wheel::Timer;

use super::peer;
use super::pool::Pool;
use crate::core::Core;

/// Addresses tried for one exchange: a refused connect costs nothing but time.
const ATTEMPTS_MAX: usize = 3;

/// A new connection and the address it goes to.
pub(super) struct Connected<S> {
    pub(super) stream: S,
    pub(super) addr: std::net::SocketAddr,
}

/// Connects to an address of the pool's endpoint, trying others when one refuses.
pub(super) async fn connect<R: Runtime>(
    pool: &Pool<R>,
    core: &Core<R>,
) -> Result<Connected<R::Stream>, GatewayError> {
    for _ in 0..ATTEMPTS_MAX {
        let now = core.runtime.wheel().now();
        let addr = {
            let peers = pool.peers.borrow();
            let index = peer::choose(&peers, core.random(), now);
            index
                .map(|index| peers[index].addr)
                .ok_or(GatewayError::IntegrationFailure(IntegrationFault::NoAddress))?
        };
        core.counters.upstream_connects.add(1);
        let timer = Timer::new(core.runtime.wheel());
        timer.arm(core.runtime.now() + core.settings.connect_timeout_nanos);
        let connected = timer.guard(core.runtime.connect(addr)).await;
        let success = matches!(connected, Ok(Ok(_)));
        pool.note(addr, success, core.runtime.wheel().now());
        match connected {
            Ok(Ok(stream)) => return Ok(Connected { stream, addr }),
            _ => core.counters.upstream_connect_errors.add(1),
        }
    }
    Err(GatewayError::IntegrationFailure(IntegrationFault::Connect))
}
