//! Tests of custom domain names.

use serde_json::{Value, json};

use crate::aws::testing::{call, control_plane, good, refused};

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/c";
const PATH: &str = "/domainnames/api.example.com";

fn edge() -> Value {
    json!({"domainName": "api.example.com", "certificateArn": ARN})
}

fn regional() -> Value {
    json!({
        "domainName": "api.example.com", "regionalCertificateArn": ARN,
        "endpointConfiguration": {"types": ["REGIONAL"]},
    })
}

fn operations(operations: &[(&str, &str, &str)]) -> Value {
    let operation = |(op, path, value): &(&str, &str, &str)| json!({"op": op, "path": path, "value": value});
    json!({"patchOperations": operations.iter().map(operation).collect::<Vec<_>>()})
}

#[test]
fn an_edge() {
    let mut plane = control_plane();
    let (status, created) = call(&mut plane, "POST", "/domainnames", edge());
    assert_eq!(status, 201);
    let distribution = created["distributionDomainName"].as_str().unwrap();
    assert!(distribution.starts_with('d') && distribution.ends_with(".cloudfront.net"));
    assert_eq!(
        created,
        json!({
            "domainName": "api.example.com",
            "domainNameArn": "arn:aws:apigateway:us-east-1::/domainnames/api.example.com",
            "certificateArn": ARN,
            "certificateUploadDate": 1_700_000_000,
            "distributionDomainName": distribution,
            "distributionHostedZoneId": "Z2FDTNDATAQYW2",
            "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
            "domainNameStatus": "AVAILABLE",
            "securityPolicy": "TLS_1_2",
            "routingMode": "BASE_PATH_MAPPING_ONLY",
        })
    );
    assert_eq!(good(&mut plane, "GET", PATH, json!(null))["tags"], json!({}));
    assert_eq!(good(&mut plane, "GET", "/domainnames", json!(null)), json!({"item": [created]}));
    let others = good(&mut plane, "GET", "/domainnames?resourceOwner=OTHER_ACCOUNTS", json!(null));
    assert_eq!(others, json!({"item": []}));
    assert_eq!(call(&mut plane, "GET", &format!("{PATH}?domainNameId=x"), json!(null)).0, 404);
    assert_eq!(call(&mut plane, "DELETE", PATH, json!(null)).0, 202);
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(
            refused(&mut plane, method, PATH, json!(null)),
            ("NotFoundException".into(), "Invalid domain name identifier specified".into())
        );
    }
}

#[test]
fn keeps_no_private_key() {
    let mut plane = control_plane();
    let body = json!({
        "domainName": "*.example.com", "certificateName": "n", "certificateBody": "BODY",
        "certificatePrivateKey": "SECRET", "certificateChain": "CHAIN",
    });
    let created = good(&mut plane, "POST", "/domainnames", body);
    assert_eq!(created["certificateName"], "n");
    let stored = serde_json::to_string(plane.state.domain_names.get("*.example.com").unwrap()).unwrap();
    assert!(!stored.contains("SECRET") && !stored.contains("BODY"));
}

#[test]
fn a_regional_one_and_its_way_there() {
    let mut plane = control_plane();
    let created = good(&mut plane, "POST", "/domainnames", regional());
    let name = created["regionalDomainName"].as_str().unwrap();
    assert!(name.starts_with("d-") && name.ends_with(".execute-api.us-east-1.amazonaws.com"));
    assert_eq!(created["regionalHostedZoneId"], "Z1UJRXOUMOOFQ8");
    assert!(created.get("distributionDomainName").is_none());
    good(&mut plane, "DELETE", PATH, json!(null));

    good(&mut plane, "POST", "/domainnames", edge());
    let both = operations(&[
        ("add", "/endpointConfiguration/types", "REGIONAL"),
        ("add", "/regionalCertificateArn", ARN),
    ]);
    let both = good(&mut plane, "PATCH", PATH, both);
    assert_eq!(both["endpointConfiguration"]["types"], json!(["EDGE", "REGIONAL"]));
    assert!(both.get("regionalDomainName").is_some() && both.get("distributionDomainName").is_some());
    let moved =
        operations(&[("remove", "/endpointConfiguration/types", "EDGE"), ("remove", "/certificateArn", "")]);
    let moved = good(&mut plane, "PATCH", PATH, moved);
    assert_eq!(moved["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    assert_eq!(moved["regionalDomainName"], both["regionalDomainName"]);
    for member in ["certificateArn", "certificateUploadDate", "distributionDomainName"] {
        assert!(moved.get(member).is_none(), "{member}");
    }
    // As Terraform and as the guide write it.
    for (path, value) in [("types/0", "EDGE"), ("types/EDGE", "REGIONAL"), ("types", "EDGE")] {
        let path = format!("/endpointConfiguration/{path}");
        let body = operations(&[("replace", &path, value), ("replace", "/certificateArn", ARN)]);
        let patched = good(&mut plane, "PATCH", PATH, body);
        assert_eq!(patched["endpointConfiguration"]["types"], json!([value]));
    }
}

#[test]
fn patches() {
    let mut plane = control_plane();
    good(&mut plane, "POST", "/domainnames", edge());
    for (member, value) in [
        ("certificateName", "n"),
        ("regionalCertificateName", "r"),
        ("certificateArn", "arn:aws:acm:us-east-1:1:certificate/d"),
        ("regionalCertificateArn", ARN),
        ("securityPolicy", "TLS_1_0"),
        ("endpointAccessMode", "BASIC"),
        ("routingMode", "BASE_PATH_MAPPING_ONLY"),
    ] {
        let body = operations(&[("replace", &format!("/{member}"), value)]);
        assert_eq!(good(&mut plane, "PATCH", PATH, body)[member], value);
    }
    let dualstack = operations(&[
        ("replace", "/endpointConfiguration/ipAddressType", "dualstack"),
        ("replace", "/mutualTlsAuthentication/truststoreUri", ""),
    ]);
    let patched = good(&mut plane, "PATCH", PATH, dualstack);
    assert_eq!(patched["endpointConfiguration"]["ipAddressType"], "dualstack");
    let policies = "Invalid value specified for /securityPolicy: x. Must be one of: [TLS_1_0, TLS_1_2, ";
    for (op, path, value, message) in [
        (
            "replace",
            "/domainName",
            "x.y",
            "Invalid patch path  '/domainName' specified for op 'replace'. Must be one of: [/certificateName, ",
        ),
        ("replace", "/securityPolicy", "x", policies),
        ("replace", "/routingMode", "ROUTING_RULE_ONLY", "routingMode is not supported here: "),
        (
            "replace",
            "/mutualTlsAuthentication/truststoreUri",
            "s3://b/k",
            "mutualTlsAuthentication is not supported here: ",
        ),
        (
            "replace",
            "/ownershipVerificationCertificateArn",
            ARN,
            "ownershipVerificationCertificateArn is not supported",
        ),
        ("replace", "/policy", "{}", "policy is not supported here: "),
        (
            "replace",
            "/endpointConfiguration/ipAddressType",
            "ipv6",
            "ipAddressType must be either ipv4 or dualstack.",
        ),
        (
            "add",
            "/endpointConfiguration/types",
            "x",
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ),
        (
            "remove",
            "/endpointConfiguration/types/EDGE",
            "",
            "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
        ),
        ("remove", "/certificateArn", "", "A certificate was not provided for the endpoint type EDGE."),
        (
            "replace",
            "/endpointConfiguration/types/EDGE",
            "PRIVATE",
            "PRIVATE domain names are not supported here",
        ),
    ] {
        let found = refused(&mut plane, "PATCH", PATH, operations(&[(op, path, value)])).1;
        assert!(found.starts_with(message), "{op} {path}: {found}");
    }
}

#[test]
fn refuses_to_create() {
    let mut plane = control_plane();
    good(&mut plane, "POST", "/domainnames", edge());
    let with = |member: &str, value: Value| {
        let mut body = edge();
        body["domainName"] = json!("b.example.com");
        body[member] = value;
        body
    };
    let elsewhere = "arn:aws:acm:eu-west-1:1:certificate/c";
    for (body, message) in [
        (
            json!({"securityPolicy": "TLS_9"}),
            "2 validation errors detected: Value null at 'createDomainNameInput.domainName'",
        ),
        (
            with("routingMode", json!("x")),
            "1 validation error detected: Value 'x' at 'createDomainNameInput.routingMode'",
        ),
        (edge(), "The domain name you provided already exists."),
        (with("domainName", json!("a b")), "Invalid domain name specified: a b"),
        (with("domainName", json!("A.b")), "Invalid domain name specified: A.b"),
        (with("certificateArn", json!(null)), "A certificate was not provided for the endpoint type EDGE."),
        (with("certificateArn", json!("x")), "Invalid certificate ARN: x"),
        (
            with("certificateArn", json!(elsewhere)),
            "Invalid certificate ARN: arn:aws:acm:eu-west-1:1:certificate/c. Certificate must be in 'us-east-1'.",
        ),
        (
            with("endpointConfiguration", json!({"types": ["REGIONAL"]})),
            "A certificate was not provided for the endpoint type REGIONAL.",
        ),
        (
            with("endpointConfiguration", json!({"types": ["PRIVATE"]})),
            "PRIVATE domain names are not supported here: they belong to AWS's network",
        ),
        (
            with("mutualTlsAuthentication", json!({"truststoreUri": "s3://b/k"})),
            "mutualTlsAuthentication is not supported here: ",
        ),
        (with("routingMode", json!("ROUTING_RULE_ONLY")), "routingMode is not supported here: "),
        (with("policy", json!("{}")), "policy is not supported here: "),
    ] {
        let found = refused(&mut plane, "POST", "/domainnames", body).1;
        assert!(found.starts_with(message), "{found}");
    }
    let unknown = refused(&mut plane, "GET", "/domainnames?resourceOwner=x", json!(null));
    assert_eq!(unknown.0, "ValidationException");
    let body =
        json!({"domainNameArn": "a", "accessAssociationSourceType": "VPCE", "accessAssociationSource": "v"});
    let refused = refused(&mut plane, "POST", "/domainnameaccessassociations", body);
    assert!(refused.1.starts_with("CreateDomainNameAccessAssociation is not supported here: PRIVATE"));
}
