//! `docs/aws-coverage.md` says of each operation what the table of operations does.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ringway_controlplane::aws::{Operation, operations};

/// What an operation takes and shows and the gateway does not act upon yet. Each line goes with the issue that builds it.
const STORED: &str = "\
## Stored and shown, and not acted upon yet

| what | until then |
|---|---|
| `apiKeySource` `AUTHORIZER` | a method with `apiKeyRequired` of such an API is not deployed |
| `cacheDataEncrypted` | answers are cached in memory alone; `FlushStageAuthorizersCache` finds nothing to flush |
| logging, metrics, tracing of method settings, `destinationArn` of access logs | Ringway's own logs and metrics; the log's format is used |
| authorizers | a method that uses one is not deployed |
| resource policies | an API whose policy denies anything is not deployed |
| integrations `AWS` and `AWS_PROXY`; `https://`, `VPC_LINK`, `credentials`, `STREAM`, `tlsConfig` of others | it is not deployed |
| certificates and `securityPolicy` of domain names, client certificates | there is no TLS |
| account settings, tags, documentation | kept and given back |

";

const HEAD: &str = "\
# Operations of the AWS control plane

Every operation of `apigateway` (2015-07-09) is in the table of the control plane; one that is refused answers with a
`BadRequestException` that says why, and changes nothing. `RINGWAY_BLESS=1 cargo test -p ringway-controlplane --test aws_coverage`
writes this file anew.
";

#[test]
fn the_document_is_what_the_table_says() {
    let mut all: Vec<&Operation> = operations().collect();
    all.sort_by_key(|operation| operation.name);
    let supported = all.iter().filter(|operation| operation.refused().is_none()).count();
    let mut text = format!(
        "{HEAD}\n{supported} of {} operations are supported.\n\n{STORED}## Operations\n\n",
        all.len()
    );
    text.push_str("| operation | request | |\n|---|---|---|\n");
    for operation in &all {
        let support = operation.refused().map_or("supported".to_owned(), |why| format!("refused: {why}"));
        writeln!(text, "| {} | `{} {}` | {support} |", operation.name, operation.method, operation.uri)
            .unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/aws-coverage.md");
    if std::env::var_os("RINGWAY_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/aws-coverage.md is not what the table says: run this test with RINGWAY_BLESS=1"
    );
    let names: Vec<&str> = all.iter().map(|operation| operation.name).collect();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "an operation is there twice");
}
