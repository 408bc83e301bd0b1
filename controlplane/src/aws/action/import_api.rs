//! Import and export (tables.md §10).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetExport",
        method: "GET",
        uri: "/restapis/{restapi_id}/stages/{stage_name}/exports/{export_type}",
        status: 200,
        body: Body::Members(&[]),
        query: &["parameters"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "ImportRestApi",
        method: "POST",
        uri: "/restapis?mode=import",
        status: 201,
        body: Body::Document,
        query: &["failonwarnings", "parameters"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "PutRestApi",
        method: "PUT",
        uri: "/restapis/{restapi_id}",
        status: 200,
        body: Body::Document,
        query: &["mode", "failonwarnings", "parameters"],
        support: Support::Refused("it is not built yet"),
    },
];
