//! Questions about one repo: totals, days, and its whole history.

use std::collections::BTreeMap;

use super::answers::{DayRow, RepoHistory, RepoTotals};
use super::{QueryError, View};
use crate::model::{Day, DayRange, Downloads, Likes, RepoKey, RepoNumber};
use crate::rollup::{RepoDay, RepoHead};
use crate::store;

impl View<'_> {
    /// All-time downloads, today included, and likes.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn totals(&self, repo: RepoNumber) -> Result<RepoTotals, QueryError> {
        Ok(RepoTotals { downloads: self.downloads(repo)?, likes: self.likes(repo)? })
    }

    /// How many like a repo: what the catalog says until the first like event.
    pub(super) fn likes(&self, repo: RepoNumber) -> Result<Likes, QueryError> {
        if let Some(likes) = store::likes_as_read(&self.txn, &self.published.renames, repo)? {
            return Ok(likes);
        }
        if !self.published.sets.listed.contains(repo) {
            return Ok(Likes(0));
        }
        let listing = store::listing(&self.txn, repo)?;
        Ok(Likes(listing.and_then(|listing| listing.likes).unwrap_or(0)))
    }

    /// What the views know of a repo's years; the set of counted repos says who must have some.
    fn head(&self, repo: RepoNumber) -> Result<Option<RepoHead>, QueryError> {
        let head = store::get_head(&self.txn, repo)?;
        if head.is_none() && self.published.sets.counted.contains(repo) {
            return Err(QueryError::Damaged(format!("the history of repo {} is missing; run 'hubtally verify'", repo.0)));
        }
        Ok(head)
    }

    /// All-time downloads, today included.
    pub(super) fn downloads(&self, repo: RepoNumber) -> Result<Downloads, QueryError> {
        let head = self.head(repo)?;
        let this_year = self.today.year();
        let live: Vec<Day> = self.published.live.days_of(repo).map(|(day, _)| day).collect();
        let mut sum = Downloads(0);
        for year in head.iter().flat_map(|head| &head.years) {
            // A year's sum is right unless the overlay replaces some of its days, or days of it are still to come.
            let over = year.year < this_year || self.published.last_day <= self.today;
            let whole = over && live.iter().all(|day| day.year() != year.year);
            if whole {
                sum += year.downloads;
            } else if year.year <= this_year {
                let days = store::get_year(&self.txn, repo, year)?.days;
                let counted = days.iter().filter(|day| day.day <= self.today && !live.contains(&day.day));
                sum += counted.map(|day| day.of_day.counts.downloads()).sum();
            }
        }
        let of_live = self.published.live.days_of(repo).filter(|(day, _)| *day <= self.today);
        sum += of_live.map(|(_, live)| live.day().counts.downloads()).sum();
        Ok(sum)
    }

    /// The days of a repo that have counted events, until today.
    pub(super) fn days(&self, repo: RepoNumber, range: DayRange) -> Result<BTreeMap<Day, RepoDay>, QueryError> {
        self.days_by(self.head(repo)?.as_ref(), repo, range)
    }

    /// The same, with the repo's head at hand.
    fn days_by(&self, head: Option<&RepoHead>, repo: RepoNumber, range: DayRange) -> Result<BTreeMap<Day, RepoDay>, QueryError> {
        let range = range.until(self.today);
        let mut days: BTreeMap<Day, RepoDay> = self.stored_days_by(head, repo, range)?.into_iter().collect();
        for (day, live) in self.published.live.days_of(repo).filter(|(day, _)| range.contains(*day)) {
            let of_day = live.day();
            if of_day.uniques.0 == 0 {
                days.remove(&day);
            } else {
                days.insert(day, of_day);
            }
        }
        Ok(days)
    }

    /// The days of a repo that the views hold, ascending.
    pub(super) fn stored_days(&self, repo: RepoNumber, range: DayRange) -> Result<Vec<(Day, RepoDay)>, QueryError> {
        self.stored_days_by(self.head(repo)?.as_ref(), repo, range)
    }

    fn stored_days_by(
        &self,
        head: Option<&RepoHead>,
        repo: RepoNumber,
        range: DayRange,
    ) -> Result<Vec<(Day, RepoDay)>, QueryError> {
        let mut days = Vec::new();
        let wanted = range.first.year()..=range.last.year();
        let years = head.map_or(&[][..], |head| &head.years);
        for year in years.iter().filter(|year| wanted.contains(&year.year)) {
            let of_year = store::get_year(&self.txn, repo, year)?;
            days.extend(of_year.days.iter().filter(|day| range.contains(day.day)).map(|day| (day.day, day.of_day)));
        }
        Ok(days)
    }

    /// The first day on which anything of the repo was counted.
    pub(super) fn first_day(&self, repo: RepoNumber) -> Result<Option<Day>, QueryError> {
        self.first_day_by(self.head(repo)?.as_ref(), repo)
    }

    fn first_day_by(&self, head: Option<&RepoHead>, repo: RepoNumber) -> Result<Option<Day>, QueryError> {
        let stored = match head.and_then(|head| head.years.first()) {
            Some(year) => store::get_year(&self.txn, repo, year)?.days.first().map(|day| day.day),
            None => None,
        };
        let live = self.published.live.days_of(repo).find(|(_, live)| live.day().uniques.0 > 0).map(|(day, _)| day);
        Ok(stored.into_iter().chain(live).min().filter(|day| *day <= self.today))
    }

    /// The days of a range from the repo's first known day on, which another system may have told: all of them, or those with
    /// downloads or files.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn recent(&self, repo: RepoNumber, range: DayRange, zero_days: bool, uniques: bool) -> Result<Vec<DayRow>, QueryError> {
        let head = self.head(repo)?;
        let days = self.days_by(head.as_ref(), repo, range)?;
        let row = |day: Day, of_day: RepoDay| DayRow { day, counts: of_day.counts, uniques: uniques.then_some(of_day.uniques) };
        if !zero_days {
            let filled = days.into_iter().filter(|(_, of_day)| !of_day.counts.is_zero());
            return Ok(filled.map(|(day, of_day)| row(day, of_day)).collect());
        }
        let reported = self.reported(repo)?.and_then(|history| history.days.keys().next().copied());
        // Where the range begins with a known day, nothing earlier matters.
        let counted = match days.keys().next() {
            Some(day) if *day == range.first => Some(*day),
            _ => self.first_day_by(head.as_ref(), repo)?,
        };
        let Some(first) = counted.into_iter().chain(reported).min() else { return Ok(Vec::new()) };
        let range = DayRange { first: range.first.max(first), last: range.last.min(self.today) };
        Ok(range.days().map(|day| row(day, days.get(&day).copied().unwrap_or_default())).collect())
    }

    /// Everything the breakdown export says of a repo.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn history(&self, repo: RepoNumber, key: &RepoKey) -> Result<RepoHistory, QueryError> {
        let all = DayRange { first: Day(0), last: self.today };
        let days = self.days(repo, all)?;
        let days: Vec<(Day, Downloads)> = days
            .into_iter()
            .map(|(day, of_day)| (day, of_day.counts.downloads()))
            .filter(|(_, downloads)| downloads.0 > 0)
            .collect();
        Ok(RepoHistory { repo: key.clone(), total: days.iter().map(|(_, downloads)| *downloads).sum(), days })
    }
}
