//! The live overlay: what the stored views do not know yet, held so that every event is counted at once.
//!
//! A downloader of a repo on a day is either in the overlay with **all** its events there, and then the overlay knows how
//! much it changes what the views say of the repo, or it is not, and then what they say of it is right. Who comes again after
//! so long a pause that a new session begins is in the overlay with what came since: it adds to what the views say. At every
//! moment both together equal what a fold of the same events would give; the property tests hold them to that.
//!
//! Events only come here. More of them never make a downloader one that does not count, nor take evidence away, so the
//! stored sets stay right as far as they go; downloads may become fewer, where an event joins two sessions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::counting::Counting;
use super::facet::{Client, Place};
use super::live_repo::{Applied, FastMap, Foreign, Held, LiveDownloader, LiveRepo, Texts, over_midnight};
use super::repo_day::RepoDay;
use super::tail::Edge;
use crate::block::BodyRows;
use crate::model::{Day, DownloaderKey, Millis, RepoNumber, Row, SESSION_GAP_MS, Words};

/// The overlay of all days.
#[derive(Default)]
pub struct Live {
    days: BTreeMap<Day, FastMap<RepoNumber, LiveRepo>>,
    /// The days on which it says anything else than the views.
    changed: BTreeSet<Day>,
    texts: Texts,
    rows: usize,
}

impl Live {
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

    /// What stays of the overlay once the views hold all of it: those who were there last, since they are the most likely
    /// to come again, with half of the rows at most.
    #[must_use]
    pub fn folded(&self, counting: &Counting) -> Live {
        let all = || self.days.values().flat_map(FastMap::values).flat_map(LiveRepo::live_downloaders);
        let last_row = |downloader: &LiveDownloader| downloader.rows.last().map(|row| row.time.0);
        let mut lasts: Vec<(i64, usize)> =
            all().filter_map(|(_, downloader)| Some((last_row(downloader)?, downloader.rows.len()))).collect();
        lasts.sort_unstable_by_key(|(last, _)| Reverse(*last));
        let newest = lasts.first().map_or(0, |(last, _)| *last);
        let mut left = self.rows / 2;
        let room = lasts.iter().take_while(|(_, rows)| {
            let fits = *rows <= left;
            left = left.saturating_sub(*rows);
            fits
        });
        // Of one instant all stay or nobody does.
        let reached = lasts.get(room.count()).map_or(i64::MIN, |(last, _)| last.saturating_add(1));
        let since = reached.max(newest - SESSION_GAP_MS);
        let (mut live, mut known_words) = (Live::default(), FastMap::default());
        for (day, repos) in &self.days {
            for (repo, known) in repos {
                for (hash, LiveDownloader { rows, after, .. }) in known.live_downloaders() {
                    if rows.last().is_some_and(|last| last.time.0 >= since) {
                        let of_repo = live.days.entry(*day).or_default().entry(*repo).or_insert_with(|| known.folded());
                        let rows = live.texts.own_counted(rows, &self.texts.words, &mut known_words);
                        live.rows += of_repo.adopt(hash, rows, *after, counting, &mut live.texts);
                    }
                }
            }
        }
        live
    }

    /// What the overlay has of a downloader of a repo on a day.
    #[must_use]
    pub fn held(&self, day: Day, repo: RepoNumber, downloader: DownloaderKey) -> Held {
        self.repo(day, repo).map_or(Held::Nothing, |live| live.held(downloader))
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

    /// Takes downloaders of a repo of a day into the overlay, which must have the repo on that day: all their rows so far, in
    /// stored order, with the words of kinds in place of paths. The rows' texts are of the list `words`.
    pub fn adopt(&mut self, (day, repo): (Day, RepoNumber), rows: &[Row], words: &Words, counting: &Counting) {
        let Some(live) = self.days.get_mut(&day).and_then(|repos| repos.get_mut(&repo)) else { return };
        for rows in self.texts.own_counted(rows, words, &mut FastMap::default()).chunk_by(|a, b| a.downloader() == b.downloader())
        {
            if let Some(first) = rows.first() {
                self.rows += live.adopt(first.downloader(), rows.to_vec(), None, counting, &mut self.texts);
            }
        }
    }

    /// Takes a downloader of a repo of a day into the overlay, which must have the repo on that day but not the downloader,
    /// and leaves its events where they are stored, up to `after`: it has counted, and what comes goes on with none of them.
    pub fn resume(&mut self, (day, repo): (Day, RepoNumber), downloader: DownloaderKey, after: Millis) {
        if let Some(live) = self.days.get_mut(&day).and_then(|repos| repos.get_mut(&repo)) {
            live.resume(downloader, after);
        }
    }

    /// Counts new rows of one day. Their repos must have been loaded for that day, and their downloaders as far as they have
    /// rows there that matter; the same, with all rows, for the day after where a row lies within half an hour before
    /// midnight. Their texts are of the list `texts`. What came of each body is added to its place in `applied`.
    pub fn apply(&mut self, day: Day, rows: &BodyRows, texts: &Foreign<'_>, counting: &Counting, applied: &mut [Applied]) {
        self.changed.insert(day);
        let (repos, own) = (self.days.entry(day).or_default(), &mut self.texts);
        own.follow(texts);
        let (mut moved, mut of_body) = (Vec::new(), Vec::new());
        let mut add = |body: u32, new: Applied| {
            if let Some(applied) = applied.get_mut(body as usize) {
                applied.accepted += new.accepted;
                applied.repeated += new.repeated;
            }
        };
        for of_repo in rows.of_repos() {
            let live = repos.entry(of_repo.repo).or_default();
            for of_one in of_repo.of_downloaders() {
                let at_once = of_one.is_of_several() && !live.repeats(of_one.downloader, of_one.rows);
                self.rows += of_one.rows.len();
                let mut join = |rows: &[Row]| {
                    let (before, after, new) = live.join(of_one.downloader, rows, texts, counting, own);
                    if over_midnight(before) != over_midnight(after) {
                        moved.push((of_repo.repo, of_one.downloader, over_midnight(after)));
                    }
                    new
                };
                if at_once {
                    join(of_one.rows);
                    of_one.with_bodies().for_each(|(row, body)| add(body, Applied { accepted: row.count.into(), repeated: 0 }));
                } else {
                    // Which body brought an event first is for its receipt to say.
                    of_one.for_each_body(&mut of_body, |body, rows| add(body, join(rows)));
                }
            }
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
    use std::sync::Arc;

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

    /// Counts the rows of one body; gives what came of it.
    fn apply(live: &mut Live, rows: &[Row], counting: &Counting) -> Applied {
        let (words, mut applied) = (Words::default(), [Applied::default()]);
        let rows = BodyRows::of(&[(0, rows)], &words);
        live.apply(DAY, &rows, &Foreign::new(&words, &Arc::default()), counting, &mut applied);
        applied[0]
    }

    #[test]
    fn who_was_there_last_stays_after_a_fold() {
        let counting = Counting::default();
        let mut live = Live::default();
        live.load((DAY, REPO), RepoDay::default(), &[]);
        let rows = [row(1, 600), row(1, 640), row(2, 719), row(3, 690), row(3, 720), row(4, 540), row(4, 541)];
        apply(&mut live, &rows, &counting);
        assert_eq!((live.rows(), live.changed_days().collect::<Vec<_>>()), (7, vec![DAY]));
        let counts = live.repo(DAY, REPO).unwrap().day();
        assert_eq!((counts.counts.downloads().0, counts.uniques.0), (6, 4));

        let folded = live.folded(&counting);
        let held = |live: &Live, who| live.held(DAY, REPO, key(who));
        assert_eq!([1, 2, 3, 4].map(|who| held(&folded, who)), [Held::Nothing, Held::All, Held::All, Held::Nothing]);
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
    fn the_last_ones_stay_where_all_would_be_most() {
        let mut live = Live::default();
        live.load((DAY, REPO), RepoDay::default(), &[]);
        let counting = Counting::default();
        apply(&mut live, &[row(1, 600), row(2, 601), row(3, 400), row(4, 602)], &counting);
        let folded = live.folded(&counting);
        assert_eq!([1, 2, 3, 4].map(|who| folded.held(DAY, REPO, key(who)) == Held::All), [false, true, false, true]);
        assert_eq!(folded.rows(), 2);
        // Of those who came at one instant all would be too many.
        let mut at_once = Live::default();
        at_once.load((DAY, REPO), RepoDay::default(), &[]);
        apply(&mut at_once, &[row(1, 600), row(2, 600), row(3, 600)], &counting);
        assert_eq!(at_once.folded(&counting).rows(), 0);
    }

    #[test]
    fn who_comes_again_after_a_pause_needs_nothing_that_is_stored() {
        let counting = Counting::default();
        let rows = [row(1, 600), row(1, 610), row(2, 605)];
        let mut whole = Live::default();
        whole.load((DAY, REPO), RepoDay::default(), &[]);
        apply(&mut whole, &rows, &counting);
        let stored = whole.repo(DAY, REPO).unwrap().day();

        let mut live = Live::default();
        live.load((DAY, REPO), stored, &[]);
        live.resume((DAY, REPO), key(1), rows[1].time);
        assert_eq!(live.held(DAY, REPO, key(1)), Held::After(rows[1].time));
        let others = [row(9, 500), row(9, 501), row(9, 502), row(9, 503)];
        for later in [&others[..], &[row(1, 640)], &[row(1, 645)], &[row(1, 700)]] {
            let [more, as_whole] = [&mut live, &mut whole].map(|live| apply(live, later, &counting));
            assert_eq!(more, as_whole);
            assert_eq!(live.repo(DAY, REPO).unwrap().day(), whole.repo(DAY, REPO).unwrap().day());
        }
        assert_eq!(live.repo(DAY, REPO).unwrap().day().uniques.0, 3);
        let folded = live.folded(&counting);
        assert_eq!(folded.held(DAY, REPO, key(1)), Held::After(rows[1].time), "what was left out before still is");

        // One that lies between joins sessions, once all rows are there.
        let all = [row(1, 600), row(1, 610), row(1, 640), row(1, 645), row(1, 700)];
        live.adopt((DAY, REPO), &all, &Words::default(), &counting);
        assert_eq!((live.held(DAY, REPO, key(1)), live.rows()), (Held::All, 5 + others.len()));
        for live in [&mut live, &mut whole] {
            apply(live, &[row(1, 625)], &counting);
        }
        let [day, as_whole] = [&live, &whole].map(|live| live.repo(DAY, REPO).unwrap().day());
        assert_eq!((day, day.counts.downloads().0), (as_whole, 4));
    }
}
