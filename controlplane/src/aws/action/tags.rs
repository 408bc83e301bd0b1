//! Tags of whatever has an ARN.

use serde_json::{Value, json};

use crate::aws::call::{Call, Members};
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::table::key;
use crate::aws::wire::Texts;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetTags",
        method: "GET",
        uri: "/tags/{resource_arn}",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(get),
    },
    Operation {
        name: "TagResource",
        method: "PUT",
        uri: "/tags/{resource_arn}",
        status: 204,
        body: Body::Members(&["tags"]),
        query: &[],
        support: Support::Supported(tag),
    },
    Operation {
        name: "UntagResource",
        method: "DELETE",
        uri: "/tags/{resource_arn}",
        status: 204,
        body: Body::Members(&[]),
        query: &["tagKeys"],
        support: Support::Supported(untag),
    },
];

/// Tags of a resource at most (tables.md §15).
const TAGS: usize = 50;
/// Characters of a key at most.
const KEY_LENGTH: usize = 128;
/// Characters of a value at most.
const VALUE_LENGTH: usize = 256;

/// `tags` of a request that creates something.
pub(super) fn read(members: &Members<'_>) -> Result<Texts, Exception> {
    let tags = members.text_map("tags")?.unwrap_or_default();
    check(&tags)?;
    Ok(tags)
}

fn check(tags: &Texts) -> Result<(), Exception> {
    if tags.len() > TAGS {
        return Err(Exception::bad_request(format!("A resource can have at most {TAGS} tags")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_LENGTH {
            let message = format!("Invalid tag key specified. It must have 1 to {KEY_LENGTH} characters");
            return Err(Exception::bad_request(message));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = format!("Invalid tag key specified: {key}. The prefix aws: is reserved");
            return Err(Exception::bad_request(message));
        }
        if value.chars().count() > VALUE_LENGTH {
            let message = format!("Invalid tag value specified for {key}. At most {VALUE_LENGTH} characters");
            return Err(Exception::bad_request(message));
        }
    }
    Ok(())
}

/// A row as get and update show it: with its tags, even where it has none (tables.md §8.8).
pub(super) fn shown(row: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.entry("tags").or_insert_with(|| json!({}));
    }
    value
}

/// A row as lists of API keys and usage plans show it: without its tags (tables.md §8.8).
pub(super) fn hidden(row: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("tags");
    }
    value
}

/// All tags at once: there are too few of them for pages.
fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let tags = change(state, call.path("resource_arn"), |_| Ok(()))?;
    Ok(Answer::Json(json!({ "tags": tags })))
}

fn tag(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let missing = || Exception::validation(&[Violation::missing("tagResourceInput.tags")]);
    let new = call.members().text_map("tags")?.ok_or_else(missing)?;
    change(state, call.path("resource_arn"), |tags| {
        tags.extend(new);
        check(tags)
    })?;
    Ok(Answer::Empty)
}

fn untag(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let keys = call.query_all("tagKeys");
    if keys.is_empty() {
        return Err(Exception::validation(&[Violation::missing("tagKeys")]));
    }
    change(state, call.path("resource_arn"), |tags| {
        tags.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(())
    })?;
    Ok(Answer::Empty)
}

/// Changes the tags of what `arn` names; what they are then.
fn change(
    state: &mut State,
    arn: &str,
    change: impl FnOnce(&mut Texts) -> Result<(), Exception>,
) -> Result<Texts, Exception> {
    let path = path_of(state, arn)?;
    let segments: Vec<&str> = path.split('/').collect();
    macro_rules! row {
        ($table:ident, $key:expr, $what:literal) => {{
            let key = $key;
            let missing = || Exception::not_found(concat!("Invalid ", $what, " identifier specified"));
            let mut row = state.$table.get(&key).ok_or_else(missing)?.clone();
            let before = row.tags.clone();
            change(&mut row.tags)?;
            let tags = row.tags.clone();
            if tags != before {
                state.$table.put(key, row);
            }
            Ok(tags)
        }};
    }
    match segments.as_slice() {
        ["restapis", id] => {
            state.rest_api(id)?;
            row!(rest_apis, (*id).to_owned(), "API")
        }
        ["restapis", api, "stages", stage] => row!(stages, key(api, stage), "stage"),
        ["apikeys", id] => row!(api_keys, (*id).to_owned(), "API Key"),
        ["usageplans", id] => row!(usage_plans, (*id).to_owned(), "Usage Plan"),
        ["domainnames", name] => row!(domain_names, (*name).to_owned(), "domain name"),
        ["clientcertificates", id] => row!(client_certificates, (*id).to_owned(), "Client Certificate"),
        ["vpclinks", id] => row!(vpc_links, (*id).to_owned(), "Vpc Link"),
        _ => Err(Exception::not_found(format!("Invalid resource ARN specified: {arn}"))),
    }
}

/// `restapis/{id}` of `arn:{partition}:apigateway:{region}::/restapis/{id}`; some tools write the account too.
fn path_of<'a>(state: &State, arn: &'a str) -> Result<&'a str, Exception> {
    let settings = &state.settings;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "apigateway", region, account, path]
            if *region == settings.region && (account.is_empty() || *account == settings.account_id) =>
        {
            Ok(path.strip_prefix('/').unwrap_or(path))
        }
        _ => Err(Exception::bad_request("Invalid ARN specified in the request")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use crate::aws::table::key;
    use crate::aws::testing::{ACCOUNT, call, control_plane, good, refused};
    use crate::aws::wire::Stage;

    #[test]
    fn merges_and_removes() {
        let mut plane = control_plane();
        let api = good(&mut plane, "POST", "/restapis", json!({"name": "a", "tags": {"a": "1", "b": "1"}}));
        let id = api["id"].as_str().unwrap();
        let path = format!("/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2F{id}");
        assert_eq!(call(&mut plane, "PUT", &path, json!({"tags": {"b": "2", "c d": "3"}})).0, 204);
        let tags = json!({"tags": {"a": "1", "b": "2", "c d": "3"}});
        assert_eq!(good(&mut plane, "GET", &path, json!(null)), tags);
        assert_eq!(
            call(&mut plane, "DELETE", &format!("{path}?tagKeys=a&tagKeys=c%20d"), json!(null)).0,
            204
        );
        // Slashes and colons as they are, and the account.
        let plain = format!("/tags/arn:aws:apigateway:us-east-1:{ACCOUNT}:/restapis/{id}");
        assert_eq!(good(&mut plane, "GET", &plain, json!(null)), json!({"tags": {"b": "2"}}));
        assert_eq!(
            good(&mut plane, "GET", &format!("/restapis/{id}"), json!(null))["tags"],
            json!({"b": "2"})
        );
    }

    #[test]
    fn of_every_kind() {
        let mut plane = control_plane();
        let id = |value: serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
        let key_id = id(good(&mut plane, "POST", "/apikeys", json!({})), "id");
        let plan = id(good(&mut plane, "POST", "/usageplans", json!({"name": "p"})), "id");
        let body = json!({"name": "l", "targetArns": ["arn:aws:elasticloadbalancing:us-east-1:1:x"]});
        let link = id(good(&mut plane, "POST", "/vpclinks", body), "id");
        let certificate =
            id(good(&mut plane, "POST", "/clientcertificates", json!({})), "clientCertificateId");
        let arn = "arn:aws:acm:us-east-1:1:certificate/c";
        good(&mut plane, "POST", "/domainnames", json!({"domainName": "a.b", "certificateArn": arn}));
        let stage = Stage { stage_name: "s".into(), ..Stage::default() };
        plane.state.stages.put(key("api", "s"), stage);
        let certificate = format!("clientcertificates/{certificate}");
        for resource in [
            format!("apikeys/{key_id}"),
            format!("usageplans/{plan}"),
            format!("vpclinks/{link}"),
            certificate,
            "domainnames/a.b".into(),
            "restapis/api/stages/s".into(),
        ] {
            let path = format!("/tags/arn:aws:apigateway:us-east-1::/{resource}");
            good(&mut plane, "PUT", &path, json!({"tags": {"k": "v"}}));
            assert_eq!(good(&mut plane, "GET", &path, json!(null))["tags"], json!({"k": "v"}), "{resource}");
        }
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        let api = good(&mut plane, "POST", "/restapis", json!({"name": "a"}));
        let path = format!("/tags/arn:aws:apigateway:us-east-1::/restapis/{}", api["id"].as_str().unwrap());
        let many: Map<String, _> = (0..51).map(|index| (format!("k{index}"), json!("v"))).collect();
        for (tags, message) in [
            (json!(many), "A resource can have at most 50 tags"),
            (json!({"aws:x": "1"}), "Invalid tag key specified: aws:x. The prefix aws: is reserved"),
            (json!({"": "1"}), "Invalid tag key specified. It must have 1 to 128 characters"),
            (json!({"k": "v".repeat(257)}), "Invalid tag value specified for k. At most 256 characters"),
        ] {
            assert_eq!(refused(&mut plane, "PUT", &path, json!({"tags": tags})).1, message);
        }
        assert_eq!(
            refused(&mut plane, "PUT", &path, json!({})).1,
            "1 validation error detected: Value null at 'tagResourceInput.tags' failed to satisfy constraint: \
             Member must not be null"
        );
        assert_eq!(refused(&mut plane, "DELETE", &path, json!(null)).0, "ValidationException");
        for (arn, exception, message) in [
            ("arn:aws:s3:::b", "BadRequestException", "Invalid ARN specified in the request"),
            (
                "arn:aws:apigateway:eu-west-1::/apikeys/x",
                "BadRequestException",
                "Invalid ARN specified in the request",
            ),
            (
                "arn:aws:apigateway:us-east-1::/restapis/x",
                "NotFoundException",
                "Invalid API identifier specified 123456789012:x",
            ),
            (
                "arn:aws:apigateway:us-east-1::/restapis/x/stages/y",
                "NotFoundException",
                "Invalid stage identifier specified",
            ),
            (
                "arn:aws:apigateway:us-east-1::/apikeys/x",
                "NotFoundException",
                "Invalid API Key identifier specified",
            ),
            (
                "arn:aws:apigateway:us-east-1::/x",
                "NotFoundException",
                "Invalid resource ARN specified: arn:aws:apigateway:us-east-1::/x",
            ),
        ] {
            let found = refused(&mut plane, "GET", &format!("/tags/{arn}"), json!(null));
            assert_eq!(found, (exception.to_owned(), message.to_owned()));
        }
    }
}
