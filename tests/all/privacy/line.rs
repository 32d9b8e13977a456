//! One connection to a hub, and what an answer says beside what differs by chance.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::{Hub, OF_THE_PROCESS, credential};
use crate::server::Reply;

/// A connection that is kept for many questions.
pub(super) struct Line {
    address: SocketAddr,
    credential: Option<(&'static str, String)>,
    stream: Option<BufReader<TcpStream>>,
}

/// What an answer says: its status, headers and body, without what differs from request to request.
#[derive(PartialEq, Eq)]
pub(super) struct Said(pub(super) String);

impl Line {
    pub(super) fn to(hub: &Hub, caller: &str) -> Line {
        Line { address: hub.address, credential: credential(hub, caller), stream: None }
    }

    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Said) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: hub.example\r\nX-Request-Id: 1\r\n");
        if let Some((name, value)) = &self.credential {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" && method != "HEAD" {
            let kind = if body.starts_with('{') || body.starts_with('[') {
                "application/json"
            } else {
                "application/x-www-form-urlencoded"
            };
            request.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        for _ in 0..2 {
            let stream = self.stream.get_or_insert_with(|| {
                let stream = TcpStream::connect(self.address).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                BufReader::new(stream)
            });
            if stream.get_mut().write_all(request.as_bytes()).is_ok()
                && let Some(reply) = Reply::read(stream, method)
            {
                if reply.header("connection") == Some("close") {
                    self.stream = None;
                }
                return (reply.status, said(&reply));
            }
            // It idled for too long.
            self.stream = None;
        }
        panic!("no answer to {method} {path}");
    }
}

fn said(reply: &Reply) -> Said {
    let mut text = format!("{}\n", reply.status);
    let is_metrics = reply.header("content-type").is_some_and(|kind| kind.contains("version=0.0.4"));
    for (name, value) in &reply.headers {
        match name.as_str() {
            // Of this very request, this process or this minute.
            "date" | "etag" => {}
            "content-length" if is_metrics => {}
            // Secrets are random; that there is one, and how it is kept, is said.
            "set-cookie" => text.push_str(&format!("{name}: {}\n", without_secret(value))),
            _ => text.push_str(&format!("{name}: {value}\n")),
        }
    }
    let body = reply.text();
    if is_metrics {
        let of_data = |line: &&str| !OF_THE_PROCESS.iter().any(|name| line.starts_with(name));
        text.push_str(&body.lines().filter(of_data).collect::<Vec<_>>().join("\n"));
        return Said(text);
    }
    // Hashes are made under the secret of one store, and rows of one instant are in their order.
    if body.contains("ht1_") {
        let mut lines: Vec<String> = body.lines().map(without_hashes).collect();
        lines.sort_unstable();
        text.push_str(&lines.join("\n"));
    } else {
        text.push_str(&body);
    }
    Said(text)
}

fn without_secret(cookie: &str) -> String {
    let (pair, rest) = cookie.split_once(';').unwrap_or((cookie, ""));
    let (name, secret) = pair.split_once('=').unwrap_or((pair, ""));
    format!("{name}={};{rest}", if secret.is_empty() { "" } else { "secret" })
}

fn without_hashes(line: &str) -> String {
    line.split(',').map(|cell| if cell.starts_with("ht1_") { "ht1_" } else { cell }).collect::<Vec<_>>().join(",")
}
