//! Request validators (tables.md §8.5).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRequestValidator",
        method: "POST",
        uri: "/restapis/{restapi_id}/requestvalidators",
        status: 201,
        body: Body::Members(&["name", "validateRequestBody", "validateRequestParameters"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteRequestValidator",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetRequestValidator",
        method: "GET",
        uri: "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetRequestValidators",
        method: "GET",
        uri: "/restapis/{restapi_id}/requestvalidators",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateRequestValidator",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
