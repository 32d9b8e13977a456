//! Somebody who is forgotten had never come, whenever that was asked for, and never comes again; no byte of them stays.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place};
use hubtally::model::{Format, Millis, RepoKey, RepoKind, RepoName, SourceName};

use crate::laws::{compare, configure, deliver, for_worlds, open};
use crate::oracle::{Fact, Line, Oracle, Random, Shape, World, hash};
use crate::server::{Server, hubtally};

/// Somebody of a world: the name to forget them by, and as what address that counts.
struct Person {
    name: String,
    address: Option<String>,
}

impl Person {
    fn any(world: &World, random: &mut Random) -> Option<Person> {
        let mut named = Vec::new();
        for delivery in &world.deliveries {
            let facts = delivery.lines.iter().filter_map(|line| if let Line::Fact(fact) = line { Some(fact) } else { None });
            let shape = world.sources[&delivery.source].shape;
            named.extend(facts.filter(|fact| fact.user.is_some() || fact.ip.is_some()).map(|fact| (fact, shape)));
        }
        let (fact, shape) = *named.get(random.index(named.len().max(1)))?;
        let told = |text: &String| if shape == Shape::HfExport { hash(text) } else { text.clone() };
        let name = told(fact.user.as_ref().or(fact.ip.as_ref()).unwrap());
        // Some users are called like an address: a name means both.
        let address = named.iter().map(|(fact, _)| fact).find(|fact| [&fact.ip, &fact.address].contains(&&Some(name.clone())));
        let address = address.and_then(|fact| fact.address.clone());
        Some(Person { name, address })
    }

    fn did(&self, fact: &Fact, shape: Shape) -> bool {
        match (&fact.user, shape) {
            (Some(user), Shape::HfExport) => hash(user) == self.name,
            (None, Shape::HfExport) => fact.ip.as_deref().map(hash).as_ref() == Some(&self.name),
            (Some(user), _) => *user == self.name,
            (None, _) => fact.address.is_some() && fact.address == self.address,
        }
    }

    /// The world as if they had never come.
    fn gone_from(&self, world: &World) -> World {
        let mut without = world.clone();
        for delivery in &mut without.deliveries {
            let shape = world.sources[&delivery.source].shape;
            delivery.lines.retain(|line| !matches!(line, Line::Fact(fact) if self.did(fact, shape)));
        }
        without
    }
}

#[test]
fn whoever_is_forgotten_had_never_come_and_never_comes_again() {
    let removed = std::sync::atomic::AtomicU64::new(0);
    for_worlds("forget", |seed| {
        let world = World::random(seed);
        let mut random = Random::new(seed);
        let Some(person) = Person::any(&world, &mut random) else { return };
        let without = Oracle::of(&person.gone_from(&world));
        let engine = open(Place::Memory, world.today);
        configure(&engine, &world).unwrap();
        // Before the first delivery, after the last, or in between: it makes no difference.
        let moment = random.index(world.deliveries.len() + 1);
        for index in 0..=world.deliveries.len() {
            if index == moment {
                let receipt = engine.forget(std::slice::from_ref(&person.name)).unwrap();
                removed.fetch_add(receipt.events, std::sync::atomic::Ordering::Relaxed);
            }
            if index < world.deliveries.len() {
                deliver(&engine, &world, index, seed);
            }
        }
        compare(&engine, &without, seed, "after forgetting somebody");
        let again = engine.forget(std::slice::from_ref(&person.name)).unwrap();
        assert_eq!((again.known, again.events), (1, 0), "world {seed}: nothing of them is left to remove");
        engine.rebuild(&|_| {}).unwrap();
        compare(&engine, &without, seed, "after forgetting somebody and a rebuild");
        let report = engine.verify(&|_| {}).unwrap();
        assert!(report.findings.is_empty(), "world {seed}: {:?}", report.findings);
    });
    assert!(removed.into_inner() > 0);
}

/// Hands on some lines, and calls for attention once it is asked for more than the first half.
struct Paused<F: FnMut()> {
    first: Cursor<Vec<u8>>,
    rest: Cursor<Vec<u8>>,
    pause: Option<F>,
}

impl<F: FnMut()> std::io::Read for Paused<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match std::io::Read::read(&mut self.first, buffer)? {
            0 => {
                if let Some(mut pause) = self.pause.take() {
                    pause();
                }
                std::io::Read::read(&mut self.rest, buffer)
            }
            read => Ok(read),
        }
    }
}

#[test]
fn somebody_who_is_forgotten_amid_an_import_is_gone_from_all_of_it() {
    let line = |number: u64| {
        let who = ["ada", "bob", "cy"][(number % 3) as usize];
        format!("{{\"ts\":{},\"repo\":\"a/b\",\"path\":\"p\",\"user\":\"{who}\"}}\n", 1_780_000_000_000 + number * 2_000_000)
    };
    let half = |range: std::ops::Range<u64>| range.map(line).collect::<String>().into_bytes();
    for turn in 0..12 {
        let now = Some(Millis(1_782_500_000_000));
        let engine = Engine::open(&OpenOptions { place: Place::Memory, default_public: true, frozen_now: now }).unwrap();
        engine.cut_imports(1_000, 20);
        let options = ImportOptions {
            source: SourceName::parse("s").unwrap(),
            name: "n".to_owned(),
            format: Some(Format::Events),
            redirects: None,
            head_redirect: None,
            knows_users: None,
            as_new: false,
        };
        let forgetting = std::sync::Arc::clone(&engine);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            told.recv().unwrap();
            std::thread::sleep(std::time::Duration::from_micros(300 * turn));
            forgetting.forget(&["ada".to_owned()]).unwrap()
        });
        let pause = move || tell.send(()).unwrap();
        let input = Paused { first: Cursor::new(half(0..600)), rest: Cursor::new(half(600..1_200)), pause: Some(pause) };
        let receipt = engine.import(Box::new(input), &options, &|_| {}).unwrap();
        let forgotten = thread.join().unwrap();
        let dropped = receipt.skipped.get("forgotten").copied().unwrap_or(0);
        assert!(receipt.adds_up() && receipt.lines == 1_200, "{receipt:?}");
        assert_eq!(forgotten.events + dropped, 400, "every event of hers was removed or dropped: {receipt:?}");
        assert_eq!(engine.forget(&["ada".to_owned()]).unwrap().events, 0);
        let view = hubtally::query::View::of(&engine).unwrap();
        let repo = RepoKey { kind: RepoKind::from_word("model").unwrap(), name: RepoName::parse("a/b").unwrap() };
        assert!(view.repo(&repo, &hubtally::model::Caller::admin()).unwrap().is_some());
        drop(view);
        let report = engine.verify(&|_| {}).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = hubtally();
    command.arg("--data").arg(folder).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(folder: &Path, arguments: &[&str], input: &str) -> String {
    let output = run(folder, arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn by_name_address_or_hash_also_while_a_server_runs_and_the_list_names_nobody() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let events: String =
        [("ada@example.org", ""), ("", "198.51.100.7"), ("", "2001:db8:1:2::77"), ("eve", ""), ("", "203.0.113.9")]
            .iter()
            .zip(1_780_000_000_u64..)
            .map(|((user, ip), ts)| {
                format!("{{\"ts\":{ts},\"repo\":\"a/b\",\"path\":\"p\",\"user\":\"{user}\",\"ip\":\"{ip}\"}}\n")
            })
            .collect();
    let import = ["import", "--format", "events", "--json", "-", "--name", "one"];
    said(&folder, &import, &events);
    let server = Server::start_in(&folder, &["--visibility", "public"]);
    let token = server.token(&server.admin_cookie(), "admin");
    let bearer = format!("Bearer {token}");
    let downloads = || server.get("/models/a/b/stats").json()["downloads"].as_u64().unwrap();
    assert_eq!(downloads(), 5);
    for (like, likes) in [("ada@example.org", 1), ("eve", 2)] {
        let body = format!("{{\"user\":\"{like}\",\"ts\":1780000000}}");
        let reply = server.post("/models/a/b/like", &[("Authorization", &bearer)], body.as_bytes());
        assert_eq!((reply.status, server.get("/models/a/b/stats").json()["likes"].as_u64()), (200, Some(likes)));
    }

    let told = said(&folder, &["forget", "--json"], "ada@example.org\n198.51.100.7\n\n");
    let receipt: serde_json::Value = serde_json::from_str(&told).unwrap();
    let expected = serde_json::json!({ "people": 2, "known": 0, "events": 2, "days": 1, "repos": 1, "likes": 1 });
    assert_eq!(receipt, expected);
    assert_eq!((downloads(), server.get("/models/a/b/stats").json()["likes"].as_u64()), (3, Some(1)));
    // Another address of the same /64 is the same household.
    let told = said(&folder, &["forget", "2001:db8:1:2::1"], "");
    assert!(told.contains("1 events of 1 repositories on 1 days"), "{told}");
    let logs = server.get_with(
        "/organizations/a/settings/publisher-analytics/access-logs?from=2026-05-01&to=2026-06-30",
        &[("Authorization", &bearer)],
    );
    let hash = logs.text().split(',').find(|cell| cell.starts_with("ht1_")).unwrap().to_owned();
    said(&folder, &["forget"], &hash);
    assert_eq!(downloads(), 1);

    let again = said(&folder, &import.map(|word| if word == "one" { "two" } else { word }), &format!("{events}{events}"));
    let receipt: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert!(receipt["skipped"]["forgotten"].as_u64().unwrap() >= 4, "{again}");
    assert_eq!(downloads(), 1, "nobody comes back");
    let like =
        server.post("/models/a/b/like", &[("Authorization", &bearer)], b"{\"user\":\"ada@example.org\",\"ts\":1790000000}");
    let likes = server.get("/models/a/b/stats").json()["likes"].as_u64();
    assert_eq!(
        (like.status, likes),
        (200, Some(0)),
        "of the two likes one was eve's, who is forgotten by her hash: {}",
        like.text()
    );

    let list = said(&folder, &["forget", "--list", "--json"], "");
    assert!(list.contains("ht1_") && !list.contains("ada@") && !list.contains("198.51"), "{list}");
    let wrong = run(&folder, &["forget"], "ht1_00000000_0123456789abcdef");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&wrong.stderr).contains("0123456789abcdef"));
    assert_eq!(run(&folder, &["forget"], "\n").status.code(), Some(2));
    let told = said(&folder, &["forget", "--undo"], "198.51.100.7\nnobody-known\n");
    assert!(told.contains("1 of 2"), "{told}");
    assert_eq!(downloads(), 1, "what was removed stays removed");
    let late = "{\"ts\":1780100000,\"repo\":\"a/b\",\"path\":\"p\",\"ip\":\"198.51.100.7\"}\n";
    said(&folder, &["import", "--format", "events", "-"], late);
    assert_eq!(downloads(), 2, "what comes from now on counts again");
    let said_by_server = server.stderr();
    assert!(!said_by_server.contains("ada@") && !said_by_server.contains("198.51.100.7"), "{said_by_server}");
    server.stop();
    for name in ["hubtally.redb", "secret.key"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        for raw in ["ada@example.org", "198.51.100.7"] {
            assert!(!bytes.windows(raw.len()).any(|window| window == raw.as_bytes()), "{raw} is in {name}");
        }
    }
    assert!(said(&folder, &["verify", "--json"], "").contains("\"findings\":[]"));
}
