//! Checks everything: every value's checksum, every table's sum, every block, and the counts of every day against its events.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::error::EngineError;
use super::publish::{Publishing, facet_chunks};
use super::waves::fold_day;
use crate::block::Wanted;
use crate::model::{Day, RepoNumber};
use crate::rollup::{DayChunk, DayFold, FacetChunk, RepoDay, decode_edges};
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
                let mut fold = fold_day(txn, *day, manifest, &counting, Publishing::Pushes)?;
                let before = day.previous();
                if let Some(view) = store::day_view(txn, before)? {
                    let tail = store::read_tail(txn, before, &view)?;
                    fold.continue_sessions(&decode_edges(before, &tail).map_err(StoreError::of_block("day_tails", &[]))?);
                }
                let counted: Vec<(RepoNumber, RepoDay)> = fold
                    .repos_with_downloaders()
                    .map(|(repo, downloaders)| {
                        let uniques = crate::model::Uniques(downloaders.len() as u64);
                        (repo.repo, RepoDay { counts: repo.counts, uniques, evidence: repo.evidence })
                    })
                    .collect();
                Ok(counted == stored_day(txn, *day)? && same_facets(txn, *day, &fold)?)
            })();
            if report.note(compared) == Some(false) {
                report.findings.push(format!("the view of {day} differs from its events: run 'hubtally rebuild'"));
            }
        }
    }
}

fn stored_day(txn: &ReadTxn, day: Day) -> Result<Vec<(RepoNumber, RepoDay)>, StoreError> {
    let mut entries = Vec::new();
    let Some(view) = store::day_view(txn, day)? else { return Ok(entries) };
    for chunk in &view.chunks {
        let bytes = store::read_chunk(txn, day, *chunk)?;
        let key = day.0.to_be_bytes();
        let of_block = StoreError::of_block(Table::DayChunks.name(), &key);
        for entry in DayChunk::new(&bytes).map_err(&of_block)?.entries() {
            let entry = entry.map_err(&of_block)?;
            entries.push((entry.repo, entry.day));
        }
    }
    Ok(entries)
}

/// Whether the stored facets of a day are those of its events. Compared unpacked: zstd may come to pack otherwise.
fn same_facets(txn: &ReadTxn, day: Day, fold: &DayFold) -> Result<bool, StoreError> {
    let stored = store::day_view(txn, day)?.map_or_else(Vec::new, |view| view.facets);
    let counted = facet_chunks(fold)?;
    if stored.iter().map(|(first, ..)| *first).ne(counted.iter().map(|(first, _)| first.0)) {
        return Ok(false);
    }
    for (chunk, (_, counted)) in stored.into_iter().zip(counted) {
        let key = day.0.to_be_bytes();
        let unpacked = |bytes: &[u8]| FacetChunk::new(bytes).map_err(StoreError::of_block(Table::DayFacets.name(), &key));
        if unpacked(&store::read_facets(txn, day, chunk)?)? != unpacked(&counted)? {
            return Ok(false);
        }
    }
    Ok(true)
}
