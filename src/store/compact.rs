//! Gives a store's unused space back: a fresh file is written beside the old one and takes its place at once.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use redb::ReadableDatabase;

use super::copy::{check_copy, copy_tables};
use super::disk::{AnyFile, Disk, Folder};
use super::open::{FILE_NAME, UNFINISHED_NAME, builder, commit_number};
use super::table::ReadTxn;
use super::{Place, Store, StoreError};

/// Bytes of the unit in which the operating system tells what a file takes.
const BLOCK_BYTES: u64 = 512;

/// The size of a file: its length, and what it takes of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSize {
    pub bytes: u64,
    pub allocated_bytes: u64,
}

/// What writing the store anew came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactSummary {
    pub before: FileSize,
    pub after: FileSize,
    pub values: u64,
}

impl Store {
    /// Writes the store anew and goes on with that. The caller sees to it that nobody writes meanwhile; readers go on, those
    /// that have begun from the old file, which goes with the last of them.
    ///
    /// # Errors
    /// When there is no room, or the store is damaged or not in a folder; then nothing has changed.
    pub fn compact(&self) -> Result<CompactSummary, StoreError> {
        let Place::Folder(folder) = self.place() else {
            return Err(StoreError::Unusable("only a store in a folder has space to give back".to_owned()));
        };
        let path = folder.join(FILE_NAME);
        let before = size_of(&path)?;
        let disk = Folder { path: folder.clone(), secret: *self.secret() };
        let written = self.write_anew(&disk, &path);
        if written.is_err() {
            // Whatever there is of it: the next start would remove it too.
            let _ = fs::remove_file(folder.join(UNFINISHED_NAME));
        }
        let values = written.map_err(|error| match error {
            StoreError::Full => StoreError::Unusable(format!(
                "the disk has no room for a second copy of the store, which needs at most {} bytes: nothing was changed; free \
                 some space, or restore a backup onto another disk",
                before.allocated_bytes
            )),
            other => other,
        })?;
        Ok(CompactSummary { before, after: size_of(&path)?, values })
    }

    fn write_anew(&self, disk: &Folder, path: &Path) -> Result<u64, StoreError> {
        if disk.exists(UNFINISHED_NAME) {
            disk.remove(UNFINISHED_NAME)?;
        }
        let fresh = builder().create_with_backend(AnyFile(disk.open(UNFINISHED_NAME)?))?;
        let snapshot = self.read()?;
        copy_tables(&snapshot, &fresh, &[], |_| Ok(()))?;
        drop(snapshot);
        let copy = ReadTxn::new(fresh.begin_read()?);
        let values = check_copy(&copy)?;
        let commits = commit_number(&copy)?;
        drop(copy);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        fs::rename(disk.path.join(UNFINISHED_NAME), path)?;
        // From here on the old file has no name, so nothing may be written to it any more.
        current.replace(fresh);
        self.commits.store(commits, Ordering::Release);
        drop(current);
        fs::File::open(&disk.path)?.sync_all()?;
        Ok(values)
    }
}

fn size_of(path: &Path) -> Result<FileSize, StoreError> {
    let metadata = fs::metadata(path)?;
    Ok(FileSize { bytes: metadata.len(), allocated_bytes: metadata.blocks() * BLOCK_BYTES })
}
