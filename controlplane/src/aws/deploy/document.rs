//! The rows of an API as an OpenAPI 3.0 document with AWS's extensions, so that importing it yields what the rows say (tables.md §10).

use std::collections::{BTreeMap, HashSet};

use crate::aws::State;
use crate::aws::wire::{
    Authorizer, DocumentationPart, Flags, GatewayResponse, Integration, IntegrationResponse, Method,
    MethodResponse, Model, Resource, RestApi, Texts,
};
use crate::export::{header_scheme, strings, texts};
use crate::json::Json;

const JSON: &str = "application/json";

/// Writes the document.
///
/// # Errors
/// Says what no OpenAPI document can say.
pub(crate) fn document(state: &State, api: &RestApi) -> Result<Json, Vec<String>> {
    let mut resources: Vec<&Resource> = state.resources.children(&api.id).map(|(_, row)| row).collect();
    resources.sort_by(|a, b| a.path.cmp(&b.path));
    document_of(state, api, &resources)
}

/// As [`document`], with these resources in this order.
pub(super) fn document_of(
    state: &State,
    api: &RestApi,
    resources: &[&Resource],
) -> Result<Json, Vec<String>> {
    let mut writer = Writer::new(state, &api.id);
    let mut root = Json::object();
    root.insert("openapi", "3.0.1");
    root.insert("info", info(api));
    if !api.tags.is_empty() {
        root.insert("tags", tags(&api.tags));
    }
    writer.root_extensions(state, api, &mut root);
    let mut paths = Json::object();
    for resource in resources {
        paths.insert(resource.path.as_str(), writer.path_item(resource));
    }
    root.insert("paths", paths);
    root.insert("components", writer.components(state, &api.id));
    match writer.problems.is_empty() {
        true => Ok(root),
        false => Err(writer.problems),
    }
}

fn info(api: &RestApi) -> Json {
    let mut info = Json::object();
    info.insert("title", api.name.as_str());
    info.insert_some("description", api.description.as_deref());
    info.insert_some("version", api.version.as_deref());
    info
}

fn tags(tags: &Texts) -> Json {
    let tag = |(name, value): (&String, &String)| {
        let mut tag = Json::object();
        tag.insert("name", name.as_str());
        tag.insert("x-amazon-apigateway-tag-value", value.as_str());
        tag
    };
    Json::Array(tags.iter().map(tag).collect())
}

struct Writer<'s> {
    /// By name: those that a document can hold.
    models: BTreeMap<&'s str, &'s Model>,
    /// Names of validators by id: a document knows them by name, and rows may have none, or the same one twice.
    validators: BTreeMap<&'s str, String>,
    /// By id.
    authorizers: BTreeMap<&'s str, &'s Authorizer>,
    /// The names of the schemes that no authorizer has.
    api_key: String,
    sigv4: String,
    problems: Vec<String>,
}

impl<'s> Writer<'s> {
    fn new(state: &'s State, api: &str) -> Self {
        let authorizers: BTreeMap<_, _> = state.authorizers.children(api).collect();
        let free = |name: &str| {
            let mut name = name.to_owned();
            while authorizers.values().any(|authorizer| authorizer.name == name) {
                name.push('_');
            }
            name
        };
        let (api_key, sigv4) = (free("api_key"), free("sigv4"));
        let mut taken = HashSet::new();
        let name = |(id, row): (&'s str, &'s crate::aws::wire::RequestValidator)| {
            let own = row.name.as_deref().filter(|name| !name.is_empty() && taken.insert(*name));
            (id, own.unwrap_or(id).to_owned())
        };
        Writer {
            models: state.models.children(api).collect(),
            validators: state.request_validators.children(api).map(name).collect(),
            authorizers,
            api_key,
            sigv4,
            problems: Vec::new(),
        }
    }

    fn root_extensions(&mut self, state: &State, api: &RestApi, root: &mut Json) {
        let mut add = |name: &str, value: Json| root.insert(format!("x-amazon-apigateway-{name}"), value);
        add("api-key-source", api.api_key_source.as_str().into());
        add("endpoint-configuration", endpoint(api));
        if !api.binary_media_types.is_empty() {
            add("binary-media-types", strings(&api.binary_media_types));
        }
        if let Some(size) = api.minimum_compression_size {
            add("minimum-compression-size", u64::from(size).into());
        }
        for (name, text) in
            [("security-policy", &api.security_policy), ("endpoint-access-mode", &api.endpoint_access_mode)]
        {
            if let Some(text) = text {
                add(name, text.as_str().into());
            }
        }
        match api.policy.as_deref().map(Json::parse) {
            None => {}
            Some(Some(policy)) => add("policy", policy),
            Some(None) => self.problems.push("the resource policy is no JSON".to_owned()),
        }
        let mut validators = Json::object();
        for (id, row) in state.request_validators.children(&api.id) {
            let mut validator = Json::object();
            validator.insert("validateRequestBody", row.validate_request_body);
            validator.insert("validateRequestParameters", row.validate_request_parameters);
            validators.insert(self.validators[id].as_str(), validator);
        }
        add("request-validators", validators);
        let mut responses = Json::object();
        for (kind, row) in state.gateway_responses.children(&api.id) {
            responses.insert(kind, gateway_response(row));
        }
        add("gateway-responses", responses);
        let parts = state.documentation_parts.children(&api.id).map(|(_, row)| documentation_part(row));
        let mut documentation = Json::object();
        documentation.insert("documentationParts", parts.collect::<Vec<_>>());
        add("documentation", documentation);
    }

    fn path_item(&mut self, resource: &Resource) -> Json {
        let mut item = Json::object();
        for (verb, method) in &resource.resource_methods {
            let key = match verb.as_str() {
                "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                verb => verb.to_ascii_lowercase(),
            };
            item.insert(key, self.operation(resource, method));
        }
        item
    }

    fn operation(&mut self, resource: &Resource, method: &Method) -> Json {
        let place = format!("{} {}", method.http_method, resource.path);
        let mut operation = Json::object();
        operation.insert_some("operationId", method.operation_name.as_deref());
        if !method.request_parameters.is_empty() {
            operation.insert("parameters", self.parameters(&place, &method.request_parameters));
        }
        if !method.request_models.is_empty() {
            let mut body = Json::object();
            body.insert("content", self.content(&place, &method.request_models));
            operation.insert("requestBody", body);
        }
        let mut responses = Json::object();
        for (status, row) in &method.method_responses {
            responses.insert(status.as_str(), self.method_response(&place, row));
        }
        operation.insert("responses", responses);
        let security = self.security(&place, method);
        if !security.is_empty() {
            operation.insert("security", security);
        }
        if let Some(id) = &method.request_validator_id {
            match self.validators.get(id.as_str()) {
                Some(name) => operation.insert("x-amazon-apigateway-request-validator", name.as_str()),
                None => {
                    self.problems.push(format!("{place}: Invalid Request Validator identifier specified"))
                }
            }
        }
        if let Some(row) = &method.method_integration {
            operation.insert("x-amazon-apigateway-integration", integration(row, &resource.id));
        }
        operation
    }

    fn parameters(&mut self, place: &str, flags: &Flags) -> Json {
        let mut parameters = Vec::new();
        for (key, required) in flags {
            let known = key.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
            let Some((of, name)) = known.filter(|(of, _)| ["path", "querystring", "header"].contains(of))
            else {
                self.problems.push(format!("{place}: {key} is no parameter of a method"));
                continue;
            };
            let mut parameter = Json::object();
            parameter.insert("name", name);
            parameter.insert("in", if of == "querystring" { "query" } else { of });
            parameter.insert("required", *required);
            parameter.insert("schema", string_schema());
            parameters.push(parameter);
        }
        parameters.into()
    }

    /// `content` with a model for each media type; models of other formats have no place in a document.
    fn content(&mut self, place: &str, models: &Texts) -> Json {
        let mut content = Json::object();
        for (media_type, name) in models {
            if let Some(model) = self.models.get(name.as_str()).filter(|model| !is_json(&model.content_type))
            {
                let kind = &model.content_type;
                self.problems
                    .push(format!("{place}: the model {name} is {kind}; only models of JSON are served"));
            }
            let mut schema = Json::object();
            schema.insert("$ref", format!("#/components/schemas/{name}"));
            let mut member = Json::object();
            member.insert("schema", schema);
            content.insert(media_type.as_str(), member);
        }
        content
    }

    fn method_response(&mut self, place: &str, row: &MethodResponse) -> Json {
        let mut response = Json::object();
        response.insert("description", format!("{} response", row.status_code));
        let mut headers = Json::object();
        for key in row.response_parameters.keys() {
            let Some(name) = key.strip_prefix("method.response.header.") else {
                self.problems.push(format!("{place}: {key} is no parameter of a response"));
                continue;
            };
            let mut header = Json::object();
            header.insert("schema", string_schema());
            headers.insert(name, header);
        }
        response.insert("headers", headers);
        response.insert("content", self.content(place, &row.response_models));
        response
    }

    fn security(&mut self, place: &str, method: &Method) -> Json {
        let authorizer = method.authorizer_id.as_deref().and_then(|id| self.authorizers.get(id));
        let scheme = match (method.authorization_type.as_str(), authorizer) {
            ("NONE", _) => None,
            ("AWS_IAM", _) => Some(self.sigv4.clone()),
            (_, Some(authorizer)) => Some(authorizer.name.clone()),
            (kind, None) => {
                self.problems.push(format!("{place}: {kind} without an authorizer"));
                None
            }
        };
        let requirement = |(name, scopes): (String, Json)| Json::Object(vec![(name, scopes)]);
        let own = scheme.map(|name| (name, strings(&method.authorization_scopes)));
        let key = method.api_key_required.then(|| (self.api_key.clone(), Json::Array(Vec::new())));
        Json::Array(own.into_iter().chain(key).map(requirement).collect())
    }

    fn components(&mut self, state: &State, api: &str) -> Json {
        let mut schemas = Json::object();
        for (name, model) in state.models.children(api).filter(|(_, model)| is_json(&model.content_type)) {
            // References of AWS's form are read as they are.
            match Json::parse(model.schema.as_deref().unwrap_or("{}")) {
                Some(schema) => schemas.insert(name, schema),
                None => self.problems.push(format!("the schema of the model {name} is no JSON")),
            }
        }
        let mut schemes = Json::object();
        schemes.insert(self.api_key.as_str(), header_scheme("x-api-key"));
        let mut sigv4 = header_scheme("Authorization");
        sigv4.insert("x-amazon-apigateway-authtype", "awsSigv4");
        schemes.insert(self.sigv4.as_str(), sigv4);
        for authorizer in self.authorizers.values() {
            schemes.insert(authorizer.name.as_str(), authorizer_scheme(authorizer));
        }
        let mut components = Json::object();
        components.insert("schemas", schemas);
        components.insert("securitySchemes", schemes);
        components
    }
}

fn is_json(content_type: &str) -> bool {
    content_type.eq_ignore_ascii_case(JSON)
}

fn endpoint(api: &RestApi) -> Json {
    let mut endpoint = Json::object();
    endpoint.insert("disableExecuteApiEndpoint", api.disable_execute_api_endpoint);
    if !api.endpoint_configuration.types.is_empty() {
        endpoint.insert("types", strings(&api.endpoint_configuration.types));
    }
    endpoint.insert("vpcEndpointIds", strings(&api.endpoint_configuration.vpc_endpoint_ids));
    endpoint
}

fn gateway_response(row: &GatewayResponse) -> Json {
    let mut response = Json::object();
    response.insert_some("statusCode", row.status_code.as_deref());
    response.insert("responseParameters", texts(&row.response_parameters));
    response.insert("responseTemplates", texts(&row.response_templates));
    response
}

fn documentation_part(row: &DocumentationPart) -> Json {
    let location = &row.location;
    let mut members = Json::object();
    members.insert("type", location.kind.as_str());
    members.insert_some("path", location.path.as_deref());
    members.insert_some("method", location.method.as_deref());
    members.insert_some("statusCode", location.status_code.as_deref());
    members.insert_some("name", location.name.as_deref());
    let mut part = Json::object();
    part.insert("location", members);
    // Anything else than JSON is kept as a text.
    let properties = Json::parse(&row.properties);
    part.insert("properties", properties.unwrap_or_else(|| row.properties.as_str().into()));
    part
}

fn authorizer_scheme(row: &Authorizer) -> Json {
    // `Unused`: the source of the identity is written out.
    let mut scheme = header_scheme("Unused");
    scheme.insert_some("x-amazon-apigateway-authtype", row.auth_type.as_deref());
    let mut members = Json::object();
    members.insert("type", row.kind.to_ascii_lowercase());
    members.insert_some("authorizerUri", row.authorizer_uri.as_deref());
    members.insert_some("authorizerCredentials", row.authorizer_credentials.as_deref());
    members.insert_some("identitySource", row.identity_source.as_deref());
    members.insert_some("identityValidationExpression", row.identity_validation_expression.as_deref());
    members.insert_some("authorizerResultTtlInSeconds", row.authorizer_result_ttl_in_seconds.map(u64::from));
    if !row.provider_ar_ns.is_empty() {
        members.insert("providerARNs", strings(&row.provider_ar_ns));
    }
    scheme.insert("x-amazon-apigateway-authorizer", members);
    scheme
}

fn integration(row: &Integration, resource_id: &str) -> Json {
    let mut members = Json::object();
    members.insert("type", row.kind.as_str());
    members.insert_some("httpMethod", row.http_method.as_deref());
    members.insert_some("uri", row.uri.as_deref());
    members.insert_some("connectionType", row.connection_type.as_deref());
    members.insert_some("connectionId", row.connection_id.as_deref());
    members.insert_some("credentials", row.credentials.as_deref());
    members.insert("requestParameters", texts(&row.request_parameters));
    members.insert("requestTemplates", texts(&row.request_templates));
    members.insert("passthroughBehavior", row.passthrough_behavior.as_str());
    members.insert_some("contentHandling", row.content_handling.as_deref());
    members.insert("timeoutInMillis", u64::from(row.timeout_in_millis));
    // The default (tables.md §8.4).
    let namespace = row.cache_namespace.as_deref().filter(|namespace| *namespace != resource_id);
    members.insert_some("cacheNamespace", namespace);
    if !row.cache_key_parameters.is_empty() {
        members.insert("cacheKeyParameters", strings(&row.cache_key_parameters));
    }
    if let Some(config) = &row.tls_config {
        let mut tls = Json::object();
        tls.insert("insecureSkipVerification", config.insecure_skip_verification);
        members.insert("tlsConfig", tls);
    }
    members.insert_some("responseTransferMode", row.response_transfer_mode.as_deref());
    members.insert_some("integrationTarget", row.integration_target.as_deref());
    let mut responses = Json::object();
    for response in row.integration_responses.values() {
        let pattern = response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty());
        responses.insert(pattern.unwrap_or("default"), integration_response(response));
    }
    members.insert("responses", responses);
    members
}

fn integration_response(row: &IntegrationResponse) -> Json {
    let mut members = Json::object();
    members.insert("statusCode", row.status_code.as_str());
    members.insert("responseParameters", texts(&row.response_parameters));
    members.insert("responseTemplates", texts(&row.response_templates));
    members.insert_some("contentHandling", row.content_handling.as_deref());
    members
}

fn string_schema() -> Json {
    Json::Object(vec![("type".to_owned(), "string".into())])
}
