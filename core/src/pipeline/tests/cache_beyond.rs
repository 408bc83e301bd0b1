//! What caches do beyond AWS's: statuses and tags, what is too old, and what is large.

use super::cache::{Gateway, ONE, TWO, all, keyed, resource, settings, stage};
use super::*;
use crate::cache::CacheStatus;

fn beyond(settings: MethodSettings, cache: CacheSettings) -> Gateway {
    let resources = vec![resource("/pets", HttpMethod::Get, keyed(&["method.request.querystring.a"]))];
    Gateway::new(Stage { cache, ..stage(resources, vec![all(settings)]) })
}

#[test]
fn statuses_have_times_of_their_own() {
    let status_ttl_seconds = [(404, 5), (503, 1), (200, 0)].into();
    let mut gateway = beyond(settings(), CacheSettings { status_ttl_seconds, ..CacheSettings::default() });
    for (answer, seconds) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno1", 5),
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno2", 1),
        (ONE, 0),
        ("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nnew", 300),
    ] {
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let request = format!("GET /dev/pets?a={body}");
        assert_eq!(gateway.body(&request, answer), body);
        if seconds > 0 {
            gateway.wait(seconds - 1);
            assert_eq!(gateway.body(&request, TWO), body, "after {seconds} s less 1");
            gateway.wait(1);
        }
        assert_eq!(gateway.body(&request, TWO), "two", "after {seconds} s");
    }
}

#[test]
fn answers_are_purged_by_their_tags() {
    const TAGGED: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Tag: pets, dogs\r\nsurrogate-key: a  b\r\n\r\none";
    let mut gateway = beyond(settings(), CacheSettings { tags: true, ..CacheSettings::default() });
    for (tag, remains) in [("pets", false), ("dogs", false), ("a", false), ("b", false), ("cats", true)] {
        gateway.snapshot.stages[0].cache.as_ref().unwrap().flush();
        assert_eq!(gateway.body("GET /dev/pets", TAGGED), "one");
        gateway.snapshot.stages[0].cache.as_ref().unwrap().purge(tag.as_bytes());
        assert_eq!(gateway.body("GET /dev/pets", TWO), if remains { "one" } else { "two" }, "{tag}");
    }
    // What could not be purged is not kept.
    let many: Vec<String> = (0..40).map(|i| format!("tag{i}")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Tag: {}\r\n\r\none", many.join(","));
    let answer: &'static str = answer.leak();
    assert_eq!(gateway.body("GET /dev/pets?a=many", answer), "one");
    assert_eq!(gateway.body("GET /dev/pets?a=many", TWO), "two");
    // Without the setting they are headers like others.
    let mut gateway = beyond(settings(), CacheSettings::default());
    assert_eq!(gateway.body("GET /dev/pets?a=many", answer), "one");
    assert_eq!(gateway.body("GET /dev/pets?a=many", TWO), "one");
}

#[test]
fn a_large_body_is_the_same_from_the_cache() {
    let body = "0123456789".repeat(2_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut gateway = beyond(settings(), CacheSettings::default());
    gateway.env.answer = Ok(answer.leak());
    let (first, _) = gateway.ask("GET /dev/pets");
    let (second, status) = gateway.ask("GET /dev/pets");
    assert_eq!(status, CacheStatus::Hit);
    assert!(
        first.ends_with(&body) && second.ends_with(&format!("\nContent-Length: 20000\n\n{body}")),
        "{second}"
    );
}

#[test]
fn an_unwanted_answer_is_gone_even_where_the_new_one_is_not_kept() {
    let mut gateway = beyond(settings(), CacheSettings::default());
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
    let failing = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nbad";
    assert_eq!(gateway.body("GET /dev/pets\nCache-Control: max-age=0\n", failing), "bad");
    assert_eq!(gateway.body("GET /dev/pets", TWO), "two");
}

#[test]
fn a_namespace_that_methods_share_does_not_mix_their_parameters() {
    let named = |keys: &[&str]| Integration { cache_namespace: Some("all".into()), ..keyed(keys) };
    let stage = |second: &[&str]| {
        let resources = vec![
            resource("/a", HttpMethod::Get, named(&["method.request.querystring.x"])),
            resource("/b", HttpMethod::Get, named(second)),
        ];
        Gateway::new(stage(resources, vec![all(settings())]))
    };
    assert!(stage(&["method.request.querystring.x"]).shares("GET /dev/a?x=1", "GET /dev/b?x=1"));
    assert!(!stage(&["method.request.querystring.y"]).shares("GET /dev/a?x=1", "GET /dev/b?y=1"));
}

const FAILED: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad";

#[test]
fn what_is_too_old_answers_where_the_integration_fails() {
    let cache = CacheSettings { stale_if_error_seconds: 60, ..CacheSettings::default() };
    let mut gateway = beyond(MethodSettings { cache_ttl_seconds: 10, ..settings() }, cache);
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
    gateway.wait(10);
    for answer in [
        Ok(FAILED),
        Err(GatewayError::IntegrationTimeout),
        Err(GatewayError::BadIntegrationResponse),
        Err(GatewayError::IntegrationFailure(crate::error::IntegrationFault::Connect)),
        Err(GatewayError::Overloaded),
    ] {
        gateway.env.answer = answer;
        let (out, status) = gateway.ask("GET /dev/pets");
        assert_eq!(status, CacheStatus::Stale);
        assert!(out.starts_with("HTTP/1.1 200 OK\n") && out.ends_with("\n\none"), "{out}");
        assert!(out.contains("\nAge: 17\n"), "{out}");
    }
    // What is no fault of the integration's is not hidden; nor is a fault once it is much too old.
    assert_eq!(
        gateway.body("GET /dev/pets", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nnot"),
        "not"
    );
    assert_eq!(gateway.body("GET /dev/pets?a=2", ONE), "one");
    gateway.wait(70);
    assert_eq!(gateway.body("GET /dev/pets?a=2", FAILED), "bad");
    let mut gateway =
        beyond(MethodSettings { cache_ttl_seconds: 10, ..settings() }, CacheSettings::default());
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
    gateway.wait(10);
    assert_eq!(gateway.body("GET /dev/pets", FAILED), "bad");
}

#[test]
fn what_is_too_old_answers_while_one_asks_anew() {
    let cache = CacheSettings { stale_while_revalidate_seconds: 30, ..CacheSettings::default() };
    let mut gateway = beyond(MethodSettings { cache_ttl_seconds: 10, ..settings() }, cache);
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
    gateway.wait(10);
    gateway.env.answer = Ok(TWO);
    let asked = |gateway: &Gateway| gateway.env.sent.borrow().len();
    let before = gateway.env.sent.take();
    assert!(!before.is_empty());
    assert!(gateway.asks_to_refresh("GET /dev/pets"));
    assert!(!gateway.asks_to_refresh("GET /dev/pets"), "one is enough");
    assert_eq!(asked(&gateway), 0, "nobody has waited for the integration");
    // The one who asks fails: it is the turn of another, but not at once.
    gateway.env.answer = Ok(FAILED);
    assert!(!gateway.refreshes("GET /dev/pets") && asked(&gateway) > 0);
    assert!(!gateway.asks_to_refresh("GET /dev/pets"));
    gateway.wait(1);
    assert!(gateway.asks_to_refresh("GET /dev/pets"));
    gateway.env.answer = Ok(TWO);
    assert!(gateway.refreshes("GET /dev/pets"));
    let (out, status) = gateway.ask("GET /dev/pets");
    assert_eq!((status, out.ends_with("\n\ntwo")), (CacheStatus::Hit, true));
    assert!(!gateway.refreshes("GET /dev/pets"), "it is fresh");
    // Much too old: the request waits for a new one.
    gateway.wait(40);
    assert_eq!(gateway.ask("GET /dev/pets").1, CacheStatus::Expired);
}
