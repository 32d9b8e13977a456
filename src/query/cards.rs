//! Repos as the clients of a hub list them: figures beside the catalog's words, filtered, ordered and cut into pages.

use std::cmp::Ordering;

use super::reported::StandIn;
use super::{QueryError, View};
use crate::model::{Caller, DayRange, Downloads, Likes, Millis, OrgName, RepoKey, RepoKind, RepoNumber};
use crate::store;

/// Days of the figure that hubs call downloads.
const DOWNLOADS_DAYS: u16 = 30;
/// Days of the figure by which repos trend.
const TRENDING_DAYS: u16 = 7;

/// One repo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub repo: RepoKey,
    /// Of the last 30 days.
    pub downloads: Downloads,
    pub downloads_all_time: Downloads,
    pub likes: Likes,
    /// Downloads of the last 7 days.
    pub trending: Downloads,
    pub private: bool,
    pub library: Option<String>,
    pub created_at: Option<Millis>,
    /// Another system's figures, if nothing was counted here. Lists are not ordered by them.
    pub reported: Option<StandIn>,
}

/// What a list is ordered by; equal ones by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardOrder {
    Downloads,
    DownloadsAllTime,
    Likes,
    Trending,
    /// Repos of which it is not known come last of all, or first.
    Created,
}

/// Which repos are asked for.
#[derive(Clone, Debug)]
pub struct CardQuery {
    pub kind: RepoKind,
    pub order: CardOrder,
    pub ascending: bool,
    pub org: Option<OrgName>,
    /// A part of the id, in lower case.
    pub search: String,
    /// Libraries, in lower case: all of them must be the repo's.
    pub libraries: Vec<String>,
    /// The last place of the page before.
    pub after: Option<CardPlace>,
    pub limit: usize,
}

/// A place in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPlace {
    pub value: u64,
    pub id: String,
}

impl CardQuery {
    fn compare(&self, a: &CardPlace, b: &CardPlace) -> Ordering {
        let by_value = if self.ascending { a.value.cmp(&b.value) } else { b.value.cmp(&a.value) };
        by_value.then_with(|| a.id.cmp(&b.id))
    }
}

/// Downloads of all repos by number, as orders and cards need them.
struct Sums {
    downloads: Vec<Downloads>,
    trending: Vec<Downloads>,
}

fn of(sums: &[Downloads], repo: RepoNumber) -> Downloads {
    sums.get(repo.0 as usize).copied().unwrap_or_default()
}

impl View<'_> {
    /// One repo.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn card(&self, repo: RepoNumber) -> Result<Card, QueryError> {
        let sum = |days: u16| -> Result<Downloads, QueryError> {
            let range = DayRange::ending(self.today, days);
            Ok(self.days(repo, range)?.values().map(|day| day.counts.downloads()).sum())
        };
        self.card_with(repo, sum(DOWNLOADS_DAYS)?, sum(TRENDING_DAYS)?)
    }

    /// A page of the repos that the caller may see, and the place at which the next one begins.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn cards(&self, asked: &CardQuery, caller: &Caller) -> Result<(Vec<Card>, Option<CardPlace>), QueryError> {
        let sums = Sums {
            downloads: self.recent_sums(DayRange::ending(self.today, DOWNLOADS_DAYS))?,
            trending: self.recent_sums(DayRange::ending(self.today, TRENDING_DAYS))?,
        };
        let mut found: Vec<(CardPlace, RepoNumber)> = Vec::new();
        for repo in self.cards_meant(asked)? {
            if !self.exists(repo)? || !self.sees(repo, caller)? {
                continue;
            }
            let entry = store::read_repo(&self.txn, repo)?;
            let id = entry.key.name.as_str();
            let listing = entry.listing.unwrap_or_default();
            let library = listing.library.unwrap_or_default().to_lowercase();
            if !id.to_ascii_lowercase().contains(&asked.search) || asked.libraries.iter().any(|wanted| *wanted != library) {
                continue;
            }
            let value = match asked.order {
                CardOrder::Downloads => of(&sums.downloads, repo).0,
                CardOrder::Trending => of(&sums.trending, repo).0,
                CardOrder::DownloadsAllTime => self.downloads(repo)?.0,
                CardOrder::Likes => self.likes(repo)?.0,
                CardOrder::Created => listing.created_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default(),
            };
            let place = CardPlace { value, id: id.to_owned() };
            if asked.after.as_ref().is_none_or(|after| asked.compare(after, &place) == Ordering::Less) {
                found.push((place, repo));
            }
        }
        found.sort_unstable_by(|(a, _), (b, _)| asked.compare(a, b));
        let more = found.len() > asked.limit;
        found.truncate(asked.limit);
        let next = found.last().filter(|_| more).map(|(place, _)| place.clone());
        let card = |repo| self.card_with(repo, of(&sums.downloads, repo), of(&sums.trending, repo));
        let cards: Result<Vec<Card>, QueryError> = found.into_iter().map(|(_, repo)| card(repo)).collect();
        Ok((cards?, next))
    }

    /// The repos that may be meant, of the type and organisation.
    fn cards_meant(&self, asked: &CardQuery) -> Result<Vec<RepoNumber>, QueryError> {
        match &asked.org {
            Some(org) => {
                let all = store::org_repos(&self.txn, org)?.into_iter();
                Ok(all.filter(|(key, _)| key.kind == asked.kind).map(|(_, repo)| repo).collect())
            }
            None => Ok(self.published.sets.of_kind(asked.kind).into_iter().flat_map(|set| set.iter()).collect()),
        }
    }

    fn card_with(&self, repo: RepoNumber, downloads: Downloads, trending: Downloads) -> Result<Card, QueryError> {
        let entry = store::read_repo(&self.txn, repo)?;
        let listing = entry.listing.unwrap_or_default();
        Ok(Card {
            repo: entry.key,
            downloads,
            downloads_all_time: self.downloads(repo)?,
            likes: self.likes(repo)?,
            trending,
            private: self.is_private(repo)?,
            library: listing.library,
            created_at: listing.created_ms.map(Millis),
            reported: self.stand_in(repo, DayRange::ending(self.today, DOWNLOADS_DAYS))?,
        })
    }
}
