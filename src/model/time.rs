//! Instants in milliseconds, UTC days and ranges of days.

use std::collections::{BTreeMap, btree_map};
use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate};

/// Milliseconds in a UTC day.
pub const DAY_MS: i64 = 86_400_000;

/// Two counted events of a downloader on a repo that are this far apart, or farther, belong to two sessions.
pub const SESSION_GAP_MS: i64 = 1_800_000;

/// Two POSTs of a downloader's git on a repo that are this far apart, or farther, are not of one fetch.
pub const FETCH_GAP_MS: i64 = 60_000;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// Events before 2015-01-01T00:00:00Z are rejected; the bound is fixed so that acceptance never depends on a clock.
    pub const EARLIEST: Millis = Millis(1_420_070_400_000);
    /// Events at or after 2100-01-01T00:00:00Z are rejected.
    pub const LATEST: Millis = Millis(4_102_444_800_000);

    /// The instant if it lies in the window in which events are accepted.
    #[must_use]
    pub fn accepted(self) -> Option<Millis> {
        (Self::EARLIEST..Self::LATEST).contains(&self).then_some(self)
    }

    /// The UTC day the instant falls on.
    #[must_use]
    pub fn day(self) -> Day {
        let days = self.0.div_euclid(DAY_MS);
        Day(u16::try_from(days).unwrap_or(if days < 0 { 0 } else { u16::MAX }))
    }

    /// Milliseconds since the start of its UTC day, 0 to 86,399,999.
    #[must_use]
    pub fn ms_of_day(self) -> u32 {
        u32::try_from(self.0.rem_euclid(DAY_MS)).unwrap_or(0)
    }

    /// Reads an RFC 3339 instant such as `2026-11-20T12:00:00Z`.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Millis> {
        DateTime::parse_from_rfc3339(text).ok().map(|at| Millis(at.timestamp_millis()))
    }
}

impl fmt::Display for Millis {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_millis(self.0) {
            Some(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u16);

impl Day {
    /// The first instant of the day.
    #[must_use]
    pub fn start(self) -> Millis {
        Millis(i64::from(self.0) * DAY_MS)
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Day {
        Day(self.0.saturating_add(1))
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Day {
        Day(self.0.saturating_sub(1))
    }

    /// The day `days` earlier.
    #[must_use]
    pub fn minus(self, days: u16) -> Day {
        Day(self.0.saturating_sub(days))
    }

    /// The calendar date.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        NaiveDate::from_epoch_days(i32::from(self.0)).unwrap_or_default()
    }

    /// The calendar year, 1970 to 2149.
    #[must_use]
    pub fn year(self) -> u16 {
        u16::try_from(self.date().year()).unwrap_or(0)
    }

    /// The calendar month the day lies in, as far as days reach.
    #[must_use]
    pub fn month(self) -> DayRange {
        let date = self.date();
        let before = Day(self.0.saturating_sub(u16::try_from(date.day0()).unwrap_or(0)));
        DayRange { first: before, last: Day(before.0.saturating_add(u16::from(date.num_days_in_month()).saturating_sub(1))) }
    }

    /// The first day of a calendar year.
    #[must_use]
    pub fn first_of_year(year: u16) -> Day {
        NaiveDate::from_ymd_opt(i32::from(year), 1, 1).and_then(Day::from_date).unwrap_or_default()
    }

    /// The day of a date, if it lies between 1970 and 2149.
    #[must_use]
    pub fn from_date(date: NaiveDate) -> Option<Day> {
        u16::try_from(date.to_epoch_days()).ok().map(Day)
    }

    /// Reads `YYYY-MM-DD`, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Day> {
        if text.len() != 10 {
            return None;
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(Day::from_date)
    }
}

/// A day as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug)]
pub struct DayText([u8; 10]);

impl DayText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text as ASCII.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the day after; `None` from the 28th on, where the month decides what that is.
    #[must_use]
    pub fn next_in_month(&self) -> Option<DayText> {
        let mut text = *self;
        let [.., tens, ones] = &mut text.0;
        match (*tens, *ones) {
            (b'2', b'8'..) | (b'3', _) => return None,
            (_, b'9') => (*tens, *ones) = (*tens + 1, b'0'),
            _ => *ones += 1,
        }
        Some(text)
    }
}

impl Day {
    /// The day as text.
    #[must_use]
    pub fn text(self) -> DayText {
        // Digit by digit: formatting a number is what answers of many days would spend their time on.
        let date = self.date();
        let two = |number: u32| [number / 10 % 10, number % 10];
        let year = u32::try_from(date.year()).unwrap_or(0);
        let ([a, b], [c, d], [e, g], [h, i]) = (two(year / 100), two(year), two(date.month()), two(date.day()));
        let mut text = *b"0000-00-00";
        for (place, digit) in [0, 1, 2, 3, 5, 6, 8, 9].into_iter().zip([a, b, c, d, e, g, h, i]) {
            if let (Some(byte), Ok(digit)) = (text.get_mut(place), u8::try_from(digit)) {
                *byte = b'0' + digit;
            }
        }
        DayText(text)
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// Days from `first` to `last`, both included; empty when `first > last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayRange {
    pub first: Day,
    pub last: Day,
}

impl DayRange {
    /// The `days` days that end with `last`.
    #[must_use]
    pub fn ending(last: Day, days: u16) -> DayRange {
        DayRange { first: last.minus(days.saturating_sub(1)), last }
    }

    /// Whether the day lies in the range.
    #[must_use]
    pub fn contains(self, day: Day) -> bool {
        self.first <= day && day <= self.last
    }

    /// The days, ascending.
    pub fn days(self) -> impl DoubleEndedIterator<Item = Day> {
        (self.first.0..=self.last.0).map(Day)
    }

    /// Whether it holds no day.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// How many days they are.
    #[must_use]
    pub fn count(self) -> u32 {
        (u32::from(self.last.0) + 1).saturating_sub(u32::from(self.first.0))
    }

    /// What a map holds of its days; nothing if there is none, for which a map asked for a range would panic.
    pub fn among<T>(self, days: &BTreeMap<Day, T>) -> btree_map::Range<'_, Day, T> {
        if self.is_empty() { days.range(self.first..self.first) } else { days.range(self.first..=self.last) }
    }

    /// The range without the days after `last`.
    #[must_use]
    pub fn until(self, last: Day) -> DayRange {
        DayRange { first: self.first, last: self.last.min(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_ends_before_it_begins_holds_nothing() {
        let days: BTreeMap<Day, u16> = [3, 4, 6].map(|day| (Day(day), day)).into();
        let among = |first, last| -> Vec<u16> {
            let range = DayRange { first: Day(first), last: Day(last) };
            assert_eq!((range.is_empty(), range.count() as usize), (range.days().next().is_none(), range.days().count()));
            range.among(&days).map(|(_, value)| *value).collect()
        };
        assert_eq!((among(4, 6), among(4, 4), among(0, u16::MAX)), (vec![4, 6], vec![4], vec![3, 4, 6]));
        assert_eq!((among(4, 3), among(6, 0), among(u16::MAX, 0)), (vec![], vec![], vec![]));
    }

    #[test]
    fn a_day_is_written_as_the_calendar_writes_it() {
        for day in (0..=u16::MAX).map(Day) {
            assert_eq!(day.to_string(), day.date().format("%Y-%m-%d").to_string());
            let next_in_month = day.text().next_in_month();
            assert_eq!(next_in_month.is_some(), day.date().day() < 28, "{day}");
            if let Some(text) = next_in_month.filter(|_| day < Day(u16::MAX)) {
                assert_eq!(text.as_str(), day.next().to_string());
            }
            let month = day.month();
            assert!(month.contains(day) && month.first.date().day() == 1, "{day}");
            let next = month.last.next().date();
            assert!(next.day() == 1 || month.last == Day(u16::MAX), "{day}");
        }
    }
}
