//! The report as text, at the end of a run.

use std::fmt::Write;
use std::io::{IsTerminal, Write as _};

use super::words::{bytes, count, cut, duration, figure, printable, share, utc};
use super::{Distribution, Report};

/// Widest line, in characters.
pub(crate) const WIDTH: usize = 100;
/// Kinds of request that are listed; the JSON has them all.
const REQUESTS_MAX: usize = 20;

/// Whether text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub colors: bool,
}

impl Style {
    /// Without colours.
    pub const PLAIN: Style = Style { colors: false };

    /// Colours where the output is a terminal that has them, and NO_COLOR (no-color.org) is not set.
    pub fn of(output: &impl IsTerminal) -> Style {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Style { colors: output.is_terminal() && !set("NO_COLOR") && !dumb }
    }

    pub(crate) fn paint(self, color: Color, text: &str) -> String {
        if self.colors { format!("\x1b[{}m{text}\x1b[0m", color as u8) } else { text.to_string() }
    }
}

/// The colours in use, as their numbers in ANSI sequences.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Color {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// Prints to the standard output. One that was closed, as by `head`, takes no more, and that is no error.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// The whole report; the last line says whether its figures may be trusted.
pub fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    head(&mut out, report, style);
    latencies(&mut out, report, style);
    outcome(&mut out, report, style);
    requests(&mut out, report, style);
    generator(&mut out, report);
    for note in &report.notes {
        row(&mut out, "note", &printable(note));
    }
    out.push('\n');
    verdict(&mut out, report, style);
    out
}

/// A name and what is to be said of it; long text goes on below itself.
fn row(out: &mut String, name: &str, text: &str) {
    for (index, line) in wrap(text, WIDTH - 14).iter().enumerate() {
        let _ = writeln!(out, "  {:<11} {line}", if index == 0 { name } else { "" });
    }
}

/// Lines of at most `width` characters, broken at spaces where there are any.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            *line = cut(word, width);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(cut(word, width));
        }
    }
    lines
}

fn head(out: &mut String, report: &Report, style: Style) {
    let run = &report.run;
    let title = format!("ringload {}  {}", printable(&run.ringload), printable(&run.label));
    let _ = writeln!(out, "{}", style.paint(Color::Bold, cut(&title, WIDTH).trim_end()));
    row(out, "target", &printable(&run.target));
    row(out, "load", &printable(&run.load));
    let threads = if run.threads == 1 { "thread" } else { "threads" };
    let hosts = if run.merged > 1 { format!(", {} reports merged", run.merged) } else { String::new() };
    row(
        out,
        "measured",
        &format!(
            "{} s from {} on {} {threads}, seed {}{hosts}",
            seconds(run.seconds),
            utc(run.started_unix_ms),
            run.threads,
            run.seed
        ),
    );
    row(out, "driver", &printable(&run.driver));
    row(out, "host", &printable(&run.host));
}

fn seconds(seconds: f64) -> String {
    if seconds.fract() == 0.0 { format!("{seconds}") } else { format!("{seconds:.2}") }
}

fn latencies(out: &mut String, report: &Report, style: Style) {
    let latency = &report.latency;
    out.push('\n');
    let header = format!(
        "  {:<12}{:>12}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}",
        "", "answers", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    );
    let _ = writeln!(out, "{}", style.paint(Color::Dim, &header));
    let closed = report.run.mode == "closed";
    if !closed {
        let _ = writeln!(out, "{}", style.paint(Color::Bold, &distribution("latency", &latency.intended)));
    }
    let parts = [
        ("service", &latency.service),
        ("  first byte", &latency.first_byte),
        ("  last byte", &latency.last_byte),
        ("connect", &latency.connect),
        ("tls", &latency.tls),
    ];
    for (name, of) in parts.into_iter().filter(|(_, of)| of.count > 0) {
        let _ = writeln!(out, "{}", distribution(name, of));
    }
    let legend = if closed {
        "service: from the send to the last byte. A closed loop has no intended times: it waits while the target is slow."
    } else {
        "latency: from the intended send, as clients see it. service: from the actual send."
    };
    for line in wrap(legend, WIDTH - 2) {
        let _ = writeln!(out, "  {}", style.paint(Color::Dim, &line));
    }
}

fn distribution(name: &str, of: &Distribution) -> String {
    let mut line = format!("  {name:<12}{:>12}", count(of.count));
    for value in [of.p50, of.p90, of.p99, of.p999, of.p9999, of.max] {
        let _ = write!(line, "{:>11}", if of.count == 0 { "-".to_string() } else { duration(value) });
    }
    line
}

fn outcome(out: &mut String, report: &Report, style: Style) {
    let counts = &report.counts;
    out.push('\n');
    let mut number = |name: &str, number: u64, rest: &str, is_bad: bool| {
        let text = format!("{:>11}  {rest}", count(number));
        let text = if is_bad && number > 0 { style.paint(Color::Red, &text) } else { text };
        let _ = writeln!(out, "  {name:<11} {text}");
    };
    if let Some(rate) = report.run.intended_per_second {
        number("intended", counts.intended, &format!("{}/s", figure(rate)), false);
    }
    number("ok", counts.ok, &format!("{}/s", figure(report.ok_per_second)), false);
    if counts.missed > 0 {
        let of_due = share(counts.missed as f64 / counts.intended.max(1) as f64);
        number(
            "missed",
            counts.missed,
            &format!("{of_due}  due, but never sent: every connection was busy"),
            true,
        );
    }
    let ended = counts.ok.saturating_add(counts.failed).max(1) as f64;
    number("failed", counts.failed, &share(counts.failed as f64 / ended), true);
    for (kind, number) in &counts.failures {
        let _ = writeln!(out, "    {:<14}{:>7}", cut(&printable(kind), 14), count(*number));
    }
    let statuses: Vec<String> =
        counts.statuses.iter().map(|(status, number)| format!("{status}: {}", count(*number))).collect();
    row(out, "statuses", &statuses.join("  "));
    let (sent, received) = (bytes(counts.bytes_sent), bytes(counts.bytes_received));
    row(
        out,
        "traffic",
        &format!("{sent} sent, {received} received, {} connections opened", count(counts.connections)),
    );
    for (index, example) in report.failure_examples.iter().enumerate() {
        row(out, if index == 0 { "for example" } else { "" }, &cut(&printable(example), 2 * (WIDTH - 14)));
    }
}

fn requests(out: &mut String, report: &Report, style: Style) {
    if report.requests.len() < 2 {
        return;
    }
    let header = format!(
        "  {:<31}{:>12}{:>11}{:>11}{:>11}{:>11}{:>11}",
        "request", "ok", "failed", "p50", "p90", "p99", "max"
    );
    let _ = writeln!(out, "\n{}", style.paint(Color::Dim, &header));
    for request in report.requests.iter().take(REQUESTS_MAX) {
        let of = &request.latency;
        let _ = write!(
            out,
            "  {:<31}{:>12}{:>11}",
            cut(&printable(&request.name), 30),
            count(request.ok),
            count(request.failed)
        );
        for value in [of.p50, of.p90, of.p99, of.max] {
            let _ = write!(out, "{:>11}", if of.count == 0 { "-".to_string() } else { duration(value) });
        }
        out.push('\n');
    }
    if let Some(more) = report.requests.len().checked_sub(REQUESTS_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "  and {more} more kinds, which the JSON report has");
    }
}

fn generator(out: &mut String, report: &Report) {
    let generator = &report.generator;
    out.push('\n');
    let cost = format!(
        "{:.2} CPU-seconds, busiest thread at {}, {} answers per CPU-second",
        generator.cpu_seconds,
        share(generator.busiest_thread),
        figure(generator.requests_per_cpu_second)
    );
    row(out, "generator", &cost);
    let late = &generator.lateness;
    if late.count > 0 {
        let text = format!(
            "sent late by p50 {}, p99 {}, max {}",
            duration(late.p50),
            duration(late.p99),
            duration(late.max)
        );
        row(out, "", &format!("{text}; {} by more than 1 ms", count(report.counts.late)));
    }
}

fn verdict(out: &mut String, report: &Report, style: Style) {
    if report.valid {
        let _ = writeln!(
            out,
            "{}  the generator kept up: these figures are those of the target",
            style.paint(Color::Green, "VALID")
        );
        return;
    }
    // The last line is the verdict, whatever scrolls by above it.
    for reason in &report.invalid_reasons {
        row(out, "because", &printable(reason));
    }
    let _ =
        writeln!(out, "{}  these figures are not those of the target", style.paint(Color::Red, "INVALID"));
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const GOLDEN: &str = include_str!("golden/open.txt");

    #[test]
    fn an_open_loop_reads_like_this() {
        let text = render(&sample::report(), Style::PLAIN);
        assert_eq!(text, GOLDEN, "\n{text}");
    }

    #[test]
    fn no_line_is_wider_than_a_hundred_columns_whatever_it_says() {
        let mut report = sample::report();
        report.run.target = format!("http://{}:80", "x".repeat(300));
        report.run.host = "host, ".repeat(60);
        report.run.label = "l".repeat(200);
        report.failure_examples = vec!["\u{1b}[2J".repeat(100)];
        report.requests[0].name = "n".repeat(200);
        report.counts.statuses = (100..180).map(|status| (status, 1_000_000)).collect();
        let text = render(&report, Style::PLAIN);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn an_invalid_run_says_so_in_the_last_line() {
        let mut report = sample::report();
        report.valid = false;
        report.invalid_reasons = vec!["thread 0 used 99 % of its CPU".into()];
        let text = render(&report, Style::PLAIN);
        assert!(text.contains("because     thread 0 used 99 % of its CPU\n"));
        assert!(text.lines().last().unwrap().starts_with("INVALID"));
        assert!(render(&report, Style { colors: true }).contains("\x1b[31mINVALID\x1b[0m"));
    }

    #[test]
    fn a_closed_loop_claims_no_intended_times() {
        let mut report = sample::report();
        report.run.mode = "closed".into();
        report.run.intended_per_second = None;
        let text = render(&report, Style::PLAIN);
        assert!(!text.contains("\n  latency "));
        assert!(!text.contains("\n  intended "));
        assert!(text.contains("A closed loop has no intended times"));
    }
}
