//! `cargo xtask bench cache`: answers from the cache, here and elsewhere.

mod arms;
mod origin;

use super::arms::{Arm, Site};
use super::proxy::position;
use super::slices::{self, Plan, Series, Tally};
use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::statistics::Random;
use crate::{Outcome, packages};
use origin::Origin;

/// Arms in the order of the table; ratios are to the first.
const ARMS: &[&str] = &["ringway", "nginx", "varnish"];
/// What is asked for, as the backend spells it, and as the tables do.
const OBJECTS: &[(&str, &str)] = &[("/bytes/1024", "1_kib"), ("/bytes/102400", "100_kib")];
/// Requests per processor second, as a multiple of each peer's.
const RATIO: f64 = 1.3;
const ABOUT: &str = "\
ringway: the cache of a stage; nginx: proxy_cache on tmpfs, sendfile, open_file_cache; varnish: malloc storage, one pool of threads.
No access logs; varnish keeps its own in shared memory always. Each arm asked its origin once for each object";

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds", "connections", "slice", "disturbance", "arms", "seed", "driver"])?;
    let (rounds, seconds) = (options.get("rounds", 12)?, options.get("slice", 1)?);
    let disturbance = options.get("disturbance", 0.08)?;
    let connections = options.get("connections", 64)?;
    let wanted = options.get_list("arms", &ARMS.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    if let Some(unknown) = wanted.iter().find(|name| !ARMS.contains(&name.as_str())) {
        return Err(format!("there is no arm `{unknown}`; there are {}", ARMS.join(", ")));
    }
    let seed = options.get("seed", u64::from(std::process::id()))?;
    let mut random = Random::new(seed);
    packages::ensure(&[packages::NGINX, packages::VARNISH, packages::WRK, packages::TASKSET])?;
    let driver = options.get("driver", "native".to_owned())?;
    let site = Site::new("bench-cache", &["ringway"])?.on(&driver);
    let (mut arms, mut origins) = (Vec::new(), Vec::new());
    for name in ARMS.iter().filter(|name| wanted.iter().any(|wanted| wanted == *name)) {
        let origin = Origin::start(site.backend.address)?;
        arms.push(match *name {
            "ringway" => site.start_caching_ringway(origin.address)?,
            "nginx" => site.start_caching_nginx(origin.address)?,
            _ => site.start_varnish(origin.address)?,
        });
        origins.push(origin);
    }
    println!("\n{}", site.describe(&[("nginx", "-v"), ("varnishd", "-V"), ("wrk", "-v")]));
    println!("ringway on the driver `{driver}`\n{ABOUT}");
    println!("{rounds} rounds of {seconds} s slices, order by seed {seed}");
    for (path, name) in OBJECTS {
        let plan = Plan { rounds, seconds, disturbance, path };
        // The first request fills the cache, and is compared; the second one is a hit, and is what the others are held against.
        slices::check_answers(&site, &arms, path)?;
        let sizes = slices::check_answers(&site, &arms, path)?;
        let mut tally = Tally::new(arms.len());
        let series = slices::run(&site, &arms, &sizes, connections, &plan, &mut tally, &mut random)?;
        println!("\nhits of {name}");
        series.print(&arms, &mut random);
        judge(&series, &arms, name, report, &mut random);
        check_origins(&arms, &origins, path, &tally)?;
    }
    Ok(())
}

/// Who asks again has not cached: it is no arm.
fn check_origins(arms: &[Arm], origins: &[Origin], path: &str, tally: &Tally) -> Outcome<()> {
    for ((arm, origin), requests) in arms.iter().zip(origins).zip(&tally.requests) {
        let asked = origin.asked(path);
        if asked != 1 {
            let name = &arm.name;
            return Err(format!("{name} asked its origin {asked} times for {path}, of {requests} requests"));
        }
    }
    Ok(())
}

/// Ringway's ratios to the others, with their targets.
fn judge(series: &Series, arms: &[Arm], object: &str, report: &mut Report, random: &mut Random) {
    for (index, arm) in arms.iter().enumerate() {
        let median = series.median(index, |slice| slice.per_cpu_second);
        report.figure(format!("per_cpu_second_{}_{object}", arm.name), median);
    }
    for peer in ["nginx", "varnish"] {
        let figure = format!("ratio_{peer}_{object}");
        if let (Some(ringway), Some(of)) = (position(arms, "ringway"), position(arms, peer)) {
            let ratio = series.ratio(ringway, of, random);
            println!("ringway / {peer}: {}", slices::spell(ratio));
            report.figure(&figure, ratio.median);
            report.figure(format!("{figure}_low"), ratio.low);
            report.figure(format!("{figure}_high"), ratio.high);
        }
        report.target(figure, Comparison::AtLeast, RATIO);
    }
}
