//! Tests of the schedule.

use super::*;
use crate::plan::{Target, Timeouts};

const SECOND: u64 = 1_000_000_000;

fn segment(seconds: f64, from: f64, to: f64) -> Segment {
    Segment { duration: Duration::from_secs_f64(seconds), from, to }
}

fn plan(load: Load) -> Plan {
    Plan {
        target: Target { url: "http://a:1".into(), host: "a".into(), port: 1, authority: "a:1".into() },
        load,
        duration: None,
        warmup: Duration::ZERO,
        requests_max: None,
        connections: 1,
        pipeline: 1,
        requests_per_connection: None,
        requests: Requests::Mix(Vec::new()),
        timeouts: Timeouts::default(),
        threads: 1,
        seed: 7,
        notes: Vec::new(),
    }
}

fn open(profile: Vec<Segment>, arrivals: Arrivals) -> Plan {
    plan(Load::Open { profile, arrivals })
}

fn times(plan: &Plan, shard: Shard) -> Vec<Nanos> {
    let mut schedule = Schedule::new(plan, &replay_times(plan), shard).unwrap();
    let mut times = Vec::new();
    while let Some(at) = schedule.peek() {
        times.push(at);
        schedule.advance();
    }
    times
}

fn union(plan: &Plan, of: usize) -> Vec<Nanos> {
    let mut all: Vec<Nanos> = (0..of).flat_map(|index| times(plan, Shard { index, of })).collect();
    all.sort_unstable();
    all
}

#[test]
fn uniform_arrivals_are_evenly_spaced_on_any_number_of_threads() {
    let plan = open(vec![segment(2.0, 5_000.0, 5_000.0)], Arrivals::Uniform);
    let expected: Vec<Nanos> = (0..10_000).map(|k| k * 200_000).collect();
    for threads in [1, 2, 3, 7] {
        assert_eq!(union(&plan, threads), expected, "{threads} threads");
    }
}

#[test]
fn a_rate_that_does_not_divide_a_second_does_not_drift() {
    let plan = open(vec![segment(1_000.0, 3.0, 3.0)], Arrivals::Uniform);
    let all = times(&plan, Shard { index: 0, of: 1 });
    assert_eq!(all.len(), 3_000);
    for (k, at) in all.iter().enumerate() {
        let exact = k as u128 * u128::from(SECOND) / 3;
        assert!(at.abs_diff(exact as u64) <= 1, "arrival {k} at {at}");
    }
}

#[test]
fn a_ramp_has_the_area_under_it_and_grows_as_it_says() {
    // 0 to 1000/s in 10 s: 5,000 requests, t² · 50 of them by t.
    let plan = open(vec![segment(10.0, 0.0, 1_000.0)], Arrivals::Uniform);
    let all = union(&plan, 3);
    assert_eq!(all.len(), 5_000);
    assert_eq!(integral(&[segment(10.0, 0.0, 1_000.0)], None), 5_000.0);
    for second in 1..=10u64 {
        let by_then = all.iter().filter(|at| **at < second * SECOND).count() as u64;
        assert!(by_then.abs_diff(second * second * 50) <= 1, "{by_then} by second {second}");
    }
    // And down again.
    let down = open(vec![segment(10.0, 1_000.0, 0.0)], Arrivals::Uniform);
    let first_half = union(&down, 2).iter().filter(|at| **at < 5 * SECOND).count();
    assert!(first_half.abs_diff(3_750) <= 1, "{first_half}");
}

#[test]
fn steps_and_pauses_keep_their_counts() {
    let profile = vec![segment(2.0, 100.0, 100.0), segment(3.0, 0.0, 0.0), segment(1.0, 400.0, 400.0)];
    assert_eq!(integral(&profile, None), 600.0);
    assert_eq!(integral(&profile, Some(Duration::from_secs(1))), 100.0);
    let all = union(&open(profile, Arrivals::Uniform), 2);
    let within =
        |from: u64, to: u64| all.iter().filter(|at| (from * SECOND..to * SECOND).contains(at)).count();
    assert_eq!((within(0, 2), within(2, 5), within(5, 6), all.len()), (200, 0, 400, 600));
}

#[test]
fn the_warmup_runs_at_the_first_rate_and_before_the_profile() {
    let mut plan = open(vec![segment(2.0, 100.0, 300.0)], Arrivals::Uniform);
    plan.warmup = Duration::from_secs(3);
    let all = union(&plan, 2);
    assert_eq!(all.iter().filter(|at| **at < 3 * SECOND).count(), 300);
    assert_eq!(all.len(), 300 + 400);
    plan.duration = Some(Duration::from_secs(1));
    // 100/s to 200/s in its first second.
    assert_eq!(union(&plan, 2).len(), 300 + 150);
}

/// Mean and variance of the gaps, in seconds.
fn gaps(all: &[Nanos]) -> (f64, f64) {
    let gaps: Vec<f64> = all.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    (mean, variance)
}

#[test]
fn poisson_gaps_are_exponential_on_any_number_of_threads() {
    let plan = open(vec![segment(100.0, 2_000.0, 2_000.0)], Arrivals::Poisson);
    for threads in [1, 4] {
        let all = union(&plan, threads);
        // 200,000 expected with a standard deviation of 447; four of them.
        assert!(all.len().abs_diff(200_000) < 1_800, "{}", all.len());
        let (mean, variance) = gaps(&all);
        assert!((mean * 2_000.0 - 1.0).abs() < 0.01, "mean {mean}");
        // Of an exponential distribution the variance is the square of the mean.
        assert!((variance / (mean * mean) - 1.0).abs() < 0.03, "variance {variance}");
        // Counts per 10 ms have variance equal to their mean of 20.
        let mut counts = vec![0f64; 10_000];
        all.iter().for_each(|at| counts[(at / 10_000_000) as usize] += 1.0);
        let mean = counts.iter().sum::<f64>() / 1e4;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 1e4;
        assert!((variance / mean - 1.0).abs() < 0.1, "{variance} of {mean}");
    }
    assert_eq!(union(&plan, 2), union(&plan, 2));
    let other = Plan { seed: 8, ..plan.clone() };
    assert_ne!(union(&plan, 2), union(&other, 2));
}

#[test]
fn a_replay_keeps_its_times_at_its_speed() {
    let request = |name: &str| crate::plan::Request {
        name: name.into(),
        weight: 1.0,
        message: crate::plan::Template { parts: Vec::new() },
        is_head: false,
        check: crate::check::Check::default(),
    };
    let mut plan = plan(Load::Replay { speed: 2.0 });
    plan.requests = Requests::Replay(
        [0, 10, 10, 500, 7_000].map(|ms| (Duration::from_millis(ms), request("a"))).into_iter().collect(),
    );
    let ms: Vec<u64> = union(&plan, 2).iter().map(|at| at / 1_000_000).collect();
    assert_eq!(ms, [0, 5, 5, 250, 3_500]);
    assert_eq!(times(&plan, Shard { index: 1, of: 2 }).len(), 2);
}

#[test]
fn a_count_ends_the_schedule_and_is_shared_out() {
    let mut plan = open(vec![segment(10.0, 1_000.0, 1_000.0)], Arrivals::Uniform);
    plan.requests_max = Some(1_001);
    assert_eq!(union(&plan, 4).len(), 1_001);
    assert_eq!(times(&plan, Shard { index: 0, of: 4 }).len(), 251);
    let mut schedule = Schedule::new(&plan, &Arc::default(), Shard { index: 0, of: 1 }).unwrap();
    assert_eq!(schedule.take_before(SECOND / 2), 500);
    assert_eq!(schedule.take_before(SECOND * 100), 501);
    assert_eq!(schedule.peek(), None);
    assert!(
        Schedule::new(&super::tests::plan(Load::Closed), &Arc::default(), Shard { index: 0, of: 1 })
            .is_none()
    );
}
