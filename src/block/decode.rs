//! The bytes of a block -> rows.

use super::bytes::ByteReader;
use super::layout::{VERSION, codec, column};
use super::{BlockError, ROWS_MAX};
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
            Wanted::Identity => !matches!(id, column::BYTES..=column::WORDS),
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
    64 + rows * if id == column::WORDS { 3 << 10 } else { 32 }
}

/// Decodes a block of `day`.
///
/// # Errors
/// When the bytes are no block of a known version.
pub fn decode(day: Day, bytes: &[u8], wanted: Wanted) -> Result<Decoded, BlockError> {
    let mut reader = ByteReader::new(bytes, "header");
    let version = reader.byte()?;
    if version != VERSION {
        return Err(BlockError::Version(version));
    }
    let rows: usize = reader.number()?;
    if rows > ROWS_MAX {
        return Err(reader.malformed());
    }
    let columns = Columns::read(&mut reader, rows, wanted)?;
    let mut decoded = Decoded { rows: vec![Row { count: 1, ..Row::default() }; rows], texts: Vec::new() };
    let rows = &mut decoded.rows;
    columns.read_groups(day, rows)?;
    columns.read_kinds(rows)?;
    columns.read_agents(rows)?;
    decoded.texts = columns.read_texts()?;
    columns.read_paths(rows, &mut decoded.texts)?;
    columns.changes(column::SOURCE, "source column", rows, |row, value| row.source = SourceId(value))?;
    columns.changes(column::DELIVERY, "delivery column", rows, |row, value| row.delivery = DeliveryId(value))?;
    columns.each(column::COUNT, "count column", rows, |row, value: u32| row.count = value.saturating_add(1))?;
    columns.read_ids(rows)?;
    // Columns that are not wanted were not unpacked, and read as absent.
    columns.each(column::BYTES, "bytes column", rows, |row, value| row.bytes = value)?;
    columns.each(column::DURATION, "duration column", rows, |row, value| row.duration = value)?;
    columns.changes(column::COUNTRY, "country column", rows, |row, value| row.country = Country(value))?;
    columns.changes(column::REGION, "region column", rows, |row, value| row.region = Word(value))?;
    columns.changes(column::AGENT_NOTE, "agent column", rows, |row, value| row.agent_note = Word(value))?;
    Ok(decoded)
}

/// The unpacked columns of a block by id.
struct Columns {
    columns: Vec<Option<Vec<u8>>>,
    wanted: Wanted,
}

impl Columns {
    fn read(reader: &mut ByteReader<'_>, rows: usize, wanted: Wanted) -> Result<Columns, BlockError> {
        let mut columns: Vec<Option<Vec<u8>>> = vec![None; usize::from(column::WORDS) + 1];
        for _ in 0..reader.byte()? {
            let id = reader.byte()?;
            let codec_id = reader.byte()?;
            let plain_len: usize = reader.number()?;
            let stored_len: usize = reader.number()?;
            let stored = reader.take(stored_len)?;
            if !wanted.includes(id) {
                continue;
            }
            let Some(place) = columns.get_mut(usize::from(id)) else { continue };
            *place = Some(unpack(codec_id, plain_len, column_bytes_max(id, rows), stored)?);
        }
        if !reader.is_empty() {
            return Err(reader.malformed());
        }
        Ok(Columns { columns, wanted })
    }

    /// The bytes of a column, if it is there.
    fn get(&self, id: u8, part: &'static str) -> Option<ByteReader<'_>> {
        self.columns.get(usize::from(id))?.as_deref().map(|bytes| ByteReader::new(bytes, part))
    }

    /// The bytes of a column without which there are no rows.
    fn required(&self, id: u8, part: &'static str) -> Result<ByteReader<'_>, BlockError> {
        self.get(id, part).ok_or(BlockError::Malformed(part))
    }

    /// Repo, downloader and time: they are stored by runs.
    fn read_groups(&self, day: Day, rows: &mut [Row]) -> Result<(), BlockError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut repos = self.required(column::REPO, "repo column")?;
        let mut groups = self.required(column::GROUP, "downloader column")?;
        let mut whos = self.required(column::WHO, "who column")?;
        let mut times = self.required(column::TIME, "time column")?;
        let day_start = day.start().0;
        let mut repo = 0_u32;
        let mut rest = rows;
        while !rest.is_empty() {
            repo = repo.checked_add(repos.number()?).ok_or_else(|| repos.malformed())?;
            let len: usize = repos.number()?;
            let (mut of_repo, after) = rest.split_at_mut_checked(len).ok_or_else(|| repos.malformed())?;
            if of_repo.is_empty() {
                return Err(repos.malformed());
            }
            while !of_repo.is_empty() {
                let group = groups.varint()?;
                let len = usize::try_from(group >> 1).unwrap_or(usize::MAX);
                let (of_group, after) = of_repo.split_at_mut_checked(len).ok_or_else(|| groups.malformed())?;
                if of_group.is_empty() {
                    return Err(groups.malformed());
                }
                let who = Who(u64::from_le_bytes(whos.array()?));
                let mut ms_of_day = 0_u32;
                for row in of_group {
                    ms_of_day = ms_of_day.checked_add(times.number()?).ok_or_else(|| times.malformed())?;
                    row.repo = RepoNumber(repo);
                    row.user = group & 1 == 1;
                    row.who = who;
                    row.time = Millis(day_start + i64::from(ms_of_day));
                }
                of_repo = after;
            }
            rest = after;
        }
        Ok(())
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

    fn read_agents(&self, rows: &mut [Row]) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(column::AGENT, "identity agent column") else { return Ok(()) };
        let mut agents = Vec::new();
        for _ in 0..reader.length(4)? {
            agents.push(AgentHash(u32::from_le_bytes(reader.array()?)));
        }
        let mut previous = 0_usize;
        for row in rows {
            previous = reader.number::<usize>()?.checked_sub(1).unwrap_or(previous);
            if let Some(index) = previous.checked_sub(1) {
                row.agent = *agents.get(index).ok_or_else(|| reader.malformed())?;
            }
        }
        Ok(())
    }

    fn read_paths(&self, rows: &mut [Row], texts: &mut Vec<Box<[u8]>>) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(column::PATH, "path column") else { return Ok(()) };
        let mut paths = Vec::new();
        for _ in 0..reader.length(9)? {
            let hash = PathHash(u64::from_le_bytes(reader.array()?));
            paths.push((hash, Word(reader.number()?)));
        }
        match self.wanted {
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

    fn read_texts(&self) -> Result<Vec<Box<[u8]>>, BlockError> {
        let Some(mut reader) = self.get(column::WORDS, "text column") else { return Ok(Vec::new()) };
        let count = reader.length(1)?;
        (0..count)
            .map(|_| {
                let len: usize = reader.number()?;
                reader.take(len).map(Box::from)
            })
            .collect()
    }

    /// A column with a number per row.
    fn each<T: TryFrom<u64>>(
        &self,
        id: u8,
        part: &'static str,
        rows: &mut [Row],
        set: impl Fn(&mut Row, T),
    ) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(id, part) else { return Ok(()) };
        rows.iter_mut().try_for_each(|row| reader.number().map(|value| set(row, value)))
    }

    /// A column of *changes*.
    fn changes<T: TryFrom<u64> + Copy + Default>(
        &self,
        id: u8,
        part: &'static str,
        rows: &mut [Row],
        set: impl Fn(&mut Row, T),
    ) -> Result<(), BlockError> {
        let Some(mut reader) = self.get(id, part) else { return Ok(()) };
        let mut previous = T::default();
        for row in rows {
            if let Some(value) = reader.varint()?.checked_sub(1) {
                previous = T::try_from(value).map_err(|_| reader.malformed())?;
            }
            set(row, previous);
        }
        Ok(())
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

fn unpack(codec_id: u8, plain_len: usize, plain_len_max: usize, stored: &[u8]) -> Result<Vec<u8>, BlockError> {
    let malformed = BlockError::Malformed("compression");
    if plain_len > plain_len_max {
        return Err(malformed);
    }
    let plain = match codec_id {
        codec::PLAIN => stored.to_vec(),
        codec::ZSTD => zstd::bulk::decompress(stored, plain_len).map_err(|_| malformed)?,
        _ => return Err(BlockError::Malformed("codec")),
    };
    if plain.len() == plain_len { Ok(plain) } else { Err(malformed) }
}
