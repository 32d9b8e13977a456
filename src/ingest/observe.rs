//! What monitors ask: how large the store is, and when each source was last heard of.

use std::fs;

use super::engine::Engine;
use super::error::EngineError;
use super::segments::newest_by_source;
use crate::model::Millis;
use crate::store;

/// A source, and its newest event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFreshness {
    pub source: String,
    /// `None` if it had none since the instant asked for.
    pub newest: Option<Millis>,
}

impl Engine {
    /// Bytes of the files in the data folder; `None` if nothing is kept.
    #[must_use]
    pub fn stored_bytes(&self) -> Option<u64> {
        let entries = fs::read_dir(self.folder()?).ok()?;
        Some(entries.filter_map(|entry| entry.ok()?.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum())
    }

    /// Every source with its newest event from `since` to now. Events of a time to come do not count: a clock that goes
    /// wrong would hide a source that fell silent.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn freshness(&self, since: Millis) -> Result<Vec<SourceFreshness>, EngineError> {
        let txn = self.shared.store.read()?;
        let sources = store::read_sources(&txn)?;
        let now = self.now();
        let newest = newest_by_source(&txn, sources.len(), since, now)?;
        let told =
            |source: store::SourceEntry| SourceFreshness { newest: newest.get(&source.id).copied(), source: source.record.name };
        Ok(sources.into_iter().map(told).collect())
    }
}
