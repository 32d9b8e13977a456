//! Downloader hashes <-> dense numbers: append-only, kept as sorted runs and joined once per publication.
//!
//! A run is cut into chunks of at most [`RUN_CHUNK_ENTRIES`] entries, sorted by hash over the whole run:
//!
//! ```text
//!  entries x hash u64 LE | entries x number u32 LE
//! ```
//!
//! so that a look-up is a binary search in the stored bytes.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::set::DownloaderNumber;
use crate::block::BlockError;
use crate::model::DownloaderHash;

/// Entries of a chunk at most: just under 64 KiB, since the store rounds values up to a power of two.
pub const RUN_CHUNK_ENTRIES: usize = 5_450;

const HASH_BYTES: usize = 8;
const ENTRY_BYTES: usize = HASH_BYTES + 4;

/// Encodes sorted entries as one chunk.
#[must_use]
pub fn encode_run_chunk(entries: &[(DownloaderHash, DownloaderNumber)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    entries.iter().for_each(|(hash, _)| out.extend(hash.0.to_le_bytes()));
    entries.iter().for_each(|(_, number)| out.extend(number.0.to_le_bytes()));
    out
}

/// A chunk of a run, read in place.
#[derive(Clone, Copy, Debug)]
pub struct DictionaryChunk<'a> {
    hashes: &'a [u8],
    numbers: &'a [u8],
}

impl<'a> DictionaryChunk<'a> {
    /// Reads a stored chunk.
    ///
    /// # Errors
    /// When the length is not that of whole entries.
    pub fn new(bytes: &'a [u8]) -> Result<DictionaryChunk<'a>, BlockError> {
        let entries = bytes.len() / ENTRY_BYTES;
        if !bytes.len().is_multiple_of(ENTRY_BYTES) {
            return Err(BlockError::Malformed("dictionary chunk"));
        }
        let (hashes, numbers) = bytes.split_at(entries * HASH_BYTES);
        Ok(DictionaryChunk { hashes, numbers })
    }

    /// How many entries.
    #[must_use]
    pub fn len(self) -> usize {
        self.numbers.len() / 4
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.numbers.is_empty()
    }

    fn hash(self, index: usize) -> DownloaderHash {
        let bytes = self.hashes.get(index * HASH_BYTES..).and_then(|rest| rest.first_chunk());
        DownloaderHash(bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    fn number(self, index: usize) -> DownloaderNumber {
        let bytes = self.numbers.get(index * 4..).and_then(|rest| rest.first_chunk());
        DownloaderNumber(bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    /// The entries, ascending by hash.
    pub fn entries(self) -> impl Iterator<Item = (DownloaderHash, DownloaderNumber)> + 'a {
        (0..self.len()).map(move |index| (self.hash(index), self.number(index)))
    }

    /// The number of a hash, if it is in this chunk.
    #[must_use]
    pub fn find(self, hash: DownloaderHash) -> Option<DownloaderNumber> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.hash(middle).cmp(&hash) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.number(middle)),
            }
        }
        None
    }
}

/// The numbers of all downloaders of one publication.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// Distinct hashes that are wanted, ascending, with their numbers once known.
    wanted: Vec<(DownloaderHash, Option<DownloaderNumber>)>,
    numbers: HashMap<DownloaderHash, DownloaderNumber, FixedState>,
}

impl Numbering {
    /// Asks for the numbers of these hashes, in any order and with repetitions.
    #[must_use]
    pub fn wanting(mut hashes: Vec<DownloaderHash>) -> Numbering {
        hashes.sort_unstable();
        hashes.dedup();
        let wanted = hashes.into_iter().map(|hash| (hash, None)).collect();
        Numbering { wanted, numbers: HashMap::default() }
    }

    /// The smallest and largest hash that is wanted.
    #[must_use]
    pub fn bounds(&self) -> Option<(DownloaderHash, DownloaderHash)> {
        Some((self.wanted.first()?.0, self.wanted.last()?.0))
    }

    /// Whether a hash in the closed range is wanted.
    #[must_use]
    pub fn wants_within(&self, first: DownloaderHash, last: DownloaderHash) -> bool {
        let start = self.wanted.partition_point(|(hash, _)| *hash < first);
        self.wanted.get(start).is_some_and(|(hash, _)| *hash <= last)
    }

    /// Takes the numbers that a chunk of a run knows.
    pub fn join(&mut self, chunk: DictionaryChunk<'_>) {
        let mut entries = chunk.entries();
        let Some(mut entry) = entries.next() else { return };
        let start = self.wanted.partition_point(|(hash, _)| *hash < entry.0);
        for (hash, number) in self.wanted.iter_mut().skip(start) {
            while entry.0 < *hash {
                match entries.next() {
                    Some(next) => entry = next,
                    None => return,
                }
            }
            if entry.0 == *hash {
                *number = Some(entry.1);
            }
        }
    }

    /// Numbers those that no run knew, from `next` on in ascending order of hash, and gives the entries of a new run.
    pub fn number_rest(&mut self, next: DownloaderNumber) -> Vec<(DownloaderHash, DownloaderNumber)> {
        let mut new = Vec::new();
        let mut next = next.0;
        for (hash, number) in &mut self.wanted {
            if number.is_none() {
                *number = Some(DownloaderNumber(next));
                new.push((*hash, DownloaderNumber(next)));
                next = next.saturating_add(1);
            }
        }
        self.numbers = self.wanted.iter().filter_map(|(hash, number)| number.map(|number| (*hash, number))).collect();
        new
    }

    /// What was wanted, with the numbers that runs knew.
    #[must_use]
    pub fn found(self) -> Vec<(DownloaderHash, Option<DownloaderNumber>)> {
        self.wanted
    }

    /// The number of a hash that was wanted.
    #[must_use]
    pub fn number(&self, hash: DownloaderHash) -> Option<DownloaderNumber> {
        self.numbers.get(&hash).copied()
    }
}
