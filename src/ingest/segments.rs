//! Keeps the number of segments of a day small by merging those of one size.

use super::error::EngineError;
use crate::block::{Encoder, Merge, Wanted, compact};
use crate::model::Day;
use crate::store::{self, BlockIter, DayManifest, EncodedSegment, SegmentEncoder, SegmentRecord, StoreError, WriteTxn};

/// So many segments of one tier are merged into one of the next.
const FAN_IN: usize = 8;

/// The tier of a segment: tiers grow eightfold, so a row is rewritten once per factor of eight.
fn tier(segment: &SegmentRecord) -> u32 {
    segment.rows.max(1).ilog2() / 3
}

/// Merges the segments of a day tier by tier, until no tier has `FAN_IN` of them. Unpublished ones stay apart: their
/// receipt is still to be counted. Says whether anything changed.
pub fn tidy(
    txn: &WriteTxn,
    encoder: &mut Encoder,
    day: Day,
    manifest: &mut DayManifest,
    next_id: &mut u64,
) -> Result<bool, EngineError> {
    let mut changed = false;
    for of_tier in 0..22 {
        let members: Vec<SegmentRecord> = manifest
            .segments
            .iter()
            .filter(|segment| segment.unpublished.is_none() && tier(segment) == of_tier)
            .cloned()
            .collect();
        if members.len() < FAN_IN {
            continue;
        }
        let merged = merge(txn, encoder, day, &members, |_| true)?;
        replace(txn, manifest, day, &members, merged, next_id)?;
        changed = true;
    }
    Ok(changed)
}

/// One segment of the rows of several that `keep` keeps.
pub fn merge(
    txn: &WriteTxn,
    encoder: &mut Encoder,
    day: Day,
    members: &[SegmentRecord],
    keep: impl Fn(&crate::model::Row) -> bool,
) -> Result<Option<EncodedSegment>, StoreError> {
    let inputs = members.iter().map(|segment| BlockIter::all(txn, day, segment.clone(), Wanted::All));
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
