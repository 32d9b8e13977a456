//! What the views are behind of: segments of a day that came after its view was written, which a start counts by themselves.
//!
//! The view of a day is of the first of its published segments, and those that came since follow. Merging keeps the two apart.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::Xxh3;

use super::error::EngineError;
use super::overlay::{self, ReadDays, Stored, Touched};
use super::writer::{LIVE_REPO_DAYS_MAX, Writer};
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
type Behind = BTreeMap<Day, Vec<SegmentRecord>>;

/// What days lack whose views are not those of their events; `None` if one of them must be counted as a whole.
fn behind(txn: &ReadTxn, days: &BTreeSet<Day>) -> Result<Option<Behind>, StoreError> {
    let mut behind = Behind::new();
    for day in days {
        let (manifest, view) = (store::manifest(txn, *day)?, store::day_view(txn, *day)?);
        let all_published = manifest.segments.iter().all(|segment| segment.unpublished.is_none());
        let Some(Halves { since, .. }) = Halves::of(manifest, view.as_ref()).ok().filter(|_| all_published) else {
            return Ok(None);
        };
        behind.insert(*day, since.segments);
    }
    Ok(Some(behind))
}

impl Writer {
    /// Counts what came after the views of some days into an overlay over them, day by day as if it were pushed once more.
    /// `None` if a day must be counted as a whole, or if the overlay would be too large.
    pub(super) fn overlay_behind(&self, txn: &ReadTxn, days: &BTreeSet<Day>) -> Result<Option<Live>, EngineError> {
        let Some(behind) = behind(txn, days)? else { return Ok(None) };
        let since: BTreeSet<u64> = behind.values().flatten().map(|segment| segment.id).collect();
        // A group came on top of what the overlay takes, and whoever goes on with a session brings all events of the day.
        let rows_max = self.shared.overlay_rows_max.load(Ordering::Acquire).saturating_mul(2);
        if behind.values().flatten().map(|segment| segment.rows).sum::<u64>() > rows_max as u64 {
            return Ok(None);
        }
        let (counting, share_min) = (self.shared.counting(), self.shared.sizes.share_min.load(Ordering::Acquire));
        let mut live = Live::default();
        for (day, segments) in behind {
            let renames = Arc::clone(&self.renames);
            let question = DayQuestion { day, repos: RepoChoice::All, sought: None, renames, wanted: Wanted::All };
            let mut rows = Merge::new(store::day_rows(txn, &question, segments)?.into_iter().map(|(_, blocks)| blocks))?;
            let days = ReadDays::from([(day, Cow::Owned(BodyRows::of_merge(&mut rows)?))]);
            let missing = Touched::missing(&days, &live);
            let stored = Stored { since: &since, rows_max: rows_max.saturating_sub(live.rows()), counting: &counting };
            let Some(loaded) = overlay::read_all_missing(txn, &missing, &live, &stored, share_min)? else { return Ok(None) };
            overlay::load(&mut live, &loaded, &counting);
            let list = Arc::default();
            let texts = Foreign::new(rows.words(), &list);
            days.iter().for_each(|(day, rows)| live.apply(*day, rows, &texts, &counting, &mut []));
            if live.rows() > rows_max || live.repo_days() > 2 * LIVE_REPO_DAYS_MAX {
                return Ok(None);
            }
        }
        Ok(Some(live))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ingest::segments::FAN_IN;
    use crate::ingest::{Engine, FormerName, OpenOptions, Place, Push, PushContent, RepoListing};
    use crate::model::{Millis, RepoKey, RepoKind, RepoName, SourceName};
    use crate::store::{Read, Table};

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

    /// An engine with one event that the day's view is of, and one that came since; `change` is done to its store.
    fn one_of_each(folder: &Path, change: impl FnOnce(&WriteTxn) -> Result<(), StoreError> + Send + 'static) -> Arc<Engine> {
        let engine = open(folder);
        push(&engine, 10, 1);
        fold(&engine);
        push(&engine, 20, 2);
        let changed = engine.write(|writer| {
            let txn = writer.shared.store.write()?;
            change(&txn)?;
            Ok(txn.commit()?)
        });
        changed.unwrap();
        engine
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
    fn an_event_under_two_former_names_is_one_event_at_a_start_too() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        let names = ["one", "other"].map(|name| RepoName::parse(&format!("org/{name}")).unwrap());
        let listing = RepoListing {
            repo: RepoKey { kind: RepoKind::Model, name: RepoName::parse("org/new").unwrap() },
            private: None,
            likes: None,
            library: None,
            created_at: None,
            renamed_from: names.into_iter().map(|name| FormerName { name, at: None }).collect(),
        };
        engine.put_repos(vec![listing]).unwrap();
        let line = |name| format!(r#"{{"ts":{},"repo":"org/{name}","ip":"192.0.2.1"}}"#, DAY.start().0 / 1_000);
        let body = ["one", "other"].map(line).join("\n");
        let source = SourceName::default_source();
        engine.push(Push { source, body: body.into_bytes(), content: PushContent::Json, idempotency_key: None }).unwrap();
        let files = |engine: &Engine| {
            let published = engine.shared.published.read().unwrap();
            published.live.repos_on(DAY).map(|(_, live)| live.day().counts.files.0).collect::<Vec<_>>()
        };
        assert_eq!(files(&engine), [1]);
        drop(engine);
        assert_eq!(files(&open(folder.path())), [1]);
    }

    #[test]
    fn a_day_whose_view_is_of_other_segments_is_counted_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let engine = one_of_each(folder.path(), |txn| {
            let view = store::day_view(txn, DAY)?.unwrap();
            store::put_covers(txn, DAY, view, 1)
        });
        assert_eq!(rows_of_halves(&engine), None);
        drop(engine);
        let engine = open(folder.path());
        assert_eq!(counted(&engine), (0, [2, 2]));
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1, 1], vec![]]);
    }

    #[test]
    fn what_is_too_much_for_the_overlay_is_counted_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(folder.path());
        [10, 20, 30].into_iter().for_each(|second| push(&engine, second, 1));
        fold(&engine);
        [40, 50].into_iter().for_each(|second| push(&engine, second, 1));
        // Whether to fold is asked behind the answer.
        engine.write(|_| Ok(())).unwrap();
        // Twice as many are taken: two rows came, and with those before they are five.
        let caught_up = |rows: usize, share_min: usize| {
            engine.fold_pushes_after(rows);
            engine.shared.sizes.share_min.store(share_min, Ordering::Release);
            let overlay = engine.write(|writer| {
                let txn = writer.shared.store.read()?;
                writer.overlay_behind(&txn, &BTreeSet::from([DAY]))
            });
            overlay.unwrap().map(|live| (live.rows(), live.repos_on(DAY).map(|(_, live)| live.day().counts.files.0).sum::<u64>()))
        };
        assert_eq!([0, 2, 3, 100].map(|rows| caught_up(rows, 1)), [None, None, Some((5, 5)), Some((5, 5))]);
        assert_eq!(caught_up(3, usize::MAX), Some((5, 5)));
        engine.fold_pushes_after(0);
        engine.write(Writer::catch_up).unwrap();
        assert_eq!((counted(&engine), rows_of_halves(&engine)), ((0, [1, 1]), Some([vec![1; 5], vec![]])));
    }

    #[test]
    fn a_fold_that_cannot_read_a_view_makes_it_anew() {
        let folder = tempfile::tempdir().unwrap();
        let engine = one_of_each(folder.path(), |txn| {
            for (key, mut value) in txn.with_prefix(Table::DayFacets, &[])? {
                value.iter_mut().for_each(|byte| *byte ^= 1);
                txn.put(Table::DayFacets, &key, &value)?;
            }
            Ok(())
        });
        engine.fold_pushes_after(0);
        push(&engine, 30, 3);
        push(&engine, 40, 4);
        // The fold comes behind the answer.
        engine.write(|_| Ok(())).unwrap();
        assert!(engine.health().ready, "{:?}", engine.health());
        assert_eq!(counted(&engine).1, [4, 4]);
        assert_eq!(rows_of_halves(&engine).unwrap(), [vec![1; 4], vec![]]);
        assert!(engine.verify(&|_| {}).unwrap().findings.is_empty());
    }

    #[test]
    fn what_is_not_published_yet_moves_no_boundary() {
        let segment =
            |id: u64, unpublished| SegmentRecord { id, rows: 1, unpublished, deliveries: Vec::new(), blocks: Vec::new() };
        let all = [(1, None), (2, Some(9)), (3, None), (4, Some(9)), (5, None)].map(|(id, of)| segment(id, of)).to_vec();
        let ids = |manifest: &DayManifest| manifest.segments.iter().map(|segment| segment.id).collect::<Vec<_>>();
        for (viewed, end) in [(vec![], 0), (vec![1], 1), (vec![1, 3], 3), (vec![1, 3, 5], 5)] {
            let covers = covers(&DayManifest { segments: viewed.into_iter().map(|id| segment(id, None)).collect() });
            let view = DayViewRecord { covers, ..DayViewRecord::default() };
            let halves = Halves::of(DayManifest { segments: all.clone() }, Some(&view)).ok().unwrap();
            assert_eq!((ids(&halves.viewed).len(), ids(&halves.since).len()), (end, 5 - end));
        }
        for others in [vec![3], vec![3, 1], vec![1, 5], vec![1, 2]] {
            let covers = covers(&DayManifest { segments: others.into_iter().map(|id| segment(id, None)).collect() });
            let view = DayViewRecord { covers, ..DayViewRecord::default() };
            assert!(Halves::of(DayManifest { segments: all.clone() }, Some(&view)).is_err());
        }
    }

    #[test]
    fn a_session_over_midnight_is_one_whatever_came_since_the_views() {
        // Before midnight late and early, and after it, folded or not behind each.
        for folded in 0..8 {
            let folder = tempfile::tempdir().unwrap();
            let engine = open(folder.path());
            for (number, second) in [-20, 10, -1_000].into_iter().enumerate() {
                push(&engine, second, 1);
                if folded >> number & 1 == 1 {
                    fold(&engine);
                }
            }
            drop(engine);
            let engine = open(folder.path());
            let downloads = |engine: &Engine| {
                let of_today = counted(engine).1[0];
                let txn = engine.shared.store.read().unwrap();
                let live =
                    engine.shared.published.read().unwrap().live.repos_on(DAY.previous()).map(|(_, live)| live.day()).next();
                let stored = store::day_view(&txn, DAY.previous()).unwrap().map(|view| view.anonymous);
                (live.map(|day| day.counts.downloads().0).or(stored), of_today)
            };
            assert_eq!(downloads(&engine), (Some(1), 0), "folded {folded:03b}");
            push(&engine, 3_000, 1);
            assert_eq!(downloads(&engine), (Some(1), 1), "folded {folded:03b}");
        }
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
