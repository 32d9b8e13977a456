//! The invented traffic: visits that ask for several files, put into the order in which a log receives them.

use super::Workload;
use super::hit::{self, Hit};
use super::hub::Hub;
use super::random::{Random, mix, scale};
use super::rhythm;
use crate::model::{Day, Method, Millis};

/// A visit ends within so many milliseconds; with the shuffle it bounds how long a hit waits, and so the memory.
const VISIT_MS: u32 = 600_000;
/// So many earlier visits can be come back to.
const RECENT_VISITS: usize = 8192;
/// Rows of a visit, each count as likely as the others: 5.0 on average, as real logs have it.
const VISIT_ROWS: [u16; 32] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 8, 8, 9, 10, 11, 14, 22];

/// Hits in order of arrival, one second of the log after another.
pub(super) struct Traffic<'a> {
    workload: &'a Workload,
    hub: &'a Hub,
    random: Random,
    /// Rows until the end of each hour.
    rows_until: Vec<u64>,
    /// Rows made so far, repeated ones included.
    made: u64,
    pub(super) repeated: u64,
    pub(super) broken: u64,
    /// Repo and downloader of earlier visits.
    recent: Vec<(u32, u32)>,
    /// Hits that wait, by the second of their arrival, in a ring.
    waiting: Vec<Vec<Hit>>,
    second: u64,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(workload: &'a Workload, hub: &'a Hub) -> Traffic<'a> {
        let seconds = (VISIT_MS + workload.arrival_shuffle_ms) / 1000 + 3;
        Traffic {
            workload,
            hub,
            random: Random::seeded(workload.seed ^ mix(u64::from(workload.part))),
            rows_until: rhythm::rows_until(workload.seed, workload.rows, workload.first_day, workload.days.max(1)),
            made: 0,
            repeated: 0,
            broken: 0,
            recent: Vec::new(),
            waiting: (0..seconds).map(|_| Vec::new()).collect(),
            second: 0,
        }
    }

    /// Puts the hits that arrive in the next second into an empty list; false once there are none to come.
    pub(super) fn next_second(&mut self, hits: &mut Vec<Hit>) -> bool {
        let seconds = self.rows_until.len() as u64 * 3600;
        if self.second >= seconds + self.waiting.len() as u64 {
            return false;
        }
        if self.second < seconds {
            let due = self.rows_due();
            while self.made < due {
                self.visit();
            }
        }
        let slot = (self.second % self.waiting.len() as u64) as usize;
        if let Some(waiting) = self.waiting.get_mut(slot) {
            hits.append(waiting);
        }
        hits.sort_by_key(|hit| hit.arrival);
        self.second += 1;
        true
    }

    /// Rows that ought to be made by the end of this second: hours go by the rhythm, seconds of an hour evenly.
    fn rows_due(&self) -> u64 {
        let until = |hour: usize| self.rows_until.get(hour).copied().unwrap_or_default();
        let hour = (self.second / 3600) as usize;
        let before = hour.checked_sub(1).map_or(0, until);
        before + (until(hour) - before) * (self.second % 3600 + 1) / 3600
    }

    /// A downloader comes to a repo and asks for some of its files.
    fn visit(&mut self) {
        let (repo, client) = self.visitor();
        let visit = self.random.bits();
        let first_turn = if self.random.below(4) == 0 { self.random.below(8) as u16 } else { 0 };
        let rows = VISIT_ROWS.get(self.random.below(32) as usize).copied().unwrap_or(1);
        let start = self.second * 1000 + u64::from(self.random.below(1000));
        let mut offset = 0;
        for turn in 0..rows {
            if self.made == self.workload.rows {
                break;
            }
            let method = if self.random.below(100) < u32::from(self.workload.head_percent) { Method::Head } else { Method::Get };
            let hit = Hit {
                time: self.instant(start, offset),
                arrival: Millis(0),
                repo,
                client,
                visit,
                salt: self.random.bits() as u32,
                turn: first_turn + turn,
                method,
                status: hit::status(&mut self.random, method),
                broken: self.random.chance(self.workload.malformed_per_million),
            };
            self.queue(hit);
            let repeats = !hit.broken && self.made < self.workload.rows && self.random.chance(self.workload.repeated_per_million);
            if repeats {
                self.repeated += 1;
                self.queue(hit);
            }
            offset = (offset + self.pause()).min(VISIT_MS);
        }
    }

    /// One visit in five is somebody coming back, which is how jobs and caches behave; the others are new pairs.
    fn visitor(&mut self) -> (u32, u32) {
        let back = self.random.below((RECENT_VISITS * 5) as u32) as usize;
        if let Some(&known) = self.recent.get(back) {
            return known;
        }
        // Squared, so that some downloaders are far busier than others.
        let spread = self.random.bits() >> 32;
        let pair = (self.hub.popular(&mut self.random), scale(spread * spread, self.workload.downloaders.max(1)));
        if self.recent.len() < RECENT_VISITS {
            self.recent.push(pair);
        } else {
            let index = self.random.below(RECENT_VISITS as u32) as usize;
            self.recent[index] = pair;
        }
        pair
    }

    /// Milliseconds until the next file: mostly well under seconds, now and then minutes.
    fn pause(&mut self) -> u32 {
        let bits = if self.random.below(64) == 0 { 17 } else { 5 + self.random.below(9) };
        self.random.below(1 << bits)
    }

    /// The instant of a request. What would lie after the end of the log is folded back behind the start of its visit.
    fn instant(&self, start: u64, offset: u32) -> Millis {
        let end = self.rows_until.len() as u64 * 3_600_000;
        let time = start + u64::from(offset);
        let folded = if time < end { time } else { end - 1 - (time - end) % (end - start) };
        Millis(self.workload.first_day.start().0 + folded as i64)
    }

    /// Lets a hit wait for its arrival, a moment after its time.
    fn queue(&mut self, mut hit: Hit) {
        self.made += 1;
        self.broken += u64::from(hit.broken);
        let delay = self.random.below(self.workload.arrival_shuffle_ms.saturating_add(1));
        hit.arrival = Millis(hit.time.0 + i64::from(delay));
        let since_start = (hit.arrival.0 - Day::start(self.workload.first_day).0) as u64;
        let slot = (since_start / 1000 % self.waiting.len() as u64) as usize;
        self.waiting[slot].push(hit);
    }
}
