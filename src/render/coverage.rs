//! What is known of a scope and how its numbers came about, as JSON and as CSV.

use serde::Serialize;

use super::analytics::Sheet;
use super::csv::CsvWriter;
use super::json::Period;
use crate::model::{DayRange, Downloads, Files, HeadRedirect, Millis, Redirects, Uniques};
use crate::query::{Explanation, Named, Rule, Scope, SourceCoverage, SourceReading};

#[derive(Serialize)]
struct Share {
    downloader: f64,
    user: f64,
    country: f64,
    region: f64,
    agent: f64,
    path: f64,
}

impl From<Named> for Share {
    fn from(named: Named) -> Share {
        // Shares of one, to four digits.
        let share = |part: u64| ((part as f64 / named.events.max(1) as f64) * 10_000.0).round() / 10_000.0;
        Share {
            downloader: share(named.downloader),
            user: share(named.user),
            country: share(named.country),
            region: share(named.region),
            agent: share(named.agent),
            path: share(named.path),
        }
    }
}

#[derive(Serialize)]
struct Hour {
    hour: String,
    events: u64,
}

#[derive(Serialize)]
struct Gap {
    from: String,
    to: String,
    hours: i64,
}

#[derive(Serialize)]
struct SourceRow {
    source: String,
    events: u64,
    /// How much of the events names what, between 0 and 1.
    known: Share,
    hours: Vec<Hour>,
    gaps: Vec<Gap>,
}

/// `{"sources":[{"source","events","known","hours","gaps"}],"period"}`.
#[derive(Serialize)]
pub struct Coverage {
    sources: Vec<SourceRow>,
    period: Period,
}

impl Coverage {
    /// What the sources told of a range.
    #[must_use]
    pub fn new(sources: &[SourceCoverage], range: DayRange) -> Coverage {
        let gap = |(from, to): &(Millis, Millis)| Gap {
            from: from.to_string(),
            to: to.to_string(),
            hours: (to.0 - from.0) / 3_600_000,
        };
        let row = |source: &SourceCoverage| SourceRow {
            source: source.name.clone(),
            events: source.named.events,
            known: source.named.into(),
            hours: source.hours.iter().map(|(hour, events)| Hour { hour: hour.to_string(), events: *events }).collect(),
            gaps: source.gaps.iter().map(gap).collect(),
        };
        Coverage { sources: sources.iter().map(row).collect(), period: range.into() }
    }
}

impl Sheet for Coverage {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        csv.plain("source").plain("hour").plain("events").end_row();
        for source in &self.sources {
            for hour in &source.hours {
                csv.text(&source.source).plain(&hour.hour).plain(hour.events).end_row();
            }
        }
        csv.into_text()
    }
}

#[derive(Serialize)]
struct Reading {
    source: String,
    redirects: &'static str,
    head_redirect: &'static str,
    knows_users: bool,
    bodies: u64,
    hand_offs: u64,
    probes: u64,
    head_redirects: u64,
    git_posts: u64,
}

/// `{"scope","rule","downloads","files","floor","ceiling","how":[…],"sources":[…],"period"}`.
#[derive(Serialize)]
pub struct Explained {
    scope: String,
    rule: &'static str,
    downloads: Downloads,
    authenticated: Downloads,
    anonymous: Downloads,
    /// Known to the default rule alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Files>,
    unique_downloaders: Uniques,
    floor: Uniques,
    ceiling: Uniques,
    how: Vec<String>,
    sources: Vec<Reading>,
    period: Period,
}

impl Explained {
    /// How the numbers of a scope in a range came about.
    #[must_use]
    pub fn new(scope: &Scope, explanation: &Explanation, range: DayRange) -> Explained {
        let Explanation { rule, counts, reach, sources } = explanation;
        let reading = |source: &SourceReading| Reading {
            source: source.name.clone(),
            redirects: if source.settings.redirects == Redirects::Handoff { "handoff" } else { "ignore" },
            head_redirect: if source.settings.head_redirect == HeadRedirect::Handoff { "handoff" } else { "probe" },
            knows_users: source.settings.knows_users,
            bodies: source.bodies,
            hand_offs: source.hand_offs,
            probes: source.probes,
            head_redirects: source.head_redirects,
            git_posts: source.git_posts,
        };
        Explained {
            scope: scope.to_string(),
            rule: rule.word(),
            downloads: counts.downloads(),
            authenticated: counts.authenticated,
            anonymous: counts.anonymous,
            files: (*rule == Rule::Session).then_some(counts.files),
            unique_downloaders: reach.ceiling,
            floor: reach.floor,
            ceiling: reach.ceiling,
            how: how(explanation),
            sources: sources.iter().map(reading).collect(),
            period: range.into(),
        }
    }
}

/// The story in sentences.
fn how(explanation: &Explanation) -> Vec<String> {
    let Explanation { rule, counts, reach, sources } = explanation;
    let sum = |part: fn(&SourceReading) -> u64| sources.iter().map(part).sum::<u64>();
    let (bodies, hand_offs) = (sum(|source| source.bodies), sum(|source| source.hand_offs));
    let (probes, heads) = (sum(|source| source.probes), sum(|source| source.head_redirects));
    let mut how = vec![rule_in_words(*rule, counts.downloads())];
    if *rule == Rule::Reported {
        how.push("what follows is about the requests that are known here".to_owned());
    }
    if rule.counts_looks() {
        how.push(format!(
            "{bodies} answers carried a file or a part of it, {hand_offs} sent the client on to where the file is, and {probes} \
             looks moved no data (HEAD, 304, the first byte): this rule takes all of them alike"
        ));
    } else {
        how.push(format!(
            "{bodies} answers carried a file or a part of it and {hand_offs} sent the client on to where the file is: these count"
        ));
        how.push(format!("{probes} looks moved no data (HEAD, 304, the first byte): they are stored and do not count"));
    }
    if *rule == Rule::Session {
        how.push(format!(
            "files are different paths per download and day, or requests where the log has no paths: {}",
            counts.files.0
        ));
    }
    how.push(format!(
        "downloaders are users, or addresses with their kind of client: {}; by user and address alone they are {}, and the \
         number of people lies near these two",
        reach.ceiling.0, reach.floor.0
    ));
    if heads > 0 && !rule.counts_looks() {
        how.push(format!(
            "{heads} of the looks are redirects of a HEAD, each a check or the start of a download from elsewhere: the true \
             number of downloads lies between counting none of them and counting all (setting head_redirect)"
        ));
    }
    let git = sum(|source| source.git_posts);
    if git > 0 {
        let counted = if rule.counts_looks() { "this rule takes none of them" } else { "those that moved data count" };
        how.push(format!("{git} POSTs came from git or LFS clients: {counted}"));
    }
    how
}

/// What a rule does, and what it comes to.
fn rule_in_words(rule: Rule, downloads: Downloads) -> String {
    let words = match rule {
        Rule::Session => {
            "requests of one downloader on one repository with less than 30 minutes between one and the next are one download, \
             on the UTC day of their first request"
        }
        Rule::Requests => "every request that counts is a download",
        Rule::QuarterHour => {
            "whatever one downloader requests of one repository in a quarter of an hour of the clock is one download"
        }
        Rule::ClockHour => "whatever one downloader requests of one repository in an hour of the clock is one download",
        Rule::HfModel => {
            "every GET or HEAD of a model's query file is a download, whoever asks and however often: which file that is depends \
             on the model's library, as the catalog tells it; datasets and spaces have none"
        }
        Rule::HfDataset => {
            "whatever one user or address requests of a dataset within five minutes from the first request, GET or HEAD, is one \
             download; models and spaces have none"
        }
        Rule::Reported => {
            "daily figures that another system counted in its own way, as its breakdown lists them: nothing that is counted here \
             is in them, and they are in nothing that is counted here"
        }
    };
    format!("rule '{}': {words}: {} in all", rule.word(), downloads.0)
}

impl Sheet for Explained {
    fn csv(&self) -> String {
        let mut csv = CsvWriter::default();
        let names = ["source", "redirects", "head_redirect", "bodies", "hand_offs", "probes", "head_redirects", "git_posts"];
        for name in names {
            csv.plain(name);
        }
        csv.end_row();
        for source in &self.sources {
            csv.text(&source.source).plain(source.redirects).plain(source.head_redirect).plain(source.bodies);
            csv.plain(source.hand_offs).plain(source.probes).plain(source.head_redirects).plain(source.git_posts).end_row();
        }
        csv.into_text()
    }
}
