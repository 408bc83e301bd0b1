//! `ringway.toml`: the configuration of the process. It takes a restart; API files do not.

mod control_plane;
mod files;
mod quota;
mod read;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringway_core::limits::BODY_BYTES_MAX;
use ringway_core::model::ThrottleSettings;

use crate::cursor::Cursor;
use crate::document;
use crate::issue::{Issue, Issues, Place};
use crate::openapi::Account;

pub use control_plane::ControlPlaneConfig;
pub use quota::QuotaConfig;

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
    pub apis: Vec<FilePattern>,
    /// Usage files; see [`ProcessConfig::usage_files`].
    pub usage: Vec<FilePattern>,
    /// `throttle` of `[account]`: what all requests together may be. AWS has 10,000 per second and 5,000 at once; here there is no limit
    /// unless it is set.
    pub account_throttle: Option<ThrottleSettings>,
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
    /// Whether hosts that name no API take `/restapis/{restApiId}/{stage}/_user_request_/…`.
    pub path_addresses: bool,
    /// How long a request may wait for its core; zero: however long.
    pub queue_time: Duration,
    /// Whether answers to requests with API keys tell what is left of their limits.
    pub rate_limit_headers: bool,
    /// The AWS control plane.
    pub control_plane: ControlPlaneConfig,
    /// What keys have used of their quotas.
    pub quota: QuotaConfig,
}

/// Which driver moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The best that the kernel allows: native, else monoio, else epoll, said loudly.
    Auto,
    /// io_uring with the driver of our own, or no start.
    Native,
    /// io_uring through monoio, or no start.
    Monoio,
    /// epoll.
    Epoll,
}

/// A path of `apis` or `usage`; its last segment may have `*`.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePattern {
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
    /// Most requests that wait for a connection: as many as there may be client connections, so that nobody is refused who can be served
    /// in the time of the integration.
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
            usage: Vec::new(),
            account_throttle: None,
            connections_max: 16_384,
            idle_timeout: Duration::from_secs(60),
            head_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(35),
            access_log: AccessLog { target: AccessLogTarget::Stdout, format: AccessLogFormat::Json },
            upstream: Upstream {
                connections_max: 1024,
                idle_timeout: Duration::from_secs(30),
                wait_queue_max: 16_384,
                connect_timeout: Duration::from_secs(3),
            },
            body_bytes_max: BODY_BYTES_MAX,
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            execute_api_suffix: "amazonaws.com".to_owned(),
            path_addresses: false,
            queue_time: Duration::from_millis(500),
            rate_limit_headers: false,
            control_plane: ControlPlaneConfig::default(),
            quota: QuotaConfig::default(),
        }
    }
}

/// Parses the process configuration `text`; paths in it are relative to `file`.
///
/// # Errors
/// Every issue of the file.
pub fn parse(text: &str, file: &Path) -> Result<ProcessConfig, Vec<Issue>> {
    let mut issues = Issues::new(file);
    let mut config = ProcessConfig::default();
    let parsed = document::parse_toml(text, &mut issues).map(|root| {
        let root = Cursor::root(&root);
        read::root(&mut issues, &root, &mut config);
        config
    });
    issues.into_result(parsed)
}

impl ProcessConfig {
    /// Where its APIs belong to on AWS.
    pub fn account(&self) -> Account {
        Account { region: self.region.clone(), account_id: self.account_id.clone() }
    }

    /// The API files that `apis` names now, in the order of the patterns and sorted within each. A reload asks again:
    /// files come and go.
    ///
    /// # Errors
    /// Patterns that match nothing or whose directory cannot be read.
    pub fn api_files(&self) -> Result<Vec<PathBuf>, Vec<Issue>> {
        expanded(&self.apis)
    }

    /// The usage files that `usage` names now, as [`api_files`](Self::api_files) does.
    ///
    /// # Errors
    /// Patterns that match nothing or whose directory cannot be read.
    pub fn usage_files(&self) -> Result<Vec<PathBuf>, Vec<Issue>> {
        expanded(&self.usage)
    }
}

fn expanded(patterns: &[FilePattern]) -> Result<Vec<PathBuf>, Vec<Issue>> {
    let mut issues = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for FilePattern { path, place } in patterns {
        match files::expand(path) {
            Ok(matches) => files.extend(matches),
            Err(message) => issues.push(Issue::new(place.clone(), message)),
        }
    }
    if issues.is_empty() { Ok(files) } else { Err(issues) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_read() {
        let text = r#"
            cores = 2
            listen = ["127.0.0.1:1", "[::]:2"]
            admin = "10.0.0.1:3"
            adminAllowRemote = true
            driver = "epoll"
            apis = ["a.toml", "apis/*.toml"]
            usage = ["usage/*.toml"]
            account = { throttle = { rateLimit = 16.5, burstLimit = 17 } }
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
            pathAddresses = true
            rateLimitHeaders = true
            queueTimeMillis = 18
            [controlPlane]
            listen = "127.0.0.1:13"
            store = "data/apis.redb"
            credentials = "credentials"
            requestsPerSecond = 14
            burst = 15
            [quota]
            store = "data/usage.redb"
        "#;
        let config = parse(text, Path::new("etc/ringway.toml")).unwrap();
        let paths: Vec<_> = config.apis.iter().map(|pattern| pattern.path.clone()).collect();
        assert_eq!(paths, [PathBuf::from("etc/a.toml"), PathBuf::from("etc/apis/*.toml")]);
        assert_eq!(config.usage[0].path, PathBuf::from("etc/usage/*.toml"));
        let expected = ProcessConfig {
            cores: 2,
            listen: vec!["127.0.0.1:1".parse().unwrap(), "[::]:2".parse().unwrap()],
            admin: "10.0.0.1:3".parse().unwrap(),
            admin_allow_remote: true,
            driver: Driver::Epoll,
            apis: config.apis.clone(),
            usage: config.usage.clone(),
            account_throttle: Some(ThrottleSettings { rate_limit: 16.5, burst_limit: 17 }),
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
            path_addresses: true,
            rate_limit_headers: true,
            queue_time: Duration::from_millis(18),
            control_plane: ControlPlaneConfig {
                listen: Some("127.0.0.1:13".parse().unwrap()),
                store: "etc/data/apis.redb".into(),
                credentials: Some("etc/credentials".into()),
                requests_per_second: 14,
                burst: 15,
            },
            quota: QuotaConfig { store: "etc/data/usage.redb".into() },
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn with_a_control_plane_no_file_has_to_name_an_api() {
        let file = Path::new("ringway.toml");
        let config = parse("[controlPlane]\nlisten = \"127.0.0.1:9902\"\n", file).unwrap();
        assert!(config.apis.is_empty());
        assert_eq!(config.control_plane.store, PathBuf::from("ringway.redb"));
        assert_eq!(config.quota.store, PathBuf::from("usage.redb"));
        assert_eq!(parse("[controlPlane]\nburst = 9\n", file).unwrap_err().len(), 1, "`apis` is missing");
    }
}
