//! Checks everything: every value's checksum, every table's sum, every block, and the counts of every day against its events.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::engine::Engine;
use super::error::EngineError;
use super::numbers;
use super::parts::Part;
use super::publish::{Publishing, stored_edges};
use super::waves::fold;
use crate::block::Wanted;
use crate::model::{Day, Downloads, RepoNumber, Uniques};
use crate::rollup::{Asked, Client, Counting, DayFold, DownloaderNumber, FacetChunk, FacetCount, FacetEntry, Place, RepoDay};
use crate::sessionize::KindFiles;
use crate::store::{self, BlockIter, DayManifest, ReadTxn, StoreError, Table};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    pub checked_values: u64,
    /// One sentence each, with the place.
    pub findings: Vec<String>,
}

impl VerifyReport {
    fn note<T>(&mut self, outcome: Result<T, StoreError>) -> Option<T> {
        outcome.map_err(|error| self.findings.push(error.to_string())).ok()
    }
}

impl Engine {
    /// Reads and checks the whole store. What is in the live overlay is left out: it is counted anew at every start.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn verify(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<VerifyReport, EngineError> {
        // The overlay first becomes views, so that all days can be compared.
        let txn = self.write(|writer| {
            writer.publish(BTreeSet::new())?;
            // Taken here, before the next push is committed.
            Ok(writer.shared.store.read()?)
        })?;
        let mut report = VerifyReport::default();
        for table in Table::ALL {
            progress(&format!("checking table {}", table.name()));
            report.checked_values += report.note(store::check_table(&txn, *table)).unwrap_or(0);
        }
        let Some(manifests) = report.note(store::manifests(&txn)) else { return Ok(report) };
        for (day, manifest) in &manifests {
            progress(&format!("checking the events of {day}"));
            for segment in &manifest.segments {
                for block in BlockIter::all(&txn, *day, segment.clone(), Wanted::All) {
                    report.note(block);
                }
            }
        }
        if report.findings.is_empty() {
            self.compare_views(&txn, &manifests, &mut report, progress);
        }
        Ok(report)
    }

    /// Counts every day anew and compares it with its view, on all cores a day each.
    fn compare_views(
        &self,
        txn: &ReadTxn,
        manifests: &[(Day, DayManifest)],
        report: &mut VerifyReport,
        progress: &(dyn Fn(&str) + Sync),
    ) {
        let (counting, snapshot, next) = (self.shared.counting(), txn.snapshot(), AtomicUsize::new(0));
        let compare = || {
            let (txn, mut compared) = (snapshot.read(), Vec::new());
            while let Some((day, manifest)) = manifests.get(next.fetch_add(1, Ordering::Relaxed)) {
                if manifest.segments.iter().any(|segment| segment.unpublished.is_none()) {
                    progress(&format!("counting {day} again"));
                    compared.push((*day, is_view_right(&txn, *day, manifest, &counting)));
                }
            }
            compared
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut compared: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..cores.min(manifests.len())).map(|_| scope.spawn(compare)).collect();
            let all = started.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            all.flatten().collect()
        });
        compared.sort_by_key(|(day, _)| *day);
        for (day, is_right) in compared {
            if report.note(is_right) == Some(false) {
                report.findings.push(format!("the view of {day} differs from its events: run 'hubtally rebuild'"));
            }
        }
    }
}

fn is_view_right(txn: &ReadTxn, day: Day, manifest: &DayManifest, counting: &Counting) -> Result<bool, StoreError> {
    let part = Part::whole(day, Arc::new(manifest.clone()));
    let (mut fold, _) = fold(txn, &part, counting, Publishing::Pushes)?;
    fold.continue_sessions(&stored_edges(txn, day.previous())?);
    Ok(counted_day(txn, &fold)? == stored_day(txn, day)?
        && fold.tails == stored_edges(txn, day)?
        && same_facets(txn, day, &fold)?)
}

/// A repo on a day, and the numbers of its downloaders, ascending.
type CountedRepo = (RepoNumber, RepoDay, Vec<DownloaderNumber>);

fn counted_day(txn: &ReadTxn, fold: &DayFold) -> Result<Vec<CountedRepo>, StoreError> {
    let asked = Asked::of(fold.downloaders.iter().copied());
    let mut numbering = asked.numbering();
    numbers::join_runs(txn, &store::view_state(txn)?, &mut numbering)?;
    let mut numbers = asked.numbers(&numbering).into_iter();
    let counted = fold.repos_with_downloaders().map(|(repo, downloaders)| {
        let mut own: Vec<DownloaderNumber> = numbers.by_ref().take(downloaders.len()).collect();
        own.sort_unstable();
        let uniques = Uniques(downloaders.len() as u64);
        (repo.repo, RepoDay { counts: repo.counts, uniques, evidence: repo.evidence }, own)
    });
    Ok(counted.collect())
}

fn stored_day(txn: &ReadTxn, day: Day) -> Result<Vec<CountedRepo>, StoreError> {
    let mut entries = Vec::new();
    if let Some(view) = store::day_view(txn, day)? {
        store::for_all_entries(txn, day, &view, |entry, numbers| entries.push((entry.repo, entry.day, numbers)))?;
    }
    Ok(entries)
}

/// The sessions of a repo on a day by what they take from their first event, and its files.
type OfRepo<'a> = (RepoNumber, Vec<(&'a Place, &'a Client, Downloads)>, KindFiles);

/// Whether the stored facets of a day are those of its events, however they are cut into chunks.
fn same_facets(txn: &ReadTxn, day: Day, fold: &DayFold) -> Result<bool, StoreError> {
    let mut counted = fold.repos_with_facets().filter_map(|(repo, facets)| {
        let happened = facets.iter().filter(|(_, downloads)| downloads.0 > 0);
        of_repo(repo.repo, happened, repo.kinds, fold.book.places(), fold.book.clients())
    });
    let stored = store::day_view(txn, day)?.map_or_else(Vec::new, |view| view.facets);
    let mut same = true;
    for chunk in stored {
        let key = day.0.to_be_bytes();
        let of_block = StoreError::of_block(Table::DayFacets.name(), &key);
        let chunk = FacetChunk::new(&store::read_facets(txn, day, chunk)?).map_err(&of_block)?;
        let compare = |entry: &FacetEntry| {
            let stored = of_repo(entry.repo, &entry.facets, entry.kinds, &chunk.places, &chunk.clients);
            same &= stored.is_some() && stored == counted.next();
        };
        chunk.for_all(compare).map_err(&of_block)?;
    }
    Ok(same && counted.next().is_none())
}

/// Facets by value, in order; `None` if there is nothing to tell of the repo, or a facet has no value.
fn of_repo<'a>(
    repo: RepoNumber,
    facets: impl IntoIterator<Item = &'a FacetCount>,
    kinds: KindFiles,
    places: &'a [Place],
    clients: &'a [Client],
) -> Option<OfRepo<'a>> {
    let value = |(facet, downloads): &FacetCount| {
        Some((places.get(facet.place as usize)?, clients.get(facet.client as usize)?, *downloads))
    };
    let mut values: Vec<_> = facets.into_iter().map(value).collect::<Option<_>>()?;
    values.sort_unstable();
    (!values.is_empty() || kinds != KindFiles::default()).then_some((repo, values, kinds))
}
