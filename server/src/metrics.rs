//! `/metrics`: the counters of all cores, merged when they are asked for, as Prometheus text 0.0.4.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ringway_core::cache::Cache;
use ringway_core::snapshot::{RouteLabels, StageLabels, StagePlan};
use ringway_core::telemetry::counters::{CoreCounters, Counter, HISTOGRAM_BUCKETS, Histogram};
use ringway_ring::native::RingCounters;

use crate::host::ProcessFigures;
use crate::usage::StoreCounters;

/// Media type of [`render`].
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything a scrape shows.
pub(crate) struct Scrape<'a> {
    /// One per core, in the order of the cores.
    pub(crate) cores: &'a [Arc<CoreCounters>],
    /// What the rings of the cores counted; all zeros where the driver is not native.
    pub(crate) rings: &'a [Arc<RingCounters>],
    /// Labels of the route slots; the index is the slot.
    pub(crate) routes: &'a [RouteLabels],
    /// Labels of the stage slots; the index is the slot.
    pub(crate) stages: &'a [StageLabels],
    /// The stages that are served; those with a cache are shown with it.
    pub(crate) plans: &'a [Arc<StagePlan>],
    /// Generation that was published last.
    pub(crate) generation: u64,
    /// Whether the last attempt to load the configuration succeeded.
    pub(crate) last_reload_successful: bool,
    /// When a configuration was last published, in seconds since 1970.
    pub(crate) last_reload_success_seconds: u64,
    /// Attempts since the start: succeeded and failed.
    pub(crate) reloads: [u64; 2],
    /// Access-log lines that could not be written: failed writes, not full queues.
    pub(crate) log_write_errors: u64,
    /// What happened to the store of what keys have used.
    pub(crate) usage_store: &'a StoreCounters,
    /// `native`, `monoio` or `epoll`.
    pub(crate) driver: &'static str,
    /// The process.
    pub(crate) process: ProcessFigures,
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A counter of [`CoreCounters`] by its name, its help and where it is.
type PerCore = (&'static str, &'static str, fn(&CoreCounters) -> &Counter);

const PER_CORE_COUNTERS: [PerCore; 25] = [
    ("ringway_core_requests_total", "Requests that began, by core: the balance between cores.", |c| {
        &c.requests
    }),
    ("ringway_connections_accepted_total", "Client connections accepted.", |c| &c.accepted),
    ("ringway_connections_shed_total", "Client connections closed because the core held its maximum.", |c| {
        &c.connections_shed
    }),
    ("ringway_protocol_errors_total", "Messages refused because their bytes are not valid HTTP.", |c| {
        &c.protocol_errors
    }),
    ("ringway_unrouted_requests_total", "Requests that no API, stage, path or method answers.", |c| {
        &c.unrouted
    }),
    ("ringway_client_aborts_total", "Clients that left before their answer was complete.", |c| {
        &c.client_aborts
    }),
    ("ringway_invalid_responses_total", "Answers that do not fit the model of their method response.", |c| {
        &c.invalid_responses
    }),
    ("ringway_integration_timeouts_total", "Integrations that did not answer in time.", |c| &c.timeouts),
    ("ringway_upstream_connects_total", "Connections made to integrations.", |c| &c.upstream_connects),
    ("ringway_upstream_connect_errors_total", "Connections to integrations that could not be made.", |c| {
        &c.upstream_connect_errors
    }),
    ("ringway_upstream_retries_total", "Requests sent again because a kept connection was stale.", |c| {
        &c.upstream_retries
    }),
    ("ringway_invalid_api_keys_total", "Requests without an API key that opens the stage.", |c| {
        &c.invalid_api_keys
    }),
    ("ringway_throttled_requests_total", "Requests that a throttle or a concurrency limit refused.", |c| {
        &c.throttled
    }),
    ("ringway_shed_requests_total", "Requests that had waited too long for their core.", |c| &c.shed),
    ("ringway_quota_exceeded_requests_total", "Requests beyond the quota of their usage plan.", |c| {
        &c.quota_exceeded
    }),
    ("ringway_quota_unavailable_requests_total", "Requests whose quota could not be made durable.", |c| {
        &c.quota_unavailable
    }),
    ("ringway_cache_hits_total", "Requests that a cache answered.", |c| &c.cache_hits),
    (
        "ringway_cache_misses_total",
        "Requests of cached methods whose answer was not there or too old.",
        |c| &c.cache_misses,
    ),
    ("ringway_cache_bypasses_total", "Requests that wanted a new answer (Cache-Control: max-age=0).", |c| {
        &c.cache_bypasses
    }),
    ("ringway_cache_stores_total", "Answers that were kept in a cache.", |c| &c.cache_stores),
    ("ringway_cache_waits_total", "Requests that waited for what another one asked for.", |c| &c.cache_waits),
    ("ringway_cache_stale_total", "Requests that a cache answered with what was too old.", |c| {
        &c.cache_stale
    }),
    ("ringway_cache_refreshes_total", "Answers asked for anew while older ones answered.", |c| {
        &c.cache_refreshes
    }),
    ("ringway_upstream_queue_full_total", "Requests refused because the wait queue was full.", |c| {
        &c.upstream_queue_full
    }),
    ("ringway_access_log_dropped_total", "Access-log lines dropped because the writer was behind.", |c| {
        &c.log_dropped
    }),
];

/// A counter of [`RingCounters`] by its name, its help and where it is.
type PerRing = (&'static str, &'static str, fn(&RingCounters) -> &ringway_ring::native::Counter);

const PER_RING_COUNTERS: [PerRing; 5] = [
    ("ringway_ring_buffers_empty_total", "Receives that waited for a buffer (native driver).", |c| {
        &c.buffers_empty
    }),
    (
        "ringway_ring_receives_stopped_total",
        "Receives stopped because their connection was behind, or because it was closed (native driver).",
        |c| &c.receives_stopped,
    ),
    ("ringway_ring_submission_full_total", "Operations that found the queue full (native driver).", |c| {
        &c.submission_full
    }),
    (
        "ringway_ring_completion_overflow_total",
        "Turns in which completions had found no room (native driver).",
        |c| &c.completion_overflow,
    ),
    ("ringway_ring_sends_resumed_total", "Sends that the kernel ended early (native driver).", |c| {
        &c.sends_resumed
    }),
];

/// Renders the whole page. It runs on the control thread and only reads: a scrape costs the cores nothing.
pub(crate) fn render(scrape: &Scrape<'_>) -> String {
    let mut text = Text(String::with_capacity(16 * 1024));
    requests(&mut text, scrape);
    durations(&mut text, scrape);
    connections(&mut text, scrape);
    for (name, help, counter) in PER_CORE_COUNTERS {
        text.family(name, "counter", help);
        for (core, counters) in scrape.cores.iter().enumerate() {
            text.sample(name, &[("core", &core.to_string())], counter(counters).get());
        }
    }
    for (name, help, counter) in PER_RING_COUNTERS {
        text.family(name, "counter", help);
        for (core, counters) in scrape.rings.iter().enumerate() {
            text.sample(name, &[("core", &core.to_string())], counter(counters).get());
        }
    }
    caches(&mut text, scrape);
    configuration(&mut text, scrape);
    text.single(
        "ringway_access_log_write_errors_total",
        "counter",
        "Access-log lines lost because writing failed.",
        scrape.log_write_errors,
    );
    text.single(
        "ringway_usage_store_commits_total",
        "counter",
        "Transactions of the store of quotas that are on the disk.",
        scrape.usage_store.commits.load(Relaxed),
    );
    text.single(
        "ringway_usage_store_errors_total",
        "counter",
        "Attempts to open, read or write the store of quotas that failed: meanwhile quotas that have nothing granted left answer 503.",
        scrape.usage_store.errors.load(Relaxed),
    );
    process(&mut text, &scrape.process);
    text.0
}

fn requests(text: &mut Text, scrape: &Scrape<'_>) {
    let name = "ringway_requests_total";
    text.family(
        name,
        "counter",
        "Requests answered, by route and status class; without those never answered.",
    );
    for (slot, labels) in (0u32..).zip(scrape.routes) {
        for (class, class_name) in CLASSES.iter().enumerate() {
            let count: u64 = scrape
                .cores
                .iter()
                .filter_map(|core| core.route(slot))
                .map(|route| route.classes[class].get())
                .sum();
            // Ten thousand routes times five classes of zeros would make every scrape slow.
            if count > 0 {
                let labels = [
                    ("api", labels.api.as_str()),
                    ("stage", &labels.stage),
                    ("route", &labels.route),
                    ("class", class_name),
                ];
                text.sample(name, &labels, count);
            }
        }
    }
}

fn durations(text: &mut Text, scrape: &Scrape<'_>) {
    let name = "ringway_request_duration_seconds";
    text.family(
        name,
        "histogram",
        "Time of a request: overhead is the gateway's own, integration is waiting for the integration.",
    );
    for (slot, labels) in (0u32..).zip(scrape.stages) {
        let stages = || scrape.cores.iter().filter_map(|core| core.stage(slot));
        let stage = [("api", labels.api.as_str()), ("stage", labels.stage.as_str())];
        histogram(text, name, stage, "overhead", stages().map(|s| &s.overhead));
        histogram(text, name, stage, "integration", stages().map(|s| &s.integration));
    }
}

fn histogram<'a>(
    text: &mut Text,
    name: &str,
    stage: [(&str, &str); 2],
    part: &str,
    histograms: impl Iterator<Item = &'a Histogram>,
) {
    let mut counts = [0u64; HISTOGRAM_BUCKETS];
    let mut sum_nanos = 0u64;
    for histogram in histograms {
        for (total, count) in counts.iter_mut().zip(histogram.counts()) {
            *total += count;
        }
        sum_nanos += histogram.sum_nanos();
    }
    // The count is the sum of the buckets just read, so that the page agrees with itself while the cores go on counting.
    let count: u64 = counts.iter().sum();
    if count == 0 {
        return;
    }
    let [api, stage] = stage;
    let mut cumulated = 0;
    for (i, bucket) in counts.iter().enumerate() {
        cumulated += bucket;
        let bound = Histogram::bound_nanos(i).map_or("+Inf".to_owned(), |n| seconds(n).to_string());
        text.sample(&format!("{name}_bucket"), &[api, stage, ("part", part), ("le", &bound)], cumulated);
    }
    text.sample(&format!("{name}_sum"), &[api, stage, ("part", part)], seconds(sum_nanos));
    text.sample(&format!("{name}_count"), &[api, stage, ("part", part)], count);
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn connections(text: &mut Text, scrape: &Scrape<'_>) {
    let mut gauge = |name: &str, help: &str, states: [&str; 2], read: fn(&CoreCounters) -> (u64, u64)| {
        text.family(name, "gauge", help);
        for (core, counters) in scrape.cores.iter().enumerate() {
            let (open, idle) = read(counters);
            let core = core.to_string();
            // The two are read one after the other while the core writes them.
            text.sample(name, &[("core", &core), ("state", states[0])], open.saturating_sub(idle));
            text.sample(name, &[("core", &core), ("state", states[1])], idle);
        }
    };
    gauge("ringway_connections", "Client connections open now.", ["active", "idle"], |c| {
        (c.connections.get(), c.connections_idle.get())
    });
    gauge("ringway_upstream_connections", "Connections to integrations open now.", ["active", "idle"], |c| {
        (c.upstream_connections.get(), c.upstream_idle.get())
    });
    let name = "ringway_upstream_waiting";
    text.family(name, "gauge", "Requests waiting for a free connection to their integration.");
    for (core, counters) in scrape.cores.iter().enumerate() {
        text.sample(name, &[("core", &core.to_string())], counters.upstream_waiting.get());
    }
}

fn caches(text: &mut Text, scrape: &Scrape<'_>) {
    let mut family = |name: &str, kind: &str, help: &str, read: fn(&Cache) -> u64| {
        text.family(name, kind, help);
        // A canary has the cache of its stage.
        for plan in scrape.plans.iter().filter(|plan| !plan.is_canary) {
            if let Some(cache) = &plan.cache {
                text.sample(name, &[("api", &*plan.api_id), ("stage", &*plan.stage_name)], read(cache));
            }
        }
    };
    family("ringway_cache_bytes", "gauge", "Bytes that a stage's cache is counted with.", Cache::bytes);
    family("ringway_cache_max_bytes", "gauge", "Bytes that a stage's cache may have.", Cache::budget);
    let help = "Answers that had to make room for others in a stage's cache.";
    family("ringway_cache_evictions_total", "counter", help, Cache::evictions);
}

fn configuration(text: &mut Text, scrape: &Scrape<'_>) {
    let generation = "ringway_config_generation";
    text.single(generation, "gauge", "Generation of the configuration published last.", scrape.generation);
    let name = "ringway_core_config_generation";
    text.family(name, "gauge", "Generation of the configuration that a core serves.");
    for (core, counters) in scrape.cores.iter().enumerate() {
        text.sample(name, &[("core", &core.to_string())], counters.generation.get());
    }
    text.single(
        "ringway_config_last_reload_successful",
        "gauge",
        "1 if the last attempt to load the configuration succeeded, else 0.",
        u8::from(scrape.last_reload_successful),
    );
    text.single(
        "ringway_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When a configuration was last published.",
        scrape.last_reload_success_seconds,
    );
    let name = "ringway_config_reloads_total";
    text.family(name, "counter", "Attempts to load the configuration since the start.");
    for (outcome, count) in ["succeeded", "failed"].iter().zip(scrape.reloads) {
        text.sample(name, &[("outcome", outcome)], count);
    }
    let name = "ringway_build_info";
    text.family(name, "gauge", "Always 1; the labels say what is running.");
    text.sample(name, &[("version", env!("CARGO_PKG_VERSION")), ("driver", scrape.driver)], 1);
}

fn process(text: &mut Text, figures: &ProcessFigures) {
    let seconds = "process_cpu_seconds_total";
    text.single(seconds, "counter", "User and system time of the process.", figures.cpu_seconds);
    text.single("process_resident_memory_bytes", "gauge", "Resident memory.", figures.resident_bytes);
    text.single("process_virtual_memory_bytes", "gauge", "Virtual memory.", figures.virtual_bytes);
    text.single("process_open_fds", "gauge", "Open file descriptors.", figures.open_fds);
    text.single("process_max_fds", "gauge", "Limit of open file descriptors.", figures.max_fds);
    text.single("process_threads", "gauge", "Threads.", figures.threads);
    text.single("process_start_time_seconds", "gauge", "When the process started.", figures.start_seconds);
}

/// The text format: families of samples.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            self.0.push_str(if i == 0 { "{" } else { "," });
            self.0.push_str(label);
            self.0.push_str("=\"");
            for c in text.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    c => self.0.push(c),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};

    /// Reads the text format strictly: every sample belongs to the family before it, no series twice, histograms cumulate.
    fn parse(page: &str) -> BTreeMap<String, f64> {
        let mut series = BTreeMap::new();
        let mut families = HashSet::new();
        let (mut family, mut kind) = (String::new(), String::new());
        let mut lines = page.lines();
        assert!(page.ends_with('\n'));
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').expect("HELP has a text");
                assert!(!text.is_empty() && families.insert(name.to_owned()), "family {name} twice");
                let declared = lines.next().unwrap().strip_prefix("# TYPE ").expect("TYPE follows HELP");
                let (typed, k) = declared.split_once(' ').unwrap();
                assert_eq!(typed, name);
                assert!(["counter", "gauge", "histogram"].contains(&k), "{k}");
                (family, kind) = (name.to_owned(), k.to_owned());
                continue;
            }
            let name_end = line.find(['{', ' ']).expect("a sample");
            let name = &line[..name_end];
            let own = match kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"].iter().any(|s| name == format!("{family}{s}")),
                _ => name == family,
            };
            assert!(own, "{name} is not of family {family}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            let value_at = labels_end(line, name_end);
            let value: f64 = line[value_at..].strip_prefix(' ').expect("one space").parse().unwrap();
            assert!(value >= 0.0);
            assert!(series.insert(line[..value_at].to_owned(), value).is_none(), "series twice: {line}");
        }
        series
    }

    /// Checks the label block that starts at `at` and returns where it ends.
    fn labels_end(line: &str, at: usize) -> usize {
        let Some(mut rest) = line[at..].strip_prefix('{') else { return at };
        loop {
            let (label, after) = rest.split_once("=\"").expect("label");
            assert!(label.chars().all(|c| c.is_ascii_lowercase()), "{label}");
            let mut escaped = false;
            let end = after
                .char_indices()
                .find(|(_, c)| {
                    let end = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    end
                })
                .expect("closing quote")
                .0;
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return line.len() - rest.strip_prefix('}').expect("closing brace").len(),
            }
        }
    }

    fn page(cores: &[Arc<CoreCounters>], route: &str) -> String {
        render(&Scrape {
            cores,
            rings: &[Arc::default(), Arc::default()],
            routes: &[RouteLabels { api: "petstore01".into(), stage: "dev".into(), route: route.into() }],
            stages: &[StageLabels { api: "petstore01".into(), stage: "dev".into() }],
            plans: &[],
            generation: 7,
            last_reload_successful: false,
            last_reload_success_seconds: 1_700_000_000,
            reloads: [3, 1],
            log_write_errors: 0,
            usage_store: &StoreCounters::default(),
            driver: "native",
            process: ProcessFigures::read(),
        })
    }

    fn two_cores() -> Vec<Arc<CoreCounters>> {
        let cores: Vec<_> = (0..2).map(|_| Arc::new(CoreCounters::default())).collect();
        for core in &cores {
            core.reserve(1, 1);
        }
        cores
    }

    #[test]
    fn the_page_follows_the_format_and_merges_the_cores() {
        let cores = two_cores();
        for (n, core) in cores.iter().enumerate() {
            core.route(0).unwrap().classes[1].add(10 + n as u64);
            core.stage(0).unwrap().overhead.record(3_000);
            core.stage(0).unwrap().integration.record(2_000_000_000);
            core.connections.add(5);
            core.connections_idle.add(2);
        }
        cores[1].route(0).unwrap().classes[4].add(1);
        let series = parse(&page(&cores, "GET /pets/{petId}"));
        let requests =
            r#"ringway_requests_total{api="petstore01",stage="dev",route="GET /pets/{petId}",class="#;
        assert_eq!(series[&format!("{requests}\"2xx\"}}")], 21.0);
        assert_eq!(series[&format!("{requests}\"5xx\"}}")], 1.0);
        assert!(!series.contains_key(&format!("{requests}\"4xx\"}}")));
        assert_eq!(series[r#"ringway_connections{core="0",state="active"}"#], 3.0);
        assert_eq!(series[r#"ringway_connections{core="1",state="idle"}"#], 2.0);
        assert_eq!(series["ringway_config_generation"], 7.0);
        assert_eq!(series["ringway_config_last_reload_successful"], 0.0);
        assert_eq!(series[r#"ringway_config_reloads_total{outcome="failed"}"#], 1.0);
        assert!(series["process_resident_memory_bytes"] > 0.0);
        let labels = r#"{api="petstore01",stage="dev",part="overhead"}"#;
        assert_eq!(series[&format!("ringway_request_duration_seconds_count{labels}")], 2.0);
        assert_eq!(series[&format!("ringway_request_duration_seconds_sum{labels}")], 0.000006);
    }

    #[test]
    fn buckets_cumulate_up_to_the_count() {
        let cores = two_cores();
        for nanos in [500, 1_500, 5_000_000, u64::MAX >> 8] {
            cores[0].stage(0).unwrap().integration.record(nanos);
        }
        let page = page(&cores, "GET /");
        parse(&page);
        let buckets: Vec<(&str, u64)> = page
            .lines()
            .filter(|line| line.starts_with("ringway_request_duration_seconds_bucket"))
            .map(|line| {
                let (_, le) = line.split_once("le=\"").unwrap();
                let (le, count) = le.split_once("\"} ").unwrap();
                (le, count.parse().unwrap())
            })
            .collect();
        assert_eq!(buckets.len(), HISTOGRAM_BUCKETS);
        assert!(buckets.windows(2).all(|two| two[0].1 <= two[1].1));
        assert_eq!(buckets[0], ("0.000001024", 1));
        assert_eq!(buckets.last(), Some(&("+Inf", 4)));
        assert_eq!(buckets[HISTOGRAM_BUCKETS - 2].1, 3);
    }

    #[test]
    fn label_values_are_escaped() {
        let cores = two_cores();
        cores[0].route(0).unwrap().classes[1].add(1);
        let page = page(&cores, "GET /a\"b\\c\nd");
        parse(&page);
        assert!(page.contains(r#"route="GET /a\"b\\c\nd""#), "{page}");
    }
}
