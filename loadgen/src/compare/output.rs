//! A comparison as text, Markdown and HTML.

use std::fmt::Write;

use super::Comparison;
use super::figures::{Arm, Figure, Unit};
use super::verdict::{Judged, Verdict};
use crate::report::Report;
use crate::report::html::{Group, document, escape};
use crate::report::text::{Color, Style, WIDTH, wrap};
use crate::report::words::{cut, duration, figure, printable, share};

/// A figure in words; the same in each form.
struct Row {
    name: String,
    a: String,
    b: String,
    change: String,
    interval: String,
    threshold: String,
    verdict: Verdict,
    counts: bool,
}

fn rows(comparison: &Comparison) -> Vec<Row> {
    comparison.figures.iter().map(row).collect()
}

fn row(judged: &Judged) -> Row {
    let known = Figure::of_reports(&judged.name);
    let unit = known.as_ref().map_or(Unit::Number, |known| known.unit);
    let is_difference = known.is_some_and(|known| !known.is_ratio());
    let value = |value: Option<f64>| match (value, unit) {
        (None, _) => "-".to_string(),
        (Some(value), Unit::Duration) => duration(value),
        (Some(value), Unit::Share) => share(value),
        (Some(value), Unit::Number) => figure(value),
    };
    let change = |value: f64| {
        if is_difference { format!("{:+.3} pp", value * 100.0) } else { format!("{:+.1} %", value * 100.0) }
    };
    Row {
        name: judged.name.clone(),
        a: value(judged.a),
        b: value(judged.b),
        change: judged.change.map_or("-".to_string(), change),
        interval: judged
            .interval
            .map_or("-".to_string(), |(low, high)| format!("{} to {}", change(low), change(high))),
        threshold: format!("±{} {}", round(judged.threshold * 100.0), if is_difference { "pp" } else { "%" }),
        verdict: judged.verdict,
        counts: judged.counts,
    }
}

/// Without the digits that binary fractions add.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The sides, and how their runs were made.
fn summary(comparison: &Comparison) -> String {
    let [a, b] = &comparison.sides;
    let [of_a, of_b] = comparison.runs;
    let how = if comparison.interleaved {
        format!("{of_a} interleaved pairs")
    } else {
        format!("{of_a} and {of_b} runs")
    };
    printable(&format!("{a} against {b}, {how}"))
}

/// The last line: what the exit code says.
fn conclusion(comparison: &Comparison) -> String {
    let of = |verdict: Verdict| -> Vec<&str> {
        let figures = comparison.figures.iter().filter(|figure| figure.counts && figure.verdict == verdict);
        figures.map(|figure| figure.name.as_str()).collect()
    };
    match comparison.verdict {
        Verdict::Same => "same: no figure differs by more than its threshold".to_string(),
        Verdict::TooNoisy => format!("too noisy: {}", of(Verdict::TooNoisy).join(", ")),
        other => format!("{}: {}", other.words(), of(other).join(", ")),
    }
}

/// Reasons of figures that are too noisy, each once.
fn reasons(comparison: &Comparison) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for figure in comparison.figures.iter().filter(|figure| figure.counts) {
        if let Some(reason) = &figure.reason {
            let text = printable(&format!("{}: {reason}", figure.name));
            if !reasons.iter().any(|there| there.ends_with(reason.as_str())) {
                reasons.push(text);
            }
        }
    }
    reasons
}

fn color(verdict: Verdict) -> Color {
    match verdict {
        Verdict::Better => Color::Green,
        Verdict::Same => Color::Dim,
        Verdict::Worse => Color::Red,
        Verdict::TooNoisy => Color::Yellow,
    }
}

pub(super) fn text(comparison: &Comparison, style: Style) -> String {
    let mut out = format!("{}\n\n", style.paint(Color::Bold, &cut(&summary(comparison), WIDTH)));
    let head = format!(
        "  {:<23}{:>10} {:>10} {:>9} {:>22} {:>7}  {}",
        "figure", "A", "B", "change", "95 % interval", "same if", "verdict"
    );
    let _ = writeln!(out, "{}", style.paint(Color::Dim, &head));
    for row in rows(comparison) {
        let name = cut(&printable(&row.name), 23);
        let verdict =
            if row.counts { row.verdict.words().to_string() } else { format!("({})", row.verdict.words()) };
        let _ = writeln!(
            out,
            "  {name:<23}{:>10} {:>10} {:>9} {:>22} {:>7}  {}",
            row.a,
            row.b,
            row.change,
            row.interval,
            row.threshold,
            style.paint(color(row.verdict), &verdict)
        );
    }
    out.push('\n');
    if comparison.figures.iter().any(|figure| !figure.counts) {
        out.push_str("  A verdict in brackets does not count.\n");
    }
    for note in reasons(comparison).iter().chain(&comparison.notes) {
        for (index, line) in wrap(note, WIDTH - 4).iter().enumerate() {
            let _ = writeln!(out, "  {} {line}", if index == 0 { "-" } else { " " });
        }
    }
    for (index, line) in wrap(&printable(&conclusion(comparison)), WIDTH).iter().enumerate() {
        let line = if index == 0 { line.clone() } else { format!("  {line}") };
        let _ = writeln!(out, "{}", style.paint(color(comparison.verdict), &line));
    }
    out
}

pub(super) fn markdown(comparison: &Comparison) -> String {
    let sign = match comparison.verdict {
        Verdict::Worse => "❌",
        Verdict::TooNoisy => "❔",
        Verdict::Better | Verdict::Same => "✅",
    };
    let mut out = format!(
        "### {sign} {}\n\n{}\n\n",
        in_markdown(&conclusion(comparison)),
        in_markdown(&summary(comparison))
    );
    out.push_str("| figure | A | B | change | 95 % interval | same within | verdict |\n|---|--:|--:|--:|--:|--:|---|\n");
    for row in rows(comparison) {
        let verdict = match (row.verdict, row.counts) {
            (Verdict::Same, true) => "same".to_string(),
            (other, true) => format!("**{}**", other.words()),
            (other, false) => format!("({})", other.words()),
        };
        let cells =
            [row.name, row.a, row.b, row.change, row.interval, row.threshold].map(|cell| in_markdown(&cell));
        let _ = writeln!(out, "| {} | {verdict} |", cells.join(" | "));
    }
    if comparison.figures.iter().any(|figure| !figure.counts) {
        out.push_str("\nA verdict in brackets does not count.\n");
    }
    let notes: Vec<String> = reasons(comparison)
        .iter()
        .chain(&comparison.notes)
        .map(|note| format!("- {}\n", in_markdown(note)))
        .collect();
    if !notes.is_empty() {
        let _ = write!(out, "\n{}", notes.concat());
    }
    out
}

/// Text that Markdown leaves alone: names come from files.
fn in_markdown(text: &str) -> String {
    printable(text)
        .chars()
        .flat_map(|c| if "\\`*_[]<>|#~@!".contains(c) { vec!['\\', c] } else { vec![c] })
        .collect()
}

pub(super) fn html(comparison: &Comparison, reports: &[(Arm, Report)]) -> String {
    let class = |verdict: Verdict| match verdict {
        Verdict::Better => "better",
        Verdict::Same => "same",
        Verdict::Worse => "worse",
        Verdict::TooNoisy => "noisy",
    };
    let banner = match comparison.verdict {
        Verdict::Worse => "bad",
        Verdict::TooNoisy => "warn",
        Verdict::Better | Verdict::Same => "good",
    };
    let mut lead = format!("<p class=\"banner {banner}\"><b>{}</b></p>\n", escape(&conclusion(comparison)));
    lead.push_str("<section><h3>Comparison</h3><div class=\"wide\"><table>\n<tr><th></th>");
    for head in ["A", "B", "change", "95 % interval", "same within"] {
        let _ = write!(lead, "<th class=\"n\">{head}</th>");
    }
    lead.push_str("<th>verdict</th></tr>\n");
    for row in rows(comparison) {
        let _ = write!(lead, "<tr><td>{}</td>", escape(&row.name));
        for cell in [row.a, row.b, row.change, row.interval, row.threshold] {
            let _ = write!(lead, "<td class=\"n\">{}</td>", escape(&cell));
        }
        let words = row.verdict.words();
        let words = if row.counts { words.to_string() } else { format!("({words})") };
        let _ = writeln!(lead, "<td class=\"{}\">{words}</td></tr>", class(row.verdict));
    }
    lead.push_str("</table></div>\n");
    if comparison.figures.iter().any(|figure| !figure.counts) {
        lead.push_str("<p class=\"about\">A verdict in brackets does not count.</p>\n");
    }
    lead.push_str("<ul>");
    for note in reasons(comparison).iter().chain(&comparison.notes) {
        let _ = write!(lead, "<li>{}</li>", escape(note));
    }
    lead.push_str("</ul></section>\n");
    let groups: Vec<Group<'_>> = [Arm::A, Arm::B]
        .into_iter()
        .zip(&comparison.sides)
        .map(|(arm, name)| {
            (name, reports.iter().filter(|(of, _)| *of == arm).map(|(_, report)| report).collect::<Vec<_>>())
        })
        .filter(|(_, runs)| !runs.is_empty())
        .map(|(name, runs)| Group::new(name.clone(), runs))
        .collect();
    document(&summary(comparison), &lead, &groups)
}
