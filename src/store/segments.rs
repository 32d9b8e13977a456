//! Event blocks on disk: segments of sorted rows per day, and the manifest that names them all.

use std::borrow::BorrowMut;
use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use foldhash::fast::FixedState;
use xxhash_rust::xxh3::xxh3_64;

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::key::{Key, u16_at};
use super::pieces::{get_pieces, put_pieces, remove_pieces};
use super::records::{BlockRecord, DayManifest, SegmentRecord};
use super::table::{OpenTable, Read, Table, WriteTxn};
use crate::block::{self, Decoded, Encoder, ROWS_MAX, Wanted};
use crate::model::{Day, Renames, RepoNumber, Row, Who, Words};

/// A segment that is ready to be written.
#[derive(Clone, Debug)]
pub struct EncodedSegment {
    pub day: Day,
    pub record: SegmentRecord,
    pub blocks: Vec<Vec<u8>>,
}

impl EncodedSegment {
    /// Adds the blocks of a segment whose rows come after these.
    pub fn append(&mut self, mut next: EncodedSegment) {
        self.record.rows += next.record.rows;
        self.record.blocks.append(&mut next.record.blocks);
        self.record.deliveries.append(&mut next.record.deliveries);
        self.record.deliveries.sort_unstable();
        self.record.deliveries.dedup();
        self.blocks.append(&mut next.blocks);
    }
}

/// Encodes one segment block by block.
pub struct SegmentEncoder<E> {
    encoder: E,
    segment: EncodedSegment,
}

impl<E: BorrowMut<Encoder>> SegmentEncoder<E> {
    /// Starts a segment of a day. Its id is given when it is written.
    pub fn new(day: Day, encoder: E) -> SegmentEncoder<E> {
        let record = SegmentRecord { id: 0, rows: 0, unpublished: None, deliveries: Vec::new(), blocks: Vec::new() };
        SegmentEncoder { encoder, segment: EncodedSegment { day, record, blocks: Vec::new() } }
    }

    /// Adds sorted rows that follow those added before.
    ///
    /// # Errors
    /// When a block cannot be encoded.
    pub fn add(&mut self, rows: &[Row], words: &Words) -> Result<(), StoreError> {
        for rows in rows.chunks(ROWS_MAX) {
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
            let bytes = self.encoder.borrow_mut().encode(self.segment.day, rows, words)?;
            let record = &mut self.segment.record;
            record.blocks.push(BlockRecord {
                rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
                first_repo: first.repo.0,
                last_repo: last.repo.0,
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                checksum: xxh3_64(&bytes),
            });
            record.rows += rows.len() as u64;
            record.deliveries.extend(rows.iter().map(|row| row.delivery.0));
            record.deliveries.sort_unstable();
            record.deliveries.dedup();
            self.segment.blocks.push(bytes);
        }
        Ok(())
    }

    /// The segment, unless it has no rows.
    #[must_use]
    pub fn finish(self) -> Option<EncodedSegment> {
        (self.segment.record.rows > 0).then_some(self.segment)
    }
}

fn block_prefix(day: Day, segment: u64, block: usize) -> Key {
    Key::default().day(day).u64(segment).u32(u32::try_from(block).unwrap_or(u32::MAX))
}

/// The segments of a day.
///
/// # Errors
/// When the store fails or the manifest is damaged.
pub fn manifest(txn: &(impl Read + ?Sized), day: Day) -> Result<DayManifest, StoreError> {
    Ok(get_record(txn, Table::Days, Key::default().day(day).bytes())?.unwrap_or_default())
}

/// All days with their segments, ascending.
///
/// # Errors
/// When the store fails or a manifest is damaged.
pub fn manifests(txn: &(impl Read + ?Sized)) -> Result<Vec<(Day, DayManifest)>, StoreError> {
    let values = txn.with_prefix(Table::Days, &[])?;
    values.iter().map(|(key, value)| Ok((Day(u16_at(key, 0)), decode(Table::Days, key, value)?))).collect()
}

/// Remembers the segments of a day.
///
/// # Errors
/// When the store fails.
pub fn put_manifest(txn: &WriteTxn, day: Day, manifest: &DayManifest) -> Result<(), StoreError> {
    let key = Key::default().day(day);
    if manifest.segments.is_empty() {
        return txn.remove(Table::Days, key.bytes());
    }
    put_record(txn, Table::Days, key.bytes(), manifest).map(drop)
}

/// Writes the blocks of a segment and enters it in its day's manifest.
///
/// # Errors
/// When the store fails.
pub fn add_segment(
    blocks: &mut OpenTable<'_>,
    manifest: &mut DayManifest,
    mut segment: EncodedSegment,
    id: u64,
) -> Result<(), StoreError> {
    for (number, bytes) in segment.blocks.iter().enumerate() {
        put_pieces(blocks, block_prefix(segment.day, id, number).bytes(), bytes)?;
    }
    segment.record.id = id;
    manifest.segments.push(segment.record);
    Ok(())
}

/// Removes the blocks of a segment and its entry.
///
/// # Errors
/// When the store fails.
pub fn remove_segment(blocks: &mut OpenTable<'_>, manifest: &mut DayManifest, day: Day, id: u64) -> Result<(), StoreError> {
    let Some(at) = manifest.segments.iter().position(|segment| segment.id == id) else { return Ok(()) };
    let segment = manifest.segments.remove(at);
    for (number, block) in segment.blocks.iter().enumerate() {
        remove_pieces(blocks, block_prefix(day, id, number).bytes(), block.bytes as usize)?;
    }
    Ok(())
}

/// Downloaders of repos, whatever their agents.
pub type Sought = HashSet<(RepoNumber, Who), FixedState>;

/// Which repos' rows are read.
#[derive(Clone, Debug)]
pub enum RepoChoice {
    All,
    These(Arc<BTreeSet<RepoNumber>>),
    Within(RangeInclusive<RepoNumber>),
}

impl RepoChoice {
    /// Whether the rows of a repo are read.
    #[must_use]
    pub fn contains(&self, repo: RepoNumber) -> bool {
        match self {
            RepoChoice::All => true,
            RepoChoice::These(repos) => repos.contains(&repo),
            RepoChoice::Within(range) => range.contains(&repo),
        }
    }

    /// Whether all repos from `first` to `last` are read, as far as that can be told at once.
    fn covers(&self, first: RepoNumber, last: RepoNumber) -> bool {
        match self {
            RepoChoice::All => true,
            RepoChoice::These(_) => false,
            RepoChoice::Within(range) => range.contains(&first) && range.contains(&last),
        }
    }

    /// Whether one of the repos from `first` to `last` may be read.
    fn meets(&self, first: RepoNumber, last: RepoNumber) -> bool {
        match self {
            RepoChoice::All => true,
            RepoChoice::These(repos) => repos.range(first..=last).next().is_some(),
            RepoChoice::Within(range) => first <= *range.end() && *range.start() <= last,
        }
    }
}

/// The decoded blocks of a segment in order, or only those that may hold some repos.
pub struct BlockIter<'a, R: Read + ?Sized> {
    txn: &'a R,
    day: Day,
    segment: SegmentRecord,
    next: usize,
    wanted: Wanted,
    repos: RepoChoice,
    sought: Option<Arc<Sought>>,
    renames: Option<Arc<Renames>>,
}

impl<'a, R: Read + ?Sized> BlockIter<'a, R> {
    /// Reads all rows of a segment.
    pub fn all(txn: &'a R, day: Day, segment: SegmentRecord, wanted: Wanted) -> BlockIter<'a, R> {
        BlockIter { txn, day, segment, next: 0, wanted, repos: RepoChoice::All, sought: None, renames: None }
    }

    /// Reads the rows of some repos.
    pub fn of_repos(txn: &'a R, day: Day, segment: SegmentRecord, repos: RepoChoice, wanted: Wanted) -> BlockIter<'a, R> {
        BlockIter { txn, day, segment, next: 0, wanted, repos, sought: None, renames: None }
    }

    /// Leaves out the rows of everybody who is not sought.
    #[must_use]
    pub fn of_sought(mut self, sought: Option<&Arc<Sought>>) -> BlockIter<'a, R> {
        self.sought = sought.map(Arc::clone);
        self
    }

    /// Leaves out rows that are read under another name than they are stored.
    #[must_use]
    pub fn without_moved(mut self, renames: &Arc<Renames>) -> BlockIter<'a, R> {
        self.renames = (!renames.is_empty()).then(|| Arc::clone(renames));
        self
    }

    fn read(&self, number: usize, record: BlockRecord) -> Result<Option<Decoded>, StoreError> {
        let prefix = block_prefix(self.day, self.segment.id, number);
        let bytes = get_pieces(self.txn, Table::Blocks, prefix.bytes(), record.bytes as usize)?;
        if xxh3_64(&bytes) != record.checksum {
            return Err(StoreError::damaged(Table::Blocks.name(), prefix.bytes(), "the block is not the one recorded"));
        }
        let of_block = StoreError::of_block(Table::Blocks.name(), prefix.bytes());
        if block::row_count(&bytes).map_err(&of_block)? != record.rows as usize {
            return Err(StoreError::damaged(Table::Blocks.name(), prefix.bytes(), "the block has another number of rows"));
        }
        let decoded = match &self.sought {
            None => block::decode(self.day, &bytes, self.wanted).map(Some),
            Some(sought) => block::decode_sought(self.day, &bytes, self.wanted, |repo, who| sought.contains(&(repo, who))),
        };
        let Some(mut decoded) = decoded.map_err(&of_block)? else { return Ok(None) };
        if !self.repos.covers(RepoNumber(record.first_repo), RepoNumber(record.last_repo)) {
            decoded.rows.retain(|row| self.repos.contains(row.repo));
        }
        if let Some(renames) = &self.renames {
            decoded.rows.retain(|row| renames.read_as(row.repo, row.time) == row.repo);
        }
        Ok(Some(decoded))
    }
}

impl<R: Read + ?Sized> Iterator for BlockIter<'_, R> {
    type Item = Result<Decoded, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let number = self.next;
            let record = *self.segment.blocks.get(number)?;
            self.next += 1;
            if self.repos.meets(RepoNumber(record.first_repo), RepoNumber(record.last_repo))
                && let Some(read) = self.read(number, record).transpose()
            {
                return Some(read);
            }
        }
    }
}
