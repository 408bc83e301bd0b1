//! `ringload stall`: requests whose backend stalls, in every phase of an exchange: the 29-second scenario as one command.

mod args;
mod healthy;
mod request;
mod summary;

use std::cell::RefCell;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ringway_ring::net::Runtime;
use ringway_ring::start::{CoreMain, RunOptions, run_on_core};

use crate::cores;
use crate::exit::{Exit, Refusal};
use crate::precise::Precise;
use crate::resolve;
use args::{Phase, Scenario, Url};
use healthy::{Load, Steady, Windows};
use request::{Place, Seen};
use summary::Summary;

pub use args::Args;

/// How long connecting to a target may take before anything is measured.
const REACH: Duration = Duration::from_secs(5);
/// Time for threads to start, and for the connections of the healthy route to open.
const HEAD_START: Duration = Duration::from_secs(1);

/// Runs the scenario and reports.
pub fn run(args: Args) -> ExitCode {
    let outcome = Scenario::new(args).and_then(|scenario| report(&scenario));
    let exit = outcome.unwrap_or_else(|refusal| {
        eprintln!("ringload stall: {}", refusal.message);
        refusal.exit
    });
    exit.into()
}

fn report(scenario: &Scenario) -> Result<Exit, Refusal> {
    let summary = measure(scenario)?;
    if scenario.json {
        println!("{}", summary.json());
    } else {
        print!("{}", summary.text());
    }
    Ok(if summary.is_right() { Exit::Ok } else { Exit::Failures })
}

fn measure(scenario: &Scenario) -> Result<Summary, Refusal> {
    let mut places = Vec::new();
    for (phase, url) in &scenario.phases {
        places.push((*phase, reach(url)?));
    }
    let steady = match &scenario.healthy {
        Some(healthy) => {
            Some(Steady { place: reach(&healthy.url)?, rate: healthy.rate, connections: healthy.connections })
        }
        None => None,
    };
    let (seen, loads) = run_threads(scenario, &places, steady.as_ref())
        .map_err(|error| Refusal::new(Exit::Unavailable, error))?;
    Ok(Summary::new(scenario, &seen, loads))
}

fn reach(url: &Url) -> Result<Place, Refusal> {
    let reached = resolve::reach(&url.target, REACH)?;
    Ok(Place { address: reached.address, request: url.request.clone() })
}

/// Of each request its phase and what became of it.
type AllSeen = Vec<(Phase, Seen)>;

/// One thread for what stalls and one for the healthy route, so that neither waits for the other.
fn run_threads(
    scenario: &Scenario,
    places: &[(Phase, Place)],
    steady: Option<&Steady>,
) -> Result<(AllSeen, Option<[Load; 2]>), String> {
    cores::expect_descriptors(scenario.count);
    let driver = cores::driver(scenario.driver)?;
    let options = cores::options(driver, Some(2), true);
    let windows = windows(scenario, &options[0])?;
    let told = |error: io::Error| error.to_string();
    thread::scope(|scope| {
        let healthy =
            steady.map(|steady| scope.spawn(|| run_on_core(&options[1], Healthy { steady, windows })));
        let seen = run_on_core(&options[0], Stalled { scenario, places, begin: windows.stall });
        let loads = match healthy {
            Some(thread) => {
                let ran = thread.join().map_err(|_| "the thread of the healthy route has panicked")?;
                Some(ran.and_then(|loads| loads).map_err(told)?)
            }
            None => None,
        };
        Ok((seen.and_then(|seen| seen).map_err(told)?, loads))
    })
}

/// The steady load on the healthy route.
struct Healthy<'a> {
    steady: &'a Steady,
    windows: Windows,
}

impl CoreMain for Healthy<'_> {
    type Output = io::Result<[Load; 2]>;

    async fn run<R: Runtime>(self, runtime: R) -> io::Result<[Load; 2]> {
        healthy::run(runtime, self.steady, self.windows).await
    }
}

/// The requests that stall.
struct Stalled<'a> {
    scenario: &'a Scenario,
    places: &'a [(Phase, Place)],
    begin: u64,
}

impl CoreMain for Stalled<'_> {
    type Output = io::Result<AllSeen>;

    async fn run<R: Runtime>(self, runtime: R) -> io::Result<AllSeen> {
        stall(runtime, self.scenario, self.places, self.begin).await
    }
}

/// The time of a core.
struct Now;

impl CoreMain for Now {
    type Output = u64;

    async fn run<R: Runtime>(self, runtime: R) -> u64 {
        runtime.now()
    }
}

/// When what begins: a window without stall, where there is a healthy route to look at, and one with it, of the same length.
fn windows(scenario: &Scenario, options: &RunOptions) -> Result<Windows, String> {
    // The clock is the same on all cores.
    let now = run_on_core(options, Now).map_err(|error| error.to_string())?;
    let nanos = |duration: Duration| duration.as_nanos() as u64;
    let begin = now + nanos(HEAD_START);
    let window = nanos(scenario.window());
    let stall = if scenario.healthy.is_some() { begin + window } else { begin };
    Ok(Windows { begin, stall, end: stall + window })
}

/// Sends all requests, evenly from `begin` on, and waits for their ends.
async fn stall<R: Runtime>(
    runtime: R,
    scenario: &Scenario,
    places: &[(Phase, Place)],
    begin: u64,
) -> io::Result<AllSeen> {
    let precise = Precise::start(&runtime)?;
    let seen: Rc<RefCell<AllSeen>> = Rc::new(RefCell::new(Vec::with_capacity(scenario.count)));
    let places: Vec<(Phase, Rc<Place>)> =
        places.iter().map(|(phase, place)| (*phase, Rc::new(place.clone()))).collect();
    let expected = Rc::new(scenario.expected.clone());
    let give_up = (scenario.after + scenario.give_up).as_nanos() as u64;
    let apart = scenario.over.as_nanos() as f64 / scenario.count as f64;
    for index in 0..scenario.count {
        precise.sleep_until(begin + (apart * index as f64) as u64).await;
        let (phase, place) = places[index % places.len()].clone();
        let (expected, seen, runtime) = (expected.clone(), seen.clone(), runtime.clone());
        runtime.clone().spawn(async move {
            let ended = request::send(&runtime, &place, &expected, give_up).await;
            seen.borrow_mut().push((phase, ended));
        });
    }
    while seen.borrow().len() < scenario.count {
        // Each request gives up in the end; looking again soon is simpler than being told.
        runtime.wheel().sleep_until(runtime.now() + 10_000_000).await;
    }
    Ok(seen.take())
}

#[cfg(test)]
mod tests;
