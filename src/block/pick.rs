//! Which groups of a block are read: those of everybody, or of who is sought. The others' rows are passed over.

use super::group::Group;
use crate::model::{RepoNumber, Row, Who};

/// Rows to pass over, and those to read behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    pass: usize,
    read: usize,
}

/// Which groups of a block are read.
pub struct Pick {
    /// Per group.
    is_read: Vec<bool>,
    stretches: Vec<Stretch>,
    of_rows: usize,
}

impl Pick {
    /// All groups.
    pub fn all(groups: &[Group]) -> Pick {
        let read = groups.iter().map(|group| group.rows).sum();
        Pick { is_read: vec![true; groups.len()], stretches: vec![Stretch { pass: 0, read }], of_rows: read }
    }

    /// The groups of who is sought.
    pub fn of(groups: &[Group], whos: &[Who], mut is_sought: impl FnMut(RepoNumber, Who) -> bool) -> Pick {
        let of_rows = groups.iter().map(|group| group.rows).sum();
        let mut pick = Pick { is_read: Vec::with_capacity(groups.len()), stretches: Vec::new(), of_rows };
        let mut stretch = Stretch::default();
        for (group, who) in groups.iter().zip(whos) {
            let is_read = is_sought(group.repo, *who);
            if !is_read && stretch.read > 0 {
                pick.stretches.push(std::mem::take(&mut stretch));
            }
            *if is_read { &mut stretch.read } else { &mut stretch.pass } += group.rows;
            pick.is_read.push(is_read);
        }
        // Nothing is read behind the last row that is.
        if stretch.read > 0 {
            pick.stretches.push(stretch);
        }
        pick
    }

    /// How many rows are read.
    pub fn rows(&self) -> usize {
        self.stretches.iter().map(|stretch| stretch.read).sum()
    }

    /// How many rows there are.
    pub fn of_rows(&self) -> usize {
        self.of_rows
    }

    /// The rows that are read, each stretch of them with how many to pass over before.
    pub fn stretches<'p, 'r>(&'p self, rows: &'r mut [Row]) -> impl Iterator<Item = (usize, &'r mut [Row])> + use<'p, 'r> {
        let mut rest = rows;
        self.stretches.iter().map(move |stretch| {
            let (read, after) = std::mem::take(&mut rest).split_at_mut_checked(stretch.read).unwrap_or_default();
            rest = after;
            (stretch.pass, read)
        })
    }

    /// The groups in turn: of those that are read the rows, of the others how many they have.
    pub fn by_group<'p, 'r>(
        &'p self,
        groups: &'p [Group],
        rows: &'r mut [Row],
    ) -> impl Iterator<Item = Picked<'r>> + use<'p, 'r> {
        let mut rest = rows;
        groups.iter().zip(&self.is_read).map(move |(group, is_read)| {
            if !*is_read {
                return Picked::Passed(group.rows);
            }
            let (read, after) = std::mem::take(&mut rest).split_at_mut_checked(group.rows).unwrap_or_default();
            rest = after;
            Picked::Read(read)
        })
    }
}

/// A group of which the rows are read, or passed over.
pub enum Picked<'r> {
    Read(&'r mut [Row]),
    Passed(usize),
}
