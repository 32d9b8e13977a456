//! Fingerprints: what tells the texts of a log apart while it is read, without keeping them.

use std::hash::{BuildHasher, RandomState};

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// What stands for a text. That two texts of a log share one is not to be expected in the life of a server, and the seed is
/// drawn anew for every reader and never leaves the process, so that nobody can look for such texts at home.
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

    /// Takes those of texts of one kind, which are others than those of any other kind and of texts of no kind. Seeds have to
    /// be as far apart as chance has them: what differs between two that are near can be made up for by short texts.
    pub fn among(self, kind: u8) -> Fingerprints {
        Fingerprints { seed: xxh3_64_with_seed(&[kind], self.seed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_two_kinds_are_told_apart_under_every_seed() {
        // Under seeds that differ in some bits, short texts that differ in the same bits had one fingerprint.
        let pairs = [("a/mod-1", "b/mod-2"), ("m/a", "m/b"), ("organ-1/model-12", "qrgan-1/oodel-12")];
        for _ in 0..200 {
            let fingerprints = Fingerprints::new();
            for (one, other) in pairs {
                let of = |kind: u8, text| fingerprints.among(kind).of([text]);
                let all: Vec<Fingerprint> = (0..4).flat_map(|kind| [of(kind, one), of(kind, other)]).collect();
                let lows: std::collections::BTreeSet<u64> = all.iter().map(|fingerprint| fingerprint.low()).collect();
                assert_eq!(lows.len(), all.len(), "{one} and {other}");
            }
        }
    }
}
