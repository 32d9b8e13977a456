//! The forget list: identities whose events are dropped whenever they come.

use super::StoreError;
use super::codec::{decode, put_record};
use super::key::{Key, u64_at};
use super::records::ForgottenRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::{Millis, Who};

/// The whole list, with when each was asked for.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_forgotten(txn: &(impl Read + ?Sized)) -> Result<Vec<(Who, Millis)>, StoreError> {
    let values = txn.with_prefix(Table::Forgotten, &[])?;
    let entry = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let record: ForgottenRecord = decode(Table::Forgotten, key, value)?;
        Ok((Who(u64_at(key, 0)), Millis(record.at_ms)))
    };
    values.iter().map(entry).collect()
}

/// Puts an identity on the list.
///
/// # Errors
/// When the store fails.
pub fn put_forgotten(txn: &WriteTxn, who: Who, at: Millis) -> Result<(), StoreError> {
    put_record(txn, Table::Forgotten, Key::default().u64(who.0).bytes(), &ForgottenRecord { at_ms: at.0 }).map(drop)
}

/// Takes an identity off the list.
///
/// # Errors
/// When the store fails.
pub fn remove_forgotten(txn: &WriteTxn, who: Who) -> Result<(), StoreError> {
    txn.remove(Table::Forgotten, Key::default().u64(who.0).bytes())
}
