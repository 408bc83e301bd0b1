//! What the seam promises of streams, listeners and wake-ups, on real sockets, for each driver that this kernel has.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ringway_ring::buf::{Buf, LARGE, SMALL};
use ringway_ring::mailbox::mailbox;
use ringway_ring::net::{Alarm, Listener, Runtime, Stream};
use ringway_ring::probe::{DriverChoice, probe};
use ringway_ring::sim::Rng;
use ringway_ring::start::{CoreMain, Driver, RunOptions, run_on_core};
use ringway_ring::wheel::{TICK_NS, Timer};

const SECOND: u64 = 1_000_000_000;

fn drivers() -> Vec<Driver> {
    let report = probe();
    let all = [DriverChoice::Native, DriverChoice::Monoio, DriverChoice::Epoll];
    all.iter().filter_map(|choice| report.choose(*choice).ok()).map(|chosen| chosen.driver).collect()
}

/// Runs each function as a test on every driver, with the ring's usual size.
macro_rules! on_each_driver {
    ($($name:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            struct Main;
            impl CoreMain for Main {
                type Output = ();
                async fn run<R: Runtime>(self, runtime: R) {
                    body::$name(runtime).await;
                }
            }
            for driver in drivers() {
                println!("on {}", driver.describe());
                run_on_core(&RunOptions::on(driver), Main).unwrap();
            }
        }
    )+};
}

on_each_driver!(
    messages_pass_both_ways_in_order,
    a_body_in_bulk_arrives_whole_whatever_the_capacity,
    a_slow_reader_gets_everything,
    more_connections_than_buffers_are_all_heard,
    what_waits_while_memory_is_given_back_goes_on,
    closed_is_heard_with_and_without_unread_bytes,
    a_half_closed_connection_still_sends,
    an_abortive_close_is_a_reset,
    quiet_connections_are_told_from_others,
    two_buffers_are_one_message,
    an_answer_is_awaited_while_the_question_is_sent,
    a_refused_connect_is_an_error,
    a_burst_of_connections_is_accepted,
    accepted_connections_do_not_wait_to_send,
    dropped_futures_leave_the_core_usable,
    another_thread_wakes_a_core,
    timers_are_never_early,
    an_alarm_fires_at_its_deadline_and_never_before,
    a_wait_follows_an_alarm_that_moves,
    a_dropped_wait_leaves_the_alarm_usable,
);

/// A connected pair: from here, and as accepted.
async fn pair<R: Runtime>(runtime: &R) -> (R::Stream, R::Stream) {
    let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 16).unwrap();
    let to = listener.local_addr().unwrap();
    let (connected, accepted) = both(runtime.connect(to), listener.accept()).await;
    (connected.unwrap(), accepted.unwrap())
}

/// Runs two futures at once.
async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut of_a, mut of_b) = (None, None);
    std::future::poll_fn(move |cx| {
        if of_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            of_a = Some(output);
        }
        if of_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            of_b = Some(output);
        }
        match (of_a.is_some(), of_b.is_some()) {
            (true, true) => Poll::Ready((of_a.take().unwrap(), of_b.take().unwrap())),
            _ => Poll::Pending,
        }
    })
    .await
}

async fn sleep<R: Runtime>(runtime: &R, millis: u64) {
    runtime.wheel().sleep_until(runtime.now() + millis * 1_000_000).await;
}

/// Waits until `done` holds.
async fn until<R: Runtime>(runtime: &R, what: &str, done: impl Fn() -> bool) {
    let start = runtime.now();
    while !done() {
        assert!(runtime.now() - start < 20 * SECOND, "it does not come: {what}");
        sleep(runtime, 2).await;
    }
}

/// Bytes that say where in the stream they are.
fn pattern(start: usize, len: usize) -> Vec<u8> {
    (start..start + len).map(|at| (at.wrapping_mul(31) >> 3) as u8).collect()
}

/// Receives until `len` bytes of the pattern are there.
async fn expect(stream: &impl Stream, start: usize, len: usize, capacity: usize) -> io::Result<()> {
    let mut got = 0;
    while got < len {
        let bytes = stream.recv(capacity).await?;
        assert!(!bytes.is_empty(), "the stream ended after {got} of {len} bytes");
        assert!(bytes.len() <= capacity.max(SMALL));
        assert_eq!(bytes[..], pattern(start + got, bytes.len())[..], "at {}", start + got);
        got += bytes.len();
    }
    assert_eq!(got, len);
    Ok(())
}

mod body {
    use super::*;

    pub(super) async fn messages_pass_both_ways_in_order<R: Runtime>(runtime: R) {
        let done = Rc::new(Cell::new(0));
        for seed in 0..20 {
            let (client, server) = pair(&runtime).await;
            let (rng, count) = (Rng::new(seed), done.clone());
            runtime.spawn(async move {
                let mut at = 0;
                for _ in 0..50 {
                    let len = rng.magnitude(1, 20_000) as usize;
                    let sent = pattern(at, len);
                    let (sending, receiving) =
                        both(client.send(Buf::from(sent.clone())), expect(&server, at, len, SMALL)).await;
                    sending.and(receiving).unwrap();
                    // And back, in two pieces at once.
                    let (sending, receiving) = both(
                        server.send_both(Buf::copy_of(&sent[..len / 3]), Buf::copy_of(&sent[len / 3..])),
                        expect(&client, at, len, LARGE),
                    )
                    .await;
                    sending.and(receiving).unwrap();
                    at += len;
                }
                count.set(count.get() + 1);
            });
        }
        until(&runtime, "twenty conversations", || done.get() == 20).await;
    }

    pub(super) async fn a_body_in_bulk_arrives_whole_whatever_the_capacity<R: Runtime>(runtime: R) {
        const PIECES: usize = 100;
        let (client, server) = pair(&runtime).await;
        let sender = async {
            for piece in 0..PIECES {
                client.send(Buf::from(pattern(piece * LARGE, LARGE))).await.unwrap();
            }
            client.shutdown_send();
        };
        let receiver = async {
            let mut got = 0;
            let rng = Rng::new(7);
            loop {
                let capacity = if rng.chance(0.5) { SMALL } else { LARGE };
                let bytes = server.recv(capacity).await.unwrap();
                if bytes.is_empty() {
                    break got;
                }
                assert_eq!(bytes[..], pattern(got, bytes.len())[..], "at {got}");
                got += bytes.len();
            }
        };
        let ((), got) = both(sender, receiver).await;
        assert_eq!(got, PIECES * LARGE);
    }

    pub(super) async fn a_slow_reader_gets_everything<R: Runtime>(runtime: R) {
        const LEN: usize = 8 << 20;
        let (client, server) = pair(&runtime).await;
        let clock = runtime.clone();
        let sender = async {
            for at in (0..LEN).step_by(LARGE) {
                client.send(Buf::from(pattern(at, LARGE))).await.unwrap();
            }
        };
        // Small receives with pauses between: what arrives meanwhile must wait, in order.
        both(sender, receive_with_pauses(&server, &clock, LEN)).await;
    }

    async fn receive_with_pauses<R: Runtime>(server: &R::Stream, clock: &R, len: usize) {
        let mut got = 0;
        while got < len {
            let bytes = server.recv(SMALL).await.unwrap();
            assert_eq!(bytes[..], pattern(got, bytes.len())[..], "at {got}");
            got += bytes.len();
            if (got / SMALL).is_multiple_of(64) {
                sleep(clock, 3).await;
            }
        }
    }

    pub(super) async fn more_connections_than_buffers_are_all_heard<R: Runtime>(runtime: R) {
        const COUNT: usize = 700;
        let mut pairs = Vec::new();
        for _ in 0..COUNT {
            pairs.push(pair(&runtime).await);
        }
        let (heard, answered) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let mut clients = Vec::new();
        for (client, server) in pairs {
            let heard = heard.clone();
            runtime.spawn(async move {
                for round in 0..5 {
                    expect(&server, round * 3, 3, SMALL).await.unwrap();
                    server.send(Buf::copy_of(b"ok")).await.unwrap();
                }
                heard.set(heard.get() + 1);
            });
            clients.push(Rc::new(client));
        }
        sleep(&runtime, 20).await;
        for round in 0..5 {
            // All of them in one turn.
            for client in &clients {
                let (client, answered) = (client.clone(), answered.clone());
                runtime.spawn(async move {
                    let answer = client.send_recv(Buf::from(pattern(round * 3, 3)), SMALL).await;
                    assert_eq!(&answer.unwrap()[..], b"ok");
                    answered.set(answered.get() + 1);
                });
            }
            // A next message before the answer to this one could arrive together with it.
            until(&runtime, "a round was answered", || answered.get() == COUNT * (round + 1)).await;
        }
        until(&runtime, "everybody was heard", || heard.get() == COUNT).await;
    }

    pub(super) async fn what_waits_while_memory_is_given_back_goes_on<R: Runtime>(runtime: R) {
        const COUNT: usize = 300;
        let answered = Rc::new(Cell::new(0));
        let mut clients = Vec::new();
        for _ in 0..COUNT {
            let (client, server) = pair(&runtime).await;
            clients.push(Rc::new(client));
            runtime.spawn(async move {
                let mut bytes = server.recv(SMALL).await.unwrap();
                while !bytes.is_empty() {
                    bytes = server.send_recv(bytes, SMALL).await.unwrap();
                }
            });
        }
        for wave in 0..2 {
            for client in &clients {
                let (client, answered) = (client.clone(), answered.clone());
                runtime.spawn(async move {
                    for round in 0..10 {
                        let message = pattern(wave * 100 + round, 50);
                        let answer = client.send_recv(Buf::from(message.clone()), SMALL).await.unwrap();
                        assert_eq!(answer[..], message[..]);
                    }
                    answered.set(answered.get() + 1);
                });
            }
            until(&runtime, "a wave of answers", || answered.get() == COUNT * (wave + 1)).await;
            // The quiet second after a busy one.
            sleep(&runtime, 2300).await;
        }
    }

    pub(super) async fn closed_is_heard_with_and_without_unread_bytes<R: Runtime>(runtime: R) {
        for unread in [0, 3, 40_000] {
            let (client, server) = pair(&runtime).await;
            client.send(Buf::from(pattern(0, unread.max(1)))).await.unwrap();
            if unread == 0 {
                expect(&server, 0, 1, SMALL).await.unwrap();
            }
            let timer = Timer::new(runtime.wheel());
            timer.arm(runtime.now() + SECOND / 20);
            assert!(timer.guard(pin!(server.closed())).await.is_err(), "it is open");
            drop(client);
            timer.arm(runtime.now() + 3 * SECOND / 2);
            timer.guard(pin!(server.closed())).await.expect("its close is heard");
            // What was sent before is still there.
            if unread > 0 {
                expect(&server, 0, unread, SMALL).await.unwrap();
                assert!(server.recv(SMALL).await.unwrap().is_empty());
            }
        }
    }

    pub(super) async fn a_half_closed_connection_still_sends<R: Runtime>(runtime: R) {
        let (client, server) = pair(&runtime).await;
        client.shutdown_send();
        assert!(server.recv(SMALL).await.unwrap().is_empty());
        server.send(Buf::from(pattern(0, 5000))).await.unwrap();
        expect(&client, 0, 5000, SMALL).await.unwrap();
        drop(server);
        assert!(client.recv(SMALL).await.unwrap().is_empty());
        assert!(client.recv(SMALL).await.unwrap().is_empty(), "the end stays the end");
    }

    pub(super) async fn an_abortive_close_is_a_reset<R: Runtime>(runtime: R) {
        let (client, server) = pair(&runtime).await;
        server.set_abortive();
        drop(server);
        let error = client.recv(SMALL).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(!client.is_quiet());
        assert!(client.send(Buf::copy_of(b"x")).await.is_err());
    }

    pub(super) async fn quiet_connections_are_told_from_others<R: Runtime>(runtime: R) {
        let (client, server) = pair(&runtime).await;
        assert!(client.is_quiet() && server.is_quiet());
        server.send(Buf::copy_of(b"late")).await.unwrap();
        sleep(&runtime, 5).await;
        assert!(!client.is_quiet());
        assert_eq!(&client.recv(SMALL).await.unwrap()[..], b"late");
        assert!(client.is_quiet());
        drop(server);
        sleep(&runtime, 5).await;
        assert!(!client.is_quiet());
    }

    pub(super) async fn two_buffers_are_one_message<R: Runtime>(runtime: R) {
        let (client, server) = pair(&runtime).await;
        let mut at = 0;
        for (first, second) in [(1, 1), (0, 5), (5, 0), (SMALL, LARGE), (LARGE, LARGE), (0, 0)] {
            let (one, two) = (pattern(at, first), pattern(at + first, second));
            let len = first + second;
            let sending = client.send_both(Buf::from(one), Buf::from(two));
            let (sent, received) = both(sending, expect(&server, at, len, LARGE)).await;
            sent.and(received).unwrap();
            at += len;
        }
    }

    pub(super) async fn an_answer_is_awaited_while_the_question_is_sent<R: Runtime>(runtime: R) {
        let (client, server) = pair(&runtime).await;
        let asks = async {
            for number in 0..100u8 {
                let answer = client.send_recv(Buf::copy_of(&[number]), SMALL).await.unwrap();
                assert_eq!(answer[..], [number, number]);
            }
            // The peer's end after the message was sent is the end.
            assert!(client.send_recv(Buf::copy_of(b"last"), SMALL).await.unwrap().is_empty());
        };
        let answers = async {
            let mut out = Buf::default();
            for _ in 0..100 {
                let asked = match out.is_empty() {
                    true => server.recv(SMALL).await.unwrap(),
                    false => server.send_recv(std::mem::take(&mut out), SMALL).await.unwrap(),
                };
                out = Buf::copy_of(&[asked[0], asked[0]]);
            }
            assert_eq!(&server.send_recv(out, SMALL).await.unwrap()[..], b"last");
            server.shutdown_send();
            sleep(&runtime, 5).await;
        };
        both(asks, answers).await;
    }

    pub(super) async fn a_refused_connect_is_an_error<R: Runtime>(runtime: R) {
        let free: SocketAddr = {
            let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 1).unwrap();
            listener.local_addr().unwrap()
        };
        sleep(&runtime, 5).await;
        let error = runtime.connect(free).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    pub(super) async fn a_burst_of_connections_is_accepted<R: Runtime>(runtime: R) {
        const COUNT: usize = 1000;
        let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 4096).unwrap();
        let to = listener.local_addr().unwrap();
        let connected = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..COUNT {
            let (clock, all) = (runtime.clone(), connected.clone());
            runtime.spawn(async move {
                let stream = clock.connect(to).await.unwrap();
                all.borrow_mut().push(stream);
            });
        }
        let mut accepted = Vec::new();
        while accepted.len() < COUNT {
            accepted.push(listener.accept().await.unwrap());
        }
        until(&runtime, "all are connected", || connected.borrow().len() == COUNT).await;
        let peers: std::collections::HashSet<_> = accepted.iter().map(Stream::peer_addr).collect();
        assert_eq!(peers.len(), COUNT);
    }

    pub(super) async fn accepted_connections_do_not_wait_to_send<R: Runtime>(runtime: R) {
        let (client, server) = pair(&runtime).await;
        // Two small messages without an answer between: with Nagle's algorithm the second waits for the delayed acknowledgement.
        for sender in [&server, &client] {
            let receiver = if std::ptr::eq(sender, &server) { &client } else { &server };
            let mut slow = 0;
            for _ in 0..20 {
                let start = runtime.now();
                sender.send(Buf::copy_of(b"one")).await.unwrap();
                sender.send(Buf::copy_of(b"two")).await.unwrap();
                let mut got = 0;
                while got < 6 {
                    got += receiver.recv(SMALL).await.unwrap().len();
                }
                slow += usize::from(runtime.now() - start > 30_000_000);
            }
            assert!(slow < 10, "{slow} of 20 pairs took longer than 30 ms");
        }
    }

    pub(super) async fn dropped_futures_leave_the_core_usable<R: Runtime>(runtime: R) {
        let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 4096).unwrap();
        let to = listener.local_addr().unwrap();
        let rng = Rng::new(3);
        let timer = Timer::new(runtime.wheel());
        for round in 0..300u64 {
            timer.arm(runtime.now() + rng.below(2_000_000));
            let connecting = timer.guard(pin!(runtime.connect(to))).await;
            let Ok(client) = connecting else { continue };
            let _client = client.unwrap();
            timer.arm(runtime.now() + 5 * SECOND);
            let server = timer.guard(pin!(listener.accept())).await.unwrap().unwrap();
            timer.arm(runtime.now() + rng.below(2_000_000));
            match round % 4 {
                0 => drop(timer.guard(pin!(server.recv(SMALL))).await),
                1 => drop(timer.guard(pin!(server.recv(LARGE))).await),
                2 => drop(timer.guard(pin!(server.send(Buf::from(vec![0; 16 << 20])))).await),
                _ => drop(timer.guard(pin!(server.send_recv(Buf::copy_of(b"x"), SMALL))).await),
            }
        }
        drop(listener);
        let (client, server) = pair(&runtime).await;
        client.send(Buf::from(pattern(0, 100))).await.unwrap();
        expect(&server, 0, 100, SMALL).await.unwrap();
    }

    pub(super) async fn another_thread_wakes_a_core<R: Runtime>(runtime: R) {
        let (sender, mailbox) = mailbox(4);
        let thread = std::thread::spawn(move || {
            for number in 0..200u32 {
                if number.is_multiple_of(10) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                while sender.try_send(number).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let timer = Timer::new(runtime.wheel());
        for number in 0..200 {
            timer.arm(runtime.now() + 10 * SECOND);
            assert_eq!(timer.guard(pin!(mailbox.recv())).await, Ok(number));
        }
        thread.join().unwrap();
    }

    pub(super) async fn timers_are_never_early<R: Runtime>(runtime: R) {
        let mut late = Vec::new();
        for millis in [1, 3, 7, 20, 2, 5].into_iter().cycle().take(60) {
            let deadline = runtime.now() + millis * 1_000_000;
            runtime.wheel().sleep_until(deadline).await;
            let now = runtime.now();
            assert!(now >= deadline, "{} ns early", deadline - now);
            late.push(now - deadline);
        }
        late.sort_unstable();
        println!("late by {} us in the middle, {} us at most", late[30] / 1000, late[59] / 1000);
    }

    pub(super) async fn an_alarm_fires_at_its_deadline_and_never_before<R: Runtime>(runtime: R) {
        let alarm = runtime.alarm().unwrap();
        let mut late = Vec::new();
        for pause in [150_000, 0, 400_000, 1_700_000, 30_000].into_iter().cycle().take(50) {
            let deadline = runtime.now() + pause;
            alarm.set(deadline);
            alarm.wait().await;
            let now = runtime.now();
            assert!(now >= deadline, "{} ns early", deadline - now);
            late.push(now - deadline);
        }
        // Far below a tick of the wheel, which no other wait could reach; how far is for the benches to say.
        late.sort_unstable();
        assert!(late[late.len() / 2] < TICK_NS / 2, "{late:?}");
    }

    pub(super) async fn a_wait_follows_an_alarm_that_moves<R: Runtime>(runtime: R) {
        let alarm = Rc::new(runtime.alarm().unwrap());
        let fired = Rc::new(RefCell::new(None));
        let start = runtime.now();
        alarm.set(start + 60 * SECOND);
        let (task_alarm, log, clock) = (alarm.clone(), fired.clone(), runtime.clone());
        runtime.spawn(async move {
            task_alarm.wait().await;
            *log.borrow_mut() = Some(clock.now());
        });
        // Earlier, while it waits; then later again before that.
        sleep(&runtime, 2).await;
        alarm.set(start + 20_000_000);
        sleep(&runtime, 3).await;
        alarm.set(start + 40_000_000);
        runtime.wheel().sleep_until(start + 30_000_000).await;
        assert_eq!(*fired.borrow(), None);
        until(&runtime, "it rings", || fired.borrow().is_some()).await;
        assert!(fired.borrow().unwrap() >= start + 40_000_000);
    }

    pub(super) async fn a_dropped_wait_leaves_the_alarm_usable<R: Runtime>(runtime: R) {
        let alarm = runtime.alarm().unwrap();
        let start = runtime.now();
        alarm.set(start + 60 * SECOND);
        let timer = Timer::new(runtime.wheel());
        timer.arm(start + 3_000_000);
        assert!(timer.guard(pin!(alarm.wait())).await.is_err());
        alarm.set(start + 6_000_000);
        alarm.wait().await;
        assert!(runtime.now() >= start + 6_000_000);
    }
}
