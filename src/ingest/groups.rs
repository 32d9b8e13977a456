//! Saved groups of repos: put, read and removed by name.

use super::engine::Engine;
use super::error::EngineError;
use crate::model::{GroupName, RepoKey};
use crate::store;

/// Repos of one group at most: a group is a family of models, not a hub.
pub const GROUP_REPOS_MAX: usize = 10_000;

impl Engine {
    /// Saves a group in place of the one of that name, or removes it; says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_group(&self, name: &GroupName, repos: Option<Vec<RepoKey>>) -> Result<bool, EngineError> {
        self.change_group(name, repos, |was_there, removes| was_there || !removes)
    }

    /// Saves a group unless there is one of that name; says whether it did.
    ///
    /// # Errors
    /// When the store fails.
    pub fn add_group(&self, name: &GroupName, repos: Vec<RepoKey>) -> Result<bool, EngineError> {
        self.change_group(name, Some(repos), |was_there, _| !was_there).map(|was_there| !was_there)
    }

    /// Changes a group if that is wanted once it is known whether there is one, which the answer says.
    fn change_group(
        &self,
        name: &GroupName,
        repos: Option<Vec<RepoKey>>,
        is_wanted: impl FnOnce(bool, bool) -> bool + Send + 'static,
    ) -> Result<bool, EngineError> {
        let name = name.clone();
        self.write(move |writer| {
            let txn = writer.shared.store.write()?;
            let was_there = store::get_group(&txn, &name)?.is_some();
            if !is_wanted(was_there, repos.is_none()) {
                return Ok(was_there);
            }
            store::put_group(&txn, &name, repos.as_deref())?;
            // Answers of the group's scope change, so they are published like any other change.
            writer.shared.commit(txn, |_| {})?;
            writer.shared.advance();
            Ok(was_there)
        })
    }
}
