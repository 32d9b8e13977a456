//! Counting anew and giving space back: answers go on meanwhile and stay what they are, and a kill changes nothing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::laws::{compare, configure, deliver, for_worlds, open};
use crate::oracle::{Oracle, Random, World};
use crate::server::{Server, hubtally, run, said};
use hubtally::ingest::Place;
use hubtally::model::{Day, DayRange};

#[test]
fn counting_anew_and_giving_space_back_change_no_number() {
    for_worlds("recount and compact", |seed| {
        if seed % 5 != 0 {
            return;
        }
        let world = World::random(seed);
        let mut random = Random::new(seed);
        let place = tempfile::tempdir().unwrap();
        let engine = open(Place::Folder(place.path().to_owned()), world.today);
        configure(&engine, &world).unwrap();
        for index in 0..world.deliveries.len() {
            deliver(&engine, &world, index, seed);
            match random.below(3) {
                0 => drop(engine.compact().unwrap()),
                1 => {
                    let first = Day(u16::try_from(world.today - random.below(10)).unwrap());
                    let recounted = engine.recount(DayRange { first, last: Day(u16::MAX) }).unwrap();
                    assert!(recounted.next.is_none() && recounted.days_left == 0);
                }
                _ => {}
            }
        }
        let oracle = Oracle::of(&world);
        compare(&engine, &oracle, seed, "after compactions and recounts");
        let all = engine.recount(DayRange { first: Day(0), last: Day(u16::MAX) }).unwrap();
        compare(&engine, &oracle, seed, "after a recount of all days");
        let again = engine.recount(DayRange { first: Day(0), last: Day(u16::MAX) }).unwrap();
        assert_eq!((again.days, again.changed_days), (all.days, 0), "world {seed}");
        engine.stop();
        drop(engine);
        let engine = open(Place::Folder(place.path().to_owned()), world.today);
        compare(&engine, &oracle, seed, "after a restart");
        assert!(engine.verify(&|_| {}).unwrap().findings.is_empty(), "world {seed}");
    });
}

/// A store with unused space: what was retracted.
fn loose(folder: &Path, rows: &str) {
    for seed in ["1", "2"] {
        let log = folder.with_extension(seed);
        let log = log.to_str().unwrap();
        said(folder, &["generate", "--rows", rows, "--repos", "300", "--downloaders", "2000", "--seed", seed, "--output", log]);
        said(folder, &["import", log]);
    }
    said(folder, &["retract", "1"]);
}

fn figures(folder: &Path) -> String {
    let range = ["--from", "2026-01-01", "--to", "2026-06-30", "--now", "2026-07-01T00:00:00Z", "--json"];
    let uniques = said(folder, &[["uniques", "hub"].as_slice(), &range].concat());
    uniques + &said(folder, &["trending", "--days", "90", "--limit", "100", "--now", "2026-07-01T00:00:00Z", "--json"])
}

#[test]
fn a_server_answers_and_takes_pushes_while_its_store_is_written_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    loose(&folder, "40000");
    let token = said(&folder, &["token", "create", "--scope", "admin"]).trim().to_owned();
    let server = Server::start_in(&folder, &["--visibility", "public", "--now", "2026-07-01T00:00:00Z"]);
    let (done, asked, pushed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let path = "/api/v1/orgs/org-1/uniques?from=2026-01-01&to=2026-06-30";
    let expected = server.get(path);
    assert_eq!(expected.status, 200, "{}", expected.text());
    let bearer = format!("Bearer {token}");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let reply = server.get(path);
                    assert_eq!((reply.status, reply.text()), (200, expected.text()));
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let number = pushed.load(Ordering::SeqCst);
                let body = format!("{{\"ts\":{},\"repo\":\"push/one\",\"user\":\"u{number}\"}}", 1_780_000_000 + number);
                let reply = server.post("/api/v1/events", &[("Authorization", &bearer)], body.as_bytes());
                assert_eq!(reply.status, 200, "{}", reply.text());
                pushed.fetch_add(1, Ordering::SeqCst);
            }
        });
        for _ in 0..3 {
            let told: serde_json::Value = serde_json::from_str(&said(&folder, &["compact", "--json"])).unwrap();
            println!("{told}");
            said(&folder, &["recount", "--from", "2026-05-01", "--json"]);
        }
        done.store(true, Ordering::SeqCst);
    });
    println!("{asked:?} answers and {pushed:?} pushes meanwhile");
    assert_eq!(server.get("/models/push/one/stats").json()["downloads"], pushed.load(Ordering::SeqCst));
    let names: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.ends_with(".new")), "{names:?}");
    // What is committed after the file was replaced is in the new one.
    drop(server);
    let server = Server::start_in(&folder, &["--visibility", "public"]);
    assert_eq!(server.get("/models/push/one/stats").json()["downloads"], pushed.into_inner());
    server.stop();
    assert!(said(&folder, &["verify", "--json"]).contains("\"findings\":[]"));
}

#[test]
fn unused_space_is_given_back_and_a_kill_amid_that_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    loose(&folder, "60000");
    let before = figures(&folder);
    let mut random = Random::new(5);
    for _ in 0..10 {
        let mut child = hubtally();
        child.arg("--data").arg(&folder).arg("compact").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(300)));
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(figures(&folder), before);
        assert!(!folder.join("hubtally.redb.new").exists(), "the next start removes what is left of it");
        let mut log = fs::OpenOptions::new().append(true).create(true).open(folder.with_extension("3")).unwrap();
        writeln!(log, "{{\"ts\":{},\"repo\":\"a/b\",\"user\":\"u\"}}", 1_600_000_000 + random.below(1_000_000)).unwrap();
        said(&folder, &["import", "--format", "events", folder.with_extension("3").to_str().unwrap()]);
    }
    let told: serde_json::Value = serde_json::from_str(&said(&folder, &["compact", "--json"])).unwrap();
    println!("{told}");
    let size = |when: &str| told[when]["allocated_bytes"].as_u64().unwrap();
    assert!(size("after") <= size("before"));
    assert_eq!(figures(&folder), before);
    assert!(said(&folder, &["verify", "--json"]).contains("\"findings\":[]"));
    assert_eq!(run(Path::new(":memory:"), &["compact"]).status.code(), Some(1));
    assert_eq!(run(&folder, &["recount", "--from", "2026-06-02", "--to", "2026-06-01"]).status.code(), Some(2));
}
