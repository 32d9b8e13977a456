//! What any open port meets: crowds, bombs, noise, tricks with paths, and text that wants to be a formula or markup.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hubtally::serve::{Access, ROUTES};
use serde_json::{Value, json};

use crate::laws::number;
use crate::oracle::Random;
use crate::server::{Reply, Server};

const MEMORY_KIB_MAX: u64 = 256 * 1024;

fn bearer(server: &Server, scope: &str) -> String {
    format!("Bearer {}", server.token(&server.admin_cookie(), scope))
}

/// Connections that hold what they can: silent ones, half heads, half bodies.
fn crowd(server: &Server, bearer: &str, size: usize) -> Vec<TcpStream> {
    let half_body = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Length: 100000\r\n\r\n{}",
        " ".repeat(1000)
    );
    let starts = ["", "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ", half_body.as_str()];
    let connect = |index: usize| {
        let mut stream = TcpStream::connect(server.address).ok()?;
        stream.write_all(starts[index % starts.len()].as_bytes()).ok()?;
        Some(stream)
    };
    (0..size).filter_map(connect).collect()
}

/// `HUBTALLY_CROWD=10000 cargo test --release crowd -- --nocapture` is the figure that is promised; it needs as many file
/// handles, and only then the time is part of the promise: the tests run on machines that do other things too.
#[test]
fn a_crowd_of_half_open_connections_costs_little_and_keeps_nobody_out() {
    let asked = number("HUBTALLY_CROWD", 0);
    let size = if asked == 0 { 600 } else { asked } as usize;
    let server = Server::start(&[]);
    let bearer = bearer(&server, "ingest:default");
    let held = crowd(&server, &bearer, size);
    assert_eq!(held.len(), size, "all connect");
    let mut took: Vec<Duration> = Vec::new();
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let start = Instant::now();
        assert_eq!(server.get("/api/trending").status, 200);
        took.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    let resident = server.resident_kib();
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    println!("{size} half-open connections: {resident:?} KiB, {} others' requests, p99 {p99:?}", took.len());
    assert!(resident.is_none_or(|kib| kib < MEMORY_KIB_MAX), "{resident:?} KiB");
    assert!(asked == 0 || p99 < Duration::from_millis(50), "{p99:?}");
    drop(held);
}

#[test]
fn endless_bodies_end_at_the_cap_and_their_memory_is_given_back() {
    let server = Server::start(&[]);
    let bearer = bearer(&server, "ingest:default");
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = server.connect();
                let head = format!(
                    "POST /api/v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).unwrap();
                // After its refusal the server reads on for a moment, so that the answer is not lost.
                let start = Instant::now();
                while stream.write_all(&chunk).is_ok() {
                    assert!(start.elapsed() < Duration::from_secs(20), "an endless body is taken on and on");
                }
                // Refused for its size, or for the others' bodies that were there before.
                if let Some(reply) = Reply::read(&mut BufReader::new(stream), "POST") {
                    assert!(matches!(reply.status, 413 | 429), "{}", reply.status);
                }
            });
        }
    });
    let resident = server.resident_kib();
    assert!(resident.is_none_or(|kib| kib < MEMORY_KIB_MAX), "{resident:?} KiB");
    let event = br#"{"ts":1700000000,"url":"/a/b/resolve/main/c","status":200,"ip":"192.0.2.1"}"#;
    assert_eq!(server.post("/api/v1/events", &[("Authorization", &bearer)], event).status, 200);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packed_bombs_cost_their_sender_only() {
    let server = Server::start(&[]);
    let bearer = bearer(&server, "ingest:default");
    let zeros = vec![b' '; 256 << 20];
    let bomb = gzip(&zeros);
    let zstd_bomb = zstd::encode_all(zeros.as_slice(), 19).unwrap();
    let event = b"{\"ts\":1700000000,\"url\":\"/a/b/resolve/main/c\",\"status\":200,\"ip\":\"192.0.2.1\"}\n";
    let post = |path: &str, encoding: &str, body: &[u8]| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Encoding", encoding)];
        server.post(path, &headers[..if encoding.is_empty() { 1 } else { 2 }], body)
    };
    for (encoding, body, statuses) in [
        ("gzip", &bomb, [413, 413]),
        ("zstd", &zstd_bomb, [413, 413]),
        ("", &bomb, [413, 413]),
        // A bomb in an envelope: the outer layer is opened, what is in it is no event.
        ("gzip", &gzip(&bomb), [200, 400]),
        ("zstd", &gzip(event), [400, 400]),
        ("gzip, gzip", &gzip(&gzip(event)), [415, 415]),
        ("br", &event.to_vec(), [415, 415]),
        ("gzip", &[gzip(event), b"and more".to_vec()].concat(), [400, 400]),
        ("gzip", &gzip(event)[..20].to_vec(), [400, 400]),
        ("zstd", &zstd::encode_all(event.as_slice(), 1).unwrap()[..20].to_vec(), [400, 400]),
    ] {
        let reply = post("/api/v1/events", encoding, body);
        assert!(statuses.contains(&reply.status), "{encoding:?}: {} {}", reply.status, reply.text());
        if reply.status == 200 {
            assert_eq!(reply.json()["accepted"], 0, "{}", reply.text());
        }
    }
    // Two members of one gzip file are one text, as gzip has it.
    assert_eq!(post("/api/v1/events", "gzip", &[gzip(event), gzip(event)].concat()).status, 200);
    // An import streams, so it has no size to run into; blank lines are none.
    let imported = post("/api/v1/import?format=events", "", &gzip(&[&zeros[..64 << 20], b"\n", event].concat()));
    assert!(matches!(imported.status, 200 | 400 | 413), "{}", imported.text());
    let resident = server.resident_kib();
    assert!(resident.is_none_or(|kib| kib < MEMORY_KIB_MAX), "{resident:?} KiB");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn random_bytes_break_nothing() {
    let server = Server::start(&[]);
    let bearer = bearer(&server, "ingest:default");
    let seed = number("HUBTALLY_SEED", 42);
    let mut random = Random::new(seed);
    for round in 0..300 {
        let noise: Vec<u8> = (0..1 + random.below(2_000)).map(|_| random.below(256) as u8).collect();
        if round % 3 == 0 {
            let mut stream = server.connect();
            let _ = stream.write_all(&noise).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said);
            assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "seed {seed}: {}", String::from_utf8_lossy(&said));
            continue;
        }
        let path = if round % 3 == 1 { "/api/v1/events" } else { "/api/v1/import" };
        let types = ["application/x-ndjson", "application/json", "text/csv"];
        let content_type = types[random.below(types.len() as u64) as usize];
        let reply = server.post(path, &[("Authorization", &bearer), ("Content-Type", content_type)], &noise);
        assert!(matches!(reply.status, 200 | 400 | 415 | 422), "seed {seed}: {} {}", reply.status, reply.text());
        if reply.status == 200 {
            assert_eq!(reply.json()["accepted"], 0, "seed {seed}");
        }
    }
    assert_eq!(server.get("/readyz").status, 200);
}

/// What must never name a repository.
const NAMES: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2E%2E",
    "%252e%252e",
    "a%2fb",
    "a%2Fb%2Fc",
    "%00",
    "a%00b",
    "%0d%0aX-Evil:%201",
    "%c0%ae%c0%ae",
    "%ff%fe",
    "..%5c..%5cetc",
    "..%2f..%2fetc%2fpasswd",
    "%u002e%u002e",
    "con%3a",
    "%ef%bc%8e%ef%bc%8e",
    "m%d0%besel",
    "%e2%80%ae",
    "a%20b",
    "a..b",
    "~root",
    "%7e",
    "a%3Cscript%3E",
    "'%20or%201=1--",
    "$(id)",
    "%60id%60",
    "{{7*7}}",
];

#[test]
fn tricks_with_names_find_nothing_and_break_nothing() {
    let server = Server::start(&["--visibility", "public"]);
    let admin = server.admin_cookie();
    let long = "a".repeat(97);
    let longer = "a/".repeat(2_000);
    let names: Vec<&str> = NAMES.iter().copied().chain([long.as_str(), longer.as_str()]).collect();
    for name in names {
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path.contains('{')) {
            let path = route.path.replace("{type}s", "models").replace("{type}", "model").replace("{namespace}", "acme");
            let (before, rest) = path.split_once('{').unwrap_or((&path, ""));
            let path = format!("{before}{name}{}", rest.split_once('}').map_or("", |(_, rest)| rest));
            let reply = server.get_with(&path, &[("Cookie", &admin)]);
            let expected = matches!(reply.status, 200 | 307 | 400 | 404 | 405 | 414 | 422 | 431);
            assert!(expected, "{path} answers {}: {}", reply.status, reply.text());
            assert!(reply.header("x-evil").is_none(), "{path}");
            if let Some(to) = reply.header("location") {
                assert!(to.starts_with('/') && !to.starts_with("//"), "{path} leads to {to}");
            }
            if reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
                let _ = reply.json();
            }
        }
    }
    // The same names in events: each costs its line and makes no repository.
    let ingest = bearer_of(&server, &admin);
    for name in NAMES {
        let decoded = percent_decoded(name);
        let events = [
            json!({"ts": 1_700_000_000, "repo": format!("acme/{decoded}"), "path": "x", "status": 200, "ip": "192.0.2.1"}),
            json!({"ts": 1_700_000_000, "url": format!("/acme/{name}/resolve/main/x"), "status": 200, "ip": "192.0.2.1"}),
            json!({"ts": 1_700_000_000, "url": format!("/datasets/{name}/b/resolve/main/x"), "status": 200, "ip": "192.0.2.1"}),
        ];
        let body: Vec<u8> = events.iter().flat_map(|event| format!("{event}\n").into_bytes()).collect();
        let reply = server.post("/api/v1/events", &[("Authorization", &ingest)], &body);
        assert_eq!((reply.status, reply.json()["accepted"].as_u64()), (200, Some(0)), "{name}: {}", reply.text());
    }
    let trending = server.get("/api/trending?repo_type=all&days=90").json();
    assert_eq!(trending["trending"], json!([]));
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn bearer_of(server: &Server, admin: &str) -> String {
    format!("Bearer {}", server.token(admin, "ingest:default"))
}

/// Texts that people choose, as those choose them who mean harm.
const FORMULAS: &[&str] =
    &["=HYPERLINK(\"http://evil.example\",\"x\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1", "\"=1+1"];
const MARKUP: &[&str] =
    &["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "]]><x/>", "&lt;b&gt;"];

/// The cells of a CSV text, by the rules of RFC 4180.
fn cells(text: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' | '\n' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    assert!(!quoted, "a quote is never closed");
    cells.push(cell);
    cells
}

#[test]
fn no_text_becomes_a_formula_or_markup_in_any_answer() {
    let server = Server::start(&["--visibility", "public", "--now", "2026-11-20T12:00:00Z"]);
    let admin = server.admin_cookie();
    let ingest = bearer_of(&server, &admin);
    let mut events = String::new();
    for (index, text) in FORMULAS.iter().chain(MARKUP).enumerate() {
        // Names may begin with a dash and hold nothing worse; all the rest is free.
        let event = json!({"ts": "2026-11-20T11:00:00Z", "repo": "-org-/-1+1".replace('+', "_"), "path": text, "status": 200,
            "ip": format!("192.0.2.{index}"), "user_agent": text, "country": "DE", "region": text, "id": text});
        events.push_str(&format!("{event}\n"));
    }
    let pushed = server.post("/api/v1/events", &[("Authorization", &ingest)], events.as_bytes());
    assert_eq!(
        (pushed.status, pushed.json()["accepted"].as_u64()),
        (200, Some(events.lines().count() as u64)),
        "{}",
        pushed.text()
    );
    for (index, text) in FORMULAS.iter().chain(MARKUP).enumerate() {
        let name: String = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).collect();
        let log = format!(
            "{{\"ts\":17000000{index:02},\"url\":\"/-org-/b{index}/resolve/main/c\",\"status\":200,\"ip\":\"192.0.2.1\"}}\n"
        );
        let imported = server.post(&format!("/api/v1/import?name={name}"), &[("Authorization", &ingest)], log.as_bytes());
        assert!(matches!(imported.status, 200 | 422 | 400), "{}", imported.text());
        let token = json!({"scope": "reader:-org-", "note": text}).to_string();
        assert_eq!(server.post("/api/v1/tokens", &[("Cookie", &admin)], token.as_bytes()).status, 201);
    }
    let mut seen = [0; 3];
    for route in ROUTES.iter().filter(|route| route.method == "GET") {
        let path = route.path.replace("{type}s", "models").replace("{type}", "model").replace("{namespace}", "-org-");
        let path = path.replace("{name}", "-1_1").replace("{org}", "-org-");
        for path in [path.clone(), format!("{path}.csv"), format!("{path}?columns=all&q=%3Cscript%3E%22'")] {
            let reply = server.get_with(&path, &[("Cookie", &admin)]);
            assert!(reply.status < 500, "{path}: {}", reply.text());
            let kind = reply.header("content-type").unwrap_or_default().to_owned();
            assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
            let text = reply.text();
            if kind.starts_with("text/csv") {
                seen[0] += 1;
                for cell in cells(&text) {
                    let number = cell.parse::<f64>().is_ok();
                    assert!(number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{path}: the cell {cell:?}");
                }
            } else if kind.starts_with("text/html") || kind.starts_with("image/svg") {
                seen[1] += 1;
                for markup in ["<script>alert", "<img src=x", "<svg/onload", "]]>"] {
                    assert!(!text.contains(markup), "{path}: {text}");
                }
                assert!(
                    route.access == Access::Open
                        || kind.starts_with("image")
                        || reply.header("content-security-policy").is_some()
                );
            } else if kind.starts_with("application/json") {
                seen[2] += 1;
                let _: Value = reply.json();
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
}
