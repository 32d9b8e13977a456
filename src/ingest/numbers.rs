//! The dictionary of downloaders as it grows: one run per publication, and runs of one size merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::publish::damaged;
use super::waves::Folded;
use crate::model::Who;
use crate::rollup::{Asked, DictionaryChunk, DownloaderNumber, Entry, Numbering, encode_run};
use crate::store::{self, Read, RunRecord, StoreError, ViewStateRecord, WriteTxn};

/// So many runs of one tier become one.
const RUN_FAN_IN: usize = 8;

/// So many entries of a merged run are gathered before they are written: some 25 MB.
const MERGED_ENTRIES: usize = 1 << 20;

/// The numbers of the downloaders of folded parts, in their order; new ones become a run of their own.
pub fn number(txn: &WriteTxn, views: &mut ViewStateRecord, folds: &[Folded]) -> Result<Vec<DownloaderNumber>, StoreError> {
    let asked = Asked::of(folds.iter().flat_map(|folded| folded.fold.downloaders.iter().copied()));
    let mut numbering = asked.numbering();
    join_runs(txn, views, &mut numbering)?;
    let new = numbering.number_rest(DownloaderNumber(views.next_number));
    if !new.entries.is_empty() {
        let added = u32::try_from(new.entries.len()).unwrap_or(u32::MAX);
        views.next_number = views.next_number.saturating_add(added);
        put_run(txn, views, &new.entries)?;
        store::add_kin(txn, views, &new.kin)?;
    }
    Ok(asked.numbers(&numbering))
}

/// Takes what the dictionary knows of the downloaders that are wanted. Each chunk is read once at most: a repo may bring a
/// million downloaders along.
pub fn join_runs(txn: &(impl Read + ?Sized), views: &ViewStateRecord, numbering: &mut Numbering) -> Result<(), StoreError> {
    for run in &views.runs {
        for (at, (first, last, _)) in run.chunks.iter().enumerate() {
            if numbering.wants_within(Who(*first), Who(*last)) {
                let bytes = store::read_run_chunk(txn, run, at)?;
                let joined = DictionaryChunk::new(&bytes).and_then(|chunk| numbering.join(&chunk));
                joined.map_err(|error| damaged("dictionary", run.id, error))?;
            }
        }
    }
    Ok(())
}

/// Merges dictionary runs of one size, so that a look-up stays short.
pub fn tidy(txn: &WriteTxn, views: &mut ViewStateRecord) -> Result<(), StoreError> {
    for tier in 0..22 {
        let of_tier = |run: &&RunRecord| run.entries.max(1).ilog2() / 3 == tier;
        let members: Vec<RunRecord> = views.runs.iter().filter(of_tier).cloned().collect();
        if members.len() < RUN_FAN_IN {
            continue;
        }
        let merged = merge(txn, views.next_run, &members)?;
        for run in &members {
            store::remove_run(txn, run)?;
        }
        views.runs.retain(|run| !members.iter().any(|member| member.id == run.id));
        views.next_run += 1;
        views.runs.push(merged);
    }
    Ok(())
}

/// Merges runs into a new one, holding a part of them in memory, however many downloaders they have.
fn merge(txn: &WriteTxn, id: u32, runs: &[RunRecord]) -> Result<RunRecord, StoreError> {
    let mut readers: Vec<RunReader<'_>> = runs.iter().map(RunReader::of).collect();
    let mut nexts: BinaryHeap<Reverse<(Entry, usize)>> = BinaryHeap::new();
    for (at, reader) in readers.iter_mut().enumerate() {
        nexts.extend(reader.next(txn)?.map(|entry| Reverse((entry, at))));
    }
    let mut merged = RunRecord { id, entries: 0, chunks: Vec::new() };
    let mut gathered: Vec<Entry> = Vec::new();
    while let Some(Reverse((entry, at))) = nexts.pop() {
        gathered.push(entry);
        if gathered.len() >= MERGED_ENTRIES {
            store::add_to_run(txn, &mut merged, gathered.len(), encode_run(&gathered))?;
            gathered.clear();
        }
        let next = readers.get_mut(at).map(|reader| reader.next(txn)).transpose()?.flatten();
        nexts.extend(next.map(|entry| Reverse((entry, at))));
    }
    store::add_to_run(txn, &mut merged, gathered.len(), encode_run(&gathered))?;
    Ok(merged)
}

/// Reads a run chunk by chunk.
struct RunReader<'a> {
    run: &'a RunRecord,
    next_chunk: usize,
    entries: std::vec::IntoIter<Entry>,
}

impl<'a> RunReader<'a> {
    fn of(run: &'a RunRecord) -> RunReader<'a> {
        RunReader { run, next_chunk: 0, entries: Vec::new().into_iter() }
    }

    /// The next entry, ascending; `None` after the last one.
    fn next(&mut self, txn: &WriteTxn) -> Result<Option<Entry>, StoreError> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Ok(Some(entry));
            }
            if self.next_chunk >= self.run.chunks.len() {
                return Ok(None);
            }
            let bytes = store::read_run_chunk(txn, self.run, self.next_chunk)?;
            let read = DictionaryChunk::new(&bytes).and_then(|chunk| chunk.entries().collect::<Result<Vec<Entry>, _>>());
            self.entries = read.map_err(|error| damaged("dictionary", self.run.id, error))?.into_iter();
            self.next_chunk += 1;
        }
    }
}

fn put_run(txn: &WriteTxn, views: &mut ViewStateRecord, entries: &[Entry]) -> Result<(), StoreError> {
    let mut run = RunRecord { id: views.next_run, entries: 0, chunks: Vec::new() };
    store::add_to_run(txn, &mut run, entries.len(), encode_run(entries))?;
    views.next_run += 1;
    views.runs.push(run);
    Ok(())
}
