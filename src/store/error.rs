//! What can go wrong with the store, told once and for people.

use std::fmt;

use crate::block::BlockError;

/// An error of the store.
#[derive(Clone, Debug)]
pub enum StoreError {
    /// Another process holds the file.
    Held,
    /// The disk is full.
    Full,
    /// The operating system or redb refused.
    Storage(String),
    /// A value is missing, stale or damaged.
    Damaged { table: &'static str, key: String, why: String },
    /// The store cannot be used by this program as it is; the sentence says why and what to do.
    Unusable(String),
}

impl StoreError {
    /// A damaged value of a table.
    pub(crate) fn damaged(table: &'static str, key: &[u8], why: impl fmt::Display) -> StoreError {
        let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
        StoreError::Damaged { table, key, why: why.to_string() }
    }

    /// An error of reading a hand-written format out of a table.
    pub(crate) fn of_block(table: &'static str, key: &[u8]) -> impl Fn(BlockError) -> StoreError {
        move |error| StoreError::damaged(table, key, error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Held => f.write_str("the data folder is in use by another hubtally"),
            StoreError::Full => f.write_str("the disk is full: free some space, hubtally then goes on by itself"),
            StoreError::Storage(why) => write!(f, "the store cannot be read or written: {why}"),
            StoreError::Damaged { table, key, why } => {
                write!(f, "a stored value is damaged (table {table}, key {key}): {why}; run 'hubtally verify'")
            }
            StoreError::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StoreError {}

fn of_io(error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
            StoreError::Full
        }
        _ => StoreError::Storage(error.to_string()),
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> StoreError {
        match error {
            redb::Error::DatabaseAlreadyOpen => StoreError::Held,
            redb::Error::Io(error) => of_io(&error),
            other => StoreError::Storage(other.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),+) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> StoreError {
                redb::Error::from(error).into()
            }
        })+
    };
}

from_redb!(StorageError, TableError, DatabaseError, TransactionError, CommitError, SetDurabilityError, CompactionError);

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> StoreError {
        of_io(&error)
    }
}
