use serde_json::{Value, json};

use super::super::message::Common;
use super::super::settings::Drafts;
use super::*;
use crate::random::SmallRandom;

/// Each request as its time in milliseconds, its message without `Host` and `User-Agent`, and its statuses.
type Shown = (Vec<(u128, String, Vec<u16>)>, Vec<String>);

fn replay(archive: &Value, options: &HarOptions) -> Result<Shown, Vec<String>> {
    let content = read(archive.to_string().as_bytes(), &Place::file(Path::new("a.har")), options)
        .map_err(|issues| issues.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let Drafts::Replay(drafts) = content.drafts else { panic!("no replay") };
    let shown = drafts.into_iter().map(|(time, draft)| {
        let request = draft.into_request(&Common::default());
        let message = String::from_utf8(request.message.fixed().unwrap().to_vec()).unwrap();
        (time.as_millis(), message, request.check.statuses)
    });
    Ok((shown.collect(), content.notes))
}

fn archive(entries: Value) -> Value {
    json!({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}})
}

fn entry(second: u32, method: &str, url: &str) -> Value {
    json!({
        "startedDateTime": format!("2026-01-31T12:00:{second:02}.250+01:00"),
        "time": 5,
        "request": {"method": method, "url": url, "httpVersion": "h2", "headers": [], "bodySize": 0},
        "response": {"status": 200, "content": {"text": "long", "size": 4}},
    })
}

fn with(mut entry: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    entry.pointer_mut(parent).unwrap()[key] = value;
    entry
}

const HELP: &str = "\n  help: `skip_unreadable = true` leaves out what cannot be sent, and counts it";

#[test]
fn entries_are_sorted_and_stripped() {
    let headers = json!([
        {"name": ":method", "value": "POST"}, {"name": "Host", "value": "h"}, {"name": "content-length", "value": "9"},
        {"name": "Connection", "value": "close"}, {"name": "TE", "value": "trailers"}, {"name": "accept", "value": "*/*"},
    ]);
    let posted = with(entry(3, "POST", "https://h/b?x={{uuid}}#frag"), "/request/headers", headers);
    let posted =
        with(posted, "/request/postData", json!({"mimeType": "application/json", "text": "{{seq}}"}));
    let form = json!({"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "c&d"}, {"name": "e"}]});
    let form = with(entry(2, "PUT", "https://h:443"), "/request/postData", form);
    let form = with(form, "/response/status", json!(0));
    let options = HarOptions { hosts: vec!["H".to_owned()], ..HarOptions::default() };
    let (requests, notes) =
        replay(&archive(json!([posted, form, entry(2, "GET", "https://other/")])), &options).unwrap();
    assert_eq!(
        requests,
        [
            (0, "PUT / HTTP/1.1\r\nContent-Length: 12\r\n\r\na+b=c%26d&e=".to_owned(), vec![]),
            (
                1000,
                "POST /b?x={{uuid}} HTTP/1.1\r\naccept: */*\r\nContent-Length: 7\r\n\r\n{{seq}}".to_owned(),
                vec![200]
            ),
        ]
    );
    assert_eq!(notes, ["1 recorded requests to other hosts were left out"]);
}

#[test]
fn success_is_enough_where_asked() {
    let entries = archive(json!([with(entry(1, "GET", "http://h/"), "/response/status", json!(404))]));
    assert_eq!(replay(&entries, &HarOptions::default()).unwrap().0[0].2, [404]);
    let options = HarOptions { expect: Expect::Success, ..HarOptions::default() };
    assert!(replay(&entries, &options).unwrap().0[0].2.is_empty());
}

#[test]
fn several_hosts_must_be_chosen_from() {
    let entries = archive(json!([
        entry(1, "GET", "http://b/"),
        entry(1, "GET", "http://a:8/"),
        entry(1, "GET", "http://B/")
    ]));
    assert_eq!(
        replay(&entries, &HarOptions::default()).unwrap_err(),
        ["a.har: requests to 2 hosts: `a:8`, `b`\n  \
            help: all of them would go to the target; name those that shall in `hosts = [\"…\"]`"]
    );
}

#[test]
fn what_cannot_be_sent_has_its_pointer() {
    let cases = [
        (
            with(entry(1, "GET", "http://h/"), "/startedDateTime", json!("noon")),
            "startedDateTime: `noon` is no time",
        ),
        (entry(1, "GET", "wss://h/"), "`wss://h/` is a WebSocket, which ringload cannot replay yet"),
        (entry(1, "GET", "data:text/html,x"), "`data:text/html,x` is no HTTP URL"),
        (entry(1, "GET", "http://h/a b"), "a path cannot have a space; write it percent-encoded, `%20`"),
        (entry(1, "get", "http://h/"), "the method `get` is not `GET`: methods are case-sensitive"),
        (
            with(
                entry(1, "GET", "http://h/"),
                "/request/headers",
                json!([{"name": "a", "value": "b\r\nc: d"}]),
            ),
            "a header value cannot have the byte 0x0d",
        ),
        (
            with(entry(1, "POST", "http://h/"), "/request/bodySize", json!(7)),
            "the request had a body of 7 bytes, which is not in the archive",
        ),
        (
            with(
                entry(1, "POST", "http://h/"),
                "/request/postData",
                json!({"mimeType": "multipart/form-data", "params": [{"name": "f"}]}),
            ),
            "the body of type `multipart/form-data` is not in the archive",
        ),
        (
            with(
                entry(1, "POST", "http://h/"),
                "/request/postData",
                json!({"encoding": "base64", "text": "eA=="}),
            ),
            "postData has the encoding `base64`, which HAR 1.2 does not know",
        ),
    ];
    let entries: Vec<Value> =
        cases.iter().map(|(entry, _)| entry.clone()).chain([entry(1, "GET", "http://h/")]).collect();
    let expected: Vec<String> = (cases.iter().enumerate())
        .map(|(index, (_, message))| format!("a.har: /log/entries/{index}: {message}{HELP}"))
        .collect();
    assert_eq!(replay(&archive(json!(entries)), &HarOptions::default()).unwrap_err(), expected);

    let options = HarOptions { skip_unreadable: true, ..HarOptions::default() };
    let (requests, notes) = replay(&archive(json!(entries)), &options).unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(notes, ["9 recorded entries that cannot be sent were left out"]);
}

#[test]
fn what_is_no_archive_has_its_line() {
    let message = |text: &str| {
        read(text.as_bytes(), &Place::file(Path::new("a.har")), &HarOptions::default()).unwrap_err()[0]
            .to_string()
    };
    assert_eq!(message("{}"), "a.har:1: no HTTP Archive: missing field `log` at line 1 column 2");
    assert_eq!(
        message("\u{feff}{\"log\":\n{\"entries\": {}}}"),
        "a.har:2: no HTTP Archive: invalid type: map, expected a list of entries at line 2 column 12"
    );
    assert_eq!(
        message("{\"log\":{\"entries\":[]}}"),
        "a.har: nothing to replay: no request is left (0 were left out)"
    );
    assert!(message("").starts_with("a.har:1: no HTTP Archive: EOF"), "{}", message(""));
}

#[test]
fn random_archives_never_panic() {
    let good =
        archive(json!([with(entry(1, "POST", "http://h/"), "/request/postData", json!({"text": "x"}))]))
            .to_string();
    let mut random = SmallRandom::new(5);
    for _ in 0..20_000 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=random.below(3) {
            let place = random.below(bytes.len() as u64) as usize;
            bytes[place] = random.next_u64() as u8;
        }
        let _ = read(&bytes, &Place::file(Path::new("a.har")), &HarOptions::default());
    }
}
