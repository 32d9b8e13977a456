//! Following a log inside one process: on disks that fail, and beside an import that takes its time.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hubtally::ingest::{Engine, FollowOptions, ImportOptions, OpenOptions, Place};
use hubtally::model::{Millis, SourceName};

use super::{Log, PATIENCE, lines};
use crate::disk::{Fault, Simulated};

fn follow(engine: &Arc<Engine>, path: &Path) {
    let source = SourceName::default_source();
    let options = FollowOptions { file: path.to_owned(), source, format: None, say: Arc::new(|sentence| println!("{sentence}")) };
    engine.follow(options).unwrap();
}

fn open(place: Place) -> Arc<Engine> {
    let frozen_now = Millis::parse_rfc3339("2026-12-31T00:00:00Z");
    Engine::open(&OpenOptions { place, default_public: true, frozen_now }).unwrap()
}

/// Waits until so many events are accepted, and no more.
fn accepted(engine: &Engine, expected: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let accepted: u64 = engine.deliveries().unwrap().iter().map(|delivery| delivery.accepted).sum();
        assert!(accepted <= expected, "{accepted} instead of {expected}");
        if accepted == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{accepted} of {expected} accepted: {:?}", engine.following());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_disk_that_fails_or_is_full_is_waited_for() {
    for fault in [Fault::Full, Fault::Broken] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::new(folder.path().join("hub.json"));
        let disk = Simulated::new(1);
        let engine = open(Place::Disk(disk.shared()));
        follow(&engine, &log.path);
        log.write(20);
        accepted(&engine, 20);
        for after in [0, 3, 9, 17] {
            let failed = disk.failed();
            disk.fail(disk.operations() + after, true, fault);
            log.write(10);
            log.rename();
            log.write(5);
            log.reopen();
            log.write(5);
            let deadline = Instant::now() + PATIENCE;
            while disk.failed() == failed {
                assert!(Instant::now() < deadline, "nothing failed");
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(600));
            assert_eq!(engine.following().first().unwrap().state, "failing");
            disk.mend();
            let deadline = Instant::now() + PATIENCE;
            while !engine.health().ready {
                assert!(Instant::now() < deadline, "{:?}", engine.health());
                std::thread::sleep(Duration::from_millis(20));
            }
            accepted(&engine, log.written);
        }
        engine.stop();
        let engine = open(Place::Disk(disk.shared()));
        accepted(&engine, log.written);
    }
}

/// A log of which the end never comes.
struct Stalled {
    lines: std::io::Cursor<Vec<u8>>,
    going_on: Receiver<()>,
}

impl Read for Stalled {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.lines.read(buffer)? {
            0 => {
                let _ = self.going_on.recv();
                Ok(0)
            }
            read => Ok(read),
        }
    }
}

#[test]
fn a_long_import_does_not_hold_a_followed_log_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new(folder.path().join("hub.json"));
    let engine = open(Place::Memory);
    let (go_on, going_on) = channel();
    std::thread::scope(|scope| {
        let importing = Arc::clone(&engine);
        let import = scope.spawn(move || {
            let input = Box::new(Stalled { lines: std::io::Cursor::new(lines(5_000..6_000).into_bytes()), going_on });
            let options = ImportOptions {
                source: SourceName::parse("other").unwrap(),
                name: "stalled".to_owned(),
                format: None,
                redirects: None,
                head_redirect: None,
                knows_users: None,
                as_new: false,
            };
            importing.import(input, &options, &|_| {}).unwrap()
        });
        log.write(10);
        follow(&engine, &log.path);
        accepted(&engine, 10);
        log.write(3_000);
        accepted(&engine, 3_010);
        drop(go_on);
        assert_eq!(import.join().unwrap().accepted, 1_000);
    });
    accepted(&engine, 4_010);
    engine.stop();
}
