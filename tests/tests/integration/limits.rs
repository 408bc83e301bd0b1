//! API keys, usage plans, throttles and quotas on a running gateway.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::backend::{Backend, answer};
use crate::support::client::{Answer, Client};
use crate::support::gateway::{Gateway, Setup, document};
use crate::support::on_each_driver;

on_each_driver!(
    keys_open_what_their_plans_name,
    a_throttle_holds_on_two_cores_and_across_reloads,
    a_quota_survives_a_kill,
    a_request_that_waits_for_the_one_before_it_waits_for_no_core,
);

const KEY: &str = "a-key-of-more-than-twenty-bytes";

/// `GET /keyed` takes a key; everything else none.
fn keyed(backend: &Backend) -> Value {
    let mut document = document(backend.address);
    let integration = document["paths"]["/"]["x-amazon-apigateway-any-method"].clone();
    let mut operation = integration;
    operation["security"] = json!([{"api_key": []}]);
    document["paths"]["/keyed"] = json!({"get": operation});
    document["components"]["securitySchemes"]["api_key"] =
        json!({"type": "apiKey", "name": "x-api-key", "in": "header"});
    document
}

fn setup(driver: &'static str, backend: &Backend, plan: &str) -> Setup {
    let mut setup = Setup::new(driver, backend.address);
    setup.document = keyed(backend);
    setup.usage(&usage(plan))
}

fn usage(plan: &str) -> String {
    format!(
        "[[usagePlans]]\nid = \"gold\"\nname = \"gold\"\napiStages = [{{ apiId = \"itest00001\", stage = \"dev\" }}]\n{plan}\n\
         [[apiKeys]]\nid = \"one\"\nname = \"one\"\nvalue = \"{KEY}\"\nusagePlanIds = [\"gold\"]\n\n\
         [[apiKeys]]\nid = \"off\"\nname = \"off\"\nvalue = \"a-key-that-is-disabled\"\nenabled = false\nusagePlanIds = [\"gold\"]\n\n\
         [[apiKeys]]\nid = \"none\"\nname = \"none\"\nvalue = \"a-key-that-is-in-no-plan-at-all\"\nusagePlanIds = []\n"
    )
}

fn ask(client: &mut Client, path: &str, key: &str) -> Answer {
    let header = if key.is_empty() { String::new() } else { format!("x-api-key: {key}\r\n") };
    client.ask("GET", path, &header, b"")
}

fn keys_open_what_their_plans_name(driver: &'static str) {
    let backend = Backend::saying("passed");
    let gateway = setup(driver, &backend, "").start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(ask(&mut client, "/keyed", KEY).text(), "passed");
    let long = "k".repeat(9_000);
    for key in ["", "unknown", "a-key-that-is-disabled", "a-key-that-is-in-no-plan-at-all", &long] {
        let answer = ask(&mut client, "/keyed", key);
        assert_eq!((answer.status, answer.text().as_str()), (403, r#"{"message":"Forbidden"}"#), "{key:.40}");
        assert_eq!(ask(&mut client, "/any", key).status, 200);
    }
    assert_eq!(backend.requests().len(), 6);
    assert_eq!(gateway.metrics().sum("ringway_invalid_api_keys_total", &[]), 5.0);
    assert!(!gateway.said().contains(KEY));
    for line in gateway.log_lines(11) {
        assert!(!String::from_utf8(line).unwrap().contains(KEY), "a key is a secret");
    }
}

fn a_throttle_holds_on_two_cores_and_across_reloads(driver: &'static str) {
    let backend = Backend::saying("passed");
    let gateway =
        setup(driver, &backend, "throttle = { rateLimit = 50, burstLimit = 20 }\n").cores(2).start();
    let started = Instant::now();
    let passed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(gateway.listen);
                while started.elapsed() < Duration::from_secs(2) {
                    match ask(&mut client, "/keyed", KEY).status {
                        200 => passed.fetch_add(1, SeqCst),
                        429 => 0,
                        other => panic!("answered with {other}"),
                    };
                }
            });
        }
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(300));
            assert_eq!(gateway.admin("POST", "/reload").status, 200);
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let (passed, most) = (passed.into_inner() as f64, 50.0 * seconds + 20.0);
    assert!(passed <= most + 2.0, "{passed} of {most}");
    assert!(passed >= 50.0 * 1.9 + 20.0 - 2.0, "{passed} of {most}");
    assert!(gateway.metrics().sum("ringway_throttled_requests_total", &[]) > 0.0);
}

fn until_refused(gateway: &Gateway) -> (usize, Answer) {
    let mut client = Client::connect(gateway.listen);
    let mut passed = 0;
    loop {
        let answer = ask(&mut client, "/keyed", KEY);
        if answer.status != 200 {
            return (passed, answer);
        }
        passed += 1;
        assert!(passed < 1_000, "nothing stops it");
    }
}

fn a_quota_survives_a_kill(driver: &'static str) {
    let backend = Backend::saying("passed");
    let mut gateway = setup(driver, &backend, "quota = { limit = 100, period = \"MONTH\" }\n").start();
    let mut client = Client::connect(gateway.listen);
    for _ in 0..30 {
        assert_eq!(ask(&mut client, "/keyed", KEY).status, 200);
    }
    gateway.kill_and_start();
    let (passed, refused) = until_refused(&gateway);
    assert_eq!((refused.status, refused.text().as_str()), (429, r#"{"message":"Limit Exceeded"}"#));
    // A lease of this one core is a request.
    assert!((69..=70).contains(&passed), "{passed}");
    assert_eq!(backend.requests().len(), 30 + passed);
    fs::write(gateway.directory().join("usage.toml"), usage("quota = { limit = 110, period = \"MONTH\" }\n"))
        .unwrap();
    assert_eq!(gateway.admin("POST", "/reload").status, 200);
    assert_eq!(until_refused(&gateway).0, 10, "a raised limit is there at once");
}

fn a_request_that_waits_for_the_one_before_it_waits_for_no_core(driver: &'static str) {
    let backend = Backend::answering(|request| {
        if request.target == "/slow" {
            // Longer than a request may wait for its core.
            thread::sleep(Duration::from_millis(800));
        }
        answer(200, b"passed")
    });
    let gateway = Setup::new(driver, backend.address).start();
    // One request of 64 is asked how long its bytes have waited, on each core.
    let mut clients: Vec<_> = (0..150).map(|_| Client::connect(gateway.listen)).collect();
    let send = |path: &str| {
        for client in &clients {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        }
    };
    send("/slow");
    thread::sleep(Duration::from_millis(100));
    send("/behind");
    for client in &mut clients {
        assert_eq!([client.answer("GET").status, client.answer("GET").status], [200, 200]);
    }
}
