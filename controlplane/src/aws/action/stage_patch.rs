//! `patchOperations` of UpdateStage (tables.md §7, §8.7, §9.1).

use ringway_core::telemetry::access_log;

use super::stage::{
    check_deployment, check_documentation, check_percent, check_variables, invalid_variable_value,
    is_cache_size, set_cache,
};
use crate::aws::State;
use crate::aws::deploy::account_throttle;
use crate::aws::exception::Exception;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::wire::{CanarySettings, MethodSetting, Stage, Texts};

/// AWS's list, with the separators that it lacks (recorded, tables.md §7.2).
const PATHS: &str = "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, \
    /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, \
    /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, \
    /{resourcePath}/{httpMethod}/logging/loglevel, \
    /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit\
    /{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, \
    /{resourcePath}/{httpMethod}/caching/dataEncrypted, \
    /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, \
    /{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, \
    /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, \
    /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, \
    /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, \
    /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled";

const VERBS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];
const LEVELS: [&str; 3] = ["OFF", "ERROR", "INFO"];
const STRATEGIES: [&str; 3] =
    ["FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER"];
/// Seconds.
const TTL_DEFAULT: i64 = 300;
const TTL_LAST: i64 = 3600;

/// Applies one operation.
pub(super) fn apply(
    state: &State,
    api: &str,
    stage: &mut Stage,
    operation: &PatchOperation,
) -> Result<(), Exception> {
    match (operation.segments().as_slice(), operation.op) {
        (_, Op::Copy) => copy(stage, operation)?,
        ([name], Op::Replace) if replace(state, api, stage, name, operation)? => {}
        (["variables", name], Op::Add | Op::Replace) => {
            set_variable(&mut stage.variables, name, operation)?;
        }
        (["variables", name], Op::Remove) => {
            stage.variables.remove(*name).ok_or_else(|| cannot_remove(operation))?;
        }
        (["accessLogSettings", rest @ ..], _) => access_log(stage, rest, operation)?,
        (["canarySettings", rest @ ..], _) => canary(state, api, stage, rest, operation)?,
        (
            [
                "deploymentId"
                | "description"
                | "cacheClusterEnabled"
                | "cacheClusterSize"
                | "clientCertificateId"
                | "tracingEnabled"
                | "documentationVersion",
            ],
            Op::Add | Op::Move | Op::Test,
        ) => return Err(invalid_operation(operation)),
        (path, _) => method_setting(state, stage, path, operation)?,
    }
    Ok(())
}

/// What has one segment and can only be replaced; whether `name` is one of those.
fn replace(
    state: &State,
    api: &str,
    stage: &mut Stage,
    name: &str,
    operation: &PatchOperation,
) -> Result<bool, Exception> {
    let value = operation.text();
    match name {
        "deploymentId" => {
            let id = value.unwrap_or_default();
            check_deployment(state, api, &id)?;
            stage.deployment_id = id;
        }
        "description" => stage.description = value,
        "tracingEnabled" => stage.tracing_enabled = operation.boolean(),
        "cacheClusterEnabled" => set_cache(stage, operation.boolean()),
        "cacheClusterSize" => {
            if let Some(size) = value.as_deref().filter(|size| !is_cache_size(size)) {
                return Err(Exception::bad_request(format!("Invalid cache cluster size specified: {size}")));
            }
            stage.cache_cluster_size = value;
        }
        "clientCertificateId" => {
            if value.as_deref().is_some_and(|id| state.client_certificates.get(id).is_none()) {
                return Err(Exception::bad_request("Invalid Client Certificate identifier specified"));
            }
            stage.client_certificate_id = value;
        }
        "documentationVersion" => {
            if let Some(version) = &value {
                check_documentation(state, api, version)?;
            }
            stage.documentation_version = value;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn set_variable(variables: &mut Texts, name: &str, operation: &PatchOperation) -> Result<(), Exception> {
    // AWS shows what is missing as `null`.
    let Some(value) = operation.value.clone() else { return Err(invalid_variable_value("null")) };
    let one = Texts::from([(name.to_owned(), value)]);
    check_variables(&one)?;
    variables.extend(one);
    Ok(())
}

/// Only promotions of a canary are copies (recorded, tables.md §7.1, §8.7).
fn copy(stage: &mut Stage, operation: &PatchOperation) -> Result<(), Exception> {
    let (path, from) = (operation.path.as_str(), operation.from.as_deref().unwrap_or("null"));
    let is_deployment = match (path, from) {
        ("/deploymentId", "/canarySettings/deploymentId") => true,
        ("/variables", "/canarySettings/stageVariableOverrides") => false,
        _ => {
            return Err(Exception::bad_request(format!(
                "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, /variables] and \
                 valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
            )));
        }
    };
    let Some(canary) = &stage.canary_settings else {
        return Err(Exception::bad_request("Promotion not available. Canary does not exist."));
    };
    match is_deployment {
        true => stage.deployment_id.clone_from(&canary.deployment_id),
        false => stage.variables.extend(canary.stage_variable_overrides.clone()),
    }
    Ok(())
}

fn access_log(stage: &mut Stage, path: &[&str], operation: &PatchOperation) -> Result<(), Exception> {
    match (path, operation.op) {
        ([], Op::Remove) => stage.access_log_settings = None,
        (_, Op::Remove) => return Err(cannot_remove(operation)),
        ([name @ ("destinationArn" | "format")], Op::Add | Op::Replace) => {
            let value = operation
                .text()
                .ok_or_else(|| Exception::bad_request("Access Log value must not be empty"))?;
            let settings = stage.access_log_settings.get_or_insert_default();
            match *name {
                "format" => {
                    check_format(&value)?;
                    settings.format = Some(value);
                }
                _ => settings.destination_arn = Some(destination(&value)?),
            }
        }
        _ => {
            return Err(Exception::bad_request(
                "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, \
                 /accessLogSettings/format]",
            ));
        }
    }
    Ok(())
}

/// What the gateway can write. AWS allows a line end at the end.
fn check_format(format: &str) -> Result<(), Exception> {
    let format = format.trim_end();
    if format.contains(['\n', '\r']) {
        return Err(Exception::bad_request(
            "Access Log format must be single line, new line character is allowed only at end of the format",
        ));
    }
    access_log::compile(format).map(drop).map_err(|error| Exception::bad_request(error.message))
}

/// A log group or a Firehose stream; AWS drops `:*` (tables.md §9.2).
fn destination(arn: &str) -> Result<String, Exception> {
    match arn.starts_with("arn:") {
        true => Ok(arn.strip_suffix(":*").unwrap_or(arn).to_owned()),
        false => Err(Exception::bad_request(format!(
            "Invalid ARN specified in the request. ARNs must start with 'arn:': {arn}"
        ))),
    }
}

fn canary(
    state: &State,
    api: &str,
    stage: &mut Stage,
    path: &[&str],
    operation: &PatchOperation,
) -> Result<(), Exception> {
    match (path, operation.op) {
        ([], Op::Remove) => drop(stage.canary_settings.take().ok_or_else(|| cannot_remove(operation))?),
        (["percentTraffic"], Op::Replace) => {
            let percent = number(operation)?;
            check_percent(percent)?;
            canary_of(stage).percent_traffic = percent;
        }
        (["useStageCache"], Op::Replace) => canary_of(stage).use_stage_cache = operation.boolean(),
        (["deploymentId"], Op::Replace) => {
            let id = operation.value.clone().unwrap_or_default();
            check_deployment(state, api, &id)?;
            canary_of(stage).deployment_id = id;
        }
        (["stageVariableOverrides", name], Op::Add | Op::Replace) => {
            set_variable(&mut canary_of(stage).stage_variable_overrides, name, operation)?;
        }
        (["stageVariableOverrides", rest @ ..], Op::Remove) if rest.len() < 2 => {
            let canary = stage.canary_settings.as_mut().ok_or_else(|| cannot_remove(operation))?;
            let overrides = &mut canary.stage_variable_overrides;
            let is_there = match rest.first() {
                Some(name) => overrides.remove(*name).is_some(),
                None => !std::mem::take(overrides).is_empty(),
            };
            return if is_there { Ok(()) } else { Err(cannot_remove(operation)) };
        }
        (_, Op::Remove) => return Err(cannot_remove(operation)),
        (["percentTraffic" | "useStageCache" | "deploymentId"], _) => {
            return Err(invalid_operation(operation));
        }
        _ => return Err(invalid_path(operation)),
    }
    Ok(())
}

/// The canary; a new one serves the stage's own deployment to nobody (recorded, tables.md §7.1).
fn canary_of(stage: &mut Stage) -> &mut CanarySettings {
    let deployment_id = stage.deployment_id.clone();
    stage.canary_settings.get_or_insert_with(|| CanarySettings { deployment_id, ..CanarySettings::default() })
}

/// `/{resource}/{METHOD}/{group}/{name}`, and the whole entry where it is removed.
fn method_setting(
    state: &State,
    stage: &mut Stage,
    path: &[&str],
    operation: &PatchOperation,
) -> Result<(), Exception> {
    let key = match path {
        [resource, verb, ..] if (*resource == "*") == (*verb == "*") => {
            // `/~1pets/GET` is `/pets/GET`; that of the root keeps its slash.
            let resource = resource.strip_prefix('/').filter(|path| !path.is_empty()).unwrap_or(resource);
            Some(format!("{resource}/{verb}")).filter(|_| *verb == "*" || VERBS.contains(verb))
        }
        _ => None,
    };
    match (key, path, operation.op) {
        (Some(key), [_, _], Op::Remove) => {
            stage.method_settings.remove(&key).map(drop).ok_or_else(|| cannot_remove(operation))
        }
        (_, _, Op::Remove) => Err(cannot_remove(operation)),
        (Some(key), [_, _, group, name], op) => {
            let known = stage.method_settings.get(&key).or_else(|| stage.method_settings.get("*/*"));
            let mut setting = known.cloned().unwrap_or_else(|| default_setting(state));
            match set(&mut setting, group, name, operation)? {
                false => Err(invalid_path(operation)),
                true if op != Op::Replace => Err(invalid_operation(operation)),
                true => {
                    stage.method_settings.insert(key, setting);
                    Ok(())
                }
            }
        }
        _ => Err(invalid_path(operation)),
    }
}

/// What an entry has that nothing was said of: of the throttle, what the account has (recorded, tables.md §9.1).
fn default_setting(state: &State) -> MethodSetting {
    let throttle = account_throttle(&state.settings);
    MethodSetting {
        throttling_burst_limit: throttle.burst_limit.into(),
        throttling_rate_limit: throttle.rate_limit,
        cache_ttl_in_seconds: TTL_DEFAULT,
        require_authorization_for_cache_control: true,
        unauthorized_cache_control_header_strategy: "SUCCEED_WITH_RESPONSE_HEADER".to_owned(),
        ..MethodSetting::default()
    }
}

/// Whether there is such a setting.
fn set(
    setting: &mut MethodSetting,
    group: &str,
    name: &str,
    operation: &PatchOperation,
) -> Result<bool, Exception> {
    match (group, name) {
        ("metrics", "enabled") => setting.metrics_enabled = operation.boolean(),
        ("logging", "dataTrace") => setting.data_trace_enabled = operation.boolean(),
        ("logging", "loglevel") => setting.logging_level = Some(one_of(&LEVELS, operation)?),
        ("throttling", "burstLimit") => {
            let limit = operation.value.as_deref().and_then(|text| text.parse().ok());
            setting.throttling_burst_limit =
                limit.filter(|limit| *limit >= -1).ok_or_else(|| invalid_value(operation))?;
        }
        ("throttling", "rateLimit") => {
            let limit = number(operation)?;
            if limit < 0.0 && limit != -1.0 {
                return Err(invalid_value(operation));
            }
            setting.throttling_rate_limit = limit;
        }
        ("caching", "enabled") => setting.caching_enabled = operation.boolean(),
        ("caching", "dataEncrypted") => setting.cache_data_encrypted = operation.boolean(),
        ("caching", "ttlInSeconds") => {
            let ttl = operation.value.as_deref().and_then(|text| text.parse().ok());
            setting.cache_ttl_in_seconds =
                ttl.filter(|ttl| (0..=TTL_LAST).contains(ttl)).ok_or_else(|| invalid_value(operation))?;
        }
        ("caching", "requireAuthorizationForCacheControl") => {
            setting.require_authorization_for_cache_control = operation.boolean();
        }
        ("caching", "unauthorizedCacheControlHeaderStrategy") => {
            setting.unauthorized_cache_control_header_strategy = one_of(&STRATEGIES, operation)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn number(operation: &PatchOperation) -> Result<f64, Exception> {
    let number = operation.value.as_deref().and_then(|text| text.parse().ok());
    number.filter(|number: &f64| number.is_finite()).ok_or_else(|| invalid_value(operation))
}

fn one_of(values: &[&str], operation: &PatchOperation) -> Result<String, Exception> {
    let value = operation.value.as_deref().unwrap_or_default();
    match values.contains(&value) {
        true => Ok(value.to_owned()),
        false => Err(invalid_value(operation)),
    }
}

/// No words of AWS are recorded for it.
fn invalid_value(operation: &PatchOperation) -> Exception {
    let (path, value) = (&operation.path, operation.value.as_deref().unwrap_or("null"));
    Exception::bad_request(format!("Invalid value specified for {path}: {value}"))
}

fn invalid_path(operation: &PatchOperation) -> Exception {
    let path = &operation.path;
    Exception::bad_request(format!("Invalid method setting path: {path}. Must be one of: [{PATHS}]"))
}

fn invalid_operation(operation: &PatchOperation) -> Exception {
    let (op, path) = (operation.op.as_str(), &operation.path);
    Exception::bad_request(format!("Invalid {op} operation with path: {path}"))
}

/// The blank at the end is AWS's.
fn cannot_remove(operation: &PatchOperation) -> Exception {
    let path = operation.path.strip_prefix('/').unwrap_or(&operation.path);
    Exception::bad_request(format!(
        "Cannot remove method setting {path} because there is no method setting for this method "
    ))
}
