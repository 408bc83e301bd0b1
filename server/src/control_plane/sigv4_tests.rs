use super::super::credentials::Secret;
use super::*;

/// AWS's example credentials and time: its published test suite (`get-vanilla`, …) signs with them, and the signatures for
/// `apigateway` are those of botocore 1.43 for the same.
const DATE: &str = "20150830T123600Z";
const NOW: i64 = 1_440_938_160;

fn verifier(service: &'static str) -> Verifier {
    let secret = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into());
    Verifier { region: "us-east-1".into(), service, credentials: [("AKIDEXAMPLE".to_owned(), secret)].into() }
}

fn authorization(service: &str, signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, SignedHeaders={signed}, Signature={signature}"
    )
}

/// A request as it comes, to be spoiled.
struct Sample {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    service: &'static str,
}

impl Sample {
    fn verify(&self, now: i64) -> Result<(), Refusal> {
        let (path, query) = self.target.split_once('?').unwrap_or((self.target, ""));
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let body = self.body.as_bytes();
        let signed = Signed { method: self.method, path, query, headers: &headers, body };
        verifier(self.service).verify(&signed, now)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

fn suite(method: &'static str, target: &'static str, signature: &str) -> Sample {
    let headers = vec![
        ("host", "example.amazonaws.com".to_owned()),
        ("x-amz-date", DATE.to_owned()),
        ("authorization", authorization("service", "host;x-amz-date", signature)),
    ];
    Sample { method, target, headers, body: "", service: "service" }
}

fn botocore(method: &'static str, target: &'static str, signature: &str) -> Sample {
    let headers = vec![
        ("host", "127.0.0.1:9902".to_owned()),
        ("x-amz-date", DATE.to_owned()),
        ("authorization", authorization("apigateway", "host;x-amz-date", signature)),
    ];
    Sample { method, target, headers, body: "", service: "apigateway" }
}

const TAGS: &str = "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc";

fn tags() -> Sample {
    botocore("GET", TAGS, "a33692799616af59bc363edc824559c51eba592ce184c4c3bc0dc21c250b5245")
}

fn create() -> Sample {
    let signature = "c3103c16690e960732854cb8b26b303fceadf83a1b65e1db3fcce739299b855a";
    let headers = vec![
        ("host", "127.0.0.1:9902".to_owned()),
        ("content-type", " application/json ".to_owned()),
        ("x-amz-date", DATE.to_owned()),
        ("authorization", authorization("apigateway", "content-type;host;x-amz-date", signature)),
    ];
    Sample {
        method: "POST",
        target: "/restapis",
        headers,
        body: r#"{"name": "pets"}"#,
        service: "apigateway",
    }
}

fn refused(sample: &Sample) -> (&'static str, String) {
    let refusal = sample.verify(NOW).unwrap_err();
    (refusal.error_type, refusal.message)
}

#[test]
fn the_published_signatures_verify() {
    for (method, target, signature) in [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "/foo/bar/../..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ] {
        assert_eq!(suite(method, target, signature).verify(NOW), Ok(()), "{method} {target}");
    }
}

#[test]
fn the_signatures_of_botocore_verify() {
    for sample in [
        tags(),
        create(),
        botocore(
            "GET",
            "/restapis?position=a%2Fb%3D&limit=2",
            "55ae22ffc68483b4871358962c5bd2d26be3b35163a2c9ef11d5b984660a51ec",
        ),
        botocore(
            "GET",
            "/restapis//a/./b/../c/",
            "501c98539b44a9d62ff18269c243906311b7f99ef1c9db836b8386804a73a2a6",
        ),
        create().with("x-amz-content-sha256", &hex(&Sha256::digest(create().body))),
    ] {
        assert_eq!(sample.verify(NOW), Ok(()), "{} {}", sample.method, sample.target);
    }
}

#[test]
fn what_was_not_signed_is_refused() {
    let other_body = Sample { body: r#"{"name": "cats"}"#, ..create() };
    let other_method = Sample { method: "DELETE", ..tags() };
    let other_target =
        Sample { target: "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabd", ..tags() };
    let cut = authorization("apigateway", "host;x-amz-date", "a33692799616af59bc363edc824559c5");
    let empty = authorization("apigateway", "host;x-amz-date", "");
    let not_hex = authorization("apigateway", "host;x-amz-date", "zz");
    for sample in [
        other_body,
        other_method,
        other_target,
        tags().with("host", "other.example"),
        tags().with("authorization", &cut),
        tags().with("authorization", &empty),
        tags().with("authorization", &not_hex),
        create().with("content-type", "text/plain"),
        create().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        create().with("x-amz-content-sha256", &hex(&Sha256::digest("other"))),
    ] {
        assert_eq!(refused(&sample), ("InvalidSignatureException", MISMATCH.to_owned()), "{}", sample.target);
    }
}

#[test]
fn times_and_scopes_are_checked_in_the_words_of_aws() {
    let refusal = |now: i64| tags().verify(now).unwrap_err().message;
    assert_eq!(tags().verify(NOW + SKEW_SECONDS), Ok(()));
    assert_eq!(tags().verify(NOW - SKEW_SECONDS), Ok(()));
    assert_eq!(
        refusal(NOW + SKEW_SECONDS + 1),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
    assert_eq!(
        refusal(NOW - SKEW_SECONDS - 1),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)"
    );
    let signed = authorization("apigateway", "host;x-amz-date", "00");
    for (from, to, message) in [
        ("us-east-1", "eu-west-1", "Credential should be scoped to a valid region, not 'eu-west-1'."),
        ("apigateway", "execute-api", "Credential should be scoped to correct service: 'apigateway'."),
        (
            "aws4_request",
            "aws4",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'.",
        ),
        (
            "20150830",
            "20150831",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != \
             '20150830', from '20150830T123600Z'.",
        ),
    ] {
        let sample = tags().with("authorization", &signed.replace(from, to));
        assert_eq!(refused(&sample), ("InvalidSignatureException", message.to_owned()));
    }
}

#[test]
fn without_a_caller_there_is_no_answer() {
    let missing = ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned());
    for value in ["", " ", "Bearer x", "Basic dXNlcjpwYXNz"] {
        assert_eq!(refused(&tags().with("authorization", value)), missing, "{value}");
    }
    let mut none = tags();
    none.headers.retain(|(name, _)| *name != "authorization");
    assert_eq!(refused(&none), missing);
    let mut twice = tags();
    twice.headers.push(("authorization", "AWS4-HMAC-SHA256 x".to_owned()));
    assert_eq!(refused(&twice), missing);

    let unknown = authorization("apigateway", "host;x-amz-date", "00").replace("AKIDEXAMPLE", "AKIDOTHER");
    let invalid = "The security token included in the request is invalid.".to_owned();
    assert_eq!(
        refused(&tags().with("authorization", &unknown)),
        ("UnrecognizedClientException", invalid.clone())
    );
    assert_eq!(
        refused(&tags().with("x-amz-security-token", "any")),
        ("UnrecognizedClientException", invalid)
    );
}

#[test]
fn an_incomplete_signature_names_what_is_missing() {
    for (value, message) in [
        ("AWS4-ECDSA-P256-SHA256 Credential=a", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."),
        (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/apigateway/aws4_request",
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE, SignedHeaders=host, Signature=00",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        ),
    ] {
        let sample = tags().with("authorization", value);
        assert_eq!(refused(&sample), ("IncompleteSignatureException", message.to_owned()));
    }
    let mut undated = tags();
    undated.headers.retain(|(name, _)| *name != "x-amz-date");
    assert_eq!(
        refused(&undated).1,
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    );
    assert!(
        refused(&tags().with("x-amz-date", "yesterday"))
            .1
            .starts_with("Date must be in ISO-8601 'basic format'.")
    );
    let unsigned_host = authorization("apigateway", "x-amz-date", "00");
    let (error_type, message) = refused(&tags().with("authorization", &unsigned_host));
    assert_eq!(error_type, "InvalidSignatureException");
    assert!(message.starts_with("'Host' or ':authority' must be"), "{message}");
}
