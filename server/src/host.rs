//! What this process may use of its host, and what it uses of it, read from `/proc`.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The CPUs that this process may run on, and whether a CPU quota allows it fewer than it sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cpus {
    /// CPU numbers of the affinity mask.
    pub(crate) allowed: Vec<usize>,
    /// How many of them a control group's quota lets the process fill.
    pub(crate) usable: usize,
}

impl Cpus {
    /// Reads the affinity mask and the quota.
    pub(crate) fn of_this_process() -> Self {
        let allowed = ringway_ring::affinity::available_cpus();
        let usable = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, allowed.len());
        Cpus { allowed, usable }
    }

    /// The CPU of each core. `None` is a core that the scheduler places: with a quota, pinning would crowd the first CPUs of
    /// the host, because every other container under a quota would choose the same ones.
    pub(crate) fn assign(&self, cores: usize) -> Vec<Option<usize>> {
        let pin = self.usable == self.allowed.len() && cores <= self.allowed.len();
        (0..cores).map(|core| pin.then(|| self.allowed[core])).collect()
    }

    /// The CPUs that no core is pinned to; none where the scheduler places the cores, which may then be anywhere.
    fn free(&self, cores: &[Option<usize>]) -> Vec<usize> {
        if cores.contains(&None) {
            return Vec::new();
        }
        self.allowed.iter().copied().filter(|cpu| !cores.contains(&Some(*cpu))).collect()
    }
}

/// Nice value of control threads that share the CPUs of cores.
const CONTROL_NICE: i32 = 10;

/// Moves the calling thread, and those it will start, to the CPUs that no core is pinned to: a reload is work of milliseconds, and a core
/// that waits for its CPU makes every request wait. Tells whether there are such CPUs.
pub(crate) fn leave_cpus(cpus: &Cpus, cores: &[Option<usize>]) -> bool {
    let free = cpus.free(cores);
    let mut set = CpuSet::new();
    free.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(*cpu));
    set.count() > 0 && sched_setaffinity(None, &set).is_ok()
}

/// Where every CPU has a core, or the scheduler places them: lets them go before the calling thread and those it will
/// start. The writer of the access log is started earlier and keeps its priority: what it does not take in time is lost.
pub(crate) fn yield_to_cores() {
    // On Linux a nice value belongs to a thread, and without a process id it is the caller's. Refused or not: serving does
    // not depend on it.
    let _ = setpriority_process(None, CONTROL_NICE);
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The process in figures, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct ProcessFigures {
    /// User and system time of all threads.
    pub(crate) cpu_seconds: f64,
    /// Resident set.
    pub(crate) resident_bytes: u64,
    /// Address space.
    pub(crate) virtual_bytes: u64,
    /// Open file descriptors.
    pub(crate) open_fds: u64,
    /// Soft limit of them.
    pub(crate) max_fds: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Since 1970.
    pub(crate) start_seconds: f64,
}

/// Clock ticks of `/proc/PID/stat` a second: USER_HZ, which the kernel's interface fixes at 100.
const USER_HZ: f64 = 100.0;

impl ProcessFigures {
    /// Reads them; what cannot be read is zero.
    pub(crate) fn read() -> Self {
        let mut figures = ProcessFigures::default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |name| field(&status, name)?.split(' ').next()?.parse::<u64>().ok();
        figures.resident_bytes = kib("VmRSS:").unwrap_or(0) * 1024;
        figures.virtual_bytes = kib("VmSize:").unwrap_or(0) * 1024;
        figures.threads = kib("Threads:").unwrap_or(0);
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The command's name may hold anything, spaces too; the fields start after its closing parenthesis (proc_pid_stat(5)).
        let fields: Vec<f64> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect())
            .unwrap_or_default();
        let nth = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
        figures.cpu_seconds = (nth(14) + nth(15)) / USER_HZ;
        let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot: f64 = field(&boot, "btime ").and_then(|t| t.parse().ok()).unwrap_or(0.0);
        figures.start_seconds = boot + nth(22) / USER_HZ;
        figures.open_fds = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
        figures.max_fds = open_files_max();
        figures
    }
}

/// The soft limit of open files.
fn open_files_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the soft limit of open files to the hard one, and tells it: the usual soft limit of 1,024 is for programs that use `select`.
pub(crate) fn raise_open_files_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the old limit is what there is; the caller judges the number.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    open_files_max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_pinned_only_where_every_one_has_its_cpu() {
        let cpus = Cpus { allowed: vec![2, 3, 6], usable: 3 };
        assert_eq!(cpus.assign(2), [Some(2), Some(3)]);
        assert_eq!(cpus.assign(4), [None; 4], "more cores than CPUs");
        assert_eq!(cpus.free(&cpus.assign(2)), [6]);
        assert!(cpus.free(&cpus.assign(3)).is_empty());
        assert!(cpus.free(&[None]).is_empty(), "a core may be anywhere");
        assert_eq!(Cpus { usable: 1, ..cpus }.assign(1), [None], "under a quota");
    }

    #[test]
    fn a_thread_leaves_the_cpus_of_cores() {
        let here = || ringway_ring::affinity::available_cpus();
        let moved = std::thread::spawn(move || {
            let cpus = Cpus { allowed: here(), usable: here().len() };
            let (first, rest) = (cpus.allowed[0], cpus.allowed[1..].to_vec());
            (leave_cpus(&cpus, &[Some(first)]), here(), rest)
        });
        let (moved, now, rest) = moved.join().unwrap();
        assert_eq!(moved, !rest.is_empty());
        assert!(!moved || now == rest);
    }

    #[test]
    fn the_figures_of_this_process_are_plausible() {
        let figures = ProcessFigures::read();
        assert!(figures.resident_bytes > 100_000 && figures.virtual_bytes >= figures.resident_bytes);
        assert!(figures.open_fds >= 3 && figures.max_fds >= figures.open_fds);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(figures.start_seconds > now - 86_400.0 && figures.start_seconds < now + 2.0);
        assert!(figures.threads >= 1);
    }
}
