//! Years and heads of repos: days are set and taken out in any order, and a year is found wherever it lies.

use std::collections::BTreeMap;

use hubtally::model::{Day, Millis, RepoNumber};
use hubtally::rollup::{RepoDay, RepoHead, RepoYear, StoredYear, YEAR_INLINE_BYTES_MAX, YearDay, YearHead};
use hubtally::store::{Place, RepoYears, Store, Table, get_head, get_year};

use super::{any_day, for_seeds};
use crate::oracle::Random;

/// Some days of a year.
pub fn year(random: &mut Random, year: u16) -> RepoYear {
    let mut days = RepoYear::default();
    let first = Day::first_of_year(year).0;
    let length = Day::first_of_year(year + 1).0 - first;
    let share = random.pick(&[1, 30, 100]);
    for day in first..first + length {
        if random.chance(share) {
            days.days.push(YearDay { day: Day(day), of_day: any_day(random, 5) });
        }
    }
    days
}

pub fn stored(year: u16, of_year: &RepoYear) -> StoredYear {
    StoredYear::changed(year, Vec::new(), of_year.days.iter().map(|day| (day.day, Some(day.of_day)))).unwrap()
}

pub fn head(random: &mut Random) -> RepoHead {
    let mut head = RepoHead::default();
    for year in 2015..2030 {
        if random.chance(40) {
            let days = stored(year, &self::year(random, year));
            let checksum = random.chance(50).then(|| random.below(u64::MAX));
            let of_year = YearHead::new(year, days, checksum);
            head.set(year, Some(of_year));
        }
    }
    head
}

#[test]
fn years_and_heads_come_back_and_take_days_in_any_order() {
    for_seeds("years and heads", 300, |random| {
        let of = random.pick(&[1970, 2015, 2024, 2026, 2099, 2148]);
        let days = year(random, of);
        let whole = stored(of, &days);
        assert_eq!(RepoYear::decode(of, &whole.bytes).unwrap(), days);
        let sum: u64 = days.days.iter().map(|day| day.of_day.counts.downloads().0).fold(0, u64::saturating_add);
        let evidence = days.days.iter().any(|day| day.of_day.evidence);
        assert_eq!((usize::from(whole.days), whole.downloads.0, whole.evidence), (days.days.len(), sum, evidence));

        // Any days in any order are set, set again, taken out where they are and where they are not.
        let mut expected: BTreeMap<Day, RepoDay> = BTreeMap::new();
        let mut again = StoredYear::default();
        let (first, length) = (Day::first_of_year(of), random.pick(&[1, 9, 365]));
        for _ in 0..12 {
            let changes: Vec<(Day, Option<RepoDay>)> = (0..random.index(30))
                .map(|_| (Day(first.0 + random.index(length) as u16), random.chance(60).then(|| any_day(random, 5))))
                .collect();
            for (day, of_day) in &changes {
                match of_day {
                    Some(of_day) => expected.insert(*day, *of_day),
                    None => expected.remove(day),
                };
            }
            again = StoredYear::changed(of, again.bytes, changes.into_iter()).unwrap();
            let days = expected.iter().map(|(day, of_day)| YearDay { day: *day, of_day: *of_day });
            assert_eq!(again, stored(of, &RepoYear { days: days.collect() }));
        }
        let none = expected.keys().map(|day| (*day, None)).collect::<Vec<_>>();
        assert_eq!(StoredYear::changed(of, again.bytes, none.into_iter()).unwrap(), StoredYear::default());
        assert_eq!(StoredYear::changed(of, whole.bytes.clone(), std::iter::empty()).unwrap(), whole);

        let mut head = head(random);
        assert_eq!(RepoHead::decode(&head.encode()).unwrap(), head);
        assert!(head.years.is_sorted_by_key(|year| year.year));
        for year in 2015..2030 {
            head.set(year, None);
        }
        assert_eq!(head, RepoHead::default());
    });
}

#[test]
fn a_year_lies_in_the_head_while_it_is_short_and_is_found_wherever_it_lies() {
    let store = Store::open(Place::Memory, |_| [7; 32], Millis(1_780_000_000_000)).unwrap();
    for_seeds("places of years", 20, |random| {
        let repo = RepoNumber(u32::try_from(random.below(1 << 32)).unwrap());
        let other = RepoNumber(repo.0 ^ 1);
        let mut written = RepoHead::default();
        for _ in 0..6 {
            let days = year(random, 2024);
            let of_2024 = stored(2024, &days);
            let short = of_2024.bytes.len() <= YEAR_INLINE_BYTES_MAX;
            let txn = store.write().unwrap();
            let mut years = RepoYears::open(&txn).unwrap();
            let mut head = years.head(repo).unwrap();
            assert_eq!(head, written);
            years.put(repo, &mut head, [(2024, of_2024.clone())]).unwrap();
            assert_eq!(years.year(repo, &head, 2024).unwrap(), of_2024.bytes);
            assert!(years.year(repo, &head, 2025).unwrap().is_empty());
            drop(years);
            txn.commit().unwrap();
            let txn = store.read().unwrap();
            assert_eq!(txn.len(Table::RepoYears).unwrap(), u64::from(!short), "a value of its own or none");
            match get_head(&txn, repo).unwrap() {
                Some(read) => {
                    assert_eq!(read, head);
                    assert_eq!(get_year(&txn, repo, &read.years[0]).unwrap(), days);
                    if !short {
                        let error = get_year(&txn, other, &read.years[0]).unwrap_err();
                        assert!(error.to_string().contains("the value is missing"), "{error}");
                    }
                }
                None => assert!(days.days.is_empty()),
            }
            written = head;
        }
        let txn = store.write().unwrap();
        let mut years = RepoYears::open(&txn).unwrap();
        years.put(repo, &mut written, [(2024, StoredYear::default())]).unwrap();
        assert_eq!(written, RepoHead::default());
        drop(years);
        txn.commit().unwrap();
        let txn = store.read().unwrap();
        assert_eq!((txn.len(Table::RepoYears).unwrap(), txn.len(Table::RepoHeads).unwrap()), (0, 0));
    });
}
