//! The texts of a block, sorted, so that each needs only what it does not share with the one before.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::BlockError;
use super::bytes::{ByteReader, put_varint};
use crate::model::{Word, Words};

/// The words that the rows of one block use, numbered from 1 in the order of their texts.
pub struct BlockWords<'a> {
    sorted: Vec<&'a [u8]>,
    numbers: HashMap<Word, u64, FixedState>,
}

impl<'a> BlockWords<'a> {
    /// Numbers the words in use; they may come more than once.
    pub fn new(words: &'a Words, used: impl Iterator<Item = Word>) -> BlockWords<'a> {
        let mut numbers: HashMap<Word, u64, FixedState> = HashMap::default();
        let mut texts: Vec<(&[u8], Word)> = Vec::new();
        for word in used.filter(|word| *word != Word::UNKNOWN) {
            numbers.entry(word).or_insert_with(|| {
                texts.push((words.text(word), word));
                0
            });
        }
        texts.sort_unstable();
        for ((_, word), place) in texts.iter().zip(1..) {
            numbers.insert(*word, place);
        }
        BlockWords { sorted: texts.into_iter().map(|(text, _)| text).collect(), numbers }
    }

    /// The number of a word in use; 0 for "unknown".
    pub fn number(&self, word: Word) -> u64 {
        self.numbers.get(&word).copied().unwrap_or(0)
    }

    /// Appends the texts; nothing if there are none.
    pub fn put(&self, out: &mut Vec<u8>) {
        let mut previous: &[u8] = &[];
        for text in &self.sorted {
            let shared = previous.iter().zip(*text).take_while(|(a, b)| a == b).count();
            let own = text.get(shared..).unwrap_or_default();
            put_varint(out, shared as u64);
            put_varint(out, own.len() as u64);
            out.extend_from_slice(own);
            previous = text;
        }
    }
}

/// Reads texts of so many bytes at most: what claims more would only eat memory.
pub fn read_sorted_texts(mut reader: ByteReader<'_>, bytes_max: usize) -> Result<Vec<Box<[u8]>>, BlockError> {
    let mut texts: Vec<Box<[u8]>> = Vec::new();
    let (mut text, mut bytes) = (Vec::new(), 0_usize);
    while !reader.is_empty() {
        let shared: usize = reader.number()?;
        let own: usize = reader.number()?;
        if shared > text.len() {
            return Err(reader.malformed());
        }
        text.truncate(shared);
        text.extend_from_slice(reader.take(own)?);
        // An empty text takes memory too.
        bytes = bytes.saturating_add(text.len() + 1);
        if bytes > bytes_max {
            return Err(reader.malformed());
        }
        texts.push(text.as_slice().into());
    }
    Ok(texts)
}
