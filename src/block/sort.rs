//! Rows into stored order: by short keys, since moving and comparing whole rows is what takes the time.

use crate::model::Row;

/// Fewer rows than this are sorted as they are.
const KEYED_MIN: usize = 64;

/// Bits of the time in a key, and of all below it: the row's place, and above it, where a log tells whole seconds, as much as
/// fits of what orders rows of one downloader and instant.
const TIME_BITS: u32 = 31;
const LOW_BITS: u32 = 32;
const SINCE_MAX: u64 = (1 << TIME_BITS) - 1;

/// Bits of method, status and path in a key of few rows.
const DETAIL_BITS: u32 = 12;

/// The first bits of what rows are ordered by, and below them the row's place.
type Key = (u128, u64);

/// Sorts rows by [`Row::cmp_stored`]; the order of equal rows is unspecified.
pub fn sort_stored(rows: &mut [Row]) {
    if rows.len() < KEYED_MIN || rows.is_sorted_by(|a, b| a.cmp_stored(b).is_le()) {
        return rows.sort_unstable_by(Row::cmp_stored);
    }
    let Some(mut keys) = sorted_keys(rows, |row| row) else { return rows.sort_unstable_by(Row::cmp_stored) };
    permute(rows, &mut keys);
}

/// Hands out rows by [`Row::cmp_stored`], which stay where they are; the order of equal rows is unspecified.
pub fn in_stored_order<'r>(rows: &mut [&'r Row], mut each: impl FnMut(&'r Row)) {
    let Some(keys) = sorted_keys(rows, |row| row) else {
        rows.sort_unstable_by(|a, b| a.cmp_stored(b));
        return rows.iter().for_each(|row| each(row));
    };
    keys.iter().filter_map(|key| rows.get(place(key))).for_each(|row| each(row));
}

/// The keys of rows in stored order; `None` for more rows than a key can tell apart.
fn sorted_keys<R>(rows: &[R], row: impl Fn(&R) -> &Row) -> Option<Vec<Key>> {
    let count = u32::try_from(rows.len()).ok()?;
    let first_ms = rows.iter().map(|item| row(item).time.0).min().unwrap_or(0);
    let in_seconds = || rows.iter().all(|item| row(item).time.0 % 1_000 == 0);
    let one_source = || rows.windows(2).all(|pair| matches!(pair, [a, b] if row(a).source == row(b).source));
    // Where times are finer, hardly any two rows of a downloader share one.
    let with_details = count <= 1 << (LOW_BITS - DETAIL_BITS) && in_seconds() && one_source();
    let mut keys: Vec<Key> = rows
        .iter()
        .zip(0..count)
        .map(|(item, place)| {
            let row = row(item);
            let since = since(row, first_ms);
            // Of a user the agent comes first, and of times that do not fit the rest of them.
            let detailed = with_details && !row.user && since < SINCE_MAX;
            let details = if detailed { details(row) << (LOW_BITS - DETAIL_BITS) } else { 0 };
            key(row, since, details | place)
        })
        .collect();
    keys.sort_unstable();
    let place_bits = if with_details { LOW_BITS - DETAIL_BITS } else { LOW_BITS };
    let place_mask = (1 << place_bits) - 1;
    // Rows with one key are few, and ordered by their places so far.
    for equal in keys.chunk_by_mut(|a, b| a.0 == b.0 && a.1 >> place_bits == b.1 >> place_bits) {
        if equal.len() > 1 {
            equal.sort_unstable_by(|a, b| match (rows.get((a.1 & place_mask) as usize), rows.get((b.1 & place_mask) as usize)) {
                (Some(a), Some(b)) => row(a).cmp_stored(row(b)),
                (a, b) => a.is_some().cmp(&b.is_some()),
            });
        }
    }
    keys.iter_mut().for_each(|key| key.1 &= place_mask);
    Some(keys)
}

/// The time from `first_ms` on as far as it fits.
fn since(row: &Row, first_ms: i64) -> u64 {
    u64::try_from(row.time.0.saturating_sub(first_ms)).unwrap_or(0).min(SINCE_MAX)
}

/// Repo, user flag, who, the downloader's agent, and the time.
fn key(row: &Row, since: u64, low: u32) -> Key {
    let agent = row.downloader_agent().0;
    let high = u128::from(row.repo.0) << 96 | u128::from(row.user) << 95 | u128::from(row.who.0) << 31;
    let low = u64::from(agent & 1) << (TIME_BITS + LOW_BITS) | since << LOW_BITS | u64::from(low);
    (high | u128::from(agent >> 1), low)
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

/// The row's place, which is all that is left of a sorted key.
fn place(key: &Key) -> usize {
    key.1 as usize
}

/// Puts into every place the row whose number stands there, circle by circle. Done places point to themselves.
fn permute(rows: &mut [Row], keys: &mut [Key]) {
    for start in 0..rows.len() {
        let mut hole = start;
        while let Some(from) = keys.get(hole).map(place) {
            if let Some(key) = keys.get_mut(hole) {
                key.1 = hole as u64;
            }
            if from == start {
                break;
            }
            rows.swap(hole, from);
            hole = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AgentHash, Method, Millis, PathHash, RepoNumber, SourceId, Status, Who};

    #[test]
    fn keys_give_the_order_that_rows_give() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for count in [0, 1, 2, 63, 64, 65, 1_000, 5_000, 5_001, 20_000] {
            let unit = if count % 2 == 0 { 1_000 } else { 1 };
            let mut row = || Row {
                repo: RepoNumber(u32::try_from(random(5)).unwrap() * 0x3fff_ffff),
                user: random(2) == 0,
                who: Who(random(4).wrapping_mul(0x5555_5555_5555_5555)),
                agent: AgentHash(u32::try_from(random(3)).unwrap().wrapping_sub(1)),
                time: Millis(i64::try_from(random(50) * random(3) * (1 << 29)).unwrap() / unit * unit),
                path: PathHash(random(3) << 59 | random(2)),
                method: if random(4) == 0 { Method::Head } else { Method::Get },
                status: Status([200, 206, 250, 302, 304, 404][usize::try_from(random(6)).unwrap()]),
                source: SourceId(u16::from(count == 1_000 && random(9) == 0)),
                ..Row::default()
            };
            let rows: Vec<Row> = (0..count).map(|_| row()).collect();
            let (mut keyed, mut plain) = (rows.clone(), rows);
            sort_stored(&mut keyed);
            plain.sort_by(Row::cmp_stored);
            assert_eq!(keyed, plain, "{count} rows");
            sort_stored(&mut keyed);
            assert_eq!(keyed, plain, "{count} sorted rows");
            keyed.reverse();
            let mut places: Vec<&Row> = keyed.iter().collect();
            let mut handed = Vec::new();
            in_stored_order(&mut places, |row| handed.push(*row));
            assert_eq!(handed, plain, "{count} rows in their places");
        }
    }
}
