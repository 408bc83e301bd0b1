//! VPC links (tables.md §8.4).
//!
//! They are names that integrations give as `connectionId`. There is no VPC here that they would lead to: what they stand for
//! is reached as any other host is.

use serde_json::{Value, json};

use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::wire::VpcLink;
use crate::aws::{Answer, State};

use super::tags;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpcLink",
        method: "POST",
        uri: "/vpclinks",
        status: 202,
        body: Body::Members(&["name", "description", "targetArns", "tags"]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteVpcLink",
        method: "DELETE",
        uri: "/vpclinks/{vpclink_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetVpcLink",
        method: "GET",
        uri: "/vpclinks/{vpclink_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetVpcLinks",
        method: "GET",
        uri: "/vpclinks",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateVpcLink",
        method: "PATCH",
        uri: "/vpclinks/{vpclink_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

const NAME_IS_EMPTY: &str = "Name cannot be empty";

/// The link is ready at once; the answer says PENDING as AWS's does, whose clients then wait for AVAILABLE.
fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let (name, target_arns) = (members.owned("name")?, members.texts("targetArns")?);
    let mut violations = Vec::new();
    if name.is_none() {
        violations.push(Violation::missing("createVpcLinkInput.name"));
    }
    if target_arns.is_none() {
        violations.push(Violation::missing("createVpcLinkInput.targetArns"));
    }
    let (Some(name), Some(target_arns)) = (name, target_arns) else {
        return Err(Exception::validation(&violations));
    };
    if name.is_empty() {
        return Err(Exception::bad_request(NAME_IS_EMPTY));
    }
    check_targets(&target_arns)?;
    let link = VpcLink {
        id: state.ids.short(),
        name,
        description: members.owned("description")?,
        target_arns,
        status: "AVAILABLE".to_owned(),
        status_message: Some("Your vpc link is ready for use".to_owned()),
        tags: tags::read(&members)?,
    };
    let pending = VpcLink { status: "PENDING".to_owned(), status_message: None, ..link.clone() };
    state.vpc_links.put(link.id.clone(), link);
    Ok(Answer::of(&pending))
}

/// One network load balancer.
fn check_targets(arns: &[String]) -> Result<(), Exception> {
    let [arn] = arns else {
        return Err(Exception::bad_request("Exactly one target ARN must be specified for a vpc link"));
    };
    match arn.starts_with("arn:") && arn.split(':').count() >= 6 {
        true => Ok(()),
        false => Err(Exception::bad_request(format!("Invalid ARN. ARN is not well formed {arn}"))),
    }
}

fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s VpcLink, Exception> {
    let found = state.vpc_links.get(call.path("vpclink_id"));
    found.ok_or_else(|| Exception::not_found("Invalid Vpc Link identifier specified"))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(tags::shown(find(state, call)?)))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    page(call, state.vpc_links.iter(), |link| json!(link))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = find(state, call)?.id.clone();
    let users = users(state, &id);
    if !users.is_empty() {
        return Err(Exception::bad_request(format!(
            "Cannot delete vpc link. Vpc link '{id}', is referenced in [{}] in format of [Method:Resource:Stage].",
            users.join(", ")
        )));
    }
    state.vpc_links.remove(&id);
    Ok(Answer::Empty)
}

/// The methods whose integrations go through the link, with the stages of their API.
fn users(state: &State, id: &str) -> Vec<String> {
    let mut users = Vec::new();
    for (key, resource) in state.resources.iter() {
        let api = key.split('/').next().unwrap_or_default();
        let uses = |link: Option<&str>| link == Some(id);
        for (verb, method) in &resource.resource_methods {
            let integration = method.method_integration.as_ref();
            if uses(integration.and_then(|integration| integration.connection_id.as_deref())) {
                let stages = state.stages.children(api);
                users.extend(stages.map(|(stage, _)| format!("{verb}:{}:{stage}", resource.id)));
            }
        }
    }
    users
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut link = find(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["name"], Op::Replace) => {
                link.name = operation.text().ok_or_else(|| Exception::bad_request(NAME_IS_EMPTY))?;
            }
            (["description"], Op::Replace) => link.description = operation.text(),
            _ => return Err(operation.refused_path("/name, /description")),
        }
    }
    let shown: Value = tags::shown(&link);
    state.vpc_links.put(link.id.clone(), link);
    Ok(Answer::Json(shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::table::key;
    use crate::aws::testing::{call, control_plane, good, refused};
    use crate::aws::wire::{Integration, Method, Resource, Stage};

    const TARGET: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/a/1";

    #[test]
    fn is_pending_and_then_available() {
        let mut plane = control_plane();
        let body = json!({"name": "a", "description": "b", "targetArns": [TARGET], "tags": {"k": "v"}});
        let (status, created) = call(&mut plane, "POST", "/vpclinks", body);
        assert_eq!((status, &created["status"]), (202, &json!("PENDING")));
        let path = format!("/vpclinks/{}", created["id"].as_str().unwrap());
        let link = good(&mut plane, "GET", &path, json!(null));
        assert_eq!(link["status"], "AVAILABLE");
        assert_eq!(link["statusMessage"], "Your vpc link is ready for use");
        assert_eq!((&link["targetArns"], &link["tags"]), (&json!([TARGET]), &json!({"k": "v"})));
        let operations = json!({"patchOperations": [
            {"op": "replace", "path": "/name", "value": "c"},
            {"op": "replace", "path": "/description", "value": ""},
        ]});
        let patched = good(&mut plane, "PATCH", &path, operations);
        assert_eq!(patched["name"], "c");
        assert!(patched.get("description").is_none());
        assert_eq!(good(&mut plane, "GET", "/vpclinks", json!(null))["item"][0]["name"], "c");
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        assert_eq!(
            refused(&mut plane, "GET", &path, json!(null)),
            ("NotFoundException".into(), "Invalid Vpc Link identifier specified".into())
        );
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        let create = |plane: &mut _, name: &str, arns| {
            refused(plane, "POST", "/vpclinks", json!({"name": name, "targetArns": arns})).1
        };
        assert_eq!(
            create(&mut plane, "a", json!(["invalid-arn"])),
            "Invalid ARN. ARN is not well formed invalid-arn"
        );
        assert_eq!(create(&mut plane, "", json!([TARGET])), "Name cannot be empty");
        assert!(create(&mut plane, "a", json!([])).starts_with("Exactly one target ARN"));
        assert!(refused(&mut plane, "POST", "/vpclinks", json!({})).1.starts_with("2 validation errors"));
        let link = good(&mut plane, "POST", "/vpclinks", json!({"name": "a", "targetArns": [TARGET]}));
        let path = format!("/vpclinks/{}", link["id"].as_str().unwrap());
        let wrong = json!({"patchOperations": [{"op": "replace", "path": "/targetArns", "value": "x"}]});
        assert_eq!(
            refused(&mut plane, "PATCH", &path, wrong).1,
            "Invalid patch path  '/targetArns' specified for op 'replace'. Must be one of: [/name, /description]"
        );
        let empty = json!({"patchOperations": [{"op": "replace", "path": "/name", "value": ""}]});
        assert_eq!(refused(&mut plane, "PATCH", &path, empty).1, "Name cannot be empty");
    }

    #[test]
    fn stays_while_it_is_used() {
        let mut plane = control_plane();
        let link = good(&mut plane, "POST", "/vpclinks", json!({"name": "a", "targetArns": [TARGET]}));
        let id = link["id"].as_str().unwrap();
        let integration = Integration { connection_id: Some(id.into()), ..Integration::default() };
        let method = Method { method_integration: Some(integration), ..Method::default() };
        let mut resource = Resource { id: "r".into(), ..Resource::default() };
        resource.resource_methods.insert("GET".into(), method);
        plane.state.resources.put(key("api", "r"), resource);
        plane.state.stages.put(key("api", "dev"), Stage::default());
        assert_eq!(
            refused(&mut plane, "DELETE", &format!("/vpclinks/{id}"), json!(null)).1,
            format!(
                "Cannot delete vpc link. Vpc link '{id}', is referenced in [GET:r:dev] in format of [Method:Resource:Stage]."
            )
        );
    }
}
