//! Where the database's file lies: a folder of the operating system, or whatever else keeps files, such as a simulated disk.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use redb::BackendError;
use redb::backends::FileBackend;

use super::permission;

pub use redb::StorageBackend;

/// Keeps files by name.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Whether there is a file of that name.
    fn exists(&self, name: &str) -> bool;

    /// Opens a file, created empty if there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the disk refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a synced file another name; durable once this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// The secret under which identities are hashed, if the disk is not a folder that keeps it in a file of its own.
    fn secret(&self) -> [u8; 32];
}

/// A disk that a store and its owner share.
#[derive(Clone, Debug)]
pub struct SharedDisk(pub Arc<dyn Disk>);

impl PartialEq for SharedDisk {
    fn eq(&self, other: &SharedDisk) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedDisk {}

/// A folder, with the secret that was found in it.
#[derive(Debug)]
pub(super) struct Folder {
    pub path: PathBuf,
    pub secret: [u8; 32],
}

impl Disk for Folder {
    fn exists(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        let path = self.path.join(name);
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => io::Error::new(error.kind(), permission::refusal(&path, &error)),
            // Others keep their number, by which a full disk is known.
            _ => error,
        })?;
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        File::open(&self.path)?.sync_all()
    }

    fn secret(&self) -> [u8; 32] {
        self.secret
    }
}

/// A file of any disk, as redb takes it.
#[derive(Debug)]
pub(super) struct AnyFile(pub Box<dyn StorageBackend>);

impl StorageBackend for AnyFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
