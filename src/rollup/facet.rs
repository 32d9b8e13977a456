//! What sessions are told apart by: where they come from and with which client. Taken from a session's first event.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;

use super::counting::Counting;
use crate::classify::{FileKind, note_library};
use crate::model::{Country, SourceId, Word, Words};
use crate::sessionize::Origin;

/// Where a session comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub country: Country,
    /// Empty if unknown.
    pub region: Box<str>,
}

/// With what, by whom and through which source a session came.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// As [`note_library`] names it; empty if the log names no client.
    pub library: Box<str>,
    /// Empty if unknown.
    pub version: Box<str>,
    pub source: SourceId,
    /// Whether the downloader is a signed-in user.
    pub user: bool,
}

/// A place and a client by their numbers in some list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facet {
    pub place: u32,
    pub client: u32,
}

impl Facet {
    /// The same facet in a list that has places and clients under other numbers: those that stand at the numbers they have.
    #[must_use]
    pub fn renumbered(self, places: &[u32], clients: &[u32]) -> Facet {
        let other = |numbers: &[u32], number: u32| numbers.get(number as usize).copied().unwrap_or(u32::MAX);
        Facet { place: other(places, self.place), client: other(clients, self.client) }
    }
}

type FastMap<K, V> = HashMap<K, V, FixedState>;

/// Different values, numbered in order of first appearance.
#[derive(Clone, Debug)]
pub struct Numbered<T> {
    values: Vec<T>,
    numbers: FastMap<T, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { values: Vec::new(), numbers: FastMap::default() }
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    /// The number of a value, new or known.
    pub fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }

    /// The values in the order of their numbers.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// The places and clients of some events. Its memory of words belongs to one list of [`Words`].
#[derive(Clone, Debug, Default)]
pub struct FacetBook {
    places: Numbered<Place>,
    clients: Numbered<Client>,
    place_of: FastMap<(Country, Word), u32>,
    client_of: FastMap<(Word, SourceId, bool), u32>,
    /// By word: whether its kind was looked up, and which it is.
    kinds: Vec<Option<Option<FileKind>>>,
    /// Whether rows name whole paths, not kinds of files alone.
    whole_paths: bool,
}

impl FacetBook {
    /// A book for rows that were decoded with all they have.
    #[must_use]
    pub fn of_whole_paths() -> FacetBook {
        FacetBook { whole_paths: true, ..FacetBook::default() }
    }

    /// All places.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        self.places.values()
    }

    /// All clients.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        self.clients.values()
    }

    /// The number of a place, new or known.
    pub fn place(&mut self, place: &Place) -> u32 {
        self.places.number(place)
    }

    /// The number of a client, new or known.
    pub fn client(&mut self, client: &Client) -> u32 {
        self.clients.number(client)
    }

    /// The kind of file that a word of a row names.
    pub fn kind(&mut self, word: Word, words: &Words) -> Option<FileKind> {
        if word == Word::UNKNOWN {
            return None;
        }
        let at = word.0 as usize;
        if self.kinds.len() <= at {
            self.kinds.resize(at + 1, None);
        }
        let known = self.kinds.get_mut(at)?;
        *known.get_or_insert_with(|| match self.whole_paths {
            true => Some(FileKind::of(&String::from_utf8_lossy(words.text(word)))),
            false => FileKind::from_word(words.text(word)),
        })
    }

    /// What a session takes from the events of its first instant: all from one of them, and from the smallest, since they
    /// have no order. What is known comes before what is not.
    pub fn first_of(
        &mut self,
        origins: impl Iterator<Item = Origin>,
        user: bool,
        counting: &Counting,
        words: &Words,
    ) -> Option<Facet> {
        let mut smallest: Option<(Origin, Facet)> = None;
        for origin in origins {
            match smallest {
                Some((known, _)) if known == origin => {}
                None => smallest = Some((origin, self.facet(origin, user, words))),
                Some((_, known)) => {
                    let facet = self.facet(origin, user, words);
                    if self.compare(facet, known, counting).is_lt() {
                        smallest = Some((origin, facet));
                    }
                }
            }
        }
        smallest.map(|(_, facet)| facet)
    }

    fn facet(&mut self, origin: Origin, user: bool, words: &Words) -> Facet {
        let text = |word| String::from_utf8_lossy(words.text(word));
        let place = *self
            .place_of
            .entry((origin.country, origin.region))
            .or_insert_with(|| self.places.number(&Place { country: origin.country, region: text(origin.region).into() }));
        let client = *self.client_of.entry((origin.agent_note, origin.source, user)).or_insert_with(|| {
            let note = text(origin.agent_note);
            let (library, version) = note_library(&note);
            self.clients.number(&Client { library: library.into(), version: version.into(), source: origin.source, user })
        });
        Facet { place, client }
    }

    fn compare(&self, a: Facet, b: Facet, counting: &Counting) -> Ordering {
        let key = |facet: Facet| {
            let (place, client) = (self.places.get(facet.place)?, self.clients.get(facet.client)?);
            let known = |text: &'_ str| (text.is_empty(), text.to_owned());
            let country = (place.country == Country::default(), place.country);
            let texts = [&place.region, &client.library, &client.version].map(|text| known(text));
            Some((country, texts, counting.source_name(client.source).to_owned()))
        };
        key(a).cmp(&key(b))
    }
}
