//! From an imported API to rows (tables.md §10.1). Ids of what was there before and has the same name stay.

use std::collections::{BTreeMap, HashMap, HashSet};

use ringway_core::model::{self, Authorization, ConnectionType, IntegrationType, ResponseTransferMode};

use super::Imported;
use crate::aws::State;
use crate::aws::table::key;
use crate::aws::wire::{
    Authorizer, DocumentationPart, DocumentationPartLocation, GatewayResponse, Integration,
    IntegrationResponse, Method, MethodResponse, Model, RequestValidator, Resource, TlsConfig,
};
use crate::document::FILE_BYTES_MAX;
use crate::json::Json;
use crate::stable_id::stable_id;

/// The template of a gateway response that has none of its own (recorded, tables.md §8.6).
const GATEWAY_TEMPLATE: &str = "{\"message\":$context.error.messageString}";

/// The ids of what an API has, by what tells them apart in a document.
#[derive(Default)]
pub(crate) struct Ids {
    resources: BTreeMap<String, String>,
    models: BTreeMap<String, String>,
    validators: BTreeMap<String, String>,
    authorizers: BTreeMap<String, String>,
}

impl Ids {
    /// Those that resources of API files have, of these paths and all above them.
    pub(crate) fn stable(api: &str, paths: &[String]) -> Self {
        let above = |path: &String| {
            let ends = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
            ends.filter(|path| !path.is_empty()).chain([path.clone()]).collect::<Vec<_>>()
        };
        let resources = paths.iter().flat_map(above).map(|path| {
            let id = stable_id(&[api, &path]);
            (path, id)
        });
        Ids { resources: resources.collect(), ..Ids::default() }
    }

    pub(crate) fn of(state: &State, api: &str) -> Self {
        let resources = state.resources.children(api);
        let validators = state.request_validators.children(api);
        Ids {
            resources: resources.map(|(id, row)| (row.path.clone(), id.to_owned())).collect(),
            models: state.models.children(api).map(|(_, row)| (row.name.clone(), row.id.clone())).collect(),
            validators: validators
                .map(|(id, row)| (row.name.clone().unwrap_or_default(), id.to_owned()))
                .collect(),
            authorizers: state
                .authorizers
                .children(api)
                .map(|(id, row)| (row.name.clone(), id.to_owned()))
                .collect(),
        }
    }
}

/// Writes what a document defines beside, or in place of, what the API has.
///
/// # Errors
/// Says what AWS refuses of the resources.
pub(crate) fn write(
    state: &mut State,
    api: &str,
    ids: Ids,
    imported: &Imported,
    warnings: &mut Vec<String>,
) -> Result<(), Vec<String>> {
    let mut writer = Writer { api, ids, warnings, errors: Vec::new() };
    let rest_api = &imported.rest_api;
    writer.named(state, rest_api);
    let mut tree = Tree::of(state, api);
    for path in &imported.paths {
        if let Err(message) = tree.add(state, &writer.ids, path) {
            writer.errors.push(format!("Unable to create resource at path '{path}': {message}"));
        }
    }
    if !writer.errors.is_empty() {
        return Err(writer.errors);
    }
    let without_integration: HashSet<_> =
        imported.without_integration.iter().map(|(path, verb)| (path.as_str(), *verb)).collect();
    for resource in &rest_api.resources {
        for method in &resource.methods {
            let mut row = writer.method(method);
            let id = tree.id(&resource.path);
            if !without_integration.contains(&(resource.path.as_str(), method.http_method)) {
                let place = format!("{} {}", row.http_method, resource.path);
                row.method_integration = Some(writer.integration(&method.integration, id, &place));
            }
            tree.method(&resource.path, row);
        }
    }
    tree.put(state, api);
    Ok(())
}

/// The resources of an API by path.
struct Tree {
    rows: BTreeMap<String, Resource>,
    /// Paths of those that are to be stored.
    changed: Vec<String>,
    /// The variable part below each path.
    variables: BTreeMap<String, String>,
    /// Of all paths.
    bytes: usize,
}

impl Tree {
    fn of(state: &State, api: &str) -> Self {
        let rows: BTreeMap<_, _> =
            state.resources.children(api).map(|(_, row)| (row.path.clone(), row.clone())).collect();
        let bytes = rows.keys().map(String::len).sum();
        let mut tree = Tree { rows, changed: Vec::new(), variables: BTreeMap::new(), bytes };
        for path in tree.rows.keys() {
            let (parent, part) = split(path);
            if part.starts_with('{') {
                tree.variables.insert(parent.to_owned(), part.to_owned());
            }
        }
        tree
    }

    /// Adds a resource, and those above it: from the deepest that is there downwards, because a path may have thousands of parts.
    fn add(&mut self, state: &mut State, ids: &Ids, path: &str) -> Result<(), String> {
        let inner = path.match_indices('/').skip(1).map(|(end, _)| end);
        let ends: Vec<usize> = inner.chain([path.len()]).collect();
        let known = ends.iter().rposition(|end| self.rows.contains_key(&path[..*end]));
        let missing = known.map_or(0, |known| known + 1);
        ends[missing..].iter().try_for_each(|end| self.add_one(state, ids, &path[..*end]))
    }

    /// Adds a resource whose parent is there (tables.md §8.2).
    fn add_one(&mut self, state: &mut State, ids: &Ids, path: &str) -> Result<(), String> {
        self.bytes += path.len();
        if self.bytes > FILE_BYTES_MAX {
            // A deployment could not hold them, and a small document can name very many.
            return Err(format!("the paths of all resources have more than {FILE_BYTES_MAX} bytes"));
        }
        let (parent, part) = split(path);
        let greedy = split(parent).1;
        if greedy.ends_with("+}") {
            return Err(format!("Cannot create a child of a resource with a greedy path variable: {greedy}"));
        }
        if part.starts_with('{')
            && let Some(sibling) = self.variables.insert(parent.to_owned(), part.to_owned())
        {
            return Err(format!(
                "A sibling ({sibling}) of this resource already has a variable path part -- only one is allowed"
            ));
        }
        let known = ids.resources.get(path).cloned();
        let id = known.unwrap_or_else(|| state.ids.short());
        let row = Resource {
            parent_id: Some(self.id(parent).to_owned()),
            path_part: Some(part.to_owned()),
            path: path.to_owned(),
            id,
            ..Resource::default()
        };
        self.rows.insert(path.to_owned(), row);
        self.changed.push(path.to_owned());
        Ok(())
    }

    fn id(&self, path: &str) -> &str {
        self.rows.get(path).map_or("", |row| &row.id)
    }

    fn method(&mut self, path: &str, method: Method) {
        let Some(row) = self.rows.get_mut(path) else { return };
        row.resource_methods.insert(method.http_method.clone(), method);
        self.changed.push(path.to_owned());
    }

    fn put(mut self, state: &mut State, api: &str) {
        self.changed.sort();
        self.changed.dedup();
        for path in self.changed {
            if let Some(row) = self.rows.remove(&path) {
                state.resources.put(key(api, &row.id), row);
            }
        }
    }
}

/// A path as its parent's and its last part; the root is its own parent.
fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", part)) => ("/", part),
        Some((parent, part)) => (parent, part),
        None => ("/", path),
    }
}

struct Writer<'w> {
    api: &'w str,
    ids: Ids,
    warnings: &'w mut Vec<String>,
    errors: Vec<String>,
}

impl Writer<'_> {
    /// Models, validators, authorizers, gateway responses, documentation parts.
    fn named(&mut self, state: &mut State, api: &model::RestApi) {
        for model in &api.models {
            let id = self.ids.models.get(&model.name).cloned().unwrap_or_else(|| state.ids.short());
            let schema = model.schema.replace("/restapis/{apiId}/", &format!("/restapis/{}/", self.api));
            let row = Model {
                id,
                name: model.name.clone(),
                description: model.description.clone(),
                schema: Some(schema),
                content_type: model.content_type.clone(),
            };
            state.models.put(key(self.api, &model.name), row);
        }
        for validator in &api.request_validators {
            let name = validator.name.clone();
            let id = self.ids.validators.entry(name.clone()).or_insert_with(|| state.ids.short()).clone();
            let row = RequestValidator {
                id: id.clone(),
                name: Some(name),
                validate_request_body: validator.validate_request_body,
                validate_request_parameters: validator.validate_request_parameters,
            };
            state.request_validators.put(key(self.api, &id), row);
        }
        for authorizer in &api.authorizers {
            let name = authorizer.name.clone();
            let id = self.ids.authorizers.entry(name).or_insert_with(|| state.ids.short()).clone();
            state.authorizers.put(key(self.api, &id), authorizer_row(&id, authorizer));
        }
        for response in &api.gateway_responses {
            let row = gateway_response(response);
            state.gateway_responses.put(key(self.api, &row.response_type), row);
        }
        documentation_parts(state, self.api, &api.documentation_parts);
    }

    fn method(&self, method: &model::Method) -> Method {
        let (authorization_type, authorizer, scopes) = match &method.authorization {
            Authorization::None => ("NONE", None, Vec::new()),
            Authorization::AwsIam => ("AWS_IAM", None, Vec::new()),
            Authorization::Custom { authorizer } => ("CUSTOM", Some(authorizer), Vec::new()),
            Authorization::CognitoUserPools { authorizer, scopes } => {
                ("COGNITO_USER_POOLS", Some(authorizer), scopes.clone())
            }
        };
        let parameters = method.request_parameters.iter();
        let validator = method.request_validator.as_ref();
        Method {
            http_method: method.http_method.as_str().to_owned(),
            authorization_type: authorization_type.to_owned(),
            authorizer_id: authorizer.and_then(|name| self.ids.authorizers.get(name)).cloned(),
            authorization_scopes: scopes,
            api_key_required: method.api_key_required,
            request_validator_id: validator.and_then(|name| self.ids.validators.get(name)).cloned(),
            operation_name: method.operation_name.clone(),
            request_parameters: parameters
                .map(|(key, required)| {
                    (format!("method.request.{}.{}", key.place.as_str(), key.name), *required)
                })
                .collect(),
            request_models: method.request_models.clone(),
            method_responses: method
                .method_responses
                .iter()
                .map(|(status, row)| (status.to_string(), method_response(*status, row)))
                .collect(),
            method_integration: None,
        }
    }

    /// With the defaults of a stored integration (tables.md §8.4).
    fn integration(
        &mut self,
        integration: &model::Integration,
        resource_id: &str,
        place: &str,
    ) -> Integration {
        let is_http = matches!(integration.kind, IntegrationType::Http | IntegrationType::HttpProxy);
        let (connection_type, connection_id) = match &integration.connection {
            ConnectionType::VpcLink(id) => (Some("VPC_LINK"), Some(id.clone())),
            ConnectionType::Internet => (is_http.then_some("INTERNET"), None),
        };
        let parameters = integration.request_parameters.iter();
        let namespace = integration.cache_namespace.clone();
        let mut row = Integration {
            kind: integration.kind.as_str().to_owned(),
            http_method: integration.http_method.map(|verb| verb.as_str().to_owned()),
            uri: integration.uri.clone(),
            connection_type: connection_type.map(str::to_owned),
            connection_id,
            credentials: integration.credentials.clone(),
            request_parameters: parameters
                .map(|parameter| (parameter.target.to_string(), parameter.source.to_string()))
                .collect(),
            request_templates: integration.request_templates.iter().cloned().collect(),
            passthrough_behavior: integration.passthrough_behavior.as_str().to_owned(),
            content_handling: integration.content_handling.map(|handling| handling.as_str().to_owned()),
            timeout_in_millis: u32::try_from(integration.timeout.as_millis()).unwrap_or(u32::MAX),
            cache_namespace: Some(namespace.unwrap_or_else(|| resource_id.to_owned())),
            cache_key_parameters: integration.cache_key_parameters.clone(),
            tls_config: integration
                .insecure_skip_verification
                .then_some(TlsConfig { insecure_skip_verification: true }),
            response_transfer_mode: (integration.response_transfer_mode == ResponseTransferMode::Stream)
                .then(|| "STREAM".to_owned()),
            integration_target: integration.integration_target.clone(),
            ..Integration::default()
        };
        for response in &integration.responses {
            let response = integration_response(response);
            let status = response.status_code.clone();
            // AWS keeps one response for each status code.
            if row.integration_responses.insert(status.clone(), response).is_some() {
                self.warnings.push(format!(
                    "{place}: several integration responses have the status code {status}; the last is kept"
                ));
            }
        }
        row
    }
}

fn method_response(status: u16, response: &model::MethodResponse) -> MethodResponse {
    let parameters = response.response_parameters.iter();
    MethodResponse {
        status_code: status.to_string(),
        response_parameters: parameters
            .map(|(name, required)| (format!("method.response.header.{name}"), *required))
            .collect(),
        response_models: response.response_models.clone(),
    }
}

fn integration_response(response: &model::IntegrationResponse) -> IntegrationResponse {
    let parameters = response.response_parameters.iter();
    IntegrationResponse {
        status_code: response.status_code.to_string(),
        selection_pattern: response.selection_pattern.clone(),
        response_parameters: parameters
            .map(|parameter| {
                (format!("method.response.header.{}", parameter.header), parameter.source.to_string())
            })
            .collect(),
        response_templates: response.response_templates.iter().cloned().collect(),
        content_handling: response.content_handling.map(|handling| handling.as_str().to_owned()),
    }
}

fn authorizer_row(id: &str, authorizer: &model::Authorizer) -> Authorizer {
    // Recorded (tables.md §10.1): 300 seconds, and the type in the words of exports.
    let is_cognito = authorizer.kind == model::AuthorizerType::CognitoUserPools;
    let auth_type = if is_cognito { "cognito_user_pools" } else { "custom" };
    let ttl = authorizer.result_ttl_seconds.or((!is_cognito).then_some(300));
    Authorizer {
        id: id.to_owned(),
        name: authorizer.name.clone(),
        kind: authorizer.kind.as_str().to_owned(),
        provider_ar_ns: authorizer.provider_arns.clone(),
        auth_type: Some(authorizer.auth_type.clone().unwrap_or_else(|| auth_type.to_owned())),
        authorizer_uri: authorizer.uri.clone(),
        authorizer_credentials: authorizer.credentials.clone(),
        identity_source: authorizer.identity_source.clone(),
        identity_validation_expression: authorizer.identity_validation_expression.clone(),
        authorizer_result_ttl_in_seconds: ttl,
    }
}

/// What is not said is what AWS stores where it is not put either (recorded, tables.md §8.6).
fn gateway_response(response: &model::GatewayResponse) -> GatewayResponse {
    let own = response.response_type.status();
    let mut templates: crate::aws::wire::Texts = response.response_templates.iter().cloned().collect();
    if templates.is_empty() {
        templates.insert("application/json".to_owned(), GATEWAY_TEMPLATE.to_owned());
    }
    let parameters = response.response_parameters.iter();
    GatewayResponse {
        response_type: response.response_type.as_str().to_owned(),
        status_code: response.status_code.or(own).map(|status| status.to_string()),
        response_parameters: parameters
            .map(|(name, source)| (format!("gatewayresponse.header.{name}"), source.to_string()))
            .collect(),
        response_templates: templates,
        default_response: false,
    }
}

/// Puts documentation parts at their locations; one that is there keeps its id. Yields their ids.
pub(crate) fn documentation_parts(
    state: &mut State,
    api: &str,
    parts: &[model::DocumentationPart],
) -> Vec<String> {
    let rows = state.documentation_parts.children(api);
    let mut ids: HashMap<_, _> = rows.map(|(id, row)| (row.location.clone(), id.to_owned())).collect();
    let mut put = |part: &model::DocumentationPart| {
        let location = location(&part.location);
        let id = ids.entry(location.clone()).or_insert_with(|| state.ids.short()).clone();
        let row = DocumentationPart { id: id.clone(), location, properties: part.properties.clone() };
        state.documentation_parts.put(key(api, &id), row);
        id
    };
    parts.iter().map(&mut put).collect()
}

fn location(text: &str) -> DocumentationPartLocation {
    let json = Json::parse(text).unwrap_or(Json::Null);
    let member = |name: &str| match json.get(name) {
        Some(Json::String(text)) => Some(text.clone()),
        _ => None,
    };
    DocumentationPartLocation {
        kind: member("type").unwrap_or_default(),
        path: member("path"),
        method: member("method"),
        status_code: member("statusCode"),
        name: member("name"),
    }
}
