//! Which stored views changed when, so that what was made of others still holds.

use std::collections::BTreeMap;

use crate::model::{Day, DayRange};

/// Counts publications of one state of the engine. The first one is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publication(u64);

/// The days that were published since the engine was opened, each with its last publication.
#[derive(Default)]
pub struct Changes {
    last: Publication,
    days: BTreeMap<Day, Publication>,
}

impl Changes {
    /// Notes that these days have other views now.
    pub(super) fn publish(&mut self, days: impl IntoIterator<Item = Day>) {
        self.last.0 += 1;
        self.days.extend(days.into_iter().map(|day| (day, self.last)));
    }

    /// The last publication.
    #[must_use]
    pub fn last(&self) -> Publication {
        self.last
    }

    /// The last publication that changed a day of the range.
    #[must_use]
    pub fn last_of(&self, range: DayRange) -> Publication {
        range.among(&self.days).map(|(_, publication)| *publication).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_changes_with_its_days_only() {
        let range = |first, last| DayRange { first: Day(first), last: Day(last) };
        let mut changes = Changes::default();
        changes.publish([Day(3), Day(7)]);
        let first = changes.last();
        changes.publish([Day(7)]);
        assert_eq!(changes.last_of(range(0, 2)), Publication::default());
        assert_eq!(changes.last_of(range(1, 6)), first);
        assert_eq!((changes.last_of(range(3, 9)), changes.last_of(range(9, 3))), (changes.last(), Publication::default()));
    }
}
