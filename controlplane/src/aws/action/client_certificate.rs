//! Client certificates: what a backend knows the gateway by.
//!
//! They are real: self-signed X.509, for one year as AWS's are. Their keys are ECDSA P-256, where AWS's are RSA. The key is made
//! by *ring* of the system's random numbers, not of those that the host brings: there is no other way into a key generator.

use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use crate::aws::call::Call;
use crate::aws::exception::{Exception, ExceptionType};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::wire::ClientCertificate;
use crate::aws::{Answer, State};

use super::tags;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteClientCertificate",
        method: "DELETE",
        uri: "/clientcertificates/{clientcertificate_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GenerateClientCertificate",
        method: "POST",
        uri: "/clientcertificates",
        status: 201,
        body: Body::Members(&["description", "tags"]),
        query: &[],
        support: Support::Supported(generate),
    },
    Operation {
        name: "GetClientCertificate",
        method: "GET",
        uri: "/clientcertificates/{clientcertificate_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetClientCertificates",
        method: "GET",
        uri: "/clientcertificates",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateClientCertificate",
        method: "PATCH",
        uri: "/clientcertificates/{clientcertificate_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// How long one is valid, in seconds.
const VALIDITY: i64 = 365 * 24 * 60 * 60;

fn generate(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let (description, tags) = (members.owned("description")?, tags::read(&members)?);
    let expiration_date = call.now + VALIDITY;
    let failed =
        |error| Exception::new(ExceptionType::Internal, format!("no certificate could be made: {error}"));
    let (pem_encoded_certificate, private_key) = certificate(call.now, expiration_date).map_err(failed)?;
    let certificate = ClientCertificate {
        client_certificate_id: state.ids.short(),
        description,
        pem_encoded_certificate,
        private_key,
        created_date: call.now,
        expiration_date,
        tags,
    };
    let answer = without_key(json!(certificate));
    state.client_certificates.put(certificate.client_certificate_id.clone(), certificate);
    Ok(Answer::Json(answer))
}

/// A certificate and its key, both PEM.
fn certificate(from: i64, to: i64) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationalUnitName, "ApiGateway");
    name.push(DnType::CommonName, "ApiGateway");
    params.distinguished_name = name;
    let date = |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.unsigned_abs());
    params.not_before = date(from);
    params.not_after = date(to);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn without_key(mut certificate: Value) -> Value {
    if let Some(members) = certificate.as_object_mut() {
        members.remove("privateKey");
    }
    certificate
}

fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s ClientCertificate, Exception> {
    let found = state.client_certificates.get(call.path("clientcertificate_id"));
    found.ok_or_else(|| Exception::not_found("Invalid Client Certificate identifier specified"))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(without_key(tags::shown(find(state, call)?))))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    page(call, state.client_certificates.iter(), |certificate| without_key(json!(certificate)))
}

/// Stages that name it keep it alive.
fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = find(state, call)?.client_certificate_id.clone();
    let mut stages = state.stages.iter();
    if let Some((stage, _)) = stages.find(|(_, stage)| stage.client_certificate_id.as_ref() == Some(&id)) {
        let message = format!(
            "Cannot delete client certificate '{id}', is referenced in stage: {}",
            stage.replace('/', ":")
        );
        return Err(Exception::bad_request(message));
    }
    state.client_certificates.remove(&id);
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut certificate = find(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["description"], Op::Replace) => certificate.description = operation.text(),
            _ => return Err(operation.refused_path("/description")),
        }
    }
    let shown = without_key(tags::shown(&certificate));
    state.client_certificates.put(certificate.client_certificate_id.clone(), certificate);
    Ok(Answer::Json(shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::table::key;
    use crate::aws::testing::{call, control_plane, good, refused};
    use crate::aws::wire::Stage;

    const MISSING: &str = "Invalid Client Certificate identifier specified";

    #[test]
    fn is_made_and_its_key_is_kept() {
        let mut plane = control_plane();
        let body = json!({"description": "d", "tags": {"k": "v"}});
        let (status, made) = call(&mut plane, "POST", "/clientcertificates", body);
        assert_eq!(status, 201);
        let pem = made["pemEncodedCertificate"].as_str().unwrap();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
        assert_eq!(made["expirationDate"], 1_700_000_000 + 365 * 86_400);
        let id = made["clientCertificateId"].as_str().unwrap();
        let path = format!("/clientcertificates/{id}");
        assert_eq!(good(&mut plane, "GET", &path, json!(null)), made);
        assert!(made.get("privateKey").is_none());
        let stored = plane.state.client_certificates.get(id).unwrap();
        assert!(stored.private_key.starts_with("-----BEGIN PRIVATE KEY-----"));
        let operation = json!({"patchOperations": [{"op": "replace", "path": "/description", "value": "e"}]});
        assert_eq!(good(&mut plane, "PATCH", &path, operation)["description"], "e");
        let listed = good(&mut plane, "GET", "/clientcertificates", json!(null));
        assert_eq!(listed["item"][0]["description"], "e");
        assert!(listed["item"][0].get("privateKey").is_none());
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        assert_eq!(refused(&mut plane, "GET", &path, json!(null)).1, MISSING);
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        let made = good(&mut plane, "POST", "/clientcertificates", json!({}));
        let id = made["clientCertificateId"].as_str().unwrap();
        let path = format!("/clientcertificates/{id}");
        let operation = json!({"patchOperations": [{"op": "add", "path": "/description", "value": "e"}]});
        assert_eq!(
            refused(&mut plane, "PATCH", &path, operation).1,
            "Invalid patch path  '/description' specified for op 'add'. Please choose supported operations"
        );
        let stage = Stage { client_certificate_id: Some(id.into()), ..Stage::default() };
        plane.state.stages.put(key("api", "s"), stage);
        assert_eq!(
            refused(&mut plane, "DELETE", &path, json!(null)).1,
            format!("Cannot delete client certificate '{id}', is referenced in stage: api:s")
        );
    }
}
