//! The plots of a page: latency by percentile, and the figures of the seconds.

use std::collections::BTreeMap;

use super::chart::{Axis, Chart, Line};
use super::{Group, escape};
use crate::report::words::{count, duration};
use crate::report::{Distribution, Report, Second};

/// Points of a line over time; longer runs are drawn in steps of several seconds.
const POINTS_MAX: usize = 600;
/// Points of a line over percentiles.
const PERCENTILE_POINTS: usize = 240;
/// Right end of the percentile axis: 99.99 %, in powers of ten of what is beyond.
const NINES: f64 = 4.0;

/// All of them.
pub(super) fn all(out: &mut String, groups: &[Group<'_>]) {
    out.push_str("<section class=\"plots\">\n");
    match percentiles(groups) {
        Some(chart) => chart.write(out),
        None => out.push_str("<p>There are no latencies: nothing was answered as it should be.</p>\n"),
    }
    if groups.iter().all(|group| group.all.series.is_empty()) {
        out.push_str("</section>\n");
        return;
    }
    let step = step_of(groups);
    over_time(groups, step, "Right answers per second", Figure::Ok).write(out);
    if let [one] = groups
        && one.runs.len() == 1
    {
        latency_over_time(one, step).write(out);
    } else {
        for (title, figure) in [
            ("Median latency", Figure::P50),
            ("Latency, 99 %", Figure::P99),
            ("Greatest latency", Figure::Max),
        ] {
            over_time(groups, step, title, figure).write(out);
        }
    }
    over_time(groups, step, "Failures per second", Figure::Failed).write(out);
    if step > 1 {
        let text = format!(
            "Each point over time stands for {step} seconds: the mean of counts, the greatest of latencies."
        );
        out.push_str(&format!("<p class=\"about\">{}</p>\n", escape(&text)));
    }
    out.push_str("</section>\n");
}

/// Latency by percentile: as clients see it (solid) and from the actual send (dashed).
fn percentiles(groups: &[Group<'_>]) -> Option<Chart> {
    let mut lines = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let prefix = if groups.len() > 1 { format!("{}: ", group.name) } else { String::new() };
        let latency = &group.all.latency;
        let closed = group.all.run.mode == "closed";
        let both = [
            ("from the intended send", "", &latency.intended, !closed),
            ("from the actual send", " dashed", &latency.service, true),
        ];
        for (name, class, of, _) in both.into_iter().filter(|(_, _, of, shown)| *shown && of.count > 0) {
            lines.push(Line {
                name: format!("{prefix}{name}"),
                class: format!("c{index}{class}"),
                points: by_percentile(of),
                named: true,
            });
        }
    }
    let y = log_axis(&lines)?;
    let ticks = vec![0.0, std::f64::consts::LOG10_2, 1.0, 2.0, 3.0, NINES];
    let x = Axis { ticks, ..Axis::between(0.0, NINES, percentile_words) };
    let about = "share of answers that came at least this fast".to_string();
    Some(Chart { title: "Latency by percentile".into(), about, x, y, lines, shaded_to: None })
}

fn percentile_words(nines: f64) -> String {
    let percent = 100.0 * (1.0 - 10_f64.powf(-nines));
    let text = format!("{percent:.2}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The value at each place of the axis, as far as the number of answers supports it.
fn by_percentile(of: &Distribution) -> Vec<(f64, Option<f64>)> {
    let mut points = Vec::with_capacity(PERCENTILE_POINTS + 1);
    let mut buckets = of.buckets.iter();
    let (mut value, mut reached) = (0, 0_u64);
    for index in 0..=PERCENTILE_POINTS {
        let nines = NINES * index as f64 / PERCENTILE_POINTS as f64;
        let beyond = of.count as f64 * 10_f64.powf(-nines);
        if beyond < 1.0 {
            break;
        }
        let rank = (of.count as f64 - beyond).ceil().max(1.0) as u64;
        while reached < rank {
            let Some(bucket) = buckets.next() else { break };
            value = bucket.0;
            reached += bucket.1;
        }
        points.push((nines, Some(value as f64 / 1000.0)));
    }
    points
}

/// A logarithmic axis for durations around all values; None where there are none.
fn log_axis(lines: &[Line]) -> Option<Axis> {
    let values = || lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y);
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    Some(Axis::log(low, high, duration))
}

/// What is shown of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    Ok,
    Failed,
    P50,
    P99,
    Max,
}

impl Figure {
    fn of(self, second: &Second) -> Option<f64> {
        let latency = |value| (second.ok > 0 && value > 0.0).then_some(value);
        match self {
            Figure::Ok => Some(second.ok as f64),
            Figure::Failed => Some(second.failed as f64),
            Figure::P50 => latency(second.p50),
            Figure::P99 => latency(second.p99),
            Figure::Max => latency(second.max),
        }
    }

    fn is_count(self) -> bool {
        matches!(self, Figure::Ok | Figure::Failed)
    }
}

fn step_of(groups: &[Group<'_>]) -> usize {
    let longest = groups.iter().flat_map(|group| &group.runs).map(|run| run.series.len()).max().unwrap_or(0);
    longest.div_ceil(POINTS_MAX).max(1)
}

/// The seconds of a run, `step` of them as one point. The scale stays per second.
fn points(run: &Report, step: usize, figure: Figure) -> Vec<(f64, Option<f64>)> {
    run.series
        .chunks(step)
        .map(|seconds| {
            let whole = seconds.iter().filter(|second| figure != Figure::Ok || is_whole(run, second));
            let values: Vec<f64> = whole.filter_map(|second| figure.of(second)).collect();
            let value = if figure.is_count() {
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            } else {
                values.into_iter().reduce(f64::max)
            };
            (seconds[0].second as f64, value)
        })
        .collect()
}

/// The last answers come after the end of the run, in a second that is none: its rate would look like a breakdown.
fn is_whole(run: &Report, second: &Second) -> bool {
    second.second as f64 + 0.9 <= run.run.seconds
}

/// The median over the runs of a group, at each place that one of them has.
fn median_of_runs(group: &Group<'_>, step: usize, figure: Figure) -> Vec<(f64, Option<f64>)> {
    let mut at: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for run in group.drawn() {
        for (x, y) in points(run, step, figure) {
            at.entry(x as i64).or_default().extend(y);
        }
    }
    at.into_iter().map(|(x, mut values)| (x as f64, median(&mut values))).collect()
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values {
        [] => None,
        odd if odd.len() % 2 == 1 => Some(odd[middle]),
        even => Some(f64::midpoint(even[middle - 1], even[middle])),
    }
}

/// One figure over time: the median of each group, and thin lines for its runs.
fn over_time(groups: &[Group<'_>], step: usize, title: &str, figure: Figure) -> Chart {
    let mut lines = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        if group.runs.len() > 1 {
            for run in group.drawn() {
                let points = points(run, step, figure);
                lines.push(Line {
                    name: String::new(),
                    class: format!("c{index} thin"),
                    points,
                    named: false,
                });
            }
        }
    }
    for (index, group) in groups.iter().enumerate() {
        let single = groups.len() == 1 && figure == Figure::Failed;
        let class = if single { "bad".to_string() } else { format!("c{index}") };
        lines.push(Line {
            name: group.name.clone(),
            class,
            points: median_of_runs(group, step, figure),
            named: true,
        });
    }
    let greatest = lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y).fold(0.0, f64::max);
    let y = if figure.is_count() {
        Axis::from_zero(greatest, |value| count(value.round() as u64))
    } else {
        log_axis(&lines).unwrap_or_else(|| Axis::log(1.0, 10.0, duration))
    };
    let runs = groups.iter().any(|group| group.runs.len() > 1);
    let about = if runs { "the median of the runs; thin: each run" } else { "" };
    timed(title, about, y, lines)
}

/// Median, 99 % and greatest latency of one run in one chart.
fn latency_over_time(group: &Group<'_>, step: usize) -> Chart {
    let of = |name: &str, class: &str, figure| Line {
        name: name.to_string(),
        class: class.to_string(),
        points: points(&group.all, step, figure),
        named: true,
    };
    let lines = vec![
        of("greatest", "l2", Figure::Max),
        of("99 %", "l1", Figure::P99),
        of("median", "l0", Figure::P50),
    ];
    let y = log_axis(&lines).unwrap_or_else(|| Axis::log(1.0, 10.0, duration));
    let from = if group.all.run.mode == "closed" { "from the actual send" } else { "from the intended send" };
    timed("Latency over time", from, y, lines)
}

fn timed(title: &str, about: &str, y: Axis, lines: Vec<Line>) -> Chart {
    let xs = || lines.iter().flat_map(|line| &line.points).map(|(x, _)| *x);
    let (first, last) = (xs().fold(0.0, f64::min), xs().fold(0.0, f64::max));
    let x = Axis::between(first, last, |second| format!("{second} s"));
    let shaded_to = (first < 0.0).then_some(0.0);
    let about = match (about, shaded_to) {
        (about, None) => about.to_string(),
        ("", Some(_)) => "shaded: warm-up".to_string(),
        (about, Some(_)) => format!("{about}; shaded: warm-up"),
    };
    Chart { title: title.to_string(), about, x, y, lines, shaded_to }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_curve_over_percentiles_goes_through_the_percentiles() {
        let of = sample::report().latency.intended;
        let points = by_percentile(&of);
        assert_eq!(points.len(), PERCENTILE_POINTS + 1);
        for (nines, value) in [(1.0, of.p90), (2.0, of.p99), (3.0, of.p999), (4.0, of.p9999)] {
            let point = points[(nines / NINES * PERCENTILE_POINTS as f64) as usize];
            assert!((point.1.unwrap() / value - 1.0).abs() < 0.002, "{nines} nines: {point:?}, {value}");
        }
        assert_eq!(
            [0.0, std::f64::consts::LOG10_2, 2.0, 4.0].map(percentile_words),
            ["0 %", "50 %", "99 %", "99.99 %"]
        );
    }

    #[test]
    fn few_answers_claim_no_high_percentile() {
        let of = Distribution { count: 50, buckets: vec![(1000, 50)], ..Distribution::default() };
        let last = by_percentile(&of).last().unwrap().0;
        assert!(last < 50_f64.log10() + 1e-9 && last > 1.6, "{last}");
    }

    #[test]
    fn a_long_run_keeps_its_peaks() {
        let mut report = sample::report();
        let quiet = report.series[3].clone();
        report.series = (0..6000).map(|at| Second { second: at, ..quiet.clone() }).collect();
        report.series[1234].max = 9e6;
        report.run.seconds = 6000.0;
        let group = Group::new("g".into(), vec![&report]);
        let step = step_of(std::slice::from_ref(&group));
        assert_eq!(step, 10);
        let drawn = points(&report, step, Figure::Max);
        assert_eq!((drawn.len(), drawn[123]), (600, (1230.0, Some(9e6))));
        assert_eq!(points(&report, step, Figure::Ok)[0].1, Some(5000.0));
    }

    #[test]
    fn the_time_after_the_end_is_no_breakdown() {
        let mut report = sample::report();
        report.series.push(Second { second: 30, ok: 3, failed: 2, ..report.series[29].clone() });
        assert_eq!(points(&report, 1, Figure::Ok)[29..], [(29.0, Some(5000.0)), (30.0, None)]);
        assert_eq!(points(&report, 1, Figure::Failed)[30], (30.0, Some(2.0)));
    }
}
