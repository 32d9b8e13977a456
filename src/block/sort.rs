//! Rows into stored order: by short keys, since moving and comparing whole rows is what takes the time.
//!
//! ```text
//!  key (128 bits) = repo | user | first bits of who | of the agent | time | details | stretch of the row | place in it
//! ```

use std::cmp::Ordering;

use super::bits::width_of;
use crate::model::Row;

/// Bits of a key, and of those of its parts that are not as wide as they need to be.
const KEY_BITS: u32 = 128;
const TIME_BITS_MAX: u32 = 31;
const AGENT_BITS: u32 = 8;
const DETAIL_BITS: u32 = 12;

/// So many bits of a who tell those of one repo and day apart; agents and details come after them.
const WHO_BITS: u32 = 40;

/// Hands out the rows of some stretches by [`Row::cmp_stored`], each with the place of its stretch; they stay where they are.
/// Equal rows come in the order of their stretches.
pub fn in_stored_order(stretches: &[impl AsRef<[Row]>], mut each: impl FnMut(usize, &Row)) {
    let slices = || stretches.iter().map(AsRef::as_ref);
    let (longest, rows) = slices().map(<[Row]>::len).fold((0, 0), |(longest, rows), len| (len.max(longest), rows + len));
    let layout = Layout::of(slices().flatten(), width_of(stretches.len() as u64), width_of(longest as u64));
    let mut keys: Vec<u128> = Vec::with_capacity(rows);
    for (stretch, rows) in (0..).zip(slices()) {
        keys.extend(rows.iter().zip(0..).map(|(row, place)| layout.key(row, stretch, place)));
    }
    keys.sort_unstable();
    let find = |key: &u128| {
        let (stretch, place) = layout.place(*key);
        Some((stretch, stretches.get(stretch)?.as_ref().get(place)?))
    };
    let compare = |a: &u128, b: &u128| match (find(a), find(b)) {
        (Some((_, of_a)), Some((_, of_b))) => of_a.cmp_stored(of_b).then_with(|| layout.place(*a).cmp(&layout.place(*b))),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    // Keys decide between runs. Within one they are right but for what does not fit into them, which is rare.
    for run in keys.chunk_by_mut(|a, b| layout.run(*a) == layout.run(*b)) {
        if !run.is_sorted_by(|a, b| compare(a, b) != Ordering::Greater) {
            run.sort_unstable_by(compare);
        }
        run.iter().filter_map(find).for_each(|(stretch, row)| each(stretch, row));
    }
}

/// How wide the parts of keys are, so that all of them fit as well as they can.
struct Layout {
    first_ms: i64,
    /// Whether times are whole seconds, and seconds are what keys count in.
    in_seconds: bool,
    who_bits: u32,
    agent_bits: u32,
    time_bits: u32,
    detail_bits: u32,
    stretch_bits: u32,
    place_bits: u32,
    /// Bits behind the first part that was cut.
    run_shift: u32,
}

impl Layout {
    fn of<'r>(rows: impl Iterator<Item = &'r Row>, stretch_bits: u32, place_bits: u32) -> Layout {
        let (mut last_repo, mut in_seconds, mut agents, mut sources) = (0, true, 0, (u16::MAX, 0));
        let (mut first_ms, mut last_ms) = (i64::MAX, i64::MIN);
        for row in rows {
            last_repo = last_repo.max(row.repo.0);
            (first_ms, last_ms) = (first_ms.min(row.time.0), last_ms.max(row.time.0));
            in_seconds = in_seconds && row.time.0 % 1_000 == 0;
            agents |= row.downloader_agent().0;
            sources = (sources.0.min(row.source.0), sources.1.max(row.source.0));
        }
        let time_width = width_of(steps(last_ms.saturating_sub(first_ms), in_seconds));
        let time_bits = time_width.min(TIME_BITS_MAX);
        let mut left = KEY_BITS - width_of(last_repo.into()) - 1 - time_bits - stretch_bits - place_bits;
        let mut take = |wanted: bool, bits: u32| {
            let bits = if wanted && left >= WHO_BITS + bits { bits } else { 0 };
            left -= bits;
            bits
        };
        let agent_bits = take(agents != 0, AGENT_BITS);
        // Where times are finer, hardly any two rows of a downloader share one.
        let detail_bits = take(in_seconds && sources.0 == sources.1, DETAIL_BITS);
        let who_bits = left.min(u64::BITS);
        let is_whole = who_bits == u64::BITS && agents == 0 && time_bits == time_width;
        let run_shift = detail_bits + stretch_bits + place_bits + if is_whole { 0 } else { agent_bits + time_bits };
        Layout { first_ms, in_seconds, who_bits, agent_bits, time_bits, detail_bits, stretch_bits, place_bits, run_shift }
    }

    /// The key of a row. Times that do not fit come last.
    fn key(&self, row: &Row, stretch: u64, place: u64) -> u128 {
        let time = steps(row.time.0.saturating_sub(self.first_ms), self.in_seconds);
        // Of a user the agent would come first.
        let details = if row.user || self.detail_bits == 0 { 0 } else { details(row) };
        // Shifting 128 bits takes several instructions, so that few parts are put together at full width.
        let head = u64::from(row.repo.0) << 1 | u64::from(row.user);
        let agent = first_bits(row.downloader_agent().0.into(), u32::BITS, self.agent_bits);
        let middle = agent << self.time_bits | time.min((1 << self.time_bits) - 1);
        let details = first_bits(details.into(), DETAIL_BITS, self.detail_bits);
        let tail = (details << self.stretch_bits | stretch) << self.place_bits | place;
        let parts = [
            (first_bits(row.who.0, u64::BITS, self.who_bits), self.who_bits),
            (middle, self.agent_bits + self.time_bits),
            (tail, self.detail_bits + self.stretch_bits + self.place_bits),
        ];
        parts.iter().fold(u128::from(head), |key, (part, bits)| key << bits | u128::from(*part))
    }

    /// What is right about a key: all up to the first part that was cut. Rows that agree in it are a run.
    fn run(&self, key: u128) -> u128 {
        key >> self.run_shift
    }

    /// The stretch of the row, and its place in it: they come from slices, so they fit.
    fn place(&self, key: u128) -> (usize, usize) {
        let last = |key: u128, bits: u32| (key & ((1 << bits) - 1)) as usize;
        (last(key >> self.place_bits, self.stretch_bits), last(key, self.place_bits))
    }
}

/// A time in steps of keys.
fn steps(ms: i64, in_seconds: bool) -> u64 {
    // Divided by what is known when this is built, which takes no division.
    if in_seconds { ms.unsigned_abs() / 1_000 } else { ms.unsigned_abs() }
}

/// The highest of so many bits.
fn first_bits(value: u64, bits: u32, first: u32) -> u64 {
    value.checked_shr(bits - first).unwrap_or(0)
}

/// What orders the rows of somebody who is no user, of one source and instant: method, status and the first bits of the path,
/// these only behind statuses that have a place of their own.
fn details(row: &Row) -> u32 {
    const USUAL: [u16; 6] = [200, 206, 302, 303, 304, 307];
    let status = row.status.0;
    let below = USUAL.iter().filter(|usual| **usual < status).count();
    let usual = USUAL.get(below) == Some(&status);
    // Twice the number of usual ones below fits into four bits.
    let rank = 2 * below as u32 + u32::from(usual);
    let path = if usual { (row.path.0 >> 58) as u32 } else { 0 };
    u32::from(row.method.code()) << 10 | rank << 6 | path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentHash, Method, Millis, PathHash, RepoNumber, SourceId, Status, Who};

    #[test]
    fn keys_give_the_order_that_rows_give() {
        let mut numbers = crate::generate::numbers(7);
        let mut random = |below: usize| numbers(below) as u64;
        for count in [0, 1, 2, 63, 64, 65, 1_000, 5_000, 5_001, 20_000] {
            let unit = if count % 2 == 0 { 1_000 } else { 1 };
            // Keys tell some whos apart, and of others the first bits alone.
            let apart = if count % 1_000 == 1 { 1 } else { 0x5555_5555_5555_5555 };
            let mut row = || Row {
                repo: RepoNumber(u32::try_from(random(5)).unwrap() * 0x3fff_ffff),
                user: random(2) == 0,
                who: Who(random(4) * apart),
                agent: AgentHash(u32::try_from(random(3)).unwrap().wrapping_sub(1)),
                time: Millis(i64::try_from(random(50) * random(3) * (1 << 29)).unwrap() / unit * unit),
                path: PathHash(random(3) << 59 | random(2)),
                method: if random(4) == 0 { Method::Head } else { Method::Get },
                status: Status([200, 206, 250, 302, 304, 404][usize::try_from(random(6)).unwrap()]),
                source: SourceId(u16::from(count == 1_000 && random(9) == 0)),
                ..Row::default()
            };
            let rows: Vec<Row> = (0..count).map(|_| row()).collect();
            let mut plain = rows.clone();
            plain.sort_by(Row::cmp_stored);
            let backwards: Vec<Row> = plain.iter().rev().copied().collect();
            for rows in [&rows, &plain, &backwards] {
                for stretch_rows in [1, 700, 50_000] {
                    let stretches: Vec<&[Row]> = rows.chunks(stretch_rows).collect();
                    let mut handed = Vec::new();
                    in_stored_order(&stretches, |stretch, row| handed.push((stretch, *row)));
                    assert!(handed.iter().map(|(_, row)| row).eq(&plain), "{count} rows in stretches of {stretch_rows}");
                    assert!(handed.iter().all(|(stretch, row)| stretches[*stretch].contains(row)));
                    let in_order = |a: &(usize, Row), b: &(usize, Row)| a.1.cmp_stored(&b.1).is_lt() || a.0 <= b.0;
                    assert!(handed.is_sorted_by(in_order), "equal rows in the order of their stretches");
                }
            }
        }
    }
}
