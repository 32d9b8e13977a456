//! The live overlay: what the stored views do not know yet, held so that every event is counted at once.
//!
//! A repo on a day is either in the overlay with **all** its events, and then the overlay's counts replace the stored
//! ones, or it is not, and then the stored ones are right. At every moment the overlay equals what a fold of the same
//! events would give; the property tests hold it to that.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::counting::{Counting, DownloaderDay};
use super::facet::{Client, Facet, FacetBook, Place};
use super::facet_chunk::FacetCount;
use super::numbering::{Found, Kin};
use super::repo_day::RepoDay;
use super::set::DownloaderNumber;
use super::tail::{Edge, TAIL_MS};
use crate::block::{for_events, join_sorted};
use crate::classify::FileKind;
use crate::model::{DAY_MS, Day, DayCounts, DownloaderKey, Downloads, Files, Millis, RepoNumber, Row, Uniques, Word, Words};
use crate::sessionize::{DayVisits, KindFiles};

type FastMap<K, V> = HashMap<K, V, FixedState>;

/// How many lines of a delivery brought something new, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub accepted: u64,
    pub repeated: u64,
}

/// One downloader on one repo and day.
#[derive(Default)]
struct LiveDownloader {
    rows: Vec<Row>,
    visits: DayVisits,
    /// What the sessions that start on the day take from their first events.
    sessions: Vec<Facet>,
    evidence: bool,
    counted: bool,
}

/// What rows are counted with: their texts, and the places and clients of all sessions.
#[derive(Default)]
struct Texts {
    words: Words,
    book: FacetBook,
}

impl Texts {
    /// Rows with texts of another list, as rows with texts of this one. Of paths only the kind is kept.
    fn own(&mut self, rows: &[Row], theirs: &Words) -> Vec<Row> {
        let mut known: FastMap<Word, Word> = FastMap::default();
        let mut kinds: FastMap<Word, Word> = FastMap::default();
        let words = &mut self.words;
        let mut own = |row: &Row| {
            let mut text = |word| *known.entry(word).or_insert_with(|| words.number(theirs.text(word)));
            let (region, agent_note) = (text(row.region), text(row.agent_note));
            let path_name = *kinds.entry(row.path_name).or_insert_with(|| match row.path_name {
                Word::UNKNOWN => Word::UNKNOWN,
                name => words.number(FileKind::of(&String::from_utf8_lossy(theirs.text(name))).word().as_bytes()),
            });
            Row { region, agent_note, path_name, ..*row }
        };
        rows.iter().map(&mut own).collect()
    }
}

/// One repo on one day, with all its events.
#[derive(Default)]
pub struct LiveRepo {
    downloaders: FastMap<DownloaderKey, LiveDownloader>,
    /// Last counted events of the day before, as far as a session could reach over midnight.
    previous: FastMap<DownloaderKey, Millis>,
    counts: DayCounts,
    kinds: KindFiles,
    facets: BTreeMap<Facet, u64>,
    uniques: u64,
    with_evidence: u64,
    /// What the views hold in its place.
    stored: RepoDay,
    /// Whether somebody who counted counts no more.
    lost: bool,
}

impl LiveRepo {
    /// The counts of the day.
    #[must_use]
    pub fn day(&self) -> RepoDay {
        RepoDay { counts: self.counts, uniques: Uniques(self.uniques), evidence: self.with_evidence > 0 }
    }

    /// The counts that the views hold of it, and that these replace.
    #[must_use]
    pub fn stored(&self) -> RepoDay {
        self.stored
    }

    /// Whether the views may hold a downloader of it who counts no more.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Files by kind.
    #[must_use]
    pub fn kinds(&self) -> KindFiles {
        self.kinds
    }

    /// Sessions by what they take from their first event, as numbers of the overlay's places and clients.
    pub fn facets(&self) -> impl Iterator<Item = FacetCount> {
        self.facets.iter().map(|(facet, downloads)| (*facet, Downloads(*downloads)))
    }

    /// Downloaders with a counted event.
    pub fn downloaders(&self) -> impl Iterator<Item = DownloaderKey> {
        self.downloaders.iter().filter(|(_, downloader)| downloader.counted).map(|(hash, _)| *hash)
    }

    /// Joins rows into a downloader's and counts it anew; gives its last counted events before and after.
    fn join(
        &mut self,
        hash: DownloaderKey,
        rows: &[Row],
        counting: &Counting,
        texts: &mut Texts,
    ) -> (Option<Millis>, Option<Millis>, Applied) {
        let downloader = self.downloaders.entry(hash).or_default();
        let before = happened(&downloader.rows, &texts.words);
        join_sorted(&mut downloader.rows, rows, &texts.words);
        let accepted = happened(&downloader.rows, &texts.words) - before;
        let brought: u64 = rows.iter().map(|row| u64::from(row.count)).sum();
        let last_before = downloader.visits.last;
        self.count(hash, counting, texts);
        let last = self.downloaders.get(&hash).and_then(|downloader| downloader.visits.last);
        (last_before, last, Applied { accepted, repeated: brought.saturating_sub(accepted) })
    }

    /// Replaces what a downloader adds to the sums by what its rows say now.
    fn count(&mut self, hash: DownloaderKey, counting: &Counting, texts: &mut Texts) {
        let previous = self.previous.get(&hash).copied();
        let Some(downloader) = self.downloaders.get_mut(&hash) else { return };
        let user = downloader.rows.first().is_some_and(|row| row.user);
        let mut day = DownloaderDay::default();
        let Texts { words, book } = texts;
        for_events(&downloader.rows, words, |event| day.add(event, counting, book, words));
        let mut sessions = Vec::new();
        let now = (day.count(previous, counting, book, words, &mut sessions), !day.is_empty(), day.evidence);
        sessions.iter().for_each(|facet| *self.facets.entry(*facet).or_default() += 1);
        for facet in std::mem::replace(&mut downloader.sessions, sessions) {
            if let Some(downloads) = self.facets.get_mut(&facet) {
                *downloads -= 1;
                if *downloads == 0 {
                    self.facets.remove(&facet);
                }
            }
        }
        let before = (downloader.visits, downloader.counted, downloader.evidence);
        (downloader.visits, downloader.counted, downloader.evidence) = now;
        self.lost |= before.1 && !now.1;

        let sum = if user { &mut self.counts.authenticated } else { &mut self.counts.anonymous };
        *sum = Downloads((sum.0 + now.0.downloads.0).saturating_sub(before.0.downloads.0));
        let moved = |sum: Files, now: Files, before: Files| Files((sum.0 + now.0).saturating_sub(before.0));
        self.counts.files = moved(self.counts.files, now.0.files, before.0.files);
        for ((sum, now), before) in self.kinds.0.iter_mut().zip(now.0.kinds.0).zip(before.0.kinds.0) {
            *sum = moved(*sum, now, before);
        }
        self.uniques = (self.uniques + u64::from(now.1)).saturating_sub(u64::from(before.1));
        self.with_evidence = (self.with_evidence + u64::from(now.2)).saturating_sub(u64::from(before.2));
    }
}

/// How often the events of sorted rows happened, all together.
fn happened(rows: &[Row], words: &Words) -> u64 {
    let mut sum = 0;
    for_events(rows, words, |event| sum += u64::from(event.count));
    sum
}

/// The last event if a session could reach over midnight from it.
fn over_midnight(last: Option<Millis>) -> Option<Millis> {
    last.filter(|last| i64::from(last.ms_of_day()) >= DAY_MS - TAIL_MS)
}

/// The overlay of all days.
#[derive(Default)]
pub struct Live {
    days: BTreeMap<Day, FastMap<RepoNumber, LiveRepo>>,
    texts: Texts,
    numbers: FastMap<DownloaderKey, DownloaderNumber>,
    next_provisional: u32,
    /// The first provisional numbers of persons whom the dictionary does not know.
    persons: FastMap<DownloaderKey, DownloaderNumber>,
    kin: Vec<Kin>,
    rows: usize,
}

impl Live {
    /// An empty overlay over a dictionary whose next free number is `next`. Downloaders of whom the dictionary knows
    /// nothing get provisional numbers from there on.
    #[must_use]
    pub fn over(next: DownloaderNumber) -> Live {
        Live { next_provisional: next.0, ..Live::default() }
    }

    /// Rows held in memory.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Repos held in memory, each as often as it has days.
    #[must_use]
    pub fn repo_days(&self) -> usize {
        self.days.values().map(FastMap::len).sum()
    }

    /// The places that facets name.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        self.texts.book.places()
    }

    /// The clients that facets name.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        self.texts.book.clients()
    }

    /// Whether the overlay has this repo on this day.
    #[must_use]
    pub fn repo(&self, day: Day, repo: RepoNumber) -> Option<&LiveRepo> {
        self.days.get(&day)?.get(&repo)
    }

    /// The days of the overlay with their repos.
    pub fn days(&self) -> impl Iterator<Item = (Day, impl Iterator<Item = (RepoNumber, &LiveRepo)>)> {
        self.days.iter().map(|(day, repos)| (*day, repos.iter().map(|(repo, live)| (*repo, live))))
    }

    /// The days that hold this repo, ascending.
    pub fn days_of(&self, repo: RepoNumber) -> impl Iterator<Item = (Day, &LiveRepo)> {
        self.days.iter().filter_map(move |(day, repos)| repos.get(&repo).map(|live| (*day, live)))
    }

    /// The repos of one day.
    pub fn repos_on(&self, day: Day) -> impl Iterator<Item = (RepoNumber, &LiveRepo)> {
        self.days.get(&day).into_iter().flat_map(|repos| repos.iter().map(|(repo, live)| (*repo, live)))
    }

    /// Whether a downloader has a number already.
    #[must_use]
    pub fn knows(&self, downloader: DownloaderKey) -> bool {
        self.numbers.contains_key(&downloader)
    }

    /// Remembers what the dictionary knows of a downloader, and gives a provisional number if that is nothing.
    pub fn learn(&mut self, Found { key, number, kin }: Found) {
        if self.knows(key) {
            return;
        }
        if let Some(number) = number {
            self.numbers.insert(key, number);
            return;
        }
        let number = DownloaderNumber(self.next_provisional);
        self.next_provisional = self.next_provisional.saturating_add(1);
        self.numbers.insert(key, number);
        let first = kin.unwrap_or_else(|| *self.persons.entry(key.person()).or_insert(number));
        if first != number {
            self.kin.push((number, first));
        }
    }

    /// Which of the provisional numbers are a person with a smaller number, ascending.
    #[must_use]
    pub fn kin(&self) -> &[Kin] {
        &self.kin
    }

    /// The number of a downloader that was learnt.
    #[must_use]
    pub fn number(&self, downloader: DownloaderKey) -> Option<DownloaderNumber> {
        self.numbers.get(&downloader).copied()
    }

    /// Takes a repo of a day into the overlay: all its rows so far, in stored order, and the stored last events of the
    /// day before. The rows' texts are of the list `words`.
    pub fn load(&mut self, (day, repo): (Day, RepoNumber), rows: &[Row], words: &Words, tails: &[Edge], counting: &Counting) {
        let mut live = LiveRepo::default();
        match self.repo(day.previous(), repo) {
            Some(before) => live.previous.extend(
                before
                    .downloaders
                    .iter()
                    .filter_map(|(hash, downloader)| over_midnight(downloader.visits.last).map(|last| (*hash, last))),
            ),
            None => live.previous.extend(tails.iter().map(|tail| (tail.downloader, tail.time))),
        }
        for rows in self.texts.own(rows, words).chunk_by(|a, b| a.downloader() == b.downloader()) {
            if let Some(first) = rows.first() {
                live.join(first.downloader(), rows, counting, &mut self.texts);
            }
        }
        // Just what was folded is loaded, so it comes to what the views say.
        live.stored = live.day();
        self.rows += rows.len();
        self.days.entry(day).or_default().insert(repo, live);
    }

    /// Counts new rows of one day, in stored order. Their repos must have been loaded for that day, and for the day
    /// after where a row lies within half an hour before midnight. Their texts are of the list `words`.
    pub fn apply(&mut self, day: Day, rows: &[Row], words: &Words, counting: &Counting) -> Applied {
        let mut applied = Applied::default();
        for rows in self.texts.own(rows, words).chunk_by(|a, b| (a.repo, a.downloader()) == (b.repo, b.downloader())) {
            let Some(first) = rows.first() else { continue };
            let (repo, hash) = (first.repo, first.downloader());
            let live = self.days.entry(day).or_default().entry(repo).or_default();
            let (before, after, new) = live.join(hash, rows, counting, &mut self.texts);
            self.rows += rows.len();
            applied.accepted += new.accepted;
            applied.repeated += new.repeated;
            if over_midnight(before) != over_midnight(after) {
                self.move_midnight(day.next(), repo, hash, over_midnight(after), counting);
            }
        }
        applied
    }

    /// Tells the day after that a downloader was seen later before midnight.
    fn move_midnight(&mut self, day: Day, repo: RepoNumber, hash: DownloaderKey, previous: Option<Millis>, counting: &Counting) {
        let Some(live) = self.days.get_mut(&day).and_then(|repos| repos.get_mut(&repo)) else { return };
        match previous {
            Some(last) => live.previous.insert(hash, last),
            None => live.previous.remove(&hash),
        };
        live.count(hash, counting, &mut self.texts);
    }
}
