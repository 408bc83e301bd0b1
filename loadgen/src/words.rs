//! A plan in words, for the report and the live view.

use crate::plan::{Arrivals, Load, Plan, Requests, Segment};
use crate::schedule::integral;

/// Segments of a profile that are spelled out.
const SEGMENTS_SHOWN: usize = 6;

/// The load: `open loop, 5000/s uniform, 64 connections`.
pub(crate) fn load(plan: &Plan) -> String {
    let mut text = match &plan.load {
        Load::Closed => "closed loop".to_owned(),
        Load::Open { profile, arrivals } => {
            let arrivals = match arrivals {
                Arrivals::Uniform => "uniform",
                Arrivals::Poisson => "Poisson",
            };
            format!("open loop, {} {arrivals}", rate(profile))
        }
        Load::Replay { speed } => format!("replay at {speed} × its speed"),
    };
    text.push_str(&format!(
        ", {} connection{}",
        plan.connections,
        if plan.connections == 1 { "" } else { "s" }
    ));
    if plan.pipeline > 1 {
        text.push_str(&format!(", pipeline {}", plan.pipeline));
    }
    if let Some(requests) = plan.requests_per_connection {
        text.push_str(&format!(", a new one after {requests} requests"));
    }
    text
}

fn rate(profile: &[Segment]) -> String {
    let one = |segment: &Segment| match segment.from == segment.to {
        true => format!("{}", segment.from),
        false => format!("{}..{}", segment.from, segment.to),
    };
    if let [segment] = profile
        && segment.from == segment.to
    {
        return format!("{}/s", one(segment));
    }
    let mut parts: Vec<String> = profile
        .iter()
        .take(SEGMENTS_SHOWN)
        .map(|segment| format!("{}/s for {:?}", one(segment), segment.duration))
        .collect();
    if profile.len() > SEGMENTS_SHOWN {
        parts.push(format!("{} more segments", profile.len() - SEGMENTS_SHOWN));
    }
    parts.join(" then ")
}

/// `closed`, `open` or `replay`.
pub(crate) fn mode(load: &Load) -> &'static str {
    match load {
        Load::Closed => "closed",
        Load::Open { .. } => "open",
        Load::Replay { .. } => "replay",
    }
}

/// Requests per second that were asked for, averaged over the measured time.
pub(crate) fn intended_per_second(plan: &Plan, seconds: f64) -> Option<f64> {
    if seconds <= 0.0 {
        return None;
    }
    match (&plan.load, &plan.requests) {
        (Load::Open { profile, .. }, _) => {
            let measured = std::time::Duration::from_secs_f64(seconds);
            Some(integral(profile, Some(measured)) / seconds)
        }
        (Load::Replay { .. }, Requests::Replay(entries)) => Some(entries.len() as f64 / seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tests::plan;
    use std::time::Duration;

    #[test]
    fn plans_in_words() {
        assert_eq!(load(&plan()), "closed loop, 1 connection");
        let segment = |seconds, from, to| Segment { duration: Duration::from_secs(seconds), from, to };
        let open =
            |profile, arrivals| Plan { load: Load::Open { profile, arrivals }, connections: 64, ..plan() };
        let constant = open(vec![segment(10, 5_000.0, 5_000.0)], Arrivals::Uniform);
        assert_eq!(load(&constant), "open loop, 5000/s uniform, 64 connections");
        assert_eq!(intended_per_second(&constant, 10.0), Some(5_000.0));
        let ramp = open(vec![segment(30, 100.0, 1_000.0), segment(60, 1_000.0, 1_000.0)], Arrivals::Poisson);
        assert_eq!(
            load(&Plan { pipeline: 4, requests_per_connection: Some(9), ..ramp.clone() }),
            "open loop, 100..1000/s for 30s then 1000/s for 60s Poisson, 64 connections, pipeline 4, a new one after 9 requests"
        );
        assert_eq!(intended_per_second(&ramp, 90.0), Some((30.0 * 550.0 + 60_000.0) / 90.0));
        assert_eq!(intended_per_second(&plan(), 1.0), None);
    }
}
