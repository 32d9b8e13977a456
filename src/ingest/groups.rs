//! Saved groups of repos: put, read and removed by name.

use super::engine::Engine;
use super::error::EngineError;
use crate::model::{GroupName, RepoKey};
use crate::store;

/// Repos of one group at most: a group is a family of models, not a hub.
pub const GROUP_REPOS_MAX: usize = 10_000;

impl Engine {
    /// The repos of a group, as it was saved; `None` if there is no such group.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub fn group(&self, name: &GroupName) -> Result<Option<Vec<RepoKey>>, EngineError> {
        Ok(store::get_group(&self.shared.store.read()?, name)?)
    }

    /// Saves a group in place of the one that `allowed` agrees to replace; says whether it did.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_group(
        &self,
        name: &GroupName,
        repos: Option<Vec<RepoKey>>,
        allowed: impl FnOnce(Option<&[RepoKey]>) -> bool + Send + 'static,
    ) -> Result<bool, EngineError> {
        let name = name.clone();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            if !allowed(store::get_group(&txn, &name)?.as_deref()) {
                return Ok(false);
            }
            store::put_group(&txn, &name, repos.as_deref())?;
            // Answers of the group's scope change, so they are published like any other change.
            writer.shared.commit(txn, |_| {})?;
            writer.shared.advance();
            Ok(true)
        })
    }
}
