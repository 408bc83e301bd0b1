//! The root of a document: what concerns the whole API (tables.md §10).

use ringway_core::model::{ApiKeySource, EndpointConfiguration, EndpointType, RestApi, Texts};

use super::format::Format;
use super::importer::Importer;
use super::{annotations, quotas};
use crate::cursor::Cursor;
use crate::document::Value;
use crate::issue::quoted;

/// Largest `minimumCompressionSize` (tables.md §14.1).
const COMPRESSION_SIZE_MAX: u64 = 10_485_760;

/// Extensions that are read at the root.
const EXTENSIONS: [&str; 11] = [
    "api-key-source",
    "binary-media-types",
    "documentation",
    "endpoint-access-mode",
    "endpoint-configuration",
    "gateway-responses",
    "minimum-compression-size",
    "policy",
    "request-validator",
    "request-validators",
    "security-policy",
];

impl<'a> Importer<'_, 'a> {
    pub(super) fn rest_api(&mut self) -> Option<RestApi> {
        let root = self.root.clone();
        self.root_keys(&root);
        let mut api = RestApi { name: self.name(&root).unwrap_or_default(), ..RestApi::default() };
        if let Some(info) = root.get("info") {
            api.description = self.text_of(&info, "description");
            api.version = self.version(&info);
        }
        self.named_schemas();
        self.security_schemes();
        self.request_validators(&root);
        api.binary_media_types = self.binary_media_types(&root);
        api.minimum_compression_size = self.minimum_compression_size(&root);
        api.api_key_source = self.api_key_source(&root).unwrap_or_default();
        (api.endpoint_configuration, api.disable_execute_api_endpoint) = self.endpoint(&root);
        api.policy = self.policy(&root);
        api.security_policy = self.text_of(&root, &annotations::full_name("security-policy"));
        api.endpoint_access_mode = self.endpoint_access_mode(&root);
        api.tags = self.tags(&root);
        api.gateway_responses = self.gateway_responses(&root);
        api.documentation_parts = self.documentation(&root);
        let paths = self.errors.required(&root, "paths");
        if let Some(paths) = paths {
            api.resources = self.resources(&paths);
        }
        if self.errors.count() == 0 {
            self.check_models();
        }
        api.models = self.models.take();
        api.request_validators = std::mem::take(&mut self.validators);
        api.authorizers = std::mem::take(&mut self.authorizers);
        quotas::check(self, &api);
        // An API without a name has had its error.
        (!api.name.is_empty()).then_some(api)
    }

    fn root_keys(&mut self, root: &Cursor<'a>) {
        let known = self.format.root_keys();
        for (key, member) in root.entries() {
            match key {
                // Read elsewhere, with what stands below them.
                "paths"
                | "components"
                | "definitions"
                | "securityDefinitions"
                | "servers"
                | "tags"
                | "info" => {}
                key if known.contains(&key) => annotations::scan(self, &member),
                key => self.extension_or_unknown(key, &member, &EXTENSIONS, known),
            }
        }
        if let Some(info) = root.get("info") {
            annotations::scan(self, &info);
        }
        for (key, member) in root.get("components").iter().flat_map(Cursor::entries) {
            match key {
                "schemas" | "securitySchemes" | "x-amazon-apigateway-integrations" => {}
                // Checked where they are used, because only there is it known what they are.
                "parameters" | "responses" | "requestBodies" | "headers" | "pathItems" | "examples"
                | "links" | "callbacks" => {}
                key => self.extension_or_unknown(key, &member, &[], &["schemas", "responses", "parameters"]),
            }
        }
    }

    fn name(&mut self, root: &Cursor<'a>) -> Option<String> {
        let title = root.get("info").and_then(|info| {
            self.errors.mapping(&info)?;
            info.get("title")
        });
        let Some(title) = title else {
            let name = self.options.name.clone();
            if name.is_none() {
                self.errors.at_with_help(
                    &root.get("info").unwrap_or_else(|| root.clone()),
                    "`info.title` is missing",
                    "it is the name of the API",
                );
            }
            return name;
        };
        let text = match title.scalar_text() {
            Some(text) => text,
            None => self.errors.string(&title)?,
        };
        if text.is_empty() {
            self.errors.at(&title, "the title is empty: it is the name of the RestApi");
        }
        Some(text.to_owned())
    }

    /// YAML and JSON writers often make a number of it.
    fn version(&mut self, info: &Cursor<'a>) -> Option<String> {
        let version = info.get("version")?;
        match version.scalar_text() {
            Some(text) => (!text.is_empty()).then(|| text.to_owned()),
            None => self.errors.string(&version).map(str::to_owned),
        }
    }

    fn binary_media_types(&mut self, root: &Cursor<'a>) -> Vec<String> {
        let mut types = Vec::new();
        for media_type in self.strings_of(root, &annotations::full_name("binary-media-types")) {
            // CloudFormation writes `image~1png`, as in a patch path.
            let media_type = media_type.replace("~1", "/");
            if !types.contains(&media_type) {
                types.push(media_type);
            }
        }
        types
    }

    fn minimum_compression_size(&mut self, root: &Cursor<'a>) -> Option<u32> {
        let size = root.get(&annotations::full_name("minimum-compression-size"))?;
        let value = match &size.node().value {
            // tables.md §14.1: `null` is off.
            Value::Null => return None,
            Value::Number(text) => text.parse().ok().filter(|size| *size <= COMPRESSION_SIZE_MAX),
            _ => return self.errors.wrong_type(&size, "an integer"),
        };
        if value.is_none() {
            // AWS's own words (tables.md §8.1).
            self.errors.at(&size, "Invalid minimum compression size, must be between 0 and 10485760");
        }
        value.map(|size: u64| size as u32)
    }

    fn api_key_source(&mut self, root: &Cursor<'a>) -> Option<ApiKeySource> {
        let source = root.get(&annotations::full_name("api-key-source"))?;
        match self.errors.string(&source)?.to_ascii_uppercase().as_str() {
            "HEADER" => Some(ApiKeySource::Header),
            "AUTHORIZER" => Some(ApiKeySource::Authorizer),
            other => {
                self.errors.at(&source, format!("{} is not valid: `HEADER` or `AUTHORIZER`", quoted(other)));
                None
            }
        }
    }

    /// At the root in Swagger 2.0, in an entry of `servers` in OpenAPI 3; AWS's tools also write the former into the latter.
    fn endpoint(&mut self, root: &Cursor<'a>) -> (EndpointConfiguration, bool) {
        let name = annotations::full_name("endpoint-configuration");
        let mut places: Vec<_> = root.get(&name).into_iter().collect();
        if self.format == Format::OpenApi3 {
            for server in self.servers() {
                for (key, member) in self.members(&server).unwrap_or_default() {
                    match key {
                        key if key == name => places.push(member),
                        "url" | "description" | "variables" | "name" => {}
                        key => self.extension_or_unknown(key, &member, &["endpoint-configuration"], &["url"]),
                    }
                }
            }
        }
        let mut endpoint = EndpointConfiguration::default();
        let mut disabled = false;
        for place in places {
            for (key, member) in self.members(&place).unwrap_or_default() {
                match key {
                    "disableExecuteApiEndpoint" => disabled |= self.boolean_text(&member).unwrap_or_default(),
                    "vpcEndpointIds" => endpoint.vpc_endpoint_ids = self.strings_of(&place, key),
                    "types" => endpoint.endpoint_type = self.endpoint_type(&member).unwrap_or_default(),
                    "ipAddressType" => self.ip_address_type(&member),
                    key => self.unknown_key(
                        &member,
                        key,
                        &["disableExecuteApiEndpoint", "vpcEndpointIds", "types"],
                    ),
                }
            }
        }
        (endpoint, disabled)
    }

    /// `true` or `"true"`: CloudFormation makes texts of booleans.
    pub(super) fn boolean_text(&mut self, cursor: &Cursor<'a>) -> Option<bool> {
        match cursor.scalar_text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => self.errors.boolean(cursor),
        }
    }

    /// AWS's own words (tables.md §8.1).
    fn endpoint_type(&mut self, cursor: &Cursor<'a>) -> Option<EndpointType> {
        let items = self.errors.sequence(cursor)?;
        let [item] = items.as_slice() else {
            let message = match items.is_empty() {
                true => "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
                false => "Cannot create an api with multiple Endpoint Types.",
            };
            self.errors.at(cursor, message);
            return None;
        };
        match self.errors.string(item)? {
            "EDGE" => Some(EndpointType::Edge),
            "REGIONAL" => Some(EndpointType::Regional),
            "PRIVATE" => Some(EndpointType::Private),
            _ => {
                let message = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
                self.errors.at(item, message);
                None
            }
        }
    }

    /// Where Ringway listens, its own configuration says; the value is only checked.
    fn ip_address_type(&mut self, cursor: &Cursor<'a>) {
        match self.errors.string(cursor) {
            None => {}
            Some("ipv4" | "dualstack") => {
                self.warnings.at(cursor, "`ipAddressType` has no effect here and is not kept")
            }
            Some(_) => self.errors.at(cursor, "ipAddressType must be either ipv4 or dualstack."),
        }
    }

    fn endpoint_access_mode(&mut self, root: &Cursor<'a>) -> Option<String> {
        let mode = root.get(&annotations::full_name("endpoint-access-mode"))?;
        let text = self.errors.string(&mode)?;
        if !["BASIC", "STRICT"].contains(&text) {
            self.errors.at(&mode, format!("{} is not valid: `BASIC` or `STRICT`", quoted(text)));
        }
        Some(text.to_owned())
    }

    fn policy(&mut self, root: &Cursor<'a>) -> Option<String> {
        let policy = root.get(&annotations::full_name("policy"))?;
        if matches!(policy.node().value, Value::Null) {
            return None;
        }
        self.errors.mapping(&policy)?;
        let json = self.json(&policy)?;
        let text = self.resolved(&json.to_compact());
        if !allows_everybody(&text) {
            self.not_served.at_with_help(
                &policy,
                "the resource policy is not built yet: the gateway would not deny what it denies",
                "remove it only if the operations may be called by anyone",
            );
        }
        Some(text)
    }

    /// Entries with a value are tags of the API; any other groups operations for readers of the document.
    fn tags(&mut self, root: &Cursor<'a>) -> Texts {
        let mut tags = Texts::new();
        let Some(list) = root.get("tags") else { return tags };
        let value_name = annotations::full_name("tag-value");
        for tag in self.errors.sequence(&list).unwrap_or_default() {
            let Some(value) = tag.get(&value_name) else {
                annotations::scan(self, &tag);
                continue;
            };
            let name = self.errors.required(&tag, "name").and_then(|name| self.errors.string(&name));
            let value = self.errors.string(&value);
            if let (Some(name), Some(value)) = (name, value) {
                tags.insert(self.resolved(name), self.resolved(value));
            }
        }
        tags
    }
}

/// Whether a resource policy does no more than to let everybody call everything, as without one.
fn allows_everybody(policy: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<serde_json::Value>(policy) else { return false };
    let one_or_more = |value: &serde_json::Value| match value {
        serde_json::Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    };
    let names = |value: &serde_json::Value, known: &[&str]| {
        one_or_more(value).iter().any(|item| item.as_str().is_some_and(|item| known.contains(&item)))
    };
    let statements = one_or_more(&policy["Statement"]);
    let everybody = |statement: &serde_json::Value| {
        let principal = &statement["Principal"];
        (names(principal, &["*"]) || names(&principal["AWS"], &["*"]))
            && names(&statement["Action"], &["execute-api:Invoke", "execute-api:*", "*"])
            && names(
                &statement["Resource"],
                &["execute-api:/*", "execute-api:*", "arn:aws:execute-api:*:*:*", "*"],
            )
            && statement.get("Condition").is_none()
    };
    statements.iter().all(|statement| statement["Effect"] == "Allow") && statements.iter().any(everybody)
}

#[cfg(test)]
mod tests {
    use super::allows_everybody;

    #[test]
    fn a_policy_that_denies_nothing() {
        let policy = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        let all =
            r#"{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}"#;
        assert!(allows_everybody(&policy(all)));
        assert!(allows_everybody(&policy(&format!("[{all}]")).replace("\"*\"", "{\"AWS\":[\"*\"]}")));
        for less in [
            all.replace("Allow", "Deny"),
            all.replace("/*", "/prod/GET/*"),
            all.replace("\"*\"", "\"arn:aws:iam::123456789012:root\""),
            all.replace("\"Effect\"", "\"Condition\":{},\"Effect\""),
            format!("[{all},{}]", all.replace("Allow", "Deny").replace("/*", "/prod/*")),
        ] {
            assert!(!allows_everybody(&policy(&less)), "{less}");
        }
    }
}
