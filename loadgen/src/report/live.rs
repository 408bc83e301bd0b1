//! The view of a run that is under way, on the standard error output: a few lines that are redrawn on a terminal, else one line a second.
//!
//! Nothing of the terminal is changed that would have to be restored: no other screen, no hidden cursor, no raw mode. A frame switches the
//! wrapping of long lines off and on again within one write. Whatever ends the run, Ctrl-C or a kill, the terminal is as it was.

use std::collections::VecDeque;
use std::fmt::Write;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use super::Second;
use super::text::{Color, Style};
use super::words::{count, duration, printable};

/// Seconds of a sparkline.
const HISTORY: usize = 60;
/// Characters of the progress bar.
const BAR: usize = 40;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Redrawn in place.
    Screen,
    /// One line a second.
    Plain,
    /// Not at all.
    Off,
}

impl Mode {
    /// What fits the standard error output; `plain` asks for lines even on a terminal.
    pub fn choose(plain: bool) -> Mode {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if plain || dumb || !std::io::stderr().is_terminal() { Mode::Plain } else { Mode::Screen }
    }
}

/// What is run, in words, and when it ends.
#[derive(Debug, Clone)]
pub struct PlanSummary {
    /// `http://host:port`.
    pub target: String,
    /// As in [`super::Run::load`].
    pub load: String,
    /// Time before the measurement.
    pub warmup: Duration,
    /// Time of the measurement, where it is known.
    pub duration: Option<Duration>,
    /// Requests after which the run ends.
    pub requests_max: Option<u64>,
}

impl PlanSummary {
    /// Whether this is the time after the run, in which the last answers come, and none came.
    fn is_over(&self, second: &Second) -> bool {
        let nothing = second.sent + second.ok + second.failed == 0;
        nothing && self.duration.is_some_and(|duration| second.second as f64 >= duration.as_secs_f64())
    }
}

/// The live view.
#[derive(Debug)]
pub struct Live {
    mode: Mode,
    style: Style,
    plan: PlanSummary,
    started: Instant,
    seen: Seen,
    /// Lines of the frame on the screen.
    drawn: usize,
}

/// What the seconds so far add up to.
#[derive(Debug, Default)]
struct Seen {
    ok: u64,
    failed: u64,
    classes: [u64; 5],
    /// The last seconds, oldest first; at most [`HISTORY`].
    recent: VecDeque<Second>,
}

impl Live {
    /// Starts the view; the run begins now, with its warm-up.
    pub fn new(mode: Mode, plan: PlanSummary) -> Live {
        let live = Live {
            mode,
            style: Style::of(&std::io::stderr()),
            plan,
            started: Instant::now(),
            seen: Seen::default(),
            drawn: 0,
        };
        if live.mode == Mode::Plain {
            put(&format!("{} to {}\n", printable(&live.plan.load), printable(&live.plan.target)));
        }
        live
    }

    /// A second is over.
    pub fn second(&mut self, second: &Second) {
        if self.plan.is_over(second) {
            return;
        }
        self.seen.add(second);
        match self.mode {
            Mode::Screen => self.tick(),
            Mode::Plain => put(&plain_line(second)),
            Mode::Off => {}
        }
    }

    /// Draws the screen again, so that the time left moves; call it two to four times a second. Does nothing in the other modes.
    pub fn tick(&mut self) {
        if self.mode != Mode::Screen {
            return;
        }
        let lines = frame(&self.plan, &self.seen, self.started.elapsed(), self.style);
        put(&redraw(&lines, self.drawn));
        self.drawn = lines.len();
    }

    /// Clears the view; the report follows.
    pub fn finish(&mut self) {
        put(&redraw(&[], std::mem::take(&mut self.drawn)));
        self.mode = Mode::Off;
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A view that cannot be written does not end the run.
fn put(text: &str) {
    if !text.is_empty() {
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Moves up over the old frame, writes the new one, and clears what is left of the old.
fn redraw(lines: &[String], drawn: usize) -> String {
    if lines.is_empty() && drawn == 0 {
        return String::new();
    }
    let mut out = String::from("\x1b[?7l\r");
    if drawn > 0 {
        let _ = write!(out, "\x1b[{drawn}A");
    }
    for line in lines {
        let _ = write!(out, "{line}\x1b[K\r\n");
    }
    out.push_str("\x1b[J\x1b[?7h");
    out
}

impl Seen {
    fn add(&mut self, second: &Second) {
        if second.second >= 0 {
            self.ok += second.ok;
            self.failed += second.failed;
            for (sum, part) in self.classes.iter_mut().zip(second.classes) {
                *sum += part;
            }
        }
        if self.recent.len() == HISTORY {
            self.recent.pop_front();
        }
        self.recent.push_back(second.clone());
    }
}

fn plain_line(second: &Second) -> String {
    let mut line =
        format!("{:>5} s {:>10} ok/s {:>8} failed", second.second, count(second.ok), count(second.failed));
    for (name, value) in [("p50", second.p50), ("p90", second.p90), ("p99", second.p99), ("max", second.max)]
    {
        let _ = write!(line, "  {name} {:>8}", if second.ok > 0 { duration(value) } else { "-".to_string() });
    }
    let classes = classes(&second.classes);
    format!("{line}  {}\n", if second.second < 0 { "warm-up".to_string() } else { classes })
}

fn classes(classes: &[u64; 5]) -> String {
    let seen: Vec<String> = (1..)
        .zip(classes)
        .filter(|(_, number)| **number > 0)
        .map(|(class, number)| format!("{class}xx {}", count(*number)))
        .collect();
    seen.join("  ")
}

/// The lines of the screen.
fn frame(plan: &PlanSummary, seen: &Seen, elapsed: Duration, style: Style) -> Vec<String> {
    let title = format!("{} to {}", printable(&plan.load), printable(&plan.target));
    let mut lines = vec![style.paint(Color::Bold, &title), progress(plan, seen, elapsed)];
    let Some(last) = seen.recent.back() else {
        return lines;
    };
    let mut figure = |name: &str, now: String, of: fn(&Second) -> f64, color: Color| {
        let history: Vec<f64> = seen.recent.iter().map(of).collect();
        lines.push(format!("  {name:<7}{now:>11}  {}", style.paint(color, &sparkline(&history))));
    };
    figure("ok", format!("{}/s", count(last.ok)), |s| s.ok as f64, Color::Green);
    figure("failed", format!("{}/s", count(last.failed)), |s| s.failed as f64, Color::Red);
    figure("p50", duration(last.p50), |s| s.p50, Color::Green);
    figure("p90", duration(last.p90), |s| s.p90, Color::Green);
    figure("p99", duration(last.p99), |s| s.p99, Color::Yellow);
    figure("max", duration(last.max), |s| s.max, Color::Yellow);
    let failed = format!("{} failed", count(seen.failed));
    let failed = if seen.failed > 0 { style.paint(Color::Red, &failed) } else { failed };
    lines.push(format!("  total  {:>11} ok, {failed}   {}", count(seen.ok), classes(&seen.classes)));
    lines
}

fn progress(plan: &PlanSummary, seen: &Seen, elapsed: Duration) -> String {
    if elapsed < plan.warmup {
        return format!("  warming up, {} s left", (plan.warmup - elapsed).as_secs_f64().ceil());
    }
    let measured = (elapsed - plan.warmup).as_secs_f64();
    let by_time = plan.duration.map(|duration| measured / duration.as_secs_f64().max(f64::MIN_POSITIVE));
    let by_requests =
        plan.requests_max.map(|requests| (seen.ok + seen.failed) as f64 / requests.max(1) as f64);
    let Some(share) = [by_time, by_requests].into_iter().flatten().reduce(f64::max) else {
        return format!("  {measured:.0} s, until it ends by itself or with Ctrl-C");
    };
    let share = share.clamp(0.0, 1.0);
    let filled = (share * BAR as f64).round() as usize;
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
    let left = if share > 0.0 {
        format!("{} s left", (measured / share - measured).round())
    } else {
        "starting".to_string()
    };
    format!("  {bar} {:>3.0} %  {measured:.0} s, {left}", share * 100.0)
}

/// One character per value, from the least (a low bar) to the greatest; nothing at all is a dot.
fn sparkline(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let greatest = values.iter().copied().fold(0.0, f64::max);
    let bar = |value: f64| match value {
        v if v <= 0.0 => '·',
        v => BARS[((v / greatest * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    values.iter().map(|value| bar(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn plan() -> PlanSummary {
        PlanSummary {
            target: "http://127.0.0.1:8080".into(),
            load: "open loop, 5000/s Poisson, 64 connections".into(),
            warmup: Duration::from_secs(2),
            duration: Some(Duration::from_secs(30)),
            requests_max: None,
        }
    }

    fn seen(seconds: usize) -> Seen {
        let mut seen = Seen::default();
        sample::report().series.iter().take(seconds).for_each(|second| seen.add(second));
        seen
    }

    #[test]
    fn a_frame_shows_rate_percentiles_failures_and_the_time_left() {
        let lines = frame(&plan(), &seen(15), Duration::from_secs(17), Style::PLAIN);
        assert_eq!(lines[0], "open loop, 5000/s Poisson, 64 connections to http://127.0.0.1:8080");
        assert_eq!(lines[1], format!("  {}{}  50 %  15 s, 15 s left", "█".repeat(20), "░".repeat(20)));
        assert_eq!(lines[2], format!("  ok         5,000/s  {}", "█".repeat(15)));
        assert_eq!(lines[3], "  failed         0/s  ············█··");
        assert!(lines[6].starts_with("  p99 ") && lines[6].contains("▁▁▁▁▁▁▁▁▁▁▁▁█▁▁"), "{}", lines[6]);
        assert_eq!(lines[8], "  total       75,000 ok, 7 failed   2xx 75,000  5xx 3");
        assert_eq!(lines.len(), 9);
    }

    #[test]
    fn the_bar_follows_what_ends_the_run_first() {
        let counted = PlanSummary { duration: None, requests_max: Some(100_000), ..plan() };
        assert!(progress(&counted, &seen(5), Duration::from_secs(7)).ends_with(" 25 %  5 s, 15 s left"));
        let endless = PlanSummary { duration: None, ..plan() };
        assert_eq!(
            progress(&endless, &seen(5), Duration::from_secs(7)),
            "  5 s, until it ends by itself or with Ctrl-C"
        );
        assert_eq!(progress(&plan(), &seen(0), Duration::from_millis(500)), "  warming up, 2 s left");
        assert!(progress(&plan(), &seen(5), Duration::from_secs(99)).contains("100 %"));
    }

    #[test]
    fn a_frame_replaces_the_one_before_and_leaves_the_terminal_as_it_was() {
        let first = redraw(&["a".into(), "b".into()], 0);
        assert_eq!(first, "\x1b[?7l\ra\x1b[K\r\nb\x1b[K\r\n\x1b[J\x1b[?7h");
        assert!(redraw(&["c".into()], 2).starts_with("\x1b[?7l\r\x1b[2Ac"));
        assert_eq!(redraw(&[], 3), "\x1b[?7l\r\x1b[3A\x1b[J\x1b[?7h");
        assert_eq!(redraw(&[], 0), "");
    }

    #[test]
    fn without_a_terminal_each_second_is_a_line() {
        let series = sample::report().series;
        let line = plain_line(&series[12]);
        assert!(line.starts_with("   12 s      5,000 ok/s        7 failed  p50 "), "{line}");
        assert!(line.ends_with("2xx 5,000  5xx 3\n") && !line.contains('\x1b'));
        let nothing = Second {
            second: -1,
            sent: 0,
            ok: 0,
            failed: 0,
            classes: [0; 5],
            p50: 0.0,
            p90: 0.0,
            p99: 0.0,
            p999: 0.0,
            max: 0.0,
        };
        assert!(!plan().is_over(&nothing) && plan().is_over(&Second { second: 30, ..nothing.clone() }));
        assert!(plain_line(&nothing).contains("p50        -") && plain_line(&nothing).ends_with("warm-up\n"));
    }

    #[test]
    fn the_history_is_bounded() {
        let mut seen = Seen::default();
        let second = &sample::report().series[0];
        (0..1000).for_each(|_| seen.add(second));
        assert_eq!(seen.recent.len(), HISTORY);
        assert_eq!(seen.ok, 5_000_000);
    }
}
