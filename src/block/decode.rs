//! The bytes of a block -> rows.

use std::borrow::Cow;

use super::bytes::ByteReader;
use super::group::{Group, read_by_group, read_runs};
use super::layout::version_1::WORDS;
use super::layout::{VERSION, codec, column};
use super::pick::{Pick, Picked};
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
    let mut columns = Columns::read(&mut reader)?;
    columns.unpack(rows, |id| wanted.includes(id))?;
    let groups = columns.groups(rows)?;
    if version == 1 {
        return version_1::decode(&columns, day, &groups, wanted);
    }
    let whos = columns.whos(&groups)?;
    columns.decode(day, &groups, &whos, &Pick::all(&groups), wanted)
}

/// Decodes the rows of who is sought on a repo; `None` if there are none. The others cost little more than their groups.
///
/// # Errors
/// As [`decode`].
pub fn decode_sought(
    day: Day,
    bytes: &[u8],
    wanted: Wanted,
    mut is_sought: impl FnMut(RepoNumber, Who) -> bool,
) -> Result<Option<Decoded>, BlockError> {
    let (version, rows, mut reader) = head(bytes)?;
    if version == 1 {
        let mut decoded = decode(day, bytes, wanted)?;
        decoded.rows.retain(|row| is_sought(row.repo, row.who));
        return Ok(Some(decoded).filter(|decoded| !decoded.rows.is_empty()));
    }
    let mut columns = Columns::read(&mut reader)?;
    columns.unpack(rows, |id| matches!(id, column::REPO | column::GROUP | column::WHO_GAPS))?;
    let groups = columns.groups(rows)?;
    let whos = columns.whos(&groups)?;
    let pick = Pick::of(&groups, &whos, is_sought);
    if pick.rows() == 0 {
        return Ok(None);
    }
    columns.unpack(rows, |id| wanted.includes(id))?;
    columns.decode(day, &groups, &whos, &pick, wanted).map(Some)
}

/// How many rows a block has.
///
/// # Errors
/// When the bytes do not begin as a block of a known version.
pub fn row_count(bytes: &[u8]) -> Result<usize, BlockError> {
    head(bytes).map(|(_, rows, _)| rows)
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

/// The columns of a block by id, of which some are unpacked.
pub(super) struct Columns<'a> {
    packed: Vec<Option<Packed<'a>>>,
    plain: Vec<Option<Cow<'a, [u8]>>>,
}

/// A column as it is stored.
#[derive(Clone, Copy)]
struct Packed<'a> {
    codec_id: u8,
    plain_len: usize,
    stored: &'a [u8],
}

impl<'a> Columns<'a> {
    fn read(reader: &mut ByteReader<'a>) -> Result<Columns<'a>, BlockError> {
        let places = usize::from(column::LAST) + 1;
        let mut columns = Columns { packed: vec![None; places], plain: vec![None; places] };
        for _ in 0..reader.byte()? {
            let id = reader.byte()?;
            let codec_id = reader.byte()?;
            let plain_len: usize = reader.number()?;
            let stored_len: usize = reader.number()?;
            let stored = reader.take(stored_len)?;
            if let Some(place) = columns.packed.get_mut(usize::from(id)) {
                *place = Some(Packed { codec_id, plain_len, stored });
            }
        }
        if reader.is_empty() { Ok(columns) } else { Err(reader.malformed()) }
    }

    /// Unpacks the columns of so many rows that are wanted and still packed.
    fn unpack(&mut self, rows: usize, includes: impl Fn(u8) -> bool) -> Result<(), BlockError> {
        let mut unpacker = None;
        for ((id, packed), plain) in (0_u8..).zip(&mut self.packed).zip(&mut self.plain) {
            let Some(packed) = packed.take_if(|_| includes(id)) else { continue };
            if packed.plain_len > column_bytes_max(id, rows) {
                return Err(BlockError::Malformed("compression"));
            }
            *plain = Some(unpack(&mut unpacker, packed)?);
        }
        Ok(())
    }

    /// The picked rows of a block of the version that is written.
    fn decode(&self, day: Day, groups: &[Group], whos: &[Who], pick: &Pick, wanted: Wanted) -> Result<Decoded, BlockError> {
        let mut decoded = Decoded { rows: vec![Row { count: 1, ..Row::default() }; pick.rows()], texts: Vec::new() };
        let rows = &mut decoded.rows;
        self.read_groups(rows, groups, whos, pick);
        self.read_times(day, rows, groups, pick)?;
        self.read_clients(rows, groups, pick, wanted)?;
        self.read_places(rows, groups, pick)?;
        self.runs(column::SOURCE_RUNS, "source column", rows, pick, |row, value| row.source = SourceId(value))?;
        self.runs(column::DELIVERY_RUNS, "delivery column", rows, pick, |row, value| row.delivery = DeliveryId(value))?;
        self.runs(column::COUNT_RUNS, "count column", rows, pick, |row, value: u32| row.count = value.saturating_add(1))?;
        self.read_the_rest(&mut decoded, pick, wanted)?;
        Ok(decoded)
    }

    /// What all versions store alike. Columns that are not wanted were not unpacked, and read as absent.
    pub(super) fn read_the_rest(&self, decoded: &mut Decoded, pick: &Pick, wanted: Wanted) -> Result<(), BlockError> {
        decoded.texts = self.read_texts(pick.of_rows())?;
        let rows = &mut decoded.rows;
        self.read_kinds(rows, pick)?;
        self.read_paths(rows, pick, &mut decoded.texts, wanted)?;
        self.read_ids(rows, pick)?;
        self.each(column::BYTES, "bytes column", rows, pick, |row, value| row.bytes = value)?;
        self.each(column::DURATION, "duration column", rows, pick, |row, value| row.duration = value)
    }

    /// The bytes of a column, if it is there.
    pub(super) fn get(&self, id: u8, part: &'static str) -> Option<ByteReader<'_>> {
        self.plain.get(usize::from(id))?.as_deref().map(|bytes| ByteReader::new(bytes, part))
    }

    /// The bytes of a column without which there are no rows.
    pub(super) fn required(&self, id: u8, part: &'static str) -> Result<ByteReader<'_>, BlockError> {
        self.get(id, part).ok_or(BlockError::Malformed(part))
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

    /// Who made each group.
    fn whos(&self, groups: &[Group]) -> Result<Vec<Who>, BlockError> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        read_whos(self.required(column::WHO_GAPS, "who column")?.rest(), groups)
    }

    fn read_groups(&self, rows: &mut [Row], groups: &[Group], whos: &[Who], pick: &Pick) {
        for ((group, who), picked) in groups.iter().zip(whos).zip(pick.by_group(groups, rows)) {
            if let Picked::Read(rows) = picked {
                rows.iter_mut().for_each(|row| (row.repo, row.user, row.who) = (group.repo, group.user, *who));
            }
        }
    }

    fn read_times(&self, day: Day, rows: &mut [Row], groups: &[Group], pick: &Pick) -> Result<(), BlockError> {
        let gaps = |id: u8| self.get(id, "time gap column").unwrap_or(ByteReader::new(&[], "time gap column"));
        let begins = self.required(column::BEGIN, "time column")?;
        let mut times = TimeReader::new(begins, gaps(column::GAP_WIDTH), gaps(column::GAP_BITS).rest())?;
        let day_start = day.start().0;
        for picked in pick.by_group(groups, rows) {
            let rows = match picked {
                Picked::Passed(rows) => {
                    times.pass(rows)?;
                    continue;
                }
                Picked::Read(rows) => rows,
            };
            let mut ms_of_day = times.begin()?;
            let mut rows = rows.iter_mut();
            if let Some(first) = rows.next() {
                first.time = Millis(day_start + i64::from(ms_of_day));
            }
            for row in rows {
                ms_of_day = times.after(ms_of_day)?;
                row.time = Millis(day_start + i64::from(ms_of_day));
            }
        }
        Ok(())
    }

    fn read_clients(&self, rows: &mut [Row], groups: &[Group], pick: &Pick, wanted: Wanted) -> Result<(), BlockError> {
        let Some(reader) = self.get(column::CLIENT, "agent column") else { return Ok(()) };
        let mut book = self.required(column::CLIENT_BOOK, "agent column")?;
        let mut clients = Vec::new();
        while !book.is_empty() {
            let agent = AgentHash(u32::from_le_bytes(book.array()?));
            let note = Word(book.number()?);
            clients.push((agent, if wanted == Wanted::Identity { Word::UNKNOWN } else { note }));
        }
        read_by_group(reader, &clients, rows, groups, pick, |row, client| (row.agent, row.agent_note) = client)
    }

    fn read_places(&self, rows: &mut [Row], groups: &[Group], pick: &Pick) -> Result<(), BlockError> {
        let Some(reader) = self.get(column::PLACE, "place column") else { return Ok(()) };
        let mut book = self.required(column::PLACE_BOOK, "place column")?;
        let mut places = Vec::new();
        while !book.is_empty() {
            places.push((Country(book.number()?), Word(book.number()?)));
        }
        read_by_group(reader, &places, rows, groups, pick, |row, place| (row.country, row.region) = place)
    }

    /// A column of runs.
    fn runs<T: TryFrom<u64> + Copy>(
        &self,
        id: u8,
        part: &'static str,
        rows: &mut [Row],
        pick: &Pick,
        set: impl Fn(&mut Row, T),
    ) -> Result<(), BlockError> {
        self.get(id, part).map_or(Ok(()), |reader| read_runs(reader, rows, pick, set))
    }

    fn read_kinds(&self, rows: &mut [Row], pick: &Pick) -> Result<(), BlockError> {
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
        for (passed, rows) in pick.stretches(rows) {
            reader.pass_varints(passed)?;
            for row in rows {
                let index: usize = reader.number()?;
                (row.method, row.status, row.range) = *kinds.get(index).ok_or_else(|| reader.malformed())?;
            }
        }
        Ok(())
    }

    fn read_paths(&self, rows: &mut [Row], pick: &Pick, texts: &mut Vec<Box<[u8]>>, wanted: Wanted) -> Result<(), BlockError> {
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
        for (passed, rows) in pick.stretches(rows) {
            reader.pass_varints(passed)?;
            for row in rows {
                if let Some(index) = reader.number::<usize>()?.checked_sub(1) {
                    (row.path, row.path_name) = *paths.get(index).ok_or_else(|| reader.malformed())?;
                }
            }
        }
        Ok(())
    }

    fn read_ids(&self, rows: &mut [Row], pick: &Pick) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(column::ID, "sender id column") else { return Ok(()) };
        for (passed, rows) in pick.stretches(rows) {
            reader.take(passed.saturating_mul(8))?;
            for row in rows {
                row.id = SenderId(u64::from_le_bytes(reader.array()?));
            }
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
        pick: &Pick,
        set: impl Fn(&mut Row, T),
    ) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(id, part) else { return Ok(()) };
        for (passed, rows) in pick.stretches(rows) {
            reader.pass_varints(passed)?;
            rows.iter_mut().try_for_each(|row| reader.number().map(|value| set(row, value)))?;
        }
        Ok(())
    }
}

/// Puts the words of kinds in the place of names; they join the block's texts.
fn name_by_kind(paths: &mut [(PathHash, Word)], texts: &mut Vec<Box<[u8]>>) {
    let names = texts.len();
    texts.extend(FileKind::ALL.iter().map(|kind| kind.word().as_bytes().into()));
    // Many paths have one name.
    let mut known: Vec<Option<Word>> = vec![None; names];
    for (_, name) in paths {
        let at = (name.0 as usize).wrapping_sub(1);
        *name = match (texts.get(..names).and_then(|texts| texts.get(at)), known.get_mut(at)) {
            (Some(text), Some(known)) => *known.get_or_insert_with(|| {
                let kind = FileKind::of(&String::from_utf8_lossy(text));
                Word(u32::try_from(names + 1 + kind as usize).unwrap_or(0))
            }),
            _ => Word::UNKNOWN,
        };
    }
}

/// Unpacks a column; the unpacker is made for the first one that needs it.
fn unpack<'a>(
    unpacker: &mut Option<zstd::bulk::Decompressor<'static>>,
    Packed { codec_id, plain_len, stored }: Packed<'a>,
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
