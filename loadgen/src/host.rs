//! The machine of the generator: what it is, what it allows, and what it says about a thread.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::exit::{Exit, Refusal};
use crate::worker::Usage;

/// Descriptors that a process has besides its connections.
const OTHER_DESCRIPTORS: u64 = 64;
/// Descriptors of a thread: its ring, its alarm, what wakes it.
const DESCRIPTORS_PER_THREAD: u64 = 8;

/// Raises the limit on descriptors as far as it goes, and refuses a plan that needs more.
pub(crate) fn allow_descriptors(connections: usize, threads: usize) -> Result<(), Refusal> {
    let needed = connections as u64 + threads as u64 * DESCRIPTORS_PER_THREAD + OTHER_DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    // Up to the hard limit a process may raise its own.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match getrlimit(Resource::Nofile).current {
        Some(current) if current < needed => Err(Refusal::new(
            Exit::Unavailable,
            format!(
                "{connections} connections need {needed} descriptors, and this process may have {current}: use fewer --connections, or \
                 raise the limit (ulimit -n {needed})"
            ),
        )),
        _ => Ok(()),
    }
}

/// What the calling thread has used.
pub(crate) fn usage() -> Usage {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let cpu = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    // Time on the CPU, time that it was ready and waited, and slices (Documentation/scheduler/sched-stats.rst of Linux).
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = stat.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    Usage { cpu, waited }
}

/// Host name, CPU model and kernel.
pub(crate) fn describe() -> String {
    let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let name = line("/proc/sys/kernel/hostname");
    let kernel = line("/proc/sys/kernel/osrelease");
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| {
            line.strip_prefix("model name").map(|rest| rest.trim_start_matches([' ', '\t', ':']))
        })
        .unwrap_or("unknown CPU");
    let count = ringway_ring::affinity::available_cpus().len();
    format!("{name}, {count} × {model}, Linux {kernel}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_a_thread_grows_with_its_work() {
        let before = usage();
        let mut sum = 0u64;
        while usage().cpu < before.cpu + 2_000_000 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let after = usage();
        assert!(after.cpu >= before.cpu + 2_000_000 && after.waited >= before.waited);
    }

    #[test]
    fn more_connections_than_descriptors_are_refused_with_what_to_do() {
        assert_eq!(allow_descriptors(10, 1), Ok(()));
        let refusal = allow_descriptors(1 << 40, 1).unwrap_err();
        assert!(refusal.message.contains("ulimit -n"), "{}", refusal.message);
    }

    #[test]
    fn the_host_is_described_in_a_line() {
        let text = describe();
        assert!(text.contains("Linux") && !text.contains('\n'), "{text}");
    }
}
