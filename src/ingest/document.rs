//! Recognising a document by its decoded content, whatever its name or compression.
//!
//! A document is remembered by the hashes of its prefix at growing lengths and at its end. A stream whose prefix hashes
//! match all of them is that document, possibly grown; anything else is a new one.

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

use crate::model::DeliveryId;
use crate::store::{CheckpointRecord, DocumentRecord};

/// The first checkpoint; each later one lies at four times the length.
const FIRST_CHECKPOINT_BYTES: u64 = 4_096;

/// What is read while a document is being recognised is kept for parsing up to this size.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Bytes of a line that has not ended that wait to be hashed: whether they are of the document is known when it ends.
const OPEN_BYTES_MAX: usize = 8 << 20;

const READ_BYTES: usize = 256 << 10;

/// The running hash of a document.
#[derive(Clone)]
pub struct Trail {
    hasher: Xxh3,
    /// Bytes that are in the hash.
    hashed: u64,
    /// What was read behind the last newline, which is not in the hash yet.
    open: Vec<u8>,
    checkpoints: Vec<CheckpointRecord>,
    next_checkpoint: u64,
}

impl Default for Trail {
    fn default() -> Trail {
        Trail {
            hasher: Xxh3::new(),
            hashed: 0,
            open: Vec::new(),
            checkpoints: Vec::new(),
            next_checkpoint: FIRST_CHECKPOINT_BYTES,
        }
    }
}

impl Trail {
    /// Takes note of bytes that were read. Whole lines are hashed at once: a document may end behind a newline or at the end
    /// of all bytes, and nowhere else.
    pub fn observe(&mut self, bytes: &[u8]) {
        let ended = memchr::memrchr(b'\n', bytes).map_or(0, |newline| newline + 1);
        let (lines, open) = bytes.split_at(ended);
        if !lines.is_empty() {
            self.hash_open(self.open.len());
            self.hash(lines);
        }
        self.open.extend_from_slice(open);
        if self.open.len() > 2 * OPEN_BYTES_MAX {
            self.hash_open(self.open.len() - OPEN_BYTES_MAX);
        }
    }

    fn hash(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let until = usize::try_from(self.next_checkpoint - self.hashed).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(until));
            self.hasher.update(now);
            self.hashed += now.len() as u64;
            if self.hashed == self.next_checkpoint {
                self.checkpoints.push(CheckpointRecord { bytes: self.hashed, hash: self.hasher.digest128() });
                self.next_checkpoint = self.next_checkpoint.saturating_mul(4);
            }
            bytes = later;
        }
    }

    /// Puts the first of the open line's bytes into the hash.
    fn hash_open(&mut self, bytes: usize) {
        let mut open = std::mem::take(&mut self.open);
        self.hash(open.get(..bytes).unwrap_or(&open));
        open.drain(..bytes.min(open.len()));
        self.open = open;
    }

    /// Puts everything up to an offset into the hash.
    fn hash_to(&mut self, offset: u64) {
        self.hash_open(usize::try_from(offset.saturating_sub(self.hashed)).unwrap_or(usize::MAX));
    }

    /// The checkpoints of the document that ends at an offset: behind the last newline that was observed, or later.
    pub fn checkpoints_at(&mut self, offset: u64) -> Vec<CheckpointRecord> {
        debug_assert!(self.hashed <= offset, "more was hashed than the document holds");
        self.hash_to(offset);
        let mut checkpoints: Vec<CheckpointRecord> =
            self.checkpoints.iter().filter(|checkpoint| checkpoint.bytes < offset).copied().collect();
        checkpoints.push(CheckpointRecord { bytes: offset, hash: self.hasher.digest128() });
        checkpoints
    }
}

/// What a stream turned out to be.
pub enum Recognised {
    /// A new document; `read` was read already.
    New { read: Vec<u8> },
    /// A known document, which the stream has been read to the end of; `read` comes after it and is not in the trail yet.
    Known { id: DeliveryId, document: DocumentRecord, trail: Box<Trail>, read: Vec<u8> },
    /// It differs from a known document so late that its beginning is no longer at hand.
    Changed { id: DeliveryId, bytes: u64 },
}

/// A document that came in before.
pub struct Known {
    pub id: DeliveryId,
    pub document: DocumentRecord,
    pub retracted: bool,
}

struct Candidate {
    known: Known,
    next: usize,
}

impl Candidate {
    fn next_bytes(&self) -> Option<u64> {
        self.known.document.checkpoints.get(self.next).map(|checkpoint| checkpoint.bytes)
    }
}

/// Reads a stream as far as it takes to know whether it is one of the known documents.
///
/// Of several that match the latest is taken, and a retracted one only if no other can match any more.
pub fn recognise(reader: &mut impl Read, known: Vec<Known>) -> io::Result<Recognised> {
    let mut candidates: Vec<Candidate> =
        known.into_iter().filter(|known| known.document.bytes > 0).map(|known| Candidate { known, next: 0 }).collect();
    let mut trail = Trail::default();
    let mut kept = Some(Vec::new());
    let mut last_lost = None;
    loop {
        let Some(target) = candidates.iter().filter_map(Candidate::next_bytes).min() else {
            return Ok(match (kept, last_lost) {
                (Some(read), _) => Recognised::New { read },
                (None, Some(id)) => Recognised::Changed { id, bytes: trail.hashed },
                (None, None) => Recognised::New { read: Vec::new() },
            });
        };
        read_to(reader, target, &mut trail, &mut kept)?;
        let reached = trail.hashed == target;
        let hash = trail.hasher.digest128();
        let mut whole: Option<(DeliveryId, DocumentRecord, bool)> = None;
        candidates.retain_mut(|candidate| {
            let Known { id, document, retracted } = &candidate.known;
            let Some(checkpoint) = document.checkpoints.get(candidate.next) else { return false };
            if checkpoint.bytes != target {
                return reached;
            }
            let matches = reached && checkpoint.hash == hash;
            if !matches {
                last_lost = Some(*id);
                return false;
            }
            if candidate.next + 1 == document.checkpoints.len() {
                if !retracted || whole.as_ref().is_none_or(|(_, _, retracted)| *retracted) {
                    whole = Some((*id, document.clone(), *retracted));
                }
                return false;
            }
            candidate.next += 1;
            true
        });
        if let Some((id, document, _)) = whole.filter(|(_, _, retracted)| !retracted || candidates.is_empty()) {
            let mut after = Vec::new();
            if !document.terminated {
                reader.take(1).read_to_end(&mut after)?;
            }
            if matches!(after.as_slice(), [] | [b'\n']) {
                return Ok(Recognised::Known { id, document, trail: Box::new(trail), read: after });
            }
            // The line that was last went on: what was read of it then is not what it says now.
            trail.observe(&after);
            trail.hash_to(target + 1);
            if let Some(kept) = &mut kept {
                kept.extend(after);
            }
            last_lost = Some(id);
            candidates.retain(|candidate| candidate.next_bytes().is_some_and(|next| next > target));
        }
    }
}

/// Reads up to an offset, or to the end of the stream.
fn read_to(reader: &mut impl Read, target: u64, trail: &mut Trail, kept: &mut Option<Vec<u8>>) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    while trail.hashed < target {
        let want = usize::try_from(target - trail.hashed).unwrap_or(usize::MAX).min(READ_BYTES);
        let read = match reader.read(buffer.get_mut(..want).unwrap_or_default()) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buffer.get(..read).unwrap_or(&[]);
        trail.observe(bytes);
        trail.hash_to(trail.hashed + read as u64);
        if let Some(all) = kept {
            all.extend_from_slice(bytes);
            if all.len() > KEPT_BYTES_MAX {
                *kept = None;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(bytes: &[u8]) -> DocumentRecord {
        let mut trail = Trail::default();
        trail.observe(bytes);
        DocumentRecord {
            bytes: bytes.len() as u64,
            terminated: bytes.ends_with(b"\n"),
            checkpoints: trail.checkpoints_at(bytes.len() as u64),
            ..DocumentRecord::default()
        }
    }

    #[test]
    fn a_document_has_the_same_checkpoints_whatever_pieces_it_is_read_in() {
        let mut random = crate::generate::numbers(17);
        let words = [b"a".as_slice(), b"longer line", b"\n", b"\n\n", b"\r\n", &[b'x'; 3_000]];
        for _ in 0..200 {
            let stream = (0..1 + random(60)).flat_map(|_| words[random(words.len())]).copied().collect::<Vec<u8>>();
            let whole_lines = stream.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let mut trail = Trail::default();
            let mut rest = stream.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(1 + random(5_000)));
                trail.observe(piece);
                rest = after;
            }
            for end in [whole_lines, stream.len()] {
                assert_eq!(trail.checkpoints_at(end as u64), document(&stream[..end]).checkpoints, "{end} bytes of {stream:?}");
            }
        }
    }

    fn recognised(stream: &[u8], known: &[&[u8]]) -> String {
        let document = |(bytes, id): (&&[u8], u32)| Known { id: DeliveryId(id), document: document(bytes), retracted: false };
        let known = known.iter().zip(1..).map(document).collect();
        let mut reader = stream;
        match recognise(&mut reader, known).unwrap() {
            Recognised::New { read } => {
                assert!(stream.starts_with(&read));
                assert_eq!(read.len() + reader.len(), stream.len());
                "new".to_owned()
            }
            Recognised::Known { id, read, .. } => format!("known {} + {}", id.0, read.len() + reader.len()),
            Recognised::Changed { id, .. } => format!("changed {}", id.0),
        }
    }

    #[test]
    fn a_document_is_known_by_its_whole_content() {
        let long: Vec<u8> = (0..200_000_u32).flat_map(|i| format!("line {i}\n").into_bytes()).collect();
        let mut edited = long.clone();
        let middle = edited.len() / 2;
        edited[middle] ^= 1;
        let grown = [long.as_slice(), b"more\n"].concat();
        let cut = &long[..long.len() - 3];
        assert_eq!(recognised(&long, &[]), "new");
        assert_eq!(recognised(&long, &[&long]), "known 1 + 0");
        assert_eq!(recognised(&grown, &[b"other\n", &long]), "known 2 + 5");
        assert_eq!(recognised(&edited, &[&long]), "new");
        assert_eq!(recognised(&long[..1000], &[&long]), "new");
        assert_eq!(recognised(&long, &[cut]), "new", "the last line went on");
        assert_eq!(recognised(b"a\nb\n", &[b"a\nb"]), "known 1 + 1");
        assert_eq!(recognised(b"a\nbc\n", &[b"a\nb"]), "new");
        assert_eq!(recognised(b"a\nbc\n", &[b"a\nb", b"a\nbc\n"]), "known 2 + 0");
        assert_eq!(recognised(b"", &[b"a\n"]), "new");
    }
}
