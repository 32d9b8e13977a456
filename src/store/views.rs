//! The views on disk: chunks, sets and tails of days, heads and years of repos.
//!
//! What names a value also knows its checksum, so that a missing or stale one is noticed: a day's record its chunks,
//! sets and tail; a repo's head its years; the set of repos that exist the heads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::key::{Key, u16_at};
use super::pieces::{get_pieces, put_pieces, remove_pieces};
use super::records::{DayViewRecord, ViewStateRecord};
use super::table::{OpenTable, Read, Table, WriteTxn};
use crate::model::{Day, DayRange, RepoKind, RepoNumber};
use crate::rollup::{
    ChunkEntry, DayChunk, DownloaderNumber, DownloaderSet, RepoHead, RepoSet, RepoYear, StoredYear, YEAR_INLINE_BYTES_MAX,
    YearHead, YearPlace,
};

const STATE_KEY: &[u8] = b"state";

/// What the views were made with.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn view_state(txn: &(impl Read + ?Sized)) -> Result<ViewStateRecord, StoreError> {
    Ok(get_record(txn, Table::ViewMeta, STATE_KEY)?.unwrap_or_default())
}

/// Remembers what the views were made with.
///
/// # Errors
/// When the store fails.
pub fn put_view_state(txn: &WriteTxn, state: &ViewStateRecord) -> Result<(), StoreError> {
    put_record(txn, Table::ViewMeta, STATE_KEY, state).map(drop)
}

/// Throws all views away.
///
/// # Errors
/// When the store fails.
pub fn clear_views(txn: &WriteTxn) -> Result<(), StoreError> {
    Table::ALL.iter().filter(|table| !table.is_truth()).try_for_each(|table| txn.clear(*table))
}

/// Sets of repos that queries keep in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepoSets {
    /// Repos with a counted event on a day that is in the views.
    pub counted: RepoSet,
    /// Repos that an event proves to be public.
    pub evidence: RepoSet,
    /// Repos that the catalog names, and those of them that it calls public, or private.
    pub listed: RepoSet,
    pub listed_public: RepoSet,
    pub listed_private: RepoSet,
    /// All repos by type, in the order of `RepoKind::ALL`.
    pub kinds: [RepoSet; RepoKind::ALL.len()],
}

const SET_KEYS: [&[u8]; 8] =
    [b"counted", b"evidence", b"listed", b"listed_public", b"listed_private", b"models", b"datasets", b"spaces"];

impl RepoSets {
    fn all(&self) -> impl Iterator<Item = &RepoSet> {
        [&self.counted, &self.evidence, &self.listed, &self.listed_public, &self.listed_private].into_iter().chain(&self.kinds)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut RepoSet> {
        let own = [&mut self.counted, &mut self.evidence, &mut self.listed, &mut self.listed_public, &mut self.listed_private];
        own.into_iter().chain(&mut self.kinds)
    }

    /// Enters what the catalog says of a repo.
    pub fn set_listing(&mut self, repo: RepoNumber, private: Option<bool>) {
        self.listed.set(repo, true);
        self.listed_public.set(repo, private == Some(false));
        self.listed_private.set(repo, private == Some(true));
    }

    /// Enters a repo under its type.
    pub fn set_kind(&mut self, repo: RepoNumber, kind: RepoKind) {
        if let Some(set) = self.kinds.get_mut(usize::from(kind.code())) {
            set.set(repo, true);
        }
    }

    /// The repos of a type.
    #[must_use]
    pub fn of_kind(&self, kind: RepoKind) -> Option<&RepoSet> {
        self.kinds.get(usize::from(kind.code()))
    }
}

/// Reads the sets of repos.
///
/// # Errors
/// When the store fails or a value is damaged.
pub fn repo_sets(txn: &(impl Read + ?Sized)) -> Result<RepoSets, StoreError> {
    let mut sets = RepoSets::default();
    for (key, set) in SET_KEYS.iter().zip(sets.all_mut()) {
        if let Some(bytes) = txn.get(Table::ViewMeta, key)? {
            *set = RepoSet::from_bytes(&bytes).map_err(StoreError::of_block(Table::ViewMeta.name(), key))?;
        }
    }
    Ok(sets)
}

/// Writes the sets of repos.
///
/// # Errors
/// When the store fails.
pub fn put_repo_sets(txn: &WriteTxn, sets: &RepoSets) -> Result<(), StoreError> {
    SET_KEYS.iter().zip(sets.all()).try_for_each(|(key, set)| txn.put(Table::ViewMeta, key, &set.to_bytes()).map(drop))
}

fn day_key(day: Day) -> Key {
    Key::default().day(day)
}

/// What the view of a day consists of.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn day_view(txn: &(impl Read + ?Sized), day: Day) -> Result<Option<DayViewRecord>, StoreError> {
    get_record(txn, Table::DayViews, day_key(day).bytes())
}

/// The views of all days, ascending.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn day_views(txn: &(impl Read + ?Sized)) -> Result<Vec<(Day, DayViewRecord)>, StoreError> {
    let values = txn.with_prefix(Table::DayViews, &[])?;
    values.iter().map(|(key, value)| Ok((Day(u16_at(key, 0)), decode(Table::DayViews, key, value)?))).collect()
}

/// The days of a range that have a view.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn days_with_view(txn: &(impl Read + ?Sized), range: DayRange) -> Result<Vec<Day>, StoreError> {
    let mut days = Vec::new();
    txn.scan(Table::DayViews, day_key(range.first).bytes(), &mut |key, _| {
        let day = Day(u16_at(key, 0));
        days.extend(range.contains(day).then_some(day));
        Ok(day < range.last)
    })?;
    Ok(days)
}

/// The first day that has a view.
///
/// # Errors
/// When the store fails.
pub fn first_day_view(txn: &(impl Read + ?Sized)) -> Result<Option<Day>, StoreError> {
    let mut first = None;
    txn.scan(Table::DayViews, &[], &mut |key, _| {
        first = Some(Day(u16_at(key, 0)));
        Ok(false)
    })?;
    Ok(first)
}

/// The last day that has a view, or the first day there is.
///
/// # Errors
/// When the store fails.
pub fn last_day_view(txn: &(impl Read + ?Sized)) -> Result<Day, StoreError> {
    Ok(txn.last_key(Table::DayViews)?.map_or(Day(0), |key| Day(u16_at(&key, 0))))
}

/// What the view of a day is made of, beside its record.
#[derive(Default)]
pub struct DayViewParts {
    /// Each with its first repo.
    pub chunks: Vec<(RepoNumber, Vec<u8>)>,
    /// Sets that lie apart.
    pub sets: Vec<(RepoNumber, DownloaderSet)>,
    /// Facet chunks, each with its first repo.
    pub facets: Vec<(RepoNumber, Vec<u8>)>,
    pub tail: Vec<u8>,
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Replaces the view of a day. `record` comes with the counts; its lists are filled in here.
///
/// # Errors
/// When the store fails.
pub fn put_day_view(txn: &WriteTxn, day: Day, mut record: DayViewRecord, parts: &DayViewParts) -> Result<(), StoreError> {
    let DayViewParts { chunks, sets, facets, tail } = parts;
    remove_day_view(txn, day)?;
    let mut table = txn.open(Table::DayChunks)?;
    for (first, bytes) in chunks {
        let checksum = table.put(day_key(day).repo(*first).bytes(), bytes)?;
        record.chunks.push((first.0, checksum));
    }
    let mut table = txn.open(Table::DaySets)?;
    for (repo, set) in sets {
        let bytes = set.to_bytes();
        put_pieces(&mut table, day_key(day).repo(*repo).bytes(), &bytes)?;
        record.sets.push((repo.0, length(&bytes), xxh3_64(&bytes)));
    }
    let mut table = txn.open(Table::DayFacets)?;
    for (first, bytes) in facets {
        put_pieces(&mut table, day_key(day).repo(*first).bytes(), bytes)?;
        record.facets.push((first.0, length(bytes), xxh3_64(bytes)));
    }
    put_pieces(&mut txn.open(Table::DayTails)?, day_key(day).bytes(), tail)?;
    record.tail_bytes = length(tail);
    record.tail_checksum = xxh3_64(tail);
    put_record(txn, Table::DayViews, day_key(day).bytes(), &record).map(drop)
}

/// Notes which segments a view is of, when they were replaced by others with the same events.
///
/// # Errors
/// When the store fails.
pub fn put_covers(txn: &WriteTxn, day: Day, record: DayViewRecord, covers: u64) -> Result<(), StoreError> {
    put_record(txn, Table::DayViews, day_key(day).bytes(), &DayViewRecord { covers, ..record }).map(drop)
}

/// Removes the view of a day, if there is one.
///
/// # Errors
/// When the store fails.
pub fn remove_day_view(txn: &WriteTxn, day: Day) -> Result<(), StoreError> {
    let Some(record) = day_view(txn, day)? else { return Ok(()) };
    let mut table = txn.open(Table::DayChunks)?;
    record.chunks.iter().try_for_each(|(first, _)| table.remove(day_key(day).u32(*first).bytes()))?;
    let mut table = txn.open(Table::DaySets)?;
    for (repo, bytes, _) in &record.sets {
        remove_pieces(&mut table, day_key(day).u32(*repo).bytes(), *bytes as usize)?;
    }
    let mut table = txn.open(Table::DayFacets)?;
    for (first, bytes, _) in &record.facets {
        remove_pieces(&mut table, day_key(day).u32(*first).bytes(), *bytes as usize)?;
    }
    remove_pieces(&mut txn.open(Table::DayTails)?, day_key(day).bytes(), record.tail_bytes as usize)?;
    txn.remove(Table::DayViews, day_key(day).bytes())
}

/// Reads a value that something names, and refuses it if it is not the one that was named.
pub(super) fn named(txn: &(impl Read + ?Sized), table: Table, key: &Key, checksum: u64) -> Result<Vec<u8>, StoreError> {
    checked(table, key, checksum, txn.get(table, key.bytes())?)
}

fn checked(table: Table, key: &Key, checksum: u64, value: Option<Vec<u8>>) -> Result<Vec<u8>, StoreError> {
    let value = value.ok_or_else(|| StoreError::damaged(table.name(), key.bytes(), "the value is missing"))?;
    if table.checksum(key.bytes(), &value) != checksum {
        return Err(StoreError::damaged(table.name(), key.bytes(), "the value is stale"));
    }
    Ok(value)
}

/// The bytes of a chunk that a day's record names.
///
/// # Errors
/// When the store fails, or the chunk is missing, stale or damaged.
pub fn read_chunk(txn: &(impl Read + ?Sized), day: Day, chunk: (u32, u64)) -> Result<Vec<u8>, StoreError> {
    named(txn, Table::DayChunks, &day_key(day).u32(chunk.0), chunk.1)
}

/// Calls `each` with the entries of some repos on a day; every chunk is read once at most.
///
/// # Errors
/// When the store fails, a chunk is missing, stale or damaged, or `each` fails.
pub fn for_entries_of<E: From<StoreError>>(
    txn: &(impl Read + ?Sized),
    day: Day,
    record: &DayViewRecord,
    repos: &BTreeSet<RepoNumber>,
    mut each: impl FnMut(&ChunkEntry<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let ends = record.chunks.iter().skip(1).map(|(first, _)| RepoNumber(*first)).chain([RepoNumber(u32::MAX)]);
    for (chunk, end) in record.chunks.iter().zip(ends) {
        let own = repos.range(RepoNumber(chunk.0)..end);
        if own.clone().next().is_none() {
            continue;
        }
        let key = day_key(day).u32(chunk.0);
        let of_chunk = StoreError::of_block(Table::DayChunks.name(), key.bytes());
        let bytes = read_chunk(txn, day, *chunk)?;
        let chunk = DayChunk::new(&bytes).map_err(&of_chunk)?;
        for repo in own {
            if let Some(entry) = chunk.find(*repo).map_err(&of_chunk)? {
                each(&entry)?;
            }
        }
    }
    Ok(())
}

/// Calls `each` with all repos of a day and the numbers of their downloaders, ascending.
///
/// # Errors
/// When the store fails, or a chunk or set is missing, stale or damaged.
pub fn for_all_entries(
    txn: &(impl Read + ?Sized),
    day: Day,
    record: &DayViewRecord,
    mut each: impl FnMut(&ChunkEntry<'_>, Vec<DownloaderNumber>),
) -> Result<(), StoreError> {
    for chunk in &record.chunks {
        let key = day_key(day).u32(chunk.0);
        let of_chunk = StoreError::of_block(Table::DayChunks.name(), key.bytes());
        let bytes = read_chunk(txn, day, *chunk)?;
        for entry in DayChunk::new(&bytes).map_err(&of_chunk)?.entries() {
            let entry = entry.map_err(&of_chunk)?;
            let numbers = match entry.set_is_apart() {
                true => read_set(txn, day, record, entry.repo)?.iter().collect(),
                false => entry.numbers().map_err(&of_chunk)?,
            };
            each(&entry, numbers);
        }
    }
    Ok(())
}

/// The downloaders of a repo on a day whose set lies apart.
///
/// # Errors
/// When the store fails, or the set is missing, stale or damaged.
pub fn read_set(
    txn: &(impl Read + ?Sized),
    day: Day,
    record: &DayViewRecord,
    repo: RepoNumber,
) -> Result<DownloaderSet, StoreError> {
    let key = day_key(day).repo(repo);
    // In order of repo, as they were written.
    let named = record.sets.binary_search_by_key(&repo.0, |(named, ..)| *named).ok().and_then(|at| record.sets.get(at));
    let (_, bytes, checksum) =
        named.ok_or_else(|| StoreError::damaged(Table::DaySets.name(), key.bytes(), "the day does not name this set"))?;
    let value = get_pieces(txn, Table::DaySets, key.bytes(), *bytes as usize)?;
    if xxh3_64(&value) != *checksum {
        return Err(StoreError::damaged(Table::DaySets.name(), key.bytes(), "the set is stale"));
    }
    DownloaderSet::from_bytes(&value).map_err(StoreError::of_block(Table::DaySets.name(), key.bytes()))
}

/// The bytes of a facet chunk that a day's record names.
///
/// # Errors
/// When the store fails, or the chunk is missing, stale or damaged.
pub fn read_facets(txn: &(impl Read + ?Sized), day: Day, chunk: (u32, u32, u64)) -> Result<Vec<u8>, StoreError> {
    let (first, length, checksum) = chunk;
    let key = day_key(day).u32(first);
    let bytes = get_pieces(txn, Table::DayFacets, key.bytes(), length as usize)?;
    if xxh3_64(&bytes) != checksum {
        return Err(StoreError::damaged(Table::DayFacets.name(), key.bytes(), "the chunk is stale"));
    }
    Ok(bytes)
}

/// The bytes of a day's tail; none of a day without a view.
///
/// # Errors
/// When the store fails, or the tail is missing, stale or damaged.
pub fn read_tail(txn: &(impl Read + ?Sized), day: Day) -> Result<Vec<u8>, StoreError> {
    let Some(record) = day_view(txn, day)? else { return Ok(Vec::new()) };
    let bytes = get_pieces(txn, Table::DayTails, day_key(day).bytes(), record.tail_bytes as usize)?;
    if xxh3_64(&bytes) != record.tail_checksum {
        return Err(StoreError::damaged(Table::DayTails.name(), day_key(day).bytes(), "the tail is stale"));
    }
    Ok(bytes)
}

/// The head of a repo; `None` if no day in the views counts an event of it.
///
/// # Errors
/// When the store fails or the value is damaged.
pub fn get_head(txn: &(impl Read + ?Sized), repo: RepoNumber) -> Result<Option<RepoHead>, StoreError> {
    let key = Key::default().repo(repo);
    let decode = |bytes: Vec<u8>| RepoHead::decode(&bytes).map_err(StoreError::of_block(Table::RepoHeads.name(), key.bytes()));
    txn.get(Table::RepoHeads, key.bytes())?.map(decode).transpose()
}

/// A year that a repo's head names.
///
/// # Errors
/// When the store fails, or the year is missing, stale or damaged.
pub fn get_year(txn: &(impl Read + ?Sized), repo: RepoNumber, head: &YearHead) -> Result<RepoYear, StoreError> {
    let bytes = year_bytes(repo, head, |key| txn.get(Table::RepoYears, key.bytes()))?;
    let key = year_key(repo, head.year);
    RepoYear::decode(head.year, &bytes).map_err(StoreError::of_block(Table::RepoYears.name(), key.bytes()))
}

fn year_bytes<'h>(
    repo: RepoNumber,
    head: &'h YearHead,
    get: impl FnOnce(&Key) -> Result<Option<Vec<u8>>, StoreError>,
) -> Result<Cow<'h, [u8]>, StoreError> {
    match &head.place {
        YearPlace::Here(days) => Ok(Cow::Borrowed(days)),
        YearPlace::Apart(checksum) => {
            let key = year_key(repo, head.year);
            checked(Table::RepoYears, &key, *checksum, get(&key)?).map(Cow::Owned)
        }
    }
}

fn year_key(repo: RepoNumber, year: u16) -> Key {
    Key::default().repo(repo).u16(year)
}

/// The heads and years of repos, open for many changes in a row.
pub struct RepoYears<'txn> {
    heads: OpenTable<'txn>,
    years: OpenTable<'txn>,
}

impl<'txn> RepoYears<'txn> {
    /// Opens both tables.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(txn: &'txn WriteTxn) -> Result<RepoYears<'txn>, StoreError> {
        Ok(RepoYears { heads: txn.open(Table::RepoHeads)?, years: txn.open(Table::RepoYears)? })
    }

    /// The head of a repo, empty if it has none.
    ///
    /// # Errors
    /// When the store fails or the value is damaged.
    pub fn head(&self, repo: RepoNumber) -> Result<RepoHead, StoreError> {
        let key = Key::default().repo(repo);
        let of_block = StoreError::of_block(Table::RepoHeads.name(), key.bytes());
        self.heads.get(key.bytes())?.map_or_else(|| Ok(RepoHead::default()), |bytes| RepoHead::decode(&bytes).map_err(of_block))
    }

    /// A year of a repo as it is stored, empty if its head does not name it.
    ///
    /// # Errors
    /// When the store fails, or the year is missing or stale.
    pub fn year(&self, repo: RepoNumber, head: &RepoHead, year: u16) -> Result<Vec<u8>, StoreError> {
        let Some(named) = head.years.iter().find(|head| head.year == year) else { return Ok(Vec::new()) };
        year_bytes(repo, named, |key| self.years.get(key.bytes())).map(Cow::into_owned)
    }

    /// Writes years and the head; an empty year is removed, and so is a head without years.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put(
        &mut self,
        repo: RepoNumber,
        head: &mut RepoHead,
        years: impl IntoIterator<Item = (u16, StoredYear)>,
    ) -> Result<(), StoreError> {
        for (year, stored) in years {
            let key = year_key(repo, year);
            let before = head.years.iter().find(|head| head.year == year).map(|head| &head.place);
            let checksum = if stored.bytes.len() > YEAR_INLINE_BYTES_MAX {
                Some(self.years.put(key.bytes(), &stored.bytes)?)
            } else {
                if let Some(YearPlace::Apart(_)) = before {
                    self.years.remove(key.bytes())?;
                }
                None
            };
            head.set(year, (stored.days > 0).then(|| YearHead::new(year, stored, checksum)));
        }
        let key = Key::default().repo(repo);
        if head.years.is_empty() { self.heads.remove(key.bytes()) } else { self.heads.put(key.bytes(), &head.encode()).map(drop) }
    }
}
