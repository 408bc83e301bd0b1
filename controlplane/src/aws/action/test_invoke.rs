//! Test invocations.

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "TestInvokeAuthorizer",
        method: "POST",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 200,
        body: Body::Members(&[
            "headers",
            "multiValueHeaders",
            "pathWithQueryString",
            "body",
            "stageVariables",
            "additionalContext",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "TestInvokeMethod",
        method: "POST",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 200,
        body: Body::Members(&[
            "pathWithQueryString",
            "body",
            "headers",
            "multiValueHeaders",
            "clientCertificateId",
            "stageVariables",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
