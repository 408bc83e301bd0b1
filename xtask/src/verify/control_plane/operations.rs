//! Every operation of the service: supported or refused, and called by a script through AWS's SDK.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::gateway;
use crate::report::{Comparison, Report, Table};
use crate::{Outcome, cargo, process};

/// Operations of tools and of what is rare: these alone may be refused.
const RARE: &[&str] = &[
    "CreateDocumentationPart",
    "CreateDocumentationVersion",
    "CreateDomainNameAccessAssociation",
    "CreateVpcLink",
    "DeleteClientCertificate",
    "DeleteDocumentationPart",
    "DeleteDocumentationVersion",
    "DeleteDomainNameAccessAssociation",
    "DeleteVpcLink",
    "GenerateClientCertificate",
    "GetClientCertificate",
    "GetClientCertificates",
    "GetDocumentationPart",
    "GetDocumentationParts",
    "GetDocumentationVersion",
    "GetDocumentationVersions",
    "GetDomainNameAccessAssociations",
    "GetExport",
    "GetSdk",
    "GetSdkType",
    "GetSdkTypes",
    "GetVpcLink",
    "GetVpcLinks",
    "ImportDocumentationParts",
    "RejectDomainNameAccessAssociation",
    "TestInvokeAuthorizer",
    "TestInvokeMethod",
    "UpdateClientCertificate",
    "UpdateDocumentationPart",
    "UpdateDocumentationVersion",
    "UpdateVpcLink",
];
/// Operations of the service (2015-07-09).
const ALL: f64 = 124.0;
/// What the scripts are made of calls nothing itself.
const NO_SCRIPTS: &[&str] = &["harness.py"];

/// An operation, as `ringway aws-operations` tells it.
struct Operation {
    name: String,
    refused: Option<String>,
    is_tested: bool,
}

impl Operation {
    fn is_rare(&self) -> bool {
        RARE.contains(&self.name.as_str())
    }
}

/// Counts and judges.
pub(super) fn run(report: &mut Report) -> Outcome<()> {
    let mut command = Command::new(gateway::program()?);
    command.arg("aws-operations");
    let operations = read(&process::capture(&command, None)?, &scripts()?)?;
    let names = |wanted: &dyn Fn(&Operation) -> bool| -> Vec<&str> {
        operations.iter().filter(|one| wanted(one)).map(|one| one.name.as_str()).collect()
    };
    let refused = |one: &Operation| one.refused.is_some();
    let needed_refused = names(&|one| refused(one) && !one.is_rare());
    let untested = names(&|one| !one.is_tested);
    let mut table = Table::new(&["operations", "all", "supported", "refused", "untested"]);
    for (name, is_rare) in [("needed", false), ("rare", true)] {
        let count = |wanted: &dyn Fn(&Operation) -> bool| {
            operations.iter().filter(|one| one.is_rare() == is_rare && wanted(one)).count().to_string()
        };
        table.row([
            name.to_owned(),
            count(&|_| true),
            count(&|one| !refused(one)),
            count(&refused),
            count(&|one| !one.is_tested),
        ]);
    }
    print!("\n{}", table.text());
    for (what, names) in [("needed, but refused", &needed_refused), ("untested", &untested)] {
        if !names.is_empty() {
            println!("{what}: {}", names.join(", "));
        }
    }
    for one in &operations {
        if let Some(why) = &one.refused {
            println!("refused: {}: {why}", one.name);
        }
    }
    report.figure("operations", operations.len() as f64);
    report.figure("operations_supported", names(&|one| !refused(one)).len() as f64);
    report.figure("operations_refused", names(&refused).len() as f64);
    report.figure("operations_needed_refused", needed_refused.len() as f64);
    report.figure("operations_untested", untested.len() as f64);
    report.target("operations", Comparison::Equal, ALL);
    report.target("operations_needed_refused", Comparison::Equal, 0.0);
    report.target("operations_untested", Comparison::Equal, 0.0);
    Ok(())
}

/// The text of the scripts that call the control plane, without comments.
fn scripts() -> Outcome<String> {
    let directory = cargo::root().join("tests/aws");
    let name = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut text = String::new();
    for entry in fs::read_dir(&directory).map_err(name)? {
        let path = entry.map_err(name)?.path();
        let is_script = path.extension().is_some_and(|extension| extension == "py")
            && !NO_SCRIPTS.iter().any(|other| path.ends_with(other));
        if is_script {
            let script = fs::read_to_string(&path).map_err(name)?;
            for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    Ok(text)
}

fn read(told: &str, scripts: &str) -> Outcome<Vec<Operation>> {
    let value: Value =
        serde_json::from_str(told).map_err(|error| format!("`ringway aws-operations`: {error}"))?;
    let operations = value.as_array().ok_or("`ringway aws-operations` prints no list")?;
    let operation = |value: &Value| {
        let name =
            value["name"].as_str().ok_or("`ringway aws-operations` prints an operation without a name")?;
        let refused = value["refused"].as_str().map(str::to_owned);
        Ok(Operation { is_tested: is_called(&method(name), scripts), name: name.to_owned(), refused })
    };
    operations.iter().map(operation).collect()
}

/// What the SDK calls an operation: `create_rest_api`.
fn method(operation: &str) -> String {
    let mut method = String::new();
    for character in operation.chars() {
        if character.is_ascii_uppercase() && !method.is_empty() {
            method.push('_');
        }
        method.push(character.to_ascii_lowercase());
    }
    method
}

/// As a method of a client, or by its name: of a paginator, or of one of several methods.
fn is_called(method: &str, scripts: &str) -> bool {
    let ways = [format!(".{method}("), format!("\"{method}\""), format!(".{method},"), format!(".{method})")];
    ways.iter().any(|way| scripts.contains(way))
}

#[cfg(test)]
mod tests {
    use super::{is_called, method, read};

    #[test]
    fn names_of_the_sdk() {
        assert_eq!(method("CreateRestApi"), "create_rest_api");
        assert_eq!(method("GetVpcLinks"), "get_vpc_links");
    }

    #[test]
    fn calls_are_found_by_the_whole_name() {
        let scripts =
            "api.get_resources(restApiId=x)\npages(\"get_stages\")\nrefused(aws.flush_stage_cache, x)";
        for called in ["get_resources", "get_stages", "flush_stage_cache"] {
            assert!(is_called(called, scripts), "{called}");
        }
        for other in ["get_resource", "get_stage", "resources"] {
            assert!(!is_called(other, scripts), "{other}");
        }
    }

    #[test]
    fn operations_are_read() {
        let told = r#"[{"name":"GetSdk","refused":"why"},{"name":"GetStage","refused":null}]"#;
        let read = read(told, "aws.get_stage()").unwrap();
        assert_eq!(
            (read[0].refused.as_deref(), read[0].is_tested, read[0].is_rare()),
            (Some("why"), false, true)
        );
        assert_eq!((read[1].refused.as_deref(), read[1].is_tested, read[1].is_rare()), (None, true, false));
    }
}
