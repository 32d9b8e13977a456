//! When a cumulative counter will reach a number: three calm or bold readings of its past, each with an interval that has
//! held on that same past, or the plain word that the past is too short.
//!
//! *Reading*: the mean of the last four weeks is the pace; the trend is the median slope (Theil and Sen) of the logarithm
//! of the last twelve weeks. One path keeps the pace, one follows the trend, one lets the trend fade by a tenth a week.
//! Conservative is the slowest of the three at every moment, aggressive the fastest, baseline the one that fades: it always
//! lies between the others, and so no bolder case can be later than a calmer one.
//!
//! *Interval*: at the end of every past week the same reading is asked how long the next 14, 28, 56, … days' growth will
//! take; foretold over true time is the error. The interval of a new date is what the errors of forecasts of about that
//! length allow. It is the narrowest of a few that, tried in order of time with nothing but the errors known until then,
//! held in four of five past cases. Where too few were tried or none held, there is no date.

use std::collections::BTreeMap;

use crate::model::Day;

/// Calm or bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Conservative,
    Baseline,
    Aggressive,
}

impl Case {
    /// From calm to bold.
    pub const ALL: [Case; 3] = [Case::Conservative, Case::Baseline, Case::Aggressive];

    /// As answers call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Case::Conservative => "conservative",
            Case::Baseline => "baseline",
            Case::Aggressive => "aggressive",
        }
    }
}

/// How often an interval is to hold.
pub const COVERAGE: f64 = 0.8;

/// Weeks a reading needs, weeks its pace and its trend look back on.
const WEEKS_MIN: usize = 8;
const PACE_WEEKS: usize = 4;
const TREND_WEEKS: usize = 12;

/// What is left of the trend after a week, where it fades.
const FADING: f64 = 0.9;

/// No trend is read as more than a doubling in four weeks.
const SLOPE_MAX: f64 = std::f64::consts::LN_2 / 4.0;

/// Lengths of forecasts that are tried on the past, in days.
const HORIZONS_DAYS: [u16; 7] = [14, 28, 56, 112, 224, 448, 896];

/// A date may lie this much farther ahead than the forecasts that were tried.
const REACH: f64 = 1.5;

/// Errors that an interval is made of, at least, and intervals that must have been tried.
const ERRORS_MIN: usize = 20;
const TRIALS_MIN: usize = 10;

/// Parts of the errors left out on each side, narrowest interval first; then all errors, and half as much again.
const LEFT_OUT: [f64; 4] = [0.10, 0.05, 0.025, 0.0];
const WIDENED: f64 = 1.5;

/// Dated totals farther apart than this do not tell what a week brought.
const GAP_DAYS_MAX: u16 = 8;

/// Days a date is looked for: as far as days can be written.
const DAYS_MAX: f64 = 36_500.0;

/// The cumulative total at the end of each day, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    pub first: Day,
    pub totals: Vec<u64>,
}

/// A date with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    pub case: Case,
    pub day: Day,
    pub earliest: Day,
    /// `None`: not within this century.
    pub latest: Option<Day>,
    /// Past intervals of this kind that were tried, and that held.
    pub tried: usize,
    pub held: usize,
}

/// What is known of one target.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook {
    Reached(Day),
    /// Calm to bold; of a case that cannot be told, why.
    Expected([Result<Expected, String>; 3]),
    /// Why nothing can be said.
    Unknown(String),
}

/// Downloads a day by week from now on.
struct Paths {
    pace: f64,
    slope: f64,
}

impl Paths {
    /// Reads the weeks before now.
    fn of(weeks: &[f64]) -> Option<Paths> {
        if weeks.len() < WEEKS_MIN {
            return None;
        }
        let last = |count: usize| weeks.get(weeks.len().saturating_sub(count)..).unwrap_or(&[]);
        let pace = last(PACE_WEEKS).iter().sum::<f64>() / (7 * PACE_WEEKS) as f64;
        let logs: Vec<f64> = last(TREND_WEEKS).iter().map(|week| week.max(0.5).ln()).collect();
        let slope = median_slope(&logs).clamp(-SLOPE_MAX, SLOPE_MAX);
        (pace > 0.0).then_some(Paths { pace, slope })
    }

    /// Downloads a day in the week that begins so many weeks from now.
    fn rate(&self, case: Case, week: u32) -> f64 {
        let weeks = f64::from(week) + 1.0;
        let faded = FADING * (1.0 - FADING.powf(weeks)) / (1.0 - FADING);
        let (kept, followed) = (self.pace, self.pace * (self.slope * weeks).exp());
        match case {
            Case::Conservative => kept.min(followed),
            Case::Baseline => self.pace * (self.slope * faded).exp(),
            Case::Aggressive => kept.max(followed),
        }
    }

    /// Days until so many downloads have come.
    fn days_until(&self, case: Case, downloads: f64) -> f64 {
        let (mut left, mut days) = (downloads, 0.0);
        for week in 0.. {
            let rate = self.rate(case, week);
            if left <= rate * 7.0 {
                return days + left / rate;
            }
            left -= rate * 7.0;
            days += 7.0;
            if days > DAYS_MAX {
                break;
            }
        }
        f64::INFINITY
    }
}

fn median_slope(values: &[f64]) -> f64 {
    let mut slopes = Vec::new();
    for (i, a) in values.iter().enumerate() {
        for (distance, b) in (1_u32..).zip(values.iter().skip(i + 1)) {
            slopes.push((b - a) / f64::from(distance));
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| slopes.get(index).copied().unwrap_or(0.0);
    if slopes.is_empty() { 0.0 } else { f64::midpoint(at((slopes.len() - 1) / 2), at(slopes.len() / 2)) }
}

/// One past forecast.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// Days of history when it was made, and when the truth was known.
    made: usize,
    known: usize,
    /// Foretold over true time.
    error: f64,
}

impl Growth {
    /// The end of a series of dated totals as far as it is dense enough to read weeks from it; days between two totals
    /// are filled in evenly, and a total below the one before it counts as no growth.
    #[must_use]
    pub fn of_dated(totals: &BTreeMap<Day, u64>) -> Option<Growth> {
        let mut growth: Option<Growth> = None;
        let mut highest = 0;
        for (day, total) in totals {
            highest = highest.max(*total);
            growth = Some(match growth {
                Some(mut growth) if day.0 - growth.last().0 <= GAP_DAYS_MAX => {
                    let (from, before) = (growth.last(), growth.totals.last().copied().unwrap_or(0));
                    let (days, came) = (u64::from(day.0 - from.0), highest - before);
                    // In two parts: a total may be any number, and all of its growth times some days is too large.
                    let until = |passed: u64| before + came / days * passed + came % days * passed / days;
                    growth.totals.extend((1..=days).map(until));
                    growth
                }
                _ => Growth { first: *day, totals: vec![highest] },
            });
        }
        growth
    }

    /// What is known of each target; a greater one is never earlier than a smaller one.
    #[must_use]
    pub fn outlooks(&self, targets: &[u64]) -> Vec<Outlook> {
        let mut order: Vec<usize> = (0..targets.len()).collect();
        order.sort_by_key(|at| targets.get(*at).copied().unwrap_or_default());
        let forecast = Forecast::of(self);
        let mut outlooks = vec![Outlook::Reached(self.first); targets.len()];
        let mut smaller = None;
        for at in order {
            let Some((target, outlook)) = targets.get(at).zip(outlooks.get_mut(at)) else { continue };
            *outlook = self.outlook(&forecast, *target, smaller.as_ref());
            if let Outlook::Expected(cases) = outlook {
                smaller = Some(cases.clone());
            }
        }
        outlooks
    }

    fn outlook(&self, forecast: &Forecast, target: u64, smaller: Option<&[Result<Expected, String>; 3]>) -> Outlook {
        if let Some(day) = self.reached(target) {
            return Outlook::Reached(day);
        }
        let Some(paths) = &forecast.paths else {
            return Outlook::Unknown(format!(
                "not enough history: a forecast needs {WEEKS_MIN} whole weeks, the last {PACE_WEEKS} of them with downloads"
            ));
        };
        let missing = (target - self.totals.last().copied().unwrap_or(0)) as f64;
        let mut cases = Case::ALL.map(|case| forecast.expected(self.last(), case, paths.days_until(case, missing)));
        if let [Err(why), Err(_), Err(_)] = &cases {
            return Outlook::Unknown(why.clone());
        }
        in_order(&mut cases, smaller);
        Outlook::Expected(cases)
    }

    /// The first day that ended with the target reached for good.
    fn reached(&self, target: u64) -> Option<Day> {
        let short = self.totals.iter().rposition(|total| *total < target);
        let days = short.map_or(0, |at| at + 1);
        (days < self.totals.len()).then(|| later(self.first, days as f64))
    }

    fn last(&self) -> Day {
        later(self.first, self.totals.len().saturating_sub(1) as f64)
    }

    /// Downloads of the whole weeks that end with so many days of history.
    fn weeks(&self, days: usize) -> Vec<f64> {
        let total = |days: usize| days.checked_sub(1).and_then(|at| self.totals.get(at)).copied().unwrap_or(0);
        let weeks = days / 7;
        let week = |back: usize| total(days - 7 * back).saturating_sub(total(days - 7 * (back + 1))) as f64;
        (0..weeks).rev().map(week).collect()
    }
}

/// Lets no bolder case be later than a calmer one, nor a greater target earlier than a smaller one. Intervals only grow,
/// but for what a smaller target rules out.
fn in_order(cases: &mut [Result<Expected, String>; 3], smaller: Option<&[Result<Expected, String>; 3]>) {
    for (case, smaller) in cases.iter_mut().zip(smaller.into_iter().flatten()) {
        if let (Ok(case), Ok(smaller)) = (case, smaller) {
            case.earliest = case.earliest.max(smaller.earliest);
            case.latest = case.latest.zip(smaller.latest).map(|(a, b)| a.max(b));
        }
    }
    let mut known: Vec<&mut Expected> = cases.iter_mut().filter_map(|case| case.as_mut().ok()).collect();
    for bolder in 1..known.len() {
        if let [.., calm, bold] = known.get_mut(..=bolder).unwrap_or_default() {
            bold.earliest = bold.earliest.min(calm.earliest);
        }
    }
    for bolder in (1..known.len()).rev() {
        if let [.., calm, bold] = known.get_mut(..=bolder).unwrap_or_default() {
            calm.latest = calm.latest.zip(bold.latest).map(|(calm, bold)| calm.max(bold));
        }
    }
}

fn later(day: Day, days: f64) -> Day {
    // Days end with the century after this one; a float that is too large saturates.
    let days = days.clamp(0.0, f64::from(u16::MAX)) as u16;
    Day(day.0.saturating_add(days))
}

/// A reading of the present, and how such readings did in the past.
struct Forecast {
    paths: Option<Paths>,
    history_days: usize,
    /// By case and horizon.
    trials: Vec<(Case, u16, Vec<Trial>)>,
}

impl Forecast {
    fn of(growth: &Growth) -> Forecast {
        let days = growth.totals.len();
        let mut trials: Vec<(Case, u16, Vec<Trial>)> =
            Case::ALL.iter().flat_map(|case| HORIZONS_DAYS.map(|horizon| (*case, horizon, Vec::new()))).collect();
        // The ends of past weeks, as seen from the last day.
        let made_at = (days % 7..days).step_by(7).filter(|made| made / 7 >= WEEKS_MIN);
        for made in made_at {
            let Some(paths) = Paths::of(&growth.weeks(made)) else { continue };
            for (case, horizon, all) in &mut trials {
                let known = made + usize::from(*horizon);
                let total = |days: usize| days.checked_sub(1).and_then(|at| growth.totals.get(at)).copied();
                let Some(came) = total(known).zip(total(made)).map(|(after, before)| after.saturating_sub(before)) else {
                    continue;
                };
                if came > 0 {
                    let error = paths.days_until(*case, came as f64) / f64::from(*horizon);
                    all.push(Trial { made, known, error });
                }
            }
        }
        Forecast { paths: Paths::of(&growth.weeks(days)), history_days: days, trials }
    }

    /// A date so many days ahead with its interval, or why there is none.
    fn expected(&self, last: Day, case: Case, days: f64) -> Result<Expected, String> {
        let of_case = self.trials.iter().filter(|(of, _, trials)| *of == case && trials.len() >= ERRORS_MIN);
        let Some((_, horizon, trials)) = of_case.min_by(|a, b| {
            let distance = |horizon: u16| (days.clamp(1.0, DAYS_MAX) / f64::from(horizon)).ln().abs();
            distance(a.1).total_cmp(&distance(b.1))
        }) else {
            return Err(self.too_short());
        };
        if days > f64::from(*horizon) * REACH {
            let reach = f64::from(*horizon) * REACH;
            return Err(format!(
                "not enough history: {} days can tell dates up to {reach:.0} days ahead, and the {} case lies beyond",
                self.history_days,
                case.word()
            ));
        }
        for left_out in LEFT_OUT.into_iter().map(Some).chain([None]) {
            let (tried, held) = tried(trials, left_out);
            if tried < TRIALS_MIN {
                return Err(self.too_short());
            }
            if held as f64 >= COVERAGE * tried as f64 {
                let errors: Vec<f64> = trials.iter().map(|trial| trial.error).collect();
                let (least, most) = bounds(&errors, left_out);
                let latest = days / least;
                let latest = (latest <= DAYS_MAX).then(|| later(last, latest.ceil()));
                let (day, earliest) = (later(last, days.ceil()), later(last, (days / most).floor()));
                let latest = latest.map(|latest| latest.max(day));
                return Ok(Expected { case, day, earliest: earliest.min(day), latest, tried, held });
            }
        }
        Err("the past of this counter cannot be foretold: no interval held in four of five past forecasts".to_owned())
    }

    fn too_short(&self) -> String {
        let needed = usize::from(HORIZONS_DAYS.first().copied().unwrap_or(0)) + 7 * (WEEKS_MIN + ERRORS_MIN + TRIALS_MIN);
        format!(
            "not enough history: {} days are there, and about {needed} are needed to have tried an interval on the past",
            self.history_days
        )
    }
}

/// The least and greatest error but for the parts left out; `None` widens them.
fn bounds(errors: &[f64], left_out: Option<f64>) -> (f64, f64) {
    let mut sorted = errors.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let out = left_out.map_or(0, |part| (part * (sorted.len() + 1) as f64) as usize);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(1.0);
    let (least, most) = (at(out.saturating_sub(1)), at(sorted.len() - out.max(1)));
    // The date itself lies within its interval, whichever way past errors leaned.
    let widening = if left_out.is_none() { WIDENED } else { 1.0 };
    (least.min(1.0) / widening, most.max(1.0) * widening)
}

/// How many past forecasts had an interval made of errors known by then, and how many of these held.
fn tried(trials: &[Trial], left_out: Option<f64>) -> (usize, usize) {
    let (mut tried, mut held) = (0, 0);
    for trial in trials {
        let known: Vec<f64> = trials.iter().filter(|other| other.known <= trial.made).map(|other| other.error).collect();
        if known.len() < TRIALS_MIN {
            continue;
        }
        let (least, most) = bounds(&known, left_out);
        tried += 1;
        held += usize::from((least..=most).contains(&trial.error));
    }
    (tried, held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(daily: impl IntoIterator<Item = f64>) -> Growth {
        let mut sum = 0.0;
        let totals = daily.into_iter().map(|day: f64| {
            sum += day;
            sum as u64
        });
        Growth { first: Day(20_000), totals: totals.collect() }
    }

    #[test]
    fn a_steady_counter_arrives_on_the_day_one_would_count_out() {
        let steady = growth(std::iter::repeat_n(1_000.0, 400));
        let [reached, soon] = steady.outlooks(&[100_000, 430_000]).try_into().unwrap();
        assert_eq!(reached, Outlook::Reached(Day(20_099)));
        let Outlook::Expected(cases) = soon else { panic!("{soon:?}") };
        for expected in cases.map(Result::unwrap) {
            // 30,000 are missing after day 20,399.
            assert_eq!((expected.day, expected.earliest, expected.latest), (Day(20_429), Day(20_429), Some(Day(20_429))));
            assert_eq!(expected.held, expected.tried);
        }
    }

    #[test]
    fn growth_is_read_and_the_cases_are_apart() {
        let doubling_every_ten_weeks = growth((0..560).map(|day| 100.0 * 2_f64.powf(f64::from(day) / 70.0)));
        let last = *doubling_every_ten_weeks.totals.last().unwrap();
        let outlooks = doubling_every_ten_weeks.outlooks(&[last * 2]);
        let Outlook::Expected([Ok(conservative), Ok(baseline), Ok(aggressive)]) = &outlooks[0] else { panic!("{outlooks:?}") };
        assert!(aggressive.day < baseline.day && baseline.day < conservative.day, "{outlooks:?}");
        // The truth is seventy days, give or take the weeks that make up the pace.
        assert!((60..=80).contains(&(aggressive.day.0 - 20_559)), "{aggressive:?}");
        assert!(conservative.earliest.0 <= 20_629 && conservative.latest.unwrap().0 >= 20_629, "{conservative:?}");
    }

    #[test]
    fn too_little_is_said_to_be_too_little() {
        let unknown = |growth: &Growth, target| match growth.outlooks(&[target]).remove(0) {
            Outlook::Unknown(why) => why,
            other => panic!("{other:?}"),
        };
        assert!(unknown(&growth([]), 5).contains("needs 8 whole weeks"));
        assert!(unknown(&growth(std::iter::repeat_n(0.0, 400)), 5).contains("with downloads"));
        let short = growth(std::iter::repeat_n(10.0, 100));
        assert!(unknown(&short, 1_100).contains("100 days are there, and about 280 are needed"));
        let year = growth(std::iter::repeat_n(10.0, 400));
        assert!(
            unknown(&year, 1_000_000).contains("400 days can tell dates up to 168 days ahead"),
            "{}",
            unknown(&year, 1_000_000)
        );
        let erratic = growth((0..600).map(|day| if day / 90 % 2 == 0 { 1.0 } else { 10_000_000.0 }));
        assert!(matches!(erratic.outlooks(&[erratic.totals[599] * 2])[0], Outlook::Unknown(_)));
    }

    #[test]
    fn only_the_dense_end_of_a_series_is_read() {
        let dated = |totals: &[(u16, u64)]| Growth::of_dated(&totals.iter().map(|(day, total)| (Day(*day), *total)).collect());
        assert_eq!(dated(&[]), None);
        let growth = dated(&[(1, 5), (20, 100), (22, 110), (23, 108), (25, 121)]).unwrap();
        assert_eq!(growth, Growth { first: Day(20), totals: vec![100, 105, 110, 110, 115, 121] });
        // Any number may be told.
        let largest = dated(&[(1, 0), (8, u64::MAX)]).unwrap();
        assert_eq!((largest.totals.len(), largest.totals.last()), (8, Some(&u64::MAX)));
        assert!(largest.totals.is_sorted());
    }

    #[test]
    fn a_number_that_was_passed_and_lost_again_is_reached_when_it_is_passed_for_good() {
        let fallen = Growth { first: Day(20_000), totals: vec![5, 12, 9, 11, 13] };
        assert_eq!(fallen.outlooks(&[10]), [Outlook::Reached(Day(20_003))]);
    }
}
