//! The drill-down table: the repos of a scope with their figures, searched, sorted and cut into pages.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answers::Scope;
use super::members::Members;
use super::reported::StandIn;
use super::sums::MANY_REPOS;
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
    /// Another system's figures, if nothing was counted here. They are in no sum, and rows are not sorted by them.
    pub reported: Option<StandIn>,
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
    all: Downloads,
    recent: Downloads,
    /// What the rows are sorted by.
    value: u64,
}

fn numbers<'a>(candidates: impl IntoIterator<Item = &'a Candidate>) -> BTreeSet<RepoNumber> {
    candidates.into_iter().map(|candidate| candidate.number).collect()
}

impl View<'_> {
    /// The repos of a scope as a table; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn repo_table(&self, scope: &Scope, ask: &TableQuestion, caller: &Caller) -> Result<Option<RepoTable>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let bytes = |table: &RepoTable| table.rows.len() * (size_of::<TableRow>() + 8 * SPARKLINE_POINTS + 64);
        let question = format_args!("table of {scope}: {ask:?}");
        self.answered(question, caller, bytes, || self.make_table(&members, ask)).map(Some)
    }

    fn make_table(&self, members: &Arc<Members>, ask: &TableQuestion) -> Result<RepoTable, QueryError> {
        let month = DayRange::ending(self.today, MONTH_DAYS);
        let range = match ask.window {
            Window::Month => month,
            Window::All => self.known_range(members)?,
            Window::Range(range) => range.until(self.today),
        };
        let mut candidates = self.candidates(members, &ask.search, month)?;
        self.evaluate(&mut candidates, ask, range)?;
        let total = candidates.len() as u64;
        let kinds = self.by_kind(&candidates);
        candidates.sort_unstable_by_key(|candidate| Reverse(candidate.value));
        let mut page = self.page(&candidates, ask)?;
        let more = page.len() > ask.limit;
        page.truncate(ask.limit);
        let last = page.last().filter(|_| more);
        let next = last.map(|(key, last)| TableCursor { value: last.value, repo: key.clone() });
        let uniques = self.uniques_by_repo(&numbers(page.iter().map(|(_, candidate)| *candidate)), range)?;
        let parts = parts(range);
        let mut rows = Vec::with_capacity(page.len());
        for (repo, candidate) in page {
            let days = self.days(candidate.number, range)?;
            let sum = |part: &DayRange| part.among(&days).map(|(_, of_day)| of_day.counts.downloads()).sum::<Downloads>();
            rows.push(TableRow {
                repo,
                downloads: candidate.all,
                recent: candidate.recent,
                unique_downloaders: uniques.get(&candidate.number).copied().unwrap_or_default(),
                sparkline: parts.iter().map(sum).collect(),
                likes: self.likes(candidate.number)?,
                private: !self.is_public(candidate.number)?,
                reported: self.stand_in(candidate.number, range)?,
            });
        }
        Ok(RepoTable { rows, total, kinds, next, range, parts })
    }

    /// All rows that may be shown. Names are read only if they are asked for: a hub has many.
    fn candidates(&self, members: &Arc<Members>, search: &str, month: DayRange) -> Result<Vec<Candidate>, QueryError> {
        let search = search.to_ascii_lowercase();
        let sums = match &**members {
            Members::Some(_) => None,
            Members::AllBut(_) => Some((self.all_time_sums()?, self.recent_sums(month)?)),
        };
        let mut candidates = Vec::new();
        for number in self.existing(members)? {
            if !search.is_empty() && !self.key(number)?.name.as_str().to_ascii_lowercase().contains(&search) {
                continue;
            }
            let of = |sums: &[Downloads]| sums.get(number.0 as usize).copied().unwrap_or_default();
            let (all, recent) = match &sums {
                Some((all, recent)) => (of(all), of(recent)),
                None => {
                    let recent = self.days(number, month)?.values().map(|of_day| of_day.counts.downloads()).sum();
                    (self.downloads(number)?, recent)
                }
            };
            candidates.push(Candidate { number, all, recent, value: 0 });
        }
        Ok(candidates)
    }

    /// Says of each row what the table is sorted by.
    fn evaluate(&self, candidates: &mut [Candidate], ask: &TableQuestion, range: DayRange) -> Result<(), QueryError> {
        let uniques = match ask.sort {
            TableSort::UniqueDownloaders => self.uniques_by_repo(&numbers(&*candidates), range)?,
            _ => BTreeMap::new(),
        };
        let of_range = match (ask.sort, ask.window) {
            (TableSort::Window, Window::Range(range)) if candidates.len() >= MANY_REPOS => Some(self.recent_sums(range)?),
            _ => None,
        };
        for candidate in candidates {
            candidate.value = match ask.sort {
                TableSort::Window => match (ask.window, &of_range) {
                    (Window::Month, _) => candidate.recent.0,
                    (Window::All, _) => candidate.all.0,
                    (_, Some(sums)) => sums.get(candidate.number.0 as usize).map_or(0, |sum| sum.0),
                    (_, None) => self.days(candidate.number, range)?.values().map(|day| day.counts.downloads().0).sum(),
                },
                TableSort::Downloads => candidate.all.0,
                TableSort::Recent => candidate.recent.0,
                TableSort::Likes => self.likes(candidate.number)?.0,
                TableSort::UniqueDownloaders => uniques.get(&candidate.number).map_or(0, |uniques| uniques.0),
                TableSort::Name => 0,
            };
        }
        Ok(())
    }

    /// The rows of a page, and one more if there is one: the largest first, ties by name.
    fn page<'a>(&self, sorted: &'a [Candidate], ask: &TableQuestion) -> Result<Vec<(RepoKey, &'a Candidate)>, QueryError> {
        let mut page = Vec::new();
        for equal in sorted.chunk_by(|a, b| a.value == b.value) {
            let value = equal.first().map_or(0, |first| first.value);
            let cut = ask.cursor.as_ref().filter(|cursor| cursor.value <= value);
            if page.len() > ask.limit {
                break;
            }
            if cut.is_some_and(|cursor| cursor.value < value) {
                continue;
            }
            let named = equal.iter().map(|candidate| Ok((self.key(candidate.number)?, candidate)));
            let mut named = named.collect::<Result<Vec<(RepoKey, &Candidate)>, QueryError>>()?;
            fn rank(key: &RepoKey) -> (&RepoName, RepoKind) {
                (&key.name, key.kind)
            }
            named.sort_unstable_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)));
            page.extend(named.into_iter().filter(|(key, _)| cut.is_none_or(|cursor| rank(key) > rank(&cursor.repo))));
        }
        page.truncate(ask.limit.saturating_add(1));
        Ok(page)
    }

    fn by_kind(&self, candidates: &[Candidate]) -> Vec<(RepoKind, u64, Downloads)> {
        let of_kind = |kind| {
            let of_kind = candidates.iter().filter(|candidate| self.is_of_kind(candidate.number, kind));
            let (repos, downloads) = of_kind.fold((0, Downloads(0)), |(repos, sum), of| (repos + 1, sum + of.all));
            (kind, repos, downloads)
        };
        RepoKind::ALL.into_iter().map(of_kind).filter(|(_, repos, _)| *repos > 0).collect()
    }

    /// From the first day on which anything of the members was counted until today. On that day a session began: nothing
    /// came before it.
    fn known_range(&self, members: &Arc<Members>) -> Result<DayRange, QueryError> {
        let daily = self.daily(members, DayRange { first: Day(0), last: self.today })?;
        let first = daily.iter().find(|(_, counts)| counts.downloads().0 > 0).map_or(self.today, |(day, _)| *day);
        Ok(DayRange { first, last: self.today })
    }

    /// Distinct downloaders of each of some repos over a range, in one pass.
    fn uniques_by_repo(
        &self,
        repos: &BTreeSet<RepoNumber>,
        range: DayRange,
    ) -> Result<BTreeMap<RepoNumber, Uniques>, QueryError> {
        let mut sets: BTreeMap<RepoNumber, DownloaderSet> = BTreeMap::new();
        let (live, mut of_live) = (&self.published.live, Vec::new());
        for day in self.known_days(range)? {
            if let Some(record) = store::day_view(&self.txn, day)? {
                store::for_entries_of(&self.txn, day, &record, repos, |entry| {
                    let set = sets.entry(entry.repo).or_default();
                    if entry.set_is_apart() {
                        set.absorb(store::read_set(&self.txn, day, &record, entry.repo)?);
                    } else {
                        set.add(entry.numbers().map_err(|error| damaged(day, error))?);
                    }
                    Ok::<_, QueryError>(())
                })?;
            }
            for (repo, of_repo) in repos.iter().filter_map(|repo| Some((*repo, live.repo(day, *repo)?))) {
                of_live.extend(of_repo.downloaders().map(|downloader| (repo, downloader)));
            }
        }
        // All at once: each time the dictionary is looked through.
        let numbers = self.published.live_numbers(&self.txn, of_live.iter().map(|(_, downloader)| *downloader).collect())?;
        for ((repo, _), number) in of_live.into_iter().zip(numbers) {
            sets.entry(repo).or_default().add([number]);
        }
        Ok(sets.into_iter().map(|(repo, set)| (repo, Uniques(set.len()))).collect())
    }
}

/// Cuts a window into the parts of a sparkline: days, or stretches of equally many days, the last ending with the window.
fn parts(range: DayRange) -> Vec<DayRange> {
    let mut parts = Vec::new();
    if range.is_empty() {
        return parts;
    }
    let days = range.count() as usize;
    let step = u16::try_from(days.div_ceil(SPARKLINE_POINTS)).unwrap_or(u16::MAX);
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
