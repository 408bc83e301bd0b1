//! `cargo xtask bench runtimes`: keeps the choice of the runtime honest.

use super::arms::Site;
use super::slices::{self, Plan, Tally};
use super::wrk;
use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::statistics::Random;
use crate::{Outcome, packages};

/// The minimal proxy on each of these.
const RUNTIMES: &[&str] = &["native", "monoio", "monoio-plain", "monoio-epoll", "tokio", "glommio"];

/// Measures; the targets are the reasons for the native driver, and for ring flags where monoio has to do.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds", "connections", "slice", "disturbance", "seed"])?;
    let plan = Plan {
        rounds: options.get("rounds", 12)?,
        seconds: options.get("slice", 1)?,
        disturbance: options.get("disturbance", 0.08)?,
        path: wrk::PATH,
    };
    let connections = options.get("connections", 64)?;
    let seed = options.get("seed", u64::from(std::process::id()))?;
    let mut random = Random::new(seed);
    packages::ensure(&[packages::WRK, packages::TASKSET])?;
    let site = Site::new("bench-runtimes", &[])?;
    let mut arms = vec![site.start_bare("forwarder", "forwarder", "native")?];
    for runtime in RUNTIMES {
        arms.push(site.start_bare(runtime, "proxy_arm", runtime)?);
    }
    let sizes = slices::check_answers(&site, &arms, plan.path)?;
    println!("\n{}", site.describe(&[("wrk", "-v")]));
    println!("the same minimal proxy on each runtime; the forwarder is on the native driver");
    println!("{} rounds of {} s slices, order by seed {seed}", plan.rounds, plan.seconds);
    let mut tally = Tally::new(arms.len());
    let series = slices::run(&site, &arms, &sizes, connections, &plan, &mut tally, &mut random)?;
    series.print(&arms, &mut random);
    for (index, arm) in arms.iter().enumerate() {
        report.figure(format!("per_cpu_second_{}", arm.name), series.median(index, |s| s.per_cpu_second));
        report.figure(format!("of_forwarder_{}", arm.name), series.ratio(index, 0, &mut random).median);
    }
    // Each of the two against all that stand below it in the table.
    for ours in [1, 2] {
        for (index, arm) in arms.iter().enumerate().skip(ours + 1) {
            let figure = format!("{}_over_{}", arms[ours].name, arm.name);
            report.figure(&figure, series.ratio(ours, index, &mut random).median);
            report.target(figure, Comparison::AtLeast, 1.0);
        }
    }
    Ok(())
}
