//! The rhythm of the traffic: how many rows of a log fall on each hour.

use super::random::traits;
use crate::model::Day;

/// Relative traffic of the hours of a UTC day.
const HOURS: [u32; 24] = [62, 58, 55, 54, 55, 58, 64, 72, 82, 90, 95, 98, 100, 103, 106, 108, 107, 103, 97, 90, 83, 77, 71, 66];
/// Relative traffic of the days of a week, Monday first.
const WEEKDAYS: [u32; 7] = [104, 108, 108, 107, 102, 78, 74];

/// For each hour of the log, how many rows lie in it and before it. The last one is `rows` exactly.
pub(super) fn rows_until(seed: u64, rows: u64, first_day: Day, days: u16) -> Vec<u64> {
    let mut sums = Vec::with_capacity(usize::from(days) * HOURS.len());
    let mut sum = 0u64;
    for day in 0..days {
        // 1970-01-01 was a Thursday. No two days are alike: each wobbles by a tenth.
        let weekday = (usize::from(first_day.0) + usize::from(day) + 3) % WEEKDAYS.len();
        let wobble = 90 + traits(seed, u32::from(day), 6) % 21;
        for hour in HOURS {
            sum += u64::from(hour * WEEKDAYS[weekday]) * wobble;
            sums.push(sum);
        }
    }
    let share = |part: u64| u64::try_from(u128::from(rows) * u128::from(part) / u128::from(sum.max(1))).unwrap_or(rows);
    sums.into_iter().map(share).collect()
}
