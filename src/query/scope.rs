//! Questions about any scope (hub, type, organisation, repo) over any range of days. All sums and unions are over the
//! repos that the caller may see.

use std::sync::Arc;

use super::answers::{DayRow, Ecosystem, HubTotals, Interval, Scope};
use super::members::Members;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads, RepoKind, Uniques};

use chrono::Datelike;

impl View<'_> {
    /// Counts of a scope over a range; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn scope_totals(&self, scope: &Scope, range: DayRange, caller: &Caller) -> Result<Option<DayCounts>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let mut sum = DayCounts::default();
        for counts in self.daily(&members, range)?.into_values() {
            sum += counts;
        }
        Ok(Some(sum))
    }

    /// Distinct downloaders of a scope over a range; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn uniques(&self, scope: &Scope, range: DayRange, caller: &Caller) -> Result<Option<Uniques>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let question = format_args!("uniques of {scope}, {range:?}");
        self.answered(question, caller, |_| 0, || self.distinct(&members, range)).map(Some)
    }

    /// A scope's counts by day, week or month, zeros included; `None` if the scope is missing or hidden. The first and
    /// last interval are cut to the range.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn series(
        &self,
        scope: &Scope,
        range: DayRange,
        interval: Interval,
        uniques: bool,
        caller: &Caller,
    ) -> Result<Option<Vec<DayRow>>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let mut counts = self.daily(&members, range)?.into_iter().peekable();
        let mut rows = Vec::new();
        for part in intervals(range, interval) {
            let mut sum = DayCounts::default();
            while let Some((_, counts)) = counts.next_if(|(day, _)| *day <= part.last) {
                sum += counts;
            }
            let uniques = if uniques { Some(self.distinct(&members, part)?) } else { None };
            rows.push(DayRow { day: part.first, counts: sum, uniques });
        }
        Ok(Some(rows))
    }

    /// What the hub has given out so far.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn ecosystem(&self, caller: &Caller) -> Result<Ecosystem, QueryError> {
        let all = DayRange { first: Day(0), last: self.today };
        let mut kinds = Vec::new();
        for kind in RepoKind::ALL {
            let counts = self.scope_totals(&Scope::Kind(kind), all, caller)?.unwrap_or_default();
            kinds.push((kind, counts.downloads()));
        }
        let uniques = self.uniques(&Scope::Hub, all, caller)?.unwrap_or_default();
        Ok(Ecosystem { hub: self.hub(caller)?, kinds, uniques })
    }

    /// The hub in one look.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn hub(&self, caller: &Caller) -> Result<HubTotals, QueryError> {
        let hidden = self.hidden_from(caller)?;
        let members = Arc::new(Members::AllBut(Arc::clone(&hidden)));
        let all = DayRange { first: Day(0), last: self.today };
        let daily = self.daily(&members, all)?;
        let range = DayRange::ending(self.today, 30);
        let sum = |days: DayRange| -> Downloads { days.among(&daily).map(|(_, counts)| counts.downloads()).sum() };
        let mut repos = self.counted_repos()?;
        repos.subtract(&hidden);
        Ok(HubTotals {
            downloads: sum(all),
            last_30_days: sum(range),
            repos: repos.len(),
            first_day: daily.iter().find(|(_, counts)| !counts.is_zero()).map(|(day, _)| *day),
            range,
        })
    }
}

/// Cuts a range into intervals.
pub(super) fn intervals(range: DayRange, interval: Interval) -> Vec<DayRange> {
    let same = |a: Day, b: Day| match interval {
        Interval::Day => a == b,
        Interval::Week => a.date().iso_week() == b.date().iso_week(),
        Interval::Month => (a.date().year(), a.date().month()) == (b.date().year(), b.date().month()),
    };
    let mut parts: Vec<DayRange> = Vec::new();
    for day in range.days() {
        match parts.last_mut() {
            Some(part) if same(part.first, day) => part.last = day,
            _ => parts.push(DayRange { first: day, last: day }),
        }
    }
    parts
}
