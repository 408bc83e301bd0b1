//! The report as one HTML page that needs nothing else: styles, plots and script are in it, and its content security policy forbids
//! it to load anything. The plots are SVG, drawn here; the script only shows the values under the pointer.

mod chart;
mod plots;
mod tables;

use std::fmt::Write;

use super::Report;
use super::merge::merge;

/// Runs that the plots show one by one; the figures of a group are of all its runs.
const RUNS_DRAWN_MAX: usize = 32;
/// Groups of runs that a page tells apart by color.
pub(crate) const GROUPS_MAX: usize = 6;

/// The page of one report, or of several that are laid over one another.
pub fn page(reports: &[&Report]) -> String {
    let groups: Vec<Group<'_>> = (1..)
        .zip(reports.iter().take(GROUPS_MAX))
        .map(|(number, report)| {
            let label = &report.run.label;
            Group::new(if label.is_empty() { format!("run {number}") } else { label.clone() }, vec![report])
        })
        .collect();
    let title = match reports {
        [one] if one.run.label.is_empty() => one.run.target.clone(),
        _ => groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(", "),
    };
    document(&title, "", &groups)
}

/// Runs that belong together: one side of a comparison, for example.
pub(crate) struct Group<'a> {
    /// Its name on the page.
    pub(crate) name: String,
    runs: Vec<&'a Report>,
    /// All its runs as one: exact percentiles over all requests.
    all: Report,
}

impl<'a> Group<'a> {
    /// Of at least one run.
    pub(crate) fn new(name: String, runs: Vec<&'a Report>) -> Self {
        let all = match runs.as_slice() {
            [one] => (*one).clone(),
            several => Report {
                notes: several.iter().flat_map(|run| run.notes.iter().cloned()).collect(),
                ..merge(&several.iter().map(|run| (*run).clone()).collect::<Vec<_>>())
            },
        };
        Group { name, runs, all }
    }

    fn drawn(&self) -> impl Iterator<Item = &Report> {
        self.runs.iter().take(RUNS_DRAWN_MAX).copied()
    }
}

/// The whole page. `lead` is HTML that comes first: the verdicts of a comparison. No groups: only that.
pub(crate) fn document(title: &str, lead: &str, groups: &[Group<'_>]) -> String {
    let mut out = String::with_capacity(256 * 1024);
    let title = escape(title);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · ringload</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{lead}",
        include_str!("html/page.css")
    );
    if !groups.is_empty() {
        tables::verdicts(&mut out, groups);
        tables::headline(&mut out, groups);
        plots::all(&mut out, groups);
        tables::details(&mut out, groups);
    }
    let _ = write!(
        out,
        "<footer>ringload {}</footer>\n<script>\n{}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        include_str!("html/page.js")
    );
    out
}

/// Text for HTML, in an element or in an attribute with quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&\u{1b}[2J";

    fn hostile() -> Report {
        let mut report = sample::report();
        let text = || HOSTILE.to_string();
        report.run.label = text();
        report.run.target = text();
        report.run.load = text();
        report.run.driver = text();
        report.run.host = text();
        report.run.ringload = text();
        report.valid = false;
        report.invalid_reasons = vec![text()];
        report.notes = vec![text()];
        report.counts.failures.insert(text(), 3);
        report.requests[0].name = text();
        report.failure_examples = vec![text()];
        report
    }

    #[test]
    fn names_from_outside_stay_text() {
        let (a, b) = (hostile(), hostile());
        for page in [page(&[&a]), page(&[&a, &b])] {
            assert!(!page.contains("<img"), "an element was made of a name");
            assert!(!page.contains("\u{1b}"));
            assert_eq!(page.matches("</script").count(), 1);
            assert_eq!(page.matches("<script").count(), 1);
            for field in ["<h1>&lt;/script&gt;", "<td>&lt;/script&gt;", "<li>&lt;/script&gt;"] {
                assert!(page.contains(field), "{field} is not on the page");
            }
        }
    }

    #[test]
    fn a_page_refers_to_nothing_outside_itself() {
        let (mut a, mut b) = (sample::report(), sample::slowed(1.1));
        a.run.target = "target".into(); // a URL as text is not a reference, but would hide one from this test
        b.run.target = "target".into();
        for page in [page(&[&a]), page(&[&a, &b])] {
            for reference in [
                "://",
                "=\"//",
                " src=",
                " href=",
                "url(",
                "@import",
                "<link",
                "<iframe",
                "fetch(",
                "XMLHttpRequest",
            ] {
                assert!(!page.contains(reference), "{reference}");
            }
            assert!(page.contains("default-src 'none'"));
        }
    }

    #[test]
    fn a_page_shows_figures_plots_and_failures() {
        let report = sample::report();
        let page = page(&[&report]);
        for part in [
            "5,000",
            "99.99 %",
            "GET /pets/{id}",
            "stall",
            "502",
            "<polyline",
            "bench-1",
            "12 by more than 1 ms",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert_eq!(page.matches("<svg class=\"plot\"").count(), 4);
    }

    #[test]
    fn a_run_without_an_answer_has_a_page_too() {
        let mut report = sample::report();
        report.latency = crate::report::Latencies::default();
        report.requests.clear();
        report.series.clear();
        report.counts = crate::report::Counts::default();
        let page = page(&[&report]);
        assert!(page.contains("nothing was answered"));
        assert!(!page.contains("NaN") && !page.contains(">inf"));
    }

    #[test]
    fn a_long_run_has_a_bounded_page() {
        let mut report = sample::report();
        let second = report.series[3].clone();
        report.series =
            (0..86_400).map(|at| crate::report::Second { second: at, ..second.clone() }).collect();
        assert!(page(&[&report]).len() < 600_000);
    }
}
