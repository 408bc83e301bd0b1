//! `ringway template`: mapping templates by themselves, with the exchange that they see in a file beside them.

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use ringway_core::vtl::{self, Observer, Overrides, Template, Variables};
use serde_json::{Value, json};

use crate::check::plural;
use crate::cli::{EXIT_CONFIGURATION, RenderArgs, TemplateCommand};
use fixture::Fixture;

/// Runs one of the commands and returns the exit code.
pub(crate) fn run(command: &TemplateCommand) -> u8 {
    let outcome = match command {
        TemplateCommand::Render(arguments) => render(arguments, false),
        TemplateCommand::Trace(arguments) => render(arguments, true),
        TemplateCommand::Lint { files } => lint(files),
        TemplateCommand::Test { files } => test(files),
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("ringway: {message}");
        EXIT_CONFIGURATION
    })
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn compile(path: &Path) -> Result<Template, String> {
    let text = read(path)?;
    Template::compile(&text)
        .map_err(|error| format!("{}:{}:{}: {}", path.display(), error.line, error.column, error.message))
}

/// Prints the result on standard output, and what the template has overridden on standard error.
fn render(arguments: &RenderArgs, traced: bool) -> Result<u8, String> {
    let template = compile(&arguments.file)?;
    let mut exchange = match &arguments.exchange {
        Some(path) => Fixture::parse(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        None => Fixture::default(),
    };
    if let Some(path) = &arguments.body {
        exchange.body = read(path)?;
    }
    let (mut overrides, mut out) = (Overrides::default(), Vec::new());
    let mut trace = Trace;
    let observer: Option<&mut dyn Observer> = if traced { Some(&mut trace) } else { None };
    let rendered =
        template.render_traced(&exchange, &mut overrides, &Variables::default(), observer, &mut out);
    if traced {
        println!("--- result");
    }
    println!("{}", String::from_utf8_lossy(&out));
    if !overrides.is_empty() {
        eprintln!("overrides: {}", spell(&overrides));
    }
    rendered.map(|()| 0).map_err(|error| {
        format!("{}:{}:{}: {}", arguments.file.display(), error.line, error.column, error.message)
    })
}

/// Prints what happens as it happens.
struct Trace;

impl Observer for Trace {
    fn reference(&mut self, line: u32, text: &str, value: &str) {
        println!("{line:>5}  {text} = {value:?}");
    }

    fn branch(&mut self, line: u32, what: &str) {
        println!("{line:>5}  {what}");
    }
}

fn lint(files: &[PathBuf]) -> Result<u8, String> {
    let (mut warnings, mut errors) = (0, 0);
    for file in files {
        match compile(file) {
            Ok(template) => {
                for warning in vtl::lint(&template) {
                    println!("{}:{}:{}: {}", file.display(), warning.line, warning.column, warning.message);
                    warnings += 1;
                }
            }
            Err(message) => {
                println!("{message}");
                errors += 1;
            }
        }
    }
    let (files, errors_said) = (plural(files.len(), "template"), plural(errors, "error"));
    println!("{files}: {errors_said}, {}", plural(warnings, "warning"));
    Ok(if errors > 0 { EXIT_CONFIGURATION } else { 0 })
}

/// Runs the cases beside each template: `NAME.vtl` has them in `NAME.test.json`.
fn test(files: &[PathBuf]) -> Result<u8, String> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let template = compile(file)?;
        let beside = file.with_extension("test.json");
        let cases: Vec<Value> = serde_json::from_str(&read(&beside)?)
            .map_err(|error| format!("{}: a list of cases: {error}", beside.display()))?;
        for (index, case) in cases.iter().enumerate() {
            let name = case["name"].as_str().map_or_else(|| format!("case {}", index + 1), str::to_owned);
            match check(&template, case).map_err(|error| format!("{}: {name}: {error}", beside.display()))? {
                None => passed += 1,
                Some(difference) => {
                    println!("{}: {name}: FAILED\n{difference}", file.display());
                    failed += 1;
                }
            }
        }
    }
    println!("{}: {passed} passed, {failed} failed", plural(files.len(), "template"));
    Ok(if failed > 0 { EXIT_CONFIGURATION } else { 0 })
}

/// What is different from what the case expects.
fn check(template: &Template, case: &Value) -> Result<Option<String>, String> {
    let exchange = Fixture::of(case)?;
    let (mut overrides, mut out) = (Overrides::default(), Vec::new());
    let rendered = template.render(&exchange, &mut overrides, &mut out);
    let text = match rendered {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => format!("error: {error}"),
    };
    let mut differences = Vec::new();
    if let Some(expected) = case["expect"].as_str().filter(|expected| *expected != text) {
        differences.push(format!("  expected: {expected:?}\n  rendered: {text:?}"));
    }
    // JSON by its meaning: members in any order, any white space.
    if let Some(expected) = case.get("expectJson")
        && serde_json::from_str::<Value>(&text).ok().as_ref() != Some(expected)
    {
        differences.push(format!("  expected JSON: {expected}\n  rendered: {text:?}"));
    }
    if let Some(expected) = case.get("expectOverrides").filter(|expected| **expected != spell(&overrides)) {
        differences.push(format!("  expected overrides: {expected}\n  set: {}", spell(&overrides)));
    }
    Ok((!differences.is_empty()).then(|| differences.join("\n")))
}

/// As AWS names them: `{"requestOverride":{"header":{…}},"responseOverride":{"status":…}}`, without what is not set.
fn spell(overrides: &Overrides) -> Value {
    let list = |list: &vtl::OverrideList| -> Value {
        list.iter()
            .map(|(name, value)| (name.to_string(), json!(value.to_text())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let mut request = json!({
        "header": list(&overrides.request_header),
        "path": list(&overrides.request_path),
        "querystring": list(&overrides.request_querystring),
    });
    let mut response = json!({"header": list(&overrides.response_header)});
    if let Some(status) = &overrides.status {
        response["status"] = json!(status.to_text());
    }
    for part in [&mut request, &mut response] {
        if let Some(members) = part.as_object_mut() {
            members.retain(|_, value| value.as_object().is_none_or(|members| !members.is_empty()));
        }
    }
    let mut whole = json!({"requestOverride": request, "responseOverride": response});
    if let Some(members) = whole.as_object_mut() {
        members.retain(|_, value| value.as_object().is_some_and(|members| !members.is_empty()));
    }
    whole
}
