//! Saved groups of repos, as far as the caller sees their repos.

use super::{QueryError, View};
use crate::model::{Caller, GroupName, RepoKey};
use crate::query::Scope;
use crate::store;

impl View<'_> {
    /// Whether a scope exists for the caller.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn has(&self, scope: &Scope, caller: &Caller) -> Result<bool, QueryError> {
        Ok(self.members(scope, caller)?.is_some())
    }

    /// The repos of a group that the caller sees, as the group names them; `None` if there is none.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn group(&self, name: &GroupName, caller: &Caller) -> Result<Option<Vec<RepoKey>>, QueryError> {
        match store::get_group(&self.txn, name)? {
            Some(repos) => self.seen_of(name, repos, caller),
            None => Ok(None),
        }
    }

    /// All groups of which the caller sees a repo, by name.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn groups(&self, caller: &Caller) -> Result<Vec<(GroupName, Vec<RepoKey>)>, QueryError> {
        let mut groups = Vec::new();
        for (name, repos) in store::list_groups(&self.txn)? {
            groups.extend(self.seen_of(&name, repos, caller)?.map(|repos| (name, repos)));
        }
        Ok(groups)
    }

    /// Those to whom no repo of a group is hidden see what was saved, repos of which nothing is known yet included.
    fn seen_of(&self, name: &GroupName, repos: Vec<RepoKey>, caller: &Caller) -> Result<Option<Vec<RepoKey>>, QueryError> {
        if caller.is_admin() || name.org().is_some_and(|org| caller.sees_private(Some(org))) {
            return Ok(Some(repos));
        }
        let mut seen = Vec::new();
        for repo in repos {
            if self.repo(&repo, caller)?.is_some() {
                seen.push(repo);
            }
        }
        Ok((!seen.is_empty()).then_some(seen))
    }
}
