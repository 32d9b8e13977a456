//! Who downloaded what from where and with what: breakdowns, filters, overlaps, who came back.

use std::collections::{BTreeMap, BTreeSet};

use super::count::{Oracle, Session};
use super::fact::Repo;

/// Key of a line of a breakdown, and what it is a part of.
pub type Key = (Option<String>, Option<String>);

/// What kind of program a library of the worlds is.
fn class(library: Option<&str>) -> Option<String> {
    let class = match library? {
        "transformers" | "datasets" | "huggingface_hub" => "library",
        "curl" | "git" | "git-lfs" => "tool",
        "Firefox" => "browser",
        other => panic!("the worlds have no {other}"),
    };
    Some(class.to_string())
}

/// What kind of file a path of the worlds is.
fn kind(path: &str) -> &'static str {
    match path {
        "config.json" => "config",
        "model.safetensors" | "onnx/model.onnx" => "weights",
        path if path.ends_with(".parquet") => "data",
        other => panic!("the worlds have no {other}"),
    }
}

/// Which sessions a question is about.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    pub user: Option<bool>,
    pub class: Option<&'static str>,
    pub country: Option<&'static str>,
}

impl Chosen {
    fn takes(&self, session: &Session) -> bool {
        let origin = &session.origin;
        self.user.is_none_or(|user| user == session.is_user())
            && self.class.is_none_or(|wanted| class(origin.library.as_deref()).as_deref() == Some(wanted))
            && self.country.is_none_or(|country| origin.country.as_deref() == Some(country))
    }
}

impl Oracle {
    fn sessions_of<'a>(&'a self, repos: &'a BTreeSet<Repo>, first: u64, last: u64) -> impl Iterator<Item = &'a Session> {
        let last = last.min(self.today);
        self.sessions.iter().filter(move |session| repos.contains(&session.repo) && (first..=last).contains(&session.day))
    }

    /// Downloads by country, region, library, version, class, source or weekday.
    pub fn breakdown(&self, by: &str, repos: &BTreeSet<Repo>, first: u64, last: u64, chosen: &Chosen) -> BTreeMap<Key, u64> {
        let mut rows = BTreeMap::new();
        for session in self.sessions_of(repos, first, last).filter(|session| chosen.takes(session)) {
            let origin = session.origin.clone();
            let key = match by {
                "country" => (origin.country, None),
                "region" => (origin.region, origin.country),
                "library" => (origin.library, None),
                "version" => (origin.version, origin.library),
                "class" => (class(origin.library.as_deref()), None),
                "source" => (Some(origin.source), None),
                // 1970-01-01 was a Thursday.
                "weekday" => {
                    let names = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];
                    (Some(names[(session.day % 7) as usize].to_string()), None)
                }
                other => panic!("no breakdown by {other}"),
            };
            *rows.entry(key).or_default() += 1;
        }
        rows
    }

    /// Files by kind; those without a path under `None`.
    pub fn kinds(&self, repos: &BTreeSet<Repo>, first: u64, last: u64) -> BTreeMap<Key, u64> {
        let mut rows: BTreeMap<Key, u64> = BTreeMap::new();
        for day in first..=last.min(self.today) {
            let mut known = 0;
            for session in self.sessions.iter().filter(|session| repos.contains(&session.repo)) {
                for path in session.paths(day) {
                    *rows.entry((Some(kind(path).to_string()), None)).or_default() += 1;
                    known += 1;
                }
            }
            let all: u64 = repos.iter().map(|repo| self.day(repo, day).files).sum();
            if all > known {
                *rows.entry((None, None)).or_default() += all - known;
            }
        }
        rows
    }
}
