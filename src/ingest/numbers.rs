//! The dictionary of downloaders as it grows: one run per publication, and runs of one size merged.

use super::publish::damaged;
use crate::model::{DownloaderKey, Who};
use crate::rollup::{DayFold, DictionaryChunk, DownloaderNumber, Entry, Numbering, encode_run};
use crate::store::{self, Read, RunRecord, StoreError, ViewStateRecord, WriteTxn};

/// Keys of many days are thinned out when there are so many, and again whenever they have doubled.
const DEDUP_AT: usize = 1 << 20;

/// So many runs of one tier become one.
const RUN_FAN_IN: usize = 8;

/// Numbers the downloaders of folded days; new ones become a run of their own.
pub fn number(txn: &WriteTxn, views: &mut ViewStateRecord, folds: &[DayFold]) -> Result<Numbering, StoreError> {
    let mut wanted: Vec<DownloaderKey> = Vec::new();
    let mut dedup_at = DEDUP_AT;
    for fold in folds {
        wanted.extend_from_slice(&fold.downloaders);
        if wanted.len() > dedup_at {
            wanted.sort_unstable();
            wanted.dedup();
            dedup_at = DEDUP_AT.max(2 * wanted.len());
        }
    }
    let mut numbering = Numbering::wanting(wanted);
    join_runs(txn, views, &mut numbering)?;
    let new = numbering.number_rest(DownloaderNumber(views.next_number));
    if !new.entries.is_empty() {
        let added = u32::try_from(new.entries.len()).unwrap_or(u32::MAX);
        views.next_number = views.next_number.saturating_add(added);
        put_run(txn, views, &new.entries)?;
        store::add_kin(txn, views, &new.kin)?;
    }
    Ok(numbering)
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
        let mut entries = Vec::new();
        for run in &members {
            for at in 0..run.chunks.len() {
                let bytes = store::read_run_chunk(txn, run, at)?;
                let read = DictionaryChunk::new(&bytes)
                    .and_then(|chunk| chunk.entries().try_for_each(|entry| entry.map(|entry| entries.push(entry))));
                read.map_err(|error| damaged("dictionary", run.id, error))?;
            }
            store::remove_run(txn, run)?;
        }
        entries.sort_unstable();
        views.runs.retain(|run| !members.iter().any(|member| member.id == run.id));
        put_run(txn, views, &entries)?;
    }
    Ok(())
}

fn put_run(txn: &WriteTxn, views: &mut ViewStateRecord, entries: &[Entry]) -> Result<(), StoreError> {
    let run = store::put_run(txn, views.next_run, entries.len() as u64, encode_run(entries))?;
    views.next_run += 1;
    views.runs.push(run);
    Ok(())
}
