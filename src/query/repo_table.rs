//! The drill-down table: the repos of a scope with their figures, searched, sorted and cut into pages.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use super::answers::Scope;
use super::members::Members;
use super::view::damaged;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayRange, Downloads, Likes, RepoKey, RepoKind, RepoName, RepoNumber, Uniques};
use crate::rollup::DownloaderSet;
use crate::store;

/// Days of the window called "last month".
const MONTH_DAYS: u16 = 30;

/// Points of a sparkline at most: the days of a month, or so many parts of all time.
const SPARKLINE_POINTS: usize = 30;

/// The time a table is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Window {
    /// The 30 days that end today.
    #[default]
    Month,
    /// From the first known day of the scope.
    All,
    Range(DayRange),
}

/// What a table is sorted by; all but names with the largest first, ties by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TableSort {
    /// Downloads of the window.
    #[default]
    Window,
    /// Downloads of all time.
    Downloads,
    /// Downloads of the last 30 days.
    Recent,
    Likes,
    UniqueDownloaders,
    Name,
}

/// What is asked of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableQuestion {
    pub window: Window,
    pub sort: TableSort,
    /// A part of the id, in any case; empty for all.
    pub search: String,
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<TableCursor>,
}

/// The last row of a page: the next page begins behind it, even if it has vanished since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCursor {
    /// What the rows are sorted by; 0 for names.
    value: u64,
    repo: RepoKey,
}

impl std::fmt::Display for TableCursor {
    /// The form [`TableCursor::parse`] reads.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.value, self.repo.kind, self.repo.name)
    }
}

impl TableCursor {
    /// Reads a cursor that a table gave out.
    #[must_use]
    pub fn parse(text: &str) -> Option<TableCursor> {
        let mut parts = text.splitn(3, ':');
        let (value, kind, name) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        Some(TableCursor { value, repo: RepoKey { kind: RepoKind::from_word(kind)?, name: RepoName::parse(name)? } })
    }
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    pub repo: RepoKey,
    /// All-time downloads.
    pub downloads: Downloads,
    /// Downloads of the last 30 days.
    pub recent: Downloads,
    /// Distinct downloaders of the window.
    pub unique_downloaders: Uniques,
    /// Downloads of the parts of the window, as [`RepoTable::parts`] cuts it.
    pub sparkline: Vec<Downloads>,
    pub likes: Likes,
    pub private: bool,
}

/// A page of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoTable {
    pub rows: Vec<TableRow>,
    /// Rows of all pages.
    pub total: u64,
    /// Repos and their all-time downloads by type, over all pages; types without a repo are left out.
    pub kinds: Vec<(RepoKind, u64, Downloads)>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<TableCursor>,
    /// The days of the window.
    pub range: DayRange,
    /// How the sparklines cut the window.
    pub parts: Vec<DayRange>,
}

/// A row before the page is cut.
struct Candidate {
    number: RepoNumber,
    key: RepoKey,
    all: Downloads,
    recent: Downloads,
    value: u64,
}

impl Candidate {
    fn rank(&self) -> (Reverse<u64>, &RepoName, RepoKind) {
        (Reverse(self.value), &self.key.name, self.key.kind)
    }

    fn is_behind(&self, cursor: &TableCursor) -> bool {
        self.rank().cmp(&(Reverse(cursor.value), &cursor.repo.name, cursor.repo.kind)) == Ordering::Greater
    }
}

fn numbers(candidates: &[Candidate]) -> BTreeSet<RepoNumber> {
    candidates.iter().map(|candidate| candidate.number).collect()
}

fn by_kind(candidates: &[Candidate]) -> Vec<(RepoKind, u64, Downloads)> {
    let of_kind = |kind| {
        let of_kind = candidates.iter().filter(|candidate| candidate.key.kind == kind);
        (kind, of_kind.clone().count() as u64, of_kind.map(|candidate| candidate.all).sum())
    };
    RepoKind::ALL.into_iter().map(of_kind).filter(|(_, repos, _)| *repos > 0).collect()
}

impl View<'_> {
    /// The repos of a scope as a table; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn repo_table(&self, scope: &Scope, ask: &TableQuestion, caller: &Caller) -> Result<Option<RepoTable>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let month = DayRange::ending(self.today, MONTH_DAYS);
        let mut candidates = self.candidates(&members, &ask.search, month)?;
        let range = match ask.window {
            Window::Month => month,
            Window::All => self.known_range(&members)?,
            Window::Range(range) => range.until(self.today),
        };
        let mut uniques = BTreeMap::new();
        if ask.sort == TableSort::UniqueDownloaders {
            uniques = self.uniques_by_repo(&numbers(&candidates), range)?;
        }
        for candidate in &mut candidates {
            candidate.value = match ask.sort {
                TableSort::Window => match ask.window {
                    Window::Month => candidate.recent.0,
                    Window::All => candidate.all.0,
                    Window::Range(range) => {
                        self.days(candidate.number, range)?.values().map(|day| day.counts.downloads().0).sum()
                    }
                },
                TableSort::Downloads => candidate.all.0,
                TableSort::Recent => candidate.recent.0,
                TableSort::Likes => self.likes(candidate.number)?.0,
                TableSort::UniqueDownloaders => uniques.get(&candidate.number).map_or(0, |uniques| uniques.0),
                TableSort::Name => 0,
            };
        }
        candidates.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let total = candidates.len() as u64;
        let kinds = by_kind(&candidates);
        candidates.retain(|candidate| ask.cursor.as_ref().is_none_or(|cursor| candidate.is_behind(cursor)));
        let more = candidates.len() > ask.limit;
        candidates.truncate(ask.limit);
        if ask.sort != TableSort::UniqueDownloaders {
            uniques = self.uniques_by_repo(&numbers(&candidates), range)?;
        }
        let last = candidates.last().filter(|_| more);
        let next = last.map(|last| TableCursor { value: last.value, repo: last.key.clone() });
        let parts = parts(range);
        let mut rows = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let days = self.days(candidate.number, range)?;
            let sum = |part: &DayRange| {
                days.range(part.first..=part.last).map(|(_, of_day)| of_day.counts.downloads()).sum::<Downloads>()
            };
            rows.push(TableRow {
                downloads: candidate.all,
                recent: candidate.recent,
                unique_downloaders: uniques.get(&candidate.number).copied().unwrap_or_default(),
                sparkline: parts.iter().map(sum).collect(),
                likes: self.likes(candidate.number)?,
                private: !self.is_public(candidate.number)?,
                repo: candidate.key,
            });
        }
        Ok(Some(RepoTable { rows, total, kinds, next, range, parts }))
    }

    fn candidates(&self, members: &Members, search: &str, month: DayRange) -> Result<Vec<Candidate>, QueryError> {
        let search = search.to_ascii_lowercase();
        let mut candidates = Vec::new();
        let recent = match members {
            Members::Some(_) => None,
            Members::AllBut(_) => Some(self.recent_sums(month)?),
        };
        for number in self.existing(members)? {
            let key = self.key(number)?;
            if !search.is_empty() && !key.name.as_str().to_ascii_lowercase().contains(&search) {
                continue;
            }
            let recent = match &recent {
                Some(sums) => sums.get(number.0 as usize).copied().unwrap_or_default(),
                None => self.days(number, month)?.values().map(|of_day| of_day.counts.downloads()).sum(),
            };
            candidates.push(Candidate { number, key, all: self.downloads(number)?, recent, value: 0 });
        }
        Ok(candidates)
    }

    /// From the first day on which anything of the members was counted until today.
    pub(super) fn known_range(&self, members: &Members) -> Result<DayRange, QueryError> {
        let mut first = self.today;
        for repo in self.existing(members)? {
            first = first.min(self.first_day(repo)?.unwrap_or(self.today));
        }
        Ok(DayRange { first, last: self.today })
    }

    /// Distinct downloaders of each of some repos over a range, in one pass.
    fn uniques_by_repo(
        &self,
        repos: &BTreeSet<RepoNumber>,
        range: DayRange,
    ) -> Result<BTreeMap<RepoNumber, Uniques>, QueryError> {
        let mut sets: BTreeMap<RepoNumber, DownloaderSet> = BTreeMap::new();
        let live = &self.published.live;
        for day in self.known_days(range)? {
            if let Some(record) = store::day_view(&self.txn, day)? {
                self.for_entries_of(day, &record, repos, |entry| {
                    let set = sets.entry(entry.repo).or_default();
                    if entry.set_is_apart() {
                        store::read_set(&self.txn, day, &record, entry.repo, set)?;
                    } else {
                        set.add(entry.numbers().map_err(|error| damaged(day, error))?);
                    }
                    Ok(())
                })?;
            }
            for (repo, of_repo) in live.repos_on(day).filter(|(repo, _)| repos.contains(repo)) {
                sets.entry(repo).or_default().add(of_repo.downloaders().filter_map(|hash| live.number(hash)));
            }
        }
        Ok(sets.into_iter().map(|(repo, set)| (repo, Uniques(set.len()))).collect())
    }
}

/// Cuts a window into the parts of a sparkline: days, or stretches of equally many days, the last ending with the window.
fn parts(range: DayRange) -> Vec<DayRange> {
    let days = usize::from(range.last.0.saturating_sub(range.first.0)) + 1;
    let step = u16::try_from(days.div_ceil(SPARKLINE_POINTS)).unwrap_or(u16::MAX);
    let mut parts = Vec::new();
    let mut last = range.last;
    loop {
        let first = Day(last.0.saturating_sub(step - 1)).max(range.first);
        parts.push(DayRange { first, last });
        if first <= range.first {
            break;
        }
        last = first.previous();
    }
    parts.reverse();
    parts
}
