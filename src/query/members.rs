//! The repos a question is about, as far as the caller may see them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::answers::Scope;
use super::{QueryError, View};
use crate::model::{Caller, DayRange, RepoKind, RepoNumber, Role};
use crate::rollup::RepoSet;
use crate::store;

/// The repos a question is about.
pub(super) enum Members {
    /// Few repos, by number.
    Some(BTreeSet<RepoNumber>),
    /// All repos but these.
    AllBut(Arc<RepoSet>),
}

/// The repos of a scope as one caller sees them.
pub(super) struct KnownMembers {
    scope: Scope,
    caller: Caller,
    members: Option<Arc<Members>>,
}

impl Members {
    pub(super) fn contain(&self, repo: RepoNumber) -> bool {
        match self {
            Members::Some(repos) => repos.contains(&repo),
            Members::AllBut(repos) => !repos.contains(repo),
        }
    }

    /// Whether both have the same members among the repos below a number.
    pub(super) fn agree_below(&self, other: &Members, end: RepoNumber) -> bool {
        match (self, other) {
            (Members::Some(own), Members::Some(others)) => own.range(..end).eq(others.range(..end)),
            (Members::AllBut(own), Members::AllBut(others)) => Arc::ptr_eq(own, others) || own.agrees_below(others, end),
            _ => false,
        }
    }
}

impl View<'_> {
    /// The visible repos of a scope; `None` if the scope is missing or hidden. A page asks many questions of one scope, so
    /// the view remembers them.
    pub(super) fn members(&self, scope: &Scope, caller: &Caller) -> Result<Option<Arc<Members>>, QueryError> {
        let same = |known: &&KnownMembers| known.scope == *scope && known.caller == *caller;
        if let Some(known) = self.known_members.borrow().iter().find(same) {
            return Ok(known.members.clone());
        }
        let members = self.look_up(scope, caller)?.map(Arc::new);
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
            Scope::Hub => Ok(Some(Members::AllBut(self.hidden_from(caller)?))),
            Scope::Kind(kind) => {
                let mut hidden = RepoSet::clone(&*self.hidden_from(caller)?);
                let others = RepoKind::ALL.into_iter().filter(|other| other != kind);
                others.filter_map(|other| self.published.sets.of_kind(other)).for_each(|repos| hidden.unite(repos));
                Ok(Some(Members::AllBut(Arc::new(hidden))))
            }
        }
    }

    /// The repos that a caller may not see: found once for all callers of the same roles.
    pub(super) fn hidden_from(&self, caller: &Caller) -> Result<Arc<RepoSet>, QueryError> {
        if caller.is_admin() {
            return Ok(Arc::default());
        }
        self.of_sequence()?.hidden(&caller.roles, self.today, || {
            let mut hidden = RepoSet::default();
            self.published.sets.kinds.iter().for_each(|repos| hidden.unite(repos));
            hidden.subtract(&self.public_repos(&hidden)?);
            for role in &caller.roles {
                if let Role::Reader(org) | Role::Publisher(org) = role {
                    store::org_repos(&self.txn, org)?.iter().for_each(|(_, repo)| hidden.set(*repo, false));
                }
            }
            Ok(hidden)
        })
    }

    /// The repos that everybody may see, of all: `is_public` for sets.
    fn public_repos(&self, all: &RepoSet) -> Result<RepoSet, QueryError> {
        let sets = &self.published.sets;
        let mut public = if self.default_public { all.clone() } else { self.proven_public()? };
        public.unite(&self.declared.public);
        public.subtract(&self.declared.private);
        public.subtract(&sets.listed_private);
        public.unite(&sets.listed_public);
        Ok(public)
    }

    /// The repos that an event until today proves to be public.
    fn proven_public(&self) -> Result<RepoSet, QueryError> {
        let stored = &self.published.sets.evidence;
        let mut proven = stored.clone();
        // Only a store that holds days to come needs a closer look.
        if self.published.last_day > self.today {
            let ever = DayRange { first: crate::model::Day(0), last: self.today };
            for repo in stored.iter() {
                proven.set(repo, self.days(repo, ever)?.values().any(|day| day.evidence));
            }
        }
        for (_, repos) in self.published.live.days().filter(|(day, _)| *day <= self.today) {
            repos.filter(|(_, live)| live.day().evidence).for_each(|(repo, _)| proven.set(repo, true));
        }
        Ok(proven)
    }

    /// The existing repos of some members, ascending.
    pub(super) fn existing(&self, members: &Members) -> Result<Vec<RepoNumber>, QueryError> {
        let hidden = match members {
            Members::Some(some) => return Ok(some.iter().copied().collect()),
            Members::AllBut(hidden) => hidden,
        };
        let mut existing = RepoSet::default();
        for repo in self.published.sets.listed.iter() {
            existing.set(repo, !self.published.renames.supersedes(repo));
        }
        existing.unite(&self.counted_repos()?);
        if !self.published.reported.is_empty() {
            for repo in self.published.sets.kinds.iter().flat_map(RepoSet::iter) {
                if self.is_reported(repo)? {
                    existing.set(repo, true);
                }
            }
        }
        existing.subtract(hidden);
        Ok(existing.iter().collect())
    }

    /// The repos that a counted event until today names: `is_counted` for sets.
    pub(super) fn counted_repos(&self) -> Result<RepoSet, QueryError> {
        let mut counted = self.published.sets.counted.clone();
        if self.published.last_day > self.today {
            for repo in self.published.sets.counted.iter() {
                counted.set(repo, self.is_counted(repo)?);
            }
        }
        for (_, repos) in self.published.live.days().filter(|(day, _)| *day <= self.today) {
            repos.filter(|(_, live)| live.day().uniques.0 > 0).for_each(|(repo, _)| counted.set(repo, true));
        }
        Ok(counted)
    }
}
