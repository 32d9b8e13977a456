//! What the overlay holds of some days into their views, without reading their events.
//!
//! The overlay knows the counts of every repo it has as a fold of all events would give them, and how they differ from the
//! stored ones: so that a view and the overlay of a day together are the day's new view.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::panic::resume_unwind;

use super::open_view::{OpenView, facet_chunks};
use super::publish::{damaged, stored_edges};
use crate::model::{Day, DownloaderKey, Downloads, RepoNumber};
use crate::rollup::{
    Change, Client, DownloaderNumber, Edge, Facet, FacetBook, FacetChunk, FacetCount, FacetEntry, Live, LiveRepo, Place, RepoDay,
};
use crate::sessionize::KindFiles;
use crate::store::{self, DayViewRecord, ReadTxn, RepoSets, Store, StoreError};

/// The new view of a day.
pub(super) struct AbsorbedDay {
    pub view: OpenView,
    /// The repos that the overlay has on that day.
    pub changed: Vec<(RepoNumber, RepoDay)>,
}

/// The repos of the overlay on the days that it changes, in order.
pub(super) struct Absorbing<'l> {
    live: &'l Live,
    days: Vec<(Day, Vec<OfRepo<'l>>)>,
    /// Those who count, repo by repo.
    downloaders: Vec<DownloaderKey>,
}

/// A repo in the overlay.
struct OfRepo<'l> {
    repo: RepoNumber,
    live: &'l LiveRepo,
    /// Where those who count are among those of all.
    downloaders: Range<usize>,
}

impl OfRepo<'_> {
    /// The numbers of all who count on the day, ascending: of those who are stored, and of those in the overlay.
    fn numbers(&self, mut stored: Vec<DownloaderNumber>, all: &[DownloaderNumber]) -> Vec<DownloaderNumber> {
        let own = all.get(self.downloaders.clone()).unwrap_or_default();
        stored.extend_from_slice(own);
        stored.sort_unstable();
        stored.dedup();
        stored
    }
}

impl<'l> Absorbing<'l> {
    /// What the overlay holds of some days.
    pub fn of(live: &'l Live, days: &BTreeSet<Day>) -> Absorbing<'l> {
        let mut downloaders = Vec::new();
        let mut of_day = |day: Day| {
            let mut repos: Vec<(RepoNumber, &LiveRepo)> = live.repos_on(day).collect();
            // In order, so that equal overlays are numbered alike.
            repos.sort_unstable_by_key(|(repo, _)| *repo);
            let of_repo = |(repo, live): (RepoNumber, &'l LiveRepo)| {
                let start = downloaders.len();
                downloaders.extend(live.downloaders());
                OfRepo { repo, live, downloaders: start..downloaders.len() }
            };
            (day, repos.into_iter().map(of_repo).collect())
        };
        let days = days.iter().map(|day| of_day(*day)).collect();
        Absorbing { live, days, downloaders }
    }

    /// All of their downloaders.
    pub fn downloaders(&self) -> impl Iterator<Item = DownloaderKey> {
        self.downloaders.iter().copied()
    }

    /// The new view of each day, given the numbers of all downloaders; none of a day whose stored view is not the one that the
    /// overlay lies over. One by one, since all of them may be much.
    pub fn absorbed<'a>(
        &'a self,
        store: &'a Store,
        sets: &'a RepoSets,
        numbers: &'a [DownloaderNumber],
    ) -> impl Iterator<Item = Result<(Day, Option<AbsorbedDay>), StoreError>> {
        self.days.iter().map(|(day, repos)| Ok((*day, self.absorb_day(store, *day, repos, sets, numbers)?)))
    }

    fn absorb_day(
        &self,
        store: &Store,
        day: Day,
        repos: &[OfRepo<'l>],
        sets: &RepoSets,
        numbers: &[DownloaderNumber],
    ) -> Result<Option<AbsorbedDay>, StoreError> {
        let txn = store.read()?;
        let stored = store::day_view(&txn, day)?.unwrap_or_default();
        std::thread::scope(|scope| {
            let facets = scope.spawn(|| {
                let facets = self.facets(&store.read()?, day, &stored, repos)?;
                Ok::<_, StoreError>(facet_chunks(&facets.book, facets.repos())?)
            });
            let counts = absorb_counts(&txn, (day, &stored), repos, sets, numbers);
            let tails = tails(&txn, day, repos);
            let facets = facets.join().unwrap_or_else(|panic| resume_unwind(panic));
            let Some(mut absorbed) = counts? else { return Ok(None) };
            absorbed.view.add_facets(facets?);
            absorbed.view.add_tails(&tails?);
            Ok(Some(absorbed))
        })
    }

    /// What sessions took from their first events, and files by kind, of all repos of a day.
    fn facets(&self, txn: &ReadTxn, day: Day, stored: &DayViewRecord, repos: &[OfRepo<'l>]) -> Result<Facets, StoreError> {
        let mut all = Facets::default();
        let live_numbers = all.numbers(self.live.places(), self.live.clients());
        let mut new = repos.iter().peekable();
        for chunk in &stored.facets {
            let bytes = store::read_facets(txn, day, *chunk)?;
            let chunk = FacetChunk::new(&bytes).map_err(|error| damaged("day_facets", day, error))?;
            let numbers = all.numbers(&chunk.places, &chunk.clients);
            let each = |entry: &FacetEntry| {
                while let Some(of_repo) = new.next_if(|of_repo| of_repo.repo < entry.repo) {
                    all.add(of_repo.repo, None, Some((of_repo.live, &live_numbers)));
                }
                let live = new.next_if(|of_repo| of_repo.repo == entry.repo).map(|of_repo| (of_repo.live, &live_numbers));
                all.add(entry.repo, Some((entry, &numbers)), live);
            };
            chunk.for_all(each).map_err(|error| damaged("day_facets", day, error))?;
        }
        new.for_each(|of_repo| all.add(of_repo.repo, None, Some((of_repo.live, &live_numbers))));
        Ok(all)
    }
}

/// Numbers of places and clients in a book, by their numbers elsewhere.
type Numbers = (Vec<u32>, Vec<u32>);

/// The facets of the repos of a day, in order.
#[derive(Default)]
struct Facets {
    book: FacetBook,
    facets: Vec<FacetCount>,
    /// Each with the place where its facets end.
    ends: Vec<(RepoNumber, usize, KindFiles)>,
    /// Those of the repo at hand, in any order, some of them as changes of others.
    at_hand: Vec<(Facet, Change)>,
}

impl Facets {
    fn numbers(&mut self, places: &[Place], clients: &[Client]) -> Numbers {
        let places = places.iter().map(|place| self.book.place(place)).collect();
        (places, clients.iter().map(|client| self.book.client(client)).collect())
    }

    /// Adds the next repo: what is stored of it and what the overlay changes, each with its numbers in the book.
    fn add(&mut self, repo: RepoNumber, stored: Option<(&FacetEntry, &Numbers)>, live: Option<(&LiveRepo, &Numbers)>) {
        let mut kinds = KindFiles::default();
        if let Some((entry, (places, clients))) = stored {
            kinds = entry.kinds;
            // No count of downloads comes near the bound.
            let change = |downloads: Downloads| Change::try_from(downloads.0).unwrap_or(Change::MAX);
            let counts = entry.facets.iter();
            self.at_hand.extend(counts.map(|(facet, count)| (facet.renumbered(places, clients), change(*count))));
        }
        if let Some((live, (places, clients))) = live {
            kinds.change(live.kinds());
            self.at_hand.extend(live.facets().map(|(facet, change)| (facet.renumbered(places, clients), change)));
        }
        self.at_hand.sort_unstable_by_key(|(facet, _)| *facet);
        for same in self.at_hand.chunk_by(|a, b| a.0 == b.0) {
            let sum: Change = same.iter().map(|(_, change)| change).sum();
            let downloads = Downloads(u64::try_from(sum).unwrap_or(0));
            self.facets.extend(same.first().filter(|_| downloads.0 > 0).map(|(facet, _)| (*facet, downloads)));
        }
        self.at_hand.clear();
        self.ends.push((repo, self.facets.len(), kinds));
    }

    fn repos(&self) -> impl Iterator<Item = (RepoNumber, &[FacetCount], KindFiles)> {
        let mut start = 0;
        self.ends.iter().map(move |(repo, end, kinds)| {
            let facets = self.facets.get(start..*end).unwrap_or_default();
            start = *end;
            (*repo, facets, *kinds)
        })
    }
}

/// The new counts and downloaders of a day; `None` if the stored ones are not those that the overlay lies over.
fn absorb_counts(
    txn: &ReadTxn,
    (day, stored): (Day, &DayViewRecord),
    repos: &[OfRepo<'_>],
    sets: &RepoSets,
    numbers: &[DownloaderNumber],
) -> Result<Option<AbsorbedDay>, StoreError> {
    let mut absorbed = AbsorbedDay { view: OpenView::default(), changed: Vec::new() };
    let mut fits = true;
    let mut add = |repo: RepoNumber, of_repo: Option<&OfRepo<'_>>, before: RepoDay, stored: Vec<DownloaderNumber>| {
        let Some(of_repo) = of_repo else { return absorbed.view.add_repo(repo, &before, &stored, sets) };
        let (now, numbers) = (of_repo.live.day(), of_repo.numbers(stored, numbers));
        fits &= of_repo.live.stored() == before && now.uniques.0 == numbers.len() as u64;
        if fits && !numbers.is_empty() {
            absorbed.view.add_repo(repo, &now, &numbers, sets);
            absorbed.changed.push((repo, now));
        }
    };
    let mut new = repos.iter().peekable();
    store::for_all_entries(txn, day, stored, |entry, numbers| {
        while let Some(of_repo) = new.next_if(|of_repo| of_repo.repo < entry.repo) {
            add(of_repo.repo, Some(of_repo), RepoDay::default(), Vec::new());
        }
        let of_repo = new.next_if(|of_repo| of_repo.repo == entry.repo);
        add(entry.repo, of_repo, entry.day, numbers);
    })?;
    new.for_each(|of_repo| add(of_repo.repo, Some(of_repo), RepoDay::default(), Vec::new()));
    Ok(fits.then_some(absorbed))
}

/// The last events of a day: of those in the overlay as it knows them, of the others as they are stored.
fn tails(txn: &ReadTxn, day: Day, repos: &[OfRepo<'_>]) -> Result<Vec<Edge>, StoreError> {
    let stored = stored_edges(txn, day)?.into_iter();
    let mut tails: BTreeMap<_, _> = stored.map(|edge| ((edge.repo, edge.downloader), edge.time)).collect();
    for OfRepo { repo, live, .. } in repos {
        for (downloader, last) in live.tails() {
            match last {
                Some(last) => tails.insert((*repo, downloader), last),
                None => tails.remove(&(*repo, downloader)),
            };
        }
    }
    Ok(tails.into_iter().map(|((repo, downloader), time)| Edge { repo, downloader, time }).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::block::BodyRows;
    use crate::model::{Millis, Row, Status, Who, Words};
    use crate::rollup::{Applied, Counting, Foreign};
    use crate::store::Place as StorePlace;

    #[test]
    fn an_overlay_over_other_views_is_not_taken_in() {
        let store = Store::open(StorePlace::Memory, |_| [7; 32], Millis(1_780_000_000_000)).unwrap();
        let (day, repo, words, list) = (Day(20_000), RepoNumber(3), Words::default(), Arc::default());
        let row = Row { repo, who: Who(1), time: day.start(), status: Status(200), count: 1, ..Row::default() };
        let rows = BodyRows::of(&[(0, &[row])], &words);
        let stored = RepoDay { evidence: true, ..RepoDay::default() };
        for (base, fits) in [(RepoDay::default(), true), (stored, false)] {
            let mut live = Live::default();
            live.load((day, repo), base, &[]);
            let texts = Foreign::new(&words, &list);
            live.apply(day, &rows, &texts, &Counting::default(), &mut [Applied::default()]);
            let overlay = Absorbing::of(&live, &BTreeSet::from([day]));
            assert_eq!(overlay.downloaders().collect::<Vec<_>>(), [row.downloader()]);
            let (sets, numbers) = (RepoSets::default(), [DownloaderNumber(1)]);
            let absorbed: Vec<_> = overlay.absorbed(&store, &sets, &numbers).map(Result::unwrap).collect();
            let downloads = |absorbed: &AbsorbedDay| absorbed.view.all_downloads();
            let told: Vec<_> = absorbed.iter().map(|(of, absorbed)| (*of, absorbed.as_ref().map(downloads))).collect();
            assert_eq!(told, [(day, fits.then_some(Downloads(1)))]);
        }
    }
}
