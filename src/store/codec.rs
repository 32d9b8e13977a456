//! Small records as bytes: the only user of bincode, with a size limit, frozen by golden bytes in the tests.

use bincode::{Decode, Encode, config};

use super::{Read, StoreError, Table, WriteTxn};

/// No record is longer; a damaged length cannot ask for more.
const RECORD_BYTES_MAX: usize = 64 << 20;

fn configuration() -> impl config::Config {
    config::standard().with_limit::<RECORD_BYTES_MAX>()
}

/// The bytes of a record.
///
/// # Errors
/// When the record is too large.
pub fn encode(table: Table, key: &[u8], record: &impl Encode) -> Result<Vec<u8>, StoreError> {
    bincode::encode_to_vec(record, configuration()).map_err(|error| StoreError::damaged(table.name(), key, error))
}

/// The record of some bytes; all of them must be used.
///
/// # Errors
/// When the bytes are no such record.
pub fn decode<R: Decode<()>>(table: Table, key: &[u8], bytes: &[u8]) -> Result<R, StoreError> {
    match bincode::decode_from_slice(bytes, configuration()) {
        Ok((record, used)) if used == bytes.len() => Ok(record),
        Ok(_) => Err(StoreError::damaged(table.name(), key, "the record is longer than it says")),
        Err(error) => Err(StoreError::damaged(table.name(), key, error)),
    }
}

/// Reads a record.
///
/// # Errors
/// When the store fails or the value is damaged.
pub fn get_record<R: Decode<()>>(txn: &(impl Read + ?Sized), table: Table, key: &[u8]) -> Result<Option<R>, StoreError> {
    txn.get(table, key)?.map(|bytes| decode(table, key, &bytes)).transpose()
}

/// Writes a record; gives its checksum.
///
/// # Errors
/// When the store fails.
pub fn put_record(txn: &WriteTxn, table: Table, key: &[u8], record: &impl Encode) -> Result<u64, StoreError> {
    txn.put(table, key, &encode(table, key, record)?)
}
