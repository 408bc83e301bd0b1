//! What is left when a native core ends: nothing. A process of its own, because it counts descriptors.

use std::time::{Duration, Instant};

use ringway_ring::buf::{LARGE, SMALL};
use ringway_ring::native::run;
use ringway_ring::net::{Listener, Runtime, Stream};
use ringway_ring::start::{Driver, RunOptions};

#[test]
fn a_core_that_ends_closes_what_its_tasks_held() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    for _ in 0..5 {
        let ran = run(&RunOptions::on(Driver::Native), |runtime| async move {
            let listener = runtime.listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
            let to = listener.local_addr().unwrap();
            for _ in 0..50 {
                let client = runtime.connect(to).await.unwrap();
                let server = listener.accept().await.unwrap();
                runtime.spawn(async move { drop(client.recv(SMALL).await) });
                runtime.spawn(async move { drop(server.recv(LARGE).await) });
            }
            // Accepted by nobody.
            let _waits = runtime.connect(to).await.unwrap();
            runtime.wheel().sleep_until(runtime.now() + 5_000_000).await;
        });
        match ran {
            Ok(()) => {}
            Err(error) => return eprintln!("SKIPPED: no native driver here: {error}"),
        }
    }
    // The kernel takes rings apart in the background.
    let start = Instant::now();
    while open() > before {
        assert!(start.elapsed() < Duration::from_secs(20), "{before} before, {} after", open());
        std::thread::sleep(Duration::from_millis(20));
    }
}
