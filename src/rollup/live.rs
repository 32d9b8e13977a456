//! The live overlay: what the stored views do not know yet, held so that every event is counted at once.
//!
//! A downloader of a repo on a day is either in the overlay with **all** its events there, and then the overlay knows how
//! much it changes what the views say of the repo, or it is not, and then what they say of it is right. At every moment both
//! together equal what a fold of the same events would give; the property tests hold them to that.
//!
//! Events only come here. More of them never make a downloader one that does not count, nor take evidence away, so the
//! stored sets stay right as far as they go; downloads may become fewer, where an event joins two sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::counting::Counting;
use super::facet::{Client, Place};
use super::live_repo::{Applied, FastMap, Foreign, LiveRepo, Texts, over_midnight};
use super::numbering::{Found, Kin};
use super::repo_day::RepoDay;
use super::set::DownloaderNumber;
use super::tail::Edge;
use crate::block::BodyRows;
use crate::model::{Day, DownloaderKey, RepoNumber, Row, SESSION_GAP_MS, Words};

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
        let last_row = |rows: &[Row]| rows.last().map(|row| row.time.0);
        let all = || self.days.values().flat_map(FastMap::values).flat_map(LiveRepo::rows);
        let since = all().filter_map(last_row).max().unwrap_or_default() - SESSION_GAP_MS;
        let stays = |rows: &&[Row]| last_row(rows).is_some_and(|last| last >= since);
        let mut live = Live::over(next);
        if all().filter(stays).map(<[Row]>::len).sum::<usize>() > self.rows / 2 {
            return live;
        }
        for (day, repos) in &self.days {
            for (repo, known) in repos {
                let rows: Vec<Row> = known.rows().filter(stays).flatten().copied().collect();
                if rows.is_empty() {
                    continue;
                }
                live.days.entry(*day).or_default().insert(*repo, known.folded());
                live.adopt((*day, *repo), &rows, &self.texts.words, counting);
            }
        }
        live
    }

    /// Whether the overlay has a downloader of a repo on a day.
    #[must_use]
    pub fn has(&self, day: Day, repo: RepoNumber, downloader: DownloaderKey) -> bool {
        self.repo(day, repo).is_some_and(|live| live.has(downloader))
    }

    /// Takes a repo of a day into the overlay, with what the views hold of it and the stored last events of the day before.
    pub fn load(&mut self, (day, repo): (Day, RepoNumber), stored: RepoDay, tails: &[Edge]) {
        let mut live = LiveRepo::over(stored, tails);
        // Of those in the overlay it knows better.
        if let Some(before) = self.repo(day.previous(), repo) {
            live.follow(before);
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

    /// Counts new rows of one day. Their repos must have been loaded for that day, and their downloaders as far as they have
    /// rows there; the same for the day after where a row lies within half an hour before midnight. Their texts are of the
    /// list `texts`. What came of each body is added to its place in `applied`.
    pub fn apply(&mut self, day: Day, rows: &BodyRows, texts: &mut Foreign<'_>, counting: &Counting, applied: &mut [Applied]) {
        self.changed.insert(day);
        let (repos, own) = (self.days.entry(day).or_default(), &mut self.texts);
        let (mut moved, mut of_body) = (Vec::new(), Vec::new());
        for of_one in rows.of_downloaders() {
            self.rows += of_one.rows.len();
            let (repo, hash) = (of_one.repo, of_one.downloader);
            let live = repos.entry(repo).or_default();
            of_one.for_each_body(&mut of_body, |body, rows| {
                let (before, after, new) = live.join(hash, rows, texts, counting, own);
                if let Some(applied) = applied.get_mut(body as usize) {
                    applied.accepted += new.accepted;
                    applied.repeated += new.repeated;
                }
                if over_midnight(before) != over_midnight(after) {
                    moved.push((repo, hash, over_midnight(after)));
                }
            });
        }
        // The day after is told that they were seen later before midnight.
        let next = day.next();
        let Some(repos) = self.days.get_mut(&next) else { return };
        for (repo, hash, last) in moved {
            if let Some(live) = repos.get_mut(&repo) {
                self.changed.insert(next);
                live.continue_from(hash, last, counting, own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentHash, DeliveryId, Millis, Status, Who};

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

    /// Counts the rows of one body; gives what came of it.
    fn apply(live: &mut Live, rows: &[Row], counting: &Counting) -> Applied {
        let (words, mut applied) = (Words::default(), [Applied::default()]);
        let rows = BodyRows::of(&[(0, rows)], &words);
        live.apply(DAY, &rows, &mut Foreign::new(&words), counting, &mut applied);
        applied[0]
    }

    #[test]
    fn who_was_there_last_stays_after_a_fold() {
        let counting = Counting::default();
        let mut live = Live::over(DownloaderNumber(1));
        live.load((DAY, REPO), RepoDay::default(), &[]);
        let rows = [row(1, 600), row(1, 640), row(2, 719), row(3, 690), row(3, 720), row(4, 540), row(4, 541)];
        apply(&mut live, &rows, &counting);
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
        let more = apply(&mut after, &[row(2, 725), row(3, 720), row(5, 725)], &counting);
        assert_eq!((more.accepted, more.repeated), (2, 1));
        let counts = after.repo(DAY, REPO).unwrap().day();
        assert_eq!((counts.counts.downloads().0, counts.uniques.0), (7, 5));
        assert_eq!(after.changed_days().collect::<Vec<_>>(), [DAY]);
    }

    #[test]
    fn nobody_stays_where_that_would_be_most() {
        let mut live = Live::over(DownloaderNumber(1));
        live.load((DAY, REPO), RepoDay::default(), &[]);
        let counting = Counting::default();
        apply(&mut live, &[row(1, 600), row(2, 601), row(3, 400)], &counting);
        assert_eq!(live.folded(DownloaderNumber(4), &counting).rows(), 0);
    }
}
