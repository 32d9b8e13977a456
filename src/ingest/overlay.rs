//! Brings downloaders of a day into the live overlay: their stored rows, what the views say, and who was there before midnight.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZero;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use foldhash::fast::FixedState;

use super::error::EngineError;
use super::publish::damaged;
use super::seen::{Seen, Sighting};
use crate::block::{BodyRows, Merge, OfDownloader, Wanted};
use crate::model::{DAY_MS, Day, DownloaderKey, FETCH_GAP_MS, Method, Millis, Renames, RepoNumber, Row, Words};
use crate::rollup::{Counting, Edge, Held, Live, LiveRepo, RepoDay, TAIL_MS, find_edges};
use crate::sessionize::starts_session;
use crate::store::{self, DayQuestion, Read, ReadTxn, RepoChoice, SegmentRecord, StoreError};

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

/// A downloader of a repo on a day, of whom events come.
#[derive(Clone, Copy)]
struct Touch {
    day: Day,
    repo: RepoNumber,
    downloader: DownloaderKey,
    /// The first of them. `None` where they lie on the day before, and all of this day matter.
    first: Option<Millis>,
}

impl Touch {
    /// Whether what comes begins a session of its own after a stored event, whatever was before that.
    fn resumes(&self, after: Millis) -> bool {
        self.first.is_some_and(|first| starts_session(Some(after), first))
    }

    /// Whether the overlay has what it needs of the downloader.
    fn is_held(&self, live: Option<&LiveRepo>) -> bool {
        match live.map_or(Held::Nothing, |live| live.held(self.downloader)) {
            Held::Nothing => false,
            Held::All => true,
            Held::After(after) => self.resumes(after),
        }
    }
}

/// Downloaders of repos on days.
pub struct Touched(Vec<Touch>);

impl Touched {
    /// What the overlay must hold before some rows can be counted in it, and does not, in the order of days and repos.
    pub fn missing(days: &ReadDays<'_>, live: &Live) -> Touched {
        let mut touched = Vec::new();
        for (day, rows) in days {
            let day = *day;
            for of_repo in rows.of_repos() {
                let repo = of_repo.repo;
                let (here, next) = (live.repo(day, repo), live.repo(day.next(), repo));
                for OfDownloader { downloader, rows, .. } in of_repo.of_downloaders() {
                    let mut add = |day: Day, live: Option<&LiveRepo>, first: Option<Millis>| {
                        let touch = Touch { day, repo, downloader, first };
                        touched.extend((!touch.is_held(live)).then_some(touch));
                    };
                    add(day, here, rows.first().map(|row| row.time));
                    // A POST of git can make one that comes after it count.
                    let reach = |row: &Row| if row.method == Method::Post { TAIL_MS + FETCH_GAP_MS } else { TAIL_MS };
                    if rows.iter().any(|row| i64::from(row.time.ms_of_day()) >= DAY_MS - reach(row)) {
                        add(day.next(), next, None);
                    }
                }
            }
        }
        // They come so but for those of the days after.
        touched.sort_by_key(|touch| (touch.day, touch.repo));
        Touched(touched)
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
    /// Downloaders whose rows can stay where they are, and the last of these.
    resumed: Vec<(DownloaderKey, Millis)>,
    /// Rows of the other downloaders that are missing; in place of a path's name they have its kind.
    rows: Vec<Row>,
    /// The texts of the rows, shared with other repos of the day.
    words: Arc<Words>,
}

/// Reads what is stored of missing downloaders: of the rows every block once at most, and none where nobody was seen before
/// but those whose events begin a session anyway. Rows of documents that are not published yet are not there.
pub fn read_missing(
    txn: &impl Read,
    missing: &Touched,
    live: &Live,
    seen: &mut Seen,
    counting: &Counting,
) -> Result<Vec<Loaded>, StoreError> {
    let mut loaded = Vec::new();
    seen.begin();
    for of_day in missing.0.chunk_by(|a, b| a.day == b.day) {
        let Some(day) = of_day.first().map(|touch| touch.day) else { continue };
        seen.read(txn, day, counting)?;
        let (mut known, mut resumed) = (Known::default(), Resumed::new());
        for touch in of_day {
            let is_new = || live.held(day, touch.repo, touch.downloader) == Held::Nothing;
            match seen.sighting(day, touch.repo, touch.downloader) {
                Sighting::Never => {}
                Sighting::Counted(last) if touch.resumes(last) && is_new() => {
                    resumed.entry(touch.repo).or_default().push((touch.downloader, last));
                }
                Sighting::Counted(_) | Sighting::Possible => drop(known.insert((touch.repo, touch.downloader))),
            }
        }
        let all = Stored { since: &BTreeSet::new(), rows_max: usize::MAX, counting };
        loaded.extend(read_day(txn, of_day, live, &known, resumed, &all)?.into_iter().flatten());
    }
    Ok(loaded)
}

/// Which stored rows are read.
pub struct Stored<'s> {
    /// Segments that are left out, since they came after the views.
    pub since: &'s BTreeSet<u64>,
    /// So many at most.
    pub rows_max: usize,
    pub counting: &'s Counting,
}

/// The same where nothing is known of who was seen, on all cores, each with `share_min` downloaders at least. `None` if there
/// are more rows than are to be read.
pub fn read_all_missing(
    txn: &ReadTxn,
    missing: &Touched,
    live: &Live,
    stored: &Stored<'_>,
    share_min: usize,
) -> Result<Option<Vec<Loaded>>, EngineError> {
    let (snapshot, cores) = (txn.snapshot(), std::thread::available_parallelism().map_or(1, NonZero::get));
    let mut loaded = Vec::new();
    for of_day in missing.0.chunk_by(|a, b| a.day == b.day) {
        let shares = by_repos(of_day, cores.min(of_day.len() / share_min.max(1)).max(1));
        let of_share = &Stored { rows_max: stored.rows_max / shares.len().max(1), ..*stored };
        let read = &|share: &[Touch]| {
            let known = share.iter().map(|touch| (touch.repo, touch.downloader)).collect();
            read_day(&snapshot.read(), share, live, &known, Resumed::new(), of_share)
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let (own, others) = shares.split_first().unwrap_or((&of_day, &[]));
            let started: Vec<_> = others.iter().map(|share| scope.spawn(move || read(share))).collect();
            std::iter::once(Ok(read(own))).chain(started.into_iter().map(ScopedJoinHandle::join)).collect()
        });
        for part in parts {
            let panicked = |_| EngineError::Broken("reading who came again ended in a panic".to_owned());
            let Some(part) = part.map_err(panicked)?? else { return Ok(None) };
            loaded.extend(part);
        }
    }
    Ok(Some(loaded))
}

/// What is touched on a day in so many shares, each repo in one of them.
fn by_repos(of_day: &[Touch], count: usize) -> Vec<&[Touch]> {
    let (mut shares, mut rest) = (Vec::new(), of_day);
    let last = of_day.len().div_ceil(count).saturating_sub(1);
    while let Some(last) = rest.get(last).or(rest.last()) {
        let (share, behind) = rest.split_at(rest.partition_point(|touch| touch.repo <= last.repo));
        shares.push(share);
        rest = behind;
    }
    shares
}

/// Downloaders by repo whose rows can stay where they are, and the last of these.
type Resumed = BTreeMap<RepoNumber, Vec<(DownloaderKey, Millis)>>;

/// Reads what is missing of a day, with the rows of those who are known there; `None` if these are too many.
fn read_day(
    txn: &impl Read,
    of_day: &[Touch],
    live: &Live,
    known: &Known,
    mut resumed: Resumed,
    stored: &Stored<'_>,
) -> Result<Option<Vec<Loaded>>, StoreError> {
    let Some(day) = of_day.first().map(|touch| touch.day) else { return Ok(Some(Vec::new())) };
    let Some((mut rows, words)) = read_rows(txn, day, known, stored)? else { return Ok(None) };
    let mut repos: Vec<RepoNumber> = of_day.iter().map(|touch| touch.repo).collect();
    repos.dedup();
    let new = repos.iter().filter(|repo| live.repo(day, **repo).is_none()).copied().collect();
    let mut bases = read_bases(txn, day, &new)?;
    let mut loaded = Vec::new();
    for repo in repos {
        let (base, rows) = (bases.remove(&repo), rows.remove(&repo).unwrap_or_default());
        let resumed = resumed.remove(&repo).unwrap_or_default();
        if base.is_some() || !rows.is_empty() || !resumed.is_empty() {
            loaded.push(Loaded { day, repo, base, resumed, rows, words: Arc::clone(&words) });
        }
    }
    Ok(Some(loaded))
}

type Known = HashSet<(RepoNumber, DownloaderKey), FixedState>;

type RowsByRepo = BTreeMap<RepoNumber, Vec<Row>>;

/// The stored rows of downloaders of repos on a day, with their texts; `None` if they are too many.
fn read_rows(
    txn: &impl Read,
    day: Day,
    known: &Known,
    stored: &Stored<'_>,
) -> Result<Option<(RowsByRepo, Arc<Words>)>, StoreError> {
    let mut rows = RowsByRepo::new();
    if known.is_empty() {
        return Ok(Some((rows, Arc::default())));
    }
    let repos = RepoChoice::These(Arc::new(known.iter().map(|(repo, _)| *repo).collect()));
    let sought = Some(Arc::new(known.iter().map(|(repo, downloader)| (*repo, downloader.who)).collect()));
    let renames = Arc::clone(stored.counting.renames());
    let question = DayQuestion { day, repos, sought, renames, wanted: Wanted::Counting };
    let manifest = store::manifest(txn, day)?;
    let is_counted = |segment: &SegmentRecord| segment.unpublished.is_none() && !stored.since.contains(&segment.id);
    let counted = manifest.segments.into_iter().filter(is_counted);
    let inputs = store::day_rows(txn, &question, counted)?.into_iter().map(|(_, blocks)| {
        blocks.map(|block| {
            block.map(|mut block| {
                block.rows.retain(|row| known.contains(&(row.repo, row.downloader())));
                block
            })
        })
    });
    let mut merge = Merge::new(inputs)?;
    let mut read = 0;
    while let Some((_, row)) = merge.next_row()? {
        read += 1;
        if read > stored.rows_max {
            return Ok(None);
        }
        rows.entry(row.repo).or_default().push(row);
    }
    Ok(Some((rows, Arc::new(merge.words().clone()))))
}

/// What the overlay must know of some repos on a day that it does not have; every chunk of the day's view is read once at
/// most.
fn read_bases(txn: &impl Read, day: Day, repos: &BTreeSet<RepoNumber>) -> Result<BTreeMap<RepoNumber, Base>, StoreError> {
    let mut bases = BTreeMap::new();
    if repos.is_empty() {
        return Ok(bases);
    }
    let before = day.previous();
    let tail = store::read_tail(txn, before)?;
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

/// Puts what was read into the overlay. Days before days, so that each finds the one before it.
pub fn load(live: &mut Live, loaded: &[Loaded], counting: &Counting) {
    for part in loaded {
        if let Some((stored, tails)) = &part.base {
            live.load((part.day, part.repo), *stored, tails);
        }
        for (downloader, after) in &part.resumed {
            live.resume((part.day, part.repo), *downloader, *after);
        }
        live.adopt((part.day, part.repo), &part.rows, &part.words, counting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Who;

    #[test]
    fn shares_are_of_whole_repos_and_hold_everybody_once() {
        let downloader = DownloaderKey::of(Who(1), false, crate::model::AgentHash(0));
        let touch = |repo: u32| Touch { day: Day(20_000), repo: RepoNumber(repo), downloader, first: None };
        for (repos, shared) in [
            (vec![], vec![]),
            (vec![7], vec![1]),
            (vec![1, 2, 3, 4], vec![2, 2]),
            (vec![1, 1, 1, 2, 3], vec![3, 2]),
            (vec![1, 2, 2, 2, 2], vec![5]),
            (vec![1, 2, 3, 3, 4, 5, 6], vec![4, 3]),
        ] {
            let touched: Vec<Touch> = repos.iter().map(|repo| touch(*repo)).collect();
            let shares = by_repos(&touched, 2);
            assert_eq!(shares.iter().map(|share| share.len()).collect::<Vec<_>>(), shared, "{repos:?}");
            assert_eq!(shares.concat().iter().map(|touch| touch.repo.0).collect::<Vec<_>>(), repos);
        }
    }
}
