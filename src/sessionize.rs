//! Sorted event times of one downloader on one repo -> sessions.
//!
//! Rule `session-30m`: a counted event starts a new session iff its predecessor is 1,800 s or more earlier. One session
//! is one download and belongs to the UTC day of its first event; files belong to the UTC day of their event.

use crate::model::{Downloads, FETCH_GAP_MS, Files, Millis, PathHash, SESSION_GAP_MS};

/// One counted event, as far as sessions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    pub time: Millis,
    /// The path asked for; `PathHash(0)` where the source has none.
    pub path: PathHash,
    /// Files that an event without a path stands for: its multiplicity, or 0 for a partial answer (206).
    pub pathless_files: u32,
}

/// What the events of one downloader on one repo and one UTC day amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayVisits {
    /// Sessions that start on the day.
    pub downloads: Downloads,
    pub files: Files,
    pub first: Option<Millis>,
    pub last: Option<Millis>,
}

/// Whether an event starts a session, given the counted event before it.
#[must_use]
pub fn starts_session(previous: Option<Millis>, time: Millis) -> bool {
    previous.is_none_or(|previous| time.0 - previous.0 >= SESSION_GAP_MS)
}

/// Whether a POST of a git client goes on with the fetch of the one before it, at the same instant or later.
#[must_use]
pub fn continues_fetch(previous: Millis, time: Millis) -> bool {
    time.0 - previous.0 < FETCH_GAP_MS
}

/// Counts the visits of one downloader on one repo and one day, in order of time. `previous` is the downloader's last
/// counted event on the repo before that day; only the last half hour before midnight matters.
pub fn count_day(previous: Option<Millis>, visits: impl IntoIterator<Item = Visit>, paths: &mut Vec<PathHash>) -> DayVisits {
    let mut day = DayVisits::default();
    let mut before = previous;
    paths.clear();
    for visit in visits {
        if starts_session(before, visit.time) {
            day.downloads += Downloads(1);
            day.files += distinct(paths);
        }
        day.first = day.first.or(Some(visit.time));
        day.last = Some(visit.time);
        before = day.last;
        if visit.path == PathHash(0) {
            day.files += Files(u64::from(visit.pathless_files));
        } else {
            paths.push(visit.path);
        }
    }
    day.files += distinct(paths);
    day
}

/// Empties the list of a session's paths and says how many different ones there were.
fn distinct(paths: &mut Vec<PathHash>) -> Files {
    if paths.len() > 1 {
        paths.sort_unstable();
        paths.dedup();
    }
    let files = Files(paths.len() as u64);
    paths.clear();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(times: &[(i64, u64)]) -> Vec<Visit> {
        times.iter().map(|&(ms, path)| Visit { time: Millis(ms), path: PathHash(path), pathless_files: 1 }).collect()
    }

    #[test]
    fn a_gap_of_exactly_half_an_hour_starts_a_session_and_a_millisecond_less_does_not() {
        let count = |gap| count_day(None, visits(&[(0, 1), (gap, 1)]), &mut Vec::new()).downloads;
        assert_eq!(count(SESSION_GAP_MS - 1), Downloads(1));
        assert_eq!(count(SESSION_GAP_MS), Downloads(2));
    }

    #[test]
    fn a_session_may_last_for_hours_and_counts_each_path_once() {
        let times: Vec<(i64, u64)> = (0..20).map(|i| (i * 1_700_000, 1 + i as u64 % 3)).collect();
        let day = count_day(None, visits(&times), &mut Vec::new());
        assert_eq!((day.downloads, day.files), (Downloads(1), Files(3)));
    }

    #[test]
    fn a_session_that_began_before_midnight_brings_files_but_no_download() {
        let day = count_day(Some(Millis(0)), visits(&[(1_000, 7), (2_000, 0), (3_000, 7)]), &mut Vec::new());
        assert_eq!((day.downloads, day.files), (Downloads(0), Files(2)));
        assert_eq!((day.first, day.last), (Some(Millis(1_000)), Some(Millis(3_000))));
    }
}
