//! API keys, usage plans and throttles, level by level.

use super::*;
use crate::snapshot::publish::Publisher;

const SECOND: u64 = 1_000_000_000;
const VALUE: &str = "key-of-twenty-bytes-1";

/// A stage `dev` with `GET /keyed`, which takes a key, and `GET /open`, which takes none; both are mocked.
fn configuration() -> Configuration {
    let mock = || Integration {
        request_templates: vec![("application/json".into(), "{statusCode: 200}".into())],
        responses: vec![IntegrationResponse::new(200)],
        ..Integration::new(IntegrationType::Mock)
    };
    let resource = |path: &str, api_key_required| Resource {
        id: path.into(),
        path: path.into(),
        methods: vec![Method { api_key_required, ..Method::new(HttpMethod::Get, mock()) }],
    };
    let resources = vec![resource("/keyed", true), resource("/other", true), resource("/open", false)];
    let deployment = Deployment { id: "dep".into(), rest_api: RestApi { resources, ..RestApi::default() } };
    let deployment = std::sync::Arc::new(deployment);
    let stages = vec![Stage::new("dev", deployment.clone()), Stage::new("prod", deployment)];
    let mut api_keys = ApiKeys::default();
    for (id, value, enabled, plans) in [
        ("k1", VALUE, true, vec!["p1"]),
        ("k2", "key-of-twenty-bytes-2", true, vec!["p0", "p1"]),
        ("k3", "key-of-twenty-bytes-3", false, vec!["p1"]),
        ("k4", "key-of-twenty-bytes-4", true, vec![]),
        ("k5", "key-of-twenty-bytes-5", true, vec!["p0"]),
    ] {
        let usage_plans = plans.into_iter().map(str::to_owned).collect();
        api_keys.insert(ApiKey { id: id.into(), value: value.into(), enabled, usage_plans });
    }
    Configuration {
        apis: vec![Api { id: "a1".into(), name: "a".into(), stages }.into()],
        usage_plans: vec![plan("p0", "prod").into(), plan("p1", "dev").into()],
        api_keys,
        ..Configuration::default()
    }
}

fn plan(id: &str, stage: &str) -> UsagePlan {
    UsagePlan {
        id: id.into(),
        name: id.into(),
        api_stages: vec![ApiStage { api_id: "a1".into(), stage: stage.into(), throttles: Vec::new() }],
        throttle: None,
        quota: None,
        concurrency_limit: None,
        priority: 0,
    }
}

fn throttle(rate_limit: f64, burst_limit: u32) -> ThrottleSettings {
    ThrottleSettings { rate_limit, burst_limit }
}

/// A gateway whose clock stands still until it is set.
struct Gateway {
    registry: Registry,
    settings: CompileSettings,
    snapshot: Snapshot,
    env: FakeEnv,
}

impl Gateway {
    fn new(configuration: &Configuration) -> Self {
        Self::with(configuration, CompileSettings::default())
    }

    fn with(configuration: &Configuration, settings: CompileSettings) -> Self {
        let settings = CompileSettings {
            region: "r".into(),
            account_id: "1".into(),
            execute_api_suffix: "s".into(),
            default_log_format: "$context.requestId".into(),
            ..settings
        };
        let mut registry = Registry::new();
        let snapshot = compile(configuration, &settings, &mut registry).unwrap();
        let env = FakeEnv::new(OK);
        env.now.set(SECOND);
        *env.quota.borrow_mut() = Some(0);
        Gateway { registry, settings, snapshot, env }
    }

    fn reload(&mut self, configuration: &Configuration) {
        self.snapshot = compile(configuration, &self.settings, &mut self.registry).unwrap();
    }

    /// Status and message of the answer, or its head where it is 200.
    fn call(&self, path: &str, key: &str) -> (u16, String) {
        let header = if key.is_empty() { String::new() } else { format!("X-API-Key: {key}\r\n") };
        self.call_at(path, &header, self.env.now.get())
    }

    /// The same at a time that the core has seen the request at, maybe before the clock's.
    fn call_at(&self, path: &str, header: &str, now: u64) -> (u16, String) {
        let text = format!("GET {path} HTTP/1.1\r\nHost: a1.execute-api.r.s\r\n{header}\r\n");
        let (mut head, mut answer_head) = (RequestHead::default(), ResponseHead::default());
        let parsed = parse_request(text.as_bytes(), &mut Scan::default(), &HeadLimits::default(), &mut head);
        assert_eq!(parsed, Ok(Parsed::Complete));
        let mut exchange =
            Exchange::new(text.as_bytes(), &head, &mut answer_head, IdSource::new(1).next_id());
        exchange.now = now;
        exchange.unix_millis = 1_700_000_000_000 + exchange.now / 1_000_000;
        {
            let mut serve = pin!(serve(&self.env, &self.snapshot, &mut exchange));
            let mut ready = false;
            for _ in 0..10 {
                ready |= !ready && serve.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            }
            assert!(ready);
        }
        let out = String::from_utf8(exchange.out).unwrap();
        let shown = match exchange.status {
            200 => out,
            _ => out.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned(),
        };
        (exchange.status, shown)
    }

    /// How many of `count` requests pass.
    fn passes(&self, path: &str, key: &str, count: usize) -> usize {
        (0..count).filter(|_| self.call(path, key).0 == 200).count()
    }
}

#[test]
fn a_key_opens_the_stages_of_its_plans() {
    let gateway = Gateway::new(&configuration());
    let forbidden = (403, r#"{"message":"Forbidden"}"#.to_owned());
    let long = "x".repeat(10_000);
    for key in ["", "short", "key-of-twenty-bytes-9", "key-of-twenty-bytes-3", "key-of-twenty-bytes-4", &long]
    {
        assert_eq!(gateway.call("/dev/keyed", key), forbidden, "{key:.30}");
        assert_eq!(gateway.call("/dev/open", key).0, 200, "{key:.30}");
    }
    for (path, key, status) in [
        ("/dev/keyed", VALUE, 200),
        ("/prod/keyed", VALUE, 403),
        ("/dev/keyed", "key-of-twenty-bytes-2", 200),
        ("/prod/keyed", "key-of-twenty-bytes-2", 200),
        ("/dev/keyed", "key-of-twenty-bytes-5", 403),
        ("/prod/keyed", "key-of-twenty-bytes-5", 200),
    ] {
        assert_eq!(gateway.call(path, key).0, status, "{path} {key}");
    }
}

#[test]
fn every_level_refuses_and_the_others_keep_their_tokens() {
    let mut with = configuration();
    let api = std::sync::Arc::make_mut(&mut with.apis[0]);
    api.stages[0].method_settings = vec![MethodSetting {
        method: None,
        settings: MethodSettings { throttle: Some(throttle(1.0, 6)), ..MethodSettings::default() },
    }];
    let mut plan = plan("p1", "dev");
    plan.throttle = Some(throttle(1.0, 4));
    plan.api_stages[0].throttles = vec![MethodThrottle {
        resource_path: "/keyed".into(),
        http_method: HttpMethod::Get,
        throttle: throttle(1.0, 2),
    }];
    with.usage_plans = vec![plan.into()];
    let settings = CompileSettings { account_throttle: Some(throttle(1.0, 9)), ..CompileSettings::default() };
    let gateway = Gateway::with(&with, settings);
    // The plan's method, then the plan's key, then the method, then the account.
    assert_eq!(gateway.passes("/dev/keyed", VALUE, 10), 2);
    assert_eq!(gateway.call("/dev/keyed", VALUE), (429, r#"{"message":"Too Many Requests"}"#.to_owned()));
    assert_eq!(gateway.passes("/dev/other", VALUE, 10), 2);
    let other = "key-of-twenty-bytes-2";
    assert_eq!(gateway.passes("/dev/other", other, 10), 4);
    // 9 of the account, 8 of which are gone; `/open` has 6 of its own.
    assert_eq!(gateway.passes("/dev/open", "", 10), 1);
    gateway.env.now.set(3 * SECOND);
    assert_eq!(gateway.passes("/dev/open", "", 10), 2);
}

#[test]
fn a_token_that_came_since_the_core_saw_the_request_is_given() {
    let mut with = configuration();
    let mut plan = plan("p1", "dev");
    plan.throttle = Some(throttle(1000.0, 1));
    with.usage_plans = vec![plan.into()];
    let gateway = Gateway::new(&with);
    let header = format!("X-API-Key: {VALUE}\r\n");
    let at = |clock| {
        gateway.env.now.set(clock);
        gateway.call_at("/dev/keyed", &header, SECOND).0
    };
    assert_eq!([at(SECOND), at(SECOND + 999_999), at(SECOND + 1_000_000)], [200, 429, 200]);
}

#[test]
fn a_reload_keeps_what_is_used() {
    let mut with = configuration();
    let limited = |burst| {
        let mut plan = plan("p1", "dev");
        plan.throttle = Some(throttle(0.001, burst));
        plan.api_stages[0].throttles = vec![MethodThrottle {
            resource_path: "/other".into(),
            http_method: HttpMethod::Get,
            throttle: throttle(0.001, 3),
        }];
        std::sync::Arc::new(plan)
    };
    with.usage_plans = vec![limited(10)];
    let mut gateway = Gateway::new(&with);
    assert_eq!(gateway.passes("/dev/other", VALUE, 2), 2);
    // Another key, another plan before it, another throttle before its own.
    let usage_plans = vec!["p1".to_owned()];
    with.api_keys.insert(ApiKey {
        id: "k9".into(),
        value: "key-of-twenty-bytes-9".into(),
        enabled: true,
        usage_plans,
    });
    let mut more = UsagePlan::clone(&limited(12));
    let own = more.api_stages[0].throttles[0].clone();
    more.api_stages[0].throttles.insert(0, MethodThrottle { resource_path: "/keyed".into(), ..own });
    with.usage_plans = vec![plan("p7", "prod").into(), more.into()];
    gateway.reload(&with);
    assert_eq!(gateway.passes("/dev/other", VALUE, 10), 1);
    assert_eq!(gateway.passes("/dev/keyed", VALUE, 10), 3);
    assert_eq!(gateway.passes("/dev/keyed", "key-of-twenty-bytes-9", 10), 3);
    with.api_keys.remove(VALUE);
    gateway.reload(&with);
    assert_eq!(gateway.call("/dev/keyed", VALUE).0, 403);
}

#[test]
fn a_quota_gives_what_is_granted() {
    let mut with = configuration();
    let mut plan = plan("p1", "dev");
    plan.throttle = Some(throttle(1.0, 5));
    plan.quota = Some(QuotaSettings { limit: 3, offset: 0, period: QuotaPeriod::Day });
    with.usage_plans = vec![plan.into()];
    let gateway = Gateway::new(&with);
    *gateway.env.quota.borrow_mut() = Some(3);
    assert_eq!(gateway.passes("/dev/keyed", VALUE, 3), 3);
    assert_eq!(gateway.call("/dev/keyed", VALUE), (429, r#"{"message":"Limit Exceeded"}"#.to_owned()));
    // What the quota refuses takes no token: two are left. A new day, and a ledger that grants again.
    *gateway.env.quota.borrow_mut() = Some(0);
    assert_eq!(gateway.call("/dev/keyed", VALUE).0, 429);
    let key = gateway.snapshot.usage.keys.find(VALUE.as_bytes()).unwrap();
    let client = key.plans().next().unwrap().client;
    let day = crate::limit::Periods::at(1_700_000_001).of(QuotaPeriod::Day);
    client.quota.grant(day, 9, 0, None);
    assert_eq!(gateway.passes("/dev/keyed", VALUE, 9), 2);
    // What a throttle refuses is not counted.
    assert_eq!(client.quota.left(), (day, 7));
}

#[test]
fn a_quota_that_nobody_makes_durable_lets_nothing_pass() {
    let mut with = configuration();
    let mut plan = plan("p1", "dev");
    plan.quota = Some(QuotaSettings { limit: 3, offset: 0, period: QuotaPeriod::Month });
    with.usage_plans = vec![plan.into()];
    let gateway = Gateway::new(&with);
    *gateway.env.quota.borrow_mut() = None;
    gateway.env.now.set(10 * SECOND);
    let answer = gateway.call("/dev/keyed", VALUE);
    assert_eq!(answer, (503, r#"{"message":"Service Unavailable"}"#.to_owned()));
    assert_eq!(gateway.call("/dev/open", "").0, 200);
}

#[test]
fn requests_under_way_are_limited_where_it_is_asked_for() {
    let mut with = configuration();
    let mut plan = plan("p1", "dev");
    plan.concurrency_limit = Some(0);
    with.usage_plans = vec![plan.into()];
    let api = std::sync::Arc::make_mut(&mut with.apis[0]);
    api.stages[0].method_settings = vec![MethodSetting {
        method: Some(("/open".into(), HttpMethod::Get)),
        settings: MethodSettings { concurrency_limit: Some(1), ..MethodSettings::default() },
    }];
    let gateway = Gateway::new(&with);
    assert_eq!(gateway.call("/dev/keyed", VALUE).0, 429);
    let route =
        gateway.snapshot.stages[0].routes.iter().find(|route| &*route.resource_path == "/open").unwrap();
    let (limit, under_way) = route.limits.as_ref().unwrap().concurrency.as_ref().unwrap();
    assert_eq!(gateway.passes("/dev/open", "", 3), 3);
    let place = under_way.enter(*limit);
    assert_eq!(gateway.passes("/dev/open", "", 3), 0);
    drop(place);
    assert_eq!((gateway.passes("/dev/open", "", 3), under_way.count()), (3, 0));
}

#[test]
fn answers_tell_what_is_left_where_it_is_asked_for() {
    let mut with = configuration();
    let mut plan = plan("p1", "dev");
    plan.throttle = Some(throttle(0.5, 2));
    plan.quota = Some(QuotaSettings { limit: 9, offset: 0, period: QuotaPeriod::Day });
    with.usage_plans = vec![plan.into()];
    let settings = CompileSettings { rate_limit_headers: true, ..CompileSettings::default() };
    let gateway = Gateway::with(&with, settings);
    *gateway.env.quota.borrow_mut() = Some(9);
    let answer = gateway.call("/dev/keyed", VALUE).1;
    // 2023-11-14 22:13:21
    for line in [
        "RateLimit-Policy: \"throttle\";q=2;w=4, \"quota\";q=9;w=86400",
        "RateLimit: \"throttle\";r=1;t=0, \"quota\";r=0;t=6399",
    ] {
        assert!(answer.contains(line), "{answer}");
    }
    assert!(!answer.contains("Retry-After"), "{answer}");
    assert!(!gateway.call("/dev/open", "").1.contains("RateLimit"));
    let refused = |path: &str| {
        let header = "X-API-Key: key-of-twenty-bytes-1\r\n";
        let text = format!("GET {path} HTTP/1.1\r\nHost: a1.execute-api.r.s\r\n{header}\r\n");
        (0..3).map(|_| head_of(&gateway, &text)).last().unwrap()
    };
    let head = refused("/dev/keyed");
    assert!(head.contains("HTTP/1.1 429") && head.contains("\r\nRetry-After: 2\r\n"), "{head}");
}

fn head_of(gateway: &Gateway, text: &str) -> String {
    let (mut head, mut answer_head) = (RequestHead::default(), ResponseHead::default());
    parse_request(text.as_bytes(), &mut Scan::default(), &HeadLimits::default(), &mut head).unwrap();
    let mut exchange = Exchange::new(text.as_bytes(), &head, &mut answer_head, IdSource::new(1).next_id());
    exchange.now = gateway.env.now.get();
    exchange.unix_millis = 1_700_000_001_000;
    {
        let served = pin!(serve(&gateway.env, &gateway.snapshot, &mut exchange));
        assert!(served.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    String::from_utf8(exchange.out).unwrap()
}

#[test]
fn a_million_keys_change_one_at_a_time() {
    let mut with = configuration();
    for i in 0..20_000 {
        let (id, value) = (i.to_string(), format!("value-of-a-key-{i:025}").into());
        with.api_keys.insert(ApiKey { id, value, enabled: true, usage_plans: vec!["p1".into()] });
    }
    let gateway = Gateway::new(&with);
    let publisher = Publisher::new(gateway.snapshot);
    let mut registry = gateway.registry;
    let (_, before) = publisher.current();
    let value = "value-of-a-key-0000000000000000000000777";
    with.api_keys.remove(value);
    let after = compile(&with, &gateway.settings, &mut registry).unwrap();
    let shared = before.usage.keys.shares(&after.usage.keys);
    assert_eq!(shared, API_KEY_PARTS - 1);
    assert!(
        before.usage.keys.find(value.as_bytes()).is_some()
            && after.usage.keys.find(value.as_bytes()).is_none()
    );
}

#[test]
fn who_goes_last_is_shed_first() {
    let mut with = configuration();
    let of_priority = |id: &str, stage: &str, priority| UsagePlan { priority, ..plan(id, stage) }.into();
    with.usage_plans = vec![of_priority("p0", "prod", 255), of_priority("p1", "dev", 10)];
    let gateway = Gateway::new(&with);
    let other = "key-of-twenty-bytes-5";
    for (pressure, low, without, high) in
        [(0, 200, 200, 200), (11, 503, 200, 200), (129, 503, 503, 200), (255, 503, 503, 200)]
    {
        gateway.env.pressure.set(pressure);
        let statuses = [("/dev/keyed", VALUE), ("/dev/open", ""), ("/prod/keyed", other)]
            .map(|(path, key)| gateway.call(path, key).0);
        assert_eq!(statuses, [low, without, high], "{pressure}");
    }
}

#[test]
fn a_quota_that_nobody_can_keep_is_refused_at_once() {
    let mut with = configuration();
    let mut plan = plan("p1", "dev");
    plan.quota = Some(QuotaSettings { limit: 5, offset: 0, period: QuotaPeriod::Day });
    with.usage_plans = vec![plan.into()];
    let gateway = Gateway::new(&with);
    *gateway.env.quota.borrow_mut() = None;
    for _ in 0..3 {
        let before = gateway.env.now.get();
        assert_eq!(gateway.call("/dev/keyed", VALUE).0, 503);
        assert!(gateway.env.now.get() <= before + 1_000_000, "one look is enough");
    }
    *gateway.env.quota.borrow_mut() = Some(5);
    assert_eq!(gateway.passes("/dev/keyed", VALUE, 10), 5, "it is asked again");
}
