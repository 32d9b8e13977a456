//! Counters of other hubs: a public cumulative figure with its source, told by day. Shown beside our own, never added.

use std::collections::BTreeMap;

use super::Day;

/// What somebody else counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// What to call it.
    pub title: String,
    /// Who counted it, or where it was read.
    pub source: String,
    /// What is counted.
    pub metric: String,
    pub scope: String,
    pub caveats: Vec<String>,
    /// The total at the end of some days.
    pub totals: BTreeMap<Day, u64>,
}

impl Counter {
    /// Totals that are kept, about fifty years of one a day.
    pub const TOTALS_MAX: usize = 20_000;

    /// The latest total and its day, if any was told until then.
    #[must_use]
    pub fn latest(&self, until: Day) -> Option<(Day, u64)> {
        self.totals.range(..=until).next_back().map(|(day, total)| (*day, *total))
    }
}

/// Names are part of addresses: 1 to 64 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
#[must_use]
pub fn is_counter_name(name: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&name.len())
        && name.as_bytes().first().is_some_and(plain)
        && name.bytes().all(|byte| plain(&byte) || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_addresses() {
        for good in ["huggingface", "hf-2", "a.b_c", "7"] {
            assert!(is_counter_name(good), "{good}");
        }
        for bad in ["", "HF", "-a", ".", "a/b", "ä", "a b"] {
            assert!(!is_counter_name(bad), "{bad}");
        }
        assert!(!is_counter_name(&"a".repeat(65)));
    }
}
