//! What the control plane has to know of the requests that keys have made: somebody else counts them.

use std::ops::RangeInclusive;

use ringway_core::calendar;
use ringway_core::model::QuotaSettings;

/// What a key has used on a day, and what it had left at the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayUsage {
    /// Requests.
    pub used: u64,
    /// Requests of the period of the quota.
    pub remaining: u64,
}

/// Who counts.
pub trait Usage: Send {
    /// What `keys` have used of the quota of `plan` on `days` since 1970: a figure for each key and day.
    ///
    /// # Errors
    /// Why they are not known; for the operator.
    fn read(
        &self,
        plan: &str,
        quota: QuotaSettings,
        keys: &[&str],
        days: RangeInclusive<u32>,
    ) -> Result<Vec<Vec<DayUsage>>, String>;
}

/// UpdateUsage: what a key has left of its period from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageChange {
    /// Id of the plan.
    pub usage_plan_id: String,
    /// Id of the key.
    pub api_key_id: String,
    /// The quota of the plan.
    pub quota: QuotaSettings,
    /// Requests.
    pub remaining: u64,
}

/// Where nobody counts: nothing is used.
pub(super) struct Uncounted;

impl Usage for Uncounted {
    fn read(
        &self,
        _: &str,
        quota: QuotaSettings,
        keys: &[&str],
        days: RangeInclusive<u32>,
    ) -> Result<Vec<Vec<DayUsage>>, String> {
        let unused = DayUsage { used: 0, remaining: quota.limit };
        Ok(keys.iter().map(|_| days.clone().map(|_| unused).collect()).collect())
    }
}

/// The day since 1970 of `yyyy-MM-dd`; `None` where there is no such day.
pub fn day_of(text: &str) -> Option<i64> {
    let number = |part: &str, length: usize| {
        let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse::<i64>().ok() } else { None }
    };
    let mut parts = text.split('-');
    let date = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let day = calendar::days(date.0, date.1, date.2);
    (parts.next().is_none() && (1..=12).contains(&date.1) && calendar::date(day) == date).then_some(day)
}

/// `yyyy-MM-dd` of a day since 1970.
pub fn date_of(day: i64) -> String {
    let (year, month, day) = calendar::date(day);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::{date_of as date, day_of};

    #[test]
    fn dates() {
        for (day, text) in
            [(0, "1970-01-01"), (-1, "1969-12-31"), (19_675, "2023-11-14"), (11_016, "2000-02-29")]
        {
            assert_eq!((date(day).as_str(), day_of(text)), (text, Some(day)));
        }
        for day in (-200_000..200_000).step_by(13) {
            assert_eq!(day_of(&date(day)), Some(day));
        }
        for text in ["2023-02-29", "2023-13-01", "2023-00-01", "2023-1-01", "2023-01-01-01", "x", ""] {
            assert_eq!(day_of(text), None, "{text}");
        }
    }
}
