//! The server keeps its contract with clients, and its temper with bad ones.

use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::{Reply, Server};

/// A body that needs no repo to exist.
const EVENT: &[u8] = b"{\"ts\":1700000000,\"url\":\"/myorg/mymodel/resolve/main/a.bin\",\"status\":200,\"ip\":\"192.0.2.1\"}\n";

fn not_found(kind: &str, id: &str) -> String {
    format!("Repository '{id}' ({kind}) not found")
}

#[test]
fn all_wrong_parameters_are_told_together_in_declaration_order() {
    let server = Server::start(&[]);
    let reply = server.get("/api/trending?limit=0&days=366&repo_type=models");
    assert_eq!((reply.status, reply.header("content-type")), (422, Some("application/json")));
    assert_eq!(
        reply.text(),
        concat!(
            r#"{"detail":["#,
            r#"{"type":"string_pattern_mismatch","loc":["query","repo_type"],"msg":"String should match pattern '^(model|dataset|space)$'","input":"models","ctx":{"pattern":"^(model|dataset|space)$"}},"#,
            r#"{"type":"less_than_equal","loc":["query","days"],"msg":"Input should be less than or equal to 90","input":"366","ctx":{"le":90}},"#,
            r#"{"type":"greater_than_equal","loc":["query","limit"],"msg":"Input should be greater than or equal to 1","input":"0","ctx":{"ge":1}}"#,
            r#"]}"#
        )
    );
    for bad in ["", "1.5", "abc"] {
        let reply = server.get(&format!("/models/a/b/stats/recent?days={bad}"));
        let detail = json!([{
            "type": "int_parsing", "loc": ["query", "days"], "input": bad,
            "msg": "Input should be a valid integer, unable to parse string as an integer",
        }]);
        assert_eq!((reply.status, &reply.json()["detail"]), (422, &detail));
    }
}

#[test]
fn numbers_are_read_leniently_and_the_last_of_a_repeated_parameter_wins() {
    let server = Server::start(&[]);
    for (query, days) in [("days=30.0", 30), ("days=%2B7", 7), ("days=+7", 7), ("days=abc&days=3", 3), ("", 7)] {
        let reply = server.get(&format!("/api/trending?{query}"));
        assert_eq!((reply.status, &reply.json()["period"]["days"]), (200, &json!(days)), "{query}");
    }
    assert_eq!(server.get("/api/trending?repo_type=all&days=1&limit=100").status, 200);
}

#[test]
fn a_missing_repo_and_an_unknown_type_answer_the_same_way() {
    let server = Server::start(&[]);
    for (path, kind, id) in [
        ("/models/no/such/stats", "model", "no/such"),
        ("/api/models/no/such/stats", "model", "no/such"),
        ("/api/datasets/nosuch/stats/recent", "dataset", "nosuch"),
        ("/foos/no/such/stats", "foo", "no/such"),
        ("/models/no/..%2f../stats", "model", "no/../.."),
        ("/api/v1/repos/model/no/such/uniques", "model", "no/such"),
    ] {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.header("x-error-code")), (404, Some("RepoNotFound")), "{path}");
        assert_eq!(reply.header("x-error-message"), Some(not_found(kind, id).as_str()));
        assert_eq!(reply.json(), json!({ "error": not_found(kind, id) }));
    }
    let strange = server.get("/models/no/%0d%0aX-Evil:%201/stats");
    assert_eq!((strange.status, strange.header("x-evil")), (404, None));
}

#[test]
fn routes_methods_and_slashes_are_told_apart() {
    let server = Server::start(&[]);
    let unknown = server.get("/no/such/route");
    assert_eq!((unknown.status, unknown.header("x-error-code")), (404, None));
    assert_eq!(unknown.json()["detail"], "Not Found");
    for method in ["POST", "HEAD", "DELETE"] {
        let reply = server.ask(method, "/models/a/b/stats", &[], b"");
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")), "{method}");
    }
    let reply = server.ask("PATCH", "/api/v1/tokens", &[], b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST")));
    let reply = server.get("/models/a/b/stats/?days=3");
    assert_eq!((reply.status, reply.header("location")), (307, Some("/models/a/b/stats?days=3")));
    assert_eq!(server.get("//evil.example/").status, 404);
    assert_eq!(server.ask("HEAD", "/healthz", &[], b"").status, 200);
}

#[test]
fn every_answer_has_a_request_id_and_public_figures_open_to_any_website() {
    let server = Server::start(&[]);
    let reply = server.get_with("/api/trending", &[("X-Request-Id", "abc-123")]);
    assert_eq!(reply.header("x-request-id"), Some("abc-123"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    let (first, second) = (server.get("/nothing"), server.get("/nothing"));
    assert!(first.header("x-request-id").is_some() && first.header("x-request-id") != second.header("x-request-id"));
    assert_eq!(server.get("/api/v1/tokens").header("access-control-allow-origin"), None);
    let preflight = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET")];
    let reply = server.ask("OPTIONS", "/models/a/b/stats", &preflight, b"");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("*")));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("Authorization"));
    assert_eq!(server.ask("OPTIONS", "/api/v1/tokens", &preflight, b"").status, 405);
}

#[test]
fn a_held_answer_is_not_sent_again() {
    let server = Server::start(&[]);
    let tag = server.get("/api/trending").header("etag").unwrap().to_owned();
    let reply = server.get_with("/api/trending", &[("If-None-Match", &tag)]);
    assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some(tag.as_str())));
    assert_eq!(server.get_with("/api/trending?days=3", &[("If-None-Match", &tag)]).status, 200);
    let admin = server.admin_cookie();
    assert_eq!(server.get_with("/api/trending", &[("If-None-Match", &tag), ("Cookie", &admin)]).status, 200);
}

#[test]
fn a_kept_answer_goes_with_what_it_was_made_of() {
    let server = Server::start(&["--visibility", "public", "--now", "2026-06-29T12:00:00Z"]);
    let token = server.token(&server.admin_cookie(), "admin");
    let bearer = format!("Bearer {token}");
    let admin = [("Authorization", bearer.as_str())];
    let recent = "/models/myorg/mymodel/stats/recent?days=30";
    let paths = [
        "/models/myorg/mymodel/stats",
        recent,
        "/badge/model/myorg/mymodel/downloads.json",
        "/api/trending",
        "/api/v1/orgs/myorg/totals",
    ];
    let all = |headers: &[(&str, &str)]| paths.map(|path| server.get_with(path, headers).text());
    let push = |minute: u64| {
        // The first one a month before the others, so that the answers are long enough to be packed.
        let ts = if minute == 1 { 1_780_300_000 } else { 1_782_700_000 + minute * 60 };
        let body = format!("{{\"ts\":{ts},\"repo\":\"myorg/mymodel\",\"path\":\"p\",\"ip\":\"192.0.2.{minute}\"}}\n");
        let reply = server.post("/api/v1/events", &[admin[0], ("Content-Type", "application/x-ndjson")], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    for downloads in 1..=20 {
        push(downloads);
        let first = all(&[]);
        assert_eq!(
            server.get(paths[0]).json()["downloads"].as_u64(),
            Some(downloads),
            "what was acknowledged is in every answer"
        );
        assert_eq!(all(&[]), first);
        assert_eq!(server.get(paths[2]).json()["message"], downloads.to_string());
    }
    let plain = server.get(recent);
    // Made, made and kept, found.
    for _ in 0..3 {
        let packed = server.get_with(recent, &[("Accept-Encoding", "gzip")]);
        assert_eq!((packed.header("content-encoding"), packed.header("etag")), (Some("gzip"), plain.header("etag")));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body);
        assert_eq!((server.get(recent).header("content-encoding"), server.get(recent).body), (None, plain.body.clone()));
    }
    let csv = server.get_with(paths[4], &[("Accept", "text/csv")]);
    assert!(csv.header("content-type").unwrap().starts_with("text/csv") && server.get(paths[4]).json().is_object());

    let to_admin = all(&admin);
    let hide = br#"[{"type":"model","id":"myorg/mymodel","private":true}]"#;
    assert!(server.ask("PUT", "/api/v1/repos", &[admin[0], ("Content-Type", "application/json")], hide).status < 300);
    assert_eq!(paths.map(|path| server.get(path).status), [404, 404, 404, 200, 404]);
    assert!(!server.get("/api/trending").text().contains("mymodel"));
    assert_eq!(all(&admin)[0], to_admin[0]);
    assert_eq!(server.get(paths[0]).status, 404, "what an admin was told is told to nobody else");
}

#[test]
fn credentials_count_where_they_are_ours() {
    let server = Server::start(&[]);
    let admin = server.admin_cookie();
    let ingest = server.token(&admin, "ingest:default");
    assert_eq!(server.get_with("/api/trending", &[("Authorization", "Bearer hf_abcdef")]).status, 200);
    let cut = &ingest[..ingest.len() - 1];
    let wrong = server.get_with("/api/trending", &[("Authorization", &format!("Bearer {cut}x"))]);
    assert_eq!((wrong.status, wrong.header("www-authenticate").is_some()), (401, true));
    assert!(wrong.json()["error"].is_string() && wrong.header("x-error-message").is_some());
    let bar = format!("Bearer {ingest}|https://other.example,hf_abc");
    assert_eq!(server.post("/api/v1/events", &[("Authorization", &bar)], EVENT).status, 200);
    let bearer = format!("Bearer {ingest}");
    assert_eq!(server.get_with("/api/v1/tokens", &[("Authorization", &bearer)]).status, 403);
    assert_eq!(server.post("/api/v1/events?source=other", &[("Authorization", &bearer)], EVENT).status, 403);
    let foreign = server.post("/api/v1/tokens", &[("Cookie", &admin), ("Origin", "https://evil.example")], b"{}");
    assert_eq!(foreign.status, 403);
    let listed = server.get_with("/api/v1/tokens", &[("Cookie", &admin)]);
    assert!(!listed.text().contains(&ingest), "a list never shows a secret");
}

#[test]
fn pushing_without_a_token_tells_how_to_get_one() {
    let server = Server::start(&[]);
    let reply = server.post("/api/v1/events", &[], EVENT);
    assert_eq!(reply.status, 401);
    assert!(reply.json()["error"].as_str().unwrap().contains("hubtally token create --scope ingest:default"));
}

#[test]
fn the_admin_link_works_once_and_only_by_its_button() {
    let server = Server::start(&[]);
    let page = server.get("/welcome?key=%22%3E%3Cscript%3E");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert!(!page.text().contains("<script>"));
    server.admin_cookie();
    let said = server.stderr();
    let key = said.split_once("/welcome?key=").unwrap().1.lines().next().unwrap();
    assert_eq!(server.post("/welcome", &[], format!("key={key}").as_bytes()).status, 403);
}

#[test]
fn bodies_are_taken_by_their_type_and_packing() {
    let server = Server::start(&[]);
    let bearer = format!("Bearer {}", server.token(&server.admin_cookie(), "ingest:default"));
    let status = |headers: &[(&str, &str)], body: &[u8]| {
        let headers: Vec<(&str, &str)> = [("Authorization", bearer.as_str())].iter().chain(headers).copied().collect();
        server.post("/api/v1/events", &headers, body).status
    };
    for content_type in ["application/x-ndjson", "application/json; charset=utf-8", "application/x-www-form-urlencoded"] {
        assert_eq!(status(&[("Content-Type", content_type)], EVENT), 200, "{content_type}");
    }
    assert_eq!(status(&[], EVENT), 200);
    assert_eq!(status(&[("Content-Type", "application/xml")], EVENT), 415);
    assert_eq!(status(&[("Content-Type", "application/x-www-form-urlencoded")], b"a=b"), 415);
    assert_eq!(status(&[("Content-Encoding", "br")], EVENT), 415);
    assert_eq!(status(&[("Content-Encoding", "gzip")], EVENT), 400);
    let zstd = zstd::encode_all(EVENT, 1).unwrap();
    assert_eq!(status(&[("Content-Encoding", "zstd")], &zstd), 200);
    assert_eq!(status(&[], &zstd), 200);
}

#[test]
fn large_bodies_and_bombs_are_refused() {
    let server = Server::start(&[]);
    let bearer = format!("Bearer {}", server.token(&server.admin_cookie(), "ingest:default"));
    let mut stream = server.connect();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\nContent-Length: {}\r\n\r\n",
        (32 << 20) + 1
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut BufReader::new(stream), "POST").unwrap().status, 413);
    let zeros = vec![b' '; 64 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    for bomb in [gzip.finish().unwrap(), zstd::encode_all(zeros.as_slice(), 1).unwrap()] {
        assert!(bomb.len() < 1 << 20);
        let reply = server.post("/api/v1/events", &[("Authorization", &bearer)], &bomb);
        assert_eq!(reply.status, 413, "{}", reply.text());
    }
    assert_eq!(server.get("/healthz").status, 200);
}

/// Sends a start and waits for the server to end it; gives what came back and after how long.
fn wait_for_the_end(server: &Server, start: &str) -> (String, Duration) {
    let (started, mut stream) = (Instant::now(), server.connect());
    stream.write_all(start.as_bytes()).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    (String::from_utf8_lossy(&said).into_owned(), started.elapsed())
}

#[test]
fn slow_heads_and_idle_connections_are_cut_off() {
    let server = Server::start(&[]);
    std::thread::scope(|scope| {
        for start in ["GET /healthz HTTP/1.1\r\nHos", "", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let server = &server;
            scope.spawn(move || {
                let (_, took) = wait_for_the_end(server, start);
                assert!(took < Duration::from_secs(15), "{start:?} was held for {took:?}");
            });
        }
    });
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn slow_bodies_are_cut_off() {
    let server = Server::start(&[]);
    let token = server.token(&server.admin_cookie(), "ingest:default");
    std::thread::scope(|scope| {
        for path in ["/api/v1/events", "/api/v1/import"] {
            let (server, token) = (&server, &token);
            scope.spawn(move || {
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 100000\r\n\r\n{{\"ts\""
                );
                let (said, took) = wait_for_the_end(server, &head);
                assert!(said.starts_with("HTTP/1.1 408 "), "{path}: {said}");
                assert!(took < Duration::from_secs(15), "{path} was held for {took:?}");
            });
        }
    });
}

#[test]
fn connections_beyond_the_cap_are_refused_politely() {
    let server = Server::start(&["--max-connections", "3"]);
    let held: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            assert_eq!(Reply::read(&mut BufReader::new(&stream), "GET").unwrap().status, 200);
            stream
        })
        .collect();
    let refused = server.get("/healthz");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert!(refused.json()["error"].is_string());
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.get("/healthz").status != 200 {
        assert!(Instant::now() < deadline, "the turns were not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_takes_no_more_connections_than_it_has_file_handles() {
    let binary = env!("CARGO_BIN_EXE_hubtally");
    let script = format!("ulimit -n 140 && exec {binary} serve --data :memory: --listen 127.0.0.1:0");
    let mut child = std::process::Command::new("sh")
        .args(["-c", &script])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let held: Vec<_> = (0..12).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    // Whoever comes after them is told so, for which a handle is left.
    let mut refused = std::net::TcpStream::connect(&address).unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let reply = Reply::read(&mut BufReader::new(&mut refused), "GET").unwrap();
    child.kill().unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(reply.status, 503);
    assert!(String::from_utf8_lossy(&said.stderr).contains("leaves room for 12 connections"));
    drop(held);
}

#[test]
fn garbage_costs_its_own_connection_only() {
    let server = Server::start(&[]);
    let many_headers = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(100));
    let long_head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100_000));
    let starts: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /api/v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        many_headers.as_bytes(),
        long_head.as_bytes(),
    ];
    for start in starts {
        let mut stream = server.connect();
        let _ = stream.write_all(start);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn answers_are_packed_for_those_who_ask() {
    let server = Server::start(&[]);
    let plain = server.get("/api/v1/hub/series?from=2026-01-01");
    let gzip = server.get_with("/api/v1/hub/series?from=2026-01-01", &[("Accept-Encoding", "gzip")]);
    let zstd = server.get_with("/api/v1/hub/series?from=2026-01-01", &[("Accept-Encoding", "gzip, zstd")]);
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
    if plain.body.len() < 1024 {
        assert_eq!((gzip.header("content-encoding"), zstd.header("content-encoding")), (None, None));
        return;
    }
    assert_eq!((gzip.header("content-encoding"), zstd.header("content-encoding")), (Some("gzip"), Some("zstd")));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(gzip.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    assert_eq!(zstd::decode_all(zstd.body.as_slice()).unwrap(), plain.body);
}

#[test]
fn figures_come_as_csv_by_ending_or_by_accept() {
    let server = Server::start(&[]);
    for reply in [
        server.get("/api/v1/hub/totals.csv?from=2026-01-01&to=2026-01-31"),
        server.get_with("/api/v1/hub/totals?from=2026-01-01&to=2026-01-31", &[("Accept", "text/csv")]),
    ] {
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/csv; charset=utf-8")));
        assert_eq!(reply.text().lines().next(), Some("from,to,downloads,authenticated,anonymous,files"));
    }
    assert_eq!(server.get("/api/v1/deliveries.csv").status, 401);
    let wrong = server.get("/api/v1/hub/series?from=yesterday&interval=hour&include=x");
    assert_eq!((wrong.status, wrong.json()["detail"].as_array().map(Vec::len)), (422, Some(3)));
}

#[test]
fn an_organizations_exports_need_its_publisher() {
    let server = Server::start(&[]);
    let path = "/organizations/nobody-here/settings/publisher-analytics/download-breakdown";
    let anonymous = server.get(path);
    assert_eq!((anonymous.status, anonymous.header("www-authenticate").is_some()), (401, true));
    let admin = server.admin_cookie();
    let foreign = format!("Bearer {}", server.token(&admin, "publisher:someone-else"));
    let (foreign, missing) =
        (server.get_with(path, &[("Authorization", &foreign)]), server.get_with(path, &[("Cookie", &admin)]));
    assert_eq!((foreign.status, missing.status), (404, 404));
    assert_eq!(foreign.body, missing.body);
}

#[test]
fn an_upload_that_is_cut_off_is_no_whole_log() {
    let server = Server::start(&[]);
    let admin = server.admin_cookie();
    for framing in ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n64\r\n"] {
        let mut stream = server.connect();
        let head = format!("POST /api/v1/import?format=events HTTP/1.1\r\nHost: a\r\nCookie: {admin}\r\n{framing}");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&EVENT[..50]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let deliveries = server.get_with("/api/v1/deliveries", &[("Cookie", &admin)]).json();
    assert!(deliveries["deliveries"].as_array().unwrap().iter().all(|delivery| delivery["state"] != "complete"), "{deliveries}");
}

#[test]
fn a_signal_stops_the_server_after_what_is_in_flight() {
    let server = Server::start(&[]);
    let idle = server.connect();
    // An upload that never ends must not keep the server from ending.
    let mut endless = server.connect();
    let head = format!(
        "POST /api/v1/import HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Length: 100000\r\n\r\n{{",
        server.admin_cookie()
    );
    endless.write_all(head.as_bytes()).unwrap();
    let mut busy = server.connect();
    busy.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let finishing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        let _ = busy.write_all(b"\r\n");
        Reply::read(&mut BufReader::new(busy), "GET").map(|reply| reply.status)
    });
    let (exit, took) = server.stop();
    assert!(exit.success(), "{exit}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let _ = finishing.join().unwrap();
    drop((idle, endless));
}
