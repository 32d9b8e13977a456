//! The counting itself: events, sessions, files and downloaders by their definitions.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{Fact, Git, Line, Repo};
use super::world::{Settings, World};

/// Two counted events this far apart, or farther, belong to two sessions.
const SESSION_GAP_MS: u64 = 1_800_000;

/// Two POSTs of git this far apart, or farther, are not of one fetch.
const FETCH_GAP_MS: u64 = 60_000;

/// What makes two events the same request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    source: String,
    repo: Repo,
    is_user: bool,
    /// The user, else the address; nobody at all is one shared somebody.
    who: Option<String>,
    agent: Option<String>,
    time_ms: u64,
    method: String,
    status: u64,
    path: Option<String>,
    git: Option<Posted>,
    range: RangeClass,
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RangeClass {
    None,
    FirstByte,
    Part,
}

/// What a log tells of a POST of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Posted {
    /// Perhaps only the listing of refs, perhaps data.
    Step,
    /// Data, since refs are listed elsewhere in protocols 0 and 1.
    Data,
    LfsBatch,
}

/// A user, whatever the agent; or an address, or nobody, with the agent's identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Downloader {
    is_user: bool,
    who: Option<String>,
    agent: Option<String>,
}

impl Downloader {
    /// The same without regard to the agent.
    pub fn without_agent(&self) -> Downloader {
        Downloader { agent: None, ..self.clone() }
    }
}

impl Identity {
    fn of(source: &str, fact: &Fact) -> Identity {
        Identity {
            source: source.to_string(),
            repo: fact.repo(),
            is_user: fact.user.is_some(),
            who: fact.user.clone().or(fact.address.clone()),
            agent: fact.agent_identity.clone(),
            time_ms: fact.time_ms,
            method: fact.method.clone(),
            status: fact.status,
            path: fact.path.clone(),
            git: fact.git.map(|git| match git {
                Git::UploadPack { version: Some(0 | 1) } => Posted::Data,
                Git::UploadPack { .. } => Posted::Step,
                Git::LfsBatch => Posted::LfsBatch,
            }),
            range: match fact.range.as_deref() {
                None => RangeClass::None,
                Some("bytes=0-0") => RangeClass::FirstByte,
                Some(_) => RangeClass::Part,
            },
            id: fact.id.clone(),
        }
    }

    fn downloader(&self) -> Downloader {
        let agent = if self.is_user { None } else { self.agent.clone() };
        Downloader { is_user: self.is_user, who: self.who.clone(), agent }
    }

    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    pub fn day(&self) -> u64 {
        self.time_ms / 86_400_000
    }

    /// Whether this is a POST to git-upload-pack that moved data, given all events of its downloader on its repo: one
    /// that always does, or one that was not the first within a minute, on one day.
    fn is_fetch(&self, multiplicity: u64, others: &[Counted]) -> bool {
        let goes_before = |(other, _): &&Counted| {
            let is_post = matches!(other.git, Some(Posted::Step | Posted::Data)) && other != self;
            let is_near = other.time_ms <= self.time_ms && self.time_ms - other.time_ms < FETCH_GAP_MS;
            is_post && is_near && other.day() == self.day()
        };
        match self.git {
            Some(Posted::Data) => true,
            Some(Posted::Step) => multiplicity > 1 || others.iter().any(|other| goes_before(&other)),
            Some(Posted::LfsBatch) | None => false,
        }
    }

    /// Whether a file was asked for, or looked at, and the answer was neither an error nor a login wall's.
    fn is_request(&self, settings: Settings) -> bool {
        let walled = settings.redirects_ignore && matches!(self.status, 302 | 303 | 307);
        matches!(self.method.as_str(), "GET" | "HEAD") && matches!(self.status, 200 | 206 | 302 | 303 | 304 | 307) && !walled
    }

    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The user or address, whatever the agent.
    pub fn visitor(&self) -> (bool, Option<&str>) {
        (self.is_user, self.who.as_deref())
    }

    /// Whether bytes of the file came with the answer.
    fn is_body(&self) -> bool {
        self.method == "GET" && matches!(self.status, 200 | 206) && self.range != RangeClass::FirstByte
    }

    /// Whether the answer sent the client to where the bytes are.
    fn is_hand_off(&self, settings: Settings) -> bool {
        let redirect = matches!(self.status, 302 | 303 | 307) && self.range != RangeClass::FirstByte;
        let by_get = self.method == "GET" && !settings.redirects_ignore;
        // Only a 302 leads a HEAD to another host: 303 and 307 come from caches of the hub, whose own line follows.
        let by_head = self.method == "HEAD" && self.status == 302 && settings.head_redirect_handoff;
        redirect && (by_get || by_head)
    }
}

/// What is counted of a repo on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub authenticated: u64,
    pub anonymous: u64,
    pub files: u64,
    pub unique_downloaders: u64,
}

impl Counts {
    pub fn downloads(self) -> u64 {
        self.authenticated + self.anonymous
    }
}

/// The numbers of a world.
pub struct Oracle {
    pub today: u64,
    /// By repo and day, up to today; only where something was counted.
    pub days: BTreeMap<(Repo, u64), Counts>,
    /// Who downloaded, by repo and day, up to today.
    pub downloaders: BTreeMap<(Repo, u64), BTreeSet<Downloader>>,
    /// Repos that somebody without a user got bytes of, by a source that would have told the user.
    pub public: BTreeSet<Repo>,
    /// Repos with a counted event on any day, days to come included.
    pub named: BTreeSet<Repo>,
    /// All sessions, days to come included.
    pub sessions: Vec<Session>,
    /// All GETs and HEADs that did not fail, but those that a login wall answered.
    pub requests: Vec<Session>,
}

/// An event and what is told of it.
pub type Counted = (Identity, Told);

/// What deliveries tell of an event beside what makes it one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How many equal ones there were.
    pub multiplicity: u64,
    pub country: Option<String>,
    pub region: Option<String>,
    /// What is kept of the agent.
    pub note: Option<String>,
}

/// Present beats absent, then the smaller wins.
fn smaller(a: Option<String>, b: Option<String>) -> Option<String> {
    [a, b].into_iter().flatten().min()
}

impl Told {
    fn join(self, other: &Fact) -> Told {
        Told {
            multiplicity: self.multiplicity,
            country: smaller(self.country, other.country.clone()),
            region: smaller(self.region, other.region.clone()),
            note: smaller(self.note, other.note.clone()),
        }
    }
}

/// Where a session came from and with what: taken from its first event.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub country: Option<String>,
    pub region: Option<String>,
    pub library: Option<String>,
    pub version: Option<String>,
    pub source: String,
}

impl Origin {
    fn of((event, told): &Counted) -> Origin {
        let first = told.note.as_deref().and_then(|note| note.split("; ").next());
        let (library, version) = match first.map(|token| token.split_once('/').unwrap_or((token, ""))) {
            Some(("hf_hub", version)) => (Some("huggingface_hub"), version),
            Some((library, version)) => (Some(library), version),
            None => (None, ""),
        };
        Origin {
            country: told.country.clone(),
            region: told.region.clone(),
            library: library.map(str::to_string),
            version: (!version.is_empty()).then(|| version.to_string()),
            source: event.source.clone(),
        }
    }

    /// What is known comes before what is not.
    fn rank(&self) -> impl Ord + use<> {
        let texts = [&self.country, &self.region, &self.library, &self.version].map(|text| (text.is_none(), text.clone()));
        (texts, self.source.clone())
    }
}

/// One download.
#[derive(Clone, Debug)]
pub struct Session {
    pub repo: Repo,
    pub downloader: Downloader,
    /// The day of its first event.
    pub day: u64,
    pub origin: Origin,
    pub events: Vec<Counted>,
}

impl Session {
    pub fn is_user(&self) -> bool {
        self.downloader.is_user
    }

    /// One request by itself.
    fn of_one(repo: &Repo, downloader: &Downloader, event: Counted) -> Session {
        let origin = Origin::of(&event);
        Session { repo: repo.clone(), downloader: downloader.clone(), day: event.0.day(), origin, events: vec![event] }
    }

    /// Where one of its events came from.
    pub fn origin_of(&self, event: &Counted) -> Origin {
        Origin::of(event)
    }

    /// The different paths asked for on a day.
    pub fn paths(&self, day: u64) -> BTreeSet<&String> {
        let of_day = self.events.iter().filter(|(event, _)| event.day() == day);
        of_day.filter_map(|(event, _)| event.path.as_ref()).collect()
    }
}

impl Oracle {
    pub fn of(world: &World) -> Oracle {
        let events = events(world);
        let mut oracle = Oracle {
            today: world.today,
            days: BTreeMap::new(),
            downloaders: BTreeMap::new(),
            public: BTreeSet::new(),
            named: BTreeSet::new(),
            sessions: Vec::new(),
            requests: Vec::new(),
        };
        let mut groups: BTreeMap<(Repo, Downloader), Vec<Counted>> = BTreeMap::new();
        for (event, told) in events {
            groups.entry((event.repo.clone(), event.downloader())).or_default().push((event, told));
        }
        for ((repo, downloader), all) in groups {
            let mut counted = Vec::new();
            for (event, told) in &all {
                let settings = world.sources[&event.source].settings;
                if event.is_request(settings) {
                    oracle.requests.push(Session::of_one(&repo, &downloader, (event.clone(), told.clone())));
                }
                let is_body = event.is_body() || event.is_fetch(told.multiplicity, &all);
                if is_body || event.is_hand_off(settings) {
                    oracle.named.insert(repo.clone());
                    if is_body && !event.is_user && settings.knows_users && event.day() <= world.today {
                        oracle.public.insert(repo.clone());
                    }
                    counted.push((event.clone(), told.clone()));
                }
            }
            counted.sort_by_key(|(event, _)| event.time_ms);
            for session in sessions(&counted) {
                oracle.count_session(&repo, &downloader, session);
            }
        }
        oracle
    }

    /// The numbers as if a delivery, and what can only be taken back with it, had never come.
    pub fn without(world: &World, delivery: usize) -> Oracle {
        Oracle::of(&world.without(delivery))
    }

    fn count_session(&mut self, repo: &Repo, downloader: &Downloader, session: &[Counted]) {
        let first_day = session[0].0.day();
        let first = session.iter().filter(|(event, _)| event.time_ms == session[0].0.time_ms);
        self.sessions.push(Session {
            repo: repo.clone(),
            downloader: downloader.clone(),
            day: first_day,
            origin: first.map(Origin::of).min_by_key(Origin::rank).unwrap(),
            events: session.to_vec(),
        });
        if first_day <= self.today {
            let counts = self.days.entry((repo.clone(), first_day)).or_default();
            if downloader.is_user {
                counts.authenticated += 1;
            } else {
                counts.anonymous += 1;
            }
        }
        let days: BTreeSet<u64> = session.iter().map(|(event, _)| event.day()).collect();
        for day in days.into_iter().filter(|&day| day <= self.today) {
            let of_day: Vec<&Counted> = session.iter().filter(|(event, _)| event.day() == day).collect();
            let paths: BTreeSet<&String> = of_day.iter().filter_map(|(event, _)| event.path.as_ref()).collect();
            let is_file = |event: &Identity| event.path.is_none() && event.status != 206 && event.git.is_none();
            let pathless = of_day.iter().filter(|(event, _)| is_file(event));
            let counts = self.days.entry((repo.clone(), day)).or_default();
            counts.files += paths.len() as u64 + pathless.map(|(_, told)| told.multiplicity).sum::<u64>();
            let downloaders = self.downloaders.entry((repo.clone(), day)).or_default();
            downloaders.insert(downloader.clone());
            counts.unique_downloaders = downloaders.len() as u64;
        }
    }
}

/// Every event with its multiplicity: equal events add up within a delivery, and deliveries join by maximum.
fn events(world: &World) -> BTreeMap<Identity, Told> {
    let mut events: BTreeMap<Identity, Told> = BTreeMap::new();
    for delivery in &world.deliveries {
        let mut here: BTreeMap<Identity, u64> = BTreeMap::new();
        for line in &delivery.lines {
            if let Line::Fact(fact) = line {
                let event = Identity::of(&delivery.source, fact);
                *here.entry(event.clone()).or_default() += 1;
                let told = events.entry(event).or_default();
                *told = std::mem::take(told).join(fact);
            }
        }
        for (event, count) in here {
            let told = events.entry(event).or_default();
            told.multiplicity = count.max(told.multiplicity);
        }
    }
    events
}

/// Cuts the counted events of one downloader on one repo, in order of time, where the pause is long.
fn sessions(events: &[Counted]) -> impl Iterator<Item = &[Counted]> {
    events.chunk_by(|(before, _), (after, _)| after.time_ms - before.time_ms < SESSION_GAP_MS)
}
