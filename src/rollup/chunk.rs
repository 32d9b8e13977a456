//! A chunk of a day: counts and small downloader sets of some repos, sorted by repo.
//!
//! ```text
//!  repos u32 | index entries x (repo u32, offset u32) | entries
//!  entry: repo delta | authenticated | anonymous | files | uniques * 2 + evidence | set length | set
//! ```
//!
//! Every [`INDEX_EVERY`]th entry is in the index and holds its repo in full. Numbers in entries are varints; a set is the
//! ascending downloader numbers as differences. Sets above [`SET_INLINE_MAX`] members lie in a table of their own.

use super::set::DownloaderNumber;
use crate::block::{BlockError, ByteReader, put_varint};
use crate::model::{DayCounts, Downloads, Files, RepoNumber, Uniques};

/// Members of a set that is kept inside the chunk.
pub const SET_INLINE_MAX: usize = 2_048;

/// Distance of index entries.
const INDEX_EVERY: usize = 16;

/// Chunks close at this size, so that with header and index they stay below 64 KiB.
const CHUNK_BYTES_MAX: usize = 60_000;

/// One repo on one day, as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepoDay {
    pub counts: DayCounts,
    pub uniques: Uniques,
    pub evidence: bool,
}

/// Collects entries in order of repo until a chunk is full.
#[derive(Default)]
pub struct ChunkWriter {
    entries: Vec<u8>,
    index: Vec<(u32, u32)>,
    count: usize,
    previous: u32,
    first: Option<RepoNumber>,
    scratch: Vec<u8>,
}

impl ChunkWriter {
    /// Whether the chunk should be taken before the next entry.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= CHUNK_BYTES_MAX - SET_INLINE_MAX * 5
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a repo with its ascending downloader numbers; more than [`SET_INLINE_MAX`] are left to the caller.
    pub fn add(&mut self, repo: RepoNumber, day: &RepoDay, numbers: &[DownloaderNumber]) {
        if self.count.is_multiple_of(INDEX_EVERY) {
            self.index.push((repo.0, u32::try_from(self.entries.len()).unwrap_or(u32::MAX)));
            self.previous = repo.0;
        }
        self.first = self.first.or(Some(repo));
        self.scratch.clear();
        if numbers.len() <= SET_INLINE_MAX {
            let mut previous = 0;
            for number in numbers {
                put_varint(&mut self.scratch, u64::from(number.0 - previous));
                previous = number.0;
            }
        }
        let out = &mut self.entries;
        put_varint(out, u64::from(repo.0 - self.previous));
        put_varint(out, day.counts.authenticated.0);
        put_varint(out, day.counts.anonymous.0);
        put_varint(out, day.counts.files.0);
        put_varint(out, day.uniques.0 << 1 | u64::from(day.evidence));
        put_varint(out, self.scratch.len() as u64);
        out.extend_from_slice(&self.scratch);
        self.previous = repo.0;
        self.count += 1;
    }

    /// The finished chunk with its first repo; the writer starts anew.
    pub fn take(&mut self) -> Option<(RepoNumber, Vec<u8>)> {
        let first = self.first.take()?;
        let mut out = Vec::with_capacity(8 + self.index.len() * 8 + self.entries.len());
        out.extend(u32::try_from(self.count).unwrap_or(u32::MAX).to_le_bytes());
        for (repo, offset) in self.index.drain(..) {
            out.extend(repo.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.append(&mut self.entries);
        self.count = 0;
        Some((first, out))
    }
}

/// A stored chunk, read in place.
pub struct DayChunk<'a> {
    count: usize,
    index: &'a [u8],
    entries: &'a [u8],
}

/// One entry of a chunk.
pub struct ChunkEntry<'a> {
    pub repo: RepoNumber,
    pub day: RepoDay,
    set: &'a [u8],
}

impl ChunkEntry<'_> {
    /// Whether the set lies in its own table.
    #[must_use]
    pub fn set_is_apart(&self) -> bool {
        self.day.uniques.0 > SET_INLINE_MAX as u64
    }

    /// The downloader numbers, ascending; empty when the set lies apart.
    ///
    /// # Errors
    /// When the set is damaged.
    pub fn numbers(&self) -> Result<Vec<DownloaderNumber>, BlockError> {
        let mut numbers = Vec::new();
        self.for_numbers(|number| numbers.push(number))?;
        Ok(numbers)
    }

    /// Calls `each` with the downloader numbers, ascending; with none when the set lies apart.
    ///
    /// # Errors
    /// When the set is damaged.
    pub fn for_numbers(&self, mut each: impl FnMut(DownloaderNumber)) -> Result<(), BlockError> {
        let mut reader = ByteReader::new(self.set, "downloader list");
        let mut previous = 0_u32;
        while !reader.is_empty() {
            previous = previous.checked_add(reader.number()?).ok_or_else(|| reader.malformed())?;
            each(DownloaderNumber(previous));
        }
        Ok(())
    }
}

impl<'a> DayChunk<'a> {
    /// Reads a stored chunk.
    ///
    /// # Errors
    /// When its frame is damaged.
    pub fn new(bytes: &'a [u8]) -> Result<DayChunk<'a>, BlockError> {
        let mut reader = ByteReader::new(bytes, "day chunk");
        let count = u32::from_le_bytes(reader.array()?) as usize;
        let index_bytes = count.div_ceil(INDEX_EVERY) * 8;
        let index = reader.take(index_bytes)?;
        let entries = bytes.get(4 + index_bytes..).unwrap_or(&[]);
        Ok(DayChunk { count, index, entries })
    }

    fn index_entry(&self, number: usize) -> (u32, usize) {
        let word = |at: usize| {
            self.index.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes: &[u8; 4]| u32::from_le_bytes(*bytes))
        };
        (word(number * 8), word(number * 8 + 4) as usize)
    }

    /// All entries, ascending by repo.
    pub fn entries(&self) -> impl Iterator<Item = Result<ChunkEntry<'a>, BlockError>> {
        self.entries_from(0)
    }

    fn entries_from(&self, group: usize) -> impl Iterator<Item = Result<ChunkEntry<'a>, BlockError>> {
        let (mut previous, offset) = self.index_entry(group);
        let mut reader = ByteReader::new(self.entries.get(offset..).unwrap_or(&[]), "day chunk entry");
        let start = group * INDEX_EVERY;
        (start..self.count).map(move |number| {
            if number.is_multiple_of(INDEX_EVERY) {
                previous = self.index_entry(number / INDEX_EVERY).0;
            }
            let entry = read_entry(&mut reader, previous)?;
            previous = entry.repo.0;
            Ok(entry)
        })
    }

    /// The entry of a repo.
    ///
    /// # Errors
    /// When an entry on the way is damaged.
    pub fn find(&self, repo: RepoNumber) -> Result<Option<ChunkEntry<'a>>, BlockError> {
        let (mut low, mut high) = (0, self.index.len() / 8);
        while low < high {
            let middle = (low + high) / 2;
            if self.index_entry(middle).0 <= repo.0 { low = middle + 1 } else { high = middle }
        }
        let Some(group) = low.checked_sub(1) else { return Ok(None) };
        for entry in self.entries_from(group).take(INDEX_EVERY) {
            let entry = entry?;
            if entry.repo >= repo {
                return Ok((entry.repo == repo).then_some(entry));
            }
        }
        Ok(None)
    }
}

fn read_entry<'a>(reader: &mut ByteReader<'a>, previous: u32) -> Result<ChunkEntry<'a>, BlockError> {
    let repo = previous.checked_add(reader.number()?).ok_or_else(|| reader.malformed())?;
    let counts = DayCounts {
        authenticated: Downloads(reader.varint()?),
        anonymous: Downloads(reader.varint()?),
        files: Files(reader.varint()?),
    };
    let uniques = reader.varint()?;
    let len: usize = reader.number()?;
    let set = reader.take(len)?;
    let day = RepoDay { counts, uniques: Uniques(uniques >> 1), evidence: uniques & 1 == 1 };
    Ok(ChunkEntry { repo: RepoNumber(repo), day, set })
}
