//! Import and export (tables.md §10).

use std::path::Path;

use ringway_core::calendar::{self, SECONDS_OF_DAY};
use ringway_core::model;

use super::rest_api::{remove_children, show};
use crate::Issue;
use crate::aws::call::Call;
use crate::aws::deploy::{self, Ids, Part, Place, plain};
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::table::key;
use crate::aws::wire::{EndpointConfiguration, Resource, RestApi};
use crate::aws::{Answer, State};
use crate::export::{ExportOptions, Extensions, Format, export as export_document};
use crate::openapi::{self, Account, BasePathMode, ImportOptions, Imported};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetExport",
        method: "GET",
        uri: "/restapis/{restapi_id}/stages/{stage_name}/exports/{export_type}",
        status: 200,
        body: Body::Members(&[]),
        query: &["parameters"],
        support: Support::Supported(export),
    },
    Operation {
        name: "ImportRestApi",
        method: "POST",
        uri: "/restapis?mode=import",
        status: 201,
        body: Body::Document,
        query: &["failonwarnings", "parameters"],
        support: Support::Supported(import),
    },
    Operation {
        name: "PutRestApi",
        method: "PUT",
        uri: "/restapis/{restapi_id}",
        status: 200,
        body: Body::Document,
        query: &["mode", "failonwarnings", "parameters"],
        support: Support::Supported(put),
    },
];

/// The name of documents in issues, which nobody sees.
const FILE: &str = "body";

fn import(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let imported = read(state, call)?;
    let mut api = RestApi {
        id: state.ids.long(),
        created_date: call.now,
        root_resource_id: state.ids.long(),
        endpoint_configuration: endpoint(call, &imported.rest_api)?,
        ..RestApi::default()
    };
    overwrite_settings(&mut api, &imported.rest_api);
    put_root(state, &api);
    let shown = finish(state, call, api, Ids::default(), &imported, false)?;
    Ok(Answer::Json(shown))
}

fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let mode = call.query("mode").filter(|mode| !mode.is_empty()).unwrap_or("merge");
    if !["merge", "overwrite"].contains(&mode) {
        return Err(Exception::validation(&[Violation::not_in(mode, "mode", "overwrite, merge")]));
    }
    let mut api = state.rest_api(call.path("restapi_id"))?.clone();
    let imported = read(state, call)?;
    let ids = Ids::of(state, &api.id);
    match mode {
        "overwrite" => {
            overwrite_settings(&mut api, &imported.rest_api);
            remove_children(state, &api.id);
            put_root(state, &api);
        }
        _ => merge_settings(&mut api, &imported.rest_api),
    }
    let shown = finish(state, call, api, ids, &imported, true)?;
    Ok(Answer::Json(shown))
}

/// Writes what was imported; the answer is the API with what there is to warn of.
fn finish(
    state: &mut State,
    call: &Call<'_>,
    mut api: RestApi,
    ids: Ids,
    imported: &Imported,
    with_tags: bool,
) -> Result<serde_json::Value, Exception> {
    let mut warnings: Vec<String> = imported.warnings.iter().map(told).collect();
    deploy::write(state, &api.id, ids, imported, &mut warnings).map_err(|errors| failed(&errors))?;
    if call.query_flag("failonwarnings") && !warnings.is_empty() {
        return Err(Exception::bad_request(format!(
            "Warnings found during import:\n\t{}",
            warnings.join("\n\t")
        )));
    }
    api.policy = own_policy(state, &api);
    let with_tags = with_tags || !api.tags.is_empty();
    let shown = show(&RestApi { warnings, ..api.clone() }, with_tags);
    state.rest_apis.put(api.id.clone(), api);
    Ok(shown)
}

/// The resource policy: AWS writes out what stands for the API itself (tables.md §10).
pub(in crate::aws) fn own_policy(state: &State, api: &RestApi) -> Option<String> {
    let (region, account) = (&state.settings.region, &state.settings.account_id);
    let own = format!("\"arn:aws:execute-api:{region}:{account}:{}/", api.id);
    Some(api.policy.as_ref()?.replace("\"execute-api:/", &own))
}

pub(in crate::aws) fn put_root(state: &mut State, api: &RestApi) {
    let root = Resource { id: api.root_resource_id.clone(), path: "/".into(), ..Resource::default() };
    state.resources.put(key(&api.id, &root.id), root);
}

/// The document of a request, as the parameters say (tables.md §10.1).
fn read(state: &State, call: &Call<'_>) -> Result<Imported, Exception> {
    let text = std::str::from_utf8(call.document).map_err(|_| invalid())?;
    let base_path = match call.query("basepath") {
        None => BasePathMode::default(),
        Some(mode) => BasePathMode::parse(mode).ok_or_else(|| {
            Exception::bad_request(format!(
                "Invalid basepath specified: {mode}. Valid options are ignore,prepend,split"
            ))
        })?,
    };
    let ignore_documentation = match call.query("ignore") {
        None => false,
        Some("documentation") => true,
        Some(other) => {
            return Err(Exception::bad_request(format!(
                "Invalid ignore specified: {other}. Valid option is documentation"
            )));
        }
    };
    let options = ImportOptions {
        base_path,
        ignore_documentation,
        strict_aws: true,
        incomplete: true,
        takes_idle: true,
        account: Some(Account {
            region: state.settings.region.clone(),
            account_id: state.settings.account_id.clone(),
        }),
        ..ImportOptions::default()
    };
    openapi::import(text, Path::new(FILE), &options).map_err(|issues| {
        match openapi::is_document(text, Path::new(FILE)) {
            true => failed(&issues.iter().map(told).collect::<Vec<_>>()),
            false => invalid(),
        }
    })
}

/// AWS's own words (tables.md §8.1).
fn invalid() -> Exception {
    Exception::bad_request("Invalid OpenAPI input.")
}

/// In the form of AWS's messages about imports.
fn failed(errors: &[String]) -> Exception {
    Exception::bad_request(format!("Errors found during import:\n\t{}", errors.join("\n\t")))
}

/// An issue by the operation that would have failed, as AWS tells it.
fn told(issue: &Issue) -> String {
    let message = plain(&issue.message);
    let Some(Place { verb, path, part }) = Place::of(issue) else {
        return match issue.pointer.is_empty() {
            true => message.to_owned(),
            false => format!("{}: {message}", issue.pointer),
        };
    };
    match part {
        Part::Method => format!("Unable to put method '{verb}' on resource at path '{path}': {message}"),
        Part::Integration => {
            format!("Unable to put integration on '{verb}' for resource at path '{path}': {message}")
        }
        Part::IntegrationResponse => {
            format!("Unable to put integration response on '{verb}' for resource at path '{path}': {message}")
        }
    }
}

/// `endpointConfigurationTypes`, else what the document says.
fn endpoint(call: &Call<'_>, model: &model::RestApi) -> Result<EndpointConfiguration, Exception> {
    let own = model.endpoint_configuration.endpoint_type.as_str();
    let kind = call.query("endpointConfigurationTypes").filter(|kind| !kind.is_empty()).unwrap_or(own);
    if !["EDGE", "REGIONAL", "PRIVATE"].contains(&kind) {
        return Err(Exception::bad_request(
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ));
    }
    let ip_address_type = if kind == "PRIVATE" { "dualstack" } else { "ipv4" };
    Ok(EndpointConfiguration {
        types: vec![kind.to_owned()],
        ip_address_type: Some(ip_address_type.to_owned()),
        vpc_endpoint_ids: model.endpoint_configuration.vpc_endpoint_ids.clone(),
    })
}

/// `mode=overwrite`: the settings of the document. The endpoint stays (tables.md §10.1), but a document that closes it does.
pub(in crate::aws) fn overwrite_settings(api: &mut RestApi, model: &model::RestApi) {
    api.name.clone_from(&model.name);
    api.description.clone_from(&model.description);
    api.version.clone_from(&model.version);
    api.binary_media_types.clone_from(&model.binary_media_types);
    api.minimum_compression_size = model.minimum_compression_size;
    api.api_key_source = model.api_key_source.as_str().to_owned();
    api.policy.clone_from(&model.policy);
    api.security_policy.clone_from(&model.security_policy);
    api.endpoint_access_mode.clone_from(&model.endpoint_access_mode);
    api.tags.extend(model.tags.clone());
    api.disable_execute_api_endpoint |= model.disable_execute_api_endpoint;
}

/// `mode=merge`: those that the document has. Name and version are always taken, binary media types are joined (recorded).
fn merge_settings(api: &mut RestApi, model: &model::RestApi) {
    let before = api.clone();
    overwrite_settings(api, model);
    let or = |new: &mut Option<String>, old: Option<String>| *new = new.take().or(old);
    or(&mut api.description, before.description);
    or(&mut api.policy, before.policy);
    or(&mut api.security_policy, before.security_policy);
    or(&mut api.endpoint_access_mode, before.endpoint_access_mode);
    api.minimum_compression_size = api.minimum_compression_size.or(before.minimum_compression_size);
    if model.api_key_source == model::ApiKeySource::default() {
        api.api_key_source = before.api_key_source;
    }
    let mut types = before.binary_media_types;
    types.append(&mut api.binary_media_types);
    let mut seen = std::collections::HashSet::new();
    types.retain(|media_type| seen.insert(media_type.clone()));
    api.binary_media_types = types;
}

fn export(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?.clone();
    let found = state.stages.child(&api.id, call.path("stage_name"));
    let stage = found.ok_or_else(|| Exception::not_found("Invalid stage identifier specified"))?.clone();
    let kind = call.path("export_type");
    let format = Format::parse(kind).ok_or_else(|| {
        Exception::bad_request(
            "No API documentation generator available for the requested export type and version",
        )
    })?;
    // Postman's keys are not written.
    let extensions = Extensions::parse(call.query("extensions").unwrap_or_default())
        .map_err(|message| Exception::bad_request(format!("extensions: {message}")))?;
    let is_yaml = match call.accept.split([';', ',']).next().unwrap_or_default().trim() {
        "application/yaml" => true,
        "application/json" | "*/*" | "" => false,
        other => {
            return Err(Exception::bad_request(format!(
                "Unsupported accept header: {other}. Valid values are application/json, application/yaml"
            )));
        }
    };
    let deployed = deploy::find_deployed(state, &api.id, &stage.deployment_id)?;
    let mut rest_api = deployed.deployment.rest_api.clone();
    let version = rest_api.version.get_or_insert_with(|| date_time(api.created_date)).clone();
    let options = ExportOptions {
        format,
        extensions,
        host: Some(format!(
            "{}.execute-api.{}.{}",
            api.id, state.settings.region, state.settings.execute_api_suffix
        )),
        stage_name: Some(stage.stage_name),
    };
    let document = export_document(&rest_api, &options)
        .map_err(|problems| Exception::bad_request(problems.join("; ")))?;
    let (extension, body) =
        if is_yaml { ("yaml", document.to_yaml()) } else { ("json", document.to_pretty()) };
    Ok(Answer::Document {
        content_type: "application/octet-stream".to_owned(),
        file_name: format!("{kind}_{version}.{extension}"),
        body: body.into_bytes(),
    })
}

/// `2016-09-12T17:50:37Z`: the version of an API that has none is when it was created.
fn date_time(seconds: i64) -> String {
    let (year, month, day) = calendar::date(seconds.div_euclid(SECONDS_OF_DAY));
    let rest = seconds.rem_euclid(SECONDS_OF_DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
#[path = "import_api_tests.rs"]
mod tests;
