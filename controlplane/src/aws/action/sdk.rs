//! SDK types and SDKs.

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetSdk",
        method: "GET",
        uri: "/restapis/{restapi_id}/stages/{stage_name}/sdks/{sdk_type}",
        status: 200,
        body: Body::Members(&[]),
        query: &["parameters"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetSdkType",
        method: "GET",
        uri: "/sdktypes/{sdktype_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetSdkTypes",
        method: "GET",
        uri: "/sdktypes",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
];
