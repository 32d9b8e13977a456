//! Days on their way into the years and heads of their repos: gathered over many days, since each year is written whole.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};

use super::error::EngineError;
use super::publish::damaged;
use crate::model::{Day, RepoNumber};
use crate::rollup::{RepoDay, RepoHead, StoredYear};
use crate::store::{RepoSets, RepoYears, StoreError, WriteTxn};

/// So many days of repos are gathered at most: some 20 MB.
const GATHERED_MAX: usize = 400_000;

/// Changed days of repos that go through the threads together at the most, about, and how many such heaps may be under way
/// for each thread.
const HEAP_CHANGES: usize = 1_000;
const HEAPS_AHEAD: usize = 3;

/// A day of a repo as it is to be; `None` takes it out.
type Change = (RepoNumber, Day, Option<RepoDay>);

/// Changed days of repos, in any order.
pub struct Histories {
    changes: Vec<Change>,
    heap_changes: usize,
}

/// A repo on its way: `Y` is a year with its changes first, and then what it became.
struct OfRepo<Y> {
    repo: RepoNumber,
    head: RepoHead,
    years: Vec<(u16, Y)>,
}

/// A year as it is stored, and the days of it that change.
type Changing<'c> = (Vec<u8>, &'c [Change]);

/// Repos that go through the threads together.
type Heap<Y> = Vec<OfRepo<Y>>;

impl Histories {
    /// No changes yet; those to come go through the threads in heaps of about so many, if that is not too many.
    pub fn new(heap_changes: usize) -> Histories {
        Histories { changes: Vec::new(), heap_changes: heap_changes.clamp(1, HEAP_CHANGES) }
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
    /// thread reads and writes, others change what was read: at the end of an import nothing else is left to do for them.
    ///
    /// # Errors
    /// When the store fails, or a head or year is missing, stale or damaged.
    pub fn write(&mut self, txn: &WriteTxn, sets: &mut RepoSets) -> Result<(), EngineError> {
        // Days come one after the other, each with ascending repos, which the stable sort makes use of.
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_by_key(|(repo, day, _)| (*repo, *day));
        let heaps = heaps(&changes, self.heap_changes);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (cores - 1).min(heaps.len().saturating_sub(1));
        let mut writing = Writing { years: RepoYears::open(txn)?, sets };
        let ((hand_out, handed), (finished, done)) = (channel::<Heap<Changing<'_>>>(), channel());
        let handed = Mutex::new(handed);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (handed, finished) = (&handed, finished.clone());
                scope.spawn(move || {
                    let next = || handed.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    while let Ok(heap) = next() {
                        if finished.send(change(heap)).is_err() {
                            break;
                        }
                    }
                });
            }
            // Dropped at the end, whatever it is: then they stop.
            let hand_out = hand_out;
            let mut ahead = 0;
            for heap in heaps {
                let heap = writing.read(heap)?;
                if threads == 0 {
                    writing.put(change(heap)?)?;
                    continue;
                }
                hand_out.send(heap).map_err(|_| EngineError::Stopped)?;
                ahead += 1;
                if ahead > threads * HEAPS_AHEAD {
                    writing.put(done.recv().map_err(|_| EngineError::Stopped)??)?;
                    ahead -= 1;
                }
            }
            (0..ahead).try_for_each(|_| writing.put(done.recv().map_err(|_| EngineError::Stopped)??))
        })
    }
}

/// Sorted changes in heaps of whole repos, each of about so many.
fn heaps(changes: &[Change], heap_changes: usize) -> Vec<&[Change]> {
    let (mut heaps, mut rest) = (Vec::new(), changes);
    while let Some((last, ..)) = rest.get(..heap_changes).unwrap_or(rest).last() {
        let (heap, after) = rest.split_at(rest.partition_point(|(repo, ..)| repo <= last));
        heaps.push(heap);
        rest = after;
    }
    heaps
}

/// Changes the years of a heap.
fn change(heap: Heap<Changing<'_>>) -> Result<Heap<StoredYear>, EngineError> {
    let of_repo = |OfRepo { repo, head, years }: OfRepo<Changing<'_>>| {
        let changed = |(year, (before, changes)): (u16, Changing<'_>)| {
            let changes = changes.iter().map(|(_, day, of_day)| (*day, *of_day));
            Ok((year, RepoYears::change(repo, year, &before, changes)?))
        };
        Ok(OfRepo { repo, head, years: years.into_iter().map(changed).collect::<Result<_, EngineError>>()? })
    };
    // Whoever waits for it must not wait forever.
    catch_unwind(AssertUnwindSafe(|| heap.into_iter().map(of_repo).collect()))
        .unwrap_or_else(|_| Err(EngineError::Broken("writing years ended in a panic".to_owned())))
}

/// The tables that years go to and from.
struct Writing<'w> {
    years: RepoYears<'w>,
    sets: &'w mut RepoSets,
}

impl Writing<'_> {
    /// Reads what a heap of changes is to change.
    fn read<'c>(&self, heap: &'c [Change]) -> Result<Heap<Changing<'c>>, StoreError> {
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
                Ok((year, (self.years.year(repo, &head, year)?, changes)))
            });
            let years = years.collect::<Result<_, StoreError>>()?;
            Ok(OfRepo { repo, head, years })
        };
        heap.chunk_by(|a, b| a.0 == b.0).map(of_repo).collect()
    }

    /// Writes a heap that was changed.
    fn put(&mut self, heap: Heap<StoredYear>) -> Result<(), EngineError> {
        for OfRepo { repo, mut head, years } in heap {
            self.years.put(repo, &mut head, years)?;
            self.sets.counted.set(repo, !head.years.is_empty());
            self.sets.evidence.set(repo, head.years.iter().any(|year| year.evidence));
        }
        Ok(())
    }
}
