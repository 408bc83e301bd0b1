//! Integrations (tables.md §8.4).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteIntegration",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetIntegration",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "PutIntegration",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 201,
        body: Body::Members(&[
            "type",
            "httpMethod",
            "uri",
            "connectionType",
            "connectionId",
            "credentials",
            "requestParameters",
            "requestTemplates",
            "passthroughBehavior",
            "cacheNamespace",
            "cacheKeyParameters",
            "contentHandling",
            "timeoutInMillis",
            "tlsConfig",
            "responseTransferMode",
            "integrationTarget",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateIntegration",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
