//! Other proxies, set up as a competent operator would for one core: kept connections on both sides, an access log as rich as ours.

use std::process::Command;

use super::arms::{Arm, Site};
use crate::process::{self, Server};
use crate::{Outcome, packages};

/// Lines that a bench adds to the configuration of a peer.
#[derive(Default)]
pub(crate) struct Additions {
    /// What is done with each request, before it is passed on.
    pub(crate) request: String,
    /// What that refers to.
    pub(crate) declared: String,
    /// Members of a line of the access log: `,"name":"value"`.
    pub(crate) logged: &'static str,
}

impl Site {
    /// nginx: one worker, kept upstream connections, a buffered access log as rich as ours.
    pub(crate) fn start_nginx(&self, additions: &Additions) -> Outcome<Arm> {
        let address = process::free_address()?;
        let log = self.scratch.file("nginx.access.log");
        let file = |name: &str| self.scratch.file(name).display().to_string();
        let configuration = format!(
            r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {pid};
error_log stderr warn;
{user}
events {{ worker_connections 19000; }}
http {{
    log_format access escape=json '{{"requestId":"$request_id","ip":"$remote_addr","requestTime":"$time_local",'
        '"httpMethod":"$request_method","path":"$uri","status":"$status","protocol":"$server_protocol",'
        '"responseLength":"$body_bytes_sent","responseLatency":"$request_time","integrationLatency":"$upstream_response_time"{logged}}}';
    access_log {log} access buffer=64k flush=1s;
    client_body_temp_path {bodies};
    proxy_temp_path {answers};
    fastcgi_temp_path {answers};
    uwsgi_temp_path {answers};
    scgi_temp_path {answers};
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_timeout 1h;
{declared}    upstream backend {{
        server {backend};
        keepalive 512;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
{request}            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"#,
            pid = file("nginx.pid"),
            // A worker of another user could not write into our directory.
            user = if packages::is_root() { "user root;" } else { "" },
            log = log.display(),
            bodies = file("nginx-bodies"),
            answers = file("nginx-answers"),
            backend = self.backend.address,
            declared = additions.declared,
            request = additions.request,
            logged = additions.logged,
        );
        let path = self.scratch.write("nginx.conf", &configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(path).args(["-e", "stderr"]);
        Ok(Arm::new("nginx", self.start("nginx", &command, address)?, Some(log)))
    }

    /// HAProxy: one thread, reused upstream connections. It writes no files itself, so its log goes through its ring
    /// buffer to a sink: a fifth cheaper for it here than a datagram per line.
    pub(crate) fn start_haproxy(&self, additions: &Additions) -> Outcome<Arm> {
        let (address, sink_address) = (process::free_address()?, process::free_address()?);
        let log = self.scratch.file("haproxy.access.log");
        let mut command = Command::new(self.binaries.join("logsink"));
        command.args(["--listen", &sink_address.to_string(), "--file"]).arg(&log);
        let mut sink =
            Server::start_unchecked("logsink", &command, Some(self.load_core), sink_address, &self.scratch)?;
        sink.wait_until(|_| log.exists())?;
        let configuration = format!(
            r#"global
    nbthread 1
    maxconn 9000
    log ring@access len 2048 format raw local0
ring access
    format raw
    maxlen 2048
    size 8388608
    timeout connect 5s
    timeout server 1h
    server sink {sink_address} log-proto legacy
defaults
    mode http
    log global
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-request 1h
    timeout http-keep-alive 1h
frontend in
    bind {address} backlog 4096
    unique-id-format %{{+X}}o%ci%cp%Ts%rt
    log-format '{log_format}{logged}}}'
{request}    default_backend out
backend out
    server backend {backend} pool-max-conn -1 pool-purge-delay 1h
{declared}"#,
            backend = self.backend.address,
            log_format = HAPROXY_LOG_FORMAT,
            declared = additions.declared,
            request = additions.request,
            logged = additions.logged,
        );
        let path = self.scratch.write("haproxy.cfg", &configuration)?;
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(path);
        let server = self.start("haproxy", &command, address)?;
        let mut arm = Arm::new("haproxy", server, Some(log));
        arm.sink = Some(sink);
        Ok(arm)
    }
}

/// As rich as the other arms' lines; without the brace that ends it.
const HAPROXY_LOG_FORMAT: &str = concat!(
    r#"{"requestId":"%ID","ip":"%ci","requestTime":"%t","httpMethod":"%HM","path":"%HP","status":"%ST","#,
    r#""protocol":"%HV","responseLength":"%B","responseLatency":"%Ta","integrationLatency":"%Tr""#,
);
