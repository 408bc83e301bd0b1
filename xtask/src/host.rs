//! What the kernel says of processes and cores (`/proc`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// Nanoseconds of one tick of `/proc/*/stat`: USER_HZ is 100 on every Linux that Ringway runs on.
const TICK: u64 = 10_000_000;

/// Processor time of some processes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// Nanoseconds, exact (schedstat of every thread).
    pub(crate) nanos: u64,
    /// Nanoseconds in user space, in steps of a tick.
    pub(crate) user: u64,
    /// Nanoseconds in the kernel, in steps of a tick.
    pub(crate) system: u64,
}

impl Cpu {
    /// The time since `earlier`.
    pub(crate) fn since(self, earlier: Cpu) -> Cpu {
        Cpu {
            nanos: self.nanos.saturating_sub(earlier.nanos),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Processor time of `pids` so far. Processes that are gone count nothing.
pub(crate) fn cpu(pids: &[u32]) -> Cpu {
    let mut sum = Cpu::default();
    for pid in pids {
        let (user, system, _) = stat_times(&format!("/proc/{pid}/stat"));
        sum.user += user;
        sum.system += system;
        for task in directories(&format!("/proc/{pid}/task")) {
            let schedstat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            sum.nanos += schedstat.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
        }
    }
    sum
}

/// Processor time of this process and of its children that have ended, in nanoseconds.
pub(crate) fn own_cpu() -> u64 {
    let (user, system, children) = stat_times("/proc/self/stat");
    user + system + children
}

/// User, system and waited-for children's nanoseconds of a `stat` file.
fn stat_times(path: &str) -> (u64, u64, u64) {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The name in parentheses may hold blanks and parentheses: fields are counted from its end.
    let fields: Vec<u64> = text
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0) * TICK;
    (field(14), field(15), field(16) + field(17))
}

/// `pid` and all its descendants.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        for task in directories(&format!("/proc/{}/task", found[next])) {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        }
        next += 1;
    }
    found
}

fn directories(path: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}

/// Nanoseconds that all cores were busy, other guests of the hypervisor included, since boot.
pub(crate) fn busy() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = text
        .lines()
        .next()
        .map(|line| line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    // user nice system idle iowait irq softirq steal
    [0, 1, 2, 5, 6, 7].iter().map(|&index| fields.get(index).copied().unwrap_or(0)).sum::<u64>() * TICK
}

/// The cores that this process may run on.
pub(crate) fn cores() -> Outcome<Vec<usize>> {
    allowed_cores(Path::new("/proc/self/status"))
}

/// The cores that the process or thread of this `status` file may run on.
pub(crate) fn allowed_cores(path: &Path) -> Outcome<Vec<usize>> {
    let status = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    parse_cores(list).ok_or_else(|| format!("Cpus_allowed_list: `{}` is not understood", list.trim()))
}

fn parse_cores(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cores)
}

/// Memory of some processes, in bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Resident, shared pages included.
    pub(crate) resident: u64,
    /// Resident and of no file: heap and stacks.
    pub(crate) anonymous: u64,
}

/// Memory of `pids` now.
pub(crate) fn memory(pids: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        sum.resident += kilobytes(&text, "Rss:");
        sum.anonymous += kilobytes(&text, "Anonymous:");
    }
    sum
}

/// The largest resident size of `pid` since the last [`forget_peak`], in bytes.
pub(crate) fn peak_resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kilobytes(&text, "VmHWM:")
}

/// Begins a new measurement of the peak of `pid`.
pub(crate) fn forget_peak(pid: u32) -> Outcome<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").map_err(|error| format!("{path}: {error}"))
}

fn kilobytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The release of the kernel.
pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// The name of the processor.
pub(crate) fn cpu_model() -> String {
    cpu_line("model name").unwrap_or_else(|| "unknown processor".to_owned())
}

/// Whether the processor has `feature`, as the kernel spells it.
pub(crate) fn has_cpu_feature(feature: &str) -> bool {
    cpu_line("flags").is_some_and(|flags| flags.split_whitespace().any(|flag| flag == feature))
}

/// What the kernel says of the first processor under `key`.
fn cpu_line(key: &str) -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let (_, value) = info.lines().find(|line| line.starts_with(key))?.split_once(':')?;
    Some(value.trim().to_owned())
}

/// One line that says what this machine is, for the head of a table.
pub(crate) fn describe() -> String {
    let cores = cores().map_or(0, |cores| cores.len());
    format!("Linux {}, {cores} cores of {}", kernel(), cpu_model())
}

#[cfg(test)]
mod tests {
    use super::{cores, cpu, kilobytes, memory, own_cpu, parse_cores, tree};

    #[test]
    fn lists_of_cores() {
        assert_eq!(parse_cores("\t0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse_cores("3"), Some(vec![3]));
        assert_eq!(parse_cores("x"), None);
        assert!(!cores().unwrap().is_empty());
    }

    #[test]
    fn reads_this_process() {
        let own = std::process::id();
        let mut sum = 0u64;
        while cpu(&[own]).user + cpu(&[own]).system == 0 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu(&[own]).nanos > 0 && own_cpu() > 0);
        assert!(tree(own).contains(&own));
        let memory = memory(&[own]);
        assert!(memory.resident > memory.anonymous && memory.anonymous > 0);
    }

    #[test]
    fn kilobytes_of_a_line() {
        assert_eq!(kilobytes("Rss:   12 kB\nPss: 3 kB\n", "Pss:"), 3072);
        assert_eq!(kilobytes("", "Rss:"), 0);
    }
}
