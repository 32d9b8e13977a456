//! Questions that no view answers, from the events themselves: exact, in memory bounded by the answer and by what one
//! downloader does in a day, and as slow as there are events of the scope in the range.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::answers::{DayRow, Interval, Scope};
use super::breakdown::{Breakdown, BreakdownRow, Dimension};
use super::facets::Filter;
use super::members::Members;
use super::scope::intervals;
use super::{QueryError, View};
use crate::block::{Joined, Merge, Wanted};
use crate::model::{Caller, Day, DayCounts, DayRange, DownloaderKey, Millis, PathHash, Row, Uniques, Word, Words};
use crate::rollup::{Counting, DownloaderDay, FacetBook};
use crate::sessionize::{Visit, starts_session};
use crate::store::{self, DayQuestion, RepoChoice};

type FastMap<K, V> = HashMap<K, V, FixedState>;
type FastSet<T> = HashSet<T, FixedState>;

/// Events between two looks whether anybody still waits for the answer.
const EVENTS_PER_LOOK: u32 = 4_096;

/// How many people stand behind the downloaders of a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Distinct users and addresses.
    pub floor: Uniques,
    /// Distinct users, and addresses with their kind of client.
    pub ceiling: Uniques,
}

/// What one downloader did on one repo and day.
pub(super) struct DayOfDownloader<'a> {
    pub first: Row,
    /// All events, counted or not.
    pub events: &'a [Joined],
    /// The counted ones, by time.
    pub visits: &'a [Visit],
    pub words: &'a Words,
}

impl View<'_> {
    /// How requests are counted now.
    pub(super) fn counting(&self) -> Result<Counting, QueryError> {
        let sources = store::read_sources(&self.txn)?;
        let named = sources.iter().map(|source| (source.record.name.as_str().into(), source.settings())).collect();
        Ok(Counting::new(named, Arc::clone(&self.published.renames)))
    }

    /// Gives every downloader's events of a day on each of the members to `each`.
    pub(super) fn scan_day(
        &self,
        members: &Members,
        day: Day,
        wanted: Wanted,
        counting: &Counting,
        book: &mut FacetBook,
        mut each: impl FnMut(&DayOfDownloader<'_>),
    ) -> Result<(), QueryError> {
        let manifest = store::manifest(&self.txn, day)?;
        let published = manifest.segments.into_iter().filter(|segment| segment.unpublished.is_none());
        let repos = match members {
            Members::Some(repos) => RepoChoice::These(Arc::new(repos.clone())),
            Members::AllBut(_) => RepoChoice::All,
        };
        let question = DayQuestion { day, repos, sought: None, renames: Arc::clone(&self.published.renames), wanted };
        let inputs = store::day_rows(&self.txn, &question, published)?;
        let mut events = Merge::new(inputs.into_iter().map(|(_, rows)| rows))?.joined()?;
        let mut own: Vec<Joined> = Vec::new();
        let mut of_day = DownloaderDay::default();
        let mut read = 0_u32;
        loop {
            let event = events.next_event(|_| false)?;
            read += 1;
            if read.is_multiple_of(EVENTS_PER_LOOK) && self.asker.has_gone() {
                return Err(QueryError::NobodyWaits);
            }
            let goes_on = event.as_ref().zip(own.last()).is_some_and(|(event, last)| same_downloader(&event.row, &last.row));
            if !goes_on && let Some(first) = own.first() {
                of_day.clear();
                own.iter().for_each(|event| of_day.add(event, counting, book, events.words()));
                let first = first.row;
                each(&DayOfDownloader { first, events: &own, visits: of_day.visits(), words: events.words() });
                own.clear();
            }
            let Some(event) = event else { return Ok(()) };
            if members.contain(event.row.repo) {
                own.push(event);
            }
        }
    }

    /// Distinct downloaders of a scope over a range who have a counted event that the filter takes, with the bounds of how
    /// many people they are; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn reach(&self, scope: &Scope, range: DayRange, filter: &Filter, caller: &Caller) -> Result<Option<Reach>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let question = format_args!("reach of {scope}, {range:?}, {filter:?}");
        self.answered(question, caller, |_| 0, || self.reach_of(&members, range, filter)).map(Some)
    }

    pub(super) fn reach_of(&self, members: &Arc<Members>, range: DayRange, filter: &Filter) -> Result<Reach, QueryError> {
        if filter.is_empty() {
            return self.distinct_with_bounds(members, range);
        }
        let counting = self.counting()?;
        let (mut ceiling, mut floor) = (FastSet::<DownloaderKey>::default(), FastSet::<DownloaderKey>::default());
        for day in self.days_with_events(range.until(self.today))? {
            let mut book = FacetBook::default();
            let mut takes: FastMap<(crate::model::Country, Word), bool> = FastMap::default();
            let visits = |of: &DayOfDownloader<'_>| {
                let user = of.first.user;
                let taken = of.visits.iter().any(|visit| {
                    *takes
                        .entry((visit.origin.country, visit.origin.agent_note))
                        .or_insert_with(|| filter.takes_event(visit.origin, of.words))
                });
                if taken && filter.takes_audience(user) {
                    ceiling.insert(of.first.downloader());
                    floor.insert(of.first.downloader().person());
                }
            };
            self.scan_day(members, day, Wanted::Counting, &counting, &mut book, visits)?;
        }
        Ok(Reach { floor: Uniques(floor.len() as u64), ceiling: Uniques(ceiling.len() as u64) })
    }

    /// A scope's downloads by day, week or month as far as a filter takes them, zeros included; files stay 0, since a
    /// filter chooses sessions. `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn filtered_series(
        &self,
        scope: &Scope,
        range: DayRange,
        interval: Interval,
        uniques: bool,
        filter: &Filter,
        caller: &Caller,
    ) -> Result<Option<Vec<DayRow>>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let bytes = |rows: &Vec<DayRow>| rows.len() * size_of::<DayRow>();
        let question = format_args!("series of {scope}, {range:?}, {interval:?}, {uniques}, {filter:?}");
        self.answered(question, caller, bytes, || self.filter_series(&members, range, interval, uniques, filter)).map(Some)
    }

    fn filter_series(
        &self,
        members: &Arc<Members>,
        range: DayRange,
        interval: Interval,
        uniques: bool,
        filter: &Filter,
    ) -> Result<Vec<DayRow>, QueryError> {
        let days = self.facets_of(members, range, filter)?.days;
        let mut rows = Vec::new();
        for part in intervals(range, interval) {
            let mut counts = DayCounts::default();
            part.among(&days).for_each(|(_, of_day)| counts += *of_day);
            let uniques = if uniques { Some(self.reach_of(members, part, filter)?.ceiling) } else { None };
            rows.push(DayRow { day: part.first, counts, uniques });
        }
        Ok(rows)
    }

    /// Files by path; those without one under `None`. `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn files_by_path(&self, scope: &Scope, range: DayRange, caller: &Caller) -> Result<Option<Breakdown>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let range = range.until(self.today);
        let bytes = |all: &Breakdown| {
            all.rows.iter().map(|row| size_of::<BreakdownRow>() + row.key.as_ref().map_or(0, String::len)).sum()
        };
        let question = format_args!("files of {scope}, {range:?}");
        self.answered(question, caller, bytes, || self.count_paths(&members, range)).map(Some)
    }

    fn count_paths(&self, members: &Members, range: DayRange) -> Result<Breakdown, QueryError> {
        let counting = self.counting()?;
        let mut paths: FastMap<PathHash, (String, u64)> = FastMap::default();
        let mut total = 0;
        for day in self.days_with_events(range.until(self.today))? {
            let mut book = FacetBook::default();
            self.scan_day(members, day, Wanted::All, &counting, &mut book, |of| {
                let names: FastMap<PathHash, Word> =
                    of.events.iter().map(|event| (event.row.path, event.row.path_name)).collect();
                total += files_of(of.visits, |path| {
                    let name = names.get(&path).copied().unwrap_or_default();
                    let text = || (String::from_utf8_lossy(of.words.text(name)).into_owned(), 0);
                    paths.entry(path).or_insert_with(text).1 += 1;
                });
            })?;
        }
        let known: u64 = paths.values().map(|(_, files)| files).sum();
        let row = |(path, count)| BreakdownRow { key: Some(path), of: None, count };
        let mut rows: Vec<BreakdownRow> = paths.into_values().map(row).collect();
        if total > known {
            rows.push(BreakdownRow { key: None, of: None, count: total - known });
        }
        rows.sort_by(|a, b| {
            let rank = |row: &BreakdownRow| (Reverse(row.count), row.key.is_none());
            rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
        });
        Ok(Breakdown { by: Dimension::File, rows, total })
    }

    /// Stored events of the members by source, day and hour.
    pub(super) fn hours(
        &self,
        members: &Members,
        range: DayRange,
        mut each: impl FnMut(&Joined),
    ) -> Result<BTreeMap<(crate::model::SourceId, Day), [u64; 24]>, QueryError> {
        let counting = self.counting()?;
        let mut hours: BTreeMap<(crate::model::SourceId, Day), [u64; 24]> = BTreeMap::new();
        for day in self.days_with_events(range.until(self.today))? {
            let mut book = FacetBook::default();
            self.scan_day(members, day, Wanted::Counting, &counting, &mut book, |of| {
                for event in of.events {
                    let hour = event.row.time.ms_of_day() / 3_600_000;
                    let of_day = hours.entry((event.row.source, day)).or_default();
                    if let Some(events) = of_day.get_mut(hour as usize) {
                        *events += u64::from(event.count);
                    }
                    each(event);
                }
            })?;
        }
        Ok(hours)
    }
}

fn same_downloader(a: &Row, b: &Row) -> bool {
    (a.repo, a.user, a.who, a.downloader_agent()) == (b.repo, b.user, b.who, b.downloader_agent())
}

/// The files of a downloader's day: each path once per session. `each` gets those that have a path.
fn files_of(visits: &[Visit], mut each: impl FnMut(PathHash)) -> u64 {
    let mut seen: BTreeSet<PathHash> = BTreeSet::new();
    let mut before: Option<Millis> = None;
    let mut files = 0;
    for visit in visits {
        if starts_session(before, visit.time) {
            seen.clear();
        }
        before = Some(visit.time);
        if visit.path == PathHash(0) {
            files += u64::from(visit.pathless_files);
        } else if seen.insert(visit.path) {
            files += 1;
            each(visit.path);
        }
    }
    files
}
