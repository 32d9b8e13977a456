//! What questions keep never shows: asked again after every change, each answer is the oracle's of that moment, for
//! everybody who asks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use hubtally::generate::Workload;
use hubtally::ingest::{Engine, ImportOptions, Place, RepoListing};
use hubtally::model::{Caller, DayRange, GroupName, OrgName, RepoKind, Role, SourceName};
use hubtally::query::{Asker, Filter, Outlook, QueryError, Scope, TableQuestion, TableSort, View, Window};

use crate::laws::{compare, configure, day, deliver, for_seeds, key, noon, number, open};
use crate::oracle::{Delivery, Fact, Line, Oracle, Random, Repo, World, repo};

/// What the catalog says of repos: whether they are private.
type Listings = BTreeMap<Repo, Option<bool>>;

fn org_of(repo: &Repo) -> Option<&str> {
    repo.1.split_once('/').map(|(org, _)| org)
}

fn visible(oracle: &Oracle, listings: &Listings, own: Option<&str>) -> BTreeSet<Repo> {
    let is_public = |repo: &Repo| match listings.get(repo).copied().flatten() {
        Some(private) => !private,
        None => oracle.public.contains(repo),
    };
    let sees = |repo: &Repo| is_public(repo) || (own.is_some() && org_of(repo) == own);
    oracle.repos().into_iter().filter(sees).collect()
}

fn sum(oracle: &Oracle, repos: &BTreeSet<Repo>, days: std::ops::RangeInclusive<u64>) -> u64 {
    let in_it = oracle.days.iter().filter(|((repo, day), _)| repos.contains(repo) && days.contains(day));
    in_it.map(|(_, counts)| counts.downloads()).sum()
}

/// The sums and lists of the whole hub, of types and orgs, as one caller sees them.
fn compare_sums(engine: &Engine, oracle: &Oracle, caller: &Caller, seen: &BTreeSet<Repo>, when: &str) {
    let view = View::of(engine).unwrap();
    let today = oracle.today;
    let mut scopes = vec![(Scope::Hub, seen.clone())];
    for kind in RepoKind::ALL {
        scopes.push((Scope::Kind(kind), seen.iter().filter(|repo| repo.0 == kind.word()).cloned().collect()));
    }
    for org in seen.iter().filter_map(org_of).collect::<BTreeSet<&str>>() {
        let own: BTreeSet<Repo> = seen.iter().filter(|repo| org_of(repo) == Some(org)).cloned().collect();
        scopes.push((Scope::Org(OrgName::parse(org).unwrap()), own));
    }
    if view.has(&Scope::Group(family()), caller).unwrap() {
        let all = view.group(&family(), caller).unwrap().unwrap();
        let named: BTreeSet<Repo> = seen.iter().filter(|repo| all.contains(&key(repo))).cloned().collect();
        scopes.push((Scope::Group(family()), named));
    }
    for (scope, repos) in &scopes {
        for (first, last) in [(0, today), (today - 2, today), (today - 9, today - 1), (today, today + 5)] {
            let range = DayRange { first: day(first), last: day(last) };
            let totals = view.scope_totals(scope, range, caller).unwrap().unwrap_or_default();
            assert_eq!(totals.downloads().0, sum(oracle, repos, first..=last), "{when}: downloads of {scope}, {first} to {last}");
            let uniques = view.uniques(scope, range, caller).unwrap().unwrap_or_default();
            assert_eq!(uniques.0, oracle.uniques(repos, first, last), "{when}: uniques of {scope}, {first} to {last}");
            let reach = view.reach(scope, range, &Filter::default(), caller).unwrap().unwrap_or_default();
            assert_eq!(reach.ceiling, uniques, "{when}: reach of {scope}, {first} to {last}");
        }
        for window in [Window::Month, Window::All] {
            let ask = TableQuestion { window, sort: TableSort::Downloads, limit: 100, ..TableQuestion::default() };
            let rows = view.repo_table(scope, &ask, caller).unwrap().map_or_else(Vec::new, |table| table.rows);
            let rows = rows.into_iter().filter(|row| row.unique_downloaders.0 > 0 || row.downloads.0 > 0);
            let found: BTreeMap<_, _> = rows.map(|row| (row.repo.clone(), row.downloads.0)).collect();
            let counted = repos.iter().map(|repo| (key(repo), oracle.total(repo)));
            assert_eq!(found, counted.collect(), "{when}: the table of {scope}");
        }
    }
    let all = sum(oracle, seen, 0..=today);
    let ecosystem = view.ecosystem(caller).unwrap();
    assert_eq!(ecosystem.hub.downloads.0, all, "{when}: all of the hub");
    assert_eq!(ecosystem.hub.repos, seen.len() as u64, "{when}: repos of the hub");
    assert_eq!(ecosystem.hub.last_30_days.0, sum(oracle, seen, today - 29..=today), "{when}: a month of the hub");
    assert_eq!(ecosystem.kinds.iter().map(|(_, downloads)| downloads.0).sum::<u64>(), all, "{when}: all types");
    let reached = view.milestones(&[all.max(1), all + 1], caller).unwrap();
    let told: Vec<bool> = reached.iter().map(|milestone| matches!(milestone.outlook, Outlook::Reached(_))).collect();
    assert_eq!(told, [all > 0, false], "{when}: {reached:?}");
    for days in [1_u16, 7] {
        let range = DayRange::ending(day(today), days);
        let found = view.trending(None, range, 50, caller).unwrap();
        let found: BTreeMap<_, _> = found.into_iter().map(|trend| (trend.repo, (trend.recent.0, trend.downloads.0))).collect();
        let since = today + 1 - u64::from(days);
        let recent = |repo: &Repo| sum(oracle, &BTreeSet::from([repo.clone()]), since..=today);
        let expected =
            seen.iter().map(|repo| (key(repo), (recent(repo), oracle.total(repo)))).filter(|(_, (recent, _))| *recent > 0);
        assert_eq!(found, expected.collect(), "{when}: what trends over {days} days");
    }
}

fn family() -> GroupName {
    GroupName::parse("family").unwrap()
}

fn compare_for_all(engine: &Engine, oracle: &Oracle, listings: &Listings, when: &str) {
    compare_sums(engine, oracle, &Caller::admin(), &oracle.repos(), &format!("{when}, for the admin"));
    compare_sums(engine, oracle, &Caller::public(), &visible(oracle, listings, None), &format!("{when}, for everybody"));
    for org in oracle.repos().iter().filter_map(org_of).collect::<BTreeSet<&str>>() {
        let caller = Caller::of(Role::Reader(OrgName::parse(org).unwrap()));
        compare_sums(engine, oracle, &caller, &visible(oracle, listings, Some(org)), &format!("{when}, for readers of {org}"));
    }
}

fn list(engine: &Engine, repo: &Repo, private: Option<bool>) {
    let listing =
        RepoListing { repo: key(repo), private, likes: None, library: None, created_at: None, renamed_from: Vec::new() };
    engine.put_repos(vec![listing]).unwrap();
}

#[test]
fn kept_figures_are_those_of_the_moment_after_every_change_and_for_everybody() {
    for_seeds("kept figures", number("HUBTALLY_FIRST_WORLD", 0), number("HUBTALLY_WORLDS", 150), |seed| {
        let mut world = World::random(seed).split(seed);
        // In two worlds of three all of it lies in months that are over, in some long ago: what is kept of a month, or of all old
        // months together, is not kept by days.
        world.today += 40 * (seed % 3);
        let mut random = Random::new(seed ^ 0x4e97);
        let engine = open(Place::Memory, world.today);
        configure(&engine, &world).unwrap();
        let mut listings = Listings::new();
        let mut receipts = Vec::new();
        for index in 0..world.deliveries.len() {
            receipts.push(deliver(&engine, &world, index, seed));
            let so_far = World { deliveries: world.deliveries[..=index].to_vec(), ..world.clone() };
            let oracle = Oracle::of(&so_far);
            let when = format!("world {seed} after delivery {index}");
            compare_for_all(&engine, &oracle, &listings, &when);
            let known: Vec<Repo> = oracle.repos().into_iter().collect();
            match random.below(6) {
                0 if !known.is_empty() => {
                    let repo = known[random.index(known.len())].clone();
                    let private = random.pick(&[Some(true), Some(false), None]);
                    list(&engine, &repo, private);
                    listings.insert(repo.clone(), private);
                    compare_for_all(&engine, &oracle, &listings, &format!("{when}, with {repo:?} listed as {private:?}"));
                }
                1 => {
                    engine.freeze_clock(noon(world.today + 1));
                    let tomorrow = Oracle::of(&World { today: world.today + 1, ..so_far.clone() });
                    compare_for_all(&engine, &tomorrow, &listings, &format!("{when}, past midnight"));
                    engine.freeze_clock(noon(world.today));
                }
                2 => {
                    engine.rebuild(&|_| {}).unwrap();
                    compare_for_all(&engine, &oracle, &listings, &format!("{when}, rebuilt"));
                }
                3 if !known.is_empty() => {
                    let repos = (0..=random.index(4)).map(|_| key(&known[random.index(known.len())])).collect();
                    engine.put_group(&family(), Some(repos)).unwrap();
                    compare_for_all(&engine, &oracle, &listings, &format!("{when}, with another group"));
                }
                _ => {}
            }
        }
        if receipts.is_empty() {
            return;
        }
        let taken = random.index(receipts.len());
        let numbers = world.taken_with(taken).into_iter().map(|index| receipts[index].delivery.clone());
        for serial in numbers.collect::<BTreeSet<String>>().into_iter().filter(|serial| !serial.is_empty()) {
            engine.retract(serial.parse().unwrap()).unwrap();
        }
        let oracle = Oracle::without(&world, taken);
        compare_for_all(&engine, &oracle, &listings, &format!("world {seed} after a retraction"));
        compare_for_all(&engine, &oracle, &listings, &format!("world {seed} after a retraction, asked again"));
        if listings.is_empty() {
            compare(&engine, &oracle, seed, "after all of it");
        }
    });
}

/// So many days lie behind each other that their downloaders are united in shares.
#[test]
fn downloaders_of_many_months_are_those_of_the_oracle_over_every_range() {
    for_seeds("many months", number("HUBTALLY_FIRST_WORLD", 0), 4, |seed| {
        let (mut random, today) = (Random::new(seed), 20_500);
        let lines = (0..2_000).map(|_| {
            let time_ms = (today - 1 - random.below(150)) * 86_400_000 + random.below(86_400_000);
            let of = repo("model", &format!("org-{}/model-{}", random.below(3), random.below(30)));
            Line::Fact(Fact::by_user(&format!("user-{}", random.below(400)), time_ms).of(of))
        });
        let world = World::of_hub(today, vec![Delivery::pushed("hub", today, lines.collect())]);
        let engine = open(Place::Memory, today);
        configure(&engine, &world).unwrap();
        deliver(&engine, &world, 0, seed);
        let oracle = Oracle::of(&world);
        let (view, admin, all) = (View::of(&engine).unwrap(), Caller::admin(), oracle.repos());
        for _ in 0..60 {
            let first = today - random.below(160);
            let last = (first + random.below(160)).min(today);
            let range = DayRange { first: day(first), last: day(last) };
            let uniques = view.uniques(&Scope::Hub, range, &admin).unwrap().unwrap_or_default();
            assert_eq!(uniques.0, oracle.uniques(&all, first, last), "world {seed}: {first} to {last}");
        }
    });
}

#[test]
fn reading_events_ends_when_nobody_waits_for_the_answer_and_nothing_of_it_is_kept() {
    let workload = Workload { rows: 20_000, days: 1, ..Workload::default() };
    let mut log = Vec::new();
    workload.write_to(&mut log).unwrap();
    let engine = open(Place::Memory, u64::from(workload.first_day.0));
    let options = ImportOptions {
        source: SourceName::default_source(),
        name: "export.csv".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    engine.import(Box::new(Cursor::new(log)), &options, &|_| {}).unwrap();
    let range = DayRange { first: workload.first_day, last: workload.first_day };
    let admin = Caller::admin();
    let files = || View::of(&engine).unwrap().files_by_path(&Scope::Hub, range, &admin);
    let (asker, waiting) = Asker::waiting();
    drop(waiting);
    let outcome = asker.ask(files);
    assert!(matches!(outcome, Err(QueryError::NobodyWaits)), "{outcome:?}");
    let (asker, _waiting) = Asker::waiting();
    let found = asker.ask(files).unwrap().unwrap();
    let totals = View::of(&engine).unwrap().scope_totals(&Scope::Hub, range, &admin).unwrap().unwrap();
    assert!(found.total > 0 && found.total == totals.files.0, "{} files, {} counted", found.total, totals.files.0);
}
