//! One repo on one day in the live overlay: downloaders with their events, and what these change about the views.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::counting::{Counting, DownloaderDay};
use super::facet::{Facet, FacetBook};
use super::repo_day::RepoDay;
use super::tail::{Edge, TAIL_MS};
use crate::block::{for_events, join_sorted};
use crate::classify::FileKind;
use crate::model::{DAY_MS, DownloaderKey, Millis, Row, Word, Words};
use crate::sessionize::DayVisits;

pub(super) type FastMap<K, V> = HashMap<K, V, FixedState>;

/// How many lines of a delivery brought something new, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub accepted: u64,
    pub repeated: u64,
}

/// One downloader on one repo and day.
#[derive(Default)]
pub(super) struct LiveDownloader {
    pub rows: Vec<Row>,
    /// The last of its stored events, where the overlay does not have these: it counted, and no other comes sooner after it
    /// than a session ends.
    pub after: Option<Millis>,
    /// Its last counted event in the overlay, if any counted.
    last: Option<Millis>,
}

/// What the overlay has of a downloader on a repo and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Nothing,
    /// All its events.
    All,
    /// All but those up to this one.
    After(Millis),
}

/// What the events of one downloader on one repo and day amount to.
#[derive(Default)]
struct Amount {
    visits: DayVisits,
    /// What the sessions that start on the day take from their first events.
    sessions: Vec<Facet>,
    evidence: bool,
    /// How often the events happened, all together.
    events: u64,
}

/// What rows are counted with: their texts, and the places and clients of all sessions.
#[derive(Default)]
pub(super) struct Texts {
    pub words: Words,
    pub book: FacetBook,
    translated: Translated,
    /// Memory for the events of one downloader, and for its new rows.
    day: DownloaderDay,
    new: Vec<Row>,
    /// What a downloader's events amounted to, and do now.
    before: Amount,
    now: Amount,
}

/// Texts of rows that come from elsewhere. The list may have grown since it was last used, and never loses a text.
pub struct Foreign<'w> {
    words: &'w Words,
    /// Which list it is.
    list: &'w Arc<()>,
}

impl<'w> Foreign<'w> {
    /// The texts of a list.
    #[must_use]
    pub fn new(words: &'w Words, list: &'w Arc<()>) -> Foreign<'w> {
        Foreign { words, list }
    }
}

/// What the texts of a list elsewhere are in the overlay, as far as rows needed them.
#[derive(Default)]
struct Translated {
    list: Option<Arc<()>>,
    /// By number, 0 where nobody needed it yet.
    texts: Vec<Word>,
    /// Of paths, the kinds of files that they name.
    kinds: Vec<Word>,
}

impl Translated {
    /// Goes on with a list, or begins anew with another one.
    fn follow(&mut self, theirs: &Foreign<'_>) {
        if self.list.as_ref().is_none_or(|list| !Arc::ptr_eq(list, theirs.list)) {
            *self = Translated { list: Some(Arc::clone(theirs.list)), ..Translated::default() };
        }
        for words in [&mut self.texts, &mut self.kinds] {
            words.resize(theirs.words.len() + 1, Word::UNKNOWN);
        }
    }

    fn text(&mut self, word: Word, theirs: &Foreign<'_>, own: &mut Words) -> Word {
        match self.texts.get_mut(word.0 as usize) {
            Some(known) if *known == Word::UNKNOWN && word != Word::UNKNOWN => {
                *known = own.number(theirs.words.text(word));
                *known
            }
            known => known.copied().unwrap_or_default(),
        }
    }

    /// The kind of the file that a path names.
    fn kind(&mut self, path: Word, theirs: &Foreign<'_>, own: &mut Words) -> Word {
        match self.kinds.get_mut(path.0 as usize) {
            Some(known) if *known == Word::UNKNOWN && path != Word::UNKNOWN => {
                let kind = FileKind::of(&String::from_utf8_lossy(theirs.words.text(path)));
                *known = own.number(kind.word().as_bytes());
                *known
            }
            known => known.copied().unwrap_or_default(),
        }
    }
}

impl Texts {
    /// Makes ready for rows with texts of another list.
    pub fn follow(&mut self, theirs: &Foreign<'_>) {
        self.translated.follow(theirs);
    }

    /// A row with texts of the list that was followed, as a row with texts of this one. Of its path only the kind is kept.
    fn own(&mut self, row: &Row, theirs: &Foreign<'_>) -> Row {
        let Texts { words, translated, .. } = self;
        let (region, agent_note) = (translated.text(row.region, theirs, words), translated.text(row.agent_note, theirs, words));
        Row { region, agent_note, path_name: translated.kind(row.path_name, theirs, words), ..*row }
    }

    /// The same of rows that have kinds in place of paths; `known` are texts of that list that were met before.
    pub fn own_counted(&mut self, rows: &[Row], theirs: &Words, known: &mut FastMap<Word, Word>) -> Vec<Row> {
        let words = &mut self.words;
        let mut text = |word| *known.entry(word).or_insert_with(|| words.number(theirs.text(word)));
        let own = |row: &Row| {
            let (region, agent_note, path_name) = (text(row.region), text(row.agent_note), text(row.path_name));
            Row { region, agent_note, path_name, ..*row }
        };
        rows.iter().map(own).collect()
    }

    /// What a downloader's rows amount to; `previous` is its last counted event before the day.
    fn count(&mut self, rows: &[Row], previous: Option<Millis>, counting: &Counting, amount: &mut Amount) {
        let Texts { words, book, day, .. } = self;
        day.clear();
        let mut events = 0;
        for_events(rows, words, |event| {
            events += u64::from(event.count);
            day.add(event, counting, book, words);
        });
        amount.sessions.clear();
        amount.visits = day.count(previous, counting, book, words, &mut amount.sessions);
        (amount.evidence, amount.events) = (day.evidence, events);
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
    /// A repo of which the views hold this, with the stored last events of the day before.
    pub(super) fn over(stored: RepoDay, tails: &[Edge]) -> LiveRepo {
        let previous = tails.iter().map(|tail| (tail.downloader, tail.time)).collect();
        LiveRepo { day: stored, stored, previous, ..LiveRepo::default() }
    }

    /// Takes over what the overlay knows of the repo on the day before.
    pub(super) fn follow(&mut self, before: &LiveRepo) {
        for (hash, downloader) in &before.downloaders {
            match over_midnight(downloader.last) {
                Some(last) => self.previous.insert(*hash, last),
                None => self.previous.remove(hash),
            };
        }
    }

    /// The repo once the views hold all of it, without its downloaders.
    pub(super) fn folded(&self) -> LiveRepo {
        LiveRepo { day: self.day, stored: self.day, previous: self.previous.clone(), ..LiveRepo::default() }
    }

    /// What it has of a downloader.
    #[must_use]
    pub fn held(&self, downloader: DownloaderKey) -> Held {
        self.downloaders.get(&downloader).map_or(Held::Nothing, |of| of.after.map_or(Held::All, Held::After))
    }

    /// The downloaders in the overlay.
    pub(super) fn live_downloaders(&self) -> impl Iterator<Item = (DownloaderKey, &LiveDownloader)> {
        self.downloaders.iter().map(|(hash, downloader)| (*hash, downloader))
    }

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
        self.downloaders.iter().filter(|(_, downloader)| downloader.last.is_some()).map(|(hash, _)| *hash)
    }

    /// The last counted event that the overlay has of each downloader, as far as a session could reach over midnight from it.
    /// Stored ones that it does not have lie before that.
    pub fn tails(&self) -> impl Iterator<Item = (DownloaderKey, Option<Millis>)> {
        self.downloaders.iter().map(|(hash, downloader)| (*hash, over_midnight(downloader.last)))
    }

    /// Takes in a downloader whom the views have counted: the rows of which they know, which are all of its rows but those up
    /// to `after`. Rows it had before are among them. Gives how many more rows there are than before.
    pub(super) fn adopt(
        &mut self,
        hash: DownloaderKey,
        rows: Vec<Row>,
        after: Option<Millis>,
        counting: &Counting,
        texts: &mut Texts,
    ) -> usize {
        let mut now = std::mem::take(&mut texts.now);
        texts.count(&rows, previous_of(&self.previous, hash, after), counting, &mut now);
        let more = rows.len();
        let before = self.downloaders.insert(hash, LiveDownloader { rows, after, last: now.visits.last });
        texts.now = now;
        more - before.map_or(0, |before| before.rows.len().min(more))
    }

    /// Takes in a downloader whose rows are left where they are stored, up to `after`: as long as nothing comes that goes on
    /// with them, what comes counts by itself.
    pub(super) fn resume(&mut self, hash: DownloaderKey, after: Millis) {
        self.downloaders.insert(hash, LiveDownloader { after: Some(after), ..LiveDownloader::default() });
    }

    /// Joins rows into a downloader's, of one body or of several that repeat nothing, and changes the sums by what that brings;
    /// gives its last counted events before and after.
    pub(super) fn join(
        &mut self,
        hash: DownloaderKey,
        rows: &[Row],
        theirs: &Foreign<'_>,
        counting: &Counting,
        texts: &mut Texts,
    ) -> (Option<Millis>, Option<Millis>, Applied) {
        let (mut before, mut now) = (std::mem::take(&mut texts.before), std::mem::take(&mut texts.now));
        let downloader = self.downloaders.entry(hash).or_default();
        let previous = previous_of(&self.previous, hash, downloader.after);
        texts.count(&downloader.rows, previous, counting, &mut before);
        let brought: u64 = rows.iter().map(|row| u64::from(row.count)).sum();
        if downloader.rows.is_empty() {
            // Most have few rows, which come at once.
            downloader.rows.reserve_exact(rows.len());
            downloader.rows.extend(rows.iter().map(|row| texts.own(row, theirs)));
        } else {
            let mut new = std::mem::take(&mut texts.new);
            new.clear();
            new.extend(rows.iter().map(|row| texts.own(row, theirs)));
            join_sorted(&mut downloader.rows, &new, &texts.words);
            texts.new = new;
        }
        texts.count(&downloader.rows, previous, counting, &mut now);
        downloader.last = now.visits.last;
        let is_known = downloader.after.is_some() || before.visits.last.is_some();
        self.change(hash, &before, &now, is_known);
        let accepted = now.events.saturating_sub(before.events);
        let outcome = (before.visits.last, now.visits.last, Applied { accepted, repeated: brought.saturating_sub(accepted) });
        (texts.before, texts.now) = (before, now);
        outcome
    }

    /// Whether some of the new rows of a downloader, of whatever bodies, are equal to each other or to rows it has.
    pub(super) fn repeats(&self, hash: DownloaderKey, rows: &[Row]) -> bool {
        let held = self.downloaders.get(&hash).map_or(&[][..], |downloader| &downloader.rows);
        rows.windows(2).any(|pair| matches!(pair, [a, b] if a.cmp_identity(b).is_eq()))
            || rows.iter().any(|row| held.binary_search_by(|known| known.cmp_identity(row)).is_ok())
    }

    /// Sets when a downloader was last seen before midnight, and changes the sums by what that brings.
    pub(super) fn continue_from(&mut self, hash: DownloaderKey, last: Option<Millis>, counting: &Counting, texts: &mut Texts) {
        let previous = match last {
            Some(last) => self.previous.insert(hash, last),
            None => self.previous.remove(&hash),
        };
        let Some(downloader) = self.downloaders.get(&hash).filter(|downloader| downloader.after.is_none()) else { return };
        let (mut before, mut now) = (std::mem::take(&mut texts.before), std::mem::take(&mut texts.now));
        texts.count(&downloader.rows, previous, counting, &mut before);
        texts.count(&downloader.rows, last, counting, &mut now);
        self.change(hash, &before, &now, before.visits.last.is_some());
        (texts.before, texts.now) = (before, now);
    }

    /// Replaces what a downloader adds to the sums; `is_known` says whether anything of it had counted.
    fn change(&mut self, hash: DownloaderKey, before: &Amount, now: &Amount, is_known: bool) {
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
        let sum = if hash.is_user() { &mut counts.authenticated } else { &mut counts.anonymous };
        sum.0 = moved(sum.0, now.visits.downloads.0, before.visits.downloads.0);
        counts.files.0 = moved(counts.files.0, now.visits.files.0, before.visits.files.0);
        for ((sum, now), before) in self.kinds.iter_mut().zip(now.visits.kinds.0).zip(before.visits.kinds.0) {
            *sum = sum.saturating_add_unsigned(now.0).saturating_sub_unsigned(before.0);
        }
        let counts = now.visits.last.is_some();
        debug_assert!(counts >= before.visits.last.is_some() && now.evidence >= before.evidence, "events only come");
        self.day.uniques.0 += u64::from(counts && !is_known);
        self.day.evidence |= now.evidence;
    }
}

/// The last counted event of the day before, as far as it matters to what comes after `after`.
fn previous_of(previous: &FastMap<DownloaderKey, Millis>, hash: DownloaderKey, after: Option<Millis>) -> Option<Millis> {
    if after.is_some() { None } else { previous.get(&hash).copied() }
}

/// The last event if a session could reach over midnight from it.
pub(super) fn over_midnight(last: Option<Millis>) -> Option<Millis> {
    last.filter(|last| i64::from(last.ms_of_day()) >= DAY_MS - TAIL_MS)
}
