//! Groups: runs of rows of one downloader on one repo, and columns in which most groups have one value throughout.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::FixedState;

use super::BlockError;
use super::bytes::{ByteReader, put_varint};
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

/// Reads a column of [`ByGroup`] and hands every row its value.
pub fn read_by_group<K: Copy>(
    mut reader: ByteReader<'_>,
    book: &[K],
    rows: &mut [Row],
    groups: &[Group],
    set: impl Fn(&mut Row, K),
) -> Result<(), BlockError> {
    let malformed = reader.malformed();
    let look_up = |place: usize| book.get(place).copied().ok_or(malformed);
    let of_groups = groups.iter().map(|_| look_up(reader.number()?)).collect::<Result<Vec<K>, BlockError>>()?;
    let to_go = |reader: &mut ByteReader<'_>| if reader.is_empty() { Ok(usize::MAX) } else { reader.number() };
    let (mut exception, mut rest) = (to_go(&mut reader)?, rows);
    for (group, mut value) in groups.iter().zip(of_groups) {
        let (of_group, after) = std::mem::take(&mut rest).split_at_mut_checked(group.rows).ok_or(malformed)?;
        rest = after;
        for row in of_group {
            if exception == 0 {
                value = look_up(reader.number()?)?;
                exception = to_go(&mut reader)?;
            }
            exception = exception.wrapping_sub(1);
            set(row, value);
        }
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

/// Reads what [`put_runs`] wrote.
pub fn read_runs<T: TryFrom<u64> + Copy>(
    mut reader: ByteReader<'_>,
    rows: &mut [Row],
    set: impl Fn(&mut Row, T),
) -> Result<(), BlockError> {
    let mut rest = rows;
    while !rest.is_empty() {
        let len: usize = reader.number()?;
        let value: T = reader.number()?;
        let (run, after) = std::mem::take(&mut rest).split_at_mut_checked(len).ok_or_else(|| reader.malformed())?;
        if run.is_empty() {
            return Err(reader.malformed());
        }
        run.iter_mut().for_each(|row| set(row, value));
        rest = after;
    }
    Ok(())
}
