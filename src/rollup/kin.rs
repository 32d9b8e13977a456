//! Which downloader numbers are one person: who comes with another agent gets another number, and the floor of unique
//! downloaders counts persons.
//!
//! A chunk holds pairs in order of number: `pairs | ( number minus the one before | number minus the
//! smallest of the person ) each as varints`. Most downloaders are in none.

use super::numbering::Kin;
use super::set::{DownloaderNumber, DownloaderSet};
use crate::block::{BlockError, ByteReader, put_varint};

/// Pairs of one chunk at most: five bytes each stay below 64 KiB.
pub const KIN_CHUNK_PAIRS: usize = 12_000;

/// Encodes ascending pairs.
#[must_use]
pub fn encode_kin(pairs: &[Kin]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pairs.len() * 4 + 10);
    put_varint(&mut out, pairs.len() as u64);
    let mut previous = 0;
    for (number, person) in pairs {
        put_varint(&mut out, u64::from(number.0 - previous));
        put_varint(&mut out, u64::from(number.0 - person.0));
        previous = number.0;
    }
    out
}

/// Decodes a chunk.
///
/// # Errors
/// When it is damaged.
pub fn decode_kin(bytes: &[u8]) -> Result<Vec<Kin>, BlockError> {
    let mut reader = ByteReader::new(bytes, "kin chunk");
    let pairs = reader.length(2)?;
    let mut previous = 0_u32;
    let mut kin = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        let number = previous.checked_add(reader.number()?).ok_or_else(|| reader.malformed())?;
        let person = number.checked_sub(reader.number()?).ok_or_else(|| reader.malformed())?;
        kin.push((DownloaderNumber(number), DownloaderNumber(person)));
        previous = number;
    }
    Ok(kin)
}

/// Which downloaders are one person, for all numbers of one published state.
#[derive(Clone, Debug, Default)]
pub struct Persons {
    /// Ascending.
    kin: Vec<Kin>,
    /// The numbers that are a person with a smaller one.
    later: DownloaderSet,
}

impl Persons {
    /// Of ascending pairs.
    #[must_use]
    pub fn new(kin: Vec<Kin>) -> Persons {
        let mut later = DownloaderSet::default();
        later.add(kin.iter().map(|(number, _)| *number));
        Persons { kin, later }
    }

    /// How many persons are in a set of downloaders, by `parts` whose pairs are of different numbers.
    #[must_use]
    pub fn in_set(parts: &[&Persons], set: &DownloaderSet) -> u64 {
        let mut later = 0;
        let mut elsewhere: Vec<DownloaderNumber> = Vec::new();
        for Persons { kin, later: of_part } in parts {
            for number in set.members_shared_with(of_part) {
                later += 1;
                let at = kin.binary_search_by_key(&number, |(number, _)| *number).ok();
                // A person whose first number is in the set is counted by it; others are counted once here.
                elsewhere.extend(at.and_then(|at| kin.get(at)).map(|(_, first)| *first).filter(|first| !set.contains(*first)));
            }
        }
        elsewhere.sort_unstable();
        elsewhere.dedup();
        (set.len() + elsewhere.len() as u64).saturating_sub(later)
    }
}
