//! Method responses (tables.md §8.3).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteMethodResponse",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetMethodResponse",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "PutMethodResponse",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 201,
        body: Body::Members(&["responseParameters", "responseModels"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateMethodResponse",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 201,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
