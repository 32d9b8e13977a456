//! Sorted row streams -> one sorted stream, with equal events joined: the lattice of DESIGN's law 2.
//!
//! Equal rows of one document add their counts, equal rows of one source's pushes of a day take the larger count, and
//! over deliveries the largest count is how often the event happened.

use std::cmp::Ordering;

use super::sort::in_stored_order;
use super::{Decoded, ROWS_MAX};
use crate::model::{Row, Word, Words};

/// One input: an iterator of blocks in stored order.
struct Input<I> {
    blocks: I,
    rows: std::vec::IntoIter<Row>,
    /// The next row to come out, and the first of what it is ordered by.
    next: Row,
    key: Key,
    /// The current block's texts.
    texts: Vec<Box<[u8]>>,
    /// Their numbers in the merged list, once a row needed them: a list of all texts of a day could be long.
    renumbered: Vec<Option<Word>>,
}

/// Repo, user flag, who, the downloader's agent, and the time: rows of different inputs that agree in these are rare.
type Key = (u128, u64);

fn key_of(row: &Row) -> Key {
    let agent = row.downloader_agent().0;
    let high = u128::from(row.repo.0) << 96 | u128::from(row.user) << 95 | u128::from(row.who.0) << 31;
    // Times of both signs in one order, without the lowest bit of the agent, which stands above them.
    let time = (row.time.0.clamp(-TIME_MAX, TIME_MAX) + TIME_MAX).unsigned_abs();
    (high | u128::from(agent >> 1), u64::from(agent & 1) << 63 | time)
}

/// Later times than any that are accepted.
const TIME_MAX: i64 = 1 << 61;

impl<I> Input<I> {
    /// The number of one of the block's texts in the merged list.
    fn renumber(&mut self, word: Word, words: &mut Words) -> Word {
        let Some(at) = (word.0 as usize).checked_sub(1) else { return Word::UNKNOWN };
        let (Some(text), Some(known)) = (self.texts.get(at), self.renumbered.get_mut(at)) else { return Word::UNKNOWN };
        *known.get_or_insert_with(|| words.number(text))
    }
}

impl<I, E> Input<I>
where
    I: Iterator<Item = Result<Decoded, E>>,
{
    /// Goes on to the next row, its texts renumbered into `words`; `false` if there is none.
    fn advance(&mut self, words: &mut Words) -> Result<bool, E> {
        let mut row = loop {
            if let Some(row) = self.rows.next() {
                break row;
            }
            // The next block may have its memory.
            self.rows = Vec::new().into_iter();
            let Some(block) = self.blocks.next() else { return Ok(false) };
            let block = block?;
            self.rows = block.rows.into_iter();
            self.renumbered = vec![None; block.texts.len()];
            self.texts = block.texts;
        };
        row.region = self.renumber(row.region, words);
        row.agent_note = self.renumber(row.agent_note, words);
        row.path_name = self.renumber(row.path_name, words);
        (self.next, self.key) = (row, key_of(&row));
        Ok(true)
    }
}

/// A merge of row streams; rows come out in stored order with the number of their input.
pub struct Merge<I> {
    inputs: Vec<Input<I>>,
    /// Numbers of the inputs that have a next row, as a binary heap: no parent's row comes after those of its children.
    heap: Vec<usize>,
    words: Words,
}

/// All rows of one identity, over all deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The identity, with the annotations of all its rows joined.
    pub row: Row,
    /// How often the event happened.
    pub count: u32,
    /// Of the lines in fresh inputs, those that made `count` larger.
    pub accepted: u64,
    /// Of the lines in fresh inputs, those that did not.
    pub repeated: u64,
}

impl<I, E> Merge<I>
where
    I: Iterator<Item = Result<Decoded, E>>,
{
    /// Starts a merge; reads the first block of every input.
    ///
    /// # Errors
    /// When an input fails.
    pub fn new(inputs: impl IntoIterator<Item = I>) -> Result<Merge<I>, E> {
        let mut merge = Merge { inputs: Vec::new(), heap: Vec::new(), words: Words::default() };
        for (number, blocks) in inputs.into_iter().enumerate() {
            let (rows, next) = (Vec::new().into_iter(), Row::default());
            let mut input = Input { blocks, rows, next, key: Key::default(), texts: Vec::new(), renumbered: Vec::new() };
            if input.advance(&mut merge.words)? {
                merge.heap.push(number);
            }
            merge.inputs.push(input);
        }
        // Sorted, it is a heap.
        let Merge { inputs, heap, .. } = &mut merge;
        heap.sort_unstable_by(|a, b| order(inputs, *a, *b));
        Ok(merge)
    }

    /// The texts of the rows given out so far.
    #[must_use]
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// The next row in stored order, with the number of its input.
    ///
    /// # Errors
    /// When an input fails.
    pub fn next_row(&mut self) -> Result<Option<(usize, Row)>, E> {
        let Some(number) = self.heap.first().copied() else { return Ok(None) };
        let Some(input) = self.inputs.get_mut(number) else { return Ok(None) };
        let row = input.next;
        if !input.advance(&mut self.words)? {
            self.heap.swap_remove(0);
        }
        self.sift_down();
        Ok(Some((number, row)))
    }

    /// Brings the first input down to where it belongs.
    fn sift_down(&mut self) {
        let mut at = 0;
        while let Some(left) = self.heap.get(2 * at + 1) {
            let child = match self.heap.get(2 * at + 2) {
                Some(right) if order(&self.inputs, *right, *left).is_lt() => 2 * at + 2,
                _ => 2 * at + 1,
            };
            match (self.heap.get(at), self.heap.get(child)) {
                (Some(parent), Some(smaller)) if order(&self.inputs, *smaller, *parent).is_lt() => self.heap.swap(at, child),
                _ => break,
            }
            at = child;
        }
    }
}

/// The order of two inputs by their next rows.
fn order<I>(inputs: &[Input<I>], a: usize, b: usize) -> Ordering {
    let (Some(left), Some(right)) = (inputs.get(a), inputs.get(b)) else { return a.cmp(&b) };
    left.key.cmp(&right.key).then_with(|| left.next.cmp_stored(&right.next).then(a.cmp(&b)))
}

/// Gives out the rows of a merge by identity.
pub struct Joins<I> {
    merge: Merge<I>,
    ahead: Option<(usize, Row)>,
}

impl<I, E> Merge<I>
where
    I: Iterator<Item = Result<Decoded, E>>,
{
    /// Turns the merge into one of joined events.
    ///
    /// # Errors
    /// When an input fails.
    pub fn joined(mut self) -> Result<Joins<I>, E> {
        let ahead = self.next_row()?;
        Ok(Joins { merge: self, ahead })
    }
}

impl<I, E> Joins<I>
where
    I: Iterator<Item = Result<Decoded, E>>,
{
    /// The texts of the events given out so far.
    #[must_use]
    pub fn words(&self) -> &Words {
        &self.merge.words
    }

    /// The next event; `fresh` tells which inputs are being counted for a receipt.
    ///
    /// # Errors
    /// When an input fails.
    pub fn next_event(&mut self, fresh: impl Fn(usize) -> bool) -> Result<Option<Joined>, E> {
        self.next_event_seen(fresh, |_, _, _| Ok(()))
    }

    /// The next event; `seen` gets every row it is joined from, as the merge gives it, with the number of its input.
    ///
    /// # Errors
    /// When an input or `seen` fails.
    pub fn next_event_seen(
        &mut self,
        fresh: impl Fn(usize) -> bool,
        mut seen: impl FnMut(usize, &Row, &Words) -> Result<(), E>,
    ) -> Result<Option<Joined>, E> {
        let Some((input, mut row)) = self.ahead.take() else { return Ok(None) };
        let mut tally = Tally::default();
        tally.add(&row, fresh(input));
        seen(input, &row, &self.merge.words)?;
        loop {
            match self.merge.next_row()? {
                Some((input, next)) if next.cmp_identity(&row).is_eq() => {
                    tally.add(&next, fresh(input));
                    seen(input, &next, &self.merge.words)?;
                    join_annotations(&mut row, &next, &self.merge.words);
                }
                ahead => {
                    self.ahead = ahead;
                    break;
                }
            }
        }
        Ok(Some(tally.joined(row)))
    }
}

/// Multiplicity of one identity while its rows pass in order of delivery.
#[derive(Default)]
struct Tally {
    delivery: Option<crate::model::DeliveryId>,
    of_delivery: u64,
    of_delivery_before: u64,
    largest: u64,
    largest_before: u64,
    fresh: u64,
}

impl Tally {
    fn add(&mut self, row: &Row, fresh: bool) {
        if self.delivery != Some(row.delivery) {
            (self.delivery, self.of_delivery, self.of_delivery_before) = (Some(row.delivery), 0, 0);
        }
        let count = u64::from(row.count);
        let join = |so_far: u64| if row.delivery.is_pushes() { so_far.max(count) } else { so_far + count };
        self.of_delivery = join(self.of_delivery);
        if fresh {
            self.fresh += count;
        } else {
            self.of_delivery_before = join(self.of_delivery_before);
        }
        self.largest = self.largest.max(self.of_delivery);
        self.largest_before = self.largest_before.max(self.of_delivery_before);
    }

    fn joined(&self, row: Row) -> Joined {
        let accepted = (self.largest - self.largest_before).min(self.fresh);
        Joined { row, count: u32::try_from(self.largest).unwrap_or(u32::MAX), accepted, repeated: self.fresh - accepted }
    }
}

/// Joins the annotations of equal events: present beats absent, then the smaller wins.
fn join_annotations(row: &mut Row, other: &Row, words: &Words) {
    let number = |a: u64, b: u64| if a == 0 || b == 0 { a.max(b) } else { a.min(b) };
    let word = |a: Word, b: Word| {
        if a == b || b == Word::UNKNOWN {
            a
        } else if a == Word::UNKNOWN || words.text(b) < words.text(a) {
            b
        } else {
            a
        }
    };
    row.bytes = number(row.bytes, other.bytes);
    row.duration = number(row.duration, other.duration);
    row.country.0 = u16::try_from(number(row.country.0.into(), other.country.0.into())).unwrap_or(0);
    row.region = word(row.region, other.region);
    row.agent_note = word(row.agent_note, other.agent_note);
    row.path_name = word(row.path_name, other.path_name);
}

/// Whether two neighbours in stored order are the same event of the same delivery.
pub(super) fn same_stored(a: &Row, b: &Row) -> bool {
    a.cmp_stored(b).is_eq()
}

/// How often a delivery holds an event of which it was told twice.
fn joined_count(a: &Row, b: &Row) -> u32 {
    if a.delivery.is_pushes() { a.count.max(b.count) } else { a.count.saturating_add(b.count) }
}

/// Joins equal rows of one body or document: they add up.
pub(super) fn add_into(last: &mut Row, next: &Row, words: &Words) {
    last.count = last.count.saturating_add(next.count);
    join_annotations(last, next, words);
}

/// Joins equal neighbours of sorted rows that belong to one delivery.
fn join_into(last: &mut Row, next: &Row, words: &Words) {
    last.count = joined_count(last, next);
    join_annotations(last, next, words);
}

/// Joins equal neighbours of sorted rows of several bodies or documents, as deliveries of their kinds join.
pub(super) fn join_neighbours(rows: &mut Vec<Row>, words: &Words) {
    rows.dedup_by(|next, last| {
        let same = same_stored(last, next);
        if same {
            join_into(last, next, words);
        }
        same
    });
}

/// Rows of a block that comes from a log or from bodies. A day that has many of them is merged soon, and then a block of each
/// of its segments is in memory at once, unpacked.
pub(super) const FRESH_ROWS_MAX: usize = ROWS_MAX / 2;

/// Hands out the rows of some stretches of one document in stored order, in blocks, equal ones added up; the rows stay where
/// they are. `block` is memory for a block.
///
/// # Errors
/// When `emit` fails.
pub fn for_sorted_blocks<E>(
    stretches: &[impl AsRef<[Row]>],
    words: &Words,
    block: &mut Vec<Row>,
    mut emit: impl FnMut(&[Row]) -> Result<(), E>,
) -> Result<(), E> {
    block.clear();
    block.reserve_exact(stretches.iter().map(|rows| rows.as_ref().len()).sum::<usize>().min(FRESH_ROWS_MAX));
    let mut outcome = Ok(());
    in_stored_order(stretches, |_, row| match block.last_mut() {
        // Most neighbours differ in their time already.
        Some(last) if last.time == row.time && same_stored(last, row) => add_into(last, row, words),
        _ => {
            if block.len() == FRESH_ROWS_MAX {
                if outcome.is_ok() {
                    outcome = emit(block);
                }
                block.clear();
            }
            block.push(*row);
        }
    });
    outcome?;
    if block.is_empty() { Ok(()) } else { emit(block) }
}

/// Merges inputs and hands out blocks of joined rows, dropping rows that `keep` refuses.
///
/// # Errors
/// When an input or `emit` fails.
pub fn compact<I, E>(
    mut merge: Merge<I>,
    keep: impl Fn(&Row) -> bool,
    mut emit: impl FnMut(&[Row], &Words) -> Result<(), E>,
) -> Result<(), E>
where
    I: Iterator<Item = Result<Decoded, E>>,
{
    let mut block = Compaction::default();
    while let Some((_, row)) = merge.next_row()? {
        if keep(&row) {
            block.push(&row, merge.words(), &mut emit)?;
        }
    }
    block.finish(merge.words(), emit)
}

/// Rows on their way into blocks, equal ones joined.
#[derive(Default)]
pub struct Compaction {
    /// The block so far.
    rows: Vec<Row>,
}

impl Compaction {
    /// Adds the next row in stored order; emits the block if it is full.
    ///
    /// # Errors
    /// When `emit` fails.
    pub fn push<E>(&mut self, row: &Row, words: &Words, emit: impl FnOnce(&[Row], &Words) -> Result<(), E>) -> Result<(), E> {
        match self.rows.last_mut() {
            Some(last) if same_stored(last, row) => join_into(last, row, words),
            _ => {
                if self.rows.len() == ROWS_MAX {
                    emit(&self.rows, words)?;
                    self.rows.clear();
                }
                self.rows.push(*row);
            }
        }
        Ok(())
    }

    /// Emits what is left.
    ///
    /// # Errors
    /// When `emit` fails.
    pub fn finish<E>(self, words: &Words, emit: impl FnOnce(&[Row], &Words) -> Result<(), E>) -> Result<(), E> {
        if self.rows.is_empty() { Ok(()) } else { emit(&self.rows, words) }
    }
}

/// Hands out the events of sorted rows, joined over deliveries.
pub fn for_events(rows: &[Row], words: &Words, mut each: impl FnMut(&Joined)) {
    for equal in rows.chunk_by(|a, b| a.cmp_identity(b).is_eq()) {
        let Some(mut event) = equal.first().copied() else { continue };
        let mut tally = Tally::default();
        for row in equal {
            tally.add(row, false);
            join_annotations(&mut event, row, words);
        }
        each(&tally.joined(event));
    }
}

/// Joins sorted rows into sorted rows: equal rows of a document add up, of pushes take the maximum.
pub fn join_sorted(rows: &mut Vec<Row>, new: &[Row], words: &Words) {
    let appended = rows.last().zip(new.first()).is_none_or(|(last, first)| last.cmp_stored(first).is_lt());
    rows.extend_from_slice(new);
    if appended {
        return;
    }
    // Two sorted runs: the standard sort recognises and merges them.
    rows.sort_by(Row::cmp_stored);
    join_neighbours(rows, words);
}
