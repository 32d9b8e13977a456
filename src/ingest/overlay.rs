//! Brings repos of a day into the live overlay: their stored rows, and who was there before midnight.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::numbers;
use crate::block::{Merge, Wanted};
use crate::model::{DAY_MS, Day, FETCH_GAP_MS, Method, Renames, RepoNumber, Row, Words};
use crate::rollup::{Counting, Edge, Live, Numbering, TAIL_MS, find_edges};
use crate::store::{self, DayQuestion, Read, StoreError, ViewStateRecord};

/// A repo on a day.
pub type RepoOnDay = (Day, RepoNumber);

/// Rows in stored order under the names by which they are read.
pub fn as_read<'a>(rows: &'a [Row], renames: &Renames) -> Cow<'a, [Row]> {
    let moved = |row: &Row| renames.read_as(row.repo, row.time);
    if renames.is_empty() || rows.iter().all(|row| moved(row) == row.repo) {
        return Cow::Borrowed(rows);
    }
    let mut rows: Vec<Row> = rows.iter().map(|row| Row { repo: moved(row), ..*row }).collect();
    rows.sort_unstable_by(Row::cmp_stored);
    Cow::Owned(rows)
}

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
    /// The texts of the rows, shared with other repos of the day.
    pub words: Arc<Words>,
    pub tails: Vec<Edge>,
}

/// Reads what is stored of some repos on some days: every block once, however many repos it holds. Rows of documents that
/// are not published yet are not there.
pub fn read_repos(
    txn: &impl Read,
    missing: impl IntoIterator<Item = RepoOnDay>,
    renames: &Arc<Renames>,
) -> Result<Vec<Loaded>, StoreError> {
    let mut days: BTreeMap<Day, BTreeSet<RepoNumber>> = BTreeMap::new();
    for (day, repo) in missing {
        days.entry(day).or_default().insert(repo);
    }
    let mut loaded = Vec::new();
    for (day, repos) in days {
        read_repos_on(txn, day, repos, renames, &mut loaded)?;
    }
    Ok(loaded)
}

fn read_repos_on(
    txn: &impl Read,
    day: Day,
    repos: BTreeSet<RepoNumber>,
    renames: &Arc<Renames>,
    loaded: &mut Vec<Loaded>,
) -> Result<(), StoreError> {
    let manifest = store::manifest(txn, day)?;
    let repos = Arc::new(repos);
    let published = manifest.segments.into_iter().filter(|segment| segment.unpublished.is_none());
    let question = DayQuestion { day, repos: Some(Arc::clone(&repos)), renames: Arc::clone(renames), wanted: Wanted::All };
    let inputs = store::day_rows(txn, &question, published)?;
    let mut merge = Merge::new(inputs.into_iter().map(|(_, rows)| rows))?;
    let mut rows: BTreeMap<RepoNumber, Vec<Row>> = BTreeMap::new();
    while let Some((_, row)) = merge.next_row()? {
        rows.entry(row.repo).or_default().push(row);
    }
    let words = Arc::new(merge.words().clone());
    let before = day.previous();
    let tail = match store::day_view(txn, before)? {
        Some(view) if view.tail_bytes > 0 => store::read_tail(txn, before, &view)?,
        _ => Vec::new(),
    };
    for repo in repos.iter() {
        let tails = find_edges(before, &tail, *repo).map_err(|error| StoreError::Damaged {
            table: "day_tails",
            key: before.to_string(),
            why: error.to_string(),
        })?;
        loaded.push(Loaded { day, repo: *repo, rows: rows.remove(repo).unwrap_or_default(), words: Arc::clone(&words), tails });
    }
    Ok(())
}

/// The numbers of downloaders that the overlay does not know yet.
pub fn find_numbers<'a>(
    txn: &impl Read,
    views: &ViewStateRecord,
    live: &Live,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<Numbering, StoreError> {
    let unknown = rows.map(Row::downloader).filter(|key| !live.knows(*key)).collect();
    let mut numbering = Numbering::wanting(unknown);
    numbers::join_runs(txn, views, &mut numbering)?;
    Ok(numbering)
}

/// Puts what was read into the overlay. Days before days, so that each finds the one before it.
pub fn load(live: &mut Live, loaded: &[Loaded], counting: &Counting) {
    for part in loaded {
        live.load((part.day, part.repo), &part.rows, &part.words, &part.tails, counting);
    }
}
