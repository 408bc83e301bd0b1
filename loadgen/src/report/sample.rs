//! Made-up reports for the tests: an open loop with a freeze of the target in the middle, so that the latencies have a tail.

use std::collections::BTreeMap;

use super::build::{SeriesBuilder, sum};
use super::{Counts, Distribution, Generator, Latencies, Report, RequestReport, Run, SCHEMA, SCHEMA_VERSION};
use crate::record::{Interval, durations};

/// Seconds of the sample run.
const SECONDS: i64 = 30;
/// Second in which the target freezes for half a second.
const FREEZE: i64 = 12;

/// A run at 5,000 requests a second.
pub(crate) fn report() -> Report {
    slowed(1.0)
}

/// The same on a target whose answers take `factor` times as long.
pub(crate) fn slowed(factor: f64) -> Report {
    let mut builder = SeriesBuilder::new(1);
    let (mut service, mut connect, mut first, mut last) =
        (durations(), durations(), durations(), durations());
    let mut state = 42_u64;
    let mut all = Vec::new();
    for second in 0..SECONDS {
        let mut latency = durations();
        for request in 0..5000 {
            let own = (service_time(&mut state) * factor) as u64;
            let left_of_freeze = (500_000_000 - request * 200_000).max(0) as u64;
            latency.record(if second == FREEZE { left_of_freeze + own } else { own }).unwrap();
            service.record(own).unwrap();
            first.record(own * 9 / 10).unwrap();
            last.record(own / 10).unwrap();
        }
        let failed = if second == FREEZE { 7 } else { 0 };
        builder.add(Interval {
            second,
            latency: latency.clone(),
            sent: 5000 + failed,
            ok: 5000,
            failed,
            classes: [0, 5000, 0, 0, failed.min(3)],
        });
        all.push(latency);
    }
    connect.record_n(180_000, 60).unwrap();
    connect.record_n(900_000, 4).unwrap();
    let mut lateness = durations();
    lateness.record_n(20_000, 149_000).unwrap();
    lateness.record_n(300_000, 995).unwrap();
    lateness.record_n(1_400_000, 12).unwrap();
    let intended = Distribution::of(&sum(all.iter()));
    let part = |name: &str, ok, failed, of: &[_]| RequestReport {
        name: name.into(),
        ok,
        failed,
        latency: Distribution::of(&sum(of.iter())),
    };
    Report {
        schema: SCHEMA.into(),
        version: SCHEMA_VERSION,
        run: Run {
            ringload: "0.1.0".into(),
            label: "base".into(),
            started_unix_ms: 1_782_907_200_000,
            seconds: SECONDS as f64,
            target: "http://127.0.0.1:8080".into(),
            load: "open loop, 5000/s Poisson, 64 connections".into(),
            mode: "open".into(),
            intended_per_second: Some(5000.0),
            connections: 64,
            pipeline: 1,
            threads: 2,
            seed: 42,
            driver: "io_uring (SINGLE_ISSUER, DEFER_TASKRUN, COOP_TASKRUN)".into(),
            host: "bench-1, AMD EPYC 7B13, Linux 6.18".into(),
            merged: 1,
        },
        valid: true,
        invalid_reasons: Vec::new(),
        notes: vec!["1 of 64 connections was opened a second time after a reset".into()],
        counts: Counts {
            intended: 150_009,
            sent: 150_007,
            ok: 150_000,
            failed: 7,
            failures: BTreeMap::from([("reset".into(), 1), ("stall".into(), 3), ("status".into(), 3)]),
            statuses: BTreeMap::from([(200, 150_000), (502, 3)]),
            missed: 2,
            late: 12,
            connections: 68,
            bytes_sent: 18_750_875,
            bytes_received: 51_000_690,
        },
        ok_per_second: 5000.0,
        generator: Generator {
            cpu_seconds: 6.4,
            busiest_thread: 0.12,
            requests_per_cpu_second: 23_438.0,
            lateness: Distribution::of(&lateness),
        },
        latency: Latencies {
            intended,
            service: Distribution::of(&service),
            connect: Distribution::of(&connect),
            tls: Distribution::default(),
            first_byte: Distribution::of(&first),
            last_byte: Distribution::of(&last),
        },
        requests: vec![
            part("GET /pets/{id}", 100_000, 4, &all[..20]),
            part("POST /orders", 50_000, 3, &all[20..]),
        ],
        series: builder.finish().0,
        failure_examples: vec![
            "stall: GET /pets/17: no byte for 250 ms after 1,204 of 4,096".into(),
            "status: POST /orders: 502, expected 201: {\"message\": \"Internal server error\"}".into(),
        ],
    }
}

/// About a millisecond, log-normal enough: the product of a few uniform numbers.
fn service_time(state: &mut u64) -> f64 {
    let mut uniform = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    900_000.0 * (0..6).map(|_| 0.75 + 0.55 * uniform()).product::<f64>()
}
