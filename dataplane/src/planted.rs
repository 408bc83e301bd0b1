//! A slow-down that is planted on purpose: `cargo xtask bench ab REV --plant 5%` has to find it. Compiled only with the feature
//! `planted-slowdown`, and never shipped.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds of processor time that each exchange wastes.
const VARIABLE: &str = "RINGWAY_PLANTED_NANOS";

/// Wastes them.
pub(crate) fn slow_down() {
    static WASTE: OnceLock<Duration> = OnceLock::new();
    let waste = WASTE.get_or_init(|| {
        let nanos = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
        Duration::from_nanos(nanos.expect("a build with planted-slowdown needs RINGWAY_PLANTED_NANOS"))
    });
    let start = Instant::now();
    while start.elapsed() < *waste {
        std::hint::spin_loop();
    }
}
