//! The laws: whatever the order, splitting, repetition, lateness, restarts and retractions, the numbers are the oracle's.
//!
//! `HUBTALLY_WORLDS=10000 cargo test laws` tries more worlds; `HUBTALLY_FIRST_WORLD=N` starts at another seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Cursor;
use std::sync::Arc;

use hubtally::ingest::{Engine, GivenSettings, ImportOptions, OpenOptions, Place, Push, PushContent};
use hubtally::model::{
    Caller, Day, DayRange, Format, HeadRedirect, Millis, OrgName, Receipt, Redirects, RepoKey, RepoKind, RepoName, SourceName,
};
use hubtally::query::{AccessColumns, AccessRow, Interval, Scope, View};
use hubtally::render::csv::{access_log, access_log_header};
use hubtally::store::{Read, ReadTxn, Store, Table};

use crate::breakdowns;
use crate::cards;
use crate::oracle::{Delivery, Fact, Git, Kind, Line, Oracle, Random, Repo, Settings, Shape, Source, World, date};
use crate::shippers::shipped;

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs a test over many worlds on all cores; a failure names the seed.
pub fn for_worlds(what: &str, test: impl Fn(u64) + Sync) {
    for_seeds(what, number("HUBTALLY_FIRST_WORLD", 0), number("HUBTALLY_WORLDS", 500), test);
}

/// Runs a test over many seeds on all cores; a failure names its seed.
pub fn for_seeds(what: &str, first: u64, seeds: u64, test: impl Fn(u64) + Sync) {
    println!("{what}: seeds {first} to {}", first + seeds - 1);
    let next = std::sync::atomic::AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(seed)));
                    if let Err(panic) = outcome {
                        eprintln!("{what}: failed with seed {seed}");
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}

pub fn noon(day: u64) -> Millis {
    Millis(i64::try_from(day * 86_400_000 + 43_200_000).unwrap())
}

pub fn day(day: u64) -> Day {
    Day(u16::try_from(day).unwrap())
}

pub fn open(place: Place, today: u64) -> Arc<Engine> {
    Engine::open(&OpenOptions { place, default_public: false, frozen_now: Some(noon(today)) }).unwrap()
}

pub fn configure(engine: &Engine, world: &World) -> Result<(), String> {
    for (name, source) in &world.sources {
        let given = GivenSettings {
            redirects: Some(if source.settings.redirects_ignore { Redirects::Ignore } else { Redirects::Handoff }),
            head_redirect: Some(if source.settings.head_redirect_handoff { HeadRedirect::Handoff } else { HeadRedirect::Probe }),
            knows_users: Some(source.settings.knows_users),
        };
        engine.configure_source(&SourceName::parse(name).unwrap(), given).map_err(|error| error.to_string())?;
    }
    Ok(())
}

pub fn format_of(shape: Shape) -> Format {
    match shape {
        Shape::Events => Format::Events,
        Shape::HfExport => Format::HfExport,
        Shape::Combined => Format::Combined,
        Shape::NginxJson => Format::NginxJson,
    }
}

/// Has work done in pieces as small as the worlds ask for.
fn cut_up(engine: &Engine, seed: u64) {
    // In some worlds every push is folded, in some a few at a time, in some none.
    engine.fold_pushes_after([0, 10, 1_000_000][(seed % 3) as usize]);
    // In half of them documents come in pieces, and days are counted in parts.
    if seed % 4 > 1 {
        engine.cut_imports(1_000, 1 + (seed % 30) as usize);
        // And in half of those, names go on.
        if seed.is_multiple_of(2) {
            engine.keep_names(1_000_000);
        }
    }
}

/// Hands one delivery over and checks its receipt as far as the laws say.
pub fn deliver(engine: &Engine, world: &World, index: usize, seed: u64) -> Receipt {
    cut_up(engine, seed);
    let delivery: &Delivery = &world.deliveries[index];
    let (shape, bytes) = world.render(index);
    let source = SourceName::parse(&delivery.source).unwrap();
    let receipt = match delivery.kind {
        Kind::Document => {
            let options = ImportOptions {
                source,
                name: format!("document {index}"),
                // Some documents begin with a broken line, which tells no format.
                format: (seed.is_multiple_of(2) || delivery.broken_lines() > 0).then_some(format_of(shape)),
                redirects: None,
                head_redirect: None,
                knows_users: None,
                as_new: false,
            };
            engine.import(Box::new(Cursor::new(bytes)), &options, &|_| {}).unwrap()
        }
        Kind::PushBody { arrival_day } => {
            engine.freeze_clock(noon(arrival_day));
            let key = seed.is_multiple_of(3).then(|| format!("{:?}", bytes.iter().map(|b| u64::from(*b)).sum::<u64>()));
            let (content, body) = match shape {
                Shape::Events | Shape::HfExport => (PushContent::Json, bytes),
                Shape::Combined | Shape::NginxJson => shipped(&bytes, xxhash_rust::xxh3::xxh3_64(&bytes)),
            };
            let push = Push { source, body, content, idempotency_key: key };
            let receipt = engine.push(push).unwrap();
            engine.freeze_clock(noon(world.today));
            receipt
        }
    };
    assert!(receipt.adds_up(), "world {seed}: {receipt:?}");
    assert_eq!(receipt.lines, delivery.lines.len() as u64, "world {seed}: {receipt:?}");
    assert_eq!(receipt.rejected.values().sum::<u64>(), delivery.broken_lines() as u64, "world {seed}: {receipt:?}");
    receipt
}

pub fn key((kind, id): &Repo) -> RepoKey {
    RepoKey { kind: RepoKind::from_word(kind).unwrap(), name: RepoName::parse(id).unwrap() }
}

/// The product's numbers in the oracle's table.
pub fn table(engine: &Engine, oracle: &Oracle) -> String {
    let view = View::of(engine).unwrap();
    let admin = Caller::admin();
    let range = DayRange { first: Day(0), last: day(oracle.today) };
    let mut table = format!("today {}\n", date(oracle.today));
    writeln!(table, "day        type    repo           downloads authenticated anonymous files unique").unwrap();
    let mut days: BTreeMap<(Repo, u64), String> = BTreeMap::new();
    for repo in &oracle.named {
        let (kind, id) = repo;
        let Some(number) = view.repo(&key(repo), &admin).unwrap() else { continue };
        for row in view.recent(number, range, true, true).unwrap() {
            let counts = row.counts;
            let unique = row.uniques.unwrap().0;
            if unique == 0 {
                assert!(counts.is_zero());
                continue;
            }
            let (downloads, authenticated, anonymous) = (counts.downloads().0, counts.authenticated.0, counts.anonymous.0);
            let (day, files) = (row.day, counts.files.0);
            let line =
                format!("{day} {kind:<7} {id:<14} {downloads:>9} {authenticated:>13} {anonymous:>9} {files:>5} {unique:>6}");
            days.insert((repo.clone(), u64::from(row.day.0)), line);
        }
    }
    days.values().for_each(|line| writeln!(table, "{line}").unwrap());
    for repo in &oracle.named {
        let (kind, id) = repo;
        let number = view.repo(&key(repo), &admin).unwrap();
        let total = number.map_or(0, |number| view.totals(number).unwrap().downloads.0);
        let unique = view.uniques(&Scope::Repo(key(repo)), range, &admin).unwrap().map_or(0, |uniques| uniques.0);
        let public = if view.repo(&key(repo), &Caller::public()).unwrap().is_some() { "public" } else { "" };
        writeln!(table, "all days   {kind:<7} {id:<14} {total:>9} {public:>29} {unique:>6}").unwrap();
    }
    table
}

/// Compares everything people can ask.
pub fn compare(engine: &Engine, oracle: &Oracle, seed: u64, when: &str) {
    assert_eq!(table(engine, oracle), oracle.table(), "world {seed}, {when}");
    let view = View::of(engine).unwrap();
    let admin = Caller::admin();
    let mut random = Random::new(seed);
    let known = oracle.days.keys().map(|(_, day)| *day);
    let (first, last) = (known.clone().min().unwrap_or(oracle.today), known.max().unwrap_or(oracle.today));
    for _ in 0..6 {
        let from = first + random.below(last - first + 1);
        let to = from + random.below(last - from + 2);
        let range = DayRange { first: day(from), last: day(to) };
        let to = to.min(oracle.today);
        let compare_scope = |scope: Scope, repos: &BTreeSet<Repo>| {
            let expected = oracle.uniques(repos, from, to);
            let uniques = view.uniques(&scope, range, &admin).unwrap();
            if repos.is_empty() {
                assert_eq!(uniques.unwrap_or_default().0, 0, "world {seed}, {when}: {scope:?}");
                return;
            }
            assert_eq!(uniques.unwrap().0, expected, "world {seed}, {when}: uniques of {scope:?} {from}..{to}");
            let series = view.series(&scope, range, Interval::Day, true, &admin).unwrap().unwrap();
            for row in &series {
                let of_day = u64::from(row.day.0);
                let sum = |count: fn(&crate::oracle::Counts) -> u64| {
                    repos.iter().map(|repo| count(&oracle.day(repo, of_day))).sum::<u64>()
                };
                assert_eq!(row.counts.authenticated.0, sum(|counts| counts.authenticated), "world {seed}, {when}: {scope:?}");
                assert_eq!(row.counts.anonymous.0, sum(|counts| counts.anonymous), "world {seed}, {when}: {scope:?}");
                assert_eq!(row.counts.files.0, sum(|counts| counts.files), "world {seed}, {when}: {scope:?}");
                assert_eq!(row.uniques.unwrap().0, oracle.uniques(repos, of_day, of_day), "world {seed}, {when}: {scope:?}");
            }
            let totals = view.scope_totals(&scope, range, &admin).unwrap().unwrap();
            assert_eq!(totals.downloads().0, series.iter().map(|row| row.counts.downloads().0).sum::<u64>());
            for interval in [Interval::Week, Interval::Month] {
                let rows = view.series(&scope, range, interval, false, &admin).unwrap().unwrap();
                assert_eq!(totals.files.0, rows.iter().map(|row| row.counts.files.0).sum::<u64>());
            }
        };
        let repos = oracle.repos();
        compare_scope(Scope::Hub, &repos);
        breakdowns::compare_table(&view, oracle, &Scope::Hub, &repos, &mut random, &format!("world {seed}, {when}"));
        breakdowns::compare(&view, oracle, &Scope::Hub, &repos, (from, to), &mut random, &format!("world {seed}, {when}"));
        for kind in RepoKind::ALL {
            compare_scope(Scope::Kind(kind), &repos.iter().filter(|repo| repo.0 == kind.word()).cloned().collect());
        }
        let orgs: BTreeSet<&str> = repos.iter().filter_map(|(_, id)| id.split_once('/')).map(|(org, _)| org).collect();
        for org in orgs {
            let scope = Scope::Org(OrgName::parse(org).unwrap());
            let repos = oracle.repos_of(org);
            breakdowns::compare(&view, oracle, &scope, &repos, (from, to), &mut random, &format!("world {seed}, {when}"));
            breakdowns::compare_table(&view, oracle, &scope, &repos, &mut random, &format!("world {seed}, {when}"));
            compare_scope(scope, &repos);
        }
    }
    let repos = oracle.repos();
    let org = |repo: &Repo| repo.1.split_once('/').map(|(org, _)| org.to_owned());
    let mut scopes: Vec<(Scope, BTreeSet<Repo>)> =
        repos.iter().map(|repo| (Scope::Repo(key(repo)), [repo.clone()].into())).collect();
    for org in repos.iter().filter_map(org).collect::<BTreeSet<String>>() {
        scopes.push((Scope::Org(OrgName::parse(&org).unwrap()), oracle.repos_of(&org)));
    }
    breakdowns::compare_sets(&view, oracle, &scopes, &mut random, &format!("world {seed}, {when}"));
    for days in [1_u16, 7, 90] {
        for kind in [None, Some(RepoKind::Model), Some(RepoKind::Dataset), Some(RepoKind::Space)] {
            let range = DayRange::ending(day(oracle.today), days);
            let limit = 1 + random.index(4);
            let trends = view.trending(kind, range, limit, &admin).unwrap();
            let found: Vec<(Repo, u64, u64)> = trends
                .iter()
                .map(|trend| {
                    let repo = (trend.repo.kind.word().to_owned(), trend.repo.name.as_str().to_owned());
                    (repo, trend.recent.0, trend.downloads.0)
                })
                .collect();
            let expected: Vec<(Repo, u64, u64)> = oracle
                .trending(u64::from(days), kind.map(RepoKind::word), limit)
                .into_iter()
                .map(|trend| (trend.repo, trend.recent_downloads, trend.downloads))
                .collect();
            assert_eq!(found, expected, "world {seed}, {when}: trending {days} {kind:?}");
        }
    }
    cards::compare(&view, oracle, &mut random, &format!("world {seed}, {when}"));
}

pub fn verify(engine: &Engine, seed: u64) {
    let report = engine.verify(&|_| {}).unwrap();
    assert_eq!(report.findings, Vec::<String>::new(), "world {seed}");
}

#[test]
fn any_order_splitting_and_repetition_gives_the_same_numbers() {
    for_worlds("order, splitting, repetition", |seed| {
        let world = World::random(seed);
        let oracle = Oracle::of(&world);
        let variants = [world.clone(), world.split(seed).permuted(seed + 1)];
        for (name, variant) in ["as told", "split and shuffled"].into_iter().zip(variants) {
            let engine = open(Place::Memory, world.today);
            configure(&engine, &world).unwrap();
            let mut random = Random::new(seed);
            for index in 0..variant.deliveries.len() {
                deliver(&engine, &variant, index, seed);
                if random.chance(20) {
                    let again = deliver(&engine, &variant, random.index(index + 1), seed);
                    assert_eq!(again.accepted, 0, "world {seed}: a repeated delivery brings nothing new");
                }
                if random.chance(10) {
                    engine.rebuild(&|_| {}).unwrap();
                }
            }
            compare(&engine, &oracle, seed, name);
            verify(&engine, seed);
            compare(&engine, &oracle, seed, "folded into views");
        }
    });
}

#[test]
fn at_every_moment_today_included_the_live_numbers_are_those_of_a_rebuild() {
    for_worlds("live", |seed| {
        let world = World::random(seed);
        let engine = open(Place::Memory, world.today);
        configure(&engine, &world).unwrap();
        for index in 0..world.deliveries.len() {
            deliver(&engine, &world, index, seed);
            let so_far = World { deliveries: world.deliveries[..=index].to_vec(), ..world.clone() };
            let oracle = Oracle::of(&so_far);
            assert_eq!(table(&engine, &oracle), oracle.table(), "world {seed} after delivery {index}");
            let (repos, range) = (oracle.repos(), (oracle.today.saturating_sub(6), oracle.today));
            let mut random = Random::new(seed + index as u64);
            let view = View::of(&engine).unwrap();
            let when = format!("world {seed} after delivery {index}");
            breakdowns::compare(&view, &oracle, &Scope::Hub, &repos, range, &mut random, &when);
        }
    });
}

/// Hands the deliveries of a world over one by one, with the views built anew after each.
fn told_one_by_one(world: &World) {
    let engine = open(Place::Memory, world.today);
    configure(&engine, world).unwrap();
    for index in 0..world.deliveries.len() {
        deliver(&engine, world, index, 1);
        let so_far = World { deliveries: world.deliveries[..=index].to_vec(), ..world.clone() };
        let oracle = Oracle::of(&so_far);
        assert_eq!(table(&engine, &oracle), oracle.table(), "after delivery {index}");
        engine.rebuild(&|_| {}).unwrap();
        assert_eq!(table(&engine, &oracle), oracle.table(), "after delivery {index} and a rebuild");
    }
}

const LISTED_OR_FETCHED: Git = Git::UploadPack { version: None };

/// What a POST proves may reach over midnight although the POST that decides it lies before the last half hour.
#[test]
fn a_listing_of_refs_that_comes_late_moves_the_end_of_its_day() {
    let midnight = 20_600 * 86_400_000;
    let before = |ms: u64| Fact::by_address("203.0.113.7", midnight - ms).posts(LISTED_OR_FETCHED);
    let pushed = |fact: Fact| Delivery::pushed("hub", 20_600, vec![Line::Fact(fact)]);
    let after = Fact::by_address("203.0.113.7", midnight + 5_000);
    let world = World::of_hub(20_601, vec![pushed(before(1_790_000)), pushed(after), pushed(before(1_830_000))]);
    assert_eq!(Oracle::of(&world).total(&crate::oracle::repo("model", "acme/bert")), 1);
    told_one_by_one(&world);
}

#[test]
fn of_two_posts_of_one_instant_neither_is_the_first() {
    let post = || vec![Line::Fact(Fact::by_address("203.0.113.7", 1_780_000_000_000).posts(LISTED_OR_FETCHED))];
    for (knowing, other) in [("first", "second"), ("second", "first")] {
        let source = |knows_users| Source { shape: Shape::Events, settings: Settings { knows_users, ..Settings::default() } };
        let sources = BTreeMap::from([(knowing.to_string(), source(true)), (other.to_string(), source(false))]);
        let deliveries = vec![Delivery::document(knowing, post()), Delivery::document(other, post())];
        let world = World { deliveries, sources, today: 20_605 };
        assert_eq!(Oracle::of(&world).public.len(), 1);
        told_one_by_one(&world);
    }
}

/// The bytes of all views.
fn view_bytes(txn: &ReadTxn) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for table in Table::ALL.iter().filter(|table| !table.is_truth()) {
        all.extend(txn.with_prefix(*table, &[]).unwrap().into_iter().map(|(key, value)| (*table, key, value)));
    }
    all
}

#[test]
fn restarts_change_nothing_and_two_rebuilds_give_the_same_bytes() {
    // Every world costs dozens of durable commits, so there are fewer of them.
    for_worlds("restarts", |seed| {
        if seed % 10 != 0 {
            return;
        }
        let world = World::random(seed).permuted(seed);
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().join("data"));
        let mut random = Random::new(seed);
        let mut engine = open(place.clone(), world.today);
        configure(&engine, &world).unwrap();
        for index in 0..world.deliveries.len() {
            deliver(&engine, &world, index, seed);
            if random.chance(30) {
                engine.stop();
                drop(engine);
                engine = open(place.clone(), world.today);
                let so_far = World { deliveries: world.deliveries[..=index].to_vec(), ..world.clone() };
                let oracle = Oracle::of(&so_far);
                assert_eq!(table(&engine, &oracle), oracle.table(), "world {seed}: a restart after delivery {index}");
            }
        }
        compare(&engine, &Oracle::of(&world), seed, "after restarts");
        let mut dumps = Vec::new();
        for _ in 0..2 {
            cut_up(&engine, seed);
            engine.rebuild(&|_| {}).unwrap();
            engine.stop();
            drop(engine);
            let fingerprint = |secret: &[u8; 32]| hubtally::identify::IdentityKey::new(secret).fingerprint();
            let store = Store::open(place.clone(), fingerprint, Millis(0)).unwrap();
            dumps.push(view_bytes(&store.read().unwrap()));
            drop(store);
            engine = open(place.clone(), world.today);
        }
        assert!(dumps[0] == dumps[1], "world {seed}: two rebuilds differ");
        compare(&engine, &Oracle::of(&world), seed, "after rebuilds");
    });
}

#[test]
fn exported_events_taken_back_under_the_same_key_give_the_same_numbers() {
    let compared = std::sync::atomic::AtomicU64::new(0);
    for_worlds("export and back", |seed| {
        if seed % 5 != 0 {
            return;
        }
        let world = World::random(seed);
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let engine = open(Place::Folder(first.clone()), world.today);
        configure(&engine, &world).unwrap();
        for index in 0..world.deliveries.len() {
            deliver(&engine, &world, index, seed);
        }
        let oracle = Oracle::of(&world);
        let exported = |row: &AccessRow| engine.exported(row.who, row.agent_counts);
        // Sources keep their settings and their multiplicities apart, so each counted world is exported only if it has one.
        let mut csv = access_log_header(AccessColumns::All).to_owned();
        let view = View::of(&engine).unwrap();
        let all = DayRange { first: Day(0), last: Day(u16::MAX) };
        for repo in &oracle.named {
            let Some(number) = view.repo(&key(repo), &Caller::admin()).unwrap() else { continue };
            for day in view.days_with_events(all).unwrap() {
                let rows = view.access_log(number, day, AccessColumns::All).unwrap();
                csv.push_str(&access_log(&key(repo), &rows, AccessColumns::All, exported));
            }
        }
        drop(view);
        let sources: BTreeSet<_> = world.deliveries.iter().map(|delivery| &delivery.source).collect();
        let [source] = sources.into_iter().collect::<Vec<_>>()[..] else { return };
        std::fs::create_dir(&second).unwrap();
        std::fs::copy(first.join("secret.key"), second.join("secret.key")).unwrap();
        engine.stop();
        let engine = open(Place::Folder(second), world.today);
        configure(&engine, &world).unwrap();
        let options = ImportOptions {
            source: SourceName::parse(source).unwrap(),
            name: "export".to_owned(),
            format: Some(Format::HfExport),
            redirects: None,
            head_redirect: None,
            knows_users: None,
            as_new: false,
        };
        let receipt = engine.import(Box::new(Cursor::new(csv)), &options, &|_| {}).unwrap();
        assert!(receipt.rejected.is_empty() && receipt.skipped.is_empty(), "world {seed}: {receipt:?}");
        assert_eq!(table(&engine, &oracle), oracle.table(), "world {seed}");
        compared.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    let compared = compared.into_inner();
    assert!(compared > 0, "no world of one source among them");
    println!("{compared} worlds compared");
}
