//! Checks everything: every value's checksum, every table's sum, every block, and the counts of every day against its events.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::engine::Engine;
use super::error::EngineError;
use super::numbers;
use super::parts::Part;
use super::publish::Publishing;
use super::waves::fold;
use crate::block::Wanted;
use crate::model::{Day, Downloads, RepoNumber};
use crate::rollup::{
    Asked, Client, DayChunk, DayFold, DownloaderNumber, FacetChunk, FacetCount, FacetEntry, Place, RepoDay, decode_edges,
    encode_edges,
};
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

    /// Counts every day anew and compares it with its view.
    fn compare_views(
        &self,
        txn: &ReadTxn,
        manifests: &[(Day, DayManifest)],
        report: &mut VerifyReport,
        progress: &(dyn Fn(&str) + Sync),
    ) {
        let counting = self.shared.counting();
        for (day, manifest) in manifests {
            if manifest.segments.iter().all(|segment| segment.unpublished.is_some()) {
                continue;
            }
            progress(&format!("counting {day} again"));
            let compared = (|| {
                let part = Part::whole(*day, Arc::new(manifest.clone()));
                let (mut fold, _) = fold(txn, &part, &counting, Publishing::Pushes)?;
                let before = day.previous();
                let tail = stored_tail(txn, before)?;
                fold.continue_sessions(&decode_edges(before, &tail).map_err(StoreError::of_block("day_tails", &[]))?);
                Ok(counted_day(txn, &fold)? == stored_day(txn, *day)?
                    && encode_edges(&fold.tails) == stored_tail(txn, *day)?
                    && same_facets(txn, *day, &fold)?)
            })();
            if report.note(compared) == Some(false) {
                report.findings.push(format!("the view of {day} differs from its events: run 'hubtally rebuild'"));
            }
        }
    }
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
        let uniques = crate::model::Uniques(downloaders.len() as u64);
        (repo.repo, RepoDay { counts: repo.counts, uniques, evidence: repo.evidence }, own)
    });
    Ok(counted.collect())
}

fn stored_tail(txn: &ReadTxn, day: Day) -> Result<Vec<u8>, StoreError> {
    store::day_view(txn, day)?.map_or_else(|| Ok(Vec::new()), |view| store::read_tail(txn, day, &view))
}

fn stored_day(txn: &ReadTxn, day: Day) -> Result<Vec<CountedRepo>, StoreError> {
    let mut entries = Vec::new();
    let Some(view) = store::day_view(txn, day)? else { return Ok(entries) };
    for chunk in &view.chunks {
        let bytes = store::read_chunk(txn, day, *chunk)?;
        let key = day.0.to_be_bytes();
        let of_block = StoreError::of_block(Table::DayChunks.name(), &key);
        for entry in DayChunk::new(&bytes).map_err(&of_block)?.entries() {
            let entry = entry.map_err(&of_block)?;
            let numbers = match entry.set_is_apart() {
                true => store::read_set(txn, day, &view, entry.repo)?.iter().collect(),
                false => entry.numbers().map_err(&of_block)?,
            };
            entries.push((entry.repo, entry.day, numbers));
        }
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
