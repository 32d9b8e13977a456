//! The joined events of one UTC day, in stored order -> the counts and downloaders of every repo on that day.

use super::counting::{Counting, DownloaderDay};
use super::facet::{Facet, FacetBook};
use super::facet_chunk::FacetCount;
use super::tail::{Edge, TAIL_MS};
use crate::block::Joined;
use crate::model::{DAY_MS, Day, DayCounts, DownloaderKey, Downloads, RepoNumber, Row, Words};
use crate::sessionize::{KindFiles, starts_session};

/// One repo on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoFold {
    pub repo: RepoNumber,
    pub counts: DayCounts,
    pub evidence: bool,
    /// Where this repo's downloaders end in [`DayFold::downloaders`]; they start where the repo before ends.
    pub downloaders_end: usize,
    /// Files by kind.
    pub kinds: KindFiles,
    /// Where this repo's facets end in [`DayFold::facets`]; they start where the repo before ends.
    pub facets_end: usize,
}

/// The first counted event of a downloader shortly after midnight, and what a session that starts with it is.
#[derive(Clone, Debug)]
struct Opener {
    edge: Edge,
    facet: Option<Facet>,
}

/// One day of the hub. Independent of all other days until [`DayFold::continue_sessions`] joins it to the day before.
#[derive(Clone, Debug)]
pub struct DayFold {
    pub day: Day,
    /// Repos with counted events, ascending.
    pub repos: Vec<RepoFold>,
    /// Distinct downloaders of each repo, ascending within the repo.
    pub downloaders: Vec<DownloaderKey>,
    /// Sessions by what they take from their first event, ascending within the repo.
    pub facets: Vec<FacetCount>,
    /// The places and clients of the facets.
    pub book: FacetBook,
    /// First counted events within half an hour after midnight, sorted.
    openers: Vec<Opener>,
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
        for Opener { edge: opener, facet } in &self.openers {
            let key = (opener.repo, opener.downloader);
            while tails.next_if(|tail| (tail.repo, tail.downloader) < key).is_some() {}
            let previous = tails.peek().filter(|tail| (tail.repo, tail.downloader) == key).map(|tail| tail.time);
            if starts_session(previous, opener.time) {
                continue;
            }
            if let Ok(index) = self.repos.binary_search_by_key(&opener.repo, |fold| fold.repo) {
                let start = index.checked_sub(1).and_then(|before| self.repos.get(before)).map_or(0, |before| before.facets_end);
                let Some(fold) = self.repos.get_mut(index) else { continue };
                let sum = if opener.downloader.is_user() { &mut fold.counts.authenticated } else { &mut fold.counts.anonymous };
                *sum = Downloads(sum.0.saturating_sub(1));
                let facets = self.facets.get_mut(start..fold.facets_end).unwrap_or_default();
                let at = facet.and_then(|facet| facets.binary_search_by_key(&facet, |(known, _)| *known).ok());
                if let Some((_, downloads)) = at.and_then(|at| facets.get_mut(at)) {
                    *downloads = Downloads(downloads.0.saturating_sub(1));
                }
            }
        }
    }

    /// The repos with their facets.
    pub fn repos_with_facets(&self) -> impl Iterator<Item = (&RepoFold, &[FacetCount])> {
        let mut start = 0;
        self.repos.iter().map(move |fold| {
            let slice = self.facets.get(start..fold.facets_end).unwrap_or(&[]);
            start = fold.facets_end;
            (fold, slice)
        })
    }

    /// The repos with their downloaders.
    pub fn repos_with_downloaders(&self) -> impl Iterator<Item = (&RepoFold, &[DownloaderKey])> {
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
    repo_kinds: KindFiles,
    /// What the sessions of the repo, and of the downloader whose events are passing, take from their first events.
    repo_sessions: Vec<Facet>,
    sessions: Vec<Facet>,
}

impl<'a> DayFolder<'a> {
    /// Starts the fold of a day.
    #[must_use]
    pub fn new(day: Day, counting: &'a Counting) -> DayFolder<'a> {
        let fold = DayFold {
            day,
            repos: Vec::new(),
            downloaders: Vec::new(),
            facets: Vec::new(),
            book: FacetBook::default(),
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
            repo_kinds: KindFiles::default(),
            repo_sessions: Vec::new(),
            sessions: Vec::new(),
        }
    }

    /// Takes events that were decoded with all they have, not for counting alone.
    #[must_use]
    pub fn of_whole_paths(mut self) -> DayFolder<'a> {
        self.fold.book = FacetBook::of_whole_paths();
        self
    }

    /// Adds the next event in stored order, with the list its texts are numbers of: the same one for all.
    pub fn add(&mut self, event: &Joined, words: &Words) {
        let row = &event.row;
        self.fold.accepted += event.accepted;
        self.fold.repeated += event.repeated;
        if let Some(current) = self.current {
            let same_repo = current.repo == row.repo;
            let same = same_repo
                && (current.user, current.who, current.downloader_agent()) == (row.user, row.who, row.downloader_agent());
            if !same {
                self.end_downloader(&current, words);
            }
            if !same_repo {
                self.end_repo(current.repo);
            }
        }
        self.current = Some(*row);
        self.visits.add(event, self.counting, &mut self.fold.book, words);
    }

    /// Ends the day.
    #[must_use]
    pub fn finish(mut self, words: &Words) -> DayFold {
        if let Some(current) = self.current {
            self.end_downloader(&current, words);
            self.end_repo(current.repo);
        }
        self.fold.openers.sort_unstable_by_key(|opener| opener.edge);
        self.fold.tails.sort_unstable();
        self.fold
    }

    fn end_downloader(&mut self, row: &Row, words: &Words) {
        if self.visits.is_empty() {
            self.visits.clear();
            return;
        }
        self.sessions.clear();
        let day = self.visits.count(None, self.counting, &mut self.fold.book, words, &mut self.sessions);
        let downloader = row.downloader();
        let sum = if row.user { &mut self.repo_counts.authenticated } else { &mut self.repo_counts.anonymous };
        *sum += day.downloads;
        self.repo_counts.files += day.files;
        self.repo_kinds += day.kinds;
        self.repo_sessions.extend_from_slice(&self.sessions);
        self.repo_evidence |= self.visits.evidence;
        self.fold.downloaders.push(downloader);
        let edge = |time| Edge { repo: row.repo, downloader, time };
        if let Some(first) = day.first.filter(|first| i64::from(first.ms_of_day()) < TAIL_MS) {
            self.fold.openers.push(Opener { edge: edge(first), facet: self.sessions.first().copied() });
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
            self.repo_sessions.sort_unstable();
            for same in self.repo_sessions.chunk_by(|a, b| a == b) {
                self.fold.facets.extend(same.first().map(|facet| (*facet, Downloads(same.len() as u64))));
            }
            let (counts, evidence, kinds) = (self.repo_counts, self.repo_evidence, self.repo_kinds);
            let facets_end = self.fold.facets.len();
            self.fold.repos.push(RepoFold { repo, counts, evidence, downloaders_end, kinds, facets_end });
        }
        self.repo_counts = DayCounts::default();
        self.repo_evidence = false;
        self.repo_kinds = KindFiles::default();
        self.repo_sessions.clear();
    }
}
