//! VPC links (tables.md §8.4).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateVpcLink",
        method: "POST",
        uri: "/vpclinks",
        status: 202,
        body: Body::Members(&["name", "description", "targetArns", "tags"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteVpcLink",
        method: "DELETE",
        uri: "/vpclinks/{vpclink_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetVpcLink",
        method: "GET",
        uri: "/vpclinks/{vpclink_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetVpcLinks",
        method: "GET",
        uri: "/vpclinks",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateVpcLink",
        method: "PATCH",
        uri: "/vpclinks/{vpclink_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
