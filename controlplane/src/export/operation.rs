//! Paths and operations.

use std::collections::BTreeMap;

use ringway_core::model::{HttpMethod, Method, MethodResponse, RequestParameterPlace, Texts};

use super::schema::reference;
use super::{Exporter, Format, insert_filled};
use crate::json::Json;

impl Exporter<'_> {
    pub(super) fn paths(&self) -> Json {
        let mut paths = Json::object();
        for resource in &self.api.resources {
            let mut item = Json::object();
            for method in &resource.methods {
                let key = match method.http_method {
                    HttpMethod::Any => "x-amazon-apigateway-any-method".to_owned(),
                    other => other.as_str().to_ascii_lowercase(),
                };
                item.insert(key, self.operation(method));
            }
            paths.insert(&*resource.path, item);
        }
        paths
    }

    fn operation(&self, method: &Method) -> Json {
        let mut operation = Json::object();
        operation.insert_some("operationId", method.operation_name.as_deref());
        match self.options.format {
            Format::Swagger2 => self.swagger_bodies(method, &mut operation),
            Format::OpenApi30 => self.openapi_bodies(method, &mut operation),
        }
        operation.insert_some("security", self.requirements(method));
        if self.options.extensions.apigateway {
            operation
                .insert_some("x-amazon-apigateway-request-validator", method.request_validator.as_deref());
        }
        if self.options.extensions.integrations {
            operation.insert(
                "x-amazon-apigateway-integration",
                super::integration::integration(&method.integration),
            );
        }
        operation
    }

    fn parameters(&self, method: &Method) -> Vec<Json> {
        let parameter = |(key, required): (&ringway_core::model::RequestParameterKey, &bool)| {
            let mut parameter = Json::object();
            parameter.insert("name", &*key.name);
            parameter.insert(
                "in",
                match key.place {
                    RequestParameterPlace::Querystring => "query",
                    place => place.as_str(),
                },
            );
            parameter.insert("required", *required);
            let mut schema = Json::object();
            schema.insert("type", "string");
            match self.options.format {
                Format::Swagger2 => parameter.insert("type", "string"),
                Format::OpenApi30 => parameter.insert("schema", schema),
            }
            parameter
        };
        method.request_parameters.iter().map(parameter).collect()
    }

    fn openapi_bodies(&self, method: &Method, operation: &mut Json) {
        insert_filled(operation, "parameters", Json::Array(self.parameters(method)));
        if !method.request_models.is_empty() {
            let mut body = Json::object();
            body.insert("content", content(&method.request_models));
            body.insert("required", true);
            operation.insert("requestBody", body);
        }
        let mut responses = Json::object();
        for (status, response) in &method.method_responses {
            let mut members = response_members(*status, response, Format::OpenApi30);
            // AWS writes it empty too (recorded).
            members.insert("content", content(&response.response_models));
            responses.insert(status.to_string(), members);
        }
        operation.insert("responses", responses);
    }

    /// Swagger 2.0 has one list of media types for all requests and one for all responses. What does not fit stands beside it.
    fn swagger_bodies(&self, method: &Method, operation: &mut Json) {
        let request = Uniform::of([&method.request_models]);
        let response =
            Uniform::of(method.method_responses.values().map(|response| &response.response_models));
        if let Some(request) = &request {
            insert_filled(operation, "consumes", request.media_types());
        }
        if let Some(response) = &response {
            insert_filled(operation, "produces", response.media_types());
        }
        let mut parameters = self.parameters(method);
        if let Some(model) = request.and_then(|request| request.model(&method.request_models)) {
            let mut body = Json::object();
            body.insert("in", "body");
            body.insert("name", &*model);
            body.insert("required", true);
            body.insert("schema", reference(&model, Format::Swagger2));
            parameters.push(body);
        } else if !method.request_models.is_empty() {
            operation.insert("x-ringway-request-models", named(&method.request_models));
        }
        insert_filled(operation, "parameters", Json::Array(parameters));
        let mut responses = Json::object();
        for (status, method_response) in &method.method_responses {
            let mut members = response_members(*status, method_response, Format::Swagger2);
            let models = &method_response.response_models;
            match response.as_ref().and_then(|response| response.model(models)) {
                Some(model) => members.insert("schema", reference(&model, Format::Swagger2)),
                None if models.is_empty() => {}
                None => members.insert("x-ringway-response-models", named(models)),
            }
            responses.insert(status.to_string(), members);
        }
        operation.insert("responses", responses);
    }
}

fn response_members(status: u16, response: &MethodResponse, format: Format) -> Json {
    let mut members = Json::object();
    members.insert("description", format!("{status} response"));
    let mut headers = Json::object();
    for name in response.response_parameters.keys() {
        let mut kind = Json::object();
        kind.insert("type", "string");
        let header = match format {
            Format::Swagger2 => kind,
            Format::OpenApi30 => Json::Object(vec![("schema".to_owned(), kind)]),
        };
        headers.insert(&**name, header);
    }
    insert_filled(&mut members, "headers", headers);
    members
}

/// `content` of OpenAPI 3.
fn content(models: &Texts) -> Json {
    let mut content = Json::object();
    for (media_type, model) in models {
        let mut member = Json::object();
        member.insert("schema", reference(model, Format::OpenApi30));
        content.insert(&**media_type, member);
    }
    content
}

/// Models by media type, as the import reads them from `x-ringway-…-models`.
fn named(models: &Texts) -> Json {
    let mut members = Json::object();
    for (media_type, model) in models {
        members.insert(&**media_type, reference(model, Format::Swagger2));
    }
    members
}

/// The media types that all bodies have in common, each body with one model for all of them.
struct Uniform(Vec<String>);

impl Uniform {
    fn of<'m>(bodies: impl IntoIterator<Item = &'m BTreeMap<String, String>>) -> Option<Self> {
        let mut common: Option<Vec<String>> = None;
        for models in bodies.into_iter().filter(|models| !models.is_empty()) {
            let media_types: Vec<String> = models.keys().cloned().collect();
            let mut names = models.values();
            let first = names.next();
            let is_same = common.as_ref().is_none_or(|common| *common == media_types);
            if !is_same || names.any(|name| Some(name) != first) {
                return None;
            }
            common = Some(media_types);
        }
        Some(Self(common.unwrap_or_default()))
    }

    fn media_types(&self) -> Json {
        super::strings(&self.0)
    }

    fn model(&self, models: &Texts) -> Option<String> {
        models.values().next().cloned()
    }
}
