//! The alias table: one draw from a weighted list in constant time, however long the list.

use super::random::{Random, scale};

/// Walker's table in Vose's construction. Built with additions, multiplications and divisions only, which IEEE 754
/// defines to the bit; `powf` would differ between C libraries, and with it the logs.
pub(super) struct Alias {
    columns: Vec<Column>,
}

/// One column: the part of 2^32 that belongs to its own index, and the index the rest belongs to.
#[derive(Clone, Copy)]
struct Column {
    own: u32,
    other: u32,
}

impl Alias {
    /// A table for weights that are not all zero.
    fn weighted(weights: &[f64]) -> Alias {
        let total: f64 = weights.iter().sum();
        let count = weights.len() as f64;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight * count / total).collect();
        let mut columns: Vec<Column> = (0..shares.len()).map(|n| Column { own: u32::MAX, other: n as u32 }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..shares.len()).partition(|&n| shares[n] < 1.0);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            columns[poor] = Column { own: (shares[poor] * 4_294_967_296.0) as u32, other: rich as u32 };
            shares[rich] -= 1.0 - shares[poor];
            if shares[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Alias { columns }
    }

    /// `count` ranks whose weights fall as `rank^-1.05`: the popularity of repos on hubs.
    pub(super) fn zipf(count: u32) -> Alias {
        let mut root = 1.0;
        let weights: Vec<f64> = (1..=count.max(1))
            .map(|rank| {
                let rank = f64::from(rank);
                root = twentieth_root(rank, root);
                1.0 / (rank * root)
            })
            .collect();
        Alias::weighted(&weights)
    }

    /// Draws an index.
    pub(super) fn pick(&self, random: &mut Random) -> u32 {
        let bits = random.bits();
        let index = scale(bits, self.columns.len() as u32);
        match self.columns.get(index as usize) {
            Some(column) if bits as u32 > column.own => column.other,
            _ => index,
        }
    }
}

/// The 20th root by Newton's method from a guess nearby: rank^1.05 is rank times its 20th root.
fn twentieth_root(value: f64, guess: f64) -> f64 {
    let mut root = guess;
    for _ in 0..8 {
        let square = root * root;
        let fourth = square * square;
        let eighth = fourth * fourth;
        let power19 = eighth * eighth * square * root;
        root += (value / power19 - root) / 20.0;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twentieth_root_of_two_to_the_twentieth_is_two() {
        assert!((twentieth_root(1_048_576.0, 1.99) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn popularity_falls_with_rank() {
        let table = Alias::zipf(1000);
        let mut random = Random::seeded(1);
        let mut seen = vec![0u32; 1000];
        for _ in 0..1_000_000 {
            seen[table.pick(&mut random) as usize] += 1;
        }
        // H(1000, 1.05) = 6.57: rank 1 has 15.2 % and rank 10 has 15.2 / 10^1.05 = 1.36 %.
        assert!((140_000..165_000).contains(&seen[0]), "{}", seen[0]);
        assert!((12_000..15_000).contains(&seen[9]), "{}", seen[9]);
    }
}
