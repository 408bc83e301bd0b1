//! Methods (tables.md §8.3).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteMethod",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetMethod",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "PutMethod",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 201,
        body: Body::Members(&[
            "authorizationType",
            "authorizerId",
            "apiKeyRequired",
            "operationName",
            "requestParameters",
            "requestModels",
            "requestValidatorId",
            "authorizationScopes",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateMethod",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
