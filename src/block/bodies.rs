//! Rows of several bodies on one day in stored order, each with the body it came in.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Decoded;
use super::merge::{FRESH_ROWS_MAX, Merge, add_into, join_neighbours, same_stored};
use super::sort::in_stored_order;
use crate::model::{DownloaderKey, RepoNumber, Row, Words};

/// Sorted rows of some bodies. Equal rows of one body are one, those of different bodies are not.
#[derive(Clone, Debug, Default)]
pub struct BodyRows {
    rows: Vec<Row>,
    /// The body of each row.
    bodies: Vec<u32>,
    /// Places of rows that are equal to the one before, which came in another body.
    repeats: Vec<usize>,
}

impl BodyRows {
    /// Sorts stretches of rows, each with its body, those of earlier bodies first. Lines of one body that are equal add up.
    #[must_use]
    pub fn of(stretches: &[(u32, &[Row])], words: &Words) -> BodyRows {
        BodyRows::default().refilled(stretches, words)
    }

    /// The same in the memory of these rows, which are forgotten.
    #[must_use]
    pub fn refilled(mut self, stretches: &[(u32, &[Row])], words: &Words) -> BodyRows {
        let slices: Vec<&[Row]> = stretches.iter().map(|(_, rows)| *rows).collect();
        let count = slices.iter().map(|rows| rows.len()).sum();
        self.rows.clear();
        self.bodies.clear();
        self.repeats.clear();
        self.rows.reserve_exact(count);
        self.bodies.reserve_exact(count);
        in_stored_order(&slices, |stretch, row| {
            let body = stretches.get(stretch).map_or(0, |(body, _)| *body);
            self.push(row, body, words);
        });
        self
    }

    /// All rows of a merge; the body of each is the number of its input. What is equal in one input was stored under several
    /// names: that is for those to join who hold both.
    ///
    /// # Errors
    /// When an input fails.
    pub fn of_merge<E>(merge: &mut Merge<impl Iterator<Item = Result<Decoded, E>>>) -> Result<BodyRows, E> {
        let mut all = BodyRows::default();
        while let Some((input, row)) = merge.next_row()? {
            all.rows.push(row);
            all.bodies.push(u32::try_from(input).unwrap_or(u32::MAX));
        }
        Ok(all)
    }

    /// Rows that fit into its memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.rows.capacity()
    }

    fn push(&mut self, row: &Row, body: u32, words: &Words) {
        // Most neighbours differ in their time already.
        if let (Some(last), Some(of_last)) = (self.rows.last_mut(), self.bodies.last())
            && last.time == row.time
            && same_stored(last, row)
        {
            if *of_last == body {
                return add_into(last, row, words);
            }
            self.repeats.push(self.rows.len());
        }
        self.rows.push(*row);
        self.bodies.push(body);
    }

    /// The rows in stored order.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows as they are stored, in blocks.
    #[must_use]
    pub fn blocks(&self) -> Vec<BodyBlock<'_>> {
        let (mut blocks, mut rest, mut start, mut repeats) = (Vec::new(), self.rows.as_slice(), 0, self.repeats.as_slice());
        while !rest.is_empty() {
            let is_repeat = |end: &usize| self.repeats.binary_search(&(start + end)).is_ok();
            // What is joined stays together.
            let end = (FRESH_ROWS_MAX..rest.len()).find(|end| !is_repeat(end)).unwrap_or(rest.len());
            let (rows, behind) = rest.split_at(end);
            let (own, later) = repeats.split_at(repeats.partition_point(|at| *at < start + end));
            (rest, start, repeats) = (behind, start + end, later);
            blocks.push(BodyBlock { rows, repeats: !own.is_empty() });
        }
        blocks
    }

    /// The rows in stored order, each with its body.
    pub fn with_bodies(&self) -> impl Iterator<Item = (&Row, u32)> {
        self.rows.iter().zip(self.bodies.iter().copied())
    }

    /// The rows of each repo.
    pub fn of_repos(&self) -> impl Iterator<Item = OfRepo<'_>> {
        let mut bodies = self.bodies.as_slice();
        self.rows.chunk_by(|a, b| a.repo == b.repo).filter_map(move |rows| {
            let (own, rest) = bodies.split_at_checked(rows.len())?;
            bodies = rest;
            Some(OfRepo { repo: rows.first()?.repo, rows, bodies: own })
        })
    }

    /// The rows under other names, if any has another: under those by which they are read.
    #[must_use]
    pub fn read_as(&self, name: impl Fn(&Row) -> RepoNumber) -> Cow<'_, BodyRows> {
        if self.rows.iter().all(|row| name(row) == row.repo) {
            return Cow::Borrowed(self);
        }
        let mut moved: Vec<(Row, u32)> = self.with_bodies().map(|(row, body)| (Row { repo: name(row), ..*row }, body)).collect();
        moved.sort_unstable_by(|(a, of_a), (b, of_b)| a.cmp_stored(b).then(of_a.cmp(of_b)));
        let (rows, bodies) = moved.into_iter().unzip();
        // Rows of two names may be equal under one: that is for those to join who hold both. Stored are the others.
        Cow::Owned(BodyRows { rows, bodies, repeats: Vec::new() })
    }
}

/// Rows that are stored together.
#[derive(Clone, Copy, Debug)]
pub struct BodyBlock<'r> {
    rows: &'r [Row],
    /// Whether some of them are equal.
    repeats: bool,
}

impl<'r> BodyBlock<'r> {
    /// The rows with equal ones of one delivery joined, whatever body they came in. `scratch` is memory for them.
    pub fn joined<'s>(self, words: &Words, scratch: &'s mut Vec<Row>) -> &'s [Row]
    where
        'r: 's,
    {
        if !self.repeats {
            return self.rows;
        }
        scratch.clear();
        scratch.extend_from_slice(self.rows);
        join_neighbours(scratch, words);
        scratch
    }
}

/// The rows of one repo.
#[derive(Clone, Copy, Debug)]
pub struct OfRepo<'r> {
    pub repo: RepoNumber,
    rows: &'r [Row],
    bodies: &'r [u32],
}

impl<'r> OfRepo<'r> {
    /// The rows of each downloader.
    pub fn of_downloaders(self) -> impl Iterator<Item = OfDownloader<'r>> {
        let mut bodies = self.bodies;
        self.rows.chunk_by(|a, b| a.downloader() == b.downloader()).filter_map(move |rows| {
            let (own, rest) = bodies.split_at_checked(rows.len())?;
            bodies = rest;
            Some(OfDownloader { downloader: rows.first()?.downloader(), rows, bodies: own })
        })
    }
}

/// The rows of one downloader on one repo.
#[derive(Clone, Copy, Debug)]
pub struct OfDownloader<'r> {
    pub downloader: DownloaderKey,
    pub rows: &'r [Row],
    bodies: &'r [u32],
}

impl OfDownloader<'_> {
    /// The rows, each with its body.
    pub fn with_bodies(&self) -> impl Iterator<Item = (&Row, u32)> {
        self.rows.iter().zip(self.bodies.iter().copied())
    }

    /// The body that all rows came in, if they came in one.
    fn only_body(&self) -> Option<u32> {
        let (first, others) = self.bodies.split_first()?;
        others.iter().all(|body| body == first).then_some(*first)
    }

    /// Whether the rows came in several bodies.
    #[must_use]
    pub fn is_of_several(&self) -> bool {
        self.only_body().is_none()
    }

    /// Hands out the rows of each body, in the order of the bodies. `scratch` is memory for them.
    pub fn for_each_body(&self, scratch: &mut Vec<Row>, mut each: impl FnMut(u32, &[Row])) {
        if let Some(only) = self.only_body() {
            return each(only, self.rows);
        }
        let bodies: BTreeSet<u32> = self.bodies.iter().copied().collect();
        for body in bodies {
            scratch.clear();
            scratch.extend(self.with_bodies().filter(|(_, of)| *of == body).map(|(row, _)| *row));
            each(body, scratch);
        }
    }
}
