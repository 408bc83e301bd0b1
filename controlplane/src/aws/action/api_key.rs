//! API keys (tables.md §8.8).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateApiKey",
        method: "POST",
        uri: "/apikeys",
        status: 201,
        body: Body::Members(&[
            "name",
            "description",
            "enabled",
            "generateDistinctId",
            "value",
            "stageKeys",
            "customerId",
            "tags",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteApiKey",
        method: "DELETE",
        uri: "/apikeys/{api_Key}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetApiKey",
        method: "GET",
        uri: "/apikeys/{api_Key}",
        status: 200,
        body: Body::Members(&[]),
        query: &["includeValue"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetApiKeys",
        method: "GET",
        uri: "/apikeys",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit", "name", "customerId", "includeValues"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "ImportApiKeys",
        method: "POST",
        uri: "/apikeys?mode=import",
        status: 201,
        body: Body::Document,
        query: &["format", "failonwarnings"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateApiKey",
        method: "PATCH",
        uri: "/apikeys/{api_Key}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
