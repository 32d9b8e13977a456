//! The bytes of a block -> rows.

use std::borrow::Cow;

use super::bytes::ByteReader;
use super::group::{Group, read_by_group, read_runs};
use super::layout::version_1::WORDS;
use super::layout::{VERSION, codec, column};
use super::texts::read_sorted_texts;
use super::time::TimeReader;
use super::who::read_whos;
use super::{BlockError, ROWS_MAX, version_1};
use crate::classify::FileKind;
use crate::model::{
    AgentHash, Country, Day, DeliveryId, Method, Millis, PathHash, RangeFlag, RepoNumber, Row, SenderId, SourceId, Status, Who,
    Word,
};

/// Which columns a reader needs: what is left packed costs no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Identity,
    /// The identity, and what sessions are told apart by: country, region, agent note, and of a path's name no more than
    /// the word of its [`FileKind`]. The names of a day's paths are many, their kinds are few.
    Counting,
    All,
}

impl Wanted {
    fn includes(self, id: u8) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Counting => !matches!(id, column::BYTES | column::DURATION),
            Wanted::Identity => !matches!(id, column::BYTES..=WORDS | column::PLACE_BOOK | column::PLACE | column::SORTED_WORDS),
        }
    }
}

/// The rows of a block with the texts they refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    pub rows: Vec<Row>,
    /// Texts of the block, numbered from 1.
    pub texts: Vec<Box<[u8]>>,
}

/// The longest a column of so many rows can be when unpacked; what claims more would only eat memory.
///
/// A row has at most two varints and a dictionary entry in a column; texts are cut long before 1 KiB, three to a row.
fn column_bytes_max(id: u8, rows: usize) -> usize {
    64 + rows * if matches!(id, WORDS | column::SORTED_WORDS) { 3 << 10 } else { 32 }
}

/// Decodes a block of `day`.
///
/// # Errors
/// When the bytes are no block of a known version.
pub fn decode(day: Day, bytes: &[u8], wanted: Wanted) -> Result<Decoded, BlockError> {
    let (version, rows, mut reader) = head(bytes)?;
    let columns = Columns::read(&mut reader, rows, |id| wanted.includes(id))?;
    let mut decoded = Decoded { rows: vec![Row { count: 1, ..Row::default() }; rows], texts: Vec::new() };
    let rows = &mut decoded.rows;
    let groups = columns.read_groups(rows)?;
    if version == 1 {
        version_1::read(&columns, day, &groups, rows)?;
    } else {
        columns.read_whos(rows, &groups)?;
        columns.read_times(day, rows, &groups)?;
        columns.read_clients(rows, &groups, wanted)?;
        columns.read_places(rows, &groups)?;
        columns.runs(column::SOURCE_RUNS, "source column", rows, |row, value| row.source = SourceId(value))?;
        columns.runs(column::DELIVERY_RUNS, "delivery column", rows, |row, value| row.delivery = DeliveryId(value))?;
        columns.runs(column::COUNT_RUNS, "count column", rows, |row, value: u32| row.count = value.saturating_add(1))?;
    }
    columns.read_kinds(rows)?;
    decoded.texts = columns.read_texts(rows.len())?;
    columns.read_paths(rows, &mut decoded.texts, wanted)?;
    columns.read_ids(rows)?;
    // Columns that are not wanted were not unpacked, and read as absent.
    columns.each(column::BYTES, "bytes column", rows, |row, value| row.bytes = value)?;
    columns.each(column::DURATION, "duration column", rows, |row, value| row.duration = value)?;
    Ok(decoded)
}

/// Whether a block may have rows of somebody who is sought on a repo; its rows are not read for that.
///
/// # Errors
/// When the bytes are no block of a known version.
pub fn may_hold(bytes: &[u8], mut is_sought: impl FnMut(RepoNumber, Who) -> bool) -> Result<bool, BlockError> {
    let (version, rows, mut reader) = head(bytes)?;
    if version == 1 || rows == 0 {
        return Ok(rows > 0);
    }
    let of_groups = |id| matches!(id, column::REPO | column::GROUP | column::WHO_GAPS);
    let columns = Columns::read(&mut reader, rows, of_groups)?;
    let groups = columns.groups(rows)?;
    let whos = read_whos(columns.required(column::WHO_GAPS, "who column")?.rest(), &groups)?;
    Ok(groups.iter().zip(whos).any(|(group, who)| is_sought(group.repo, who)))
}

/// The version of a block, how many rows it has, and what follows.
fn head(bytes: &[u8]) -> Result<(u8, usize, ByteReader<'_>), BlockError> {
    let mut reader = ByteReader::new(bytes, "header");
    let version = reader.byte()?;
    if !(1..=VERSION).contains(&version) {
        return Err(BlockError::Version(version));
    }
    let rows: usize = reader.number()?;
    if rows > ROWS_MAX { Err(reader.malformed()) } else { Ok((version, rows, reader)) }
}

/// The unpacked columns of a block by id.
pub(super) struct Columns<'a> {
    columns: Vec<Option<Cow<'a, [u8]>>>,
}

impl<'a> Columns<'a> {
    fn read(reader: &mut ByteReader<'a>, rows: usize, includes: impl Fn(u8) -> bool) -> Result<Columns<'a>, BlockError> {
        let mut columns: Vec<Option<Cow<'a, [u8]>>> = vec![None; usize::from(column::LAST) + 1];
        let mut unpacker = None;
        for _ in 0..reader.byte()? {
            let id = reader.byte()?;
            let codec_id = reader.byte()?;
            let plain_len: usize = reader.number()?;
            let stored_len: usize = reader.number()?;
            let stored = reader.take(stored_len)?;
            if !includes(id) {
                continue;
            }
            let Some(place) = columns.get_mut(usize::from(id)) else { continue };
            if plain_len > column_bytes_max(id, rows) {
                return Err(BlockError::Malformed("compression"));
            }
            *place = Some(unpack(&mut unpacker, codec_id, plain_len, stored)?);
        }
        if !reader.is_empty() {
            return Err(reader.malformed());
        }
        Ok(Columns { columns })
    }

    /// The bytes of a column, if it is there.
    pub(super) fn get(&self, id: u8, part: &'static str) -> Option<ByteReader<'_>> {
        self.columns.get(usize::from(id))?.as_deref().map(|bytes| ByteReader::new(bytes, part))
    }

    /// The bytes of a column without which there are no rows.
    pub(super) fn required(&self, id: u8, part: &'static str) -> Result<ByteReader<'_>, BlockError> {
        self.get(id, part).ok_or(BlockError::Malformed(part))
    }

    /// The groups, which cover all rows; the rows get their repo and audience.
    fn read_groups(&self, rows: &mut [Row]) -> Result<Vec<Group>, BlockError> {
        let groups = self.groups(rows.len())?;
        let mut rows = rows.iter_mut();
        for group in &groups {
            rows.by_ref().take(group.rows).for_each(|row| (row.repo, row.user) = (group.repo, group.user));
        }
        Ok(groups)
    }

    /// The groups, which cover so many rows.
    fn groups(&self, rows: usize) -> Result<Vec<Group>, BlockError> {
        let mut all = Vec::new();
        if rows == 0 {
            return Ok(all);
        }
        let mut repos = self.required(column::REPO, "repo column")?;
        let mut groups = self.required(column::GROUP, "downloader column")?;
        let take = |rest: usize, len: usize| rest.checked_sub(len).filter(|_| len > 0);
        let mut repo = 0_u32;
        let mut rest = rows;
        while rest > 0 {
            repo = repo.checked_add(repos.number()?).ok_or_else(|| repos.malformed())?;
            let mut of_repo: usize = repos.number()?;
            rest = take(rest, of_repo).ok_or_else(|| repos.malformed())?;
            while of_repo > 0 {
                let group = groups.varint()?;
                let rows = usize::try_from(group >> 1).unwrap_or(usize::MAX);
                of_repo = take(of_repo, rows).ok_or_else(|| groups.malformed())?;
                all.push(Group { repo: RepoNumber(repo), user: group & 1 == 1, rows });
            }
        }
        Ok(all)
    }

    fn read_whos(&self, rows: &mut [Row], groups: &[Group]) -> Result<(), BlockError> {
        if groups.is_empty() {
            return Ok(());
        }
        let whos = read_whos(self.required(column::WHO_GAPS, "who column")?.rest(), groups)?;
        let mut rows = rows.iter_mut();
        for (group, who) in groups.iter().zip(whos) {
            rows.by_ref().take(group.rows).for_each(|row| row.who = who);
        }
        Ok(())
    }

    fn read_times(&self, day: Day, rows: &mut [Row], groups: &[Group]) -> Result<(), BlockError> {
        let gaps = |id: u8| self.get(id, "time gap column").unwrap_or(ByteReader::new(&[], "time gap column"));
        let begins = self.required(column::BEGIN, "time column")?;
        let mut times = TimeReader::new(begins, gaps(column::GAP_WIDTH), gaps(column::GAP_BITS).rest())?;
        let day_start = day.start().0;
        let mut rows = rows.iter_mut();
        for group in groups {
            let mut of_group = rows.by_ref().take(group.rows);
            let mut ms_of_day = times.begin()?;
            if let Some(first) = of_group.next() {
                first.time = Millis(day_start + i64::from(ms_of_day));
            }
            for row in of_group {
                ms_of_day = times.after(ms_of_day)?;
                row.time = Millis(day_start + i64::from(ms_of_day));
            }
        }
        Ok(())
    }

    fn read_clients(&self, rows: &mut [Row], groups: &[Group], wanted: Wanted) -> Result<(), BlockError> {
        let Some(reader) = self.get(column::CLIENT, "agent column") else { return Ok(()) };
        let mut book = self.required(column::CLIENT_BOOK, "agent column")?;
        let mut clients = Vec::new();
        while !book.is_empty() {
            let agent = AgentHash(u32::from_le_bytes(book.array()?));
            let note = Word(book.number()?);
            clients.push((agent, if wanted == Wanted::Identity { Word::UNKNOWN } else { note }));
        }
        read_by_group(reader, &clients, rows, groups, |row, client| (row.agent, row.agent_note) = client)
    }

    fn read_places(&self, rows: &mut [Row], groups: &[Group]) -> Result<(), BlockError> {
        let Some(reader) = self.get(column::PLACE, "place column") else { return Ok(()) };
        let mut book = self.required(column::PLACE_BOOK, "place column")?;
        let mut places = Vec::new();
        while !book.is_empty() {
            places.push((Country(book.number()?), Word(book.number()?)));
        }
        read_by_group(reader, &places, rows, groups, |row, place| (row.country, row.region) = place)
    }

    /// A column of runs.
    fn runs<T: TryFrom<u64> + Copy>(
        &self,
        id: u8,
        part: &'static str,
        rows: &mut [Row],
        set: impl Fn(&mut Row, T),
    ) -> Result<(), BlockError> {
        self.get(id, part).map_or(Ok(()), |reader| read_runs(reader, rows, set))
    }

    fn read_kinds(&self, rows: &mut [Row]) -> Result<(), BlockError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut reader = self.required(column::KIND, "kind column")?;
        let mut kinds = Vec::new();
        for _ in 0..reader.length(4)? {
            let method = Method::from_code(reader.byte()?).ok_or_else(|| reader.malformed())?;
            let status = Status(u16::from_le_bytes(reader.array()?));
            let range = RangeFlag::from_code(reader.byte()?).ok_or_else(|| reader.malformed())?;
            kinds.push((method, status, range));
        }
        for row in rows {
            let index: usize = reader.number()?;
            (row.method, row.status, row.range) = *kinds.get(index).ok_or_else(|| reader.malformed())?;
        }
        Ok(())
    }

    fn read_paths(&self, rows: &mut [Row], texts: &mut Vec<Box<[u8]>>, wanted: Wanted) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(column::PATH, "path column") else { return Ok(()) };
        let mut paths = Vec::new();
        for _ in 0..reader.length(9)? {
            let hash = PathHash(u64::from_le_bytes(reader.array()?));
            paths.push((hash, Word(reader.number()?)));
        }
        match wanted {
            Wanted::Identity => paths.iter_mut().for_each(|(_, name)| *name = Word::UNKNOWN),
            Wanted::Counting => name_by_kind(&mut paths, texts),
            Wanted::All => {}
        }
        for row in rows {
            if let Some(index) = reader.number::<usize>()?.checked_sub(1) {
                let (hash, name) = *paths.get(index).ok_or_else(|| reader.malformed())?;
                row.path = hash;
                row.path_name = name;
            }
        }
        Ok(())
    }

    fn read_ids(&self, rows: &mut [Row]) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(column::ID, "sender id column") else { return Ok(()) };
        for row in rows {
            row.id = SenderId(u64::from_le_bytes(reader.array()?));
        }
        Ok(())
    }

    /// The block's texts, of so many rows.
    fn read_texts(&self, rows: usize) -> Result<Vec<Box<[u8]>>, BlockError> {
        if let Some(reader) = self.get(column::SORTED_WORDS, "text column") {
            return read_sorted_texts(reader, column_bytes_max(column::SORTED_WORDS, rows));
        }
        self.get(WORDS, "text column").map_or(Ok(Vec::new()), version_1::read_texts)
    }

    /// A column with a number per row.
    pub(super) fn each<T: TryFrom<u64>>(
        &self,
        id: u8,
        part: &'static str,
        rows: &mut [Row],
        set: impl Fn(&mut Row, T),
    ) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(id, part) else { return Ok(()) };
        rows.iter_mut().try_for_each(|row| reader.number().map(|value| set(row, value)))
    }
}

/// Puts the words of kinds in the place of names; they join the block's texts.
fn name_by_kind(paths: &mut [(PathHash, Word)], texts: &mut Vec<Box<[u8]>>) {
    let names = texts.len();
    texts.extend(FileKind::ALL.iter().map(|kind| kind.word().as_bytes().into()));
    for (_, name) in paths {
        let text = (name.0 as usize).checked_sub(1).and_then(|at| texts.get(..names)?.get(at));
        *name = text.map_or(Word::UNKNOWN, |text| {
            let kind = FileKind::of(&String::from_utf8_lossy(text));
            Word(u32::try_from(names + 1 + kind as usize).unwrap_or(0))
        });
    }
}

/// Unpacks a column; the unpacker is made for the first one that needs it.
fn unpack<'a>(
    unpacker: &mut Option<zstd::bulk::Decompressor<'static>>,
    codec_id: u8,
    plain_len: usize,
    stored: &'a [u8],
) -> Result<Cow<'a, [u8]>, BlockError> {
    let malformed = BlockError::Malformed("compression");
    let plain = match codec_id {
        codec::PLAIN => Cow::Borrowed(stored),
        codec::ZSTD => {
            let fresh = || zstd::bulk::Decompressor::new().map_err(|_| malformed);
            let unpacker = match unpacker {
                Some(unpacker) => unpacker,
                None => unpacker.insert(fresh()?),
            };
            Cow::Owned(unpacker.decompress(stored, plain_len).map_err(|_| malformed)?)
        }
        _ => return Err(BlockError::Malformed("codec")),
    };
    if plain.len() == plain_len { Ok(plain) } else { Err(malformed) }
}
