//! Downloaders <-> dense numbers: append-only, kept as sorted runs and joined once per publication.
//!
//! A run is cut into chunks, sorted by downloader over the whole run:
//!
//! ```text
//!  entries | gap width u8 | tag width u8 | number width u8 | base | tags x ( agent * 2 + user ) | groups | bits
//!  groups: one of each GROUP_ENTRIES entries ( who u64 LE of its first, place of its first bit u32 LE )
//!  bits of an entry: Rice code of who minus the who before, but for the first of a group | tag | number minus base
//! ```
//!
//! Numbers without a width are varints, lists begin with their length. Hashes are evenly spread, so Rice codes of their
//! gaps waste a thirtieth of a bit. Those of a new run are numbered one after another from the base: their number width
//! is 0. Groups without anybody who is looked for are not read.

use std::collections::BTreeSet;

use super::set::DownloaderNumber;
use crate::block::{BitReader, BitWriter, BlockError, ByteReader, put_varint, width_of};
use crate::model::{DownloaderKey, Who};

/// A downloader with its number.
pub type Entry = (DownloaderKey, DownloaderNumber);

/// Distance of the places from which a chunk can be read: a day asks for some hundred thousand downloaders among all there
/// ever were, and should not have to read all of them.
const GROUP_ENTRIES: usize = 32;

/// A chunk has about so many bytes, just under 64 KiB, since the store rounds values up to a power of two.
const CHUNK_BYTES: usize = 64_400;

const PART: &str = "dictionary chunk";

/// The chunks of a run of sorted entries, each with its first and last downloader's who.
pub fn encode_run(entries: &[Entry]) -> impl Iterator<Item = (Who, Who, Vec<u8>)> {
    let tags: BTreeSet<u64> = entries.iter().map(|(key, _)| key.tag()).collect();
    let numbers = entries.iter().map(|(_, number)| u64::from(number.0));
    let number_width = width_of(numbers.clone().max().unwrap_or(0) - numbers.min().unwrap_or(0));
    let number_width = if is_consecutive(entries) { 0 } else { number_width };
    // A Rice code is two bits longer than its width at the most in the mean; a group begins with 12 bytes, three bits an entry.
    let entry_bits = gap_width(entries) + 2 + width_of(tags.len() as u64) + number_width + 3;
    let bytes = CHUNK_BYTES.saturating_sub((tags.len() * 5).min(CHUNK_BYTES / 2));
    let length = (bytes * 8 / entry_bits.max(1) as usize).max(GROUP_ENTRIES);
    entries.chunks(length).filter_map(|entries| {
        let (first, last) = (entries.first()?.0, entries.last()?.0);
        Some((first.who, last.who, encode_chunk(entries)))
    })
}

/// The width of a Rice code for the gaps between the hashes of some entries.
fn gap_width(entries: &[Entry]) -> u32 {
    let Some((first, last)) = entries.first().zip(entries.last()) else { return 0 };
    let mean = (last.0.who.0 - first.0.who.0) / entries.len() as u64;
    width_of(mean).saturating_sub(1)
}

fn is_consecutive(entries: &[Entry]) -> bool {
    entries.is_sorted_by(|(_, a), (_, b)| a.0.checked_add(1) == Some(b.0))
}

/// Encodes sorted entries as one chunk.
#[must_use]
pub fn encode_chunk(entries: &[Entry]) -> Vec<u8> {
    let tags: Vec<u64> = entries.iter().map(|(key, _)| key.tag()).collect::<BTreeSet<u64>>().into_iter().collect();
    let base = entries.iter().map(|(_, number)| number.0).min().unwrap_or(0);
    let largest = entries.iter().map(|(_, number)| number.0 - base).max().unwrap_or(0);
    let gap_width = gap_width(entries);
    let tag_width = width_of((tags.len() as u64).saturating_sub(1));
    let number_width = if is_consecutive(entries) { 0 } else { width_of(u64::from(largest)) };

    let mut groups = Vec::with_capacity(entries.len().div_ceil(GROUP_ENTRIES) * 12);
    let mut bits = BitWriter::default();
    let mut previous = 0;
    for (at, (key, number)) in entries.iter().enumerate() {
        if at.is_multiple_of(GROUP_ENTRIES) {
            groups.extend(key.who.0.to_le_bytes());
            groups.extend(u32::try_from(bits.len()).unwrap_or(u32::MAX).to_le_bytes());
        } else {
            bits.put_rice(key.who.0 - previous, gap_width);
        }
        previous = key.who.0;
        bits.put(tags.binary_search(&key.tag()).map_or(0, |tag| tag as u64), tag_width);
        bits.put(u64::from(number.0 - base), number_width);
    }
    let mut out = Vec::new();
    put_varint(&mut out, entries.len() as u64);
    out.extend([gap_width as u8, tag_width as u8, number_width as u8]);
    put_varint(&mut out, u64::from(base));
    put_varint(&mut out, tags.len() as u64);
    tags.iter().for_each(|tag| put_varint(&mut out, (tag & u64::from(u32::MAX)) << 1 | tag >> 32));
    out.extend(groups);
    out.extend(bits.finish());
    out
}

/// A chunk of a run, read in place.
#[derive(Clone, Debug)]
pub struct DictionaryChunk<'a> {
    entries: usize,
    gap_width: u32,
    tag_width: u32,
    number_width: u32,
    base: u32,
    tags: Vec<u64>,
    groups: &'a [[u8; 12]],
    bits: &'a [u8],
}

impl<'a> DictionaryChunk<'a> {
    /// Reads a stored chunk.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn new(bytes: &'a [u8]) -> Result<DictionaryChunk<'a>, BlockError> {
        let mut reader = ByteReader::new(bytes, PART);
        let entries: usize = reader.number()?;
        let [gap_width, tag_width, number_width] = reader.array::<3>()?.map(u32::from);
        if gap_width > 63 || tag_width > 40 || number_width > 32 {
            return Err(reader.malformed());
        }
        let base = reader.number()?;
        let tag = |reader: &mut ByteReader<'_>| reader.varint().map(|tag| (tag & 1) << 32 | tag >> 1);
        let tags = (0..reader.length(1)?).map(|_| tag(&mut reader)).collect::<Result<_, _>>()?;
        let groups = entries.div_ceil(GROUP_ENTRIES);
        let groups = reader.take(groups.checked_mul(12).ok_or_else(|| reader.malformed())?)?.as_chunks().0;
        Ok(DictionaryChunk { entries, gap_width, tag_width, number_width, base, tags, groups, bits: reader.rest() })
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The entries, ascending.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries { chunk: self, at: 0, who: 0, bits: BitReader::new(self.bits, 0, PART) }
    }

    /// The who that a group begins with, and the place of its first bit.
    fn group(&self, group: usize) -> Option<(u64, usize)> {
        let [a, b, c, d, e, f, g, h, place @ ..] = *self.groups.get(group)?;
        Some((u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes(place) as usize))
    }
}

/// The entries of a chunk, ascending.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    chunk: &'a DictionaryChunk<'a>,
    at: usize,
    who: u64,
    bits: BitReader<'a>,
}

impl Entries<'_> {
    /// The next entry of `who` or somebody behind them; behind an error there is none. Whole groups before it are not read.
    ///
    /// # Errors
    /// When the chunk is damaged.
    pub fn next_from(&mut self, who: Who) -> Result<Option<Entry>, BlockError> {
        self.skip_groups(who);
        let entry = self.find_from(who);
        if entry.is_err() {
            self.at = self.chunk.entries;
        }
        entry
    }

    #[inline]
    fn find_from(&mut self, who: Who) -> Result<Option<Entry>, BlockError> {
        while self.at < self.chunk.entries {
            self.read_who()?;
            if self.who >= who.0 {
                return self.read_rest().map(Some);
            }
            self.bits.pass((self.chunk.tag_width + self.chunk.number_width) as usize)?;
            self.at += 1;
        }
        Ok(None)
    }

    /// Passes over whole groups before the first entry of `who`: some of those before it may still come.
    fn skip_groups(&mut self, who: Who) {
        let next_group = self.at.div_ceil(GROUP_ENTRIES);
        let later = self.chunk.groups.get(next_group..).unwrap_or_default();
        let is_before = |[a, b, c, d, e, f, g, h, ..]: &[u8; 12]| u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) < who.0;
        // Whoever is asked for next is seldom far away, and groups that are near are in a core's cache.
        let mut reach = 1;
        while later.get(reach - 1).is_some_and(is_before) {
            reach *= 2;
        }
        let near = later.get(reach / 2..reach.min(later.len())).unwrap_or_default();
        // The group before the first that begins with this who, or behind it, can hold it too.
        let before = reach / 2 + near.partition_point(is_before);
        if before > 0 {
            self.at = (next_group + before - 1) * GROUP_ENTRIES;
        }
    }

    /// Reads who the entry at hand is of.
    #[inline]
    fn read_who(&mut self) -> Result<(), BlockError> {
        if self.at.is_multiple_of(GROUP_ENTRIES) {
            let (who, place) = self.chunk.group(self.at / GROUP_ENTRIES).ok_or(BlockError::Malformed(PART))?;
            self.who = who;
            self.bits = BitReader::new(self.chunk.bits, place, PART);
        } else {
            let gap = self.bits.rice(self.chunk.gap_width)?;
            self.who = self.who.checked_add(gap).ok_or(BlockError::Malformed(PART))?;
        }
        Ok(())
    }

    /// Reads the entry at hand from behind who it is of.
    #[inline]
    fn read_rest(&mut self) -> Result<Entry, BlockError> {
        let chunk = self.chunk;
        let tag = self.bits.get(chunk.tag_width)? as usize;
        let tag = chunk.tags.get(tag).ok_or(BlockError::Malformed(PART))?;
        let above_base = if chunk.number_width == 0 { self.at as u64 } else { self.bits.get(chunk.number_width)? };
        let number = u32::try_from(u64::from(chunk.base) + above_base).map_err(|_| BlockError::Malformed(PART))?;
        self.at += 1;
        Ok((DownloaderKey::tagged(Who(self.who), *tag), DownloaderNumber(number)))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.chunk.entries {
            return None;
        }
        let entry = self.read_who().and_then(|()| self.read_rest());
        if entry.is_err() {
            self.at = self.chunk.entries;
        }
        Some(entry)
    }
}
