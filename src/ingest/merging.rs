//! Large segments of a day merged on a thread beside the writer, so that nobody waits for it who pushes meanwhile.

use std::thread::{Builder, JoinHandle};

use super::error::EngineError;
use super::segments::{self, Merged};
use super::writer::Writer;
use crate::block::Encoder;
use crate::model::Day;
use crate::store::{self, DayManifest, SegmentRecord, StoreError, WriteTxn};

/// Rows that are merged beside the writer, at least: fewer are merged before a thread has started.
pub(super) const MERGE_BESIDE_MIN: usize = 1 << 16;

/// A merge on its way. What it was made of may be changed meanwhile, and then it is of no use.
pub(super) struct Merging {
    day: Day,
    thread: JoinHandle<Result<Merged, StoreError>>,
}

impl Merging {
    /// Begins to merge committed segments of a day.
    fn begin(txn: store::ReadTxn, day: Day, members: Vec<SegmentRecord>) -> Result<Merging, StoreError> {
        let merge = move || {
            let segment = segments::merge(&txn, &mut Encoder::new()?, day, &members, |_| true)?;
            Ok(Merged { members, segment })
        };
        Ok(Merging { day, thread: Builder::new().name("merge".to_owned()).spawn(merge)? })
    }

    /// What it came to, once it has ended; until then it waits.
    fn end(self) -> Result<Merged, EngineError> {
        let panicked =
            |_| EngineError::Broken("merging segments ended in a panic, nothing was changed; the log has the place".into());
        Ok(self.thread.join().map_err(panicked)??)
    }
}

impl Writer {
    /// Puts a merge that has ended in the place of what it was made of, if that is all still there.
    pub(super) fn put_merged(
        &mut self,
        txn: &WriteTxn,
        day: Day,
        manifest: &mut DayManifest,
        next_id: &mut u64,
    ) -> Result<(), EngineError> {
        let Some(merging) = self.merging.take_if(|merging| merging.day == day && merging.thread.is_finished()) else {
            return Ok(());
        };
        let Merged { members, segment } = merging.end()?;
        if members.iter().all(|member| manifest.segments.contains(member)) {
            segments::replace(txn, manifest, day, &members, segment, next_id)?;
        }
        Ok(())
    }

    /// Begins to merge what is due of some days, one after the other. A merge of another day that has ended is given up:
    /// nothing was pushed there since.
    pub(super) fn merge_beside(&mut self, due: Vec<(Day, Vec<SegmentRecord>)>) -> Result<(), EngineError> {
        drop(self.merging.take_if(|merging| merging.thread.is_finished()));
        if self.merging.is_none()
            && let Some((day, members)) = due.into_iter().next()
        {
            self.merging = Some(Merging::begin(self.shared.store.read()?, day, members)?);
        }
        Ok(())
    }

    /// Waits for the merge on its way, which comes too late.
    pub(super) fn end_merging(&mut self) {
        if let Some(merging) = self.merging.take() {
            drop(merging.end());
        }
    }
}
