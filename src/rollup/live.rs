//! The live overlay: what the stored views do not know yet, held so that every event is counted at once.
//!
//! A downloader of a repo on a day is either in the overlay with **all** its events there, and then the overlay knows how
//! much it changes what the views say of the repo, or it is not, and then what they say of it is right. At every moment both
//! together equal what a fold of the same events would give; the property tests hold them to that.
//!
//! Events only come here. More of them never make a downloader one that does not count, nor take evidence away, so the
//! stored sets stay right as far as they go; downloads may become fewer, where an event joins two sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::counting::{Counting, DownloaderDay};
use super::facet::{Client, Facet, FacetBook, Place};
use super::numbering::{Found, Kin};
use super::repo_day::RepoDay;
use super::set::DownloaderNumber;
use super::tail::{Edge, TAIL_MS};
use crate::block::{for_events, join_sorted};
use crate::classify::FileKind;
use crate::model::{DAY_MS, Day, DownloaderKey, Millis, RepoNumber, Row, SESSION_GAP_MS, Word, Words};
use crate::sessionize::DayVisits;

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
    amount: Amount,
}

/// What the events of one downloader on one repo and day amount to.
#[derive(Default)]
struct Amount {
    visits: DayVisits,
    /// What the sessions that start on the day take from their first events.
    sessions: Vec<Facet>,
    evidence: bool,
    counted: bool,
    /// How often the events happened, all together.
    events: u64,
}

/// What rows are counted with: their texts, and the places and clients of all sessions.
#[derive(Default)]
struct Texts {
    words: Words,
    book: FacetBook,
    /// Memory for the events of one downloader.
    day: DownloaderDay,
}

/// Texts of rows that come from elsewhere, and what they are in the overlay as far as rows needed them.
pub struct Foreign<'w> {
    words: &'w Words,
    texts: FastMap<Word, Word>,
    kinds: FastMap<Word, Word>,
}

impl<'w> Foreign<'w> {
    /// Texts of which none was needed yet.
    #[must_use]
    pub fn new(words: &'w Words) -> Foreign<'w> {
        Foreign { words, texts: FastMap::default(), kinds: FastMap::default() }
    }

    fn text(&mut self, word: Word, own: &mut Words) -> Word {
        if word == Word::UNKNOWN {
            return word;
        }
        *self.texts.entry(word).or_insert_with(|| own.number(self.words.text(word)))
    }

    /// The kind of the file that a path names.
    fn kind(&mut self, path: Word, own: &mut Words) -> Word {
        if path == Word::UNKNOWN {
            return path;
        }
        let kind = || FileKind::of(&String::from_utf8_lossy(self.words.text(path)));
        *self.kinds.entry(path).or_insert_with(|| own.number(kind().word().as_bytes()))
    }
}

impl Texts {
    /// Rows with texts of another list, as rows with texts of this one. Of paths only the kind is kept.
    fn own(&mut self, rows: &[Row], theirs: &mut Foreign<'_>) -> Vec<Row> {
        let own = |row: &Row| Row {
            region: theirs.text(row.region, &mut self.words),
            agent_note: theirs.text(row.agent_note, &mut self.words),
            path_name: theirs.kind(row.path_name, &mut self.words),
            ..*row
        };
        rows.iter().map(own).collect()
    }

    /// The same of rows that have kinds in place of paths.
    fn own_counted(&mut self, rows: &[Row], theirs: &Words) -> Vec<Row> {
        let mut known: FastMap<Word, Word> = FastMap::default();
        let words = &mut self.words;
        let mut text = |word| *known.entry(word).or_insert_with(|| words.number(theirs.text(word)));
        let own = |row: &Row| {
            let (region, agent_note, path_name) = (text(row.region), text(row.agent_note), text(row.path_name));
            Row { region, agent_note, path_name, ..*row }
        };
        rows.iter().map(own).collect()
    }
}

/// More or less of something than the views hold.
pub type Change = i64;

/// One repo on one day: what the views hold of it, and the downloaders of whom anything came since.
#[derive(Default)]
pub struct LiveRepo {
    downloaders: FastMap<DownloaderKey, LiveDownloader>,
    /// Last counted events of the day before, as far as a session could reach over midnight.
    previous: FastMap<DownloaderKey, Millis>,
    day: RepoDay,
    kinds: [Change; FileKind::ALL.len()],
    facets: BTreeMap<Facet, Change>,
    stored: RepoDay,
}

impl LiveRepo {
    /// The counts of the day.
    #[must_use]
    pub fn day(&self) -> RepoDay {
        self.day
    }

    /// The counts that the views hold of it, and that these replace.
    #[must_use]
    pub fn stored(&self) -> RepoDay {
        self.stored
    }

    /// Files by kind, beyond those that the views hold.
    #[must_use]
    pub fn kinds(&self) -> [Change; FileKind::ALL.len()] {
        self.kinds
    }

    /// Sessions by what they take from their first event, as numbers of the overlay's places and clients, beyond those
    /// that the views hold.
    pub fn facets(&self) -> impl Iterator<Item = (Facet, Change)> {
        self.facets.iter().map(|(facet, change)| (*facet, *change))
    }

    /// Downloaders with a counted event, of those in the overlay.
    pub fn downloaders(&self) -> impl Iterator<Item = DownloaderKey> {
        self.downloaders.iter().filter(|(_, downloader)| downloader.amount.counted).map(|(hash, _)| *hash)
    }

    /// Takes in a downloader whom the views have counted: the rows of which they know.
    fn adopt(&mut self, hash: DownloaderKey, rows: &[Row], counting: &Counting, texts: &mut Texts) {
        self.downloaders.insert(hash, LiveDownloader { rows: rows.to_vec(), amount: Amount::default() });
        self.recount(hash, counting, texts);
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
        if downloader.rows.is_empty() {
            // Most have few rows, which come at once.
            downloader.rows.reserve_exact(rows.len());
        }
        join_sorted(&mut downloader.rows, rows, &texts.words);
        let brought: u64 = rows.iter().map(|row| u64::from(row.count)).sum();
        let (last_before, events_before) = (downloader.amount.visits.last, downloader.amount.events);
        self.count(hash, counting, texts);
        let now = self.downloaders.get(&hash).map(|downloader| &downloader.amount);
        let accepted = now.map_or(0, |now| now.events).saturating_sub(events_before);
        (last_before, now.and_then(|now| now.visits.last), Applied { accepted, repeated: brought.saturating_sub(accepted) })
    }

    /// Makes out what a downloader's rows amount to now; gives what they did before.
    fn recount(&mut self, hash: DownloaderKey, counting: &Counting, texts: &mut Texts) -> Amount {
        let previous = self.previous.get(&hash).copied();
        let Some(downloader) = self.downloaders.get_mut(&hash) else { return Amount::default() };
        let Texts { words, book, day } = texts;
        day.clear();
        let mut events = 0;
        for_events(&downloader.rows, words, |event| {
            events += u64::from(event.count);
            day.add(event, counting, book, words);
        });
        let mut sessions = Vec::new();
        let visits = day.count(previous, counting, book, words, &mut sessions);
        let now = Amount { visits, sessions, evidence: day.evidence, counted: !day.is_empty(), events };
        std::mem::replace(&mut downloader.amount, now)
    }

    /// Replaces what a downloader adds to the sums by what its rows say now.
    fn count(&mut self, hash: DownloaderKey, counting: &Counting, texts: &mut Texts) {
        let before = self.recount(hash, counting, texts);
        let Some(LiveDownloader { rows, amount: now }) = self.downloaders.get(&hash) else { return };
        let mut change = |facet: &Facet, by: Change| {
            let change = self.facets.entry(*facet).or_default();
            *change += by;
            if *change == 0 {
                self.facets.remove(facet);
            }
        };
        now.sessions.iter().for_each(|facet| change(facet, 1));
        before.sessions.iter().for_each(|facet| change(facet, -1));

        let moved = |sum: u64, now: u64, before: u64| (sum + now).saturating_sub(before);
        let counts = &mut self.day.counts;
        let user = rows.first().is_some_and(|row| row.user);
        let sum = if user { &mut counts.authenticated } else { &mut counts.anonymous };
        sum.0 = moved(sum.0, now.visits.downloads.0, before.visits.downloads.0);
        counts.files.0 = moved(counts.files.0, now.visits.files.0, before.visits.files.0);
        for ((sum, now), before) in self.kinds.iter_mut().zip(now.visits.kinds.0).zip(before.visits.kinds.0) {
            *sum = sum.saturating_add_unsigned(now.0).saturating_sub_unsigned(before.0);
        }
        debug_assert!(now.counted >= before.counted && now.evidence >= before.evidence, "events only come");
        self.day.uniques.0 += u64::from(now.counted && !before.counted);
        self.day.evidence |= now.evidence;
    }
}

/// The last event if a session could reach over midnight from it.
fn over_midnight(last: Option<Millis>) -> Option<Millis> {
    last.filter(|last| i64::from(last.ms_of_day()) >= DAY_MS - TAIL_MS)
}

/// The overlay of all days.
#[derive(Default)]
pub struct Live {
    days: BTreeMap<Day, FastMap<RepoNumber, LiveRepo>>,
    /// The days on which it says anything else than the views.
    changed: BTreeSet<Day>,
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

    /// The days of which the views do not hold all.
    pub fn changed_days(&self) -> impl Iterator<Item = Day> {
        self.changed.iter().copied()
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

    /// What stays of the overlay once the views hold all of it: those who were there last, since they are the most likely
    /// to come again, unless they are most of all. `next` is the dictionary's next free number after that.
    #[must_use]
    pub fn folded(&self, next: DownloaderNumber, counting: &Counting) -> Live {
        let last_row = |downloader: &LiveDownloader| downloader.rows.last().map(|row| row.time.0);
        let all = || self.days.values().flat_map(FastMap::values).flat_map(|repo| repo.downloaders.values());
        let since = all().filter_map(last_row).max().unwrap_or_default() - SESSION_GAP_MS;
        let stays = |downloader: &&LiveDownloader| last_row(downloader).is_some_and(|last| last >= since);
        let mut live = Live::over(next);
        if all().filter(stays).map(|downloader| downloader.rows.len()).sum::<usize>() > self.rows / 2 {
            return live;
        }
        for (day, repos) in &self.days {
            for (repo, known) in repos {
                let rows: Vec<Row> =
                    known.downloaders.values().filter(stays).flat_map(|downloader| &downloader.rows).copied().collect();
                if rows.is_empty() {
                    continue;
                }
                let (day_now, previous) = (known.day, known.previous.clone());
                let folded = LiveRepo { day: day_now, stored: day_now, previous, ..LiveRepo::default() };
                live.days.entry(*day).or_default().insert(*repo, folded);
                live.adopt((*day, *repo), &rows, &self.texts.words, counting);
            }
        }
        live
    }

    /// Whether the overlay has a downloader of a repo on a day.
    #[must_use]
    pub fn has(&self, day: Day, repo: RepoNumber, downloader: DownloaderKey) -> bool {
        self.repo(day, repo).is_some_and(|live| live.downloaders.contains_key(&downloader))
    }

    /// Takes a repo of a day into the overlay, with what the views hold of it and the stored last events of the day before.
    pub fn load(&mut self, (day, repo): (Day, RepoNumber), stored: RepoDay, tails: &[Edge]) {
        let mut live = LiveRepo { day: stored, stored, ..LiveRepo::default() };
        live.previous.extend(tails.iter().map(|tail| (tail.downloader, tail.time)));
        // Of those in the overlay it knows better.
        if let Some(before) = self.repo(day.previous(), repo) {
            for (hash, downloader) in &before.downloaders {
                match over_midnight(downloader.amount.visits.last) {
                    Some(last) => live.previous.insert(*hash, last),
                    None => live.previous.remove(hash),
                };
            }
        }
        self.days.entry(day).or_default().insert(repo, live);
    }

    /// Takes downloaders of a repo of a day into the overlay, which must have the repo on that day but not them: all their
    /// rows so far, in stored order, with the words of kinds in place of paths. The rows' texts are of the list `words`.
    pub fn adopt(&mut self, (day, repo): (Day, RepoNumber), rows: &[Row], words: &Words, counting: &Counting) {
        let Some(live) = self.days.get_mut(&day).and_then(|repos| repos.get_mut(&repo)) else { return };
        self.rows += rows.len();
        for rows in self.texts.own_counted(rows, words).chunk_by(|a, b| a.downloader() == b.downloader()) {
            if let Some(first) = rows.first() {
                live.adopt(first.downloader(), rows, counting, &mut self.texts);
            }
        }
    }

    /// Counts new rows of one day, in stored order. Their repos must have been loaded for that day, and their downloaders as
    /// far as they have rows there; the same for the day after where a row lies within half an hour before midnight. Their
    /// texts are of the list `texts`.
    pub fn apply(&mut self, day: Day, rows: &[Row], texts: &mut Foreign<'_>, counting: &Counting) -> Applied {
        let mut applied = Applied::default();
        self.changed.insert(day);
        for rows in self.texts.own(rows, texts).chunk_by(|a, b| (a.repo, a.downloader()) == (b.repo, b.downloader())) {
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
        self.changed.insert(day);
        match previous {
            Some(last) => live.previous.insert(hash, last),
            None => live.previous.remove(&hash),
        };
        live.count(hash, counting, &mut self.texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentHash, DeliveryId, Status, Who};

    const DAY: Day = Day(20_000);
    const REPO: RepoNumber = RepoNumber(3);

    fn row(who: u64, minute: i64) -> Row {
        let time = Millis(DAY.start().0 + minute * 60_000);
        let delivery = DeliveryId::pushes(1);
        Row { repo: REPO, who: Who(who), time, status: Status(200), delivery, count: 1, ..Row::default() }
    }

    fn key(who: u64) -> DownloaderKey {
        DownloaderKey::of(Who(who), false, AgentHash(0))
    }

    #[test]
    fn who_was_there_last_stays_after_a_fold() {
        let (words, counting) = (Words::default(), Counting::default());
        let mut live = Live::over(DownloaderNumber(1));
        live.load((DAY, REPO), RepoDay::default(), &[]);
        let rows = [row(1, 600), row(1, 640), row(2, 719), row(3, 690), row(3, 720), row(4, 540), row(4, 541)];
        live.apply(DAY, &rows, &mut Foreign::new(&words), &counting);
        assert_eq!((live.rows(), live.changed_days().collect::<Vec<_>>()), (7, vec![DAY]));
        let counts = live.repo(DAY, REPO).unwrap().day();
        assert_eq!((counts.counts.downloads().0, counts.uniques.0), (6, 4));

        let folded = live.folded(DownloaderNumber(5), &counting);
        assert_eq!([1, 2, 3, 4].map(|who| folded.has(DAY, REPO, key(who))), [false, true, true, false]);
        assert_eq!((folded.rows(), folded.changed_days().count()), (3, 0));
        let repo = folded.repo(DAY, REPO).unwrap();
        assert_eq!((repo.day(), repo.stored(), repo.facets().count()), (counts, counts, 0));

        // Whoever goes on with a session brings no download, whoever is new does.
        let mut after = folded;
        let more = after.apply(DAY, &[row(2, 725), row(3, 720), row(5, 725)], &mut Foreign::new(&words), &counting);
        assert_eq!((more.accepted, more.repeated), (2, 1));
        let counts = after.repo(DAY, REPO).unwrap().day();
        assert_eq!((counts.counts.downloads().0, counts.uniques.0), (7, 5));
        assert_eq!(after.changed_days().collect::<Vec<_>>(), [DAY]);
    }

    #[test]
    fn nobody_stays_where_that_would_be_most() {
        let mut live = Live::over(DownloaderNumber(1));
        live.load((DAY, REPO), RepoDay::default(), &[]);
        let (words, counting) = (Words::default(), Counting::default());
        live.apply(DAY, &[row(1, 600), row(2, 601), row(3, 400)], &mut Foreign::new(&words), &counting);
        assert_eq!(live.folded(DownloaderNumber(4), &counting).rows(), 0);
    }
}
