//! kill -9 at random moments: nothing acknowledged is lost, no body is there in half, and an import that was cut short is
//! completed by importing again.
//!
//! `HUBTALLY_KILLS=500 cargo test crash` kills more often; `HUBTALLY_SEED=N` kills at other moments.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::oracle::Random;
use crate::server::{Reply, Server, hubtally};

const PUSHERS: u64 = 4;
const EVENTS_OF_A_BODY: u64 = 5;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn command(folder: &Path, arguments: &[&str]) -> String {
    let output = hubtally().arg("--data").arg(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Sends a request to a server that may die at any moment.
fn try_post(address: SocketAddr, path: &str, token: &str, body: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    Reply::read(&mut BufReader::new(stream), "POST")
}

/// A body whose events are five downloads of a repo of its own.
fn body(number: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for person in 0..EVENTS_OF_A_BODY {
        let ts = 1_780_000_000_000 + number * 1_000 + person;
        writeln!(body, r#"{{"ts":{ts},"repo":"kill/body-{number}","path":"a.bin","ip":"198.51.100.{person}"}}"#).unwrap();
    }
    body
}

fn downloads(server: &Server, repo: &str) -> Option<u64> {
    let reply = server.get(&format!("/models/{repo}/stats"));
    (reply.status == 200).then(|| reply.json()["downloads"].as_u64().unwrap())
}

#[test]
fn what_was_acknowledged_outlives_kill_9() {
    let (kills, seed) = (number("HUBTALLY_KILLS", 50), number("HUBTALLY_SEED", 1));
    println!("{kills} kills, seed {seed}");
    let mut random = Random::new(seed);
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let log = temporary.path().join("export.csv");
    command(
        &folder,
        &["generate", "--rows", "30000", "--repos", "300", "--downloaders", "2000", "--output", log.to_str().unwrap()],
    );
    let log_bytes = std::fs::read(&log).unwrap();
    let token = command(&folder, &["token", "create", "--scope", "admin"]).trim().to_owned();
    let next_body = AtomicU64::new(0);
    let acknowledged = Mutex::new(Vec::new());
    let mut slowest_start = Duration::ZERO;
    for _ in 0..kills {
        let start = Instant::now();
        let server = Server::start_in(&folder, &["--visibility", "public"]);
        slowest_start = slowest_start.max(start.elapsed());
        let address = server.address;
        let dead = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..PUSHERS {
                scope.spawn(|| {
                    while !dead.load(Ordering::Relaxed) {
                        let number = next_body.fetch_add(1, Ordering::Relaxed);
                        match try_post(address, "/api/v1/events", &token, &body(number)) {
                            Some(reply) if reply.status == 200 => acknowledged.lock().unwrap().push(number),
                            _ => break,
                        }
                    }
                });
            }
            scope.spawn(|| {
                drop(try_post(address, "/api/v1/import?name=export.csv&source=exports", &token, &log_bytes));
            });
            std::thread::sleep(Duration::from_millis(20 + random.below(120)));
            // Dropping it kills it with SIGKILL.
            drop(server);
            dead.store(true, Ordering::Relaxed);
        });
    }
    let sent = next_body.into_inner();
    let acknowledged = acknowledged.into_inner().unwrap();
    println!("{} of {sent} bodies acknowledged, slowest start {slowest_start:?}", acknowledged.len());
    assert!(acknowledged.len() as u64 > kills, "the server lives long enough to do something");
    let server = Server::start_in(&folder, &["--visibility", "public"]);
    for number in &acknowledged {
        assert_eq!(downloads(&server, &format!("kill/body-{number}")), Some(EVENTS_OF_A_BODY), "acknowledged body {number}");
    }
    for number in 0..sent {
        let found = downloads(&server, &format!("kill/body-{number}"));
        assert!(matches!(found, None | Some(EVENTS_OF_A_BODY)), "body {number} is there in part: {found:?}");
    }
    server.stop();

    command(&folder, &["import", "--source", "exports", log.to_str().unwrap()]);
    let clean = temporary.path().join("clean");
    command(&clean, &["import", "--source", "exports", log.to_str().unwrap()]);
    for scope in ["orgs/org-1", "orgs/org-2", "orgs/org-7"] {
        let totals = |folder: &Path| {
            command(
                folder,
                &["uniques", scope, "--from", "2026-01-01", "--to", "2026-12-31", "--json", "--now", "2027-01-01T00:00:00Z"],
            )
        };
        assert_eq!(totals(&folder), totals(&clean), "{scope}");
    }
    let trending = |folder: &Path| -> Vec<String> {
        let days = ["trending", "--type", "dataset", "--days", "90", "--limit", "100", "--json", "--now", "2026-07-01T00:00:00Z"];
        command(folder, &days).lines().map(str::to_owned).collect()
    };
    assert_eq!(trending(&folder), trending(&clean));
    let verified = command(&folder, &["verify", "--json"]);
    assert!(verified.contains("\"findings\":[]"), "{verified}");
}

#[test]
fn a_stop_answers_what_is_in_flight_commits_the_queue_and_leaves_in_time() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let token = command(&folder, &["token", "create", "--scope", "ingest:default"]).trim().to_owned();
    for signal in ["TERM", "INT"] {
        let server = Server::start_in(&folder, &["--visibility", "public"]);
        let address = server.address;
        let acknowledged = Mutex::new(Vec::new());
        let next_body = AtomicU64::new(if signal == "TERM" { 0 } else { 1_000_000 });
        let stopped = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..PUSHERS {
                scope.spawn(|| {
                    while !stopped.load(Ordering::Relaxed) {
                        let number = next_body.fetch_add(1, Ordering::Relaxed);
                        if try_post(address, "/api/v1/events", &token, &body(number)).is_some_and(|reply| reply.status == 200) {
                            acknowledged.lock().unwrap().push(number);
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(150));
            server.signal(signal);
            let start = Instant::now();
            let status = server.wait();
            stopped.store(true, Ordering::Relaxed);
            assert_eq!(status.code(), Some(0));
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        });
        let acknowledged = acknowledged.into_inner().unwrap();
        assert!(!acknowledged.is_empty());
        let server = Server::start_in(&folder, &["--visibility", "public"]);
        for number in acknowledged {
            assert_eq!(downloads(&server, &format!("kill/body-{number}")), Some(EVENTS_OF_A_BODY), "body {number}");
        }
        server.stop();
    }
}
