//! The edges of a day: who was there in the half hour before midnight, since that decides what starts a session after it.
//!
//! Stored as fixed-width records (repo u32, who u64, agent u32, ms of day u32 whose highest bit is the user flag, little
//! endian), sorted by repo and downloader.

use crate::block::{BlockError, ByteReader};
use crate::model::{AgentHash, Day, DownloaderKey, Millis, RepoNumber, SESSION_GAP_MS, Who};

/// A session can reach so far over midnight.
pub const TAIL_MS: i64 = SESSION_GAP_MS;

/// The first or last counted event of a downloader on a repo on some day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub repo: RepoNumber,
    pub downloader: DownloaderKey,
    pub time: Millis,
}

const RECORD_BYTES: usize = 20;

const USER: u32 = 1 << 31;

/// Encodes the sorted last events of a day.
#[must_use]
pub fn encode_edges(edges: &[Edge]) -> Vec<u8> {
    let mut out = Vec::with_capacity(edges.len() * RECORD_BYTES);
    for edge in edges {
        out.extend(edge.repo.0.to_le_bytes());
        let user = if edge.downloader.is_user() { USER } else { 0 };
        out.extend(edge.downloader.who.0.to_le_bytes());
        out.extend((edge.downloader.tag() as u32).to_le_bytes());
        out.extend((edge.time.ms_of_day() | user).to_le_bytes());
    }
    out
}

fn decode_edge(day: Day, record: &[u8]) -> Result<Edge, BlockError> {
    let mut reader = ByteReader::new(record, "day tail");
    let repo = RepoNumber(u32::from_le_bytes(reader.array()?));
    let (who, agent) = (Who(u64::from_le_bytes(reader.array()?)), AgentHash(u32::from_le_bytes(reader.array()?)));
    let ms = u32::from_le_bytes(reader.array()?);
    let downloader = DownloaderKey::of(who, ms & USER != 0, agent);
    Ok(Edge { repo, downloader, time: Millis(day.start().0 + i64::from(ms & !USER)) })
}

/// Decodes all last events of a day.
///
/// # Errors
/// When the bytes are not whole records.
pub fn decode_edges(day: Day, bytes: &[u8]) -> Result<Vec<Edge>, BlockError> {
    if !bytes.len().is_multiple_of(RECORD_BYTES) {
        return Err(BlockError::Malformed("day tail"));
    }
    bytes.chunks_exact(RECORD_BYTES).map(|record| decode_edge(day, record)).collect()
}

/// The last events of one repo, found by binary search.
///
/// # Errors
/// When a record is damaged.
pub fn find_edges(day: Day, bytes: &[u8], repo: RepoNumber) -> Result<Vec<Edge>, BlockError> {
    let record = |at: usize| bytes.get(at * RECORD_BYTES..(at + 1) * RECORD_BYTES).unwrap_or(&[]);
    let repo_of = |record: &[u8]| record.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let records = bytes.len() / RECORD_BYTES;
    let (mut start, mut end) = (0, records);
    while start < end {
        let middle = (start + end) / 2;
        if repo_of(record(middle)) < repo.0 { start = middle + 1 } else { end = middle }
    }
    (start..records).map(record).take_while(|record| repo_of(record) == repo.0).map(|record| decode_edge(day, record)).collect()
}
