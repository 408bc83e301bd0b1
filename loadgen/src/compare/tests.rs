//! Comparisons from files to exit codes.

use std::fs;
use std::path::Path;

use super::*;
use crate::report::{json, sample};

/// Runs of a session, A B B A …, with a little noise; B takes `factor` times as long.
fn session(directory: &Path, runs: usize, factor: f64) {
    let mut noise = noise::Noise::new(3);
    for run in 0..2 * runs {
        let (name, factor) = [("a", 1.0), ("b", factor), ("b", factor), ("a", 1.0)][run % 4];
        let mut report = sample::slowed(factor * (0.004 * noise.normal()).exp());
        report.run.started_unix_ms += 40_000 * run as u64;
        report.run.label = if name == "a" { "base".into() } else { "head".into() };
        json::write(&report, &directory.join(format!("{name}-{run:02}.json"))).unwrap();
    }
}

fn sides(directory: &Path) -> Args {
    Args { sides: vec![directory.join("a-*.json"), directory.join("b-*.json")], ..Args::default() }
}

fn compared(args: &Args) -> Comparison {
    compare(&input::read(args).unwrap()).unwrap()
}

fn problem(args: &Args) -> Problem {
    input::read(args).and_then(|input| compare(&input)).unwrap_err()
}

fn verdict_of(comparison: &Comparison, name: &str) -> Verdict {
    comparison.figures.iter().find(|figure| figure.name == name).unwrap().verdict
}

#[test]
fn one_build_is_the_same_as_itself_and_a_slower_one_worse() {
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 5, 1.0);
    let same = compared(&sides(directory.path()));
    assert_eq!((same.verdict, same.interleaved, same.runs), (Verdict::Same, true, [5, 5]), "{same:?}");
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 5, 1.08);
    let slower = compared(&sides(directory.path()));
    assert_eq!(
        (slower.verdict, verdict_of(&slower, "p50"), verdict_of(&slower, "ok_per_second")),
        (Verdict::Worse, Verdict::Worse, Verdict::Same)
    );
    assert!((slower.figures[1].change.unwrap() - 0.08).abs() < 0.01, "{:?}", slower.figures[1]);
    assert_eq!(slower.sides, ["A: base", "B: head"]);
}

#[test]
fn exit_codes_say_the_verdict() {
    assert_eq!(exit_code(Verdict::Worse, true), 1);
    assert_eq!(exit_code(Verdict::TooNoisy, false), 2);
    assert_eq!(exit_code(Verdict::TooNoisy, true), 0);
    assert_eq!([Verdict::Same, Verdict::Better].map(|verdict| exit_code(verdict, false)), [0, 0]);
}

#[test]
fn blocks_of_runs_are_not_taken_for_pairs() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..6 {
        let mut report = sample::report();
        report.run.started_unix_ms += 40_000 * run;
        json::write(
            &report,
            &directory.path().join(format!("{}-{run}.json", if run < 3 { "a" } else { "b" })),
        )
        .unwrap();
    }
    let comparison = compared(&sides(directory.path()));
    assert!(!comparison.interleaved && comparison.notes[0].contains("not interleaved"));
    assert_eq!(comparison.verdict, Verdict::Same);
}

#[test]
fn an_invalid_run_yields_no_verdict() {
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 2, 2.0);
    let path = directory.path().join("b-01.json");
    let mut report = json::read(&path).unwrap();
    report.valid = false;
    report.invalid_reasons = vec!["thread 0 was busy".into()];
    json::write(&report, &path).unwrap();
    let comparison = compared(&sides(directory.path()));
    assert_eq!(comparison.verdict, Verdict::TooNoisy);
    assert!(
        comparison.notes[0].ends_with("b-01.json is invalid: thread 0 was busy"),
        "{:?}",
        comparison.notes
    );
}

#[test]
fn runs_of_different_plans_and_unreadable_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 2, 1.0);
    let mut args = sides(directory.path());
    let path = directory.path().join("b-02.json");
    let mut report = json::read(&path).unwrap();
    report.run.connections = 65;
    json::write(&report, &path).unwrap();
    let Problem::Data(message) = problem(&args) else { panic!("not a problem of data") };
    assert!(message.contains("connections is \"64\" in one and \"65\" in the other"), "{message}");
    args.force = true;
    assert_eq!(compared(&args).runs, [2, 2]);
    fs::write(&path, "{}").unwrap();
    assert!(
        matches!(problem(&args), Problem::Data(message) if message.contains("b-02.json: not a report of ringload"))
    );
    args.sides[0] = directory.path().join("c-*.json");
    assert!(
        matches!(problem(&args), Problem::Data(message) if message.ends_with("no file there is called c-*.json"))
    );
    assert!(matches!(problem(&Args::default()), Problem::Usage(_)));
}

#[test]
fn figures_and_thresholds_are_chosen() {
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 3, 1.08);
    let chosen = |figures: &[&str]| Args {
        figures: figures.iter().map(|name| (*name).to_string()).collect(),
        ..sides(directory.path())
    };
    let comparison = compared(&chosen(&["p50=20%", "p999"]));
    assert_eq!(
        comparison.figures.iter().map(|figure| (figure.name.as_str(), figure.threshold)).collect::<Vec<_>>(),
        [("p50", 0.2), ("p999", 0.2)]
    );
    assert_eq!(comparison.verdict, Verdict::Same);
    let wide = compared(&Args { threshold: Some(0.5), ..sides(directory.path()) });
    assert!(wide.figures.iter().all(|figure| figure.threshold == 0.5 || figure.name == "failure_share"));
    for wrong in ["p42", "p50=3", "p50=0%"] {
        assert!(matches!(problem(&chosen(&[wrong])), Problem::Usage(_)), "{wrong}");
    }
}

fn samples(lines: &str) -> (tempfile::TempDir, Args) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.ndjson");
    fs::write(&path, lines).unwrap();
    (directory, Args { samples: Some(path), ..Args::default() })
}

#[test]
fn samples_of_other_tools_are_compared() {
    let lines: Vec<String> = (0..12)
        .map(|run| {
            let (arm, value) = [("a", 40_000), ("b", 36_000), ("b", 36_000), ("a", 40_000)][run % 4];
            format!(
                "{{\"arm\":\"{arm}\",\"figures\":{{\"per_proxy_cpu_second\":{},\"rss\":{run}.5}}}}",
                value + run * 10
            )
        })
        .collect();
    let (_directory, mut args) = samples(&lines.join("\n"));
    args.figures = vec!["per_proxy_cpu_second=2%".into()];
    assert!(matches!(problem(&args), Problem::Usage(message) if message.starts_with("say what is better")));
    args.higher_is_better = vec!["per_proxy_cpu_second".into()];
    let comparison = compared(&args);
    assert_eq!((comparison.verdict, comparison.interleaved, comparison.runs), (Verdict::Worse, true, [6, 6]));
    assert!((comparison.figures[0].change.unwrap() + 0.1).abs() < 0.001);
    args.higher_is_better.clear();
    args.lower_is_better = vec!["per_proxy_cpu_second".into()];
    assert_eq!(compared(&args).verdict, Verdict::Better);
}

#[test]
fn wrong_samples_are_refused_with_their_line() {
    let good = "{\"arm\":\"a\",\"figures\":{\"p50\":1}}\n";
    for (line, reason) in [
        ("{\"arm\":\"c\",\"figures\":{\"p50\":1}}", ":3: unknown variant `c`"),
        ("{\"arm\":\"b\",\"figures\":{\"p90\":1}}", ":3: there is no figure \"p50\""),
        ("{\"arm\":\"b\",\"figures\":{\"p50\":\"1\"}}", ":3: invalid type"),
        ("{\"arm\":\"b\",\"figures\":{\"p50\":1},\"more\":1}", ":3: unknown field `more`"),
        ("b 1", ":3: expected value"),
    ] {
        let (_directory, args) = samples(&format!("{good}\n{line}\n"));
        assert!(
            matches!(problem(&args), Problem::Data(message) if message.contains(reason)),
            "{line}: {:?}",
            problem(&args)
        );
    }
    let (_directory, args) = samples("\n");
    assert!(matches!(problem(&args), Problem::Data(message) if message.ends_with("has no samples")));
    let (_directory, args) = samples(good);
    assert_eq!(problem(&args), Problem::Data("side B has no run".into()));
    let (_directory, mut args) = samples(good);
    args.higher_is_better = vec!["p5".into()];
    assert!(
        matches!(problem(&args), Problem::Usage(message) if message.contains("no figure \"p5\"; they have p50"))
    );
}

#[test]
fn a_comparison_reads_like_this() {
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 5, 1.08);
    let comparison = compared(&sides(directory.path()));
    let text = output::text(&comparison, Style::PLAIN);
    assert_eq!(text, include_str!("golden/worse.txt"), "\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    let markdown = output::markdown(&comparison);
    assert_eq!(markdown, include_str!("golden/worse.md"), "\n{markdown}");
}

#[test]
fn the_page_lays_the_sides_over_one_another_and_escapes_their_names() {
    let directory = tempfile::tempdir().unwrap();
    session(directory.path(), 3, 1.08);
    let args = sides(directory.path());
    let mut input = input::read(&args).unwrap();
    input.sides[1] = "<script>alert(1)</script>|`x`".into();
    let comparison = compare(&input).unwrap();
    let page = output::html(&comparison, &input.reports);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("class=\"worse\""));
    assert_eq!(
        page.matches("thin\" points=").count(),
        5 * 6,
        "a thin line for each run in each plot over time"
    );
    let markdown = output::markdown(&comparison);
    assert!(markdown.contains("\\<script\\>alert(1)\\</script\\>\\|\\`x\\`"), "{markdown}");
    let parsed: serde_json::Value =
        serde_json::from_str(&serde_json::to_string(&comparison).unwrap()).unwrap();
    assert_eq!(
        (parsed["schema"].as_str(), parsed["verdict"].as_str()),
        (Some("ringload-comparison"), Some("worse"))
    );
}
