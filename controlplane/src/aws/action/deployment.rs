//! Deployments (tables.md §8.7).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDeployment",
        method: "POST",
        uri: "/restapis/{restapi_id}/deployments",
        status: 201,
        body: Body::Members(&[
            "stageName",
            "stageDescription",
            "description",
            "cacheClusterEnabled",
            "cacheClusterSize",
            "variables",
            "canarySettings",
            "tracingEnabled",
        ]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteDeployment",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/deployments/{deployment_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetDeployment",
        method: "GET",
        uri: "/restapis/{restapi_id}/deployments/{deployment_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &["embed"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetDeployments",
        method: "GET",
        uri: "/restapis/{restapi_id}/deployments",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateDeployment",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/deployments/{deployment_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
