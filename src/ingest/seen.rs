//! Who was seen where, and when last: by this most pushed events need nothing read of what is stored of their day.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::block::Wanted;
use crate::classify::class;
use crate::model::{Day, DownloaderKey, Method, Millis, RepoNumber, Row, Who};
use crate::rollup::Counting;
use crate::store::{self, DayQuestion, Read, RepoChoice, StoreError};

/// Memory of all days.
const BYTES_MAX: usize = 64 << 20;

/// Downloaders of repos on a day who are held one by one: as many as fit into a table of a million places. Of days with
/// more, a filter is held.
const LISTED_MAX: usize = (1 << 20) / 8 * 7;

/// Memory of each place for one of them: a table has an eighth more. One that has just grown is half empty.
const PLACE_BYTES: usize = 29;
const LISTED_BYTES: usize = 2 * PLACE_BYTES;

/// Memory of a filter: there is room for some days of any size.
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
    days: BTreeMap<Day, OfDay>,
    turn: u64,
}

/// What is known of a downloader on a repo and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sighting {
    /// No event of it is published.
    Never,
    /// It has counted, and this is the last of all its events.
    Counted(Millis),
    /// There may be events of it.
    Possible,
}

/// Those who were seen on a day.
struct OfDay {
    who: Sightings,
    rows: usize,
    /// How many there are to be.
    rows_stored: usize,
    last_turn: u64,
}

enum Sightings {
    Listed(List),
    Filtered(Filter),
}

/// When each was last seen.
#[derive(Default)]
struct List {
    /// By who, and by repo and agent in one number, of anonymous people and of users: twice the ms of the day, and one more
    /// if anything has counted.
    places: [HashMap<(Who, u64), u32, RandomState>; 2],
}

/// A Bloom filter.
struct Filter {
    /// As many as a power of two.
    words: Vec<u64>,
    rows_max: usize,
}

impl List {
    fn len(&self) -> usize {
        self.places.iter().map(HashMap::len).sum()
    }

    fn bytes(&self) -> usize {
        self.places.iter().map(HashMap::capacity).sum::<usize>() * PLACE_BYTES
    }

    /// The list a downloader is in, and its place there.
    fn place(repo: RepoNumber, downloader: DownloaderKey) -> (usize, (Who, u64)) {
        // The tag of a user is nothing but that, and what is cut off of others is nothing.
        let agent = u64::from(downloader.tag() as u32);
        (usize::from(downloader.is_user()), (downloader.who, u64::from(repo.0) << 32 | agent))
    }

    fn put(&mut self, repo: RepoNumber, downloader: DownloaderKey, last_ms: u32, counted: bool) {
        let (list, place) = List::place(repo, downloader);
        let Some(list) = self.places.get_mut(list) else { return };
        let before = list.entry(place).or_default();
        *before = (*before & !1).max(last_ms << 1) | *before & 1 | u32::from(counted);
    }

    fn find(&self, day: Day, repo: RepoNumber, downloader: DownloaderKey) -> Sighting {
        let (list, place) = List::place(repo, downloader);
        match self.places.get(list).and_then(|list| list.get(&place)) {
            None => Sighting::Never,
            Some(seen) if seen & 1 == 1 => Sighting::Counted(Millis(day.start().0 + i64::from(seen >> 1))),
            Some(_) => Sighting::Possible,
        }
    }

    /// A filter of those who are listed, for so many rows and as many again.
    fn filter(&self, rows: usize, hasher: &RandomState) -> Filter {
        let mut filter = Filter::of_rows(rows);
        for (users, list) in self.places.iter().enumerate() {
            for (who, at) in list.keys() {
                let tag = DownloaderKey::tagged(*who, (users as u64) << 32 | at & u64::from(u32::MAX));
                filter.put(hasher.hash_one((RepoNumber((at >> 32) as u32), tag)));
            }
        }
        filter
    }
}

impl Filter {
    /// An empty filter for so many rows and as many again.
    fn of_rows(rows: usize) -> Filter {
        let bits = rows.saturating_mul(2 * BITS_OF_A_ROW).clamp(BITS_MIN, FILTER_BYTES_MAX * 8).next_power_of_two();
        let rows_max = if bits < FILTER_BYTES_MAX * 8 { bits / BITS_OF_A_ROW } else { usize::MAX };
        Filter { words: vec![0; bits / 64], rows_max }
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

impl OfDay {
    fn bytes(&self) -> usize {
        match &self.who {
            Sightings::Listed(list) => list.bytes(),
            Sightings::Filtered(filter) => filter.bytes(),
        }
    }

    /// Whether it has to be read anew, with more room.
    fn is_full(&self) -> bool {
        matches!(&self.who, Sightings::Filtered(filter) if self.rows > filter.rows_max)
    }
}

impl Seen {
    /// Forgets everything: events were taken back, or count otherwise, or are read under other names, or were lost.
    pub fn clear(&mut self) {
        self.days.clear();
    }

    /// Forgets days on which more is published than was pushed.
    pub fn forget<'d>(&mut self, days: impl IntoIterator<Item = &'d Day>) {
        days.into_iter().for_each(|day| drop(self.days.remove(day)));
    }

    /// What is known of a downloader on a repo. The day was read before.
    pub fn sighting(&self, day: Day, repo: RepoNumber, downloader: DownloaderKey) -> Sighting {
        match self.days.get(&day).map(|of_day| &of_day.who) {
            None => Sighting::Possible,
            Some(Sightings::Listed(list)) => list.find(day, repo, downloader),
            Some(Sightings::Filtered(filter)) => {
                if filter.may_hold(self.hash(repo, downloader)) {
                    Sighting::Possible
                } else {
                    Sighting::Never
                }
            }
        }
    }

    /// Begins a group of pushes: days that it does not ask for may be forgotten for those it does.
    pub fn begin(&mut self) {
        self.turn += 1;
    }

    /// Reads who is there on a day, unless that is known or there is no room for it.
    pub fn read(&mut self, txn: &impl Read, day: Day, counting: &Counting) -> Result<(), StoreError> {
        let turn = self.turn;
        if let Some(of_day) = self.days.get_mut(&day).filter(|of_day| !of_day.is_full()) {
            of_day.last_turn = turn;
            return Ok(());
        }
        self.days.remove(&day);
        let published: Vec<_> =
            store::manifest(txn, day)?.segments.into_iter().filter(|segment| segment.unpublished.is_none()).collect();
        let rows = published.iter().flat_map(|segment| &segment.blocks).map(|block| block.rows as usize).sum();
        let who = if self.make_room(LISTED_MAX.min(rows) * LISTED_BYTES) {
            Sightings::Listed(List::default())
        } else {
            let filter = Filter::of_rows(rows);
            if !self.make_room(filter.bytes()) {
                return Ok(());
            }
            Sightings::Filtered(filter)
        };
        let mut of_day = OfDay { who, rows: 0, rows_stored: rows, last_turn: turn };
        let renames = Arc::clone(counting.renames());
        let question = DayQuestion { day, repos: RepoChoice::All, sought: None, renames, wanted: Wanted::Identity };
        for (_, blocks) in store::day_rows(txn, &question, published)? {
            for block in blocks {
                self.put(&mut of_day, &block?.rows, counting);
            }
        }
        self.days.insert(day, of_day);
        Ok(())
    }

    /// Forgets days that were not asked for lately until there is room for so many bytes; says whether there is.
    fn make_room(&mut self, bytes: usize) -> bool {
        while self.days.values().map(OfDay::bytes).sum::<usize>() + bytes > BYTES_MAX {
            let oldest = self.days.iter().min_by_key(|(_, of_day)| of_day.last_turn);
            let Some(day) = oldest.filter(|(_, of_day)| of_day.last_turn < self.turn).map(|(day, _)| *day) else { return false };
            self.days.remove(&day);
        }
        true
    }

    /// Adds rows of a day in stored order that are published from now on, under the names by which they are read.
    pub fn add(&mut self, day: Day, rows: &[Row], counting: &Counting) {
        if let Some((day, mut of_day)) = self.days.remove_entry(&day) {
            self.put(&mut of_day, rows, counting);
            self.days.insert(day, of_day);
            self.make_room(0);
        }
    }

    fn put(&self, of_day: &mut OfDay, rows: &[Row], counting: &Counting) {
        of_day.rows += rows.len();
        // A POST of a git client may count and may not: that is for others to say.
        let counts = |row: &Row| {
            let settings = counting.settings(row.source);
            row.method != Method::Post && class(row.method, row.status, row.range, &settings).is_counted()
        };
        for of_one in rows.chunk_by(|a, b| (a.repo, a.downloader()) == (b.repo, b.downloader())) {
            let Some(last) = of_one.last() else { continue };
            let (repo, downloader) = (last.repo, last.downloader());
            // Before its table grows once more.
            if let Sightings::Listed(list) = &of_day.who
                && list.len() >= LISTED_MAX
            {
                of_day.who = Sightings::Filtered(list.filter(of_day.rows.max(of_day.rows_stored), &self.hasher));
            }
            match &mut of_day.who {
                Sightings::Listed(list) => list.put(repo, downloader, last.time.ms_of_day(), of_one.iter().any(counts)),
                Sightings::Filtered(filter) => filter.put(self.hash(repo, downloader)),
            }
        }
    }

    fn hash(&self, repo: RepoNumber, downloader: DownloaderKey) -> u64 {
        self.hasher.hash_one((repo, downloader))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentHash, Status};

    const DAY: Day = Day(20_000);

    fn of_day(who: Sightings, last_turn: u64) -> OfDay {
        OfDay { who, rows: 0, rows_stored: 0, last_turn }
    }

    /// Rows of as many downloaders, three in seven of them users.
    fn rows(numbers: std::ops::Range<u64>) -> Vec<Row> {
        let row = |number: u64| Row {
            repo: RepoNumber(u32::try_from(number % 7).unwrap()),
            user: number % 7 < 3,
            who: Who(number),
            agent: AgentHash(u32::try_from(number % 5).unwrap()),
            time: Millis(DAY.start().0 + i64::try_from(number).unwrap()),
            status: Status(if number.is_multiple_of(2) { 200 } else { 304 }),
            ..Row::default()
        };
        numbers.map(row).collect()
    }

    #[test]
    fn who_was_there_is_found_and_few_others_are() {
        let counting = Counting::default();
        let (known, others) = (rows(0..20_000), rows(20_000..40_000));
        for who in [Sightings::Listed(List::default()), Sightings::Filtered(Filter::of_rows(10_000))] {
            let mut seen = Seen::default();
            seen.days.insert(DAY, of_day(who, 0));
            seen.add(DAY, &known, &counting);
            let sighting = |seen: &Seen, day, row: &Row| seen.sighting(day, row.repo, row.downloader());
            for row in &known {
                match sighting(&seen, DAY, row) {
                    Sighting::Never => panic!("{row:?} was there"),
                    Sighting::Counted(last) => assert_eq!((last, row.status), (row.time, Status(200))),
                    Sighting::Possible => {}
                }
            }
            let wrong = others.iter().filter(|row| sighting(&seen, DAY, row) != Sighting::Never).count();
            assert!(wrong < 400, "{wrong} of 20,000");
            assert_eq!(sighting(&seen, Day(1), &others[7]), Sighting::Possible, "nothing is known of that day");
        }
    }

    #[test]
    fn the_last_event_is_known_and_that_one_counted_in_whatever_order_they_come() {
        let (counting, mut seen) = (Counting::default(), Seen::default());
        seen.days.insert(DAY, of_day(Sightings::Listed(List::default()), 0));
        let at = |ms: i64, status| Row { time: Millis(DAY.start().0 + ms), status: Status(status), ..Row::default() };
        let sighting = |seen: &Seen| seen.sighting(DAY, RepoNumber(0), Row::default().downloader());
        assert_eq!(sighting(&seen), Sighting::Never);
        seen.add(DAY, &[at(5, 304)], &counting);
        assert_eq!(sighting(&seen), Sighting::Possible);
        seen.add(DAY, &[Row { method: Method::Post, ..at(6, 200) }], &counting);
        assert_eq!(sighting(&seen), Sighting::Possible, "a POST may count and may not");
        seen.add(DAY, &[at(3, 200), at(4, 304)], &counting);
        assert_eq!(sighting(&seen), Sighting::Counted(Millis(DAY.start().0 + 6)));
        seen.add(DAY, &[at(86_399_999, 304)], &counting);
        assert_eq!(sighting(&seen), Sighting::Counted(Millis(DAY.start().0 + 86_399_999)));
    }

    #[test]
    fn a_list_that_grows_too_long_becomes_a_filter_of_the_same_people() {
        let (counting, mut seen) = (Counting::default(), Seen::default());
        seen.days.insert(DAY, of_day(Sightings::Listed(List::default()), 0));
        let many = rows(0..LISTED_MAX as u64 + 1);
        seen.add(DAY, &many[..LISTED_MAX], &counting);
        assert!(matches!(seen.days[&DAY].who, Sightings::Listed(_)) && seen.days[&DAY].bytes() < BYTES_MAX);
        seen.add(DAY, &many[LISTED_MAX..], &counting);
        assert!(matches!(seen.days[&DAY].who, Sightings::Filtered(_)));
        assert!(many.iter().all(|row| seen.sighting(DAY, row.repo, row.downloader()) == Sighting::Possible));
        assert!(!seen.days[&DAY].is_full());

        // Of a day that is being read, there is room for all of it.
        let stored = 40 * LISTED_MAX;
        seen.days.insert(DAY, OfDay { rows_stored: stored, ..of_day(Sightings::Listed(List::default()), 0) });
        seen.add(DAY, &many, &counting);
        seen.days.get_mut(&DAY).unwrap().rows = stored;
        assert!(matches!(seen.days[&DAY].who, Sightings::Filtered(_)) && !seen.days[&DAY].is_full());
    }

    #[test]
    fn days_of_one_group_do_not_drive_each_other_out() {
        let mut seen = Seen::default();
        let filtered = |last_turn| of_day(Sightings::Filtered(Filter::of_rows(usize::MAX)), last_turn);
        let bytes = filtered(0).bytes();
        assert_eq!((bytes, bytes * 4), (FILTER_BYTES_MAX, BYTES_MAX));
        seen.begin();
        seen.days.extend((1..=4).map(|day| (Day(day), filtered(1))));
        assert!(!seen.make_room(bytes));
        seen.begin();
        seen.days.extend([(Day(1), filtered(2))]);
        assert!(seen.make_room(bytes) && seen.days.keys().eq(&[Day(1), Day(3), Day(4)]));
    }
}
