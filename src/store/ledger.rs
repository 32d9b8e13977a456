//! The ledger of deliveries, and of bodies that came with an idempotency key.

use xxhash_rust::xxh3::xxh3_128;

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::key::{Key, u32_at};
use super::records::{BodyRecord, DeliveryRecord, RestatementRecord};
use super::table::{Read, Table, WriteTxn};
use crate::model::{DeliveryId, SourceId};

/// One delivery.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn get_delivery(txn: &(impl Read + ?Sized), id: DeliveryId) -> Result<Option<DeliveryRecord>, StoreError> {
    get_record(txn, Table::Deliveries, Key::default().u32(id.0).bytes())
}

/// All deliveries, in order of number: documents, then pushes.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_deliveries(txn: &(impl Read + ?Sized)) -> Result<Vec<(DeliveryId, DeliveryRecord)>, StoreError> {
    let values = txn.with_prefix(Table::Deliveries, &[])?;
    values.iter().map(|(key, value)| Ok((DeliveryId(u32_at(key, 0)), decode(Table::Deliveries, key, value)?))).collect()
}

/// Writes a delivery.
///
/// # Errors
/// When the store fails.
pub fn put_delivery(txn: &WriteTxn, id: DeliveryId, record: &DeliveryRecord) -> Result<(), StoreError> {
    put_record(txn, Table::Deliveries, Key::default().u32(id.0).bytes(), record).map(drop)
}

/// Appends an entry to the restatement log.
///
/// # Errors
/// When the store fails.
pub fn add_restatement(txn: &WriteTxn, record: &RestatementRecord) -> Result<(), StoreError> {
    let last = txn.last_key(Table::Restatements)?;
    let number = last.and_then(|key| key.try_into().ok()).map_or(0, |key| u64::from_be_bytes(key) + 1);
    put_record(txn, Table::Restatements, Key::default().u64(number).bytes(), record).map(drop)
}

/// The restatement log, oldest entry first.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_restatements(txn: &(impl Read + ?Sized)) -> Result<Vec<RestatementRecord>, StoreError> {
    let values = txn.with_prefix(Table::Restatements, &[])?;
    values.iter().map(|(key, value)| decode(Table::Restatements, key, value)).collect()
}

fn body_key(source: SourceId, idempotency_key: &str) -> Key {
    let hash = xxh3_128(idempotency_key.as_bytes());
    Key::default().u16(source.0).u64((hash >> 64) as u64).u64(hash as u64)
}

/// The body that came with an idempotency key.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn get_body(txn: &(impl Read + ?Sized), source: SourceId, key: &str) -> Result<Option<BodyRecord>, StoreError> {
    get_record(txn, Table::Bodies, body_key(source, key).bytes())
}

/// Remembers the body that came with an idempotency key.
///
/// # Errors
/// When the store fails.
pub fn put_body(txn: &WriteTxn, source: SourceId, key: &str, record: &BodyRecord) -> Result<(), StoreError> {
    put_record(txn, Table::Bodies, body_key(source, key).bytes(), record).map(drop)
}
