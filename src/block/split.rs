//! The rows of a block -> their columns, all of them stripe by stripe: a pass over all rows for each column would fetch every
//! row from memory as often.

use super::bytes::put_varint;
use super::group::{Book, ByGroup, Group, Runs};
use super::pick::STRIPE_ROWS;
use super::texts::BlockWords;
use crate::model::{AgentHash, Country, Day, RepoNumber, Row, Word};

/// The columns of the rows of a block, as far as they can be had from one row after the other.
#[derive(Default)]
pub struct Split {
    pub repos: Repos,
    pub groups: Vec<Group>,
    pub times_ms: Vec<u32>,
    pub clients: ByGroup<(AgentHash, Word)>,
    pub places: ByGroup<(Country, Word)>,
    pub kinds: Kinds,
    pub paths: Paths,
    pub ids: Column,
    pub sources: Runs,
    pub deliveries: Runs,
    pub counts: Runs,
    pub bytes: Column,
    pub durations: Column,
}

impl Split {
    /// Splits sorted rows of one day.
    pub fn of(day: Day, rows: &[Row]) -> Split {
        let mut split = Split { times_ms: Vec::with_capacity(rows.len()), ..Split::default() };
        let (mut start, mut end) = (0, 0);
        let identity = |row: &Row| (row.repo, row.user, row.who, row.downloader_agent());
        for group in rows.chunk_by(|a, b| identity(a) == identity(b)) {
            split.add_group(group);
            end += group.len();
            if end - start >= STRIPE_ROWS {
                split.add_rows(day, rows.get(start..end).unwrap_or_default());
                start = end;
            }
        }
        split.add_rows(day, rows.get(start..).unwrap_or_default());
        split
    }

    fn add_group(&mut self, group: &[Row]) {
        let Some(first) = group.first() else { return };
        self.repos.add(first.repo, group.len() as u64);
        self.groups.push(Group { repo: first.repo, user: first.user, who: first.who, rows: group.len() });
        self.clients.add(group, |row| (row.agent, row.agent_note));
        self.places.add(group, |row| (row.country, row.region));
    }

    /// Adds the rows of some groups that were added.
    fn add_rows(&mut self, day: Day, rows: &[Row]) {
        let day_start = day.start().0;
        self.times_ms.extend(rows.iter().map(|row| u32::try_from(row.time.0 - day_start).unwrap_or(0)));
        self.kinds.add(rows);
        self.paths.add(rows);
        self.sources.add(rows, |row| row.source.0.into());
        self.deliveries.add(rows, |row| row.delivery.0.into());
        self.counts.add(rows, |row| row.count.saturating_sub(1).into());
        self.ids.add(rows, |row| row.id.0, |out, id| out.extend(id.to_le_bytes()));
        self.bytes.add(rows, |row| row.bytes, put_varint);
        self.durations.add(rows, |row| row.duration, put_varint);
    }
}

/// The column of repos.
#[derive(Default)]
pub struct Repos {
    plain: Vec<u8>,
    /// The repo before the one at hand.
    previous: RepoNumber,
    at_hand: RepoNumber,
    rows: u64,
}

impl Repos {
    fn add(&mut self, repo: RepoNumber, rows: u64) {
        if repo != self.at_hand {
            self.end_repo();
            self.at_hand = repo;
        }
        self.rows += rows;
    }

    fn end_repo(&mut self) {
        if self.rows > 0 {
            put_varint(&mut self.plain, u64::from(self.at_hand.0 - self.previous.0));
            put_varint(&mut self.plain, self.rows);
            (self.previous, self.rows) = (self.at_hand, 0);
        }
    }

    /// Appends the column.
    pub fn put(mut self, out: &mut Vec<u8>) {
        self.end_repo();
        out.extend_from_slice(&self.plain);
    }
}

/// The column of methods, statuses and ranges.
#[derive(Default)]
pub struct Kinds {
    book: Book<(u8, u16, u8)>,
    of_rows: Vec<u8>,
}

impl Kinds {
    fn add(&mut self, rows: &[Row]) {
        for row in rows {
            let place = self.book.place((row.method.code(), row.status.0, row.range.code()));
            put_varint(&mut self.of_rows, place.into());
        }
    }

    /// Appends the column.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.book.entries.len() as u64);
        for (method, status, range) in &self.book.entries {
            out.push(*method);
            out.extend(status.to_le_bytes());
            out.push(*range);
        }
        out.extend_from_slice(&self.of_rows);
    }
}

/// The column of paths: the distinct ones, and of each row 0 or the place of its path plus 1.
#[derive(Default)]
pub struct Paths {
    book: Book<(u64, Word)>,
    of_rows: Vec<u8>,
}

impl Paths {
    fn add(&mut self, rows: &[Row]) {
        for row in rows {
            let number = match (row.path.0, row.path_name) {
                (0, Word::UNKNOWN) => 0,
                path => u64::from(self.book.place(path)) + 1,
            };
            put_varint(&mut self.of_rows, number);
        }
    }

    /// The names of the distinct paths.
    pub fn names(&self) -> impl Iterator<Item = Word> {
        self.book.entries.iter().map(|(_, name)| *name)
    }

    /// Appends the column; nothing if no row has a path.
    pub fn put(&self, out: &mut Vec<u8>, words: &BlockWords<'_>) {
        if self.book.entries.is_empty() {
            return;
        }
        put_varint(out, self.book.entries.len() as u64);
        for (hash, name) in &self.book.entries {
            out.extend(hash.to_le_bytes());
            put_varint(out, words.number(*name));
        }
        out.extend_from_slice(&self.of_rows);
    }
}

/// A column with a value per row, 0 for none.
#[derive(Default)]
pub struct Column {
    plain: Vec<u8>,
    any: bool,
}

impl Column {
    fn add(&mut self, rows: &[Row], value: impl Fn(&Row) -> u64, put: impl Fn(&mut Vec<u8>, u64)) {
        for row in rows {
            let value = value(row);
            self.any |= value != 0;
            put(&mut self.plain, value);
        }
    }

    /// Appends the column; nothing if no row has a value.
    pub fn put(&self, out: &mut Vec<u8>) {
        if self.any {
            out.extend_from_slice(&self.plain);
        }
    }
}
