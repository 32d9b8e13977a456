//! A damaged store tells the truth or nothing: no answer is ever a wrong number (law 8).
//!
//! Stores made of random worlds are closed, damaged and asked everything: an answer must equal the oracle's or be an
//! error. redb does not verify what it reads and may panic on it, which counts as an error. After a check and a rebuild
//! all is asked again. `HUBTALLY_FLIPS=5000` tries more damages of each kind; `HUBTALLY_SEED=N` starts at another seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use hubtally::ingest::{Engine, OpenOptions, Place, Push, PushContent};
use hubtally::model::{Caller, Day, DayRange, OrgName, RepoKind, SourceName};
use hubtally::query::{Interval, QueryError, Scope, View};
use hubtally::store::Table;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::laws::{configure, deliver, key, noon, number, open, table};
use crate::oracle::{Delivery, Kind, Line, Oracle, Random, Repo, Settings, Shape, Source, World};

const PAGE_BYTES: usize = 4_096;
/// redb keeps which of its two roots is the current one, and both, in so many bytes.
const HEADER_BYTES: usize = 320;
const STORE_FILE: &str = "hubtally.redb";
const KEY_FILE: &str = "secret.key";

/// A closed store with what it must answer, now and after one more body is pushed.
struct Closed {
    /// Of everything, the further body included: whom questions are about.
    oracle: Oracle,
    bytes: Vec<u8>,
    key: Vec<u8>,
    answers: Answers,
    body: Push,
    answers_with_body: Answers,
}

/// Questions with what became of them.
type Answers = BTreeMap<String, Result<String, String>>;

/// A world of many repos and days, so that tables have more than one page: many worlds side by side.
fn wide_world(seed: u64, parts: u64) -> World {
    let mut wide = World::random(seed);
    wide.deliveries.clear();
    wide.sources.clear();
    for part in 0..parts {
        let world = World::random(seed + part);
        let name = |source: &str| format!("{source}-{part}");
        wide.sources.extend(world.sources.iter().map(|(source, settings)| (name(source), *settings)));
        wide.deliveries.extend(world.deliveries.iter().map(|delivery| moved(delivery, part, name(&delivery.source))));
        wide.today = wide.today.max(world.today);
    }
    wide
}

/// A delivery some days earlier, on repos of its own.
fn moved(delivery: &Delivery, part: u64, source: String) -> Delivery {
    let earlier_ms = part % 50 * 86_400_000 * 5;
    let lines = delivery.lines.iter().map(|line| match line {
        Line::Fact(fact) => {
            let mut fact = fact.clone();
            fact.time_ms -= earlier_ms;
            fact.repo = format!("{}-{part}", fact.repo);
            Line::Fact(fact)
        }
        other => other.clone(),
    });
    Delivery { source, kind: delivery.kind, lines: lines.collect() }
}

/// The world and one more pushed body, with events of another world on the same repos and days.
fn with_body(world: &World, seed: u64) -> World {
    let mut more = world.clone();
    let source = Source { shape: Shape::Events, settings: Settings { knows_users: true, ..Settings::default() } };
    more.sources.insert("later".to_owned(), source);
    let others = (1_000 + seed..).map(World::random).take(100);
    let deliveries = others.flat_map(|other| {
        let shape = |delivery: &Delivery| other.sources[&delivery.source].shape;
        other.deliveries.iter().filter(|delivery| shape(delivery) == Shape::Events).cloned().collect::<Vec<_>>()
    });
    let facts = deliveries.flat_map(|delivery| delivery.lines);
    let known = facts.filter(|line| matches!(line, Line::Fact(fact) if fact.day() <= world.today));
    let lines = known.take(8).collect();
    more.deliveries.push(Delivery { source: "later".to_owned(), kind: Kind::PushBody { arrival_day: world.today }, lines });
    more
}

fn closed_store(world: &World, seed: u64) -> Closed {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().to_path_buf());
    // Always the same key, so that a seed always damages the same bytes.
    fs::write(folder.path().join(KEY_FILE), "42".repeat(32)).unwrap();
    let more = with_body(world, seed);
    let oracle = Oracle::of(&more);
    let engine = open(place.clone(), world.today);
    configure(&engine, &more).unwrap();
    for index in 0..world.deliveries.len() {
        deliver(&engine, world, index, seed);
    }
    let known = Oracle::of(world);
    assert_eq!(table(&engine, &known), known.table(), "world {seed}");
    // Half of the stores are closed with events that no view knows yet.
    if seed.is_multiple_of(2) {
        engine.verify(&|_| {}).unwrap();
    }
    engine.stop();
    drop(engine);
    // Pages that are free hold old values: without them a damage hits what is in use.
    let file = folder.path().join(STORE_FILE);
    let mut database = Database::open(&file).unwrap();
    while database.compact().unwrap() {}
    drop(database);
    let bytes = fs::read(&file).unwrap();
    let key = fs::read(folder.path().join(KEY_FILE)).unwrap();

    let (_, body) = more.render(world.deliveries.len());
    let source = SourceName::parse("later").unwrap();
    let body = Push { source, body, content: PushContent::Json, idempotency_key: None };
    let engine = open(place, world.today);
    let answers = ask(&engine, &oracle);
    engine.push(body.clone()).unwrap();
    assert_eq!(table(&engine, &oracle), oracle.table(), "world {seed} and one more body");
    let answers_with_body = ask(&engine, &oracle);
    for answers in [&answers, &answers_with_body] {
        assert!(answers.values().all(Result::is_ok), "world {seed}: {answers:?}");
    }
    Closed { oracle, bytes, key, answers, body, answers_with_body }
}

/// What a panic or an error says.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("panic".to_owned()))
}

/// Asks everything people can ask, and then for a check.
fn ask(engine: &Engine, oracle: &Oracle) -> Answers {
    let mut answers = Answers::new();
    let mut asked = |question: String, answer: &dyn Fn(&View<'_>) -> Result<String, QueryError>| {
        let answer = guarded(|| {
            let view = View::of(engine).map_err(|error| error.to_string())?;
            answer(&view).map_err(|error| error.to_string())
        });
        answers.insert(question, answer);
    };
    let admin = Caller::admin();
    let day = |day: u64| Day(u16::try_from(day).unwrap());
    let all = DayRange { first: Day(0), last: day(oracle.today) };
    let known = oracle.days.keys().map(|(_, day)| *day);
    let first = known.min().unwrap_or(oracle.today).max(oracle.today - 12);
    let recently = DayRange { first: day(first), last: day(oracle.today) };
    for repo in &oracle.named {
        let of_repo = |what: &str| format!("{what} of {} {}", repo.0, repo.1);
        asked(of_repo("days"), &|view| {
            let Some(number) = view.repo(&key(repo), &admin)? else { return Ok("no such repo".to_owned()) };
            let days = view.recent(number, all, false, true)?;
            Ok(format!("{:?} {:?} {days:?}", view.totals(number)?, view.history(number, &key(repo))?))
        });
        asked(of_repo("publicity"), &|view| Ok(format!("{}", view.repo(&key(repo), &Caller::public())?.is_some())));
        asked(of_repo("uniques"), &|view| Ok(format!("{:?}", view.uniques(&Scope::Repo(key(repo)), all, &admin)?)));
    }
    let repos: BTreeSet<Repo> = oracle.repos();
    let orgs: BTreeSet<&str> = repos.iter().filter_map(|(_, id)| id.split_once('/')).map(|(org, _)| org).collect();
    let orgs = orgs.into_iter().map(|org| Scope::Org(OrgName::parse(org).unwrap()));
    for scope in [Scope::Hub].into_iter().chain(RepoKind::ALL.map(Scope::Kind)).chain(orgs) {
        asked(format!("uniques of {scope:?}"), &|view| Ok(format!("{:?}", view.uniques(&scope, all, &admin)?)));
        asked(format!("totals of {scope:?}"), &|view| Ok(format!("{:?}", view.scope_totals(&scope, all, &Caller::public())?)));
        asked(format!("series of {scope:?}"), &|view| {
            Ok(format!("{:?}", view.series(&scope, recently, Interval::Day, true, &admin)?))
        });
    }
    for days in [1, 7, 300] {
        let range = DayRange::ending(day(oracle.today), days);
        asked(format!("trending of {days} days"), &|view| Ok(format!("{:?}", view.trending(None, range, 10, &admin)?)));
    }
    asked("hub".to_owned(), &|view| Ok(format!("{:?}", view.hub(&Caller::public())?)));
    let report = guarded(|| engine.verify(&|_| {}).map_err(|error| error.to_string()));
    let verify = report.and_then(|report| {
        if report.findings.is_empty() { Ok("nothing found".to_owned()) } else { Err(report.findings.join("; ")) }
    });
    answers.insert("verify".to_owned(), verify);
    answers
}

/// The first wrong answer, and whether any was refused, which a check must have found as well.
fn judge(answers: &Answers, expected: &Answers) -> Result<bool, String> {
    for (question, answer) in answers {
        if let Ok(answer) = answer
            && Ok(answer) != expected[question].as_ref()
        {
            return Err(format!("{question}: {answer}\ninstead of {:?}", expected[question]));
        }
    }
    let refused = answers.values().any(Result::is_err);
    if refused && answers["verify"].is_ok() {
        return Err("the check finds nothing where an answer is refused".to_owned());
    }
    Ok(refused)
}

/// Opens a damaged copy and asks it everything: as it is, or after one more body, then after a check and after a rebuild.
/// Says whether the damage was noticed, or which answer was wrong.
fn outcome(closed: &Closed, bytes: &[u8], with_body: bool) -> Result<bool, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(STORE_FILE), bytes).unwrap();
    fs::write(folder.path().join(KEY_FILE), &closed.key).unwrap();
    outcome_in(closed, folder.path(), with_body)
}

fn outcome_in(closed: &Closed, folder: &Path, with_body: bool) -> Result<bool, String> {
    let options = OpenOptions {
        place: Place::Folder(folder.to_path_buf()),
        default_public: false,
        frozen_now: Some(noon(closed.oracle.today)),
    };
    let Ok(engine) = guarded(|| Engine::open(&options).map_err(|error| error.to_string())) else { return Ok(true) };
    let judged = (|| {
        let mut expected = vec![&closed.answers];
        let mut noticed = false;
        if with_body {
            match guarded(|| engine.push(closed.body.clone()).map_err(|error| error.to_string())) {
                Ok(_) => expected = vec![&closed.answers_with_body],
                // A body that was not acknowledged may be on disk or not; its sender tries again.
                Err(_) => {
                    noticed = true;
                    expected.push(&closed.answers_with_body);
                }
            }
        }
        let asked = |when: &str| {
            let answers = ask(&engine, &closed.oracle);
            let verdicts = expected.iter().map(|expected| judge(&answers, expected));
            verdicts.reduce(Result::or).unwrap_or(Ok(false)).map_err(|wrong| format!("{when}: {wrong}"))
        };
        noticed |= asked(if with_body { "after one more body" } else { "at once" })?;
        noticed |= asked("after a check")?;
        if guarded(|| engine.rebuild(&|_| {}).map_err(|error| error.to_string())).is_ok() {
            noticed |= asked("after a rebuild")?;
        }
        Ok(noticed)
    })();
    drop(catch_unwind(AssertUnwindSafe(|| drop(engine))));
    judged
}

/// Damages stores again and again, on all cores; all wrong answers are shown.
fn damage_again_and_again(
    what: &str,
    stores: &[Closed],
    default_rounds: u64,
    damage: impl Fn(&mut Random, &mut Vec<u8>) -> String + Sync,
) {
    let (first, rounds) = (number("HUBTALLY_SEED", 0), number("HUBTALLY_FLIPS", default_rounds));
    println!("{what}: seeds {first} to {}", first + rounds - 1);
    let next = AtomicU64::new(first);
    let noticed = AtomicU64::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + rounds {
                        break;
                    }
                    let mut random = Random::new(seed);
                    let closed = &stores[random.index(stores.len())];
                    let mut bytes = closed.bytes.clone();
                    let place = damage(&mut random, &mut bytes);
                    match outcome(closed, &bytes, seed.is_multiple_of(2)) {
                        Ok(seen) => drop(noticed.fetch_add(u64::from(seen), Ordering::Relaxed)),
                        Err(answer) => wrong.lock().unwrap().push(format!("seed {seed}, {place}: {answer}")),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    println!("{what}: {rounds} damages, {} noticed, {} wrong", noticed.into_inner(), wrong.len());
    assert!(wrong.is_empty(), "{what}: wrong numbers\n{}", wrong.join("\n"));
}

fn small_stores() -> Vec<Closed> {
    (0..6).map(|seed| closed_store(&World::random(seed), seed)).collect()
}

/// Offsets of bytes that are used: most of a small file is empty.
fn used_offset(random: &mut Random, bytes: &[u8]) -> usize {
    loop {
        let at = random.index(bytes.len());
        let around = &bytes[at.saturating_sub(16)..(at + 16).min(bytes.len())];
        if around.iter().any(|byte| *byte != 0) {
            return at;
        }
    }
}

fn flip(random: &mut Random, bytes: &mut [u8]) -> String {
    // The header is small and matters more than any page.
    let at = if random.chance(10) { random.index(HEADER_BYTES) } else { used_offset(random, bytes) };
    let bit = random.below(8);
    bytes[at] ^= 1 << bit;
    format!("bit {bit} of byte {at}")
}

#[test]
fn one_flipped_bit_never_makes_a_wrong_number() {
    damage_again_and_again("flipped bits", &small_stores(), 300, |random, bytes| flip(random, bytes));
}

#[test]
fn one_flipped_bit_in_a_store_of_many_pages_never_makes_a_wrong_number() {
    let store = closed_store(&wide_world(0, 60), 0);
    damage_again_and_again("flipped bits in many pages", &[store], 25, |random, bytes| flip(random, bytes));
}

fn exchange_pages(bytes: &mut [u8], low: usize, high: usize) {
    if low < high {
        let (head, tail) = bytes.split_at_mut(high * PAGE_BYTES);
        head[low * PAGE_BYTES..][..PAGE_BYTES].swap_with_slice(&mut tail[..PAGE_BYTES]);
    }
}

#[test]
fn lost_zeroed_and_exchanged_pages_never_make_a_wrong_number() {
    damage_again_and_again("pages", &small_stores(), 100, |random, bytes| {
        let pages = bytes.len() / PAGE_BYTES;
        let page = used_offset(random, bytes) / PAGE_BYTES;
        match random.below(3) {
            0 => {
                let length = random.index(bytes.len());
                bytes.truncate(length);
                format!("truncated to {length} bytes")
            }
            1 => {
                bytes[page * PAGE_BYTES..][..PAGE_BYTES].fill(0);
                format!("page {page} zeroed")
            }
            _ => {
                let other = if random.chance(50) { used_offset(random, bytes) / PAGE_BYTES } else { random.index(pages) };
                let (low, high) = (page.min(other), page.max(other));
                exchange_pages(bytes, low, high);
                format!("pages {low} and {high} exchanged")
            }
        }
    });
}

#[test]
fn no_exchange_of_the_first_pages_makes_a_wrong_number() {
    let store = closed_store(&World::random(2), 2);
    let mut wrong = Vec::new();
    for low in 0..17 {
        for high in low + 1..17 {
            let mut bytes = store.bytes.clone();
            exchange_pages(&mut bytes, low, high);
            if let Err(answer) = outcome(&store, &bytes, (low + high) % 2 == 0) {
                wrong.push(format!("pages {low} and {high}: {answer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The raw keys of a table.
fn keys_of(database: &Database, table: Table) -> Vec<Vec<u8>> {
    let txn = database.begin_read().unwrap();
    let open = txn.open_table(raw(table)).unwrap();
    open.iter().unwrap().map(|entry| entry.unwrap().0.value().to_vec()).collect()
}

fn raw(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

#[test]
fn a_missing_value_of_any_table_is_noticed_or_harmless() {
    let stores = [closed_store(&wide_world(7, 4), 2), closed_store(&World::random(3), 3)];
    let mut wrong = Vec::new();
    for closed in &stores {
        for table in Table::ALL {
            let mut at = 0;
            loop {
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join(STORE_FILE);
                fs::write(&file, &closed.bytes).unwrap();
                fs::write(folder.path().join(KEY_FILE), &closed.key).unwrap();
                // Behind the store's back, which keeps sums of what it removes itself.
                let database = Database::open(&file).unwrap();
                let keys = keys_of(&database, *table);
                let Some(key) = keys.get(at) else { break };
                let txn = database.begin_write().unwrap();
                drop(txn.open_table(raw(*table)).unwrap().remove(key.as_slice()).unwrap());
                txn.commit().unwrap();
                drop(database);
                if let Err(answer) = outcome_in(closed, folder.path(), at.is_multiple_of(2)) {
                    wrong.push(format!("{} without {key:02x?}: {answer}", table.name()));
                }
                at += 1 + keys.len() / 8;
            }
        }
    }
    assert!(wrong.is_empty(), "missing values that nobody missed:\n{}", wrong.join("\n"));
}
