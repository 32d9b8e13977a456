//! The daily counts of one repo in one calendar year, and the head that knows the repo's years.
//!
//! ```text
//!  year: days x ( days since the day before | counts (`RepoDay`) )
//!  head: years x ( years since the year before * 2 + 1 | length | year )
//!           or   ( years since the year before * 2 | days * 2 + evidence | downloads | checksum of the year's value u64 )
//! ```
//!
//! Numbers without a width are varints. A year of few bytes lies in the head, any other is a value of its own.

use super::repo_day::RepoDay;
use crate::block::{BlockError, ByteReader, put_varint};
use crate::model::{Day, Downloads};

/// Longer years are no part of the head: sums over all repos read every head.
pub const YEAR_INLINE_BYTES_MAX: usize = 128;

/// One day of a repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearDay {
    pub day: Day,
    pub of_day: RepoDay,
}

/// The days of a repo in one calendar year that have counted events, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepoYear {
    pub days: Vec<YearDay>,
}

impl RepoYear {
    /// Encodes the days.
    #[must_use]
    pub fn encode(&self, year: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.days.len() * 6);
        let mut previous = Day::first_of_year(year).0;
        for YearDay { day, of_day } in &self.days {
            put_varint(&mut out, u64::from(day.0 - previous));
            of_day.put(&mut out);
            previous = day.0;
        }
        out
    }

    /// Decodes the days.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn decode(year: u16, bytes: &[u8]) -> Result<RepoYear, BlockError> {
        let mut reader = ByteReader::new(bytes, "repo year");
        let mut days = Vec::new();
        let mut previous = Day::first_of_year(year).0;
        while !reader.is_empty() {
            previous = previous.checked_add(reader.number()?).ok_or_else(|| reader.malformed())?;
            days.push(YearDay { day: Day(previous), of_day: RepoDay::read(&mut reader)? });
        }
        Ok(RepoYear { days })
    }

    /// Puts a day in its place, or takes it out.
    pub fn set(&mut self, day: Day, of_day: Option<RepoDay>) {
        match (self.days.binary_search_by_key(&day, |entry| entry.day), of_day) {
            (Ok(at), Some(of_day)) => {
                if let Some(entry) = self.days.get_mut(at) {
                    entry.of_day = of_day;
                }
            }
            (Err(at), Some(of_day)) => self.days.insert(at, YearDay { day, of_day }),
            (Ok(at), None) => drop(self.days.remove(at)),
            (Err(_), None) => {}
        }
    }

    /// All downloads of the year.
    #[must_use]
    pub fn downloads(&self) -> Downloads {
        self.days.iter().map(|entry| entry.of_day.counts.downloads()).sum()
    }

    /// Whether a day proves that the repo is public.
    #[must_use]
    pub fn evidence(&self) -> bool {
        self.days.iter().any(|entry| entry.of_day.evidence)
    }
}

/// What a head says of one year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearHead {
    pub year: u16,
    /// Days with counted events.
    pub days: u16,
    pub downloads: Downloads,
    pub evidence: bool,
    pub place: YearPlace,
}

/// Where the days of a year are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum YearPlace {
    /// In the head.
    Here(RepoYear),
    /// In a value of their own, with this checksum, so that a stale one is noticed.
    Apart(u64),
}

impl YearHead {
    /// What a head says of a year whose days lie in a value with this checksum, or in the head if there is none.
    #[must_use]
    pub fn new(year: u16, days: RepoYear, checksum: Option<u64>) -> YearHead {
        YearHead {
            year,
            days: u16::try_from(days.days.len()).unwrap_or(u16::MAX),
            downloads: days.downloads(),
            evidence: days.evidence(),
            place: checksum.map_or(YearPlace::Here(days), YearPlace::Apart),
        }
    }
}

/// The years of a repo, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepoHead {
    pub years: Vec<YearHead>,
}

impl RepoHead {
    /// Encodes the head.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        let mut previous = 0;
        for head in &self.years {
            let since = u64::from(head.year - previous);
            previous = head.year;
            match &head.place {
                YearPlace::Here(days) => {
                    let days = days.encode(head.year);
                    put_varint(&mut out, since << 1 | 1);
                    put_varint(&mut out, days.len() as u64);
                    out.extend(days);
                }
                YearPlace::Apart(checksum) => {
                    put_varint(&mut out, since << 1);
                    put_varint(&mut out, u64::from(head.days) << 1 | u64::from(head.evidence));
                    put_varint(&mut out, head.downloads.0);
                    out.extend(checksum.to_le_bytes());
                }
            }
        }
        out
    }

    /// Decodes a head.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<RepoHead, BlockError> {
        let mut reader = ByteReader::new(bytes, "repo head");
        let mut years = Vec::new();
        let mut year = 0_u16;
        while !reader.is_empty() {
            let since = reader.varint()?;
            let step = u16::try_from(since >> 1).ok();
            year = step.and_then(|step| year.checked_add(step)).ok_or_else(|| reader.malformed())?;
            if since & 1 == 1 {
                let len = reader.number()?;
                let days = RepoYear::decode(year, reader.take(len)?)?;
                years.push(YearHead::new(year, days, None));
                continue;
            }
            let days = reader.varint()?;
            years.push(YearHead {
                year,
                days: u16::try_from(days >> 1).map_err(|_| reader.malformed())?,
                evidence: days & 1 == 1,
                downloads: Downloads(reader.varint()?),
                place: YearPlace::Apart(u64::from_le_bytes(reader.array()?)),
            });
        }
        Ok(RepoHead { years })
    }

    /// Puts a year in its place, or takes it out.
    pub fn set(&mut self, year: u16, head: Option<YearHead>) {
        self.years.retain(|known| known.year != year);
        self.years.extend(head);
        self.years.sort_unstable_by_key(|head| head.year);
    }
}
