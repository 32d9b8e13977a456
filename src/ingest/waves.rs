//! Days folded together on all cores, as many as fit into memory.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::Shared;
use super::error::EngineError;
use super::publish::Publishing;
use super::segments::{self, Merged};
use crate::block::{Encoder, Merge, Wanted};
use crate::model::Day;
use crate::rollup::{Counting, DayFold, DayFolder};
use crate::store::{self, DayManifest, DayQuestion, ReadTxn, SegmentRecord, StoreError, WriteTxn};

/// Rows that are folded at once, while as many are written: this bounds memory.
const WAVE_ROWS_MAX: u64 = 1_000_000;

/// Days that are folded and written together.
#[derive(Default)]
pub(super) struct Wave {
    /// Each with what it is folded from.
    pub days: Vec<(Day, DayManifest)>,
    pub folds: Vec<DayFold>,
    /// Segments of them that are merged by the way.
    pub merged: BTreeMap<Day, Vec<Merged>>,
}

/// The next days to fold, with what they are folded from.
pub(super) fn next_days(txn: &WriteTxn, days: &mut BTreeSet<Day>) -> Result<Vec<(Day, DayManifest)>, StoreError> {
    let mut next = Vec::new();
    let mut rows = 0;
    while rows < WAVE_ROWS_MAX
        && let Some(day) = days.pop_first()
    {
        let manifest = store::manifest(txn, day)?;
        rows += manifest.segments.iter().map(|segment| segment.rows).sum::<u64>();
        next.push((day, manifest));
    }
    Ok(next)
}

/// A part of the work on a wave that a thread does by itself.
enum Job<'w> {
    Fold(Day, &'w DayManifest),
    Merge(Day, Vec<SegmentRecord>),
}

/// What came of a job.
enum Done {
    Folded(Box<DayFold>),
    Merged(Day, Merged),
}

fn jobs(days: &[(Day, DayManifest)], publishing: Publishing) -> Vec<Job<'_>> {
    let folds = days.iter().map(|(day, manifest)| Job::Fold(*day, manifest));
    let merges = days.iter().flat_map(|(day, manifest)| {
        segments::due(manifest, |segment| publishing.includes(segment)).into_iter().map(|members| Job::Merge(*day, members))
    });
    folds.chain(merges).collect()
}

pub(super) fn panicked() -> EngineError {
    EngineError::Broken("counting a day ended in a panic".to_owned())
}

impl Shared {
    /// Counts days, and merges what they have too many segments of, on all cores.
    pub(super) fn fold_wave(
        &self,
        days: Vec<(Day, DayManifest)>,
        counting: &Counting,
        publishing: Publishing,
    ) -> Result<Wave, EngineError> {
        let all = jobs(&days, publishing);
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(all.len());
        let jobs = Mutex::new(all.into_iter());
        let work = || -> Result<Vec<Done>, StoreError> {
            let (txn, mut encoder) = (self.store.read()?, Encoder::new()?);
            let mut done = Vec::new();
            loop {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
                done.push(match job {
                    None => return Ok(done),
                    Some(Job::Fold(day, manifest)) => {
                        Done::Folded(Box::new(fold_day(&txn, day, manifest, counting, publishing)?))
                    }
                    Some(Job::Merge(day, members)) => {
                        let segment = segments::merge(&txn, &mut encoder, day, &members, |_| true)?;
                        Done::Merged(day, Merged { members, segment })
                    }
                });
            }
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut wave = Wave::default();
        for result in results {
            for done in result.map_err(|_| panicked())?? {
                match done {
                    Done::Folded(fold) => wave.folds.push(*fold),
                    Done::Merged(day, merged) => wave.merged.entry(day).or_default().push(merged),
                }
            }
        }
        wave.folds.sort_unstable_by_key(|fold| fold.day);
        // Whoever merged them: equal stores have equal bytes.
        let first = |merged: &Merged| merged.members.first().map(|segment| segment.id);
        wave.merged.values_mut().for_each(|of_day| of_day.sort_unstable_by_key(first));
        wave.days = days;
        Ok(wave)
    }
}

/// Merges and counts the events of one day.
pub(super) fn fold_day(
    txn: &ReadTxn,
    day: Day,
    manifest: &DayManifest,
    counting: &Counting,
    publishing: Publishing,
) -> Result<DayFold, StoreError> {
    let included: Vec<&SegmentRecord> = manifest.segments.iter().filter(|segment| publishing.includes(segment)).collect();
    let counted_now = matches!(publishing, Publishing::Document(_));
    let question =
        DayQuestion { day, repos: None, sought: None, renames: Arc::clone(counting.renames()), wanted: Wanted::Counting };
    let inputs = store::day_rows(txn, &question, included.iter().map(|segment| (*segment).clone()))?;
    let is_fresh = |at: usize| counted_now && included.get(at).is_some_and(|segment| segment.unpublished.is_some());
    let fresh: Vec<bool> = inputs.iter().map(|(at, _)| is_fresh(*at)).collect();
    let mut events = Merge::new(inputs.into_iter().map(|(_, rows)| rows))?.joined()?;
    let mut folder = DayFolder::new(day, counting);
    while let Some(event) = events.next_event(|input| fresh.get(input).copied().unwrap_or(false))? {
        folder.add(&event, events.words());
    }
    Ok(folder.finish(events.words()))
}
