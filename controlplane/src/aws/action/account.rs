//! The account: one row, which AWS gives to every account (tables.md §7, §15).

use crate::aws::call::Call;
use crate::aws::deploy::account_throttle;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::wire::{Account, ThrottleSettings};
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetAccount",
        method: "GET",
        uri: "/account",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "UpdateAccount",
        method: "PATCH",
        uri: "/account",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// The key of the only row.
const KEY: &str = "account";
/// What every account of today has, and cannot lose (tables.md §7).
const USAGE_PLANS: &str = "UsagePlans";

fn get(state: &mut State, _: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::of(&current(state)))
}

/// The account as it is, or as AWS opens it. Its throttle is that of the process file, and what AWS has where there is none: 10,000
/// requests per second, 5,000 at once (tables.md §15).
fn current(state: &State) -> Account {
    let throttle = account_throttle(&state.settings);
    let throttle_settings =
        ThrottleSettings { burst_limit: throttle.burst_limit.into(), rate_limit: throttle.rate_limit };
    match state.accounts.get(KEY) {
        Some(row) => Account { throttle_settings, ..row.clone() },
        None => Account {
            cloudwatch_role_arn: None,
            throttle_settings,
            features: vec![USAGE_PLANS.to_owned()],
            api_key_version: "4".to_owned(),
        },
    }
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut account = current(state);
    for operation in &operations {
        patch(&mut account, operation)?;
    }
    let answer = Answer::of(&account);
    state.accounts.put(KEY, account);
    Ok(answer)
}

/// The role is kept and shown; there is no IAM here that could say whether it exists or what it may do.
fn patch(account: &mut Account, operation: &PatchOperation) -> Result<(), Exception> {
    match (operation.segments().as_slice(), operation.op) {
        (["cloudwatchRoleArn"], Op::Replace) => {
            account.cloudwatch_role_arn = operation.text().map(checked_role).transpose()?;
        }
        (["features"], Op::Add | Op::Remove) => match (operation.value.as_deref(), operation.op) {
            (Some(USAGE_PLANS), Op::Add) => {}
            (Some(USAGE_PLANS), _) => {
                return Err(Exception::bad_request("Usage Plans cannot be disabled once they are enabled"));
            }
            (feature, _) => {
                let feature = feature.unwrap_or_default();
                return Err(Exception::bad_request(format!("Invalid feature specified: {feature}")));
            }
        },
        _ => return Err(operation.refused_path("/cloudwatchRoleArn")),
    }
    Ok(())
}

/// `arn:{partition}:iam::{account}:role/{name}`
fn checked_role(arn: String) -> Result<String, Exception> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", _, role] if role.starts_with("role/") => Ok(arn),
        _ => Err(Exception::bad_request(format!("Invalid ARN. ARN is not well formed {arn}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::testing::{control_plane, good, refused};

    fn operation(op: &str, path: &str, value: &str) -> Value {
        json!({"patchOperations": [{"op": op, "path": path, "value": value}]})
    }

    #[test]
    fn has_a_role_or_none() {
        let mut plane = control_plane();
        let opened = json!({
            "throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0},
            "features": ["UsagePlans"],
            "apiKeyVersion": "4",
        });
        assert_eq!(good(&mut plane, "GET", "/account", json!(null)), opened);
        let role = "arn:aws:iam::123456789012:role/logs";
        let patched = good(&mut plane, "PATCH", "/account", operation("replace", "/cloudwatchRoleArn", role));
        assert_eq!(patched["cloudwatchRoleArn"], role);
        assert_eq!(good(&mut plane, "GET", "/account", json!(null)), patched);
        good(&mut plane, "PATCH", "/account", operation("replace", "/cloudwatchRoleArn", ""));
        good(&mut plane, "PATCH", "/account", operation("add", "/features", "UsagePlans"));
        assert_eq!(good(&mut plane, "GET", "/account", json!(null)), opened);
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        for (op, path, value, message) in [
            ("replace", "/cloudwatchRoleArn", "role", "Invalid ARN. ARN is not well formed role"),
            ("remove", "/features", "UsagePlans", "Usage Plans cannot be disabled once they are enabled"),
            ("add", "/features", "Other", "Invalid feature specified: Other"),
            (
                "replace",
                "/throttleSettings/rateLimit",
                "1",
                "Invalid patch path  '/throttleSettings/rateLimit' specified for op 'replace'. Must be one of: \
                 [/cloudwatchRoleArn]",
            ),
        ] {
            assert_eq!(refused(&mut plane, "PATCH", "/account", operation(op, path, value)).1, message);
        }
    }
}
