//! What the views are behind of: segments of a day that came after its view was written, which a start counts by themselves.
//!
//! The view of a day is of the first of its published segments, and those that came since follow. Merging keeps the two apart.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::error::EngineError;
use super::overlay::{self, ReadDays, Touched};
use super::writer::Writer;
use crate::block::{BodyRows, Merge, Wanted};
use crate::model::Day;
use crate::rollup::{Foreign, Live};
use crate::store::{self, DayManifest, DayQuestion, DayViewRecord, ReadTxn, RepoChoice, SegmentRecord, StoreError, WriteTxn};

/// Checksum of the published segments of a day.
pub(super) fn covers(manifest: &DayManifest) -> u64 {
    let mut ids = Xxh3::new();
    published(&manifest.segments).for_each(|(_, segment)| ids.update(&segment.id.to_le_bytes()));
    ids.digest()
}

fn published(segments: &[SegmentRecord]) -> impl Iterator<Item = (usize, &SegmentRecord)> {
    segments.iter().enumerate().filter(|(_, segment)| segment.unpublished.is_none())
}

/// The segments of a day in two.
pub(super) struct Halves {
    /// Those that its view is of.
    pub viewed: DayManifest,
    /// Those that came since.
    pub since: DayManifest,
}

impl Halves {
    /// # Errors
    /// When its view is of other segments than the day has: they are given back.
    pub fn of(mut manifest: DayManifest, view: Option<&DayViewRecord>) -> Result<Halves, DayManifest> {
        let Some(end) = end_of_viewed(&manifest.segments, view) else { return Err(manifest) };
        let since = DayManifest { segments: manifest.segments.split_off(end) };
        Ok(Halves { viewed: manifest, since })
    }
}

/// How many segments come before those that the view of their day is not of.
fn end_of_viewed(segments: &[SegmentRecord], view: Option<&DayViewRecord>) -> Option<usize> {
    let Some(view) = view else { return Some(0) };
    let mut ids = Xxh3::new();
    let ends = published(segments).map(|(at, segment)| {
        ids.update(&segment.id.to_le_bytes());
        (at + 1, ids.digest())
    });
    std::iter::once((0, Xxh3::new().digest())).chain(ends).find(|(_, covers)| *covers == view.covers).map(|(end, _)| end)
}

/// Puts other segments with the same events in the place of some, those that the day's view is of and those that came since
/// each for themselves, so that it stays known which are which.
pub(super) fn replace_apart<T>(
    txn: &WriteTxn,
    day: Day,
    manifest: &mut DayManifest,
    mut replace: impl FnMut(&mut DayManifest) -> Result<T, EngineError>,
) -> Result<[T; 2], EngineError> {
    let view = store::day_view(txn, day)?;
    // Where the view is of others, the day is counted as a whole at the next start, whatever becomes of its segments.
    let apart = Halves::of(std::mem::take(manifest), view.as_ref());
    let mut halves = apart.unwrap_or_else(|since| Halves { viewed: DayManifest::default(), since });
    let before = covers(&halves.viewed);
    let replaced = [replace(&mut halves.viewed)?, replace(&mut halves.since)?];
    let now = covers(&halves.viewed);
    if let Some(view) = view.filter(|_| now != before) {
        store::put_covers(txn, day, view, now)?;
    }
    let Halves { viewed, mut since } = halves;
    *manifest = viewed;
    manifest.segments.append(&mut since.segments);
    Ok(replaced)
}

/// Segments that no view holds yet, by day.
#[derive(Default)]
pub(super) struct Behind(BTreeMap<Day, Vec<SegmentRecord>>);

impl Behind {
    /// What days lack whose views are not those of their events; `None` if one of them must be counted as a whole, or if all
    /// are more rows than the overlay takes.
    pub fn of(txn: &ReadTxn, days: &BTreeSet<Day>, rows_max: usize) -> Result<Option<Behind>, StoreError> {
        let (mut behind, mut rows) = (BTreeMap::new(), 0);
        for day in days {
            let (manifest, view) = (store::manifest(txn, *day)?, store::day_view(txn, *day)?);
            let all_published = manifest.segments.iter().all(|segment| segment.unpublished.is_none());
            let Some(Halves { since, .. }) = Halves::of(manifest, view.as_ref()).ok().filter(|_| all_published) else {
                return Ok(None);
            };
            rows += since.segments.iter().map(|segment| segment.rows).sum::<u64>();
            behind.insert(*day, since.segments);
        }
        Ok((rows <= rows_max as u64).then_some(Behind(behind)))
    }
}

impl Writer {
    /// Counts what came after the views into an overlay over them, day by day as if it were pushed once more.
    pub(super) fn overlay_of(&self, txn: &ReadTxn, behind: Behind) -> Result<Live, EngineError> {
        let counting = self.shared.counting();
        let ids: BTreeSet<u64> = behind.0.values().flatten().map(|segment| segment.id).collect();
        let mut live = Live::default();
        for (day, segments) in behind.0 {
            let renames = Arc::clone(&self.renames);
            let question = DayQuestion { day, repos: RepoChoice::All, sought: None, renames, wanted: Wanted::All };
            let mut rows = Merge::new(store::day_rows(txn, &question, segments)?.into_iter().map(|(_, blocks)| blocks))?;
            // What one segment holds was joined, and that of several is joined where it is counted.
            let of_day = BodyRows::of_merge(&mut rows)?;
            let days = ReadDays::from([(day, Cow::Owned(of_day))]);
            let missing = Touched::missing(&days, &live);
            let loaded = overlay::read_all_missing(txn, &missing, &live, &ids, &counting)?;
            overlay::load(&mut live, &loaded, &counting);
            let list = Arc::default();
            let texts = Foreign::new(rows.words(), &list);
            days.iter().for_each(|(day, rows)| live.apply(*day, rows, &texts, &counting, &mut []));
        }
        Ok(live)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ingest::segments::FAN_IN;
    use crate::ingest::{Engine, OpenOptions, Place, Push, PushContent};
    use crate::model::{Millis, SourceName};

    const DAY: Day = Day(20_000);

    fn open(folder: &Path) -> Arc<Engine> {
        let now = Some(Millis(DAY.start().0 + 43_200_000));
        Engine::open(&OpenOptions { place: Place::Folder(folder.into()), default_public: true, frozen_now: now }).unwrap()
    }

    /// Pushes an event of a second of the day by one of some addresses.
    fn push(engine: &Engine, second: i64, address: u8) {
        let body = format!(r#"{{"ts":{},"repo":"org/name","ip":"192.0.2.{address}"}}"#, DAY.start().0 / 1_000 + second);
        let source = SourceName::default_source();
        let push = Push { source, body: body.into_bytes(), content: PushContent::Json, idempotency_key: None };
        assert_eq!(engine.push(push).unwrap().accepted, 1);
    }

    fn fold(engine: &Engine) {
        engine.write(Writer::fold_overlay).unwrap();
    }

    /// The rows of the segments that the day's view is of, and of those that came since.
    fn rows_of_halves(engine: &Engine) -> Option<[Vec<u64>; 2]> {
        let txn = engine.shared.store.read().unwrap();
        let (manifest, view) = (store::manifest(&txn, DAY).unwrap(), store::day_view(&txn, DAY).unwrap());
        let Halves { viewed, since } = Halves::of(manifest, view.as_ref()).ok()?;
        Some([viewed, since].map(|half| half.segments.iter().map(|segment| segment.rows).collect()))
    }

    /// The rows that the overlay holds, and the downloads and downloaders of the day by the overlay and its view.
    fn counted(engine: &Engine) -> (usize, [u64; 2]) {
        let txn = engine.shared.store.read().unwrap();
        let published = engine.shared.published.read().unwrap();
        let live = published.live.repos_on(DAY).map(|(_, live)| live.day()).next();
        let mut of_view = None;
        if let Some(view) = store::day_view(&txn, DAY).unwrap() {
            store::for_all_entries(&txn, DAY, &view, |entry, _| of_view = Some(entry.day)).unwrap();
        }
        let day = live.or(of_view).unwrap_or_default();
        (published.live.rows(), [day.counts.downloads().0, day.uniques.0])
    }

    #[test]
    fn a_start_counts_what_came_since_the_view_was_written_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        // The first comes again soon, the second after a session has ended, the third not at all.
        [(10, 1), (20, 2), (30, 3)].into_iter().for_each(|(second, address)| push(&engine, second, address));
        fold(&engine);
        [(60, 1), (7_000, 2), (7_010, 4)].into_iter().for_each(|(second, address)| push(&engine, second, address));
        let (_, before) = counted(&engine);
        assert_eq!(before, [5, 4]);
        drop(engine);

        let engine = open(folder.path());
        assert_eq!(counted(&engine), (5, before), "the rows of all who came again, and of nobody else");
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1, 1, 1], vec![1, 1, 1]], "the view is what it was");
        push(&engine, 7_020, 5);
        fold(&engine);
        assert_eq!(counted(&engine).1, [6, 5]);
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1; 7], vec![]]);
        drop(engine);
        assert_eq!(counted(&open(folder.path())), (0, [6, 5]));
    }

    #[test]
    fn a_day_whose_view_is_of_other_segments_is_counted_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        push(&engine, 10, 1);
        fold(&engine);
        push(&engine, 20, 2);
        engine
            .write(|writer| {
                let txn = writer.shared.store.write()?;
                let view = store::day_view(&txn, DAY)?.unwrap();
                store::put_covers(&txn, DAY, view, 1)?;
                Ok(txn.commit()?)
            })
            .unwrap();
        assert_eq!(rows_of_halves(&engine), None);
        drop(engine);
        let engine = open(folder.path());
        assert_eq!(counted(&engine), (0, [2, 2]));
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1, 1], vec![]]);
    }

    #[test]
    fn merging_keeps_what_the_view_is_of_apart_from_what_came_since() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        let mut second = 0;
        let mut push_so_many = |count: usize| {
            for _ in 0..count {
                second += 1;
                push(&engine, second, 1);
            }
        };
        push_so_many(FAN_IN - 1);
        fold(&engine);
        push_so_many(FAN_IN - 1);
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1; FAN_IN - 1], vec![1; FAN_IN - 1]]);
        push_so_many(1);
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1; FAN_IN - 1], vec![FAN_IN as u64]]);
        fold(&engine);
        push_so_many(1);
        fold(&engine);
        // Now there are so many of one size that the view is of.
        push_so_many(1);
        let merged = vec![FAN_IN as u64, FAN_IN as u64];
        assert_eq!(rows_of_halves(&engine).unwrap(), [merged, vec![1]]);
    }
}
