//! What monitors ask: how large the store is, and when each source was last heard of.

use std::collections::BTreeMap;
use std::fs;

use super::engine::Engine;
use super::error::EngineError;
use crate::block::Wanted;
use crate::model::{Millis, SourceId};
use crate::store::{self, BlockIter};

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
        let mut newest: BTreeMap<SourceId, Millis> = BTreeMap::new();
        for (day, manifest) in store::manifests(&txn)?.into_iter().rev() {
            if day > now.day() {
                continue;
            }
            if day < since.day() || newest.len() == sources.len() {
                break;
            }
            // Of a day all is read: a source found on it may have something newer in the next block.
            let mut of_day: BTreeMap<SourceId, Millis> = BTreeMap::new();
            for segment in manifest.segments {
                for block in BlockIter::all(&txn, day, segment, Wanted::Identity) {
                    for row in block?.rows.iter().filter(|row| row.time >= since && row.time <= now) {
                        let latest = of_day.entry(row.source).or_insert(row.time);
                        *latest = row.time.max(*latest);
                    }
                }
            }
            for (source, time) in of_day {
                newest.entry(source).or_insert(time);
            }
        }
        let told =
            |source: store::SourceEntry| SourceFreshness { newest: newest.get(&source.id).copied(), source: source.record.name };
        Ok(sources.into_iter().map(told).collect())
    }
}
