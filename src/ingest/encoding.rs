//! The rows of a group on their way into segments: block by block, by whoever has time for the next one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::block::{BodyBlock, BodyRows, Encoder};
use crate::model::{Day, Row, Words};
use crate::store::{EncodedSegment, SegmentEncoder, StoreError};

/// Blocks to be encoded.
pub(super) struct Encoding<'r> {
    blocks: Vec<(Day, BodyBlock<'r>)>,
    words: &'r Words,
    next: AtomicUsize,
}

/// Encoded blocks with their places in the order of all.
type Encoded = Vec<(usize, EncodedSegment)>;

impl<'r> Encoding<'r> {
    /// All rows of some days.
    pub fn of(days: &'r BTreeMap<Day, BodyRows>, words: &'r Words) -> Encoding<'r> {
        let of_day = |(day, rows): (&Day, &'r BodyRows)| {
            let day = *day;
            rows.blocks().into_iter().map(move |block| (day, block))
        };
        Encoding { blocks: days.iter().flat_map(of_day).collect(), words, next: AtomicUsize::new(0) }
    }

    /// Encodes blocks that nobody else has begun with, until there are no more. `scratch` is memory for rows.
    pub fn encode(&self, encoder: &mut Encoder, scratch: &mut Vec<Row>) -> Result<Encoded, StoreError> {
        let mut encoded = Encoded::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some((day, block)) = self.blocks.get(number) else { return Ok(encoded) };
            let mut segment = SegmentEncoder::new(*day, &mut *encoder);
            segment.add(block.joined(self.words, scratch), self.words)?;
            encoded.extend(segment.finish().map(|segment| (number, segment)));
        }
    }
}

/// All blocks as one segment a day.
pub(super) fn segments(mut encoded: Encoded) -> Vec<EncodedSegment> {
    encoded.sort_unstable_by_key(|(number, _)| *number);
    let mut segments: Vec<EncodedSegment> = Vec::new();
    for (_, block) in encoded {
        match segments.last_mut() {
            Some(segment) if segment.day == block.day => segment.append(block),
            _ => segments.push(block),
        }
    }
    segments
}
