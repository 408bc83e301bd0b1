//! What caches do beyond AWS's, over real sockets: sharing one question, stale answers, flush, purge, and a restart.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;

use crate::support::backend::{Backend, Connection, Gate, answer};
use crate::support::client::{Answer, Client, once};
use crate::support::gateway::{Gateway, Setup, binary, document};
use crate::support::wire::noise;
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    a_thousand_who_miss_the_same_ask_once,
    who_asks_for_others_may_fail_or_leave,
    a_slow_client_keeps_nobody_waiting,
    what_is_too_old_answers_at_once_and_is_asked_for_anew,
    what_is_too_old_answers_where_the_backend_is_gone,
    flushed_and_purged_answers_are_gone_for_every_core,
    a_restart_begins_with_what_was_kept,
);

/// `GET /c/{proxy+}` is cached for 1 s by its path, with these settings of the cache.
fn setup(driver: &'static str, backend: &Backend, cache: &str) -> Setup {
    let stage = format!(
        "cacheClusterEnabled = true\ncache = {{ bytes = 16777216, {cache} }}\n[stages.methodSettings.\"*/*\"]\n\
         cacheTtlInSeconds = 1\nrequireAuthorizationForCacheControl = false\n"
    );
    let mut setup = Setup::new(driver, backend.address).stage(&stage);
    let mut whole = document(backend.address);
    let proxied = json!({
        "type": "http_proxy", "httpMethod": "GET", "uri": format!("http://{}/{{proxy}}", backend.address),
        "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
        "cacheKeyParameters": ["method.request.path.proxy"], "timeoutInMillis": 5000,
    });
    whole["paths"]["/c/{proxy+}"] = json!({"get": {
        "responses": {"200": {"description": "An answer"}},
        "x-amazon-apigateway-integration": proxied,
    }});
    setup.document = whole;
    setup
}

fn figure(gateway: &Gateway, name: &str) -> f64 {
    gateway.metrics().sum(&format!("ringway_cache_{name}_total"), &[])
}

fn asking(gateway: &Gateway, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(gateway.listen)).collect();
    clients.iter_mut().for_each(|client| client.send("GET /c/a HTTP/1.1\r\nHost: h\r\n\r\n"));
    clients
}

fn wait_for_requests(gateway: &Gateway, count: usize) {
    eventually("all requests are there", || {
        gateway.metrics().sum("ringway_core_requests_total", &[]) >= count as f64
    });
}

fn a_thousand_who_miss_the_same_ask_once(driver: &'static str) {
    const CLIENTS: usize = 1000;
    let gate = Gate::default();
    let opened = gate.clone();
    let backend = Backend::answering(move |_| {
        gate.wait();
        answer(200, b"for all")
    });
    let gateway = setup(driver, &backend, "collapse = true").start();
    let mut clients = asking(&gateway, CLIENTS);
    wait_for_requests(&gateway, CLIENTS);
    opened.open();
    for client in &mut clients {
        assert_eq!(client.answer("GET").text(), "for all");
    }
    assert_eq!(backend.requests().len(), 1);
    assert_eq!((figure(&gateway, "waits"), figure(&gateway, "hits")), (999.0, 999.0));
}

/// The first fails with 503, the second's client leaves, the third gets an answer that is not kept, and then everybody asks.
fn who_asks_for_others_may_fail_or_leave(driver: &'static str) {
    let gates: Arc<[Gate; 3]> = Arc::default();
    let (opened, turn) = (gates.clone(), AtomicUsize::new(0));
    let backend = Backend::answering(move |_| {
        let turn = turn.fetch_add(1, SeqCst);
        if let Some(gate) = gates.get(turn) {
            gate.wait();
        }
        match turn {
            0 => answer(503, b"busy"),
            1 => answer(200, b"nobody"),
            _ => answer(302, b"not kept"),
        }
    });
    let gateway = setup(driver, &backend, "collapse = true").start();
    let mut clients = vec![asking(&gateway, 1).remove(0)];
    wait_for_requests(&gateway, 1);
    for count in 2..=6 {
        clients.extend(asking(&gateway, 1));
        wait_for_requests(&gateway, count);
    }
    assert_eq!(backend.requests().len(), 1);
    opened[0].open();
    assert_eq!(clients.remove(0).answer("GET").status, 503);
    eventually("the next one asks", || backend.requests().len() == 2);
    clients.remove(0).leave();
    eventually("and the next", || backend.requests().len() == 3);
    opened[1].open();
    opened[2].open();
    for client in &mut clients {
        assert_eq!(client.answer("GET").status, 302);
    }
    assert_eq!(backend.requests().len(), 6);
}

/// Who asks for others reads nothing of a large answer; the others have it all the same.
fn a_slow_client_keeps_nobody_waiting(driver: &'static str) {
    let gate = Gate::default();
    let opened = gate.clone();
    let body = noise(3, 1_000_000);
    let backend = Backend::answering(move |_| {
        gate.wait();
        answer(200, &noise(3, 1_000_000))
    });
    let gateway = setup(driver, &backend, "collapse = true").start();
    let _sleeper = asking(&gateway, 1);
    wait_for_requests(&gateway, 1);
    let mut clients = asking(&gateway, 3);
    wait_for_requests(&gateway, 4);
    opened.open();
    for client in &mut clients {
        assert!(client.answer("GET").body == body);
    }
    assert_eq!(backend.requests().len(), 1);
}

fn counting(delay: Duration) -> Backend {
    let turn = AtomicUsize::new(0);
    Backend::answering(move |_| {
        let turn = turn.fetch_add(1, SeqCst);
        if turn > 0 {
            std::thread::sleep(delay);
        }
        answer(200, turn.to_string().as_bytes())
    })
}

fn what_is_too_old_answers_at_once_and_is_asked_for_anew(driver: &'static str) {
    let backend = counting(Duration::from_millis(300));
    let gateway = setup(driver, &backend, "staleWhileRevalidateSeconds = 60")
        .log_format("$context.requestId $context.cacheStatus")
        .start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/c/a").text(), "0");
    std::thread::sleep(Duration::from_millis(1_100));
    // Several times while one asks.
    for _ in 0..5 {
        assert_eq!(client.get("/c/a").text(), "0");
    }
    eventually("one asks", || backend.requests().len() == 2);
    eventually("the new answer", || once(gateway.listen, "GET", "/c/a").text() == "1");
    assert_eq!(backend.requests().len(), 2);
    assert_eq!(figure(&gateway, "refreshes"), 1.0);
    assert!(figure(&gateway, "stale") >= 5.0);
    // The connection to the backend is kept.
    assert_eq!(backend.connections(), 1);
}

fn what_is_too_old_answers_where_the_backend_is_gone(driver: &'static str) {
    let turn = AtomicUsize::new(0);
    let backend = Backend::start(move |connection: &mut Connection| {
        while connection.request().is_some() {
            match turn.fetch_add(1, SeqCst) {
                0 => drop(connection.send(answer(200, &noise(5, 20_000)))),
                1 => drop(connection.send(answer(502, &noise(6, 20_000)))),
                _ => return,
            }
        }
    });
    let gateway = setup(driver, &backend, "staleIfErrorSeconds = 60").start();
    let mut client = Client::connect(gateway.listen);
    assert!(client.get("/c/a").body == noise(5, 20_000));
    std::thread::sleep(Duration::from_millis(1_100));
    for attempt in 0..3 {
        let stale = client.get("/c/a");
        assert!(stale.status == 200 && stale.body == noise(5, 20_000), "attempt {attempt}");
        assert!(stale.head.get("Age").is_some());
    }
    assert_eq!(figure(&gateway, "stale"), 3.0);
}

fn age(answer: &Answer) -> Option<&str> {
    answer.head.get("Age")
}

/// Asks over so many connections that each core is among them; whether all were hits.
fn all_hit(gateway: &Gateway) -> bool {
    (0..16).all(|_| age(&once(gateway.listen, "GET", "/c/a")).is_some())
}

fn flushed_and_purged_answers_are_gone_for_every_core(driver: &'static str) {
    let version = Arc::new(AtomicUsize::new(0));
    let now = version.clone();
    let backend = Backend::answering(move |_| {
        let body = now.load(SeqCst).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nCache-Tag: pets, a b\r\n\r\n", body.len());
        (head + &body).into_bytes()
    });
    let mut setup = setup(driver, &backend, "tags = true").cores(2);
    setup.stage = setup.stage.replace("cacheTtlInSeconds = 1", "cacheTtlInSeconds = 3600");
    let gateway = setup.start();
    let post = |path: &str| gateway.admin("POST", path).status;
    let command = |arguments: &[&str]| {
        let admin = format!("http://{}", gateway.admin);
        let mut command = Command::new(binary());
        let output = command.arg("cache").args(arguments).args(["--admin", &admin]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        200
    };
    let stage = "/apis/itest00001/stages/dev/cache";
    let ways: [&dyn Fn() -> u16; 7] = [
        &|| post(&format!("{stage}/flush")),
        &|| post("/apis/itest00001/cache/flush"),
        &|| post(&format!("{stage}/purge?tag=pets")),
        &|| post("/apis/itest00001/cache/purge?tag=none&tag=a%20b"),
        &|| command(&["flush", "--api", "itest00001"]),
        &|| command(&["flush", "--api", "itest00001", "--stage", "dev"]),
        &|| command(&["purge", "--api", "itest00001", "--stage", "dev", "--tag", "a b"]),
    ];
    for (round, way) in ways.iter().enumerate() {
        once(gateway.listen, "GET", "/c/a");
        assert!(all_hit(&gateway), "round {round}");
        version.fetch_add(1, SeqCst);
        assert_eq!(way(), 200, "round {round}");
        for _ in 0..16 {
            assert_eq!(once(gateway.listen, "GET", "/c/a").text(), (round + 1).to_string());
        }
    }
    assert_eq!(post(&format!("{stage}/purge?tag=other")), 200);
    assert!(all_hit(&gateway));
    assert_eq!(post(&format!("{stage}/purge")), 400);
    assert_eq!(post("/apis/itest00001/stages/none/cache/flush"), 404);
    assert_eq!(post("/apis/none/cache/flush"), 404);
}

fn a_restart_begins_with_what_was_kept(driver: &'static str) {
    let backend = counting(Duration::ZERO);
    let mut setup = setup(driver, &backend, "warmFile = \"warm.cache\"");
    setup.stage = setup.stage.replace("cacheTtlInSeconds = 1", "cacheTtlInSeconds = 3600");
    let mut gateway = setup.start();
    let file = gateway.directory().join("warm.cache");
    for path in ["/c/a", "/c/b"] {
        once(gateway.listen, "GET", path);
    }
    let restart = |gateway: &mut Gateway| {
        gateway.signal("TERM");
        assert_eq!(gateway.wait(), Some(0));
        assert!(file.exists());
    };
    restart(&mut gateway);
    gateway.kill_and_start();
    assert!(!file.exists(), "it is read once");
    for (path, body) in [("/c/a", "0"), ("/c/b", "1")] {
        let hit = once(gateway.listen, "GET", path);
        assert_eq!((hit.text().as_str(), age(&hit).is_some()), (body, true));
    }
    assert_eq!(backend.requests().len(), 2);
    // Killed without a drain, nothing that is older comes back.
    gateway.kill_and_start();
    assert_eq!(once(gateway.listen, "GET", "/c/a").text(), "2");
    // A damaged file is named, and nothing of it is used.
    restart(&mut gateway);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    gateway.kill_and_start();
    assert!(
        gateway.said().contains("begins empty") && gateway.said().contains("warm.cache"),
        "{}",
        gateway.said()
    );
    assert_eq!(once(gateway.listen, "GET", "/c/a").text(), "3");
}
