//! Parts of days -> their counts, on all cores, ahead of what is being written.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::error::EngineError;
use super::parts::Part;
use super::publish::Publishing;
use super::segments::{self, Merged};
use crate::block::{Compaction, Encoder, Merge, Wanted};
use crate::model::{Day, Row, Words};
use crate::rollup::{Counting, DayFold, DayFolder};
use crate::store::{self, DayQuestion, ReadTxn, RepoChoice, SegmentEncoder, SegmentRecord, Store, StoreError};

/// A part of a day, counted.
pub(super) struct Folded {
    pub part: Part,
    pub fold: DayFold,
    /// What it holds of segments that are merged by the way.
    pub merged: Vec<Merged>,
}

/// What it takes to fold parts.
struct Folder<'s> {
    txn: ReadTxn,
    counting: &'s Counting,
    publishing: Publishing,
}

impl Folder<'_> {
    fn fold(&self, part: Part) -> Result<Folded, EngineError> {
        match catch_unwind(AssertUnwindSafe(|| fold(&self.txn, &part, self.counting, self.publishing))) {
            Ok(Ok((fold, merged))) => Ok(Folded { part, fold, merged }),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(EngineError::Broken("counting a day ended in a panic".to_owned())),
        }
    }
}

type Done = (usize, Result<Folded, EngineError>);

/// Parts on their way through the threads that fold them, which are started as parts come. Whoever takes them folds too
/// while there is nothing to take, so that all cores are busy, and one part needs no thread at all.
pub(super) struct Folding<'s, 'e> {
    scope: &'s Scope<'s, 'e>,
    store: &'s Store,
    own: Folder<'s>,
    threads: usize,
    hand_out: Sender<(usize, Part)>,
    waiting: Arc<Mutex<Receiver<(usize, Part)>>>,
    finished: Sender<Done>,
    done: Receiver<Done>,
    /// Those that were done before the ones that are waited for.
    early: BTreeMap<usize, Result<Folded, EngineError>>,
    handed_out: usize,
    taken: usize,
}

impl<'s, 'e> Folding<'s, 'e> {
    /// Folds what is stored now; threads end when nobody can give them parts any more.
    pub fn new(
        scope: &'s Scope<'s, 'e>,
        store: &'s Store,
        counting: &'s Counting,
        publishing: Publishing,
    ) -> Result<Folding<'s, 'e>, EngineError> {
        let ((hand_out, waiting), (finished, done)) = (channel(), channel());
        Ok(Folding {
            scope,
            store,
            own: Folder { txn: store.read()?, counting, publishing },
            threads: 0,
            hand_out,
            waiting: Arc::new(Mutex::new(waiting)),
            finished,
            done,
            early: BTreeMap::new(),
            handed_out: 0,
            taken: 0,
        })
    }

    /// Has a part folded after those before.
    pub fn hand_out(&mut self, part: Part) -> Result<(), EngineError> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        // The first part, and one core, are for whoever takes them.
        if self.threads < self.handed_out.min(cores - 1) {
            self.start_thread()?;
        }
        self.hand_out.send((self.handed_out, part)).map_err(|_| EngineError::Stopped)?;
        self.handed_out += 1;
        Ok(())
    }

    fn start_thread(&mut self) -> Result<(), EngineError> {
        let folder = Folder { txn: self.store.read()?, ..self.own };
        let (waiting, finished) = (Arc::clone(&self.waiting), self.finished.clone());
        self.threads += 1;
        self.scope.spawn(move || {
            let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok((number, part)) = next() {
                if finished.send((number, folder.fold(part))).is_err() {
                    break;
                }
            }
        });
        Ok(())
    }

    /// The next part, in the order they were handed out.
    pub fn take(&mut self) -> Result<Folded, EngineError> {
        let folded = loop {
            self.early.extend(self.done.try_iter());
            if let Some(folded) = self.early.remove(&self.taken) {
                break folded?;
            }
            // A thread that holds the lock for long waits itself, so nothing is left to fold.
            let waiting = self.waiting.try_lock().ok().and_then(|waiting| waiting.try_recv().ok());
            match waiting {
                Some((number, part)) => self.early.extend([(number, self.own.fold(part))]),
                None => self.early.extend([self.done.recv().map_err(|_| EngineError::Stopped)?]),
            }
        };
        self.taken += 1;
        Ok(folded)
    }
}

/// Counts the events of a part of a day, and merges the segments it has too many of: both read the same rows in one order.
/// Left to [`segments::tidy`] are those that hold less than half of the rows, since all would have to be decoded whole for
/// them, and all segments where rows are read under other names than they are stored.
pub(super) fn fold(
    txn: &ReadTxn,
    part: &Part,
    counting: &Counting,
    publishing: Publishing,
) -> Result<(DayFold, Vec<Merged>), StoreError> {
    let (day, renames) = (part.day, Arc::clone(counting.renames()));
    let included: Vec<&SegmentRecord> = part.manifest.segments.iter().filter(|segment| publishing.includes(segment)).collect();
    let is_due = |segment: &SegmentRecord| renames.is_empty() && publishing.includes(segment);
    let mut due = segments::due(&part.manifest, is_due);
    let rows: u64 = included.iter().map(|segment| segment.rows).sum();
    due.retain(|members| 2 * members.iter().map(|segment| segment.rows).sum::<u64>() >= rows);
    let wanted = if due.is_empty() { Wanted::Counting } else { Wanted::All };
    let question = DayQuestion { day, repos: RepoChoice::Within(part.repos.clone()), sought: None, renames, wanted };
    let inputs = store::day_rows(txn, &question, included.iter().map(|segment| (*segment).clone()))?;
    let counted_now = matches!(publishing, Publishing::Document(_));
    let is_fresh = |at: usize| counted_now && included.get(at).is_some_and(|segment| segment.unpublished.is_some());
    let fresh: Vec<bool> = inputs.iter().map(|(at, _)| is_fresh(*at)).collect();
    let mut merging = Merging::new(day, due, inputs.iter().filter_map(|(at, _)| included.get(*at).copied()))?;
    let mut events = Merge::new(inputs.into_iter().map(|(_, rows)| rows))?.joined()?;
    let mut folder = DayFolder::new(day, counting);
    if wanted == Wanted::All {
        folder = folder.of_whole_paths();
    }
    let is_fresh = |input: usize| fresh.get(input).copied().unwrap_or(false);
    while let Some(event) = events.next_event_seen(is_fresh, |input, row, words| merging.add(input, row, words))? {
        folder.add(&event, events.words());
    }
    Ok((folder.finish(events.words()), merging.finish(events.words())?))
}

/// Segments that are merged while their rows pass.
struct Merging {
    groups: Vec<MergingGroup>,
    /// By input: the group it belongs to.
    group_of: Vec<Option<usize>>,
}

struct MergingGroup {
    members: Vec<SegmentRecord>,
    rows: Compaction,
    segment: SegmentEncoder<Encoder>,
}

impl Merging {
    fn new<'s>(
        day: Day,
        due: Vec<Vec<SegmentRecord>>,
        inputs: impl Iterator<Item = &'s SegmentRecord>,
    ) -> Result<Merging, StoreError> {
        let group_of = |input: &SegmentRecord| due.iter().position(|members| members.iter().any(|of| of.id == input.id));
        let group_of = inputs.map(group_of).collect();
        let group = |members| -> Result<MergingGroup, StoreError> {
            let segment = SegmentEncoder::new(day, Encoder::new()?);
            Ok(MergingGroup { members, rows: Compaction::default(), segment })
        };
        Ok(Merging { groups: due.into_iter().map(group).collect::<Result<_, _>>()?, group_of })
    }

    /// Adds the next row of an input.
    fn add(&mut self, input: usize, row: &Row, words: &Words) -> Result<(), StoreError> {
        let group = self.group_of.get(input).copied().flatten().and_then(|group| self.groups.get_mut(group));
        let Some(MergingGroup { rows, segment, .. }) = group else { return Ok(()) };
        rows.push(row, words, |rows, words| segment.add(rows, words))
    }

    fn finish(self, words: &Words) -> Result<Vec<Merged>, StoreError> {
        let merged = |group: MergingGroup| {
            let MergingGroup { members, rows, mut segment } = group;
            rows.finish(words, |rows, words| segment.add(rows, words))?;
            Ok(Merged { members, segment: segment.finish() })
        };
        self.groups.into_iter().map(merged).collect()
    }
}
