//! Gives space back while answers go on: the store is written anew beside itself and takes its own place.

use super::engine::Engine;
use super::error::EngineError;
use crate::store::{CompactSummary, StoreError};

impl Engine {
    /// Writes the store anew without its unused space. Pushes wait meanwhile, answers do not.
    ///
    /// # Errors
    /// When there is no room for the copy, or the store is damaged or kept in memory; then it stays as it was.
    pub fn compact(&self) -> Result<CompactSummary, EngineError> {
        self.write(|writer| {
            writer.note_repeats()?;
            writer.shared.store.compact().map_err(|error| match error {
                StoreError::Unusable(sentence) => EngineError::Refused(sentence),
                other => other.into(),
            })
        })
    }
}
