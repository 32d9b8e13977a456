//! Sorted event times of one downloader on one repo -> sessions.
//!
//! Rule `session-30m`: a counted event starts a new session iff its predecessor is 1,800 s or more earlier. One session
//! is one download and belongs to the UTC day of its first event; files belong to the UTC day of their event.

use crate::classify::FileKind;
use crate::model::{Country, Downloads, FETCH_GAP_MS, Files, Millis, PathHash, Row, SESSION_GAP_MS, SourceId, Word};

/// What a session takes from its first event. Texts are numbers of the list that travels with the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub source: SourceId,
    pub country: Country,
    pub region: Word,
    pub agent_note: Word,
}

impl Origin {
    /// What a session takes from an event.
    #[must_use]
    pub fn of(row: &Row) -> Origin {
        Origin { source: row.source, country: row.country, region: row.region, agent_note: row.agent_note }
    }
}

/// One counted event, as far as sessions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    pub time: Millis,
    /// The path asked for; `PathHash(0)` where the source has none.
    pub path: PathHash,
    /// The kind of file at that path, where the source names it.
    pub kind: Option<FileKind>,
    /// Files that an event without a path stands for: its multiplicity, or 0 for a partial answer (206).
    pub pathless_files: u32,
    /// How often the event happened.
    pub count: u32,
    pub origin: Origin,
}

/// A path of a session with its kind of file.
pub type VisitedPath = (PathHash, Option<FileKind>);

/// Files by kind, in the order of [`FileKind::ALL`]. Files of which no path is known are in none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindFiles(pub [Files; FileKind::ALL.len()]);

impl std::ops::AddAssign for KindFiles {
    fn add_assign(&mut self, other: KindFiles) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, files)| *sum += files);
    }
}

impl KindFiles {
    /// Adds changes to what was added before: no sum falls below nothing by them.
    pub fn change(&mut self, changes: [i64; FileKind::ALL.len()]) {
        self.0.iter_mut().zip(changes).for_each(|(sum, change)| sum.0 = sum.0.saturating_add_signed(change));
    }
}

/// What the events of one downloader on one repo and one UTC day amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayVisits {
    /// Sessions that start on the day.
    pub downloads: Downloads,
    pub files: Files,
    pub kinds: KindFiles,
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
/// counted event on the repo before that day; only the last half hour before midnight matters. `each_session` gets, for
/// every session that starts on the day, the visits of its first instant: they have no order among them.
pub fn count_day(
    previous: Option<Millis>,
    visits: &[Visit],
    paths: &mut Vec<VisitedPath>,
    mut each_session: impl FnMut(&[Visit]),
) -> DayVisits {
    let mut day = DayVisits::default();
    let mut before = previous;
    paths.clear();
    for (at, visit) in visits.iter().enumerate() {
        if starts_session(before, visit.time) {
            day.downloads += Downloads(1);
            day.add_files(paths);
            let rest = visits.get(at..).unwrap_or_default();
            let instant = rest.iter().take_while(|other| other.time == visit.time).count();
            each_session(rest.get(..instant).unwrap_or_default());
        }
        day.first = day.first.or(Some(visit.time));
        day.last = Some(visit.time);
        before = day.last;
        if visit.path == PathHash(0) {
            day.files += Files(u64::from(visit.pathless_files));
        } else {
            paths.push((visit.path, visit.kind));
        }
    }
    day.add_files(paths);
    day
}

impl DayVisits {
    /// Adds the different ones of a session's paths, and empties their list.
    fn add_files(&mut self, paths: &mut Vec<VisitedPath>) {
        if paths.len() > 1 {
            // Where one source names the kind of a path and another does not, the named one comes first.
            paths.sort_unstable_by_key(|(path, kind)| (*path, kind.is_none()));
            paths.dedup_by_key(|(path, _)| *path);
        }
        self.files += Files(paths.len() as u64);
        for kind in paths.iter().filter_map(|(_, kind)| *kind) {
            if let Some(files) = self.kinds.0.get_mut(kind as usize) {
                *files += Files(1);
            }
        }
        paths.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(times: &[(i64, u64)]) -> Vec<Visit> {
        let visit = |&(ms, path): &(i64, u64)| Visit {
            time: Millis(ms),
            path: PathHash(path),
            kind: (path > 1).then_some(FileKind::Data),
            pathless_files: 1,
            count: 1,
            origin: Origin::default(),
        };
        times.iter().map(visit).collect()
    }

    #[test]
    fn a_gap_of_exactly_half_an_hour_starts_a_session_and_a_millisecond_less_does_not() {
        let count = |gap| count_day(None, &visits(&[(0, 1), (gap, 1)]), &mut Vec::new(), |_| {}).downloads;
        assert_eq!(count(SESSION_GAP_MS - 1), Downloads(1));
        assert_eq!(count(SESSION_GAP_MS), Downloads(2));
    }

    #[test]
    fn a_session_may_last_for_hours_and_counts_each_path_once() {
        let times: Vec<(i64, u64)> = (0..20).map(|i| (i * 1_700_000, 1 + i as u64 % 3)).collect();
        let day = count_day(None, &visits(&times), &mut Vec::new(), |_| {});
        assert_eq!((day.downloads, day.files), (Downloads(1), Files(3)));
    }

    #[test]
    fn a_session_that_began_before_midnight_brings_files_but_no_download() {
        let day = count_day(Some(Millis(0)), &visits(&[(1_000, 7), (2_000, 0), (3_000, 7)]), &mut Vec::new(), |_| {});
        assert_eq!((day.downloads, day.files), (Downloads(0), Files(2)));
        assert_eq!((day.first, day.last), (Some(Millis(1_000)), Some(Millis(3_000))));
    }

    #[test]
    fn a_session_begins_with_all_visits_of_its_first_instant() {
        let mut instants = Vec::new();
        let times = [(0, 1), (0, 2), (5, 3), (SESSION_GAP_MS + 5, 4)];
        let day = count_day(None, &visits(&times), &mut Vec::new(), |instant| instants.push(instant.len()));
        assert_eq!((instants, day.kinds.0[FileKind::Data as usize]), (vec![2, 1], Files(3)));
    }
}
