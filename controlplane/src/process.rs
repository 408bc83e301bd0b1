//! `ringway.toml`: the configuration of the process. It takes a restart; API files do not.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringway_core::limits::BODY_BYTES_MAX;

use crate::api_file::beside;
use crate::cursor::Cursor;
use crate::document;
use crate::domain_name::is_host;
use crate::issue::{Issue, Issues, Place, quoted};

/// The configuration of a gateway process. `config/ringway.toml` describes each member; defaults are the same there
/// and here, which a test holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessConfig {
    /// Data cores; 0 takes all that the process may run on.
    pub cores: usize,
    /// Addresses of the gateway.
    pub listen: Vec<SocketAddr>,
    /// Address of the admin server.
    pub admin: SocketAddr,
    /// Allows an `admin` address that is not loopback.
    pub admin_allow_remote: bool,
    /// Which driver moves the bytes.
    pub driver: Driver,
    /// API files; see [`ProcessConfig::api_files`].
    pub apis: Vec<ApiPattern>,
    /// Most client connections of a core.
    pub connections_max: usize,
    /// A kept connection without a request is closed after this.
    pub idle_timeout: Duration,
    /// The head of a request has to be complete after this.
    pub head_timeout: Duration,
    /// After SIGTERM, requests in flight have this long to finish.
    pub drain_timeout: Duration,
    /// Where and how requests are logged.
    pub access_log: AccessLog,
    /// Connections to backends.
    pub upstream: Upstream,
    /// Most bytes of a request body; AWS's limit at most.
    pub body_bytes_max: u64,
    /// AWS Region in names that AWS makes.
    pub region: String,
    /// AWS account id in names that AWS makes, and `$context.accountId`.
    pub account_id: String,
    /// Last part of `{restApiId}.execute-api.{region}.{suffix}`.
    pub execute_api_suffix: String,
}

/// Which driver moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// io_uring where the kernel allows it, else epoll, said loudly.
    Auto,
    /// io_uring, or no start.
    IoUring,
    /// epoll.
    Epoll,
}

/// A path of `apis`; its last segment may have `*`.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiPattern {
    /// The path, relative to the working directory.
    pub path: PathBuf,
    place: Place,
}

/// Where and how requests are logged.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// Where the lines go.
    pub target: AccessLogTarget,
    /// Format of stages that have none of their own.
    pub format: AccessLogFormat,
}

/// Where the lines of the access log go.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessLogTarget {
    /// `"-"`
    Stdout,
    /// `"off"`
    Off,
    /// Any other path, relative to the working directory.
    File(PathBuf),
}

/// Format of the access log.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessLogFormat {
    /// `"json"`: AWS's sample (tables.md §5.6).
    Json,
    /// `"clf"`: AWS's sample of the common log format.
    Clf,
    /// Any other text, with `$context` variables; checked.
    Custom(String),
}

/// Connections to backends; each limit is for one endpoint on one core.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Most connections.
    pub connections_max: usize,
    /// An idle connection is closed after this.
    pub idle_timeout: Duration,
    /// Most requests that wait for a connection.
    pub wait_queue_max: usize,
    /// A connection has to be established after this.
    pub connect_timeout: Duration,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        Self {
            cores: 0,
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 8080))],
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            admin_allow_remote: false,
            driver: Driver::Auto,
            apis: Vec::new(),
            connections_max: 16_384,
            idle_timeout: Duration::from_secs(60),
            head_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(35),
            access_log: AccessLog { target: AccessLogTarget::Stdout, format: AccessLogFormat::Json },
            upstream: Upstream {
                connections_max: 1024,
                idle_timeout: Duration::from_secs(30),
                wait_queue_max: 1024,
                connect_timeout: Duration::from_secs(3),
            },
            body_bytes_max: BODY_BYTES_MAX,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            execute_api_suffix: "amazonaws.com".to_owned(),
        }
    }
}

const KEYS: [&str; 16] = [
    "cores",
    "listen",
    "admin",
    "adminAllowRemote",
    "driver",
    "apis",
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
];
const UPSTREAM_KEYS: [&str; 4] =
    ["connectionsMax", "idleTimeoutMillis", "waitQueueMax", "connectTimeoutMillis"];
const ACCESS_LOG_KEYS: [&str; 2] = ["path", "format"];

const CORES_MAX: u64 = 1024;
const CONNECTIONS_MAX: u64 = 1_000_000;
const MILLIS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Parses the process configuration `text`; paths in it are relative to `file`.
///
/// # Errors
/// Every issue of the file.
pub fn parse(text: &str, file: &Path) -> Result<ProcessConfig, Vec<Issue>> {
    let mut issues = Issues::new(file);
    let mut config = ProcessConfig::default();
    let parsed = document::parse_toml(text, &mut issues).map(|root| {
        let root = Cursor::root(&root);
        known_keys(&mut issues, &root, &KEYS);
        read_root(&mut issues, &root, &mut config);
        config
    });
    issues.into_result(parsed)
}

impl ProcessConfig {
    /// The API files that `apis` names now, in the order of the patterns and sorted within each. A reload asks again:
    /// files come and go.
    ///
    /// # Errors
    /// Patterns that match nothing or whose directory cannot be read.
    pub fn api_files(&self) -> Result<Vec<PathBuf>, Vec<Issue>> {
        let mut issues = Vec::new();
        let mut files: Vec<PathBuf> = Vec::new();
        for ApiPattern { path, place } in &self.apis {
            match expand(path) {
                Ok(matches) => files.extend(matches),
                Err(message) => issues.push(Issue::new(place.clone(), message)),
            }
        }
        if issues.is_empty() { Ok(files) } else { Err(issues) }
    }
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, String> {
    let pattern = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if !pattern.contains('*') {
        return Ok(vec![path.to_owned()]);
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let unreadable =
        |error: std::io::Error| format!("cannot read the directory {}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if matches(&pattern, &name.to_string_lossy()) {
            files.push(path.with_file_name(name));
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("no file matches {}", path.display())) } else { Ok(files) }
}

/// Whether `name` is `pattern` with any text for each `*`; a hidden file has to be named.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    if name.starts_with('.') && first.is_empty() {
        return false;
    }
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

fn known_keys(issues: &mut Issues<'_>, cursor: &Cursor<'_>, known: &[&str]) {
    for (key, member) in cursor.entries() {
        if !known.contains(&key) {
            issues.unknown_key(&member, key, known.iter().copied());
        }
    }
}

fn read_root(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    count(issues, root, "cores", 0, CORES_MAX, &mut config.cores);
    listen(issues, root, config);
    admin(issues, root, config);
    driver(issues, root, config);
    apis(issues, root, config);
    count(issues, root, "connectionsMax", 1, CONNECTIONS_MAX, &mut config.connections_max);
    millis(issues, root, "idleTimeoutMillis", &mut config.idle_timeout);
    millis(issues, root, "headTimeoutMillis", &mut config.head_timeout);
    millis(issues, root, "drainTimeoutMillis", &mut config.drain_timeout);
    read_access_log(issues, root, &mut config.access_log);
    read_upstream(issues, root, &mut config.upstream);
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

fn address(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<SocketAddr> {
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
        Some("io_uring") => Driver::IoUring,
        Some("epoll") => Driver::Epoll,
        Some(text) => {
            return issues.at(&cursor, format!("{} is not `auto`, `io_uring` or `epoll`", quoted(text)));
        }
        None => return,
    };
}

fn apis(issues: &mut Issues<'_>, root: &Cursor<'_>, config: &mut ProcessConfig) {
    const HELP: &str = "`apis = [\"apis/*.toml\"]`, relative to this file";
    let Some(cursor) = root.get("apis") else {
        return issues.at_with_help(root, "`apis` is missing: there is nothing to serve", HELP);
    };
    let Some(items) = issues.sequence(&cursor) else { return };
    if items.is_empty() {
        issues.at_with_help(&cursor, "`apis` is empty: there is nothing to serve", HELP);
    }
    for item in &items {
        let Some(text) = issues.string(item) else { continue };
        let path = beside(issues.file(), text);
        let directory = Path::new(text).parent().unwrap_or(Path::new(""));
        if text.is_empty() || path.file_name().is_none() {
            issues.at(item, format!("{} names no file", quoted(text)));
        } else if directory.to_string_lossy().contains('*') {
            issues.at(item, "`*` may stand only in the last part of the path");
        } else {
            config.apis.push(ApiPattern { path, place: item.place(issues.file()) });
        }
    }
}

fn read_access_log(issues: &mut Issues<'_>, root: &Cursor<'_>, log: &mut AccessLog) {
    let Some(cursor) = root.get("accessLog") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    known_keys(issues, &cursor, &ACCESS_LOG_KEYS);
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

fn read_upstream(issues: &mut Issues<'_>, root: &Cursor<'_>, upstream: &mut Upstream) {
    let Some(cursor) = root.get("upstream") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    known_keys(issues, &cursor, &UPSTREAM_KEYS);
    count(issues, &cursor, "connectionsMax", 1, CONNECTIONS_MAX, &mut upstream.connections_max);
    count(issues, &cursor, "waitQueueMax", 0, CONNECTIONS_MAX, &mut upstream.wait_queue_max);
    millis(issues, &cursor, "idleTimeoutMillis", &mut upstream.idle_timeout);
    millis(issues, &cursor, "connectTimeoutMillis", &mut upstream.connect_timeout);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name) in
            [("*.toml", "a.toml"), ("a*b*c", "aXbYc"), ("*", "x"), ("a*", "a"), ("a.toml", "a.toml")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.toml", "a.yaml"), ("a*a", "a"), ("*.toml", ".x.toml"), ("a*b*c", "acb"), ("a", "ab")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn every_member_is_read() {
        let text = r#"
            cores = 2
            listen = ["127.0.0.1:1", "[::]:2"]
            admin = "10.0.0.1:3"
            adminAllowRemote = true
            driver = "epoll"
            apis = ["a.toml", "apis/*.toml"]
            connectionsMax = 4
            idleTimeoutMillis = 5
            headTimeoutMillis = 6
            drainTimeoutMillis = 7
            accessLog = { path = "log/access.log", format = "$context.requestId" }
            upstream = { connectionsMax = 8, idleTimeoutMillis = 9, waitQueueMax = 10, connectTimeoutMillis = 11 }
            bodyBytesMax = 12
            region = "eu-west-1"
            accountId = "123456789012"
            executeApiSuffix = "example.org"
        "#;
        let config = parse(text, Path::new("etc/ringway.toml")).unwrap();
        let paths: Vec<_> = config.apis.iter().map(|pattern| pattern.path.clone()).collect();
        assert_eq!(paths, [PathBuf::from("etc/a.toml"), PathBuf::from("etc/apis/*.toml")]);
        let expected = ProcessConfig {
            cores: 2,
            listen: vec!["127.0.0.1:1".parse().unwrap(), "[::]:2".parse().unwrap()],
            admin: "10.0.0.1:3".parse().unwrap(),
            admin_allow_remote: true,
            driver: Driver::Epoll,
            apis: config.apis.clone(),
            connections_max: 4,
            idle_timeout: Duration::from_millis(5),
            head_timeout: Duration::from_millis(6),
            drain_timeout: Duration::from_millis(7),
            access_log: AccessLog {
                target: AccessLogTarget::File("etc/log/access.log".into()),
                format: AccessLogFormat::Custom("$context.requestId".into()),
            },
            upstream: Upstream {
                connections_max: 8,
                idle_timeout: Duration::from_millis(9),
                wait_queue_max: 10,
                connect_timeout: Duration::from_millis(11),
            },
            body_bytes_max: 12,
            region: "eu-west-1".into(),
            account_id: "123456789012".into(),
            execute_api_suffix: "example.org".into(),
        };
        assert_eq!(config, expected);
    }
}
