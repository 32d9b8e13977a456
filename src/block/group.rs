//! Groups: runs of rows of one downloader on one repo, and columns in which most groups have one value throughout.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;

use super::BlockError;
use super::bytes::{ByteReader, put_varint};
use super::pick::{Pick, Picked};
use crate::model::{RepoNumber, Row};

/// A run of rows of one downloader on one repo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub repo: RepoNumber,
    pub user: bool,
    pub rows: usize,
}

impl Group {
    /// Whether two neighbours belong to one repo and audience, in which groups are sorted by who.
    pub fn same_list(&self, next: &Group) -> bool {
        (self.repo, self.user) == (next.repo, next.user)
    }
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
    bytes: Vec<u8>,
}

impl<K> Default for ByGroup<K> {
    fn default() -> ByGroup<K> {
        ByGroup { book: Book::default(), bytes: Vec::new() }
    }
}

impl<K: Copy + Default + Eq + Hash> ByGroup<K> {
    /// Adds the rows of a block; nothing if none has a value.
    pub fn add(&mut self, rows: &[Row], groups: &[usize], value: impl Fn(&Row) -> K) {
        if rows.iter().all(|row| value(row) == K::default()) {
            return;
        }
        let mut exceptions = Vec::new();
        let (mut rest, mut since) = (rows, 0_u64);
        for &len in groups {
            let (group, after) = rest.split_at(len.min(rest.len()));
            rest = after;
            let Some(first) = group.first() else { continue };
            let mut current = value(first);
            put_varint(&mut self.bytes, self.book.place(current).into());
            for row in group {
                let value = value(row);
                if value != current {
                    put_varint(&mut exceptions, since);
                    put_varint(&mut exceptions, self.book.place(value).into());
                    (current, since) = (value, 0);
                }
                since += 1;
            }
        }
        self.bytes.append(&mut exceptions);
    }

    /// The distinct values.
    pub fn entries(&self) -> &[K] {
        &self.book.entries
    }

    /// Appends the column.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }
}

/// Reads a column of [`ByGroup`] and hands every row that is picked its value.
pub fn read_by_group<K: Copy>(
    mut reader: ByteReader<'_>,
    book: &[K],
    rows: &mut [Row],
    groups: &[Group],
    pick: &Pick,
    set: impl Fn(&mut Row, K),
) -> Result<(), BlockError> {
    let malformed = reader.malformed();
    let look_up = |place: usize| book.get(place).copied().ok_or(malformed);
    let of_groups = groups.iter().map(|_| look_up(reader.number()?)).collect::<Result<Vec<K>, BlockError>>()?;
    let to_go = |reader: &mut ByteReader<'_>| if reader.is_empty() { Ok(usize::MAX) } else { reader.number() };
    let mut exception = to_go(&mut reader)?;
    for (picked, mut value) in pick.by_group(groups, rows).zip(of_groups) {
        let (mut read, mut left) = match picked {
            Picked::Read(rows) => (rows.len(), rows),
            Picked::Passed(rows) => (rows, &mut [][..]),
        };
        // The rows up to each exception, then those behind the last one.
        while exception < read {
            let (before, after) = left.split_at_mut_checked(exception).unwrap_or_default();
            before.iter_mut().for_each(|row| set(row, value));
            (left, read) = (after, read - exception);
            value = look_up(reader.number()?)?;
            exception = to_go(&mut reader)?;
        }
        left.iter_mut().for_each(|row| set(row, value));
        exception -= read;
    }
    Ok(())
}

/// Appends a column as runs of equal values: rows of the run, value. Nothing if all are 0.
pub fn put_runs(out: &mut Vec<u8>, rows: &[Row], value: impl Fn(&Row) -> u64) {
    if rows.iter().all(|row| value(row) == 0) {
        return;
    }
    for run in rows.chunk_by(|a, b| value(a) == value(b)) {
        put_varint(out, run.len() as u64);
        put_varint(out, run.first().map_or(0, &value));
    }
}

/// Reads what [`put_runs`] wrote of the rows that are picked.
pub fn read_runs<T: TryFrom<u64> + Copy>(
    mut reader: ByteReader<'_>,
    rows: &mut [Row],
    pick: &Pick,
    set: impl Fn(&mut Row, T),
) -> Result<(), BlockError> {
    let (mut run, mut to_come): (Option<(usize, T)>, usize) = (None, pick.of_rows());
    let mut next = |wanted: usize| {
        let (len, value) = match run.take() {
            Some(rest) => rest,
            None => {
                let (len, value) = (reader.number()?, reader.number()?);
                to_come = to_come.checked_sub(len).filter(|_| len > 0).ok_or_else(|| reader.malformed())?;
                (len, value)
            }
        };
        let taken = len.min(wanted);
        run = (len > taken).then_some((len - taken, value));
        Ok((taken, value))
    };
    for (mut pass, mut rest) in pick.stretches(rows) {
        while pass > 0 {
            pass -= next(pass)?.0;
        }
        while !rest.is_empty() {
            let (taken, value) = next(rest.len())?;
            let (of_run, after) = rest.split_at_mut_checked(taken).unwrap_or_default();
            of_run.iter_mut().for_each(|row| set(row, value));
            rest = after;
        }
    }
    Ok(())
}
