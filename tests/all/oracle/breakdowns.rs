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
        self.files(repos, first, last, |path| kind(path).to_string())
    }

    /// Files by path; those without one under `None`.
    pub fn files_by_path(&self, repos: &BTreeSet<Repo>, first: u64, last: u64) -> BTreeMap<Key, u64> {
        self.files(repos, first, last, str::to_string)
    }

    fn files(&self, repos: &BTreeSet<Repo>, first: u64, last: u64, key: impl Fn(&str) -> String) -> BTreeMap<Key, u64> {
        let mut rows: BTreeMap<Key, u64> = BTreeMap::new();
        for day in first..=last.min(self.today) {
            let mut known = 0;
            for session in self.sessions.iter().filter(|session| repos.contains(&session.repo)) {
                for path in session.paths(day) {
                    *rows.entry((Some(key(path)), None)).or_default() += 1;
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

    /// Distinct downloaders with a counted event that is chosen, and how many users and addresses they are.
    pub fn reach(&self, repos: &BTreeSet<Repo>, first: u64, last: u64, chosen: &Chosen) -> (u64, u64) {
        let mut downloaders = BTreeSet::new();
        for session in self.sessions.iter().filter(|session| repos.contains(&session.repo)) {
            let days = first..=last.min(self.today);
            let taken = session.events.iter().filter(|(event, _)| days.contains(&event.day())).any(|event| {
                let origin = session.origin_of(event);
                let single = Session { origin, ..session.clone() };
                chosen.takes(&single)
            });
            if taken {
                downloaders.insert(&session.downloader);
            }
        }
        let people: BTreeSet<_> = downloaders.iter().map(|downloader| downloader.without_agent()).collect();
        (people.len() as u64, downloaders.len() as u64)
    }

    fn downloaders_of(&self, repos: &BTreeSet<Repo>, first: u64, last: u64) -> BTreeSet<&super::count::Downloader> {
        let days = self.downloaders.iter().filter(|((repo, day), _)| repos.contains(repo) && (first..=last).contains(day));
        days.flat_map(|(_, downloaders)| downloaders).collect()
    }

    /// Who is new among the downloaders of some days: never seen on a day before; and who returns.
    pub fn new_and_returning(&self, repos: &BTreeSet<Repo>, first: u64, last: u64) -> (u64, u64) {
        let before = self.downloaders_of(repos, 0, first - 1);
        let here = self.downloaders_of(repos, first, last);
        let new = here.difference(&before).count() as u64;
        (new, here.len() as u64 - new)
    }

    /// Downloaders of both, of the first alone and of the second alone.
    pub fn overlap(&self, a: &BTreeSet<Repo>, b: &BTreeSet<Repo>, first: u64, last: u64) -> (u64, u64, u64) {
        let (a, b) = (self.downloaders_of(a, first, last), self.downloaders_of(b, first, last));
        (a.intersection(&b).count() as u64, a.difference(&b).count() as u64, b.difference(&a).count() as u64)
    }

    /// Counted requests, and clock quarters and clock hours in which a downloader asked, added over days and downloaders.
    pub fn by_other_rules(&self, repos: &BTreeSet<Repo>, first: u64, last: u64) -> (u64, u64, u64) {
        let (mut requests, mut quarters, mut hours) = (0, BTreeSet::new(), BTreeSet::new());
        for session in self.sessions.iter().filter(|session| repos.contains(&session.repo)) {
            for (event, told) in &session.events {
                if (first..=last.min(self.today)).contains(&event.day()) {
                    requests += told.multiplicity;
                    quarters.insert((&session.repo, &session.downloader, event.time_ms() / 900_000));
                    hours.insert((&session.repo, &session.downloader, event.time_ms() / 3_600_000));
                }
            }
        }
        (requests, quarters.len() as u64, hours.len() as u64)
    }

    /// As Hugging Face counts: requests of the models' query files, and five minutes of a dataset's visitors. `None` where
    /// a request does not tell what the rule needs. The worlds tell no libraries.
    pub fn by_hub_rules(&self, repos: &BTreeSet<Repo>, first: u64, last: u64, chosen: &Chosen) -> (Option<u64>, Option<u64>) {
        let (mut models, mut datasets) = (Some(0), Some(0));
        let mut visits: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        let here = |request: &&Session| {
            let days = first..=last.min(self.today);
            repos.contains(&request.repo) && days.contains(&request.day) && chosen.takes(request)
        };
        for request in self.requests.iter().filter(here) {
            let (event, told) = &request.events[0];
            match request.repo.0.as_str() {
                "model" => {
                    models = models
                        .zip(event.path())
                        .map(|(sum, path)| sum + if path == "config.json" { told.multiplicity } else { 0 });
                }
                "dataset" => {
                    datasets = datasets.filter(|_| event.visitor().1.is_some());
                    visits.entry((&request.repo, request.day, event.visitor())).or_default().push(event.time_ms());
                }
                _ => {}
            }
        }
        for mut times in visits.into_values() {
            times.sort_unstable();
            while let Some(&opened) = times.first() {
                times.retain(|time| *time >= opened + 300_000);
                datasets = datasets.map(|sum| sum + 1);
            }
        }
        (models, datasets)
    }
}
