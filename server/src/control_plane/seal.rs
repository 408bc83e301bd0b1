//! Secrets in the store: sealed with AES-256-GCM under a key that is not in it, so that a dump of the store shows none.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::random;
use super::sigv4::{from_hex, hex};
use crate::database::sync_directory;

/// Names the key in the environment: 64 hexadecimal digits.
const VARIABLE: &str = "RINGWAY_STORE_KEY";
const KEY_LENGTH: usize = 32;
/// The members that are secret, by table.
const SECRETS: [(&str, &str); 2] = [("api_keys", "value"), ("client_certificates", "privateKey")];
/// What stands in the place of a secret: an object with this member.
const SEALED: &str = "sealed";

/// The key of a store.
pub(super) struct Sealer {
    key: LessSafeKey,
    /// Tells this key from others and nothing about it.
    pub(super) fingerprint: u64,
}

/// Where the key of a store comes from.
pub(super) enum KeySource {
    /// The text of the variable.
    Environment(String),
    /// A file beside the store.
    File(PathBuf),
}

impl KeySource {
    /// What is configured for the store at `path`.
    pub(super) fn of(path: &Path) -> Self {
        match std::env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => KeySource::Environment(text),
            _ => KeySource::File(path.with_added_extension("key")),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            KeySource::Environment(_) => VARIABLE.to_owned(),
            KeySource::File(path) => path.display().to_string(),
        }
    }

    /// The key. Where there is no file, one is made for a store that has no key yet: `may_make`.
    pub(super) fn sealer(&self, may_make: bool) -> Result<Sealer, String> {
        let text = match self {
            KeySource::Environment(text) => text.clone(),
            KeySource::File(path) => match fs::read_to_string(path) {
                Ok(text) => {
                    warn_of_readers(path);
                    text
                }
                Err(error) if error.kind() == ErrorKind::NotFound && may_make => make(path)?,
                Err(error) => {
                    return Err(format!(
                        "its key cannot be read: {}: {error}; put back the file, or set {VARIABLE} to what it has",
                        path.display()
                    ));
                }
            },
        };
        let key = from_hex(text.trim()).filter(|key| key.len() == KEY_LENGTH);
        let key = key.ok_or_else(|| format!("{} does not have 64 hexadecimal digits", self.name()))?;
        Ok(Sealer::new(&key))
    }
}

fn warn_of_readers(path: &Path) {
    if File::open(path).and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.mode() & 0o077 != 0) {
        tracing::warn!("the key {} of the store can be read by others than its owner", path.display());
    }
}

/// Makes a key file. It is on the disk before anything is sealed with it.
fn make(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("its key {} cannot be made: {error}", path.display());
    let mut key = [0; KEY_LENGTH];
    random(&mut key);
    let text = hex(&key) + "\n";
    // A name of its own until it is whole: half a key would be no key ever after.
    let draft = path.with_added_extension("new");
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    let mut file = options.map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)?;
    sync_directory(path).map_err(failed)?;
    Ok(text)
}

impl Sealer {
    fn new(key: &[u8]) -> Self {
        let mut digest = Sha256::new_with_prefix(b"ringway store key");
        digest.update(key);
        let fingerprint = digest.finalize().first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the length was looked at");
        Sealer { key: LessSafeKey::new(key), fingerprint }
    }

    /// A row as it is stored; `None`: as it is.
    pub(super) fn seal(&self, table: &str, key: &str, row: &[u8]) -> Option<Vec<u8>> {
        let member = secret_of(table)?;
        let mut value: Value = serde_json::from_slice(row).ok()?;
        let secret = value.get_mut(member).filter(|secret| secret.is_string())?;
        let mut sealed = secret.as_str()?.as_bytes().to_vec();
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce);
        let place = place(table, key);
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&place), &mut sealed)
            .expect("a secret is shorter than 64 GiB");
        *secret = json!({ SEALED: hex(&nonce) + &hex(&sealed) });
        Some(value.to_string().into_bytes())
    }

    /// A row as it was before it was sealed; `None`: as it is.
    ///
    /// # Errors
    /// It was changed, or was sealed for another place or with another key.
    pub(super) fn unseal(&self, table: &str, key: &str, row: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let Some(member) = secret_of(table) else { return Ok(None) };
        let Ok(mut value) = serde_json::from_slice::<Value>(row) else { return Ok(None) };
        let Some(secret) = value.get_mut(member).filter(|secret| secret.is_object()) else { return Ok(None) };
        let failed = || format!("{table} {key}: {member} cannot be unsealed");
        let mut sealed = secret[SEALED].as_str().and_then(from_hex).ok_or_else(failed)?;
        let (nonce, sealed) = sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or_else(failed)?;
        let place = place(table, key);
        let plain = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&place), sealed)
            .map_err(|_| failed())?;
        *secret = std::str::from_utf8(plain).map_err(|_| failed())?.into();
        Ok(Some(value.to_string().into_bytes()))
    }
}

fn secret_of(table: &str) -> Option<&'static str> {
    SECRETS.iter().find(|(known, _)| *known == table).map(|(_, member)| *member)
}

/// What is sealed belongs to one row: it is nothing in another.
fn place(table: &str, key: &str) -> Vec<u8> {
    format!("{table}/{key}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_belongs_to_its_row_and_key() {
        let sealer = Sealer::new(&[7; KEY_LENGTH]);
        let row = br#"{"enabled":true,"id":"a","value":"a-secret-of-twenty-characters"}"#;
        let sealed = sealer.seal("api_keys", "a", row).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("a-secret"));
        assert_ne!(sealer.seal("api_keys", "a", row).unwrap(), sealed, "no nonce is used twice");
        assert_eq!(sealer.unseal("api_keys", "a", &sealed).unwrap().unwrap(), row);
        let other = Sealer::new(&[8; KEY_LENGTH]);
        assert_ne!(sealer.fingerprint, other.fingerprint);
        let mut changed = sealed.clone();
        let digit = changed.iter().rposition(u8::is_ascii_hexdigit).unwrap();
        changed[digit] = if changed[digit] == b'0' { b'1' } else { b'0' };
        for (sealer, key, row) in [(&other, "a", &sealed), (&sealer, "b", &sealed), (&sealer, "a", &changed)]
        {
            let message = sealer.unseal("api_keys", key, row).unwrap_err();
            assert_eq!(message, format!("api_keys {key}: value cannot be unsealed"));
        }
        for short in [r#"{"value":{"sealed":"00"}}"#, r#"{"value":{"sealed":"zz"}}"#, r#"{"value":{}}"#] {
            assert!(sealer.unseal("api_keys", "a", short.as_bytes()).is_err(), "{short}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let sealer = Sealer::new(&[7; KEY_LENGTH]);
        let row = br#"{"value":"a"}"#;
        assert_eq!(sealer.seal("stages", "a", row), None);
        assert_eq!(sealer.unseal("stages", "a", row), Ok(None));
        assert_eq!(sealer.seal("api_keys", "a", br#"{"id":"a"}"#), None);
        // As stores of older versions have it.
        assert_eq!(sealer.unseal("api_keys", "a", row), Ok(None));
        let certificate = br#"{"privateKey":"PEM"}"#;
        let sealed = sealer.seal("client_certificates", "c", certificate).unwrap();
        assert_eq!(sealer.unseal("client_certificates", "c", &sealed).unwrap().unwrap(), certificate);
    }
}
