//! Client certificates.

use crate::aws::operation::{Body, Operation, Support};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteClientCertificate",
        method: "DELETE",
        uri: "/clientcertificates/{clientcertificate_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GenerateClientCertificate",
        method: "POST",
        uri: "/clientcertificates",
        status: 201,
        body: Body::Members(&["description", "tags"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetClientCertificate",
        method: "GET",
        uri: "/clientcertificates/{clientcertificate_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "GetClientCertificates",
        method: "GET",
        uri: "/clientcertificates",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Refused("it is not built yet"),
    },
    Operation {
        name: "UpdateClientCertificate",
        method: "PATCH",
        uri: "/clientcertificates/{clientcertificate_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Refused("it is not built yet"),
    },
];
