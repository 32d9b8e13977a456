//! Renamed repos: whenever the catalog tells of it, the numbers are as if every event had come under the name it is read by.

use std::collections::BTreeSet;

use hubtally::ingest::{Engine, FormerName, Place, RepoListing};
use hubtally::model::{Caller, Likes, Millis, RepoName};
use hubtally::query::View;

use serde_json::json;

use crate::hub::{Hub, bearer};
use crate::laws::{compare, configure, deliver, for_worlds, key, open};
use crate::oracle::{Fact, Line, Oracle, Random, Repo, World, repo};

/// What the catalog tells: the repo had this name until then.
#[derive(Clone, Debug)]
struct Renamed {
    from: Repo,
    to: Repo,
    at_ms: u64,
}

/// What a repo is called in the end that was called `name` at `time`: one renaming after the other, as they happened.
fn called(name: &Repo, time_ms: u64, renamed: &[Renamed]) -> Repo {
    let mut later: Vec<&Renamed> = renamed.iter().filter(|rename| rename.at_ms > time_ms).collect();
    later.sort_by_key(|rename| rename.at_ms);
    later.iter().fold(name.clone(), |name, rename| if rename.from == name { rename.to.clone() } else { name })
}

fn facts(world: &World) -> Vec<&Fact> {
    let lines = world.deliveries.iter().flat_map(|delivery| &delivery.lines);
    lines.filter_map(|line| if let Line::Fact(fact) = line { Some(fact) } else { None }).collect()
}

/// The world in which every event came under the name it is read by.
fn as_read(world: &World, renamed: &[Renamed]) -> World {
    let mut world = world.clone();
    for line in world.deliveries.iter_mut().flat_map(|delivery| &mut delivery.lines) {
        if let Line::Fact(fact) = line {
            fact.repo = called(&fact.repo(), fact.time_ms, renamed).1;
        }
    }
    world
}

/// The numbers to expect. Who may not see what has a former name now is led on to the repo that had it, as from a name that
/// nobody has.
fn expected(world: &World, renamed: &[Renamed]) -> Oracle {
    let mut oracle = Oracle::of(&as_read(world, renamed));
    let public = oracle.public.clone();
    for rename in renamed {
        // The last that had the name and has another now: one that came back to it has it still.
        let of_name = renamed.iter().filter(|other| other.from == rename.from);
        let targets = of_name.map(|other| (other.at_ms, called(&rename.from, other.at_ms - 1, renamed)));
        let target = targets.filter(|(_, target)| *target != rename.from).max_by_key(|(at_ms, _)| *at_ms);
        if target.is_some_and(|(_, target)| public.contains(&target)) {
            oracle.public.insert(rename.from.clone());
        }
    }
    oracle
}

/// A few renamings, chains and ways back among them.
fn random_renames(world: &World, random: &mut Random) -> Vec<Renamed> {
    let facts = facts(world);
    let mut instants: BTreeSet<u64> = BTreeSet::new();
    let mut renamed: Vec<Renamed> = Vec::new();
    for _ in 0..1 + random.index(3) {
        if facts.is_empty() {
            break;
        }
        let mut from = facts[random.index(facts.len())].repo();
        if let Some(before) = renamed.last().filter(|_| random.chance(40)) {
            from = before.to.clone();
        }
        let org = ["acme", "moved"][random.index(2)];
        let mut to = repo(&from.0, &format!("{org}/name-{}", random.index(3)));
        if let Some(before) = renamed.first().filter(|before| before.from.0 == from.0 && random.chance(20)) {
            to = before.from.clone();
        }
        let at_ms = facts[random.index(facts.len())].time_ms + random.below(2);
        if to != from && instants.insert(at_ms) {
            renamed.push(Renamed { from, to, at_ms });
        }
    }
    renamed
}

fn listings(renamed: &[Renamed]) -> Vec<RepoListing> {
    let new: BTreeSet<&Repo> = renamed.iter().map(|rename| &rename.to).collect();
    let former = |rename: &Renamed| FormerName {
        name: RepoName::parse(&rename.from.1).unwrap(),
        at: Some(Millis(i64::try_from(rename.at_ms).unwrap())),
    };
    new.into_iter()
        .map(|to| RepoListing {
            repo: key(to),
            private: None,
            likes: None,
            library: None,
            created_at: None,
            renamed_from: renamed.iter().filter(|rename| rename.to == *to).map(former).collect(),
        })
        .collect()
}

#[test]
fn numbers_do_not_depend_on_when_a_renaming_becomes_known() {
    for_worlds("renamed repos", |seed| {
        let mut world = World::random(seed);
        let mut random = Random::new(seed ^ 0x4e41);
        world.today = facts(&world).iter().map(|fact| fact.day()).max().unwrap_or(world.today).max(world.today);
        let renamed = random_renames(&world, &mut random);
        let expected_in_the_end = expected(&world, &renamed);
        let told_before = random.index(world.deliveries.len() + 1);
        // Durable commits cost more, so that fewer worlds lie in a folder.
        let folder = tempfile::tempdir().unwrap();
        let place = if seed % 10 == 5 { Place::Folder(folder.path().join("data")) } else { Place::Memory };
        let mut engine = open(place.clone(), world.today);
        configure(&engine, &world).unwrap();
        for index in 0..=world.deliveries.len() {
            if index == told_before {
                // One after the other, and once more, as a hub does that sends its catalog every night.
                for listing in listings(&renamed).into_iter().chain(listings(&renamed)) {
                    engine.put_repos(vec![listing]).unwrap();
                }
            }
            if index < world.deliveries.len() {
                deliver(&engine, &world, index, seed);
            }
            if index >= told_before && index < world.deliveries.len() {
                let so_far = World { deliveries: world.deliveries[..=index].to_vec(), ..world.clone() };
                let expected = expected(&so_far, &renamed);
                compare(&engine, &expected, seed, "with a renaming known");
                if place != Place::Memory {
                    engine.stop();
                    drop(engine);
                    engine = open(place.clone(), world.today);
                    compare(&engine, &expected, seed, "with a renaming known and started anew");
                }
            }
        }
        compare(&engine, &expected_in_the_end, seed, "with renamed repos");
        engine.rebuild(&|_| {}).unwrap();
        compare(&engine, &expected_in_the_end, seed, "with renamed repos and rebuilt");
        assert_eq!(engine.verify(&|_| {}).unwrap().findings, Vec::<String>::new(), "world {seed}");
        // The hub takes its word back.
        for mut listing in listings(&renamed) {
            listing.renamed_from.clear();
            engine.put_repos(vec![listing]).unwrap();
        }
        compare(&engine, &Oracle::of(&world), seed, "with renamings taken back");
    });
}

fn listed(id: &str, created_ms: Option<i64>, former: &[(&str, Option<i64>)]) -> RepoListing {
    RepoListing {
        repo: key(&repo("model", id)),
        private: Some(false),
        likes: None,
        library: None,
        created_at: created_ms.map(Millis),
        renamed_from: former
            .iter()
            .map(|(name, at)| FormerName { name: RepoName::parse(name).unwrap(), at: at.map(Millis) })
            .collect(),
    }
}

fn downloads(engine: &Engine, id: &str) -> Option<u64> {
    let view = View::of(engine).unwrap();
    let number = view.repo(&key(&repo("model", id)), &Caller::public()).unwrap()?;
    Some(view.totals(number).unwrap().downloads.0)
}

const T0: u64 = 1_780_000_000_000;
const HOUR: u64 = 3_600_000;

fn ms(time: u64) -> i64 {
    i64::try_from(time).unwrap()
}

#[test]
fn a_former_name_leads_to_the_repo_until_a_new_one_takes_it() {
    let hour = |hours: u64| Fact::by_address("203.0.113.7", T0 + hours * HOUR);
    let lines = (0..4).map(|hours| Line::Fact(hour(hours))).collect();
    let world = World::of_hub(20_700, vec![crate::oracle::Delivery::document("hub", lines)]);
    let engine = open(Place::Memory, world.today);
    configure(&engine, &world).unwrap();
    deliver(&engine, &world, 0, 1);
    engine.put_repos(vec![listed("acme/bert", Some(5), &[])]).unwrap();
    assert_eq!(downloads(&engine, "acme/bert"), Some(4));
    // The hub still lists the old name, as it was before.
    engine.put_repos(vec![listed("acme/bert-2", Some(5), &[("acme/bert", None)])]).unwrap();
    assert_eq!(downloads(&engine, "acme/bert-2"), Some(4));
    assert_eq!(downloads(&engine, "acme/bert"), Some(4), "the former name leads to it");
    assert_eq!(downloads(&engine, "Acme/Bert"), Some(4), "however it is written");
    let number = View::of(&engine).unwrap().repo(&key(&repo("model", "acme/bert")), &Caller::public()).unwrap().unwrap();
    assert_eq!(View::of(&engine).unwrap().key(number).unwrap(), key(&repo("model", "acme/bert-2")));
    // Then a new repo takes the old name, two hours after the first event.
    engine.put_repos(vec![listed("acme/bert", Some(ms(T0 + 2 * HOUR)), &[])]).unwrap();
    assert_eq!((downloads(&engine, "acme/bert-2"), downloads(&engine, "acme/bert")), (Some(2), Some(2)));
}

#[test]
fn likes_move_with_the_repo() {
    let engine = open(Place::Memory, 20_700);
    let bert = key(&repo("model", "acme/bert"));
    let new = key(&repo("model", "acme/new"));
    engine.like(&bert, "ada", Millis(ms(T0)), true).unwrap();
    engine.like(&bert, "bob", Millis(ms(T0)), true).unwrap();
    engine.put_repos(vec![listed("acme/new", None, &[("acme/bert", None)])]).unwrap();
    assert_eq!(engine.like(&new, "cay", Millis(ms(T0)), true).unwrap(), Likes(3));
    assert_eq!(engine.like(&new, "ada", Millis(ms(T0 + 1)), false).unwrap(), Likes(2));
    let view = View::of(&engine).unwrap();
    let number = view.repo(&bert, &Caller::public()).unwrap().unwrap();
    assert_eq!(view.totals(number).unwrap().likes, Likes(2));
}

#[test]
fn wrong_former_names_are_told_and_nothing_of_the_list_is_kept() {
    let hub = Hub::start();
    let admin = bearer(&hub.admin);
    let many: Vec<String> = (0..2_000).map(|number| format!("acme/old-{number}")).collect();
    for (former, sentence) in [
        (json!([5]), "an entry of renamed_from is an id, or an object with id and at"),
        (json!(["a/b/c"]), "entry 1 of the list: an id in renamed_from is not a repo's"),
        (json!([{"id": "acme/old", "at": "2026-06-01"}]), "a time is RFC 3339"),
        (json!(many), "entry 1 of the list: renamed_from has more than 1000 names"),
    ] {
        let list = json!([
            {"type": "model", "id": "acme/first", "private": false},
            {"type": "model", "id": "acme/second", "private": false, "renamed_from": former},
        ]);
        let reply = hub.server.ask("PUT", "/api/v1/repos", &[("Authorization", &admin)], list.to_string().as_bytes());
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(sentence), "{}", reply.text());
        assert_eq!(hub.get_as(None, "/models/acme/first/stats").status, 404);
    }
}
