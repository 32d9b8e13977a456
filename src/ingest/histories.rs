//! Days on their way into the years and heads of their repos: gathered over many days, since each year is written whole.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};

use super::error::EngineError;
use super::publish::damaged;
use crate::model::{Day, RepoNumber};
use crate::rollup::{RepoDay, RepoHead, StoredYear, YEAR_DAY_BYTES};
use crate::store::{RepoSets, RepoYears, StoreError, WriteTxn};

/// So many days of repos are gathered at most: some 20 MB.
const GATHERED_MAX: usize = 400_000;

/// Changed days that go through the threads together, of whole repos: their years take up to 1.5 MB.
pub(super) const BUNDLE_CHANGES: usize = 500;

/// Bundles under way for each thread, and threads: one that reads and writes keeps no more of them busy.
const BUNDLES_AHEAD: usize = 3;
const THREADS_MAX: usize = 3;

/// A day of a repo as it is to be; `None` takes it out.
type Change = (RepoNumber, Day, Option<RepoDay>);

/// Changed days of repos, in any order.
pub struct Histories {
    changes: Vec<Change>,
    bundle_changes: usize,
}

/// A repo on its way through the threads.
struct OfRepo<'c> {
    repo: RepoNumber,
    head: RepoHead,
    years: Vec<OfYear<'c>>,
}

/// A year as it is to be, and the days of it that change: until they did, there are its bytes alone.
struct OfYear<'c> {
    year: u16,
    stored: StoredYear,
    changes: &'c [Change],
}

/// Repos that go through the threads together.
type Bundle<'c> = Vec<OfRepo<'c>>;

impl Histories {
    /// No changes yet; those to come are written in bundles of about so many.
    pub fn in_bundles_of(changes: usize) -> Histories {
        Histories { changes: Vec::new(), bundle_changes: changes.max(1) }
    }

    /// Sets a day of a repo, or takes it out.
    pub fn add(&mut self, repo: RepoNumber, day: Day, of_day: Option<RepoDay>) {
        self.changes.push((repo, day, of_day));
    }

    /// Writes what was gathered if it is time to.
    ///
    /// # Errors
    /// As [`Histories::write`].
    pub fn write_if_full(&mut self, txn: &WriteTxn, sets: &mut RepoSets) -> Result<(), EngineError> {
        if self.changes.len() < GATHERED_MAX {
            return Ok(());
        }
        self.write(txn, sets)
    }

    /// Writes the years and heads of the repos that changed, and enters them in the sets; then nothing is gathered. This
    /// thread reads and writes, others change what was read: behind the last wave of days nothing else is left to do for them.
    /// In which order repos are written plays no part.
    ///
    /// # Errors
    /// When the store fails, or a head or year is missing, stale or damaged.
    pub fn write(&mut self, txn: &WriteTxn, sets: &mut RepoSets) -> Result<(), EngineError> {
        // Days come one after the other, each with ascending repos, which the stable sort makes use of.
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_by_key(|(repo, day, _)| (*repo, *day));
        let bundles = bundles(&changes, self.bundle_changes);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (cores - 1).min(THREADS_MAX).min(bundles.len().saturating_sub(1));
        let mut writing = Writing { years: RepoYears::open(txn)?, sets };
        // All ends that this thread holds stay open, so that it is answered whatever it hands out.
        let ((hand_out, handed), (finished, done)) = (channel::<Bundle<'_>>(), channel());
        let handed = Mutex::new(handed);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (handed, finished) = (&handed, finished.clone());
                scope.spawn(move || {
                    let next = || handed.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    while let Ok(mut bundle) = next() {
                        // Whoever waits for it would wait forever for a thread that is gone.
                        let changed = catch_unwind(AssertUnwindSafe(|| change(&mut bundle)));
                        if finished.send(changed.map(|changed| changed.map(|()| bundle))).is_err() {
                            break;
                        }
                    }
                });
            }
            let take = || match done.recv() {
                Ok(Ok(changed)) => changed.map_err(EngineError::from),
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) => Err(EngineError::Stopped),
            };
            // Dropped at the end, whatever it is: then the threads stop.
            let hand_out = hand_out;
            let mut ahead = 0;
            for bundle in bundles {
                let mut bundle = writing.read(bundle)?;
                if threads == 0 {
                    change(&mut bundle)?;
                    writing.put(bundle)?;
                    continue;
                }
                hand_out.send(bundle).map_err(|_| EngineError::Stopped)?;
                ahead += 1;
                if ahead == threads * BUNDLES_AHEAD {
                    writing.put(take()?)?;
                    ahead -= 1;
                }
            }
            (0..ahead).try_for_each(|_| Ok(writing.put(take()?)?))
        })
    }
}

/// Sorted changes in bundles of whole repos, each of about so many.
fn bundles(changes: &[Change], bundle_changes: usize) -> Vec<&[Change]> {
    let (mut bundles, mut rest) = (Vec::new(), changes);
    while let Some((last, ..)) = rest.get(..bundle_changes).unwrap_or(rest).last() {
        let (bundle, after) = rest.split_at(rest.partition_point(|(repo, ..)| repo <= last));
        bundles.push(bundle);
        rest = after;
    }
    bundles
}

/// Changes the years of a bundle, in the memory they came in: nothing is freed that another thread took.
fn change(bundle: &mut Bundle<'_>) -> Result<(), StoreError> {
    for OfRepo { repo, years, .. } in bundle {
        for OfYear { year, stored, changes } in years {
            let changes = changes.iter().map(|(_, day, of_day)| (*day, *of_day));
            let changed = StoredYear::changed(*year, std::mem::take(&mut stored.bytes), changes);
            *stored = changed.map_err(|error| damaged("repo_years", repo.0, error))?;
        }
    }
    Ok(())
}

/// The tables that years come from and go to.
struct Writing<'w> {
    years: RepoYears<'w>,
    sets: &'w mut RepoSets,
}

impl Writing<'_> {
    /// Reads what a bundle of changes is to change.
    fn read<'c>(&self, bundle: &'c [Change]) -> Result<Bundle<'c>, StoreError> {
        let of_repo = |changes: &'c [Change]| {
            let repo = changes.first().map_or_else(RepoNumber::default, |(repo, ..)| *repo);
            // To be sure that there is none takes longer than to read one.
            let is_counted = self.sets.counted.contains(repo);
            let head = if is_counted { self.years.head(repo)? } else { RepoHead::default() };
            if is_counted && head.years.is_empty() {
                return Err(damaged("repo_heads", repo.0, "the value is missing"));
            }
            let year_of = |(_, day, _): &Change| day.year();
            let years = changes.chunk_by(|a, b| year_of(a) == year_of(b)).map(|changes| {
                let year = changes.first().map_or(0, year_of);
                let mut bytes = self.years.year(repo, &head, year)?;
                bytes.reserve_exact(changes.len() * YEAR_DAY_BYTES);
                Ok(OfYear { year, stored: StoredYear { bytes, ..StoredYear::default() }, changes })
            });
            let years = years.collect::<Result<_, StoreError>>()?;
            Ok(OfRepo { repo, head, years })
        };
        bundle.chunk_by(|a, b| a.0 == b.0).map(of_repo).collect()
    }

    /// Writes a bundle that was changed.
    fn put(&mut self, bundle: Bundle<'_>) -> Result<(), StoreError> {
        for OfRepo { repo, mut head, years } in bundle {
            self.years.put(repo, &mut head, years.into_iter().map(|of_year| (of_year.year, of_year.stored)))?;
            self.sets.counted.set(repo, !head.years.is_empty());
            self.sets.evidence.set(repo, head.years.iter().any(|year| year.evidence));
        }
        Ok(())
    }
}
