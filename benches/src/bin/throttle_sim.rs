//! The simulated part of `cargo xtask verify throttle`: throttled requests on several cores in virtual time, through the pipeline that the
//! data plane runs, beside one ideal token bucket that sees the same requests. Prints a JSON line for each combination.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Waker};

use ringway_core::cache::{Flights, Wait, Waited};
use ringway_core::error::GatewayError;
use ringway_core::http1::{HeadLimits, Parsed, RequestHead, ResponseHead, Scan, parse_request};
use ringway_core::ids::IdSource;
use ringway_core::limit::{CoreLimits, QuotaRequest};
use ringway_core::model::{
    Api, Configuration, Deployment, HttpMethod, Integration, IntegrationResponse, IntegrationType, Method,
    MethodSetting, MethodSettings, Resource, RestApi, Stage, ThrottleSettings,
};
use ringway_core::pipeline::{Env, Exchange, serve};
use ringway_core::snapshot::{CompileSettings, HttpCall, Registry, Snapshot, compile};

const RATES: [f64; 6] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
const BURSTS: [u32; 5] = [1, 10, 100, 1_000, 10_000];
const CORES: [usize; 5] = [1, 2, 4, 8, 16];
const SECOND: f64 = 1e9;
/// A core looks at its clock once in a turn, so that its requests seem to come up to this much earlier than they do, in nanoseconds.
const TURN: f64 = 100_000.0;

/// Which core a request comes to.
#[derive(Debug, Clone, Copy)]
enum Spread {
    One,
    All,
    /// Another core every second.
    Moving,
}

/// A core whose integrations are mocked.
#[derive(Default)]
struct SimulatedCore {
    limits: CoreLimits,
    clock: Cell<u64>,
}

impl Env for SimulatedCore {
    type Lease = Vec<u8>;

    fn buffer(&self) -> Vec<u8> {
        Vec::with_capacity(512)
    }

    fn date_line(&self, _: &mut Vec<u8>) {}

    async fn invoke(&self, _: &HttpCall, _: &mut Exchange<'_>) -> Result<Vec<u8>, GatewayError> {
        unreachable!("nothing but mocks is called")
    }

    async fn read_body(&self, _: &mut Exchange<'_>, _: u64) -> Result<Vec<u8>, GatewayError> {
        Ok(Vec::new())
    }

    fn pressure(&self, _: &Exchange<'_>) -> u8 {
        0
    }

    fn clock(&self) -> u64 {
        self.clock.get()
    }

    fn limits(&self) -> Option<&CoreLimits> {
        Some(&self.limits)
    }

    fn caches(&self) -> Option<&Flights> {
        None
    }

    async fn wait(&self, _: Wait, _: u64) -> Result<(Waited, u64), GatewayError> {
        Err(GatewayError::IntegrationTimeout)
    }

    fn ask_for_quota(&self, _: QuotaRequest) -> bool {
        false
    }

    async fn pause(&self) -> u64 {
        unreachable!("there is no quota")
    }

    async fn read_answer(&self, _: &mut Exchange<'_>, _: &Vec<u8>) -> Result<Vec<u8>, GatewayError> {
        unreachable!("nothing but mocks is called")
    }
}

/// What one bucket in one place would have admitted.
struct Ideal {
    tokens: f64,
    at: f64,
}

impl Ideal {
    fn admits(&mut self, rate: f64, burst: u32, now: f64) -> bool {
        self.tokens = (self.tokens + (now - self.at) * rate / SECOND).min(f64::from(burst));
        self.at = now;
        // Sums of fractions end a little below whole numbers.
        let admits = self.tokens >= 1.0 - 1e-6;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }
}

fn main() {
    let mut random = Random(0x5eed);
    for rate in RATES {
        for burst in BURSTS {
            for cores in CORES {
                for spread in [Spread::One, Spread::All, Spread::Moving] {
                    if cores > 1 || matches!(spread, Spread::One) {
                        run(rate, burst, cores, spread, &mut random);
                    }
                }
            }
        }
    }
}

fn run(rate: f64, burst: u32, cores: usize, spread: Spread, random: &mut Random) {
    let seconds = (100_000.0 / rate).clamp(2.0, 100.0);
    let offered = (3.0 * rate).max(2.0 * f64::from(burst) / seconds);
    let snapshot = snapshot(ThrottleSettings { rate_limit: rate, burst_limit: burst }, cores);
    let env: Vec<SimulatedCore> = (0..cores).map(|_| SimulatedCore::default()).collect();
    let request = Request::new();
    let (mut now, mut admitted, mut ideal) = (SECOND, 0_u64, 0_u64);
    let mut bucket = Ideal { tokens: f64::from(burst), at: now };
    let end = SECOND * (1.0 + seconds);
    loop {
        now += -random.unit().ln() * SECOND / offered;
        if now >= end {
            break;
        }
        let core = match spread {
            Spread::One => 0,
            Spread::All => (random.unit() * cores as f64) as usize % cores,
            Spread::Moving => (now / SECOND) as usize % cores,
        };
        ideal += u64::from(bucket.admits(rate, burst, now));
        env[core].clock.set(now as u64);
        let seen = (now - random.unit() * TURN).max(0.0) as u64;
        admitted += u64::from(request.send(&env[core], &snapshot, seen));
    }
    println!(
        "{}",
        serde_json::json!({
            "rate": rate, "burst": burst, "cores": cores, "load": format!("{spread:?}").to_lowercase(),
            "seconds": seconds, "admitted": admitted, "ideal": ideal, "most": rate * seconds + f64::from(burst),
        })
    );
}

/// The request that is sent over and over.
struct Request {
    bytes: &'static [u8],
    head: RequestHead,
}

impl Request {
    fn new() -> Self {
        let bytes = b"GET /live/x HTTP/1.1\r\nHost: throttle01.execute-api.us-east-1.amazonaws.com\r\n\r\n";
        let mut head = RequestHead::default();
        let parsed = parse_request(bytes, &mut Scan::default(), &HeadLimits::default(), &mut head);
        assert_eq!(parsed, Ok(Parsed::Complete));
        Request { bytes, head }
    }

    /// Whether it is admitted at `now`.
    fn send(&self, core: &SimulatedCore, snapshot: &Snapshot, now: u64) -> bool {
        let mut answer = ResponseHead::default();
        let mut exchange = Exchange::new(self.bytes, &self.head, &mut answer, IdSource::new(1).next_id());
        exchange.now = now;
        let ready = pin!(serve(core, snapshot, &mut exchange))
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready();
        assert!(ready && matches!(exchange.status, 200 | 429), "{}", exchange.status);
        exchange.status == 200
    }
}

fn snapshot(throttle: ThrottleSettings, cores: usize) -> Snapshot {
    let mock = Integration {
        request_templates: vec![("application/json".into(), "{statusCode: 200}".into())],
        responses: vec![IntegrationResponse::new(200)],
        ..Integration::new(IntegrationType::Mock)
    };
    let resource =
        Resource { id: "x".into(), path: "/x".into(), methods: vec![Method::new(HttpMethod::Get, mock)] };
    let rest_api = RestApi { resources: vec![resource], ..RestApi::default() };
    let settings = MethodSettings { throttle: Some(throttle), ..MethodSettings::default() };
    let stage = Stage {
        method_settings: vec![MethodSetting { method: None, settings }],
        ..Stage::new("live", Deployment { id: "d1".into(), rest_api }.into())
    };
    let api = Api { id: "throttle01".into(), name: "throttle".into(), stages: vec![stage] };
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        default_log_format: "$context.requestId".into(),
        cores,
        ..CompileSettings::default()
    };
    let configuration = Configuration { apis: vec![api.into()], ..Configuration::default() };
    compile(&configuration, &settings, &mut Registry::new()).expect("a valid configuration")
}

/// xorshift64*: the same requests in every run.
struct Random(u64);

impl Random {
    /// Above 0 and at most 1.
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}
