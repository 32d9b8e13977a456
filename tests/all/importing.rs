//! Imports through a running server and by patterns: progress while the log still comes in, and a failure costs its file alone.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Output;

use crate::server::{Server, hubtally};

fn event(second: u64) -> String {
    format!("{{\"ts\":{},\"url\":\"/acme/m/resolve/main/x\",\"status\":200,\"ip\":\"192.0.2.1\"}}\n", 1_700_000_000 + second)
}

fn import(folder: &Path, files: &[&str]) -> Output {
    hubtally().arg("--data").arg(folder.join("data")).args(["import", "--json"]).args(files).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn rows_are_told_before_the_body_has_ended() {
    let server = Server::start(&[]);
    let bearer = format!("Bearer {}", server.token(&server.admin_cookie(), "ingest:default"));
    let mut stream = server.connect();
    let head = format!(
        "POST /api/v1/import?progress=true&format=events HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let lines: String = (0..40_000).map(event).collect();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut send = |text: &str| write!(stream, "{:x}\r\n{text}\r\n", text.len()).unwrap();
    send(&lines);
    let mut next = || {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the answer ended");
        line
    };
    assert!(next().starts_with("HTTP/1.1 200"));
    let rows = loop {
        let line = next();
        if let Some(rows) = line.strip_prefix("{\"bytes\":").and_then(|rest| rest.split_once("\"rows\":")) {
            break rows.1.trim_end().trim_end_matches('}').parse::<u64>().unwrap();
        }
    };
    assert!(rows > 0 && rows <= 40_000);
    send(&event(40_000));
    stream.write_all(b"0\r\n\r\n").unwrap();
    let receipt = loop {
        let line = next();
        if line.starts_with("{\"receipt\"") {
            break serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    };
    assert_eq!(receipt["receipt"]["lines"], 40_001);
}

#[test]
fn a_failure_in_the_middle_is_told_with_its_status() {
    let server = Server::start(&[]);
    let bearer = format!("Bearer {}", server.token(&server.admin_cookie(), "ingest:default"));
    let reply = server.post("/api/v1/import?progress=true", &[("Authorization", &bearer)], b"what is this\n");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["status"], 400, "{}", reply.text());
    assert!(reply.json()["error"].as_str().unwrap().contains("--format"));
}

#[test]
fn patterns_are_expanded_sorted_and_one_bad_file_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir_all(logs.join("folder.gz")).unwrap();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    fs::write(logs.join("b.gz"), gzip(&event(1))).unwrap();
    fs::write(logs.join("a.gz"), gzip(&event(0))).unwrap();
    fs::write(logs.join("c.gz"), &gzip(&event(2))[..20]).unwrap();
    fs::write(logs.join("d.gz"), gzip(&event(3))).unwrap();
    fs::write(logs.join("[x].log"), event(4)).unwrap();
    for served in [false, true] {
        let _server = served.then(|| Server::start_in(&folder.path().join("data"), &[]));
        let output = import(folder.path(), &["logs/*.gz", "logs/[x].log"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let told = text(&output.stderr);
        assert!(told.contains("c.gz") && told.contains("1 of 5 files were not imported"), "{told}");
        let receipts: Vec<serde_json::Value> =
            text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<u64> = receipts.iter().map(|receipt| receipt["lines"].as_u64().unwrap()).collect();
        assert_eq!(events, [1, 1, 1, 1], "served {served}");
        let listed = hubtally().arg("--data").arg(folder.path().join("data")).args(["deliveries", "--json"]).output().unwrap();
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let names: Vec<&str> = listed["deliveries"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
        assert_eq!(names, ["a.gz", "b.gz", "d.gz", "[x].log"], "served {served}");
    }
    let none = import(folder.path(), &["logs/*.zst"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no file matches logs/*.zst; nothing was imported"), "{}", text(&none.stderr));
    assert_eq!(import(folder.path(), &["logs/***"]).status.code(), Some(2));
}
