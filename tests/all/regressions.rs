//! Each test is a law or promise that broke once.

use std::fmt::Write as _;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place, Push, PushContent, RepoListing};
use hubtally::model::{Caller, Day, DayRange, Millis, OrgName, Receipt, RepoKey, RepoKind, RepoName, SourceName};
use hubtally::query::{Scope, View};
use hubtally::store::{self, Read as _, Store, Table};

const TODAY: &str = "2026-11-20T12:00:00Z";

fn open_at(place: Place, now: &str) -> Arc<Engine> {
    let now = Millis::parse_rfc3339(now);
    Engine::open(&OpenOptions { place, default_public: false, frozen_now: now }).unwrap()
}

fn open(place: Place) -> Arc<Engine> {
    open_at(place, TODAY)
}

fn source(name: &str) -> SourceName {
    SourceName::parse(name).unwrap()
}

fn model(name: &str) -> RepoKey {
    RepoKey { kind: RepoKind::Model, name: RepoName::parse(name).unwrap() }
}

fn push_to(engine: &Engine, to: &str, body: &str, key: Option<&str>) -> Receipt {
    let push = Push {
        source: source(to),
        body: body.as_bytes().to_vec(),
        content: PushContent::Json,
        idempotency_key: key.map(str::to_owned),
    };
    engine.push(push).unwrap()
}

fn options(to: &str) -> ImportOptions {
    ImportOptions {
        source: source(to),
        name: "log".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    }
}

fn import(engine: &Engine, to: &str, text: &str) -> Receipt {
    engine.import(Box::new(Cursor::new(text.to_owned().into_bytes())), &options(to), &|_| {}).unwrap()
}

fn event(ts: &str, repo: &str, who: &str) -> String {
    format!("{{\"ts\":\"{ts}\",\"repo\":\"{repo}\",{who},\"status\":200}}\n")
}

fn total(engine: &Engine, repo: &str) -> Option<u64> {
    let view = View::of(engine).unwrap();
    let number = view.repo(&model(repo), &Caller::admin()).unwrap()?;
    Some(view.totals(number).unwrap().downloads.0)
}

fn is_public(engine: &Engine, repo: &str) -> bool {
    View::of(engine).unwrap().repo(&model(repo), &Caller::public()).unwrap().is_some()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["hubtally.redb", "secret.key"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn fingerprint(secret: &[u8; 32]) -> [u8; 32] {
    hubtally::identify::IdentityKey::new(secret).fingerprint()
}

const COMBINED: &str = "203.0.113.77 - - [19/Nov/2026:10:00:00 +0000] \"GET /org/m/resolve/main/a.bin HTTP/1.1\" 200 10 \"-\" \"SecretAgent/1.0 (session 4711)\"\n";

/// More rows of one day than are committed together, then some of the next day.
fn long_log(first_day_rows: usize) -> String {
    let mut text = String::from("ts,repo,user,status\n");
    for i in 0..first_day_rows {
        writeln!(text, "2026-11-17T10:00:00Z,org/m,u{i},200").unwrap();
    }
    for i in 0..1_000 {
        writeln!(text, "2026-11-19T10:00:00Z,org/m,v{i},200").unwrap();
    }
    text
}

/// A place in a stream where something is done before it goes on.
struct Pause<F>(F);

impl<F: FnMut()> std::io::Read for Pause<F> {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0();
        Ok(0)
    }
}

fn a_piece_is_in(engine: &Engine) -> Option<u32> {
    let deliveries = engine.deliveries().unwrap();
    deliveries.iter().find(|delivery| delivery.state == "partial" && delivery.lines > 0).map(|d| d.delivery.parse().unwrap())
}

/// One request over a connection of its own; gives status and body.
fn http(address: &str, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[test]
fn the_first_line_of_a_log_never_reaches_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = open(Place::Folder(data.clone()));
    import(&engine, "s", COMBINED);
    engine.stop();
    drop(engine);
    let bytes = std::fs::read(data.join("hubtally.redb")).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!holds(b"203.0.113.77"), "a raw address lies on the disk");
    assert!(!holds(b"session 4711"), "a raw agent lies on the disk");
}

#[test]
fn a_first_import_that_is_killed_between_its_pieces_is_completed_by_importing_again() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let log = long_log(450_000);
    let engine = open(Place::Folder(data.clone()));
    engine.cut_imports(1 << 20, 150_000);
    // The log pauses when there is enough of it for one piece and not for a second one.
    let (first, rest) = log.as_bytes().split_at(log.len() / 2);
    let (of_engine, from, to) = (Arc::clone(&engine), data.clone(), copy.clone());
    let pause = Pause(move || {
        let begun = Instant::now();
        while a_piece_is_in(&of_engine).is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no piece was committed");
            std::thread::sleep(Duration::from_millis(2));
        }
        // Nobody writes now: this is what a kill would leave.
        copy_folder(&from, &to);
    });
    let paused = Cursor::new(first.to_vec()).chain(pause).chain(Cursor::new(rest.to_vec()));
    engine.import(Box::new(paused), &options("s"), &|_| {}).unwrap();
    assert_eq!(total(&engine, "org/m"), Some(451_000));
    drop(engine);

    let engine = open(Place::Folder(copy));
    assert!(
        total(&engine, "org/m").unwrap_or(0) >= 150_000,
        "what was committed counts after the restart: {:?}",
        total(&engine, "org/m")
    );
    import(&engine, "s", &log);
    assert_eq!(total(&engine, "org/m"), Some(451_000));
}

#[test]
fn a_full_disk_takes_nothing_out_of_the_answers_and_heals_by_itself() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = open(Place::Folder(data.clone()));
    let token = engine.create_token(&hubtally::model::Role::Admin, "", None).unwrap();
    drop(engine);
    // A file-size limit is a full disk for one process; the signal that comes with it must be ignored.
    let serve =
        format!("trap '' XFSZ; exec {} serve --data {} --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_hubtally"), data.display());
    let spawned = Command::new("bash").args(["-c", &serve]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut server) = spawned else { return };
    let pid = server.id().to_string();
    let limit = |bytes: &str| {
        Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]).status().is_ok_and(|s| s.success())
    };
    let possible = limit("unlimited");
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let push = |n: u32| {
        let body = event("2026-11-19T10:00:00Z", "org/m", &format!("\"user\":\"u{n}\""));
        http(&address, "POST", "/api/v1/events?source=s", &token, &body).0
    };
    let downloads = || {
        let (_, body) = http(&address, "GET", "/api/v1/repos/model/org/m/totals", &token, "");
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["downloads"].as_u64().unwrap()
    };
    let mut outcome = Vec::new();
    if possible {
        assert_eq!(push(1), 200);
        http(&address, "POST", "/api/v1/verify", &token, "");
        assert_eq!(push(2), 200);
        limit("4096");
        for n in 3..6 {
            outcome.push((u64::from(push(n)), downloads()));
        }
        limit("unlimited");
        let started = Instant::now();
        let ready = || http(&address, "GET", "/readyz", &token, "").0 == 200;
        while !ready() && started.elapsed().as_secs() < 5 {
            std::thread::sleep(Duration::from_millis(50));
        }
        outcome.push((if ready() { 1 } else { 0 }, downloads()));
    }
    let _ = server.kill();
    let _ = server.wait();
    if possible {
        assert_eq!(outcome, [(507, 2), (507, 2), (507, 2), (1, 2)], "pushes (status, downloads), then (ready, downloads)");
    }
}

#[test]
fn a_document_that_is_taken_back_while_it_comes_in_stays_away() {
    let engine = open(Place::Memory);
    engine.cut_imports(1 << 20, 150_000);
    let taken = AtomicBool::new(false);
    let progress = |_| {
        if !taken.load(Ordering::Relaxed)
            && let Some(serial) = a_piece_is_in(&engine)
        {
            engine.retract(serial).unwrap();
            taken.store(true, Ordering::Relaxed);
        }
    };
    let log = long_log(450_000);
    let outcome = engine.import(Box::new(Cursor::new(log.into_bytes())), &options("s"), &progress);
    assert!(taken.load(Ordering::Relaxed));
    let state = engine.deliveries().unwrap()[0].state.clone();
    let total = total(&engine, "org/m").unwrap_or(0);
    // Either all of it is away, or all of it is there: never a part that claims to be complete.
    assert!(state == "retracted" && total == 0, "{state}, {total} downloads, {outcome:?}");
}

#[test]
fn a_push_that_was_taken_back_can_be_sent_again_under_its_key() {
    let engine = open(Place::Memory);
    let body = event("2026-11-20T10:00:00Z", "org/m", "\"user\":\"ann\"");
    let receipt = push_to(&engine, "s", &body, Some("key"));
    engine.retract(receipt.delivery.parse().unwrap()).unwrap();
    assert_eq!(total(&engine, "org/m"), None);
    let again = push_to(&engine, "s", &body, Some("key"));
    assert_eq!(total(&engine, "org/m"), Some(1), "{again:?}");
}

#[test]
fn a_document_is_still_known_after_its_unterminated_last_line_was_ended() {
    let engine = open(Place::Memory);
    let (a, b, c) = (
        event("2026-11-19T10:00:00Z", "org/m", "\"user\":\"a\""),
        event("2026-11-19T10:00:01Z", "org/m", "\"user\":\"b\""),
        event("2026-11-19T10:00:02Z", "org/m", "\"user\":\"c\""),
    );
    let first = import(&engine, "s", format!("{a}{b}").trim_end());
    let grown = import(&engine, "s", &format!("{a}{b}{c}"));
    assert_eq!((&grown.delivery, grown.accepted), (&first.delivery, 1));
    let again = import(&engine, "s", &format!("{a}{b}{c}"));
    assert_eq!((&again.delivery, again.accepted), (&first.delivery, 0));
    assert_eq!(engine.deliveries().unwrap().len(), 1);
}

#[test]
fn a_check_finds_nothing_wrong_while_events_come_in() {
    let engine = open(Place::Memory);
    let done = AtomicBool::new(false);
    let findings = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut i = 0;
            while !done.load(Ordering::Relaxed) {
                i += 1;
                push_to(&engine, "s", &event("2026-11-20T10:00:00Z", "org/m", &format!("\"user\":\"u{i}\"")), None);
            }
        });
        let mut findings = Vec::new();
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(1));
            findings.extend(engine.verify(&|_| {}).unwrap().findings);
        }
        done.store(true, Ordering::Relaxed);
        findings
    });
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn two_sources_never_share_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    drop(open(place.clone()));
    let store = Store::open(place.clone(), fingerprint, Millis(0)).unwrap();
    let txn = store.write().unwrap();
    for id in 0..=u16::MAX {
        let record = store::SourceRecord { name: format!("s{id}"), ..store::SourceRecord::default() };
        store::put_source(&txn, &store::SourceEntry { id: hubtally::model::SourceId(id), record }).unwrap();
    }
    txn.commit().unwrap();
    drop(store);
    let engine = open(place.clone());
    let body = event("2026-11-20T10:00:00Z", "org/m", "\"user\":\"ann\"").into_bytes();
    let push = Push { source: source("one-more"), body, content: PushContent::Json, idempotency_key: None };
    assert!(engine.push(push).is_err());
    drop(engine);
    let store = Store::open(place, fingerprint, Millis(0)).unwrap();
    let last = store::read_sources(&store.read().unwrap()).unwrap().pop().unwrap();
    assert_eq!(last.record.name, "s65535", "the last source was overwritten");
}

#[test]
fn a_source_that_is_new_makes_no_start_count_everything_anew() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let engine = open(place.clone());
    for name in ["a", "b"] {
        push_to(&engine, "s", &event("2026-11-19T10:00:00Z", "org/m", &format!("\"user\":\"{name}\"")), None);
        engine.verify(&|_| {}).unwrap();
    }
    push_to(&engine, "another", &event("2026-11-20T10:00:00Z", "org/m", "\"user\":\"c\""), None);
    drop(engine);
    open(place.clone()).verify(&|_| {}).unwrap();
    let store = Store::open(place, fingerprint, Millis(0)).unwrap();
    let runs = store::view_state(&store.read().unwrap()).unwrap().runs.len();
    assert_eq!(runs, 3, "the dictionary was built anew");
}

#[test]
fn a_stale_downloader_set_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let engine = open(place.clone());
    let mut log = String::from("ts,repo,user,status\n");
    for day in [18, 19] {
        for i in 0..3_000 {
            writeln!(log, "2026-11-{day}T10:00:00Z,org/m,u{},200", i + day * 1_500).unwrap();
        }
    }
    import(&engine, "s", &log);
    drop(engine);
    let store = Store::open(place.clone(), fingerprint, Millis(0)).unwrap();
    // A lost write: the pieces of one day hold another valid set of the same length.
    let sets = store.read().unwrap().with_prefix(Table::DaySets, &[]).unwrap();
    let days: Vec<&[u8]> = sets.iter().map(|(key, _)| &key[..2]).collect();
    let of_day = |day: &[u8]| sets.iter().filter(|(key, _)| &key[..2] == day).collect::<Vec<_>>();
    let (one, two) = (of_day(days[0]), of_day(days[days.len() - 1]));
    let lengths = |set: &[&(Vec<u8>, Vec<u8>)]| set.iter().map(|(_, value)| value.len()).collect::<Vec<_>>();
    assert_eq!(lengths(&one), lengths(&two), "the test needs sets of one length");
    let txn = store.write().unwrap();
    for (from, to) in one.iter().zip(&two) {
        txn.put(Table::DaySets, &to.0, &from.1).unwrap();
    }
    txn.commit().unwrap();
    drop(store);
    let engine = open(place);
    let view = View::of(&engine).unwrap();
    let range = DayRange { first: Day(0), last: view.today() };
    let uniques = view.uniques(&Scope::Repo(model("org/m")), range, &Caller::admin());
    assert!(uniques.is_err(), "4,500 downloaders, and {uniques:?} was served");
}

#[test]
fn an_admin_whose_session_ran_out_gets_a_new_link() {
    let engine = open(Place::Memory);
    let link = engine.admin_link_key().unwrap().unwrap();
    assert!(engine.claim_admin_link(&link).unwrap().is_some());
    engine.freeze_clock(Millis::parse_rfc3339("2026-11-22T12:00:00Z").unwrap());
    assert!(engine.admin_link_key().unwrap().is_some(), "nobody can sign in, and no start prints a link");
}

#[test]
fn a_hidden_repo_does_not_change_what_another_spelling_finds() {
    for (hidden, private) in [(None, "missing"), (Some(true), "hidden")] {
        let engine = open(Place::Memory);
        push_to(&engine, "s", &event("2026-11-20T10:00:00Z", "Org/Model", "\"ip\":\"192.0.2.1\""), None);
        if let Some(private) = hidden {
            let repo = model("org/model");
            let listing = RepoListing {
                repo,
                private: Some(private),
                likes: None,
                library: None,
                created_at: None,
                renamed_from: Vec::new(),
            };
            engine.put_repos(vec![listing]).unwrap();
        }
        assert!(is_public(&engine, "org/model"), "org/model is {private}: Org/Model is found all the same");
        assert!(is_public(&engine, "ORG/MODEL"), "org/model is {private}: Org/Model is found all the same");
    }
}

#[test]
fn a_name_that_was_only_probed_hides_nothing() {
    let engine = open(Place::Memory);
    push_to(&engine, "s", &event("2026-11-20T10:00:00Z", "Org/Model", "\"ip\":\"192.0.2.1\""), None);
    assert!(is_public(&engine, "org/model"));
    let probe = "{\"ts\":\"2026-11-20T10:00:00Z\",\"repo\":\"org/model\",\"ip\":\"192.0.2.9\",\"status\":304}";
    push_to(&engine, "s", probe, None);
    assert!(is_public(&engine, "org/model"));
}

#[test]
fn a_like_in_another_spelling_is_a_like_of_the_repo() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let engine = open(Place::Folder(data.clone()));
    let token = engine.create_token(&hubtally::model::Role::Admin, "", None).unwrap();
    push_to(&engine, "s", &event("2026-11-19T10:00:00Z", "Org/Model", "\"ip\":\"192.0.2.1\""), None);
    drop(engine);
    let server = crate::server::Server::start_in(&data, &[]);
    let address = server.address.to_string();
    let (status, body) = http(&address, "POST", "/api/models/org/model/like", &token, "{\"user\":\"ann\"}");
    assert_eq!(status, 200, "{body}");
    let (_, body) = http(&address, "GET", "/api/models/Org/Model/stats", "", "");
    assert!(body.contains("\"likes\":1"), "{body}");
}

#[test]
fn what_is_still_to_come_does_not_exist_yet() {
    for folded in [false, true] {
        let engine = open(Place::Memory);
        push_to(&engine, "s", &event("2026-11-25T10:00:00Z", "org/later", "\"ip\":\"192.0.2.1\""), None);
        if folded {
            engine.verify(&|_| {}).unwrap();
        }
        let view = View::of(&engine).unwrap();
        assert_eq!(view.hub(&Caller::admin()).unwrap().repos, 0, "folded: {folded}");
        assert_eq!(view.repo(&model("org/later"), &Caller::admin()).unwrap(), None, "folded: {folded}");
        assert!(view.org_repos(&OrgName::parse("org").unwrap(), &Caller::admin()).unwrap().is_none(), "folded: {folded}");
        drop(view);
        engine.freeze_clock(Millis::parse_rfc3339("2026-11-25T11:00:00Z").unwrap());
        assert_eq!(total(&engine, "org/later"), Some(1));
        assert_eq!(View::of(&engine).unwrap().hub(&Caller::public()).unwrap().repos, 1);
    }
}

#[test]
fn taking_a_log_back_also_takes_back_what_it_said_of_its_source() {
    let engine = open(Place::Memory);
    push_to(&engine, "s", &event("2026-11-20T10:00:00Z", "org/m", "\"ip\":\"192.0.2.1\""), None);
    assert!(is_public(&engine, "org/m"));
    let receipt = import(&engine, "s", COMBINED);
    assert!(!is_public(&engine, "org/m"), "a source with a combined log does not know users");
    engine.retract(receipt.delivery.parse().unwrap()).unwrap();
    assert!(is_public(&engine, "org/m"), "the numbers and the visibility are as if it had never come");
}

#[test]
fn a_log_that_grows_in_the_middle_of_a_line_is_one_document() {
    let engine = open(Place::Memory);
    let mut log = String::new();
    for i in 0..50 {
        log += &event("2026-11-19T10:00:00Z", "org/m", &format!("\"user\":\"u{i}\""));
    }
    for end in [1_000, 2_000, 3_000, log.len()] {
        import(&engine, "s", &log[..end]);
    }
    assert_eq!(total(&engine, "org/m"), Some(50));
    assert_eq!(engine.deliveries().unwrap().len(), 1, "each import stored the whole log again");
}

#[test]
fn a_log_whose_last_line_is_cut_brings_no_downloader_that_never_was() {
    let engine = open(Place::Memory);
    let log = "ts,repo,status,user\n2026-11-19T10:00:00Z,org/m,200,alice\n2026-11-19T10:00:00Z,org/m,200,robert\n";
    import(&engine, "s", &log[..log.len() - 4]);
    import(&engine, "s", log);
    assert_eq!(total(&engine, "org/m"), Some(2));
}

#[test]
fn a_longer_document_is_found_behind_a_retracted_shorter_one() {
    let engine = open(Place::Memory);
    let lines: Vec<String> = (0..3).map(|i| event("2026-11-19T10:00:00Z", "org/m", &format!("\"user\":\"u{i}\""))).collect();
    let first = import(&engine, "s", &lines[..1].concat());
    engine.retract(first.delivery.parse().unwrap()).unwrap();
    let as_new = ImportOptions { as_new: true, ..options("s") };
    engine.import(Box::new(Cursor::new(lines[..2].concat().into_bytes())), &as_new, &|_| {}).unwrap();
    let grown = engine.import(Box::new(Cursor::new(lines.concat().into_bytes())), &options("s"), &|_| {});
    assert!(grown.is_ok(), "{grown:?}");
    assert_eq!(total(&engine, "org/m"), Some(3));
}
