//! The repos a question is about, as far as the caller may see them.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::answers::Scope;
use super::{QueryError, View};
use crate::model::{Caller, RepoKind, RepoNumber};
use crate::store;

/// The repos a question is about.
pub(super) enum Members {
    /// Few repos, by number.
    Some(BTreeSet<RepoNumber>),
    /// All repos but these.
    AllBut(BTreeSet<RepoNumber>),
}

/// The repos of a scope as one caller sees them.
pub(super) struct KnownMembers {
    scope: Scope,
    caller: Caller,
    members: Option<Rc<Members>>,
}

impl Members {
    pub(super) fn contain(&self, repo: RepoNumber) -> bool {
        match self {
            Members::Some(repos) => repos.contains(&repo),
            Members::AllBut(repos) => !repos.contains(&repo),
        }
    }
}

impl View<'_> {
    /// The visible repos of a scope; `None` if the scope is missing or hidden. A page asks many questions of one scope, so
    /// the view remembers them.
    pub(super) fn members(&self, scope: &Scope, caller: &Caller) -> Result<Option<Rc<Members>>, QueryError> {
        let same = |known: &&KnownMembers| known.scope == *scope && known.caller == *caller;
        if let Some(known) = self.known_members.borrow().iter().find(same) {
            return Ok(known.members.clone());
        }
        let members = self.look_up(scope, caller)?.map(Rc::new);
        let known = KnownMembers { scope: scope.clone(), caller: caller.clone(), members: members.clone() };
        self.known_members.borrow_mut().push(known);
        Ok(members)
    }

    fn look_up(&self, scope: &Scope, caller: &Caller) -> Result<Option<Members>, QueryError> {
        match scope {
            Scope::Repo(key) => Ok(self.repo(key, caller)?.map(|repo| Members::Some(BTreeSet::from([repo])))),
            Scope::Org(org) => {
                let repos = self.org_repos(org, caller)?;
                Ok(repos.map(|repos| Members::Some(repos.into_iter().map(|(_, repo)| repo).collect())))
            }
            Scope::Group(group) => {
                let mut repos = BTreeSet::new();
                for key in store::get_group(&self.txn, group)?.unwrap_or_default() {
                    repos.extend(self.repo(&key, caller)?);
                }
                // A group shows itself only through its repos, like an organisation.
                Ok((!repos.is_empty()).then_some(Members::Some(repos)))
            }
            Scope::Hub => Ok(Some(Members::AllBut(self.hidden_from(caller, |_| true)?))),
            Scope::Kind(kind) => {
                let mut hidden = self.hidden_from(caller, |repo| self.is_of_kind(repo, *kind))?;
                for other in RepoKind::ALL.into_iter().filter(|other| other != kind) {
                    hidden.extend(self.published.sets.of_kind(other).into_iter().flat_map(|set| set.iter()));
                }
                Ok(Some(Members::AllBut(hidden)))
            }
        }
    }

    /// The repos that a caller may not see.
    pub(super) fn hidden_from(
        &self,
        caller: &Caller,
        among: impl Fn(RepoNumber) -> bool,
    ) -> Result<BTreeSet<RepoNumber>, QueryError> {
        let mut hidden = BTreeSet::new();
        if caller.is_admin() {
            return Ok(hidden);
        }
        for repo in self.published.sets.kinds.iter().flat_map(|set| set.iter()) {
            if among(repo) && !self.sees(repo, caller)? {
                hidden.insert(repo);
            }
        }
        Ok(hidden)
    }

    /// The existing repos of some members, ascending.
    pub(super) fn existing(&self, members: &Members) -> Result<Vec<RepoNumber>, QueryError> {
        let mut repos = Vec::new();
        match members {
            Members::Some(some) => repos.extend(some.iter().copied()),
            Members::AllBut(_) => {
                for repo in self.published.sets.kinds.iter().flat_map(|set| set.iter()) {
                    if members.contain(repo) && self.exists(repo)? {
                        repos.push(repo);
                    }
                }
                repos.sort_unstable();
            }
        }
        Ok(repos)
    }
}
