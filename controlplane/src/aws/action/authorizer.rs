//! Authorizers (tables.md §8.6).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateAuthorizer",
        method: "POST",
        uri: "/restapis/{restapi_id}/authorizers",
        status: 201,
        body: Body::Members(&[
            "name",
            "type",
            "providerARNs",
            "authType",
            "authorizerUri",
            "authorizerCredentials",
            "identitySource",
            "identityValidationExpression",
            "authorizerResultTtlInSeconds",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteAuthorizer",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetAuthorizer",
        method: "GET",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetAuthorizers",
        method: "GET",
        uri: "/restapis/{restapi_id}/authorizers",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateAuthorizer",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
