//! A world: everything numbers are a function of, namely deliveries, the settings of their sources and today's date.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::Line;
use super::random::Random;

/// How the requests of a source are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub redirects_ignore: bool,
    pub head_redirect_handoff: bool,
    pub knows_users: bool,
}

/// The format whose limits the lines of a source keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Events,
    HfExport,
    Combined,
    NginxJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub shape: Shape,
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Document,
    PushBody { arrival_day: u64 },
}

/// What brought lines in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub source: String,
    pub kind: Kind,
    pub lines: Vec<Line>,
}

impl Delivery {
    pub fn document(source: &str, lines: Vec<Line>) -> Delivery {
        Delivery { source: source.to_string(), kind: Kind::Document, lines }
    }

    pub fn pushed(source: &str, arrival_day: u64, lines: Vec<Line>) -> Delivery {
        Delivery { source: source.to_string(), kind: Kind::PushBody { arrival_day }, lines }
    }

    /// The lines a receipt must report as rejected; the lines of a receipt are all of `lines`.
    pub fn broken_lines(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line, Line::Broken(_))).count()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub deliveries: Vec<Delivery>,
    pub sources: BTreeMap<String, Source>,
    /// Today, in days since 1970-01-01.
    pub today: u64,
}

impl World {
    /// A world of one source named `hub`, which pushes and therefore knows users.
    pub fn of_hub(today: u64, deliveries: Vec<Delivery>) -> World {
        let settings = Settings { knows_users: true, ..Settings::default() };
        let sources = BTreeMap::from([("hub".to_string(), Source { shape: Shape::Events, settings })]);
        World { deliveries, sources, today }
    }

    /// The same deliveries in another order.
    pub fn permuted(&self, seed: u64) -> World {
        let mut deliveries = self.deliveries.clone();
        Random::new(seed).shuffle(&mut deliveries);
        World { deliveries, ..self.clone() }
    }

    /// The same world with its documents arriving as files that grow: each is delivered as one or more prefixes, cut
    /// at line ends, and then whole. Other deliveries may come in between. Pushed bodies stay as they are, for a body
    /// cut in two is two deliveries.
    pub fn split(&self, seed: u64) -> World {
        let mut random = Random::new(seed);
        let mut queues: Vec<Vec<Delivery>> = Vec::new();
        for delivery in &self.deliveries {
            let mut ends = BTreeSet::from([delivery.lines.len()]);
            if delivery.kind == Kind::Document && delivery.lines.len() > 1 {
                for _ in 0..=random.below(2) {
                    ends.insert(1 + random.index(delivery.lines.len() - 1));
                }
            }
            let prefix = |end: usize| Delivery { lines: delivery.lines[..end].to_vec(), ..delivery.clone() };
            queues.push(ends.into_iter().rev().map(prefix).collect());
        }
        let mut deliveries = Vec::new();
        while !queues.is_empty() {
            let queue = random.index(queues.len());
            deliveries.extend(queues[queue].pop());
            queues.retain(|queue| !queue.is_empty());
        }
        World { deliveries, ..self.clone() }
    }

    /// The deliveries that can only be taken back together with this one: all pushes of its source that arrived on its
    /// day (and the days of their retries), or, for a document, every version of it (equal, shorter or grown, and what these are versions of).
    pub fn taken_with(&self, index: usize) -> BTreeSet<usize> {
        let mut taken = BTreeSet::from([index]);
        loop {
            let joined: BTreeSet<usize> = (0..self.deliveries.len())
                .filter(|&other| taken.iter().any(|&one| is_same(&self.deliveries[one], &self.deliveries[other])))
                .collect();
            if joined == taken {
                return taken;
            }
            taken = joined;
        }
    }

    /// The world as if this delivery, and what goes with it, had never come.
    pub fn without(&self, index: usize) -> World {
        let taken = self.taken_with(index);
        let left = self.deliveries.iter().enumerate().filter(|(index, _)| !taken.contains(index));
        World { deliveries: left.map(|(_, delivery)| delivery.clone()).collect(), ..self.clone() }
    }
}

/// Whether two deliveries are one thing to take back.
fn is_same(a: &Delivery, b: &Delivery) -> bool {
    a.source == b.source
        && match (a.kind, b.kind) {
            (Kind::Document, Kind::Document) => a.lines.starts_with(&b.lines) || b.lines.starts_with(&a.lines),
            // The same body once more, even a day later, is a retry.
            (Kind::PushBody { arrival_day: a_day }, Kind::PushBody { arrival_day: b_day }) => {
                a_day == b_day || a.lines == b.lines
            }
            _ => false,
        }
}
