//! Worlds as a whole: time, cores that share a listener, outcomes, determinism, and a sweep over seeds.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::*;

#[test]
fn addresses_and_clocks() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    assert_eq!(near.peer_addr(), addr());
    assert_eq!(far.peer_addr().ip(), client.addr());
    assert_ne!(client.addr(), server.addr());
    let (now, millis) = (client.now(), client.unix_millis());
    assert_eq!(world.run_for(29 * SECOND), Outcome::Done);
    assert_eq!(server.now(), now + 29 * SECOND);
    assert_eq!(server.unix_millis(), millis + 29_000);
    let listener = server.listen("0.0.0.0:0".parse().unwrap(), 8).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_ne!(port, 0);
    let connected =
        start(&client.clone(), async move { client.connect(([10, 1, 2, 3], port).into()).await.is_ok() });
    assert!(finish(&mut world, &connected), "a wildcard listener answers for every address");
}

#[test]
fn cores_share_an_address_and_each_gets_some() {
    let mut world = World::new(7, Faults::default());
    let client = world.core();
    let counts: Vec<Rc<Cell<u32>>> = (0..3).map(|_| Rc::default()).collect();
    let cores: Vec<SimRuntime> = (0..3).map(|_| world.core()).collect();
    for (core, count) in cores.iter().zip(&counts) {
        let listener = core.listen(addr(), 128).unwrap();
        let (count, runtime) = (count.clone(), core.clone());
        core.spawn(async move {
            loop {
                let stream = listener.accept().await.unwrap();
                count.set(count.get() + 1);
                runtime.spawn(async move { stream.closed().await });
            }
        });
    }
    let held: Vec<_> = (0..60)
        .map(|_| {
            let runtime = client.clone();
            start(&client, async move { runtime.connect(addr()).await.unwrap() })
        })
        .collect();
    assert_eq!(world.run_until(|| held.iter().all(Slot::is_set), SECOND), Outcome::Done);
    let _ = world.run_for(SECOND);
    assert!(counts.iter().all(|count| count.get() >= 8), "{counts:?}");
    assert_eq!(counts.iter().map(|count| count.get()).sum::<u32>(), 60);
    assert_eq!((client.open_streams(), world.open_connections()), (60, 60));
    assert_eq!(cores.iter().map(SimRuntime::live_tasks).sum::<usize>(), 63);
    drop(held);
    let _ = world.run_for(SECOND);
    assert_eq!((client.open_streams(), world.open_connections(), world.live_tasks()), (0, 0, 3));
}

#[test]
fn a_full_backlog_makes_connects_wait() {
    let mut world = World::new(1, Faults::default());
    let (client, server) = (world.core(), world.core());
    let listener = server.listen(addr(), 2).unwrap();
    let connects: Vec<_> = (0..3)
        .map(|_| {
            let runtime = client.clone();
            start(&client, async move { runtime.connect(addr()).await.unwrap() })
        })
        .collect();
    let _ = world.run_for(10 * SECOND);
    assert_eq!(connects.iter().filter(|slot| slot.is_set()).count(), 2);
    let accepted = start(&server, async move { (listener.accept().await.unwrap(), listener) });
    let held = finish(&mut world, &accepted);
    let _ = world.run_for(2 * SECOND);
    assert!(connects.iter().all(Slot::is_set));
    drop(held);
}

#[test]
fn dropping_a_listener_resets_those_who_wait_and_refuses_the_next() {
    let mut world = World::new(1, Faults::default());
    let (client, server) = (world.core(), world.core());
    let listener = server.listen(addr(), 8).unwrap();
    let runtime = client.clone();
    let connected = start(&client, async move { runtime.connect(addr()).await.unwrap() });
    let stream = finish(&mut world, &connected);
    drop(listener);
    let after = start(&client.clone(), async move {
        let error = stream.recv(SMALL).await.unwrap_err().kind();
        (error, client.connect(addr()).await.map(|_| ()).unwrap_err().kind())
    });
    assert_eq!(finish(&mut world, &after), (ErrorKind::ConnectionReset, ErrorKind::ConnectionRefused));
    assert_eq!(world.open_connections(), 0);
}

#[test]
fn a_connect_may_be_dropped_at_any_moment() {
    let mut reset = 0;
    for moment in (0..500_000).step_by(5000) {
        let mut world = World::new(moment, Faults::default());
        let (client, server) = (world.core(), world.core());
        let listener = server.listen(addr(), 8).unwrap();
        let mut connect = Box::pin(async { client.connect(addr()).await.map(|_| ()) });
        assert!(connect.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let _ = world.run_for(moment);
        drop(connect);
        let accepted = start(&server.clone(), async move {
            let stream = listener.accept().await.unwrap();
            stream.recv(SMALL).await.map(|buf| buf.len()).unwrap_err().kind()
        });
        let _ = world.run_for(SECOND);
        // Dropped before its knock, there is nothing to accept; after it, what is accepted is reset.
        if let Some(error) = accepted.take() {
            assert_eq!(error, ErrorKind::ConnectionReset);
            reset += 1;
        }
        assert_eq!((server.open_streams(), world.open_connections()), (0, 0), "{}", world.report());
    }
    assert!((20..90).contains(&reset), "{reset}");
}

#[test]
fn outcomes_tell_deadlock_livelock_and_the_limit_apart() {
    let mut world = World::new(1, Faults::default());
    let core = world.core();
    assert_eq!(world.run_until(|| false, SECOND), Outcome::Deadlock);
    let woken = start(&core.clone(), async move { sleep(&core, 10 * SECOND).await });
    assert_eq!(world.run_until(|| woken.is_set(), SECOND), Outcome::TimeLimit);
    assert_eq!(world.run_until(|| woken.is_set(), 10 * SECOND), Outcome::Done);
    let busy = world.core();
    busy.spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    assert_eq!(world.run_until(|| false, SECOND), Outcome::Livelock);
    assert_eq!(world.run_for(SECOND), Outcome::Livelock);
}

#[test]
fn a_game_without_latency_that_never_ends_is_a_livelock() {
    let mut world = World::new(1, Faults { latency_min: 0, latency_max: 0, ..Faults::default() });
    let (client, near, server, far) = pair(&mut world);
    start(&client, async move {
        loop {
            near.send_recv(Buf::copy_of(b"ping"), SMALL).await.unwrap();
        }
    });
    start(&server, async move {
        loop {
            let buf = far.recv(SMALL).await.unwrap();
            far.send(buf).await.unwrap();
        }
    });
    assert_eq!(world.run_until(|| false, SECOND), Outcome::Livelock);
}

/// What a small world of echo clients saw.
#[derive(Debug, PartialEq)]
struct Seen {
    right: u32,
    failed: u32,
    trace: u64,
}

/// Four clients ask two cores four times each, over new or kept connections, in whatever weather.
fn echo_world(seed: u64, faults: Faults) -> Seen {
    let mut world = World::new(seed, faults);
    let servers: Vec<SimRuntime> = (0..2).map(|_| world.core()).collect();
    for core in &servers {
        let listener = core.listen(addr(), 16).unwrap();
        let runtime = core.clone();
        core.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok(stream) => runtime.spawn(echo(runtime.clone(), stream)),
                    Err(_) => sleep(&runtime, 10 * MS).await,
                }
            }
        });
    }
    let (right, failed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let clients: Vec<Slot<()>> = (0..4)
        .map(|_| {
            let core = world.core();
            let (right, failed, runtime) = (right.clone(), failed.clone(), core.clone());
            start(&core, async move {
                for round in 0..4 {
                    let result = within(&runtime, 5 * SECOND, ask(&runtime, 100 + 3000 * round)).await;
                    let count = if matches!(result, Ok(Ok(()))) { &right } else { &failed };
                    count.set(count.get() + 1);
                }
            })
        })
        .collect();
    let outcome = world.run_until(|| clients.iter().all(Slot::is_set), 60 * SECOND);
    assert_eq!(outcome, Outcome::Done, "{}", world.report());
    // The weather calms down, and nothing may be left but the two who accept.
    world.set_faults(Faults::default());
    assert_eq!(world.run_for(300 * SECOND), Outcome::Done);
    assert_eq!((world.open_connections(), world.live_tasks()), (0, 2), "{}", world.report());
    assert_eq!(world.violations(), [] as [String; 0], "{}", world.report());
    Seen { right: right.get(), failed: failed.get(), trace: world.trace_hash() }
}

async fn echo(runtime: SimRuntime, stream: SimStream) {
    while let Ok(Ok(buf)) = within(&runtime, 60 * SECOND, stream.recv(SMALL)).await {
        if buf.is_empty() || !matches!(within(&runtime, 60 * SECOND, stream.send(buf)).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn ask(runtime: &SimRuntime, length: usize) -> Result<()> {
    let stream = runtime.connect(addr()).await?;
    stream.send(Buf::copy_of(&pattern(length))).await?;
    stream.shutdown_send();
    let answer = recv_all(&stream).await?;
    assert_eq!(answer, pattern(length)[..answer.len()], "what arrives is in order");
    if answer.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut traces = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let seen = echo_world(seed, Faults::chaos());
        assert_eq!(seen, echo_world(seed, Faults::chaos()), "seed {seed}");
        traces.insert(seen.trace);
    }
    assert_eq!(traces.len(), 50, "different seeds give different runs");
}

#[test]
fn all_is_well_in_good_weather_and_most_in_bad() {
    for seed in 0..100 {
        let seen = echo_world(seed, Faults::default());
        assert_eq!((seen.right, seen.failed), (16, 0));
    }
    let (mut right, mut failed) = (0, 0);
    for seed in 0..400 {
        let seen = echo_world(seed, Faults::chaos());
        right += seen.right;
        failed += seen.failed;
    }
    assert_eq!(right + failed, 400 * 16);
    assert!(right > 2 * failed && failed > 300, "{right} right, {failed} failed");
}

#[test]
fn an_alarm_fires_to_the_nanosecond_and_follows_its_deadline() {
    let mut world = World::new(3, Faults::default());
    let core = world.core();
    let begin = core.now();
    let alarm = Rc::new(core.alarm().unwrap());
    alarm.set(begin + 29 * SECOND + 7);
    let (runtime, waits) = (core.clone(), alarm.clone());
    let fired = start(&core, async move {
        waits.wait().await;
        runtime.now() - begin
    });
    assert_eq!(world.run_for(SECOND), Outcome::Done);
    assert!(!fired.is_set());
    // Earlier while it waits, and set again to the same.
    alarm.set(begin + 3 * SECOND + 1);
    alarm.set(begin + 3 * SECOND + 1);
    assert_eq!(finish(&mut world, &fired), 3 * SECOND + 1);
    // One that was dropped in its wait, and one that has passed.
    let timer = Timer::new(core.wheel());
    timer.arm(core.now() + SECOND);
    let late = start(&core, async move {
        alarm.set(u64::MAX - 1);
        let cut = timer.guard(alarm.wait()).await == Err(Elapsed);
        alarm.set(5);
        alarm.wait().await;
        cut
    });
    assert!(finish(&mut world, &late));
    assert_eq!(world.run_until(|| false, SECOND), Outcome::Deadlock);
}
