//! Sorted rows of a day -> the bytes of a block.

use zstd::zstd_safe::CParameter;

use super::bytes::put_varint;
use super::group::{Book, ByGroup, Group, put_runs};
use super::layout::{VERSION, codec, column};
use super::texts::BlockWords;
use super::time::split_times;
use super::who::put_whos;
use crate::model::{AgentHash, Country, Day, Row, Word, Words};

/// Encodes blocks, reusing its buffers and compressor.
pub struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    /// For columns in which nothing repeats for long: looking for repetitions would make them longer.
    by_frequency: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
}

impl Encoder {
    /// A fresh encoder at zstd level 1: higher levels are no smaller on these columns.
    ///
    /// # Errors
    /// When zstd cannot allocate its context.
    pub fn new() -> std::io::Result<Encoder> {
        let mut by_frequency = zstd::bulk::Compressor::new(1)?;
        by_frequency.set_parameter(CParameter::HashLog(6))?;
        Ok(Encoder { compressor: zstd::bulk::Compressor::new(1)?, by_frequency, plain: Vec::new() })
    }

    /// Encodes rows of `day` that are sorted by `Row::cmp_stored`, at most `ROWS_MAX` of them.
    ///
    /// # Errors
    /// When zstd fails, which it does only for want of memory.
    pub fn encode(&mut self, day: Day, rows: &[Row], words: &Words) -> std::io::Result<Vec<u8>> {
        debug_assert!(rows.len() <= super::ROWS_MAX);
        debug_assert!(rows.is_sorted_by(|a, b| a.cmp_stored(b).is_le()));
        let groups = group_lengths(rows);
        let times = split_times(day, rows, &groups);
        let (mut clients, mut places) = (ByGroup::default(), ByGroup::default());
        clients.add(rows, &groups, |row| (row.agent, row.agent_note));
        places.add(rows, &groups, |row| (row.country, row.region));
        let paths = Paths::of(rows);
        let names = paths.book.entries.iter().map(|(_, name)| *name);
        let notes = clients.entries().iter().map(|(_, note)| *note);
        let block_words = BlockWords::new(words, places.entries().iter().map(|(_, region)| *region).chain(notes).chain(names));
        let mut out = vec![VERSION];
        put_varint(&mut out, rows.len() as u64);
        let columns_at = out.len();
        out.push(0);

        let mut columns = ColumnWriter { out: &mut out, encoder: self, count: 0 };
        columns.add(column::REPO, |plain| put_repos(plain, rows))?;
        columns.add(column::GROUP, |plain| put_groups(plain, rows, &groups))?;
        columns.add(column::WHO_GAPS, |plain| put_group_whos(plain, rows, &groups))?;
        columns.add(column::BEGIN, |plain| plain.extend(times.begins))?;
        columns.add(column::GAP_WIDTH, |plain| plain.extend(times.gap_widths))?;
        columns.add(column::GAP_BITS, |plain| plain.extend(times.gap_bits))?;
        columns.add(column::CLIENT, |plain| clients.put(plain))?;
        columns.add(column::CLIENT_BOOK, |plain| put_client_book(plain, &clients, &block_words))?;
        columns.add(column::SOURCE_RUNS, |plain| put_runs(plain, rows, |row| row.source.0.into()))?;
        columns.add(column::KIND, |plain| put_kinds(plain, rows))?;
        columns.add(column::PATH, |plain| paths.put(plain, &block_words))?;
        columns.add(column::ID, |plain| put_ids(plain, rows))?;
        columns.add(column::DELIVERY_RUNS, |plain| put_runs(plain, rows, |row| row.delivery.0.into()))?;
        columns.add(column::COUNT_RUNS, |plain| put_runs(plain, rows, |row| row.count.saturating_sub(1).into()))?;
        columns.add(column::BYTES, |plain| put_unless_zero(plain, rows, |row| row.bytes))?;
        columns.add(column::DURATION, |plain| put_unless_zero(plain, rows, |row| row.duration))?;
        columns.add(column::PLACE, |plain| places.put(plain))?;
        columns.add(column::PLACE_BOOK, |plain| put_place_book(plain, &places, &block_words))?;
        columns.add(column::SORTED_WORDS, |plain| block_words.put(plain))?;
        let count = columns.count;
        if let Some(place) = out.get_mut(columns_at) {
            *place = count;
        }
        Ok(out)
    }
}

/// Appends columns to a block, each under the codec that stores it smaller.
struct ColumnWriter<'a> {
    out: &'a mut Vec<u8>,
    encoder: &'a mut Encoder,
    count: u8,
}

impl ColumnWriter<'_> {
    /// Adds the column that `write` produces; one that stays empty is absent.
    fn add(&mut self, id: u8, write: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
        let plain = &mut self.encoder.plain;
        plain.clear();
        write(plain);
        if plain.is_empty() {
            return Ok(());
        }
        self.count += 1;
        // Hashes and the bits of gaps do not compress; trying costs more than the rest of the block.
        let compressed = match id {
            column::WHO_GAPS | column::BEGIN | column::GAP_BITS | column::ID => None,
            column::REPO | column::GROUP | column::KIND | column::GAP_WIDTH | column::CLIENT | column::PLACE => {
                Some(self.encoder.by_frequency.compress(plain)?)
            }
            _ => Some(self.encoder.compressor.compress(plain)?).filter(|bytes| bytes.len() < plain.len()),
        };
        let (used, bytes) = match &compressed {
            Some(bytes) => (codec::ZSTD, bytes),
            None => (codec::PLAIN, &*plain),
        };
        self.out.extend([id, used]);
        put_varint(self.out, plain.len() as u64);
        put_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Lengths of the runs of rows of one downloader on one repo.
fn group_lengths(rows: &[Row]) -> Vec<usize> {
    rows.chunk_by(|a, b| (a.repo, a.user, a.who, a.downloader_agent()) == (b.repo, b.user, b.who, b.downloader_agent()))
        .map(<[Row]>::len)
        .collect()
}

/// Calls `each` with the rows of every group.
fn for_groups(rows: &[Row], groups: &[usize], mut each: impl FnMut(&[Row])) {
    let mut rest = rows;
    for &len in groups {
        let (group, after) = rest.split_at(len.min(rest.len()));
        each(group);
        rest = after;
    }
}

fn put_repos(plain: &mut Vec<u8>, rows: &[Row]) {
    let mut previous = 0;
    for run in rows.chunk_by(|a, b| a.repo == b.repo) {
        if let Some(first) = run.first() {
            put_varint(plain, u64::from(first.repo.0 - previous));
            put_varint(plain, run.len() as u64);
            previous = first.repo.0;
        }
    }
}

fn put_groups(plain: &mut Vec<u8>, rows: &[Row], groups: &[usize]) {
    for_groups(rows, groups, |group| {
        let user = group.first().is_some_and(|row| row.user);
        put_varint(plain, (group.len() as u64) << 1 | u64::from(user));
    });
}

fn put_group_whos(plain: &mut Vec<u8>, rows: &[Row], groups: &[usize]) {
    let mut whos = Vec::with_capacity(groups.len());
    for_groups(rows, groups, |group| {
        whos.extend(group.first().map(|row| Group { repo: row.repo, user: row.user, who: row.who, rows: group.len() }));
    });
    if !whos.is_empty() {
        put_whos(plain, &whos);
    }
}

fn put_client_book(plain: &mut Vec<u8>, clients: &ByGroup<(AgentHash, Word)>, words: &BlockWords<'_>) {
    for (agent, note) in clients.entries() {
        plain.extend(agent.0.to_le_bytes());
        put_varint(plain, words.number(*note));
    }
}

fn put_place_book(plain: &mut Vec<u8>, places: &ByGroup<(Country, Word)>, words: &BlockWords<'_>) {
    for (country, region) in places.entries() {
        put_varint(plain, country.0.into());
        put_varint(plain, words.number(*region));
    }
}

fn put_kinds(plain: &mut Vec<u8>, rows: &[Row]) {
    let mut kinds = Book::default();
    let places: Vec<u32> = rows.iter().map(|row| kinds.place((row.method.code(), row.status.0, row.range.code()))).collect();
    put_varint(plain, kinds.entries.len() as u64);
    for (method, status, range) in &kinds.entries {
        plain.push(*method);
        plain.extend(status.to_le_bytes());
        plain.push(*range);
    }
    places.into_iter().for_each(|place| put_varint(plain, place.into()));
}

/// The distinct paths, and of each row 0 or the place of its path plus 1.
struct Paths {
    book: Book<(u64, Word)>,
    of_rows: Vec<u64>,
}

impl Paths {
    fn of(rows: &[Row]) -> Paths {
        let mut paths = Paths { book: Book::default(), of_rows: Vec::new() };
        if rows.iter().any(|row| (row.path.0, row.path_name) != (0, Word::UNKNOWN)) {
            paths.of_rows.extend(rows.iter().map(|row| match (row.path.0, row.path_name) {
                (0, Word::UNKNOWN) => 0,
                path => u64::from(paths.book.place(path)) + 1,
            }));
        }
        paths
    }

    fn put(&self, plain: &mut Vec<u8>, words: &BlockWords<'_>) {
        if self.of_rows.is_empty() {
            return;
        }
        put_varint(plain, self.book.entries.len() as u64);
        for (hash, name) in &self.book.entries {
            plain.extend(hash.to_le_bytes());
            put_varint(plain, words.number(*name));
        }
        self.of_rows.iter().for_each(|place| put_varint(plain, *place));
    }
}

fn put_ids(plain: &mut Vec<u8>, rows: &[Row]) {
    if rows.iter().any(|row| row.id.0 != 0) {
        rows.iter().for_each(|row| plain.extend(row.id.0.to_le_bytes()));
    }
}

fn put_unless_zero(plain: &mut Vec<u8>, rows: &[Row], value: impl Fn(&Row) -> u64) {
    if rows.iter().any(|row| value(row) != 0) {
        rows.iter().for_each(|row| put_varint(plain, value(row)));
    }
}
