//! One look at a scope: its figures over a stretch of time, the same of the stretch before, and the line between.

use std::collections::BTreeMap;

use chrono::Datelike;

use super::answers::{DayRow, Interval, Scope};
use super::{Filter, QueryError, View};
use crate::model::{Caller, Day, DayCounts, DayRange, Millis, Uniques};

/// The days of "last month".
const MONTH_DAYS: u16 = 30;

/// Which stretch of time is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// From the first counted day until today.
    #[default]
    All,
    /// The last 30 days, today included.
    Month,
    Range(DayRange),
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub window: Span,
    /// How the line is cut; chosen by the length of the stretch if absent.
    pub interval: Option<Interval>,
    /// Whether each interval gets its distinct downloaders.
    pub uniques: bool,
    /// Whether the stretch before is looked at too. All time has none.
    pub compare: bool,
    /// Whether the bounds of unique downloaders are looked at too.
    pub bounds: bool,
}

/// The figures of one stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub range: DayRange,
    pub counts: DayCounts,
    pub uniques: Uniques,
    /// How many people they are at least: addresses, whatever clients they use. Absent unless it was asked for.
    pub floor: Option<Uniques>,
    pub rows: Vec<DayRow>,
}

/// A scope in one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Absent while nothing is counted.
    pub first_day: Option<Day>,
    pub today: Day,
    pub interval: Interval,
    pub now: Stretch,
    pub before: Option<Stretch>,
    /// Counts of all time, whatever the stretch.
    pub all_time: DayCounts,
}

impl View<'_> {
    /// Looks at a scope; `None` if it is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn overview(&self, scope: &Scope, look: Look, caller: &Caller) -> Result<Option<Overview>, QueryError> {
        let ever = DayRange { first: Millis::EARLIEST.day(), last: self.today };
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let days = self.daily(&members, ever)?;
        let first_day = days.iter().find(|(_, counts)| !counts.is_zero()).map(|(day, _)| *day);
        let range = match look.window {
            Span::All => DayRange { first: first_day.unwrap_or(self.today), last: self.today },
            Span::Month => DayRange::ending(self.today, MONTH_DAYS),
            Span::Range(range) => range.until(self.today),
        };
        let interval = look.interval.unwrap_or_else(|| fitting(range));
        let before = match look.window {
            Span::All => None,
            _ => Some(preceding(range)).filter(|before| look.compare && first_day.is_some_and(|first| first <= before.last)),
        };
        let look = Look { interval: Some(interval), ..look };
        let stretch = |range| self.stretch(scope, range, look, caller, &days);
        Ok(Some(Overview {
            first_day,
            today: self.today,
            interval,
            now: stretch(range)?,
            before: before.map(stretch).transpose()?,
            all_time: sum(&days, ever),
        }))
    }

    fn stretch(
        &self,
        scope: &Scope,
        range: DayRange,
        look: Look,
        caller: &Caller,
        days: &BTreeMap<Day, DayCounts>,
    ) -> Result<Stretch, QueryError> {
        let interval = look.interval.unwrap_or_default();
        let rows = if look.uniques {
            self.series(scope, range, interval, true, caller)?.unwrap_or_default()
        } else {
            gathered(days, range, interval)
        };
        let counts = sum(days, range);
        if look.bounds {
            let reach = self.reach(scope, range, &Filter::default(), caller)?.unwrap_or_default();
            return Ok(Stretch { range, counts, uniques: reach.ceiling, floor: Some(reach.floor), rows });
        }
        let uniques = self.uniques(scope, range, caller)?.unwrap_or_default();
        Ok(Stretch { range, counts, uniques, floor: None, rows })
    }
}

fn sum(days: &BTreeMap<Day, DayCounts>, range: DayRange) -> DayCounts {
    let mut sum = DayCounts::default();
    range.among(days).for_each(|(_, counts)| sum += *counts);
    sum
}

/// The stretch of the same length that ends where this one begins.
#[must_use]
pub fn preceding(range: DayRange) -> DayRange {
    let days = u16::try_from(range.count()).unwrap_or(u16::MAX);
    DayRange { first: range.first.minus(days), last: range.first.previous() }
}

/// An interval that gives a line of about a hundred points at most.
fn fitting(range: DayRange) -> Interval {
    match range.count() {
        0..=120 => Interval::Day,
        121..=800 => Interval::Week,
        _ => Interval::Month,
    }
}

/// Days gathered into intervals, zeros included, which carry their first day within the range.
fn gathered(days: &BTreeMap<Day, DayCounts>, range: DayRange, interval: Interval) -> Vec<DayRow> {
    let part = |day: Day| match interval {
        Interval::Day => (0, u32::from(day.0)),
        Interval::Week => (day.date().iso_week().year(), day.date().iso_week().week()),
        Interval::Month => (day.date().year(), day.date().month()),
    };
    let mut rows: Vec<DayRow> = Vec::new();
    for day in range.days() {
        let counts = days.get(&day).copied().unwrap_or_default();
        match rows.last_mut() {
            Some(last) if part(last.day) == part(day) => last.counts += counts,
            _ => rows.push(DayRow { day, counts, uniques: None }),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Downloads, Files};

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn the_stretch_before_is_as_long_and_ends_where_this_one_begins() {
        let range = DayRange { first: day("2026-03-01"), last: day("2026-03-31") };
        assert_eq!(preceding(range), DayRange { first: day("2026-01-29"), last: day("2026-02-28") });
    }

    #[test]
    fn days_are_gathered_into_calendar_weeks_and_months() {
        let counts = DayCounts { authenticated: Downloads(1), anonymous: Downloads(2), files: Files(3) };
        let range = DayRange { first: day("2026-01-30"), last: day("2026-02-03") };
        let days = ["2026-01-29", "2026-01-30", "2026-02-02", "2026-02-04"].map(|text| (day(text), counts)).into();
        let firsts = |interval| -> Vec<(String, u64)> {
            let rows = gathered(&days, range, interval);
            rows.iter().map(|row| (row.day.to_string(), row.counts.downloads().0)).collect()
        };
        let row = |day: &str, downloads| (day.to_owned(), downloads);
        let by_day = [("2026-01-30", 3), ("2026-01-31", 0), ("2026-02-01", 0), ("2026-02-02", 3), ("2026-02-03", 0)];
        assert_eq!(firsts(Interval::Day), by_day.map(|(day, downloads)| row(day, downloads)));
        assert_eq!(firsts(Interval::Month), [row("2026-01-30", 3), row("2026-02-01", 3)]);
        assert_eq!(firsts(Interval::Week), [row("2026-01-30", 3), row("2026-02-02", 3)]);
    }
}
