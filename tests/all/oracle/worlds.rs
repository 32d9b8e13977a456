//! Random worlds: small ones, in which everything that can go wrong with counting goes wrong often.

use std::collections::BTreeMap;

use super::fact::{Broken, Fact, Git, Line, Skipped};
use super::random::Random;
use super::world::{Delivery, Kind, Settings, Shape, Source, World};

/// 2026-05-26.
const FIRST_DAY: u64 = 20_599;
/// The days of a world; events may lie up to two days beyond today.
const DAYS: u64 = 4;
const DAY_MS: u64 = 86_400_000;

/// Three ids with two types between them: numbers must not run together.
const REPOS: [(&str, &str); 6] = [
    ("model", "acme/bert"),
    ("dataset", "acme/bert"),
    ("model", "acme/tiny.llm"),
    ("model", "gpt2"),
    ("dataset", "umbra/resolve"),
    ("space", "umbra/chat"),
];
const USERS: [&str; 3] = ["ada", "bob", "203.0.113.7"];
/// Addresses as written and as counted.
const ADDRESSES: [(&str, &str); 6] = [
    ("203.0.113.7", "203.0.113.7"),
    ("::ffff:203.0.113.7", "203.0.113.7"),
    ("203.0.113.8", "203.0.113.8"),
    ("2001:db8:1:2::5", "2001:db8:1:2::/64"),
    ("2001:db8:1:2:a:b:c:d", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::5", "2001:db8:1:3::/64"),
];
/// People of exports, who are never those of other sources: a hash says nothing of what was hashed.
const EXPORT_USERS: [&str; 2] = ["export-user-1", "export-user-2"];
const EXPORT_ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
/// Agents as written, `#` standing for a random session id, their identity, and what is kept of them.
const AGENTS: [(&str, &str, &str); 9] = [
    (
        "unknown/None; hf_hub/2.4.0; python/3.11.7; transformers/5.23.0; session_id/#; file_type/model",
        "hf_hub/2.4.0; python/3.11.7",
        "transformers/5.23.0; hf_hub/2.4.0; python/3.11.7",
    ),
    (
        "unknown/None; hf_hub/2.4.0; python/3.11.7; transformers/5.23.0; session_id/#; file_type/tokenizer; from_auto_class/True",
        "hf_hub/2.4.0; python/3.11.7",
        "transformers/5.23.0; hf_hub/2.4.0; python/3.11.7",
    ),
    (
        "datasets/5.2.0; hf_hub/2.4.0; python/3.11.7; pyarrow/26.0.1",
        "hf_hub/2.4.0; python/3.11.7",
        "datasets/5.2.0; hf_hub/2.4.0; python/3.11.7",
    ),
    ("unknown/None; hf_hub/0.36.2; python/3.11.7", "hf_hub/0.36.2; python/3.11.7", "hf_hub/0.36.2; python/3.11.7"),
    ("curl/7.88.1", "curl/7.88.1", "curl/7.88.1"),
    ("git/2.47.3", "git", "git/2.47.3"),
    ("git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)", "git", "git-lfs/3.3.0"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", "Firefox"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0", "Firefox", "Firefox"),
];
const PATHS: [&str; 5] =
    ["config.json", "model.safetensors", "onnx/model.onnx", "data/resolve/main/a b.parquet", "data/größe.parquet"];
/// Method and status; the common ones several times.
const ANSWERS: [(&str, u64); 24] = [
    ("GET", 200),
    ("GET", 200),
    ("GET", 200),
    ("GET", 200),
    ("GET", 206),
    ("GET", 206),
    ("GET", 302),
    ("GET", 302),
    ("GET", 303),
    ("GET", 307),
    ("GET", 304),
    ("GET", 301),
    ("GET", 308),
    ("GET", 204),
    ("GET", 404),
    ("GET", 416),
    ("GET", 500),
    ("HEAD", 200),
    ("HEAD", 302),
    ("HEAD", 302),
    ("HEAD", 307),
    ("HEAD", 304),
    ("HEAD", 301),
    ("HEAD", 404),
];
/// Pauses between events of a chain, in ms: within a session, at the very edges of it, and beyond.
const PAUSES: [u64; 9] = [0, 1, 1_000, 600_000, 1_799_000, 1_799_999, 1_800_000, 1_800_001, 1_801_000];

/// Pauses between POSTs of git: within a fetch, at its very edges, and beyond.
const FETCH_PAUSES: [u64; 8] = [0, 1, 500, 59_000, 59_999, 60_000, 60_001, 61_000];

impl World {
    /// The world of a seed.
    pub fn random(seed: u64) -> World {
        let mut random = Random::new(seed);
        let today = FIRST_DAY + 1 + random.below(DAYS - 1);
        let mut world = World { deliveries: Vec::new(), sources: BTreeMap::new(), today };
        let mut told: Vec<(Shape, Fact)> = Vec::new();
        for name in ["hub", "edge", "logs"].into_iter().take(1 + random.index(3)) {
            let source = source(&mut random);
            let facts = Pool::new(&mut random, source.shape, today, &told).facts;
            told.extend(facts.iter().map(|fact| (source.shape, fact.clone())));
            world.sources.insert(name.to_string(), source);
            let first = world.deliveries.len();
            for _ in 0..1 + random.below(4) {
                let delivery = delivery(&mut random, &world.deliveries[first..], name, source.shape, &facts);
                world.deliveries.push(delivery);
            }
            if random.chance(40) {
                world.deliveries.extend(bridge(&mut random, name, &facts, today));
            }
        }
        random.shuffle(&mut world.deliveries);
        world
    }
}

/// A source with settings of its own. Ignored redirects and counted HEADs do not meet: nobody has both.
fn source(random: &mut Random) -> Source {
    let shape = random.pick(&[Shape::Events, Shape::Events, Shape::HfExport, Shape::Combined, Shape::NginxJson]);
    let redirects_ignore = random.chance(25);
    let head_redirect_handoff = !redirects_ignore && random.chance(25);
    Source {
        shape,
        settings: Settings {
            redirects_ignore,
            head_redirect_handoff,
            knows_users: !matches!(shape, Shape::Combined | Shape::NginxJson),
        },
    }
}

/// Two downloads half an hour apart, give or take a second, and in a delivery of its own one between them.
fn bridge(random: &mut Random, source: &str, facts: &[Fact], today: u64) -> Vec<Delivery> {
    let is_download = |fact: &&Fact| fact.method == "GET" && fact.status == 200 && fact.range.is_none() && fact.day() <= today;
    let Some(first) = facts.iter().find(is_download) else { return Vec::new() };
    let until = random.pick(&[1_799_000, 1_800_000, 1_801_000, 3_598_000]);
    let document = |pauses: &[u64]| {
        let later = |&pause: &u64| Line::Fact(Fact { time_ms: first.time_ms + pause, ..first.clone() });
        Delivery::document(source, pauses.iter().map(later).collect())
    };
    vec![document(&[0, until]), document(&[until / 2_000 * 1_000])]
}

/// A delivery: something new, or something that overlaps with what its source delivered before.
fn delivery(random: &mut Random, before: &[Delivery], source: &str, shape: Shape, facts: &[Fact]) -> Delivery {
    if !before.is_empty() && random.chance(60) {
        let earlier = random.pick(before);
        return match earlier.kind {
            Kind::Document => Delivery { lines: overlapping(random, &earlier.lines, shape, facts), ..earlier },
            Kind::PushBody { .. } if random.chance(50) => earlier,
            Kind::PushBody { arrival_day } => {
                let kind = Kind::PushBody { arrival_day: arrival_day + random.below(2) };
                Delivery { kind, lines: overlapping(random, &earlier.lines, shape, facts), ..earlier }
            }
        };
    }
    let lines = lines(random, shape, facts);
    if shape != Shape::HfExport && random.chance(50) {
        return Delivery::pushed(source, FIRST_DAY + random.below(DAYS), lines);
    }
    Delivery::document(source, lines)
}

/// Lines that share some with earlier ones: a copy, a grown file, a common beginning, the same and more in another
/// order, or only some of them.
fn overlapping(random: &mut Random, earlier: &[Line], shape: Shape, facts: &[Fact]) -> Vec<Line> {
    let more = lines(random, shape, facts);
    let cut = 1 + random.index(earlier.len());
    match random.below(5) {
        0 => earlier.to_vec(),
        1 => [earlier, &more].concat(),
        2 => [&earlier[..cut], &more].concat(),
        3 => {
            let mut lines = [earlier, &more].concat();
            random.shuffle(&mut lines);
            lines
        }
        _ => earlier[cut - 1..].to_vec(),
    }
}

/// Some lines, at least one: facts of the pool, in runs or at random, now and then the same again, with noise between.
fn lines(random: &mut Random, shape: Shape, facts: &[Fact]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut next = random.index(facts.len());
    for _ in 0..1 + random.below(10) {
        next = if random.chance(30) { random.index(facts.len()) } else { (next + 1) % facts.len() };
        let line = match random.below(100) {
            0..6 => Line::Broken(random.pick(&[Broken::Garbage, Broken::BadTime, Broken::BadStatus, Broken::CutOff])),
            6..12 => {
                let metadata = shape != Shape::HfExport && random.chance(50);
                let what = if metadata { Skipped::Metadata } else { Skipped::Upload };
                Line::Skipped { time_ms: random.pick(facts).time_ms, what }
            }
            12..24 if !lines.is_empty() => random.pick(&lines),
            _ => Line::Fact(facts[next].clone()),
        };
        lines.push(line);
    }
    lines
}

/// What deliveries of one source choose from: few people, few repos, and times that touch.
struct Pool {
    facts: Vec<Fact>,
    shape: Shape,
    /// Events after this day come from users and are no bodies: whether bytes that will be sent tomorrow already prove
    /// that a repo is public is nobody's question.
    today: u64,
}

impl Pool {
    fn new(random: &mut Random, shape: Shape, today: u64, told: &[(Shape, Fact)]) -> Pool {
        let mut pool = Pool { facts: Vec::new(), shape, today };
        for (told_as, fact) in told {
            if random.chance(30) {
                pool.retell(random, *told_as, fact.clone());
            }
        }
        for _ in 0..1 + random.below(5) {
            pool.chain(random);
        }
        if shape != Shape::HfExport && random.chance(60) {
            pool.fetches(random);
        }
        pool
    }

    /// A downloader whom another source has seen comes here too, a moment later: sessions span sources.
    fn retell(&mut self, random: &mut Random, told_as: Shape, fact: Fact) {
        let pause = if fact.git.is_some() { random.pick(&FETCH_PAUSES) } else { random.pick(&PAUSES) };
        let later = Fact { time_ms: fact.time_ms + pause, ..fact };
        if later.git.is_some() {
            // Exports know no git; what one web server sees of a fetch, another may see the rest of.
            if later.ip.is_some() && self.shape != Shape::HfExport {
                self.post(random, later);
            }
            return;
        }
        if told_as == self.shape || (self.shape == Shape::Events && told_as != Shape::HfExport) {
            self.add(random, true, later);
        } else if self.shape == Shape::NginxJson && told_as != Shape::HfExport && later.ip.is_some() {
            self.add(random, true, Fact { country: None, region: None, ..later });
        } else if self.shape == Shape::Combined && told_as != Shape::HfExport && later.ip.is_some() {
            self.add(random, true, Fact { user: None, range: None, id: None, country: None, region: None, ..later });
        }
    }

    /// One downloader on one repo, in some chains with nothing but downloads; the pauses sit at the
    /// edge of a session, around a midnight more often than not.
    fn chain(&mut self, random: &mut Random) {
        let few = 2 + random.index(REPOS.len() - 1);
        let (repo_type, repo) = random.pick(&REPOS[..few]);
        let someone = self.someone(random);
        let start = FIRST_DAY * DAY_MS + random.below(DAYS + 1) * DAY_MS;
        let mut time_ms = if random.chance(70) { start - random.pick(&PAUSES[..7]) } else { start + random.below(DAY_MS) };
        let steady = random.chance(60);
        for _ in 0..1 + random.below(6) {
            if random.chance(25) {
                // The neighbour of a user with the same address, another agent, or the same person signed out.
                let other = self.someone(random);
                self.add(random, steady, Fact { repo_type: repo_type.to_string(), repo: repo.to_string(), time_ms, ..other });
            }
            let someone = someone.clone();
            self.add(random, steady, Fact { repo_type: repo_type.to_string(), repo: repo.to_string(), time_ms, ..someone });
            time_ms += random.pick(&PAUSES);
        }
    }

    /// One downloader's git on one repo: POSTs at the edges of a fetch, around a midnight more often than not.
    fn fetches(&mut self, random: &mut Random) {
        let (repo_type, repo) = random.pick(&REPOS[..3]);
        let someone = self.someone(random);
        let start = FIRST_DAY * DAY_MS + random.below(DAYS + 1) * DAY_MS;
        let mut time_ms = match random.below(10) {
            // Its end may decide what starts a session on the day after.
            0..4 => start - 1_800_000 - random.pick(&FETCH_PAUSES),
            4..7 => start - random.pick(&FETCH_PAUSES),
            _ => start + random.below(DAY_MS),
        };
        for _ in 0..1 + random.below(5) {
            let git = match random.below(10) {
                0 => Git::LfsBatch,
                1 => Git::UploadPack { version: Some(random.below(2)) },
                2..5 => Git::UploadPack { version: Some(2) },
                _ => Git::UploadPack { version: None },
            };
            let fact = Fact { repo_type: repo_type.to_string(), repo: repo.to_string(), time_ms, ..someone.clone() };
            self.post(random, fact.posts(git));
            time_ms += random.pick(&FETCH_PAUSES);
        }
        if random.chance(70) {
            // What comes after a fetch goes on with its session, if there was a fetch.
            let fact = Fact { repo_type: repo_type.to_string(), repo: repo.to_string(), time_ms, ..someone };
            let later = Fact { time_ms: time_ms + random.pick(&PAUSES), ..fact };
            self.add(random, true, later);
        }
    }

    /// Completes a POST of git within what the format can say.
    fn post(&mut self, random: &mut Random, fact: Fact) {
        let mut fact = Fact { country: None, region: None, range: None, path: None, id: None, bytes: None, ..fact };
        if fact.day() > self.today && self.shape == Shape::Events {
            fact.user = Some("ada".to_string());
        }
        match (self.shape, fact.git) {
            (Shape::Combined, git) => {
                fact.time_ms -= fact.time_ms % 1000;
                fact.user = None;
                let git = git.filter(|git| *git == Git::LfsBatch).unwrap_or(Git::UploadPack { version: None });
                fact.git = Some(git);
            }
            _ => fact.id = random.chance(30).then(|| format!("post-{}", random.below(3))),
        }
        self.facts.push(fact);
    }

    /// Who asks, and from where.
    fn someone(&self, random: &mut Random) -> Fact {
        let nothing = Fact { path: None, ip: None, address: None, ..Fact::by_address("", 0) };
        let (raw, identity, note) = random.pick(&AGENTS);
        let note = Some(note.to_string());
        let agent = raw.replace('#', &format!("{:016x}{:016x}", random.below(u64::MAX), random.below(3)));
        let (ip, address) = random.pick(&ADDRESSES);
        match self.shape {
            Shape::HfExport => match random.below(10) {
                0..4 => Fact { user: Some(random.pick(&EXPORT_USERS).to_string()), raw_agent: agent, note, ..nothing },
                4..9 => {
                    let ip = random.pick(&EXPORT_ADDRESSES).to_string();
                    Fact { ip: Some(ip.clone()), address: Some(ip), raw_agent: agent, note, ..nothing }
                }
                _ => Fact { raw_agent: agent, note, ..nothing },
            },
            Shape::Combined => {
                let here = Fact { ip: Some(ip.to_string()), address: Some(address.to_string()), ..nothing };
                if random.chance(85) { Fact { note, ..here.agent(&agent, identity) } } else { here }
            }
            Shape::NginxJson => {
                let user = random.chance(20).then(|| random.pick(&USERS).to_string());
                let here = Fact { user, ip: Some(ip.to_string()), address: Some(address.to_string()), ..nothing };
                if random.chance(85) { Fact { note, ..here.agent(&agent, identity) } } else { here }
            }
            Shape::Events => {
                let user = random.chance(40).then(|| random.pick(&USERS).to_string());
                let located = random.chance(85).then_some((ip.to_string(), address.to_string()));
                let (ip, address) = located.unzip();
                let here = Fact { user, ip, address, ..nothing };
                if random.chance(85) { Fact { note, ..here.agent(&agent, identity) } } else { here }
            }
        }
    }

    /// Completes a fact with what is asked for and what is answered, within what the format can say.
    fn add(&mut self, random: &mut Random, steady: bool, fact: Fact) {
        let (method, status) = random.pick(if steady { &ANSWERS[..8] } else { &ANSWERS });
        let mut fact = fact.answer(method, status);
        match self.shape {
            Shape::HfExport => {
                fact.country = random.chance(60).then(|| "DE".to_string());
                fact.region = random.chance(60).then(|| random.pick(&["Berlin", "Hesse"]).to_string());
            }
            Shape::Combined => {
                fact.time_ms -= fact.time_ms % 1000;
                fact = fact.path(random.pick(&PATHS));
                fact.bytes = Some(random.below(3) * 1000);
            }
            Shape::NginxJson => {
                fact = fact.path(random.pick(&PATHS));
                fact.bytes = Some(random.below(3) * 1000);
                fact.id = random.chance(50).then(|| format!("request-{}", random.below(3)));
                fact.range = random.chance(10).then(|| random.pick(&["bytes=0-0", "bytes=7-"]).to_string());
            }
            Shape::Events => {
                fact.path = random.chance(70).then(|| random.pick(&PATHS).to_string());
                fact.range = random
                    .chance(if steady { 5 } else { 25 })
                    .then(|| random.pick(&["bytes=0-0", "bytes=0-1023", "bytes=7-"]).to_string());
                fact.id = random.chance(20).then(|| format!("request-{}", random.below(3)));
                fact.bytes = random.chance(50).then(|| random.below(3) * 1000);
                fact.country = random.chance(30).then(|| random.pick(&["DE", "FR"]).to_string());
                fact.region = random.chance(30).then(|| random.pick(&["Berlin", "Hesse"]).to_string());
            }
        }
        if fact.day() > self.today {
            if self.shape == Shape::Events {
                fact.user = Some("ada".to_string());
            }
            fact = fact.answer("GET", 302);
        }
        self.facts.push(fact);
    }
}
