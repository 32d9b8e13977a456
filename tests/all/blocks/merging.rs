//! Blocks merge by the lattice of law 2, however their rows are cut.

use std::collections::{BTreeMap, BTreeSet};

use hubtally::block::{
    BlockError, BodyRows, Decoded, Encoder, Joined, Merge, ROWS_MAX, Wanted, compact, decode, for_events, join_sorted,
};
use hubtally::model::{
    AgentHash, Country, DeliveryId, Method, Millis, PathHash, RangeFlag, RepoNumber, Row, SenderId, SourceId, Status, Who, Words,
};

use super::{DAY, any_word, for_seeds, number, spelled, spelled_block};
use crate::oracle::Random;

type Identity = (RepoNumber, bool, Who, AgentHash, Millis, SourceId, Method, Status, PathHash, RangeFlag, SenderId);

fn identity(row: &Row) -> Identity {
    let Row { repo, user, who, agent, time, source, method, status, path, range, id, .. } = *row;
    (repo, user, who, agent, time, source, method, status, path, range, id)
}

/// How often each event happened, the naive way: a document's rows add up, rows of pushes take the largest, and over
/// deliveries the largest counts.
fn naive<'a>(rows: impl IntoIterator<Item = &'a Row>) -> BTreeMap<Identity, u64> {
    let mut by_delivery: BTreeMap<(Identity, DeliveryId), u64> = BTreeMap::new();
    for row in rows {
        let sum = by_delivery.entry((identity(row), row.delivery)).or_default();
        let count = u64::from(row.count);
        *sum = if row.delivery.is_pushes() { (*sum).max(count) } else { *sum + count };
    }
    let mut joined: BTreeMap<Identity, u64> = BTreeMap::new();
    for ((identity, _), count) in by_delivery {
        let largest = joined.entry(identity).or_default();
        *largest = (*largest).max(count);
    }
    joined
}

/// Rows of which many are equal, of few deliveries of both kinds, with annotations that differ.
fn crowded_rows(random: &mut Random, count: usize, words: &mut Words) -> Vec<Row> {
    let row = |random: &mut Random, words: &mut Words| Row {
        repo: RepoNumber(u32::try_from(random.below(3)).unwrap()),
        user: random.chance(30),
        who: Who(random.below(2)),
        agent: AgentHash(u32::try_from(random.below(2)).unwrap()),
        time: Millis(DAY.start().0 + i64::try_from(random.below(3)).unwrap()),
        source: SourceId(u16::try_from(random.below(2)).unwrap()),
        status: Status(random.pick(&[200, 206])),
        path: PathHash(random.below(2)),
        delivery: random.pick(&[DeliveryId::document(1), DeliveryId::document(2), DeliveryId::pushes(1), DeliveryId::pushes(3)]),
        count: 1 + u32::try_from(random.below(3)).unwrap(),
        bytes: random.below(3),
        duration: random.below(3),
        country: Country(u16::try_from(random.below(3)).unwrap()),
        region: any_word(random, words),
        agent_note: any_word(random, words),
        path_name: any_word(random, words),
        ..Row::default()
    };
    (0..count).map(|_| row(random, words)).collect()
}

/// Rows as they are stored that came in a body each.
fn joined_bodies(rows: &[Row], words: &Words) -> Vec<Row> {
    let bodies: Vec<(u32, &[Row])> = (0..).zip(rows.chunks(1)).collect();
    as_stored(&BodyRows::of(&bodies, words), words)
}

/// Rows as they are stored.
fn as_stored(rows: &BodyRows, words: &Words) -> Vec<Row> {
    let mut scratch = Vec::new();
    rows.blocks().into_iter().flat_map(|block| block.joined(words, &mut scratch).to_vec()).collect()
}

/// Cuts rows into inputs at random; each is sorted and joined as a commit would, and stored in blocks of a few rows.
fn partition(random: &mut Random, rows: &[Row], words: &Words) -> Vec<Vec<Decoded>> {
    let inputs = 1 + random.index(6);
    let mut parts: Vec<Vec<Row>> = vec![Vec::new(); inputs];
    rows.iter().for_each(|row| parts[random.index(inputs)].push(*row));
    let mut encoder = Encoder::new().unwrap();
    let block_rows = 1 + random.index(40);
    let mut stored = Vec::new();
    for part in parts {
        let part = joined_bodies(&part, words);
        let block = |rows: &[Row]| decode(DAY, &encoder.encode(DAY, rows, words).unwrap(), Wanted::All).unwrap();
        stored.push(part.chunks(block_rows).map(block).collect());
    }
    stored
}

fn merge(inputs: &[Vec<Decoded>]) -> Merge<impl Iterator<Item = Result<Decoded, BlockError>>> {
    let blocks = |input: &Vec<Decoded>| input.clone().into_iter().map(Ok);
    Merge::new(inputs.iter().map(blocks).collect::<Vec<_>>()).unwrap()
}

fn joined(inputs: &[Vec<Decoded>]) -> BTreeMap<Identity, u64> {
    let mut joins = merge(inputs).joined().unwrap();
    let mut events = BTreeMap::new();
    let mut before: Option<Row> = None;
    while let Some(Joined { row, count, .. }) = joins.next_event(|_| false).unwrap() {
        assert!(before.is_none_or(|before| before.cmp_identity(&row).is_lt()), "events come in stored order, each once");
        before = Some(row);
        events.insert(identity(&row), u64::from(count));
    }
    events
}

#[test]
fn joined_multiplicity_is_that_of_a_naive_map_however_the_rows_are_cut() {
    for_seeds("joined multiplicity", number("HUBTALLY_BLOCK_ROUNDS", 150), |seed| {
        let mut random = Random::new(seed);
        let mut words = Words::default();
        let count = random.pick(&[0, 1, 30, 400]);
        let mut rows = crowded_rows(&mut random, count, &mut words);
        let expected = naive(&rows);
        for _ in 0..3 {
            let mut inputs = partition(&mut random, &rows, &words);
            assert_eq!(joined(&inputs), expected, "any cutting");
            random.shuffle(&mut inputs);
            assert_eq!(joined(&inputs), expected, "any order of inputs");
            let (first, rest) = inputs.split_at(inputs.len() / 2);
            let nested = [vec![compacted(first)], vec![compacted(rest)]].concat();
            assert_eq!(joined(&nested), expected, "any nesting");
            random.shuffle(&mut rows);
        }
        let again = rows.iter().map(|row| {
            let serial = row.delivery.serial() + 10;
            let delivery = if row.delivery.is_pushes() { DeliveryId::pushes(serial) } else { DeliveryId::document(serial) };
            Row { delivery, ..*row }
        });
        let twice: Vec<Row> = rows.iter().copied().chain(again).collect();
        assert_eq!(joined(&partition(&mut random, &twice, &words)), expected, "every delivery once more");

        let mut live: Vec<Row> = Vec::new();
        for input in partition(&mut random, &rows, &words) {
            let mut new: Vec<Row> = input.into_iter().flat_map(|block| block.rows).collect();
            new.sort_unstable_by(Row::cmp_stored);
            join_sorted(&mut live, &new, &Words::default());
        }
        let mut events = BTreeMap::new();
        for_events(&live, &Words::default(), |event| events.extend([(identity(&event.row), u64::from(event.count))]));
        assert_eq!(events, expected, "joined in memory");
    });
}

/// One compacted input of several.
fn compacted(inputs: &[Vec<Decoded>]) -> Vec<Decoded> {
    let mut encoder = Encoder::new().unwrap();
    let mut blocks = Vec::new();
    let emit = |rows: &[Row], words: &Words| {
        assert!(rows.is_sorted_by(|a, b| a.cmp_stored(b).is_lt()), "compacted rows are sorted and distinct");
        blocks.push(decode(DAY, &encoder.encode(DAY, rows, words).unwrap(), Wanted::All)?);
        Ok(())
    };
    compact(merge(inputs), |_| true, emit).unwrap();
    blocks
}

#[test]
fn compacting_any_partition_gives_the_same_rows_annotations_included() {
    for_seeds("compacting", number("HUBTALLY_BLOCK_ROUNDS", 150), |seed| {
        let mut random = Random::new(seed);
        let mut words = Words::default();
        let count = random.pick(&[0, 1, 30, 400]);
        let mut rows = crowded_rows(&mut random, count, &mut words);
        let spell = |blocks: &[Decoded]| blocks.iter().flat_map(spelled_block).collect::<Vec<_>>();
        let once = spell(&compacted(&partition(&mut random, &rows, &words)));
        for _ in 0..3 {
            random.shuffle(&mut rows);
            let inputs = partition(&mut random, &rows, &words);
            let (first, rest) = inputs.split_at(inputs.len() / 2);
            assert!(spell(&compacted(&inputs)) == once, "another cutting");
            assert!(spell(&compacted(&[compacted(rest), compacted(first)])) == once, "another nesting");
        }
        let again = compacted(&[compacted(&partition(&mut random, &rows, &words))]);
        assert!(spell(&again) == once, "compacting what is compacted");
        let documents: Vec<DeliveryId> = vec![DeliveryId::document(1), DeliveryId::document(2)];
        let kept: Vec<Row> = rows.iter().filter(|row| !documents.contains(&row.delivery)).copied().collect();
        let mut emitted = Vec::new();
        let emit = |rows: &[Row], _: &Words| {
            emitted.extend_from_slice(rows);
            Ok::<_, BlockError>(())
        };
        compact(merge(&partition(&mut random, &rows, &words)), |row| row.delivery.is_pushes(), emit).unwrap();
        assert_eq!(naive(&emitted), naive(&kept), "a delivery left out");
    });
}

#[test]
fn lines_of_one_body_add_up_and_bodies_of_a_day_take_the_larger_count() {
    let mut words = Words::default();
    let row = Row { delivery: DeliveryId::pushes(1), count: 2, region: words.number(b"b"), bytes: 0, ..Row::default() };
    let other = Row { count: 3, region: words.number(b"a"), bytes: 7, ..row };
    let body = BodyRows::of(&[(7, &[row]), (7, &[other])], &words);
    assert_eq!(body.rows(), [Row { count: 5, ..other }], "present beats absent, then the smaller wins");
    assert_eq!(body.rows(), as_stored(&body, &words));
    assert_eq!(joined_bodies(&[row, other], &words), [other]);
    let document = |row: Row| Row { delivery: DeliveryId::document(1), ..row };
    assert_eq!(joined_bodies(&[document(row), document(other)], &words), [Row { count: 5, ..document(other) }]);
}

#[test]
fn rows_that_came_in_several_bodies_are_joined_wherever_a_block_ends() {
    let words = Words::default();
    let row = |second: usize| Row { time: Millis(DAY.start().0 + 1_000 * second as i64), count: 1, ..Row::default() };
    let rows: Vec<Row> = (0..3 * ROWS_MAX).map(|at| row(at / 2)).collect();
    let all: Vec<Row> = (0..3 * ROWS_MAX / 2).map(row).collect();
    let pushed = |row: &Row| Row { delivery: DeliveryId::pushes(1), ..*row };
    // Of these, all from some place on came twice, or three times, or just those around the end of a block did.
    for twice in [0..0, 0..all.len(), ROWS_MAX - 1..all.len(), ROWS_MAX - 1..ROWS_MAX + 1, ROWS_MAX..ROWS_MAX + 1] {
        for times in [1, 2] {
            let all: Vec<Row> = all.iter().map(pushed).collect();
            let mut bodies: Vec<(u32, &[Row])> = vec![(0, &all)];
            (1..=times).for_each(|body| bodies.push((body, &all[twice.clone()])));
            let sorted = BodyRows::of(&bodies, &words);
            assert_eq!(sorted.rows().len(), all.len() + times as usize * twice.len());
            assert_eq!(as_stored(&sorted, &words), all);
            // In memory that held others, and as one body that says everything so often.
            let again = sorted.refilled(&[(5, &rows)], &words);
            assert_eq!(again.with_bodies().filter(|(row, body)| row.count == 2 && *body == 5).count(), all.len());
            assert_eq!(as_stored(&again, &words), again.rows());
        }
    }
}

#[test]
fn rows_of_bodies_are_sorted_and_known_by_their_bodies() {
    for_seeds("rows of bodies", number("HUBTALLY_BLOCK_ROUNDS", 150), |seed| {
        let mut random = Random::new(seed);
        let mut words = Words::default();
        let count = random.pick(&[0, 1, 30, 400]);
        let rows = crowded_rows(&mut random, count, &mut words);
        let mut bodies = vec![0];
        (1..count).for_each(|_| bodies.push(bodies.last().unwrap() + u32::from(random.chance(20))));
        let stretches: Vec<(u32, &[Row])> = bodies.iter().copied().zip(rows.chunks(1)).collect();
        let sorted = BodyRows::of(&stretches, &words);
        assert!(sorted.rows().is_sorted_by(|a, b| a.cmp_stored(b).is_le()));
        // How often each body holds each row, as a naive map has it.
        let mut expected: BTreeMap<(Identity, u64, u32), u64> = BTreeMap::new();
        for (row, body) in rows.iter().zip(&bodies) {
            *expected.entry((identity(row), row.delivery.0.into(), *body)).or_default() += u64::from(row.count);
        }
        let of_row = |row: &Row, body: u32| ((identity(row), row.delivery.0.into(), body), u64::from(row.count));
        let found: Vec<_> = sorted.with_bodies().map(|(row, body)| of_row(row, body)).collect();
        assert_eq!(found.iter().copied().collect::<BTreeMap<_, _>>(), expected);
        assert_eq!(found.len(), expected.len(), "each once");

        let (mut handed, mut scratch, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        let of_downloaders = sorted.of_repos().flat_map(|of| of.of_downloaders().map(move |of_one| (of.repo, of_one)));
        for (repo, of_one) in of_downloaders {
            assert!(seen.insert((repo, of_one.downloader)), "all rows of a downloader at once");
            let mut last = None;
            of_one.for_each_body(&mut scratch, |body, rows| {
                assert!(last.is_none_or(|last| last < body) && !rows.is_empty(), "bodies in their order");
                last = Some(body);
                assert!(rows.is_sorted_by(|a, b| a.cmp_stored(b).is_lt()));
                assert!(rows.iter().all(|row| (row.repo, row.downloader()) == (repo, of_one.downloader)));
                handed.extend(rows.iter().map(|row| of_row(row, body)));
            });
        }
        assert_eq!(handed.len(), found.len());
        assert_eq!(handed.into_iter().collect::<BTreeMap<_, _>>(), expected);

        // Under other names the rows are the same.
        let renamed = |row: &Row| RepoNumber(u32::from(row.repo.0 == 1));
        let moved = sorted.read_as(renamed);
        assert!(moved.rows().is_sorted_by(|a, b| a.cmp_stored(b).is_le()));
        let under = |(row, body): (&Row, u32)| format!("{:?}", (Row { repo: renamed(row), ..*row }, body));
        let mut spellings: [Vec<String>; 2] = [&sorted, &*moved].map(|rows| rows.with_bodies().map(under).collect());
        spellings.iter_mut().for_each(|of_rows| of_rows.sort_unstable());
        assert_eq!(spellings[0], spellings[1]);
    });
}

#[test]
fn a_full_merge_cuts_its_output_into_blocks() {
    let mut words = Words::default();
    let rows: Vec<Row> = (0..u64::try_from(ROWS_MAX).unwrap() + 10)
        .map(|at| Row { who: Who(at), time: DAY.start(), count: 1, region: words.number(&at.to_le_bytes()), ..Row::default() })
        .collect();
    let mut encoder = Encoder::new().unwrap();
    let mut block = |rows: &[Row]| decode(DAY, &encoder.encode(DAY, rows, &words).unwrap(), Wanted::All).unwrap();
    let inputs = [vec![block(&rows[..20_000])], vec![block(&rows[20_000..])]];
    let blocks = compacted(&inputs);
    assert_eq!(blocks.iter().map(|block| block.rows.len()).collect::<Vec<_>>(), [ROWS_MAX, 10]);
    let spelled_rows: Vec<_> = blocks.iter().flat_map(spelled_block).collect();
    assert!(spelled_rows == spelled(&rows, |word| words.text(word).to_vec()));
}
