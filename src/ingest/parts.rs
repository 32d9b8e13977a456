//! Days that wait to be folded -> parts of them, by repo, each small enough for one thread and for memory.

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::publish::Publishing;
use crate::model::{Day, RepoNumber};
use crate::store::{self, DayManifest, StoreError, WriteTxn};

/// Rows of a part, about: days with more are cut, and of smaller days as many are written together. This bounds memory.
pub(super) const PART_ROWS: usize = 1_000_000;

/// Some repos of a day with all of their rows.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub day: Day,
    /// What the day is folded from.
    pub manifest: Arc<DayManifest>,
    pub repos: RangeInclusive<RepoNumber>,
    /// Rows, about.
    rows: u64,
    pub is_first: bool,
    pub is_last: bool,
}

impl Part {
    /// A day as one part.
    pub fn whole(day: Day, manifest: Arc<DayManifest>) -> Part {
        let repos = RepoNumber(0)..=RepoNumber(u32::MAX);
        let rows = manifest.segments.iter().map(|segment| segment.rows).sum();
        Part { day, manifest, repos, rows, is_first: true, is_last: true }
    }

    /// A day cut into parts of about `part_rows` rows, between blocks where that is possible: a block that two parts share
    /// is decoded twice.
    fn cut(day: Day, manifest: DayManifest, publishing: Publishing, part_rows: u64) -> VecDeque<Part> {
        let included = manifest.segments.iter().filter(|segment| publishing.includes(segment));
        let mut blocks: Vec<(u32, u64)> =
            included.flat_map(|segment| &segment.blocks).map(|block| (block.last_repo, block.rows.into())).collect();
        blocks.sort_unstable();
        let rows: u64 = blocks.iter().map(|(_, rows)| rows).sum();
        let rows_each = rows.div_ceil(rows.div_ceil(part_rows).max(1));
        let (mut ends, mut so_far) = (Vec::new(), 0);
        for (last_repo, rows) in &blocks {
            so_far += rows;
            if so_far >= rows_each && ends.last().is_none_or(|end| end < last_repo) {
                ends.push(*last_repo);
                so_far = 0;
            }
        }
        // The last part takes what comes behind it too: rows may be read under another repo than they are stored.
        ends.pop_if(|end| blocks.last().is_some_and(|(last_repo, _)| end == last_repo));
        ends.push(u32::MAX);
        let manifest = Arc::new(manifest);
        let (parts, mut start) = (ends.len(), 0);
        let part = |(at, end): (usize, u32)| {
            let repos = RepoNumber(start)..=RepoNumber(end);
            start = end.saturating_add(1);
            let (is_first, is_last) = (at == 0, at + 1 == parts);
            Part { day, manifest: Arc::clone(&manifest), repos, rows: rows_each, is_first, is_last }
        };
        ends.into_iter().enumerate().map(part).collect()
    }
}

/// What is left to fold, in order of day as far as it was known from the start.
pub(super) struct PartQueue {
    days: BTreeSet<Day>,
    /// The parts of the day at hand.
    cut: VecDeque<Part>,
    publishing: Publishing,
    part_rows: u64,
}

impl PartQueue {
    pub fn new(days: BTreeSet<Day>, publishing: Publishing, part_rows: usize) -> PartQueue {
        PartQueue { days, cut: VecDeque::new(), publishing, part_rows: (part_rows as u64).max(1) }
    }

    /// The next parts, as many as are written together; none if nothing is left.
    pub fn next_wave(&mut self, txn: &WriteTxn) -> Result<Vec<Part>, StoreError> {
        let (mut wave, mut rows) = (Vec::new(), 0);
        while rows < self.part_rows {
            if self.cut.is_empty() {
                let Some(day) = self.days.pop_first() else { break };
                self.cut = Part::cut(day, store::manifest(txn, day)?, self.publishing, self.part_rows);
            }
            wave.extend(self.cut.pop_front().inspect(|part| rows += part.rows));
        }
        Ok(wave)
    }

    /// Folds a day too, unless all of it is still to come.
    pub fn add(&mut self, day: Day) {
        if !self.cut.front().is_some_and(|part| part.day == day && part.is_first) {
            self.days.insert(day);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BlockRecord, SegmentRecord};

    fn day_of(blocks: &[(u32, u32, u32)]) -> DayManifest {
        let block =
            |&(first_repo, last_repo, rows): &(u32, u32, u32)| BlockRecord { rows, first_repo, last_repo, bytes: 0, checksum: 0 };
        let segment = |blocks: &[(u32, u32, u32)]| SegmentRecord {
            id: 0,
            rows: blocks.iter().map(|(.., rows)| u64::from(*rows)).sum(),
            unpublished: None,
            deliveries: Vec::new(),
            blocks: blocks.iter().map(block).collect(),
        };
        DayManifest { segments: blocks.chunks(3).map(segment).collect() }
    }

    fn cut(blocks: &[(u32, u32, u32)], part_rows: u64) -> Vec<(u32, u32)> {
        let parts = Part::cut(Day(7), day_of(blocks), Publishing::All, part_rows);
        assert!(parts.front().is_some_and(|part| part.is_first) && parts.back().is_some_and(|part| part.is_last));
        assert_eq!(parts.iter().filter(|part| part.is_first || part.is_last).count(), parts.len().min(2));
        parts.iter().map(|part| (part.repos.start().0, part.repos.end().0)).collect()
    }

    #[test]
    fn parts_cover_every_repo_once() {
        assert_eq!(cut(&[], 10), [(0, u32::MAX)]);
        assert_eq!(cut(&[(0, 5, 10)], 10), [(0, u32::MAX)]);
        let day = [(0, 5, 10), (5, 9, 10), (9, 30, 10), (1, 4, 10), (8, 8, 10), (10, u32::MAX, 10)];
        assert_eq!(cut(&day, 1_000), [(0, u32::MAX)]);
        assert_eq!(cut(&day, 30), [(0, 8), (9, u32::MAX)]);
        assert_eq!(cut(&day, 20), [(0, 5), (6, 9), (10, u32::MAX)]);
        assert_eq!(cut(&day, 1), [(0, 4), (5, 5), (6, 8), (9, 9), (10, 30), (31, u32::MAX)]);
        assert_eq!(cut(&[(3, 3, 10), (3, 3, 10), (3, 3, 10)], 10), [(0, u32::MAX)], "one repo is one part");
    }
}
