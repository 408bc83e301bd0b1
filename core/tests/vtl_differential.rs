//! Templates that real Velocity rendered, in numbers: `cargo xtask verify rest` makes them.
//!
//! `RINGWAY_DIFFERENTIAL` names a file with one case a line: the exchange, and `out` and `overrides` or `err` of the oracle.

mod vtl_common;

use std::io::{BufRead, BufReader};

use ringway_core::json::{Value, parse_text};
use ringway_core::vtl::{Overrides, Variables};
use vtl_common::{Exchange, list_of, member, overrides_of, render, text};

/// Differences that are printed.
const SHOWN_MAX: usize = 40;

/// What cannot be compared: the oracle prints the identity of an array, which is different each time, or has no memory left.
fn is_known(expected: &str) -> bool {
    ["[Ljava.lang.", "ApigwOracle$", "OutOfMemoryError", "StackOverflowError"]
        .iter()
        .any(|part| expected.contains(part))
}

#[test]
fn agrees_with_velocity() {
    let Some(path) = std::env::var_os("RINGWAY_DIFFERENTIAL") else {
        println!("skipped: set RINGWAY_DIFFERENTIAL to a file of cases");
        return;
    };
    let file = BufReader::new(std::fs::File::open(path).unwrap());
    let (mut cases, mut known, mut failing, mut differences) = (0, 0, 0, Vec::new());
    for line in file.lines() {
        let line = line.unwrap();
        let case = parse_text(&line).unwrap();
        cases += 1;
        let Value::Text(template) = member(&case, "template") else { panic!("{line}") };
        let mut overrides = Overrides::default();
        let found = render(&template, &Exchange::new(&case), &Variables::default(), &mut overrides);
        let expected = match member(&case, "out") {
            Value::Text(expected) => expected.to_string(),
            _ => {
                let error = text(&member(&case, "err"));
                if is_known(&error) {
                    known += 1;
                } else if found.starts_with("ERROR") {
                    failing += 1;
                } else {
                    differences.push((line.clone(), error, found));
                }
                continue;
            }
        };
        if is_known(&expected) {
            known += 1;
        } else if expected != found {
            differences.push((line.clone(), expected, found));
        } else {
            compare_overrides(&case, &overrides, &line, &mut differences);
        }
    }
    for (line, expected, found) in differences.iter().take(SHOWN_MAX) {
        let case = parse_text(line).unwrap();
        println!(
            "template {:?}\n  body     {:?}",
            text(&member(&case, "template")),
            text(&member(&case, "body"))
        );
        println!("  expected {expected:?}\n  found    {found:?}");
    }
    println!(
        "{cases} templates, {} differences, {known} not compared, {failing} fail in both",
        differences.len()
    );
    assert!(differences.is_empty());
}

fn compare_overrides(
    case: &Value<'_>,
    overrides: &Overrides,
    line: &str,
    differences: &mut Vec<(String, String, String)>,
) {
    let expected = member(case, "overrides");
    for (group, kind, list) in [
        ("requestOverride", "header", &overrides.request_header),
        ("requestOverride", "path", &overrides.request_path),
        ("requestOverride", "querystring", &overrides.request_querystring),
        ("responseOverride", "header", &overrides.response_header),
    ] {
        let expected = format!("{:?}", overrides_of(&member(&member(&expected, group), kind)));
        let found = format!("{:?}", list_of(list));
        if expected != found {
            differences.push((line.to_owned(), expected, found));
        }
    }
}
