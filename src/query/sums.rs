//! Sums over many repos: by day and by repo. What the stored views come to is kept while they stay the same; what the
//! live overlay replaces is corrected anew for each question, so that answers never wait for a fold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kept::{ByRepo, Days};
use super::members::Members;
use super::view::damaged;
use super::{QueryError, View};
use crate::model::{Day, DayCounts, DayRange, Downloads, Files, RepoKind, RepoNumber};
use crate::rollup::{DayChunk, LiveRepo, RepoDay, RepoSet};
use crate::store;

/// Fewer repos than this are not worth keeping anything of.
pub(super) const FEW_REPOS: usize = 2;

/// So many repos are better summed by reading the days of all than by their own years.
pub(super) const MANY_REPOS: usize = 4_000;
const BY_YEARS_MAX: u64 = MANY_REPOS as u64;

/// All days there are.
const EVER: DayRange = DayRange { first: Day(0), last: Day(u16::MAX) };

impl View<'_> {
    /// Counts of some repos by day.
    pub(super) fn daily(&self, members: &Arc<Members>, range: DayRange) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let range = range.until(self.today);
        if let Members::Some(repos) = &**members
            && repos.len() < FEW_REPOS
        {
            let mut sums: BTreeMap<Day, DayCounts> = BTreeMap::new();
            for repo in repos {
                for (day, of_day) in self.days(*repo, range)? {
                    *sums.entry(day).or_default() += of_day.counts;
                }
            }
            return Ok(sums);
        }
        let stored: Days = self.of_views()?.days(self.asked(members), || self.stored_daily(members))?;
        let mut sums: BTreeMap<Day, DayCounts> = range.among(&stored).map(|(day, sum)| (*day, *sum)).collect();
        self.for_live_of(members, range, |day, _, live| {
            let sum = sums.entry(day).or_default();
            *sum = sum.with(live.day().counts, live.stored().counts);
        });
        Ok(sums)
    }

    /// The members that the overlay holds on days of a range.
    pub(super) fn for_live_of(&self, members: &Members, range: DayRange, mut each: impl FnMut(Day, RepoNumber, &LiveRepo)) {
        let live = &self.published.live;
        for (day, of_day) in live.days().filter(|(day, _)| range.contains(*day)) {
            match members {
                Members::Some(repos) => {
                    repos
                        .iter()
                        .filter_map(|repo| Some((*repo, live.repo(day, *repo)?)))
                        .for_each(|(repo, of)| each(day, repo, of));
                }
                Members::AllBut(hidden) => {
                    of_day.filter(|(repo, _)| !hidden.contains(*repo)).for_each(|(repo, of)| each(day, repo, of));
                }
            }
        }
    }

    /// The counts by day that the views hold of some repos, of all days they have.
    fn stored_daily(&self, members: &Members) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        match members {
            Members::Some(repos) => {
                let mut sums = BTreeMap::new();
                repos.iter().try_for_each(|repo| self.add_years(*repo, &mut sums))?;
                Ok(sums)
            }
            Members::AllBut(hidden) => match self.daily_by_kind(hidden)? {
                Some(sums) => Ok(sums),
                None => self.scanned_daily(members),
            },
        }
    }

    fn add_years(&self, repo: RepoNumber, sums: &mut BTreeMap<Day, DayCounts>) -> Result<(), QueryError> {
        for (day, of_day) in self.stored_days(repo, EVER)? {
            *sums.entry(day).or_default() += of_day.counts;
        }
        Ok(())
    }

    /// From the sums by type that each day's record has: all of a type but a few repos, or a few repos alone. `None` if
    /// there are too many of both.
    fn daily_by_kind(&self, hidden: &RepoSet) -> Result<Option<BTreeMap<Day, DayCounts>>, QueryError> {
        let counted = &self.published.sets.counted;
        let (mut added, mut subtracted, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for kind in RepoKind::ALL {
            let Some(of_kind) = self.published.sets.of_kind(kind).map(|repos| repos.shared_with(counted)) else { continue };
            let out = of_kind.shared_with(hidden);
            let shown = of_kind.len() - out.len();
            if shown > 0 && out.len() <= BY_YEARS_MAX.min(shown) {
                whole.push(usize::from(kind.code()));
                subtracted.extend(out.iter());
            } else if shown <= BY_YEARS_MAX {
                added.extend(of_kind.iter().filter(|repo| !hidden.contains(*repo)));
            } else {
                return Ok(None);
            }
        }
        let (mut sums, mut less) = (BTreeMap::new(), BTreeMap::new());
        added.into_iter().try_for_each(|repo| self.add_years(repo, &mut sums))?;
        subtracted.into_iter().try_for_each(|repo| self.add_years(repo, &mut less))?;
        for (day, record) in store::day_views(&self.txn)? {
            let sum = sums.entry(day).or_default();
            for [authenticated, anonymous, files] in whole.iter().filter_map(|kind| record.kinds.get(*kind)) {
                let counts = [Downloads(*authenticated), Downloads(*anonymous)];
                let [authenticated, anonymous] = counts;
                *sum += DayCounts { authenticated, anonymous, files: Files(*files) };
            }
            *sum = sum.with(DayCounts::default(), less.get(&day).copied().unwrap_or_default());
        }
        Ok(Some(sums))
    }

    fn scanned_daily(&self, members: &Members) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let mut sums: BTreeMap<Day, DayCounts> = BTreeMap::new();
        for day in store::days_with_view(&self.txn, EVER)? {
            let sum = sums.entry(day).or_default();
            self.for_stored_on(day, |repo, of_day| {
                if members.contain(repo) {
                    *sum += of_day.counts;
                }
            })?;
        }
        Ok(sums)
    }

    /// Calls `each` with the counts that the views hold of every repo on one day.
    fn for_stored_on(&self, day: Day, mut each: impl FnMut(RepoNumber, RepoDay)) -> Result<(), QueryError> {
        let Some(record) = store::day_view(&self.txn, day)? else { return Ok(()) };
        for chunk in &record.chunks {
            let bytes = store::read_chunk(&self.txn, day, *chunk)?;
            for entry in DayChunk::new(&bytes).map_err(|error| damaged(day, error))?.entries() {
                let entry = entry.map_err(|error| damaged(day, error))?;
                each(entry.repo, entry.day);
            }
        }
        Ok(())
    }

    /// Downloads in the range by repo number.
    pub(super) fn recent_sums(&self, range: DayRange) -> Result<Vec<Downloads>, QueryError> {
        let range = range.until(self.today);
        let stored: ByRepo = self.of_views()?.range(range, &self.published.changes, || {
            let mut sums: Vec<Downloads> = Vec::new();
            for day in store::days_with_view(&self.txn, range)? {
                self.for_stored_on(day, |repo, of_day| change(&mut sums, repo, |sum| sum + of_day.counts.downloads()))?;
            }
            Ok(sums)
        })?;
        Ok(self.with_live(&stored, range))
    }

    /// Downloads until today by repo number.
    pub(super) fn all_time_sums(&self) -> Result<Vec<Downloads>, QueryError> {
        let ever = EVER.until(self.today);
        // The sum of a year has its days to come in it.
        if self.published.last_day > self.today {
            return self.recent_sums(ever);
        }
        let stored: ByRepo = self.of_views()?.all_time(&self.published.changes, || {
            let mut sums: Vec<Downloads> = Vec::new();
            let mut heads = 0;
            store::for_heads(&self.txn, |repo, head| {
                heads += 1;
                change(&mut sums, repo, |_| head.years.iter().map(|year| year.downloads).sum());
            })?;
            if heads != self.published.sets.counted.len() {
                return Err(QueryError::Damaged("the history of a repo is missing; run 'hubtally verify'".to_owned()));
            }
            Ok(sums)
        })?;
        Ok(self.with_live(&stored, ever))
    }

    fn with_live(&self, stored: &[Downloads], range: DayRange) -> Vec<Downloads> {
        let mut sums = stored.to_vec();
        for (_, repos) in self.published.live.days().filter(|(day, _)| range.contains(*day)) {
            for (repo, live) in repos {
                let (after, before) = (live.day().counts.downloads(), live.stored().counts.downloads());
                change(&mut sums, repo, |sum| Downloads((sum.0 + after.0).saturating_sub(before.0)));
            }
        }
        sums
    }
}

/// Changes the sum of a repo, in a list that grows as far as it is needed.
fn change(sums: &mut Vec<Downloads>, repo: RepoNumber, by: impl FnOnce(Downloads) -> Downloads) {
    let at = repo.0 as usize;
    if sums.len() <= at {
        sums.resize(at + 1, Downloads(0));
    }
    if let Some(sum) = sums.get_mut(at) {
        *sum = by(*sum);
    }
}
