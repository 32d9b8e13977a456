//! The bytes of a block -> rows.

use super::bytes::ByteReader;
use super::columns::{Columns, column_bytes_max};
use super::group::{ByGroupReader, Group, RunReader, read_groups};
use super::layout::version_1::WORDS;
use super::layout::{VERSION, column};
use super::pick::{Pick, Stripe};
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

/// Decodes a block of `day`.
///
/// # Errors
/// When the bytes are no block of a known version.
pub fn decode(day: Day, bytes: &[u8], wanted: Wanted) -> Result<Decoded, BlockError> {
    let (version, rows, mut reader) = head(bytes)?;
    let mut columns = Columns::read(&mut reader)?;
    columns.unpack(rows, |id| wanted.includes(id))?;
    let mut groups = read_groups(&columns, rows)?;
    if version == 1 {
        return version_1::decode(&columns, day, groups, wanted);
    }
    enter_whos(&columns, &mut groups)?;
    decode_picked(&columns, day, rows, &Pick::of(&groups, |_| true), wanted)
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
    let mut groups = read_groups(&columns, rows)?;
    enter_whos(&columns, &mut groups)?;
    let pick = Pick::of(&groups, |group| is_sought(group.repo, group.who));
    if pick.rows() == 0 {
        return Ok(None);
    }
    columns.unpack(rows, |id| wanted.includes(id))?;
    decode_picked(&columns, day, rows, &pick, wanted).map(Some)
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

fn enter_whos(columns: &Columns<'_>, groups: &mut [Group]) -> Result<(), BlockError> {
    if groups.is_empty() {
        return Ok(());
    }
    read_whos(columns.required(column::WHO_GAPS, "who column")?.rest(), groups)
}

/// The picked rows of a block of the version that is written.
fn decode_picked(columns: &Columns<'_>, day: Day, rows: usize, pick: &Pick<'_>, wanted: Wanted) -> Result<Decoded, BlockError> {
    let mut texts = read_texts(columns, rows)?;
    let mut own = OwnReaders::new(columns, day, (rows, pick.groups()), wanted)?;
    let mut common = CommonReaders::new(columns, rows, &mut texts, wanted)?;
    let rows = pick.read(|mut stripe| {
        own.read(&mut stripe)?;
        common.read(&mut stripe)
    })?;
    Ok(Decoded { rows, texts })
}

/// Readers of the columns that version 1 stored otherwise. Columns that are not wanted were not unpacked, and read as absent.
struct OwnReaders<'c> {
    day_start: i64,
    times: TimeReader<'c>,
    clients: Option<ByGroupReader<'c, (AgentHash, Word)>>,
    places: Option<ByGroupReader<'c, (Country, Word)>>,
    sources: Option<RunReader<'c, u16>>,
    deliveries: Option<RunReader<'c, u32>>,
    counts: Option<RunReader<'c, u32>>,
}

impl<'c> OwnReaders<'c> {
    fn new(
        columns: &'c Columns<'_>,
        day: Day,
        (rows, groups): (usize, usize),
        wanted: Wanted,
    ) -> Result<OwnReaders<'c>, BlockError> {
        let gaps = |id: u8| columns.get(id, "time gap column").unwrap_or(ByteReader::new(&[], "time gap column"));
        let begins = columns.required(column::BEGIN, "time column")?;
        let client = |book: &mut ByteReader<'_>| {
            let (agent, note) = (AgentHash(u32::from_le_bytes(book.array()?)), Word(book.number()?));
            Ok((agent, if wanted == Wanted::Identity { Word::UNKNOWN } else { note }))
        };
        let place = |book: &mut ByteReader<'_>| Ok((Country(book.number()?), Word(book.number()?)));
        Ok(OwnReaders {
            day_start: day.start().0,
            times: TimeReader::new(begins, gaps(column::GAP_WIDTH), gaps(column::GAP_BITS).rest())?,
            clients: ByGroupReader::new(columns, (column::CLIENT, column::CLIENT_BOOK), "agent column", groups, client)?,
            places: ByGroupReader::new(columns, (column::PLACE, column::PLACE_BOOK), "place column", groups, place)?,
            sources: RunReader::new(columns, column::SOURCE_RUNS, "source column", rows),
            deliveries: RunReader::new(columns, column::DELIVERY_RUNS, "delivery column", rows),
            counts: RunReader::new(columns, column::COUNT_RUNS, "count column", rows),
        })
    }

    fn read(&mut self, stripe: &mut Stripe<'_>) -> Result<(), BlockError> {
        self.read_groups(stripe)?;
        if let Some(clients) = &mut self.clients {
            clients.read(stripe, |row, client| (row.agent, row.agent_note) = client)?;
        }
        if let Some(places) = &mut self.places {
            places.read(stripe, |row, place| (row.country, row.region) = place)?;
        }
        if let Some(sources) = &mut self.sources {
            sources.read(stripe, |row, source| row.source = SourceId(source))?;
        }
        if let Some(deliveries) = &mut self.deliveries {
            deliveries.read(stripe, |row, delivery| row.delivery = DeliveryId(delivery))?;
        }
        if let Some(counts) = &mut self.counts {
            counts.read(stripe, |row, count| row.count = count.saturating_add(1))?;
        }
        Ok(())
    }

    /// What rows of a group share, and their times.
    fn read_groups(&mut self, stripe: &mut Stripe<'_>) -> Result<(), BlockError> {
        for (group, rows) in stripe.groups() {
            let Some(rows) = rows else {
                self.times.pass(group.rows)?;
                continue;
            };
            let mut ms_of_day = self.times.begin()?;
            for (at, row) in rows.iter_mut().enumerate() {
                if at > 0 {
                    ms_of_day = self.times.after(ms_of_day)?;
                }
                (row.repo, row.user, row.who) = (group.repo, group.user, group.who);
                row.time = Millis(self.day_start + i64::from(ms_of_day));
            }
        }
        Ok(())
    }
}

type Kind = (Method, Status, RangeFlag);

/// Readers of the columns that all versions store alike.
pub(super) struct CommonReaders<'c> {
    kinds: Vec<Kind>,
    kind_of_rows: ByteReader<'c>,
    paths: Vec<(PathHash, Word)>,
    path_of_rows: Option<ByteReader<'c>>,
    ids: Option<ByteReader<'c>>,
    bytes: Option<ByteReader<'c>>,
    durations: Option<ByteReader<'c>>,
}

impl<'c> CommonReaders<'c> {
    /// The readers of a block of so many rows; the words of kinds of files may join its texts.
    pub(super) fn new(
        columns: &'c Columns<'_>,
        rows: usize,
        texts: &mut Vec<Box<[u8]>>,
        wanted: Wanted,
    ) -> Result<CommonReaders<'c>, BlockError> {
        let mut kind_of_rows = match rows {
            0 => ByteReader::new(&[0], "kind column"),
            _ => columns.required(column::KIND, "kind column")?,
        };
        let kinds = read_kinds(&mut kind_of_rows)?;
        let mut path_of_rows = columns.get(column::PATH, "path column");
        let paths = path_of_rows.as_mut().map_or(Ok(Vec::new()), |reader| read_paths(reader, texts, wanted))?;
        Ok(CommonReaders {
            kinds,
            kind_of_rows,
            paths,
            path_of_rows,
            ids: columns.get(column::ID, "sender id column"),
            bytes: columns.get(column::BYTES, "bytes column"),
            durations: columns.get(column::DURATION, "duration column"),
        })
    }

    pub(super) fn read(&mut self, stripe: &mut Stripe<'_>) -> Result<(), BlockError> {
        let (kinds, malformed) = (&self.kinds, self.kind_of_rows.malformed());
        read_each(&mut self.kind_of_rows, stripe, |row, at: usize| {
            (row.method, row.status, row.range) = *kinds.get(at).ok_or(malformed)?;
            Ok(())
        })?;
        if let Some(reader) = &mut self.path_of_rows {
            let (paths, malformed) = (&self.paths, reader.malformed());
            read_each(reader, stripe, |row, number: usize| {
                if let Some(at) = number.checked_sub(1) {
                    (row.path, row.path_name) = *paths.get(at).ok_or(malformed)?;
                }
                Ok(())
            })?;
        }
        if let Some(ids) = &mut self.ids {
            for (passed, rows) in stripe.stretches() {
                ids.take(passed.saturating_mul(8))?;
                for row in rows {
                    row.id = SenderId(u64::from_le_bytes(ids.array()?));
                }
            }
        }
        if let Some(bytes) = &mut self.bytes {
            read_each(bytes, stripe, |row, value| {
                row.bytes = value;
                Ok(())
            })?;
        }
        if let Some(durations) = &mut self.durations {
            read_each(durations, stripe, |row, value| {
                row.duration = value;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Reads a column with a number per row.
fn read_each<T: TryFrom<u64>>(
    reader: &mut ByteReader<'_>,
    stripe: &mut Stripe<'_>,
    set: impl Fn(&mut Row, T) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    for (passed, rows) in stripe.stretches() {
        reader.pass_varints(passed)?;
        for row in rows {
            set(row, reader.number()?)?;
        }
    }
    Ok(())
}

fn read_kinds(reader: &mut ByteReader<'_>) -> Result<Vec<Kind>, BlockError> {
    let mut kinds = Vec::new();
    for _ in 0..reader.length(4)? {
        let method = Method::from_code(reader.byte()?).ok_or_else(|| reader.malformed())?;
        let status = Status(u16::from_le_bytes(reader.array()?));
        let range = RangeFlag::from_code(reader.byte()?).ok_or_else(|| reader.malformed())?;
        kinds.push((method, status, range));
    }
    Ok(kinds)
}

fn read_paths(
    reader: &mut ByteReader<'_>,
    texts: &mut Vec<Box<[u8]>>,
    wanted: Wanted,
) -> Result<Vec<(PathHash, Word)>, BlockError> {
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
    Ok(paths)
}

/// The texts of a block of so many rows.
pub(super) fn read_texts(columns: &Columns<'_>, rows: usize) -> Result<Vec<Box<[u8]>>, BlockError> {
    if let Some(reader) = columns.get(column::SORTED_WORDS, "text column") {
        return read_sorted_texts(reader, column_bytes_max(column::SORTED_WORDS, rows));
    }
    columns.get(WORDS, "text column").map_or(Ok(Vec::new()), version_1::read_word_list)
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
