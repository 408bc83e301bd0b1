//! Security schemes, authorizers, and what a method asks of its caller (tables.md §4.6, §10, §10.1, §16).

use ringway_core::model::{ApiKeySource, Authorization, Authorizer, AuthorizerType, RestApi};

use super::annotations::full_name;
use super::importer::Importer;
use crate::cursor::Cursor;
use crate::document::nodes_of;
use crate::issue::quoted;

/// Largest `authorizerResultTtlInSeconds` (tables.md §4.6).
const TTL_MAX: u64 = 3600;

/// Why a method that needs an API key is not served where the key comes from an authorizer.
pub(crate) const KEY_OF_AUTHORIZER: &str = "API keys of an authorizer are not built yet: `HEADER` is";

const SCHEME_KEYS: [&str; 12] = [
    "type",
    "description",
    "name",
    "in",
    "scheme",
    "bearerFormat",
    "flow",
    "flows",
    "authorizationUrl",
    "tokenUrl",
    "scopes",
    "openIdConnectUrl",
];
const AUTHORIZER_KEYS: [&str; 7] = [
    "type",
    "authorizerUri",
    "authorizerCredentials",
    "identitySource",
    "identityValidationExpression",
    "authorizerResultTtlInSeconds",
    "providerARNs",
];
/// Members of authorizers of HTTP APIs (tables.md §10).
const HTTP_API_KEYS: [&str; 3] =
    ["authorizerPayloadFormatVersion", "enableSimpleResponses", "jwtConfiguration"];

const OPEN_HELP: &str = "remove it only if the operations may be called by anyone";

/// Whether a method of an API needs an API key that comes from an authorizer.
pub(crate) fn needs_key_of_authorizer(api: &RestApi) -> bool {
    let mut methods = api.resources.iter().flat_map(|resource| &resource.methods);
    api.api_key_source == ApiKeySource::Authorizer && methods.any(|method| method.api_key_required)
}

/// What a security scheme asks for.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A header `x-api-key`: `apiKeyRequired`.
    ApiKey,
    AwsIam,
    Authorizer(AuthorizerType),
    /// AWS imports it and checks nothing.
    Unchecked,
    /// It has an error.
    Invalid,
}

impl<'a> Importer<'_, 'a> {
    pub(super) fn security_schemes(&mut self) {
        let Some(schemes) = self.root.at_pointer(self.format.security_schemes()) else { return };
        for (name, scheme) in self.members(&schemes).unwrap_or_default() {
            let kind = self.follow(&scheme).and_then(|scheme| self.scheme(name, &scheme));
            self.schemes.insert(name, kind.unwrap_or(Kind::Invalid));
        }
    }

    fn scheme(&mut self, name: &str, cursor: &Cursor<'a>) -> Option<Kind> {
        for (key, member) in self.members(cursor)? {
            self.extension_or_unknown(key, &member, &["authorizer", "authtype"], &SCHEME_KEYS);
        }
        let auth_type = self.text_of(cursor, &full_name("authtype"));
        if auth_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("awsSigv4")) {
            return Some(Kind::AwsIam);
        }
        if let Some(authorizer) = cursor.get(&full_name("authorizer")) {
            let kind = self.authorizer(name, cursor, &authorizer, auth_type)?;
            return Some(Kind::Authorizer(kind));
        }
        let is = |key: &str, text: &str| {
            cursor
                .get(key)
                .and_then(|member| member.scalar_text())
                .is_some_and(|found| found.eq_ignore_ascii_case(text))
        };
        Some(match is("type", "apiKey") && is("name", "x-api-key") && is("in", "header") {
            true => Kind::ApiKey,
            false => Kind::Unchecked,
        })
    }

    fn authorizer(
        &mut self,
        name: &str,
        scheme: &Cursor<'a>,
        cursor: &Cursor<'a>,
        auth_type: Option<String>,
    ) -> Option<AuthorizerType> {
        let before = self.errors.count();
        for (key, member) in self.members(cursor)? {
            if HTTP_API_KEYS.contains(&key) {
                self.errors.at_key(&member, format!("`{key}` is for HTTP APIs only (tables.md §10)"), None);
            } else {
                self.extension_or_unknown(key, &member, &[], &AUTHORIZER_KEYS);
            }
        }
        let kind = self.errors.required(cursor, "type")?;
        let kind = self.authorizer_type(&kind)?;
        let result_ttl_seconds =
            cursor.get("authorizerResultTtlInSeconds").and_then(|ttl| match ttl.scalar_text() {
                // CloudFormation makes texts of numbers.
                Some(text) if text.parse().is_ok_and(|ttl: u64| ttl <= TTL_MAX) => text.parse().ok(),
                _ => self.errors.integer(&ttl, 0, TTL_MAX).map(|ttl| ttl as u32),
            });
        let authorizer = Authorizer {
            name: name.to_owned(),
            kind,
            auth_type,
            uri: self.text_of(cursor, "authorizerUri"),
            credentials: self.text_of(cursor, "authorizerCredentials"),
            identity_source: self.identity_source(kind, scheme, cursor),
            identity_validation_expression: self.text_of(cursor, "identityValidationExpression"),
            result_ttl_seconds,
            provider_arns: self
                .strings_of(cursor, "providerARNs")
                .iter()
                .map(|arn| self.resolved(arn))
                .collect(),
        };
        if self.errors.count() > before {
            return None;
        }
        self.authorizers.push(authorizer);
        Some(kind)
    }

    fn authorizer_type(&mut self, cursor: &Cursor<'a>) -> Option<AuthorizerType> {
        let text = self.errors.string(cursor)?;
        match text.to_ascii_lowercase().as_str() {
            "token" => return Some(AuthorizerType::Token),
            "request" => return Some(AuthorizerType::Request),
            "cognito_user_pools" => return Some(AuthorizerType::CognitoUserPools),
            "jwt" => self.errors.at_with_help(
                cursor,
                "authorizers of type `jwt` are for HTTP APIs only (tables.md §10)",
                "a REST API has `token`, `request` and `cognito_user_pools`",
            ),
            _ => {
                let message =
                    format!("{} is not valid: `token`, `request` or `cognito_user_pools`", quoted(text));
                self.errors.at(cursor, message);
            }
        }
        None
    }

    /// As written, else the header of the scheme (recorded for Cognito, tables.md §10.1); `Unused` is AWS's word for none.
    fn identity_source(
        &mut self,
        kind: AuthorizerType,
        scheme: &Cursor<'a>,
        cursor: &Cursor<'a>,
    ) -> Option<String> {
        if let Some(source) = self.text_of(cursor, "identitySource") {
            return Some(source);
        }
        if kind == AuthorizerType::Request {
            return None;
        }
        let header = self.text_of(scheme, "name").filter(|name| name != "Unused")?;
        Some(format!("method.request.header.{header}"))
    }

    /// What a method asks of its caller, and whether that includes an API key. `security` of the root counts where the operation has
    /// none of its own (recorded, tables.md §16).
    pub(super) fn security(&mut self, operation: &Cursor<'a>) -> (Authorization, bool) {
        let mut authorization = Authorization::None;
        let mut api_key_required = false;
        let requirements = operation.get("security").or_else(|| {
            let inherited = self.root.get("security")?;
            self.spend(&inherited, nodes_of(inherited.node())).map(|()| inherited)
        });
        for requirement in requirements.and_then(|list| self.errors.sequence(&list)).unwrap_or_default() {
            for (name, scopes) in self.members(&requirement).unwrap_or_default() {
                let kind = self.schemes.get(name).copied();
                match kind {
                    Some(Kind::ApiKey) => {
                        api_key_required = true;
                        if self.key_comes_from_authorizer() {
                            self.not_served.at_with_help(&scopes, KEY_OF_AUTHORIZER, OPEN_HELP);
                        }
                    }
                    Some(Kind::Invalid) => {}
                    // What AWS's own tools write for "no authorizer here".
                    None if name == "NONE" => {}
                    Some(kind) => self.require(&mut authorization, kind, name, &scopes),
                    None => {
                        let message = format!(
                            "no security scheme {} is defined: nothing would be checked",
                            quoted(name)
                        );
                        self.lost().at_with_help(&scopes, message, OPEN_HELP);
                    }
                }
            }
        }
        match operation.get(&full_name("auth")).and_then(|auth| self.auth(&auth)) {
            Some(explicit) => (explicit, api_key_required),
            None => (authorization, api_key_required),
        }
    }

    /// `x-amazon-apigateway-api-key-source`: the root is read after its operations.
    fn key_comes_from_authorizer(&self) -> bool {
        let source = self.root.get(&full_name("api-key-source"));
        let source = source.as_ref().and_then(|source| source.scalar_text());
        source.is_some_and(|source| source.eq_ignore_ascii_case("AUTHORIZER"))
    }

    fn require(&mut self, authorization: &mut Authorization, kind: Kind, name: &str, scopes: &Cursor<'a>) {
        let authorizer = name.to_owned();
        let required = match kind {
            Kind::AwsIam => Authorization::AwsIam,
            Kind::Authorizer(AuthorizerType::CognitoUserPools) => {
                let items = self.errors.sequence(scopes).unwrap_or_default();
                let scopes =
                    items.iter().filter_map(|item| self.errors.string(item)).map(str::to_owned).collect();
                Authorization::CognitoUserPools { authorizer, scopes }
            }
            Kind::Authorizer(_) => Authorization::Custom { authorizer },
            Kind::ApiKey | Kind::Unchecked | Kind::Invalid => {
                let message = format!(
                    "{} has no authorizer: AWS checks nothing, and neither would the gateway",
                    quoted(name)
                );
                return self.lost().at_with_help(scopes, message, OPEN_HELP);
            }
        };
        let what = match &required {
            Authorization::AwsIam => "authorization with AWS_IAM is not built yet".to_owned(),
            _ => format!(
                "the authorizer {} is not built yet: the gateway cannot check this requirement",
                quoted(name)
            ),
        };
        self.not_served.at_with_help(scopes, what, OPEN_HELP);
        if *authorization == Authorization::None {
            *authorization = required;
        } else if *authorization != required {
            self.lost().at(scopes, "a method has one authorizer, and it has one already");
        }
    }

    /// `x-amazon-apigateway-auth`: NONE or AWS_IAM, in any case.
    fn auth(&mut self, cursor: &Cursor<'a>) -> Option<Authorization> {
        self.members(cursor)?;
        let kind = self.errors.required(cursor, "type")?;
        let text = self.errors.string(&kind)?;
        if text.eq_ignore_ascii_case("AWS_IAM") {
            self.not_served.at_with_help(&kind, "authorization with AWS_IAM is not built yet", OPEN_HELP);
            return Some(Authorization::AwsIam);
        }
        if !text.eq_ignore_ascii_case("NONE") {
            self.errors.at(&kind, format!("{} is not valid: `NONE` or `AWS_IAM`", quoted(text)));
        }
        Some(Authorization::None)
    }
}
