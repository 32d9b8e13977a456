//! Folds days into views: the events of dirty days merged, counted, numbered and written in one transaction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::absorb::{AbsorbedDay, Absorbing};
use super::behind::covers;
use super::commit::BESIDE_MIN;
use super::error::EngineError;
use super::histories::Histories;
use super::open_view::OpenView;
use super::parts::{Part, PartQueue};
use super::room::Room;
use super::segments::Merged;
use super::waves::{Folded, Folding};
use super::writer::Writer;
use super::{numbers, segments};
use crate::model::{Day, DeliveryId, Millis, SourceSettings};
use crate::rollup::{
    Applied, Counting, DayChunk, DayFold, DownloaderNumber, Edge, Live, VIEW_VERSION, decode_edges, encode_edges,
};
use crate::store::{
    self, DayManifest, DayViewRecord, Read, ReadTxn, RepoSets, RestatementRecord, SegmentRecord, StoreError, Table,
    ViewStateRecord, WriteTxn,
};

/// Waves that are folded while one is written: with one alone, threads would wait for its last part.
const WAVES_AHEAD: usize = 2;

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

/// Who was there shortly before midnight, of the days that are being joined.
#[derive(Default)]
struct Edges {
    before: Vec<Edge>,
    /// The day whose parts are being joined to the one before it, and its own tail so far.
    day: Option<Day>,
    tails: Vec<Edge>,
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
    edges: Edges,
    /// The view of the day whose parts are being written.
    open: OpenView,
    /// Its segments that were merged by the way.
    merged: Vec<Merged>,
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

    /// Brings what is published up to what the events say: after a start, and after a failure. What is published stays in
    /// force until then, unless it is in doubt.
    pub(super) fn catch_up(&mut self) -> Result<(), EngineError> {
        let txn = self.shared.store.read()?;
        let views = store::view_state(&txn)?;
        if views.version != VIEW_VERSION || views.settings_checksum != self.settings_checksum() {
            drop(txn);
            self.rebuild(Publishing::All)?;
        } else {
            let dirty = dirty_days(&txn)?;
            // What could not be taken into the views would not be the next time either.
            let live = if self.fold_failed { None } else { self.overlay_behind(&txn, &dirty)? };
            let is_whole = live.is_none();
            let sets = store::repo_sets(&txn)?;
            let last_day = store::last_day_view(&txn)?;
            drop(txn);
            let former = {
                let mut published = self.lock()?;
                published.sets = sets;
                published.renames = Arc::clone(&self.renames);
                published.of_views = Room::default();
                let is_other = published.doubtful || !is_whole;
                is_other.then(|| published.set_views(views, live.unwrap_or_default(), last_day))
            };
            former.into_iter().for_each(give_back);
            if is_whole {
                self.publish_days(dirty, Publishing::All, |_, _, _| Ok(()))?;
            }
        }
        self.fold_failed = false;
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
            edges: Edges::default(),
            open: OpenView::default(),
            merged: Vec::new(),
            next_segment: counters.segment,
            histories: Histories::in_bundles_of(self.shared.sizes.bundle_changes.load(Ordering::Acquire)),
            written: BTreeSet::new(),
        };
        let folded = if publishing == Publishing::Overlay { self.absorb(&mut publication, &days)? } else { days };
        let is_absorbed = folded.is_empty();
        self.fold_all(&mut publication, folded)?;
        let Publication { views, sets, applied, next_segment, written, .. } = publication;
        store::put_view_state(&txn, &views)?;
        store::put_repo_sets(&txn, &sets)?;
        counters.segment = next_segment;
        store::put_counters(&txn, &counters)?;
        finish(self, &txn, applied)?;
        let last_day = store::last_day_view(&txn)?;

        let renames = Arc::clone(&self.renames);
        let live = match publishing {
            // Where it did not lie over the stored views, what it holds is not what they say now either.
            Publishing::Overlay if is_absorbed => {
                let published = self.shared.published.read().map_err(|_| EngineError::Stopped)?;
                published.live.folded(&self.shared.counting())
            }
            Publishing::Overlay => Live::default(),
            Publishing::Pushes => {
                // Events may have been taken back, or count otherwise, or under other names.
                self.seen.clear();
                Live::default()
            }
            Publishing::Document(_) | Publishing::All => {
                self.seen.forget(&written);
                Live::default()
            }
        };
        let folded = self.shared.commit(txn, |published| {
            published.sets = sets;
            published.renames = renames;
            published.changes.publish(written);
            if anew {
                published.of_views = Room::default();
            }
            published.set_views(views, live, last_day)
        })?;
        self.shared.advance();
        give_back(folded);
        Ok(applied)
    }

    /// Adds what the overlay holds to the views of the days it changes; gives the days whose views are not those that the
    /// overlay lies over.
    fn absorb(&self, publication: &mut Publication<'_>, days: &BTreeSet<Day>) -> Result<BTreeSet<Day>, EngineError> {
        // Readers go on meanwhile, and nobody else changes what is published.
        let published = self.shared.published.read().map_err(|_| EngineError::Stopped)?;
        let share_min = self.shared.sizes.share_min.load(Ordering::Acquire);
        let overlay = Absorbing::of(&published.live, days);
        let numbers = numbers::number(publication.txn, &mut publication.views, overlay.downloaders(), share_min)?;
        numbers::tidy(publication.txn, &mut publication.views)?;
        let mut others = BTreeSet::new();
        for absorbed in overlay.absorbed(&self.shared.store, &publication.sets.clone(), &numbers) {
            let (day, absorbed) = absorbed?;
            let Some(AbsorbedDay { view, changed }) = absorbed else {
                debug_assert!(false, "the overlay lies over other views than the stored ones");
                others.insert(day);
                continue;
            };
            changed.into_iter().for_each(|(repo, of_day)| publication.histories.add(repo, day, Some(of_day)));
            publication.open = view;
            publication.finish_day(day, &store::manifest(publication.txn, day)?)?;
            publication.histories.write_if_full(publication.txn, &mut publication.sets)?;
        }
        Ok(others)
    }

    /// Folds all days in waves that fit into memory: while one is written, the next ones are folded.
    fn fold_all(&mut self, publication: &mut Publication<'_>, days: BTreeSet<Day>) -> Result<(), EngineError> {
        let (shared, counting, publishing) =
            (Arc::clone(&self.shared), Arc::clone(&publication.counting), publication.publishing);
        let mut queue = PartQueue::new(days, publishing, shared.sizes.part_rows.load(Ordering::Acquire));
        std::thread::scope(|scope| {
            let mut folding = Folding::new(scope, &shared.store, &counting, publishing)?;
            // The days of the parts that are ahead, wave by wave.
            let mut ahead: VecDeque<Vec<Day>> = VecDeque::new();
            loop {
                while ahead.len() <= WAVES_AHEAD {
                    let parts = queue.next_wave(publication.txn)?;
                    if parts.is_empty() {
                        break;
                    }
                    ahead.push_back(parts.iter().map(|part| part.day).collect());
                    parts.into_iter().try_for_each(|part| folding.hand_out(part))?;
                }
                let Some(days) = ahead.pop_front() else { break };
                let mut wave = Vec::with_capacity(days.len());
                for at in 1..=days.len() {
                    let mut folded = folding.take()?;
                    let next = folded.part.day.next();
                    let follows = || days.iter().skip(at).chain(ahead.iter().flatten()).any(|day| *day == next);
                    if publication.join_to_day_before(&folded.part, &mut folded.fold)?
                        && !follows()
                        && !store::manifest(publication.txn, next)?.segments.is_empty()
                    {
                        queue.add(next);
                    }
                    wave.push(folded);
                }
                self.write_wave(publication, wave)?;
            }
            Ok::<_, EngineError>(())
        })?;
        publication.histories.write(publication.txn, &mut publication.sets)
    }

    /// Writes the views of folded parts. With its last part the segments of a day are published.
    fn write_wave(&mut self, publication: &mut Publication<'_>, wave: Vec<Folded>) -> Result<(), EngineError> {
        let share_min = self.shared.sizes.share_min.load(Ordering::Acquire);
        let downloaders = wave.iter().flat_map(|folded| folded.fold.downloaders.iter().copied());
        let numbers = numbers::number(publication.txn, &mut publication.views, downloaders, share_min)?;
        // While the waves behind this one are folded.
        numbers::tidy(publication.txn, &mut publication.views)?;
        let mut rest = numbers.as_slice();
        for Folded { part, fold, merged } in wave {
            let (own, after) = rest.split_at(fold.downloaders.len().min(rest.len()));
            publication.write_part(&part, &fold, own)?;
            rest = after;
            merged.into_iter().for_each(|merged| Merged::add_to(&mut publication.merged, merged));
            if part.is_last {
                let merged = std::mem::take(&mut publication.merged);
                let manifest = self.publish_segments(publication, part.day, Arc::unwrap_or_clone(part.manifest), merged)?;
                publication.finish_day(part.day, &manifest)?;
            }
        }
        publication.histories.write_if_full(publication.txn, &mut publication.sets)
    }

    /// Marks the segments of a day as published and merges small ones.
    fn publish_segments(
        &mut self,
        publication: &mut Publication<'_>,
        day: Day,
        mut manifest: DayManifest,
        merged: Vec<Merged>,
    ) -> Result<DayManifest, EngineError> {
        for segment in &mut manifest.segments {
            if publication.publishing.includes(segment) {
                segment.unpublished = None;
            }
        }
        let (txn, next_segment) = (publication.txn, &mut publication.next_segment);
        for Merged { members, segment } in merged {
            segments::replace(txn, &mut manifest, day, &members, segment, next_segment)?;
        }
        segments::tidy(txn, &mut self.encoder, day, &mut manifest, next_segment, u64::MAX)?;
        store::put_manifest(txn, day, &manifest)?;
        Ok(manifest)
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

impl Publication<'_> {
    /// Joins a part to the day before it; with the last one says whether the day's own tail differs from the stored one.
    fn join_to_day_before(&mut self, part: &Part, fold: &mut DayFold) -> Result<bool, StoreError> {
        self.applied.accepted += fold.accepted;
        self.applied.repeated += fold.repeated;
        if part.is_first {
            let before = part.day.previous();
            let last = std::mem::take(&mut self.edges);
            let before = if last.day == Some(before) { last.tails } else { stored_edges(self.txn, before)? };
            self.edges = Edges { before, day: Some(part.day), tails: Vec::new() };
        }
        fold.continue_sessions(&self.edges.before);
        self.edges.tails.extend_from_slice(&fold.tails);
        Ok(part.is_last && encode_edges(&self.edges.tails) != encode_edges(&stored_edges(self.txn, part.day)?))
    }

    /// Adds a part to the view of its day; the numbers are those of its downloaders.
    fn write_part(&mut self, part: &Part, fold: &DayFold, numbers: &[DownloaderNumber]) -> Result<(), StoreError> {
        if part.is_first {
            self.open = OpenView::default();
        }
        for (repo, day) in self.open.add(fold, numbers, &self.sets)? {
            self.histories.add(repo, part.day, Some(day));
        }
        Ok(())
    }

    /// Writes the view of a day whose parts are all in.
    fn finish_day(&mut self, day: Day, manifest: &DayManifest) -> Result<(), StoreError> {
        let open = std::mem::take(&mut self.open);
        self.compare_with_stored(day, &open)?;
        self.written.insert(day);
        if manifest.segments.is_empty() {
            return store::remove_day_view(self.txn, day);
        }
        let (record, parts) = open.finish(covers(manifest));
        store::put_day_view(self.txn, day, record, &parts)
    }

    /// Lists repos that the stored view of a day has and the new one has not, and logs what changed on a closed day.
    fn compare_with_stored(&mut self, day: Day, open: &OpenView) -> Result<(), StoreError> {
        let Some(view) = store::day_view(self.txn, day)? else { return Ok(()) };
        let mut fallen = Vec::new();
        for chunk in &view.chunks {
            let bytes = store::read_chunk(self.txn, day, *chunk)?;
            let of_block = |error| damaged("day_chunks", day, error);
            for entry in DayChunk::new(&bytes).map_err(of_block)?.entries() {
                let entry = entry.map_err(of_block)?;
                let found = open.downloads(entry.repo);
                if found.is_none() {
                    self.histories.add(entry.repo, day, None);
                }
                let (before, after) = (entry.day.counts.downloads().0, found.map_or(0, |downloads| downloads.0));
                if after < before {
                    fallen.push((entry.repo.0, before, after));
                }
            }
        }
        let (before, after) = (view.authenticated + view.anonymous, open.all_downloads().0);
        if day >= self.now.day() || (before == after && fallen.is_empty()) {
            return Ok(());
        }
        let document = match self.publishing {
            Publishing::Document(id) => Some(id.serial()),
            Publishing::Pushes | Publishing::Overlay | Publishing::All => None,
        };
        let record = RestatementRecord { at_ms: self.now.0, document, day: day.0, before, after, fallen };
        store::add_restatement(self.txn, &record)
    }
}

/// Gives memory back that is in very many pieces, which takes a while: nobody waits for it.
fn give_back(folded: Live) {
    if folded.rows() >= BESIDE_MIN {
        // Without a thread it is given back here.
        drop(std::thread::Builder::new().name("give back".to_owned()).spawn(move || drop(folded)));
    }
}

/// Who was there before midnight, as the view of a day has it.
pub(super) fn stored_edges(txn: &impl Read, day: Day) -> Result<Vec<Edge>, StoreError> {
    decode_edges(day, &store::read_tail(txn, day)?).map_err(|error| damaged("day_tails", day, error))
}

pub(super) fn damaged(table: &'static str, key: impl std::fmt::Display, why: impl std::fmt::Display) -> StoreError {
    debug_assert!(Table::ALL.iter().any(|known| known.name() == table));
    StoreError::Damaged { table, key: key.to_string(), why: why.to_string() }
}
