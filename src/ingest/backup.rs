//! Backups of the engine's store, and folders made of them again.

use std::path::{Path, PathBuf};

use super::engine::Engine;
use super::error::EngineError;
use crate::identify::IdentityKey;
use crate::model::Millis;
use crate::store::{self, BackupSummary, RestoreError, RestoreSecret, RestoreSummary, StoreError};

impl Engine {
    /// Writes a consistent copy of the store while it is in use: to a file, or under a name made of the instant into a
    /// folder that is there. The file is there in full or not at all.
    ///
    /// # Errors
    /// When it cannot be written, is there already, or the store is damaged.
    pub fn back_up(&self, to: &Path, with_secret: bool) -> Result<BackupSummary, EngineError> {
        if !to.is_absolute() {
            return Err(EngineError::Refused("a backup needs a full path, such as /backups/hubtally.backup".to_owned()));
        }
        let now = self.now();
        let path = if to.is_dir() { to.join(file_name(now)) } else { to.to_owned() };
        self.shared.store.back_up(&path, with_secret, now).map_err(|error| match error {
            StoreError::Unusable(sentence) => EngineError::Refused(sentence),
            other => other.into(),
        })
    }
}

/// Names that sort by time, of characters every file system takes.
fn file_name(now: Millis) -> PathBuf {
    let seconds = "2026-11-20T12:00:00".len();
    let plain: String = now.to_string().chars().take(seconds).filter(char::is_ascii_alphanumeric).collect();
    PathBuf::from(format!("hubtally-{plain}Z.backup"))
}

/// Makes a data folder of a backup.
///
/// # Errors
/// When the folder is not empty, the backup is damaged or of a newer hubtally, or the secret is missing or another one's.
pub fn restore(backup: &Path, folder: &Path, secret: &RestoreSecret) -> Result<RestoreSummary, RestoreError> {
    store::restore(backup, folder, secret, |secret| IdentityKey::new(secret).fingerprint())
}
