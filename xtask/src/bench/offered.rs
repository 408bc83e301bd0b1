//! Latency at equal offered load: every arm gets the same requests at the same times, so that a faster arm is not
//! punished with more of them.

use super::arms::{Arm, Site};
use super::openloop::{self, Answered, Offer};
use crate::Outcome;
use crate::report::{Table, number};
use crate::statistics::{Random, median};

/// Runs of each arm, by arm.
pub(crate) struct Offered {
    offer: Offer,
    runs: Vec<Vec<Answered>>,
}

/// Offers the same load to `arms` in turn, `rounds` times in random order.
pub(crate) fn run(
    site: &Site,
    arms: &[&Arm],
    offer: Offer,
    rounds: usize,
    random: &mut Random,
) -> Outcome<Offered> {
    let mut runs = vec![Vec::new(); arms.len()];
    for _ in 0..rounds {
        for index in random.order(arms.len()) {
            let answered = openloop::run(site, arms[index].address(), &offer)?;
            if answered.failed > 0 {
                let (failed, why) = (answered.failed, &answered.first_failure);
                return Err(format!("{}: {failed} requests failed at equal load: {why}", arms[index].name));
            }
            runs[index].push(answered);
        }
        for arm in arms {
            arm.take_log_lines()?;
        }
    }
    Ok(Offered { offer, runs })
}

impl Offered {
    /// The median over the runs of one arm.
    pub(crate) fn median(&self, arm: usize, figure: fn(&Answered) -> f64) -> f64 {
        median(&self.runs[arm].iter().map(figure).collect::<Vec<_>>())
    }

    /// A table of every arm.
    pub(crate) fn print(&self, arms: &[&Arm]) {
        let mut table = Table::new(&[
            "arm",
            "answered/s",
            "p50 us",
            "p99 us",
            "p99.9 us",
            "max us",
            "load's own lateness p99 us",
        ]);
        for (index, arm) in arms.iter().enumerate() {
            let cell = |figure| number(self.median(index, figure));
            table.row([
                arm.name.clone(),
                cell(|run| run.rate),
                cell(|run| run.p50),
                cell(|run| run.p99),
                cell(|run| run.p999),
                cell(|run| run.max),
                cell(|run| run.lateness_p99),
            ]);
        }
        println!(
            "\n{} connections at {:.0} requests/s offered (latency from the time at which a request was due)",
            self.offer.connections, self.offer.rate
        );
        print!("{}", table.text());
    }
}
