//! Brings repos of a day into the live overlay: their stored rows, and who was there before midnight.

use std::collections::BTreeSet;

use crate::block::{Merge, Wanted};
use crate::model::{DAY_MS, Day, DownloaderHash, FETCH_GAP_MS, Method, RepoNumber, Row};
use crate::rollup::{Counting, DictionaryChunk, DownloaderNumber, Edge, Live, Numbering, TAIL_MS, find_edges};
use crate::store::{self, BlockIter, Read, StoreError, ViewStateRecord};

/// A repo on a day.
pub type RepoOnDay = (Day, RepoNumber);

/// What the overlay must hold before some rows can be counted in it.
pub fn touched_by(rows: &[Row]) -> BTreeSet<RepoOnDay> {
    let mut touched = BTreeSet::new();
    for row in rows {
        let day = row.time.day();
        touched.insert((day, row.repo));
        // A POST of git can make one that comes after it count.
        let reach = if row.method == Method::Post { TAIL_MS + FETCH_GAP_MS } else { TAIL_MS };
        if i64::from(row.time.ms_of_day()) >= DAY_MS - reach {
            touched.insert((day.next(), row.repo));
        }
    }
    touched
}

/// Stored rows of a repo on a day, ready to be loaded.
pub struct Loaded {
    pub day: Day,
    pub repo: RepoNumber,
    pub rows: Vec<Row>,
    pub tails: Vec<Edge>,
}

/// Reads what is stored of a repo on a day. Rows of documents that are not published yet are not there.
pub fn read_repo_on_day(txn: &impl Read, (day, repo): RepoOnDay) -> Result<Loaded, StoreError> {
    let manifest = store::manifest(txn, day)?;
    let segments = manifest.segments.into_iter().filter(|segment| segment.unpublished.is_none());
    let mut merge = Merge::new(segments.map(|segment| BlockIter::of_repo(txn, day, segment, repo, Wanted::Identity)))?;
    let mut rows = Vec::new();
    while let Some((_, row)) = merge.next_row()? {
        rows.push(row);
    }
    let before = day.previous();
    let tails = match store::day_view(txn, before)? {
        Some(view) if view.tail_bytes > 0 => {
            let bytes = store::read_tail(txn, before, &view)?;
            find_edges(before, &bytes, repo).map_err(|error| StoreError::Damaged {
                table: "day_tails",
                key: before.to_string(),
                why: error.to_string(),
            })?
        }
        _ => Vec::new(),
    };
    Ok(Loaded { day, repo, rows, tails })
}

/// The numbers of downloaders that the overlay does not know yet. Each chunk of the dictionary is read once at most: a
/// repo may bring a million downloaders along.
pub fn find_numbers<'a>(
    txn: &impl Read,
    views: &ViewStateRecord,
    live: &Live,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<Vec<(DownloaderHash, Option<DownloaderNumber>)>, StoreError> {
    let unknown = rows.map(Row::downloader).filter(|hash| !live.knows(*hash)).collect();
    let mut numbering = Numbering::wanting(unknown);
    for run in &views.runs {
        for (at, (first, last, _)) in run.chunks.iter().enumerate() {
            if !numbering.wants_within(DownloaderHash(*first), DownloaderHash(*last)) {
                continue;
            }
            let bytes = store::read_run_chunk(txn, run, at)?;
            let chunk = DictionaryChunk::new(&bytes).map_err(|error| StoreError::Damaged {
                table: "dictionary",
                key: run.id.to_string(),
                why: error.to_string(),
            })?;
            numbering.join(chunk);
        }
    }
    Ok(numbering.found())
}

/// Puts what was read into the overlay. Days before days, so that each finds the one before it.
pub fn load(live: &mut Live, loaded: &[Loaded], counting: &Counting) {
    for part in loaded {
        live.load(part.day, part.repo, &part.rows, &part.tails, counting);
    }
}
