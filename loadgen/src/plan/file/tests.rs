use std::path::PathBuf;
use std::time::Duration;

use super::super::{Arrivals, IssueKind, Load, Rate, Requests, Segment, Timeouts};
use super::*;
use crate::check::BodyCheck;
use crate::random::SmallRandom;

const SAMPLES: &str = "../config/load/";
const INVALID: &str = "../config/load/invalid/";

fn plan(name: &str, overrides: &Overrides) -> Result<Plan, Vec<String>> {
    let file = load(Path::new(&format!("{SAMPLES}{name}")));
    file.and_then(|file| file.into_plan(overrides)).map_err(texts)
}

fn texts(issues: Vec<PlanIssue>) -> Vec<String> {
    issues.iter().map(ToString::to_string).collect()
}

fn toml_files(directory: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|name| name == "toml")).collect();
    files.sort();
    files
}

fn first_message(request: &super::super::Request) -> String {
    let mut out = Vec::new();
    request.message.render(&mut SmallRandom::new(1), 1, &mut out);
    String::from_utf8(out).unwrap()
}

fn mix(plan: &Plan) -> &[super::super::Request] {
    let Requests::Mix(requests) = &plan.requests else { panic!("no mix") };
    requests
}

#[test]
fn every_wrong_file_gives_its_messages() {
    let files = toml_files(INVALID);
    assert!(files.len() >= 12, "{files:?}");
    for path in files {
        let issues = load(&path).and_then(|file| file.into_plan(&Overrides::default())).unwrap_err();
        let text = texts(issues).join("\n").replace(INVALID, "") + "\n";
        let expected = std::fs::read_to_string(path.with_extension("toml.expected")).unwrap();
        assert_eq!(text, expected, "{}", path.display());
    }
}

#[test]
fn every_sample_is_a_plan() {
    let files = toml_files(SAMPLES);
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        let plan = load(&path).and_then(|file| file.into_plan(&Overrides::default()));
        assert!(plan.is_ok(), "{}: {:?}", path.display(), plan.map_err(texts));
    }
}

/// The file names in the document are those of the samples.
#[test]
fn every_plan_of_the_documentation_is_one() {
    let text = std::fs::read_to_string("../docs/ringload-plan.md").unwrap();
    let plans: Vec<&str> =
        text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(plans.len() >= 3);
    let directory = tempfile::tempdir().unwrap();
    let samples = std::fs::canonicalize(SAMPLES).unwrap();
    for plan in plans {
        let path = directory.path().join("plan.toml");
        let named = |name: &str| format!("file = \"{}/{name}", samples.display());
        let plan = plan.replace("file = \"../", &named("../")).replace("file = \"shop", &named("shop"));
        std::fs::write(&path, &plan).unwrap();
        let plan = load(&path).and_then(|file| file.into_plan(&Overrides::default()));
        assert!(plan.is_ok(), "{:?}", plan.map_err(texts));
    }
}

#[test]
fn the_sample_mix() {
    let plan = plan("mix.toml", &Overrides::default()).unwrap();
    assert_eq!((plan.target.host.as_str(), plan.target.port), ("127.0.0.1", 8080));
    let profile = vec![Segment { duration: Duration::from_secs(30), from: 500.0, to: 500.0 }];
    assert_eq!(plan.load, Load::Open { profile, arrivals: Arrivals::Poisson });
    assert_eq!((plan.duration, plan.warmup), (Some(Duration::from_secs(30)), Duration::from_secs(5)));
    assert_eq!((plan.connections, plan.threads, plan.seed, plan.pipeline), (64, 1, 7, 1));
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        request: Duration::from_secs(10),
        stall: Some(Duration::from_secs(1)),
    };
    assert_eq!(plan.timeouts, timeouts);

    let requests = mix(&plan);
    let names: Vec<_> = requests.iter().map(|request| (request.name.as_str(), request.weight)).collect();
    assert_eq!(names, [("list pets", 8.0), ("get a pet", 1.0), ("add a pet", 0.5), ("upload", 0.1)]);
    let head = first_message(&requests[0]);
    assert!(head.starts_with("GET /dev/pets?page="), "{head}");
    assert!(head.contains("\r\naccept: application/json\r\nx-request-id: "), "{head}");
    assert_eq!(requests[0].check.statuses, [200]);
    let headers = [
        ("content-type".to_owned(), Some("application/json".to_owned())),
        ("x-amzn-requestid".to_owned(), None),
    ];
    assert_eq!(requests[0].check.headers, headers);
    assert_eq!(requests[1].check.body, Some(BodyCheck::Contains(b"\"type\"".to_vec())));
    assert_eq!(requests[2].check.statuses, (200..300).collect::<Vec<_>>());
    let json = BodyCheck::Json { pointer: "/type".to_owned(), value: "cat".into() };
    assert_eq!(requests[2].check.body, Some(json));
    let upload = first_message(&requests[3]);
    assert!(upload.ends_with("\r\nContent-Length: 20\r\n\r\npixels {{of a}} cat\n"), "{upload}");
    assert_eq!(requests[3].check.body, Some(BodyCheck::Length(2)));
}

#[test]
fn the_other_samples() {
    let ramp = plan("ramp.toml", &Overrides::default()).unwrap();
    assert_eq!((ramp.duration, ramp.requests_per_connection), (Some(Duration::from_secs(160)), Some(100)));
    let Load::Open { profile, .. } = &ramp.load else { panic!("{:?}", ramp.load) };
    let rates: Vec<_> = profile.iter().map(|segment| (segment.from, segment.to)).collect();
    assert_eq!(rates, [(100.0, 1000.0), (1000.0, 1000.0), (0.0, 0.0), (1500.0, 1500.0)]);

    let openapi = plan("openapi.toml", &Overrides::default()).unwrap();
    assert_eq!(
        (openapi.load.clone(), openapi.duration, openapi.requests_max),
        (Load::Closed, None, Some(100_000))
    );
    let first = first_message(&mix(&openapi)[0]);
    assert!(first.starts_with("GET /dev/") && first.contains("\r\nx-api-key: secret\r\n"), "{first}");

    let replay = |name| {
        let plan = plan(name, &Overrides::default()).unwrap();
        let Requests::Replay(requests) = plan.requests else { panic!("no replay") };
        let times: Vec<u128> = requests.iter().map(|(time, _)| time.as_millis()).collect();
        (plan.load, times, plan.notes)
    };
    let (load, times, notes) = replay("access-log.toml");
    assert_eq!((load, times), (Load::Replay { speed: 2.0 }, vec![0, 500, 2000]));
    assert_eq!(
        notes,
        [
            "1 recorded entries that cannot be sent were left out",
            "1 recorded requests with other methods were left out"
        ]
    );
    let (load, times, notes) = replay("har.toml");
    assert_eq!((load, times), (Load::Replay { speed: 1.0 }, vec![0, 1500]));
    assert_eq!(notes, ["1 recorded requests to other hosts were left out"]);
}

#[test]
fn the_command_line_wins() {
    let overrides = Overrides {
        target: Some("http://[::1]:81".to_owned()),
        duration: Some(Duration::from_secs(3)),
        rate: Some(Rate::Constant(7.0)),
        arrivals: Some(Arrivals::Uniform),
        connections: Some(9),
        seed: Some(3),
        stall: Some(Duration::from_secs(4)),
        headers: vec![("Accept".to_owned(), "text/plain".to_owned())],
        expect_statuses: vec![418],
        ..Overrides::default()
    };
    let plan = plan("mix.toml", &overrides).unwrap();
    assert_eq!((plan.target.url.as_str(), plan.target.host.as_str()), ("http://[::1]:81", "::1"));
    let profile = vec![Segment { duration: Duration::from_secs(3), from: 7.0, to: 7.0 }];
    assert_eq!(plan.load, Load::Open { profile, arrivals: Arrivals::Uniform });
    assert_eq!((plan.connections, plan.seed, plan.threads), (9, 3, 1));
    assert_eq!(
        (plan.timeouts.stall, plan.timeouts.request),
        (Some(Duration::from_secs(4)), Duration::from_secs(10))
    );
    let head = first_message(&mix(&plan)[0]);
    assert!(head.contains("\r\nHost: [::1]:81\r\n") && head.contains("\r\nAccept: text/plain\r\n"), "{head}");
    assert!(!head.contains("application/json"), "{head}");
    assert!(mix(&plan).iter().all(|request| request.check.statuses == [418]));
}

#[test]
fn what_does_not_fit_is_said_where_it_was_said() {
    let overrides = Overrides { method: Some("PUT".to_owned()), ..Overrides::default() };
    assert_eq!(
        plan("mix.toml", &overrides).unwrap_err(),
        ["--method: the plan file says what is sent\n  help: leave the option out, or the plan file"]
    );
    let overrides = Overrides { duration: Some(Duration::from_secs(3)), ..Overrides::default() };
    assert_eq!(
        plan("ramp.toml", &overrides).unwrap_err(),
        [
            "--duration: the duration is 3s, but the segments of the rate last 160s\n  help: leave the duration out: the segments say it"
        ]
    );
    let overrides = Overrides { rate: Some(Rate::Constant(1.0)), ..Overrides::default() };
    assert_eq!(
        plan("har.toml", &overrides).unwrap_err(),
        [
            "--rate: a replay has no `rate`: its requests are due when they were recorded\n  help: `speed` makes it faster or slower"
        ]
    );
    let overrides = Overrides { speed: Some(2.0), ..Overrides::default() };
    assert_eq!(
        plan("mix.toml", &overrides).unwrap_err(),
        ["--speed: only a replay has a speed\n  help: a mix has a `rate`"]
    );
}

#[test]
fn a_plan_without_a_file() {
    let overrides = Overrides { body: Some(b"{{seq}}".to_vec()), ..Overrides::default() };
    let plan = from_command_line("http://localhost:8080/a?b={{int:1..2}}", &overrides).unwrap();
    assert_eq!((plan.load.clone(), plan.duration), (Load::Closed, Some(Duration::from_secs(10))));
    assert_eq!(mix(&plan)[0].name, "POST /a?b={{int:1..2}}");
    let message = first_message(&mix(&plan)[0]);
    assert!(message.starts_with("POST /a?b=1 HTTP/1.1\r\nHost: localhost:8080\r\n"), "{message}");
    assert!(message.ends_with("\r\nContent-Length: 16\r\n\r\n0000000000000001"), "{message}");

    let source = Source::OpenApi(PathBuf::from("../config/apis/petstore-v1.openapi.yaml"));
    let overrides = Overrides { source: Some(source), ..Overrides::default() };
    let plan = from_command_line("localhost:8080/dev/", &overrides).unwrap();
    assert!(first_message(&mix(&plan)[0]).starts_with("GET /dev/"));
    let overrides =
        Overrides { source: Some(Source::Har(PathBuf::from("no/such.har"))), ..Overrides::default() };
    let message = |url: &str, overrides: &Overrides| texts(from_command_line(url, overrides).unwrap_err());
    assert_eq!(message("localhost/dev", &overrides), ["--url: a replay has its own paths; leave out `/dev`"]);
    assert_eq!(
        message("localhost", &overrides),
        ["--har: cannot read no/such.har: No such file or directory"]
    );

    let wrong = Overrides {
        method: Some("post".to_owned()),
        headers: vec![("a b".to_owned(), String::new()), ("x".to_owned(), "\r".to_owned())],
        ..Overrides::default()
    };
    assert_eq!(
        message("localhost/ x", &wrong)[0],
        "--method: the method `post` is not `POST`: methods are case-sensitive"
    );
    let wrong = Overrides { method: None, expect_statuses: vec![99], ..wrong };
    assert_eq!(
        message("localhost", &wrong),
        [
            "--header: `a b` is no header name",
            "--header: a header value cannot have the byte 0x0d",
            "--expect-status: 99 is no status; they are 100 to 599"
        ]
    );
}

#[test]
fn kinds_of_mistakes_are_told_apart() {
    let kind = |result: Result<PlanFile, Vec<PlanIssue>>| result.unwrap_err()[0].kind;
    assert_eq!(kind(load(Path::new("no/such.toml"))), IssueKind::Missing);
    assert_eq!(kind(load(Path::new(SAMPLES))), IssueKind::Missing);
    assert_eq!(kind(load(Path::new(&format!("{INVALID}syntax.toml")))), IssueKind::Invalid);
    assert_eq!(from_command_line("", &Overrides::default()).unwrap_err()[0].kind, IssueKind::Usage);
    let missing = texts(load(Path::new("no/such.toml")).unwrap_err());
    assert_eq!(missing, ["no/such.toml: there is no such file"]);
    assert!(texts(load(Path::new(SAMPLES)).unwrap_err())[0].contains("cannot read"));
}

#[test]
fn random_plan_files_never_panic() {
    let good = std::fs::read(format!("{SAMPLES}mix.toml")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plan.toml");
    let mut random = SmallRandom::new(13);
    for _ in 0..3_000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(5) {
            let place = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[place] = random.next_u64() as u8,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b"{}[]=\"'\n,.-0"[random.below(12) as usize]),
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let _ = load(&path).and_then(|file| file.into_plan(&Overrides::default()));
    }
}
