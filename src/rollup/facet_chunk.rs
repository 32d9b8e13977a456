//! A chunk of a day's facets: of some repos, sorted, how many sessions came from where and with what, and files by kind.
//!
//! ```text
//!  stored: plain length | zstd of the plain bytes
//!  plain:  places   x ( country u16 | length | region )
//!          clients  x ( length | library | length | version | source * 2 + user )
//!          repos | index entries x ( repo u32, offset u32 ) | entries
//!  entry:  repo delta | bytes that follow | facets * 4 + counted * 2 + kinds | facets x ( place | client )
//!          | if counted: facets x downloads, else each is 1 | if kinds: 5 x files
//! ```
//!
//! Numbers without a width are varints, lists begin with their length. Places and clients are numbered by how often the
//! chunk names them, so that most numbers take one byte. Every [`INDEX_EVERY`]th entry is in the index and holds its repo in
//! full.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::facet::{Client, Facet, FacetBook, Place};
use crate::block::{BlockError, ByteReader, put_varint};
use crate::model::{Country, Downloads, Files, RepoNumber, SourceId};
use crate::sessionize::KindFiles;

/// Distance of index entries.
const INDEX_EVERY: usize = 16;

/// A chunk closes at about so many plain bytes.
const PLAIN_BYTES: usize = 64 << 10;

/// No chunk unpacks to more: a damaged length cannot ask for it.
const PLAIN_BYTES_MAX: usize = 64 << 20;

/// Sessions of one kind.
pub type FacetCount = (Facet, Downloads);

struct PendingRepo {
    repo: RepoNumber,
    facets_end: usize,
    kinds: KindFiles,
}

/// Collects the repos of a chunk in order.
pub struct FacetChunkWriter<'a> {
    book: &'a FacetBook,
    repos: Vec<PendingRepo>,
    facets: Vec<FacetCount>,
}

impl<'a> FacetChunkWriter<'a> {
    /// Writes facets that a book names.
    #[must_use]
    pub fn new(book: &'a FacetBook) -> FacetChunkWriter<'a> {
        FacetChunkWriter { book, repos: Vec::new(), facets: Vec::new() }
    }

    /// Whether the chunk should be taken before the next repo.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.repos.len() * 4 + self.facets.len() * 2 >= PLAIN_BYTES
    }

    /// Adds a repo; facets without a download are left out, and so is a repo of which nothing is left.
    pub fn add(&mut self, repo: RepoNumber, facets: &[FacetCount], kinds: KindFiles) {
        let before = self.facets.len();
        self.facets.extend(facets.iter().filter(|(_, downloads)| downloads.0 > 0));
        if self.facets.len() > before || kinds != KindFiles::default() {
            self.repos.push(PendingRepo { repo, facets_end: self.facets.len(), kinds });
        }
    }

    /// The finished chunk with its first repo; the writer starts anew.
    ///
    /// # Errors
    /// When zstd fails, which it does only for want of memory.
    pub fn take(&mut self) -> std::io::Result<Option<(RepoNumber, Vec<u8>)>> {
        let Some(first) = self.repos.first().map(|repo| repo.repo) else { return Ok(None) };
        let places = by_use(self.facets.iter().map(|(facet, _)| facet.place), self.book.places());
        let clients = by_use(self.facets.iter().map(|(facet, _)| facet.client), self.book.clients());
        let mut plain = Vec::with_capacity(PLAIN_BYTES);
        put_varint(&mut plain, places.len() as u64);
        for place in in_order(&places, self.book.places()) {
            plain.extend(place.country.0.to_le_bytes());
            put_text(&mut plain, &place.region);
        }
        put_varint(&mut plain, clients.len() as u64);
        for client in in_order(&clients, self.book.clients()) {
            put_text(&mut plain, &client.library);
            put_text(&mut plain, &client.version);
            put_varint(&mut plain, u64::from(client.source.0) << 1 | u64::from(client.user));
        }
        self.put_repos(&mut plain, &places, &clients);
        self.repos.clear();
        self.facets.clear();
        let mut stored = Vec::new();
        put_varint(&mut stored, plain.len() as u64);
        stored.extend(zstd::bulk::compress(&plain, 1)?);
        Ok(Some((first, stored)))
    }

    fn put_repos(&self, plain: &mut Vec<u8>, places: &BTreeMap<u32, u64>, clients: &BTreeMap<u32, u64>) {
        let (mut index, mut entries, mut entry) = (Vec::new(), Vec::new(), Vec::new());
        let (mut previous, mut start) = (0, 0);
        for (number, repo) in self.repos.iter().enumerate() {
            if number.is_multiple_of(INDEX_EVERY) {
                index.extend(repo.repo.0.to_le_bytes());
                index.extend(u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
                previous = repo.repo.0;
            }
            let facets = self.facets.get(start..repo.facets_end).unwrap_or_default();
            start = repo.facets_end;
            let counted = facets.iter().any(|(_, downloads)| downloads.0 != 1);
            let kinds = repo.kinds != KindFiles::default();
            entry.clear();
            put_varint(&mut entry, (facets.len() as u64) << 2 | u64::from(counted) << 1 | u64::from(kinds));
            for (facet, _) in facets {
                put_varint(&mut entry, places.get(&facet.place).copied().unwrap_or(0));
                put_varint(&mut entry, clients.get(&facet.client).copied().unwrap_or(0));
            }
            facets.iter().filter(|_| counted).for_each(|(_, downloads)| put_varint(&mut entry, downloads.0));
            repo.kinds.0.iter().filter(|_| kinds).for_each(|files| put_varint(&mut entry, files.0));
            put_varint(&mut entries, u64::from(repo.repo.0 - previous));
            put_varint(&mut entries, entry.len() as u64);
            entries.extend_from_slice(&entry);
            previous = repo.repo.0;
        }
        put_varint(plain, self.repos.len() as u64);
        plain.extend(index);
        plain.extend(entries);
    }
}

/// The places in a chunk's list of the numbers of a book: those most used first, then by value.
fn by_use<T: Ord>(used: impl Iterator<Item = u32>, values: &[T]) -> BTreeMap<u32, u64> {
    let mut uses: BTreeMap<u32, u64> = BTreeMap::new();
    used.for_each(|number| *uses.entry(number).or_default() += 1);
    let mut order: Vec<(u32, u64)> = uses.into_iter().collect();
    order.sort_unstable_by_key(|(number, uses)| (Reverse(*uses), values.get(*number as usize)));
    order.into_iter().zip(0..).map(|((number, _), place)| (number, place)).collect()
}

fn in_order<'a, T>(places: &BTreeMap<u32, u64>, values: &'a [T]) -> impl Iterator<Item = &'a T> {
    let mut order: Vec<(u64, u32)> = places.iter().map(|(number, place)| (*place, *number)).collect();
    order.sort_unstable();
    order.into_iter().filter_map(|(_, number)| values.get(number as usize))
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// What one repo's sessions of a day are, by the numbers of the chunk's lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FacetEntry {
    pub repo: RepoNumber,
    pub facets: Vec<FacetCount>,
    pub kinds: KindFiles,
}

/// A stored chunk, unpacked.
#[derive(PartialEq, Eq)]
pub struct FacetChunk {
    pub places: Vec<Place>,
    pub clients: Vec<Client>,
    repos: usize,
    index: Vec<(u32, u32)>,
    plain: Vec<u8>,
    entries_at: usize,
}

impl FacetChunk {
    /// Unpacks a stored chunk.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn new(stored: &[u8]) -> Result<FacetChunk, BlockError> {
        let mut frame = ByteReader::new(stored, "facet chunk");
        let plain_len: usize = frame.number()?;
        if plain_len > PLAIN_BYTES_MAX {
            return Err(frame.malformed());
        }
        let plain = zstd::bulk::decompress(frame.rest(), plain_len).map_err(|_| frame.malformed())?;
        let mut reader = ByteReader::new(&plain, "facet chunk");
        let places = (0..reader.length(3)?)
            .map(|_| Ok(Place { country: Country(u16::from_le_bytes(reader.array()?)), region: text(&mut reader)? }))
            .collect::<Result<_, BlockError>>()?;
        let clients = (0..reader.length(3)?)
            .map(|_| {
                let (library, version) = (text(&mut reader)?, text(&mut reader)?);
                let sender: u32 = reader.number()?;
                let source = SourceId(u16::try_from(sender >> 1).map_err(|_| reader.malformed())?);
                Ok(Client { library, version, source, user: sender & 1 == 1 })
            })
            .collect::<Result<_, BlockError>>()?;
        let repos = reader.length(3)?;
        let index = (0..repos.div_ceil(INDEX_EVERY))
            .map(|_| Ok((u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?))))
            .collect::<Result<_, BlockError>>()?;
        let entries_at = plain.len() - reader.rest().len();
        Ok(FacetChunk { places, clients, repos, index, plain, entries_at })
    }

    fn entries(&self) -> &[u8] {
        self.plain.get(self.entries_at..).unwrap_or_default()
    }

    /// Gives every repo's entry to `each`, ascending.
    ///
    /// # Errors
    /// When an entry is damaged.
    pub fn for_all(&self, mut each: impl FnMut(&FacetEntry)) -> Result<(), BlockError> {
        let mut reader = ByteReader::new(self.entries(), "facet entry");
        let mut entry = FacetEntry::default();
        for number in 0..self.repos {
            let previous = self.base(number).unwrap_or(entry.repo.0);
            let (repo, mut bytes) = head(&mut reader, previous)?;
            self.read(repo, &mut bytes, &mut entry)?;
            each(&entry);
        }
        Ok(())
    }

    /// Gives the entries of those of some ascending repos that have one to `each`.
    ///
    /// # Errors
    /// When an entry on the way is damaged.
    pub fn for_some(
        &self,
        repos: impl IntoIterator<Item = RepoNumber>,
        mut each: impl FnMut(&FacetEntry),
    ) -> Result<(), BlockError> {
        let mut entry = FacetEntry::default();
        for repo in repos {
            let group = self.index.partition_point(|(first, _)| *first <= repo.0);
            let Some((first, offset)) = group.checked_sub(1).and_then(|group| self.index.get(group)) else { continue };
            let entries = self.entries().get(*offset as usize..).unwrap_or_default();
            let mut reader = ByteReader::new(entries, "facet entry");
            let mut previous = *first;
            let start = (group - 1) * INDEX_EVERY;
            for _ in start..self.repos.min(start + INDEX_EVERY) {
                let (found, mut bytes) = head(&mut reader, previous)?;
                previous = found.0;
                if found == repo {
                    self.read(repo, &mut bytes, &mut entry)?;
                    each(&entry);
                }
                if found >= repo {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The repo that an entry's difference is to, where the index has it.
    fn base(&self, number: usize) -> Option<u32> {
        let indexed = number.is_multiple_of(INDEX_EVERY);
        self.index.get(number / INDEX_EVERY).filter(|_| indexed).map(|(repo, _)| *repo)
    }

    fn read(&self, repo: RepoNumber, reader: &mut ByteReader<'_>, entry: &mut FacetEntry) -> Result<(), BlockError> {
        entry.repo = repo;
        entry.facets.clear();
        entry.kinds = KindFiles::default();
        let header = reader.varint()?;
        for _ in 0..header >> 2 {
            let facet = Facet { place: reader.number()?, client: reader.number()? };
            if facet.place as usize >= self.places.len() || facet.client as usize >= self.clients.len() {
                return Err(reader.malformed());
            }
            entry.facets.push((facet, Downloads(1)));
        }
        if header & 2 != 0 {
            for (_, downloads) in &mut entry.facets {
                *downloads = Downloads(reader.varint()?);
            }
        }
        if header & 1 != 0 {
            for files in &mut entry.kinds.0 {
                *files = Files(reader.varint()?);
            }
        }
        Ok(())
    }
}

/// The repo of the next entry, and the rest of it.
fn head<'a>(reader: &mut ByteReader<'a>, previous: u32) -> Result<(RepoNumber, ByteReader<'a>), BlockError> {
    let repo = previous.checked_add(reader.number()?).ok_or_else(|| reader.malformed())?;
    let len: usize = reader.number()?;
    Ok((RepoNumber(repo), ByteReader::new(reader.take(len)?, "facet entry")))
}

fn text(reader: &mut ByteReader<'_>) -> Result<Box<str>, BlockError> {
    let len: usize = reader.number()?;
    let bytes = reader.take(len)?;
    std::str::from_utf8(bytes).map(Box::from).map_err(|_| reader.malformed())
}
