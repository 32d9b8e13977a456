//! What a reader can pick from: their organizations, groups and most downloaded repos, so that nobody has to know names.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::answers::Scope;
use super::{QueryError, View};
use crate::model::{Caller, Downloads, GroupName, OrgName, RepoKey, RepoNumber, Role};

/// Scopes to pick from; repos and, for administrators, organizations with the most downloaded first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    pub orgs: Vec<OrgName>,
    pub groups: Vec<GroupName>,
    pub repos: Vec<RepoKey>,
}

impl Offers {
    fn bytes(&self) -> usize {
        self.orgs.len() * (size_of::<OrgName>() + 32)
            + self.groups.len() * (size_of::<GroupName>() + 32)
            + self.repos.len() * (size_of::<RepoKey>() + 64)
    }
}

impl View<'_> {
    /// Up to `limit` organizations, groups and repos of whose people the caller is one; administrators are of all.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn offers(&self, limit: usize, caller: &Caller) -> Result<Offers, QueryError> {
        self.answered(format_args!("offers: {limit}"), caller, Offers::bytes, || {
            let repos = if caller.is_admin() { self.most_downloaded(limit)? } else { self.own_repos(limit, caller)? };
            let is_own = |group: &GroupName| caller.is_admin() || caller.sees_private(group.org());
            let groups = self.groups(caller)?.into_iter().map(|(name, _)| name).filter(is_own).take(limit).collect();
            Ok(Offers { orgs: self.own_orgs(&repos, limit, caller)?, groups, repos })
        })
    }

    /// The most downloaded repos of the hub.
    fn most_downloaded(&self, limit: usize) -> Result<Vec<RepoKey>, QueryError> {
        let Some(members) = self.members(&Scope::Hub, &Caller::admin())? else { return Ok(Vec::new()) };
        let sums = self.all_time_sums()?;
        let of = |repo: RepoNumber| sums.get(repo.0 as usize).copied().unwrap_or_default();
        let mut ranked: Vec<(Downloads, RepoNumber)> =
            self.existing(&members)?.into_iter().map(|repo| (of(repo), repo)).collect();
        ranked.sort_unstable_by_key(|(downloads, repo)| (Reverse(*downloads), *repo));
        ranked.into_iter().take(limit).map(|(_, repo)| self.key(repo)).collect()
    }

    /// The most downloaded repos of the caller's organizations.
    fn own_repos(&self, limit: usize, caller: &Caller) -> Result<Vec<RepoKey>, QueryError> {
        let mut ranked: Vec<(Downloads, RepoKey)> = Vec::new();
        for org in orgs_of(caller) {
            for (key, repo) in self.org_repos(&org, caller)?.unwrap_or_default() {
                ranked.push((self.downloads(repo)?, key));
            }
        }
        ranked.sort_unstable_by(|(a, one), (b, other)| {
            b.cmp(a).then_with(|| (&one.name, one.kind).cmp(&(&other.name, other.kind)))
        });
        Ok(ranked.into_iter().take(limit).map(|(_, key)| key).collect())
    }

    /// The caller's organizations as far as anything of them is here, and for administrators those of some repos.
    fn own_orgs(&self, repos: &[RepoKey], limit: usize, caller: &Caller) -> Result<Vec<OrgName>, QueryError> {
        let mut orgs = Vec::new();
        for org in orgs_of(caller) {
            if self.has(&Scope::Org(org.clone()), caller)? {
                orgs.push(org);
            }
        }
        if caller.is_admin() {
            orgs.extend(repos.iter().filter_map(|repo| repo.name.org().and_then(OrgName::parse)));
        }
        let mut seen = BTreeSet::new();
        orgs.retain(|org| seen.insert(org.as_str().to_ascii_lowercase()));
        orgs.truncate(limit);
        Ok(orgs)
    }
}

/// The organizations a caller belongs to, each once.
fn orgs_of(caller: &Caller) -> Vec<OrgName> {
    let org = |role: &Role| match role {
        Role::Reader(org) | Role::Publisher(org) => Some(org.clone()),
        Role::Admin | Role::Ingest(_) => None,
    };
    let mut seen = BTreeSet::new();
    let mut orgs: Vec<OrgName> = caller.roles.iter().filter_map(org).collect();
    orgs.retain(|org| seen.insert(org.as_str().to_ascii_lowercase()));
    orgs
}
