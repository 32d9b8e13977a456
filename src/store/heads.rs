//! The heads of all repos in one pass, for sums over the whole hub.

use super::StoreError;
use super::key::u32_at;
use super::table::{Read, Table};
use crate::model::RepoNumber;
use crate::rollup::RepoHead;

/// Calls `each` with the head of every repo that has one, ascending.
///
/// # Errors
/// When the store fails or a value is damaged.
pub fn for_heads(txn: &(impl Read + ?Sized), mut each: impl FnMut(RepoNumber, RepoHead)) -> Result<(), StoreError> {
    txn.scan(Table::RepoHeads, &[], &mut |key, value| {
        let head = RepoHead::decode(&value).map_err(StoreError::of_block(Table::RepoHeads.name(), key))?;
        each(RepoNumber(u32_at(key, 0)), head);
        Ok(true)
    })
}
