//! A backup of a store in use is the store of one moment; what is not whole is no backup and is not restored as one.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redb::ReadableTable;

use crate::oracle::Random;
use crate::server::{Reply, Server, hubtally, run, said};

const PUSHERS: u64 = 3;
const EVENTS_OF_A_BODY: u64 = 4;

fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(sentence.trim_end().lines().count(), 1, "one sentence: {sentence}");
    sentence
}

/// A store of some thousand events.
fn filled(place: &Path, rows: u64) -> PathBuf {
    let (folder, log) = (place.join("data"), place.join("export.csv"));
    let rows = rows.to_string();
    said(&folder, &["generate", "--rows", &rows, "--repos", "300", "--downloaders", "2000", "--output", log.to_str().unwrap()]);
    said(&folder, &["import", log.to_str().unwrap()]);
    folder
}

/// What a store answers of everything that was generated.
fn figures(folder: &Path) -> Vec<String> {
    let now = ["--now", "2026-07-01T00:00:00Z", "--json"];
    let ask = |words: &[&str]| said(folder, &[words, &now].concat());
    let range = ["--from", "2026-01-01", "--to", "2026-06-30"];
    vec![
        ask(&["trending", "--type", "all", "--days", "90", "--limit", "100"]),
        ask(&[["uniques", "hub"].as_slice(), &range].concat()),
        ask(&[["uniques", "orgs/org-1"].as_slice(), &range].concat()),
    ]
}

fn push(address: SocketAddr, token: &str, pusher: u64, number: u64) -> bool {
    let mut body = Vec::new();
    for person in 0..EVENTS_OF_A_BODY {
        let ts = 1_780_000_000_000 + number * 1_000 + person;
        writeln!(body, r#"{{"ts":{ts},"repo":"load-{pusher}/body-{number}","path":"a","ip":"198.51.{pusher}.{person}"}}"#)
            .unwrap();
    }
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let length = body.len();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    );
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    sent.is_ok() && Reply::read(&mut std::io::BufReader::new(stream), "POST").is_some_and(|reply| reply.status == 200)
}

#[test]
fn a_backup_under_load_is_the_store_of_one_moment() {
    let place = tempfile::tempdir().unwrap();
    let folder = filled(place.path(), 20_000);
    let token = said(&folder, &["token", "create", "--scope", "admin"]).trim().to_owned();
    let server = Server::start_in(&folder, &["--visibility", "public"]);
    let address = server.address;
    let sent: [AtomicU64; PUSHERS as usize] = Default::default();
    let kept: [AtomicU64; PUSHERS as usize] = Default::default();
    let done = AtomicBool::new(false);
    let seen = |counts: &[AtomicU64]| counts.iter().map(|count| count.load(Ordering::SeqCst)).collect::<Vec<u64>>();
    let backup = place.path().join("one.backup");
    let (before, after) = std::thread::scope(|scope| {
        for pusher in 0..PUSHERS {
            let (sent, kept, token, done) = (&sent[pusher as usize], &kept[pusher as usize], &token, &done);
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let number = sent.fetch_add(1, Ordering::SeqCst);
                    assert!(push(address, token, pusher, number), "pusher {pusher}, body {number}");
                    kept.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(150));
        let before = seen(&kept);
        let told = said(&folder, &["backup", backup.to_str().unwrap(), "--json"]);
        let after = seen(&sent);
        std::thread::sleep(Duration::from_millis(50));
        done.store(true, Ordering::SeqCst);
        assert!(told.contains("\"with_secret\":false"), "{told}");
        (before, after)
    });
    server.stop();
    println!("bodies before the backup {before:?}, after it {after:?}");
    assert!(before.iter().sum::<u64>() > 0 && before != after, "there is load");

    let restored = place.path().join("restored");
    let secret = folder.join("secret.key");
    said(&restored, &["restore", backup.to_str().unwrap(), "--secret", secret.to_str().unwrap()]);
    let server = Server::start_in(&restored, &["--visibility", "public"]);
    for pusher in 0..PUSHERS {
        let found: Vec<u64> = (0..after[pusher as usize] + 1)
            .map(|number| {
                let reply = server.get(&format!("/models/load-{pusher}/body-{number}/stats"));
                if reply.status == 200 { reply.json()["downloads"].as_u64().unwrap() } else { 0 }
            })
            .collect();
        let whole = found.iter().take_while(|downloads| **downloads == EVENTS_OF_A_BODY).count();
        assert!(found[whole..].iter().all(|downloads| *downloads == 0), "a body in part, or one after a gap: {found:?}");
        let range = before[pusher as usize]..=after[pusher as usize];
        assert!(range.contains(&(whole as u64)), "pusher {pusher}: {whole} of {range:?}");
    }
    server.stop();
    assert!(said(&restored, &["verify", "--json"]).contains("\"findings\":[]"));
    let answers = figures(&restored);
    said(&restored, &["rebuild"]);
    assert_eq!(figures(&restored), answers);
}

#[test]
fn the_secret_comes_along_only_if_asked_for_and_is_asked_for_again() {
    let place = tempfile::tempdir().unwrap();
    let folder = filled(place.path(), 3_000);
    let secret = fs::read_to_string(folder.join("secret.key")).unwrap();
    let digits = secret.trim();
    let raw: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let holds = |file: &Path| fs::read(file).unwrap().windows(32).any(|window| window == raw);
    let dir = place.path().join("backups");
    fs::create_dir(&dir).unwrap();
    said(&folder, &["backup", dir.to_str().unwrap(), "--now", "2026-07-01T12:00:00Z"]);
    let plain = dir.join("hubtally-20260701T120000Z.backup");
    let full = dir.join("full.backup");
    let output = run(&folder, &["backup", full.to_str().unwrap(), "--with-secret"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds the secret key"));
    assert!(!holds(&plain) && holds(&full));
    let sentence = refused(&folder, &["backup", plain.to_str().unwrap()]);
    assert!(sentence.contains("replaces nothing"), "{sentence}");

    let to = |name: &str| place.path().join(name);
    let sentence = refused(&to("none"), &["restore", plain.to_str().unwrap()]);
    assert!(sentence.contains("--secret") && sentence.contains("--new-secret"), "{sentence}");
    assert!(!to("none").exists());
    let (a, b) = (plain.to_str().unwrap(), full.to_str().unwrap());
    said(&to("with"), &["restore", b]);
    assert!(!holds(&to("with").join("hubtally.redb")), "the restored store does not keep the secret in its file");
    assert_eq!(figures(&to("with")), figures(&folder));
    fs::create_dir(to("laid")).unwrap();
    fs::write(to("laid").join("secret.key"), &secret).unwrap();
    said(&to("laid"), &["restore", a]);
    assert_eq!(figures(&to("laid")), figures(&folder));
    fs::write(to("wrong.key"), "00".repeat(32)).unwrap();
    let sentence = refused(&to("none"), &["restore", a, "--secret", to("wrong.key").to_str().unwrap()]);
    assert!(sentence.contains("not the one"), "{sentence}");
    let lost = run(&to("lost"), &["restore", a, "--new-secret"]);
    assert!(lost.status.success() && String::from_utf8_lossy(&lost.stderr).contains("somebody new"));
    assert_eq!(figures(&to("lost")), figures(&folder));
    let sentence = refused(&folder, &["restore", b]);
    assert!(sentence.contains("not empty"), "{sentence}");
}

#[test]
fn what_is_damaged_cut_short_or_of_a_newer_version_is_not_restored() {
    let place = tempfile::tempdir().unwrap();
    let folder = filled(place.path(), 2_000);
    let good = place.path().join("good.backup");
    said(&folder, &["backup", good.to_str().unwrap(), "--with-secret"]);
    let bytes = fs::read(&good).unwrap();
    let bad = place.path().join("bad.backup");
    let (target, answers) = (place.path().join("target"), figures(&folder));
    let mut random = Random::new(3);
    let mut refusals = 0;
    for attempt in 0..24 {
        let mut damaged = bytes.clone();
        match attempt {
            0 => damaged.truncate(0),
            1 => damaged.truncate(bytes.len() / 2),
            2 => damaged = b"no database at all".to_vec(),
            _ => {
                for _ in 0..attempt {
                    let at = random.index(damaged.len());
                    damaged[at] ^= 1 << random.below(8);
                }
            }
        }
        fs::write(&bad, &damaged).unwrap();
        let output = run(&target, &["restore", bad.to_str().unwrap()]);
        // Flips in pages that nothing uses are no damage.
        if output.status.success() {
            assert_eq!(figures(&target), answers, "attempt {attempt}");
        } else {
            refusals += 1;
            assert!(!target.join("hubtally.redb").exists(), "attempt {attempt}");
            assert!(!output.stderr.is_empty());
        }
        let _ = fs::remove_dir_all(&target);
    }
    assert!(refusals >= 12, "{refusals}");

    let newer = redb::TableDefinition::<&[u8], &[u8]>::new("meta");
    fs::write(&bad, &bytes).unwrap();
    let database = redb::Database::open(&bad).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let mut meta = txn.open_table(newer).unwrap();
        let sealed = meta.get(b"format".as_slice()).unwrap().unwrap().value().to_vec();
        let mut payload = sealed[8..].to_vec();
        payload[0] += 1;
        let checksum = hubtally::store::Table::Meta.checksum(b"format", &payload);
        let sealed = [&checksum.to_le_bytes()[..], &payload].concat();
        meta.insert(b"format".as_slice(), sealed.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    drop(database);
    let sentence = refused(&target, &["restore", bad.to_str().unwrap()]);
    assert!(sentence.contains("newer hubtally"), "{sentence}");
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_that_looks_like_one() {
    let place = tempfile::tempdir().unwrap();
    let folder = filled(place.path(), 60_000);
    let dir = place.path().join("backups");
    fs::create_dir(&dir).unwrap();
    let mut random = Random::new(11);
    let (mut cut, mut whole) = (0, 0);
    for attempt in 0..16 {
        let name = dir.join(format!("{attempt}.backup"));
        let mut command = hubtally();
        command.arg("--data").arg(&folder).args(["backup", name.to_str().unwrap(), "--with-secret"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(400)));
        let _ = child.kill();
        child.wait().unwrap();
        if name.exists() {
            whole += 1;
            let target = place.path().join(format!("restored-{attempt}"));
            said(&target, &["restore", name.to_str().unwrap()]);
        } else {
            cut += 1;
        }
    }
    println!("{cut} killed in time, {whole} whole");
    assert!(cut > 0);
    let looks = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(looks.filter(|name| !name.starts_with('.')).count() == whole);
    said(&folder, &["backup", dir.join("last.backup").to_str().unwrap()]);
}

#[test]
fn no_token_writes_files_on_the_server() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(&[]);
    let token = server.token(&server.admin_cookie(), "admin");
    let bearer = format!("Bearer {token}");
    let body = serde_json::json!({ "path": place.path().join("x.backup") }).to_string();
    let reply = server.post("/api/v1/backup", &[("Authorization", &bearer)], body.as_bytes());
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(!place.path().join("x.backup").exists());
}
