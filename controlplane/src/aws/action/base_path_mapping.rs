//! Base path mappings (tables.md §12.3).

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateBasePathMapping",
        method: "POST",
        uri: "/domainnames/{domain_name}/basepathmappings",
        status: 201,
        body: Body::Members(&["basePath", "restApiId", "stage"]),
        query: &["domainNameId"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "DeleteBasePathMapping",
        method: "DELETE",
        uri: "/domainnames/{domain_name}/basepathmappings/{base_path}",
        status: 202,
        body: Body::Members(&[]),
        query: &["domainNameId"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetBasePathMapping",
        method: "GET",
        uri: "/domainnames/{domain_name}/basepathmappings/{base_path}",
        status: 200,
        body: Body::Members(&[]),
        query: &["domainNameId"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetBasePathMappings",
        method: "GET",
        uri: "/domainnames/{domain_name}/basepathmappings",
        status: 200,
        body: Body::Members(&[]),
        query: &["domainNameId", "position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateBasePathMapping",
        method: "PATCH",
        uri: "/domainnames/{domain_name}/basepathmappings/{base_path}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &["domainNameId"],
        support: Support::Refused("it is not built yet"),
    },
];
