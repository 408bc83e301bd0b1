//! The driver that is asked for, and threads that run on it.

use std::net::{SocketAddr, TcpListener};

use ringway_ring::affinity::available_cpus;
use ringway_ring::probe::{DriverChoice, probe};
use ringway_ring::start::{Driver, RunOptions};

/// The driver that `choice` and this kernel lead to. That it is not the best one is said on stderr.
pub(crate) fn driver(choice: DriverChoice) -> Result<Driver, String> {
    let chosen = probe().choose(choice)?;
    if let Some(warning) = chosen.warning {
        eprintln!("ringload: {warning}");
    }
    Ok(chosen.driver)
}

/// The options of so many threads: pinned, one to a CPU, where there are enough of them. `unpaced`: nothing of the system's lies between
/// a send and the wire.
pub(crate) fn options(driver: Driver, threads: Option<usize>, unpaced: bool) -> Vec<RunOptions> {
    let cpus = available_cpus();
    let threads = threads.unwrap_or(cpus.len());
    let cpu = |index: usize| (threads <= cpus.len()).then(|| cpus[index]);
    (0..threads).map(|index| RunOptions { cpu: cpu(index), unpaced, ..RunOptions::on(driver) }).collect()
}

/// Makes room in the process's table of descriptors. It doubles when it is full, and where a process has several threads each
/// doubling waits for all CPUs (an RCU grace period): 10 to 20 ms in the middle of a measurement. Call it before there are threads.
pub(crate) fn expect_descriptors(count: usize) {
    let Ok(null) = std::fs::File::open("/dev/null") else { return };
    // Refused above the limit, which is no harm: then so many will not come. The table does not shrink again.
    drop(rustix::io::fcntl_dupfd_cloexec(&null, i32::try_from(count).unwrap_or(i32::MAX)));
}

/// Finds out whether nobody listens on `address`, and which port it is where 0 asks for a free one. Threads share it by SO_REUSEPORT,
/// and so would another process of the same user: without this it would silently share the connections.
pub(crate) fn free_address(address: SocketAddr) -> Result<SocketAddr, String> {
    TcpListener::bind(address)
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("cannot listen on {address}: {error}"))
}
