//! The dictionary of downloaders on disk: its runs, and which numbers are one person. The views' state names every chunk.

use super::StoreError;
use super::key::Key;
use super::records::{KinRecord, RunRecord, ViewStateRecord};
use super::table::{Read, Table, WriteTxn};
use super::views::named;
use crate::model::Who;
use crate::rollup::{KIN_CHUNK_PAIRS, Kin, decode_kin, encode_kin};

fn number_of(chunk: usize) -> u32 {
    u32::try_from(chunk).unwrap_or(u32::MAX)
}

fn run_key(run: u32, chunk: usize) -> Key {
    Key::default().u32(run).u32(number_of(chunk))
}

fn kin_key(chunk: usize) -> Key {
    Key::default().u32(number_of(chunk))
}

/// Adds chunks of so many entries to a run, each with the who of its first and last downloader; those of a later call lie
/// behind those of an earlier one.
///
/// # Errors
/// When the store fails.
pub fn add_to_run(
    txn: &WriteTxn,
    run: &mut RunRecord,
    entries: usize,
    chunks: impl IntoIterator<Item = (Who, Who, Vec<u8>)>,
) -> Result<(), StoreError> {
    let mut table = txn.open(Table::Dictionary)?;
    for (first, last, bytes) in chunks {
        let checksum = table.put(run_key(run.id, run.chunks.len()).bytes(), &bytes)?;
        run.chunks.push((first.0, last.0, checksum));
    }
    run.entries += entries as u64;
    Ok(())
}

/// The bytes of a chunk of a run.
///
/// # Errors
/// When the store fails, or the chunk is missing, stale or damaged.
pub fn read_run_chunk(txn: &(impl Read + ?Sized), run: &RunRecord, chunk: usize) -> Result<Vec<u8>, StoreError> {
    let checksum = run.chunks.get(chunk).map_or(0, |(_, _, checksum)| *checksum);
    named(txn, Table::Dictionary, &run_key(run.id, chunk), checksum)
}

/// Removes a run.
///
/// # Errors
/// When the store fails.
pub fn remove_run(txn: &WriteTxn, run: &RunRecord) -> Result<(), StoreError> {
    let mut table = txn.open(Table::Dictionary)?;
    (0..run.chunks.len()).try_for_each(|chunk| table.remove(run_key(run.id, chunk).bytes()))
}

/// Adds numbers that are a person with a smaller number: ascending, and all greater than those there are.
///
/// # Errors
/// When the store fails, or the last chunk is missing, stale or damaged.
pub fn add_kin(txn: &WriteTxn, views: &mut ViewStateRecord, pairs: &[Kin]) -> Result<(), StoreError> {
    if pairs.is_empty() {
        return Ok(());
    }
    let mut open = Vec::new();
    if views.kin.last().is_some_and(|last| (last.pairs as usize) < KIN_CHUNK_PAIRS) {
        open = read_kin_chunk(txn, views, views.kin.len() - 1)?;
        views.kin.pop();
    }
    open.extend_from_slice(pairs);
    let mut table = txn.open(Table::Kin)?;
    for pairs in open.chunks(KIN_CHUNK_PAIRS) {
        let checksum = table.put(kin_key(views.kin.len()).bytes(), &encode_kin(pairs))?;
        views.kin.push(KinRecord { pairs: number_of(pairs.len()), checksum });
    }
    Ok(())
}

/// All numbers that are a person with a smaller number, ascending.
///
/// # Errors
/// When the store fails, or a chunk is missing, stale or damaged.
pub fn read_kin(txn: &(impl Read + ?Sized), views: &ViewStateRecord) -> Result<Vec<Kin>, StoreError> {
    let mut pairs = Vec::with_capacity(views.kin.iter().map(|chunk| chunk.pairs as usize).sum());
    for chunk in 0..views.kin.len() {
        pairs.extend(read_kin_chunk(txn, views, chunk)?);
    }
    Ok(pairs)
}

fn read_kin_chunk(txn: &(impl Read + ?Sized), views: &ViewStateRecord, chunk: usize) -> Result<Vec<Kin>, StoreError> {
    let key = kin_key(chunk);
    let bytes = named(txn, Table::Kin, &key, views.kin.get(chunk).map_or(0, |chunk| chunk.checksum))?;
    decode_kin(&bytes).map_err(StoreError::of_block(Table::Kin.name(), key.bytes()))
}
