//! How Hugging Face counts, from the stored events: models by requests of a library's query files, datasets by address
//! and five minutes. Both take HEAD and GET alike, cached looks too, as its documentation has it.

use std::collections::{BTreeMap, BTreeSet};

use super::facets::Filter;
use super::members::Members;
use super::rules::{NotComputable, Rule};
use super::scan::DayOfDownloader;
use super::{QueryError, View};
use crate::block::{Joined, Wanted};
use crate::classify::QueryFiles;
use crate::model::{Day, DayCounts, DayRange, Downloads, Method, PathHash, Redirects, RepoKind, RepoNumber, SourceId, Who};
use crate::rollup::{Counting, FacetBook};
use crate::sessionize::Origin;
use crate::store;

/// How long one download of a dataset lasts at most.
const WINDOW_MS: i64 = 300_000;

/// Sums by day, and the sources that lack what the rule needs.
#[derive(Default)]
struct Tally {
    days: BTreeMap<Day, DayCounts>,
    lacking: BTreeSet<SourceId>,
}

impl Tally {
    fn add(&mut self, day: Day, user: bool, downloads: u64) {
        let of_day = self.days.entry(day).or_default();
        let sum = if user { &mut of_day.authenticated } else { &mut of_day.anonymous };
        *sum += Downloads(downloads);
    }

    fn finish(self, rule: Rule, counting: &Counting) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        if self.lacking.is_empty() {
            return Ok(self.days);
        }
        let mut sources: Vec<String> = self.lacking.iter().map(|source| counting.source_name(*source).to_owned()).collect();
        sources.sort();
        Err(QueryError::NotComputable(NotComputable { rule, sources }))
    }
}

/// Requests of one user or address on one repo, gathered over the kinds of client, which the rule does not tell apart.
#[derive(Default)]
struct Visitor {
    who: Option<(Day, RepoNumber, bool, Who)>,
    times_ms: Vec<i64>,
}

impl Visitor {
    /// Windows in which something was asked: each opens with the first request after the one before.
    fn windows(&mut self) -> u64 {
        self.times_ms.sort_unstable();
        let (mut windows, mut opened) = (0, None);
        for time in self.times_ms.drain(..) {
            if opened.is_none_or(|opened| time - opened >= WINDOW_MS) {
                (windows, opened) = (windows + 1, Some(time));
            }
        }
        windows
    }

    fn leave(&mut self, tally: &mut Tally) {
        let windows = self.windows();
        if let Some((day, _, user, _)) = self.who.take() {
            tally.add(day, user, windows);
        }
    }
}

impl View<'_> {
    /// Downloads of models by day: requests of their query files.
    pub(super) fn query_file_requests(
        &self,
        members: &Members,
        range: DayRange,
        filter: &Filter,
    ) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let counting = self.counting()?;
        let files = self.query_files(members)?;
        let mut tally = Tally::default();
        self.scan_audience(members, range, filter, Wanted::All, &counting, |day, of| {
            let Some(files) = files.get(&of.first.repo) else { return };
            for event in requests(of, &counting, filter) {
                if event.row.path == PathHash(0) {
                    tally.lacking.insert(event.row.source);
                } else if files.take(&String::from_utf8_lossy(of.words.text(event.row.path_name))) {
                    tally.add(day, of.first.user, u64::from(event.count));
                }
            }
        })?;
        tally.finish(Rule::HfModel, &counting)
    }

    /// Downloads of datasets by day: windows of five minutes in which a user or address asked for something.
    pub(super) fn dataset_windows(
        &self,
        members: &Members,
        range: DayRange,
        filter: &Filter,
    ) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let counting = self.counting()?;
        let datasets: BTreeSet<RepoNumber> = self.existing_of_kind(members, RepoKind::Dataset)?.into_iter().collect();
        let (mut tally, mut visitor) = (Tally::default(), Visitor::default());
        self.scan_audience(members, range, filter, Wanted::Counting, &counting, |day, of| {
            let first = of.first;
            if !datasets.contains(&first.repo) {
                return;
            }
            let who = (day, first.repo, first.user, first.who);
            if visitor.who != Some(who) {
                visitor.leave(&mut tally);
                visitor.who = Some(who);
            }
            for event in requests(of, &counting, filter) {
                if first.who == Who::NOBODY {
                    tally.lacking.insert(event.row.source);
                }
                visitor.times_ms.push(event.row.time.0);
            }
        })?;
        visitor.leave(&mut tally);
        tally.finish(Rule::HfDataset, &counting)
    }

    /// Gives the events of every downloader of the audience to `each`, day by day.
    fn scan_audience(
        &self,
        members: &Members,
        range: DayRange,
        filter: &Filter,
        wanted: Wanted,
        counting: &Counting,
        mut each: impl FnMut(Day, &DayOfDownloader<'_>),
    ) -> Result<(), QueryError> {
        for day in self.days_with_events(range)? {
            let mut book = FacetBook::default();
            self.scan_day(members, day, wanted, counting, &mut book, |of| {
                if filter.takes_audience(of.first.user) {
                    each(day, of);
                }
            })?;
        }
        Ok(())
    }

    /// The query files of each of the members that is a model.
    fn query_files(&self, members: &Members) -> Result<BTreeMap<RepoNumber, QueryFiles>, QueryError> {
        let files = |repo: RepoNumber| {
            let listing = store::listing(&self.txn, repo)?;
            Ok((repo, QueryFiles::of(listing.and_then(|listing| listing.library).as_deref())))
        };
        self.existing_of_kind(members, RepoKind::Model)?.into_iter().map(files).collect()
    }

    fn existing_of_kind(&self, members: &Members, kind: RepoKind) -> Result<Vec<RepoNumber>, QueryError> {
        let mut repos = self.existing(members)?;
        repos.retain(|repo| self.is_of_kind(*repo, kind));
        Ok(repos)
    }
}

/// The GETs and HEADs of a downloader's day that the filter takes. What a source calls a login wall asked for nothing.
fn requests<'a>(of: &'a DayOfDownloader<'_>, counting: &'a Counting, filter: &'a Filter) -> impl Iterator<Item = &'a Joined> {
    let words = of.words;
    of.events.iter().filter(move |event| {
        let row = &event.row;
        let redirect = matches!(row.status.0, 302 | 303 | 307);
        row.method != Method::Post
            && !(redirect && counting.settings(row.source).redirects == Redirects::Ignore)
            && filter.takes_event(Origin::of(row), words)
    })
}
