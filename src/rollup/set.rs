//! Exact sets of downloaders: the only file that knows roaring bitmaps.

use roaring::RoaringBitmap;

use crate::block::BlockError;

/// The dense number of a downloader in one store's dictionary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DownloaderNumber(pub u32);

/// A set of downloaders by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DownloaderSet {
    bitmap: RoaringBitmap,
}

impl DownloaderSet {
    /// Adds numbers; ascending ones are fastest.
    pub fn add(&mut self, numbers: impl IntoIterator<Item = DownloaderNumber>) {
        self.bitmap.extend(numbers.into_iter().map(|number| number.0));
    }

    /// The numbers whose bits are set, number 0 being the lowest bit of the first byte.
    #[must_use]
    pub fn of_bits(bits: &[u8]) -> DownloaderSet {
        /// Half of all numbers there can be: bits of all of them at once are too many for the library.
        const PART_BYTES: usize = 1 << 28;
        let mut bitmap = RoaringBitmap::new();
        for (bits, first) in bits.chunks(PART_BYTES).zip([0, 1 << 31]) {
            bitmap |= RoaringBitmap::from_lsb0_bytes(first, bits);
        }
        DownloaderSet { bitmap }
    }

    /// Bytes of memory the members take, nearly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bitmap.serialized_size()
    }

    /// Adds all members of another set.
    pub fn unite(&mut self, other: &DownloaderSet) {
        self.bitmap |= &other.bitmap;
    }

    /// Adds all members of another set, which nobody needs any more.
    pub fn absorb(&mut self, other: DownloaderSet) {
        self.bitmap |= other.bitmap;
    }

    /// Reads a stored set.
    ///
    /// # Errors
    /// When the bytes are no set.
    pub fn from_bytes(bytes: &[u8]) -> Result<DownloaderSet, BlockError> {
        Ok(DownloaderSet { bitmap: read(bytes, "downloader set")? })
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = DownloaderNumber> {
        self.bitmap.iter().map(DownloaderNumber)
    }

    /// Whether the members lie so far apart that adding them one by one is faster than uniting sets: a bitmap of its own
    /// pays for a part of the range of numbers from this many members on.
    #[must_use]
    pub fn is_thin(&self) -> bool {
        const PART_NUMBERS: u64 = 1 << 16;
        const DENSE_MEMBERS: u64 = 1 << 12;
        let parts = u64::from(self.bitmap.max().unwrap_or(0)) / PART_NUMBERS + 1;
        self.bitmap.len() / parts < DENSE_MEMBERS
    }

    /// How many members both sets have.
    #[must_use]
    pub fn shared_with(&self, other: &DownloaderSet) -> u64 {
        self.bitmap.intersection_len(&other.bitmap)
    }

    /// The members that both sets have, ascending.
    pub fn members_shared_with(&self, other: &DownloaderSet) -> impl Iterator<Item = DownloaderNumber> {
        (&self.bitmap & &other.bitmap).into_iter().map(DownloaderNumber)
    }

    /// Whether a downloader is a member.
    #[must_use]
    pub fn contains(&self, number: DownloaderNumber) -> bool {
        self.bitmap.contains(number.0)
    }

    /// How many downloaders.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bitmap.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bitmap.is_empty()
    }

    /// The stored form: portable roaring.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write(&self.bitmap)
    }
}

/// A set of repos by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepoSet {
    bitmap: RoaringBitmap,
}

impl RepoSet {
    /// Whether the repo is a member.
    #[must_use]
    pub fn contains(&self, repo: crate::model::RepoNumber) -> bool {
        self.bitmap.contains(repo.0)
    }

    /// Makes the repo a member, or not.
    pub fn set(&mut self, repo: crate::model::RepoNumber, member: bool) {
        if member {
            self.bitmap.insert(repo.0);
        } else {
            self.bitmap.remove(repo.0);
        }
    }

    /// Adds all members of another set.
    pub fn unite(&mut self, other: &RepoSet) {
        self.bitmap |= &other.bitmap;
    }

    /// Takes out all members of another set.
    pub fn subtract(&mut self, other: &RepoSet) {
        self.bitmap -= &other.bitmap;
    }

    /// The members that both sets have.
    #[must_use]
    pub fn shared_with(&self, other: &RepoSet) -> RepoSet {
        RepoSet { bitmap: &self.bitmap & &other.bitmap }
    }

    /// Whether both have the same members below a number.
    #[must_use]
    pub fn agrees_below(&self, other: &RepoSet, end: crate::model::RepoNumber) -> bool {
        (&self.bitmap ^ &other.bitmap).min().is_none_or(|first| first >= end.0)
    }

    /// The number after the last member.
    #[must_use]
    pub fn end(&self) -> crate::model::RepoNumber {
        crate::model::RepoNumber(self.bitmap.max().map_or(0, |last| last.saturating_add(1)))
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = crate::model::RepoNumber> {
        self.bitmap.iter().map(crate::model::RepoNumber)
    }

    /// How many repos.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bitmap.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bitmap.is_empty()
    }

    /// The stored form: portable roaring.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write(&self.bitmap)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When the bytes are no set.
    pub fn from_bytes(bytes: &[u8]) -> Result<RepoSet, BlockError> {
        Ok(RepoSet { bitmap: read(bytes, "repo set")? })
    }
}

fn write(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // Writing to memory cannot fail; a short value would be refused when read.
    if bitmap.serialize_into(&mut bytes).is_err() {
        bytes.clear();
    }
    bytes
}

fn read(bytes: &[u8], part: &'static str) -> Result<RoaringBitmap, BlockError> {
    RoaringBitmap::deserialize_from(bytes).map_err(|_| BlockError::Malformed(part))
}
