//! Gateway responses (tables.md §8.6).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteGatewayResponse",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetGatewayResponse",
        method: "GET",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetGatewayResponses",
        method: "GET",
        uri: "/restapis/{restapi_id}/gatewayresponses",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "PutGatewayResponse",
        method: "PUT",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 201,
        body: Body::Members(&["statusCode", "responseParameters", "responseTemplates"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateGatewayResponse",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
