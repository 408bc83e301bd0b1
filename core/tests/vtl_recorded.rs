//! Templates that were recorded on AWS, that real Velocity rendered, and those of AWS's guide.

mod vtl_common;

use std::path::PathBuf;

use ringway_core::json::{Style, Text, Value, parse_text, write_json};
use ringway_core::vtl::{Overrides, Template, Variables};
use vtl_common::{Exchange, list_of, member, overrides_of, render, text};

/// A value as JSON text.
fn json(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    assert!(write_json(value, Style::Plain, &mut out));
    String::from_utf8(out).unwrap()
}

/// A file of vectors, from their directory or, if there is one, from the copy here.
fn read(file: &str) -> Option<String> {
    let vectors = std::env::var_os("RINGWAY_VECTORS").map_or("../../shared/vectors".into(), PathBuf::from);
    let found = std::fs::read_to_string(vectors.join(file)).ok();
    if found.is_none() {
        println!("skipped {file}: no vectors; set RINGWAY_VECTORS to their directory");
    }
    found
}

fn corpus(file: &str) -> String {
    std::fs::read_to_string(PathBuf::from("../tests/corpus/vtl").join(file)).unwrap()
}

fn items<'r>(value: &Value<'r>) -> Vec<Value<'r>> {
    let Value::List(list) = value else { panic!("not a list") };
    list.with(<[Value<'r>]>::to_vec)
}

fn string(value: &Value<'_>) -> String {
    let Value::Text(text) = value else { panic!("not a text: {value:?}") };
    text.to_string()
}

fn without_white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Compares and counts; prints what differs.
#[derive(Default)]
struct Score {
    right: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, name: &str, template: &str, expected: &str, found: &str) {
        if expected == found {
            self.right += 1;
        } else {
            self.wrong.push(format!("{name}: {template:?}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }

    fn check(self, what: &str) {
        println!("{what}: {} of {} agree", self.right, self.right + self.wrong.len());
        assert!(self.wrong.is_empty(), "{what}:\n{}", self.wrong.join("\n"));
    }
}

fn replay_recorded(file: &str, score: &mut Score) {
    let vectors = parse_text(file).unwrap();
    for (index, vector) in items(&vectors).iter().enumerate() {
        let template = string(&member(vector, "template"));
        let mut variables = Variables::default();
        if let Value::Map(context) = member(vector, "context") {
            context.with(|entries| {
                variables.json.extend(entries.iter().map(|(name, value)| (text(name), json(value))));
            });
        }
        let exchange = Exchange::new(&Value::Null);
        let mut found = render(&template, &exchange, &variables, &mut Overrides::default());
        let expected = match member(vector, "aws") {
            Value::Text(expected) if matches!(member(vector, "ignore_whitespace"), Value::Boolean(true)) => {
                found = without_white_space(&found);
                without_white_space(&expected)
            }
            Value::Text(expected) => expected.to_string(),
            // Kept as JSON where the output was.
            other => {
                found = parse_text(&found).map_or(found.clone(), |found| json(&found));
                json(&other)
            }
        };
        score.add(&format!("recorded {index}"), &template, &expected, &found);
    }
}

#[test]
fn recorded_on_aws() {
    let mut score = Score::default();
    replay_recorded(&corpus("recorded.json"), &mut score);
    score.check("recorded on AWS, the copy here");
    if let Some(file) = read("vtl/aws-recorded.json") {
        let mut score = Score::default();
        replay_recorded(&file, &mut score);
        assert!(score.right + score.wrong.len() >= 110);
        score.check("recorded on AWS");
    }
}

/// Cases with one exchange for all, or each with its own.
fn replay_oracle(file: &str, score: &mut Score) {
    let all = parse_text(file).unwrap();
    let shared = Exchange::new(&all);
    for (index, case) in items(&member(&all, "cases")).iter().enumerate() {
        let own = matches!(case, Value::Map(map) if map.get_text("body").is_some());
        let own = own.then(|| Exchange::new(case));
        let exchange = own.as_ref().unwrap_or(&shared);
        let template = string(&member(case, "template"));
        let mut overrides = Overrides::default();
        let found = render(&template, exchange, &Variables::default(), &mut overrides);
        let name = format!("case {index}");
        let expected = match member(case, "out") {
            Value::Text(expected) => expected.to_string(),
            _ => {
                // The oracle failed: so do we, whatever the words.
                score.add(&name, &template, "ERROR", &found[..found.len().min(5)]);
                continue;
            }
        };
        score.add(&name, &template, &expected, &found);
        let expected = member(case, "overrides");
        for (group, kind, list) in [
            ("requestOverride", "header", &overrides.request_header),
            ("requestOverride", "path", &overrides.request_path),
            ("requestOverride", "querystring", &overrides.request_querystring),
            ("responseOverride", "header", &overrides.response_header),
        ] {
            let expected = overrides_of(&member(&member(&expected, group), kind));
            score.add(&name, &template, &format!("{expected:?}"), &format!("{:?}", list_of(list)));
        }
        let expected = member(&member(&expected, "responseOverride"), "status");
        let found = overrides.status.as_ref().map_or(String::new(), |status| status.to_text().into_owned());
        let expected = if expected.is_null() { String::new() } else { text(&expected) };
        score.add(&name, &template, &expected, &found);
    }
}

#[test]
fn rendered_by_velocity() {
    for file in ["oracle.json", "paths.json"] {
        let mut score = Score::default();
        replay_oracle(&corpus(file), &mut score);
        score.check(file);
    }
    if let Some(file) = read("vtl/oracle-cases.json") {
        let mut score = Score::default();
        replay_oracle(&file, &mut score);
        score.check("rendered by Velocity");
    }
}

#[test]
fn templates_of_the_guide_compile() {
    let Some(file) = read("templates/guide-templates.json") else { return };
    let templates = parse_text(&file).unwrap();
    let mut count = 0;
    for entry in items(&templates) {
        let template = string(&member(&entry, "template"));
        if let Err(error) = Template::compile(&template) {
            panic!("{}: {error}\n{template}", text(&member(&entry, "source")));
        }
        count += 1;
    }
    println!("{count} templates of the guide compile");
    assert!(count >= 45);
}

#[test]
fn texts_are_borrowed_where_they_can_be() {
    let value = parse_text(r#"["plain", "with \n escape"]"#).unwrap();
    let kinds: Vec<bool> =
        items(&value).iter().map(|item| matches!(item, Value::Text(Text::Borrowed(_)))).collect();
    assert_eq!(kinds, [true, false]);
}
