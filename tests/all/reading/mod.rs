//! Reading: what becomes of every line of a log, from its bytes to who downloaded what.

// The lint knows test functions only, not their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod agents;
mod files;
mod identities;
mod mutations;
mod nginx;
mod proxies;
mod rejects;
mod streams;
mod times;
mod urls;

use std::collections::BTreeMap;
use std::fmt::Write;

use hubtally::classify::{NotADownload, agent_note, class, download};
use hubtally::identify::IdentityKey;
use hubtally::model::{Format, RejectReason, SourceSettings};
use hubtally::parse::{ChunkReader, ItemReader, LineParser, Request, RequestMethod, Target, is_blank, parse_instant};

/// A GET of a URL that was answered with 200.
fn get(url: &str) -> Request<'_> {
    Request {
        time: parse_instant("2026-05-01T12:00:00Z").unwrap(),
        method: RequestMethod::Get,
        status: 200,
        target: Target::Url(url.into()),
        user: None,
        address: Some("192.0.2.7".into()),
        forwarded_for: None,
        hashed: false,
        agent: None,
        country: None,
        region: None,
        bytes: None,
        duration_ms: None,
        range: None,
        location: None,
        host: None,
        id: None,
        git_version: None,
    }
}

fn key() -> IdentityKey {
    IdentityKey::new(&[7; 32])
}

/// How often each outcome occurs in a file, as a sorted table.
fn outcomes(file: &[u8]) -> String {
    let first_line = file.split(|&byte| byte == b'\n').find(|line| !is_blank(line)).unwrap();
    let parser = LineParser::detect(first_line).expect("the format is recognised");
    let mut counts = BTreeMap::from([(format!("format {}", parser.format().word()), 1)]);
    for chunk in ChunkReader::new(file) {
        for (_, line) in chunk.unwrap().lines().filter(|(_, line)| !is_blank(line) && !parser.is_header(line)) {
            let request = match parser.parse(line) {
                Ok(request) => request,
                Err(reason) => {
                    *counts.entry(format!("rejected {}", reason.word())).or_default() += 1;
                    continue;
                }
            };
            let outcome = match download(&request) {
                Ok(download) => {
                    let class = class(download.method, download.status, download.range, &SourceSettings::default());
                    let path = download.path.as_deref().unwrap_or("-");
                    match download.post {
                        None => format!("{class:?} {} {} {path}", download.kind, download.repo),
                        Some(post) => format!("{post:?} {} {}", download.kind, download.repo),
                    }
                }
                Err(NotADownload::Skipped(reason)) => format!("skipped {}", reason.word()),
                Err(NotADownload::Rejected(reason)) => format!("rejected {}", reason.word()),
            };
            *counts.entry(outcome).or_default() += 1;
        }
    }
    counts.into_iter().fold(String::new(), |mut table, (outcome, count)| {
        writeln!(table, "{count} {outcome}").unwrap();
        table
    })
}
