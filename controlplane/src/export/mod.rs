//! REST APIs as OpenAPI documents, with AWS's extensions (tables.md §10.2).
//!
//! With [`Extensions::APIGATEWAY`], the document says everything that the API is: importing it again yields the same API. What Swagger
//! 2.0 has no words for (other models for other media types) stands in `x-ringway-…` members, which every reader but ours skips.

mod integration;
mod operation;
mod schema;
mod security;

use ringway_core::model::{
    ApiKeySource, EndpointConfiguration, EndpointType, GatewayResponse, RestApi, Templates,
};

use crate::json::Json;
use schema::schema_json;
use security::Schemes;

/// Which format an export has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `swagger`: Swagger 2.0.
    Swagger2,
    /// `oas30`: OpenAPI 3.0.1.
    #[default]
    OpenApi30,
}

impl Format {
    /// The format that AWS calls `name` (`exportType`).
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "swagger" => Some(Self::Swagger2),
            "oas30" => Some(Self::OpenApi30),
            _ => None,
        }
    }
}

/// Which extensions an export has (`extensions`, tables.md §10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions {
    /// What `apigateway` adds to the others: root members, validators, gateway responses, policy.
    pub apigateway: bool,
    /// The integration of each operation, and binary media types.
    pub integrations: bool,
    /// The authorizers of security schemes.
    pub authorizers: bool,
    /// The documentation parts.
    pub documentation: bool,
}

impl Extensions {
    /// Everything: `apigateway` and `documentation`.
    pub const APIGATEWAY: Self =
        Self { apigateway: true, integrations: true, authorizers: true, documentation: true };
    /// A document for any other tool.
    pub const NONE: Self =
        Self { apigateway: false, integrations: false, authorizers: false, documentation: false };

    /// The extensions of AWS's comma list.
    ///
    /// # Errors
    /// Says which word is none of them.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut extensions = Self::NONE;
        for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "apigateway" => {
                    extensions = Self { documentation: extensions.documentation, ..Self::APIGATEWAY };
                }
                "integrations" => extensions.integrations = true,
                "authorizers" => extensions.authorizers = true,
                "documentation" => extensions.documentation = true,
                other => {
                    let known = "apigateway, integrations, authorizers, documentation";
                    return Err(format!("`{other}` is no kind of extensions; these are: {known}"));
                }
            }
        }
        Ok(extensions)
    }
}

/// What an export is told besides the API.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// The format.
    pub format: Format,
    /// The extensions.
    pub extensions: Extensions,
    /// `{api}.execute-api.{region}.amazonaws.com`
    pub host: Option<String>,
    /// The base path of the document: AWS writes the name of the stage.
    pub stage_name: Option<String>,
}

/// Writes `api` as an OpenAPI document. The order of its members follows from the API alone.
///
/// # Errors
/// Names each model that is no JSON (tables.md §10.2): the formats have no place for it.
pub fn export(api: &RestApi, options: &ExportOptions) -> Result<Json, Vec<String>> {
    let mut problems = Vec::new();
    for model in &api.models {
        if model.content_type != "application/json" {
            let (name, kind) = (&model.name, &model.content_type);
            problems.push(format!(
                "Only found non-JSON body models for `{name}`: it has the content type `{kind}`"
            ));
        } else if Json::parse(&model.schema).is_none() {
            problems.push(format!("the schema of the model `{}` is no JSON", model.name));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Exporter { api, options, schemes: Schemes::of(api) }.document())
}

struct Exporter<'a> {
    api: &'a RestApi,
    options: &'a ExportOptions,
    schemes: Schemes,
}

impl Exporter<'_> {
    fn document(&self) -> Json {
        let mut root = Json::object();
        match self.options.format {
            Format::Swagger2 => self.swagger_root(&mut root),
            Format::OpenApi30 => self.openapi_root(&mut root),
        }
        let api = self.api;
        if !api.tags.is_empty() && self.options.extensions.apigateway {
            root.insert("tags", self.tags());
        }
        root.insert("paths", self.paths());
        let mut schemas = Json::object();
        for model in &api.models {
            schemas.insert(&*model.name, schema_json(&model.schema, self.options.format));
        }
        let schemes = self.security_schemes();
        match self.options.format {
            Format::Swagger2 => {
                insert_filled(&mut root, "securityDefinitions", schemes);
                insert_filled(&mut root, "definitions", schemas);
            }
            Format::OpenApi30 => {
                let mut components = Json::object();
                insert_filled(&mut components, "schemas", schemas);
                insert_filled(&mut components, "securitySchemes", schemes);
                insert_filled(&mut root, "components", components);
            }
        }
        self.root_extensions(&mut root);
        root
    }

    fn info(&self) -> Json {
        let mut info = Json::object();
        info.insert("title", &*self.api.name);
        info.insert_some("description", self.api.description.as_deref());
        info.insert_some("version", self.api.version.as_deref());
        info
    }

    fn swagger_root(&self, root: &mut Json) {
        root.insert("swagger", "2.0");
        root.insert("info", self.info());
        root.insert_some("host", self.options.host.as_deref());
        root.insert_some("basePath", self.options.stage_name.as_ref().map(|stage| format!("/{stage}")));
        if self.options.host.is_some() {
            root.insert("schemes", vec![Json::from("https")]);
        }
        if let Some(endpoint) = self.endpoint() {
            root.insert("x-amazon-apigateway-endpoint-configuration", endpoint);
        }
    }

    /// AWS puts the endpoint configuration into the server, so there has to be one.
    fn openapi_root(&self, root: &mut Json) {
        root.insert("openapi", "3.0.1");
        root.insert("info", self.info());
        let endpoint = self.endpoint();
        if self.options.host.is_none() && self.options.stage_name.is_none() && endpoint.is_none() {
            return;
        }
        let mut server = Json::object();
        let host = self.options.host.as_ref().map(|host| format!("https://{host}")).unwrap_or_default();
        match &self.options.stage_name {
            Some(stage) => {
                server.insert("url", format!("{host}/{{basePath}}"));
                let mut base_path = Json::object();
                base_path.insert("default", &**stage);
                let mut variables = Json::object();
                variables.insert("basePath", base_path);
                server.insert("variables", variables);
            }
            None => server.insert("url", format!("{host}/")),
        }
        server.insert_some("x-amazon-apigateway-endpoint-configuration", endpoint);
        root.insert("servers", vec![server]);
    }

    fn endpoint(&self) -> Option<Json> {
        let EndpointConfiguration { endpoint_type, vpc_endpoint_ids } = &self.api.endpoint_configuration;
        let mut endpoint = Json::object();
        if self.api.disable_execute_api_endpoint {
            endpoint.insert("disableExecuteApiEndpoint", true);
        }
        if *endpoint_type != EndpointType::Edge {
            endpoint.insert("types", vec![Json::from(endpoint_type.as_str())]);
        }
        if !vpc_endpoint_ids.is_empty() {
            endpoint.insert("vpcEndpointIds", strings(vpc_endpoint_ids));
        }
        (self.options.extensions.apigateway && !endpoint.is_empty()).then_some(endpoint)
    }

    fn tags(&self) -> Json {
        let tag = |(name, value): (&String, &String)| {
            let mut tag = Json::object();
            tag.insert("name", &**name);
            tag.insert("x-amazon-apigateway-tag-value", &**value);
            tag
        };
        Json::Array(self.api.tags.iter().map(tag).collect())
    }

    fn root_extensions(&self, root: &mut Json) {
        let api = self.api;
        let Extensions { apigateway, integrations, documentation, .. } = self.options.extensions;
        if apigateway && api.api_key_source != ApiKeySource::Header {
            root.insert("x-amazon-apigateway-api-key-source", api.api_key_source.as_str());
        }
        if (apigateway || integrations) && !api.binary_media_types.is_empty() {
            root.insert("x-amazon-apigateway-binary-media-types", strings(&api.binary_media_types));
        }
        if apigateway {
            let size = api.minimum_compression_size.map(u64::from);
            root.insert_some("x-amazon-apigateway-minimum-compression-size", size);
            root.insert_some("x-amazon-apigateway-security-policy", api.security_policy.as_deref());
            root.insert_some("x-amazon-apigateway-endpoint-access-mode", api.endpoint_access_mode.as_deref());
            insert_filled(root, "x-amazon-apigateway-request-validators", self.request_validators());
            insert_filled(root, "x-amazon-apigateway-gateway-responses", self.gateway_responses());
            let policy = api.policy.as_deref().and_then(Json::parse);
            root.insert_some("x-amazon-apigateway-policy", policy);
        }
        if documentation && !api.documentation_parts.is_empty() {
            root.insert("x-amazon-apigateway-documentation", self.documentation());
        }
    }

    fn request_validators(&self) -> Json {
        let mut validators = Json::object();
        for validator in &self.api.request_validators {
            let mut members = Json::object();
            members.insert("validateRequestParameters", validator.validate_request_parameters);
            members.insert("validateRequestBody", validator.validate_request_body);
            validators.insert(&*validator.name, members);
        }
        validators
    }

    fn gateway_responses(&self) -> Json {
        let mut responses = Json::object();
        for response in &self.api.gateway_responses {
            responses.insert(response.response_type.as_str(), gateway_response(response));
        }
        responses
    }

    fn documentation(&self) -> Json {
        let part = |part: &ringway_core::model::DocumentationPart| {
            let mut members = Json::object();
            members.insert_some("location", Json::parse(&part.location));
            members.insert_some("properties", Json::parse(&part.properties));
            members
        };
        let mut documentation = Json::object();
        let parts: Vec<Json> = self.api.documentation_parts.iter().map(part).collect();
        documentation.insert("documentationParts", parts);
        documentation
    }
}

fn gateway_response(response: &GatewayResponse) -> Json {
    let mut members = Json::object();
    members.insert_some("statusCode", response.status_code.map(|status| status.to_string()));
    let mut parameters = Json::object();
    for (name, source) in &response.response_parameters {
        parameters.insert(format!("gatewayresponse.header.{name}"), source.to_string());
    }
    insert_filled(&mut members, "responseParameters", parameters);
    insert_filled(&mut members, "responseTemplates", pairs(&response.response_templates));
    members
}

/// Inserts an object or array unless it is empty.
fn insert_filled(object: &mut Json, name: &str, value: Json) {
    if !value.is_empty() {
        object.insert(name, value);
    }
}

pub(crate) fn strings(texts: &[String]) -> Json {
    Json::Array(texts.iter().map(|text| Json::from(&**text)).collect())
}

pub(crate) fn texts<'t>(pairs: impl IntoIterator<Item = (&'t String, &'t String)>) -> Json {
    Json::Object(pairs.into_iter().map(|(name, text)| (name.clone(), Json::from(&**text))).collect())
}

fn pairs(templates: &Templates) -> Json {
    texts(templates.iter().map(|(name, text)| (name, text)))
}

/// A security scheme of a header.
pub(crate) fn header_scheme(header: &str) -> Json {
    let mut scheme = Json::object();
    scheme.insert("type", "apiKey");
    scheme.insert("name", header);
    scheme.insert("in", "header");
    scheme
}
