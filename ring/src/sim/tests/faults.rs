//! Every fault, backpressure, and how connections end.

use super::*;

fn with(change: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::default();
    change(&mut faults);
    faults
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn short_reads_and_writes_keep_the_bytes_in_order() {
    let mut world = World::new(1, with(|f| (f.short_read, f.short_write) = (1.0, 0.9)));
    let (client, sender, server, receiver) = pair(&mut world);
    let sent =
        start(
            &client,
            async move { sender.send_both(Buf::copy_of(&pattern(5000)), Buf::copy_of(b"end")).await },
        );
    let got = start(&server, async move {
        let mut pieces = 0;
        let mut all = Vec::new();
        loop {
            let buf = receiver.recv(1000).await.unwrap();
            assert!(buf.len() <= 1000);
            if buf.is_empty() {
                return (pieces, all);
            }
            pieces += 1;
            all.extend_from_slice(&buf);
        }
    });
    let (pieces, all) = finish(&mut world, &got);
    assert!(sent.take().unwrap().is_ok());
    assert_eq!(all, [pattern(5000), b"end".to_vec()].concat());
    assert!(pieces > 8, "{pieces}");
}

#[test]
fn a_sender_waits_for_a_reader_and_the_buffer_is_bounded() {
    let mut world = World::new(1, with(|f| f.send_buffer = 10_000));
    let (client, sender, server, receiver) = pair(&mut world);
    let progress = Rc::new(Cell::new(0));
    let count = progress.clone();
    let sent = start(&client, async move {
        for chunk in pattern(1 << 20).chunks(1000) {
            sender.send(Buf::copy_of(chunk)).await.unwrap();
            count.set(count.get() + chunk.len());
        }
    });
    assert_eq!(world.run_until(|| sent.is_set(), SECOND), Outcome::Deadlock);
    assert_eq!(progress.get(), 10_000);
    let got = start(&server, async move { recv_all(&receiver).await.unwrap() });
    assert_eq!(finish(&mut world, &got), pattern(1 << 20));
    assert!(sent.is_set());
}

#[test]
fn both_directions_wait_at_the_same_time() {
    let mut world = World::new(1, with(|f| f.send_buffer = 1000));
    let (client, near, server, far) = pair(&mut world);
    let near = Rc::new(near);
    let reader = near.clone();
    let sent = start(&client, async move { near.send(Buf::copy_of(&pattern(5000))).await.unwrap() });
    let got = start(&client, async move { reader.recv(SMALL).await.unwrap().to_vec() });
    assert_eq!(world.run_until(|| sent.is_set() || got.is_set(), SECOND), Outcome::Deadlock);
    let peer = start(&server, async move {
        far.send(Buf::copy_of(b"hello")).await.unwrap();
        let mut total = 0;
        while total < 5000 {
            total += far.recv(SMALL).await.unwrap().len();
        }
        far
    });
    finish(&mut world, &peer);
    assert_eq!((got.take().unwrap(), sent.is_set()), (b"hello".to_vec(), true));
    assert_eq!(world.violations(), [] as [String; 0]);
}

#[test]
fn connects_are_refused_by_fault_and_where_nobody_listens() {
    let mut world = World::new(1, Faults::default());
    let (client, server) = (world.core(), world.core());
    let connect = |client: &SimRuntime| {
        let runtime = client.clone();
        start(client, async move { runtime.connect(addr()).await.map(|_| ()) })
    };
    let nobody = connect(&client);
    assert_eq!(kind(finish(&mut world, &nobody)), ErrorKind::ConnectionRefused);
    let _listener = server.listen(addr(), 8).unwrap();
    let somebody = connect(&client);
    finish(&mut world, &somebody).unwrap();
    world.set_faults(with(|f| f.refuse = 1.0));
    let fault = connect(&client);
    assert_eq!(kind(finish(&mut world, &fault)), ErrorKind::ConnectionRefused);
}

#[test]
fn a_stalled_connect_is_never_answered_and_safe_to_drop() {
    let mut world = World::new(1, with(|f| f.stall_connect = 1.0));
    let (client, server) = (world.core(), world.core());
    let _listener = server.listen(addr(), 8).unwrap();
    let runtime = client.clone();
    let given_up =
        start(&client, async move { within(&runtime, 29 * SECOND, runtime.connect(addr())).await.is_err() });
    let began = world.now();
    assert!(finish(&mut world, &given_up));
    let waited = world.now() - began;
    assert!((29 * SECOND..29 * SECOND + 2 * MS).contains(&waited), "{waited}");
    assert_eq!((world.open_connections(), world.live_tasks()), (0, 0));
}

#[test]
fn a_reset_reaches_both_ends() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    world.set_faults(with(|f| f.reset = 1.0));
    let first = start(&client, async move {
        near.send(Buf::copy_of(b"lost")).await.unwrap();
        let received = kind(near.recv(SMALL).await);
        near.closed().await;
        (received, kind(near.send(Buf::copy_of(b"more")).await))
    });
    let second =
        start(
            &server,
            async move { (kind(far.recv(SMALL).await), kind(far.recv(SMALL).await), far.is_quiet()) },
        );
    let (received, sent) = finish(&mut world, &first);
    assert_eq!(received, ErrorKind::ConnectionReset);
    assert!(matches!(sent, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
    let reset = ErrorKind::ConnectionReset;
    assert_eq!(finish(&mut world, &second), (reset, reset, false));
    assert_eq!(world.open_connections(), 0);
}

#[test]
fn a_reset_may_discard_what_had_arrived() {
    for (discards, expected) in [(0.0, Some(4)), (1.0, None)] {
        let mut world = World::new(1, with(|f| f.reset_discards = discards));
        let (client, near, server, far) = pair(&mut world);
        let runtime = server.clone();
        start(&client, async move {
            near.send(Buf::copy_of(b"data")).await.unwrap();
            near.set_abortive();
        });
        let got = start(&server, async move {
            sleep(&runtime, SECOND).await;
            far.recv(SMALL).await.ok().map(|buf| buf.len())
        });
        assert_eq!(finish(&mut world, &got), expected);
    }
}

#[test]
fn a_half_close_cuts_the_message_and_breaks_the_sender() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    world.set_faults(with(|f| f.half_close = 1.0));
    let sender = start(&client, async move {
        near.send(Buf::copy_of(b"never arrives")).await.unwrap();
        near.closed().await;
        (kind(near.recv(SMALL).await), near)
    });
    let receiver = start(&server, async move { (recv_all(&far).await.unwrap(), far) });
    let (got, far) = finish(&mut world, &receiver);
    assert!(got.is_empty(), "the stream ends before the message");
    let (broken, _near) = finish(&mut world, &sender);
    assert_eq!(broken, ErrorKind::ConnectionReset);
    world.set_faults(Faults::default());
    let answer = start(&server.clone(), async move {
        while far.send(Buf::copy_of(b"answer")).await.is_ok() {
            sleep(&server, MS).await;
        }
    });
    finish(&mut world, &answer);
}

#[test]
fn a_stall_delays_and_keeps_the_order() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    world.set_faults(with(|f| (f.stall, f.stall_max) = (1.0, 40 * SECOND)));
    let began = world.now();
    start(&client, async move {
        for piece in pattern(3000).chunks(100) {
            near.send(Buf::copy_of(piece)).await.unwrap();
        }
    });
    let got = start(&server, async move { recv_all(&far).await.unwrap() });
    assert_eq!(finish(&mut world, &got), pattern(3000));
    let took = world.now() - began;
    assert!((SECOND..=41 * SECOND).contains(&took), "{took}");
}

#[test]
fn nothing_overtakes_a_stalled_segment() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    world.set_faults(with(|f| f.stall = 1.0));
    let first = start(&client, async move {
        near.send(Buf::copy_of(b"stalled, ")).await.unwrap();
        near
    });
    let near = finish(&mut world, &first);
    let began = world.now();
    world.set_faults(Faults::default());
    start(&client, async move { near.send(Buf::copy_of(b"and not")).await.unwrap() });
    let got = start(&server.clone(), async move {
        let first = far.recv(9).await.unwrap();
        assert_eq!(*first, *b"stalled, ");
        let waited = server.now() - began;
        (waited, recv_all(&far).await.unwrap())
    });
    let (waited, rest) = finish(&mut world, &got);
    assert!(waited >= MS, "{waited}");
    assert_eq!(rest, b"and not");
}

#[test]
fn shutdown_ends_one_direction_only() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    let asked = start(&client, async move {
        near.send(Buf::copy_of(b"question")).await.unwrap();
        near.shutdown_send();
        assert_eq!(kind(near.send(Buf::copy_of(b"more")).await), ErrorKind::BrokenPipe);
        recv_all(&near).await.unwrap()
    });
    start(&server, async move {
        assert_eq!(recv_all(&far).await.unwrap(), b"question");
        far.closed().await;
        far.send(Buf::copy_of(b"answer")).await.unwrap();
    });
    assert_eq!(finish(&mut world, &asked), b"answer");
    assert_eq!(world.open_connections(), 0);
}

#[test]
fn closing_with_unread_bytes_resets_and_sending_to_a_closed_peer_fails() {
    let mut world = World::new(1, Faults::default());
    let (client, near, server, far) = pair(&mut world);
    let unread = start(&client, async move {
        near.send(Buf::copy_of(b"unread")).await.unwrap();
        kind(near.recv(SMALL).await)
    });
    start(&server.clone(), async move {
        sleep(&server, SECOND).await;
        drop(far);
    });
    assert_eq!(finish(&mut world, &unread), ErrorKind::ConnectionReset);

    let (client, near, _, far) = pair(&mut world);
    drop(far);
    let failed = start(&client.clone(), async move {
        assert!(near.recv(SMALL).await.unwrap().is_empty(), "an orderly close is the end of the stream");
        near.send(Buf::copy_of(b"into the void")).await.unwrap();
        sleep(&client, MS).await;
        kind(near.send(Buf::copy_of(b"more")).await)
    });
    assert!(matches!(finish(&mut world, &failed), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
}

#[test]
fn a_sender_that_waits_hears_that_its_peer_is_gone() {
    for abortive in [false, true] {
        let mut world = World::new(1, with(|f| f.send_buffer = 1000));
        let (client, near, server, far) = pair(&mut world);
        let sent = start(&client, async move { near.send(Buf::copy_of(&pattern(100_000))).await });
        start(&server.clone(), async move {
            sleep(&server, SECOND).await;
            if abortive {
                far.set_abortive();
            }
        });
        let error = kind(finish(&mut world, &sent));
        assert!(matches!(error, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
    }
}

#[test]
fn a_sender_that_waits_hears_of_a_reset() {
    let mut world = World::new(1, with(|f| f.send_buffer = 1000));
    let (client, near, server, far) = pair(&mut world);
    let sent = start(&client, async move { near.send(Buf::copy_of(&pattern(5000))).await });
    assert_eq!(world.run_for(SECOND), Outcome::Done);
    assert!(!sent.is_set());
    world.set_faults(with(|f| f.reset = 1.0));
    let reset = start(&server, async move {
        far.send(Buf::copy_of(b"x")).await.unwrap();
        far
    });
    let _far = finish(&mut world, &reset);
    assert!(finish(&mut world, &sent).is_err());
}

#[test]
fn closed_and_is_quiet_see_the_peer_and_consume_nothing() {
    let mut world = World::new(1, with(|f| f.late_closed = 1.0));
    let (client, near, server, far) = pair(&mut world);
    assert!(near.is_quiet() && far.is_quiet());
    let runtime = client.clone();
    let watched = start(&client, async move {
        assert!(within(&runtime, MS, near.closed()).await.is_err(), "safe to drop");
        near.closed().await;
        let late = runtime.now();
        assert!(!near.is_quiet());
        (late, recv_all(&near).await.unwrap())
    });
    let runtime = server.clone();
    let left = start(&server, async move {
        sleep(&runtime, 10 * MS).await;
        far.send(Buf::copy_of(b"unread")).await.unwrap();
        runtime.now()
    });
    let (seen, bytes) = finish(&mut world, &watched);
    assert_eq!(bytes, b"unread");
    let late = seen - left.take().unwrap();
    assert!((MS..=SECOND + 2 * MS).contains(&late), "{late}");
}

#[test]
fn accept_fails_now_and_then_and_works_again() {
    let mut world = World::new(3, with(|f| f.accept_fails = 0.5));
    let (client, server) = (world.core(), world.core());
    let listener = server.listen(addr(), 64).unwrap();
    let accepted = start(&server, async move {
        let (mut failed, mut streams) = (0, Vec::new());
        while streams.len() < 20 {
            match listener.accept().await {
                Ok(stream) => streams.push(stream),
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                    failed += 1;
                }
            }
        }
        failed
    });
    for _ in 0..20 {
        let runtime = client.clone();
        start(&client, async move { runtime.connect(addr()).await.unwrap().closed().await });
    }
    assert!(finish(&mut world, &accepted) > 3);
}
