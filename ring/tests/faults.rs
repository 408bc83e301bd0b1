//! The native driver on the real kernel while a shim makes completions late and mixed up and the queues full: each fault has a named
//! outcome, and none a hang, a leak or a wrong answer.
//!
//! `RINGWAY_FAULT_REQUESTS` sets how many requests each mixed run makes, `RINGWAY_FAULT_SEED` where chance begins.

#![cfg(feature = "driver-faults")]

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ringway_ring::buf::{self, Buf, LARGE, SMALL};
use ringway_ring::native::faults::{FaultPlan, set_plan};
use ringway_ring::native::{NativeRuntime, RingCounters, run};
use ringway_ring::net::{Listener, Runtime, Stream};
use ringway_ring::sim::Rng;
use ringway_ring::start::{Driver, RunOptions};
use ringway_ring::wheel::Timer;

const SECOND: u64 = 1_000_000_000;
/// What a fresh driver has given to the kernel: its small buffers.
const GIVEN: isize = 256;
/// And its large ones, once one was asked for.
const GIVEN_BULK: isize = 8;
const CLIENTS: u64 = 200;
/// The longest message.
const MESSAGE_MAX: u64 = 100_000;

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn with(entries: u32, counters: &Arc<RingCounters>) -> RunOptions {
    RunOptions { entries, counters: counters.clone(), ..RunOptions::on(Driver::Native) }
}

/// What a mixed run did.
#[derive(Default)]
struct Tally {
    answered: Cell<u64>,
    cancelled: Cell<u64>,
    clients: Cell<u64>,
}

fn add(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// Sends back what comes, a message of 4 bytes length and so many bytes at a time.
async fn echo<S: Stream>(stream: S) -> io::Result<()> {
    loop {
        let bytes = stream.recv(SMALL).await?;
        if bytes.is_empty() {
            return Ok(());
        }
        stream.send(bytes).await?;
    }
}

/// Requests of random sizes with random pauses; some are dropped at a random moment, and their connection with them.
async fn client(runtime: NativeRuntime, to: SocketAddr, rng: Rng, requests: u64, tally: Rc<Tally>) {
    let timer = Timer::new(runtime.wheel());
    let mut stream = runtime.connect(to).await.expect("the listener is there");
    for _ in 0..requests {
        if rng.chance(0.2) {
            runtime.wheel().sleep_until(runtime.now() + rng.below(3_000_000)).await;
        }
        let message: Vec<u8> = {
            let len = rng.magnitude(1, MESSAGE_MAX) as usize;
            let salt = rng.next();
            (0..len as u64).map(|at| (at.wrapping_mul(salt | 1) >> 13) as u8).collect()
        };
        let limit = if rng.chance(0.1) { rng.below(2_000_000) } else { 60 * SECOND };
        timer.arm(runtime.now() + limit);
        let outcome = timer.guard(pin!(exchange(&stream, &message, &rng))).await;
        match outcome {
            Ok(answer) => {
                answer.expect("no request fails");
                add(&tally.answered);
            }
            Err(_) => {
                assert!(limit < SECOND, "a request of {} bytes hangs", message.len());
                add(&tally.cancelled);
                stream = runtime.connect(to).await.expect("the listener is there");
            }
        }
    }
    add(&tally.clients);
}

/// Sends a message and expects it back.
async fn exchange(stream: &impl Stream, message: &[u8], rng: &Rng) -> io::Result<()> {
    let capacity = if rng.chance(0.3) { LARGE } else { SMALL };
    let mut got = 0;
    if message.len() <= SMALL && rng.chance(0.5) {
        let bytes = stream.send_recv(Buf::copy_of(message), capacity).await?;
        check(message, &mut got, &bytes);
    } else {
        // In pieces, so that neither side waits for the other for ever.
        for piece in message.chunks(20_000) {
            let (first, second) = piece.split_at(piece.len() / 4);
            stream.send_both(Buf::copy_of(first), Buf::copy_of(second)).await?;
        }
    }
    while got < message.len() {
        let bytes = stream.recv(capacity).await?;
        assert!(!bytes.is_empty(), "the echo ended after {got} of {} bytes", message.len());
        check(message, &mut got, &bytes);
    }
    Ok(())
}

fn check(message: &[u8], got: &mut usize, bytes: &[u8]) {
    assert_eq!(message[*got..*got + bytes.len()], *bytes, "wrong bytes at {got}");
    *got += bytes.len();
}

/// Runs the mixed pattern on a driver with these faults and looks for what is left afterwards.
fn mixed(name: &str, entries: u32, plan: FaultPlan) -> Arc<RingCounters> {
    let counters = Arc::<RingCounters>::default();
    let requests = from_environment("RINGWAY_FAULT_REQUESTS", 20_000);
    let plan = FaultPlan { seed: from_environment("RINGWAY_FAULT_SEED", 1), ..plan };
    set_plan(Some(plan));
    let start = Instant::now();
    let leased_before = buf::leased();
    let tally = run(&with(entries, &counters), |runtime| async move {
        let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 4096).unwrap();
        let to = listener.local_addr().unwrap();
        let server = runtime.clone();
        runtime.spawn(async move {
            while let Ok(stream) = listener.accept().await {
                server.spawn(async move { drop(echo(stream).await) });
            }
        });
        let tally = Rc::new(Tally::default());
        for index in 0..CLIENTS {
            let rng = Rng::new(plan.seed.wrapping_mul(1000) + index);
            runtime.spawn(client(runtime.clone(), to, rng, requests / CLIENTS, tally.clone()));
        }
        let wait = async |done: &dyn Fn() -> bool, what: &str| {
            let mut last = (0, runtime.now());
            while !done() {
                runtime.wheel().sleep_until(runtime.now() + 5_000_000).await;
                let progress = tally.answered.get() + tally.cancelled.get();
                if progress != last.0 {
                    last = (progress, runtime.now());
                }
                assert!(runtime.now() - last.1 < 90 * SECOND, "{what} does not come: {:?}", runtime.live());
            }
        };
        wait(&|| tally.clients.get() == CLIENTS, "the end of the clients").await;
        // The accept and the wake-up stay.
        let clean = |live: ringway_ring::native::Live| {
            live.operations <= 2 && live.connections == 0 && live.queued == 0
        };
        wait(&|| clean(runtime.live()), "the end of connections and operations").await;
        let leased = buf::leased() - leased_before;
        let given = if plan.buffers > 0 { isize::try_from(plan.buffers).unwrap() } else { GIVEN };
        assert!(leased == given || leased == given + GIVEN_BULK, "{leased} buffers are held");
        (tally.answered.get(), tally.cancelled.get())
    });
    set_plan(None);
    let (answered, cancelled) = tally.expect("the ring lives");
    assert_eq!(buf::leased(), leased_before, "buffers of the ring have leaked");
    assert!(answered > 0 && (requests < 2000 || cancelled > 0));
    println!(
        "FAULTS {name}: {answered} answered, {cancelled} cancelled, none wrong, nothing left; buffers empty {}, stopped {}, \
         queue full {}, overflow {}, resumed {}, late for a gone connection {}; {:.1} s",
        counters.buffers_empty.get(),
        counters.receives_stopped.get(),
        counters.submission_full.get(),
        counters.completion_overflow.get(),
        counters.sends_resumed.get(),
        counters.stale.get(),
        start.elapsed().as_secs_f64()
    );
    counters
}

#[test]
fn without_faults() {
    mixed("none", 512, FaultPlan::default());
}

#[test]
fn completions_that_are_late_and_out_of_order() {
    mixed("late and out of order", 512, FaultPlan { delayed: 300, reordered: 500, ..FaultPlan::default() });
}

#[test]
fn a_submission_queue_that_is_full() {
    let counters =
        mixed("submission queue full", 512, FaultPlan { submission_full: 300, ..FaultPlan::default() });
    assert!(counters.submission_full.get() > 0);
}

#[test]
fn queues_that_are_far_too_small() {
    // 2 submissions and 16 completions for 400 connections: the kernel itself says that they are full.
    let counters = mixed("queues of 2 and 16", 2, FaultPlan { delayed: 50, ..FaultPlan::default() });
    assert!(counters.completion_overflow.get() > 0, "the completion queue never overflowed");
}

#[test]
fn a_ring_of_four_buffers() {
    let plan = FaultPlan { buffers: 4, delayed: 100, ..FaultPlan::default() };
    assert!(mixed("ring of 4 buffers", 512, plan).buffers_empty.get() > 0);
}

#[test]
fn a_ring_that_runs_out_of_buffers() {
    const COUNT: usize = 1500;
    let counters = Arc::<RingCounters>::default();
    set_plan(Some(FaultPlan { buffers: 4, ..FaultPlan::default() }));
    let ran = run(&with(512, &counters), |runtime| async move {
        let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 4096).unwrap();
        let to = listener.local_addr().unwrap();
        let heard = Rc::new(Cell::new(0u64));
        let mut clients = Vec::new();
        for _ in 0..COUNT {
            clients.push(Rc::new(runtime.connect(to).await.unwrap()));
            let (stream, heard) = (listener.accept().await.unwrap(), heard.clone());
            runtime.spawn(async move {
                while stream.recv(SMALL).await.is_ok_and(|bytes| !bytes.is_empty()) {
                    add(&heard);
                }
            });
        }
        for client in &clients {
            let client = client.clone();
            runtime.spawn(async move { client.send(Buf::copy_of(b"all at once")).await.unwrap() });
        }
        let start = runtime.now();
        while heard.get() < COUNT as u64 {
            assert!(runtime.now() - start < 20 * SECOND, "{} of {COUNT} were heard", heard.get());
            runtime.wheel().sleep_until(runtime.now() + 1_000_000).await;
        }
    });
    set_plan(None);
    ran.unwrap();
    assert!(counters.buffers_empty.get() > 0, "there were buffers enough for {COUNT} at once");
    println!(
        "FAULTS buffer ring empty: {COUNT} messages at once, all heard, {} waited",
        counters.buffers_empty.get()
    );
}

/// A loud connection does not keep a quiet one from being heard.
#[test]
fn a_quiet_connection_beside_loud_ones() {
    run(&RunOptions::on(Driver::Native), |runtime| async move {
        let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 4096).unwrap();
        let to = listener.local_addr().unwrap();
        for _ in 0..50 {
            let loud = runtime.connect(to).await.unwrap();
            let sink = listener.accept().await.unwrap();
            runtime.spawn(async move { while loud.send(Buf::from(vec![1; LARGE])).await.is_ok() {} });
            // It takes one buffer after another, and some never do.
            let clock = runtime.clone();
            runtime.spawn(async move {
                while sink.recv(SMALL).await.is_ok() {
                    clock.wheel().sleep_until(clock.now() + 2_000_000).await;
                }
            });
        }
        let quiet = runtime.connect(to).await.unwrap();
        let peer = listener.accept().await.unwrap();
        runtime.spawn(async move { drop(echo(peer).await) });
        let mut slowest = 0;
        for _ in 0..200 {
            let start = runtime.now();
            assert_eq!(&quiet.send_recv(Buf::copy_of(b"hear me"), SMALL).await.unwrap()[..], b"hear me");
            slowest = slowest.max(runtime.now() - start);
        }
        let held = buf::leased();
        println!(
            "FAULTS loud neighbours: slowest quiet answer {} us, {held} buffers held, {:?}",
            slowest / 1000,
            runtime.live()
        );
        assert!(slowest < SECOND, "a quiet connection waited {} ms", slowest / 1_000_000);
        assert!(held < 1000, "{held} buffers are held for fifty connections");
    })
    .unwrap();
}

#[test]
fn no_memory_for_a_ring() {
    set_plan(Some(FaultPlan { setup_error: libc_enomem(), ..FaultPlan::default() }));
    let error = run(&RunOptions::on(Driver::Native), |_| async {}).unwrap_err();
    set_plan(None);
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    println!("FAULTS no memory for a ring: {error}");
}

const fn libc_enomem() -> i32 {
    12
}

#[test]
fn a_ring_that_dies() {
    set_plan(Some(FaultPlan { dies_after: 200, ..FaultPlan::default() }));
    let leased = buf::leased();
    let ended = run(&RunOptions::on(Driver::Native), |runtime| async move {
        let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let stream = runtime.connect(listener.local_addr().unwrap()).await.unwrap();
        let peer = listener.accept().await.unwrap();
        runtime.spawn(async move { drop(echo(peer).await) });
        loop {
            stream.send_recv(Buf::copy_of(b"x"), SMALL).await.unwrap();
        }
    });
    set_plan(None);
    let error = match ended {
        Ok(()) => unreachable!("it asks for ever"),
        Err(error) => error,
    };
    println!("FAULTS a ring that dies: {error}; {} buffers are left to the kernel", buf::leased() - leased);
}
