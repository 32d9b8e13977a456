//! Numbers as people read them: grouped, short, and as a change against an earlier one.

use std::fmt;

/// A count with separators between thousands: `1,234,567`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A count with separators between thousands, as text.
#[must_use]
pub fn grouped(count: u64) -> String {
    Grouped(count).to_string()
}

/// A count for the label of an axis: `950`, `1.5k`, `20M`. Axis labels are round, so nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short(pub u64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")];
        let Some((unit, letter)) = UNITS.into_iter().find(|(unit, _)| self.0 >= *unit) else { return write!(f, "{}", self.0) };
        let (whole, tenths) = (self.0 / unit, self.0 % unit / (unit / 10));
        if tenths == 0 { write!(f, "{whole}{letter}") } else { write!(f, "{whole}.{tenths}{letter}") }
    }
}

/// A round count as people say it: `500,000`, `10 billion`, `1 trillion`. Others are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded(pub u64);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORDS: [(u64, &str); 2] = [(1_000_000_000_000, "trillion"), (1_000_000_000, "billion")];
        match WORDS.into_iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((unit, word)) => write!(f, "{} {word}", Grouped(self.0 / unit)),
            None => Grouped(self.0).fmt(f),
        }
    }
}

/// A share of a whole in percent, to one decimal below ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub part: u64,
    pub whole: u64,
}

impl Share {
    /// Tenths of a percent, rounded; nothing of nothing is nothing.
    #[must_use]
    pub fn per_mille(self) -> u64 {
        self.part.saturating_mul(1_000).saturating_add(self.whole / 2).checked_div(self.whole).unwrap_or(0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_mille() {
            0 if self.part > 0 => f.write_str("<0.1 %"),
            small @ 1..=99 => write!(f, "{}.{} %", small / 10, small % 10),
            large => write!(f, "{} %", (large + 5) / 10),
        }
    }
}

/// A figure against the same figure of the period before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub now: u64,
    pub before: u64,
}

impl Change {
    /// `up`, `down` or `same`: the name of its style.
    #[must_use]
    pub fn direction(self) -> &'static str {
        match self.now.cmp(&self.before) {
            std::cmp::Ordering::Greater => "up",
            std::cmp::Ordering::Less => "down",
            std::cmp::Ordering::Equal => "same",
        }
    }
}

impl fmt::Display for Change {
    /// `+12 %`, `−3 %`, `new` where there was nothing before, `×14` beyond tenfold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let difference = Share { part: self.now.abs_diff(self.before), whole: self.before };
        match (self.now, self.before) {
            (now, before) if now == before => f.write_str("±0 %"),
            (_, 0) => f.write_str("new"),
            (now, before) if now / before >= 10 => write!(f, "×{}", now / before),
            (now, before) if now > before => write!(f, "+{difference}"),
            _ => write!(f, "−{difference}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([0, 999, 1000, 1_234_567].map(|count| Grouped(count).to_string()), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn axis_labels_are_short() {
        let short = [0, 950, 1_000, 1_500, 20_000, 3_500_000, 2_000_000_000].map(|count| Short(count).to_string());
        assert_eq!(short, ["0", "950", "1k", "1.5k", "20k", "3.5M", "2B"]);
    }

    #[test]
    fn round_counts_are_said_in_words() {
        let said = [0, 500_000, 2_000_000_000, 1_500_000_000, 1_000_000_000_000].map(|count| Rounded(count).to_string());
        assert_eq!(said, ["0", "500,000", "2 billion", "1,500,000,000", "1 trillion"]);
    }

    #[test]
    fn shares_and_changes_are_in_percent() {
        let share = |part, whole| Share { part, whole }.to_string();
        assert_eq!([share(0, 0), share(1, 5_000), share(3, 200), share(1, 3)], ["0 %", "<0.1 %", "1.5 %", "33 %"]);
        let change = |now, before| Change { now, before }.to_string();
        assert_eq!(
            [change(3, 3), change(5, 0), change(0, 5), change(112, 100), change(97, 100), change(5_000, 10)],
            ["±0 %", "new", "−100 %", "+12 %", "−3.0 %", "×500"]
        );
    }
}
