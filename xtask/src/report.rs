//! What `verify` and `bench` say in the end: a table of targets for people and one JSON object for programs.

use std::time::Instant;

use serde_json::{Map, Value, json};

/// Says on the standard error how far a run of `wanted` equal parts is, and how long the rest takes.
pub(crate) fn progress(what: &str, done: usize, wanted: usize, started: Instant) {
    let left = match done {
        0 => "no estimate yet".to_owned(),
        _ => {
            let rest = started.elapsed().as_secs_f64() * wanted.saturating_sub(done) as f64 / done as f64;
            format!("about {rest:.0} s left")
        }
    };
    eprintln!("{what}, {left}");
}

/// How a figure is held against its bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==`
    Equal,
}

impl Comparison {
    fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Comparison::AtLeast => figure >= bound,
            Comparison::AtMost => figure <= bound,
            Comparison::Below => figure < bound,
            // Only whole numbers are compared so: counts of failures and the like.
            Comparison::Equal => figure.to_bits() == bound.to_bits() || (figure - bound).abs() < 1e-9,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Comparison::AtLeast => ">=",
            Comparison::AtMost => "<=",
            Comparison::Below => "<",
            Comparison::Equal => "==",
        }
    }
}

struct Target {
    figure: String,
    comparison: Comparison,
    bound: f64,
}

/// The figures and targets of one run.
pub(crate) struct Report {
    name: String,
    figures: Map<String, Value>,
    targets: Vec<Target>,
    error: Option<String>,
}

impl Report {
    /// An empty report of `name`.
    pub(crate) fn new(name: &str) -> Self {
        Report { name: name.to_owned(), figures: Map::new(), targets: Vec::new(), error: None }
    }

    /// Adds a measured number. A number that is not finite is `null` and meets no target.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64) {
        self.figures.insert(name.into(), json!((value * 10_000.0).round() / 10_000.0));
    }

    /// Adds a remark that programs may want.
    pub(crate) fn text(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.figures.insert(name.into(), Value::String(value.into()));
    }

    /// Adds a target: the figure of that name has to be there and to compare so.
    pub(crate) fn target(&mut self, figure: impl Into<String>, comparison: Comparison, bound: f64) {
        self.targets.push(Target { figure: figure.into(), comparison, bound });
    }

    /// Says why the run broke off. What was measured before stays, and nothing counts as met.
    pub(crate) fn fail(&mut self, message: &str) {
        self.error = Some(message.to_owned());
    }

    fn is_met(&self, target: &Target) -> bool {
        let figure = self.figures.get(&target.figure).and_then(Value::as_f64);
        figure.is_some_and(|figure| target.comparison.holds(figure, target.bound))
    }

    /// Whether there are targets and all of them are met.
    pub(crate) fn met(&self) -> bool {
        self.error.is_none()
            && !self.targets.is_empty()
            && self.targets.iter().all(|target| self.is_met(target))
    }

    /// The object of the last line.
    pub(crate) fn json(&self) -> Value {
        let targets: Map<String, Value> = self
            .targets
            .iter()
            .map(|target| {
                let value = json!({ "comparison": target.comparison.sign(), "bound": target.bound, "met": self.is_met(target) });
                (target.figure.clone(), value)
            })
            .collect();
        let mut object =
            json!({ "name": self.name, "figures": self.figures, "targets": targets, "met": self.met() });
        if let Some(error) = &self.error {
            object["error"] = json!(error);
        }
        object
    }

    /// Prints the targets and, as the last line, the JSON object. Returns whether all targets are met.
    pub(crate) fn finish(&self) -> bool {
        let mut table = Table::new(&["target", "bound", "measured", ""]);
        for target in &self.targets {
            let measured = match self.figures.get(&target.figure).and_then(Value::as_f64) {
                Some(value) => number(value),
                None => "not measured".to_owned(),
            };
            table.row([
                target.figure.clone(),
                format!("{} {}", target.comparison.sign(), number(target.bound)),
                measured,
                if self.is_met(target) { "met" } else { "NOT MET" }.to_owned(),
            ]);
        }
        println!("\n{}", table.text());
        println!("{}", self.json());
        self.met()
    }
}

/// A number with as many digits as a person wants to read.
pub(crate) fn number(value: f64) -> String {
    if value.abs() >= 1000.0 || (value.fract().abs() < 1e-9 && value.abs() >= 1.0) {
        format!("{value:.0}")
    } else if value.abs() >= 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

/// Columns of text: the first to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Table { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The rows, aligned, with a rule under the headings.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                let cell = if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
            if index == 0 {
                text.push_str(&"-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1)));
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Report, Table, number};

    #[test]
    fn a_report_is_met_only_when_every_target_is() {
        let mut report = Report::new("x");
        assert!(!report.met(), "no target is no success");
        report.figure("ratio", 0.9);
        report.figure("failed", 0.0);
        report.target("ratio", Comparison::AtLeast, 0.87);
        report.target("failed", Comparison::Equal, 0.0);
        assert!(report.met());
        assert_eq!(report.json()["targets"]["ratio"]["met"], true);
        report.target("missing", Comparison::AtMost, 1.0);
        assert!(!report.met(), "a figure that was not measured meets nothing");
        assert_eq!(report.json()["met"], false);
        assert_eq!(report.json()["targets"]["missing"]["met"], false);
    }

    #[test]
    fn a_run_that_broke_off_is_not_met() {
        let mut report = Report::new("x");
        report.figure("failed", 0.0);
        report.target("failed", Comparison::Equal, 0.0);
        report.fail("the backend ended");
        assert!(!report.met());
        assert_eq!(report.json()["error"], "the backend ended");
        assert_eq!(report.json()["figures"]["failed"], 0.0);
    }

    #[test]
    fn a_number_that_is_none_meets_nothing() {
        let mut report = Report::new("x");
        report.figure("ratio", f64::NAN);
        report.target("ratio", Comparison::AtLeast, 0.0);
        assert!(!report.met());
    }

    #[test]
    fn comparisons_keep_to_their_signs() {
        assert!(Comparison::AtLeast.holds(1.0, 1.0) && !Comparison::AtLeast.holds(0.9, 1.0));
        assert!(Comparison::AtMost.holds(1.0, 1.0) && !Comparison::AtMost.holds(1.1, 1.0));
        assert!(Comparison::Below.holds(0.9, 1.0) && !Comparison::Below.holds(1.0, 1.0));
        assert!(Comparison::Equal.holds(0.0, 0.0) && !Comparison::Equal.holds(1.0, 0.0));
    }

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["arm", "rate"]);
        table.row(["nginx".to_owned(), "7".to_owned()]);
        assert_eq!(table.text(), "arm    rate\n-----------\nnginx     7\n");
        assert_eq!(
            (number(0.5), number(12.0), number(123.45), number(54_321.9)),
            ("0.500".into(), "12".into(), "123.5".into(), "54322".into())
        );
    }
}
