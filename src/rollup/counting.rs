//! From joined events to what one downloader did on one repo and day: shared by the fold of days and by the live overlay.

use std::sync::Arc;

use crate::block::Joined;
use crate::classify::{Class, GitPost, class, counts_as_file_without_path};
use crate::model::{Method, Millis, PathHash, Renames, SourceId, SourceSettings};
use crate::sessionize::{DayVisits, Visit, continues_fetch, count_day};

/// The settings of all sources, by number, and the names by which the catalog has repos read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counting {
    settings: Vec<SourceSettings>,
    renames: Arc<Renames>,
}

impl Counting {
    /// Counts with these settings; a source without any has the defaults.
    #[must_use]
    pub fn new(settings: Vec<SourceSettings>, renames: Arc<Renames>) -> Counting {
        Counting { settings, renames }
    }

    /// The names by which repos are read.
    #[must_use]
    pub fn renames(&self) -> &Arc<Renames> {
        &self.renames
    }

    fn settings(&self, source: SourceId) -> SourceSettings {
        self.settings.get(usize::from(source.0)).copied().unwrap_or_default()
    }
}

/// Collects the events of one downloader on one repo and day, in stored order.
#[derive(Clone, Debug, Default)]
pub struct DownloaderDay {
    visits: Vec<Visit>,
    paths: Vec<PathHash>,
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
}

impl DownloaderDay {
    /// Forgets everything but its buffers.
    pub fn clear(&mut self) {
        self.visits.clear();
        self.last_post = None;
        self.evidence = false;
    }

    /// Adds an event if it counts.
    pub fn add(&mut self, event: &Joined, counting: &Counting) {
        let row = &event.row;
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
        self.visits.push(Visit { time: row.time, path: row.path, pathless_files });
    }

    /// Adds a POST of a git client. One that may be a mere look counts if another one happened at the same instant or
    /// shortly before. Days are counted apart, so the two must lie on one day: of a fetch over midnight nothing counts.
    fn add_post(&mut self, event: &Joined, settings: &SourceSettings) {
        let row = &event.row;
        let Some(post @ (GitPost::Step | GitPost::Fetch)) = GitPost::of(row) else { return };
        let evidence = !row.user && settings.knows_users;
        let before = self.last_post.filter(|last| continues_fetch(last.time, row.time));
        self.last_post = Some(LastPost { time: row.time, evidence });
        if post == GitPost::Step && event.count < 2 && before.is_none() {
            return;
        }
        // Events of one instant have no order: if the second counts, the first did too.
        let with_first = before.is_some_and(|last| last.time == row.time && last.evidence);
        self.evidence |= evidence || with_first;
        self.visits.push(Visit { time: row.time, path: PathHash(0), pathless_files: 0 });
    }

    /// Whether nothing counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty()
    }

    /// Counts what was added. `previous` is the last counted event before the day.
    pub fn count(&mut self, previous: Option<Millis>) -> DayVisits {
        count_day(previous, self.visits.iter().copied(), &mut self.paths)
    }
}
