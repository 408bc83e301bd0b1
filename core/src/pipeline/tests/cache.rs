//! What is kept of which answers, and who gets it.

use super::*;
use crate::cache::CacheStatus;
use crate::snapshot::RoutePlan;

const SECOND: u64 = 1_000_000_000;
pub(super) const ONE: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: 1\r\nAge: 7\r\nDate: then\r\n\r\none";
pub(super) const TWO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: 2\r\n\r\ntwo";

/// A gateway with one stage that has a cache, and a clock that stands still until it is set.
pub(super) struct Gateway {
    registry: Registry,
    pub(super) snapshot: Snapshot,
    pub(super) env: FakeEnv,
}

pub(super) fn settings() -> MethodSettings {
    MethodSettings { require_authorization_for_cache_control: false, ..MethodSettings::default() }
}

pub(super) fn all(settings: MethodSettings) -> MethodSetting {
    MethodSetting { method: None, settings }
}

pub(super) fn resource(path: &str, http_method: HttpMethod, integration: Integration) -> Resource {
    Resource { id: path.into(), path: path.into(), methods: vec![Method::new(http_method, integration)] }
}

pub(super) fn keyed(keys: &[&str]) -> Integration {
    let cache_key_parameters = keys.iter().map(|key| (*key).to_owned()).collect();
    Integration { cache_key_parameters, ..proxy("http://10.0.0.1/", vec![]) }
}

pub(super) fn stage(resources: Vec<Resource>, settings: Vec<MethodSetting>) -> Stage {
    let rest_api = RestApi { resources, ..RestApi::default() };
    Stage {
        cache_bytes: Some(1 << 20),
        method_settings: settings,
        ..Stage::new("dev", Deployment { id: "dep".into(), rest_api }.into())
    }
}

fn pets(keys: &[&str], settings: MethodSettings) -> Gateway {
    Gateway::new(stage(vec![resource("/pets", HttpMethod::Get, keyed(keys))], vec![all(settings)]))
}

fn try_compile(registry: &mut Registry, stage: Stage) -> Result<Snapshot, Vec<String>> {
    let configuration = Configuration {
        apis: vec![Api { id: "a1".into(), name: "a".into(), stages: vec![stage] }.into()],
        ..Configuration::default()
    };
    let settings = CompileSettings {
        region: "r".into(),
        account_id: "1".into(),
        execute_api_suffix: "s".into(),
        default_log_format: "$context.requestId".into(),
        ..CompileSettings::default()
    };
    compile(&configuration, &settings, registry)
}

/// A request line with more header lines.
fn parsed(request: &str) -> (Vec<u8>, RequestHead) {
    let (line, more) = request.split_once('\n').unwrap_or((request, ""));
    let text = format!("{line} HTTP/1.1\nHost: a1.execute-api.r.s\n{more}\n").replace('\n', "\r\n");
    let mut head = RequestHead::default();
    let parsed = parse_request(text.as_bytes(), &mut Scan::default(), &HeadLimits::default(), &mut head);
    assert_eq!(parsed, Ok(Parsed::Complete), "{text}");
    (text.into_bytes(), head)
}

/// What has nothing to wait for.
fn run<O>(work: impl Future<Output = O>) -> O {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

impl Gateway {
    pub(super) fn new(stage: Stage) -> Self {
        let mut registry = Registry::new();
        let snapshot = try_compile(&mut registry, stage).unwrap();
        let env = FakeEnv::new(Ok(ONE));
        env.now.set(100 * SECOND);
        Gateway { registry, snapshot, env }
    }

    fn reload(&mut self, stage: Stage) {
        self.snapshot = try_compile(&mut self.registry, stage).unwrap();
        self.registry.retire();
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.env.now.set(self.env.now.get() + seconds * SECOND);
    }

    /// The answer to a request line with more header lines, and what the cache had to do with it.
    pub(super) fn ask(&self, request: &str) -> (String, CacheStatus) {
        let (bytes, head) = parsed(request);
        let mut answer = ResponseHead::default();
        let mut exchange = Exchange::new(&bytes, &head, &mut answer, IdSource::new(1).next_id());
        exchange.now = self.env.now.get();
        let served = run(serve(&self.env, &self.snapshot, &mut exchange));
        // What the data plane does.
        if let Served::Kept(entry) = &served {
            exchange.out.extend_from_slice(&entry.shared_body());
        }
        if let Served::Streaming(lease) = served {
            let body = &lease[exchange.answer.len..];
            exchange.keep_bytes(body);
            exchange.keep_answer();
            if exchange.framing != ResponseFraming::Complete {
                exchange.out.extend_from_slice(body);
            }
        }
        let out = String::from_utf8(std::mem::take(&mut exchange.out)).unwrap();
        (out.replace("\r\n", "\n"), exchange.cache.status)
    }

    /// Whether a request is answered with what is too old, and is the one after which it is asked for anew.
    pub(super) fn asks_to_refresh(&self, request: &str) -> bool {
        let (bytes, head) = parsed(request);
        let mut answer = ResponseHead::default();
        let mut exchange = Exchange::new(&bytes, &head, &mut answer, IdSource::new(1).next_id());
        exchange.now = self.env.now.get();
        let served = run(serve(&self.env, &self.snapshot, &mut exchange));
        assert_eq!(exchange.cache.status, CacheStatus::Stale);
        assert!(matches!(served, Served::Complete) && exchange.out.ends_with(b"one"));
        exchange.cache.is_to_refresh
    }

    /// Whether asking anew brings a new answer.
    pub(super) fn refreshes(&self, request: &str) -> bool {
        let (bytes, head) = parsed(request);
        let mut answer = ResponseHead::default();
        let mut exchange = Exchange::new(&bytes, &head, &mut answer, IdSource::new(1).next_id());
        exchange.now = self.env.now.get();
        run(refresh(&self.env, &self.snapshot, &mut exchange))
    }

    /// The body of an answer, after the next one of the backend was set to another.
    pub(super) fn body(&mut self, request: &str, answer: &'static str) -> String {
        self.env.answer = Ok(answer);
        let (out, _) = self.ask(request);
        out.split_once("\n\n").unwrap().1.to_owned()
    }

    /// Whether a second request gets what the first got. The backend answers each time with something else.
    pub(super) fn shares(&mut self, first: &str, second: &str) -> bool {
        self.snapshot.stages[0].cache.as_ref().unwrap().flush();
        assert_eq!(self.body(first, ONE), "one", "{first}");
        self.body(second, TWO) == "one"
    }

    fn status(&self, request: &str) -> CacheStatus {
        self.ask(request).1
    }
}

#[test]
fn a_kept_answer_has_the_lines_of_a_new_one_and_its_age() {
    let mut gateway = pets(&[], settings());
    let (first, status) = gateway.ask("GET /dev/pets");
    assert_eq!(status, CacheStatus::Miss);
    gateway.env.answer = Ok(TWO);
    gateway.wait(5);
    let (hit, status) = gateway.ask("GET /dev/pets");
    assert_eq!(status, CacheStatus::Hit);
    let lines = |out: &str| out.lines().map(str::to_owned).collect::<Vec<_>>();
    let (mut before, mut after) = (lines(&first), lines(&hit));
    before.sort();
    after.sort();
    before.retain(|line| line != "Age: 7");
    assert!(after.contains(&"Age: 12".to_owned()), "{hit}");
    after.retain(|line| line != "Age: 12");
    assert_eq!(before, after, "but for the age they are the same");
    assert_eq!(hit.matches("Age:").count(), 1);
}

#[test]
fn an_answer_is_kept_for_the_time_of_its_method() {
    let mut gateway = pets(&[], MethodSettings { cache_ttl_seconds: 10, ..settings() });
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
    gateway.wait(9);
    assert_eq!(gateway.body("GET /dev/pets", TWO), "one");
    gateway.wait(1);
    assert_eq!(gateway.status("GET /dev/pets"), CacheStatus::Expired);
    assert_eq!(gateway.body("GET /dev/pets", ONE), "two", "the new one is kept");
    let off = pets(&[], MethodSettings { cache_ttl_seconds: 0, ..settings() });
    assert_eq!(
        (off.status("GET /dev/pets"), off.status("GET /dev/pets")),
        (CacheStatus::Off, CacheStatus::Off)
    );
}

#[test]
fn the_parameters_of_the_key_make_another_entry_and_others_do_not() {
    // tables.md §9.5: `?type=admin&department=A` serves `?type=admin&department=B` when only `type` is in the key.
    let mut gateway =
        pets(&["method.request.querystring.type", "method.request.header.X-Tenant"], settings());
    assert!(gateway.shares("GET /dev/pets?type=a&d=A", "GET /dev/pets?type=a&d=B"));
    assert!(!gateway.shares("GET /dev/pets?type=a", "GET /dev/pets?type=b"));
    assert!(!gateway.shares("GET /dev/pets?type=", "GET /dev/pets"));
    assert!(!gateway.shares("GET /dev/pets\nX-Tenant: a\n", "GET /dev/pets\nX-Tenant: b\n"));
    assert!(
        !gateway.shares("GET /dev/pets?type=a", "GET /dev/pets\nX-Tenant: a\n"),
        "which one it is counts"
    );
}

#[test]
fn what_a_backend_may_read_otherwise_does_not_share_an_entry() {
    let mut gateway =
        pets(&["method.request.querystring.type", "method.request.header.X-Tenant"], settings());
    for (first, second) in [
        ("GET /dev/pets?%74ype=evil", "GET /dev/pets"),
        ("GET /dev/pets?type=evil&type=a", "GET /dev/pets?type=a"),
        ("GET /dev/pets\nx-tenant: evil\n", "GET /dev/pets"),
        ("GET /dev/pets\nX-Tenant: evil\nX-Tenant: a\n", "GET /dev/pets\nX-Tenant: a\n"),
        ("GET /dev/pets?type=a&type=b", "GET /dev/pets?type=a%26type%3db"),
    ] {
        assert!(!gateway.shares(first, second), "{first} and {second}");
    }
}

#[test]
fn parameters_of_the_path_and_of_the_integration_are_in_the_key() {
    let mapped = vec![
        parameter(ParameterTarget::Path("id".into()), ParameterSource::Path("id".into())),
        parameter(ParameterTarget::Header("X-H".into()), ParameterSource::Header("X-In".into())),
    ];
    let integration = |keys: &[&str]| Integration {
        cache_key_parameters: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..proxy("http://10.0.0.1/{id}", mapped.clone())
    };
    let of = |keys: &[&str]| stage(vec![resource("/pets/{id}", HttpMethod::Get, integration(keys))], vec![]);
    let mut gateway = Gateway::new(of(&["method.request.path.id", "integration.request.header.X-H"]));
    assert!(!gateway.shares("GET /dev/pets/1", "GET /dev/pets/2"));
    assert!(!gateway.shares("GET /dev/pets/1\nX-In: a\n", "GET /dev/pets/1\nX-In: b\n"));
    assert!(gateway.shares("GET /dev/pets/1", "GET /dev/pets/1?x"));
    let mut gateway = Gateway::new(of(&[]));
    assert!(
        gateway.shares("GET /dev/pets/1", "GET /dev/pets/2"),
        "as on AWS: what is no key is not looked at"
    );
    for wrong in ["method.request.path.x", "integration.request.header.X-None", "method.request.body", "type"]
    {
        let errors = try_compile(&mut Registry::new(), of(&[wrong])).unwrap_err();
        assert!(errors[0].contains(wrong.rsplit('.').next().unwrap()), "{errors:?}");
    }
}

#[test]
fn resources_share_entries_only_in_one_namespace() {
    let of = |namespace: Option<&str>| {
        let named = || Integration { cache_namespace: namespace.map(str::to_owned), ..keyed(&[]) };
        stage(
            vec![resource("/a", HttpMethod::Get, named()), resource("/b", HttpMethod::Get, named())],
            vec![],
        )
    };
    assert!(!Gateway::new(of(None)).shares("GET /dev/a", "GET /dev/b"));
    assert!(Gateway::new(of(Some("both"))).shares("GET /dev/a", "GET /dev/b"));
}

#[test]
fn only_get_is_cached_unless_a_methods_own_settings_say_so() {
    let enabled = MethodSettings { caching_enabled: Some(true), ..settings() };
    let resources = |method| vec![resource("/pets", method, keyed(&[]))];
    let own = |method| MethodSetting { method: Some(("/pets".into(), method)), settings: enabled.clone() };
    let twice = |stage: Stage, request: &str| {
        let gateway = Gateway::new(stage);
        gateway.ask(request);
        gateway.status(request)
    };
    let everything = || vec![all(enabled.clone())];
    assert_eq!(twice(stage(resources(HttpMethod::Post), everything()), "POST /dev/pets"), CacheStatus::Off);
    let post = stage(resources(HttpMethod::Post), vec![own(HttpMethod::Post)]);
    assert_eq!(twice(post, "POST /dev/pets"), CacheStatus::Hit);
    assert_eq!(twice(stage(resources(HttpMethod::Any), everything()), "GET /dev/pets"), CacheStatus::Off);
    let any = || stage(resources(HttpMethod::Any), vec![own(HttpMethod::Any)]);
    assert_eq!(twice(any(), "GET /dev/pets"), CacheStatus::Hit);
    assert_eq!(twice(any(), "POST /dev/pets"), CacheStatus::Off);
    let off = all(MethodSettings { caching_enabled: Some(false), ..settings() });
    assert_eq!(twice(stage(resources(HttpMethod::Get), vec![off]), "GET /dev/pets"), CacheStatus::Off);
    let small = Stage { cache_bytes: None, ..any() };
    assert_eq!(twice(small, "GET /dev/pets"), CacheStatus::Off);
}

#[test]
fn head_gets_what_get_got_without_its_body() {
    let enabled = MethodSettings { caching_enabled: Some(true), ..settings() };
    let own = MethodSetting { method: Some(("/pets".into(), HttpMethod::Any)), settings: enabled };
    let mut gateway = Gateway::new(stage(vec![resource("/pets", HttpMethod::Any, keyed(&[]))], vec![own]));
    assert_eq!(gateway.status("HEAD /dev/pets"), CacheStatus::Miss);
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one", "HEAD has left nothing");
    let (out, status) = gateway.ask("HEAD /dev/pets");
    assert_eq!(status, CacheStatus::Hit);
    assert!(out.contains("\nContent-Length: 3\n") && out.ends_with("\n\n"), "{out}");
    assert_eq!(gateway.status("GET /dev/pets\nX-HTTP-Method-Override: HEAD\n"), CacheStatus::Off);
}

#[test]
fn only_whole_answers_with_certain_statuses_are_kept() {
    for (answer, is_kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
        ("HTTP/1.1 301 Moved\r\nContent-Length: 1\r\n\r\nx", true),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx", true),
        ("HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx", false),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", false),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 1\r\n\r\nx", false),
        ("HTTP/1.1 429 Too Many\r\nContent-Length: 1\r\n\r\nx", false),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 1\r\n\r\nx", false),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nx", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\n\r\nends with its connection", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\nx", false),
    ] {
        let mut gateway = pets(&[], settings());
        gateway.env.answer = Ok(answer);
        let (first, _) = gateway.ask("GET /dev/pets");
        gateway.env.answer = Ok(ONE);
        let (second, status) = gateway.ask("GET /dev/pets");
        assert_eq!(status == CacheStatus::Hit, is_kept, "{answer}");
        assert_eq!(
            first.lines().next() == second.lines().next(),
            is_kept || answer.contains("200"),
            "{answer}"
        );
    }
    let mut gateway = pets(&[], settings());
    gateway.env.answer = Err(GatewayError::IntegrationTimeout);
    assert!(gateway.ask("GET /dev/pets").0.starts_with("HTTP/1.1 504"));
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
}

#[test]
fn a_streamed_body_that_grows_too_large_is_not_kept() {
    let gateway = pets(&[], settings());
    let bytes = b"GET /dev/pets HTTP/1.1\r\nHost: a1.execute-api.r.s\r\n\r\n";
    let (mut head, mut answer) = (RequestHead::default(), ResponseHead::default());
    parse_request(bytes, &mut Scan::default(), &HeadLimits::default(), &mut head).unwrap();
    let mut exchange = Exchange::new(bytes, &head, &mut answer, IdSource::new(1).next_id());
    let env = FakeEnv::new(Ok("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    {
        let mut serve = pin!(serve(&env, &gateway.snapshot, &mut exchange));
        assert!(serve.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    for _ in 0..1025 {
        exchange.keep_bytes(&[1; 1024]);
    }
    exchange.keep_answer();
    assert!(!exchange.cache.is_stored);
    assert_eq!(gateway.status("GET /dev/pets"), CacheStatus::Miss);
}

#[test]
fn a_client_that_may_gets_a_new_answer_which_replaces_the_old() {
    let mut gateway = pets(&[], settings());
    assert_eq!(gateway.body("GET /dev/pets", ONE), "one");
    for other in ["no-cache", "max-age=10", "no-store", "x-max-age=0"] {
        assert_eq!(gateway.body(&format!("GET /dev/pets\nCache-Control: {other}\n"), TWO), "one", "{other}");
    }
    gateway.wait(1);
    assert_eq!(gateway.body("GET /dev/pets\ncache-control: no-store, Max-Age=0\n", TWO), "two");
    assert_eq!(gateway.body("GET /dev/pets", ONE), "two");
}

#[test]
fn a_client_that_may_not_is_told_in_the_way_of_the_strategy() {
    let of = |unauthorized_cache_control| {
        let settings = MethodSettings { unauthorized_cache_control, ..MethodSettings::default() };
        let gateway = pets(&[], settings);
        gateway.ask("GET /dev/pets");
        gateway.ask("GET /dev/pets\nCache-Control: max-age=0\n")
    };
    let (out, status) = of(UnauthorizedCacheControl::FailWith403);
    assert!(out.starts_with("HTTP/1.1 403 ") && status == CacheStatus::Off, "{out}");
    let (out, status) = of(UnauthorizedCacheControl::SucceedWithResponseHeader);
    assert!(out.contains("\nWarning: 199 ") && status == CacheStatus::Hit, "{out}");
    let (out, status) = of(UnauthorizedCacheControl::SucceedWithoutResponseHeader);
    assert!(!out.contains("\nWarning") && status == CacheStatus::Hit, "{out}");
}

#[test]
fn templates_that_accept_chooses_have_entries_of_their_own() {
    let templates = ["application/json", "text/plain"].map(|kind| (kind.to_owned(), format!("as {kind}")));
    let mock = Integration {
        request_templates: vec![("application/json".into(), "{statusCode: 200}".into())],
        responses: vec![IntegrationResponse {
            response_templates: templates.into(),
            ..IntegrationResponse::new(200)
        }],
        ..Integration::new(IntegrationType::Mock)
    };
    let mut gateway = Gateway::new(stage(vec![resource("/m", HttpMethod::Get, mock)], vec![]));
    for (accept, status) in [
        ("application/json", CacheStatus::Miss),
        ("text/plain", CacheStatus::Miss),
        ("application/json, text/plain", CacheStatus::Hit),
        ("text/plain;q=1", CacheStatus::Hit),
    ] {
        let (out, found) = gateway.ask(&format!("GET /dev/m\nAccept: {accept}\n"));
        assert_eq!(found, status, "{accept}");
        let kind = accept.split([',', ';']).next().unwrap();
        assert!(out.contains(&format!("\nContent-Type: {kind}\n")), "{out}");
        assert!(out.ends_with(&format!("as {kind}")), "{out}");
    }
    assert_eq!(gateway.body("GET /dev/m", ONE), "as application/json");
}

#[test]
fn compressed_answers_are_for_those_who_take_them() {
    let rest_api = RestApi {
        resources: vec![resource("/pets", HttpMethod::Get, keyed(&[]))],
        minimum_compression_size: Some(1_000_000),
        ..RestApi::default()
    };
    let deployment = Deployment { id: "dep".into(), rest_api }.into();
    let mut gateway = Gateway::new(Stage { cache_bytes: Some(1 << 20), ..Stage::new("dev", deployment) });
    let gzip = "GET /dev/pets\nAccept-Encoding: gzip\n";
    assert!(!gateway.shares(gzip, "GET /dev/pets"));
    assert!(!gateway.shares(gzip, "GET /dev/pets\nAccept-Encoding: deflate\n"));
    assert!(gateway.shares(gzip, "GET /dev/pets\nAccept-Encoding: br;q=0.1, gzip\n"));
}

#[test]
fn a_reload_keeps_what_is_cached_and_a_deployment_or_a_size_does_not() {
    let of = || stage(vec![resource("/pets", HttpMethod::Get, keyed(&[]))], vec![]);
    let mut gateway = Gateway::new(of());
    gateway.ask("GET /dev/pets");
    gateway.reload(Stage { variables: [("a".to_owned(), "b".to_owned())].into(), ..of() });
    assert_eq!(gateway.status("GET /dev/pets"), CacheStatus::Hit);
    let deployment = |id: &str| Deployment { id: id.into(), rest_api: of().deployment.rest_api.clone() };
    gateway.reload(Stage { deployment: deployment("dep2").into(), ..of() });
    assert_eq!(gateway.status("GET /dev/pets"), CacheStatus::Miss);
    gateway.reload(of());
    assert_eq!(gateway.status("GET /dev/pets"), CacheStatus::Hit, "back to the deployment before");
    gateway.reload(Stage { cache_bytes: Some(2 << 20), ..of() });
    assert_eq!(gateway.status("GET /dev/pets"), CacheStatus::Miss);
}

#[test]
fn a_canary_shares_the_entries_of_its_deployment_where_it_may() {
    let prefixes = |use_stage_cache, id: &str| {
        let stage = stage(vec![resource("/pets", HttpMethod::Get, keyed(&[]))], vec![]);
        let rest_api = stage.deployment.rest_api.clone();
        let canary = CanarySettings {
            percent_traffic: 50.0,
            deployment: Deployment { id: id.into(), rest_api }.into(),
            stage_variable_overrides: Default::default(),
            use_stage_cache,
        };
        let snapshot = try_compile(&mut Registry::new(), Stage { canary: Some(canary), ..stage }).unwrap();
        let prefix = |route: &RoutePlan| route.cache.as_ref().unwrap().prefix.clone();
        let prefixes = snapshot.stages.iter().map(|stage| prefix(&stage.routes[0])).collect::<Vec<_>>();
        prefixes[0] == prefixes[1]
    };
    assert!(prefixes(true, "dep"));
    assert!(!prefixes(true, "other"));
    assert!(!prefixes(false, "dep"));
}
