//! Models (tables.md §8.5, §14.4).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateModel",
        method: "POST",
        uri: "/restapis/{restapi_id}/models",
        status: 201,
        body: Body::Members(&["name", "description", "schema", "contentType"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteModel",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/models/{model_name}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetModel",
        method: "GET",
        uri: "/restapis/{restapi_id}/models/{model_name}",
        status: 200,
        body: Body::Members(&[]),
        query: &["flatten"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetModelTemplate",
        method: "GET",
        uri: "/restapis/{restapi_id}/models/{model_name}/default_template",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetModels",
        method: "GET",
        uri: "/restapis/{restapi_id}/models",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateModel",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/models/{model_name}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
