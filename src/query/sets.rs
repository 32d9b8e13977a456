//! The algebra of downloader sets: who two scopes share, and who of an interval was never seen before.

use std::sync::Arc;

use super::answers::{Interval, Scope};
use super::members::Members;
use super::scan::Reach;
use super::scope::intervals;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayRange, Uniques};
use crate::rollup::{DownloaderSet, Persons};
use crate::store;

/// The downloaders of two scopes over one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    pub a: Uniques,
    pub b: Uniques,
    /// Downloaders of any of the two.
    pub union: Uniques,
    /// Downloaders of both.
    pub intersection: Uniques,
    pub only_a: Uniques,
    pub only_b: Uniques,
}

/// The downloaders of one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The interval as far as it lies in the range.
    pub range: DayRange,
    pub unique_downloaders: Uniques,
    /// Of them, those who never downloaded from the scope before the interval.
    pub new: Uniques,
    /// Of them, all others.
    pub returning: Uniques,
}

impl View<'_> {
    /// What the downloaders of two scopes have in common; `None` if either is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn overlap(&self, a: &Scope, b: &Scope, range: DayRange, caller: &Caller) -> Result<Option<Overlap>, QueryError> {
        let (Some(of_a), Some(of_b)) = (self.members(a, caller)?, self.members(b, caller)?) else { return Ok(None) };
        let (set_a, set_b) = (self.set_of(&of_a, range)?, self.set_of(&of_b, range)?);
        let (a, b, both) = (set_a.len(), set_b.len(), set_a.shared_with(&set_b));
        Ok(Some(Overlap {
            a: Uniques(a),
            b: Uniques(b),
            union: Uniques(a + b - both),
            intersection: Uniques(both),
            only_a: Uniques(a - both),
            only_b: Uniques(b - both),
        }))
    }

    /// New and returning downloaders of a scope by interval, empty intervals included; `None` if the scope is missing or
    /// hidden. New is who has no counted event of the scope on any known day before the interval.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn cohorts(
        &self,
        scope: &Scope,
        range: DayRange,
        interval: Interval,
        caller: &Caller,
    ) -> Result<Option<Vec<Cohort>>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let mut seen = DownloaderSet::default();
        if range.first > Day(0) {
            seen = self.set_of(&members, DayRange { first: Day(0), last: range.first.previous() })?;
        }
        let mut cohorts = Vec::new();
        for part in intervals(range, interval) {
            let here = self.set_of(&members, part)?;
            let returning = here.shared_with(&seen);
            cohorts.push(Cohort {
                range: part,
                unique_downloaders: Uniques(here.len()),
                new: Uniques(here.len() - returning),
                returning: Uniques(returning),
            });
            seen.unite(&here);
        }
        Ok(Some(cohorts))
    }

    /// Distinct downloaders by interval, empty intervals included; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn uniques_by(
        &self,
        scope: &Scope,
        range: DayRange,
        interval: Interval,
        caller: &Caller,
    ) -> Result<Option<Vec<(DayRange, Uniques)>>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let parts = intervals(range.until(self.today), interval).into_iter();
        parts.map(|part| Ok((part, self.distinct(&members, part)?))).collect::<Result<_, _>>().map(Some)
    }

    /// Distinct downloaders of some members over a range.
    pub(super) fn distinct(&self, members: &Arc<Members>, range: DayRange) -> Result<Uniques, QueryError> {
        Ok(Uniques(self.set_of(members, range)?.len()))
    }

    /// Distinct downloaders of some members over a range, and how many people they are at least.
    pub(super) fn distinct_with_bounds(&self, members: &Arc<Members>, range: DayRange) -> Result<Reach, QueryError> {
        let set = self.set_of(members, range)?;
        let read = || Ok(Persons::new(store::read_kin(&self.txn, &self.published.views)?));
        let stored = self.of_views()?.persons(&self.published.changes, read)?;
        let live = Persons::new(self.published.live_kin());
        Ok(Reach { floor: Uniques(Persons::in_set(&[&stored, &live], &set)), ceiling: Uniques(set.len()) })
    }
}
