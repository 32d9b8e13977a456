//! The event: the stored fact about one download-related request, as rows that sort and merge.

use std::cmp::Ordering;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::{DeliveryId, Millis, RepoNumber, SourceId};

/// 64-bit keyed hash of a user id or an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who(pub u64);

impl Who {
    /// Everybody of whom a log tells nothing at all.
    pub const NOBODY: Who = Who(0);
}

/// 32-bit hash of the identity agent; 0 if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentHash(pub u32);

/// 64-bit hash of a file path; 0 if the source has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathHash(pub u64);

impl PathHash {
    /// The hash of a decoded path. It has no key: paths are no personal data, and all nodes must agree on it.
    #[must_use]
    pub fn of(path: &str) -> PathHash {
        PathHash(hash_of_text(path))
    }
}

/// 64-bit hash of the id a sender gave an event; 0 if it gave none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderId(pub u64);

impl SenderId {
    /// The hash of an id as the sender wrote it.
    #[must_use]
    pub fn of(id: &str) -> SenderId {
        SenderId(hash_of_text(id))
    }
}

/// Frozen: it is part of stored identities. 0 stands for "absent", so a hash that happens to be 0 becomes 1.
fn hash_of_text(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes()).max(1)
}

/// A downloader: a user's who, or an anonymous who with its identity agent. All downloaders of one who follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DownloaderKey {
    pub who: Who,
    tag: u64,
}

impl DownloaderKey {
    const USER: u64 = 1 << 32;

    /// A downloader of a who; the agent of a user is 0.
    #[must_use]
    pub fn of(who: Who, user: bool, agent: AgentHash) -> DownloaderKey {
        DownloaderKey { who, tag: if user { DownloaderKey::USER } else { 0 } | u64::from(agent.0) }
    }

    /// The user flag above the agent.
    #[must_use]
    pub fn tag(self) -> u64 {
        self.tag
    }

    /// A downloader of a who by its tag, of which 33 bits are taken.
    #[must_use]
    pub fn tagged(who: Who, tag: u64) -> DownloaderKey {
        DownloaderKey { who, tag: tag & (DownloaderKey::USER | u64::from(u32::MAX)) }
    }

    /// Whether this is a user.
    #[must_use]
    pub fn is_user(self) -> bool {
        self.tag & DownloaderKey::USER != 0
    }

    /// The same for all agents of a who.
    #[must_use]
    pub fn person(self) -> DownloaderKey {
        DownloaderKey { tag: self.tag & DownloaderKey::USER, ..self }
    }
}

/// HTTP method, as far as counting tells them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
}

impl Method {
    /// The number a method is stored as.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The method a stored number stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Method> {
        [Method::Get, Method::Head, Method::Post].get(usize::from(code)).copied()
    }
}

/// HTTP status, 100 to 599.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

/// What is known of the `Range` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RangeFlag {
    /// No range, or the source does not tell.
    #[default]
    None,
    /// `bytes=0-0`: a probe for the size.
    FirstByte,
    /// Any other range.
    Part,
}

impl RangeFlag {
    /// The number a flag is stored as.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The flag a stored number stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<RangeFlag> {
        [RangeFlag::None, RangeFlag::FirstByte, RangeFlag::Part].get(usize::from(code)).copied()
    }
}

/// ISO 3166 country code as two upper-case ASCII letters in one number; 0 if unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub u16);

impl Country {
    /// Reads two letters of any case; anything else is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Country {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Country(u16::from_be_bytes([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Country(0),
        }
    }

    /// The two letters, unless unknown.
    #[must_use]
    pub fn letters(self) -> Option<[u8; 2]> {
        (self.0 != 0).then(|| self.0.to_be_bytes())
    }
}

/// A text of a [`Words`] list; 0 is "unknown".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub u32);

impl Word {
    /// No text.
    pub const UNKNOWN: Word = Word(0);
}

/// Distinct texts, numbered from 1 in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Words {
    texts: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32, FixedState>,
}

impl Words {
    /// The number of a text, new or known. The empty text is "unknown".
    pub fn number(&mut self, text: &[u8]) -> Word {
        if text.is_empty() {
            return Word::UNKNOWN;
        }
        if let Some(&number) = self.numbers.get(text) {
            return Word(number);
        }
        let number = u32::try_from(self.texts.len() + 1).unwrap_or(0);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        Word(number)
    }

    /// The text of a number; empty for "unknown" and for numbers of another list.
    #[must_use]
    pub fn text(&self, word: Word) -> &[u8] {
        match (word.0 as usize).checked_sub(1) {
            Some(index) => self.texts.get(index).map_or(&[], |text| text),
            None => &[],
        }
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The texts in the order of their numbers, from 1.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.texts_behind(0)
    }

    /// The texts behind so many first ones.
    pub fn texts_behind(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        self.texts.get(first..).unwrap_or_default().iter().map(|text| &**text)
    }
}

/// A number column in which 0 means "absent": the value plus one.
#[must_use]
pub fn stored_number(value: Option<u64>) -> u64 {
    value.map_or(0, |value| value.saturating_add(1))
}

/// The value behind [`stored_number`].
#[must_use]
pub fn optional_number(stored: u64) -> Option<u64> {
    stored.checked_sub(1)
}

/// One event, or `count` equal ones of one delivery.
///
/// The first group of fields is the frozen identity: equal in all of them means "the same request". The second group
/// annotates it. Texts are numbers of the [`Words`] list that travels with the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub repo: RepoNumber,
    /// Whether `who` is a signed-in user.
    pub user: bool,
    pub who: Who,
    pub agent: AgentHash,
    pub time: Millis,
    pub source: SourceId,
    pub method: Method,
    pub status: Status,
    pub path: PathHash,
    pub range: RangeFlag,
    pub id: SenderId,

    pub delivery: DeliveryId,
    /// How often the delivery holds this event.
    pub count: u32,

    /// Bytes sent, as [`stored_number`].
    pub bytes: u64,
    /// Milliseconds the answer took, as [`stored_number`].
    pub duration: u64,
    pub country: Country,
    pub region: Word,
    /// The canonical part of the user agent.
    pub agent_note: Word,
    pub path_name: Word,
}

impl Row {
    /// The agent as far as it tells downloaders apart: a user is one downloader whatever the agent.
    #[must_use]
    pub fn downloader_agent(&self) -> AgentHash {
        if self.user { AgentHash(0) } else { self.agent }
    }

    /// The order rows are stored in: by repo, downloader and time, then by the rest of the identity.
    #[must_use]
    pub fn cmp_identity(&self, other: &Row) -> Ordering {
        let key = |row: &Row| {
            (
                (row.repo, row.user, row.who, row.downloader_agent(), row.time),
                (row.source, row.agent, row.method, row.status, row.path, row.range, row.id),
            )
        };
        key(self).cmp(&key(other))
    }

    /// The order of rows of several deliveries: by identity, then delivery.
    #[must_use]
    pub fn cmp_stored(&self, other: &Row) -> Ordering {
        self.cmp_identity(other).then(self.delivery.cmp(&other.delivery))
    }

    /// Who the row is of.
    #[must_use]
    pub fn downloader(&self) -> DownloaderKey {
        DownloaderKey::of(self.who, self.user, self.downloader_agent())
    }
}
