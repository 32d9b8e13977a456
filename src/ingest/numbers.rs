//! The dictionary of downloaders as it grows: one run per publication, and runs of one size merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::publish::damaged;
use crate::model::{DownloaderKey, Who};
use crate::rollup::{Asked, DictionaryChunk, DownloaderNumber, Entry, LiveNumbers, Numbering, Share, encode_run};
use crate::store::{self, Read, RunRecord, StoreError, ViewStateRecord, WriteTxn};

/// So many runs of one tier become one.
const RUN_FAN_IN: usize = 8;

/// Downloaders that a thread of its own pays for.
pub(super) const SHARE_MIN: usize = 20_000;

/// Chunks that wait for a thread that joins them.
const CHUNKS_AHEAD: usize = 4;

/// So many entries of a merged run are gathered before they are written: some 25 MB.
const MERGED_ENTRIES: usize = 1 << 20;

/// The numbers of downloaders, in their order; new ones become a run of their own. Each thread that looks for them has at
/// least `share_min`.
pub fn number(
    txn: &WriteTxn,
    views: &mut ViewStateRecord,
    downloaders: impl Iterator<Item = DownloaderKey>,
    share_min: usize,
) -> Result<Vec<DownloaderNumber>, StoreError> {
    let asked = Asked::of(downloaders);
    let mut numbering = asked.numbering();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    match cores.min(numbering.len() / share_min.max(1)) {
        0 | 1 => join_runs(txn, views, &mut numbering)?,
        shares => join_runs_in_shares(txn, views, &mut numbering, shares)?,
    }
    let new = numbering.number_rest(DownloaderNumber(views.next_number));
    if !new.entries.is_empty() {
        let added = u32::try_from(new.entries.len()).unwrap_or(u32::MAX);
        views.next_number = views.next_number.saturating_add(added);
        put_run(txn, views, &new.entries)?;
        store::add_kin(txn, views, &new.kin)?;
    }
    Ok(asked.numbers(&numbering))
}

/// Has some downloaders of the overlay numbered that are not yet.
pub fn learn(
    txn: &(impl Read + ?Sized),
    views: &ViewStateRecord,
    numbers: &mut LiveNumbers,
    keys: &[DownloaderKey],
) -> Result<(), StoreError> {
    let unknown: Vec<DownloaderKey> = keys.iter().filter(|key| numbers.number(**key).is_none()).copied().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut numbering = Numbering::wanting(unknown);
    join_runs(txn, views, &mut numbering)?;
    numbering.found().for_each(|found| numbers.learn(found));
    Ok(())
}

/// Takes what the dictionary knows of the downloaders that are wanted. Each chunk is read once at most: a repo may bring a
/// million downloaders along.
pub fn join_runs(txn: &(impl Read + ?Sized), views: &ViewStateRecord, numbering: &mut Numbering) -> Result<(), StoreError> {
    let mut wanted = numbering.all();
    for (run, at, (first, last)) in chunks(views) {
        if wanted.wants_within(first, last) {
            join(&mut wanted, run, &store::read_run_chunk(txn, run, at)?)?;
        }
    }
    Ok(())
}

/// A chunk on its way to whoever joins it, and the run it is of.
type Handed<'r> = (&'r RunRecord, Arc<Vec<u8>>);

/// As [`join_runs`], by several threads with a share each, while this one reads: behind the last wave of days nothing else is
/// left to do for them.
fn join_runs_in_shares(
    txn: &WriteTxn,
    views: &ViewStateRecord,
    numbering: &mut Numbering,
    shares: usize,
) -> Result<(), StoreError> {
    let all = numbering.all();
    let wanted: Vec<_> = chunks(views).filter(|(.., (first, last))| all.wants_within(*first, *last)).collect();
    std::thread::scope(|scope| {
        let mut started = Vec::with_capacity(shares);
        for mut share in numbering.shares(shares) {
            let (bounds, (hand_out, handed)) = (share.bounds(), sync_channel::<Handed<'_>>(CHUNKS_AHEAD));
            let joined = scope.spawn(move || handed.into_iter().try_for_each(|(run, bytes)| join(&mut share, run, &bytes)));
            started.push((bounds, hand_out, joined));
        }
        for (run, at, (first, last)) in wanted {
            let bytes = Arc::new(store::read_run_chunk(txn, run, at)?);
            for (bounds, hand_out, _) in &started {
                if bounds.is_some_and(|bounds| bounds.0 <= last && first <= bounds.1) {
                    // Whoever does not take it any more has failed, and says so at the end.
                    drop(hand_out.send((run, Arc::clone(&bytes))));
                }
            }
        }
        started.into_iter().try_for_each(|(_, hand_out, joined)| {
            drop(hand_out);
            joined.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    })
}

/// The chunks of all runs, each with who is first and last in it.
fn chunks(views: &ViewStateRecord) -> impl Iterator<Item = (&RunRecord, usize, (Who, Who))> {
    views.runs.iter().flat_map(|run| {
        let bounds = run.chunks.iter().map(|(first, last, _)| (Who(*first), Who(*last)));
        bounds.enumerate().map(move |(at, bounds)| (run, at, bounds))
    })
}

fn join(wanted: &mut Share<'_>, run: &RunRecord, chunk: &[u8]) -> Result<(), StoreError> {
    let joined = DictionaryChunk::new(chunk).and_then(|chunk| wanted.join(&chunk));
    joined.map_err(|error| damaged("dictionary", run.id, error))
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
