//! Daily figures that another system counted, by repo and by the delivery that brought them. Of several deliveries one is
//! believed: which one depends on what they say alone, not on when they came.

use std::collections::BTreeSet;

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::key::{Key, u32_at};
use super::records::ReportedRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::{Day, DeliveryId, Renames, RepoNumber};

/// A history as one delivery tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    pub delivery: DeliveryId,
    pub record: ReportedRecord,
}

impl Reported {
    /// Of two histories of a repo the greater is believed: the one that reaches further, then the one with the larger total,
    /// then with more days, then by the days themselves. Equal ones say the same, whoever brought them; and what a document
    /// says once it has grown is greater than what it said before, so that it does not matter whether both were kept.
    fn rank(&self) -> (Day, u64, usize, &[(u16, u64)]) {
        (last_day(&self.record), self.record.total, self.record.days.len(), &self.record.days)
    }
}

fn last_day(record: &ReportedRecord) -> Day {
    Day(record.days.last().map_or(0, |(day, _)| *day))
}

fn key(repo: RepoNumber, delivery: DeliveryId) -> Key {
    Key::default().repo(repo).u32(delivery.0)
}

/// What one delivery says of a repo.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn read_reported(
    txn: &(impl Read + ?Sized),
    repo: RepoNumber,
    delivery: DeliveryId,
) -> Result<Option<ReportedRecord>, StoreError> {
    get_record(txn, Table::Reported, key(repo, delivery).bytes())
}

/// Writes what a delivery says of a repo.
///
/// # Errors
/// When the store fails.
pub fn put_reported(txn: &WriteTxn, repo: RepoNumber, delivery: DeliveryId, record: &ReportedRecord) -> Result<(), StoreError> {
    put_record(txn, Table::Reported, key(repo, delivery).bytes(), record).map(drop)
}

/// Removes all that a delivery says.
///
/// # Errors
/// When the store fails.
pub fn remove_reported(txn: &WriteTxn, delivery: DeliveryId) -> Result<(), StoreError> {
    let mut keys = Vec::new();
    txn.scan(Table::Reported, &[], &mut |key, _| {
        if u32_at(key, 4) == delivery.0 {
            keys.push(key.to_vec());
        }
        Ok(true)
    })?;
    keys.iter().try_for_each(|key| txn.remove(Table::Reported, key))
}

/// The repos of which a history was told, under the names it was told of.
///
/// # Errors
/// When the store fails or a value is damaged.
pub fn reported_repos(txn: &(impl Read + ?Sized)) -> Result<BTreeSet<RepoNumber>, StoreError> {
    let mut repos = BTreeSet::new();
    txn.scan(Table::Reported, &[], &mut |key, _| {
        repos.insert(RepoNumber(u32_at(key, 0)));
        Ok(true)
    })?;
    Ok(repos)
}

/// The repos that histories which were told under a name are of.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn reported_readings(txn: &(impl Read + ?Sized), renames: &Renames, name: RepoNumber) -> Result<Vec<RepoNumber>, StoreError> {
    let told = txn.with_prefix(Table::Reported, Key::default().repo(name).bytes())?;
    let reading = |(key, value): &(Vec<u8>, Vec<u8>)| {
        let record: ReportedRecord = decode(Table::Reported, key, value)?;
        Ok(renames.read_as(name, last_day(&record).start()))
    };
    told.iter().map(reading).collect()
}

/// The history of a repo that is believed, of those told under its names: a history is of the repo that had the name on the
/// last day it lists.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn reported_as_read(txn: &(impl Read + ?Sized), renames: &Renames, repo: RepoNumber) -> Result<Option<Reported>, StoreError> {
    let mut names: BTreeSet<RepoNumber> = renames.old_of(&BTreeSet::from([repo])).collect();
    names.insert(repo);
    let mut believed: Option<Reported> = None;
    for name in names {
        for (key, value) in txn.with_prefix(Table::Reported, Key::default().repo(name).bytes())? {
            let record = decode(Table::Reported, &key, &value)?;
            let told = Reported { delivery: DeliveryId(u32_at(&key, 4)), record };
            let is_of_repo = renames.read_as(name, last_day(&told.record).start()) == repo;
            if is_of_repo && believed.as_ref().is_none_or(|other| other.rank() < told.rank()) {
                believed = Some(told);
            }
        }
    }
    Ok(believed)
}
