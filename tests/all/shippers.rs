//! Log shippers: their records carry lines of a log, which count as if the log itself had been imported.

use std::io::{Cursor, Write};
use std::sync::Arc;

use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place, Push, PushContent, SourceChange};
use hubtally::model::{Caller, Format, Millis, Proxies, Receipt, RepoKey, RepoKind, RepoName, SourceName};
use hubtally::query::View;
use serde_json::{Value, json};

use crate::oracle::Random;
use crate::server::Server;

/// 2026-05-02T12:00:00Z.
const NOW: Millis = Millis(1_777_723_200_000);

const VECTOR_LINES: &[u8] = include_bytes!("../../data/vector-http-newline.ndjson");
const VECTOR_ARRAY: &[u8] = include_bytes!("../../data/vector-http-array.json");
const FLUENT_BIT_JSON: &[u8] = include_bytes!("../../data/fluent-bit-json.json");
const FLUENT_BIT_LINES: &[u8] = include_bytes!("../../data/fluent-bit-json-lines.ndjson");
const FLUENT_BIT_STREAM: &[u8] = include_bytes!("../../data/fluent-bit-json-stream.json");
const PLAIN: &[u8] = include_bytes!("../../data/shipped-lines.log");

/// The lines of a log as some shipper would send them, always the same for one seed.
pub fn shipped(log: &[u8], seed: u64) -> (PushContent, Vec<u8>) {
    let mut random = Random::new(seed);
    let shipper = random.below(5);
    if shipper == 0 {
        return (PushContent::Lines, log.to_vec());
    }
    let text = String::from_utf8_lossy(log).into_owned();
    let records = text.lines().map(|line| match (shipper, serde_json::from_str::<Value>(line)) {
        (1, _) => json!({ "host": "edge-1", "message": line, "timestamp": "2026-05-01T12:00:00Z" }).to_string(),
        (2, _) => json!({ "date": 1_777_636_800.5, "log": format!("{line}\n") }).to_string(),
        (3, Ok(Value::Object(mut fields))) => {
            fields.insert("date".to_owned(), json!(1_777_636_800.5));
            Value::Object(fields).to_string()
        }
        (4, Ok(fields @ Value::Object(_))) => json!({ "message": fields }).to_string(),
        _ => json!({ "MESSAGE": line, "_PID": "7" }).to_string(),
    });
    let records: Vec<String> = records.collect();
    let body = match random.below(3) {
        0 => format!("[{}]", records.join(",")),
        1 => records.concat(),
        _ => records.join("\n"),
    };
    (PushContent::Json, body.into_bytes())
}

fn open() -> Arc<Engine> {
    Engine::open(&OpenOptions { place: Place::Memory, default_public: false, frozen_now: Some(NOW) }).unwrap()
}

fn source(name: &str) -> SourceName {
    SourceName::parse(name).unwrap()
}

fn push(engine: &Engine, content: PushContent, body: &[u8]) -> Receipt {
    let push = Push { source: source("edge"), body: body.to_vec(), content, idempotency_key: None };
    let receipt = engine.push(push).unwrap();
    assert!(receipt.adds_up());
    receipt
}

/// Everything that is stored of acme's repos, row by row, with the totals and who may see them.
fn answers(engine: &Engine) -> String {
    use std::fmt::Write;
    let view = View::of(engine).unwrap();
    let mut text = String::new();
    let mut people = Vec::new();
    for (kind, name) in [(RepoKind::Model, "acme/tiny-bert"), (RepoKind::Dataset, "acme/corpus")] {
        let repo = RepoKey { kind, name: RepoName::parse(name).unwrap() };
        let Some(number) = view.repo(&repo, &Caller::admin()).unwrap() else { continue };
        let public = view.repo(&repo, &Caller::public()).unwrap().is_some();
        writeln!(text, "{repo:?} {public} {:?}", view.totals(number).unwrap().downloads).unwrap();
        let all = hubtally::model::DayRange { first: hubtally::model::Day(0), last: NOW.day() };
        for day in view.days_with_events(all).unwrap() {
            for row in view.access_log(number, day, hubtally::query::AccessColumns::All).unwrap() {
                let place = people.iter().position(|who| *who == row.who).unwrap_or(people.len());
                if place == people.len() {
                    people.push(row.who);
                }
                // Each store hashes under a secret of its own.
                let row = hubtally::query::AccessRow { who: hubtally::model::Who(0), ..row };
                writeln!(text, "person {place} {row:?}").unwrap();
            }
        }
    }
    text
}

fn imported() -> Arc<Engine> {
    let engine = open();
    let combined = PLAIN.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"{"));
    let json = PLAIN.split_inclusive(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{"));
    for lines in [combined.collect::<Vec<_>>().concat(), json.collect::<Vec<_>>().concat()] {
        let options = ImportOptions {
            source: source("edge"),
            name: "log".to_owned(),
            format: None,
            redirects: None,
            head_redirect: None,
            knows_users: None,
            as_new: false,
        };
        engine.import(Box::new(Cursor::new(lines)), &options, &|_| {}).unwrap();
    }
    engine
}

#[test]
fn what_shippers_send_counts_as_the_log_itself_would() {
    let expected = answers(&imported());
    assert!(expected.contains("Downloads(3)") && expected.contains("Downloads(1)"), "{expected}");
    for (what, content, body) in [
        ("Vector, lines", PushContent::Json, VECTOR_LINES),
        ("Vector, array", PushContent::Json, VECTOR_ARRAY),
        ("Vector, text", PushContent::Lines, PLAIN),
        ("Fluent Bit, json", PushContent::Json, FLUENT_BIT_JSON),
        ("Fluent Bit, json_lines", PushContent::Json, FLUENT_BIT_LINES),
        ("Fluent Bit, json_stream", PushContent::Json, FLUENT_BIT_STREAM),
    ] {
        let engine = open();
        let receipt = push(&engine, content, body);
        let told = (receipt.lines, receipt.accepted, receipt.skipped.values().sum::<u64>(), receipt.rejected.clone());
        assert_eq!(told, (6, 4, 1, [("bad_syntax".to_owned(), 1)].into()), "{what}");
        assert_eq!(answers(&engine), expected, "{what}");
        assert_eq!(engine.sources().unwrap()[0].formats, ["combined", "nginx-json"], "{what}");
        engine.rebuild(&|_| {}).unwrap();
        assert_eq!(answers(&engine), expected, "{what}, rebuilt");
    }
}

#[test]
fn retries_and_batches_out_of_order_change_nothing() {
    let expected = answers(&imported());
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut batches: Vec<Vec<u8>> = Vec::new();
        for line in PLAIN.split_inclusive(|byte| *byte == b'\n') {
            match batches.last_mut().filter(|_| random.chance(50)) {
                Some(batch) => batch.extend(line),
                None => batches.push(line.to_vec()),
            }
        }
        for _ in 0..random.below(4) {
            batches.push(random.pick(&batches));
        }
        random.shuffle(&mut batches);
        let engine = open();
        for batch in batches {
            let (content, body) = shipped(&batch, random.below(1_000));
            push(&engine, content, &body);
        }
        assert_eq!(answers(&engine), expected, "seed {seed}");
    }
}

#[test]
fn a_log_that_cannot_tell_users_is_no_evidence_however_it_comes() {
    let event = br#"{"ts":1777636800,"repo":"acme/tiny-bert","path":"config.json","ip":"192.0.2.7","status":200}"#;
    let is_public = |engine: &Engine| answers(engine).contains(" true ");
    let engine = open();
    push(&engine, PushContent::Json, event);
    assert!(is_public(&engine), "a hub that pushes tells its users");
    let delivery = push(&engine, PushContent::Json, VECTOR_LINES).delivery;
    assert!(!is_public(&engine), "nginx does not, so what it leaves out proves nothing");
    let other_order = open();
    push(&other_order, PushContent::Json, VECTOR_LINES);
    push(&other_order, PushContent::Json, event);
    assert_eq!(answers(&engine), answers(&other_order));
    engine.retract(delivery.parse().unwrap()).unwrap();
    assert_eq!(answers(&engine), "");
    push(&engine, PushContent::Json, event);
    assert!(is_public(&engine), "what was taken back has no say");
}

#[test]
fn records_without_a_line_cost_themselves_only() {
    let engine = open();
    let body = br#"{"message":"log rotated"}
{"log":17}
{"message":null}
{"message":"timestamp,repoName"}
{"date":1,"log":"192.0.2.7 - - [01/May/2026:12:00:00 +0000] \"GET /acme/tiny-bert/resolve/main/x HTTP/1.1\" 200 1 \"-\" \"-\"\n"}
[]
"#;
    let receipt = push(&engine, PushContent::Json, body);
    let rejected: Vec<(&str, u64)> = receipt.rejected.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    assert_eq!((receipt.lines, receipt.accepted), (6, 1));
    assert_eq!(rejected, [("bad_syntax", 1), ("missing_time", 2), ("unknown_line", 2)]);
}

#[test]
fn encodings_of_shippers_are_taken_and_others_are_told_what_to_set() {
    let server = Server::start(&["--now", "2026-05-02T12:00:00Z"]);
    let bearer = format!("Bearer {}", server.token(&server.admin_cookie(), "ingest:edge"));
    let send = |headers: &[(&str, &str)], body: &[u8]| {
        let headers: Vec<(&str, &str)> = [("Authorization", bearer.as_str())].iter().chain(headers).copied().collect();
        server.post("/api/v1/events", &headers, body)
    };
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(VECTOR_LINES).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(VECTOR_LINES).unwrap();
    let mut frames = snap::write::FrameEncoder::new(Vec::new());
    frames.write_all(VECTOR_LINES).unwrap();
    let packed = [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("zstd", zstd::encode_all(VECTOR_LINES, 3).unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(VECTOR_LINES).unwrap()),
        ("snappy", frames.into_inner().unwrap()),
        ("identity", VECTOR_LINES.to_vec()),
    ];
    for (index, (coding, body)) in packed.iter().enumerate() {
        let reply = send(&[("Content-Encoding", coding), ("Content-Type", "application/x-ndjson")], body);
        assert_eq!(reply.status, 200, "{coding}: {}", reply.text());
        let events = if index == 0 { "accepted" } else { "repeated" };
        assert_eq!(reply.json()[events], 4, "{coding}: {}", reply.text());
    }
    assert_eq!(send(&[("Content-Type", "text/plain; charset=utf-8")], PLAIN).json()["repeated"], 4);
    assert_eq!(send(&[("Content-Type", "application/json")], FLUENT_BIT_STREAM).json()["repeated"], 4);
    let refused = send(&[("Content-Type", "application/msgpack")], b"\x92\x01\x80");
    assert_eq!(refused.status, 415);
    assert!(refused.json()["error"].as_str().unwrap().contains("format json_lines"), "{}", refused.text());
}

#[test]
fn the_client_behind_trusted_proxies_is_counted_and_nobody_elses_word_is_taken() {
    let line = |connecting: &str, forwarded: &str| {
        json!({
            "msec": 1_777_636_800.5, "remote_addr": connecting, "http_x_forwarded_for": forwarded, "request_method": "GET",
            "request_uri": "/acme/tiny-bert/resolve/main/config.json", "status": "200",
        })
        .to_string()
    };
    let uniques = |engine: &Engine| {
        let view = View::of(engine).unwrap();
        let days = hubtally::model::DayRange { first: hubtally::model::Day(0), last: NOW.day() };
        view.uniques(&hubtally::query::Scope::Hub, days, &Caller::admin()).unwrap().unwrap().0
    };
    let through =
        [line("10.0.0.1", "198.51.100.1"), line("10.0.0.2", "203.0.113.9, 198.51.100.1, 10.0.0.1"), line("198.51.100.1", "")];
    let stranger = line("192.0.2.66", "198.51.100.1");
    let log = [through.join("\n"), stranger].join("\n");
    let trusting = open();
    let networks = Proxies::parse("10.0.0.0/8").unwrap();
    let set = trusting
        .set_source(&source("edge"), SourceChange { proxies: Some(networks), ..SourceChange::default() })
        .unwrap()
        .unwrap();
    assert_eq!((set.trusted_proxies.as_str(), set.given.as_slice()), ("10.0.0.0/8", ["trusted_proxies".to_owned()].as_slice()));
    push(&trusting, PushContent::Lines, log.as_bytes());
    assert_eq!(uniques(&trusting), 2, "one client through three ways, and a stranger who invents");
    let blind = open();
    push(&blind, PushContent::Lines, log.as_bytes());
    assert_eq!(uniques(&blind), 4);
    blind
        .set_source(
            &source("edge"),
            SourceChange { proxies: Some(Proxies::parse("10.0.0.0/8").unwrap()), ..SourceChange::default() },
        )
        .unwrap();
    assert_eq!(uniques(&blind), 4, "what was read stays as it was read");
    let options = ImportOptions {
        source: source("edge"),
        name: "log".to_owned(),
        format: Some(Format::NginxJson),
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    let fresh = open();
    fresh
        .set_source(
            &source("edge"),
            SourceChange { proxies: Some(Proxies::parse("10.0.0.0/8").unwrap()), ..SourceChange::default() },
        )
        .unwrap();
    fresh.import(Box::new(Cursor::new(log.into_bytes())), &options, &|_| {}).unwrap();
    assert_eq!(uniques(&fresh), 2, "imports read as pushes do");
}

#[test]
fn sources_are_listed_and_set_by_administrators() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]);
    let run = |arguments: &[&str]| {
        let output = crate::server::hubtally().arg("--data").arg(folder.path()).arg("source").args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, said, told) = run(&["set", "edge", "--redirects", "ignore", "--trusted-proxies", "10.0.0.0/8, ::1", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("from now on"), "{told}");
    let set: Value = serde_json::from_str(&said).unwrap();
    let expected = json!({
        "name": "edge", "formats": [], "redirects": "ignore", "head_redirect": "probe", "knows_users": false,
        "given": ["redirects", "trusted_proxies"], "trusted_proxies": "10.0.0.0/8,::1/128",
    });
    assert_eq!(set, expected);
    let (_, listed, _) = run(&["list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&listed).unwrap(), json!({ "sources": [expected] }));
    assert!(run(&["list"]).1.starts_with("SOURCE"));
    let (code, _, told) = run(&["set", "edge", "--trusted-proxies", "proxy.example"]);
    assert!(code == Some(2) && told.contains("10.0.0.0/8"), "{told}");
    assert_eq!(run(&["set", "edge"]).0, Some(2), "nothing to set");

    assert_eq!(server.get("/api/v1/sources").status, 401);
    let admin = server.admin_cookie();
    let wrong = server.ask("PUT", "/api/v1/sources/edge", &[("Cookie", &admin)], br#"{"redirect":"ignore"}"#);
    assert!(wrong.status == 400 && wrong.text().contains("redirects"), "{}", wrong.text());
    let right = server.ask("PUT", "/api/v1/sources/edge", &[("Cookie", &admin)], br#"{"trusted_proxies":["192.0.2.1"]}"#);
    assert_eq!((right.status, &right.json()["trusted_proxies"]), (200, &json!("192.0.2.1/32")));
}

#[test]
fn a_setting_that_is_reset_follows_from_the_formats_and_everything_is_counted_anew() {
    let server = Server::start(&["--now", "2026-06-10T12:00:00Z", "--visibility", "public"]);
    let admin = server.admin_cookie();
    let event = br#"{"ts":1781092800,"repo":"acme/m","path":"a","status":302,"user":"ada"}"#;
    let pushed = server.post("/api/v1/events", &[("Cookie", &admin), ("Content-Type", "application/json")], event);
    assert_eq!(pushed.json()["accepted"], 1, "{}", pushed.text());
    let set = |change: &str| server.ask("PUT", "/api/v1/sources/default", &[("Cookie", &admin)], change.as_bytes());
    let downloads = || server.get("/models/acme/m/stats").json()["downloads"].clone();
    let usual = set("{}").json();
    assert_eq!((downloads(), &usual["given"]), (json!(1), &json!([])));
    let given = set(r#"{"redirects":"ignore","head_redirect":"handoff","knows_users":false}"#).json();
    let all = json!(["redirects", "head_redirect", "knows_users"]);
    assert_eq!((downloads(), &given["given"]), (Value::Null, &all), "no counted event names the repo");
    let one = set(r#"{"redirects":"default","head_redirect":null}"#).json();
    assert_eq!((downloads(), &one["given"]), (json!(1), &json!(["head_redirect", "knows_users"])), "what is null stays");
    assert_eq!(set(r#"{"head_redirect":"default","knows_users":"default"}"#).json(), usual);
    for (change, sentence) in [
        (r#"{"redirects":"usual"}"#, "redirects is handoff, ignore or default"),
        (r#"{"head_redirect":7}"#, "head_redirect is probe, handoff or default"),
        (r#"{"knows_users":"yes"}"#, "knows_users is true, false or"),
    ] {
        let refused = set(change);
        assert!(refused.status == 400 && refused.text().contains(sentence), "{change}: {}", refused.text());
    }
    let token = server.token(&admin, "admin");
    let command = |value: &str| {
        let arguments = ["--url", &server.url(), "source", "set", "default", "--knows-users", value, "--json"];
        let output = crate::server::hubtally().env("HUBTALLY_TOKEN", &token).args(arguments).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    assert_eq!(command("false")["knows_users"], false);
    assert_eq!(command("default"), usual);
}
