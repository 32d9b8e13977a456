//! When a cumulative counter reached, or will reach, round numbers: a table in three cases.

use askama::Template;

use super::filters;
use super::overview::Foot;
use crate::model::Day;
use crate::query::{Expected, Milestone, Outlook};

/// Round numbers still to come that a page asks for.
const AHEAD: usize = 3;

/// One target.
struct Row {
    target: u64,
    reached: Option<Day>,
    cases: Option<[Result<Expected, String>; 3]>,
    reason: String,
    /// How many rows from this one on have the same reason; none if the row before has it too.
    same: usize,
}

/// The milestones of one counter.
#[derive(Template)]
#[template(path = "milestones.html")]
pub struct Milestones {
    rows: Vec<Row>,
    /// Why nothing can be said of any of them.
    reason: String,
    foot: Foot,
}

impl askama::filters::HtmlSafe for Milestones {}

impl Milestones {
    /// The table; one sentence if nothing was reached and nothing can be foretold.
    #[must_use]
    pub fn new(milestones: Vec<Milestone>, foot: Foot) -> Milestones {
        let mut rows: Vec<Row> = milestones.into_iter().map(row).collect();
        let mut reason = "Nothing has been counted yet.".to_owned();
        if rows.iter().all(|row| row.reached.is_none() && row.cases.is_none()) {
            if let Some(first) = rows.first() {
                reason = sentence(&first.reason);
            }
            rows.clear();
        }
        share_reasons(&mut rows);
        Milestones { rows, reason, foot }
    }

    /// The last round number a total has passed, and the next ones: one, two and five of every power of ten.
    #[must_use]
    pub fn round_numbers(total: u64) -> Vec<u64> {
        let powers = (0..19).map(|power| 10_u64.pow(power));
        let all: Vec<u64> = powers.flat_map(|power| [1, 2, 5].map(|factor| power.saturating_mul(factor))).collect();
        let ahead = all.partition_point(|number| *number <= total);
        all.get(ahead.saturating_sub(1)..(ahead + AHEAD).min(all.len())).unwrap_or(&[]).to_vec()
    }
}

/// Rows in a row that say the same say it once.
fn share_reasons(rows: &mut [Row]) {
    for part in rows.chunk_by_mut(|a, b| a.same > 0 && b.same > 0 && a.reason == b.reason) {
        let rows_of_part = part.len();
        for (index, row) in part.iter_mut().enumerate().filter(|(_, row)| row.same > 0) {
            row.same = if index == 0 { rows_of_part } else { 0 };
        }
    }
}

fn row(milestone: Milestone) -> Row {
    let target = milestone.target;
    match milestone.outlook {
        Outlook::Reached(day) => Row { target, reached: Some(day), cases: None, reason: String::new(), same: 0 },
        Outlook::Expected(cases) => Row { target, reached: None, cases: Some(cases), reason: String::new(), same: 0 },
        Outlook::Unknown(reason) => Row { target, reached: None, cases: None, reason, same: 1 },
    }
}

/// The reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    format!("{}{}.", first.collect::<String>(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_round_numbers_follow_the_last_one() {
        assert_eq!(Milestones::round_numbers(0), [1, 2, 5]);
        assert_eq!(Milestones::round_numbers(185_677), [100_000, 200_000, 500_000, 1_000_000]);
        assert_eq!(Milestones::round_numbers(1_000_000), [1_000_000, 2_000_000, 5_000_000, 10_000_000]);
        assert_eq!(Milestones::round_numbers(u64::MAX), [5_000_000_000_000_000_000]);
    }
}
