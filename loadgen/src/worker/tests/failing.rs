//! Each way to fail in its own count, and what is no failure.

use super::*;

fn only(outcome: &WorkerOutcome) -> Vec<(Failure, u64)> {
    failures(outcome)
}

/// 50 requests on one connection, of which every tenth meets `act`.
fn every_tenth(plan: Plan, act: Act) -> (WorkerOutcome, Trial) {
    let plan = Plan { requests_max: Some(50), duration: None, ..plan };
    let (outcome, trial) =
        run(plan, move |number, _| if number % 10 == 9 { act.clone() } else { answer(MS) });
    let counts = &outcome.measured.counts;
    assert_eq!(counts.sent, 50, "{:?}", outcome.measured.examples);
    (outcome, trial)
}

#[test]
fn closes_resets_and_short_answers_are_different_things() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345".to_vec();
    let head = b"HTTP/1.1 200 OK\r\nConte".to_vec();
    let cases = [
        (Act::Close(Vec::new()), Failure::Closed),
        (Act::Close(half.clone()), Failure::ShortBody),
        (Act::Close(head.clone()), Failure::ShortBody),
        (Act::Reset(Vec::new()), Failure::Reset),
        (Act::Reset(half), Failure::Reset),
        (Act::Answer(b"SSH-2.0-x\r\n\r\n".to_vec(), 0), Failure::Protocol),
        (Act::Answer(b"HTTP/1.1 101 Switching\r\n\r\n".to_vec(), 0), Failure::Protocol),
        (Act::Answer([OK, b"HTTP"].concat(), 0), Failure::Protocol),
    ];
    for (act, failure) in cases {
        let (outcome, trial) = every_tenth(plan(), act);
        assert_eq!(only(&outcome), [(failure, 5)], "{:?}", outcome.measured.examples);
        // The connection is opened anew after each.
        assert!((5..=6).contains(&trial.backend.accepted.get()));
        // Bytes that nobody asked for come after an answer that was right.
        let asked = outcome.measured.examples[0].contains("no request asked for");
        assert_eq!(outcome.measured.counts.ok, if asked { 50 } else { 45 });
    }
}

#[test]
fn wrong_answers_are_failures_and_keep_the_connection() {
    let wrong = |text: &[u8]| Act::Answer(text.to_vec(), 0);
    let check = Check {
        statuses: Vec::new(),
        headers: vec![("content-length".into(), None)],
        body: Some(BodyCheck::Exact(b"ok".to_vec())),
    };
    let plan = Plan { requests: Requests::Mix(vec![Request { check, ..request("checked") }]), ..plan() };
    let cases: [(&[u8], Failure); 3] = [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nok", Failure::Status),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Failure::Header),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", Failure::Body),
    ];
    for (bytes, failure) in cases {
        let (outcome, trial) = every_tenth(plan.clone(), wrong(bytes));
        assert_eq!((only(&outcome), outcome.measured.counts.ok), (vec![(failure, 5)], 45));
        assert_eq!(trial.backend.accepted.get(), 1);
        let by = &outcome.measured.by_request[0];
        assert_eq!((by.name.as_str(), by.ok, by.failed), ("checked", 45, 5));
        assert!(outcome.measured.examples[0].contains("checked"), "{:?}", outcome.measured.examples);
        // The answers are counted by status all the same.
        assert_eq!(outcome.measured.counts.statuses.values().sum::<u64>(), 50);
    }
}

#[test]
fn a_timeout_and_a_stall_are_different_things() {
    let timeouts = Timeouts { request: Duration::from_secs(3), ..Timeouts::default() };
    let stall = Timeouts { stall: Some(Duration::from_millis(500)), ..timeouts };
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1".to_vec();
    for (timeouts, failure) in [(timeouts, Failure::Timeout), (stall, Failure::Stall)] {
        for bytes in [Vec::new(), begun.clone()] {
            let (outcome, _) = every_tenth(Plan { timeouts, ..plan() }, Act::Stall(bytes));
            assert_eq!(only(&outcome), [(failure, 5)]);
        }
    }
    // A slow answer is no stall.
    let plan = Plan { timeouts: stall, requests_max: Some(5), duration: None, ..plan() };
    let (outcome, _) = run(plan, |_, _| answer(490 * MS));
    assert_eq!((only(&outcome), outcome.measured.counts.ok), (vec![], 5));
}

#[test]
fn a_server_may_close_between_requests() {
    // Announced, after each answer.
    let close = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".to_vec();
    let plan = Plan { requests_max: Some(20), duration: None, ..plan() };
    let (outcome, trial) = run(plan.clone(), move |_, _| Act::Close(close.clone()));
    assert_eq!((only(&outcome), outcome.measured.counts.ok), (vec![], 20));
    assert!(trial.backend.accepted.get() >= 20);
    // An answer that ends with the connection.
    let until_close = b"HTTP/1.0 200 OK\r\n\r\nall of it".to_vec();
    let check = Check { body: Some(BodyCheck::Exact(b"all of it".to_vec())), ..Check::default() };
    let requests = Requests::Mix(vec![Request { check, ..request("a") }]);
    let (outcome, _) = run(Plan { requests, ..plan }, move |_, _| Act::Close(until_close.clone()));
    assert_eq!((only(&outcome), outcome.measured.counts.ok), (vec![], 20));
    // Not announced, while the connection is free: 10 requests a second on one connection, closed after each.
    let (outcome, trial) = run(open_plan(10.0, 3, 1), |_, _| Act::Close(OK.to_vec()));
    assert_eq!((only(&outcome), outcome.measured.counts.ok), (vec![], 30));
    assert!(trial.backend.accepted.get() >= 30);
}

#[test]
fn pipelined_answers_come_together_and_in_pieces() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec();
    let interim = [b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(), OK].concat();
    let check = Check { body: Some(BodyCheck::Exact(b"ok".to_vec())), ..Check::default() };
    let plan = Plan {
        requests: Requests::Mix(vec![Request { check, ..request("a") }]),
        requests_max: Some(400),
        duration: None,
        pipeline: 16,
        ..plan()
    };
    let (outcome, trial) = run(plan, move |number, _| match number % 3 {
        0 => Act::Answer(chunked.clone(), 0),
        1 => Act::Answer(interim.clone(), 0),
        _ => answer(0),
    });
    assert_eq!((only(&outcome), outcome.measured.counts.ok), (vec![], 400));
    assert_eq!(trial.backend.accepted.get(), 1);
}

#[test]
fn a_target_that_is_gone_is_not_hammered() {
    let addr: SocketAddr = "10.9.0.1:80".parse().unwrap();
    let mut world = World::new(1, Faults::default());
    let plan = Arc::new(Plan { duration: Some(Duration::from_secs(10)), ..plan() });
    let (order, orders) = mailbox(2);
    let (sender, news) = sync_channel(100);
    let host = WorkerHost {
        groups: Arc::new(Groups::new(&plan.requests)),
        replay_times: replay_times(&plan),
        duration: plan.duration,
        target: addr,
        shard: Shard { index: 0, of: 1 },
        orders,
        news: sender,
        usage: Usage::default,
        plan,
    };
    let core = world.core();
    let result: Rc<RefCell<Option<WorkerOutcome>>> = Rc::default();
    let (done, runtime) = (result.clone(), core.clone());
    core.spawn(async move { *done.borrow_mut() = run_worker(runtime, host).await.unwrap() });
    let _ = world.run_for(SECOND);
    assert!(matches!(news.try_recv(), Ok(News::Ready(_))));
    order.try_send(Order::Start(world.now())).unwrap();
    assert_eq!(world.run_until(|| result.borrow().is_some(), 60 * SECOND), Outcome::Done);
    let outcome = result.take().unwrap();
    let [(Failure::Connect, count)] = only(&outcome)[..] else { panic!("{:?}", only(&outcome)) };
    // 10 ms, doubled up to 1 s: 8 within the first 1.3 s, then one a second.
    assert!((14..=18).contains(&count), "{count}");
    assert_eq!((outcome.measured.counts.sent, outcome.measured.counts.ok), (0, 0));
}

#[test]
fn answers_that_never_come_are_unfinished_at_the_end() {
    let timeouts = Timeouts { request: Duration::from_secs(300), ..Timeouts::default() };
    let mut trial = Trial::new(Plan { connections: 3, timeouts, ..plan() }, |number, _| match number {
        2 => Act::Stall(Vec::new()),
        _ => answer(100 * MS),
    });
    let start = trial.start();
    let outcome = trial.finish().pop().unwrap();
    assert_eq!(only(&outcome), [(Failure::Unfinished, 1)]);
    assert!(outcome.measured.examples[0].contains("1 × a"), "{:?}", outcome.measured.examples);
    let counts = &outcome.measured.counts;
    assert_eq!(counts.sent, counts.ok + 1);
    // Awaited for the grace of 30 s after the second of the run.
    assert!((31 * SECOND..31 * SECOND + 10 * MS).contains(&(trial.world.now() - start)));
}

#[test]
fn whatever_the_network_does_each_request_is_counted_once() {
    let body = vec![b'x'; 20_000];
    let long = [b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n".as_slice(), &body].concat();
    let timeouts = Timeouts {
        connect: Duration::from_secs(1),
        request: Duration::from_secs(2),
        stall: Some(Duration::from_millis(700)),
    };
    let (mut ok, mut failed) = (0, 0);
    for seed in 0..60 {
        let base = if seed % 2 == 0 { plan() } else { open_plan(400.0, 3, 1) };
        let plan = Plan {
            seed,
            timeouts,
            connections: 20,
            pipeline: 1 + seed as usize % 3,
            requests_per_connection: (seed % 5 == 0).then_some(7),
            duration: Some(Duration::from_secs(3)),
            ..base
        };
        let long = long.clone();
        let mut trial = Trial::with(plan, Faults::chaos(), move |number, _| match number % 4 {
            0 => Act::Answer(long.clone(), MS),
            _ => answer(3 * MS),
        });
        trial.start();
        let outcome = trial.finish().pop().unwrap();
        let counts = &outcome.measured.counts;
        let of = |failure: Failure| counts.failed[failure as usize];
        let without_request = of(Failure::Connect) + of(Failure::ConnectTimeout);
        let lost = counts.failed.iter().sum::<u64>() - without_request;
        assert_eq!(counts.sent, counts.ok + lost, "seed {seed}: {counts:?}\n{}", trial.world.report());
        assert_eq!(counts.intended, counts.sent + counts.missed, "seed {seed}");
        assert!(trial.backend.requests.get() >= counts.ok, "seed {seed}");
        assert_eq!(of(Failure::Protocol), 0, "seed {seed}: {:?}", outcome.measured.examples);
        let answered = outcome.measured.latency.len();
        assert_eq!((answered, outcome.measured.first_byte.len()), (counts.ok, counts.ok), "seed {seed}");
        ok += counts.ok;
        failed += lost;
    }
    assert!(ok > 10_000 && failed > 1_000, "{ok} right, {failed} failed: the network must do something");
}
