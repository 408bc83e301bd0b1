//! `ringway aws-operations`: the table of the AWS control plane's operations, for those who compare it with AWS's.

use ringway_controlplane::aws::{self, Body};
use serde_json::{Value, json};

/// Prints them and returns the exit code.
pub(crate) fn run() -> u8 {
    let operations: Vec<Value> = aws::operations()
        .map(|operation| {
            json!({
                "name": operation.name,
                "method": operation.method,
                "uri": operation.uri,
                "status": operation.status,
                "body": match operation.body {
                    Body::Members(members) => json!(members),
                    Body::Document => json!("document"),
                },
                "query": operation.query,
                "refused": operation.refused(),
            })
        })
        .collect();
    println!("{}", Value::from(operations));
    0
}
