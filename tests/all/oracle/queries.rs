//! What people ask of the numbers.

use std::collections::BTreeSet;

use super::count::{Counts, Downloader, Oracle};
use super::fact::Repo;

/// A line of the trending list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trend {
    pub repo: Repo,
    /// All-time downloads.
    pub downloads: u64,
    pub recent_downloads: u64,
}

impl Oracle {
    /// A repo's counts on a day; zeros where there is nothing.
    pub fn day(&self, repo: &Repo, day: u64) -> Counts {
        self.days.get(&(repo.clone(), day)).copied().unwrap_or_default()
    }

    /// The earliest day of a repo with a counted event.
    pub fn first_day(&self, repo: &Repo) -> Option<u64> {
        self.days.keys().filter(|(of, _)| of == repo).map(|&(_, day)| day).min()
    }

    /// All-time downloads of a repo, today included.
    pub fn total(&self, repo: &Repo) -> u64 {
        self.downloads_since(repo, 0)
    }

    fn downloads_since(&self, repo: &Repo, first_day: u64) -> u64 {
        let days = self.days.iter().filter(|((of, day), _)| of == repo && *day >= first_day);
        days.map(|(_, counts)| counts.downloads()).sum()
    }

    /// Repos with a counted event up to today. Those in `named` but not here have only events of days to come.
    pub fn repos(&self) -> BTreeSet<Repo> {
        self.days.keys().map(|(repo, _)| repo.clone()).collect()
    }

    /// Repos of an org.
    pub fn repos_of(&self, org: &str) -> BTreeSet<Repo> {
        self.repos().into_iter().filter(|(_, id)| id.split_once('/').is_some_and(|(of, _)| of == org)).collect()
    }

    /// Distinct downloaders of any of the repos on any day from `first` to `last`.
    pub fn uniques(&self, repos: &BTreeSet<Repo>, first: u64, last: u64) -> u64 {
        let chosen = self.downloaders.iter().filter(|((repo, day), _)| repos.contains(repo) && (first..=last).contains(day));
        chosen.flat_map(|(_, downloaders)| downloaders).collect::<BTreeSet<&Downloader>>().len() as u64
    }

    /// The most downloaded repos of the `days` days that end today: recent downloads, then all-time ones, then the id.
    /// Without a type, equal ids of several types come in the order model, dataset, space.
    pub fn trending(&self, days: u64, repo_type: Option<&str>, limit: usize) -> Vec<Trend> {
        let repos = self.repos().into_iter().filter(|(kind, _)| repo_type.is_none_or(|wanted| wanted == kind));
        let mut trends: Vec<Trend> = repos
            .map(|repo| Trend {
                downloads: self.total(&repo),
                recent_downloads: self.downloads_since(&repo, self.today + 1 - days),
                repo,
            })
            .filter(|trend| trend.recent_downloads > 0)
            .collect();
        let rank = |kind: &str| ["model", "dataset", "space"].iter().position(|&word| word == kind);
        trends.sort_by(|a, b| {
            let falling = (b.recent_downloads, b.downloads).cmp(&(a.recent_downloads, a.downloads));
            falling.then(a.repo.1.cmp(&b.repo.1)).then(rank(&a.repo.0).cmp(&rank(&b.repo.0)))
        });
        trends.truncate(limit);
        trends
    }
}
