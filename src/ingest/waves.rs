//! Days folded together on all cores, as many as fit into memory.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::engine::Shared;
use super::error::EngineError;
use super::publish::Publishing;
use crate::block::{Merge, Wanted};
use crate::model::Day;
use crate::rollup::{Counting, DayFold, DayFolder};
use crate::store::{self, DayManifest, DayQuestion, ReadTxn, SegmentRecord, StoreError, WriteTxn};

/// Rows that are folded at once, while as many are written: this bounds memory.
const WAVE_ROWS_MAX: u64 = 1_000_000;

/// The next days to fold, with what they are folded from.
pub(super) fn next_wave(txn: &WriteTxn, days: &mut BTreeSet<Day>) -> Result<Vec<(Day, DayManifest)>, StoreError> {
    let mut wave = Vec::new();
    let mut rows = 0;
    while rows < WAVE_ROWS_MAX
        && let Some(day) = days.pop_first()
    {
        let manifest = store::manifest(txn, day)?;
        rows += manifest.segments.iter().map(|segment| segment.rows).sum::<u64>();
        wave.push((day, manifest));
    }
    Ok(wave)
}

pub(super) fn panicked() -> EngineError {
    EngineError::Broken("counting a day ended in a panic".to_owned())
}

impl Shared {
    /// Counts the days of a wave, on all cores.
    pub(super) fn fold_wave(
        &self,
        wave: &[(Day, DayManifest)],
        counting: &Counting,
        publishing: Publishing,
    ) -> Result<Vec<DayFold>, EngineError> {
        let next = AtomicUsize::new(0);
        let store = &self.store;
        let work = || -> Result<Vec<(usize, DayFold)>, StoreError> {
            let txn = store.read()?;
            let mut folds = Vec::new();
            while let Some((at, (day, manifest))) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                wave.get(at).map(|day| (at, day))
            } {
                folds.push((at, fold_day(&txn, *day, manifest, counting, publishing)?));
            }
            Ok(folds)
        };
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(wave.len());
        let mut folds = if threads <= 1 {
            work()?
        } else {
            let results: Vec<_> = std::thread::scope(|scope| {
                let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
            });
            let mut folds = Vec::new();
            for result in results {
                folds.extend(result.map_err(|_| panicked())??);
            }
            folds
        };
        folds.sort_unstable_by_key(|(at, _)| *at);
        Ok(folds.into_iter().map(|(_, fold)| fold).collect())
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
    let question = DayQuestion { day, repos: None, renames: Arc::clone(counting.renames()), wanted: Wanted::Counting };
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
