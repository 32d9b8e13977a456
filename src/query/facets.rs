//! Downloads by where they come from and with what: one pass over the views of a range answers all of an org's blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::Scope;
use super::members::Members;
use super::view::damaged;
use super::{QueryError, View};
use crate::classify::{ClientClass, note_library};
use crate::model::{Audience, Caller, Country, Day, DayCounts, DayRange, Downloads, Files, RepoNumber, Words};
use crate::rollup::{Change, Client, Facet, FacetChunk, FacetCount, FacetEntry, Numbered, Place};
use crate::sessionize::{KindFiles, Origin};
use crate::store;

/// Which sessions a question is about; what is not given is not asked. A session has the country, class and library of
/// its first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    pub audience: Option<Audience>,
    pub class: Option<ClientClass>,
    /// `Country(0)` asks for sessions of unknown country.
    pub country: Option<Country>,
}

impl Filter {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    pub(super) fn takes_place(&self, place: &Place) -> bool {
        self.country.is_none_or(|country| country == place.country)
    }

    pub(super) fn takes_audience(&self, user: bool) -> bool {
        let audience = if user { Audience::Authenticated } else { Audience::Anonymous };
        self.audience.is_none_or(|wanted| wanted == audience)
    }

    /// Whether an event is of the country and class that are asked for.
    pub(super) fn takes_event(&self, origin: Origin, words: &Words) -> bool {
        let class = || {
            let note = String::from_utf8_lossy(words.text(origin.agent_note)).into_owned();
            ClientClass::of(note_library(&note).0)
        };
        self.country.is_none_or(|country| country == origin.country) && self.class.is_none_or(|wanted| wanted == class())
    }

    pub(super) fn takes_client(&self, client: &Client) -> bool {
        self.takes_audience(client.user) && self.class.is_none_or(|wanted| wanted == ClientClass::of(&client.library))
    }
}

/// Downloads of a scope by place, client, day and repo, and files by kind.
#[derive(Debug, Default)]
pub struct FacetSums {
    places: Numbered<Place>,
    clients: Numbered<Client>,
    by_place: Vec<Downloads>,
    by_client: Vec<Downloads>,
    /// Downloads by day; files are not told apart by a filter and stay 0.
    pub days: BTreeMap<Day, DayCounts>,
    pub repos: BTreeMap<RepoNumber, Downloads>,
    /// Of all sessions: a filter does not tell files apart.
    pub kinds: KindFiles,
}

impl FacetSums {
    /// Places with downloads.
    pub fn places(&self) -> impl Iterator<Item = (&Place, Downloads)> {
        self.places.values().iter().zip(self.by_place.iter().copied()).filter(|(_, downloads)| downloads.0 > 0)
    }

    /// Clients with downloads.
    pub fn clients(&self) -> impl Iterator<Item = (&Client, Downloads)> {
        self.clients.values().iter().zip(self.by_client.iter().copied()).filter(|(_, downloads)| downloads.0 > 0)
    }

    /// All downloads.
    #[must_use]
    pub fn counts(&self) -> DayCounts {
        let mut sum = DayCounts::default();
        self.days.values().for_each(|counts| sum += *counts);
        sum
    }

    /// Files of which the kind is known.
    #[must_use]
    pub fn files_of_known_kind(&self) -> Files {
        self.kinds.0.iter().copied().sum()
    }

    /// Renumbers the places and clients of one list; `None` where the filter takes none of it.
    fn renumber(&mut self, filter: &Filter, places: &[Place], clients: &[Client]) -> Renumbered {
        let places = places.iter().map(|place| filter.takes_place(place).then(|| self.places.number(place))).collect();
        let clients = clients
            .iter()
            .map(|client| filter.takes_client(client).then(|| (self.clients.number(client), client.user)))
            .collect();
        self.by_place.resize(self.places.values().len(), Downloads(0));
        self.by_client.resize(self.clients.values().len(), Downloads(0));
        Renumbered { places, clients }
    }

    fn add(&mut self, of_day: &mut DayCounts, repo: RepoNumber, facets: impl Iterator<Item = FacetCount>, by: &Renumbered) {
        // No count of downloads comes near the bound.
        let facets = facets.map(|(facet, downloads)| (facet, Change::try_from(downloads.0).unwrap_or(Change::MAX)));
        self.change(of_day, repo, facets, by);
    }

    /// Adds changes to what was added before: no sum falls below nothing by them.
    fn change(
        &mut self,
        of_day: &mut DayCounts,
        repo: RepoNumber,
        facets: impl Iterator<Item = (Facet, Change)>,
        by: &Renumbered,
    ) {
        let moved = |sum: &mut Downloads, change: Change| sum.0 = sum.0.saturating_add_signed(change);
        let mut of_repo: Change = 0;
        for (facet, change) in facets {
            let place = by.places.get(facet.place as usize).copied().flatten();
            let client = by.clients.get(facet.client as usize).copied().flatten();
            let (Some(place), Some((client, user))) = (place, client) else { continue };
            let sums = [self.by_place.get_mut(place as usize), self.by_client.get_mut(client as usize)];
            sums.into_iter().flatten().for_each(|sum| moved(sum, change));
            moved(if user { &mut of_day.authenticated } else { &mut of_day.anonymous }, change);
            of_repo = of_repo.saturating_add(change);
        }
        if of_repo == 0 {
            return;
        }
        let sum = self.repos.entry(repo).or_default();
        moved(sum, of_repo);
        if sum.0 == 0 {
            self.repos.remove(&repo);
        }
    }
}

/// The numbers of one list's places and clients in the sums.
struct Renumbered {
    places: Vec<Option<u32>>,
    clients: Vec<Option<(u32, bool)>>,
}

impl View<'_> {
    /// The sessions of a scope over a range by what tells them apart; `None` if the scope is missing or hidden.
    ///
    /// # Errors
    /// When the store fails or a value is damaged.
    pub fn facets(
        &self,
        scope: &Scope,
        range: DayRange,
        filter: &Filter,
        caller: &Caller,
    ) -> Result<Option<FacetSums>, QueryError> {
        let Some(members) = self.members(scope, caller)? else { return Ok(None) };
        self.facets_of(&members, range, filter).map(Some)
    }

    pub(super) fn facets_of(&self, members: &Members, range: DayRange, filter: &Filter) -> Result<FacetSums, QueryError> {
        let mut sums = FacetSums::default();
        let live = &self.published.live;
        for day in self.known_days(range)? {
            let mut of_day = DayCounts::default();
            if let Some(record) = store::day_view(&self.txn, day)? {
                let ends = record.facets.iter().skip(1).map(|(first, ..)| Some(*first)).chain([None]);
                for (chunk, end) in record.facets.iter().zip(ends) {
                    self.add_chunk(day, *chunk, end, members, filter, &mut sums, &mut of_day)?;
                }
            }
            let by = sums.renumber(filter, live.places(), live.clients());
            for (repo, of_repo) in live.repos_on(day).filter(|(repo, _)| members.contain(*repo)) {
                sums.kinds.change(of_repo.kinds());
                sums.change(&mut of_day, repo, of_repo.facets(), &by);
            }
            if !of_day.is_zero() {
                sums.days.insert(day, of_day);
            }
        }
        Ok(sums)
    }

    /// Adds what a stored chunk tells of the members.
    #[allow(clippy::too_many_arguments, reason = "the loop's body, apart only for its length")]
    fn add_chunk(
        &self,
        day: Day,
        chunk: (u32, u32, u64),
        end: Option<u32>,
        members: &Members,
        filter: &Filter,
        sums: &mut FacetSums,
        of_day: &mut DayCounts,
    ) -> Result<(), QueryError> {
        let within = |repos: &BTreeSet<RepoNumber>| -> Vec<RepoNumber> {
            let from = repos.range(RepoNumber(chunk.0)..);
            let within = from.take_while(|repo| end.is_none_or(|end| repo.0 < end));
            within.copied().collect()
        };
        let wanted = match members {
            Members::Some(repos) => Some(within(repos)).filter(|repos| !repos.is_empty()),
            Members::AllBut(_) => None,
        };
        if wanted.is_none() && matches!(members, Members::Some(_)) {
            return Ok(());
        }
        let bytes = store::read_facets(&self.txn, day, chunk)?;
        let chunk = FacetChunk::new(&bytes).map_err(|error| damaged(day, error))?;
        let by = sums.renumber(filter, &chunk.places, &chunk.clients);
        let mut add = |entry: &FacetEntry| {
            sums.kinds += entry.kinds;
            sums.add(of_day, entry.repo, entry.facets.iter().copied(), &by);
        };
        let outcome = match wanted {
            Some(repos) => chunk.for_some(repos, add),
            None => chunk.for_all(|entry| {
                if members.contain(entry.repo) {
                    add(entry);
                }
            }),
        };
        outcome.map_err(|error| damaged(day, error))
    }
}
