//! Saved groups of repos, such as the sizes of one model: by name, since a group may know a repo before any event does.

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::records::GroupRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::{GroupName, RepoKey, RepoKind, RepoName};

fn repos(record: GroupRecord, name: &[u8]) -> Result<Vec<RepoKey>, StoreError> {
    let key = |(kind, name): (u8, String)| Some(RepoKey { kind: RepoKind::from_code(kind)?, name: RepoName::parse(&name)? });
    let keys: Option<Vec<RepoKey>> = record.repos.into_iter().map(key).collect();
    keys.ok_or_else(|| StoreError::damaged(Table::Groups.name(), name, "the group names what is no repo"))
}

/// The repos of a group.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn get_group(txn: &(impl Read + ?Sized), name: &GroupName) -> Result<Option<Vec<RepoKey>>, StoreError> {
    let key = name.as_str().as_bytes();
    get_record(txn, Table::Groups, key)?.map(|record| repos(record, key)).transpose()
}

/// All groups, by name.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn list_groups(txn: &(impl Read + ?Sized)) -> Result<Vec<(GroupName, Vec<RepoKey>)>, StoreError> {
    let mut groups = Vec::new();
    for (key, value) in txn.with_prefix(Table::Groups, &[])? {
        let name = std::str::from_utf8(&key).ok().and_then(GroupName::parse);
        let name = name.ok_or_else(|| StoreError::damaged(Table::Groups.name(), &key, "this is no name of a group"))?;
        groups.push((name, repos(decode(Table::Groups, &key, &value)?, &key)?));
    }
    Ok(groups)
}

/// Writes a group, or removes it.
///
/// # Errors
/// When the store fails.
pub fn put_group(txn: &WriteTxn, name: &GroupName, repos: Option<&[RepoKey]>) -> Result<(), StoreError> {
    let key = name.as_str().as_bytes();
    let Some(repos) = repos else { return txn.remove(Table::Groups, key) };
    let repos = repos.iter().map(|repo| (repo.kind.code(), repo.name.as_str().to_owned())).collect();
    put_record(txn, Table::Groups, key, &GroupRecord { repos }).map(drop)
}
