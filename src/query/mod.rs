//! A stand-in for the queries with a few canned repos, so that the router can be tried before the store is there.

mod answers;

pub use answers::{DayRow, HubTotals, Interval, RepoHistory, RepoTotals, Scope, Trend};

use crate::ingest::{Engine, EngineError};
use crate::model::{
    Caller, Day, DayCounts, DayRange, Downloads, Files, Likes, OrgName, RepoKey, RepoKind, RepoName, RepoNumber, Uniques,
};

pub enum QueryError {
    Damaged(String),
    Engine(EngineError),
}

pub struct View<'a> {
    engine: &'a Engine,
}

const REPOS: [(RepoKind, &str, bool); 4] = [
    (RepoKind::Model, "myorg/mymodel", false),
    (RepoKind::Model, "myorg/secret", true),
    (RepoKind::Dataset, "myorg/mydataset", false),
    (RepoKind::Model, "gpt2", false),
];

fn key(index: usize) -> Option<RepoKey> {
    let (kind, name, _) = REPOS.get(index)?;
    Some(RepoKey { kind: *kind, name: RepoName::parse(name)? })
}

fn visible(index: usize, caller: &Caller) -> bool {
    REPOS.get(index).is_some_and(|(_, name, private)| !private || caller.sees_private(name.split_once('/').map(|(org, _)| org)))
}

fn counts() -> DayCounts {
    DayCounts { authenticated: Downloads(2), anonymous: Downloads(3), files: Files(9) }
}

impl View<'_> {
    pub fn of(engine: &Engine) -> Result<View<'_>, QueryError> {
        Ok(View { engine })
    }

    pub fn repo(&self, repo: &RepoKey, caller: &Caller) -> Result<Option<RepoNumber>, QueryError> {
        let found = (0..REPOS.len()).find(|&index| key(index).as_ref() == Some(repo) && visible(index, caller));
        Ok(found.map(|index| RepoNumber(index as u32)))
    }

    pub fn totals(&self, _repo: RepoNumber) -> Result<RepoTotals, QueryError> {
        Ok(RepoTotals { downloads: Downloads(100), likes: Likes(7) })
    }

    pub fn recent(&self, _: RepoNumber, range: DayRange, zero_days: bool, uniques: bool) -> Result<Vec<DayRow>, QueryError> {
        let row = |day: Day| DayRow {
            day,
            counts: if day == self.engine.today() { counts() } else { DayCounts::default() },
            uniques: uniques.then_some(Uniques(4)),
        };
        Ok(range.days().map(row).filter(|row| zero_days || !row.counts.is_zero()).collect())
    }

    pub fn trending(&self, kind: Option<RepoKind>, _: DayRange, limit: usize, caller: &Caller) -> Result<Vec<Trend>, QueryError> {
        let seen = (0..REPOS.len()).filter(|&index| visible(index, caller));
        let trend = |index: usize| {
            let private = REPOS.get(index).is_some_and(|repo| repo.2);
            Some(Trend { repo: key(index)?, downloads: Downloads(100), likes: Likes(7), recent: Downloads(5), private })
        };
        Ok(seen.filter_map(trend).filter(|trend| kind.is_none_or(|kind| kind == trend.repo.kind)).take(limit).collect())
    }

    fn exists(&self, scope: &Scope, caller: &Caller) -> Result<bool, QueryError> {
        Ok(match scope {
            Scope::Hub | Scope::Kind(_) => true,
            Scope::Org(org) => org.as_str() == "myorg",
            Scope::Repo(repo) => self.repo(repo, caller)?.is_some(),
        })
    }

    pub fn uniques(&self, scope: &Scope, _: DayRange, caller: &Caller) -> Result<Option<Uniques>, QueryError> {
        Ok(self.exists(scope, caller)?.then_some(Uniques(4)))
    }

    pub fn scope_totals(&self, scope: &Scope, _: DayRange, caller: &Caller) -> Result<Option<DayCounts>, QueryError> {
        Ok(self.exists(scope, caller)?.then(counts))
    }

    pub fn series(
        &self,
        scope: &Scope,
        range: DayRange,
        _: Interval,
        uniques: bool,
        caller: &Caller,
    ) -> Result<Option<Vec<DayRow>>, QueryError> {
        if !self.exists(scope, caller)? {
            return Ok(None);
        }
        self.recent(RepoNumber(0), range, true, uniques).map(Some)
    }

    pub fn org_repos(&self, org: &OrgName, caller: &Caller) -> Result<Option<Vec<(RepoKey, RepoNumber)>>, QueryError> {
        if org.as_str() != "myorg" {
            return Ok(None);
        }
        let seen = (0..REPOS.len()).filter(|&index| visible(index, caller));
        Ok(Some(seen.filter_map(|index| Some((key(index)?, RepoNumber(index as u32)))).collect()))
    }

    pub fn history(&self, _: RepoNumber, key: &RepoKey) -> Result<RepoHistory, QueryError> {
        let today = self.engine.today();
        let days = vec![(today.previous(), Downloads(40)), (today, Downloads(60))];
        Ok(RepoHistory { repo: key.clone(), total: Downloads(100), days })
    }

    pub fn hub(&self, _: &Caller) -> Result<HubTotals, QueryError> {
        let range = DayRange::ending(self.engine.today(), 30);
        Ok(HubTotals { downloads: Downloads(300), last_30_days: Downloads(15), repos: 3, first_day: Some(range.first), range })
    }
}
