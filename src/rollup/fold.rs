//! The joined events of one UTC day, in stored order -> the counts and downloaders of every repo on that day.

use super::counting::{Counting, DownloaderDay};
use super::tail::{Edge, TAIL_MS};
use crate::block::Joined;
use crate::model::{DAY_MS, Day, DayCounts, DownloaderHash, Downloads, RepoNumber, Row};
use crate::sessionize::starts_session;

/// One repo on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoFold {
    pub repo: RepoNumber,
    pub counts: DayCounts,
    pub evidence: bool,
    /// Where this repo's downloaders end in [`DayFold::downloaders`]; they start where the repo before ends.
    pub downloaders_end: usize,
}

/// One day of the hub. Independent of all other days until [`DayFold::continue_sessions`] joins it to the day before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFold {
    pub day: Day,
    /// Repos with counted events, ascending.
    pub repos: Vec<RepoFold>,
    /// Distinct downloaders of each repo, ascending within the repo.
    pub downloaders: Vec<DownloaderHash>,
    /// First counted events within half an hour after midnight, sorted.
    openers: Vec<Edge>,
    /// Last counted events within half an hour before midnight, sorted.
    pub tails: Vec<Edge>,
    /// Lines of fresh inputs that brought something new, and that did not.
    pub accepted: u64,
    pub repeated: u64,
}

impl DayFold {
    /// Takes back the downloads of sessions that began on the day before.
    pub fn continue_sessions(&mut self, tails_before: &[Edge]) {
        let mut tails = tails_before.iter().peekable();
        for opener in &self.openers {
            let key = (opener.repo, opener.downloader);
            while tails.next_if(|tail| (tail.repo, tail.downloader) < key).is_some() {}
            let previous = tails.peek().filter(|tail| (tail.repo, tail.downloader) == key).map(|tail| tail.time);
            if starts_session(previous, opener.time) {
                continue;
            }
            if let Ok(index) = self.repos.binary_search_by_key(&opener.repo, |fold| fold.repo)
                && let Some(fold) = self.repos.get_mut(index)
            {
                let sum = if opener.user { &mut fold.counts.authenticated } else { &mut fold.counts.anonymous };
                *sum = Downloads(sum.0.saturating_sub(1));
            }
        }
    }

    /// The repos with their downloaders.
    pub fn repos_with_downloaders(&self) -> impl Iterator<Item = (&RepoFold, &[DownloaderHash])> {
        let mut start = 0;
        self.repos.iter().map(move |fold| {
            let slice = self.downloaders.get(start..fold.downloaders_end).unwrap_or(&[]);
            start = fold.downloaders_end;
            (fold, slice)
        })
    }
}

/// Builds a [`DayFold`] from events as they pass.
pub struct DayFolder<'a> {
    counting: &'a Counting,
    fold: DayFold,
    /// The downloader whose events are passing.
    current: Option<Row>,
    visits: DownloaderDay,
    repo_counts: DayCounts,
    repo_evidence: bool,
}

impl<'a> DayFolder<'a> {
    /// Starts the fold of a day.
    #[must_use]
    pub fn new(day: Day, counting: &'a Counting) -> DayFolder<'a> {
        let fold = DayFold {
            day,
            repos: Vec::new(),
            downloaders: Vec::new(),
            openers: Vec::new(),
            tails: Vec::new(),
            accepted: 0,
            repeated: 0,
        };
        DayFolder {
            counting,
            fold,
            current: None,
            visits: DownloaderDay::default(),
            repo_counts: DayCounts::default(),
            repo_evidence: false,
        }
    }

    /// Adds the next event in stored order.
    pub fn add(&mut self, event: &Joined) {
        let row = &event.row;
        self.fold.accepted += event.accepted;
        self.fold.repeated += event.repeated;
        if let Some(current) = self.current {
            let same_repo = current.repo == row.repo;
            let same = same_repo
                && (current.user, current.who, current.downloader_agent()) == (row.user, row.who, row.downloader_agent());
            if !same {
                self.end_downloader(&current);
            }
            if !same_repo {
                self.end_repo(current.repo);
            }
        }
        self.current = Some(*row);
        self.visits.add(event, self.counting);
    }

    /// Ends the day.
    #[must_use]
    pub fn finish(mut self) -> DayFold {
        if let Some(current) = self.current {
            self.end_downloader(&current);
            self.end_repo(current.repo);
        }
        self.fold.openers.sort_unstable();
        self.fold.tails.sort_unstable();
        self.fold
    }

    fn end_downloader(&mut self, row: &Row) {
        if self.visits.is_empty() {
            self.visits.clear();
            return;
        }
        let day = self.visits.count(None);
        let downloader = row.downloader();
        let sum = if row.user { &mut self.repo_counts.authenticated } else { &mut self.repo_counts.anonymous };
        *sum += day.downloads;
        self.repo_counts.files += day.files;
        self.repo_evidence |= self.visits.evidence;
        self.fold.downloaders.push(downloader);
        let edge = |time| Edge { repo: row.repo, downloader, time, user: row.user };
        if let Some(first) = day.first.filter(|first| i64::from(first.ms_of_day()) < TAIL_MS) {
            self.fold.openers.push(edge(first));
        }
        if let Some(last) = day.last.filter(|last| i64::from(last.ms_of_day()) >= DAY_MS - TAIL_MS) {
            self.fold.tails.push(edge(last));
        }
        self.visits.clear();
    }

    fn end_repo(&mut self, repo: RepoNumber) {
        let start = self.fold.repos.last().map_or(0, |fold| fold.downloaders_end);
        if self.fold.downloaders.len() > start {
            let mut own = self.fold.downloaders.split_off(start);
            own.sort_unstable();
            own.dedup();
            self.fold.downloaders.append(&mut own);
            let downloaders_end = self.fold.downloaders.len();
            let (counts, evidence) = (self.repo_counts, self.repo_evidence);
            self.fold.repos.push(RepoFold { repo, counts, evidence, downloaders_end });
        }
        self.repo_counts = DayCounts::default();
        self.repo_evidence = false;
    }
}
