//! Milestones and counters of other hubs as JSON.

use serde::Serialize;

use super::analytics::{Sheet, header};
use super::csv::CsvWriter;
use crate::model::{Counter, Day};
use crate::query::{COVERAGE, Expected, Milestone, Outlook};

/// One target: reached, expected in up to three cases, or why nothing can be said.
#[derive(Serialize)]
pub struct MilestoneJson {
    target: u64,
    /// `reached`, `expected` or `not enough history`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<CasesJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// From calm to bold.
#[derive(Serialize)]
struct CasesJson {
    conservative: CaseJson,
    baseline: CaseJson,
    aggressive: CaseJson,
}

/// A date with its interval, or why there is none.
#[derive(Serialize)]
#[serde(untagged)]
enum CaseJson {
    Expected {
        date: String,
        earliest: String,
        /// `null`: not within this century.
        latest: Option<String>,
        back_test: BackTest,
    },
    Unknown {
        date: Option<()>,
        reason: String,
    },
}

/// One row per target, with the dates of the three cases.
#[must_use]
pub fn csv(milestones: &[MilestoneJson]) -> String {
    let mut csv = CsvWriter::default();
    csv.plain("target").plain("status").plain("reached");
    for case in ["conservative", "baseline", "aggressive"] {
        csv.plain(case).plain(format_args!("{case}_earliest")).plain(format_args!("{case}_latest"));
    }
    csv.plain("reason").end_row();
    for row in milestones {
        csv.plain(row.target).plain(row.status).plain(row.reached.as_deref().unwrap_or_default());
        let cases = row.expected.as_ref().map(|cases| [&cases.conservative, &cases.baseline, &cases.aggressive]);
        for index in 0..3 {
            let case = cases.and_then(|cases| cases.get(index).copied());
            let (date, earliest, latest) = match case {
                Some(CaseJson::Expected { date, earliest, latest, .. }) => {
                    (date.as_str(), earliest.as_str(), latest.as_deref().unwrap_or_default())
                }
                _ => ("", "", ""),
            };
            csv.plain(date).plain(earliest).plain(latest);
        }
        csv.text(row.reason.as_deref().unwrap_or_default()).end_row();
    }
    csv.into_text()
}

/// How intervals like this one did on the past of the same counter.
#[derive(Serialize)]
struct BackTest {
    intervals: usize,
    held: usize,
}

/// How dates are foretold, for people.
#[derive(Serialize)]
pub struct ForecastMethod {
    method: &'static str,
    coverage: f64,
}

impl ForecastMethod {
    #[must_use]
    pub fn new() -> ForecastMethod {
        let method = "pace of the last 4 weeks; conservative keeps to the slower of pace and trend, baseline lets the trend of \
                      the last 12 weeks fade by a tenth a week, aggressive keeps to the faster of pace and trend. Intervals \
                      come from the errors of the same method at the end of every past week, and are given only where they \
                      held in four of five past forecasts";
        ForecastMethod { method, coverage: COVERAGE }
    }
}

impl Default for ForecastMethod {
    fn default() -> ForecastMethod {
        ForecastMethod::new()
    }
}

impl From<&Milestone> for MilestoneJson {
    fn from(milestone: &Milestone) -> MilestoneJson {
        let target = milestone.target;
        let empty = MilestoneJson { target, status: "", reached: None, expected: None, reason: None };
        match &milestone.outlook {
            Outlook::Reached(day) => MilestoneJson { status: "reached", reached: Some(day.to_string()), ..empty },
            Outlook::Unknown(why) => MilestoneJson { status: "not enough history", reason: Some(why.clone()), ..empty },
            Outlook::Expected([conservative, baseline, aggressive]) => {
                let (conservative, baseline, aggressive) = (conservative.into(), baseline.into(), aggressive.into());
                let expected = Some(CasesJson { conservative, baseline, aggressive });
                MilestoneJson { status: "expected", expected, ..empty }
            }
        }
    }
}

impl From<&Result<Expected, String>> for CaseJson {
    fn from(case: &Result<Expected, String>) -> CaseJson {
        match case {
            Ok(expected) => CaseJson::Expected {
                date: expected.day.to_string(),
                earliest: expected.earliest.to_string(),
                latest: expected.latest.map(|day| day.to_string()),
                back_test: BackTest { intervals: expected.tried, held: expected.held },
            },
            Err(why) => CaseJson::Unknown { date: None, reason: why.clone() },
        }
    }
}

/// A counter of another hub.
#[derive(Serialize)]
pub struct CounterJson {
    name: String,
    title: String,
    /// The latest total, and its day.
    cumulative_downloads: Option<u64>,
    as_of: Option<String>,
    methodology: CounterMethodology,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Vec<DatedTotal>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milestones: Option<Vec<MilestoneJson>>,
}

#[derive(Serialize)]
struct CounterMethodology {
    source: String,
    metric: String,
    scope: String,
    caveats: Vec<String>,
}

#[derive(Serialize)]
struct DatedTotal {
    date: String,
    total: u64,
}

impl CounterJson {
    /// The counter in short.
    #[must_use]
    pub fn new(name: &str, counter: &Counter) -> CounterJson {
        let latest = counter.latest(Day(u16::MAX));
        CounterJson {
            name: name.to_owned(),
            title: counter.title.clone(),
            cumulative_downloads: latest.map(|(_, total)| total),
            as_of: latest.map(|(day, _)| day.to_string()),
            methodology: CounterMethodology {
                source: counter.source.clone(),
                metric: counter.metric.clone(),
                scope: counter.scope.clone(),
                caveats: counter.caveats.clone(),
            },
            totals: None,
            milestones: None,
        }
    }

    /// With everything that is known of it.
    #[must_use]
    pub fn whole(name: &str, counter: &Counter, milestones: &[Milestone]) -> CounterJson {
        let dated = |(day, total): (&Day, &u64)| DatedTotal { date: day.to_string(), total: *total };
        CounterJson {
            totals: Some(counter.totals.iter().map(dated).collect()),
            milestones: Some(milestones.iter().map(MilestoneJson::from).collect()),
            ..CounterJson::new(name, counter)
        }
    }
}

/// As CSV its totals, in the shape in which they can be told.
impl Sheet for CounterJson {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        header(&mut csv, &["date", "total"]);
        for dated in self.totals.iter().flatten() {
            csv.plain(&dated.date).plain(dated.total).end_row();
        }
        csv.into_text()
    }
}

/// Counters in short.
#[derive(Serialize)]
pub struct Counters {
    pub counters: Vec<CounterJson>,
}

impl Sheet for Counters {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        header(&mut csv, &["name", "title", "cumulative_downloads", "as_of", "source"]);
        for counter in &self.counters {
            csv.text(&counter.name).text(&counter.title);
            csv.plain(counter.cumulative_downloads.map_or_else(String::new, |total| total.to_string()));
            csv.plain(counter.as_of.as_deref().unwrap_or_default()).text(&counter.methodology.source).end_row();
        }
        csv.into_text()
    }
}
