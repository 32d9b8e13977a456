//! The numbers of all downloaders of one publication, and which of them are one person.

use super::dictionary::{DictionaryChunk, Entry};
use super::set::DownloaderNumber;
use crate::block::BlockError;
use crate::model::{DownloaderKey, Who};

/// A downloader whose number is asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    key: DownloaderKey,
    number: u32,
    /// The smallest number of the same person in any run, under whatever agent.
    kin: u32,
}

/// In place of a number: millions of these are held at once, and an `Option` would take as much room again.
const NONE: u32 = u32::MAX;

fn known(number: u32) -> Option<DownloaderNumber> {
    (number != NONE).then_some(DownloaderNumber(number))
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

/// Downloaders whose numbers are to come back in the order they were asked for: looking up each of them anew takes longer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Ascending by downloader, each in one number with the place it was asked for at: numbers sort without branches.
    keys: Vec<u128>,
}

/// Bits of a place; the tag of a downloader takes 33, its who 64.
const PLACE_BITS: u32 = 31;

/// A downloader with the place it was asked for at.
fn placed(key: DownloaderKey, place: u32) -> u128 {
    u128::from(key.who.0) << u64::BITS | u128::from(key.tag()) << PLACE_BITS | u128::from(place)
}

/// The downloader of [`placed`].
fn downloader(placed: u128) -> DownloaderKey {
    // What is cut off is who.
    DownloaderKey::tagged(Who((placed >> u64::BITS) as u64), placed as u64 >> PLACE_BITS)
}

impl Asked {
    /// Asks for the numbers of these downloaders, in any order and with repetitions; two billion at most.
    #[must_use]
    pub fn of(keys: impl Iterator<Item = DownloaderKey>) -> Asked {
        let mut keys: Vec<u128> = keys.zip(0..1 << PLACE_BITS).map(|(key, place)| placed(key, place)).collect();
        keys.sort_unstable();
        Asked { keys }
    }

    /// Each of them once, on the way to its number.
    #[must_use]
    pub fn numbering(&self) -> Numbering {
        let mut keys: Vec<DownloaderKey> = self.keys.iter().map(|placed| downloader(*placed)).collect();
        keys.dedup();
        Numbering::wanting_sorted(keys)
    }

    /// Their numbers in the order they were asked for, once all have one.
    #[must_use]
    pub fn numbers(self, numbering: &Numbering) -> Vec<DownloaderNumber> {
        let mut numbers = vec![DownloaderNumber::default(); self.keys.len()];
        let same = |a: &u128, b: &u128| a >> PLACE_BITS == b >> PLACE_BITS;
        for (of_one, number) in self.keys.chunk_by(same).zip(numbering.numbers()) {
            for placed in of_one {
                let place = (placed & ((1 << PLACE_BITS) - 1)) as usize;
                if let Some(place) = numbers.get_mut(place) {
                    *place = number;
                }
            }
        }
        numbers
    }
}

/// The numbers of all downloaders of one publication.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// Distinct, ascending.
    wanted: Vec<Wanted>,
}

/// Some of the downloaders of a publication, ascending.
#[derive(Debug)]
pub struct Share<'n> {
    wanted: &'n mut [Wanted],
}

impl Share<'_> {
    /// Who is first and last among them.
    #[must_use]
    pub fn bounds(&self) -> Option<(Who, Who)> {
        Some((self.wanted.first()?.key.who, self.wanted.last()?.key.who))
    }

    /// Whether somebody between these two, themselves included, is wanted.
    #[must_use]
    pub fn wants_within(&self, first: Who, last: Who) -> bool {
        let start = self.wanted.partition_point(|wanted| wanted.key.who < first);
        self.wanted.get(start).is_some_and(|wanted| wanted.key.who <= last)
    }

    /// Takes the numbers that a chunk of a run knows.
    ///
    /// # Errors
    /// When the chunk is damaged.
    pub fn join(&mut self, chunk: &DictionaryChunk<'_>) -> Result<(), BlockError> {
        let mut entries = chunk.entries();
        let Some(mut entry) = entries.next().transpose()? else { return Ok(()) };
        let start = self.wanted.partition_point(|wanted| wanted.key.who < entry.0.who);
        for person in self.wanted.get_mut(start..).unwrap_or_default().chunk_by_mut(|a, b| a.key.person() == b.key.person()) {
            let Some(of) = person.first().map(|wanted| wanted.key.person()) else { continue };
            while entry.0.person() < of {
                match entries.next_from(of.who)? {
                    Some(next) => entry = next,
                    None => return Ok(()),
                }
            }
            while entry.0.person() == of {
                let (key, number) = entry;
                for wanted in person.iter_mut() {
                    wanted.kin = wanted.kin.min(number.0);
                    if wanted.key == key {
                        wanted.number = number.0;
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
}

impl Numbering {
    /// Asks for the numbers of these downloaders, in any order and with repetitions.
    #[must_use]
    pub fn wanting(mut keys: Vec<DownloaderKey>) -> Numbering {
        keys.sort_unstable();
        keys.dedup();
        Numbering::wanting_sorted(keys)
    }

    /// Asks for the numbers of these distinct downloaders, ascending.
    fn wanting_sorted(keys: Vec<DownloaderKey>) -> Numbering {
        Numbering { wanted: keys.into_iter().map(|key| Wanted { key, number: NONE, kin: NONE }).collect() }
    }

    /// All that are wanted.
    pub fn all(&mut self) -> Share<'_> {
        Share { wanted: &mut self.wanted }
    }

    /// All that are wanted in so many shares at most of about one size, each with all downloaders of its persons, so that
    /// they can be joined beside each other.
    #[must_use]
    pub fn shares(&mut self, shares: usize) -> Vec<Share<'_>> {
        let each = self.wanted.len().div_ceil(shares.max(1));
        let (mut rest, mut cut) = (self.wanted.as_mut_slice(), Vec::with_capacity(shares));
        while let Some(last) = rest.get(..each).unwrap_or(rest).last().map(|wanted| wanted.key.who) {
            let end = rest.partition_point(|wanted| wanted.key.who <= last);
            let (wanted, after) = std::mem::take(&mut rest).split_at_mut_checked(end).unwrap_or_default();
            cut.push(Share { wanted });
            rest = after;
        }
        cut
    }

    /// Numbers those that no run knew, from `next` on in ascending order, and gives what that adds to the dictionary.
    pub fn number_rest(&mut self, next: DownloaderNumber) -> NewNumbers {
        let mut new = NewNumbers::default();
        let mut next = next.0;
        for person in self.wanted.chunk_by_mut(|a, b| a.key.person() == b.key.person()) {
            let mut first = person.first().and_then(|wanted| known(wanted.kin));
            for wanted in person.iter_mut().filter(|wanted| wanted.number == NONE) {
                let number = DownloaderNumber(next);
                wanted.number = next;
                new.entries.push((wanted.key, number));
                new.kin.extend(first.map(|first| (number, first)));
                first = first.or(Some(number));
                next = next.saturating_add(1);
            }
        }
        new
    }

    /// The numbers of all that was wanted, ascending by downloader, once they have some.
    fn numbers(&self) -> impl Iterator<Item = DownloaderNumber> {
        self.wanted.iter().map(|wanted| DownloaderNumber(wanted.number))
    }

    /// How many are wanted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Whether nobody is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What was wanted, with what runs knew of it.
    pub fn found(self) -> impl Iterator<Item = Found> {
        self.wanted.into_iter().map(|Wanted { key, number, kin }| Found { key, number: known(number), kin: known(kin) })
    }
}
