//! Days and dates of the Gregorian calendar, in UTC.

/// Seconds of a day.
pub const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// Days from the first of March of the year 0 to 1970. Years that begin with March have their leap day at the end.
const DAYS_BEFORE_1970: i64 = 719_468;

/// Year, month (1 to 12) and day (1 to 31) of a day since 1970.
pub fn date(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_BEFORE_1970;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let months = (5 * day + 2) / 153;
    let month = (months + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day - (153 * months + 2) / 5 + 1)
}

/// The day since 1970 of a date. A day that its month does not have is one of the next.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let (shifted, months) = (year - i64::from(month <= 2), (month + 9) % 12);
    let days = shifted * 365 + shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    days + (153 * months + 2) / 5 + day - 1 - DAYS_BEFORE_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (day, expected) in
            [(0, (1970, 1, 1)), (-1, (1969, 12, 31)), (19_675, (2023, 11, 14)), (11_016, (2000, 2, 29))]
        {
            assert_eq!(date(day), expected);
        }
        for day in (-200_000..200_000).step_by(13) {
            let (year, month, day_of_month) = date(day);
            assert_eq!(days(year, month, day_of_month), day);
        }
    }
}
