//! Large segments of a day merged on a thread beside the writer, so that nobody waits for it who pushes meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::behind::replace_apart;
use super::engine::Commands;
use super::error::EngineError;
use super::segments::{self, FAN_IN, Merged};
use super::writer::{Command, Writer};
use crate::block::Encoder;
use crate::model::Day;
use crate::store::{self, CountersRecord, DayManifest, ReadTxn, SegmentRecord, StoreError, WriteTxn};

/// Rows that are merged beside the writer, at least: fewer are merged before a thread has started.
pub(super) const MERGE_BESIDE_MIN: usize = 1 << 16;

/// So many segments of a day are merged at once beside pushes, which fill a day with segments of one size: a row is merged
/// once while the day grows sixteenfold. Blocks of pushes are half as large as others, so that one of each takes no more
/// memory than those of eight segments of an import.
pub(super) const BESIDE_FAN_IN: usize = 2 * FAN_IN;

/// How often a writer that waits looks whether a merge has ended, or whether it is time to rest.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A merge on its way. What it is made of may be changed meanwhile, and then it is of no use.
pub(super) struct MergeBeside {
    day: Day,
    is_given_up: Arc<AtomicBool>,
    thread: JoinHandle<Result<Merged, StoreError>>,
}

/// What the writer has merged beside it.
#[derive(Default)]
pub(super) enum Merging {
    #[default]
    Nothing,
    Segments(MergeBeside),
    /// Nothing any more until the store is opened anew, since what cannot be read is not read again and again.
    Failed,
}

impl Merging {
    /// The merge that has ended, if one has; others may begin then.
    fn take_ended(&mut self) -> Option<MergeBeside> {
        match std::mem::take(self) {
            Merging::Segments(merge) if merge.thread.is_finished() => Some(merge),
            others => {
                *self = others;
                None
            }
        }
    }
}

impl MergeBeside {
    /// Begins to merge committed segments of a day.
    fn begin(txn: ReadTxn, day: Day, members: Vec<SegmentRecord>) -> Result<MergeBeside, StoreError> {
        let is_given_up = Arc::new(AtomicBool::new(false));
        let given_up = Arc::clone(&is_given_up);
        let merge = move || {
            let go_on = || !given_up.load(Ordering::Acquire);
            let segment = segments::merge_while(go_on, &txn, &mut Encoder::new()?, day, &members, |_| true)?;
            Ok(Merged { members, segment })
        };
        let thread = Builder::new().name("merge".to_owned()).spawn(merge)?;
        Ok(MergeBeside { day, is_given_up, thread })
    }

    /// What it came to, once it has ended; until then it waits.
    fn end(self) -> Result<Merged, EngineError> {
        let panicked =
            |_| EngineError::Broken("merging segments ended in a panic, nothing was changed; the log has the place".into());
        Ok(self.thread.join().map_err(panicked)??)
    }
}

impl Writer {
    /// Begins to merge what is due of one of some days, unless a merge is on its way. A day that cannot be merged is as good
    /// as before, so that nothing is refused for it.
    pub(super) fn merge_beside(&mut self, due: Vec<(Day, Vec<SegmentRecord>)>) {
        if !matches!(self.merging, Merging::Nothing) {
            return;
        }
        let Some((day, mut members)) = due.into_iter().find(|(_, members)| members.len() >= BESIDE_FAN_IN) else { return };
        members.truncate(BESIDE_FAN_IN);
        // Without a thread or a snapshot the next group tries again.
        let begun = self.shared.store.read().and_then(|txn| MergeBeside::begin(txn, day, members));
        self.merging = begun.map_or(Merging::Nothing, Merging::Segments);
    }

    /// Puts a merge that has ended in the place of what it was made of, if that is all still there.
    pub(super) fn put_merged(&mut self, txn: &WriteTxn, counters: &mut CountersRecord) -> Result<(), EngineError> {
        let Some(merging) = self.merging.take_ended() else { return Ok(()) };
        let day = merging.day;
        let Merged { members, segment } = match merging.end() {
            Ok(merged) => merged,
            Err(error) => {
                self.note_merge_failed(&error);
                return Ok(());
            }
        };
        let (mut manifest, mut segment) = (store::manifest(txn, day)?, Some(segment));
        // Nothing is done where they are not all together, as after a change that took some of them away.
        let replace = |manifest: &mut DayManifest| -> Result<(), EngineError> {
            if members.iter().all(|member| manifest.segments.contains(member))
                && let Some(segment) = segment.take()
            {
                segments::replace(txn, manifest, day, &members, segment, &mut counters.segment)?;
            }
            Ok(())
        };
        replace_apart(txn, day, &mut manifest, replace)?;
        Ok(store::put_manifest(txn, day, &manifest)?)
    }

    /// Damage is told at once; of what else is wrong with the disk the next read or write tells.
    fn note_merge_failed(&mut self, error: &EngineError) {
        self.merging = Merging::Failed;
        if matches!(error, EngineError::Store(StoreError::Damaged { .. }) | EngineError::Broken(_)) {
            self.tell(Some(error.to_string()));
        }
    }

    /// The next command, or none when the last sender is gone; merges that end meanwhile are put in place.
    pub(super) fn next_while_merging(&mut self, commands: &Commands) -> Option<Command> {
        while matches!(self.merging, Merging::Segments(_)) && self.trouble.is_none() {
            match self.wait_a_moment(commands) {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.next(commands)
    }

    /// The next command if it comes soon; a merge that ends meanwhile is put in place.
    pub(super) fn wait_a_moment(&mut self, commands: &Commands) -> Result<Command, RecvTimeoutError> {
        let command = commands.recv_timeout(LOOK_AGAIN);
        if matches!(command, Err(RecvTimeoutError::Timeout)) {
            drop(self.attempt(Writer::put_merged_alone));
        }
        command
    }

    /// Puts a merge that has ended in place in a transaction of its own.
    fn put_merged_alone(&mut self) -> Result<(), EngineError> {
        if matches!(&self.merging, Merging::Segments(merge) if merge.thread.is_finished()) {
            let txn = self.shared.store.write()?;
            let mut counters = store::counters(&txn)?;
            self.put_merged(&txn, &mut counters)?;
            store::put_counters(&txn, &counters)?;
            txn.commit()?;
        }
        Ok(())
    }

    /// Gives up the merge on its way and waits until it has ended.
    pub(super) fn end_merging(&mut self) {
        if let Merging::Segments(merging) = std::mem::take(&mut self.merging) {
            merging.is_given_up.store(true, Ordering::Release);
            // What it came to is of no use any more, a failure neither.
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
    use crate::ingest::behind::covers;
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

    /// Pushes the event of a second of a day.
    fn push(engine: &Engine, day: Day, second: usize) {
        let body = format!(r#"{{"ts":{},"repo":"org/name","ip":"192.0.2.1"}}"#, day.start().0 / 1_000 + second as i64);
        let source = SourceName::default_source();
        let push = Push { source, body: body.into_bytes(), content: PushContent::Json, idempotency_key: None };
        assert_eq!(engine.push(push).unwrap().accepted, 1);
    }

    fn segments(engine: &Engine, day: Day) -> Vec<SegmentRecord> {
        store::manifest(&engine.shared.store.read().unwrap(), day).unwrap().segments
    }

    /// A merge of all segments of the day, which has ended.
    fn ended(writer: &Writer) -> Result<MergeBeside, EngineError> {
        let members = store::manifest(&writer.shared.store.read()?, DAY)?.segments;
        let merging = MergeBeside::begin(writer.shared.store.read()?, DAY, members)?;
        while !merging.thread.is_finished() {
            std::thread::yield_now();
        }
        Ok(merging)
    }

    #[test]
    fn what_was_merged_beside_takes_the_place_of_its_members() {
        let engine = engine();
        let pushed = (0..10_000).find(|second| {
            push(&engine, DAY, *second);
            std::thread::sleep(Duration::from_millis(1));
            segments(&engine, DAY).len() <= *second
        });
        let pushed = pushed.expect("a merge ends at some time") + 1;
        assert!(pushed > BESIDE_FAN_IN, "not fewer are merged");
        let segments = segments(&engine, DAY);
        assert_eq!(segments.len(), pushed - BESIDE_FAN_IN + 1);
        assert_eq!(segments.iter().map(|segment| segment.rows).sum::<u64>(), pushed as u64);
        assert!(engine.verify(&|_| {}).unwrap().findings.is_empty());
    }

    #[test]
    fn what_was_made_of_segments_that_are_gone_is_given_up() {
        let engine = engine();
        (0..3).for_each(|second| push(&engine, DAY, second));
        let put = |gone: bool| {
            engine.write(move |writer| {
                writer.merging = Merging::Segments(ended(writer)?);
                let txn = writer.shared.store.write()?;
                let (mut counters, mut manifest) = (store::counters(&txn)?, store::manifest(&txn, DAY)?);
                manifest.segments.drain(..usize::from(gone));
                store::put_manifest(&txn, DAY, &manifest)?;
                writer.put_merged(&txn, &mut counters)?;
                assert!(matches!(writer.merging, Merging::Nothing));
                Ok(store::manifest(&txn, DAY)?.segments.iter().map(|segment| segment.rows).collect::<Vec<_>>())
            })
        };
        assert_eq!(put(true).unwrap(), [1, 1]);
        assert_eq!(put(false).unwrap(), [3]);
    }

    #[test]
    fn days_that_take_turns_are_merged_and_a_writer_at_rest_goes_on() {
        let engine = engine();
        let days = [0, 1, 2, 3].map(|later| Day(DAY.0 - later));
        (0..2 * BESIDE_FAN_IN).for_each(|second| days.iter().for_each(|day| push(&engine, *day, second)));
        // Nobody pushes any more; what is due is begun with a push, and put in place without one.
        for day in days {
            let merged = (2 * BESIDE_FAN_IN..10_000).any(|second| {
                if segments(&engine, day).len() > BESIDE_FAN_IN {
                    push(&engine, day, second);
                }
                std::thread::sleep(Duration::from_millis(5));
                segments(&engine, day).iter().any(|segment| segment.rows >= BESIDE_FAN_IN as u64)
            });
            assert!(merged, "{day}");
        }
        assert!(engine.verify(&|_| {}).unwrap().findings.is_empty());
    }

    /// How many segments the day has, and whether its view is of all of them.
    fn is_of_all(writer: &Writer) -> Result<(usize, bool), EngineError> {
        let txn = writer.shared.store.read()?;
        let manifest = store::manifest(&txn, DAY)?;
        let view = store::day_view(&txn, DAY)?.map(|view| view.covers);
        Ok((manifest.segments.len(), view == Some(covers(&manifest))))
    }

    #[test]
    fn a_view_of_a_merged_day_still_is_one_of_all_its_events() {
        let engine = engine();
        (0..3).for_each(|second| push(&engine, DAY, second));
        let outcome = engine.write(|writer| {
            // Begun before the view was of them, or when it was.
            writer.merging = Merging::Segments(ended(writer)?);
            writer.fold_overlay()?;
            writer.put_merged_alone()?;
            let first = is_of_all(writer)?;
            writer.merging = Merging::Segments(ended(writer)?);
            writer.put_merged_alone()?;
            Ok([first, is_of_all(writer)?])
        });
        assert_eq!(outcome.unwrap(), [(1, true), (1, true)]);
    }

    #[test]
    fn a_merge_that_fails_refuses_nobody_and_is_not_tried_again() {
        let engine = engine();
        (0..3).for_each(|second| push(&engine, DAY, second));
        engine
            .write(|writer| {
                let mut members = store::manifest(&writer.shared.store.read()?, DAY)?.segments;
                members.iter_mut().flat_map(|member| &mut member.blocks).for_each(|block| block.checksum ^= 1);
                let merging = MergeBeside::begin(writer.shared.store.read()?, DAY, members)?;
                while !merging.thread.is_finished() {
                    std::thread::yield_now();
                }
                writer.merging = Merging::Segments(merging);
                Ok(())
            })
            .unwrap();
        (3..3 + 2 * BESIDE_FAN_IN).for_each(|second| push(&engine, DAY, second));
        assert!(engine.health().reasons.iter().any(|reason| reason.contains("block")), "{:?}", engine.health());
        assert_eq!(segments(&engine, DAY).len(), 3 + 2 * BESIDE_FAN_IN, "no more is merged");
    }
}
