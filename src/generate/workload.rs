//! The workload: what a synthetic log is to look like, and the writing of it.

use std::io::{self, Write};

use super::client::Client;
use super::damage::damage;
use super::hit::Hit;
use super::hub::{Hub, Repo};
use super::page::Page;
use super::traffic::Traffic;
use super::{caddy_json, combined, events, hf_export, nginx_json, s3, traefik_json};
use crate::model::{Day, Format};

/// Lines are handed on in pieces of about this size.
const PIECE_BYTES: usize = 256 * 1024;

/// A synthetic log. The same workload gives the same bytes on every machine. [`Workload::default`] is the reference
/// workload all speeds are quoted for.
///
/// Memory does not grow with the rows: what is held is the repos and the rows of some twelve minutes of log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The hub: its repos, their files and its downloaders.
    pub seed: u64,
    /// Which log of the hub: another part has other traffic of the same repos and downloaders, for a log in several pieces.
    pub part: u32,
    /// Lines to write, damaged and repeated ones included, the header not.
    pub rows: u64,
    /// Repos, their popularity by Zipf's law with exponent 1.05.
    pub repos: u32,
    /// Downloaders, the busiest far busier than the rest.
    pub downloaders: u32,
    pub first_day: Day,
    pub days: u16,
    pub format: Format,
    /// Of a hundred downloaders, how many are signed in. A combined log does not show it.
    pub signed_in_percent: u8,
    /// Of a hundred requests, how many are HEAD.
    pub head_percent: u8,
    /// Of a million lines, how many are damaged so that no reader could make sense of them.
    pub malformed_per_million: u32,
    /// Of a million lines, how many come a second time.
    pub repeated_per_million: u32,
    /// Lines reach the log up to so many milliseconds after their time; at most an hour.
    pub arrival_shuffle_ms: u32,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines, without the header.
    pub rows: u64,
    /// Damaged lines among them.
    pub malformed: u64,
    /// Lines that came a second time among them.
    pub repeated: u64,
    /// Bytes, with the header.
    pub bytes: u64,
}

impl Default for Workload {
    fn default() -> Workload {
        Workload {
            seed: 1,
            part: 0,
            rows: 10_000_000,
            repos: 50_000,
            downloaders: 1_000_000,
            first_day: Day(20_574), // 2026-05-01
            days: 60,
            format: Format::HfExport,
            signed_in_percent: 20,
            head_percent: 14,
            malformed_per_million: 200,
            repeated_per_million: 1_000,
            arrival_shuffle_ms: 90_000,
        }
    }
}

impl Workload {
    /// Writes the log.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<Written> {
        let workload = &Workload { arrival_shuffle_ms: self.arrival_shuffle_ms.min(3_600_000), ..self.clone() };
        let hub = Hub::new(workload.seed, workload.repos);
        let mut traffic = Traffic::new(workload, &hub);
        let mut page = Page::default();
        let mut written = Written::default();
        if workload.format == Format::HfExport {
            page.text(hf_export::HEADER);
        }
        let mut hits = Vec::new();
        while traffic.next_second(&mut hits) {
            for hit in hits.drain(..) {
                workload.write_line(&mut page, hub.repo(hit.repo), &hit);
                written.rows += 1;
                if page.bytes.len() >= PIECE_BYTES {
                    flush(&mut page, &mut written, out)?;
                }
            }
        }
        flush(&mut page, &mut written, out)?;
        written.malformed = traffic.broken;
        written.repeated = traffic.repeated;
        Ok(written)
    }

    fn write_line(&self, page: &mut Page, repo: Repo<'_>, hit: &Hit) {
        let client = Client::of(self.seed, hit.client, self.signed_in_percent);
        let start = page.bytes.len();
        match self.format {
            Format::HfExport => hf_export::write_line(page, self.seed, repo, client, hit),
            Format::Combined => combined::write_line(page, self.seed, repo, client, hit),
            Format::Events => events::write_line(page, self.seed, repo, client, hit),
            Format::NginxJson => nginx_json::write_line(page, self.seed, repo, client, hit),
            Format::CaddyJson => caddy_json::write_line(page, self.seed, repo, client, hit),
            Format::TraefikJson => traefik_json::write_line(page, self.seed, repo, client, hit),
            Format::S3 => s3::write_line(page, self.seed, repo, client, hit),
        }
        if hit.broken {
            damage(&mut page.bytes, start, hit);
        }
        page.bytes.push(b'\n');
    }
}

fn flush(page: &mut Page, written: &mut Written, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&page.bytes)?;
    written.bytes += page.bytes.len() as u64;
    page.bytes.clear();
    Ok(())
}
