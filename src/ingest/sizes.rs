//! The pieces that work is done in.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::commit::BESIDE_MIN;
use super::engine::Engine;
use super::histories::BUNDLE_CHANGES;
use super::merging::MERGE_BESIDE_MIN;
use super::names::NAMES_OF_LOG_MAX;
use super::numbers::SHARE_MIN;
use super::parts::PART_ROWS;
use crate::parse::CHUNK_BYTES;

/// Rows that are sorted and committed together.
const COMMIT_ROWS: usize = 220_000;

/// The sizes of pieces.
pub(super) struct PieceSizes {
    pub chunk_bytes: AtomicUsize,
    pub commit_rows: AtomicUsize,
    /// Names that are remembered before they begin anew.
    pub names_max: AtomicUsize,
    /// Rows of a day that are folded by one thread.
    pub part_rows: AtomicUsize,
    /// Downloaders whose numbers, or stored events, are looked for by one thread, at least.
    pub share_min: AtomicUsize,
    /// Changed days of repos that are written together.
    pub bundle_changes: AtomicUsize,
    /// Pushed rows that are encoded beside what is read for them, at least.
    pub beside_min: AtomicUsize,
    /// Rows of pushed segments that are merged beside the writer, at least.
    pub merge_beside_min: AtomicUsize,
}

impl Default for PieceSizes {
    fn default() -> PieceSizes {
        PieceSizes {
            chunk_bytes: CHUNK_BYTES.into(),
            commit_rows: COMMIT_ROWS.into(),
            names_max: NAMES_OF_LOG_MAX.into(),
            part_rows: PART_ROWS.into(),
            share_min: SHARE_MIN.into(),
            bundle_changes: BUNDLE_CHANGES.into(),
            beside_min: BESIDE_MIN.into(),
            merge_beside_min: MERGE_BESIDE_MIN.into(),
        }
    }
}

impl Engine {
    /// Sets the pieces in which documents are read, committed, folded, numbered and written, from how many rows on pushes are
    /// encoded and merged on threads of their own, and after how many names they, bodies and followed logs begin anew: for
    /// tests, which are too short to see a second one.
    pub fn cut_imports(&self, chunk_bytes: usize, commit_rows: usize) {
        let sizes = &self.shared.sizes;
        let PieceSizes { chunk_bytes: of_chunk, commit_rows: of_commit, names_max, part_rows, share_min, bundle_changes, .. } =
            sizes;
        of_chunk.store(chunk_bytes, Ordering::Release);
        let others = [of_commit, names_max, part_rows, share_min, bundle_changes, &sizes.beside_min, &sizes.merge_beside_min];
        others.into_iter().for_each(|size| size.store(commit_rows, Ordering::Release));
    }
}
