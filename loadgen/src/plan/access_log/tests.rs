use std::time::Duration;

use super::super::message::Common;
use super::super::settings::Drafts;
use super::*;
use crate::random::SmallRandom;

/// Each request as its time in milliseconds, its message without `Host` and `User-Agent`, and its statuses; and the notes.
type Shown = (Vec<(u128, String, Vec<u16>)>, Vec<String>);

fn replay(log: &[u8], options: &AccessLogOptions) -> Result<Shown, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::fs::write(&path, log).unwrap();
    let content = load(&path, options, &Place::file(Path::new("plan.toml"))).map_err(|issues| {
        let text = |issue: &PlanIssue| issue.to_string().replace(path.to_str().unwrap(), "log");
        issues.iter().map(text).collect::<Vec<_>>()
    })?;
    let Drafts::Replay(drafts) = content.drafts else { panic!("no replay") };
    let shown = |(time, draft): (Duration, super::super::message::Draft)| {
        let request = draft.into_request(&Common::default());
        let message = String::from_utf8(request.message.fixed().unwrap().to_vec()).unwrap();
        (time.as_millis(), message, request.check.statuses)
    };
    Ok((drafts.into_iter().map(shown).collect(), content.notes))
}

fn issues(log: &str) -> Vec<String> {
    replay(log.as_bytes(), &AccessLogOptions::default()).unwrap_err()
}

const HELP: &str = "\n  help: `skip_unreadable = true` leaves out what cannot be sent, and counts it";

#[test]
fn the_combined_format_of_nginx() {
    let log = concat!(
        "192.0.2.1 - - [31/Jan/2026:12:00:01 +0000] \"POST /a?b=c HTTP/2.0\" 201 5 \"-\" \"curl/8 \\x22x\\x22\"\n",
        "\n",
        "192.0.2.1 - me you [31/Jan/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 304 0 \"http://r/\" \"-\" rt=0.001\r\n",
        "2001:db8::1 - - [31/Jan/2026:13:00:01 +0100] \"HEAD /x HTTP/1.1\" 499 0",
    );
    let (requests, notes) = replay(log.as_bytes(), &AccessLogOptions::default()).unwrap();
    assert_eq!(
        requests,
        [
            (0, "GET / HTTP/1.1\r\nReferer: http://r/\r\n\r\n".to_owned(), vec![304, 200]),
            (
                1000,
                "POST /a?b=c HTTP/1.1\r\nUser-Agent: curl/8 \"x\"\r\nContent-Length: 0\r\n\r\n".to_owned(),
                vec![201]
            ),
            (1500, "HEAD /x HTTP/1.1\r\n\r\n".to_owned(), vec![]),
        ]
    );
    assert_eq!(
        notes,
        ["1 recorded POST, PUT or PATCH requests are sent without a body: an access log has none"]
    );
}

#[test]
fn ringways_own_json() {
    let log = concat!(
        r#"{"requestTime":"31/Jan/2026:12:00:00 +0000","httpMethod":"GET","resourcePath":"/{p}","path":"/dev/1","status":"200"}"#,
        "\n",
        r#"{"requestTimeEpoch":1769860800250,"httpMethod":"PUT","path":"/dev/2","status":204}"#,
        "\n",
    );
    let options =
        AccessLogOptions { methods: vec!["GET".to_owned(), "PUT".to_owned()], ..Default::default() };
    let (requests, _) = replay(log.as_bytes(), &options).unwrap();
    assert_eq!(
        requests,
        [
            (0, "GET /dev/1 HTTP/1.1\r\n\r\n".to_owned(), vec![200]),
            (250, "PUT /dev/2 HTTP/1.1\r\nContent-Length: 0\r\n\r\n".to_owned(), vec![204]),
        ]
    );
}

/// The line that the gateway itself writes can be read back.
#[test]
fn what_the_gateway_writes() {
    use ringway_core::telemetry::access_log::{LogRecord, PRESET_JSON, compile, encode};
    let record = LogRecord {
        request_id: b"r",
        extended_request_id: b"e",
        source_ip: b"192.0.2.7",
        user_agent: None,
        request_time: b"19/Jan/2023:21:13:26 +0000",
        request_time_epoch: 1_674_162_806_123,
        http_method: b"DELETE",
        resource_path: Some("/pets/{petId}"),
        resource_id: None,
        path: b"/dev/pets/7\"",
        protocol: "HTTP/1.1",
        status: 204,
        response_length: 0,
        response_latency: 3,
        integration_latency: None,
        integration_status: None,
        integration_error: None,
        api_id: None,
        stage: None,
        deployment_id: None,
        domain_name: b"d",
        account_id: "1",
        api_key: None,
        cache_status: "-",
        error_message: None,
        error_response_type: None,
        validation_error: None,
        is_canary: false,
    };
    let mut line = Vec::new();
    encode(&compile(PRESET_JSON).unwrap(), &record, &mut line);
    let (requests, _) = replay(&line, &AccessLogOptions::default()).unwrap();
    assert_eq!(requests, [(0, "DELETE /dev/pets/7\" HTTP/1.1\r\n\r\n".to_owned(), vec![204])]);
}

#[test]
fn a_second_is_filled_evenly_and_in_order() {
    let line = |second: u32, path: u32| {
        format!("1.1.1.1 - - [31/Jan/2026:12:00:{second:02} +0000] \"GET /{path} HTTP/1.1\" 200 1\n")
    };
    let log: String = (0..4).map(|path| line(5, path)).chain((4..6).map(|path| line(6, path))).collect();
    let (requests, _) = replay(log.as_bytes(), &AccessLogOptions::default()).unwrap();
    let times: Vec<u128> = requests.iter().map(|(time, ..)| *time).collect();
    assert_eq!(times, [0, 250, 500, 750, 1000, 1500]);
    for (path, (_, message, _)) in requests.iter().enumerate() {
        assert!(message.starts_with(&format!("GET /{path} ")), "{message}");
    }
}

#[test]
fn unreadable_lines_have_their_number() {
    let time = "1 - - [31/Jan/2026:12:00:00 +0000]";
    let log = format!(
        "what\n1 - - [yesterday] \"GET / HTTP/1.1\" 200 1\n{time} \"\\x16\\x03\" 400 1\n{time} \"GET /p/{{id}} HTTP/1.1\" 200 1\n\
         {time} \"get / HTTP/1.1\" 200 1\n{time} \"GET / HTTP/1.1\" ok 1\n{time} \"GET /a b HTTP/1.1\" 200\n{{\"path\": 5}}\n\
         {{\"requestTime\":\"-\"}}\n{time} \"GET / HTTP/1.1\" 200 1\n{time} \"CONNECT /h HTTP/1.1\" 200 1\n"
    );
    let expected = [
        "log:1: no line of the Common Log Format: there is no `[time]`",
        "log:2: no line of the Common Log Format: `yesterday` is no time like `31/Jan/2026:23:59:59 +0000`",
        "log:3: `\\u{16}\\u{3}` is no request that could be sent",
        "log:4: `/p/{id}` is a resource, not the path that was sent; log `$context.path`",
        "log:5: the method `get` is not `GET`: methods are case-sensitive",
        "log:6: no line of the Common Log Format: there is no status after the request",
        "log:7: `GET /a b HTTP/1.1` is no request that could be sent",
        "log:8: not valid JSON: invalid type: integer `5`, expected a string at line 1 column 10",
        "log:9: the line has no `requestTime`",
        "log:11: CONNECT asks for a tunnel, which ringload does not send through",
    ];
    let expected: Vec<String> = expected.iter().map(|text| format!("{text}{HELP}")).collect();
    assert_eq!(issues(&log), expected);

    let options = AccessLogOptions { skip_unreadable: true, ..Default::default() };
    let (requests, notes) = replay(log.as_bytes(), &options).unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(notes, ["10 recorded entries that cannot be sent were left out"]);
}

#[test]
fn limits_and_nothing_left() {
    let line = "1 - - [31/Jan/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n";
    let options = AccessLogOptions { methods: vec!["PUT".to_owned()], ..Default::default() };
    assert_eq!(
        replay(line.as_bytes(), &options).unwrap_err(),
        ["log: nothing to replay: no request is left (1 were left out)"]
    );
    assert_eq!(issues(""), ["log: nothing to replay: no request is left (0 were left out)"]);
    assert_eq!(
        issues(&format!("{line}{}", "x".repeat(LINE_BYTES_MAX + 1))),
        ["log:2: a line of more than 131072 bytes; this is no access log"]
    );
    let missing =
        load(Path::new("no/such"), &AccessLogOptions::default(), &Place::command_line("--access-log"));
    assert_eq!(
        missing.unwrap_err()[0].to_string(),
        "--access-log: cannot read no/such: No such file or directory"
    );
}

#[test]
fn many_paths_are_one_kind() {
    let line = |path: u32| format!("1 - - [31/Jan/2026:12:00:00 +0000] \"GET /{path} HTTP/1.1\" 200 1\n");
    let log: String = (0..101).map(line).collect();
    let (_, notes) = replay(log.as_bytes(), &AccessLogOptions::default()).unwrap();
    assert_eq!(notes, ["more than 100 different paths: the report tells methods apart only"]);
}

#[test]
fn random_lines_never_panic() {
    let pieces: [&str; 18] = [
        "1 - - ",
        "[31/Jan/2026:12:00:00 +0000]",
        " ",
        "\"",
        "GET / HTTP/1.1",
        "\\x",
        "\\",
        "{",
        "}",
        "200",
        "é",
        "\0",
        ":",
        ",",
        "[",
        "]",
        "\"path\"",
        "-",
    ];
    let mut random = SmallRandom::new(3);
    for _ in 0..50_000 {
        let count = random.below(14);
        let line: String = (0..count).map(|_| pieces[random.below(pieces.len() as u64) as usize]).collect();
        let _ = read_line(line.as_bytes());
        let bytes: Vec<u8> = (0..count).map(|_| random.next_u64() as u8).collect();
        let _ = read_line(&bytes);
    }
}
