//! Answers as values: what a query gives, before anybody renders it.

use serde::Serialize;

use crate::model::{Day, DayCounts, DayRange, Downloads, GroupName, Likes, OrgName, RepoKey, RepoKind, RepoName, Uniques};

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Hub,
    Kind(RepoKind),
    Org(OrgName),
    /// A saved group of repos.
    Group(GroupName),
    Repo(RepoKey),
}

impl Scope {
    /// Reads `hub`, `types/{type}`, `orgs/{org}`, `groups/{name}` or `repos/{type}/{id}`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Scope> {
        match text.split_once('/') {
            None => (text == "hub").then_some(Scope::Hub),
            Some(("types", word)) => RepoKind::parse(word).map(Scope::Kind),
            Some(("orgs", org)) => OrgName::parse(org).map(Scope::Org),
            Some(("groups", name)) => GroupName::parse(name).map(Scope::Group),
            Some(("repos", repo)) => {
                let (word, id) = repo.split_once('/')?;
                Some(Scope::Repo(RepoKey { kind: RepoKind::parse(word)?, name: RepoName::parse(id)? }))
            }
            Some(_) => None,
        }
    }
}

impl std::fmt::Display for Scope {
    /// The form [`Scope::parse`] reads.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Hub => f.write_str("hub"),
            Scope::Kind(kind) => write!(f, "types/{kind}"),
            Scope::Org(org) => write!(f, "orgs/{org}"),
            Scope::Group(name) => write!(f, "groups/{name}"),
            Scope::Repo(repo) => write!(f, "repos/{}/{}", repo.kind, repo.name),
        }
    }
}

/// All-time figures of a repo, today included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepoTotals {
    pub downloads: Downloads,
    pub likes: Likes,
}

/// One day of a repo or of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRow {
    pub day: Day,
    pub counts: DayCounts,
    /// Distinct downloaders of the row's day (or interval); absent unless asked for.
    pub uniques: Option<Uniques>,
}

/// One repo of a trending list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trend {
    pub repo: RepoKey,
    pub downloads: Downloads,
    pub likes: Likes,
    pub recent: Downloads,
    pub private: bool,
}

/// How a series is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interval {
    #[default]
    Day,
    /// Weeks that start on Monday.
    Week,
    Month,
}

/// The daily history of one repo, as the breakdown export lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoHistory {
    pub repo: RepoKey,
    /// All-time downloads.
    pub total: Downloads,
    /// Days with downloads, ascending.
    pub days: Vec<(Day, Downloads)>,
}

/// What the hub has given out so far, as far as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecosystem {
    pub hub: HubTotals,
    /// All-time downloads by type.
    pub kinds: Vec<(RepoKind, Downloads)>,
    /// Distinct downloaders of all time.
    pub uniques: Uniques,
}

/// The hub in one look, as far as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubTotals {
    pub downloads: Downloads,
    pub last_30_days: Downloads,
    /// Repos with at least one download.
    pub repos: u64,
    pub first_day: Option<Day>,
    pub range: DayRange,
}
