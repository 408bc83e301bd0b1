//! AWS Signature Version 4 in the `Authorization` header, verified: the name of the caller is proven, and the request is what was signed.
//!
//! Pure: the clock and the credentials are arguments. Requests whose signature is in the query are not taken, nor session tokens.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::credentials::Credentials;
use super::timestamp::{Timestamp, compact};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far the clocks of caller and service may be apart.
const SKEW_SECONDS: i64 = 15 * 60;

/// What is verified of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// As it was sent.
    pub(super) path: &'a str,
    /// As it was sent, without `?`.
    pub(super) query: &'a str,
    /// Lower-case names with values, in the order in which they came.
    pub(super) headers: &'a [(&'a str, &'a [u8])],
    pub(super) body: &'a [u8],
}

/// Why a request is refused; the status is 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// As in `x-amzn-ErrorType`.
    pub(super) error_type: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn missing() -> Self {
        let message = "Missing Authentication Token".to_owned();
        Refusal { error_type: "MissingAuthenticationTokenException", message }
    }

    fn incomplete(message: String) -> Self {
        Refusal { error_type: "IncompleteSignatureException", message }
    }

    fn unrecognized() -> Self {
        let message = "The security token included in the request is invalid.".to_owned();
        Refusal { error_type: "UnrecognizedClientException", message }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Refusal { error_type: "InvalidSignatureException", message: message.into() }
    }
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
     and signing method. Consult the service documentation for details.";

/// Who may call, and for which Region and service.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) region: String,
    pub(super) service: &'static str,
    pub(super) credentials: Credentials,
}

/// `Authorization`, taken apart.
struct Authorization<'a> {
    access_key_id: &'a str,
    /// Date, Region, service, terminator.
    scope: [&'a str; 4],
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl Verifier {
    /// Whether one of the callers has signed this request, not long before or after `now`, in seconds since 1970.
    pub(super) fn verify(&self, request: &Signed<'_>, now: i64) -> Result<(), Refusal> {
        let Some(authorization) = header(request, "authorization").filter(|text| !text.trim().is_empty())
        else {
            return Err(Refusal::missing());
        };
        let date = header(request, "x-amz-date");
        let authorization = Authorization::parse(authorization, date)?;
        let date = date.unwrap_or_default();
        let Some(time) = Timestamp::parse(date) else {
            let message = format!(
                "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
            );
            return Err(Refusal::incomplete(message));
        };
        self.check_scope(&authorization.scope, date)?;
        check_time(time, now)?;
        if header(request, "x-amz-security-token").is_some() {
            // These credentials have no sessions.
            return Err(Refusal::unrecognized());
        }
        let Some(secret) = self.credentials.get(authorization.access_key_id) else {
            return Err(Refusal::unrecognized());
        };
        check_signed_headers(&authorization.signed_headers)?;
        let body = hex(&Sha256::digest(request.body));
        // What the caller says of the body has to be true, whether or not it is signed.
        if header(request, "x-amz-content-sha256").is_some_and(|said| said != body) {
            return Err(Refusal::invalid(MISMATCH));
        }
        let canonical = canonical_request(request, &authorization.signed_headers, &body);
        let scope = authorization.scope.join("/");
        let digest = hex(&Sha256::digest(canonical));
        let text = format!("{ALGORITHM}\n{date}\n{scope}\n{digest}");
        let key = authorization.scope.iter().fold(format!("AWS4{}", secret.0).into_bytes(), |key, part| {
            mac(&key, part.as_bytes()).finalize().into_bytes().to_vec()
        });
        let signature = from_hex(authorization.signature).unwrap_or_default();
        // Compares in the same time wherever the difference is.
        mac(&key, text.as_bytes()).verify_slice(&signature).map_err(|_| Refusal::invalid(MISMATCH))
    }

    fn check_scope(&self, scope: &[&str; 4], date: &str) -> Result<(), Refusal> {
        let [day, region, service, terminator] = *scope;
        let message = if terminator != TERMINATOR {
            format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
            )
        } else if region != self.region {
            format!("Credential should be scoped to a valid region, not '{region}'.")
        } else if service != self.service {
            format!("Credential should be scoped to correct service: '{}'.", self.service)
        } else if date.get(..8) != Some(day) {
            let of_date = date.get(..8).unwrap_or_default();
            format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{of_date}', \
                 from '{date}'."
            )
        } else {
            return Ok(());
        };
        Err(Refusal::invalid(message))
    }
}

impl<'a> Authorization<'a> {
    /// Says all that is missing, as AWS does.
    fn parse(text: &'a str, date: Option<&str>) -> Result<Self, Refusal> {
        let text = text.trim();
        let (algorithm, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        if algorithm != ALGORITHM {
            return Err(match algorithm.starts_with("AWS4-") {
                true => Refusal::incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")),
                false => Refusal::missing(),
            });
        }
        let members: Vec<_> = rest
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
            .map(|(k, v)| (k.trim(), v.trim()))
            .collect();
        let member = |name: &str| members.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let (credential, signature) = (member("Credential"), member("Signature"));
        let signed_headers = member("SignedHeaders");
        let (Some(credential), Some(signature), Some(signed_headers), Some(_)) =
            (credential, signature, signed_headers, date)
        else {
            let parameters =
                [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)];
            let missing = parameters.iter().filter(|(_, value)| value.is_none());
            let mut message: String = missing
                .map(|(name, _)| format!("Authorization header requires '{name}' parameter. "))
                .collect();
            if date.is_none() {
                message +=
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
            }
            return Err(Refusal::incomplete(message.trim_end().to_owned()));
        };
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || parts.next();
        let (Some(terminator), Some(service), Some(region), Some(day), Some(access_key_id)) =
            (part(), part(), part(), part(), part())
        else {
            let message = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.";
            return Err(Refusal::incomplete(message.to_owned()));
        };
        Ok(Authorization {
            access_key_id,
            scope: [day, region, service, terminator],
            signed_headers: signed_headers.split(';').collect(),
            signature,
        })
    }
}

/// The headers that say for whom the request is have to be signed: without its host it could be sent to another service.
fn check_signed_headers(signed: &[&str]) -> Result<(), Refusal> {
    match signed.contains(&"host") {
        true => Ok(()),
        false => {
            Err(Refusal::invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."))
        }
    }
}

fn check_time(time: Timestamp, now: i64) -> Result<(), Refusal> {
    let minutes = SKEW_SECONDS / 60;
    let (signed, now_text) = (compact(time.0), compact(now));
    if time.0 < now - SKEW_SECONDS {
        let limit = compact(now - SKEW_SECONDS);
        let message =
            format!("Signature expired: {signed} is now earlier than {limit} ({now_text} - {minutes} min.)");
        return Err(Refusal::invalid(message));
    }
    if time.0 > now + SKEW_SECONDS {
        let limit = compact(now + SKEW_SECONDS);
        let message = format!(
            "Signature not yet current: {signed} is still later than {limit} ({now_text} + {minutes} min.)"
        );
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

/// The only value of a header; a second one would leave open which was meant.
fn header<'a>(request: &Signed<'a>, name: &str) -> Option<&'a str> {
    let mut values = request.headers.iter().filter(|(known, _)| *known == name);
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    str::from_utf8(value).ok()
}

fn canonical_request(request: &Signed<'_>, signed_headers: &[&str], body_hash: &str) -> Vec<u8> {
    let mut out =
        format!("{}\n{}\n{}\n", request.method, canonical_path(request.path), canonical_query(request.query))
            .into_bytes();
    for name in signed_headers {
        out.extend(name.as_bytes());
        out.push(b':');
        let values = request.headers.iter().filter(|(known, _)| known == name);
        for (index, (_, value)) in values.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            fold(value, &mut out);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend(signed_headers.join(";").bytes());
    out.push(b'\n');
    out.extend(body_hash.bytes());
    out
}

/// A value without blanks around it, and with one in place of several within.
fn fold(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend(word);
    }
}

/// The path without dot segments and empty ones, coded once more than it was sent, as every service but S3 has it.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut out = String::new();
    for segment in &segments {
        out.push('/');
        encode(segment.as_bytes(), &mut out);
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// Parameters sorted by name and value, each decoded and coded in the one way that the specification has.
fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (recode(name), recode(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn recode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(from_hex_bytes);
        match code {
            Some(code) => {
                decoded.extend(code);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    let mut out = String::new();
    encode(&decoded, &mut out);
    out
}

fn encode(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    from_hex_bytes(text.as_bytes())
}

fn from_hex_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| Some(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?);
    text.chunks(2).map(pair).collect()
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
