//! What is said in words and tables on a page: validity, headline figures, latencies, failures, the runs themselves.

use std::fmt::Write;

use super::{Group, escape};
use crate::report::words::{bytes, count, duration, figure, share, utc};
use crate::report::{Distribution, Report};

/// Kinds of request in the table; the JSON has them all.
const REQUESTS_MAX: usize = 100;
/// Reasons, notes and examples in a list.
const LIST_MAX: usize = 30;

/// Whether the figures may be trusted.
pub(super) fn verdicts(out: &mut String, groups: &[Group<'_>]) {
    for group in groups {
        let of = if groups.len() > 1 { format!("{}: ", group.name) } else { String::new() };
        if group.all.valid {
            let _ = writeln!(
                out,
                "<p class=\"banner good\"><b>{}valid</b> The generator kept up: these figures are those of the target.</p>",
                escape(&of)
            );
        } else {
            let _ = write!(
                out,
                "<div class=\"banner bad\"><b>{}invalid</b> These figures are not those of the target.",
                escape(&of)
            );
            list(out, &group.all.invalid_reasons);
            out.push_str("</div>\n");
        }
    }
}

fn list(out: &mut String, items: &[String]) {
    out.push_str("<ul>");
    for item in items.iter().take(LIST_MAX) {
        let _ = write!(out, "<li>{}</li>", escape(item));
    }
    if items.len() > LIST_MAX {
        let _ = write!(out, "<li>and {} more</li>", items.len() - LIST_MAX);
    }
    out.push_str("</ul>\n");
}

/// The figures that matter most: tiles for one group, a table for several.
pub(super) fn headline(out: &mut String, groups: &[Group<'_>]) {
    if let [one] = groups {
        out.push_str("<section class=\"tiles\">\n");
        for (name, value, about) in figures(one) {
            let _ = writeln!(
                out,
                "<div><span>{name}</span><b>{}</b><small>{}</small></div>",
                escape(&value),
                escape(&about)
            );
        }
        out.push_str("</section>\n");
        return;
    }
    out.push_str("<section><table>\n<tr><th></th>");
    let columns: Vec<Vec<(&str, String, String)>> = groups.iter().map(figures).collect();
    for (index, group) in groups.iter().enumerate() {
        let _ = write!(out, "<th class=\"n\"><i class=\"swatch c{index}\"></i>{}</th>", escape(&group.name));
    }
    out.push_str("</tr>\n");
    for row in 0..columns[0].len() {
        let _ = write!(out, "<tr><td>{}</td>", columns[0][row].0);
        for column in &columns {
            let _ = write!(out, "<td class=\"n\">{}</td>", escape(&column[row].1));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></section>\n");
}

fn figures(group: &Group<'_>) -> Vec<(&'static str, String, String)> {
    let report = &group.all;
    let runs = group.runs.len() as f64;
    let rate = group.runs.iter().map(|run| run.ok_per_second).sum::<f64>() / runs;
    let wanted = report
        .run
        .intended_per_second
        .map(|rate| format!("of {} intended", figure(rate / runs)))
        .unwrap_or_default();
    let main = main_latency(report);
    let from = if report.run.mode == "closed" { "from the actual send" } else { "from the intended send" };
    let latency = |value: f64| if main.count == 0 { "–".to_string() } else { duration(value) };
    let bad = report.counts.failed.saturating_add(report.counts.missed);
    vec![
        ("right answers per second", figure(rate), wanted),
        ("median latency", latency(main.p50), from.into()),
        ("99 %", latency(main.p99), from.into()),
        ("99.9 %", latency(main.p999), from.into()),
        ("greatest", latency(main.max), from.into()),
        (
            "failed or not sent",
            share(report.counts.failure_share()),
            format!("{} of {}", count(bad), count(report.counts.intended)),
        ),
    ]
}

/// A closed loop has no intended times.
fn main_latency(report: &Report) -> &Distribution {
    if report.run.mode == "closed" { &report.latency.service } else { &report.latency.intended }
}

/// The tables below the plots, for each group.
pub(super) fn details(out: &mut String, groups: &[Group<'_>]) {
    for (index, group) in groups.iter().enumerate() {
        if groups.len() > 1 {
            let _ = writeln!(out, "<h2><i class=\"swatch c{index}\"></i>{}</h2>", escape(&group.name));
        }
        latencies(out, &group.all);
        out.push_str("<div class=\"columns\">\n");
        outcome(out, &group.all);
        run(out, group);
        out.push_str("</div>\n");
        requests(out, &group.all);
        for (title, items) in
            [("Failures, for example", &group.all.failure_examples), ("Notes", &group.all.notes)]
        {
            if !items.is_empty() {
                let _ = write!(out, "<section><h3>{title}</h3>");
                list(out, items);
                out.push_str("</section>\n");
            }
        }
    }
}

fn latencies(out: &mut String, report: &Report) {
    let latency = &report.latency;
    let intended = if report.run.mode == "closed" { &Distribution::default() } else { &latency.intended };
    let rows = [
        ("latency, from the intended send", intended),
        ("service time, from the actual send", &latency.service),
        ("to the first byte", &latency.first_byte),
        ("from the first byte to the last", &latency.last_byte),
        ("connect", &latency.connect),
        ("TLS handshake", &latency.tls),
        ("sent late by the generator", &report.generator.lateness),
    ];
    out.push_str("<section><h3>Latency</h3><div class=\"wide\"><table>\n<tr><th></th>");
    for head in ["count", "mean", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "greatest"] {
        let _ = write!(out, "<th class=\"n\">{head}</th>");
    }
    out.push_str("</tr>\n");
    for (name, of) in rows.into_iter().filter(|(_, of)| of.count > 0) {
        let _ = write!(out, "<tr><td>{name}</td><td class=\"n\">{}</td>", count(of.count));
        for value in [of.mean, of.p50, of.p90, of.p99, of.p999, of.p9999, of.max] {
            let _ = write!(out, "<td class=\"n\">{}</td>", duration(value));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div></section>\n");
}

/// A table of names and figures.
fn pairs(out: &mut String, title: &str, rows: &[(String, String)]) {
    let _ = writeln!(out, "<section><h3>{title}</h3><table class=\"pairs\">");
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value));
    }
    out.push_str("</table></section>\n");
}

fn outcome(out: &mut String, report: &Report) {
    let counts = &report.counts;
    let mut rows = vec![
        ("intended".to_string(), count(counts.intended)),
        ("sent".to_string(), count(counts.sent)),
        ("right answers".to_string(), count(counts.ok)),
        ("failed".to_string(), count(counts.failed)),
    ];
    rows.extend(counts.failures.iter().map(|(kind, number)| (format!("· {kind}"), count(*number))));
    rows.push(("due, but never sent".to_string(), count(counts.missed)));
    rows.extend(counts.statuses.iter().map(|(status, number)| (format!("status {status}"), count(*number))));
    rows.push(("connections opened".to_string(), count(counts.connections)));
    rows.push((
        "traffic".to_string(),
        format!("{} sent, {} received", bytes(counts.bytes_sent), bytes(counts.bytes_received)),
    ));
    pairs(out, "Outcome", &rows);
}

fn run(out: &mut String, group: &Group<'_>) {
    let (report, run) = (&group.all, &group.runs[0].run);
    let generator = &report.generator;
    let several = group.runs.len() > 1;
    let runs = if several { format!("{} runs of ", group.runs.len()) } else { String::new() };
    let first = if several { ", the first" } else { "" };
    let threads = if run.threads == 1 { "thread" } else { "threads" };
    let cost = format!(
        "{:.2} CPU-seconds, busiest thread at {}, {} answers per CPU-second",
        generator.cpu_seconds,
        share(generator.busiest_thread),
        figure(generator.requests_per_cpu_second)
    );
    let rows = [
        ("target", report.run.target.clone()),
        ("load", run.load.clone()),
        ("started", format!("{}{first}", utc(report.run.started_unix_ms))),
        ("measured", format!("{runs}{:.1} s", run.seconds)),
        ("generator", format!("ringload {}, {} {threads}, seed {}", run.ringload, run.threads, run.seed)),
        ("its cost", cost),
        ("sent late", format!("{} by more than 1 ms", count(report.counts.late))),
        ("driver", run.driver.clone()),
        ("host", report.run.host.clone()),
    ];
    let rows: Vec<(String, String)> =
        rows.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    pairs(out, "Run", &rows);
}

fn requests(out: &mut String, report: &Report) {
    if report.requests.is_empty() {
        return;
    }
    out.push_str("<section><h3>Requests</h3><div class=\"wide\"><table>\n<tr><th></th>");
    for head in ["ok", "failed", "50 %", "90 %", "99 %", "99.9 %", "greatest"] {
        let _ = write!(out, "<th class=\"n\">{head}</th>");
    }
    out.push_str("</tr>\n");
    for request in report.requests.iter().take(REQUESTS_MAX) {
        let of = &request.latency;
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            escape(&request.name),
            count(request.ok),
            count(request.failed)
        );
        for value in [of.p50, of.p90, of.p99, of.p999, of.max] {
            let _ = write!(
                out,
                "<td class=\"n\">{}</td>",
                if of.count == 0 { "–".to_string() } else { duration(value) }
            );
        }
        out.push_str("</tr>\n");
    }
    if report.requests.len() > REQUESTS_MAX {
        let _ = writeln!(
            out,
            "<tr><td>and {} more kinds, which the JSON report has</td></tr>",
            report.requests.len() - REQUESTS_MAX
        );
    }
    out.push_str("</table></div></section>\n");
}
