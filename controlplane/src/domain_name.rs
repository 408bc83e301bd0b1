//! Custom domain names and their base path mappings (tables.md §12.3).

use ringway_core::limits::BASE_PATH_SEGMENTS_MAX;
use ringway_core::model::{BasePathMapping, DomainName};

use crate::api_file::{is_rest_api_id, is_stage_name};
use crate::cursor::Cursor;
use crate::issue::{Issue, Issues, Place, quoted};

const KEYS: [&str; 2] = ["domainName", "basePathMappings"];
const MAPPING_KEYS: [&str; 3] = ["basePath", "restApiId", "stage"];
/// Properties of a DomainName that are not built.
const NOT_BUILT: [&str; 9] = [
    "certificateArn",
    "endpointConfiguration",
    "mutualTlsAuthentication",
    "ownershipVerificationCertificateArn",
    "policy",
    "regionalCertificateArn",
    "routingMode",
    "routingRules",
    "securityPolicy",
];
const BASE_PATH_MAX: usize = 300;

/// A domain name as one file maps it; several files may map the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MappedDomain {
    domain_name: String,
    mappings: Vec<Mapping>,
}

#[derive(Debug, Clone, PartialEq)]
struct Mapping {
    base_path_place: Place,
    api_place: Place,
    stage_place: Option<Place>,
    mapping: BasePathMapping,
}

/// An API that mappings may name: its id and the names of its stages.
pub(crate) type KnownApi<'a> = (&'a str, Vec<&'a str>);

/// Reads `domainNames` of the file of `own_id`.
pub(crate) fn read(
    issues: &mut Issues<'_>,
    cursor: &Cursor<'_>,
    own_id: &str,
    own_stages: &[&str],
) -> Vec<MappedDomain> {
    let mut domains: Vec<MappedDomain> = Vec::new();
    for item in issues.sequence(cursor).unwrap_or_default() {
        let Some(domain) = domain(issues, &item) else { continue };
        if domains.iter().any(|other| other.domain_name == domain.domain_name) {
            let message = format!("the domain name {} is there twice", quoted(&domain.domain_name));
            issues.at(&item.get("domainName").unwrap_or(item), message);
            continue;
        }
        domains.push(domain);
    }
    for mapping in domains.iter().flat_map(|domain| &domain.mappings) {
        if mapping.mapping.rest_api_id == own_id {
            check_target(mapping, &[(own_id, own_stages.to_vec())])
                .into_iter()
                .for_each(|issue| issues.push(issue));
        }
    }
    domains
}

/// Joins the domains of all files; reports mappings to what does not exist, and base paths that two files map.
pub(crate) fn join(domains: Vec<MappedDomain>, apis: &[KnownApi<'_>]) -> Result<Vec<DomainName>, Vec<Issue>> {
    let mut issues = Vec::new();
    let mut joined: Vec<DomainName> = Vec::new();
    for MappedDomain { domain_name, mappings } in domains {
        let known = joined.iter().position(|domain| domain.domain_name == domain_name);
        let index = known.unwrap_or_else(|| {
            joined.push(DomainName { domain_name, base_path_mappings: Vec::new() });
            joined.len() - 1
        });
        let domain = &mut joined[index];
        for mapping in mappings {
            issues.extend(check_target(&mapping, apis));
            let base_path = &mapping.mapping.base_path;
            if domain.base_path_mappings.iter().any(|other| other.base_path == *base_path) {
                let message = format!(
                    "the base path {} of {} is mapped twice",
                    quoted(shown(base_path)),
                    quoted(&domain.domain_name)
                );
                issues.push(Issue::new(mapping.base_path_place, message));
                continue;
            }
            domain.base_path_mappings.push(mapping.mapping);
        }
    }
    if issues.is_empty() { Ok(joined) } else { Err(issues) }
}

fn shown(base_path: &str) -> &str {
    if base_path.is_empty() { "(none)" } else { base_path }
}

fn check_target(mapping: &Mapping, apis: &[KnownApi<'_>]) -> Option<Issue> {
    let BasePathMapping { rest_api_id, stage, .. } = &mapping.mapping;
    let Some((_, stages)) = apis.iter().find(|(id, _)| id == rest_api_id) else {
        let message = format!("no API file has the restApiId {}", quoted(rest_api_id));
        return Some(Issue::new(mapping.api_place.clone(), message));
    };
    let (stage, place) = (stage.as_ref()?, mapping.stage_place.clone()?);
    if stages.contains(&stage.as_str()) {
        return None;
    }
    let help = Some(format!("its stages are: {}", stages.join(", ")));
    let message = format!("the API {} has no stage {}", quoted(rest_api_id), quoted(stage));
    Some(Issue { help, ..Issue::new(place, message) })
}

fn domain(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<MappedDomain> {
    issues.mapping(cursor)?;
    keys(issues, cursor, &KEYS, &NOT_BUILT);
    let name = issues.required(cursor, "domainName").and_then(|name| domain_name(issues, &name));
    let mut mappings: Vec<Mapping> = Vec::new();
    if let Some(list) = issues.required(cursor, "basePathMappings") {
        for item in issues.sequence(&list).unwrap_or_default() {
            let Some(mapping) = mapping(issues, &item) else { continue };
            let base_path = &mapping.mapping.base_path;
            if mappings.iter().any(|other| other.mapping.base_path == *base_path) {
                let message = format!("the base path {} is mapped twice", quoted(shown(base_path)));
                issues.push(Issue::new(mapping.base_path_place, message));
                continue;
            }
            mappings.push(mapping);
        }
    }
    Some(MappedDomain { domain_name: name?, mappings })
}

fn keys(issues: &mut Issues<'_>, cursor: &Cursor<'_>, known: &[&str], not_built: &[&str]) {
    for (key, member) in cursor.entries() {
        if not_built.contains(&key) {
            issues.at_key(&member, format!("`{key}` is not built yet"), None);
        } else if !known.contains(&key) {
            issues.unknown_key(&member, key, known.iter().copied());
        }
    }
}

fn domain_name(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<String> {
    let text = issues.string(cursor)?;
    let name = text.to_ascii_lowercase();
    if name == "*" || is_host(name.strip_prefix("*.").unwrap_or(&name)) {
        return Some(name);
    }
    issues.at_with_help(
        cursor,
        format!("{} is no domain name", quoted(text)),
        "`api.example.com`, `*.example.com`, or `*` for hosts that nothing else names; no port, no path",
    );
    None
}

/// A host name of letters, digits and hyphens (RFC 1123 §2.1).
pub(crate) fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn mapping(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<Mapping> {
    issues.mapping(cursor)?;
    keys(issues, cursor, &MAPPING_KEYS, &[]);
    let base_path = match cursor.get("basePath") {
        Some(base_path) => base_path_of(issues, &base_path),
        None => Some(String::new()),
    };
    let api = issues.required(cursor, "restApiId");
    let rest_api_id = api.as_ref().and_then(|api| issues.named(api, is_rest_api_id, "an id of `[a-z0-9]`"));
    let stage_cursor = cursor.get("stage");
    let stage = match &stage_cursor {
        Some(stage) => Some(issues.named(stage, is_stage_name, "a stage name of `[A-Za-z0-9_-]`")?),
        None => None,
    };
    let place = |cursor: &Cursor<'_>| cursor.place(issues.file());
    Some(Mapping {
        base_path_place: place(&cursor.get("basePath").unwrap_or_else(|| cursor.clone())),
        api_place: place(&api?),
        stage_place: stage_cursor.as_ref().map(place),
        mapping: BasePathMapping { base_path: base_path?, rest_api_id: rest_api_id?, stage },
    })
}

/// The base path without `(none)`, which is AWS's word for the root.
fn base_path_of(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<String> {
    let text = issues.string(cursor)?;
    if text == "(none)" || text.is_empty() {
        return Some(String::new());
    }
    match base_path_problem(text) {
        None => Some(text.to_owned()),
        Some(problem) => {
            issues.at(cursor, format!("the base path {} is not valid: {problem}", quoted(text)));
            None
        }
    }
}

/// What is wrong with a base path, if anything (tables.md §12.3).
pub(crate) fn base_path_problem(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&byte);
    Some(if text.len() > BASE_PATH_MAX || !text.bytes().all(allowed) {
        format!("at most {BASE_PATH_MAX} characters of `A-Za-z0-9$-_.+!*'()/`")
    } else if text.split('/').any(str::is_empty) {
        "no slash at its ends and no empty segment".to_owned()
    } else if text.split('/').count() > BASE_PATH_SEGMENTS_MAX {
        format!("at most {BASE_PATH_SEGMENTS_MAX} segments")
    } else if matches!(text, "ping" | "sping") {
        "`ping` and `sping` are reserved for health checks".to_owned()
    } else {
        return None;
    })
}
