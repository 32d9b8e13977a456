//! Sorted rows of a day -> the bytes of a block.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;

use super::bytes::put_varint;
use super::layout::{VERSION, codec, column};
use crate::model::{Day, Row, Word, Words};

/// Encodes blocks, reusing its buffers and compressor.
pub struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
}

impl Encoder {
    /// A fresh encoder at zstd level 1: higher levels are no smaller on these columns.
    ///
    /// # Errors
    /// When zstd cannot allocate its context.
    pub fn new() -> std::io::Result<Encoder> {
        Ok(Encoder { compressor: zstd::bulk::Compressor::new(1)?, plain: Vec::new() })
    }

    /// Encodes rows of `day` that are sorted by `Row::cmp_stored`, at most `ROWS_MAX` of them.
    ///
    /// # Errors
    /// When zstd fails, which it does only for want of memory.
    pub fn encode(&mut self, day: Day, rows: &[Row], words: &Words) -> std::io::Result<Vec<u8>> {
        debug_assert!(rows.len() <= super::ROWS_MAX);
        debug_assert!(rows.is_sorted_by(|a, b| a.cmp_stored(b).is_le()));
        let groups = group_lengths(rows);
        let mut block_words = BlockWords::new(words);
        let mut out = vec![VERSION];
        put_varint(&mut out, rows.len() as u64);
        let columns_at = out.len();
        out.push(0);

        let mut columns = ColumnWriter { out: &mut out, encoder: self, count: 0 };
        columns.add(column::REPO, |plain| put_repos(plain, rows))?;
        columns.add(column::GROUP, |plain| put_groups(plain, rows, &groups))?;
        columns.add(column::WHO, |plain| put_group_whos(plain, rows, &groups))?;
        columns.add(column::TIME, |plain| put_times(plain, day, rows, &groups))?;
        columns.add(column::AGENT, |plain| put_agents(plain, rows))?;
        columns.add(column::SOURCE, |plain| put_changes(plain, rows, |row| u64::from(row.source.0)))?;
        columns.add(column::KIND, |plain| put_kinds(plain, rows))?;
        columns.add(column::PATH, |plain| put_paths(plain, rows, &mut block_words))?;
        columns.add(column::ID, |plain| put_ids(plain, rows))?;
        columns.add(column::DELIVERY, |plain| put_changes(plain, rows, |row| u64::from(row.delivery.0)))?;
        columns.add(column::COUNT, |plain| put_unless_zero(plain, rows, |row| u64::from(row.count.saturating_sub(1))))?;
        columns.add(column::BYTES, |plain| put_unless_zero(plain, rows, |row| row.bytes))?;
        columns.add(column::DURATION, |plain| put_unless_zero(plain, rows, |row| row.duration))?;
        columns.add(column::COUNTRY, |plain| put_changes(plain, rows, |row| u64::from(row.country.0)))?;
        columns.add(column::REGION, |plain| put_changes(plain, rows, |row| block_words.number(row.region)))?;
        columns.add(column::AGENT_NOTE, |plain| put_changes(plain, rows, |row| block_words.number(row.agent_note)))?;
        columns.add(column::WORDS, |plain| block_words.put(plain))?;
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
        // Hashes do not compress; trying costs more than the rest of the block.
        let compressed = match id {
            column::WHO | column::ID => None,
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

/// Renumbers the words that the rows of one block use, from 1.
struct BlockWords<'a> {
    words: &'a Words,
    numbers: HashMap<Word, u64, FixedState>,
    used: Vec<Word>,
}

impl<'a> BlockWords<'a> {
    fn new(words: &'a Words) -> BlockWords<'a> {
        BlockWords { words, numbers: HashMap::default(), used: Vec::new() }
    }

    fn number(&mut self, word: Word) -> u64 {
        if word == Word::UNKNOWN {
            return 0;
        }
        let next = self.used.len() as u64 + 1;
        *self.numbers.entry(word).or_insert_with(|| {
            self.used.push(word);
            next
        })
    }

    fn put(&self, plain: &mut Vec<u8>) {
        if self.used.is_empty() {
            return;
        }
        put_varint(plain, self.used.len() as u64);
        for &word in &self.used {
            let text = self.words.text(word);
            put_varint(plain, text.len() as u64);
            plain.extend_from_slice(text);
        }
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
    for_groups(rows, groups, |group| plain.extend(group.first().map_or(0, |row| row.who.0).to_le_bytes()));
}

fn put_times(plain: &mut Vec<u8>, day: Day, rows: &[Row], groups: &[usize]) {
    for_groups(rows, groups, |group| {
        let mut previous = day.start().0;
        for row in group {
            put_varint(plain, u64::try_from(row.time.0 - previous).unwrap_or(0));
            previous = row.time.0;
        }
    });
}

/// A dictionary in order of first appearance.
fn dictionary<K: Hash + Eq + Copy>(keys: impl Iterator<Item = K>) -> (Vec<K>, HashMap<K, u64, FixedState>) {
    let mut order = Vec::new();
    let mut numbers = HashMap::default();
    for key in keys {
        numbers.entry(key).or_insert_with(|| {
            order.push(key);
            order.len() as u64 - 1
        });
    }
    (order, numbers)
}

fn put_agents(plain: &mut Vec<u8>, rows: &[Row]) {
    if rows.iter().all(|row| row.agent.0 == 0) {
        return;
    }
    let (agents, numbers) = dictionary(rows.iter().map(|row| row.agent.0));
    put_varint(plain, agents.len() as u64);
    agents.iter().for_each(|agent| plain.extend(agent.to_le_bytes()));
    put_changes(plain, rows, |row| numbers.get(&row.agent.0).map_or(0, |number| number + 1));
}

fn put_kinds(plain: &mut Vec<u8>, rows: &[Row]) {
    let kind = |row: &Row| (row.method.code(), row.status.0, row.range.code());
    let (kinds, numbers) = dictionary(rows.iter().map(kind));
    put_varint(plain, kinds.len() as u64);
    for (method, status, range) in &kinds {
        plain.push(*method);
        plain.extend(status.to_le_bytes());
        plain.push(*range);
    }
    rows.iter().for_each(|row| put_varint(plain, numbers.get(&kind(row)).copied().unwrap_or(0)));
}

fn put_paths(plain: &mut Vec<u8>, rows: &[Row], words: &mut BlockWords<'_>) {
    if rows.iter().all(|row| row.path.0 == 0 && row.path_name == Word::UNKNOWN) {
        return;
    }
    let path = |row: &Row| (row.path.0, row.path_name);
    let (paths, numbers) = dictionary(rows.iter().map(path).filter(|path| *path != (0, Word::UNKNOWN)));
    put_varint(plain, paths.len() as u64);
    for (hash, name) in &paths {
        plain.extend(hash.to_le_bytes());
        put_varint(plain, words.number(*name));
    }
    rows.iter().for_each(|row| put_varint(plain, numbers.get(&path(row)).map_or(0, |number| number + 1)));
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

fn put_changes(plain: &mut Vec<u8>, rows: &[Row], mut value: impl FnMut(&Row) -> u64) {
    let start = plain.len();
    let mut previous = 0;
    let mut any = false;
    for row in rows {
        let value = value(row);
        any |= value != 0;
        put_varint(plain, if value == previous { 0 } else { value + 1 });
        previous = value;
    }
    if !any {
        plain.truncate(start);
    }
}
