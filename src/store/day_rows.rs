//! The rows of a day as inputs of a merge, every row under the name by which the catalog has it read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::StoreError;
use super::records::SegmentRecord;
use super::segments::{BlockIter, RepoChoice, Sought};
use super::table::Read;
use crate::block::{Decoded, Wanted};
use crate::model::{Day, Renames, RepoNumber, Word, Words};

/// Which rows of a day are asked for.
#[derive(Clone)]
pub struct DayQuestion {
    pub day: Day,
    pub repos: RepoChoice,
    /// Whose rows are read as far as they lie under their repos' present names; everybody's without it.
    pub sought: Option<Arc<Sought>>,
    pub renames: Arc<Renames>,
    pub wanted: Wanted,
}

/// Sorted rows, block by block.
pub enum DayRows<'a, R: Read + ?Sized> {
    /// As they are stored.
    Stored(BlockIter<'a, R>),
    /// Stored under old names.
    Moved(std::option::IntoIter<Decoded>),
}

impl<R: Read + ?Sized> Iterator for DayRows<'_, R> {
    type Item = Result<Decoded, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            DayRows::Stored(blocks) => blocks.next(),
            DayRows::Moved(rows) => rows.next().map(Ok),
        }
    }
}

/// The rows of some segments of a day as inputs of a merge, each with the place of its segment in the list.
///
/// # Errors
/// When the store fails or a block is damaged.
pub fn day_rows<'a, R: Read + ?Sized>(
    txn: &'a R,
    question: &DayQuestion,
    segments: impl IntoIterator<Item = SegmentRecord>,
) -> Result<Vec<(usize, DayRows<'a, R>)>, StoreError> {
    let DayQuestion { day, repos, sought, renames, wanted } = question;
    let old: BTreeSet<RepoNumber> = match repos {
        RepoChoice::These(repos) => renames.old_of(repos).collect(),
        RepoChoice::All | RepoChoice::Within(_) => renames.old().collect(),
    };
    let old = Arc::new(old);
    let mut inputs = Vec::new();
    for (at, segment) in segments.into_iter().enumerate() {
        if !old.is_empty() {
            let blocks = BlockIter::of_repos(txn, *day, segment.clone(), RepoChoice::These(Arc::clone(&old)), *wanted);
            let moved = moved_rows(blocks, question)?;
            if !moved.rows.is_empty() {
                inputs.push((at, DayRows::Moved(Some(moved).into_iter())));
            }
        }
        let stored = BlockIter::of_repos(txn, *day, segment, repos.clone(), *wanted);
        inputs.push((at, DayRows::Stored(stored.of_sought(sought.as_ref()).without_moved(renames))));
    }
    Ok(inputs)
}

/// The rows of old names under their new ones, sorted anew.
fn moved_rows<R: Read + ?Sized>(blocks: BlockIter<'_, R>, question: &DayQuestion) -> Result<Decoded, StoreError> {
    let mut moved = Decoded::default();
    let mut words = Words::default();
    for block in blocks {
        let block = block?;
        let renumbered: Vec<Word> = block.texts.iter().map(|text| words.number(text)).collect();
        let word = |word: Word| {
            (word.0 as usize).checked_sub(1).and_then(|index| renumbered.get(index)).copied().unwrap_or(Word::UNKNOWN)
        };
        for mut row in block.rows {
            let to = question.renames.read_as(row.repo, row.time);
            if to == row.repo || !question.repos.contains(to) {
                continue;
            }
            row.repo = to;
            (row.region, row.agent_note, row.path_name) = (word(row.region), word(row.agent_note), word(row.path_name));
            moved.rows.push(row);
        }
    }
    moved.rows.sort_unstable_by(crate::model::Row::cmp_stored);
    moved.texts = words.texts().map(Box::from).collect();
    Ok(moved)
}
