//! Custom domain names.
//!
//! A domain name is served as soon as it is there. Its certificate is asked for as AWS asks for it, and only its name is kept: a
//! TLS key that comes with a request is not stored. What would need TLS to hold (mutual TLS) is refused.

use serde_json::json;

use crate::aws::call::{Call, Members};
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::wire::{DomainName, EndpointConfiguration};
use crate::aws::{Answer, State};
use crate::domain_name::is_host;

use super::rest_api::EndpointInput;
use super::{hosted_zone, tags};

const ONLY_PRIVATE: &str =
    "PRIVATE domain names belong to AWS's network, and so do the VPC endpoints that may use them";

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDomainName",
        method: "POST",
        uri: "/domainnames",
        status: 201,
        body: Body::Members(&[
            "domainName",
            "certificateName",
            "certificateBody",
            "certificatePrivateKey",
            "certificateChain",
            "certificateArn",
            "regionalCertificateName",
            "regionalCertificateArn",
            "endpointConfiguration",
            "tags",
            "securityPolicy",
            "endpointAccessMode",
            "mutualTlsAuthentication",
            "ownershipVerificationCertificateArn",
            "policy",
            "routingMode",
        ]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "CreateDomainNameAccessAssociation",
        method: "POST",
        uri: "/domainnameaccessassociations",
        status: 201,
        body: Body::Members(&[
            "domainNameArn",
            "accessAssociationSourceType",
            "accessAssociationSource",
            "tags",
        ]),
        query: &[],
        support: Support::Refused(ONLY_PRIVATE),
    },
    Operation {
        name: "DeleteDomainName",
        method: "DELETE",
        uri: "/domainnames/{domain_name}",
        status: 202,
        body: Body::Members(&[]),
        query: &["domainNameId"],
        support: Support::Supported(delete),
    },
    Operation {
        name: "DeleteDomainNameAccessAssociation",
        method: "DELETE",
        uri: "/domainnameaccessassociations/{domain_name_access_association_arn}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused(ONLY_PRIVATE),
    },
    Operation {
        name: "GetDomainName",
        method: "GET",
        uri: "/domainnames/{domain_name}",
        status: 200,
        body: Body::Members(&[]),
        query: &["domainNameId"],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetDomainNameAccessAssociations",
        method: "GET",
        uri: "/domainnameaccessassociations",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit", "resourceOwner"],
        support: Support::Refused(ONLY_PRIVATE),
    },
    Operation {
        name: "GetDomainNames",
        method: "GET",
        uri: "/domainnames",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit", "resourceOwner"],
        support: Support::Supported(list),
    },
    Operation {
        name: "RejectDomainNameAccessAssociation",
        method: "POST",
        uri: "/rejectdomainnameaccessassociations",
        status: 202,
        body: Body::Members(&[]),
        query: &["domainNameAccessAssociationArn", "domainNameArn"],
        support: Support::Refused(ONLY_PRIVATE),
    },
    Operation {
        name: "UpdateDomainName",
        method: "PATCH",
        uri: "/domainnames/{domain_name}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &["domainNameId"],
        support: Support::Supported(update),
    },
];

/// The zone of all of CloudFront.
const CLOUDFRONT_ZONE: &str = "Z2FDTNDATAQYW2";
/// In the order of the service's model; AWS's own is not known.
const SECURITY_POLICIES: &str = "TLS_1_0, TLS_1_2, SecurityPolicy_TLS13_1_3_2025_09, SecurityPolicy_TLS13_1_3_FIPS_2025_09, \
                                 SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09, SecurityPolicy_TLS13_1_2_FIPS_PQ_2025_09, \
                                 SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09, SecurityPolicy_TLS13_1_2_PQ_2025_09, \
                                 SecurityPolicy_TLS13_1_2_2021_06, SecurityPolicy_TLS13_2025_EDGE, \
                                 SecurityPolicy_TLS12_PFS_2025_EDGE, SecurityPolicy_TLS12_2018_EDGE";
const ACCESS_MODES: &str = "BASIC, STRICT";
const ROUTING_MODES: &str = "BASE_PATH_MAPPING_ONLY, ROUTING_RULE_ONLY, ROUTING_RULE_THEN_BASE_PATH_MAPPING";
/// The mode of domains without routing rules.
const MAPPINGS_ONLY: &str = "BASE_PATH_MAPPING_ONLY";
const PATHS: &str = "/certificateName, /certificateArn, /regionalCertificateName, /regionalCertificateArn, /securityPolicy, \
                     /endpointAccessMode, /endpointConfiguration/types, /endpointConfiguration/ipAddressType, /routingMode";

fn is_one_of(value: &str, list: &str) -> bool {
    list.split(", ").any(|known| known == value)
}

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let mut violations = Vec::new();
    let name = members.owned("domainName")?;
    if name.is_none() {
        violations.push(Violation::missing("createDomainNameInput.domainName"));
    }
    let endpoint = EndpointInput::read(&members, "createDomainNameInput", &mut violations)?;
    for (member, list) in [
        ("securityPolicy", SECURITY_POLICIES),
        ("endpointAccessMode", ACCESS_MODES),
        ("routingMode", ROUTING_MODES),
    ] {
        if let Some(value) = members.text(member)?.filter(|value| !is_one_of(value, list)) {
            violations.push(Violation::not_in(value, format!("createDomainNameInput.{member}"), list));
        }
    }
    let (true, Some(name)) = (violations.is_empty(), name) else {
        return Err(Exception::validation(&violations));
    };
    check_name(state, &name)?;
    check_refused(&members)?;
    let mut domain = read(&members, name, endpoint.configuration()?)?;
    domain.domain_name_arn = Some(state.arn(&format!("/domainnames/{}", domain.domain_name)));
    let has_body = members.get("certificateBody").is_some() && members.get("certificatePrivateKey").is_some();
    domain.certificate_upload_date = (has_body || domain.certificate_arn.is_some()).then_some(call.now);
    settle(state, &mut domain)?;
    let answer = Answer::of(&domain);
    state.domain_names.put(domain.domain_name.clone(), domain);
    Ok(answer)
}

fn read(
    members: &Members<'_>,
    name: String,
    endpoint: EndpointConfiguration,
) -> Result<DomainName, Exception> {
    let text = |name: &str| Ok::<_, Exception>(members.owned(name)?.filter(|text| !text.is_empty()));
    Ok(DomainName {
        domain_name: name,
        certificate_name: text("certificateName")?,
        certificate_arn: text("certificateArn")?,
        regional_certificate_name: text("regionalCertificateName")?,
        regional_certificate_arn: text("regionalCertificateArn")?,
        endpoint_configuration: endpoint,
        domain_name_status: "AVAILABLE".to_owned(),
        security_policy: Some(text("securityPolicy")?.unwrap_or_else(|| "TLS_1_2".to_owned())),
        endpoint_access_mode: text("endpointAccessMode")?,
        routing_mode: Some(MAPPINGS_ONLY.to_owned()),
        tags: tags::read(members)?,
        ..DomainName::default()
    })
}

/// A host, or all hosts of a domain: `*.example.com`. Hosts are compared in lower case, so no other case is taken.
fn check_name(state: &State, name: &str) -> Result<(), Exception> {
    let host = name.strip_prefix("*.").unwrap_or(name);
    if !is_host(host) || host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Exception::bad_request(format!("Invalid domain name specified: {name}")));
    }
    if state.domain_names.get(name).is_some() {
        return Err(Exception::bad_request("The domain name you provided already exists."));
    }
    Ok(())
}

/// What would be lost silently.
fn check_refused(members: &Members<'_>) -> Result<(), Exception> {
    let mutual_tls = members.structure("mutualTlsAuthentication", &["truststoreUri", "truststoreVersion"])?;
    if mutual_tls.is_some_and(|tls| tls.get("truststoreUri").is_some()) {
        return Err(not_supported("mutualTlsAuthentication"));
    }
    for member in ["ownershipVerificationCertificateArn", "policy"] {
        if members.text(member)?.is_some_and(|text| !text.is_empty()) {
            return Err(not_supported(member));
        }
    }
    if members.text("routingMode")?.is_some_and(|mode| mode != MAPPINGS_ONLY) {
        return Err(not_supported("routingMode"));
    }
    Ok(())
}

fn not_supported(member: &str) -> Exception {
    let why = match member {
        "policy" => "policies of domain names are for PRIVATE ones, and those belong to AWS's network",
        "routingMode" => "there are no routing rules, only BASE_PATH_MAPPING_ONLY",
        _ => "nothing here would check the certificates of clients",
    };
    Exception::bad_request(format!("{member} is not supported here: {why}"))
}

/// What follows from the endpoint types: certificates that have to be there, and the names that clients are sent to.
fn settle(state: &mut State, domain: &mut DomainName) -> Result<(), Exception> {
    let types = domain.endpoint_configuration.types.clone();
    let has = |kind: &str| types.iter().any(|known| known == kind);
    if types.is_empty() {
        return Err(Exception::bad_request(
            "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
        ));
    }
    if has("PRIVATE") {
        let message = "PRIVATE domain names are not supported here: they belong to AWS's network";
        return Err(Exception::bad_request(message));
    }
    let region = state.settings.region.clone();
    if has("EDGE") {
        let is_given = domain.certificate_arn.is_some() || domain.certificate_upload_date.is_some();
        check_certificate("EDGE", is_given, domain.certificate_arn.as_deref(), "us-east-1")?;
        let names = (state.ids.long(), state.ids.short());
        let distribution = || format!("d{}{}.cloudfront.net", names.0, &names.1[..3]);
        domain.distribution_domain_name.get_or_insert_with(distribution);
        domain.distribution_hosted_zone_id = Some(CLOUDFRONT_ZONE.to_owned());
    } else {
        (domain.distribution_domain_name, domain.distribution_hosted_zone_id) = (None, None);
        domain.certificate_upload_date = None;
    }
    if has("REGIONAL") {
        let arn = domain.regional_certificate_arn.as_deref();
        check_certificate("REGIONAL", arn.is_some(), arn, &region)?;
        settle_regional(state, domain);
    } else {
        (domain.regional_domain_name, domain.regional_hosted_zone_id) = (None, None);
    }
    Ok(())
}

fn settle_regional(state: &mut State, domain: &mut DomainName) {
    let (id, region) = (state.ids.long(), &state.settings.region);
    let suffix = &state.settings.execute_api_suffix;
    let regional = || format!("d-{id}.execute-api.{region}.{suffix}");
    domain.regional_domain_name.get_or_insert_with(regional);
    domain.regional_hosted_zone_id = Some(hosted_zone::of(region).to_owned());
}

/// A REGIONAL domain name as API files have them. Whoever updates it has to bring a certificate.
pub(in crate::aws) fn without_certificate(state: &mut State, name: &str) -> DomainName {
    let mut domain = DomainName {
        domain_name: name.to_owned(),
        domain_name_arn: Some(state.arn(&format!("/domainnames/{name}"))),
        endpoint_configuration: EndpointConfiguration {
            types: vec!["REGIONAL".to_owned()],
            ip_address_type: Some("ipv4".to_owned()),
            ..EndpointConfiguration::default()
        },
        domain_name_status: "AVAILABLE".to_owned(),
        security_policy: Some("TLS_1_2".to_owned()),
        routing_mode: Some(MAPPINGS_ONLY.to_owned()),
        ..DomainName::default()
    };
    settle_regional(state, &mut domain);
    domain
}

/// A certificate of ACM has to be in the Region of the endpoint; that of an edge is us-east-1.
fn check_certificate(kind: &str, is_given: bool, arn: Option<&str>, region: &str) -> Result<(), Exception> {
    if !is_given {
        let message = format!("A certificate was not provided for the endpoint type {kind}.");
        return Err(Exception::bad_request(message));
    }
    let Some(arn) = arn else { return Ok(()) };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "acm", place, _, _] if *place == region => Ok(()),
        ["arn", _, "iam", ..] => Ok(()),
        ["arn", _, "acm", ..] => Err(Exception::bad_request(format!(
            "Invalid certificate ARN: {arn}. Certificate must be in '{region}'."
        ))),
        _ => Err(Exception::bad_request(format!("Invalid certificate ARN: {arn}"))),
    }
}

/// The domain name that a call names. Only PRIVATE ones have a `domainNameId`, and there are none.
pub(super) fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s DomainName, Exception> {
    let found = state.domain_names.get(call.path("domain_name"));
    let found = found.filter(|_| call.query("domainNameId").is_none_or(str::is_empty));
    found.ok_or_else(|| Exception::not_found("Invalid domain name identifier specified"))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(tags::shown(find(state, call)?)))
}

/// Nothing is shared between accounts here.
fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let is_own = match call.query("resourceOwner") {
        None | Some("SELF") => true,
        Some("OTHER_ACCOUNTS") => false,
        Some(other) => {
            let violation = Violation::not_in(other, "resourceOwner", "SELF, OTHER_ACCOUNTS");
            return Err(Exception::validation(&[violation]));
        }
    };
    page(call, state.domain_names.iter().filter(|_| is_own), |domain| json!(domain))
}

/// Its base path mappings go with it.
fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let name = find(state, call)?.domain_name.clone();
    state.domain_names.remove(&name);
    state.base_path_mappings.remove_children(&name);
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut domain = find(state, call)?.clone();
    let certificate = domain.certificate_arn.clone();
    for operation in &operations {
        patch(&mut domain, operation)?;
    }
    if domain.certificate_arn != certificate {
        domain.certificate_upload_date = domain.certificate_arn.as_ref().map(|_| call.now);
    }
    settle(state, &mut domain)?;
    let shown = tags::shown(&domain);
    state.domain_names.put(domain.domain_name.clone(), domain);
    Ok(Answer::Json(shown))
}

fn patch(domain: &mut DomainName, operation: &PatchOperation) -> Result<(), Exception> {
    let value = operation.text().filter(|_| operation.op != Op::Remove);
    let listed = |list: &str| match &value {
        Some(text) if is_one_of(text, list) => Ok(value.clone()),
        _ => {
            let (path, text) = (&operation.path, value.as_deref().unwrap_or("null"));
            let message = format!("Invalid value specified for {path}: {text}. Must be one of: [{list}]");
            Err(Exception::bad_request(message))
        }
    };
    match (operation.segments().as_slice(), operation.op) {
        (["endpointConfiguration", "types", rest @ ..], Op::Add | Op::Replace | Op::Remove) => {
            patch_types(&mut domain.endpoint_configuration.types, rest, operation)?;
        }
        (["endpointConfiguration", "ipAddressType"], Op::Replace) => match &value {
            Some(kind) if is_one_of(kind, "ipv4, dualstack") => {
                domain.endpoint_configuration.ip_address_type = value;
            }
            _ => return Err(Exception::bad_request("ipAddressType must be either ipv4 or dualstack.")),
        },
        (["certificateName"], Op::Add | Op::Replace | Op::Remove) => domain.certificate_name = value,
        (["certificateArn"], Op::Add | Op::Replace | Op::Remove) => domain.certificate_arn = value,
        (["regionalCertificateName"], Op::Add | Op::Replace | Op::Remove) => {
            domain.regional_certificate_name = value;
        }
        (["regionalCertificateArn"], Op::Add | Op::Replace | Op::Remove) => {
            domain.regional_certificate_arn = value;
        }
        (["securityPolicy"], Op::Replace) => domain.security_policy = listed(SECURITY_POLICIES)?,
        (["endpointAccessMode"], Op::Replace) => domain.endpoint_access_mode = listed(ACCESS_MODES)?,
        (["routingMode"], Op::Replace) => {
            if listed(ROUTING_MODES)?.as_deref() != Some(MAPPINGS_ONLY) {
                return Err(not_supported("routingMode"));
            }
        }
        (
            [member @ ("mutualTlsAuthentication" | "ownershipVerificationCertificateArn" | "policy"), ..],
            _,
        ) => {
            // To have none is what every domain name here has.
            if value.is_some() {
                return Err(not_supported(member));
            }
        }
        _ => return Err(operation.refused_path(PATHS)),
    }
    Ok(())
}

/// A domain name may have both types while it moves from one to the other. The old one is named by the path or by its place in
/// the list; without either, `replace` replaces all.
fn patch_types(types: &mut Vec<String>, path: &[&str], operation: &PatchOperation) -> Result<(), Exception> {
    let value = operation.value.as_deref().unwrap_or_default();
    let place = path.first().copied();
    if operation.op == Op::Remove {
        let old = place.unwrap_or(value);
        let old =
            old.parse().ok().and_then(|index: usize| types.get(index)).map_or(old, String::as_str).to_owned();
        types.retain(|known| *known != old);
        return Ok(());
    }
    if !["EDGE", "REGIONAL", "PRIVATE"].contains(&value) {
        return Err(Exception::bad_request(
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ));
    }
    if operation.op == Op::Replace {
        let is_old = |(index, known): (usize, &String)| match place {
            Some(place) => known == place || index.to_string() == place,
            None => true,
        };
        let mut index = 0;
        types.retain(|known| {
            index += 1;
            !is_old((index - 1, known))
        });
    }
    types.retain(|known| known != value);
    types.push(value.to_owned());
    Ok(())
}

#[cfg(test)]
#[path = "domain_name_tests.rs"]
mod tests;
