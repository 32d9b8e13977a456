//! A disk that is really full: reading goes on, pushes are told to come again, and once there is space all is well by itself.
//!
//! It needs a small file system of its own, which only root may mount; without it the test says so and does nothing.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::server::{Reply, Server, hubtally};

const EVENTS_OF_A_BODY: u64 = 2_000;

/// A file system of a few MB, gone when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(folder: &Path) -> Option<Small> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(folder).output().ok()?;
        mounted.status.success().then(|| Small(folder.to_owned()))
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.0.join("ballast")).unwrap();
        while ballast.write_all(&[1; 4_096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Every body has a repo of its own.
fn push(server: &Server, token: &str, number: u64) -> Reply {
    let mut body = Vec::new();
    for event in 0..EVENTS_OF_A_BODY {
        let ts = 1_780_000_000_000 + number * 1_000_000 + event;
        let path = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ event.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let person = event % 250;
        writeln!(body, r#"{{"ts":{ts},"repo":"full/body-{number}","path":"{path:x}.bin","ip":"198.51.100.{person}"}}"#).unwrap();
    }
    server.post("/api/v1/events", &[("Authorization", &format!("Bearer {token}"))], &body)
}

fn downloads(server: &Server, number: u64) -> Option<u64> {
    let reply = server.get(&format!("/models/full/body-{number}/stats"));
    (reply.status == 200).then(|| reply.json()["downloads"].as_u64().unwrap())
}

#[test]
fn a_full_disk_stops_pushes_and_nothing_else_until_there_is_space() {
    let temporary = tempfile::tempdir().unwrap();
    let Some(small) = Small::mount(temporary.path()) else {
        println!("SKIPPED: no small file system can be mounted here");
        return;
    };
    let folder = temporary.path().join("data");
    let output = hubtally().arg("--data").arg(&folder).args(["token", "create", "--scope", "admin"]).output().unwrap();
    let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let server = Server::start_in(&folder, &["--visibility", "public"]);
    let mut next = 0;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        for _ in 0..3 {
            assert_eq!(push(&server, &token, next).status, 200, "round {round}");
            acknowledged.push(next);
            next += 1;
        }
        assert_eq!(server.get("/readyz").status, 200);
        small.fill();
        let (reads, wrong, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let known = acknowledged[0];
        std::thread::scope(|scope| {
            // Ends the reading also when the test fails.
            let _over = OnDrop(&over);
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let found = downloads(&server, known);
                    reads.fetch_add(1, Ordering::Relaxed);
                    wrong.fetch_add(u64::from(found != Some(250)), Ordering::Relaxed);
                }
            });
            let mut full = 0;
            for _ in 0..400 {
                let reply = push(&server, &token, next);
                match reply.status {
                    200 => {
                        acknowledged.push(next);
                        next += 1;
                    }
                    507 => {
                        assert!(reply.header("retry-after").is_some(), "{reply:?}");
                        assert_eq!(server.get("/readyz").status, 503, "ready although full, round {round}");
                        full += 1;
                        if full == 20 {
                            break;
                        }
                    }
                    other => panic!("round {round}: {other}: {}", reply.text()),
                }
            }
            assert_eq!(full, 20, "the disk became full");
            small.free();
            let start = Instant::now();
            while server.get("/readyz").status != 200 {
                assert!(start.elapsed() < Duration::from_secs(5), "round {round}: {}", server.get("/readyz").text());
                std::thread::sleep(Duration::from_millis(20));
            }
            println!("round {round}: ready {:?} after there was space", start.elapsed());
        });
        println!("round {round}: {} reads, {} of them without their number", reads.into_inner(), wrong.load(Ordering::Relaxed));
        assert_eq!(wrong.into_inner(), 0, "reading goes on");
        for number in &acknowledged {
            assert_eq!(downloads(&server, *number), Some(250), "body {number}");
        }
        // The body that was refused may not be there, and comes in when it is sent again.
        assert_eq!(downloads(&server, next), None, "a refused body is not there");
        assert_eq!(push(&server, &token, next).status, 200);
        acknowledged.push(next);
        next += 1;
    }
    server.stop();
    let output = hubtally().arg("--data").arg(&folder).args(["verify", "--json"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"findings\":[]"), "{output:?}");
    drop(small);
}
