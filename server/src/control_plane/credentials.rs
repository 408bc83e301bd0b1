//! Who may call the control plane: the profiles of a credentials file as AWS's tools have it, or a key pair of the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const KEY_VARIABLE: &str = "RINGWAY_ACCESS_KEY_ID";
const SECRET_VARIABLE: &str = "RINGWAY_SECRET_ACCESS_KEY";

/// A secret access key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Secrets by access key id.
pub(super) type Credentials = BTreeMap<String, Secret>;

/// Those of `file`, or those of the environment; empty where there are none.
pub(super) fn load(file: Option<&Path>) -> Result<Credentials, String> {
    let Some(file) = file else {
        return of_pair(std::env::var(KEY_VARIABLE).ok(), std::env::var(SECRET_VARIABLE).ok());
    };
    let name = |error: String| format!("the credentials file {}{error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| name(format!(": {error}")))?;
    if File::open(file).and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.mode() & 0o077 != 0) {
        tracing::warn!("the credentials file {} can be read by others than its owner", file.display());
    }
    let credentials = parse(&text).map_err(|(line, error)| name(format!(":{line}: {error}")))?;
    match credentials.is_empty() {
        true => Err(name(": no section has aws_access_key_id and aws_secret_access_key".to_owned())),
        false => Ok(credentials),
    }
}

fn of_pair(key: Option<String>, secret: Option<String>) -> Result<Credentials, String> {
    let is_there = |value: Option<String>| value.filter(|value| !value.is_empty());
    match (is_there(key), is_there(secret)) {
        (Some(key), Some(secret)) => Ok(Credentials::from([(key, Secret(secret))])),
        (None, None) => Ok(Credentials::new()),
        _ => Err(format!("{KEY_VARIABLE} and {SECRET_VARIABLE} belong together, and one of them is missing")),
    }
}

/// A section as far as it was read.
#[derive(Default)]
struct Section {
    line: usize,
    key: Option<String>,
    secret: Option<String>,
}

/// The key pairs of all sections, or the number of a line and what is wrong with it.
fn parse(text: &str) -> Result<Credentials, (usize, String)> {
    let mut credentials = Credentials::new();
    let mut section: Option<Section> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            add(&mut credentials, section.replace(Section { line: number, ..Section::default() }))?;
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            // The line itself may be a secret.
            return Err((number, "expected `[NAME]` or `NAME = VALUE`".to_owned()));
        };
        let Some(section) = &mut section else {
            return Err((
                number,
                "expected a section, as in `[default]`, before the first member".to_owned(),
            ));
        };
        let value = value.trim().to_owned();
        match name.trim().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => section.key = Some(value),
            "aws_secret_access_key" => section.secret = Some(value),
            "aws_session_token" | "aws_security_token" => {
                let message = "session tokens are not supported: a key pair without one has no end";
                return Err((number, message.to_owned()));
            }
            // Region, output and the like are for the tools of AWS.
            _ => {}
        }
    }
    add(&mut credentials, section)?;
    Ok(credentials)
}

fn add(credentials: &mut Credentials, section: Option<Section>) -> Result<(), (usize, String)> {
    let Some(Section { line, key, secret }) = section else { return Ok(()) };
    let pair = of_pair(key, secret).map_err(|_| {
        let message =
            "aws_access_key_id and aws_secret_access_key belong together, and one of them is missing";
        (line, message.to_owned())
    })?;
    for (key, secret) in pair {
        if credentials.get(&key).is_some_and(|known| *known != secret) {
            return Err((line, format!("the access key id {key} has another secret in another section")));
        }
        credentials.insert(key, secret);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_may_call() {
        let text = "# mine\n[default]\naws_access_key_id = AKID1\naws_secret_access_key=s/e+c=r\nregion = us-east-1\n\n\
                    [profile ci]\nAWS_ACCESS_KEY_ID=AKID2\naws_secret_access_key = two\n[sso]\nregion = x\n";
        let credentials = parse(text).unwrap();
        let expected = [("AKID1", "s/e+c=r"), ("AKID2", "two")];
        assert_eq!(
            credentials,
            expected.map(|(key, secret)| (key.to_owned(), Secret(secret.to_owned()))).into()
        );
        assert!(!format!("{credentials:?}").contains("two"), "secrets are not shown");
    }

    #[test]
    fn what_is_wrong_has_a_line_and_no_secret() {
        for (text, line) in [
            ("aws_access_key_id = A", 1),
            ("[a]\nverysecret", 2),
            ("[a]\naws_access_key_id = A\n[b]\n", 1),
            ("[a]\naws_secret_access_key = verysecret\n", 1),
            ("[a]\naws_access_key_id = A\naws_session_token = verysecret", 3),
            (
                "[a]\naws_access_key_id=A\naws_secret_access_key=x\n[b]\naws_access_key_id=A\naws_secret_access_key=y",
                4,
            ),
        ] {
            let (number, message) = parse(text).unwrap_err();
            assert_eq!(number, line, "{text}");
            assert!(!message.contains("verysecret"), "{message}");
        }
    }
}
