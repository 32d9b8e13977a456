//! The tables, and values sealed with a checksum.
//!
//! redb does not verify what it reads, so every value carries one: `checksum u64 LE | payload`, the checksum being
//! xxh3-64 of the payload under a seed made of the table's name and the key. A value that was damaged, or that lies under
//! another key than it was written to, is refused. So is an order of keys that cannot be: a damaged inner page of redb
//! leads a search astray, and what is there would seem to be missing.

use std::cell::{OnceCell, RefCell};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{ReadOnlyTable, ReadableTable, ReadableTableMetadata, TableDefinition};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::StoreError;
use super::open::Retired;
use super::sums::{SUMS_KEY, Sums, TableSum, is_sums};

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $truth:literal;)+) => {
        /// A table of the store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Table { $($(#[$doc])* $name),+ }

        impl Table {
            /// All tables.
            pub const ALL: &'static [Table] = &[$(Table::$name),+];

            /// The name inside the file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Table::$name => $text),+ }
            }

            /// Whether the table holds what was told to us, rather than a view of it.
            #[must_use]
            pub fn is_truth(self) -> bool {
                match self { $(Table::$name => $truth),+ }
            }
        }
    };
}

tables! {
    /// name of the record -> record.
    Meta => "meta", true;
    /// source u16 -> SourceRecord.
    Sources => "sources", true;
    /// repo u32 -> RepoRecord.
    Repos => "repos", true;
    /// lower-case name, 0, kind u8, and the name if it is another -> repo u32.
    RepoNames => "repo_names", true;
    /// delivery u32 -> DeliveryRecord.
    Deliveries => "deliveries", true;
    /// repo u32, ordinal u16 -> RenameRecord: the names the repo had before.
    Renames => "renames", true;
    /// source u16, hash of the idempotency key -> BodyRecord.
    Bodies => "bodies", true;
    /// day u16, segment u64, block u32, piece u16 -> part of a block.
    Blocks => "blocks", true;
    /// day u16 -> DayManifest.
    Days => "days", true;
    /// repo u32, who u64 -> LikeRecord.
    Likes => "likes", true;
    /// digest of a credential -> CredentialRecord.
    Credentials => "credentials", true;
    /// lower-case name -> PersonRecord.
    People => "people", true;
    /// number of the entry u64 -> RestatementRecord.
    Restatements => "restatements", true;
    /// name -> CounterRecord: counters of other hubs.
    Counters => "counters", true;
    /// name of a group -> GroupRecord.
    Groups => "groups", true;
    /// who u64 -> ForgottenRecord: identities whose events are dropped.
    Forgotten => "forgotten", true;
    /// repo u32, delivery u32 -> ReportedRecord: what a breakdown of another system says of the repo.
    Reported => "reported", true;
    /// name of the record -> record about the views.
    ViewMeta => "view_meta", false;
    /// day u16 -> DayViewRecord.
    DayViews => "day_views", false;
    /// day u16, first repo u32 -> day chunk.
    DayChunks => "day_chunks", false;
    /// day u16, repo u32, piece u16 -> part of a large downloader set.
    DaySets => "day_sets", false;
    /// day u16, first repo u32, piece u16 -> part of a facet chunk.
    DayFacets => "day_facets", false;
    /// day u16, piece u16 -> part of the day's tail.
    DayTails => "day_tails", false;
    /// repo u32 -> repo head.
    RepoHeads => "repo_heads", false;
    /// repo u32, year u16 -> repo year that is too long for the head.
    RepoYears => "repo_years", false;
    /// run u32, chunk u32 -> dictionary chunk.
    Dictionary => "dictionary", false;
    /// chunk u32 -> chunk of numbers that are a person with a smaller number.
    Kin => "kin", false;
}

const CHECKSUM_BYTES: usize = 8;

impl Table {
    fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name())
    }

    /// The checksum of a payload under a key.
    #[must_use]
    pub fn checksum(self, key: &[u8], payload: &[u8]) -> u64 {
        let seed = xxh3_64_with_seed(key, xxh3_64_with_seed(self.name().as_bytes(), 1));
        xxh3_64_with_seed(payload, seed)
    }

    fn seal(self, key: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(CHECKSUM_BYTES + payload.len());
        sealed.extend(self.checksum(key, payload).to_le_bytes());
        sealed.extend_from_slice(payload);
        sealed
    }

    fn unseal(self, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (checksum, payload) = sealed
            .split_first_chunk::<CHECKSUM_BYTES>()
            .ok_or_else(|| StoreError::damaged(self.name(), key, "the value is too short"))?;
        if u64::from_le_bytes(*checksum) != self.checksum(key, payload) {
            return Err(StoreError::damaged(self.name(), key, "the checksum does not match"));
        }
        Ok(payload.to_vec())
    }
}

/// A key with its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Gets a key with its value, and says whether to go on.
pub type Visitor<'a> = &'a mut dyn FnMut(&[u8], Vec<u8>) -> Result<bool, StoreError>;

/// What both kinds of transaction can read.
pub trait Read {
    /// The value of a key.
    ///
    /// # Errors
    /// When the store fails or the value is damaged.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `each` with the values of keys from `first` on while it says so.
    ///
    /// # Errors
    /// When the store fails, a value is damaged, or `each` fails.
    fn scan(&self, table: Table, first: &[u8], each: Visitor<'_>) -> Result<(), StoreError>;

    /// The last key of a table.
    ///
    /// # Errors
    /// When the store fails.
    fn last_key(&self, table: Table) -> Result<Option<Vec<u8>>, StoreError>;

    /// All values whose keys begin with `prefix`.
    ///
    /// # Errors
    /// As `scan`.
    fn with_prefix(&self, table: Table, prefix: &[u8]) -> Result<Vec<KeyValue>, StoreError> {
        let mut found = Vec::new();
        self.scan(table, prefix, &mut |key, value| Ok(take_with_prefix(&mut found, prefix, key, value)))?;
        Ok(found)
    }
}

/// Takes a value if its key begins with `prefix`; says whether it does.
fn take_with_prefix(found: &mut Vec<KeyValue>, prefix: &[u8], key: &[u8], value: Vec<u8>) -> bool {
    let begins = key.starts_with(prefix);
    if begins {
        found.push((key.to_vec(), value));
    }
    begins
}

type Sealed = &'static [u8];

/// The last key before one, as far as a search for it finds one.
fn last_before(open: &impl ReadableTable<Sealed, Sealed>, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut before = open.range::<&[u8]>((Bound::Unbounded, Bound::Excluded(key)))?;
    Ok(before.next_back().transpose()?.map(|(key, _)| key.value().to_vec()))
}

fn astray(table: Table, key: &[u8]) -> StoreError {
    StoreError::damaged(table.name(), key, "keys are not in order")
}

/// The value of a key. That there is none is believed only if its neighbours are where they must be.
fn get_from(table: Table, open: &impl ReadableTable<Sealed, Sealed>, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    if let Some(sealed) = open.get(key)? {
        return table.unseal(key, sealed.value()).map(Some);
    }
    let before = last_before(open, key)?;
    let after = open.range::<&[u8]>((Bound::Included(key), Bound::Unbounded))?.next().transpose()?;
    let in_order = before.is_none_or(|before| before.as_slice() < key) && after.is_none_or(|(after, _)| after.value() > key);
    if in_order { Ok(None) } else { Err(astray(table, key)) }
}

fn scan_table(
    table: Table,
    open: &impl ReadableTable<Sealed, Sealed>,
    first: &[u8],
    each: Visitor<'_>,
) -> Result<(), StoreError> {
    let mut last = last_before(open, first)?;
    for entry in open.range::<&[u8]>((Bound::Included(first), Bound::Unbounded))? {
        let (key, value) = entry?;
        if key.value() < first || last.as_deref().is_some_and(|last| key.value() <= last) {
            return Err(astray(table, key.value()));
        }
        let last = last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key.value());
        if !each(key.value(), table.unseal(key.value(), value.value())?)? {
            break;
        }
    }
    Ok(())
}

type OpenForReading = ReadOnlyTable<&'static [u8], &'static [u8]>;

const TABLES: usize = Table::ALL.len();

/// What was committed at one instant, for several readers. Short-lived: while it is held the file grows.
#[derive(Clone)]
pub struct Snapshot {
    txn: Arc<redb::ReadTransaction>,
    /// Last, so that a database that was replaced meanwhile outlives the transaction.
    _readers: Option<Arc<Retired>>,
}

impl Snapshot {
    /// One of a database that another may replace.
    pub(super) fn of_store(txn: redb::ReadTransaction, readers: Arc<Retired>) -> Snapshot {
        Snapshot { txn: Arc::new(txn), _readers: Some(readers) }
    }

    /// A read transaction of it.
    #[must_use]
    pub fn read(&self) -> ReadTxn {
        ReadTxn { tables: [const { OnceCell::new() }; TABLES], snapshot: self.clone() }
    }
}

/// A read transaction. Short-lived: a reader that is held makes the file grow.
pub struct ReadTxn {
    /// Boxed, since a question opens two or three of them.
    tables: [OnceCell<Box<OpenForReading>>; TABLES],
    /// Last, so that it outlives the tables.
    snapshot: Snapshot,
}

impl ReadTxn {
    pub(super) fn new(txn: redb::ReadTransaction) -> ReadTxn {
        Snapshot { txn: Arc::new(txn), _readers: None }.read()
    }

    /// What this reads, for other threads.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.clone()
    }

    fn open(&self, table: Table) -> Result<&OpenForReading, StoreError> {
        let cell = self.tables.get(table as usize).ok_or_else(|| StoreError::damaged(table.name(), &[], "no such table"))?;
        if let Some(open) = cell.get() {
            return Ok(open);
        }
        let open = self.snapshot.txn.open_table(table.definition())?;
        Ok(cell.get_or_init(|| Box::new(open)))
    }

    /// How many values a table has.
    ///
    /// # Errors
    /// When the store fails.
    pub fn len(&self, table: Table) -> Result<u64, StoreError> {
        Ok(self.open(table)?.len()?)
    }
}

impl Read for ReadTxn {
    fn last_key(&self, table: Table) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.open(table)?.last()?.map(|(key, _)| key.value().to_vec()))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get_from(table, self.open(table)?, key)
    }

    fn scan(&self, table: Table, first: &[u8], each: Visitor<'_>) -> Result<(), StoreError> {
        scan_table(table, self.open(table)?, first, each)
    }
}

/// Key of the number of the last commit.
pub(super) const COMMIT_KEY: &[u8] = b"commit";

/// The one write transaction.
pub struct WriteTxn {
    txn: redb::WriteTransaction,
    sums: RefCell<Sums>,
    commits: Arc<AtomicU64>,
}

impl WriteTxn {
    pub(super) fn new(txn: redb::WriteTransaction, commits: Arc<AtomicU64>) -> Result<WriteTxn, StoreError> {
        let txn = WriteTxn { txn, sums: RefCell::default(), commits };
        if let Some(sums) = Sums::read(&txn)? {
            txn.sums.replace(sums);
        }
        Ok(txn)
    }

    /// What a table must hold, this transaction's changes included.
    pub(super) fn sum(&self, table: Table) -> TableSum {
        self.sums.borrow_mut().of(table).copied().unwrap_or_default()
    }

    /// Opens a table for several changes in a row.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(&self, table: Table) -> Result<OpenTable<'_>, StoreError> {
        Ok(OpenTable { table, open: self.txn.open_table(table.definition())?, sums: &self.sums })
    }

    /// Writes one value; gives its checksum.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put(&self, table: Table, key: &[u8], payload: &[u8]) -> Result<u64, StoreError> {
        self.open(table)?.put(key, payload)
    }

    /// Removes one value.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove(&self, table: Table, key: &[u8]) -> Result<(), StoreError> {
        self.open(table)?.remove(key)
    }

    /// Empties a table.
    ///
    /// # Errors
    /// When the store fails.
    pub fn clear(&self, table: Table) -> Result<(), StoreError> {
        self.txn.delete_table(table.definition())?;
        self.txn.open_table(table.definition())?;
        if let Some(sum) = self.sums.borrow_mut().of(table) {
            *sum = TableSum::default();
        }
        Ok(())
    }

    /// Makes everything durable. Commits are numbered, so that one that failed and is there all the same is recognised.
    ///
    /// # Errors
    /// When the store fails; `Store::reopen` tells whether the transaction was kept.
    pub fn commit(self) -> Result<(), StoreError> {
        let number = self.commits.load(Ordering::Acquire) + 1;
        self.put(Table::Meta, COMMIT_KEY, &number.to_le_bytes())?;
        // The sums last: they count what a commit says of itself.
        let sums = self.sums.borrow().encode()?;
        self.put(Table::Meta, SUMS_KEY, &sums)?;
        self.txn.commit()?;
        self.commits.store(number, Ordering::Release);
        Ok(())
    }
}

impl Read for WriteTxn {
    fn last_key(&self, table: Table) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.txn.open_table(table.definition())?;
        Ok(open.last()?.map(|(key, _)| key.value().to_vec()))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get_from(table, &self.txn.open_table(table.definition())?, key)
    }

    fn scan(&self, table: Table, first: &[u8], each: Visitor<'_>) -> Result<(), StoreError> {
        scan_table(table, &self.txn.open_table(table.definition())?, first, each)
    }
}

/// A table open for writing.
pub struct OpenTable<'txn> {
    table: Table,
    open: redb::Table<'txn, &'static [u8], &'static [u8]>,
    sums: &'txn RefCell<Sums>,
}

/// The checksum in front of a sealed value.
fn checksum_of(sealed: &[u8]) -> u64 {
    sealed.first_chunk().map_or(0, |checksum| u64::from_le_bytes(*checksum))
}

impl OpenTable<'_> {
    /// Writes a value; gives its checksum.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put(&mut self, key: &[u8], payload: &[u8]) -> Result<u64, StoreError> {
        let sealed = self.table.seal(key, payload);
        let checksum = checksum_of(&sealed);
        let before = self.open.insert(key, sealed.as_slice())?.map(|before| checksum_of(before.value()));
        self.note(key, before, Some(checksum));
        Ok(checksum)
    }

    /// Removes a value.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let before = self.open.remove(key)?.map(|before| checksum_of(before.value()));
        self.note(key, before, None);
        Ok(())
    }

    /// Keeps the table's sum.
    fn note(&self, key: &[u8], before: Option<u64>, after: Option<u64>) {
        let mut sums = self.sums.borrow_mut();
        if let Some(sum) = sums.of(self.table).filter(|_| !is_sums(self.table, key)) {
            before.into_iter().for_each(|checksum| sum.subtract(checksum));
            after.into_iter().for_each(|checksum| sum.add(checksum));
        }
    }

    /// Removes all values whose keys begin with `prefix`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_prefix(&mut self, prefix: &[u8]) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        for entry in self.open.range::<&[u8]>((Bound::Included(prefix), Bound::Unbounded))? {
            let (key, _) = entry?;
            if !key.value().starts_with(prefix) {
                break;
            }
            keys.push(key.value().to_vec());
        }
        keys.iter().try_for_each(|key| self.remove(key))
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When the store fails or the value is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get_from(self.table, &self.open, key)
    }

    /// All values whose keys begin with `prefix`.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<KeyValue>, StoreError> {
        let mut found = Vec::new();
        scan_table(self.table, &self.open, prefix, &mut |key, value| Ok(take_with_prefix(&mut found, prefix, key, value)))?;
        Ok(found)
    }
}
