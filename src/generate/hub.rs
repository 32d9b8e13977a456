//! The invented hub: repos with names and types, and how popular each is.

use super::alias::Alias;
use super::random::{Random, scale, traits};
use crate::model::RepoKind;

/// The repos of a workload. Their memory is all that grows with it.
pub(super) struct Hub {
    popularity: Alias,
    /// All names, one after another.
    names: String,
    /// Where each name ends.
    ends: Vec<u32>,
    kinds: Vec<RepoKind>,
}

/// One repo of the hub.
#[derive(Clone, Copy)]
pub(super) struct Repo<'a> {
    pub(super) number: u32,
    pub(super) kind: RepoKind,
    pub(super) name: &'a str,
}

impl Hub {
    pub(super) fn new(seed: u64, repos: u32) -> Hub {
        let count = repos.max(1);
        let mut hub = Hub { popularity: Alias::zipf(count), names: String::new(), ends: Vec::new(), kinds: Vec::new() };
        for number in 0..count {
            hub.add(traits(seed, number, 1), number, count);
        }
        hub
    }

    /// Four of five repos are models; one in a hundred has no namespace, as on hubs older than namespaces.
    fn add(&mut self, bits: u64, number: u32, count: u32) {
        let kind = match scale(bits << 32, 100) {
            0..80 => RepoKind::Model,
            80..97 => RepoKind::Dataset,
            _ => RepoKind::Space,
        };
        if !bits.is_multiple_of(101) {
            // Squared, so that the first orgs own many repos and most own few.
            let spread = u64::from((bits >> 32) as u32);
            let org = scale(spread * spread, count / 12 + 3);
            self.names.push_str("org-");
            self.names.push_str(&org.to_string());
            self.names.push('/');
        }
        self.names.push_str(kind.word());
        self.names.push('-');
        self.names.push_str(&number.to_string());
        self.ends.push(self.names.len() as u32);
        self.kinds.push(kind);
    }

    /// Draws a repo by popularity.
    pub(super) fn popular(&self, random: &mut Random) -> u32 {
        self.popularity.pick(random)
    }

    pub(super) fn repo(&self, number: u32) -> Repo<'_> {
        let index = number as usize;
        let end_of = |index: usize| self.ends.get(index).map_or(0, |&end| end as usize);
        let start = index.checked_sub(1).map_or(0, end_of);
        Repo {
            number,
            kind: self.kinds.get(index).copied().unwrap_or(RepoKind::Model),
            name: self.names.get(start..end_of(index)).unwrap_or_default(),
        }
    }
}
