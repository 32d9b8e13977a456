//! People who may sign in, by name.

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::records::PersonRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::PersonName;

/// A person.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn find_person(txn: &(impl Read + ?Sized), name: &PersonName) -> Result<Option<PersonRecord>, StoreError> {
    get_record(txn, Table::People, name.key().as_bytes())
}

/// All people, by name.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_people(txn: &(impl Read + ?Sized)) -> Result<Vec<PersonRecord>, StoreError> {
    let values = txn.with_prefix(Table::People, &[])?;
    values.iter().map(|(key, value)| decode(Table::People, key, value)).collect()
}

/// Writes a person.
///
/// # Errors
/// When the store fails.
pub fn put_person(txn: &WriteTxn, name: &PersonName, record: &PersonRecord) -> Result<(), StoreError> {
    put_record(txn, Table::People, name.key().as_bytes(), record).map(drop)
}

/// Removes a person; says whether there was one.
///
/// # Errors
/// When the store fails.
pub fn remove_person(txn: &WriteTxn, name: &PersonName) -> Result<bool, StoreError> {
    let key = name.key();
    let there = txn.get(Table::People, key.as_bytes())?.is_some();
    if there {
        txn.remove(Table::People, key.as_bytes())?;
    }
    Ok(there)
}
