//! Opening a store: first boot that survives a kill at any moment, format version, reopening after a failure.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::backends::InMemoryBackend;
use redb::{Database, Durability, StorageBackend};
use xxhash_rust::xxh3::xxh3_64;

use super::StoreError;
use super::codec::{get_record, put_record};
use super::disk::{AnyFile, Disk, Folder, SharedDisk};
use super::permission;
use super::records::{CountersRecord, FormatRecord};
use super::sums::{check_at_start, knows_all_tables};
use super::table::{COMMIT_KEY, Read, ReadTxn, Snapshot, Table, WriteTxn};
use crate::model::Millis;

/// Version of the truth's format. Older ones are upgraded at start, newer ones refused.
pub const FORMAT_VERSION: u32 = 1;

/// redb's own default of 1 GiB would become resident memory.
const CACHE_BYTES: usize = 64 << 20;

pub(super) const FILE_NAME: &str = "hubtally.redb";
pub(super) const UNFINISHED_NAME: &str = "hubtally.redb.new";
pub(super) const SECRET_NAME: &str = "secret.key";
pub(super) const FORMAT_KEY: &[u8] = b"format";
const COUNTERS_KEY: &[u8] = b"counters";
const PROBE_KEY: &[u8] = b"probe";
const PROBE_NAME: &str = "hubtally.probe";

/// What must fit, on the disk and in the database, before a store that failed counts as one that can be written.
const PROBE_BYTES: usize = 1 << 20;

/// Where a store lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Folder(PathBuf),
    /// Nothing is kept.
    Memory,
    /// Files that somebody else keeps.
    Disk(SharedDisk),
}

/// The open store.
pub struct Store {
    place: Place,
    /// What keeps the file, if it is kept at all.
    disk: Option<Arc<dyn Disk>>,
    pub(super) current: RwLock<Current>,
    /// The number of the last commit.
    pub(super) commits: Arc<AtomicU64>,
    secret: [u8; 32],
}

/// The database in use, and what keeps it open for readers once another takes its place.
pub(super) struct Current {
    /// Empty only while a failed database is being replaced.
    database: Option<Database>,
    readers: Arc<Retired>,
}

/// Held by every reader: a database that was replaced is closed when the last one that began on it has ended.
#[derive(Default)]
pub(super) struct Retired(Mutex<Option<Database>>);

impl Current {
    fn new(database: Database) -> Current {
        Current { database: Some(database), readers: Arc::default() }
    }

    /// Goes on with another database that holds the same.
    pub(super) fn replace(&mut self, fresh: Database) {
        let Current { database, readers } = std::mem::replace(self, Current::new(fresh));
        *readers.0.lock().unwrap_or_else(PoisonError::into_inner) = database;
    }
}

impl Store {
    /// Opens the store, or creates it.
    ///
    /// # Errors
    /// When the folder cannot be used, is held by another process, or holds a newer format or another key's data.
    pub fn open(place: Place, fingerprint: impl Fn(&[u8; 32]) -> [u8; 32], now: Millis) -> Result<Store, StoreError> {
        let disk: Option<Arc<dyn Disk>> = match &place {
            Place::Memory => None,
            Place::Disk(SharedDisk(disk)) => Some(Arc::clone(disk)),
            Place::Folder(path) => {
                prepare_folder(path)?;
                let fresh = !path.join(FILE_NAME).exists();
                Some(Arc::new(Folder { path: path.clone(), secret: read_or_make_secret(path, fresh)? }))
            }
        };
        let (database, secret) = match &disk {
            None => {
                let (database, secret) = (builder().create_with_backend(InMemoryBackend::new())?, random_secret()?);
                initialise(&database, fingerprint(&secret), now)?;
                (database, secret)
            }
            Some(disk) => {
                if !disk.exists(FILE_NAME) {
                    let fingerprint = fingerprint(&disk.secret());
                    create_file(&**disk, [UNFINISHED_NAME, FILE_NAME], |database| initialise(database, fingerprint, now))?;
                }
                let database = open_file(&**disk)?;
                // Of a compaction or a probe that was killed. Now that the store is open, nobody else is at it.
                for name in [UNFINISHED_NAME, PROBE_NAME].into_iter().filter(|name| disk.exists(name)) {
                    disk.remove(name)?;
                }
                (database, disk.secret())
            }
        };
        let store = Store { place, disk, current: RwLock::new(Current::new(database)), commits: Arc::default(), secret };
        store.check_format(fingerprint(&store.secret))?;
        check_at_start(&store.read()?)?;
        Ok(store)
    }

    /// The secret under which identities are hashed.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Where the store lives.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// A snapshot of what is committed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read(&self) -> Result<ReadTxn, StoreError> {
        Ok(self.snapshot()?.read())
    }

    /// A snapshot of what is committed, for several readers.
    ///
    /// # Errors
    /// When the store fails.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let database = current.database.as_ref().ok_or_else(closed)?;
        let txn = redb::ReadableDatabase::begin_read(database)?;
        Ok(Snapshot::of_store(txn, Arc::clone(&current.readers)))
    }

    /// The write transaction. Every commit is durable and leaves what a quick reopening after a kill needs.
    ///
    /// # Errors
    /// When the store fails.
    pub fn write(&self) -> Result<WriteTxn, StoreError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        begin_write(current.database.as_ref().ok_or_else(closed)?, &self.commits)
    }

    /// Replaces the database after a failure: redb refuses writes until then. Says whether it holds what was committed
    /// before, no less and no more: a commit that failed may have reached the disk all the same.
    ///
    /// # Errors
    /// When it cannot be opened again; then it stays closed until the next attempt.
    pub fn reopen(&self) -> Result<bool, StoreError> {
        if let Some(disk) = &self.disk {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            drop(current.database.take());
            current.database = Some(open_file(&**disk)?);
        }
        let found = commit_number(&self.read()?)?;
        Ok(self.commits.swap(found, Ordering::AcqRel) == found)
    }

    /// Writes something of a size that says whether work can go on, and takes it away again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn probe(&self) -> Result<(), StoreError> {
        if let Some(disk) = &self.disk {
            probe_space(&**disk)?;
        }
        let txn = self.write()?;
        txn.put(Table::Meta, PROBE_KEY, &vec![0; PROBE_BYTES])?;
        txn.commit()?;
        let txn = self.write()?;
        txn.remove(Table::Meta, PROBE_KEY)?;
        txn.commit()
    }

    /// Refuses what this program or this key cannot read. A store without a format is a damaged one: a new one gets its
    /// format before it gets its name.
    fn check_format(&self, key_fingerprint: [u8; 32]) -> Result<(), StoreError> {
        let txn = self.write()?;
        let known: Option<FormatRecord> = get_record(&txn, Table::Meta, FORMAT_KEY)?;
        self.commits.store(commit_number(&txn)?, Ordering::Release);
        match known {
            Some(known) if known.format > FORMAT_VERSION => Err(StoreError::Unusable(format!(
                "the store has format {}, this program knows up to {FORMAT_VERSION}: use the newer hubtally that wrote it",
                known.format
            ))),
            None => Err(StoreError::damaged(Table::Meta.name(), FORMAT_KEY, "the store does not say what format it has")),
            Some(known) if known.key_fingerprint != key_fingerprint => Err(StoreError::Unusable(format!(
                "{SECRET_NAME} is not the key this store was made with: put the original file back, or start with an empty folder"
            ))),
            Some(_) if knows_all_tables(&txn)? => Ok(()),
            Some(_) => {
                open_all_tables(&txn)?;
                txn.commit()
            }
        }
    }
}

pub(super) fn begin_write(database: &Database, commits: &Arc<AtomicU64>) -> Result<WriteTxn, StoreError> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.set_quick_repair(true);
    WriteTxn::new(txn, Arc::clone(commits))
}

/// Makes sure that the disk has space of its own left. A file has holes, so a value that fits into the database tells
/// nothing: it may lie where an earlier one lay, while the next one lies in a hole.
fn probe_space(disk: &dyn Disk) -> Result<(), StoreError> {
    if disk.exists(PROBE_NAME) {
        disk.remove(PROBE_NAME)?;
    }
    let file = disk.open(PROBE_NAME)?;
    // Not zeros: some file systems keep those without taking any space.
    let bytes: Vec<u8> = (0..PROBE_BYTES as u64 / 8).flat_map(|at| xxh3_64(&at.to_le_bytes()).to_le_bytes()).collect();
    let written = file.set_len(bytes.len() as u64).and_then(|()| file.write(0, &bytes)).and_then(|()| file.sync_data());
    drop(file);
    let removed = disk.remove(PROBE_NAME);
    Ok(written.and(removed)?)
}

/// Opens all tables, which makes those that are not there.
pub(super) fn open_all_tables(txn: &WriteTxn) -> Result<(), StoreError> {
    Table::ALL.iter().try_for_each(|table| txn.open(*table).map(drop))
}

/// Makes a store of an empty database.
fn initialise(database: &Database, key_fingerprint: [u8; 32], now: Millis) -> Result<(), StoreError> {
    let txn = begin_write(database, &Arc::default())?;
    open_all_tables(&txn)?;
    let record = FormatRecord { format: FORMAT_VERSION, key_fingerprint, created_ms: now.0 };
    put_record(&txn, Table::Meta, FORMAT_KEY, &record)?;
    txn.commit()
}

fn closed() -> StoreError {
    StoreError::Storage("the store is being reopened after a failure".to_owned())
}

pub(super) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes the folder, readable by its owner alone.
pub(super) fn prepare_folder(folder: &Path) -> Result<(), StoreError> {
    let refuse = |error: std::io::Error| {
        StoreError::Unusable(format!(
            "cannot use the data folder {}: {}; or name another folder with --data",
            folder.display(),
            permission::refusal(folder, &error)
        ))
    };
    if !folder.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refuse)?;
    }
    let probe = folder.join(".hubtally-probe");
    File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(refuse)
}

/// Creates a database under another name first: a file that a kill cuts short while it is created never opens again.
pub(super) fn create_file<T>(
    disk: &dyn Disk,
    [unfinished, name]: [&str; 2],
    fill: impl FnOnce(&Database) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if disk.exists(unfinished) {
        disk.remove(unfinished)?;
    }
    let database = builder().create_with_backend(AnyFile(disk.open(unfinished)?))?;
    let filled = fill(&database)?;
    drop(database);
    disk.open(unfinished)?.sync_data()?;
    disk.rename(unfinished, name)?;
    Ok(filled)
}

/// Opens the database that is there. redb would take an empty file for one that is still to be made.
fn open_file(disk: &dyn Disk) -> Result<Database, StoreError> {
    if disk.exists(FILE_NAME) {
        let file = AnyFile(disk.open(FILE_NAME)?);
        if file.len()? > 0 {
            return Ok(builder().create_with_backend(file)?);
        }
    }
    Err(StoreError::Unusable(format!(
        "{FILE_NAME} is gone or empty: put a backup in its place, or start anew in an empty folder"
    )))
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    Ok(File::open(folder)?.sync_all()?)
}

pub(super) fn random_secret() -> Result<[u8; 32], StoreError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| StoreError::Storage(format!("no randomness: {error}")))?;
    Ok(secret)
}

/// The secret lies in a file of its own, so that a copy of the database alone tells nobody's address.
fn read_or_make_secret(folder: &Path, fresh: bool) -> Result<[u8; 32], StoreError> {
    let path = folder.join(SECRET_NAME);
    match fs::read_to_string(&path) {
        Ok(text) => parse_secret(&text, &path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && fresh => {
            let secret = random_secret()?;
            write_secret(folder, &secret)?;
            Ok(secret)
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(StoreError::Unusable(format!("cannot read {}: {}", path.display(), permission::refusal(&path, &error))))
        }
        Err(error) => Err(StoreError::Unusable(format!(
            "cannot read {}: {error}; the store cannot be used without its key file, put it back from where you keep it",
            path.display()
        ))),
    }
}

/// Writes the secret file, at once and for good.
pub(super) fn write_secret(folder: &Path, secret: &[u8; 32]) -> Result<(), StoreError> {
    let unfinished = folder.join(format!("{SECRET_NAME}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(file, "{hex}")?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(SECRET_NAME))?;
    sync_folder(folder)
}

pub(super) fn parse_secret(text: &str, path: &Path) -> Result<[u8; 32], StoreError> {
    let mut secret = [0; 32];
    let hex = text.trim().as_bytes();
    let valid = hex.len() == 64
        && hex.chunks_exact(2).zip(&mut secret).all(|(pair, byte)| {
            std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).map(|value| *byte = value).is_some()
        });
    if valid {
        Ok(secret)
    } else {
        Err(StoreError::Unusable(format!("{} is not 64 hexadecimal digits: put the original file back", path.display())))
    }
}

/// The number of the last commit; 0 in a store whose commits were not numbered yet.
pub(super) fn commit_number(txn: &impl Read) -> Result<u64, StoreError> {
    let bytes = txn.get(Table::Meta, COMMIT_KEY)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes))
}

/// The next free numbers.
///
/// # Errors
/// When the store fails.
pub fn counters(txn: &(impl Read + ?Sized)) -> Result<CountersRecord, StoreError> {
    Ok(get_record(txn, Table::Meta, COUNTERS_KEY)?.unwrap_or_default())
}

/// Remembers the next free numbers.
///
/// # Errors
/// When the store fails.
pub fn put_counters(txn: &WriteTxn, counters: &CountersRecord) -> Result<(), StoreError> {
    put_record(txn, Table::Meta, COUNTERS_KEY, counters).map(drop)
}
