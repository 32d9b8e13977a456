//! The daily counts of one repo in one calendar year, and the head that knows the repo's years.
//!
//! ```text
//!  year: days x ( days since the day before | authenticated | anonymous | files | uniques * 2 + evidence )
//!  head: years x ( year u16 | days u16 | downloads u64 | checksum of the year's value u64 | evidence u8 )
//! ```

use super::chunk::RepoDay;
use crate::block::{BlockError, ByteReader, put_varint};
use crate::model::{Day, DayCounts, Downloads, Files, Uniques};

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
            put_varint(&mut out, of_day.counts.authenticated.0);
            put_varint(&mut out, of_day.counts.anonymous.0);
            put_varint(&mut out, of_day.counts.files.0);
            put_varint(&mut out, of_day.uniques.0 << 1 | u64::from(of_day.evidence));
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
            let counts = DayCounts {
                authenticated: Downloads(reader.varint()?),
                anonymous: Downloads(reader.varint()?),
                files: Files(reader.varint()?),
            };
            let uniques = reader.varint()?;
            let of_day = RepoDay { counts, uniques: Uniques(uniques >> 1), evidence: uniques & 1 == 1 };
            days.push(YearDay { day: Day(previous), of_day });
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearHead {
    pub year: u16,
    /// Days with counted events.
    pub days: u16,
    pub downloads: Downloads,
    /// Of the year's stored value, so that a stale one is noticed.
    pub checksum: u64,
    pub evidence: bool,
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
        let mut out = Vec::with_capacity(self.years.len() * 21);
        for head in &self.years {
            out.extend(head.year.to_le_bytes());
            out.extend(head.days.to_le_bytes());
            out.extend(head.downloads.0.to_le_bytes());
            out.extend(head.checksum.to_le_bytes());
            out.push(u8::from(head.evidence));
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
        while !reader.is_empty() {
            years.push(YearHead {
                year: u16::from_le_bytes(reader.array()?),
                days: u16::from_le_bytes(reader.array()?),
                downloads: Downloads(u64::from_le_bytes(reader.array()?)),
                checksum: u64::from_le_bytes(reader.array()?),
                evidence: reader.byte()? != 0,
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
