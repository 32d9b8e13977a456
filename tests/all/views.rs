//! The stored views give back what was put in: chunks of days, years and heads of repos, the dictionary, tails and sets.
//!
//! `HUBTALLY_VIEW_ROUNDS=2000` tries more random views; `HUBTALLY_SEED=N` starts at another seed.

mod dictionary;
mod years;

use std::collections::{BTreeMap, BTreeSet};

use hubtally::model::{
    AgentHash, Country, Day, DayCounts, DownloaderKey, Downloads, Files, Millis, RepoNumber, SourceId, Uniques, Who, Words,
};
use hubtally::rollup::{
    ChunkWriter, Client, Counting, DayChunk, DictionaryChunk, DownloaderNumber, DownloaderSet, Edge, Facet, FacetBook,
    FacetChunk, FacetChunkWriter, FacetCount, FacetEntry, Place, RepoDay, RepoHead, RepoSet, RepoYear, SET_INLINE_MAX,
    StoredYear, decode_edges, decode_kin, encode_edges, find_edges,
};
use hubtally::sessionize::{KindFiles, Origin};

use crate::oracle::Random;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs `test` with so many seeds; a failure names the one it failed with.
fn for_seeds(what: &str, default_rounds: u64, test: impl Fn(&mut Random)) {
    let (first, rounds) = (number("HUBTALLY_SEED", 0), number("HUBTALLY_VIEW_ROUNDS", default_rounds));
    println!("{what}: seeds {first} to {}", first + rounds - 1);
    for seed in first..first + rounds {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&mut Random::new(seed))));
        if let Err(panic) = outcome {
            eprintln!("{what}: failed with seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

fn any_count(random: &mut Random) -> u64 {
    random.below(u64::MAX) >> (1 + random.below(63))
}

fn any_day(random: &mut Random, uniques: usize) -> RepoDay {
    if random.chance(40) {
        // As most days are: every download is another downloader's.
        let authenticated = random.below(uniques as u64 + 1);
        let counts = DayCounts {
            authenticated: Downloads(authenticated),
            anonymous: Downloads(uniques as u64 - authenticated),
            files: Files(random.below(40)),
        };
        return RepoDay { counts, uniques: Uniques(uniques as u64), evidence: random.chance(50) };
    }
    let counts = DayCounts {
        authenticated: Downloads(any_count(random)),
        anonymous: Downloads(any_count(random)),
        files: Files(any_count(random)),
    };
    RepoDay { counts, uniques: Uniques(uniques as u64), evidence: random.chance(50) }
}

fn numbers(random: &mut Random, count: usize) -> Vec<DownloaderNumber> {
    let step = random.pick(&[1, 3, 1_000, u64::from(u32::MAX) / (count as u64 + 1)]);
    let mut next = random.below(step);
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(DownloaderNumber(u32::try_from(next).unwrap()));
        next += 1 + random.below(step);
    }
    numbers
}

type Entry = (RepoNumber, RepoDay, Vec<DownloaderNumber>);

fn entries(random: &mut Random, repos: usize, set_sizes: &[usize]) -> Vec<Entry> {
    let step = random.pick(&[1, 2, 500, u64::from(u32::MAX) / (repos as u64 + 1)]);
    let mut repo = random.below(2);
    let mut entries = Vec::new();
    for _ in 0..repos {
        let numbers = {
            let size = random.pick(set_sizes);
            numbers(random, size)
        };
        let day = any_day(random, numbers.len());
        entries.push((RepoNumber(u32::try_from(repo).unwrap()), day, numbers));
        repo += 1 + random.below(step);
    }
    entries
}

/// Writes entries as the publication does, and gives the chunks with their first repos.
fn chunks_of(entries: &[Entry]) -> Vec<(RepoNumber, Vec<u8>)> {
    let mut writer = ChunkWriter::default();
    let mut chunks = Vec::new();
    for (repo, day, numbers) in entries {
        chunks.extend(writer.add(*repo, day, numbers));
    }
    chunks.extend(writer.take());
    assert!(writer.take().is_none());
    chunks
}

fn assert_chunks_tell(entries: &[Entry], random: &mut Random) {
    let chunks = chunks_of(entries);
    let mut told = Vec::new();
    for (first, bytes) in &chunks {
        assert!(bytes.len() <= 16_270, "a chunk of {} bytes costs twice its size", bytes.len());
        let chunk = DayChunk::new(bytes).unwrap();
        let of_chunk: Vec<_> = chunk.entries().map(Result::unwrap).collect();
        assert_eq!(of_chunk.first().map(|entry| entry.repo), Some(*first));
        told.extend(of_chunk.iter().map(|entry| (entry.repo, entry.day, entry.set_is_apart(), entry.numbers().unwrap())));
    }
    let kept = |numbers: &Vec<DownloaderNumber>| if numbers.len() > SET_INLINE_MAX { Vec::new() } else { numbers.clone() };
    let expected: Vec<_> =
        entries.iter().map(|(repo, day, numbers)| (*repo, *day, numbers.len() > SET_INLINE_MAX, kept(numbers))).collect();
    assert!(told == expected, "the entries in order");

    let present: BTreeMap<RepoNumber, &Entry> = entries.iter().map(|entry| (entry.0, entry)).collect();
    let neighbours = entries.iter().flat_map(|entry| [entry.0.0.saturating_sub(1), entry.0.0, entry.0.0.saturating_add(1)]);
    let wanted: BTreeSet<u32> = neighbours.chain([0, u32::MAX, u32::try_from(random.below(1 << 32)).unwrap()]).collect();
    for repo in wanted.into_iter().map(RepoNumber) {
        let at = chunks.partition_point(|(first, _)| *first <= repo);
        let chunk = at.checked_sub(1).and_then(|at| chunks.get(at));
        let found = chunk.and_then(|(_, bytes)| DayChunk::new(bytes).unwrap().find(repo).unwrap());
        let found = found.map(|entry| (entry.repo, entry.day, entry.numbers().unwrap()));
        assert_eq!(found, present.get(&repo).map(|(repo, day, numbers)| (*repo, *day, kept(numbers))), "{repo:?}");
        // No other chunk knows it either.
        for (_, bytes) in &chunks {
            let known = DayChunk::new(bytes).unwrap().find(repo).unwrap().is_some();
            assert!(!known || present.contains_key(&repo));
        }
    }
}

#[test]
fn chunks_find_every_repo_and_no_other_around_the_borders_of_their_index() {
    for repos in [0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 49] {
        for seed in 0..4 {
            let mut random = Random::new(seed);
            let entries = entries(&mut random, repos, &[0, 1, 1, 5]);
            assert_chunks_tell(&entries, &mut random);
        }
    }
}

#[test]
fn chunks_come_back_whatever_is_in_them() {
    for_seeds("chunks", 60, |random| {
        let repos = random.pick(&[3, 100, 700]);
        let entries = entries(random, repos, &[0, 1, 2, 40, 300]);
        assert_chunks_tell(&entries, random);
    });
}

#[test]
fn sets_lie_inside_the_chunk_up_to_the_limit_and_apart_above_it() {
    let sizes = [SET_INLINE_MAX - 1, SET_INLINE_MAX, SET_INLINE_MAX + 1, 3 * SET_INLINE_MAX];
    let mut random = Random::new(7);
    for size in sizes {
        assert_chunks_tell(&entries(&mut random, 1, &[size]), &mut random);
    }
    assert_chunks_tell(&entries(&mut random, 90, &sizes), &mut random);
}

#[test]
fn damaged_chunks_years_heads_and_tails_are_errors_or_values_but_never_panics() {
    for_seeds("damaged views", 3_000, |random| {
        let chunks = {
            let repos = random.index(40);
            chunks_of(&entries(random, repos, &[0, 1, 9]))
        };
        let year = years::year(random, 2024);
        let mut values: Vec<Vec<u8>> = chunks.into_iter().map(|(_, bytes)| bytes).collect();
        values.extend([years::stored(2024, &year).bytes, years::head(random).encode(), encode_edges(&edges(random, 20))]);
        for mut bytes in values {
            if bytes.is_empty() {
                continue;
            }
            let at = random.index(bytes.len());
            match random.below(3) {
                0 => bytes.truncate(at),
                1 => bytes[at] = 0xff,
                _ => bytes[at] ^= 1 << random.below(8),
            }
            if let Ok(chunk) = DayChunk::new(&bytes) {
                for entry in chunk.entries() {
                    let Ok(entry) = entry else { break };
                    let _ = entry.numbers();
                }
                let _ = chunk.find(RepoNumber(u32::try_from(random.below(50)).unwrap()));
            }
            let _ = RepoYear::decode(2024, &bytes);
            let changes = [(Day(19_800), None), (Day(19_900), Some(RepoDay::default()))];
            let _ = StoredYear::changed(2024, bytes.clone(), changes.into_iter());
            let _ = RepoHead::decode(&bytes);
            let _ = decode_edges(DAY, &bytes);
            let _ = find_edges(DAY, &bytes, RepoNumber(3));
            let _ = RepoSet::from_bytes(&bytes);
            let _ = DownloaderSet::from_bytes(&bytes).map(|set| (set.iter().count(), set.is_thin()));
            let _ = DictionaryChunk::new(&bytes).map(|chunk| (chunk.entries().next_from(Who(1)), chunk.entries().count()));
            let _ = decode_kin(&bytes);
        }
    });
}

fn key(who: u64, user: bool, agent: u32) -> DownloaderKey {
    DownloaderKey::of(Who(who), user, AgentHash(agent))
}

/// Somebody of so many whos, which are spread evenly, or crowd together, or lie at the ends of their range.
fn anybody(random: &mut Random, people: u64) -> DownloaderKey {
    let person = random.below(people);
    let who = match person % 16 {
        0 => person / 16,
        1 => u64::MAX - person / 16,
        _ => (person + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
    };
    let user = random.chance(30);
    key(who, user, if user { 0 } else { random.pick(&[0, 0, 0, 7, 1 << 20, u32::MAX]) })
}

const DAY: Day = Day(20_600);

fn edges(random: &mut Random, most: usize) -> Vec<Edge> {
    let mut edges = BTreeSet::new();
    for _ in 0..random.index(most + 1) {
        edges.insert(Edge {
            repo: RepoNumber(random.pick(&[0, 1, 2, 3, 255, 256, u32::MAX])),
            downloader: anybody(random, 50),
            time: Millis(DAY.start().0 + i64::try_from(84_600_000 + random.below(1_800_000)).unwrap()),
        });
    }
    edges.into_iter().collect()
}

#[test]
fn tails_come_back_and_every_repo_finds_its_own() {
    for_seeds("tails", 400, |random| {
        let edges = edges(random, 60);
        let bytes = encode_edges(&edges);
        assert_eq!(decode_edges(DAY, &bytes).unwrap(), edges);
        for repo in [0, 1, 2, 3, 4, 254, 255, 256, 257, u32::MAX - 1, u32::MAX].map(RepoNumber) {
            let own: Vec<Edge> = edges.iter().filter(|edge| edge.repo == repo).copied().collect();
            assert_eq!(find_edges(DAY, &bytes, repo).unwrap(), own);
        }
        let midnight = |ms: i64| Edge { repo: RepoNumber(1), downloader: key(1, true, 0), time: Millis(DAY.start().0 + ms) };
        for ms in [84_600_000, 86_399_999] {
            assert_eq!(decode_edges(DAY, &encode_edges(&[midnight(ms)])).unwrap(), [midnight(ms)]);
        }
        if !bytes.is_empty() {
            assert!(decode_edges(DAY, &bytes[1..]).is_err(), "not whole records");
        }
    });
}

#[test]
fn sets_unite_like_sets() {
    for_seeds("sets", 60, |random| {
        let mut whole = DownloaderSet::default();
        let mut naive = BTreeSet::new();
        for _ in 0..random.index(8) {
            let numbers = {
                let size = random.pick(&[0, 1, 50, 6_000]);
                numbers(random, size)
            };
            naive.extend(numbers.iter().copied());
            let mut part = DownloaderSet::default();
            part.add(numbers);
            match random.below(2) {
                0 => whole.unite(&part),
                _ => whole.absorb(DownloaderSet::from_bytes(&part.to_bytes()).unwrap()),
            }
            assert_eq!(whole.len(), naive.len() as u64);
            assert_eq!(whole.is_empty(), naive.is_empty());
        }
        let mut repos = RepoSet::default();
        let mut members = BTreeSet::new();
        for _ in 0..random.index(300) {
            let repo = RepoNumber(u32::try_from(random.below(200)).unwrap());
            let member = random.chance(60);
            repos.set(repo, member);
            if member {
                members.insert(repo)
            } else {
                members.remove(&repo)
            };
        }
        let stored = RepoSet::from_bytes(&repos.to_bytes()).unwrap();
        assert_eq!(stored, repos);
        assert_eq!(stored.iter().collect::<BTreeSet<_>>(), members);
        assert!((0..200).all(|repo| stored.contains(RepoNumber(repo)) == members.contains(&RepoNumber(repo))));
    });
}

/// Facets of some repos as a fold gives them: ascending, each once, some taken back to nothing.
fn any_facets(random: &mut Random, book: &FacetBook) -> Vec<FacetCount> {
    let mut facets = BTreeMap::new();
    for _ in 0..random.pick(&[0, 1, 1, 2, 40]) {
        let place = u32::try_from(random.index(book.places().len())).unwrap();
        let client = u32::try_from(random.index(book.clients().len())).unwrap();
        facets.insert(Facet { place, client }, Downloads(random.pick(&[0, 1, 1, 1, 7, 1 << 40])));
    }
    facets.into_iter().collect()
}

fn any_book(random: &mut Random) -> FacetBook {
    let mut words = Words::default();
    let mut book = FacetBook::default();
    let counting = Counting::default();
    for _ in 0..1 + random.index(300) {
        let origin = Origin {
            source: SourceId(u16::try_from(random.below(3)).unwrap()),
            country: Country::parse(random.pick(&["", "DE", "FR", "US"])),
            region: words.number(random.pick(&["", "Hesse", "\u{ce}le-de-France"]).as_bytes()),
            agent_note: words.number(format!("lib{}/{}", random.below(9), random.below(200)).as_bytes()),
        };
        book.first_of([origin].into_iter(), random.chance(50), &counting, &words);
    }
    book
}

type Spelled = (RepoNumber, BTreeMap<(Place, Client), u64>, KindFiles);

#[test]
fn facet_chunks_come_back_and_every_repo_finds_its_own() {
    for_seeds("facet chunks", 60, |random| {
        let book = any_book(random);
        let mut writer = FacetChunkWriter::new(&book);
        let mut chunks = Vec::new();
        let mut expected: Vec<Spelled> = Vec::new();
        let mut repo = 0;
        for _ in 0..random.pick(&[0, 1, 15, 16, 17, 33, 3_000]) {
            repo += 1 + u32::try_from(random.below(300)).unwrap();
            let facets = any_facets(random, &book);
            let mut kinds = KindFiles::default();
            if random.chance(30) {
                kinds.0.iter_mut().for_each(|files| *files = Files(any_count(random)));
            }
            if writer.is_full() {
                chunks.extend(writer.take().unwrap());
            }
            writer.add(RepoNumber(repo), &facets, kinds);
            let spelled: BTreeMap<(Place, Client), u64> = facets
                .iter()
                .filter(|(_, downloads)| downloads.0 > 0)
                .map(|(facet, downloads)| {
                    let place = book.places()[facet.place as usize].clone();
                    ((place, book.clients()[facet.client as usize].clone()), downloads.0)
                })
                .collect();
            if !spelled.is_empty() || kinds != KindFiles::default() {
                expected.push((RepoNumber(repo), spelled, kinds));
            }
        }
        chunks.extend(writer.take().unwrap());
        let spell = |chunk: &FacetChunk, entry: &FacetEntry| -> Spelled {
            let name = |facet: Facet| (chunk.places[facet.place as usize].clone(), chunk.clients[facet.client as usize].clone());
            (entry.repo, entry.facets.iter().map(|(facet, downloads)| (name(*facet), downloads.0)).collect(), entry.kinds)
        };
        let mut told: Vec<Spelled> = Vec::new();
        for (first, bytes) in &chunks {
            let chunk = FacetChunk::new(bytes).unwrap();
            let before = told.len();
            chunk.for_all(|entry| told.push(spell(&chunk, entry))).unwrap();
            assert_eq!(told.get(before).map(|(repo, ..)| repo), Some(first));
            let own: Vec<Spelled> = told[before..].to_vec();
            let asked: BTreeSet<u32> = own.iter().flat_map(|(repo, ..)| [repo.0 - 1, repo.0, repo.0 + 1]).collect();
            let mut found = Vec::new();
            chunk.for_some(asked.into_iter().map(RepoNumber), |entry| found.push(spell(&chunk, entry))).unwrap();
            assert!(found == own, "each repo finds its own");
            let mut damaged = bytes.clone();
            let at = random.index(damaged.len());
            damaged[at] ^= 1 << random.below(8);
            if let Ok(chunk) = FacetChunk::new(&damaged) {
                let _ = chunk.for_all(|_| {});
                let _ = chunk.for_some([*first, RepoNumber(u32::MAX)], |_| {});
            }
        }
        assert!(told == expected, "the entries in order");
    });
}
