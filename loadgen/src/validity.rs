//! Whether a run says something about its target, or only about the generator. The rules are explained in `docs/ringload.md`.

use hdrhistogram::Histogram;

use crate::plan::Load;
use crate::record::{ThreadCpu, Verdict};

/// Open loop: the generator's own lateness at 99 % may be this, in nanoseconds.
const LATENESS_P99_MAX: u64 = 1_000_000;
/// Open loop: this share of the requests may be late by more than a millisecond.
const LATE_SHARE_MAX: f64 = 0.01;
/// Open loop: a thread that uses more of its CPU has no room for being on time.
const OPEN_SHARE_MAX: f64 = 0.97;
/// Closed loop: threads that all use more of their CPU never waited for the target.
const CLOSED_SHARE_MAX: f64 = 0.99;
/// Closed loop: in less CPU time (seconds) than this a thread had hardly a chance to wait.
const CLOSED_CPU_MIN: f64 = 0.1;
/// A thread that uses more of its CPU is worth a note.
const NOTED_SHARE: f64 = 0.90;
/// A thread that waited for its CPU for a greater share of the time is worth a note.
const NOTED_WAIT: f64 = 0.05;

/// What the verdict depends on.
pub struct Evidence<'a> {
    /// The load of the plan.
    pub load: &'a Load,
    /// What each thread cost.
    pub cpu: &'a [ThreadCpu],
    /// The greatest share of the time that a thread was ready to run and had no CPU.
    pub waited_share: f64,
    /// How late the generator sent where a connection was free.
    pub lateness: &'a Histogram<u64>,
    /// Requests that were late by more than a millisecond.
    pub late: u64,
    /// Requests sent.
    pub sent: u64,
}

/// Judges a run.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let reasons = match evidence.load {
        Load::Closed => closed(evidence),
        Load::Open { .. } | Load::Replay { .. } => open(evidence),
    };
    Verdict { valid: reasons.is_empty(), notes: notes(evidence, reasons.is_empty()), reasons }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn busiest(cpu: &[ThreadCpu]) -> f64 {
    cpu.iter().map(|thread| thread.share).fold(0.0, f64::max)
}

fn open(evidence: &Evidence<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let p99 = evidence.lateness.value_at_quantile(0.99);
    if !evidence.lateness.is_empty() && p99 > LATENESS_P99_MAX {
        reasons.push(format!(
            "the generator sent late by its own fault: 99 % within {:.3} ms, and 1 ms is allowed",
            p99 as f64 / 1e6
        ));
    }
    let late = evidence.late as f64 / evidence.sent.max(1) as f64;
    if late > LATE_SHARE_MAX {
        reasons.push(format!(
            "{} of the requests went out more than 1 ms late though a connection was free, and 1 % is allowed",
            percent(late)
        ));
    }
    let busiest = busiest(evidence.cpu);
    if busiest >= OPEN_SHARE_MAX {
        reasons.push(format!(
            "a generator thread used {} of its CPU: it was the bottleneck; use more --threads or a lower --rate",
            percent(busiest)
        ));
    }
    reasons
}

fn closed(evidence: &Evidence<'_>) -> Vec<String> {
    let idlest = evidence.cpu.iter().map(|thread| thread.share).fold(f64::INFINITY, f64::min);
    let brief = evidence.cpu.iter().any(|thread| thread.cpu_seconds < CLOSED_CPU_MIN);
    if evidence.cpu.is_empty() || brief || idlest < CLOSED_SHARE_MAX {
        return Vec::new();
    }
    vec![format!(
        "the generator's threads used {} of their CPUs and never waited for the target: this is the speed of the generator; use more \
         --threads, or fewer requests at once",
        percent(idlest)
    )]
}

fn notes(evidence: &Evidence<'_>, valid: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let busiest = busiest(evidence.cpu);
    if valid && busiest >= NOTED_SHARE {
        notes.push(format!(
            "a generator thread used {} of its CPU: the figures may be limited by the generator",
            percent(busiest)
        ));
    }
    if evidence.waited_share >= NOTED_WAIT {
        notes.push(format!(
            "a generator thread waited for its CPU {} of the time: something else runs there",
            percent(evidence.waited_share)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Arrivals;
    use crate::record::durations;

    fn verdict(load: &Load, shares: &[f64], lateness_us: &[u64], late: u64) -> Verdict {
        let mut lateness = durations();
        lateness_us.iter().for_each(|us| lateness.record(us * 1_000).unwrap());
        let cpu: Vec<_> =
            shares.iter().map(|share| ThreadCpu { cpu_seconds: *share, share: *share }).collect();
        judge(&Evidence { load, cpu: &cpu, waited_share: 0.0, lateness: &lateness, late, sent: 1_000 })
    }

    fn open_load() -> Load {
        Load::Open { profile: Vec::new(), arrivals: Arrivals::Poisson }
    }

    #[test]
    fn an_open_loop_must_be_on_time() {
        let load = open_load();
        assert!(verdict(&load, &[0.5, 0.96], &[20; 100], 10).valid);
        assert!(verdict(&load, &[0.5], &[], 0).valid, "no connection was ever free: the target's fault");
        let mut late = vec![20; 95];
        late.extend([1_500; 5]);
        let refused = verdict(&load, &[0.5], &late, 0);
        assert!(!refused.valid && refused.reasons[0].contains("99 % within 1.5"), "{:?}", refused.reasons);
        assert!(!verdict(&load, &[0.5], &[20; 100], 11).valid);
        let refused = verdict(&load, &[0.2, 0.97], &[20; 100], 0);
        assert!(!refused.valid && refused.reasons[0].contains("97.0 %"), "{:?}", refused.reasons);
        assert!(refused.notes.is_empty(), "said once");
    }

    #[test]
    fn a_closed_loop_must_have_waited_for_its_target() {
        assert!(verdict(&Load::Closed, &[0.6], &[], 0).notes.is_empty());
        let near = verdict(&Load::Closed, &[0.995, 0.6], &[], 0);
        assert!(near.valid && near.notes.len() == 1, "one of two threads waited");
        let full = verdict(&Load::Closed, &[0.995, 0.991], &[], 0);
        assert!(!full.valid && full.reasons[0].contains("speed of the generator"), "{:?}", full.reasons);
    }

    #[test]
    fn waiting_for_a_cpu_is_noted() {
        let lateness = durations();
        let evidence = Evidence {
            load: &open_load(),
            cpu: &[],
            waited_share: 0.07,
            lateness: &lateness,
            late: 0,
            sent: 0,
        };
        assert!(judge(&evidence).notes[0].contains("7.0 %"));
    }
}
