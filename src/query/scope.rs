//! Questions about any scope (hub, type, organisation, repo) over any range of days. All sums and unions are over the
//! repos that the caller may see.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::{DayRow, Ecosystem, HubTotals, Interval, Scope};
use super::view::damaged;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads, RepoKind, RepoNumber, Uniques};
use crate::rollup::{DayChunk, DownloaderSet};
use crate::store::{self, DayViewRecord};

use chrono::Datelike;

/// The repos a question is about.
pub(super) enum Members {
    /// Few repos, by number.
    Some(BTreeSet<RepoNumber>),
    /// All repos but these.
    AllBut(BTreeSet<RepoNumber>),
}

impl Members {
    fn contain(&self, repo: RepoNumber) -> bool {
        match self {
            Members::Some(repos) => repos.contains(&repo),
            Members::AllBut(repos) => !repos.contains(&repo),
        }
    }
}

impl View<'_> {
    /// The visible repos of a scope; `None` if the scope is missing or hidden.
    fn members(&self, scope: &Scope, caller: &Caller) -> Result<Option<Members>, QueryError> {
        match scope {
            Scope::Repo(key) => Ok(self.repo(key, caller)?.map(|repo| Members::Some(BTreeSet::from([repo])))),
            Scope::Org(org) => {
                let repos = self.org_repos(org, caller)?;
                Ok(repos.map(|repos| Members::Some(repos.into_iter().map(|(_, repo)| repo).collect())))
            }
            Scope::Hub => Ok(Some(Members::AllBut(self.hidden_from(caller, |_| true)?))),
            Scope::Kind(kind) => {
                let mut hidden = self.hidden_from(caller, |repo| self.is_of_kind(repo, *kind))?;
                for other in RepoKind::ALL.into_iter().filter(|other| other != kind) {
                    hidden.extend(self.published.sets.of_kind(other).into_iter().flat_map(|set| set.iter()));
                }
                Ok(Some(Members::AllBut(hidden)))
            }
        }
    }

    /// The repos that a caller may not see.
    pub(super) fn hidden_from(
        &self,
        caller: &Caller,
        among: impl Fn(RepoNumber) -> bool,
    ) -> Result<BTreeSet<RepoNumber>, QueryError> {
        let mut hidden = BTreeSet::new();
        if caller.is_admin() {
            return Ok(hidden);
        }
        for repo in self.published.sets.kinds.iter().flat_map(|set| set.iter()) {
            if among(repo) && !self.sees(repo, caller)? {
                hidden.insert(repo);
            }
        }
        Ok(hidden)
    }

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
    fn known_days(&self, range: DayRange) -> Result<BTreeSet<Day>, QueryError> {
        let range = range.until(self.today);
        let mut days: BTreeSet<Day> = self.published.live.days().map(|(day, _)| day).filter(|day| range.contains(*day)).collect();
        days.extend(store::days_with_view(&self.txn, range)?);
        Ok(days)
    }

    /// Distinct downloaders of some repos over a range.
    fn distinct(&self, members: &Members, range: DayRange) -> Result<Uniques, QueryError> {
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
        Ok(Uniques(set.len()))
    }

    fn unite_some(
        &self,
        day: Day,
        record: &DayViewRecord,
        repos: &BTreeSet<RepoNumber>,
        set: &mut DownloaderSet,
    ) -> Result<(), QueryError> {
        for repo in repos {
            if self.published.live.repo(day, *repo).is_some() {
                continue;
            }
            let Some(bytes) = self.chunk_of(day, record, *repo)? else { continue };
            let chunk = DayChunk::new(&bytes).map_err(|error| damaged(day, error))?;
            if let Some(entry) = chunk.find(*repo).map_err(|error| damaged(day, error))? {
                if entry.set_is_apart() {
                    store::read_set(&self.txn, day, record, *repo, set)?;
                } else {
                    set.add(entry.numbers().map_err(|error| damaged(day, error))?);
                }
            }
        }
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
        // One sorted run is added many times faster than numbers in the order of repos.
        numbers.sort_unstable();
        numbers.dedup();
        set.add(numbers);
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

/// Cuts a range into intervals.
fn intervals(range: DayRange, interval: Interval) -> Vec<DayRange> {
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
