//! Tags.

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "GetTags",
        method: "GET",
        uri: "/tags/{resource_arn}",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "TagResource",
        method: "PUT",
        uri: "/tags/{resource_arn}",
        status: 204,
        body: Body::Members(&["tags"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UntagResource",
        method: "DELETE",
        uri: "/tags/{resource_arn}",
        status: 204,
        body: Body::Members(&[]),
        query: &["tagKeys"],
        support: Support::Refused("it is not built yet"),
    },
];
