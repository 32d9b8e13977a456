//! United downloaders of many repos over a range: the sets of all old months together, of whole months and of single days are
//! kept while the stored views of these days stay the same, and those of the live overlay are added to them.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use super::kept::Asked;
use super::members::Members;
use super::sums::FEW_REPOS;
use super::view::damaged;
use super::{QueryError, View};
use crate::ingest::EngineError;
use crate::model::{Day, DayRange};
use crate::rollup::{ChunkEntry, DayChunk, DownloaderSet, Gather};
use crate::store::{self, DayViewRecord, ReadTxn};

/// A month that ended before so many days hardly changes any more.
const OLD_AFTER_DAYS: u16 = 31;

/// A thread of its own pays from so many days on.
const DAYS_OF_A_THREAD_MIN: usize = 7;

impl View<'_> {
    /// The days of a range that have anything counted, or something in the overlay.
    pub(super) fn known_days(&self, range: DayRange) -> Result<BTreeSet<Day>, QueryError> {
        let range = range.until(self.today);
        let mut days: BTreeSet<Day> = self.published.live.days().map(|(day, _)| day).filter(|day| range.contains(*day)).collect();
        days.extend(store::days_with_view(&self.txn, range)?);
        Ok(days)
    }

    /// The downloaders of some repos over a range.
    pub(super) fn set_of(&self, members: &Arc<Members>, range: DayRange) -> Result<DownloaderSet, QueryError> {
        let range = range.until(self.today);
        let few = matches!(&**members, Members::Some(repos) if repos.len() < FEW_REPOS);
        let mut gather = Gather::default();
        let mut set = DownloaderSet::default();
        let days = store::days_with_view(&self.txn, range)?;
        let old = if few { 0 } else { self.old_days(range, &days)? };
        let (old, days) = days.split_at_checked(old).unwrap_or((&[], &days));
        if let Some(last) = old.last() {
            set.unite(&*self.set_until(members, last.month().last, old)?);
        }
        for of_month in days.chunk_by(|a, b| a.month() == b.month()) {
            let month = of_month.first().map_or(range, |day| day.month());
            let whole = range.contains(month.first) && range.contains(month.last);
            if !few && whole {
                set.unite(&*self.of_views()?.set(self.asked(members), month, || self.stored_set(members, of_month))?);
                continue;
            }
            for day in of_month {
                if few {
                    gather_day(&self.txn, members, *day, &mut gather, &mut set)?;
                    continue;
                }
                let alone = DayRange { first: *day, last: *day };
                set.unite(&*self.of_views()?.set(self.asked(members), alone, || self.stored_set(members, &[*day]))?);
            }
        }
        let mut live = Vec::new();
        self.for_live_of(members, range, |_, _, repo| live.extend(repo.downloaders()));
        self.published.live_numbers(&self.txn, live)?.into_iter().for_each(|number| gather.add(number));
        set.unite(&gather.take());
        Ok(set)
    }

    /// How many of the days of a range lie in whole months that hardly change any more, if nothing was counted before them.
    fn old_days(&self, range: DayRange, days: &[Day]) -> Result<usize, QueryError> {
        let recent = self.today.minus(OLD_AFTER_DAYS);
        let is_old = |day: &Day| day.month().last < recent && range.contains(day.month().last);
        let old = days.partition_point(is_old);
        if old == 0 {
            return Ok(0);
        }
        let from_the_first = store::first_day_view(&self.txn)?.is_none_or(|first| range.first <= first);
        Ok(if from_the_first { old } else { 0 })
    }

    /// The stored downloaders of `days`, which are all until `last`: one set that grows month by month, however many there are.
    fn set_until(&self, members: &Arc<Members>, last: Day, days: &[Day]) -> Result<Arc<DownloaderSet>, QueryError> {
        self.of_views()?.set_until(self.asked(members), last, |known| {
            let Some((until, known)) = known else { return self.stored_set(members, days) };
            let mut set = DownloaderSet::clone(&known);
            set.absorb(self.stored_set(members, days.get(days.partition_point(|day| *day <= until)..).unwrap_or_default())?);
            Ok(set)
        })
    }

    /// The stored downloaders of some days, of many on all cores.
    fn stored_set(&self, members: &Members, days: &[Day]) -> Result<DownloaderSet, QueryError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(days.len() / DAYS_OF_A_THREAD_MIN);
        if threads < 2 {
            return gather_days(&self.txn, members, days);
        }
        let snapshot = self.txn.snapshot();
        let gather = |days| gather_days(&snapshot.read(), members, days);
        let parts: Vec<_> = std::thread::scope(|scope| {
            let shares = days.chunks(days.len().div_ceil(threads));
            let started: Vec<_> = shares.map(|days| scope.spawn(move || gather(days))).collect();
            started.into_iter().map(ScopedJoinHandle::join).collect()
        });
        let mut set = DownloaderSet::default();
        for part in parts {
            let panicked = |_| EngineError::Broken("uniting downloaders ended in a panic".to_owned());
            set.absorb(part.map_err(panicked)??);
        }
        Ok(set)
    }

    /// What a question of these repos may find kept.
    pub(super) fn asked<'a>(&'a self, members: &'a Arc<Members>) -> Asked<'a> {
        Asked {
            members,
            sets: &self.published.sets,
            changes: &self.published.changes,
            downloaders: self.published.views.next_number as usize,
        }
    }
}

/// The stored downloaders of some days.
fn gather_days(txn: &ReadTxn, members: &Members, days: &[Day]) -> Result<DownloaderSet, QueryError> {
    let (mut gather, mut set) = (Gather::default(), DownloaderSet::default());
    for day in days {
        gather_day(txn, members, *day, &mut gather, &mut set)?;
    }
    set.absorb(gather.take());
    Ok(set)
}

/// Adds the stored downloaders of a day: small lists to `gather`, sets to `set`.
fn gather_day(
    txn: &ReadTxn,
    members: &Members,
    day: Day,
    gather: &mut Gather,
    set: &mut DownloaderSet,
) -> Result<(), QueryError> {
    let Some(record) = store::day_view(txn, day)? else { return Ok(()) };
    let mut add = |entry: &ChunkEntry<'_>, record: &DayViewRecord| {
        if entry.set_is_apart() {
            let of_repo = store::read_set(txn, day, record, entry.repo)?;
            if of_repo.is_thin() {
                of_repo.iter().for_each(|number| gather.add(number));
            } else {
                set.absorb(of_repo);
            }
            return Ok(());
        }
        entry.for_numbers(|number| gather.add(number)).map_err(|error| damaged(day, error))
    };
    if let Members::Some(repos) = members {
        return store::for_entries_of(txn, day, &record, repos, |entry| add(entry, &record));
    }
    for chunk in &record.chunks {
        let bytes = store::read_chunk(txn, day, *chunk)?;
        for entry in DayChunk::new(&bytes).map_err(|error| damaged(day, error))?.entries() {
            let entry = entry.map_err(|error| damaged(day, error))?;
            if members.contain(entry.repo) {
                add(&entry, &record)?;
            }
        }
    }
    Ok(())
}
