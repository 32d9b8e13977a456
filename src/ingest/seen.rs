//! Who was seen where: filters by which most pushed events need nothing read of what is stored of their day.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::block::Wanted;
use crate::model::{Day, DownloaderKey, Renames, RepoNumber, Row};
use crate::store::{self, DayQuestion, Read, RepoChoice, StoreError};

/// Memory of all filters, and of one: there is room for some days of any size.
const BYTES_MAX: usize = 64 << 20;
const FILTER_BYTES_MAX: usize = 16 << 20;

/// Bits of a filter for every row of its day, and at least. With a row each, 1 in 100 is taken for one who was there;
/// downloaders have several rows on a repo, so that it is fewer.
const BITS_OF_A_ROW: usize = 10;
const BITS_MIN: usize = 1 << 16;

/// Bits that each downloader of a repo sets.
const PROBES: u32 = 5;

/// The downloaders of each repo on some days, as far as their events are published. Days of which nothing is known yet are
/// read when they are asked for.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    days: BTreeMap<Day, Filter>,
    turn: u64,
}

/// A Bloom filter.
struct Filter {
    /// As many as a power of two.
    words: Vec<u64>,
    rows: usize,
    rows_max: usize,
    last_turn: u64,
}

impl Filter {
    /// An empty filter for so many rows and as many again.
    fn of_rows(rows: usize) -> Filter {
        let bits = rows.saturating_mul(2 * BITS_OF_A_ROW).clamp(BITS_MIN, FILTER_BYTES_MAX * 8).next_power_of_two();
        let rows_max = if bits < FILTER_BYTES_MAX * 8 { bits / BITS_OF_A_ROW } else { usize::MAX };
        Filter { words: vec![0; bits / 64], rows: 0, rows_max, last_turn: 0 }
    }

    /// The word and the bit of each probe.
    fn probes(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let (mask, step) = (self.words.len() as u64 * 64 - 1, hash.rotate_left(32) | 1);
        // Word numbers always fit: there are that many words.
        (0..u64::from(PROBES))
            .map(move |probe| hash.wrapping_add(probe.wrapping_mul(step)) & mask)
            .map(|bit| ((bit / 64) as usize, 1 << (bit % 64)))
    }

    fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    fn put(&mut self, hash: u64) {
        for (word, bit) in self.probes(hash) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.probes(hash).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }
}

impl Seen {
    /// Forgets everything: events are read under other names, or were lost.
    pub fn clear(&mut self) {
        self.days.clear();
    }

    /// Forgets days on which more is published than was pushed.
    pub fn forget<'d>(&mut self, days: impl IntoIterator<Item = &'d Day>) {
        days.into_iter().for_each(|day| drop(self.days.remove(day)));
    }

    /// Whether published events of a downloader on a repo may be there; `false` is certain. The day was read before.
    pub fn may_hold(&self, day: Day, repo: RepoNumber, downloader: DownloaderKey) -> bool {
        self.days.get(&day).is_none_or(|filter| filter.may_hold(self.hash(repo, downloader)))
    }

    /// Begins a group of pushes: days that it does not ask for may be forgotten for those it does.
    pub fn begin(&mut self) {
        self.turn += 1;
    }

    /// Reads who is there on a day, unless that is known or there is no room for it.
    pub fn read(&mut self, txn: &impl Read, day: Day, renames: &Arc<Renames>) -> Result<(), StoreError> {
        let turn = self.turn;
        if let Some(filter) = self.days.get_mut(&day).filter(|filter| filter.rows <= filter.rows_max) {
            filter.last_turn = turn;
            return Ok(());
        }
        self.days.remove(&day);
        let published: Vec<_> =
            store::manifest(txn, day)?.segments.into_iter().filter(|segment| segment.unpublished.is_none()).collect();
        let rows = published.iter().flat_map(|segment| &segment.blocks).map(|block| block.rows as usize).sum();
        let mut filter = Filter { last_turn: turn, ..Filter::of_rows(rows) };
        if !self.make_room(filter.bytes()) {
            return Ok(());
        }
        let question =
            DayQuestion { day, repos: RepoChoice::All, sought: None, renames: Arc::clone(renames), wanted: Wanted::Identity };
        for (_, blocks) in store::day_rows(txn, &question, published)? {
            for block in blocks {
                self.put(&mut filter, &block?.rows);
            }
        }
        self.days.insert(day, filter);
        Ok(())
    }

    /// Forgets days that were not asked for lately until there is room for so many bytes; says whether there is.
    fn make_room(&mut self, bytes: usize) -> bool {
        while self.days.values().map(Filter::bytes).sum::<usize>() + bytes > BYTES_MAX {
            let oldest = self.days.iter().min_by_key(|(_, filter)| filter.last_turn);
            let Some(day) = oldest.filter(|(_, filter)| filter.last_turn < self.turn).map(|(day, _)| *day) else { return false };
            self.days.remove(&day);
        }
        true
    }

    /// Adds rows of a day in stored order that are published from now on, under the names by which they are read.
    pub fn add(&mut self, day: Day, rows: &[Row]) {
        if let Some((day, mut filter)) = self.days.remove_entry(&day) {
            self.put(&mut filter, rows);
            self.days.insert(day, filter);
        }
    }

    fn put(&self, filter: &mut Filter, rows: &[Row]) {
        filter.rows += rows.len();
        for of_one in rows.chunk_by(|a, b| (a.repo, a.downloader()) == (b.repo, b.downloader())) {
            of_one.iter().take(1).for_each(|row| filter.put(self.hash(row.repo, row.downloader())));
        }
    }

    fn hash(&self, repo: RepoNumber, downloader: DownloaderKey) -> u64 {
        self.hasher.hash_one((repo, downloader))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Who;

    #[test]
    fn who_was_there_is_found_and_few_others_are() {
        let row = |number: u64| Row { repo: RepoNumber(u32::try_from(number % 7).unwrap()), who: Who(number), ..Row::default() };
        let mut seen = Seen::default();
        seen.days.insert(Day(0), Filter::of_rows(10_000));
        let rows: Vec<Row> = (0..20_000).map(row).collect();
        seen.add(Day(0), &rows);
        let may_hold = |day, row: &Row| seen.may_hold(day, row.repo, row.downloader());
        assert!(rows.iter().all(|row| may_hold(Day(0), row)));
        let others = (20_000..40_000).map(row).filter(|row| may_hold(Day(0), row)).count();
        assert!(others < 400, "{others} of 20,000");
        assert!(may_hold(Day(1), &row(7)), "nothing is known of that day");
    }

    #[test]
    fn days_of_one_group_do_not_drive_each_other_out() {
        let mut seen = Seen::default();
        let filter = |last_turn| Filter { last_turn, ..Filter::of_rows(usize::MAX) };
        let bytes = filter(0).bytes();
        assert_eq!((bytes, bytes * 4), (FILTER_BYTES_MAX, BYTES_MAX));
        seen.begin();
        seen.days.extend((1..=4).map(|day| (Day(day), filter(1))));
        assert!(!seen.make_room(bytes));
        seen.begin();
        seen.days.extend([(Day(1), filter(2))]);
        assert!(seen.make_room(bytes) && seen.days.keys().eq(&[Day(1), Day(3), Day(4)]));
    }
}
