//! The numbers of all downloaders of one publication, and which of them are one person.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::dictionary::{DictionaryChunk, Entry};
use super::set::DownloaderNumber;
use crate::block::BlockError;
use crate::model::DownloaderKey;

/// A downloader whose number is asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    key: DownloaderKey,
    number: Option<DownloaderNumber>,
    /// The smallest number of the same person in any run, under whatever agent.
    kin: Option<DownloaderNumber>,
}

/// A downloader that is one person with an earlier one: its number and the smallest number of that person.
pub type Kin = (DownloaderNumber, DownloaderNumber);

/// What a publication adds to the dictionary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewNumbers {
    /// The entries of a new run, ascending, numbered one after another.
    pub entries: Vec<Entry>,
    /// Those of them who are a person that has a smaller number, ascending.
    pub kin: Vec<Kin>,
}

/// A downloader that was asked for: its number, if a run knows it, and the smallest number of that person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub key: DownloaderKey,
    pub number: Option<DownloaderNumber>,
    pub kin: Option<DownloaderNumber>,
}

/// The numbers of all downloaders of one publication.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// Distinct, ascending.
    wanted: Vec<Wanted>,
    numbers: HashMap<DownloaderKey, DownloaderNumber, FixedState>,
}

impl Numbering {
    /// Asks for the numbers of these downloaders, in any order and with repetitions.
    #[must_use]
    pub fn wanting(mut keys: Vec<DownloaderKey>) -> Numbering {
        keys.sort_unstable();
        keys.dedup();
        let wanted = keys.into_iter().map(|key| Wanted { key, number: None, kin: None }).collect();
        Numbering { wanted, numbers: HashMap::default() }
    }

    /// Whether somebody between these two, themselves included, is wanted.
    #[must_use]
    pub fn wants_within(&self, first_who: u64, last_who: u64) -> bool {
        let start = self.wanted.partition_point(|wanted| wanted.key.who() < first_who);
        self.wanted.get(start).is_some_and(|wanted| wanted.key.who() <= last_who)
    }

    /// Takes the numbers that a chunk of a run knows.
    ///
    /// # Errors
    /// When the chunk is damaged.
    pub fn join(&mut self, chunk: &DictionaryChunk<'_>) -> Result<(), BlockError> {
        let mut entries = chunk.entries();
        let Some(mut entry) = entries.next().transpose()? else { return Ok(()) };
        let start = self.wanted.partition_point(|wanted| wanted.key.who() < entry.0.who());
        for person in self.wanted.get_mut(start..).unwrap_or_default().chunk_by_mut(|a, b| a.key.person() == b.key.person()) {
            let Some(of) = person.first().map(|wanted| wanted.key.person()) else { continue };
            while entry.0.person() < of {
                entries.skip_to(of.who());
                match entries.next().transpose()? {
                    Some(next) => entry = next,
                    None => return Ok(()),
                }
            }
            while entry.0.person() == of {
                let (key, number) = entry;
                for wanted in person.iter_mut() {
                    wanted.kin = Some(wanted.kin.map_or(number, |kin| kin.min(number)));
                    if wanted.key == key {
                        wanted.number = Some(number);
                    }
                }
                match entries.next().transpose()? {
                    Some(next) => entry = next,
                    None => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// Numbers those that no run knew, from `next` on in ascending order, and gives what that adds to the dictionary.
    pub fn number_rest(&mut self, next: DownloaderNumber) -> NewNumbers {
        let mut new = NewNumbers::default();
        let mut next = next.0;
        for person in self.wanted.chunk_by_mut(|a, b| a.key.person() == b.key.person()) {
            let mut first = person.first().and_then(|wanted| wanted.kin);
            for wanted in person.iter_mut().filter(|wanted| wanted.number.is_none()) {
                let number = DownloaderNumber(next);
                wanted.number = Some(number);
                new.entries.push((wanted.key, number));
                new.kin.extend(first.map(|first| (number, first)));
                first = first.or(Some(number));
                next = next.saturating_add(1);
            }
        }
        self.numbers = self.wanted.iter().filter_map(|wanted| wanted.number.map(|number| (wanted.key, number))).collect();
        new
    }

    /// What was wanted, with what runs knew of it.
    pub fn found(self) -> impl Iterator<Item = Found> {
        self.wanted.into_iter().map(|Wanted { key, number, kin }| Found { key, number, kin })
    }

    /// The number of a downloader that was wanted.
    #[must_use]
    pub fn number(&self, key: DownloaderKey) -> Option<DownloaderNumber> {
        self.numbers.get(&key).copied()
    }
}
