//! Blocks give back the rows they were made of, all or those of some, and refuse anything else without harm.
//!
//! `HUBTALLY_BLOCK_ROUNDS=1000` tries more random blocks and merges, `HUBTALLY_MUTATIONS=10000000` more mutations;
//! `HUBTALLY_SEED=N` starts at another seed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use hubtally::block::{BlockError, Decoded, Encoder, Merge, ROWS_MAX, Wanted, decode, decode_sought, put_varint};
use hubtally::model::{
    AgentHash, Country, Day, DeliveryId, Method, Millis, PathHash, RangeFlag, RepoNumber, Row, SenderId, SourceId, Status, Who,
    Word, Words,
};

use crate::oracle::Random;

mod merging;

const DAY: Day = Day(20_600);
const DAY_MS: u64 = 86_400_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs `test` with so many seeds; a failure names the one it failed with.
fn for_seeds(what: &str, rounds: u64, test: impl Fn(u64)) {
    let first = number("HUBTALLY_SEED", 0);
    println!("{what}: seeds {first} to {}", first + rounds - 1);
    for seed in first..first + rounds {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(seed)));
        if let Err(panic) = outcome {
            eprintln!("{what}: failed with seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Any 64-bit number, small ones and the largest more often than chance would have it.
fn any_u64(random: &mut Random) -> u64 {
    match random.below(5) {
        0 => random.below(3),
        1 => random.below(300),
        2 => u64::MAX - random.below(2),
        _ => random.below(u64::MAX) >> random.below(64),
    }
}

fn any_u32(random: &mut Random) -> u32 {
    (any_u64(random) & u64::from(u32::MAX)).try_into().unwrap()
}

fn any_u16(random: &mut Random) -> u16 {
    (any_u64(random) & u64::from(u16::MAX)).try_into().unwrap()
}

fn any_word(random: &mut Random, words: &mut Words) -> Word {
    let length = random.pick(&[0, 0, 1, 3, 20, 256]);
    let text: Vec<u8> = (0..length).map(|_| u8::try_from(97 + random.below(3)).unwrap()).collect();
    words.number(&text)
}

/// A row with anything in any column.
fn any_row(random: &mut Random, words: &mut Words) -> Row {
    Row {
        repo: RepoNumber(any_u32(random)),
        user: random.chance(50),
        who: Who(any_u64(random)),
        agent: AgentHash(any_u32(random)),
        time: Millis(DAY.start().0 + i64::try_from(any_u64(random) % DAY_MS).unwrap()),
        source: SourceId(any_u16(random)),
        method: random.pick(&[Method::Get, Method::Head, Method::Post]),
        status: Status(any_u16(random)),
        path: PathHash(any_u64(random)),
        range: random.pick(&[RangeFlag::None, RangeFlag::FirstByte, RangeFlag::Part]),
        id: SenderId(any_u64(random)),
        delivery: DeliveryId(any_u32(random)),
        count: any_u32(random).max(1),
        bytes: any_u64(random),
        duration: any_u64(random),
        country: Country(any_u16(random)),
        region: any_word(random, words),
        agent_note: any_word(random, words),
        path_name: any_word(random, words),
    }
}

/// A row as logs have them: few repos and people, most columns alike. `full` tells whether it has annotations at all.
fn usual_row(random: &mut Random, words: &mut Words, full: bool) -> Row {
    let plain = Row {
        repo: RepoNumber(u32::try_from(random.below(40)).unwrap()),
        user: random.chance(20),
        who: Who(random.below(60) << 40),
        time: Millis(DAY.start().0 + i64::try_from(random.below(DAY_MS)).unwrap()),
        status: Status(random.pick(&[200, 206, 302])),
        delivery: DeliveryId(1),
        count: 1,
        ..Row::default()
    };
    if !full {
        return plain;
    }
    Row {
        agent: AgentHash(u32::try_from(random.below(4)).unwrap()),
        path: PathHash(random.below(5)),
        bytes: random.below(3) * 1_000,
        country: Country::parse(random.pick(&["DE", "FR", ""])),
        region: any_word(random, words),
        path_name: any_word(random, words),
        ..plain
    }
}

/// Sorted rows: all columns wild, or as in logs, or as in logs and without annotations.
fn any_rows(random: &mut Random, count: usize, words: &mut Words) -> Vec<Row> {
    let shape = random.below(3);
    let row = |random: &mut Random, words: &mut Words| match shape {
        0 => any_row(random, words),
        shape => usual_row(random, words, shape == 1),
    };
    let mut rows: Vec<Row> = (0..count).map(|_| row(random, words)).collect();
    if random.chance(30) {
        // Many logs know seconds only.
        rows.iter_mut().for_each(|row| row.time.0 -= row.time.0 % 1_000);
    }
    rows.sort_unstable_by(Row::cmp_stored);
    rows
}

/// Rows with their texts in place of words, to compare rows of different lists.
fn spelled(rows: &[Row], text: impl Fn(Word) -> Vec<u8>) -> Vec<(Row, [Vec<u8>; 3])> {
    let spell = |row: &Row| {
        let texts = [text(row.region), text(row.agent_note), text(row.path_name)];
        (Row { region: Word::UNKNOWN, agent_note: Word::UNKNOWN, path_name: Word::UNKNOWN, ..*row }, texts)
    };
    rows.iter().map(spell).collect()
}

fn spelled_block(block: &Decoded) -> Vec<(Row, [Vec<u8>; 3])> {
    let text = |word: Word| match (word.0 as usize).checked_sub(1) {
        Some(at) => block.texts[at].to_vec(),
        None => Vec::new(),
    };
    spelled(&block.rows, text)
}

fn without_annotations(row: &Row) -> Row {
    Row {
        bytes: 0,
        duration: 0,
        country: Country(0),
        region: Word::UNKNOWN,
        agent_note: Word::UNKNOWN,
        path_name: Word::UNKNOWN,
        ..*row
    }
}

fn assert_comes_back(encoder: &mut Encoder, rows: &[Row], words: &Words) {
    let bytes = encoder.encode(DAY, rows, words).unwrap();
    let all = decode(DAY, &bytes, Wanted::All).unwrap();
    assert!(spelled_block(&all) == spelled(rows, |word| words.text(word).to_vec()), "other rows came back");
    let identity = decode(DAY, &bytes, Wanted::Identity).unwrap();
    assert!(identity.rows == rows.iter().map(without_annotations).collect::<Vec<_>>(), "other identities came back");
    assert!(identity.texts.is_empty());
    let mut asked = BTreeSet::new();
    let nobody = decode_sought(DAY, &bytes, Wanted::All, |repo, who| {
        asked.insert((repo, who));
        false
    });
    assert!(nobody.unwrap().is_none() && asked == rows.iter().map(|row| (row.repo, row.who)).collect());
    let counting = decode(DAY, &bytes, Wanted::Counting).unwrap();
    for (wanted, everybody) in [(Wanted::All, all), (Wanted::Counting, counting), (Wanted::Identity, identity)] {
        for (of, rest) in [(1, 0), (2, 1), (5, 0), (97, 3)] {
            let is_sought = |repo: RepoNumber, who: Who| (u64::from(repo.0) ^ who.0) % of == rest;
            let sought = decode_sought(DAY, &bytes, wanted, is_sought).unwrap().unwrap_or_default();
            let rows = everybody.rows.iter().filter(|row| is_sought(row.repo, row.who));
            assert!(sought.rows.iter().eq(rows) && (sought.rows.is_empty() || sought.texts == everybody.texts));
        }
    }
    assert_eq!(encoder.encode(DAY, rows, words).unwrap(), bytes, "the same rows give the same bytes");
}

#[test]
fn a_block_gives_back_every_column_of_its_rows() {
    let mut encoder = Encoder::new().unwrap();
    assert_comes_back(&mut encoder, &[], &Words::default());
    let encoder = std::cell::RefCell::new(encoder);
    for_seeds("blocks come back", number("HUBTALLY_BLOCK_ROUNDS", 150), |seed| {
        let mut random = Random::new(seed);
        let mut words = Words::default();
        let count = random.pick(&[0, 1, 2, 15, 200, 3_000]);
        let rows = any_rows(&mut random, count, &mut words);
        assert_comes_back(&mut encoder.borrow_mut(), &rows, &words);
    });
}

#[test]
fn a_full_block_comes_back_and_a_fuller_one_is_refused() {
    let mut encoder = Encoder::new().unwrap();
    for_seeds("full blocks", 2, |seed| {
        let mut words = Words::default();
        let rows = any_rows(&mut Random::new(seed), ROWS_MAX, &mut words);
        assert_comes_back(&mut Encoder::new().unwrap(), &rows, &words);
    });
    let mut bytes = encoder.encode(DAY, &[], &Words::default()).unwrap();
    let mut fuller = vec![bytes.remove(0)];
    put_varint(&mut fuller, ROWS_MAX as u64 + 1);
    fuller.extend_from_slice(&bytes[1..]);
    assert_eq!(decode(DAY, &fuller, Wanted::All), Err(BlockError::Malformed("header")));
}

#[test]
fn unknown_versions_are_refused_and_unknown_columns_are_skipped() {
    let mut encoder = Encoder::new().unwrap();
    let mut words = Words::default();
    let rows = any_rows(&mut Random::new(1), 20, &mut words);
    let mut bytes = encoder.encode(DAY, &rows, &words).unwrap();
    let known = decode(DAY, &bytes, Wanted::All).unwrap();
    // Version, 20 rows and the number of columns are a byte each.
    bytes[2] += 2;
    bytes.extend([200, 9, 5, 3, 1, 2, 3]);
    bytes.extend([255, 0, 0, 0]);
    assert_eq!(decode(DAY, &bytes, Wanted::All).unwrap(), known);
    for version in [0, 3] {
        bytes[0] = version;
        assert_eq!(decode(DAY, &bytes, Wanted::All), Err(BlockError::Version(version)));
    }
}

/// Changes some bytes, lengths or order of a block.
fn mutated(random: &mut Random, block: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = block.to_vec();
    for _ in 0..1 + random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.index(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            4 => drop(bytes.splice(at..at, [0xff; 9])),
            5 => bytes.extend_from_slice(&other[random.index(other.len())..]),
            6 => bytes.swap(at, 0),
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    bytes
}

#[test]
fn no_mutation_of_a_block_panics_or_asks_for_absurd_memory() {
    let mutations = number("HUBTALLY_MUTATIONS", 200_000);
    let seed = number("HUBTALLY_SEED", 0);
    println!("mutated blocks: seed {seed}, {mutations} mutations");
    let mut random = Random::new(seed);
    let mut encoder = Encoder::new().unwrap();
    let mut blocks: Vec<Vec<u8>> = (0..200)
        .map(|_| {
            let mut words = Words::default();
            let count = random.index(60);
            let rows = any_rows(&mut random, count, &mut words);
            encoder.encode(DAY, &rows, &words).unwrap()
        })
        .collect();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/golden");
    blocks.extend(["block-v1-every-column.bin", "block-v1-minimal.bin"].map(|name| fs::read(golden.join(name)).unwrap()));
    let mut read = 0_u64;
    for _ in 0..mutations {
        let (block, other) = (random.index(blocks.len()), random.index(blocks.len()));
        let bytes = mutated(&mut random, &blocks[block], &blocks[other]);
        let wanted = random.pick(&[Wanted::All, Wanted::All, Wanted::Counting, Wanted::Identity]);
        let some = random.chance(30).then(|| decode_sought(DAY, &bytes, wanted, |_, who| who.0 % 2 == 0));
        let Ok(Some(block)) = some.unwrap_or_else(|| decode(DAY, &bytes, wanted).map(Some)) else { continue };
        read += 1;
        assert!(block.rows.len() <= ROWS_MAX);
        // What reads like a block must also merge like one.
        let mut merge = Merge::new([[Ok::<_, BlockError>(block)].into_iter()]).unwrap();
        while merge.next_row().unwrap().is_some() {}
    }
    println!("{read} of them could still be read");
}

#[test]
fn a_column_that_would_unpack_to_more_than_its_rows_need_is_refused() {
    let zeros = vec![0; 32 << 20];
    let bomb = zstd::bulk::compress(&zeros, 1).unwrap();
    let block = |rows: u64, column: u8| {
        let mut bytes = vec![1];
        put_varint(&mut bytes, rows);
        bytes.extend([1, column, 1]);
        put_varint(&mut bytes, zeros.len() as u64);
        put_varint(&mut bytes, bomb.len() as u64);
        bytes.extend_from_slice(&bomb);
        bytes
    };
    for column in 1..=29 {
        for rows in [0, 1, 1_000] {
            assert_eq!(
                decode(DAY, &block(rows, column), Wanted::All),
                Err(BlockError::Malformed("compression")),
                "column {column}"
            );
        }
    }
    // A length that lies is found out when it is unpacked.
    let mut lying = vec![1, 1, 1, 1, 1, 60];
    let small = zstd::bulk::compress(&[0; 20], 1).unwrap();
    put_varint(&mut lying, small.len() as u64);
    lying.extend_from_slice(&small);
    assert_eq!(decode(DAY, &lying, Wanted::All), Err(BlockError::Malformed("compression")));
}
