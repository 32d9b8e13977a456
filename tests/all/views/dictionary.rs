//! The dictionary: everybody has one number, and numbers know which of them are one person.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use hubtally::model::{DownloaderKey, Who};
use hubtally::rollup::{
    Asked, DictionaryChunk, DownloaderNumber, DownloaderSet, Entry, Kin, Persons, decode_kin, encode_chunk, encode_kin,
    encode_run,
};

use super::{anybody, for_seeds, key};

/// Who is first and last in a chunk.
fn bounds(chunk: &DictionaryChunk<'_>) -> RangeInclusive<Who> {
    let whos: Vec<Who> = chunk.entries().map(|entry| entry.unwrap().0.who).collect();
    whos[0]..=whos[whos.len() - 1]
}

#[test]
fn the_dictionary_numbers_everybody_once_over_many_runs() {
    for_seeds("dictionary", 60, |random| {
        let people = random.pick(&[3, 200, 5_000]);
        let mut known: BTreeMap<DownloaderKey, DownloaderNumber> = BTreeMap::new();
        let mut kin: Vec<Kin> = Vec::new();
        let mut runs: Vec<Vec<u8>> = Vec::new();
        let mut next = 0;
        for _ in 0..1 + random.index(20) {
            let crowd = random.index(people as usize + 1);
            let asked: Vec<DownloaderKey> = (0..crowd).map(|_| anybody(random, people)).collect();
            let in_order = Asked::of(asked.iter().copied());
            let mut numbering = in_order.numbering();
            let distinct: BTreeSet<DownloaderKey> = asked.iter().copied().collect();
            assert_eq!(numbering.len(), distinct.len());
            let whos: BTreeSet<Who> = asked.iter().map(|key| key.who).collect();
            for run in &runs {
                let chunk = DictionaryChunk::new(run).unwrap();
                let wanted = whos.range(bounds(&chunk)).next().is_some();
                assert_eq!(numbering.all().wants_within(*bounds(&chunk).start(), *bounds(&chunk).end()), wanted);
            }
            let most = 1 + random.index(5);
            let mut shares = numbering.shares(most);
            assert!(shares.len() <= most && (shares.len() > 1 || most == 1 || whos.len() < 10), "{} of {most}", shares.len());
            for (before, after) in shares.iter().zip(shares.iter().skip(1)) {
                assert!(before.bounds().unwrap().1 < after.bounds().unwrap().0, "nobody is in two shares");
            }
            for run in &runs {
                let chunk = DictionaryChunk::new(run).unwrap();
                for share in &mut shares {
                    let (first, last) = share.bounds().unwrap();
                    if first <= *bounds(&chunk).end() && *bounds(&chunk).start() <= last {
                        share.join(&chunk).unwrap();
                    }
                }
            }
            let new = numbering.number_rest(DownloaderNumber(next));
            assert!(new.entries.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
            for (key, number) in &new.entries {
                assert_eq!(number.0, next, "numbers are dense");
                assert_eq!(known.insert(*key, *number), None, "nobody is numbered twice");
                next += 1;
            }
            let numbers: Vec<DownloaderNumber> = asked.iter().map(|key| known[key]).collect();
            assert_eq!(in_order.numbers(&numbering), numbers, "in the order they were asked for");
            let found: Vec<_> = numbering.found().map(|found| (found.key, found.number)).collect();
            let expected: Vec<_> = distinct.iter().map(|key| (*key, known.get(key).copied())).collect();
            assert_eq!(found, expected, "those who were asked for, and nobody else");
            kin.extend(&new.kin);
            // A run is cut anywhere, so that a person may lie in two chunks.
            let size = if people == 3 { 1 } else { random.pick(&[7, 300, usize::MAX]) };
            runs.extend(new.entries.chunks(size.min(new.entries.len().max(1))).map(encode_chunk));
        }
        let read: BTreeMap<_, _> = runs
            .iter()
            .flat_map(|run| DictionaryChunk::new(run).unwrap().entries().map(Result::unwrap).collect::<Vec<_>>())
            .collect();
        assert_eq!(read, known);
        for run in &runs {
            let chunk = DictionaryChunk::new(run).unwrap();
            let all: Vec<Entry> = chunk.entries().map(Result::unwrap).collect();
            // Those who are looked for come in order; each is passed at most once.
            let (mut entries, mut at) = (chunk.entries(), 0);
            let mut sought: Vec<Who> = (0..20).map(|_| anybody(random, people).who).collect();
            sought.sort_unstable();
            for who in sought {
                at = all.len().min(at + all[at..].partition_point(|(key, _)| key.who < who));
                assert_eq!(entries.next_from(who).unwrap(), all.get(at).copied());
                at = all.len().min(at + 1);
            }
        }

        let mut firsts: BTreeMap<(Who, bool), DownloaderNumber> = BTreeMap::new();
        for (key, number) in &known {
            let first = firsts.entry((key.who, key.is_user())).or_insert(*number);
            *first = (*first).min(*number);
        }
        let with_kin = known.iter().map(|(key, number)| (*number, firsts[&(key.who, key.is_user())]));
        let expected: BTreeSet<Kin> = with_kin.filter(|(number, first)| number != first).collect();
        assert!(kin.is_sorted());
        assert_eq!(kin, expected.into_iter().collect::<Vec<_>>());
        assert_eq!(decode_kin(&encode_kin(&kin)).unwrap(), kin);
        let (stored, live) = kin.split_at(random.index(kin.len() + 1));
        let persons = [stored, live].map(|kin| Persons::new(kin.to_vec()));
        for _ in 0..10 {
            let share = random.pick(&[2, 30, 98]);
            let some: BTreeMap<_, _> = known.iter().filter(|_| random.chance(share)).collect();
            let mut set = DownloaderSet::default();
            set.add(some.values().map(|number| **number).collect::<BTreeSet<_>>());
            let naive: BTreeSet<(Who, bool)> = some.keys().map(|key| (key.who, key.is_user())).collect();
            assert_eq!(Persons::in_set(&[&persons[0], &persons[1]], &set), naive.len() as u64);
        }
    });
}

#[test]
fn a_dictionary_chunk_stays_below_the_size_that_costs_double() {
    for (whos, first_number) in [(1_u64 << 30, 0), (1, 0), (u64::MAX / 200_000, 77), (1 << 44, 4_000_000_000)] {
        for (agents, consecutive) in [(1, true), (1_000_000, true), (9, false)] {
            let entry = |at: u32| {
                let number = if consecutive { at } else { at.wrapping_mul(2_654_435_761) % 200_000 };
                (key(u64::from(at) * whos, false, at % agents), DownloaderNumber(first_number + number))
            };
            let run: Vec<_> = (0..200_000).map(entry).collect();
            let mut read = Vec::new();
            for (first, last, bytes) in encode_run(&run) {
                // The store adds its checksum, and a page its head.
                assert!(bytes.len() <= 65_400, "{}", bytes.len());
                let chunk = DictionaryChunk::new(&bytes).unwrap();
                let entries: Vec<_> = chunk.entries().map(Result::unwrap).collect();
                assert_eq!((entries[0].0.who, entries.last().unwrap().0.who, chunk.len()), (first, last, entries.len()));
                read.extend(entries);
                for cut in 0..40 {
                    let cut = DictionaryChunk::new(&bytes[..cut * bytes.len() / 40]);
                    assert!(cut.is_err() || cut.unwrap().entries().any(|entry| entry.is_err()), "a cut chunk says so");
                }
            }
            assert_eq!(read, run);
        }
    }
}
