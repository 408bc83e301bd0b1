//! A line chart as SVG.

use std::fmt::Write;

use super::escape;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// How values lie along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// An axis with its ends, in the units of the values.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    /// A value in words, for ticks and for the values under the pointer.
    pub(super) words: fn(f64) -> String,
}

impl Axis {
    /// For counts: from zero to a round number that holds `greatest`.
    pub(super) fn from_zero(greatest: f64, words: fn(f64) -> String) -> Axis {
        let step = round_step((greatest / 4.0).max(1.0));
        let steps = (greatest.max(1.0) / step).ceil();
        Axis {
            scale: Scale::Linear,
            low: 0.0,
            high: step * steps,
            ticks: (0..=steps as u32).map(|n| f64::from(n) * step).collect(),
            words,
        }
    }

    /// From `low` to `high`, with ticks at round numbers.
    pub(super) fn between(low: f64, high: f64, words: fn(f64) -> String) -> Axis {
        let high = high.max(low + 1.0);
        let step = round_step((high - low) / 8.0).max(1.0);
        let first = (low / step).ceil() as i64;
        let ticks = (first..).map(|n| n as f64 * step).take_while(|tick| *tick <= high).collect();
        Axis { scale: Scale::Linear, low, high, ticks, words }
    }

    /// Logarithmic, around positive values. Ticks at 1, 2 and 5 of each decade, or only at 1 where there are many decades.
    pub(super) fn log(low: f64, high: f64, words: fn(f64) -> String) -> Axis {
        let (low, high) = (low.max(1e-3), high.max(low.max(1e-3) * 1.01));
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let all: Vec<f64> =
            (first..=last).flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(decade))).collect();
        let start = all.iter().copied().rfind(|tick| *tick <= low * 1.0001).unwrap_or(low);
        let end = all.iter().copied().find(|tick| *tick >= high * 0.9999).unwrap_or(high);
        let each = if end / start > 500.0 { 3 } else { 1 };
        let ticks = all.into_iter().step_by(each).filter(|tick| (start..=end).contains(tick)).collect();
        Axis { scale: Scale::Log, low: start, high: end, ticks, words }
    }

    /// 0 at the low end, 1 at the high one.
    fn position(&self, value: f64) -> f64 {
        let of = |v: f64| if self.scale == Scale::Log { v.max(self.low).log10() } else { v };
        ((of(value) - of(self.low)) / (of(self.high) - of(self.low))).clamp(0.0, 1.0)
    }
}

/// A tick in words: a round number, which needs no zeros behind the point.
fn tick_words(axis: &Axis, tick: f64) -> String {
    let words = (axis.words)(tick);
    match words.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => words,
    }
}

/// 1, 2 or 5 times a power of ten, at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|n| n * power)
        .find(|step| *step >= least * 0.9999)
        .unwrap_or(power * 10.0)
}

/// A line. A point without a value is a gap.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: String,
    /// Classes of `page.css`.
    pub(super) class: String,
    pub(super) points: Vec<(f64, Option<f64>)>,
    /// Whether it is in the legend, and its values are shown under the pointer.
    pub(super) named: bool,
}

/// A chart with its heading and legend.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    /// Shaded from the left end up to here: the warm-up.
    pub(super) shaded_to: Option<f64>,
}

impl Chart {
    pub(super) fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "<figure>\n<figcaption><h3>{}</h3> <span>{}</span></figcaption>\n",
            escape(&self.title),
            escape(&self.about)
        );
        let named: Vec<&Line> = self.lines.iter().filter(|line| line.named).collect();
        if named.len() > 1 {
            out.push_str("<p class=\"legend\">");
            for line in &named {
                let _ = write!(
                    out,
                    "<span><svg class=\"key\" viewBox=\"0 0 22 8\" aria-hidden=\"true\">\
                     <path class=\"line {}\" d=\"M0 4H22\"/></svg>{}</span>",
                    line.class,
                    escape(&line.name)
                );
            }
            out.push_str("</p>\n");
        }
        self.svg(out, &named);
        out.push_str("</figure>\n");
    }

    fn svg(&self, out: &mut String, named: &[&Line]) {
        let hover: Vec<_> = named.iter().map(|line| self.hover(line)).collect();
        let hover = serde_json::to_string(&hover).expect("text and numbers are always JSON");
        let _ = writeln!(
            out,
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\" data-hover=\"{}\">",
            escape(&self.title),
            escape(&hover)
        );
        self.grid(out);
        for line in &self.lines {
            self.line(out, line);
        }
        let _ = writeln!(
            out,
            "<line class=\"cross\" y1=\"{TOP}\" y2=\"{:.1}\" x1=\"-9\" x2=\"-9\"/></svg>",
            HEIGHT - BOTTOM
        );
    }

    fn grid(&self, out: &mut String) {
        if let Some(end) = self.shaded_to {
            let width = self.at_x(end) - LEFT;
            let _ = writeln!(
                out,
                "<rect class=\"warmup\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
                HEIGHT - TOP - BOTTOM
            );
        }
        for tick in &self.y.ticks {
            let (y, label) = (self.at_y(*tick), escape(&tick_words(&self.y, *tick)));
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{}\"/><text class=\"y\" x=\"{}\" y=\"{:.1}\">{label}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0
            );
        }
        for tick in &self.x.ticks {
            let (x, label) = (self.at_x(*tick), escape(&tick_words(&self.x, *tick)));
            let bottom = HEIGHT - BOTTOM;
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{x:.1} {bottom}v4\"/><text class=\"x\" x=\"{x:.1}\" y=\"{}\">{label}</text>",
                HEIGHT - 8.0
            );
        }
    }

    fn line(&self, out: &mut String, line: &Line) {
        for piece in line.points.split(|(_, y)| y.is_none()) {
            let points: Vec<String> = piece
                .iter()
                .filter_map(|(x, y)| Some(format!("{:.1},{:.1}", self.at_x(*x), self.at_y((*y)?))))
                .collect();
            match points.as_slice() {
                [] => {}
                [one] => {
                    let (x, y) = one.split_once(',').expect("a point has two coordinates");
                    let _ =
                        writeln!(out, "<circle class=\"dot {}\" cx=\"{x}\" cy=\"{y}\" r=\"2\"/>", line.class);
                }
                several => {
                    let _ = writeln!(
                        out,
                        "<polyline class=\"line {}\" points=\"{}\"/>",
                        line.class,
                        several.join(" ")
                    );
                }
            }
        }
    }

    /// For the script: the name, and of each point its place, where it is on the x axis and its value.
    fn hover(&self, line: &Line) -> serde_json::Value {
        let there = || line.points.iter().filter_map(|(x, y)| Some((*x, (*y)?)));
        serde_json::json!({
            "name": line.name,
            "class": line.class,
            "px": there().map(|(x, _)| (self.at_x(x) * 10.0).round() / 10.0).collect::<Vec<_>>(),
            "x": there().map(|(x, _)| (self.x.words)(x)).collect::<Vec<_>>(),
            "y": there().map(|(_, y)| (self.y.words)(y)).collect::<Vec<_>>(),
        })
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.position(value) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.position(value) * (HEIGHT - TOP - BOTTOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: f64) -> String {
        format!("{value}")
    }

    #[test]
    fn axes_end_at_round_numbers_around_the_values() {
        let axis = Axis::from_zero(5013.0, words);
        assert_eq!(
            (axis.low, axis.high, axis.ticks.as_slice()),
            (0.0, 6000.0, [0.0, 2000.0, 4000.0, 6000.0].as_slice())
        );
        assert_eq!(Axis::from_zero(0.0, words).ticks, [0.0, 1.0]);
        let axis = Axis::log(983.0, 501_000.0, words);
        assert_eq!((axis.low, axis.high), (500.0, 1_000_000.0));
        assert_eq!(axis.ticks, [1000.0, 10_000.0, 100_000.0, 1_000_000.0]);
        assert_eq!(Axis::log(90.0, 450.0, words).ticks, [50.0, 100.0, 200.0, 500.0]);
        assert_eq!(Axis::between(-2.0, 30.0, words).ticks, [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
    }

    #[test]
    fn ticks_have_no_zeros_behind_the_point() {
        let axis = Axis::log(1.0, 1e6, crate::report::words::duration);
        assert_eq!(
            [500.0, 1e3, 1e4, 1e6].map(|tick| tick_words(&axis, tick)),
            ["500 µs", "1 ms", "10 ms", "1 s"]
        );
    }

    #[test]
    fn values_lie_between_the_ends_whatever_they_are() {
        let axis = Axis::log(1.0, 1000.0, words);
        assert_eq!(
            [axis.position(1.0), axis.position(1000.0), axis.position(0.0), axis.position(1e9)],
            [0.0, 1.0, 0.0, 1.0]
        );
        assert!((axis.position(10.0) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_missing_value_is_a_gap() {
        let line = Line {
            name: "a".into(),
            class: "c0".into(),
            points: vec![(0.0, Some(1.0)), (1.0, Some(1.0)), (2.0, None), (3.0, Some(1.0))],
            named: true,
        };
        let (x, y) = (Axis::between(0.0, 3.0, words), Axis::from_zero(1.0, words));
        let chart =
            Chart { title: "t".into(), about: String::new(), x, y, lines: vec![line], shaded_to: None };
        let mut out = String::new();
        chart.write(&mut out);
        assert_eq!((out.matches("<polyline").count(), out.matches("<circle").count()), (1, 1));
    }
}
