//! Questions about any scope (hub, type, organisation, repo) over any range of days. All sums and unions are over the
//! repos that the caller may see.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::{DayRow, Ecosystem, HubTotals, Interval, Scope};
use super::members::Members;
use super::view::damaged;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads, RepoKind, RepoNumber, Uniques};
use crate::rollup::{DayChunk, DownloaderNumber, DownloaderSet};
use crate::store::{self, DayViewRecord};

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
        Ok(Some(self.distinct(&members, range)?))
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
        let counts = self.daily(&members, range)?;
        let mut rows = Vec::new();
        for part in intervals(range, interval) {
            let mut sum = DayCounts::default();
            counts.range(part.first..=part.last).for_each(|(_, counts)| sum += *counts);
            let uniques = if uniques { Some(self.distinct(&members, part)?) } else { None };
            rows.push(DayRow { day: part.first, counts: sum, uniques });
        }
        Ok(Some(rows))
    }

    /// Counts of some repos by day.
    pub(super) fn daily(&self, members: &Members, range: DayRange) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let range = range.until(self.today);
        let mut sums: BTreeMap<Day, DayCounts> = BTreeMap::new();
        match members {
            Members::Some(repos) => {
                for repo in repos {
                    for (day, of_day) in self.days(*repo, range)? {
                        *sums.entry(day).or_default() += of_day.counts;
                    }
                }
            }
            Members::AllBut(_) => {
                for day in self.known_days(range)? {
                    let sum = sums.entry(day).or_default();
                    self.for_repos_on(day, |repo, of_day| {
                        if members.contain(repo) {
                            *sum += of_day.counts;
                        }
                    })?;
                }
            }
        }
        Ok(sums)
    }

    /// The days of a range that have anything counted, or something in the overlay.
    pub(super) fn known_days(&self, range: DayRange) -> Result<BTreeSet<Day>, QueryError> {
        let range = range.until(self.today);
        let mut days: BTreeSet<Day> = self.published.live.days().map(|(day, _)| day).filter(|day| range.contains(*day)).collect();
        days.extend(store::days_with_view(&self.txn, range)?);
        Ok(days)
    }

    /// The downloaders of some repos over a range.
    pub(super) fn set_of(&self, members: &Members, range: DayRange) -> Result<DownloaderSet, QueryError> {
        let mut set = DownloaderSet::default();
        for day in self.known_days(range)? {
            if let Some(record) = store::day_view(&self.txn, day)? {
                match members {
                    Members::Some(repos) => self.unite_some(day, &record, repos, &mut set)?,
                    Members::AllBut(_) => self.unite_all(day, &record, members, &mut set)?,
                }
            }
            let live = &self.published.live;
            for (_, repo) in live.repos_on(day).filter(|(repo, _)| members.contain(*repo)) {
                set.add(repo.downloaders().filter_map(|hash| live.number(hash)));
            }
        }
        Ok(set)
    }

    fn unite_some(
        &self,
        day: Day,
        record: &DayViewRecord,
        repos: &BTreeSet<RepoNumber>,
        set: &mut DownloaderSet,
    ) -> Result<(), QueryError> {
        let mut numbers = Vec::new();
        self.for_entries_of(day, record, repos, |entry| {
            if entry.set_is_apart() {
                store::read_set(&self.txn, day, record, entry.repo, set)?;
            } else {
                numbers.extend(entry.numbers().map_err(|error| damaged(day, error))?);
            }
            Ok(())
        })?;
        add_sorted(set, numbers);
        Ok(())
    }

    fn unite_all(&self, day: Day, record: &DayViewRecord, members: &Members, set: &mut DownloaderSet) -> Result<(), QueryError> {
        let mut numbers = Vec::new();
        for chunk in &record.chunks {
            let bytes = store::read_chunk(&self.txn, day, *chunk)?;
            for entry in DayChunk::new(&bytes).map_err(|error| damaged(day, error))?.entries() {
                let entry = entry.map_err(|error| damaged(day, error))?;
                if !members.contain(entry.repo) || self.published.live.repo(day, entry.repo).is_some() {
                    continue;
                }
                if entry.set_is_apart() {
                    store::read_set(&self.txn, day, record, entry.repo, set)?;
                } else {
                    numbers.extend(entry.numbers().map_err(|error| damaged(day, error))?);
                }
            }
        }
        add_sorted(set, numbers);
        Ok(())
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
        let hidden = self.hidden_from(caller, |_| true)?;
        let members = Members::AllBut(hidden);
        let all = DayRange { first: Day(0), last: self.today };
        let daily = self.daily(&members, all)?;
        let range = DayRange::ending(self.today, 30);
        let sum =
            |days: DayRange| -> Downloads { daily.range(days.first..=days.last).map(|(_, counts)| counts.downloads()).sum() };
        let mut repos = BTreeSet::new();
        for repo in self.published.sets.counted.iter().filter(|repo| members.contain(*repo)) {
            if self.is_counted(repo)? {
                repos.insert(repo);
            }
        }
        for (_, of_day) in self.published.live.days().filter(|(day, _)| *day <= self.today) {
            repos.extend(of_day.filter(|(repo, live)| live.day().uniques.0 > 0 && members.contain(*repo)).map(|(repo, _)| repo));
        }
        Ok(HubTotals {
            downloads: sum(all),
            last_30_days: sum(range),
            repos: repos.len() as u64,
            first_day: daily.iter().find(|(_, counts)| !counts.is_zero()).map(|(day, _)| *day),
            range,
        })
    }
}

/// Adds numbers as one sorted run, many times faster than in the order of repos.
fn add_sorted(set: &mut DownloaderSet, mut numbers: Vec<DownloaderNumber>) {
    numbers.sort_unstable();
    numbers.dedup();
    set.add(numbers);
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
