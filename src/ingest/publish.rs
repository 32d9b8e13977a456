//! Folds days into views: the events of dirty days merged, counted, numbered and written in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::error::EngineError;
use super::histories::Histories;
use super::room::Room;
use super::segments::Merged;
use super::waves::{Wave, next_days};
use super::writer::Writer;
use super::{numbers, segments, waves};
use crate::model::{Day, DayCounts, DeliveryId, DownloaderKey, Millis, RepoNumber, SourceSettings};
use crate::rollup::{
    Applied, ChunkWriter, Counting, DayChunk, DayFold, DownloaderNumber, DownloaderSet, Edge, FacetChunkWriter, Live, Numbering,
    RepoDay, RepoFold, SET_INLINE_MAX, VIEW_VERSION, decode_edges, encode_edges,
};
use crate::store::{
    self, DayManifest, DayViewParts, DayViewRecord, ReadTxn, RepoSets, RestatementRecord, SegmentRecord, StoreError, Table,
    ViewStateRecord, WriteTxn,
};

/// Which segments that were not published before are counted now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// None: pushes publish themselves.
    Pushes,
    /// None, and all days that change do so by what the overlay holds.
    Overlay,
    /// Those of a document; its lines are counted for its receipt.
    Document(DeliveryId),
    /// All, as after a crash.
    All,
}

impl Publishing {
    pub(super) fn includes(self, segment: &SegmentRecord) -> bool {
        match (self, segment.unpublished) {
            (_, None) | (Publishing::All, _) => true,
            (Publishing::Document(document), Some(of)) => document.0 == of,
            (Publishing::Pushes | Publishing::Overlay, Some(_)) => false,
        }
    }
}

/// One publication in the making.
struct Publication<'a> {
    txn: &'a WriteTxn,
    counting: Arc<Counting>,
    publishing: Publishing,
    now: Millis,
    views: ViewStateRecord,
    sets: RepoSets,
    applied: Applied,
    /// The last day that was folded, with its tail.
    last: Option<(Day, Vec<Edge>)>,
    next_segment: u64,
    histories: Histories,
    /// The days whose views are written anew.
    written: BTreeSet<Day>,
}

impl Writer {
    /// Applies changed settings of sources to all later counting.
    pub(super) fn refresh_settings(&self) {
        let sources = self.sources.iter().map(|source| (source.record.name.as_str().into(), source.settings())).collect();
        *self.shared.counting.write().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Arc::new(Counting::new(sources, Arc::clone(&self.renames)));
        self.refresh_proxies();
    }

    pub(super) fn settings_checksum(&self) -> u64 {
        let mut bytes: Vec<u8> = self.sources.iter().flat_map(|source| settings_bytes(source.settings())).collect();
        bytes.extend(self.renames.bytes());
        xxh3_64(&bytes)
    }

    /// Brings the views up to what the events say: after a start, and after a failure. What is published stays in force
    /// until then, unless it is in doubt.
    pub(super) fn catch_up(&mut self) -> Result<(), EngineError> {
        let txn = self.shared.store.read()?;
        let views = store::view_state(&txn)?;
        if views.version != VIEW_VERSION || views.settings_checksum != self.settings_checksum() {
            drop(txn);
            self.rebuild(Publishing::All)?;
        } else {
            let dirty = dirty_days(&txn)?;
            let sets = store::repo_sets(&txn)?;
            let last_day = store::last_day_view(&txn)?;
            drop(txn);
            {
                let mut published = self.lock()?;
                published.sets = sets;
                published.renames = Arc::clone(&self.renames);
                published.of_views = Room::default();
                if published.doubtful {
                    published.live = Live::over(DownloaderNumber(views.next_number));
                    published.views = views;
                    published.last_day = last_day;
                }
            }
            if !dirty.is_empty() {
                self.publish_days(dirty, Publishing::All, |_, _, _| Ok(()))?;
            }
        }
        self.lock()?.doubtful = false;
        self.shared.advance();
        Ok(())
    }

    /// Folds the overlay, and more days if need be, into the views.
    pub(super) fn publish(&mut self, days: BTreeSet<Day>) -> Result<Applied, EngineError> {
        self.publish_days(days, Publishing::Pushes, |_, _, _| Ok(()))
    }

    /// Folds days and those of the overlay; `finish` writes what belongs into the same transaction.
    pub(super) fn publish_days(
        &mut self,
        mut days: BTreeSet<Day>,
        publishing: Publishing,
        finish: impl FnOnce(&mut Writer, &WriteTxn, Applied) -> Result<(), EngineError>,
    ) -> Result<Applied, EngineError> {
        let (views, sets) = {
            let published = self.shared.published.read().map_err(|_| EngineError::Stopped)?;
            days.extend(published.live.changed_days());
            (published.views.clone(), published.sets.clone())
        };
        let txn = self.shared.store.write()?;
        self.publish_in(txn, views, sets, days, publishing, finish)
    }

    /// Folds days and those of the overlay in the transaction of a change that has them counted otherwise.
    pub(super) fn publish_all_of(&mut self, txn: WriteTxn, sets: RepoSets, mut days: BTreeSet<Day>) -> Result<(), EngineError> {
        self.seen.clear();
        let views = {
            let published = self.shared.published.read().map_err(|_| EngineError::Stopped)?;
            days.extend(published.live.changed_days());
            published.views.clone()
        };
        self.publish_in(txn, views, sets, days, Publishing::Pushes, |_, _, _| Ok(())).map(drop)
    }

    /// Throws all views away and builds them anew.
    pub(super) fn rebuild(&mut self, publishing: Publishing) -> Result<(), EngineError> {
        let txn = self.shared.store.write()?;
        store::clear_views(&txn)?;
        let mut sets = RepoSets::default();
        for (number, entry) in store::all_repos(&txn)? {
            sets.set_kind(number, entry.key.kind);
            if let Some(listing) = entry.listing {
                sets.set_listing(number, listing.private);
            }
        }
        let days = store::manifests(&txn)?.into_iter().map(|(day, _)| day).collect();
        let views = ViewStateRecord { version: VIEW_VERSION, ..ViewStateRecord::default() };
        // What was found by looking for all of it is only as complete as the tables are: the views replace others that may
        // know better.
        self.publish_in(txn, views, sets, days, publishing, |_, txn, _| Ok(store::check_truth(txn)?))?;
        self.lock()?.doubtful = false;
        self.tell(None);
        Ok(())
    }

    fn publish_in(
        &mut self,
        txn: WriteTxn,
        mut views: ViewStateRecord,
        sets: RepoSets,
        days: BTreeSet<Day>,
        publishing: Publishing,
        finish: impl FnOnce(&mut Writer, &WriteTxn, Applied) -> Result<(), EngineError>,
    ) -> Result<Applied, EngineError> {
        // Downloaders are numbered anew: no number that was kept means the same any longer.
        let anew = views.next_number == 0;
        views.version = VIEW_VERSION;
        views.settings_checksum = self.settings_checksum();
        let mut counters = store::counters(&txn)?;
        let mut publication = Publication {
            txn: &txn,
            counting: self.shared.counting(),
            publishing,
            now: self.shared.now(),
            views,
            sets,
            applied: Applied::default(),
            last: None,
            next_segment: counters.segment,
            histories: Histories::default(),
            written: BTreeSet::new(),
        };
        self.fold_all(&mut publication, days)?;
        numbers::tidy(&txn, &mut publication.views)?;
        let Publication { views, sets, applied, next_segment, written, .. } = publication;
        store::put_view_state(&txn, &views)?;
        store::put_repo_sets(&txn, &sets)?;
        counters.segment = next_segment;
        store::put_counters(&txn, &counters)?;
        finish(self, &txn, applied)?;
        let last_day = store::last_day_view(&txn)?;

        let renames = Arc::clone(&self.renames);
        let next = DownloaderNumber(views.next_number);
        let live = match publishing {
            Publishing::Overlay => {
                let published = self.shared.published.read().map_err(|_| EngineError::Stopped)?;
                published.live.folded(next, &self.shared.counting())
            }
            Publishing::Pushes => Live::over(next),
            Publishing::Document(_) | Publishing::All => {
                self.seen.forget(&written);
                Live::over(next)
            }
        };
        self.shared.commit(txn, |published| {
            published.live = live;
            published.views = views;
            published.sets = sets;
            published.renames = renames;
            published.last_day = last_day;
            published.changes.publish(written);
            if anew {
                published.of_views = Room::default();
            }
        })?;
        self.shared.advance();
        Ok(applied)
    }

    /// Folds all days in waves that fit into memory: while one is written, the next one is folded.
    fn fold_all(&mut self, publication: &mut Publication<'_>, mut days: BTreeSet<Day>) -> Result<(), EngineError> {
        let (shared, counting, publishing) =
            (Arc::clone(&self.shared), Arc::clone(&publication.counting), publication.publishing);
        let mut wave = shared.fold_wave(next_days(publication.txn, &mut days)?, &counting, publishing)?;
        while !wave.days.is_empty() {
            for fold in &mut wave.folds {
                if publication.join_to_day_before(fold)? && !wave.days.iter().any(|(day, _)| *day == fold.day.next()) {
                    let next = fold.day.next();
                    if !store::manifest(publication.txn, next)?.segments.is_empty() {
                        days.insert(next);
                    }
                }
            }
            let ahead = next_days(publication.txn, &mut days)?;
            wave = std::thread::scope(|scope| {
                let folding = scope.spawn(|| shared.fold_wave(ahead, &counting, publishing));
                let written = self.write_wave(publication, wave);
                let folded = folding.join().map_err(|_| waves::panicked())?;
                written.and(folded)
            })?;
        }
        Ok(publication.histories.write(publication.txn, &mut publication.sets)?)
    }

    /// Writes the views of folded days, whose segments are published by that.
    fn write_wave(&mut self, publication: &mut Publication<'_>, mut wave: Wave) -> Result<(), EngineError> {
        for (day, manifest) in wave.days {
            let merged = wave.merged.remove(&day).unwrap_or_default();
            self.publish_segments(publication, day, manifest, merged)?;
        }
        Ok(publication.write(&wave.folds)?)
    }

    /// Marks the segments of a day as published and merges small ones.
    fn publish_segments(
        &mut self,
        publication: &mut Publication<'_>,
        day: Day,
        mut manifest: DayManifest,
        merged: Vec<Merged>,
    ) -> Result<(), EngineError> {
        for segment in &mut manifest.segments {
            if publication.publishing.includes(segment) {
                segment.unpublished = None;
            }
        }
        let (txn, next_segment) = (publication.txn, &mut publication.next_segment);
        for Merged { members, segment } in merged {
            segments::replace(txn, &mut manifest, day, &members, segment, next_segment)?;
        }
        segments::tidy(txn, &mut self.encoder, day, &mut manifest, next_segment)?;
        Ok(store::put_manifest(txn, day, &manifest)?)
    }
}

fn settings_bytes(settings: SourceSettings) -> [u8; 3] {
    [settings.redirects as u8, settings.head_redirect as u8, u8::from(settings.knows_users)]
}

/// Days whose views are not those of their events.
fn dirty_days(txn: &ReadTxn) -> Result<BTreeSet<Day>, StoreError> {
    let known: BTreeMap<Day, DayViewRecord> = store::day_views(txn)?.into_iter().collect();
    let manifests: BTreeMap<Day, DayManifest> = store::manifests(txn)?.into_iter().collect();
    let mut dirty = BTreeSet::new();
    for (day, manifest) in &manifests {
        let unpublished = manifest.segments.iter().any(|segment| segment.unpublished.is_some());
        if unpublished || known.get(day).is_none_or(|view| view.covers != covers(manifest)) {
            dirty.insert(*day);
        }
    }
    dirty.extend(known.keys().filter(|day| !manifests.contains_key(day)));
    Ok(dirty)
}

/// Checksum of the published segments of a day.
fn covers(manifest: &DayManifest) -> u64 {
    let published = manifest.segments.iter().filter(|segment| segment.unpublished.is_none());
    let bytes: Vec<u8> = published.flat_map(|segment| segment.id.to_le_bytes()).collect();
    xxh3_64(&bytes)
}

impl Publication<'_> {
    /// Joins a day to the one before it; says whether its own tail differs from the stored one.
    fn join_to_day_before(&mut self, fold: &mut DayFold) -> Result<bool, StoreError> {
        self.applied.accepted += fold.accepted;
        self.applied.repeated += fold.repeated;
        let before = fold.day.previous();
        match &self.last {
            Some((day, tails)) if *day == before => fold.continue_sessions(tails),
            _ => fold.continue_sessions(&self.stored_tail(before)?),
        }
        let changed = encode_edges(&fold.tails) != encode_edges(&self.stored_tail(fold.day)?);
        self.last = Some((fold.day, fold.tails.clone()));
        Ok(changed)
    }

    fn stored_tail(&self, day: Day) -> Result<Vec<Edge>, StoreError> {
        let Some(view) = store::day_view(self.txn, day)? else { return Ok(Vec::new()) };
        let bytes = store::read_tail(self.txn, day, &view)?;
        decode_edges(day, &bytes).map_err(|error| damaged("day_tails", day, error))
    }

    /// Numbers the downloaders of folded days and writes the days' views.
    fn write(&mut self, folds: &[DayFold]) -> Result<(), StoreError> {
        let numbering = numbers::number(self.txn, &mut self.views, folds)?;
        for fold in folds {
            self.compare_with_stored(fold)?;
            self.write_day(fold, &numbering)?;
        }
        if self.histories.is_full() {
            self.histories.write(self.txn, &mut self.sets)?;
        }
        Ok(())
    }

    /// Lists repos that the stored view of a day has and the new one has not, and logs what changed on a closed day.
    fn compare_with_stored(&mut self, fold: &DayFold) -> Result<(), StoreError> {
        let Some(view) = store::day_view(self.txn, fold.day)? else { return Ok(()) };
        let mut fallen = Vec::new();
        for chunk in &view.chunks {
            let bytes = store::read_chunk(self.txn, fold.day, *chunk)?;
            let of_block = |error| damaged("day_chunks", fold.day, error);
            for entry in DayChunk::new(&bytes).map_err(of_block)?.entries() {
                let entry = entry.map_err(of_block)?;
                let found = fold.repos.binary_search_by_key(&entry.repo, |fold| fold.repo);
                if found.is_err() {
                    self.histories.add(entry.repo, fold.day, None);
                }
                let before = entry.day.counts.downloads().0;
                let after = found.ok().and_then(|at| fold.repos.get(at)).map_or(0, |fold| fold.counts.downloads().0);
                if after < before {
                    fallen.push((entry.repo.0, before, after));
                }
            }
        }
        let before = view.authenticated + view.anonymous;
        let after: u64 = fold.repos.iter().map(|fold| fold.counts.downloads().0).sum();
        if fold.day >= self.now.day() || (before == after && fallen.is_empty()) {
            return Ok(());
        }
        let document = match self.publishing {
            Publishing::Document(id) => Some(id.serial()),
            Publishing::Pushes | Publishing::Overlay | Publishing::All => None,
        };
        let record = RestatementRecord { at_ms: self.now.0, document, day: fold.day.0, before, after, fallen };
        store::add_restatement(self.txn, &record)
    }

    fn write_day(&mut self, fold: &DayFold, numbering: &Numbering) -> Result<(), StoreError> {
        self.written.insert(fold.day);
        let mut writer = ChunkWriter::default();
        let mut parts = DayViewParts { facets: facet_chunks(fold)?, tail: encode_edges(&fold.tails), ..DayViewParts::default() };
        let manifest = store::manifest(self.txn, fold.day)?;
        let mut record = DayViewRecord { covers: covers(&manifest), ..DayViewRecord::default() };
        for (of_repo, downloaders) in fold.repos_with_downloaders() {
            let mut numbers: Vec<DownloaderNumber> =
                downloaders.iter().filter_map(|downloader| numbering.number(*downloader)).collect();
            numbers.sort_unstable();
            let day = repo_day(of_repo, downloaders);
            parts.chunks.extend(writer.add(of_repo.repo, &day, &numbers));
            if numbers.len() > SET_INLINE_MAX {
                let mut set = DownloaderSet::default();
                set.add(numbers);
                parts.sets.push((of_repo.repo, set));
            }
            record.authenticated += day.counts.authenticated.0;
            record.anonymous += day.counts.anonymous.0;
            record.files += day.counts.files.0;
            record.repos += 1;
            self.add_to_kind(&mut record, of_repo.repo, day.counts);
            self.histories.add(of_repo.repo, fold.day, Some(day));
        }
        parts.chunks.extend(writer.take());
        if manifest.segments.is_empty() {
            return store::remove_day_view(self.txn, fold.day);
        }
        store::put_day_view(self.txn, fold.day, record, &parts)
    }

    fn add_to_kind(&self, record: &mut DayViewRecord, repo: RepoNumber, counts: DayCounts) {
        let mut kinds = self.sets.kinds.iter().zip(&mut record.kinds);
        if let Some((_, sums)) = kinds.find(|(repos, _)| repos.contains(repo)) {
            for (sum, more) in sums.iter_mut().zip([counts.authenticated.0, counts.anonymous.0, counts.files.0]) {
                *sum += more;
            }
        }
    }
}

/// The facet chunks of a day, each with its first repo.
pub(super) fn facet_chunks(fold: &DayFold) -> std::io::Result<Vec<(RepoNumber, Vec<u8>)>> {
    let mut writer = FacetChunkWriter::new(&fold.book);
    let mut chunks = Vec::new();
    for (of_repo, facets) in fold.repos_with_facets() {
        if writer.is_full() {
            chunks.extend(writer.take()?);
        }
        writer.add(of_repo.repo, facets, of_repo.kinds);
    }
    chunks.extend(writer.take()?);
    Ok(chunks)
}

fn repo_day(fold: &RepoFold, downloaders: &[DownloaderKey]) -> RepoDay {
    RepoDay { counts: fold.counts, uniques: crate::model::Uniques(downloaders.len() as u64), evidence: fold.evidence }
}

pub(super) fn damaged(table: &'static str, key: impl std::fmt::Display, why: impl std::fmt::Display) -> StoreError {
    debug_assert!(Table::ALL.iter().any(|known| known.name() == table));
    StoreError::Damaged { table, key: key.to_string(), why: why.to_string() }
}
