//! Names: repos with what the hub's catalog says of them, sources with their settings.

use super::StoreError;
use super::codec::{decode, encode, get_record, put_record};
use super::key::{Key, u16_at, u32_at};
use super::records::{CountersRecord, ListingRecord, RepoRecord, SourceRecord};
use super::table::{KeyValue, OpenTable, Read, Table, WriteTxn};
use crate::model::{Format, HeadRedirect, OrgName, Redirects, RepoKey, RepoKind, RepoName, RepoNumber, SourceId, SourceSettings};

/// A repo as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoEntry {
    pub key: RepoKey,
    pub listing: Option<ListingRecord>,
}

/// What the catalog says, as a query needs it.
pub type Listing = ListingRecord;

/// Names are looked up without regard to case when the exact one is not there for the asker.
fn name_prefix(name: &str, kind: RepoKind) -> Vec<u8> {
    let mut key = name.to_ascii_lowercase().into_bytes();
    key.push(0);
    key.push(kind.code());
    key
}

/// The name itself follows where it differs from its lower-case form. Older stores have it behind every name.
fn name_key(key: &RepoKey) -> Vec<u8> {
    let name = key.name.as_str();
    let mut bytes = name_prefix(name, key.kind);
    if !is_lower_case(name) {
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}

fn is_lower_case(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn repo_number(key: &[u8], value: &[u8]) -> Result<RepoNumber, StoreError> {
    let bytes = value.try_into().map_err(|_| StoreError::damaged(Table::RepoNames.name(), key, "not a repo number"))?;
    Ok(RepoNumber(u32::from_be_bytes(bytes)))
}

/// The number of the repo of exactly this name.
///
/// # Errors
/// When the store fails.
pub fn find_repo(txn: &(impl Read + ?Sized), repo: &RepoKey) -> Result<Option<RepoNumber>, StoreError> {
    let (key, name) = (name_key(repo), repo.name.as_str());
    // One look is less than a walk, and who asks mostly names a repo that is there. (Who enters repos mostly has new ones.)
    match txn.get(Table::RepoNames, &key)? {
        Some(value) => repo_number(&key, &value).map(Some),
        None if is_lower_case(name) => find_spelled(&key, name, txn.with_prefix(Table::RepoNames, &key)?),
        None => Ok(None),
    }
}

/// The number of the repo of exactly a lower-case name, among all that begin with its key: older stores have the name behind.
fn find_spelled(key: &[u8], name: &str, found: Vec<KeyValue>) -> Result<Option<RepoNumber>, StoreError> {
    let spelled = |found: &[u8]| found.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest == name.as_bytes());
    let found = found.into_iter().find(|(found, _)| spelled(found));
    found.map(|(key, value)| repo_number(&key, &value)).transpose()
}

/// The numbers of all repos whose names differ from this one in case alone, if at all.
///
/// # Errors
/// When the store fails.
pub fn find_spellings(txn: &(impl Read + ?Sized), repo: &RepoKey) -> Result<Vec<RepoNumber>, StoreError> {
    let found = txn.with_prefix(Table::RepoNames, &name_prefix(repo.name.as_str(), repo.kind))?;
    found.iter().map(|(key, value)| repo_number(key, value)).collect()
}

/// The names and the repos, open for entering several in a row.
pub struct RepoTables<'txn> {
    names: OpenTable<'txn>,
    repos: OpenTable<'txn>,
}

impl RepoTables<'_> {
    /// Opens them; nobody else can change or read them through the transaction meanwhile.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(txn: &WriteTxn) -> Result<RepoTables<'_>, StoreError> {
        Ok(RepoTables { names: txn.open(Table::RepoNames)?, repos: txn.open(Table::Repos)? })
    }

    /// The number of exactly this repo, new if need be.
    ///
    /// # Errors
    /// When the store fails.
    pub fn allocate(&mut self, counters: &mut CountersRecord, repo: &RepoKey) -> Result<RepoNumber, StoreError> {
        let (key, name) = (name_key(repo), repo.name.as_str());
        let known = if is_lower_case(name) {
            find_spelled(&key, name, self.names.with_prefix(&key)?)?
        } else {
            self.names.get(&key)?.map(|value| repo_number(&key, &value)).transpose()?
        };
        if let Some(number) = known {
            return Ok(number);
        }
        let number = RepoNumber(counters.repo);
        counters.repo = counters.repo.saturating_add(1);
        self.names.put(&key, &number.0.to_be_bytes())?;
        let record = RepoRecord { kind: repo.kind.code(), name: repo.name.as_str().to_owned(), listing: None };
        let key = Key::default().repo(number);
        self.repos.put(key.bytes(), &encode(Table::Repos, key.bytes(), &record)?)?;
        Ok(number)
    }
}

/// The number of exactly this repo, new if need be.
///
/// # Errors
/// When the store fails.
pub fn allocate_repo(txn: &WriteTxn, counters: &mut CountersRecord, repo: &RepoKey) -> Result<RepoNumber, StoreError> {
    RepoTables::open(txn)?.allocate(counters, repo)
}

/// A repo by number.
///
/// # Errors
/// When the store fails, or no such repo was entered.
pub fn read_repo(txn: &(impl Read + ?Sized), number: RepoNumber) -> Result<RepoEntry, StoreError> {
    let key = Key::default().repo(number);
    let damaged = |why: &str| StoreError::damaged(Table::Repos.name(), key.bytes(), why);
    let record: RepoRecord = get_record(txn, Table::Repos, key.bytes())?.ok_or_else(|| damaged("the repo has no name"))?;
    let kind = RepoKind::from_code(record.kind).ok_or_else(|| damaged("unknown repo type"))?;
    let name = RepoName::parse(&record.name).ok_or_else(|| damaged("invalid repo name"))?;
    Ok(RepoEntry { key: RepoKey { kind, name }, listing: record.listing })
}

/// What the catalog says of a repo.
///
/// # Errors
/// As `read_repo`.
pub fn listing(txn: &(impl Read + ?Sized), number: RepoNumber) -> Result<Option<Listing>, StoreError> {
    Ok(read_repo(txn, number)?.listing)
}

/// Remembers what the catalog says of a repo.
///
/// # Errors
/// As `read_repo`.
pub fn write_listing(txn: &WriteTxn, number: RepoNumber, listing: Listing) -> Result<(), StoreError> {
    let entry = read_repo(txn, number)?;
    let record = RepoRecord { kind: entry.key.kind.code(), name: entry.key.name.as_str().to_owned(), listing: Some(listing) };
    put_record(txn, Table::Repos, Key::default().repo(number).bytes(), &record).map(drop)
}

/// All repos in order of number.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn all_repos(txn: &(impl Read + ?Sized)) -> Result<Vec<(RepoNumber, RepoEntry)>, StoreError> {
    let keys = txn.with_prefix(Table::Repos, &[])?;
    keys.iter().map(|(key, _)| RepoNumber(u32_at(key, 0))).map(|number| Ok((number, read_repo(txn, number)?))).collect()
}

/// The repos of a namespace: models, then datasets, then spaces, each by name.
///
/// # Errors
/// When the store fails.
pub fn org_repos(txn: &(impl Read + ?Sized), org: &OrgName) -> Result<Vec<(RepoKey, RepoNumber)>, StoreError> {
    let prefix = format!("{}/", org.as_str().to_ascii_lowercase());
    let mut repos = Vec::new();
    for (key, value) in txn.with_prefix(Table::RepoNames, prefix.as_bytes())? {
        let number = repo_number(&key, &value)?;
        let repo = read_repo(txn, number)?.key;
        repos.push((repo, number));
    }
    repos.sort_unstable();
    Ok(repos)
}

/// A source with its number and settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEntry {
    pub id: SourceId,
    pub record: SourceRecord,
}

impl SourceEntry {
    /// The settings in force: those that were given, else those that follow from the formats that arrived. Once a log
    /// came in that cannot tell users, the whole source cannot: that order of arrival does not matter.
    #[must_use]
    pub fn settings(&self) -> SourceSettings {
        let record = &self.record;
        let formats = Format::ALL.iter().enumerate().filter(|(bit, _)| record.formats & (1 << bit) != 0);
        SourceSettings {
            redirects: if record.redirects_ignored == Some(true) { Redirects::Ignore } else { Redirects::Handoff },
            head_redirect: if record.head_redirect_handoff == Some(true) { HeadRedirect::Handoff } else { HeadRedirect::Probe },
            knows_users: record
                .knows_users
                .unwrap_or_else(|| record.formats != 0 && formats.into_iter().all(|(_, format)| format.knows_users())),
        }
    }
}

/// All sources, in order of number.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn read_sources(txn: &(impl Read + ?Sized)) -> Result<Vec<SourceEntry>, StoreError> {
    let values = txn.with_prefix(Table::Sources, &[])?;
    values
        .iter()
        .map(|(key, value)| Ok(SourceEntry { id: SourceId(u16_at(key, 0)), record: decode(Table::Sources, key, value)? }))
        .collect()
}

/// Writes a source.
///
/// # Errors
/// When the store fails.
pub fn put_source(txn: &WriteTxn, entry: &SourceEntry) -> Result<(), StoreError> {
    put_record(txn, Table::Sources, Key::default().u16(entry.id.0).bytes(), &entry.record).map(drop)
}
