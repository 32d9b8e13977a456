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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::ingest::{Engine, OpenOptions, Place, Push, PushContent};
    use crate::model::{Millis, SourceName};

    const DAY: Day = Day(20_000);

    /// An engine that merges whatever is due beside its writer.
    fn engine() -> Arc<Engine> {
        let now = Some(Millis(DAY.start().0 + 43_200_000));
        let engine = Engine::open(&OpenOptions { place: Place::Memory, default_public: true, frozen_now: now }).unwrap();
        engine.shared.sizes.merge_beside_min.store(1, Ordering::Release);
        engine
    }

    /// Pushes the event of a second.
    fn push(engine: &Engine, second: usize) {
        let body = format!(r#"{{"ts":{},"repo":"org/name","ip":"192.0.2.1"}}"#, DAY.start().0 / 1_000 + second as i64);
        let source = SourceName::default_source();
        let push = Push { source, body: body.into_bytes(), content: PushContent::Json, idempotency_key: None };
        assert_eq!(engine.push(push).unwrap().accepted, 1);
    }

    fn manifest(engine: &Engine) -> DayManifest {
        store::manifest(&engine.shared.store.read().unwrap(), DAY).unwrap()
    }

    #[test]
    fn what_was_merged_beside_takes_the_place_of_its_members_with_the_next_push() {
        let engine = engine();
        let pushed = (0..10_000).find(|second| {
            push(&engine, *second);
            std::thread::sleep(Duration::from_millis(1));
            manifest(&engine).segments.len() <= *second
        });
        let pushed = pushed.expect("a merge ends at some time") + 1;
        assert!(pushed > 8, "eight are merged, not fewer");
        let segments = manifest(&engine).segments;
        assert_eq!(segments.len(), pushed - 7);
        assert_eq!(segments.iter().map(|segment| segment.rows).sum::<u64>(), pushed as u64);
        assert!(engine.verify(&|_| {}).unwrap().findings.is_empty());
    }

    #[test]
    fn what_was_made_of_segments_that_are_gone_is_given_up() {
        let engine = engine();
        (0..3).for_each(|second| push(&engine, second));
        let put = |gone: bool| {
            engine.write(move |writer| {
                let members = store::manifest(&writer.shared.store.read()?, DAY)?.segments;
                let merging = Merging::begin(writer.shared.store.read()?, DAY, members)?;
                while !merging.thread.is_finished() {
                    std::thread::yield_now();
                }
                writer.merging = Some(merging);
                let (txn, mut next_id) = (writer.shared.store.write()?, 100);
                let mut manifest = store::manifest(&txn, DAY)?;
                manifest.segments.drain(..usize::from(gone));
                writer.put_merged(&txn, DAY, &mut manifest, &mut next_id)?;
                assert!(writer.merging.is_none());
                Ok(manifest.segments.iter().map(|segment| (segment.id, segment.rows)).collect::<Vec<_>>())
            })
        };
        assert_eq!(put(true).unwrap().iter().map(|(_, rows)| *rows).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(put(false).unwrap(), [(100, 3)]);
    }
}
