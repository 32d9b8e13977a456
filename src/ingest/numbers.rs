//! The dictionary of downloaders as it grows: one run per publication, and runs of one size merged.

use super::publish::damaged;
use crate::model::DownloaderKey;
use crate::rollup::{DayFold, DictionaryChunk, DownloaderNumber, Numbering, RUN_CHUNK_ENTRIES, encode_run_chunk};
use crate::store::{self, RunRecord, StoreError, ViewStateRecord, WriteTxn};

/// Hashes of many days are thinned out when there are so many, and again whenever they have doubled.
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
    for run in &views.runs {
        for (at, (first, last, _)) in run.chunks.iter().enumerate() {
            if numbering.wants_within(DownloaderKey(*first), DownloaderKey(*last)) {
                let bytes = store::read_run_chunk(txn, run, at)?;
                numbering.join(DictionaryChunk::new(&bytes).map_err(|error| damaged("dictionary", run.id, error))?);
            }
        }
    }
    let new = numbering.number_rest(DownloaderNumber(views.next_number));
    views.next_number += u32::try_from(new.len()).unwrap_or(u32::MAX);
    if !new.is_empty() {
        let run = put_run(txn, views.next_run, &new)?;
        views.next_run += 1;
        views.runs.push(run);
    }
    Ok(numbering)
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
                let chunk = DictionaryChunk::new(&bytes).map_err(|error| damaged("dictionary", run.id, error))?;
                entries.extend(chunk.entries());
            }
            store::remove_run(txn, run)?;
        }
        entries.sort_unstable();
        views.runs.retain(|run| !members.iter().any(|member| member.id == run.id));
        let merged = put_run(txn, views.next_run, &entries)?;
        views.next_run += 1;
        views.runs.push(merged);
    }
    Ok(())
}

fn put_run(txn: &WriteTxn, id: u32, entries: &[(DownloaderKey, DownloaderNumber)]) -> Result<RunRecord, StoreError> {
    let chunks = entries.chunks(RUN_CHUNK_ENTRIES).filter_map(|entries| {
        let (first, last) = (entries.first()?.0, entries.last()?.0);
        Some((first.0, last.0, encode_run_chunk(entries)))
    });
    store::put_run(txn, id, entries.len() as u64, chunks)
}
