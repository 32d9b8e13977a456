//! Groups: runs of rows of one downloader on one repo, and columns in which most groups have one value throughout.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;

use super::BlockError;
use super::bytes::{ByteReader, put_varint};
use super::columns::Columns;
use super::layout::column;
use super::pick::Stripe;
use crate::model::{RepoNumber, Row, Who};

/// A run of rows of one downloader on one repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub repo: RepoNumber,
    pub user: bool,
    pub who: Who,
    pub rows: usize,
}

impl Group {
    /// Whether two neighbours belong to one repo and audience, in which groups are sorted by who.
    pub fn same_list(&self, next: &Group) -> bool {
        (self.repo, self.user) == (next.repo, next.user)
    }
}

/// The groups that cover so many rows; who made them is not told here.
pub fn read_groups(columns: &Columns<'_>, rows: usize) -> Result<Vec<Group>, BlockError> {
    let mut all = Vec::new();
    if rows == 0 {
        return Ok(all);
    }
    let mut repos = columns.required(column::REPO, "repo column")?;
    let mut groups = columns.required(column::GROUP, "downloader column")?;
    let take = |rest: usize, len: usize| rest.checked_sub(len).filter(|_| len > 0);
    let mut repo = 0_u32;
    let mut rest = rows;
    while rest > 0 {
        repo = repo.checked_add(repos.number()?).ok_or_else(|| repos.malformed())?;
        let mut of_repo: usize = repos.number()?;
        rest = take(rest, of_repo).ok_or_else(|| repos.malformed())?;
        while of_repo > 0 {
            let group = groups.varint()?;
            let rows = usize::try_from(group >> 1).unwrap_or(usize::MAX);
            of_repo = take(of_repo, rows).ok_or_else(|| groups.malformed())?;
            all.push(Group { repo: RepoNumber(repo), user: group & 1 == 1, who: Who::default(), rows });
        }
    }
    Ok(all)
}

/// Distinct values in order of first appearance.
pub struct Book<K> {
    pub entries: Vec<K>,
    numbers: HashMap<K, u32, FixedState>,
    last: Option<(K, u32)>,
}

impl<K> Default for Book<K> {
    fn default() -> Book<K> {
        Book { entries: Vec::new(), numbers: HashMap::default(), last: None }
    }
}

impl<K: Copy + Eq + Hash> Book<K> {
    /// The place of a value, which is entered if it is new.
    pub fn place(&mut self, value: K) -> u32 {
        if let Some((_, place)) = self.last.filter(|(last, _)| *last == value) {
            return place;
        }
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let place = *self.numbers.entry(value).or_insert_with(|| {
            self.entries.push(value);
            next
        });
        self.last = Some((value, place));
        place
    }
}

/// A column of places in a book: one per group, then the exceptions: rows since the last exception, and the place of the
/// value from there to the end of the group.
pub struct ByGroup<K> {
    book: Book<K>,
    of_groups: Vec<u8>,
    exceptions: Vec<u8>,
    /// Rows since the last exception.
    since: u64,
    /// Whether any row has a value.
    any: bool,
}

impl<K> Default for ByGroup<K> {
    fn default() -> ByGroup<K> {
        ByGroup { book: Book::default(), of_groups: Vec::new(), exceptions: Vec::new(), since: 0, any: false }
    }
}

impl<K: Copy + Default + Eq + Hash> ByGroup<K> {
    /// Adds the rows of the next group.
    pub fn add(&mut self, group: &[Row], value: impl Fn(&Row) -> K) {
        let Some(first) = group.first() else { return };
        let mut current = value(first);
        self.any |= current != K::default();
        put_varint(&mut self.of_groups, self.book.place(current).into());
        for row in group {
            let value = value(row);
            if value != current {
                self.any |= value != K::default();
                put_varint(&mut self.exceptions, self.since);
                put_varint(&mut self.exceptions, self.book.place(value).into());
                (current, self.since) = (value, 0);
            }
            self.since += 1;
        }
    }

    /// The distinct values; none if no row has one.
    pub fn entries(&self) -> &[K] {
        if self.any { &self.book.entries } else { &[] }
    }

    /// Appends the column; nothing if no row has a value.
    pub fn put(&self, out: &mut Vec<u8>) {
        if self.any {
            out.extend_from_slice(&self.of_groups);
            out.extend_from_slice(&self.exceptions);
        }
    }
}

/// Reads a column of [`ByGroup`] from front to back.
pub struct ByGroupReader<'c, K> {
    book: Vec<K>,
    of_groups: ByteReader<'c>,
    exceptions: ByteReader<'c>,
    /// Rows to go until the next exception.
    to_go: usize,
}

impl<'c, K: Copy> ByGroupReader<'c, K> {
    /// A reader of a column for so many groups, with its book of what `entry` reads; `None` if the column is absent.
    pub fn new(
        columns: &'c Columns<'_>,
        (column, book): (u8, u8),
        part: &'static str,
        groups: usize,
        entry: impl Fn(&mut ByteReader<'_>) -> Result<K, BlockError>,
    ) -> Result<Option<ByGroupReader<'c, K>>, BlockError> {
        let Some(of_groups) = columns.get(column, part) else { return Ok(None) };
        let mut entries = columns.required(book, part)?;
        let mut book = Vec::new();
        while !entries.is_empty() {
            book.push(entry(&mut entries)?);
        }
        let mut exceptions = of_groups.clone();
        exceptions.pass_varints(groups)?;
        let to_go = to_go(&mut exceptions)?;
        Ok(Some(ByGroupReader { book, of_groups, exceptions, to_go }))
    }

    /// Hands every row of a stripe its value.
    pub fn read(&mut self, stripe: &mut Stripe<'_>, set: impl Fn(&mut Row, K)) -> Result<(), BlockError> {
        let ByGroupReader { book, of_groups, exceptions, to_go: exception } = self;
        let malformed = of_groups.malformed();
        let look_up = |place: usize| book.get(place).copied().ok_or(malformed);
        for (group, rows) in stripe.groups() {
            let mut value = look_up(of_groups.number()?)?;
            let (mut left, mut rest) = (group.rows, rows.unwrap_or_default());
            // The rows up to each exception, then those behind the last one.
            while *exception < left {
                let (before, after) = rest.split_at_mut_checked(*exception).unwrap_or_default();
                before.iter_mut().for_each(|row| set(row, value));
                (rest, left) = (after, left - *exception);
                value = look_up(exceptions.number()?)?;
                *exception = to_go(exceptions)?;
            }
            rest.iter_mut().for_each(|row| set(row, value));
            *exception -= left;
        }
        Ok(())
    }
}

/// Rows until the next exception; there is none at the end of the column.
fn to_go(exceptions: &mut ByteReader<'_>) -> Result<usize, BlockError> {
    if exceptions.is_empty() { Ok(usize::MAX) } else { exceptions.number() }
}

/// A column as runs of equal values: rows of the run, value.
#[derive(Default)]
pub struct Runs {
    runs: Vec<u8>,
    /// The run at hand.
    value: u64,
    len: u64,
    /// Whether any row has a value.
    any: bool,
}

impl Runs {
    /// Adds the next rows.
    pub fn add(&mut self, rows: &[Row], value: impl Fn(&Row) -> u64) {
        for row in rows {
            let value = value(row);
            if value != self.value {
                self.end_run();
                self.value = value;
                self.any = true;
            }
            self.len += 1;
        }
    }

    fn end_run(&mut self) {
        if self.len > 0 {
            put_varint(&mut self.runs, self.len);
            put_varint(&mut self.runs, self.value);
            self.len = 0;
        }
    }

    /// Appends the column; nothing if no row has a value.
    pub fn put(mut self, out: &mut Vec<u8>) {
        if self.any {
            self.end_run();
            out.extend_from_slice(&self.runs);
        }
    }
}

/// Reads what [`Runs`] wrote from front to back.
pub struct RunReader<'c, T> {
    runs: ByteReader<'c>,
    /// What is left of the run at hand.
    run: Option<(usize, T)>,
    /// Rows behind that run.
    to_come: usize,
}

impl<'c, T: TryFrom<u64> + Copy> RunReader<'c, T> {
    /// A reader of the column of a block of so many rows; `None` if it is absent.
    pub fn new(columns: &'c Columns<'_>, id: u8, part: &'static str, rows: usize) -> Option<RunReader<'c, T>> {
        columns.get(id, part).map(|runs| RunReader { runs, run: None, to_come: rows })
    }

    /// Takes so many rows at most from the run at hand, or the next one: how many it were, and their value.
    fn take(&mut self, wanted: usize) -> Result<(usize, T), BlockError> {
        let (len, value) = match self.run.take() {
            Some(rest) => rest,
            None => {
                let (len, value) = (self.runs.number()?, self.runs.number()?);
                self.to_come = self.to_come.checked_sub(len).filter(|_| len > 0).ok_or_else(|| self.runs.malformed())?;
                (len, value)
            }
        };
        let taken = len.min(wanted);
        self.run = (len > taken).then_some((len - taken, value));
        Ok((taken, value))
    }

    /// Hands every row of a stripe its value.
    pub fn read(&mut self, stripe: &mut Stripe<'_>, set: impl Fn(&mut Row, T)) -> Result<(), BlockError> {
        for (mut pass, mut rest) in stripe.stretches() {
            while pass > 0 {
                pass -= self.take(pass)?.0;
            }
            while !rest.is_empty() {
                let (taken, value) = self.take(rest.len())?;
                let (of_run, after) = rest.split_at_mut_checked(taken).unwrap_or_default();
                of_run.iter_mut().for_each(|row| set(row, value));
                rest = after;
            }
        }
        Ok(())
    }
}
