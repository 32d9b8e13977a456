//! Logs are followed as servers write and rotate them: whatever is renamed, truncated, compressed, restarted or killed,
//! every line counts, and counts once.
//!
//! `HUBTALLY_TAIL_STEPS=500 cargo test tail` takes more random steps; `HUBTALLY_SEED=N` takes others.

mod engine;
mod nginx;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::oracle::Random;
use crate::server::{Server, hubtally};

const PATIENCE: Duration = Duration::from_secs(60);

/// A line in our nginx format, of a request of its own by a downloader of its own.
fn line(number: u64) -> String {
    let (seconds, address) = (1_780_000_000 + number * 7, (number >> 16, (number >> 8) & 255, number & 255));
    format!(
        r#"{{"msec":{seconds}.{:03},"request_time":0.01,"remote_addr":"10.{}.{}.{}","remote_user":"","request_method":"GET","http_host":"h","request_uri":"/acme/m{}/resolve/main/f{number}.bin","status":"200","body_bytes_sent":5,"http_range":"","sent_http_location":"","http_user_agent":"curl/8","request_id":"r{number}"}}"#,
        number % 1000,
        address.0,
        address.1,
        address.2,
        number % 5
    ) + "\n"
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(line).collect()
}

/// What a server writes: a log that it holds open until it is told to open it anew.
struct Log {
    path: PathBuf,
    open: File,
    written: u64,
}

fn append(path: &Path) -> File {
    File::options().create(true).append(true).open(path).unwrap()
}

impl Log {
    fn new(path: PathBuf) -> Log {
        Log { open: append(&path), path, written: 0 }
    }

    fn write(&mut self, count: u64) {
        self.open.write_all(lines(self.written..self.written + count).as_bytes()).unwrap();
        self.written += count;
    }

    fn reopen(&mut self) {
        self.open = append(&self.path);
    }

    fn rotated(&self, number: usize, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}.{number}{ending}", self.path.display()))
    }

    /// Moves every rotated file up by one number, as logrotate does.
    fn shift(&self) {
        for number in (1..40).rev() {
            for ending in ["", ".gz", ".zst"] {
                let from = self.rotated(number, ending);
                if from.exists() {
                    fs::rename(from, self.rotated(number + 1, ending)).unwrap();
                }
            }
        }
    }

    fn rename(&self) {
        self.shift();
        fs::rename(&self.path, self.rotated(1, "")).unwrap();
    }

    fn copy_and_truncate(&self) {
        self.shift();
        fs::copy(&self.path, self.rotated(1, "")).unwrap();
        File::options().write(true).open(&self.path).unwrap().set_len(0).unwrap();
    }

    fn compress(&self, number: usize, ending: &str) {
        let (from, to) = (self.rotated(number, ""), self.rotated(number, ending));
        let bytes = fs::read(&from).unwrap();
        let mut file = File::create(to).unwrap();
        if ending == ".gz" {
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            // In pieces, so that a half-written one is met.
            bytes.chunks(1_000).for_each(|piece| {
                gzip.write_all(piece).unwrap();
                gzip.flush().unwrap();
            });
            gzip.finish().unwrap();
        } else {
            file.write_all(&zstd::encode_all(bytes.as_slice(), 1).unwrap()).unwrap();
        }
        fs::remove_file(from).unwrap();
    }
}

struct World {
    folder: tempfile::TempDir,
    log: Log,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path().join("hub.json"));
        World { folder, log }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self) -> Server {
        let log = self.log.path.to_str().unwrap();
        Server::start_in(&self.data(), &["--visibility", "public", "--now", "2026-12-31T00:00:00Z", "--tail", log])
    }

    /// Waits until everything that was written is counted, and is counted once.
    fn settled(&self, server: &Server) {
        settled(server, self.log.written);
    }
}

fn downloads(server: &Server) -> u64 {
    server.get("/api/v1/hub/totals?from=2026-01-01&to=2026-12-31").json()["downloads"].as_u64().unwrap_or(0)
}

#[track_caller]
fn settled(server: &Server, written: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let counted = downloads(server);
        assert!(counted <= written, "{counted} counted, {written} written");
        if counted == written {
            return;
        }
        assert!(Instant::now() < deadline, "{counted} of {written} counted; stderr:\n{}", server.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Stored events of the organization, each as often as it happened.
fn events(server: &Server, from: &str, to: &str) -> usize {
    let cookie = server.admin_cookie();
    let path = format!("/organizations/acme/settings/publisher-analytics/access-logs?from={from}&to={to}");
    let reply = server.get_with(&path, &[("Cookie", &cookie)]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().count() - 1
}

fn answers(folder: &Path, arguments: &[&str]) -> Value {
    let output = hubtally().arg("--data").arg(folder).args(["--now", "2026-12-31T00:00:00Z"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// The sums of a column of the list of deliveries.
fn sum(list: &Value, column: &str) -> u64 {
    list["deliveries"].as_array().unwrap().iter().map(|delivery| delivery[column].as_u64().unwrap()).sum()
}

/// The numbers of a store are those of a fresh one that took in all lines at once, and nothing in it is damaged.
fn assert_same_as_one_import(world: &World) {
    let all = world.folder.path().join("everything.json.txt");
    fs::write(&all, lines(0..world.log.written)).unwrap();
    let clean = world.folder.path().join("clean");
    answers(&clean, &["import", all.to_str().unwrap()]);
    for arguments in [
        &["stats", "recent", "model", "acme/m0", "--days", "365", "--json"][..],
        &["stats", "recent", "model", "acme/m3", "--days", "365", "--json"],
        &["uniques", "hub", "--from", "2026-01-01", "--to", "2026-12-31", "--json"],
        &["trending", "--days", "90", "--json"],
    ] {
        let public = [arguments, &["--visibility", "public"]].concat();
        assert_eq!(answers(&world.data(), &public), answers(&clean, &public), "{arguments:?}");
    }
    assert_eq!(answers(&world.data(), &["verify", "--json"])["findings"], Value::Array(Vec::new()));
}

#[test]
fn lines_count_as_they_are_written_and_half_a_line_waits_for_its_rest() {
    let mut world = World::new();
    let server = world.start();
    for _ in 0..3 {
        world.log.write(7);
        world.settled(&server);
    }
    let next = line(world.log.written);
    let (first, rest) = next.split_at(40);
    world.log.open.write_all(first.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    world.settled(&server);
    world.log.open.write_all(rest.as_bytes()).unwrap();
    world.log.written += 1;
    world.settled(&server);
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!((sum(&list, "accepted"), sum(&list, "repeated"), sum(&list, "rejected")), (22, 0, 0));
    assert_eq!((&list["deliveries"][0]["state"], &list["deliveries"][0]["behind_bytes"]), (&"following".into(), &0.into()));
    assert_eq!((&list["following"][0]["state"], &list["following"][0]["source"]), (&"following".into(), &"default".into()));
    assert_eq!(server.stop().0.code(), Some(0));
    assert_same_as_one_import(&world);
}

#[test]
fn a_renamed_log_is_read_to_its_end_while_its_writer_still_has_it_open() {
    let mut world = World::new();
    world.log.write(50);
    let server = world.start();
    world.settled(&server);
    for _ in 0..3 {
        world.log.rename();
        world.log.write(20);
        std::thread::sleep(Duration::from_millis(400));
        world.log.write(5);
        let mut late = world.log.open.try_clone().unwrap();
        world.log.reopen();
        world.log.write(30);
        world.settled(&server);
        // A worker that finishes its last request.
        late.write_all(line(world.log.written).as_bytes()).unwrap();
        world.log.written += 1;
        world.settled(&server);
    }
    server.stop();
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!((sum(&list, "accepted"), sum(&list, "repeated"), list["deliveries"].as_array().unwrap().len()), (218, 0, 4));
    assert_same_as_one_import(&world);
}

#[test]
fn a_truncated_log_goes_on_and_its_copy_completes_what_was_not_read() {
    let mut world = World::new();
    let server = world.start();
    world.log.write(40);
    world.settled(&server);
    // The end is written, copied and truncated away between two looks.
    world.log.write(10);
    world.log.copy_and_truncate();
    world.log.write(3);
    world.settled(&server);
    // It grows past the place reached before anybody looks.
    world.log.write(2);
    world.settled(&server);
    world.log.copy_and_truncate();
    world.log.write(60);
    world.settled(&server);
    assert_eq!(downloads(&server), 115);
    // The same while nobody runs.
    server.stop();
    world.log.write(9);
    world.log.copy_and_truncate();
    world.log.write(90);
    let server = world.start();
    world.settled(&server);
    server.stop();
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!((sum(&list, "accepted"), sum(&list, "repeated")), (214, 0));
    assert_same_as_one_import(&world);
}

#[test]
fn what_was_rotated_and_compressed_meanwhile_is_completed_and_known_files_are_not_read_again() {
    let mut world = World::new();
    let server = world.start();
    world.log.write(25);
    world.settled(&server);
    drop(server);
    for ending in [".gz", ".zst", ".gz"] {
        world.log.write(11);
        world.log.rename();
        world.log.reopen();
        world.log.write(4);
        world.log.compress(1, ending);
    }
    let server = world.start();
    world.settled(&server);
    server.stop();
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!((sum(&list, "accepted"), sum(&list, "repeated"), list["deliveries"].as_array().unwrap().len()), (70, 0, 4));
    // Their bytes are damaged without a trace in their times: whoever reads them again notices.
    for number in 1..=3 {
        for path in [world.log.rotated(number, ".gz"), world.log.rotated(number, ".zst")] {
            if path.exists() {
                let (length, modified) = (fs::metadata(&path).unwrap().len(), fs::metadata(&path).unwrap().modified().unwrap());
                let file = File::options().write(true).open(&path).unwrap();
                (&file).write_all(&vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
                file.set_modified(modified).unwrap();
            }
        }
    }
    let server = world.start();
    world.log.write(5);
    world.settled(&server);
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(!server.stderr().contains("tail:"), "{}", server.stderr());
    server.stop();
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!((sum(&list, "accepted"), sum(&list, "repeated"), sum(&list, "rejected")), (75, 0, 0));
}

#[test]
fn a_log_that_is_not_there_is_waited_for_and_one_that_cannot_be_followed_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (later, pipe, twice) = (folder.path().join("later.json"), folder.path().join("folder"), folder.path().join("b.json"));
    fs::create_dir(&pipe).unwrap();
    let of = |source: &str, path: &Path| format!("{source}={}", path.display());
    let tails = [of("a", &later), of("b", &pipe), of("c", &twice)].join(",");
    let server = Server::start(&["--visibility", "public", "--now", "2026-12-31T00:00:00Z", "--tail", &tails]);
    std::thread::sleep(Duration::from_millis(2_500));
    fs::write(&later, lines(0..3)).unwrap();
    fs::write(&twice, lines(0..4)).unwrap();
    // Two sources are two logs, whose equal requests are different events; the downloaders of both are the same.
    settled(&server, 4);
    let said = server.stderr();
    for sentence in ["later.json is not there yet", "folder is no regular file"] {
        assert_eq!(said.matches(sentence).count(), 1, "{said}");
    }
    let cookie = server.admin_cookie();
    let list = server.get_with("/api/v1/deliveries", &[("Cookie", &cookie)]).json();
    assert_eq!(sum(&list, "accepted"), 7);
    let states: Vec<&str> = list["following"].as_array().unwrap().iter().map(|log| log["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["following", "failing", "following"]);
    assert_eq!(server.get("/readyz").status, 200, "the server answers and takes events all the same");
}

#[test]
fn a_log_in_no_known_format_is_told_and_forgotten_once_it_is_rotated_away() {
    let mut world = World::new();
    let garbage = "host took 3 ms for something\n".repeat(200);
    fs::write(&world.log.path, &garbage).unwrap();
    let server = world.start();
    let cookie = server.admin_cookie();
    let state = || {
        let list = server.get_with("/api/v1/deliveries", &[("Cookie", &cookie)]).json();
        list["following"][0]["state"].as_str().unwrap().to_owned()
    };
    let becomes = |wanted: &str| {
        let deadline = Instant::now() + PATIENCE / 2;
        while state() != wanted {
            assert!(Instant::now() < deadline, "{} instead of {wanted}; stderr:\n{}", state(), server.stderr());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    becomes("failing");
    world.log.rename();
    world.log.reopen();
    world.log.write(5);
    world.settled(&server);
    becomes("following");
    let deadline = Instant::now() + PATIENCE;
    while !server.stderr().contains("hub.json.1: the format of hub.json.1 cannot be told") {
        assert!(Instant::now() < deadline, "{}", server.stderr());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(state(), "following");
}

#[test]
fn an_import_of_the_followed_log_and_a_retraction_of_it_change_nothing_else() {
    let mut world = World::new();
    let server = world.start();
    world.log.write(30);
    world.settled(&server);
    let log = world.log.path.to_str().unwrap().to_owned();
    for _ in 0..4 {
        world.log.write(25);
        // Whoever comes second is told so, or finds nothing new.
        drop(hubtally().arg("--data").arg(world.data()).args(["import", &log]).output().unwrap());
        world.settled(&server);
    }
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!((sum(&list, "accepted"), list["deliveries"].as_array().unwrap().len()), (130, 1));
    answers(&world.data(), &["retract", "1", "--json"]);
    assert_eq!(downloads(&server), 0);
    world.log.write(5);
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(downloads(&server), 0, "what was taken back stays so");
    world.log.rename();
    world.log.reopen();
    world.log.write(6);
    settled(&server, 6);
    server.stop();
    let server = world.start();
    std::thread::sleep(Duration::from_millis(1_800));
    settled(&server, 6);
}

#[test]
fn any_schedule_of_writing_rotating_and_killing_counts_every_line_once() {
    let number =
        |variable: &str, default: u64| std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (steps, seed) = (number("HUBTALLY_TAIL_STEPS", 90), number("HUBTALLY_SEED", 1));
    println!("{steps} steps, seed {seed}");
    let mut random = Random::new(seed);
    let mut world = World::new();
    let mut server = Some(world.start());
    let mut done = std::collections::BTreeMap::<&str, u64>::new();
    for _ in 0..steps {
        let step = match random.below(20) {
            0..=6 => {
                world.log.write(1 + random.below(400));
                "write"
            }
            7 => {
                let next = line(world.log.written);
                let (first, rest) = next.split_at(usize::try_from(random.below(next.len() as u64)).unwrap());
                world.log.open.write_all(first.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(random.below(400)));
                world.log.open.write_all(rest.as_bytes()).unwrap();
                world.log.written += 1;
                "half a line"
            }
            8..=10 => {
                world.log.rename();
                world.log.write(random.below(50));
                std::thread::sleep(Duration::from_millis(random.below(500)));
                world.log.write(random.below(50));
                world.log.reopen();
                world.log.write(random.below(50));
                "rename"
            }
            11..=12 => {
                world.log.copy_and_truncate();
                world.log.write(random.below(600));
                "copy and truncate"
            }
            13..=14 => {
                let plain = (1..40).rev().find(|number| world.log.rotated(*number, "").exists());
                if let Some(number) = plain {
                    world.log.compress(number, if random.below(2) == 0 { ".gz" } else { ".zst" });
                }
                "compress"
            }
            15..=17 => {
                // Dropping it kills it with SIGKILL.
                server.take();
                "kill"
            }
            18 => {
                server.take().map(Server::stop);
                "stop"
            }
            _ => "wait",
        };
        *done.entry(step).or_default() += 1;
        if random.below(3) > 0 {
            std::thread::sleep(Duration::from_millis(random.below(500)));
        }
        if server.is_none() && random.below(3) > 0 {
            server = Some(world.start());
        }
    }
    let server = server.unwrap_or_else(|| world.start());
    println!("{done:?}: {} lines", world.log.written);
    world.settled(&server);
    let list = answers(&world.data(), &["deliveries", "--json"]);
    assert_eq!(events(&server, "2026-01-01", "2026-12-31") as u64, world.log.written);
    println!("{} documents, {} repeated", list["deliveries"].as_array().unwrap().len(), sum(&list, "repeated"));
    assert_eq!(server.stop().0.code(), Some(0));
    assert_same_as_one_import(&world);
}
