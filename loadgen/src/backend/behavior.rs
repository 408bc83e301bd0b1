//! What a path does with a request: spelled on the command line, for all paths or for one route.

use std::fs;
use std::str::FromStr;
use std::sync::Arc;

use super::delay::{Delay, nanos};

/// Bytes of a body that is the same for every request: it is kept in memory. More: refused at the start.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Routes with a behavior of their own. More: refused at the start; each request looks through them.
pub(super) const ROUTES_MAX: usize = 64;
/// What a body of `--body-bytes` repeats.
const PATTERN: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The keys of a route, for messages.
const KEYS: &str = "delay, status, body-bytes, body-file, chunked, echo, error-share, drip, stall-after, reset-after, reset-share";

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behavior {
    /// From the request's arrival to its answer.
    pub(super) delay: Delay,
    pub(super) status: u16,
    pub(super) body: Body,
    /// Whether the body is sent in chunks.
    pub(super) chunked: bool,
    /// The answer stands still after this many of its bytes, head included.
    pub(super) stall_after: Option<u64>,
    pub(super) reset: Option<Reset>,
    pub(super) drip: Option<Drip>,
    pub(super) errors: Option<ErrorShare>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// Always this.
    Bytes(Arc<[u8]>),
    /// The request's own body; without one, a description of the request.
    Echo,
}

/// Some answers are cut by a reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reset {
    /// Share of the requests, 0 to 1.
    pub(super) share: f64,
    /// After so many bytes of the answer.
    pub(super) after: u64,
}

/// An answer sent a few bytes at a time: `BYTES/INTERVAL`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drip {
    pub(super) bytes: usize,
    pub(super) every_nanos: u64,
}

/// Some answers are errors: `SHARE:STATUS`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ErrorShare {
    pub(super) share: f64,
    pub(super) status: u16,
}

impl Default for Behavior {
    /// 200 at once, with 128 bytes.
    fn default() -> Self {
        Behavior {
            delay: Delay::None,
            status: 200,
            body: pattern(128).expect("it is short"),
            chunked: false,
            stall_after: None,
            reset: None,
            drip: None,
            errors: None,
        }
    }
}

impl Behavior {
    /// Whether every answer is the same and sent at once: the fast path.
    pub(super) fn is_plain(&self) -> bool {
        self.delay == Delay::None
            && matches!(self.body, Body::Bytes(_))
            && (&self.stall_after, &self.reset, &self.drip, &self.errors) == (&None, &None, &None, &None)
    }

    /// Takes one `key:value`, or a key alone, of a route.
    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (key, value) = setting.split_once(':').unwrap_or((setting, ""));
        match (key, value.is_empty()) {
            ("chunked", true) => self.chunked = true,
            ("echo", true) => self.body = Body::Echo,
            ("delay", false) => self.delay = value.parse()?,
            ("status", false) => self.status = status(value)?,
            ("body-bytes", false) => self.body = pattern(value.parse().map_err(|_| no_number(setting))?)?,
            ("body-file", false) => self.body = file(value)?,
            ("error-share", false) => self.errors = Some(value.parse()?),
            ("drip", false) => self.drip = Some(value.parse()?),
            ("stall-after", false) => self.stall_after = Some(value.parse().map_err(|_| no_number(setting))?),
            ("reset-after", false) => {
                let after = value.parse().map_err(|_| no_number(setting))?;
                self.reset = Some(Reset { share: self.reset.map_or(1.0, |reset| reset.share), after });
            }
            ("reset-share", false) => {
                let share = share(value)?;
                self.reset = Some(Reset { share, after: self.reset.map_or(0, |reset| reset.after) });
            }
            _ => return Err(format!("`{setting}` is not understood in a route; there are {KEYS}")),
        }
        Ok(())
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.stall_after.is_some() && self.reset.is_some() {
            return Err("an answer can stall or be reset, not both".to_owned());
        }
        if matches!(self.status, 204 | 304) && (self.chunked || self.body == Body::Echo) {
            return Err(format!(
                "an answer with status {} has no body to echo or to send in chunks",
                self.status
            ));
        }
        Ok(())
    }
}

/// The paths that a route is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    /// `/exact`, or what comes before the `*` of `/prefix/*`.
    path: String,
    is_prefix: bool,
    pub(super) behavior: Behavior,
}

impl Route {
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        if self.is_prefix { path.starts_with(self.path.as_bytes()) } else { path == self.path.as_bytes() }
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, settings) = text.split_once('=').ok_or_else(|| {
            format!("`{text}`: write PATH=KEY:VALUE,..., such as /slow=delay:fixed:100ms,status:200")
        })?;
        if !path.starts_with('/') || path.trim_end_matches('*').contains('*') {
            return Err(format!(
                "`{path}`: a route is a path such as /slow, or all below one such as /slow/*"
            ));
        }
        let mut behavior = Behavior::default();
        for setting in settings.split(',') {
            behavior.set(setting).map_err(|error| format!("route {path}: {error}"))?;
        }
        behavior.check().map_err(|error| format!("route {path}: {error}"))?;
        let is_prefix = path.ends_with('*');
        Ok(Route { path: path.trim_end_matches('*').to_owned(), is_prefix, behavior })
    }
}

impl FromStr for Drip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let spelled = || format!("`{text}`: write BYTES/INTERVAL, such as 1/1s");
        let (bytes, interval) = text.split_once('/').ok_or_else(spelled)?;
        let bytes = bytes.parse().map_err(|_| spelled())?;
        let every_nanos = nanos(interval)?;
        if bytes == 0 || every_nanos == 0 {
            return Err(format!("`{text}`: neither bytes nor interval can be 0"));
        }
        Ok(Drip { bytes, every_nanos })
    }
}

impl FromStr for ErrorShare {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, code) =
            text.split_once(':').ok_or_else(|| format!("`{text}`: write SHARE:STATUS, such as 0.01:503"))?;
        Ok(ErrorShare { share: share(of)?, status: status(code)? })
    }
}

/// A share of all requests.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("`{text}`: a share lies between 0 and 1"))
    }
}

/// A status that ends an exchange.
pub(super) fn status(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(status) if (200..=599).contains(&status) => Ok(status),
        _ => Err(format!("`{text}` is no status from 200 to 599")),
    }
}

fn no_number(setting: &str) -> String {
    format!("`{setting}`: a number is needed after the colon")
}

/// A body of so many bytes.
pub(super) fn pattern(length: usize) -> Result<Body, String> {
    if length > BODY_BYTES_MAX {
        return Err(format!(
            "a body of {length} bytes is too large: it is kept in memory, up to {BODY_BYTES_MAX}"
        ));
    }
    Ok(Body::Bytes(PATTERN.iter().copied().cycle().take(length).collect()))
}

/// The content of a file as a body.
pub(super) fn file(path: &str) -> Result<Body, String> {
    let place = |error: std::io::Error| format!("{path}: {error}");
    let length = fs::metadata(path).map_err(place)?.len();
    if length > BODY_BYTES_MAX as u64 {
        return Err(format!(
            "{path}: {length} bytes are too many: a body is kept in memory, up to {BODY_BYTES_MAX}"
        ));
    }
    Ok(Body::Bytes(fs::read(path).map_err(place)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_what_it_says() {
        let route: Route = "/slow=delay:fixed:100ms,status:201,body-bytes:40,chunked".parse().unwrap();
        let expected = Behavior {
            delay: Delay::Fixed(100_000_000),
            status: 201,
            body: Body::Bytes(b"0123456789abcdefghijklmnopqrstuvwxyz0123".as_slice().into()),
            chunked: true,
            ..Behavior::default()
        };
        assert_eq!(route.behavior, expected);
        assert!(route.matches(b"/slow") && !route.matches(b"/slow/er"));
        let below: Route = "/sick/*=stall-after:0".parse().unwrap();
        assert!(below.matches(b"/sick/1") && !below.matches(b"/sick"));
        assert_eq!(below.behavior.stall_after, Some(0));
        let reset: Route = "/r=reset-share:0.5,reset-after:10".parse().unwrap();
        assert_eq!(reset.behavior.reset, Some(Reset { share: 0.5, after: 10 }));
        let mixed: Route = "/m=error-share:0.01:503,drip:2/50ms".parse().unwrap();
        assert_eq!(mixed.behavior.errors, Some(ErrorShare { share: 0.01, status: 503 }));
        assert_eq!(mixed.behavior.drip, Some(Drip { bytes: 2, every_nanos: 50_000_000 }));
        assert!(!mixed.behavior.is_plain() && Behavior::default().is_plain());
    }

    #[test]
    fn a_route_that_is_wrong_says_where() {
        for (text, word) in [
            ("/slow", "PATH=KEY:VALUE"),
            ("slow=echo", "a route is a path"),
            ("/a*b=echo", "a route is a path"),
            ("/s=delay:5ms", "route /s: `5ms` is no delay"),
            ("/s=color:red", "there are delay, status"),
            ("/s=echo:yes", "`echo:yes`"),
            ("/s=status:99", "200 to 599"),
            ("/s=stall-after:x", "a number is needed"),
            ("/s=drip:0/1s", "can be 0"),
            ("/s=error-share:2:503", "between 0 and 1"),
            ("/s=stall-after:5,reset-after:5", "not both"),
            ("/s=status:204,echo", "no body"),
            ("/s=body-bytes:99999999999", "too large"),
            ("/s=body-file:/no/such/file", "/no/such/file"),
        ] {
            let error = text.parse::<Route>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
