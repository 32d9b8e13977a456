//! Daily figures that another system counted: beside what is counted here, never added to it.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::{DayRow, RepoTotals, Scope};
use super::facets::Filter;
use super::members::Members;
use super::rules::{NotComputable, Rule};
use super::{QueryError, View};
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads, Millis, RepoNumber};
use crate::store;

/// Days of the figures called recent.
const RECENT_DAYS: u16 = 30;

/// What another system says of one repo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedHistory {
    /// Downloads before the days that are listed: what the total has more than these.
    pub earlier: Downloads,
    /// Days until today, ascending.
    pub days: BTreeMap<Day, Downloads>,
}

impl ReportedHistory {
    /// All downloads until today.
    #[must_use]
    pub fn total(&self) -> Downloads {
        Downloads(self.days.values().fold(self.earlier.0, |sum, downloads| sum.saturating_add(downloads.0)))
    }

    /// Downloads of the days of a range.
    fn within(&self, range: DayRange) -> Downloads {
        let days = self.days.iter().filter(|(day, _)| range.contains(**day));
        Downloads(days.fold(0, |sum, (_, downloads)| sum.saturating_add(downloads.0)))
    }
}

/// What another system says of a repo of which nothing was counted here, where it stands in for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// All downloads until today.
    pub all_time: Downloads,
    /// Downloads of the last 30 days.
    pub recent: Downloads,
    /// Downloads of the days asked for.
    pub of_range: Downloads,
}

/// What another system says of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedSum {
    /// Repos of which it says anything.
    pub repos: u64,
    pub downloads: Downloads,
    /// The last day that any of them lists.
    pub last_day: Option<Day>,
}

impl View<'_> {
    /// What another system says of a repo; `None` if no breakdown names it.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn reported(&self, repo: RepoNumber) -> Result<Option<ReportedHistory>, QueryError> {
        if !self.is_reported(repo)? {
            return Ok(None);
        }
        let Some(told) = store::reported_as_read(&self.txn, &self.published.renames, repo)? else { return Ok(None) };
        let listed = told.record.days.iter().fold(0, |sum: u64, (_, downloads)| sum.saturating_add(*downloads));
        let days = told.record.days.into_iter().map(|(day, downloads)| (Day(day), Downloads(downloads)));
        let earlier = Downloads(told.record.total.saturating_sub(listed));
        Ok(Some(ReportedHistory { earlier, days: days.filter(|(day, _)| *day <= self.today).collect() }))
    }

    /// Whether a breakdown names the repo.
    pub(super) fn is_reported(&self, repo: RepoNumber) -> Result<bool, QueryError> {
        let (reported, renames) = (&self.published.reported, &self.published.renames);
        if reported.contains(&repo) && !renames.is_old(repo) {
            return Ok(true);
        }
        if reported.is_empty() || renames.is_empty() {
            return Ok(false);
        }
        if let Some(under_former_names) = self.reported_by_former_names.get() {
            return Ok(under_former_names.contains(&repo));
        }
        let mut found = BTreeSet::new();
        for name in renames.old().filter(|name| reported.contains(name)) {
            found.extend(store::reported_readings(&self.txn, renames, name)?);
        }
        Ok(self.reported_by_former_names.get_or_init(|| found).contains(&repo))
    }

    /// The rule of a question that names none: sessions, unless a repo is asked about of which nothing was counted here
    /// and another system's figures are known.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn default_rule(&self, scope: &Scope, caller: &Caller) -> Result<Rule, QueryError> {
        let Scope::Repo(key) = scope else { return Ok(Rule::Session) };
        let Some(repo) = self.repo(key, caller)? else { return Ok(Rule::Session) };
        self.default_rule_of(repo)
    }

    /// The rule of a question about a repo that names none.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn default_rule_of(&self, repo: RepoNumber) -> Result<Rule, QueryError> {
        let only_reported = self.is_reported(repo)? && !self.is_counted(repo)?;
        Ok(if only_reported { Rule::Reported } else { Rule::Session })
    }

    /// Another system's figures of a repo that has no others.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn stand_in(&self, repo: RepoNumber, range: DayRange) -> Result<Option<StandIn>, QueryError> {
        if self.default_rule_of(repo)? != Rule::Reported {
            return Ok(None);
        }
        let Some(history) = self.reported(repo)? else { return Ok(None) };
        Ok(Some(StandIn {
            all_time: history.total(),
            recent: history.within(DayRange::ending(self.today, RECENT_DAYS)),
            of_range: history.within(range),
        }))
    }

    /// All-time downloads by another system, and likes.
    ///
    /// # Errors
    /// When the store fails or a record is damaged, or no breakdown names the repo.
    pub fn reported_totals(&self, repo: RepoNumber) -> Result<RepoTotals, QueryError> {
        let history = self.reported(repo)?.ok_or_else(nothing_reported)?;
        Ok(RepoTotals { downloads: history.total(), likes: self.likes(repo)? })
    }

    /// The days of a range by another system from the first one it lists on: all of them, or those with downloads. Who
    /// downloaded is not told, so all count as anonymous.
    ///
    /// # Errors
    /// When the store fails or a record is damaged, or no breakdown names the repo.
    pub fn reported_recent(&self, repo: RepoNumber, range: DayRange, zero_days: bool) -> Result<Vec<DayRow>, QueryError> {
        let history = self.reported(repo)?.ok_or_else(nothing_reported)?;
        let Some(first) = history.days.keys().next() else { return Ok(Vec::new()) };
        let range = DayRange { first: range.first.max(*first), last: range.last.min(self.today) };
        let row = |day: Day| {
            let anonymous = history.days.get(&day).copied().unwrap_or_default();
            DayRow { day, counts: DayCounts { anonymous, ..DayCounts::default() }, uniques: None }
        };
        Ok(range.days().map(row).filter(|row| zero_days || !row.counts.is_zero()).collect())
    }

    /// Downloads by day of some repos by another system.
    pub(super) fn reported_daily(
        &self,
        members: &Members,
        range: DayRange,
        filter: &Filter,
    ) -> Result<BTreeMap<Day, DayCounts>, QueryError> {
        let histories = self.reported_histories(members)?;
        if histories.is_empty() || !filter.is_empty() {
            return Err(nothing_reported());
        }
        let mut days: BTreeMap<Day, DayCounts> = BTreeMap::new();
        for (day, downloads) in histories.iter().flat_map(|history| range.among(&history.days)) {
            days.entry(*day).or_default().anonymous += *downloads;
        }
        Ok(days)
    }

    /// Downloads of some repos before the days that another system lists: a part of sums that begin with the first day there
    /// can be, and of no day.
    pub(super) fn reported_earlier(&self, members: &Members, range: DayRange) -> Result<Downloads, QueryError> {
        if range.first > Millis::EARLIEST.day() || range.is_empty() {
            return Ok(Downloads(0));
        }
        Ok(self.reported_histories(members)?.iter().map(|history| history.earlier).sum())
    }

    /// What another system says of a scope over all days; `None` if it says nothing, or the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a record is damaged.
    pub fn reported_sum(&self, scope: &Scope, caller: &Caller) -> Result<Option<ReportedSum>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        let histories = self.reported_histories(&members)?;
        let sum = ReportedSum {
            repos: histories.len() as u64,
            downloads: histories.iter().map(ReportedHistory::total).sum(),
            last_day: histories.iter().filter_map(|history| history.days.keys().next_back().copied()).max(),
        };
        Ok((sum.repos > 0).then_some(sum))
    }

    fn reported_histories(&self, members: &Members) -> Result<Vec<ReportedHistory>, QueryError> {
        let mut histories = Vec::new();
        if self.published.reported.is_empty() {
            return Ok(histories);
        }
        for repo in self.existing(members)? {
            histories.extend(self.reported(repo)?);
        }
        Ok(histories)
    }
}

fn nothing_reported() -> QueryError {
    QueryError::NotComputable(NotComputable { rule: Rule::Reported, sources: Vec::new() })
}
