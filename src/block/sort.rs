//! Rows into stored order: by short keys, since moving and comparing whole rows is what takes the time.

use std::cmp::Ordering;

use crate::model::Row;

/// Fewer rows than this are sorted as they are.
const KEYED_MIN: usize = 64;

/// The first 128 bits of what rows are ordered by, and the row's place.
type Key = (u128, u32);

/// Sorts rows by [`Row::cmp_stored`]; the order of equal rows is unspecified.
pub fn sort_stored(rows: &mut [Row]) {
    let Ok(count) = u32::try_from(rows.len()) else { return rows.sort_unstable_by(Row::cmp_stored) };
    if rows.len() < KEYED_MIN || rows.is_sorted_by(|a, b| a.cmp_stored(b).is_le()) {
        return rows.sort_unstable_by(Row::cmp_stored);
    }
    let mut keys: Vec<Key> = rows.iter().map(key).zip(0..count).collect();
    keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| compare(rows, a.1, b.1)));
    permute(rows, &mut keys);
}

/// Repo, user flag, who, and the upper bits of the downloader's agent. The lowest of these is cut off, so equal keys say nothing.
fn key(row: &Row) -> u128 {
    let high = u128::from(row.repo.0) << 96 | u128::from(row.user) << 95 | u128::from(row.who.0) << 31;
    high | u128::from(row.downloader_agent().0 >> 1)
}

fn compare(rows: &[Row], a: u32, b: u32) -> Ordering {
    match (rows.get(a as usize), rows.get(b as usize)) {
        (Some(a), Some(b)) => a.cmp_stored(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Puts into every place the row whose number stands there, circle by circle. Done places point to themselves.
fn permute(rows: &mut [Row], keys: &mut [Key]) {
    for start in 0..rows.len() {
        let mut hole = start;
        while let Some(from) = keys.get(hole).map(|key| key.1 as usize) {
            if let (Some(key), Ok(done)) = (keys.get_mut(hole), u32::try_from(hole)) {
                key.1 = done;
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
    use crate::model::{AgentHash, Millis, PathHash, RepoNumber, Who};

    #[test]
    fn keys_give_the_order_that_rows_give() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for count in [0, 1, 2, 63, 64, 65, 1_000, 5_000] {
            let mut row = || Row {
                repo: RepoNumber(u32::try_from(random(5)).unwrap() * 0x3fff_ffff),
                user: random(2) == 0,
                who: Who(random(4).wrapping_mul(0x5555_5555_5555_5555)),
                agent: AgentHash(u32::try_from(random(3)).unwrap().wrapping_sub(1)),
                time: Millis(i64::try_from(random(50)).unwrap()),
                path: PathHash(random(3)),
                ..Row::default()
            };
            let rows: Vec<Row> = (0..count).map(|_| row()).collect();
            let (mut keyed, mut plain) = (rows.clone(), rows);
            sort_stored(&mut keyed);
            plain.sort_by(Row::cmp_stored);
            assert_eq!(keyed, plain, "{count} rows");
            sort_stored(&mut keyed);
            assert_eq!(keyed, plain, "{count} sorted rows");
        }
    }
}
