//! What the reader chose to see, as the address says it; every choice is a link, so that all works without scripts.

use crate::model::{Day, DayRange, Millis};
use crate::query::{Interval, Look, Span};
use crate::render::links::State;

/// The figure that the chart draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    #[default]
    Downloads,
    Uniques,
    Files,
    Authenticated,
}

impl Measure {
    pub(super) const ALL: [Measure; 4] = [Measure::Downloads, Measure::Uniques, Measure::Files, Measure::Authenticated];

    pub(super) fn word(self) -> &'static str {
        match self {
            Measure::Downloads => "downloads",
            Measure::Uniques => "uniques",
            Measure::Files => "files",
            Measure::Authenticated => "authenticated",
        }
    }
}

/// Span, measure, interval and comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub window: Span,
    pub measure: Measure,
    pub interval: Option<Interval>,
    pub compare: bool,
}

pub(super) const INTERVALS: [(&str, Interval); 3] =
    [("day", Interval::Day), ("week", Interval::Week), ("month", Interval::Month)];

impl Choice {
    /// Reads the parameters of an address.
    ///
    /// # Errors
    /// A sentence about the first one that cannot be understood.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>, today: Day) -> Result<Choice, String> {
        let asked = |name| get(name).filter(|value| !value.is_empty());
        let day = |name| match asked(name).map(|text| (text, Day::parse(text))) {
            None => Ok(None),
            Some((_, Some(day))) => Ok(Some(day)),
            Some((text, None)) => Err(format!("{name}={text} is no day; write it as 2026-03-31")),
        };
        let (from, to) = (day("from")?, day("to")?);
        let window = match (asked("window"), from, to) {
            (None | Some("all"), None, None) => Span::All,
            (Some("30d"), None, None) => Span::Month,
            (None, from, to) => Span::Range(range(from, to, today)?),
            (Some("all" | "30d"), _, _) => return Err("choose a window or the days from and to, not both".to_owned()),
            (Some(other), _, _) => return Err(format!("window={other} is unknown; the windows are all and 30d")),
        };
        let measure = word("measure", asked("measure"), &Measure::ALL.map(|measure| (measure.word(), measure)))?;
        let interval = word("interval", asked("interval"), &INTERVALS)?;
        let compare = word("compare", asked("compare"), &[("previous", true), ("none", false)])?;
        Ok(Choice { window, measure: measure.unwrap_or_default(), interval, compare: compare.unwrap_or(true) })
    }

    /// The question to the query room, with the bounds of unique downloaders for those who may see them.
    #[must_use]
    pub fn look(&self, bounds: bool) -> Look {
        let uniques = self.measure == Measure::Uniques;
        Look { window: self.window, interval: self.interval, uniques, compare: self.compare, bounds }
    }

    /// The choice as an address says it; what is the default is left out.
    #[must_use]
    pub fn state(&self) -> State {
        let state = match self.window {
            Span::All => State::default(),
            Span::Month => State::default().and("window", "30d"),
            Span::Range(range) => State::default().and("from", range.first).and("to", range.last),
        };
        let measure = if self.measure == Measure::Downloads { "" } else { self.measure.word() };
        let interval = INTERVALS.iter().find(|(_, interval)| Some(*interval) == self.interval).map_or("", |(word, _)| word);
        state.and("measure", measure).and("interval", interval).and("compare", if self.compare { "" } else { "none" })
    }
}

fn range(from: Option<Day>, to: Option<Day>, today: Day) -> Result<DayRange, String> {
    let last = to.unwrap_or(today).min(today);
    let first = from.unwrap_or_else(|| Millis::EARLIEST.day()).max(Millis::EARLIEST.day());
    if first > last {
        return Err(format!("from={first} is after {last}, the last day there is in this range"));
    }
    Ok(DayRange { first, last })
}

fn word<T: Copy>(name: &str, asked: Option<&str>, words: &[(&str, T)]) -> Result<Option<T>, String> {
    let Some(asked) = asked else { return Ok(None) };
    let known = words.iter().find(|(word, _)| *word == asked).map(|(_, value)| *value);
    known.map(Some).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{name}={asked} is unknown; it can be {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &'static str)]) -> Result<Choice, String> {
        let get = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Choice::read(get, Day::parse("2026-06-10").unwrap())
    }

    #[test]
    fn what_an_address_says_is_what_it_is_written_as() {
        for pairs in [
            &[][..],
            &[("window", "30d")],
            &[("from", "2026-05-01"), ("to", "2026-05-31"), ("measure", "uniques"), ("interval", "week"), ("compare", "none")],
        ] {
            let state = read(pairs).unwrap().state();
            let expected: Vec<(&str, String)> = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!(state.pairs(), expected);
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (pairs, part) in [
            (&[("window", "year")][..], "window=year"),
            (&[("from", "1.5.2026")], "from=1.5.2026"),
            (&[("from", "2026-06-11")], "after 2026-06-10"),
            (&[("measure", "likes")], "downloads, uniques"),
            (&[("window", "30d"), ("from", "2026-06-01")], "not both"),
        ] {
            let sentence = read(pairs).unwrap_err();
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
