//! Short slices of load, arms in random order, with the processor time of each side read before and after. Whole runs
//! drift by 20 % on a shared machine; neighbouring slices do not.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::arms::{Arm, Site};
use super::wrk;
use crate::process::{self, Answer};
use crate::report::{Table, number, progress};
use crate::statistics::{Interval, Random, interval, median, paired_ratios};
use crate::{Outcome, host};

/// How a series of slices is run.
pub(crate) struct Plan {
    /// Good slices that each arm should have; dropped ones are made up for, up to [`PATIENCE`] times as many.
    pub(crate) rounds: usize,
    /// Seconds of load in a slice.
    pub(crate) seconds: u32,
    /// A slice in which other processes used more of a core than this share is dropped.
    pub(crate) disturbance: f64,
    /// What is asked for.
    pub(crate) path: &'static str,
}

/// Rounds at most, as a multiple of the wanted ones.
pub(crate) const PATIENCE: usize = 4;

/// One slice of one arm.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// Requests per second of the arm's processor time.
    pub(crate) per_cpu_second: f64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Share of the arm's processor time that was user space.
    pub(crate) user: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// All slices of a series: by arm, then by round; `None` where a slice was dropped.
pub(crate) struct Series {
    pub(crate) connections: usize,
    pub(crate) slices: Vec<Vec<Option<Slice>>>,
    disturbed: usize,
    failed: usize,
}

/// Every arm has to answer as the backend does, byte for byte, before it is measured. Returns the bytes of each
/// arm's answer.
pub(crate) fn check_answers(site: &Site, arms: &[Arm], path: &str) -> Outcome<Vec<usize>> {
    let expected = ask(site.backend.address, path, None)?;
    let mut sizes = Vec::new();
    for arm in arms {
        let key = (arm.keys > 0).then(|| wrk::api_key(arm.keys - 1));
        let answer = ask(arm.address(), path, key.as_deref())?;
        if answer.status != 200 || answer.body != expected.body {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(format!(
                "{} answers {} with another body than the backend: {body}",
                arm.name, answer.status
            ));
        }
        sizes.push(answer.bytes);
    }
    Ok(sizes)
}

/// One request as the load sends it, with this API key.
pub(crate) fn ask(address: SocketAddr, path: &str, key: Option<&str>) -> Outcome<Answer> {
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in wrk::HEADERS.iter().copied().chain(key.map(|key| (wrk::KEY_HEADER, key))) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    process::request(address, &head)
}

/// Every arm that has a log must have written a line for (nearly) every request; buffers may hold the last second's.
pub(crate) fn check_logs(arms: &[Arm], requests: &[u64], lines: &[u64]) -> Outcome<Vec<f64>> {
    let mut shares = Vec::new();
    for (index, arm) in arms.iter().enumerate() {
        let share = lines[index] as f64 / requests[index].max(1) as f64;
        if arm.log.is_some() && share < 0.95 {
            let (lines, requests) = (lines[index], requests[index]);
            return Err(format!("{} logged {lines} lines for {requests} requests: it is no arm", arm.name));
        }
        shares.push(share);
    }
    Ok(shares)
}

/// What a series counted besides its slices.
pub(crate) struct Tally {
    /// Requests by arm, those of dropped slices included.
    pub(crate) requests: Vec<u64>,
    /// Log lines by arm.
    pub(crate) lines: Vec<u64>,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(arms: usize) -> Self {
        Tally { requests: vec![0; arms], lines: vec![0; arms] }
    }
}

/// Runs the slices of every arm with `connections`.
pub(crate) fn run(
    site: &Site,
    arms: &[Arm],
    sizes: &[usize],
    connections: usize,
    plan: &Plan,
    tally: &mut Tally,
    random: &mut Random,
) -> Outcome<Series> {
    let scripts = arms.iter().map(|arm| script(site, arm)).collect::<Outcome<Vec<_>>>()?;
    let mut series = Series { connections, slices: vec![Vec::new(); arms.len()], disturbed: 0, failed: 0 };
    let started = Instant::now();
    for round in 0..plan.rounds * PATIENCE {
        if series.good() >= plan.rounds {
            break;
        }
        series.slices.iter_mut().for_each(|slices| slices.push(None));
        for index in random.order(arms.len()) {
            let arm = &arms[index];
            let measured = measure(site, arms, arm, &scripts[index], connections, plan)?;
            tally.requests[index] += measured.counted.requests;
            if measured.counted.errors > 0 {
                series.failed += 1;
                eprintln!("{}: {} errors in a slice", arm.name, measured.counted.errors);
                continue;
            }
            check_bytes(arm, &measured.counted, sizes[index])?;
            if measured.others > plan.disturbance {
                series.disturbed += 1;
                continue;
            }
            series.slices[index][round] = Some(measured.slice);
        }
        // Emptied in each round, so that the kernel never gets to write pages of old lines to a disk.
        for (arm, lines) in arms.iter().zip(&mut tally.lines) {
            *lines += arm.take_log_lines()?;
        }
        let rounds = format!("{connections} connections: {} of {} rounds", series.good(), plan.rounds);
        progress(&rounds, series.good(), plan.rounds, started);
    }
    let total: usize = series.slices.iter().map(Vec::len).sum();
    if series.good() == 0 {
        let disturbed = series.disturbed;
        return Err(format!(
            "{disturbed} of {total} slices were disturbed, and an arm has no good one: stop other processes"
        ));
    }
    if series.failed * 20 > total {
        return Err(format!("{} of {total} slices had failed requests", series.failed));
    }
    Ok(series)
}

fn script(site: &Site, arm: &Arm) -> Outcome<PathBuf> {
    match arm.keys {
        0 => wrk::write_script(&site.scratch),
        keys => wrk::write_keyed_script(&site.scratch, keys),
    }
}

/// What one slice gave.
pub(crate) struct Measured {
    pub(crate) slice: Slice,
    pub(crate) counted: wrk::Counted,
    /// Share of one core that other processes used.
    pub(crate) others: f64,
}

/// Loads `arm`, which is one of `arms`, for one slice.
pub(crate) fn measure(
    site: &Site,
    arms: &[Arm],
    arm: &Arm,
    script: &Path,
    connections: usize,
    plan: &Plan,
) -> Outcome<Measured> {
    // What the last slice left behind (closing connections, flushing logs) belongs to nobody's slice.
    std::thread::sleep(Duration::from_millis(100));
    let own = arm.server.pids();
    let all: Vec<u32> = arms
        .iter()
        .flat_map(|arm| [arm.server.pids(), arm.helpers()].concat())
        .chain(site.backend.pids())
        .collect();
    let ours = || host::cpu(&all).nanos + host::own_cpu();
    let (start, cpu_before, ours_before, busy_before) =
        (Instant::now(), host::cpu(&own), ours(), host::busy());
    let counted = wrk::run(script, arm.address(), plan.path, connections, plan.seconds, site.load_core)?;
    let (cpu, ours, busy) =
        (host::cpu(&own).since(cpu_before), ours() - ours_before, host::busy() - busy_before);
    let elapsed = start.elapsed().as_nanos() as f64;
    if cpu.nanos == 0 || counted.requests == 0 {
        return Err(format!("{} did nothing in a slice", arm.name));
    }
    let slice = Slice {
        per_cpu_second: counted.requests as f64 * 1e9 / cpu.nanos as f64,
        rate: counted.requests as f64 / counted.seconds,
        user: cpu.user as f64 / (cpu.user + cpu.system).max(1) as f64,
        p50: counted.p50,
        p99: counted.p99,
        p999: counted.p999,
    };
    Ok(Measured { slice, counted, others: busy.saturating_sub(ours) as f64 / elapsed })
}

/// wrk does not look at bodies, but it counts bytes: they must be those of as many right answers.
pub(crate) fn check_bytes(arm: &Arm, counted: &wrk::Counted, size: usize) -> Outcome<()> {
    let each = counted.bytes as f64 / counted.requests as f64;
    if (each / size as f64 - 1.0).abs() > 0.02 {
        return Err(format!(
            "{}: answers of {each:.1} bytes on average, but a right one has {size}",
            arm.name
        ));
    }
    Ok(())
}

impl Series {
    /// Good slices of the arm that has fewest.
    fn good(&self) -> usize {
        self.slices.iter().map(|slices| slices.iter().flatten().count()).min().unwrap_or(0)
    }

    /// One column of one arm, by round.
    pub(crate) fn column(&self, arm: usize, figure: fn(&Slice) -> f64) -> Vec<Option<f64>> {
        self.slices[arm].iter().map(|slice| slice.as_ref().map(figure)).collect()
    }

    /// The median of one column of one arm.
    pub(crate) fn median(&self, arm: usize, figure: fn(&Slice) -> f64) -> f64 {
        median(&self.column(arm, figure).into_iter().flatten().collect::<Vec<_>>())
    }

    /// Requests per processor second of arm `over`, as a multiple of those of arm `under`.
    pub(crate) fn ratio(&self, over: usize, under: usize, random: &mut Random) -> Interval {
        let column = |arm| self.column(arm, |slice| slice.per_cpu_second);
        interval(&paired_ratios(&column(over), &column(under)), random)
    }

    /// A table of every arm, with its ratio to the first one and the share of its requests that it logged.
    pub(crate) fn print(&self, arms: &[Arm], random: &mut Random) {
        let mut table = Table::new(&[
            "arm",
            "slices",
            "requests/cpu-s",
            "requests/s",
            "user",
            "user us",
            "p50 us",
            "p99 us",
            "p99.9 us",
            "of the first",
        ]);
        for (index, arm) in arms.iter().enumerate() {
            let ratio = self.ratio(index, 0, random);
            let (per_cpu, user) = (self.median(index, |s| s.per_cpu_second), self.median(index, |s| s.user));
            table.row([
                arm.name.clone(),
                self.slices[index].iter().flatten().count().to_string(),
                number(per_cpu),
                number(self.median(index, |s| s.rate)),
                format!("{:.0} %", user * 100.0),
                format!("{:.2}", 1e6 / per_cpu * user),
                number(self.median(index, |s| s.p50)),
                number(self.median(index, |s| s.p99)),
                number(self.median(index, |s| s.p999)),
                spell(ratio),
            ]);
        }
        println!(
            "\n{} connections (medians of slices; ratio: median of pairs, 95 % interval)",
            self.connections
        );
        print!("{}", table.text());
        println!("dropped: {} disturbed, {} with errors", self.disturbed, self.failed);
    }
}

/// `0.91 (0.89-0.93)`
pub(crate) fn spell(interval: Interval) -> String {
    format!("{:.2} ({:.2}-{:.2})", interval.median, interval.low, interval.high)
}
