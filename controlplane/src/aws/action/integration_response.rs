//! Integration responses (tables.md §8.4).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteIntegrationResponse",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetIntegrationResponse",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "PutIntegrationResponse",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 201,
        body: Body::Members(&[
            "selectionPattern",
            "responseParameters",
            "responseTemplates",
            "contentHandling",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateIntegrationResponse",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
