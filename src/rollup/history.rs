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

/// Memory for the stored form of a day; it takes less with few exceptions.
pub const YEAR_DAY_BYTES: usize = 8;

const PART: &str = "repo year";

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
    /// Decodes the days.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn decode(year: u16, bytes: &[u8]) -> Result<RepoYear, BlockError> {
        let mut reader = ByteReader::new(bytes, PART);
        let mut days = Vec::new();
        let mut previous = Day::first_of_year(year);
        while !reader.is_empty() {
            days.push(YearDay::read(&mut reader, &mut previous)?);
        }
        Ok(RepoYear { days })
    }

    /// Puts a day in its place, or takes it out.
    fn set(&mut self, day: Day, of_day: Option<RepoDay>) {
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
}

impl YearDay {
    /// Reads the stored form, of which the day before is a part.
    fn read(reader: &mut ByteReader<'_>, previous: &mut Day) -> Result<YearDay, BlockError> {
        let day = Day(previous.0.checked_add(reader.number()?).ok_or_else(|| reader.malformed())?);
        *previous = day;
        Ok(YearDay { day, of_day: RepoDay::read(reader)? })
    }
}

/// A year of a repo as it is stored, and what a head says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredYear {
    pub bytes: Vec<u8>,
    /// Days with counted events.
    pub days: u16,
    pub downloads: Downloads,
    pub evidence: bool,
}

impl StoredYear {
    /// What a stored year becomes if some days are set, or taken out, in the memory of `before`: the last change of a day holds.
    /// What lies before all of them is not encoded anew, since most changes are of the last days.
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn changed(
        year: u16,
        before: Vec<u8>,
        changes: impl Iterator<Item = (Day, Option<RepoDay>)> + Clone,
    ) -> Result<StoredYear, BlockError> {
        let first_change = changes.clone().map(|(day, _)| day).min();
        let mut reader = ByteReader::new(&before, PART);
        let (mut stored, mut changed) = (StoredYear::default(), RepoYear::default());
        let mut read_to = Day::first_of_year(year);
        let (mut kept_to, mut kept_bytes) = (read_to, 0);
        while !reader.is_empty() {
            let entry = YearDay::read(&mut reader, &mut read_to)?;
            if first_change.is_some_and(|first| first <= entry.day) {
                changed.days.push(entry);
            } else {
                stored.count(&entry.of_day);
                kept_to = entry.day;
                kept_bytes = before.len() - reader.rest().len();
            }
        }
        changes.for_each(|(day, of_day)| changed.set(day, of_day));
        stored.bytes = before;
        stored.bytes.truncate(kept_bytes);
        for YearDay { day, of_day } in &changed.days {
            put_varint(&mut stored.bytes, u64::from(day.0 - kept_to.0));
            of_day.put(&mut stored.bytes);
            stored.count(of_day);
            kept_to = *day;
        }
        Ok(stored)
    }

    fn count(&mut self, of_day: &RepoDay) {
        self.days = self.days.saturating_add(1);
        self.downloads += of_day.counts.downloads();
        self.evidence |= of_day.evidence;
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
    Here(Vec<u8>),
    /// In a value of their own, with this checksum, so that a stale one is noticed.
    Apart(u64),
}

impl YearHead {
    /// What a head says of a year whose days lie in a value with this checksum, or in the head if there is none.
    #[must_use]
    pub fn new(year: u16, stored: StoredYear, checksum: Option<u64>) -> YearHead {
        let StoredYear { bytes, days, downloads, evidence } = stored;
        YearHead { year, days, downloads, evidence, place: checksum.map_or(YearPlace::Here(bytes), YearPlace::Apart) }
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
                    put_varint(&mut out, since << 1 | 1);
                    put_varint(&mut out, days.len() as u64);
                    out.extend_from_slice(days);
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
                let stored = StoredYear::changed(year, reader.take(len)?.to_vec(), std::iter::empty())?;
                years.push(YearHead::new(year, stored, None));
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
