//! Closed and open loops: counts, times, and what a frozen target looks like.

use super::*;

#[test]
fn a_closed_loop_sends_when_it_has_its_answer() {
    let (outcome, trial) = run(Plan { connections: 10, ..plan() }, |_, _| answer(10 * MS));
    let counts = &outcome.measured.counts;
    // Ten connections, an answer each 10 ms and a little for the network.
    assert!((950..=1_000).contains(&counts.ok), "{counts:?}");
    assert_eq!((counts.sent, counts.intended, counts.connections), (counts.ok, counts.ok, 10));
    assert_eq!(trial.backend.requests.get(), counts.ok);
    assert_eq!(outcome.measured_for, SECOND);
    assert!((10.0..10.6).contains(&at(&outcome.measured.latency, 0.5)));
    assert_eq!(counts.bytes_received, counts.ok * OK.len() as u64);
    assert_eq!(counts.statuses[&200], counts.ok);
    assert_eq!(outcome.measured.connect.len(), 10);
}

#[test]
fn seconds_add_up_to_the_whole_and_the_warmup_comes_before() {
    let plan = Plan {
        connections: 4,
        warmup: Duration::from_millis(1_500),
        duration: Some(Duration::from_secs(3)),
        ..plan()
    };
    let (outcome, trial) = run(plan, |_, _| answer(5 * MS));
    let seconds: Vec<_> = trial
        .news
        .try_iter()
        .filter_map(|news| match news {
            News::Second(interval) => Some(interval),
            _ => None,
        })
        .collect();
    let numbers: Vec<i64> = seconds.iter().map(|interval| interval.second).collect();
    assert_eq!(numbers, [-2, -1, 0, 1, 2, 3]);
    let measured: u64 =
        seconds.iter().filter(|interval| interval.second >= 0).map(|interval| interval.ok).sum();
    assert!(measured.abs_diff(outcome.measured.counts.ok) <= 4, "those in flight between");
    assert!(seconds[1].ok > 700 && seconds[1].classes[1] == seconds[1].ok);
}

#[test]
fn a_count_ends_a_closed_loop() {
    for (pipeline, churn) in [(1, None), (7, None), (1, Some(3)), (4, Some(6))] {
        let plan = Plan {
            requests_max: Some(100),
            requests_per_connection: churn,
            connections: 3,
            duration: None,
            pipeline,
            ..plan()
        };
        let (outcome, trial) = run(plan, |_, _| answer(MS));
        let counts = &outcome.measured.counts;
        assert_eq!((counts.ok, failures(&outcome)), (100, vec![]));
        assert_eq!(trial.backend.requests.get(), 100);
        assert_eq!(counts.connections, trial.backend.accepted.get());
        match churn {
            None => assert_eq!(counts.connections, 3),
            Some(limit) => assert!(counts.connections >= 100 / limit, "{counts:?}"),
        }
    }
}

#[test]
fn an_open_loop_keeps_its_rate_whatever_the_target_does() {
    let (outcome, _) = run(open_plan(1_000.0, 5, 50), |_, _| answer(20 * MS));
    let counts = &outcome.measured.counts;
    assert_eq!((counts.intended, counts.ok, counts.missed, counts.late), (5_000, 5_000, 0, 0));
    assert_eq!(outcome.measured_for, 5 * SECOND);
    // The simulation sends to the nanosecond.
    assert_eq!((outcome.measured.lateness.len(), outcome.measured.lateness.max()), (5_000, 0));
    assert_eq!(outcome.measured.latency, outcome.measured.service);
}

#[test]
fn threads_share_an_open_loop() {
    let plan = Plan { threads: 3, connections: 10, ..open_plan(500.0, 4, 10) };
    let mut trial = Trial::new(plan, |_, _| answer(MS));
    trial.start();
    let outcomes = trial.finish();
    let counts: Vec<u64> = outcomes.iter().map(|outcome| outcome.measured.counts.ok).collect();
    assert_eq!(counts.iter().sum::<u64>(), 2_000);
    assert!(counts.iter().all(|count| (660..670).contains(count)), "{counts:?}");
    assert_eq!(outcomes.iter().map(|outcome| outcome.measured.counts.connections).sum::<u64>(), 10);
}

#[test]
fn a_freeze_shows_in_the_intended_latency_and_hides_in_the_service_time() {
    // 1,000 requests a second for 20 s on ten connections; from 5 s to 7 s the target stands still.
    let freeze = |_: u64, at: u64| match at {
        at if (5 * SECOND..7 * SECOND).contains(&at) => answer(7 * SECOND - at + MS),
        _ => answer(MS),
    };
    let (outcome, _) = run(open_plan(1_000.0, 20, 10), freeze);
    let measured = &outcome.measured;
    assert_eq!((measured.counts.ok, measured.counts.missed), (20_000, 0));
    // A tenth of all were due in the freeze; that one due t into it waits 2 s - t, and until the line is gone again.
    assert!((1_900.0..2_100.0).contains(&at(&measured.latency, 0.9999)), "{}", at(&measured.latency, 0.9999));
    assert!(at(&measured.latency, 0.95) > 900.0, "{}", at(&measured.latency, 0.95));
    assert!(at(&measured.latency, 0.5) < 3.0);
    // Of those that were sent only ten met the freeze: service time says that all is well.
    assert!(at(&measured.service, 0.999) < 3.0, "{}", at(&measured.service, 0.999));
    assert!(at(&measured.service, 1.0) > 1_900.0);
    // The target's fault, not the generator's.
    assert_eq!((measured.counts.late, measured.lateness.max()), (0, 0));
}

#[test]
fn what_waits_at_the_end_is_sent_within_the_grace_and_else_missed() {
    // One connection that serves 100/s, and 110/s are due for 2 s: 20 wait at the end, 0.2 s of work.
    let (outcome, _) = run(open_plan(110.0, 2, 1), |_, _| answer(10 * MS - MS / 2));
    let counts = &outcome.measured.counts;
    assert_eq!((counts.intended, counts.ok, counts.missed), (220, 220, 0), "{counts:?}");
    // 1,000/s are due: of what waits a second is served, and the rest was never sent.
    let (outcome, _) = run(open_plan(1_000.0, 2, 1), |_, _| answer(10 * MS - MS / 2));
    let counts = &outcome.measured.counts;
    assert_eq!(counts.intended, 2_000);
    assert_eq!(counts.sent + counts.missed, 2_000);
    assert!((280..=320).contains(&counts.ok), "{counts:?}");
    assert_eq!(counts.sent, counts.ok);
}

#[test]
fn a_replay_ends_by_itself() {
    let entries = [0u64, 100, 250, 3_000];
    let plan = Plan {
        load: Load::Replay { speed: 0.5 },
        requests: Requests::Replay(
            entries.iter().map(|ms| (Duration::from_millis(*ms), request("a"))).collect(),
        ),
        duration: None,
        connections: 2,
        ..plan()
    };
    let (outcome, _) = run(plan, |_, _| answer(MS));
    assert_eq!(outcome.measured.counts.ok, 4);
    assert!((6 * SECOND..6 * SECOND + 10 * MS).contains(&outcome.measured_for), "{}", outcome.measured_for);
    assert_eq!(outcome.measured.by_request.len(), 1);
}

#[test]
fn the_order_to_stop_ends_the_sending_and_keeps_what_was_measured() {
    let mut trial = Trial::new(open_plan(100.0, 60, 100), |_, _| answer(500 * MS));
    let start = trial.start();
    let left = start + 5 * SECOND - trial.world.now();
    let _ = trial.world.run_for(left);
    trial.order(Order::Stop);
    let outcome = trial.finish().pop().unwrap();
    assert!(trial.world.now() < start + 6 * SECOND);
    let counts = &outcome.measured.counts;
    assert!((499..=501).contains(&counts.ok), "{counts:?}");
    assert_eq!((counts.missed, failures(&outcome)), (0, vec![]));
    assert!(outcome.measured_for.abs_diff(5 * SECOND) < 2 * MS);
}

#[test]
fn a_second_order_ends_at_once_and_a_stop_before_the_start_too() {
    let mut trial = Trial::new(open_plan(100.0, 60, 100), |_, _| Act::Stall(Vec::new()));
    let start = trial.start();
    let left = start + SECOND - trial.world.now();
    let _ = trial.world.run_for(left);
    trial.order(Order::Stop);
    let _ = trial.world.run_for(100 * MS);
    trial.order(Order::Abort);
    let outcome = trial.finish().pop().unwrap();
    assert!(trial.world.now() < start + SECOND + 110 * MS);
    let [(Failure::Unfinished, count)] = failures(&outcome)[..] else { panic!("{:?}", failures(&outcome)) };
    assert_eq!(count, outcome.measured.counts.sent);
    assert!((98..=101).contains(&count), "{count}");

    let mut trial = Trial::new(plan(), |_, _| answer(MS));
    let _ = trial.world.run_for(SECOND);
    trial.order(Order::Stop);
    let _ = trial.world.run_for(SECOND);
    assert!(matches!(trial.outcomes.borrow()[..], [None]));
}

#[test]
fn at_high_rates_answers_are_the_occasions_to_send() {
    // 100,000 a second with answers after a millisecond; for a while in the middle there are none.
    let hole = |_: u64, at: u64| match at {
        at if (100 * MS..120 * MS).contains(&at) => answer(121 * MS - at),
        _ => answer(MS),
    };
    let plan = open_plan(100_000.0, 1, 4_000);
    let plan = Plan {
        load: Load::Open {
            profile: vec![Segment { duration: Duration::from_millis(200), from: 1e5, to: 1e5 }],
            arrivals: Arrivals::Uniform,
        },
        duration: Some(Duration::from_millis(200)),
        ..plan
    };
    let (outcome, _) = run(plan, hole);
    let measured = &outcome.measured;
    assert_eq!((measured.counts.ok, measured.counts.late, measured.counts.missed), (20_000, 0, 0));
    // While there are no answers the timer sends, a quarter of a millisecond late for at most two windows.
    assert!(measured.lateness.max() <= 260_000, "{}", measured.lateness.max());
    assert!(
        measured.lateness.value_at_quantile(0.9) < 100_000,
        "{}",
        measured.lateness.value_at_quantile(0.9)
    );
}
