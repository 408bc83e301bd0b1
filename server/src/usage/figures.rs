//! What GetUsage shows: a figure for each day, also for those on which nothing happened.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ringway_controlplane::aws::DayUsage;
use ringway_core::limit::quota::first_day;
use ringway_core::model::QuotaSettings;

use super::account::Row;
use super::period_of;

/// The first day that has to be known for the figures from `day` on.
pub(super) fn known_from(quota: &QuotaSettings, day: u32) -> u32 {
    let first = first_day(quota.period, period_of(quota.period, day));
    u32::try_from(first).unwrap_or(0)
}

/// The figures of `days`, of which `logged` are known. `row` is the key's period, if it was ever used, and `today` the day.
pub(super) fn fill(
    quota: &QuotaSettings,
    days: RangeInclusive<u32>,
    logged: &BTreeMap<u32, DayUsage>,
    row: Option<&Row>,
    today: u32,
) -> Vec<DayUsage> {
    let period = |day: u32| period_of(quota.period, day);
    // A key that was never used would have its first period now.
    let first = match row {
        None => Some(period(today)),
        Some(row) if row.kind == quota.period && row.is_first => Some(row.number),
        Some(_) => None,
    };
    let full = |day: u32| {
        let offset = if first == Some(period(day)) { quota.offset } else { 0 };
        quota.limit.saturating_sub(offset)
    };
    // What the last day with figures left, and in which period.
    let before = logged.range(..*days.start()).next_back();
    let mut last = before.map(|(day, usage)| (period(*day), usage.remaining));
    let figure = |day: u32| {
        if let Some(usage) = logged.get(&day) {
            last = Some((period(day), usage.remaining));
            return *usage;
        }
        let remaining = match last {
            Some((number, remaining)) if number == period(day) => remaining,
            _ => full(day),
        };
        DayUsage { used: 0, remaining }
    };
    days.map(figure).collect()
}

#[cfg(test)]
mod tests {
    use ringway_core::calendar;
    use ringway_core::model::QuotaPeriod;

    use super::*;

    #[test]
    fn days_without_requests_have_what_the_days_before_left() {
        let quota = QuotaSettings { limit: 9, offset: 2, period: QuotaPeriod::Week };
        let day = |day: i64| calendar::days(2023, 11, day) as u32;
        let usage = |used: u64, remaining: u64| DayUsage { used, remaining };
        let row = Row {
            kind: quota.period,
            number: period_of(quota.period, day(14)),
            is_first: true,
            reserved: 0,
            adjustment: 0,
        };
        // 2023-11-12 was a Sunday.
        assert_eq!(known_from(&quota, day(14)), day(12));
        let logged: BTreeMap<_, _> = [(day(12), usage(1, 6)), (day(14), usage(4, 2))].into();
        let figures = |from: i64, to: i64, row: Option<&Row>, logged: &BTreeMap<_, _>| {
            fill(&quota, day(from)..=day(to), logged, row, day(14))
                .iter()
                .map(|usage| (usage.used, usage.remaining))
                .collect::<Vec<_>>()
        };
        let expected = [(0, 9), (1, 6), (0, 6), (4, 2), (0, 2), (0, 2), (0, 2), (0, 2), (0, 9)];
        assert_eq!(figures(11, 19, Some(&row), &logged), expected);
        assert_eq!(figures(13, 14, Some(&row), &logged), [(0, 6), (4, 2)]);
        let none = BTreeMap::new();
        assert_eq!(figures(18, 19, None, &none), [(0, 7), (0, 9)]);
        let later = Row { is_first: false, ..row };
        assert_eq!(figures(18, 19, Some(&later), &none), [(0, 9), (0, 9)]);
    }
}
