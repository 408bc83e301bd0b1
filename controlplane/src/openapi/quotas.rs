//! Quotas of an account (tables.md §15). They can be raised, so they only count where AWS's verdict is asked for.

use std::collections::HashSet;

use ringway_core::model::RestApi;

use super::importer::Importer;

const RESOURCES_MAX: usize = 300;
const AUTHORIZERS_MAX: usize = 10;
const DOCUMENTATION_PARTS_MAX: usize = 2000;
const POLICY_CHARACTERS_MAX: usize = 8192;

pub(super) fn check(importer: &mut Importer<'_, '_>, api: &RestApi) {
    // An operation of the control plane has quotas of its own.
    if !importer.options.strict_aws || importer.options.incomplete {
        return;
    }
    let counts = [
        ("resources", resources(api), RESOURCES_MAX, "paths"),
        ("authorizers", api.authorizers.len(), AUTHORIZERS_MAX, "paths"),
        (
            "documentation parts",
            api.documentation_parts.len(),
            DOCUMENTATION_PARTS_MAX,
            "x-amazon-apigateway-documentation",
        ),
        (
            "characters of the resource policy",
            api.policy.as_ref().map_or(0, |policy| policy.chars().count()),
            POLICY_CHARACTERS_MAX,
            "x-amazon-apigateway-policy",
        ),
    ];
    for (what, count, most, key) in counts {
        if count > most {
            let place = importer.root.get(key).unwrap_or_else(|| importer.root.clone());
            let message = format!("{count} {what}; AWS's quota is {most} (tables.md §15)");
            importer.errors.at(&place, message);
        }
    }
}

/// Every path and those above it: AWS makes a resource of each.
fn resources(api: &RestApi) -> usize {
    let mut paths = HashSet::from([""]);
    for resource in &api.resources {
        let path = resource.path.trim_end_matches('/');
        paths.extend(path.match_indices('/').map(|(end, _)| &path[..end]));
        paths.insert(path);
    }
    paths.len()
}
