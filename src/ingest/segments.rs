//! Keeps the number of segments of a day small by merging those of one size; and reads them for what no view knows.

use std::collections::{BTreeMap, BTreeSet};

use super::error::EngineError;
use crate::block::{Encoder, Merge, Wanted, compact};
use crate::model::{Day, Millis, SourceId, Who};
use crate::store::{
    self, BlockIter, DayManifest, EncodedSegment, Read, ReadTxn, SegmentEncoder, SegmentRecord, StoreError, WriteTxn,
};

/// So many segments of one tier are merged into one of the next.
pub(super) const FAN_IN: usize = 8;

/// The tier of a segment: tiers grow eightfold, so a row is rewritten once per factor of eight.
fn tier(segment: &SegmentRecord) -> u32 {
    segment.rows.max(1).ilog2() / 3
}

/// The segments of a day that are to be merged into one another, of those that are `published`, smallest ones first.
pub fn due(manifest: &DayManifest, published: impl Fn(&SegmentRecord) -> bool) -> Vec<Vec<SegmentRecord>> {
    let mut tiers: BTreeMap<u32, Vec<SegmentRecord>> = BTreeMap::new();
    for segment in manifest.segments.iter().filter(|segment| published(segment)) {
        tiers.entry(tier(segment)).or_default().push(segment.clone());
    }
    tiers.into_values().filter(|members| members.len() >= FAN_IN).collect()
}

/// Whether segments have fewer rows together.
pub fn is_small(members: &[SegmentRecord], rows_max: u64) -> bool {
    members.iter().map(|segment| segment.rows).sum::<u64>() < rows_max
}

/// Segments of a day, and the one they are merged into.
pub struct Merged {
    pub members: Vec<SegmentRecord>,
    pub segment: Option<EncodedSegment>,
}

impl Merged {
    /// Adds what the same segments hold of later repos, or others.
    pub fn add_to(all: &mut Vec<Merged>, next: Merged) {
        let first = |merged: &Merged| merged.members.first().map(|segment| segment.id);
        match all.iter_mut().find(|known| first(known) == first(&next)) {
            None => all.push(next),
            Some(known) => match (&mut known.segment, next.segment) {
                (Some(segment), Some(next)) => segment.append(next),
                (segment, next) => *segment = segment.take().or(next),
            },
        }
    }
}

/// Merges the segments of a day tier by tier, until no tier has `FAN_IN` of them but those with `rows_max` rows or more, which
/// it gives back. Unpublished ones stay apart: their receipt is still to be counted.
pub fn tidy(
    txn: &WriteTxn,
    encoder: &mut Encoder,
    day: Day,
    manifest: &mut DayManifest,
    next_id: &mut u64,
    rows_max: u64,
) -> Result<Vec<Vec<SegmentRecord>>, EngineError> {
    loop {
        let mut due = due(manifest, |segment| segment.unpublished.is_none());
        let Some(at) = due.iter().position(|members| is_small(members, rows_max)) else { return Ok(due) };
        let members = due.swap_remove(at);
        let merged = merge(txn, encoder, day, &members, |_| true)?;
        replace(txn, manifest, day, &members, merged, next_id)?;
    }
}

/// One segment of the rows of several that `keep` keeps.
pub fn merge(
    txn: &impl Read,
    encoder: &mut Encoder,
    day: Day,
    members: &[SegmentRecord],
    keep: impl Fn(&crate::model::Row) -> bool,
) -> Result<Option<EncodedSegment>, StoreError> {
    merge_while(|| true, txn, encoder, day, members, keep)
}

/// The same, as far as it gets while it is to `go_on`.
pub fn merge_while(
    go_on: impl Fn() -> bool,
    txn: &impl Read,
    encoder: &mut Encoder,
    day: Day,
    members: &[SegmentRecord],
    keep: impl Fn(&crate::model::Row) -> bool,
) -> Result<Option<EncodedSegment>, StoreError> {
    let blocks = |segment: &SegmentRecord| BlockIter::all(txn, day, segment.clone(), Wanted::All).take_while(|_| go_on());
    let inputs = members.iter().map(blocks);
    let mut segment = SegmentEncoder::new(day, encoder);
    compact(Merge::new(inputs)?, keep, |rows, words| segment.add(rows, words))?;
    Ok(segment.finish())
}

/// Puts a segment in the place of others.
pub fn replace(
    txn: &WriteTxn,
    manifest: &mut DayManifest,
    day: Day,
    members: &[SegmentRecord],
    merged: Option<EncodedSegment>,
    next_id: &mut u64,
) -> Result<(), StoreError> {
    let mut blocks = txn.open(store::Table::Blocks)?;
    for segment in members {
        store::remove_segment(&mut blocks, manifest, day, segment.id)?;
    }
    if let Some(merged) = merged {
        store::add_segment(&mut blocks, manifest, merged, *next_id)?;
        *next_id += 1;
    }
    Ok(())
}

/// The segments of a day that hold events of some people.
pub fn with_events_of(
    txn: &impl Read,
    day: Day,
    manifest: &DayManifest,
    whos: &BTreeSet<Who>,
) -> Result<BTreeSet<u64>, StoreError> {
    let mut found = BTreeSet::new();
    for segment in &manifest.segments {
        for block in BlockIter::all(txn, day, segment.clone(), Wanted::Identity) {
            if block?.rows.iter().any(|row| whos.contains(&row.who)) {
                found.insert(segment.id);
                break;
            }
        }
    }
    Ok(found)
}

/// The newest event of each source from `since` to `now`, newest days first, until all sources are found.
pub fn newest_by_source(
    txn: &ReadTxn,
    sources: usize,
    since: Millis,
    now: Millis,
) -> Result<BTreeMap<SourceId, Millis>, StoreError> {
    let mut newest: BTreeMap<SourceId, Millis> = BTreeMap::new();
    for (day, manifest) in store::manifests(txn)?.into_iter().rev().filter(|(day, _)| *day <= now.day()) {
        if day < since.day() || newest.len() == sources {
            break;
        }
        // Of a day all is read: a source found on it may have something newer in the next block.
        let mut of_day: BTreeMap<SourceId, Millis> = BTreeMap::new();
        for segment in manifest.segments {
            for block in BlockIter::all(txn, day, segment, Wanted::Identity) {
                for row in block?.rows.iter().filter(|row| row.time >= since && row.time <= now) {
                    let latest = of_day.entry(row.source).or_insert(row.time);
                    *latest = row.time.max(*latest);
                }
            }
        }
        for (source, time) in of_day {
            newest.entry(source).or_insert(time);
        }
    }
    Ok(newest)
}
