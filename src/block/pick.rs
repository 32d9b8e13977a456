//! Which groups of a block are read, those of everybody or of who is sought, and in which stripes.

use super::group::Group;
use crate::model::Row;

/// Rows of a stripe, about: all columns of it are read or written while its rows are in the first cache of a core.
pub const STRIPE_ROWS: usize = 256;

/// Rows to pass over, and those to read behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    pass: usize,
    read: usize,
}

/// How many groups and stretches a stripe has, and how many rows are read of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    groups: usize,
    stretches: usize,
    rows: usize,
}

/// Which groups of a block are read.
pub struct Pick<'g> {
    groups: &'g [Group],
    /// Per group.
    is_read: Vec<bool>,
    stretches: Vec<Stretch>,
    stripes: Vec<Extent>,
}

impl<'g> Pick<'g> {
    /// The groups that `is_sought`.
    pub fn of(groups: &'g [Group], mut is_sought: impl FnMut(&Group) -> bool) -> Pick<'g> {
        let mut pick = Pick { groups, is_read: Vec::with_capacity(groups.len()), stretches: Vec::new(), stripes: Vec::new() };
        let (mut stripe, mut stretch) = (Extent::default(), Stretch::default());
        // Groups of the stripe up to the last one that is read.
        let mut groups_read = 0;
        for group in groups {
            let is_read = is_sought(group);
            pick.is_read.push(is_read);
            if !is_read && stretch.read > 0 {
                pick.stretches.push(std::mem::take(&mut stretch));
                stripe.stretches += 1;
            }
            *if is_read { &mut stretch.read } else { &mut stretch.pass } += group.rows;
            stripe.groups += 1;
            if is_read {
                stripe.rows += group.rows;
                groups_read = stripe.groups;
            }
            if stripe.rows >= STRIPE_ROWS {
                pick.end_stripe(&mut stripe, &mut stretch);
            }
        }
        // What lies behind the last row that is read need not be passed over.
        if stripe.rows > 0 {
            stripe.groups = groups_read;
            if stretch.read > 0 {
                pick.end_stripe(&mut stripe, &mut stretch);
            } else {
                pick.stripes.push(stripe);
            }
        }
        pick
    }

    fn end_stripe(&mut self, stripe: &mut Extent, stretch: &mut Stretch) {
        self.stretches.push(std::mem::take(stretch));
        self.stripes.push(Extent { stretches: stripe.stretches + 1, ..std::mem::take(stripe) });
    }

    /// How many rows are read.
    pub fn rows(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.rows).sum()
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Hands out the stripes in order, each with rows of which nothing is known yet, and gives all of their rows.
    pub fn read<E>(&self, mut each: impl FnMut(Stripe<'_>) -> Result<(), E>) -> Result<Vec<Row>, E> {
        let mut all = Vec::with_capacity(self.rows());
        let (mut groups, mut is_read, mut stretches) = (self.groups, self.is_read.as_slice(), self.stretches.as_slice());
        for stripe in &self.stripes {
            let start = all.len();
            all.resize(start + stripe.rows, Row { count: 1, ..Row::default() });
            each(Stripe {
                groups: first(&mut groups, stripe.groups),
                is_read: first(&mut is_read, stripe.groups),
                stretches: first(&mut stretches, stripe.stretches),
                rows: all.get_mut(start..).unwrap_or_default(),
            })?;
        }
        Ok(all)
    }
}

/// Cuts off so many of the first, or all if there are fewer.
fn first<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, after) = rest.split_at(count.min(rest.len()));
    *rest = after;
    first
}

/// Neighbouring groups, with the rows of those that are read.
pub struct Stripe<'s> {
    groups: &'s [Group],
    is_read: &'s [bool],
    stretches: &'s [Stretch],
    rows: &'s mut [Row],
}

impl Stripe<'_> {
    /// The rows that are read, each stretch of them with how many to pass over before.
    pub fn stretches(&mut self) -> impl Iterator<Item = (usize, &mut [Row])> {
        let mut rest = &mut *self.rows;
        self.stretches.iter().map(move |stretch| {
            let (read, after) = std::mem::take(&mut rest).split_at_mut_checked(stretch.read).unwrap_or_default();
            rest = after;
            (stretch.pass, read)
        })
    }

    /// The groups, with the rows of those that are read.
    pub fn groups(&mut self) -> impl Iterator<Item = (&Group, Option<&mut [Row]>)> {
        let mut rest = &mut *self.rows;
        self.groups.iter().zip(self.is_read).map(move |(group, is_read)| {
            if !*is_read {
                return (group, None);
            }
            let (read, after) = std::mem::take(&mut rest).split_at_mut_checked(group.rows).unwrap_or_default();
            rest = after;
            (group, Some(read))
        })
    }
}
