//! The members of `ringway.toml`, one by one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringway_core::limits::BODY_BYTES_MAX;

use super::{
    AccessLog, AccessLogFormat, AccessLogTarget, Driver, FilePattern, ProcessConfig, Upstream, control_plane,
    quota,
};
use crate::api_file::beside;
use crate::cursor::Cursor;
use crate::domain_name::is_host;
use crate::issue::{Issues, quoted};

const KEYS: [&str; 23] = [
    "cores",
    "listen",
    "admin",
    "adminAllowRemote",
    "driver",
    "apis",
    "usage",
    "account",
    "connectionsMax",
    "idleTimeoutMillis",
    "headTimeoutMillis",
    "drainTimeoutMillis",
    "accessLog",
    "upstream",
    "bodyBytesMax",
    "region",
    "accountId",
    "executeApiSuffix",
    "pathAddresses",
    "rateLimitHeaders",
    "queueTimeMillis",
    "controlPlane",
    "quota",
];
const UPSTREAM_KEYS: [&str; 4] =
    ["connectionsMax", "idleTimeoutMillis", "waitQueueMax", "connectTimeoutMillis"];
const ACCESS_LOG_KEYS: [&str; 2] = ["path", "format"];

const CORES_MAX: u64 = 1024;
const CONNECTIONS_MAX: u64 = 1_000_000;
const MILLIS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Reads the whole file into `config`, which holds the defaults.
pub(super) fn root(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    issues.known_keys(root, &KEYS);
    count(issues, root, "cores", 0, CORES_MAX, &mut config.cores);
    listen(issues, root, config);
    admin(issues, root, config);
    driver(issues, root, config);
    control_plane::read(issues, root, &mut config.control_plane);
    quota::read(issues, root, &mut config.quota);
    apis(issues, root, config);
    usage(issues, root, config);
    account(issues, root, config);
    count(issues, root, "connectionsMax", 1, CONNECTIONS_MAX, &mut config.connections_max);
    if let Some(cursor) = root.get("queueTimeMillis")
        && let Some(millis) = issues.integer(&cursor, 0, MILLIS_MAX)
    {
        config.queue_time = Duration::from_millis(millis);
    }
    millis(issues, root, "idleTimeoutMillis", &mut config.idle_timeout);
    millis(issues, root, "headTimeoutMillis", &mut config.head_timeout);
    millis(issues, root, "drainTimeoutMillis", &mut config.drain_timeout);
    access_log(issues, root, &mut config.access_log);
    upstream(issues, root, &mut config.upstream);
    if let Some(cursor) = root.get("bodyBytesMax")
        && let Some(bytes) = issues.integer(&cursor, 0, BODY_BYTES_MAX)
    {
        config.body_bytes_max = bytes;
    }
    let region = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    word(issues, root, "region", region, "a Region such as `us-east-1`", &mut config.region);
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    word(issues, root, "accountId", account, "an account id of twelve digits", &mut config.account_id);
    word(issues, root, "executeApiSuffix", is_host, "a domain name", &mut config.execute_api_suffix);
    if let Some(cursor) = root.get("pathAddresses")
        && let Some(on) = issues.boolean(&cursor)
    {
        config.path_addresses = on;
    }
    if let Some(cursor) = root.get("rateLimitHeaders")
        && let Some(on) = issues.boolean(&cursor)
    {
        config.rate_limit_headers = on;
    }
}

/// A file, relative to the one that names it.
pub(super) fn file(issues: &mut Issues<'_>, parent: &Cursor<'_>, key: &str) -> Option<PathBuf> {
    let cursor = parent.get(key)?;
    let text = issues.string(&cursor)?;
    if Path::new(text).file_name().is_none() {
        issues.at(&cursor, "expected the path of a file");
        return None;
    }
    Some(beside(issues.file(), text))
}

fn count(issues: &mut Issues<'_>, parent: &Cursor<'_>, key: &str, least: u64, most: u64, into: &mut usize) {
    if let Some(cursor) = parent.get(key)
        && let Some(value) = issues.integer(&cursor, least, most)
    {
        *into = value as usize;
    }
}

fn millis(issues: &mut Issues<'_>, parent: &Cursor<'_>, key: &str, into: &mut Duration) {
    if let Some(cursor) = parent.get(key)
        && let Some(value) = issues.integer(&cursor, 1, MILLIS_MAX)
    {
        *into = Duration::from_millis(value);
    }
}

fn word(
    issues: &mut Issues<'_>,
    parent: &Cursor<'_>,
    key: &str,
    is_valid: impl Fn(&str) -> bool,
    expected: &str,
    into: &mut String,
) {
    let Some(cursor) = parent.get(key) else { return };
    let Some(text) = issues.string(&cursor) else { return };
    if is_valid(text) {
        text.clone_into(into);
    } else {
        issues.at(&cursor, format!("{} is not {expected}", quoted(text)));
    }
}

pub(super) fn address(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<SocketAddr> {
    let text = issues.string(cursor)?;
    let address = text.parse().ok();
    if address.is_none() {
        issues.at_with_help(
            cursor,
            format!("{} is no address", quoted(text)),
            "an IP address and a port: `127.0.0.1:8080`, `[::]:8080`",
        );
    }
    address
}

fn listen(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    let Some(cursor) = root.get("listen") else { return };
    let Some(items) = issues.sequence(&cursor) else { return };
    if items.is_empty() {
        issues.at(&cursor, "a gateway needs at least one address");
    }
    let mut addresses = Vec::new();
    for item in &items {
        let Some(address) = address(issues, item) else { continue };
        // Port 0 is any free port, so it may be there twice.
        if address.port() != 0 && addresses.contains(&address) {
            issues.at(item, format!("`{address}` is there twice"));
        }
        addresses.push(address);
    }
    config.listen = addresses;
}

fn admin(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    if let Some(cursor) = root.get("adminAllowRemote")
        && let Some(allowed) = issues.boolean(&cursor)
    {
        config.admin_allow_remote = allowed;
    }
    let Some(cursor) = root.get("admin") else { return };
    let Some(address) = address(issues, &cursor) else { return };
    if !address.ip().is_loopback() && !config.admin_allow_remote {
        issues.at_with_help(
            &cursor,
            format!("`{address}` is not loopback: the admin server asks nobody who they are"),
            "`127.0.0.1:9901`, or `adminAllowRemote = true` where the network keeps others out",
        );
    }
    config.admin = address;
}

fn driver(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    let Some(cursor) = root.get("driver") else { return };
    config.driver = match issues.string(&cursor) {
        Some("auto") => Driver::Auto,
        Some("native") => Driver::Native,
        Some("monoio") => Driver::Monoio,
        Some("epoll") => Driver::Epoll,
        Some(text) => {
            return issues
                .at(&cursor, format!("{} is not `auto`, `native`, `monoio` or `epoll`", quoted(text)));
        }
        None => return,
    };
}

fn apis(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    const HELP: &str = "`apis = [\"apis/*.toml\"]`, relative to this file";
    // What the control plane holds is something to serve.
    let needed = config.control_plane.listen.is_none();
    let Some(cursor) = root.get("apis") else {
        if !needed {
            return;
        }
        return issues.at_with_help(root, "`apis` is missing: there is nothing to serve", HELP);
    };
    let Some(items) = issues.sequence(&cursor) else { return };
    if items.is_empty() && needed {
        issues.at_with_help(&cursor, "`apis` is empty: there is nothing to serve", HELP);
    }
    config.apis = patterns(issues, &items);
}

fn usage(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    let Some(cursor) = root.get("usage") else { return };
    let items = issues.sequence(&cursor).unwrap_or_default();
    config.usage = patterns(issues, &items);
}

fn patterns(issues: &mut Issues<'_>, items: &[Cursor<'_>]) -> Vec<FilePattern> {
    let mut patterns = Vec::new();
    for item in items {
        let Some(text) = issues.string(item) else { continue };
        let path = beside(issues.file(), text);
        let directory = Path::new(text).parent().unwrap_or(Path::new(""));
        if text.is_empty() || path.file_name().is_none() {
            issues.at(item, format!("{} names no file", quoted(text)));
        } else if directory.to_string_lossy().contains('*') {
            issues.at(item, "`*` may stand only in the last part of the path");
        } else {
            patterns.push(FilePattern { path, place: item.place(issues.file()) });
        }
    }
    patterns
}

fn account(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    let Some(cursor) = root.get("account") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    issues.known_keys(&cursor, &["throttle"]);
    config.account_throttle = cursor.get("throttle").and_then(|throttle| issues.throttle(&throttle));
}

fn access_log(issues: &mut Issues<'_>, root: &Cursor<'_>, log: &mut AccessLog) {
    let Some(cursor) = root.get("accessLog") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    issues.known_keys(&cursor, &ACCESS_LOG_KEYS);
    if let Some(path) = cursor.get("path") {
        match issues.string(&path) {
            Some("-") => log.target = AccessLogTarget::Stdout,
            Some("off") => log.target = AccessLogTarget::Off,
            Some("") => issues.at(&path, "expected a path, `-` for standard output, or `off`"),
            Some(text) => log.target = AccessLogTarget::File(beside(issues.file(), text)),
            None => {}
        }
    }
    if let Some(format) = cursor.get("format") {
        match issues.string(&format) {
            Some("json") => log.format = AccessLogFormat::Json,
            Some("clf") => log.format = AccessLogFormat::Clf,
            Some(_) => {
                if let Some(text) = issues.access_log_format(&format) {
                    log.format = AccessLogFormat::Custom(text.to_owned());
                }
            }
            None => {}
        }
    }
}

fn upstream(issues: &mut Issues<'_>, root: &Cursor<'_>, into: &mut Upstream) {
    let Some(cursor) = root.get("upstream") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    issues.known_keys(&cursor, &UPSTREAM_KEYS);
    count(issues, &cursor, "connectionsMax", 1, CONNECTIONS_MAX, &mut into.connections_max);
    count(issues, &cursor, "waitQueueMax", 0, CONNECTIONS_MAX, &mut into.wait_queue_max);
    millis(issues, &cursor, "idleTimeoutMillis", &mut into.idle_timeout);
    millis(issues, &cursor, "connectTimeoutMillis", &mut into.connect_timeout);
}
