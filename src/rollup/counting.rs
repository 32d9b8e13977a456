//! From joined events to what one downloader did on one repo and day: shared by the fold of days and by the live overlay.

use crate::block::Joined;
use crate::classify::{Class, class, counts_as_file_without_path};
use crate::model::{Millis, PathHash, SourceId, SourceSettings};
use crate::sessionize::{DayVisits, Visit, count_day};

/// The settings of all sources, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counting {
    settings: Vec<SourceSettings>,
}

impl Counting {
    /// Counts with these settings; a source without any has the defaults.
    #[must_use]
    pub fn new(settings: Vec<SourceSettings>) -> Counting {
        Counting { settings }
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
    /// Whether an event proves that the repo is public: a body for somebody who was not signed in.
    pub evidence: bool,
}

impl DownloaderDay {
    /// Forgets everything but its buffers.
    pub fn clear(&mut self) {
        self.visits.clear();
        self.evidence = false;
    }

    /// Adds an event if it counts.
    pub fn add(&mut self, event: &Joined, counting: &Counting) {
        let row = &event.row;
        let settings = counting.settings(row.source);
        let class = class(row.method, row.status, row.range, &settings);
        if !class.is_counted() {
            return;
        }
        self.evidence |= matches!(class, Class::Body) && !row.user && settings.knows_users;
        let pathless_files = if counts_as_file_without_path(row.status) { event.count } else { 0 };
        self.visits.push(Visit { time: row.time, path: row.path, pathless_files });
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
