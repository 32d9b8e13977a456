//! The seeded random numbers behind synthetic logs: the same on every machine and in every release.

/// xoshiro256++ of Blackman and Vigna. Our own, because a generator from a crate may change its stream with a version,
/// and then a seed quoted in a report would no longer mean the same log.
pub(super) struct Random {
    state: [u64; 4],
}

impl Random {
    /// Numbers that depend on the seed alone.
    pub(super) fn seeded(seed: u64) -> Random {
        let step = |n: u64| mix(seed.wrapping_add(n.wrapping_mul(GOLDEN)));
        Random { state: [step(1), step(2), step(3), step(4)] }
    }

    /// The next 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let answer = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (mixed_c, mixed_d) = (c ^ a, d ^ b);
        self.state = [a ^ mixed_d, b ^ mixed_c, mixed_c ^ (b << 17), mixed_d.rotate_left(45)];
        answer
    }

    /// A number from 0 to `bound - 1`; 0 if the bound is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        scale(self.bits(), bound)
    }

    /// True so many times in a million.
    pub(super) fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < per_million
    }
}

/// The odd number nearest to 2^64 divided by the golden ratio: the step of splitmix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads every bit of a number over all bits: the finish of splitmix64.
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// Traits that are looked up rather than kept: a fixed random number for a numbered thing.
pub(super) fn traits(seed: u64, number: u32, salt: u64) -> u64 {
    mix(seed ^ salt.wrapping_mul(GOLDEN) ^ mix(u64::from(number).wrapping_add(GOLDEN)))
}

/// The upper half of random bits, scaled to `0..bound`.
pub(super) fn scale(bits: u64, bound: u32) -> u32 {
    (((bits >> 32) * u64::from(bound)) >> 32) as u32
}

/// Numbers from 0 to below a bound, for the unit tests of all rooms.
#[cfg(test)]
pub(crate) fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut random = Random::seeded(seed);
    move |bound| random.below(u32::try_from(bound).unwrap_or(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random { state: [1, 2, 3, 4] };
        assert_eq!([random.bits(), random.bits(), random.bits()], [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }
}
