//! Hidden repositories are as if they were not there, whoever asks and whatever: every route of the table, asked by every
//! kind of caller, in two hubs that differ in hidden repositories alone, answers the same to the byte; and a hidden name is
//! answered like one that nobody has.
//!
//! `HUBTALLY_PRIVATE_WORLDS=5000 cargo test privacy` tries more worlds; `HUBTALLY_FIRST_WORLD=N` starts at another seed.
//! A new route is covered by itself. One with a variable or a body that is not known here fails until it is told below.

mod line;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place, Push, PushContent, RepoListing};
use hubtally::model::{GroupName, Millis, PersonName, Proxies, RepoKey, RepoKind, RepoName, Role, SourceName};
use hubtally::serve::{Access, ROUTES, Route, ServeOptions, Server};

use line::{Line, Said};

use crate::laws::{for_seeds, number};
use crate::oracle::Random;

/// 2026-06-10T12:00:00Z.
const NOW: Millis = Millis(1_781_092_800_000);

/// What only hidden things are called; it stands nowhere else.
const MARK: &str = "zqx";
/// Nobody has this: as long as the mark, so that even lengths are the same.
const NOBODY: &str = "jqk";

const PASSWORD: &str = "the-same-for-everybody";
/// One world in so many hashes passwords.
const PASSWORD_WORLDS: u64 = 4;

/// Lines of metrics that tell of the process rather than of the data.
const OF_THE_PROCESS: [&str; 3] = ["process_", "hubtally_http_responses_total", "hubtally_store_bytes"];

struct Hub {
    engine: Arc<Engine>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.engine.stop();
    }
}

fn role(scope: &str) -> Role {
    Role::parse(scope).unwrap()
}

/// A repo of a world.
struct Repo {
    kind: RepoKind,
    id: String,
    /// What the catalog says; `None` is nothing.
    listed: Option<bool>,
    downloads: u64,
}

struct World {
    seed: u64,
    seen: Vec<Repo>,
    hidden: Vec<Repo>,
}

impl World {
    fn random(seed: u64) -> World {
        let mut random = Random::new(seed);
        let kind = |random: &mut Random| random.pick(&RepoKind::ALL);
        let mut seen: Vec<Repo> = (0..1 + random.below(3))
            .map(|index| {
                let org = random.pick(&["acme/", "umbra/", ""]);
                Repo {
                    kind: kind(&mut random),
                    id: format!("{org}seen-{index}"),
                    listed: Some(false),
                    downloads: random.below(9),
                }
            })
            .collect();
        // A private one, which those of its organization see: it is in both hubs.
        seen.push(Repo { kind: RepoKind::Model, id: "umbra/own".to_owned(), listed: Some(true), downloads: 3 });
        let mut hidden =
            vec![Repo { kind: RepoKind::Model, id: format!("{MARK}org/{MARK}main"), listed: Some(true), downloads: 211 }];
        for index in 0..random.below(4) {
            let org = random.pick(&["acme/", "zqxorg/", ""]);
            let listed = random.pick(&[Some(true), None]);
            hidden.push(Repo {
                kind: kind(&mut random),
                id: format!("{org}{MARK}{index}"),
                listed,
                downloads: random.pick(&[0, 1, 37, 101]),
            });
        }
        World { seed, seen, hidden }
    }

    /// Whether people have passwords here, and forms that take one are asked.
    fn has_passwords(&self) -> bool {
        self.seed.is_multiple_of(PASSWORD_WORLDS)
    }

    fn open(&self, with_hidden: bool) -> Hub {
        let engine = Engine::open(&OpenOptions { place: Place::Memory, default_public: false, frozen_now: Some(NOW) }).unwrap();
        let hidden = self.hidden.iter().filter(|_| with_hidden);
        let repos: Vec<&Repo> = self.seen.iter().chain(hidden).collect();
        let listing = |repo: &&Repo| {
            let private = repo.listed?;
            let key = RepoKey { kind: repo.kind, name: RepoName::parse(&repo.id).unwrap() };
            let marked = repo.id.contains(MARK);
            let library = Some(if marked { format!("{MARK}lib") } else { "transformers".to_owned() });
            Some(RepoListing {
                repo: key,
                private: Some(private),
                likes: Some(if marked { 77_317 } else { 5 }),
                library,
                created_at: None,
                renamed_from: Vec::new(),
            })
        };
        engine.put_repos(repos.iter().filter_map(listing).collect()).unwrap();
        let mut body = String::new();
        for repo in &repos {
            for download in 0..repo.downloads {
                body.push_str(&event(repo, download, self.seed));
            }
        }
        // Groups hold hidden repos beside seen ones, or nothing else.
        let keys = |repos: &[&Repo]| -> Vec<RepoKey> {
            repos.iter().map(|repo| RepoKey { kind: repo.kind, name: RepoName::parse(&repo.id).unwrap() }).collect()
        };
        let of_all = RepoKey { kind: RepoKind::Dataset, name: RepoName::parse("acme/in-the-family").unwrap() };
        let family = [vec![of_all], keys(&repos)].concat();
        engine.put_group(&GroupName::parse("family").unwrap(), Some(family)).unwrap();
        let hidden: Vec<&Repo> = self.hidden.iter().filter(|_| with_hidden).collect();
        if with_hidden {
            // One of the hub, and one of the organization nobody sees.
            let of_org: Vec<&Repo> = hidden.iter().copied().filter(|repo| repo.id.starts_with("zqxorg/")).collect();
            for (name, repos) in [("zqxgroup", &hidden), ("zqxorg:zqxgroup", &of_org)] {
                engine.put_group(&GroupName::parse(name).unwrap(), Some(keys(repos))).unwrap();
            }
        }
        self.report(&engine, &repos);
        let source = SourceName::default_source();
        if !body.is_empty() {
            let push = Push { source, body: body.into_bytes(), content: PushContent::Json, idempotency_key: None };
            engine.push(push).unwrap();
        }
        let person = |name: &str, roles: &[Role]| {
            let password = self.has_passwords().then_some(PASSWORD);
            engine.add_person(&PersonName::parse(name).unwrap(), password, roles).unwrap();
        };
        person("reader", &[role("reader:umbra"), role("publisher:other")]);
        person("guest", &[]);
        serve(engine)
    }

    /// What another system says of every other repo, even where nothing was counted.
    fn report(&self, engine: &Engine, repos: &[&Repo]) {
        let mut csv = "repoType,repoName,total,timestamp,downloads\n".to_owned();
        for repo in repos.iter().filter(|repo| (repo.id.len() as u64 + self.seed).is_multiple_of(2)) {
            let figure = if repo.id.contains(MARK) { 88_117 } else { 9 };
            csv.push_str(&format!("{},{},{figure},2026-06-08T00:00:00.000Z,{figure}\n", repo.kind.word(), repo.id));
        }
        let options = ImportOptions {
            source: SourceName::default_source(),
            name: "breakdown.csv".to_owned(),
            format: None,
            redirects: None,
            head_redirect: None,
            knows_users: None,
            as_new: false,
        };
        engine.import(Box::new(std::io::Cursor::new(csv.into_bytes())), &options, &|_| {}).unwrap();
    }
}

/// A download by a user, who proves nothing about who else may see the repo.
fn event(repo: &Repo, download: u64, seed: u64) -> String {
    let ts = NOW.0 - i64::try_from((download * 7_919 + seed * 13) % (40 * 86_400)).unwrap() * 1_000;
    let (marked, kind, id) = (repo.id.contains(MARK), repo.kind.word(), &repo.id);
    let path = if marked { "zqx.bin" } else { "config.json" };
    let (country, agent) = if marked { ("AQ", "zqx/9.9; hf_hub/9.9.9") } else { ("DE", "hf_hub/1.0.0; python/3.11") };
    format!(
        "{{\"ts\":{ts},\"repo_type\":\"{kind}\",\"repo\":\"{id}\",\"path\":\"{path}\",\"status\":200,\"user\":\"{id}-{download}\",\
         \"country\":\"{country}\",\"user_agent\":\"{agent}\",\"bytes\":{}}}\n",
        if marked { 7_654_321 } else { 100 }
    )
}

fn serve(engine: Arc<Engine>) -> Hub {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let options = ServeOptions {
        listen: "127.0.0.1:0".to_owned(),
        connections_max: 64,
        proxies: Proxies::default(),
        base_path: String::new(),
        sign_in_header: None,
        folder: None::<PathBuf>,
    };
    let server = runtime.block_on(Server::bind(Arc::clone(&engine), options)).unwrap();
    let address = server.address();
    runtime.spawn(server.run());
    Hub { engine, address, runtime: Some(runtime) }
}

/// The kinds of callers from whom the marked repos are hidden.
const CALLERS: [&str; 8] =
    ["public", "other hub's token", "reader", "publisher", "ingest", "person with roles", "person without roles", "old session"];

/// A caller's header in one hub.
fn credential(hub: &Hub, caller: &str) -> Option<(&'static str, String)> {
    let token = |scope: &str| hub.engine.create_token(&role(scope), "", None).unwrap();
    let session = |name: &str| hub.engine.open_session(&PersonName::parse(name).unwrap(), None).unwrap();
    let bearer = |token: String| Some(("Authorization", format!("Bearer {token}")));
    let cookie = |session: String| Some(("Cookie", format!("hubtally_session={session}")));
    match caller {
        "public" => None,
        "other hub's token" => bearer("hf_abcdef".to_owned()),
        "reader" => bearer(token("reader:umbra")),
        "publisher" => bearer(token("publisher:umbra")),
        "ingest" => bearer(token("ingest:default")),
        "person with roles" => cookie(session("reader")),
        "person without roles" => cookie(session("guest")),
        "old session" => cookie("ht_gone".to_owned()),
        "insider" => bearer(token(&format!("publisher:{MARK}org"))),
        other => panic!("{other}"),
    }
}

/// What stands for a repo and its organization in paths and queries.
#[derive(Clone)]
struct Target {
    kind: RepoKind,
    id: String,
}

impl Target {
    fn org(&self) -> &str {
        self.id.split_once('/').map_or("acme", |(org, _)| org)
    }

    fn group(&self) -> &'static str {
        match self.id.as_str() {
            id if id.starts_with("zqxorg/") => "zqxorg:zqxgroup",
            id if id.starts_with("jqkorg/") => "jqkorg:jqkgroup",
            id if id.contains(MARK) => "zqxgroup",
            id if id.contains(NOBODY) => "jqkgroup",
            // One that the publisher may save and remove, and one that holds hidden repos beside others.
            _ if self.org() == "umbra" => "umbra:own",
            _ => "family",
        }
    }

    /// The same name as nobody has it.
    fn nobody(&self) -> Target {
        Target { kind: self.kind, id: self.id.replace(MARK, NOBODY) }
    }
}

/// The path of a route about a target; `None` if the route is for names of another form.
fn path_of(route: &Route, target: &Target) -> Option<String> {
    let (namespace, name) = match target.id.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, target.id.as_str()),
    };
    let is_repo = route.path.contains("{type}") && route.path.contains("{name}");
    if is_repo && route.path.contains("{namespace}") != namespace.is_some() {
        return None;
    }
    let mut path = String::new();
    let mut rest = route.path;
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, after) = after.split_once('}').unwrap();
        path.push_str(before);
        path.push_str(match variable {
            "type" => target.kind.word(),
            "namespace" => namespace.unwrap_or_default(),
            "name" => name,
            "org" => target.org(),
            "serial" => "1",
            "id" => "abcdef123456",
            "file" => "style.css",
            "measure" => "downloads",
            "revision" => "main",
            "group" => target.group(),
            other => panic!("{}: what stands for {{{other}}}? Tell path_of in this file", route.path),
        });
        rest = after;
    }
    path.push_str(rest);
    Some(path)
}

/// Queries with everything a route may listen to, about a target.
fn queries(target: &Target) -> [String; 5] {
    let (kind, id, org) = (target.kind.word(), &target.id, target.org());
    [
        String::new(),
        "?days=90&limit=100&repo_type=all&include=unique_downloaders&interval=month&window=all&full=true&from=2026-04-01"
            .to_owned(),
        format!(
            "?a=repos/{kind}/{id}&b=hub&scope=repos/{kind}/{id}&repo={id}&search={id}&q={id}&author={org}&org={org}&by=country\
             &next=/{kind}s/{id}&key={id}&columns=all&group={}group",
            if id.contains(NOBODY) { NOBODY } else { MARK }
        ),
        "?by=library&sort=downloads&compare=previous&days=30&limit=10&cursor=0&fill=none&audience=anonymous".to_owned(),
        "?rule=reported&from=2026-04-01".to_owned(),
    ]
}

/// The body of a route that is no GET; `None` if a caller from whom things are hidden has no business there.
fn body_of(route: &Route, caller: &str, target: &Target) -> Option<String> {
    let visible = r#"{"ts":1781092800,"repo":"acme/seen-0","path":"a.bin","status":200,"user":"u"}"#;
    match route.path {
        path if path.ends_with("/like") => {
            // A hub tells likes of its private repos too: to its own token they are not hidden.
            (caller != "ingest").then(|| r#"{"user":"u","ts":1781092800}"#.to_owned())
        }
        "/api/v1/events" | "/api/v1/import" => Some(visible.to_owned()),
        _ if route.method == "DELETE" && !route.path.ends_with("/like") => Some(String::new()),
        "/api/v1/tokens" => Some(format!("{{\"scope\":\"reader:{}\"}}", foreign_org(target))),
        "/settings/tokens" => Some(format!("scope=reader:{}", foreign_org(target))),
        "/welcome" => Some(format!("key={}", target.id)),
        "/login" => Some(format!("name=guest&password={PASSWORD}&next=/{}s/{}", target.kind.word(), target.id)),
        "/logout" => Some(String::new()),
        "/sources/{serial}/retract" => Some(String::new()),
        "/api/v1/groups/{group}" => Some(format!(
            r#"{{"repos":[{{"type":"model","id":"umbra/own"}},{{"type":"{}","id":"{}"}}]}}"#,
            target.kind.word(),
            target.id
        )),
        path if path.starts_with("/settings/groups") => {
            Some(format!("name={}&repos=models%2Fumbra%2Fown%0D%0A{}s%2F{}", target.group(), target.kind.word(), target.id))
        }
        "/settings/password" => Some(format!("password={PASSWORD}&new={PASSWORD}")),
        path if path.starts_with("/settings") => Some(format!("name={0}&roles=reader:{0}&password=x&new=y", target.org())),
        _ if route.access == Access::Admin => Some("{}".to_owned()),
        path => panic!("{} {path}: what is its body? Tell body_of in this file", route.method),
    }
}

/// An organization of which nobody here may make tokens: a token that was made would be another one in each hub.
fn foreign_org(target: &Target) -> &str {
    if target.id.contains(MARK) || target.id.contains(NOBODY) { target.org() } else { "foreign" }
}

struct Asked {
    path: String,
    body: String,
}

/// Everything a caller can ask at a route about a target.
fn questions(route: &Route, caller: &str, target: &Target) -> Vec<Asked> {
    let Some(path) = path_of(route, target) else { return Vec::new() };
    if route.method != "GET" && route.method != "HEAD" {
        let body = body_of(route, caller, target);
        return body.into_iter().map(|body| Asked { path: path.clone(), body }).collect();
    }
    let mut asked: Vec<String> = queries(target).iter().map(|query| format!("{path}{query}")).collect();
    if path.ends_with("/breakdown") {
        let kinds = ["region", "version", "class", "file", "kind", "weekday", "source"];
        asked.extend(kinds.iter().map(|kind| format!("{path}?from=2026-04-01&by={kind}")));
    }
    if path.starts_with("/api/v1/") {
        asked.push(format!("{path}.csv"));
    }
    asked.into_iter().map(|path| Asked { path, body: String::new() }).collect()
}

/// Tries to sign in are few in a minute, and each costs a hash on purpose: one world in so many asks them, about one target.
fn is_about_tries(route: &Route) -> bool {
    matches!(route.path, "/login" | "/settings/password") && route.method == "POST"
}

/// Signing out comes last, a new password before it: both end the session that asks.
fn turn(route: &Route) -> u8 {
    match route.path {
        "/logout" => 2,
        "/settings/password" => 1,
        _ => 0,
    }
}

fn differs(seed: u64, caller: &str, asked: &str, one: &Said, other: &Said) -> String {
    let place = one.0.bytes().zip(other.0.bytes()).take_while(|(a, b)| a == b).count();
    let around = |said: &Said| {
        let text = said.0.get(place.saturating_sub(300)..).or(said.0.get(place.saturating_sub(297)..)).unwrap_or(&said.0);
        text.chars().take(600).collect::<String>()
    };
    format!("world {seed}: {caller} asks {asked}\n--- with it\n{}\n--- without\n{}", around(one), around(other))
}

fn check(seed: u64, asked_of_all: &AtomicU64) {
    let world = World::random(seed);
    let (with, without) = (world.open(true), world.open(false));
    let mut random = Random::new(seed);
    let mut targets: Vec<Target> = world.hidden.iter().map(|repo| Target { kind: repo.kind, id: repo.id.clone() }).collect();
    random.shuffle(&mut targets);
    targets.truncate(2);
    let seen = random.index(world.seen.len());
    targets.push(Target { kind: world.seen[seen].kind, id: world.seen[seen].id.clone() });
    let mut callers = CALLERS;
    random.shuffle(&mut callers);
    for caller in callers.iter().take(1) {
        let (mut here, mut there) = (Line::to(&with, caller), Line::to(&without, caller));
        let mut routes: Vec<&Route> = ROUTES.iter().filter(|route| !is_about_tries(route) || world.has_passwords()).collect();
        routes.sort_by_key(|route| turn(route));
        for route in routes {
            let method = route.method.as_str();
            let few = if is_about_tries(route) { 1 } else { targets.len() };
            for target in targets.iter().take(few) {
                for asked in questions(route, caller, target) {
                    asked_of_all.fetch_add(1, Ordering::Relaxed);
                    let (status, one) = here.ask(method, &asked.path, &asked.body);
                    let shown = format!("{method} {} {}", asked.path, asked.body);
                    assert!(status < 500, "world {seed}: {caller} asks {shown}: {}", one.0);
                    if route.access == Access::Admin {
                        assert!(matches!(status, 401 | 403), "world {seed}: {caller} asks {shown}: {status}");
                    }
                    let (_, other) = there.ask(method, &asked.path, &asked.body);
                    assert!(one == other, "{}", differs(seed, caller, &shown, &one, &other));
                }
                if !target.id.contains(MARK) {
                    continue;
                }
                let nobody = target.nobody();
                for (asked, missing) in questions(route, caller, target).into_iter().zip(questions(route, caller, &nobody)) {
                    let (_, one) = here.ask(method, &asked.path, &asked.body);
                    let (_, other) = here.ask(method, &missing.path, &missing.body);
                    let other = Said(other.0.replace(NOBODY, MARK));
                    let shown = format!("{method} {} and {}", asked.path, missing.path);
                    assert!(one == other, "{}", differs(seed, caller, &shown, &one, &other));
                }
            }
        }
    }
    those_who_may_see_it_do(&world, &with, &without);
}

/// A test that finds no difference where there is one would find none at all.
fn those_who_may_see_it_do(world: &World, with: &Hub, without: &Hub) {
    let (mut here, mut there) = (Line::to(with, "insider"), Line::to(without, "insider"));
    let path = format!("/api/models/{}/stats", world.hidden[0].id);
    assert_eq!((here.ask("GET", &path, "").0, there.ask("GET", &path, "").0), (200, 404), "world {}", world.seed);
    for path in [
        "/api/v1/hub/totals",
        "/api/v1/hub/uniques?from=2026-04-01",
        "/",
        "/api/trending?days=90&repo_type=all",
        "/api/ecosystem",
    ] {
        let (one, other) = (here.ask("GET", path, "").1, there.ask("GET", path, "").1);
        assert!(one != other, "world {}: {path}", world.seed);
    }
}

#[test]
fn hidden_repositories_are_as_if_they_were_not_there() {
    let asked = AtomicU64::new(0);
    let first = number("HUBTALLY_FIRST_WORLD", 0);
    for_seeds("privacy", first, number("HUBTALLY_PRIVATE_WORLDS", 200), |seed| check(seed, &asked));
    println!("privacy: {} questions", asked.load(Ordering::Relaxed));
}
