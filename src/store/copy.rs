//! Copies a store value by value into a fresh file: for a backup, for restoring one, and for giving space back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use redb::Database;

use super::StoreError;
use super::open::{begin_write, commit_number, open_all_tables};
use super::sums::{SUMS_KEY, Sums, check_table, table_names};
use super::table::{COMMIT_KEY, KeyValue, Read, ReadTxn, Table, WriteTxn};

/// Bytes of values that are held at once and committed together.
const BATCH_BYTES: usize = 8 << 20;

/// Copies all tables of a snapshot into an empty database, without the values of `Meta` named in `left_out`; `finish` writes
/// what else belongs there. Every value is checked on its way, and every table against its sum. Gives the values copied.
///
/// # Errors
/// When either side fails, or the snapshot is damaged.
pub(super) fn copy_tables(
    from: &ReadTxn,
    into: &Database,
    left_out: &[&[u8]],
    finish: impl FnOnce(&WriteTxn) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let commits = Arc::default();
    let txn = begin_write(into, &commits)?;
    open_all_tables(&txn)?;
    txn.commit()?;
    let written_there = table_names(from)?;
    let is_meta =
        |table: Table, key: &[u8]| table == Table::Meta && (key == SUMS_KEY || key == COMMIT_KEY || left_out.contains(&key));
    let mut copied = 0;
    for table in Table::ALL.iter().copied().filter(|table| written_there.iter().any(|name| name == table.name())) {
        let mut first = Vec::new();
        loop {
            let batch = read_batch(from, table, &first)?;
            let Some((last, _)) = batch.last() else { break };
            // No key lies between a key and itself with a zero behind it.
            first = [last.as_slice(), &[0]].concat();
            let txn = begin_write(into, &commits)?;
            {
                let mut open = txn.open(table)?;
                for (key, value) in batch.iter().filter(|(key, _)| !is_meta(table, key)) {
                    open.put(key, value)?;
                    copied += 1;
                }
            }
            txn.commit()?;
        }
    }
    let txn = begin_write(into, &commits)?;
    compare_sums(from, &txn)?;
    finish(&txn)?;
    commits.store(commit_number(from)?, Ordering::Release);
    txn.commit()?;
    Ok(copied)
}

/// The values of a table from a key on, as many as are held at once.
fn read_batch(from: &ReadTxn, table: Table, first: &[u8]) -> Result<Vec<KeyValue>, StoreError> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    from.scan(table, first, &mut |key, value| {
        bytes += key.len() + value.len();
        batch.push((key.to_vec(), value));
        Ok(bytes < BATCH_BYTES)
    })?;
    Ok(batch)
}

/// What was written must be what the source's own commits say it holds: a value that is missing there is noticed here.
fn compare_sums(from: &ReadTxn, copy: &WriteTxn) -> Result<(), StoreError> {
    let mut sums = Sums::read(from)?.unwrap_or_default();
    for table in Table::ALL.iter().copied().filter(|table| *table != Table::Meta) {
        if sums.of(table).copied().unwrap_or_default() != copy.sum(table) {
            return Err(StoreError::damaged(table.name(), &[], "values are missing or stale"));
        }
    }
    // This one differs by what a copy leaves out.
    check_table(from, Table::Meta).map(drop)
}

/// Reads all of a finished copy. Gives the values read.
///
/// # Errors
/// When anything is damaged.
pub(super) fn check_copy(txn: &ReadTxn) -> Result<u64, StoreError> {
    Table::ALL.iter().try_fold(0, |values, table| Ok(values + check_table(txn, *table)?))
}
