//! Brings downloaders of a day into the live overlay: their stored rows, what the views say, and who was there before midnight.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::numbers;
use super::publish::damaged;
use super::seen::Seen;
use crate::block::{BodyRows, Merge, Wanted};
use crate::model::{DAY_MS, Day, DownloaderKey, FETCH_GAP_MS, Method, Renames, RepoNumber, Row, Words};
use crate::rollup::{Counting, Edge, Live, Numbering, RepoDay, TAIL_MS, find_edges};
use crate::store::{self, DayQuestion, Read, RepoChoice, StoreError, ViewStateRecord};

/// The rows of a group of pushes by day, under the names by which they are read.
pub type ReadDays<'r> = BTreeMap<Day, Cow<'r, BodyRows>>;

/// Rows under the names by which they are read.
pub fn as_read<'r>(days: &'r BTreeMap<Day, BodyRows>, renames: &Renames) -> ReadDays<'r> {
    let under_names = |rows: &'r BodyRows| match renames.is_empty() {
        true => Cow::Borrowed(rows),
        false => rows.read_as(|row| renames.read_as(row.repo, row.time)),
    };
    days.iter().map(|(day, rows)| (*day, under_names(rows))).collect()
}

/// Downloaders of repos on days.
pub struct Touched(Vec<(Day, RepoNumber, DownloaderKey)>);

impl Touched {
    /// What the overlay must hold before some rows can be counted in it.
    pub fn by(days: &ReadDays<'_>) -> Touched {
        let mut touched = Vec::new();
        for (day, rows) in days {
            for of_one in rows.of_downloaders() {
                touched.push((*day, of_one.repo, of_one.downloader));
                // A POST of git can make one that comes after it count.
                let reach = |row: &Row| if row.method == Method::Post { TAIL_MS + FETCH_GAP_MS } else { TAIL_MS };
                if of_one.rows.iter().any(|row| i64::from(row.time.ms_of_day()) >= DAY_MS - reach(row)) {
                    touched.push((day.next(), of_one.repo, of_one.downloader));
                }
            }
        }
        Touched(touched)
    }

    /// Leaves what the overlay does not hold, in the order of days and repos.
    pub fn without(&mut self, live: &Live) {
        self.0.retain(|(day, repo, downloader)| !live.has(*day, *repo, *downloader));
        // They come so but for those of the days after.
        self.0.sort_by_key(|(day, repo, _)| (*day, *repo));
    }
}

/// What the views hold of a repo on a day, and its last events of the day before.
type Base = (RepoDay, Vec<Edge>);

/// What is stored of a repo on a day, ready to be loaded.
pub struct Loaded {
    day: Day,
    repo: RepoNumber,
    /// `None` where the overlay has the repo on that day.
    base: Option<Base>,
    /// Rows of the downloaders that are missing; in place of a path's name they have its kind.
    rows: Vec<Row>,
    /// The texts of the rows, shared with other repos of the day.
    words: Arc<Words>,
}

/// Reads what is stored of missing downloaders: of the rows every block once at most, and none where nobody was seen before.
/// Rows of documents that are not published yet are not there.
pub fn read_missing(
    txn: &impl Read,
    missing: &Touched,
    live: &Live,
    seen: &mut Seen,
    renames: &Arc<Renames>,
) -> Result<Vec<Loaded>, StoreError> {
    let mut loaded = Vec::new();
    seen.begin();
    for of_day in missing.0.chunk_by(|a, b| a.0 == b.0) {
        let Some((day, ..)) = of_day.first().copied() else { continue };
        seen.read(txn, day, renames)?;
        let known = of_day.iter().filter(|(day, repo, downloader)| seen.may_hold(*day, *repo, *downloader));
        let known: Known = known.map(|(_, repo, downloader)| (*repo, *downloader)).collect();
        let (mut rows, words) = read_rows(txn, day, &known, renames)?;
        let mut repos: Vec<RepoNumber> = of_day.iter().map(|(_, repo, _)| *repo).collect();
        repos.dedup();
        let new = repos.iter().filter(|repo| live.repo(day, **repo).is_none()).copied().collect();
        let mut bases = read_bases(txn, day, &new)?;
        for repo in repos {
            let (base, rows) = (bases.remove(&repo), rows.remove(&repo).unwrap_or_default());
            if base.is_some() || !rows.is_empty() {
                loaded.push(Loaded { day, repo, base, rows, words: Arc::clone(&words) });
            }
        }
    }
    Ok(loaded)
}

type Known = HashSet<(RepoNumber, DownloaderKey), FixedState>;

type RowsByRepo = BTreeMap<RepoNumber, Vec<Row>>;

/// The stored rows of downloaders of repos on a day, with their texts.
fn read_rows(txn: &impl Read, day: Day, known: &Known, renames: &Arc<Renames>) -> Result<(RowsByRepo, Arc<Words>), StoreError> {
    let mut rows = RowsByRepo::new();
    if known.is_empty() {
        return Ok((rows, Arc::default()));
    }
    let repos = RepoChoice::These(Arc::new(known.iter().map(|(repo, _)| *repo).collect()));
    let sought = Some(Arc::new(known.iter().map(|(repo, downloader)| (*repo, downloader.who)).collect()));
    let question = DayQuestion { day, repos, sought, renames: Arc::clone(renames), wanted: Wanted::Counting };
    let manifest = store::manifest(txn, day)?;
    let published = manifest.segments.into_iter().filter(|segment| segment.unpublished.is_none());
    let inputs = store::day_rows(txn, &question, published)?.into_iter().map(|(_, blocks)| {
        blocks.map(|block| {
            block.map(|mut block| {
                block.rows.retain(|row| known.contains(&(row.repo, row.downloader())));
                block
            })
        })
    });
    let mut merge = Merge::new(inputs)?;
    while let Some((_, row)) = merge.next_row()? {
        rows.entry(row.repo).or_default().push(row);
    }
    Ok((rows, Arc::new(merge.words().clone())))
}

/// What the overlay must know of some repos on a day that it does not have; every chunk of the day's view is read once at
/// most.
fn read_bases(txn: &impl Read, day: Day, repos: &BTreeSet<RepoNumber>) -> Result<BTreeMap<RepoNumber, Base>, StoreError> {
    let mut bases = BTreeMap::new();
    if repos.is_empty() {
        return Ok(bases);
    }
    let before = day.previous();
    let tail = match store::day_view(txn, before)? {
        Some(view) if view.tail_bytes > 0 => store::read_tail(txn, before, &view)?,
        _ => Vec::new(),
    };
    for repo in repos {
        let edges = find_edges(before, &tail, *repo).map_err(|error| damaged("day_tails", before, error))?;
        bases.insert(*repo, (RepoDay::default(), edges));
    }
    let Some(view) = store::day_view(txn, day)? else { return Ok(bases) };
    store::for_entries_of(txn, day, &view, repos, |entry| {
        if let Some((stored, _)) = bases.get_mut(&entry.repo) {
            *stored = entry.day;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(bases)
}

/// The numbers of downloaders that the overlay does not know yet.
pub fn find_numbers<'a>(
    txn: &impl Read,
    views: &ViewStateRecord,
    live: &Live,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<Numbering, StoreError> {
    let mut last = None;
    // Rows of one downloader follow each other.
    let different = rows.map(Row::downloader).filter(|key| last.replace(*key) != Some(*key));
    let unknown = different.filter(|key| !live.knows(*key)).collect();
    let mut numbering = Numbering::wanting(unknown);
    numbers::join_runs(txn, views, &mut numbering)?;
    Ok(numbering)
}

/// Puts what was read into the overlay. Days before days, so that each finds the one before it.
pub fn load(live: &mut Live, loaded: &[Loaded], counting: &Counting) {
    for part in loaded {
        if let Some((stored, tails)) = &part.base {
            live.load((part.day, part.repo), *stored, tails);
        }
        live.adopt((part.day, part.repo), &part.rows, &part.words, counting);
    }
}
