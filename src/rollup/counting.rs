//! From joined events to what one downloader did on one repo and day: shared by the fold of days and by the live overlay.

use std::sync::Arc;

use super::facet::{Facet, FacetBook};
use crate::block::Joined;
use crate::classify::{Class, GitPost, class, counts_as_file_without_path};
use crate::model::{Method, Millis, PathHash, Renames, SourceId, SourceSettings, Words};
use crate::sessionize::{DayVisits, Origin, Visit, VisitedPath, continues_fetch, count_day};

/// The names and settings of all sources, by number, and the names by which the catalog has repos read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counting {
    sources: Vec<(Box<str>, SourceSettings)>,
    renames: Arc<Renames>,
}

impl Counting {
    /// Counts with these settings; a source without any has the defaults.
    #[must_use]
    pub fn new(sources: Vec<(Box<str>, SourceSettings)>, renames: Arc<Renames>) -> Counting {
        Counting { sources, renames }
    }

    /// The names by which repos are read.
    #[must_use]
    pub fn renames(&self) -> &Arc<Renames> {
        &self.renames
    }

    /// How the requests of a source are read.
    #[must_use]
    pub fn settings(&self, source: SourceId) -> SourceSettings {
        self.sources.get(usize::from(source.0)).map(|(_, settings)| *settings).unwrap_or_default()
    }

    /// What a source is called.
    #[must_use]
    pub fn source_name(&self, source: SourceId) -> &str {
        self.sources.get(usize::from(source.0)).map_or("", |(name, _)| name)
    }
}

/// Collects the events of one downloader on one repo and day, in stored order.
#[derive(Clone, Debug, Default)]
pub struct DownloaderDay {
    visits: Vec<Visit>,
    paths: Vec<VisitedPath>,
    user: bool,
    last_post: Option<LastPost>,
    /// Whether an event proves that the repo is public: a body for somebody who was not signed in.
    pub evidence: bool,
}

/// The last POST of a fetch by git.
#[derive(Clone, Copy, Debug)]
struct LastPost {
    time: Millis,
    /// Whether it would prove that the repo is public, if it counted.
    evidence: bool,
    /// What it is if it did not count so far.
    waiting: Option<Visit>,
}

impl DownloaderDay {
    /// Forgets everything but its buffers.
    pub fn clear(&mut self) {
        self.visits.clear();
        self.last_post = None;
        self.evidence = false;
    }

    /// Adds an event if it counts.
    pub fn add(&mut self, event: &Joined, counting: &Counting, book: &mut FacetBook, words: &Words) {
        let row = &event.row;
        self.user = row.user;
        let settings = counting.settings(row.source);
        if row.method == Method::Post {
            return self.add_post(event, &settings);
        }
        let class = class(row.method, row.status, row.range, &settings);
        if !class.is_counted() {
            return;
        }
        self.evidence |= matches!(class, Class::Body) && !row.user && settings.knows_users;
        let pathless_files = if counts_as_file_without_path(row.status) { event.count } else { 0 };
        let kind = book.kind(row.path_name, words);
        self.visits.push(Visit {
            time: row.time,
            path: row.path,
            kind,
            pathless_files,
            count: event.count,
            origin: Origin::of(row),
        });
    }

    /// Adds a POST of a git client. One that may be a mere look counts if another one happened at the same instant or
    /// shortly before. Days are counted apart, so the two must lie on one day: of a fetch over midnight nothing counts.
    fn add_post(&mut self, event: &Joined, settings: &SourceSettings) {
        let row = &event.row;
        let Some(post @ (GitPost::Step | GitPost::Fetch)) = GitPost::of(row) else { return };
        let evidence = !row.user && settings.knows_users;
        let before = self.last_post.filter(|last| continues_fetch(last.time, row.time));
        let visit = Visit {
            time: row.time,
            path: PathHash(0),
            kind: None,
            pathless_files: 0,
            count: event.count,
            origin: Origin::of(row),
        };
        let waits = post == GitPost::Step && event.count < 2 && before.is_none();
        self.last_post = Some(LastPost { time: row.time, evidence, waiting: waits.then_some(visit) });
        if waits {
            return;
        }
        // Events of one instant have no order: if the second counts, the first did too.
        let first = before.filter(|last| last.time == row.time);
        self.evidence |= evidence || first.is_some_and(|first| first.evidence);
        self.visits.extend(first.and_then(|first| first.waiting));
        self.visits.push(visit);
    }

    /// What counted, by time.
    #[must_use]
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// Whether nothing counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty()
    }

    /// Counts what was added; `sessions` gets what each session that starts on the day takes from its first event.
    /// `previous` is the last counted event before the day.
    pub fn count(
        &mut self,
        previous: Option<Millis>,
        counting: &Counting,
        book: &mut FacetBook,
        words: &Words,
        sessions: &mut Vec<Facet>,
    ) -> DayVisits {
        let user = self.user;
        count_day(previous, &self.visits, &mut self.paths, |instant| {
            sessions.extend(book.first_of(instant.iter().map(|visit| visit.origin), user, counting, words));
        })
    }
}
