//! What exists for whom. A hidden repo answers exactly like a missing one.

use super::{QueryError, View};
use crate::model::{Caller, Day, DayRange, OrgName, RepoKey, RepoNumber};
use crate::store;

impl View<'_> {
    /// The number of a repo, if it exists and the caller may see it: of exactly this name, else of the only one that
    /// differs in case alone, else of the one that had this name before. Hidden repos and names that were only probed do
    /// not stand in the way.
    ///
    /// # Errors
    /// When the store fails.
    pub fn repo(&self, repo: &RepoKey, caller: &Caller) -> Result<Option<RepoNumber>, QueryError> {
        let exact = store::find_repo(&self.txn, repo)?;
        if let Some(number) = exact
            && self.exists(number)?
            && self.sees(number, caller)?
        {
            return Ok(Some(number));
        }
        let spellings = store::find_spellings(&self.txn, repo)?;
        if let Some(only) = self.only_visible(spellings.iter().copied(), caller)? {
            return Ok(Some(only));
        }
        let renames = &self.published.renames;
        if let Some(number) = self.only_visible(exact.and_then(|old| renames.name_now(old)).into_iter(), caller)? {
            return Ok(Some(number));
        }
        self.only_visible(spellings.iter().filter_map(|old| renames.name_now(*old)), caller)
    }

    /// The only one of some repos that exists for the caller.
    fn only_visible(&self, repos: impl Iterator<Item = RepoNumber>, caller: &Caller) -> Result<Option<RepoNumber>, QueryError> {
        let mut only = None;
        for number in repos {
            if self.exists(number)? && self.sees(number, caller)? && only.replace(number).is_some_and(|other| other != number) {
                return Ok(None);
            }
        }
        Ok(only)
    }

    /// What a repo is called.
    ///
    /// # Errors
    /// When the store fails or the record is damaged.
    pub fn key(&self, repo: RepoNumber) -> Result<RepoKey, QueryError> {
        Ok(store::read_repo(&self.txn, repo)?.key)
    }

    /// Whether the catalog, another system's figures or a counted event names the repo. Names that were only probed do not exist.
    pub(super) fn exists(&self, repo: RepoNumber) -> Result<bool, QueryError> {
        let listed = self.published.sets.listed.contains(repo) && !self.published.renames.supersedes(repo);
        Ok(listed || self.is_counted(repo)? || self.is_reported(repo)?)
    }

    /// Whether a counted event until today names the repo. A damaged history is an error: a repo that vanishes would be
    /// missing in sums.
    pub(super) fn is_counted(&self, repo: RepoNumber) -> Result<bool, QueryError> {
        let stored = self.published.sets.counted.contains(repo);
        if stored && self.published.last_day <= self.today {
            return Ok(true);
        }
        if self.published.live.days_of(repo).any(|(day, live)| day <= self.today && live.day().uniques.0 > 0) {
            return Ok(true);
        }
        // Only a store that holds days to come needs a closer look.
        Ok(stored && self.first_day(repo)?.is_some())
    }

    /// Whether everybody may see the repo: the catalog's word, else the configuration's, else evidence, else the default. A
    /// damaged history is an error even here: a repo that hides would be missing in sums.
    pub(super) fn is_public(&self, repo: RepoNumber) -> Result<bool, QueryError> {
        let sets = &self.published.sets;
        if sets.listed_public.contains(repo) {
            return Ok(true);
        }
        if sets.listed_private.contains(repo) || self.declared.private.contains(repo) {
            return Ok(false);
        }
        if self.declared.public.contains(repo) {
            return Ok(true);
        }
        Ok(self.default_public || self.has_evidence(repo)?)
    }

    /// Whether only some may see the repo.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn is_private(&self, repo: RepoNumber) -> Result<bool, QueryError> {
        Ok(!self.is_public(repo)?)
    }

    /// Whether an event until today proves that the repo is public.
    fn has_evidence(&self, repo: RepoNumber) -> Result<bool, QueryError> {
        let live = &self.published.live;
        if live.days_of(repo).any(|(day, live)| day <= self.today && live.day().evidence) {
            return Ok(true);
        }
        if !self.published.sets.evidence.contains(repo) {
            return Ok(false);
        }
        // Only a store that holds days to come needs a closer look.
        if self.published.last_day <= self.today {
            return Ok(true);
        }
        let days = self.days(repo, DayRange { first: Day(0), last: self.today })?;
        Ok(days.values().any(|day| day.evidence))
    }

    /// Whether the caller may see an existing repo.
    pub(super) fn sees(&self, repo: RepoNumber, caller: &Caller) -> Result<bool, QueryError> {
        if caller.is_admin() || self.is_public(repo)? {
            return Ok(true);
        }
        if caller.roles.is_empty() {
            return Ok(false);
        }
        let entry = store::read_repo(&self.txn, repo)?;
        Ok(caller.sees_private(entry.key.name.org()))
    }

    /// The existing repos of an organisation that the caller may see: models, then datasets, then spaces, by name.
    /// `None` if there is none, since an organisation shows itself only through its repos.
    ///
    /// # Errors
    /// When the store fails.
    pub fn org_repos(&self, org: &OrgName, caller: &Caller) -> Result<Option<Vec<(RepoKey, RepoNumber)>>, QueryError> {
        let mut repos = Vec::new();
        for (key, repo) in store::org_repos(&self.txn, org)? {
            if self.exists(repo)? && (self.is_public(repo)? || caller.sees_private(Some(org.as_str()))) {
                repos.push((key, repo));
            }
        }
        Ok((!repos.is_empty()).then_some(repos))
    }
}
