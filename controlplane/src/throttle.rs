//! What files say of throttles, and how AWS names the methods that settings are for (tables.md §9.1, §9.6).

use ringway_core::model::{HttpMethod, Stage, ThrottleSettings};

use crate::cursor::Cursor;
use crate::issue::{Issues, quoted};

const THROTTLE_KEYS: [&str; 2] = ["rateLimit", "burstLimit"];

/// A resource's path and a method of it.
pub(crate) type MethodName = (String, HttpMethod);

impl Issues<'_> {
    /// Reports the keys that are not in `known`.
    pub(crate) fn known_keys(&mut self, cursor: &Cursor<'_>, known: &[&str]) {
        for (key, member) in cursor.entries() {
            if !known.contains(&key) {
                self.unknown_key(&member, key, known.iter().copied());
            }
        }
    }

    /// `{ rateLimit, burstLimit }`, both of which have to be there.
    pub(crate) fn throttle(&mut self, cursor: &Cursor<'_>) -> Option<ThrottleSettings> {
        self.mapping(cursor)?;
        self.known_keys(cursor, &THROTTLE_KEYS);
        let rate = self.required(cursor, "rateLimit").and_then(|rate| self.rate_limit(&rate));
        let burst = self.required(cursor, "burstLimit").and_then(|burst| self.count_limit(&burst));
        Some(ThrottleSettings { rate_limit: rate?, burst_limit: burst? })
    }

    /// Requests per second.
    pub(crate) fn rate_limit(&mut self, cursor: &Cursor<'_>) -> Option<f64> {
        self.number(cursor, 0.0, f64::MAX)
    }

    /// Requests.
    pub(crate) fn count_limit(&mut self, cursor: &Cursor<'_>) -> Option<u32> {
        self.integer(cursor, 0, u64::from(u32::MAX)).map(|count| count as u32)
    }

    /// A method as [`method_name`] takes it, which stands as a key.
    pub(crate) fn method_key(&mut self, member: &Cursor<'_>, key: &str) -> Option<MethodName> {
        let name = method_name(key);
        if name.is_none() {
            let help = "a path and a method: `/pets/{petId}/GET`, and `//GET` for the root";
            self.at_key(member, format!("{} names no method", quoted(key)), Some(help.into()));
        }
        name
    }
}

/// `/pets/{petId}/GET`, or without the slash at its beginning, as AWS shows it in stages; `//GET` is that of the root
/// (tables.md §9.1).
pub(crate) fn method_name(key: &str) -> Option<MethodName> {
    let (path, verb) = key.rsplit_once('/')?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Some((path, HttpMethod::of(verb)?)).filter(|(path, _)| path == "/" || !path.ends_with('/'))
}

/// Whether a stage has a method, be it only in its canary.
pub(crate) fn has_method(stage: &Stage, (path, verb): &MethodName) -> bool {
    let canary = stage.canary.iter().map(|canary| &canary.deployment);
    [&stage.deployment].into_iter().chain(canary).any(|deployment| {
        let resource = deployment.rest_api.resources.iter().find(|resource| resource.path == *path);
        resource.is_some_and(|resource| resource.methods.iter().any(|method| method.http_method == *verb))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_methods() {
        for (key, path) in [("/pets/{petId}/GET", "/pets/{petId}"), ("pets/GET", "/pets"), ("//GET", "/")] {
            assert_eq!(method_name(key), Some((path.to_owned(), HttpMethod::Get)), "{key}");
        }
        assert_eq!(method_name("/a/ANY"), Some(("/a".to_owned(), HttpMethod::Any)));
        for key in ["", "GET", "/pets/get", "/pets//GET", "///GET", "/pets/*", "*/*"] {
            assert_eq!(method_name(key), None, "{key}");
        }
    }
}
