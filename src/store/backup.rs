//! Backups: a consistent copy of a live store in one file, and a folder made of it again.

use std::fs;
use std::path::{Path, PathBuf};

use redb::ReadableDatabase;

use super::codec::{get_record, put_record};
use super::copy::{check_copy, copy_tables};
use super::disk::Folder;
use super::open::{
    FILE_NAME, FORMAT_KEY, FORMAT_VERSION, SECRET_NAME, UNFINISHED_NAME, builder, create_file, parse_secret, prepare_folder,
    random_secret, write_secret,
};
use super::permission;
use super::records::{BackupRecord, FormatRecord};
use super::sums::table_names;
use super::table::{ReadTxn, Table, WriteTxn};
use super::{Store, StoreError};
use crate::model::Millis;

const BACKUP_KEY: &[u8] = b"backup";

/// What a backup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    pub path: PathBuf,
    /// The instant of the snapshot.
    pub taken: Millis,
    pub values: u64,
    pub bytes: u64,
}

/// Under which secret a restored store goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreSecret {
    /// The one in the backup, or else the one in the folder already.
    Found,
    /// The one of a file such as the old folder's `secret.key`.
    File(PathBuf),
    /// The one that these 64 hexadecimal digits are.
    Text(String),
    /// A new one: what is counted from now on knows nobody from before.
    New,
}

/// What became of a restored backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreSummary {
    /// The instant of the snapshot; `None` for a plain copy of a store's file.
    pub taken: Option<Millis>,
    pub values: u64,
    pub is_new_secret: bool,
}

/// Why a backup was not restored.
#[derive(Clone, Debug)]
pub enum RestoreError {
    /// Nothing tells the secret of the store in it.
    SecretMissing,
    Store(StoreError),
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> RestoreError {
        RestoreError::Store(error)
    }
}

impl Store {
    /// Writes a snapshot to a file of its own, which must not be there yet: in full, synced and read again, or not at all.
    /// The secret comes along only if asked for.
    ///
    /// # Errors
    /// When the file cannot be written, or the store is damaged.
    pub fn back_up(&self, path: &Path, with_secret: bool, now: Millis) -> Result<BackupSummary, StoreError> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Err(refused(path, "it is no name of a file"));
        };
        if path.exists() {
            return Err(refused(path, "there is a file of that name already, and a backup replaces nothing"));
        }
        let unfinished = format!(".{name}.unfinished");
        let disk = Folder { path: folder.to_owned(), secret: [0; 32] };
        let record = BackupRecord { taken_ms: now.0, secret: with_secret.then_some(*self.secret()) };
        let filled = create_file(&disk, [&unfinished, name], |database| {
            // Held no longer than reading takes: it keeps the live file from using its free space again.
            let snapshot = self.read()?;
            copy_tables(&snapshot, database, &[], |txn| put_record(txn, Table::Meta, BACKUP_KEY, &record).map(drop))?;
            drop(snapshot);
            check_copy(&ReadTxn::new(database.begin_read()?))
        });
        let values = filled.map_err(|error| {
            // What is left of it has a name that no backup has, and the next one of this name replaces it.
            let _ = fs::remove_file(folder.join(&unfinished));
            refusal_of(path, error)
        })?;
        let bytes = fs::metadata(path)?.len();
        Ok(BackupSummary { path: path.to_owned(), taken: now, values, bytes })
    }
}

fn refused(path: &Path, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unusable(format!("no backup was written to {}: {why}", path.display()))
}

/// The disk of a backup is not that of the store, so its errors are not the store's.
fn refusal_of(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Full => refused(path, "its disk is full"),
        StoreError::Storage(why) => refused(path, why),
        other => other,
    }
}

/// Makes a data folder of a backup. All of it is checked on the way; the folder gets its store at the very end.
///
/// # Errors
/// When the folder is not empty, the backup is damaged or of a newer hubtally, or the secret is missing or another one's.
pub fn restore(
    backup: &Path,
    folder: &Path,
    secret: &RestoreSecret,
    fingerprint: impl Fn(&[u8; 32]) -> [u8; 32],
) -> Result<RestoreSummary, RestoreError> {
    check_empty(folder)?;
    let unreadable = |error: StoreError| {
        let why = match error {
            StoreError::Held => "another process has it open".to_owned(),
            other => other.to_string(),
        };
        StoreError::Unusable(format!("{} is no backup that can be restored: {why}", backup.display()))
    };
    let file = fs::File::open(backup).map_err(|error| {
        StoreError::Unusable(format!("cannot read {}: {}", backup.display(), permission::refusal(backup, &error)))
    })?;
    drop(file);
    let database = builder().open_read_only(backup).map_err(|error| unreadable(error.into()))?;
    let snapshot = ReadTxn::new(database.begin_read().map_err(|error| unreadable(error.into()))?);
    let format = read_format(&snapshot).map_err(unreadable)?;
    let taken: Option<BackupRecord> = get_record(&snapshot, Table::Meta, BACKUP_KEY).map_err(unreadable)?;
    let given = given_secret(secret, folder, taken.as_ref())?;
    let is_new_secret = given.is_none();
    let secret = match given {
        Some(given) if fingerprint(&given) == format.key_fingerprint => given,
        Some(_) => {
            let sentence = "the secret given is not the one this store was made with: it is in the old folder's secret.key";
            return Err(StoreError::Unusable(sentence.to_owned()).into());
        }
        None => random_secret()?,
    };
    prepare_folder(folder)?;
    let there = folder.join(SECRET_NAME);
    if there.exists() && read_secret(&there)? != secret {
        let sentence = format!("{} is the key of another store: move it away first", there.display());
        return Err(StoreError::Unusable(sentence).into());
    }
    write_secret(folder, &secret)?;
    let disk = Folder { path: folder.to_owned(), secret };
    let format = FormatRecord { key_fingerprint: fingerprint(&secret), ..format };
    let values = create_file(&disk, [UNFINISHED_NAME, FILE_NAME], |database| {
        let finish = |txn: &WriteTxn| put_record(txn, Table::Meta, FORMAT_KEY, &format).map(drop);
        copy_tables(&snapshot, database, &[BACKUP_KEY], finish).map_err(|error| match error {
            StoreError::Damaged { .. } => unreadable(error),
            other => other,
        })?;
        check_copy(&ReadTxn::new(database.begin_read()?))
    })?;
    Ok(RestoreSummary { taken: taken.map(|record| Millis(record.taken_ms)), values, is_new_secret })
}

/// What an interrupted restoring leaves behind, and a secret that was put there before, are not in its way.
fn check_empty(folder: &Path) -> Result<(), StoreError> {
    let mine = [UNFINISHED_NAME, SECRET_NAME, "lost+found"];
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let name = entry?.file_name();
        if !mine.iter().any(|mine| name == **mine) {
            return Err(StoreError::Unusable(format!(
                "{} is not empty ({} is there): a backup is restored into an empty or new folder only",
                folder.display(),
                name.display()
            )));
        }
    }
    Ok(())
}

fn read_format(snapshot: &ReadTxn) -> Result<FormatRecord, StoreError> {
    let none = || StoreError::Unusable("it is not of hubtally".to_owned());
    let format: FormatRecord = get_record(snapshot, Table::Meta, FORMAT_KEY)?.ok_or_else(none)?;
    let is_known = |name: &String| Table::ALL.iter().any(|table| table.name() == name);
    if format.format > FORMAT_VERSION || !table_names(snapshot)?.iter().all(is_known) {
        return Err(StoreError::Unusable("a newer hubtally wrote it, use that one or a later one".to_owned()));
    }
    Ok(format)
}

fn read_secret(path: &Path) -> Result<[u8; 32], StoreError> {
    let text = fs::read_to_string(path).map_err(|error| {
        StoreError::Unusable(format!("cannot read the secret {}: {}", path.display(), permission::refusal(path, &error)))
    })?;
    parse_secret(&text, path)
}

/// The secret to go on with; `None` for a new one.
fn given_secret(asked: &RestoreSecret, folder: &Path, record: Option<&BackupRecord>) -> Result<Option<[u8; 32]>, RestoreError> {
    let in_folder = folder.join(SECRET_NAME);
    Ok(match asked {
        RestoreSecret::New => None,
        RestoreSecret::File(path) => Some(read_secret(path)?),
        RestoreSecret::Text(text) => Some(parse_secret(text, Path::new("what was typed"))?),
        RestoreSecret::Found => match record.and_then(|record| record.secret) {
            Some(secret) => Some(secret),
            None if in_folder.exists() => Some(read_secret(&in_folder)?),
            None => return Err(RestoreError::SecretMissing),
        },
    })
}
