//! What `ringway serve` says when it has started: which driver and why, where it listens, and what it serves.

use std::fmt::Write;
use std::net::SocketAddr;

use ringway_core::model::{Api, BasePathMapping, Configuration, DomainName};

use crate::check::plural;

/// APIs and domain names listed; a configuration of hundreds would hide the rest of the banner.
const LISTED_MAX: usize = 20;

/// The facts of a start.
pub(crate) struct Started<'a> {
    /// Where every core listens.
    pub(crate) listeners: &'a [SocketAddr],
    /// Where the admin server listens.
    pub(crate) admin: SocketAddr,
    /// Where the AWS control plane listens, and whether it asks nobody who they are.
    pub(crate) control_plane: Option<(SocketAddr, bool)>,
    /// `native io_uring, …`, `epoll, …`
    pub(crate) driver: &'a str,
    /// The CPU of each core.
    pub(crate) cpus: &'a [Option<usize>],
    /// Where the access log goes.
    pub(crate) access_log: &'a str,
    pub(crate) configuration: &'a Configuration,
    /// `execute-api.us-east-1.amazonaws.com`
    pub(crate) default_domain: &'a str,
}

/// The banner, ready to print.
pub(crate) fn render(started: &Started<'_>) -> String {
    let mut out = format!("Ringway {}\n", env!("CARGO_PKG_VERSION"));
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<11} {value}");
    };
    row("driver", started.driver);
    row("cores", &cores(started.cpus));
    for listener in started.listeners {
        row("listening", &format!("http://{listener}"));
    }
    row("admin", &format!("http://{}", started.admin));
    if let Some((address, is_insecure)) = started.control_plane {
        let warning = if is_insecure { "  INSECURE: it does what everybody on this host says" } else { "" };
        row("AWS API", &format!("http://{address}{warning}"));
    }
    row("access log", started.access_log);
    for api in started.configuration.apis.iter().take(LISTED_MAX) {
        row("API", &api_line(api));
        row("", &format!("https://{}.{}/STAGE/...", api.id, started.default_domain));
    }
    for domain in started.configuration.domain_names.iter().take(LISTED_MAX) {
        for mapping in &domain.base_path_mappings {
            row("domain", &mapping_line(domain, mapping, started.listeners));
        }
    }
    let (apis, domains) = (started.configuration.apis.len(), started.configuration.domain_names.len());
    if apis.max(domains) > LISTED_MAX {
        let _ = writeln!(out, "  ... of {} and {}", plural(apis, "API"), plural(domains, "domain name"));
    }
    out
}

fn cores(cpus: &[Option<usize>]) -> String {
    let pinned: Vec<String> = cpus.iter().flatten().map(ToString::to_string).collect();
    if pinned.is_empty() {
        return format!("{}, placed by the scheduler", cpus.len());
    }
    format!("{}, pinned to CPU {}", cpus.len(), pinned.join(" "))
}

fn api_line(api: &Api) -> String {
    let stages: Vec<String> = api
        .stages
        .iter()
        .map(|stage| {
            let methods = stage.deployment.rest_api.resources.iter().map(|r| r.methods.len()).sum();
            format!("{} ({})", stage.stage_name, plural(methods, "route"))
        })
        .collect();
    format!("{} \"{}\": {}", api.id, api.name, stages.join(", "))
}

fn mapping_line(domain: &DomainName, mapping: &BasePathMapping, listeners: &[SocketAddr]) -> String {
    let port = listeners.first().map_or(0, SocketAddr::port);
    let host = if domain.domain_name == "*" { "ANY-HOST" } else { &domain.domain_name };
    let base = if mapping.base_path.is_empty() { String::new() } else { format!("/{}", mapping.base_path) };
    let stage = mapping.stage.as_deref();
    let (path, target) = match stage {
        Some(stage) => (format!("{base}/..."), format!("{} stage {stage}", mapping.rest_api_id)),
        None => (format!("{base}/STAGE/..."), mapping.rest_api_id.clone()),
    };
    format!("http://{host}:{port}{path} -> {target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_names_every_place_where_something_answers() {
        let mapping = |base: &str, stage: Option<&str>| BasePathMapping {
            base_path: base.into(),
            rest_api_id: "petstore01".into(),
            stage: stage.map(Into::into),
        };
        let configuration = Configuration {
            apis: vec![Api { id: "petstore01".into(), name: "Pets".into(), stages: Vec::new() }.into()],
            domain_names: vec![DomainName {
                domain_name: "api.example.com".into(),
                base_path_mappings: vec![mapping("v1", None), mapping("", Some("prod"))],
            }],
            ..Configuration::default()
        };
        let banner = render(&Started {
            listeners: &["0.0.0.0:8080".parse().unwrap()],
            admin: "127.0.0.1:9901".parse().unwrap(),
            control_plane: Some(("127.0.0.1:9902".parse().unwrap(), true)),
            driver: "native io_uring",
            cpus: &[Some(0), Some(3)],
            access_log: "access.log",
            configuration: &configuration,
            default_domain: "execute-api.us-east-1.amazonaws.com",
        });
        for line in [
            "2, pinned to CPU 0 3",
            "http://0.0.0.0:8080",
            "http://127.0.0.1:9901",
            "http://127.0.0.1:9902  INSECURE",
            "petstore01 \"Pets\"",
            "https://petstore01.execute-api.us-east-1.amazonaws.com/STAGE/...",
            "http://api.example.com:8080/v1/STAGE/... -> petstore01",
            "http://api.example.com:8080/... -> petstore01 stage prod",
        ] {
            assert!(banner.contains(line), "{line} is not in:\n{banner}");
        }
    }
}
