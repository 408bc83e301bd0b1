//! Security schemes and requirements.

use ringway_core::model::{Authorization, Authorizer, AuthorizerType, Method, RestApi};

use super::{Exporter, header_scheme, strings};
use crate::json::Json;

/// The names of the schemes that no authorizer has.
pub(super) struct Schemes {
    /// Of `x-api-key`, where a method requires one.
    api_key: Option<String>,
    /// Of AWS_IAM, where a method requires it.
    sigv4: Option<String>,
}

impl Schemes {
    pub(super) fn of(api: &RestApi) -> Self {
        let methods = || api.resources.iter().flat_map(|resource| &resource.methods);
        let free = |name: &str| {
            let mut name = name.to_owned();
            while api.authorizer(&name).is_some() {
                name.push('_');
            }
            name
        };
        Self {
            api_key: methods().any(|method| method.api_key_required).then(|| free("api_key")),
            sigv4: methods()
                .any(|method| method.authorization == Authorization::AwsIam)
                .then(|| free("sigv4")),
        }
    }
}

impl Exporter<'_> {
    pub(super) fn security_schemes(&self) -> Json {
        let mut schemes = Json::object();
        if let Some(name) = &self.schemes.api_key {
            schemes.insert(&**name, header_scheme("x-api-key"));
        }
        if let Some(name) = &self.schemes.sigv4 {
            let mut scheme = header_scheme("Authorization");
            scheme.insert("x-amazon-apigateway-authtype", "awsSigv4");
            schemes.insert(&**name, scheme);
        }
        for authorizer in &self.api.authorizers {
            schemes.insert(&*authorizer.name, self.authorizer_scheme(authorizer));
        }
        schemes
    }

    fn authorizer_scheme(&self, authorizer: &Authorizer) -> Json {
        let source = authorizer.identity_source.as_deref();
        // The import takes the header of the scheme, but not for REQUEST, and `Unused` is none.
        let header = source.and_then(|source| source.strip_prefix("method.request.header.")).filter(|name| {
            authorizer.kind != AuthorizerType::Request
                && !name.contains(',')
                && !matches!(*name, "" | "Unused")
        });
        let mut scheme = header_scheme(header.unwrap_or("Unused"));
        if !self.options.extensions.authorizers {
            return scheme;
        }
        scheme.insert_some("x-amazon-apigateway-authtype", authorizer.auth_type.as_deref());
        let mut members = Json::object();
        members.insert("type", authorizer.kind.as_str().to_ascii_lowercase());
        members.insert_some("authorizerUri", authorizer.uri.as_deref());
        members.insert_some("authorizerCredentials", authorizer.credentials.as_deref());
        members.insert_some("identitySource", source.filter(|_| header.is_none()));
        members.insert_some(
            "identityValidationExpression",
            authorizer.identity_validation_expression.as_deref(),
        );
        members.insert_some("authorizerResultTtlInSeconds", authorizer.result_ttl_seconds.map(u64::from));
        if !authorizer.provider_arns.is_empty() {
            members.insert("providerARNs", strings(&authorizer.provider_arns));
        }
        scheme.insert("x-amazon-apigateway-authorizer", members);
        scheme
    }

    /// `security` of an operation; `None` where it asks for nothing.
    pub(super) fn requirements(&self, method: &Method) -> Option<Json> {
        let mut list = Vec::new();
        let mut add = |name: &str, scopes: &[String]| {
            let mut requirement = Json::object();
            requirement.insert(name, strings(scopes));
            list.push(requirement);
        };
        match (&method.authorization, &self.schemes.sigv4) {
            (Authorization::None, _) => {}
            (Authorization::AwsIam, name) => add(name.as_deref().unwrap_or_default(), &[]),
            (Authorization::Custom { authorizer }, _) => add(authorizer, &[]),
            (Authorization::CognitoUserPools { authorizer, scopes }, _) => add(authorizer, scopes),
        }
        if let Some(name) = self.schemes.api_key.as_deref().filter(|_| method.api_key_required) {
            add(name, &[]);
        }
        (!list.is_empty()).then_some(Json::Array(list))
    }
}
