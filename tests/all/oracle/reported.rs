//! Daily figures of another system: which of several breakdowns is believed, and what it comes to.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{Repo, date};
use super::random::Random;

/// A line of a breakdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Day {
        repo: Repo,
        total: u64,
        day: u64,
        downloads: u64,
    },
    /// Nobody can understand it.
    Broken(&'static str),
}

/// One export of the other system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    pub source: String,
    pub rows: Vec<Row>,
}

/// What is believed of one repo.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct History {
    last_day: u64,
    total: u64,
    listed_days: usize,
    pub days: Vec<(u64, u64)>,
}

impl History {
    /// What the total has more than all listed days.
    pub fn earlier(&self) -> u64 {
        self.total.saturating_sub(self.days.iter().map(|(_, downloads)| downloads).sum())
    }

    /// Downloads of some days.
    pub fn within(&self, first: u64, last: u64) -> u64 {
        self.days.iter().filter(|(day, _)| (first..=last).contains(day)).map(|(_, downloads)| downloads).sum()
    }
}

impl Breakdown {
    pub fn csv(&self) -> String {
        let mut text = "repoType,repoName,total,timestamp,downloads\n".to_string();
        for row in &self.rows {
            match row {
                Row::Day { repo: (kind, id), total, day, downloads } => {
                    text.push_str(&format!("{kind},{id},{total},{}T00:00:00.000Z,{downloads}\n", date(*day)));
                }
                Row::Broken(line) => text.push_str(&format!("{line}\n")),
            }
        }
        text
    }

    pub fn broken(&self) -> u64 {
        self.rows.iter().filter(|row| matches!(row, Row::Broken(_))).count() as u64
    }

    /// What this export alone says. Of two lines of a day the larger figure stands.
    fn histories(&self) -> BTreeMap<Repo, History> {
        let mut told: BTreeMap<Repo, (u64, BTreeMap<u64, u64>)> = BTreeMap::new();
        for row in &self.rows {
            if let Row::Day { repo, total, day, downloads } = row {
                let (largest, days) = told.entry(repo.clone()).or_default();
                *largest = (*largest).max(*total);
                let known = days.entry(*day).or_default();
                *known = (*known).max(*downloads);
            }
        }
        let history = |(repo, (total, days)): (Repo, (u64, BTreeMap<u64, u64>))| {
            let days: Vec<(u64, u64)> = days.into_iter().collect();
            (repo, History { last_day: days[days.len() - 1].0, total, listed_days: days.len(), days })
        };
        told.into_iter().map(history).collect()
    }

    /// Some exports of some repos: copies, grown ones, corrections, and noise between the lines.
    pub fn random(random: &mut Random, today: u64) -> Vec<Breakdown> {
        let repos = [("model", "acme/bert"), ("dataset", "acme/bert"), ("model", "acme/tiny.llm"), ("model", "reported/only")];
        let mut exports: Vec<Breakdown> = Vec::new();
        for _ in 0..1 + random.below(4) {
            let source = random.pick(&["hub", "theirs"]).to_string();
            let mut rows = Vec::new();
            if !exports.is_empty() && random.chance(40) {
                rows = random.pick(&exports).rows;
            }
            for _ in 0..random.below(8) {
                if random.chance(10) {
                    rows.push(Row::Broken(random.pick(&[
                        "model,acme/bert,1",
                        "model,acme/bert,x,2026-06-01,1",
                        "kernel,a/b,1,2026-06-01,1",
                    ])));
                    continue;
                }
                let (kind, id) = random.pick(&repos);
                let repo = (kind.to_string(), id.to_string());
                let (total, downloads) = (random.pick(&[0, 7, 40, 900]), random.below(12));
                rows.push(Row::Day { repo, total, day: today + 1 - random.below(6), downloads });
            }
            exports.push(Breakdown { source, rows });
        }
        exports
    }
}

/// Of every repo the history that reaches furthest, then the one of the larger total, then of more days, then by its days.
pub fn believed<'a>(exports: impl Iterator<Item = &'a Breakdown>) -> BTreeMap<Repo, History> {
    let mut believed: BTreeMap<Repo, BTreeSet<History>> = BTreeMap::new();
    for (repo, history) in exports.flat_map(Breakdown::histories) {
        believed.entry(repo).or_default().insert(history);
    }
    believed.into_iter().map(|(repo, mut histories)| (repo, histories.pop_last().unwrap())).collect()
}
