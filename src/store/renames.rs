//! Names that repos of the catalog had before, as the hub told them.

use std::collections::BTreeMap;

use super::StoreError;
use super::catalog::{RepoEntry, read_repo};
use super::codec::{decode, put_record};
use super::key::{Key, u32_at};
use super::records::RenameRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::{Millis, Rename, Renames, RepoKey, RepoNumber};

/// Replaces the names that a repo had before.
///
/// # Errors
/// When the store fails.
pub fn put_renames(txn: &WriteTxn, repo: RepoNumber, before: &[RenameRecord]) -> Result<(), StoreError> {
    for (key, _) in txn.with_prefix(Table::Renames, Key::default().repo(repo).bytes())? {
        txn.remove(Table::Renames, &key)?;
    }
    for (ordinal, record) in (0..).zip(before) {
        put_record(txn, Table::Renames, Key::default().repo(repo).u16(ordinal).bytes(), record)?;
    }
    Ok(())
}

/// All renames. One without an instant holds until a new repo of the old name was created, if the catalog lists one.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn renames(txn: &(impl Read + ?Sized)) -> Result<Renames, StoreError> {
    // In order of names: numbers are given by arrival, and that must not decide anything.
    let mut told: BTreeMap<(RepoKey, RepoKey, Option<i64>), Rename> = BTreeMap::new();
    for (key, value) in txn.with_prefix(Table::Renames, &[])? {
        let record: RenameRecord = decode(Table::Renames, &key, &value)?;
        let (from, to) = (RepoNumber(record.from), RepoNumber(u32_at(&key, 0)));
        let (old, new) = (read_repo(txn, from)?, read_repo(txn, to)?);
        let taken = created(&old).filter(|taken| created(&new).is_some_and(|created| created < *taken));
        let at = record.at_ms.map(Millis);
        // A listing of the old name is of a new repo if that was created later than the renamed one, or after the renaming.
        let is_new = taken.is_some() || at.is_some_and(|at| created(&old).is_some_and(|created| created >= at));
        let rename = Rename { from, to, until: at.or(taken), supersedes_listing: !is_new };
        told.insert((old.key, new.key, record.at_ms), rename);
    }
    Ok(Renames::new(&told.into_values().collect::<Vec<_>>()))
}

fn created(entry: &RepoEntry) -> Option<Millis> {
    entry.listing.as_ref().and_then(|listing| listing.created_ms).map(Millis)
}
