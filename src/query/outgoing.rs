//! Stored events as other nodes take them: those that came after a place, page by page, whatever segments they lie in.
//!
//! A segment that was merged holds new and old events under a new number, so an event may go out more than once. That is
//! harmless: every event goes out with all its repetitions on one page, and of several pages a receiver takes the largest.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{QueryError, View};
use crate::block::{Merge, Wanted};
use crate::model::{Day, RepoKey, RepoNumber, Row, SourceId, SourceSettings};
use crate::store::{self, DayQuestion, RepoChoice};

/// Lines of a page, unless one downloader has more in one millisecond.
const PAGE_LINES: u64 = 10_000;

/// Repo, whether a user, who, agent and time: events that agree in these go out together.
type Key = (u32, u64, u64, u32, u64);

/// How far events have gone out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutgoingPlace {
    /// Segments before this one are out.
    from: u64,
    /// Those from there up to before this one are going out; 0 before the first page of a round.
    until: u64,
    /// Days before this one are done with in this round, and so are events of the day up to the key.
    day: u16,
    key: Key,
}

/// Kept and handed around as text.
impl fmt::Display for OutgoingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (repo, user, who, agent, time) = self.key;
        write!(f, "{}.{}.{}.{repo}.{user}.{who}.{agent}.{time}", self.from, self.until, self.day)
    }
}

impl FromStr for OutgoingPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<OutgoingPlace, ()> {
        let numbers: Vec<u64> = text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(drop)?;
        let [from, until, day, repo, user, who, agent, time] = numbers[..] else { return Err(()) };
        let (day, repo, agent) = (day.try_into(), repo.try_into(), agent.try_into());
        let (Ok(day), Ok(repo), Ok(agent)) = (day, repo, agent) else { return Err(()) };
        Ok(OutgoingPlace { from, until, day, key: (repo, user, who, agent, time) })
    }
}

/// One event with its repetitions and texts.
#[derive(Clone, Debug)]
pub struct OutgoingEvent {
    pub row: Row,
    pub count: u32,
    pub region: String,
    /// The canonical agent; the raw one was never kept.
    pub agent: String,
    pub path: String,
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    pub events: Vec<OutgoingEvent>,
    /// Where the next page begins.
    pub next: OutgoingPlace,
    /// Whether that is the end of the round: everything that was stored when it began is out.
    pub is_end: bool,
}

fn key(row: &Row) -> Key {
    (row.repo.0, u64::from(row.user), row.who.0, row.downloader_agent().0, u64::try_from(row.time.0).unwrap_or_default())
}

impl View<'_> {
    /// The events after a place, as stored, under the names they came in.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn outgoing(&self, place: OutgoingPlace) -> Result<Outgoing, QueryError> {
        let mut place = place;
        if place.until == 0 {
            place.until = store::counters(&self.txn)?.segment;
            // A place beyond all there is belongs to a store that was here before.
            place.from = if place.from > place.until { 0 } else { place.from };
            (place.day, place.key) = (0, Key::default());
        }
        let mut page = Outgoing::default();
        let mut lines = 0;
        let is_fresh = |id: u64| (place.from..place.until).contains(&id);
        for (day, manifest) in store::manifests(&self.txn)? {
            if day.0 < place.day || !manifest.segments.iter().any(|segment| is_fresh(segment.id)) {
                continue;
            }
            let after = if day.0 == place.day { place.key } else { Key::default() };
            if let Some(key) = self.outgoing_of_day(day, &manifest, is_fresh, after, &mut page.events, &mut lines)? {
                page.next = OutgoingPlace { day: day.0, key, ..place };
                return Ok(page);
            }
        }
        page.next = OutgoingPlace { from: place.until, ..OutgoingPlace::default() };
        page.is_end = true;
        Ok(page)
    }

    /// Adds the events of a day; gives the key of the last one if the page is full.
    fn outgoing_of_day(
        &self,
        day: Day,
        manifest: &store::DayManifest,
        is_fresh: impl Fn(u64) -> bool,
        after: Key,
        events: &mut Vec<OutgoingEvent>,
        lines: &mut u64,
    ) -> Result<Option<Key>, QueryError> {
        let fresh: Vec<bool> = manifest.segments.iter().map(|segment| is_fresh(segment.id)).collect();
        // Repetitions may lie in old segments, so all of the day is merged, but for the blocks of pages before.
        let repos = RepoChoice::Within(RepoNumber(after.0)..=RepoNumber(u32::MAX));
        let question = DayQuestion { day, repos, sought: None, renames: Arc::default(), wanted: Wanted::All };
        let inputs = store::day_rows(&self.txn, &question, manifest.segments.iter().cloned())?;
        let fresh: Vec<bool> = inputs.iter().map(|(at, _)| fresh.get(*at).copied().unwrap_or(false)).collect();
        let mut merge = Merge::new(inputs.into_iter().map(|(_, rows)| rows))?.joined()?;
        let mut last = None;
        while let Some(event) = merge.next_event(|input| fresh.get(input).copied().unwrap_or(false))? {
            let of_event = key(&event.row);
            if event.accepted + event.repeated == 0 || of_event <= after {
                continue;
            }
            if *lines >= PAGE_LINES && last.is_some_and(|last| last != of_event) {
                return Ok(last);
            }
            let text = |word| String::from_utf8_lossy(merge.words().text(word)).into_owned();
            let Row { region, agent_note, path_name, .. } = event.row;
            let (region, agent, path) = (text(region), text(agent_note), text(path_name));
            events.push(OutgoingEvent { row: event.row, count: event.count, region, agent, path });
            *lines += u64::from(event.count);
            last = Some(of_event);
        }
        Ok(None)
    }

    /// The names and settings of all sources.
    ///
    /// # Errors
    /// When the store fails.
    pub fn source_settings(&self) -> Result<Vec<(SourceId, String, SourceSettings)>, QueryError> {
        let sources = store::read_sources(&self.txn)?;
        Ok(sources.into_iter().map(|entry| (entry.id, entry.record.name.clone(), entry.settings())).collect())
    }

    /// The name of a repo as its events came in.
    ///
    /// # Errors
    /// When the store fails.
    pub fn stored_repo(&self, repo: RepoNumber) -> Result<RepoKey, QueryError> {
        Ok(store::read_repo(&self.txn, repo)?.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_from_text() {
        let place = OutgoingPlace { from: 7, until: 9, day: 20_600, key: (1, 1, u64::MAX, u32::MAX, 1_780_000_000_000) };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "1", "1.2.3.4.5.6.7", "1.2.70000.4.5.6.7.8", "a.b.c.d.e.f.g.h"] {
            assert_eq!(bad.parse::<OutgoingPlace>(), Err(()), "{bad}");
        }
    }
}
