//! Names to addresses, on the control thread: the cores only ever see addresses.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use ringway_core::snapshot::EndpointAddresses;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long one name may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);
/// Shortest time between two lookups of a name, whatever its TTL.
const REFRESH_MIN: Duration = Duration::from_secs(1);
/// Longest time between two lookups of a name, whatever its TTL.
const REFRESH_MAX: Duration = Duration::from_secs(60);
/// How soon a failed lookup is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Lookups in flight at a time.
const CONCURRENT_LOOKUPS_MAX: usize = 64;
/// Addresses kept of one name.
const ADDRESSES_MAX: usize = 64;

/// Resolves the endpoints of the configuration, with the system's resolv.conf and hosts file.
#[derive(Clone)]
pub(crate) struct Resolver {
    dns: TokioResolver,
}

/// A name, as it was resolved.
struct Answer {
    endpoint: Arc<EndpointAddresses>,
    outcome: Result<(Vec<SocketAddr>, Instant), String>,
}

impl Resolver {
    /// Reads the system's configuration. Without a readable `resolv.conf` only the hosts file answers.
    pub(crate) fn from_system() -> Result<Self, String> {
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!("no name server: /etc/resolv.conf is not usable ({error}); only /etc/hosts is");
            TokioResolver::builder_with_config(
                ResolverConfig::from_name_servers(Vec::new()),
                TokioRuntimeProvider::default(),
            )
        });
        let options = builder.options_mut();
        // An IPv6 address of a host without an IPv6 route would cost a failed connect; a name with both answers over IPv4.
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        options.timeout = LOOKUP_TIMEOUT / 2;
        Ok(Resolver { dns: builder.build().map_err(|error| error.to_string())? })
    }

    /// Resolves every endpoint that is a name and has no address yet. A name that does not resolve is a warning: its routes answer with
    /// an integration failure until [`Resolver::keep_fresh`] succeeds.
    pub(crate) async fn resolve_new(&self, endpoints: &[Arc<EndpointAddresses>]) {
        let new = endpoints.iter().filter(|e| !e.is_literal() && e.get().is_empty()).cloned();
        for answer in self.resolve(new.collect()).await {
            if let Err(error) = &answer.outcome {
                let (host, port) = (&answer.endpoint.host, answer.endpoint.port);
                tracing::warn!(
                    "{host}:{port}: the name does not resolve ({error}); its routes fail until it does"
                );
            }
        }
    }

    /// Resolves names again when their TTL has passed, for as long as the process lives. `endpoints` holds those of the
    /// configuration being served.
    pub(crate) async fn keep_fresh(self, mut endpoints: watch::Receiver<Vec<Arc<EndpointAddresses>>>) {
        let mut due: HashMap<(String, u16), Instant> = HashMap::new();
        let mut tick = tokio::time::interval(REFRESH_MIN);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = Instant::now();
            let current: Vec<_> =
                endpoints.borrow_and_update().iter().filter(|e| !e.is_literal()).cloned().collect();
            due.retain(|key, _| current.iter().any(|e| e.host == key.0 && e.port == key.1));
            let late = current
                .into_iter()
                .filter(|e| due.get(&(e.host.clone(), e.port)).is_none_or(|at| *at <= now));
            for answer in self.resolve(late.collect()).await {
                let key = (answer.endpoint.host.clone(), answer.endpoint.port);
                due.insert(key, next_lookup(&answer, Instant::now()));
            }
            if endpoints.has_changed().is_err() {
                return;
            }
        }
    }

    /// Looks all of them up and stores what was found; what fails keeps its addresses.
    async fn resolve(&self, endpoints: Vec<Arc<EndpointAddresses>>) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(endpoints.len());
        let mut lookups = JoinSet::new();
        for endpoint in endpoints {
            if lookups.len() >= CONCURRENT_LOOKUPS_MAX {
                answers.extend(lookups.join_next().await.and_then(Result::ok));
            }
            let resolver = self.clone();
            lookups.spawn(async move {
                let outcome = resolver.lookup(&endpoint.host, endpoint.port).await;
                Answer { endpoint, outcome }
            });
        }
        answers.extend(lookups.join_all().await);
        for answer in &answers {
            let Ok((addresses, _)) = &answer.outcome else { continue };
            answer.endpoint.set(addresses.clone());
        }
        answers
    }

    async fn lookup(&self, host: &str, port: u16) -> Result<(Vec<SocketAddr>, Instant), String> {
        let found = tokio::time::timeout(LOOKUP_TIMEOUT, self.dns.lookup_ip(host))
            .await
            .map_err(|_| format!("no answer within {} s", LOOKUP_TIMEOUT.as_secs()))?
            .map_err(|error| error.to_string())?;
        let addresses: Vec<_> =
            found.iter().take(ADDRESSES_MAX).map(|ip| SocketAddr::new(ip, port)).collect();
        if addresses.is_empty() {
            return Err("the name has no address".into());
        }
        Ok((addresses, found.valid_until()))
    }
}

fn next_lookup(answer: &Answer, now: Instant) -> Instant {
    match &answer.outcome {
        Ok((_, valid_until)) => (*valid_until).clamp(now + REFRESH_MIN, now + REFRESH_MAX),
        Err(_) => now + RETRY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> Arc<EndpointAddresses> {
        Arc::new(EndpointAddresses::new(host, 8080))
    }

    #[tokio::test]
    async fn localhost_resolves_and_a_bad_name_keeps_what_it_had() {
        let resolver = Resolver::from_system().unwrap();
        // `.invalid` never exists (RFC 6761 §6.4), whether or not there is a name server to say so.
        let (good, bad) = (named("localhost"), named("ringway-test.invalid"));
        resolver.resolve_new(&[good.clone(), bad.clone()]).await;
        assert!(!good.get().is_empty());
        assert!(good.get().iter().all(|address| address.ip().is_loopback() && address.port() == 8080));
        assert!(bad.get().is_empty());
        let kept: SocketAddr = "192.0.2.1:8080".parse().unwrap();
        bad.set(vec![kept]);
        let answers = resolver.resolve(vec![bad.clone()]).await;
        assert!(answers[0].outcome.is_err());
        assert_eq!(*bad.get(), [kept]);
    }

    #[tokio::test]
    async fn names_that_come_with_a_reload_are_kept_fresh() {
        let resolver = Resolver::from_system().unwrap();
        let (sender, receiver) = watch::channel(Vec::new());
        let refreshing = tokio::spawn(resolver.keep_fresh(receiver));
        let endpoint = named("localhost");
        sender.send_replace(vec![endpoint.clone()]);
        while endpoint.get().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(sender);
        refreshing.await.unwrap();
    }

    #[test]
    fn a_time_to_live_is_kept_within_bounds() {
        let now = Instant::now();
        let answer = |outcome| Answer { endpoint: named("a.example"), outcome };
        let valid_for = |seconds| answer(Ok((Vec::new(), now + Duration::from_secs(seconds))));
        assert_eq!(next_lookup(&valid_for(0), now), now + REFRESH_MIN);
        assert_eq!(next_lookup(&valid_for(30), now), now + Duration::from_secs(30));
        assert_eq!(next_lookup(&valid_for(86_400), now), now + REFRESH_MAX);
        assert_eq!(next_lookup(&answer(Err("none".into())), now), now + RETRY);
    }
}
