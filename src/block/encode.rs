//! Sorted rows of a day -> the bytes of a block.

use zstd::zstd_safe::CParameter;

use super::bytes::put_varint;
use super::group::{ByGroup, Group};
use super::layout::{VERSION, codec, column};
use super::split::Split;
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
        let Split { repos, groups, times_ms, clients, places, paths, kinds, ids, sources, deliveries, counts, bytes, durations } =
            Split::of(day, rows);
        let times = split_times(&times_ms, &groups);
        let notes = clients.entries().iter().map(|(_, note)| *note);
        let block_words =
            BlockWords::new(words, places.entries().iter().map(|(_, region)| *region).chain(notes).chain(paths.names()));
        let mut out = vec![VERSION];
        put_varint(&mut out, rows.len() as u64);
        let columns_at = out.len();
        out.push(0);

        let mut columns = ColumnWriter { out: &mut out, encoder: self, count: 0 };
        columns.add(column::REPO, |plain| repos.put(plain))?;
        columns.add(column::GROUP, |plain| put_groups(plain, &groups))?;
        columns.add(column::WHO_GAPS, |plain| put_whos(plain, &groups))?;
        columns.add(column::BEGIN, |plain| plain.extend(times.begins))?;
        columns.add(column::GAP_WIDTH, |plain| plain.extend(times.gap_widths))?;
        columns.add(column::GAP_BITS, |plain| plain.extend(times.gap_bits))?;
        columns.add(column::CLIENT, |plain| clients.put(plain))?;
        columns.add(column::CLIENT_BOOK, |plain| put_client_book(plain, &clients, &block_words))?;
        columns.add(column::SOURCE_RUNS, |plain| sources.put(plain))?;
        columns.add(column::KIND, |plain| kinds.put(plain))?;
        columns.add(column::PATH, |plain| paths.put(plain, &block_words))?;
        columns.add(column::ID, |plain| ids.put(plain))?;
        columns.add(column::DELIVERY_RUNS, |plain| deliveries.put(plain))?;
        columns.add(column::COUNT_RUNS, |plain| counts.put(plain))?;
        columns.add(column::BYTES, |plain| bytes.put(plain))?;
        columns.add(column::DURATION, |plain| durations.put(plain))?;
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

fn put_groups(plain: &mut Vec<u8>, groups: &[Group]) {
    groups.iter().for_each(|group| put_varint(plain, (group.rows as u64) << 1 | u64::from(group.user)));
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
