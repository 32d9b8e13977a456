//! Fingerprints: what tells the texts of a log apart while it is read, without keeping them.

use std::hash::{BuildHasher, RandomState};

use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What stands for a text. That two texts of a log share one is not to be expected in the life of a server, and the seed is
/// drawn anew by each process and never leaves it, so that nobody can look for such texts at home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The lower half.
    pub fn low(self) -> u64 {
        // What is cut off is the upper half.
        self.0 as u64
    }
}

/// Takes fingerprints under one seed.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprints {
    seed: u64,
}

impl Fingerprints {
    /// Draws a seed.
    pub fn new() -> Fingerprints {
        Fingerprints { seed: RandomState::new().hash_one(0) }
    }

    /// The fingerprint of a text of several parts; `a`, `bc` is another text than `ab`, `c`.
    pub fn of<const PARTS: usize>(self, parts: [&str; PARTS]) -> Fingerprint {
        let first = Fingerprint(u128::from(self.seed));
        parts.iter().fold(first, |before, part| Fingerprint(xxh3_128_with_seed(part.as_bytes(), before.low())))
    }

    /// Takes those of texts of one kind, which are others than those of any other kind and of texts of no kind.
    pub fn among(self, kind: u8) -> Fingerprints {
        Fingerprints { seed: self.seed ^ (1 + u64::from(kind)) }
    }
}
