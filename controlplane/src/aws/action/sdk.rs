//! SDK types and SDKs. No types are recorded: their ids and required properties are those of the service's model (GetSdk), the texts ours.

use serde_json::{Value, json};

use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetSdk",
        method: "GET",
        uri: "/restapis/{restapi_id}/stages/{stage_name}/sdks/{sdk_type}",
        status: 200,
        body: Body::Members(&[]),
        query: &["parameters"],
        support: Support::Refused("SDKs are not generated; an export is what generators read"),
    },
    Operation {
        name: "GetSdkType",
        method: "GET",
        uri: "/sdktypes/{sdktype_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetSdkTypes",
        method: "GET",
        uri: "/sdktypes",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
];

struct SdkType {
    id: &'static str,
    friendly_name: &'static str,
    properties: &'static [Property],
}

struct Property {
    name: &'static str,
    friendly_name: &'static str,
    required: bool,
}

const fn required(name: &'static str, friendly_name: &'static str) -> Property {
    Property { name, friendly_name, required: true }
}

const fn optional(name: &'static str, friendly_name: &'static str) -> Property {
    Property { name, friendly_name, required: false }
}

/// By id.
static TYPES: [SdkType; 6] = [
    SdkType {
        id: "android",
        friendly_name: "Android",
        properties: &[
            required("groupId", "Group ID"),
            required("invokerPackage", "Invoker package"),
            required("artifactId", "Artifact ID"),
            required("artifactVersion", "Artifact version"),
        ],
    },
    SdkType {
        id: "java",
        friendly_name: "Java SDK",
        properties: &[
            required("service.name", "Service Name"),
            required("java.package-name", "Java Package Name"),
            optional("java.build-system", "Java Build System"),
            optional("java.group-id", "Java Group Id"),
            optional("java.artifact-id", "Java Artifact Id"),
            optional("java.artifact-version", "Java Artifact Version"),
        ],
    },
    SdkType { id: "javascript", friendly_name: "JavaScript", properties: &[] },
    SdkType {
        id: "objectivec",
        friendly_name: "iOS (Objective-C)",
        properties: &[required("classPrefix", "Prefix")],
    },
    SdkType {
        id: "ruby",
        friendly_name: "Ruby",
        properties: &[
            required("service.name", "Service Name"),
            optional("ruby.gem-name", "Ruby Gem Name"),
            optional("ruby.gem-version", "Ruby Gem Version"),
        ],
    },
    SdkType { id: "swift", friendly_name: "iOS (Swift)", properties: &[required("classPrefix", "Prefix")] },
];

fn show(kind: &SdkType) -> Value {
    let property = |property: &Property| {
        json!({
            "name": property.name, "friendlyName": property.friendly_name, "description": property.friendly_name,
            "required": property.required
        })
    };
    let properties: Vec<Value> = kind.properties.iter().map(property).collect();
    json!({
        "id": kind.id, "friendlyName": kind.friendly_name, "description": kind.friendly_name,
        "configurationProperties": properties
    })
}

fn get(_: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = call.path("sdktype_id");
    let found = TYPES.iter().find(|kind| kind.id == id);
    let found = found.ok_or_else(|| Exception::not_found("Invalid SDK type identifier specified"))?;
    Ok(Answer::Json(show(found)))
}

fn list(_: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    page(call, TYPES.iter().map(|kind| (kind.id, kind)), show)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{control_plane, good, refused};

    #[test]
    fn types() {
        let mut plane = control_plane();
        let all = good(&mut plane, "GET", "/sdktypes", json!(null));
        let ids: Vec<&str> =
            all["item"].as_array().unwrap().iter().map(|kind| kind["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["android", "java", "javascript", "objectivec", "ruby", "swift"]);
        let ruby = good(&mut plane, "GET", "/sdktypes/ruby", json!(null));
        assert_eq!(ruby["configurationProperties"][0]["name"], "service.name");
        assert_eq!(refused(&mut plane, "GET", "/sdktypes/cobol", json!(null)).0, "NotFoundException");
        let (_, message) = refused(&mut plane, "GET", "/restapis/a/stages/b/sdks/ruby", json!(null));
        assert!(message.starts_with("GetSdk is not supported here"), "{message}");
    }
}
