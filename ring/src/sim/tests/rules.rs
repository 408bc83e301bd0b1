//! Violations of the traits' rules are found, and correct use is not accused.

use super::*;

/// The only violation of `world`.
fn violation(world: &World) -> String {
    let mut violations = world.violations();
    assert_eq!(violations.len(), 1, "{}", world.report());
    violations.remove(0)
}

#[test]
fn receiving_after_a_dropped_receive_is_found() {
    let mut world = World::new(1, Faults::default());
    let (client, near, _server, far) = pair(&mut world);
    let done = start(&client.clone(), async move {
        drop(near.recv(SMALL)); // never polled: nothing was submitted
        assert!(within(&client, MS, near.recv(SMALL)).await.is_err());
        near.send(Buf::copy_of(b"sending is still fine")).await.unwrap();
        let _ = within(&client, MS, near.recv(SMALL)).await;
    });
    finish(&mut world, &done);
    assert!(violation(&world).contains("Recv at 10.0.0.1"), "{}", world.report());
    drop(far);
}

#[test]
fn a_dropped_receive_that_ends_the_connection_is_fine() {
    let mut world = World::new(1, Faults::default());
    let (client, near, _server, far) = pair(&mut world);
    let done = start(&client.clone(), async move {
        let _ = within(&client, MS, near.recv(SMALL)).await;
    });
    finish(&mut world, &done);
    assert_eq!(world.violations(), [] as [String; 0]);
    drop(far);
}

#[test]
fn sending_after_a_dropped_send_is_found() {
    let mut world = World::new(1, Faults { send_buffer: 100, ..Faults::default() });
    let (client, near, _server, far) = pair(&mut world);
    let done = start(&client.clone(), async move {
        assert!(within(&client, MS, near.send(Buf::copy_of(&pattern(500)))).await.is_err());
        let _ = within(&client, MS, near.send(Buf::copy_of(b"torn"))).await;
    });
    finish(&mut world, &done);
    assert!(violation(&world).contains("Send at 10.0.0.1"), "{}", world.report());
    drop(far);
}

#[test]
fn send_recv_dropped_while_it_sends_may_have_received() {
    let mut world = World::new(1, Faults { send_buffer: 100, ..Faults::default() });
    let (client, near, _server, far) = pair(&mut world);
    let done = start(&client.clone(), async move {
        assert!(within(&client, MS, near.send_recv(Buf::copy_of(&pattern(500)), SMALL)).await.is_err());
        let _ = within(&client, MS, near.recv(SMALL)).await;
    });
    finish(&mut world, &done);
    assert!(violation(&world).contains("Recv at 10.0.0.1"), "{}", world.report());
    drop(far);
}

#[test]
fn two_receives_at_a_time_are_found() {
    let mut world = World::new(1, Faults::default());
    let (client, near, _server, far) = pair(&mut world);
    let near = Rc::new(near);
    for _ in 0..2 {
        let near = near.clone();
        start(&client, async move { near.recv(SMALL).await.map(|_| ()) });
    }
    let _ = world.run_for(MS);
    assert!(violation(&world).contains("while another one is pending"), "{}", world.report());
    drop(far);
}

#[test]
fn accepting_after_a_dropped_accept_is_found() {
    let mut world = World::new(1, Faults::default());
    let server = world.core();
    let listener = server.listen(addr(), 8).unwrap();
    let done = start(&server.clone(), async move {
        assert!(within(&server, MS, listener.accept()).await.is_err());
        let _ = within(&server, MS, listener.accept()).await;
    });
    finish(&mut world, &done);
    assert!(violation(&world).contains("accept on 10.9.0.1:80"), "{}", world.report());
}

#[test]
fn send_recv_is_a_send_and_a_receive() {
    let mut world = World::new(1, Faults { short_write: 0.9, ..Faults::default() });
    let (client, near, server, far) = pair(&mut world);
    start(&server, async move {
        for _ in 0..10 {
            let mut request = Vec::new();
            while request.len() < 300 {
                request.extend_from_slice(&far.recv(SMALL).await.unwrap());
            }
            far.send(Buf::copy_of(&request[290..])).await.unwrap();
        }
    });
    let done = start(&client, async move {
        for _ in 0..10 {
            let mut answer = near.send_recv(Buf::copy_of(&pattern(300)), SMALL).await.unwrap().to_vec();
            while answer.len() < 10 {
                answer.extend_from_slice(&near.recv(SMALL).await.unwrap());
            }
            assert_eq!(answer, pattern(300)[290..]);
        }
    });
    finish(&mut world, &done);
    assert_eq!(world.violations(), [] as [String; 0]);
}
