//! A chunk of a day: counts and small downloader sets of some repos, sorted by repo.
//!
//! ```text
//!  repos u32 | index entries x (repo u32, offset u16) | entries
//!  entry: repo delta | counts (`RepoDay`) | set: of one downloader its number, of more the length and the numbers
//! ```
//!
//! Every [`INDEX_EVERY`]th entry is in the index and holds its repo in full. Deltas and lengths are varints; a set is the
//! ascending downloader numbers as differences. Sets above [`SET_INLINE_MAX`] members lie in a table of their own.

use super::repo_day::RepoDay;
use super::set::DownloaderNumber;
use crate::block::{BlockError, ByteReader, put_varint};
use crate::model::RepoNumber;

/// Members of a set that is kept inside the chunk.
pub const SET_INLINE_MAX: usize = 2_048;

/// Distance of index entries.
const INDEX_EVERY: usize = 32;

/// Bytes of an index entry.
const INDEX_BYTES: usize = 6;

/// No chunk is longer, so that it fills an allocation of 16 KiB, headers included, and hardly any is much shorter. The
/// largest entry that keeps its set is shorter, and a `u16` addresses them all.
const CHUNK_BYTES_MAX: usize = 16_270;

/// A finished chunk with its first repo.
pub type FinishedChunk = (RepoNumber, Vec<u8>);

/// Collects entries in order of repo until a chunk is full.
#[derive(Default)]
pub struct ChunkWriter {
    entries: Vec<u8>,
    index: Vec<(u32, u16)>,
    count: usize,
    previous: u32,
    first: Option<RepoNumber>,
    /// The counts and the set of the entry at hand.
    body: Vec<u8>,
    set: Vec<u8>,
}

impl ChunkWriter {
    /// Adds a repo with as many ascending downloader numbers as it has uniques; more than [`SET_INLINE_MAX`] are left to
    /// the caller. Gives the chunk so far if the entry did not fit into it.
    pub fn add(&mut self, repo: RepoNumber, day: &RepoDay, numbers: &[DownloaderNumber]) -> Option<FinishedChunk> {
        debug_assert_eq!(day.uniques.0, numbers.len() as u64);
        self.body.clear();
        day.put(&mut self.body);
        if numbers.len() <= SET_INLINE_MAX {
            self.set.clear();
            let mut previous = 0;
            for number in numbers {
                put_varint(&mut self.set, u64::from(number.0 - previous));
                previous = number.0;
            }
            if has_length(day.uniques.0) {
                put_varint(&mut self.body, self.set.len() as u64);
            }
            self.body.extend_from_slice(&self.set);
        }
        let repo_bytes_max = 5 + INDEX_BYTES;
        let finished = if self.len() + repo_bytes_max + self.body.len() > CHUNK_BYTES_MAX { self.take() } else { None };
        if self.count.is_multiple_of(INDEX_EVERY) {
            self.index.push((repo.0, u16::try_from(self.entries.len()).unwrap_or(u16::MAX)));
            self.previous = repo.0;
        }
        self.first = self.first.or(Some(repo));
        put_varint(&mut self.entries, u64::from(repo.0 - self.previous));
        self.entries.extend_from_slice(&self.body);
        self.previous = repo.0;
        self.count += 1;
        finished
    }

    fn len(&self) -> usize {
        4 + self.index.len() * INDEX_BYTES + self.entries.len()
    }

    /// The chunk so far, if there is anything in it; the writer starts anew.
    pub fn take(&mut self) -> Option<FinishedChunk> {
        let first = self.first.take()?;
        let mut out = Vec::with_capacity(self.len());
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

/// Whether a set of so many members says how long it is: the others end by themselves.
fn has_length(uniques: u64) -> bool {
    (2..=SET_INLINE_MAX as u64).contains(&uniques)
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
        let index_bytes = count.div_ceil(INDEX_EVERY) * INDEX_BYTES;
        let index = reader.take(index_bytes)?;
        let entries = bytes.get(4 + index_bytes..).unwrap_or(&[]);
        Ok(DayChunk { count, index, entries })
    }

    fn index_entry(&self, number: usize) -> (u32, usize) {
        let entry = self.index.get(number * INDEX_BYTES..).and_then(|rest| rest.first_chunk::<INDEX_BYTES>());
        entry.map_or((0, 0), |[a, b, c, d, e, f]| (u32::from_le_bytes([*a, *b, *c, *d]), u16::from_le_bytes([*e, *f]).into()))
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
        let (mut low, mut high) = (0, self.index.len() / INDEX_BYTES);
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
    let day = RepoDay::read(reader)?;
    let set = if day.uniques.0 == 1 {
        let from = reader.rest();
        reader.varint()?;
        from.get(..from.len() - reader.rest().len()).unwrap_or_default()
    } else {
        let len = if has_length(day.uniques.0) { reader.number()? } else { 0 };
        reader.take(len)?
    };
    Ok(ChunkEntry { repo: RepoNumber(repo), day, set })
}
