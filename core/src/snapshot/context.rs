//! `$context` variables by name (tables.md §5.1).

/// A variable that templates, mappings and gateway responses can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is the variable of its name
pub enum ContextVariable {
    AccountId,
    ApiId,
    ApiKey,
    ApiKeyId,
    DeploymentId,
    DomainName,
    DomainPrefix,
    ErrorMessage,
    ErrorMessageString,
    ErrorResponseType,
    ErrorValidationErrorString,
    ExtendedRequestId,
    HttpMethod,
    IsCanaryRequest,
    Path,
    Protocol,
    RequestId,
    RequestTime,
    RequestTimeEpoch,
    ResourceId,
    ResourcePath,
    SourceIp,
    Stage,
    Status,
    UserAgent,
    /// Known to AWS, and never set here: what would set it is not used by this API.
    Absent,
}

/// Name after `context.` and the variable.
const VARIABLES: &[(&str, ContextVariable)] = &[
    ("accountId", ContextVariable::AccountId),
    ("apiId", ContextVariable::ApiId),
    ("deploymentId", ContextVariable::DeploymentId),
    ("domainName", ContextVariable::DomainName),
    ("domainPrefix", ContextVariable::DomainPrefix),
    ("error.message", ContextVariable::ErrorMessage),
    ("error.messageString", ContextVariable::ErrorMessageString),
    ("error.responseType", ContextVariable::ErrorResponseType),
    ("error.validationErrorString", ContextVariable::ErrorValidationErrorString),
    ("extendedRequestId", ContextVariable::ExtendedRequestId),
    ("httpMethod", ContextVariable::HttpMethod),
    ("identity.apiKey", ContextVariable::ApiKey),
    ("identity.apiKeyId", ContextVariable::ApiKeyId),
    ("identity.sourceIp", ContextVariable::SourceIp),
    ("identity.userAgent", ContextVariable::UserAgent),
    ("isCanaryRequest", ContextVariable::IsCanaryRequest),
    ("path", ContextVariable::Path),
    ("protocol", ContextVariable::Protocol),
    ("requestId", ContextVariable::RequestId),
    ("requestTime", ContextVariable::RequestTime),
    ("requestTimeEpoch", ContextVariable::RequestTimeEpoch),
    ("resourceId", ContextVariable::ResourceId),
    ("resourcePath", ContextVariable::ResourcePath),
    ("stage", ContextVariable::Stage),
    ("status", ContextVariable::Status),
];

/// Names that AWS sets for callers who are authenticated, keys and certificates (tables.md §5.1).
const ABSENT: &[&str] = &[
    "awsEndpointRequestId",
    "authorizer.principalId",
    "identity.accessKey",
    "identity.accountId",
    "identity.caller",
    "identity.cognitoAuthenticationProvider",
    "identity.cognitoAuthenticationType",
    "identity.cognitoIdentityId",
    "identity.cognitoIdentityPoolId",
    "identity.principalOrgId",
    "identity.user",
    "identity.userArn",
    "identity.vpcId",
    "identity.vpceId",
    "wafResponseCode",
    "webaclArn",
];

impl ContextVariable {
    /// The variable of this name; `None`: AWS has none.
    pub fn parse(name: &str) -> Option<ContextVariable> {
        if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| *known == name) {
            return Some(*variable);
        }
        let absent = ABSENT.contains(&name)
            || name.starts_with("authorizer.")
            || name.starts_with("identity.clientCert.");
        absent.then_some(ContextVariable::Absent)
    }

    /// Whether `name` stands for variables below it: `identity`, `error`, `authorizer`.
    pub fn is_object(name: &str) -> bool {
        matches!(name, "identity" | "authorizer" | "error" | "requestOverride" | "responseOverride")
    }

    /// The members that a template sees when it lists `$context`, or the object `of` in it (tables.md §5.1: a recorded dump).
    pub fn members(of: &str) -> impl Iterator<Item = &'static str> {
        const CONTEXT: &[&str] = &[
            "resourceId",
            "resourcePath",
            "httpMethod",
            "extendedRequestId",
            "requestTime",
            "path",
            "accountId",
            "protocol",
            "requestOverride",
            "stage",
            "domainPrefix",
            "requestTimeEpoch",
            "requestId",
            "identity",
            "domainName",
            "deploymentId",
            "responseOverride",
            "apiId",
        ];
        const IDENTITY: &[&str] = &[
            "cognitoIdentityPoolId",
            "accountId",
            "cognitoIdentityId",
            "caller",
            "sourceIp",
            "principalOrgId",
            "accessKey",
            "cognitoAuthenticationType",
            "cognitoAuthenticationProvider",
            "userArn",
            "userAgent",
            "user",
        ];
        let members = match of {
            "" => CONTEXT,
            "identity" => IDENTITY,
            _ => &[],
        };
        members.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(ContextVariable::parse("identity.sourceIp"), Some(ContextVariable::SourceIp));
        assert_eq!(ContextVariable::parse("authorizer.claims.sub"), Some(ContextVariable::Absent));
        assert_eq!(ContextVariable::parse("identity"), None);
        assert_eq!(ContextVariable::parse("nothing"), None);
    }
}
