//! One small hub from its first event to its exports, over HTTP as clients see it: what is live, who sees what, what a
//! retry does, and that sums hold nothing a caller may not see.

use serde_json::{Value, json};

use crate::server::{Reply, Server};

/// 2026-06-10T12:00:00Z.
pub const NOON_MS: u64 = 1_781_092_800_000;
const DAY_MS: u64 = 86_400_000;

pub struct Hub {
    pub server: Server,
    pub admin: String,
}

impl Hub {
    pub fn start() -> Hub {
        let server = Server::start(&["--now", "2026-06-10T12:00:00Z"]);
        let cookie = server.admin_cookie();
        let admin = server.token(&cookie, "admin");
        Hub { server, admin }
    }

    pub fn token(&self, scope: &str) -> String {
        let body = json!({ "scope": scope }).to_string();
        let reply = self.server.post("/api/v1/tokens", &[("Authorization", &bearer(&self.admin))], body.as_bytes());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    pub fn push(&self, events: &[Value], headers: &[(&str, &str)]) -> Reply {
        let body = events.iter().map(|event| format!("{event}\n")).collect::<String>();
        let authorization = bearer(&self.admin);
        let headers = [&[("Authorization", authorization.as_str()), ("Content-Type", "application/x-ndjson")], headers].concat();
        self.server.post("/api/v1/events", &headers, body.as_bytes())
    }

    pub fn list(&self, repos: &Value) {
        let reply =
            self.server.ask("PUT", "/api/v1/repos", &[("Authorization", &bearer(&self.admin))], repos.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    pub fn get_as(&self, token: Option<&str>, path: &str) -> Reply {
        match token {
            Some(token) => self.server.get_with(path, &[("Authorization", &bearer(token))]),
            None => self.server.get(path),
        }
    }
}

pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn event(repo: &str, person: u64, ms: u64) -> Value {
    json!({ "ts": ms, "repo": repo, "path": "config.json", "status": 200, "user": format!("u{person}") })
}

/// They are read into memory that others have left.
#[test]
fn large_bodies_hold_their_own_events_whatever_came_before() {
    let hub = Hub::start();
    let lines = [3_000, 1_000, 2_000, 1_001, 999, 4_000, 700, 1_500];
    let push = &|sender: usize, lines: usize| {
        let repo = format!("acme/of-{sender}-{lines}");
        let events: Vec<Value> = (0..lines as u64).map(|person| event(&repo, person, NOON_MS + person)).collect();
        let receipt = hub.push(&events, &[]).json();
        assert_eq!(
            (receipt["accepted"].as_u64(), receipt["rejected"].as_object().map(|all| all.len())),
            (Some(lines as u64), Some(0))
        );
    };
    std::thread::scope(|scope| {
        for sender in 0..3 {
            scope.spawn(move || lines.into_iter().cycle().skip(sender).take(lines.len()).for_each(|lines| push(sender, lines)));
        }
    });
    for (sender, lines) in (0..3).flat_map(|sender| lines.map(|lines| (sender, lines))) {
        let stats = hub.get_as(Some(&hub.admin), &format!("/models/acme/of-{sender}-{lines}/stats")).json();
        assert_eq!(stats["downloads"], lines, "{sender}");
    }
}

#[test]
fn a_pushed_event_is_in_every_answer_when_the_push_returns() {
    let hub = Hub::start();
    for person in 1..=20 {
        let anonymous =
            json!({ "ts": NOON_MS + person, "repo": "acme/live", "path": "a.bin", "ip": format!("203.0.113.{person}") });
        let receipt = hub.push(&[anonymous], &[]).json();
        assert_eq!((receipt["lines"].as_u64(), receipt["accepted"].as_u64()), (Some(1), Some(1)));
        let get = |path: &str| hub.server.get(path).json();
        assert_eq!(get("/models/acme/live/stats")["downloads"], person);
        assert_eq!(get("/api/models/acme/live/stats/recent?days=1")["stats"][0]["downloads"], person);
        assert_eq!(get("/api/trending?days=1")["trending"][0]["recent_downloads"], person);
        for scope in ["hub", "types/model", "orgs/acme", "repos/model/acme/live"] {
            let range = "from=2026-06-10&to=2026-06-10";
            assert_eq!(get(&format!("/api/v1/{scope}/uniques?{range}"))["unique_downloaders"], person, "{scope}");
            assert_eq!(get(&format!("/api/v1/{scope}/totals?{range}"))["downloads"], person, "{scope}");
            let series = get(&format!("/api/v1/{scope}/series?{range}&include=unique_downloaders"));
            assert_eq!(series["series"][0]["unique_downloaders"], person, "{scope}");
        }
    }
}

#[test]
fn a_day_has_exactly_the_five_keys_of_the_seed_and_zeros_fill_the_gaps() {
    let hub = Hub::start();
    hub.push(&[event("acme/m", 1, NOON_MS - 4 * DAY_MS), event("acme/m", 2, NOON_MS - DAY_MS)], &[]);
    hub.list(&json!([{ "type": "model", "id": "acme/m", "private": false }]));
    let reply = hub.server.get("/models/acme/m/stats/recent?days=30");
    let first = r#"{"stats":[{"date":"2026-06-06","downloads":1,"authenticated":1,"anonymous":0,"files":1},"#;
    assert!(reply.text().starts_with(first), "{}", reply.text());
    let reply = reply.json();
    let days: Vec<(&str, u64)> = reply["stats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| (day["date"].as_str().unwrap(), day["downloads"].as_u64().unwrap()))
        .collect();
    let expected = [("2026-06-06", 1), ("2026-06-07", 0), ("2026-06-08", 0), ("2026-06-09", 1), ("2026-06-10", 0)];
    assert_eq!(days, expected, "from the first known day to today");
    assert_eq!(reply["period"], json!({ "start": "2026-05-12", "end": "2026-06-10", "days": 30 }));
    let filled = hub.server.get("/models/acme/m/stats/recent?days=30&fill=none").json();
    assert_eq!(filled["stats"].as_array().unwrap().len(), 2);
}

#[test]
fn a_hidden_repo_is_in_no_answer_and_no_sum_of_who_may_not_see_it() {
    let hub = Hub::start();
    hub.list(&json!([
        { "type": "model", "id": "acme/open", "private": false, "likes": 7 },
        { "type": "model", "id": "acme/secret", "private": true },
        { "type": "dataset", "id": "other/hush", "private": true },
    ]));
    hub.push(&[event("acme/open", 1, NOON_MS), event("acme/secret", 2, NOON_MS), event("acme/secret", 3, NOON_MS)], &[]);
    let mut hush = event("other/hush", 4, NOON_MS);
    hush["repo_type"] = "dataset".into();
    hub.push(&[hush, event("nobody/knows", 5, NOON_MS)], &[]);

    let reader = hub.token("reader:acme");
    let publisher = hub.token("publisher:acme");
    let ingest = hub.token("ingest:default");
    let sees = |token: Option<&str>, path: &str| hub.get_as(token, path).status == 200;
    let secret = "/models/acme/secret/stats";
    for (who, token, seen) in [
        ("public", None, false),
        ("ingest", Some(ingest.as_str()), false),
        ("reader", Some(reader.as_str()), true),
        ("publisher", Some(publisher.as_str()), true),
        ("admin", Some(hub.admin.as_str()), true),
    ] {
        assert_eq!(sees(token, secret), seen, "{who}");
        assert!(sees(token, "/models/acme/open/stats"), "{who}");
        assert_eq!(sees(token, "/datasets/other/hush/stats"), who == "admin", "{who}");
        assert_eq!(sees(token, "/models/nobody/knows/stats"), who == "admin", "{who}: private until something tells");
        let number = |path: &str, key: &str| hub.get_as(token, path).json()[key].as_u64();
        let (of_org, of_hub) = if seen { (3, if who == "admin" { 5 } else { 3 }) } else { (1, 1) };
        assert_eq!(number("/api/v1/orgs/acme/totals", "downloads"), Some(of_org), "{who}");
        assert_eq!(number("/api/v1/orgs/acme/uniques", "unique_downloaders"), Some(of_org), "{who}");
        assert_eq!(number("/api/v1/hub/totals", "downloads"), Some(of_hub), "{who}");
        assert_eq!(number("/api/v1/hub/uniques", "unique_downloaders"), Some(of_hub), "{who}");
        let trending = hub.get_as(token, "/api/trending?repo_type=all&days=7").text();
        assert_eq!(trending.contains("secret"), seen, "{who}");
        assert_eq!(trending.contains("hush"), who == "admin", "{who}");
        let page = hub.get_as(token, "/").text();
        assert!(who == "admin" || !page.contains("hush"), "{who}");
    }
    let hidden = hub.get_as(None, secret);
    let missing = hub.get_as(None, "/models/acme/missed/stats");
    assert_eq!(hidden.text().replace("secret", "missed"), missing.text());
    let names = |reply: &Reply| reply.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&hidden), names(&missing));
    assert_eq!(hub.server.get("/api/v1/orgs/other/totals").status, hub.server.get("/api/v1/orgs/nowhere/totals").status);
    assert_eq!(hub.get_as(None, "/MODELS/acme/open/stats").status, 404);
    assert_eq!(hub.get_as(None, "/models/ACME/Open/stats").json()["likes"], 7, "names are looked up without regard to case");
}

#[test]
fn a_body_for_nobody_proves_a_repo_public_and_the_catalog_takes_that_back() {
    let hub = Hub::start();
    let anonymous = json!({ "ts": NOON_MS, "repo": "acme/m", "path": "a.bin", "status": 200, "ip": "203.0.113.9" });
    let handed_on = json!({ "ts": NOON_MS, "repo": "acme/n", "path": "a.bin", "status": 302, "ip": "203.0.113.9" });
    let receipt = hub.push(&[anonymous, handed_on], &[]).json();
    assert!(receipt["notes"][0].as_str().unwrap().starts_with("1 repo is private only because nothing tells otherwise"));
    assert_eq!(hub.server.get("/models/acme/m/stats").status, 200);
    assert_eq!(hub.server.get("/models/acme/n/stats").status, 404, "a redirect may be a login wall");
    hub.list(&json!([{ "type": "model", "id": "acme/m", "private": true }]));
    assert_eq!(hub.server.get("/models/acme/m/stats").status, 404);
}

#[test]
fn a_retried_body_is_recognised_by_its_key_and_another_body_under_it_is_refused() {
    let hub = Hub::start();
    let key = [("Idempotency-Key", "batch-1")];
    let pathless = json!({ "ts": NOON_MS, "repo": "acme/m", "status": 200, "ip": "203.0.113.9" });
    let body = [pathless.clone(), pathless.clone(), event("acme/m", 1, NOON_MS)];
    let first = hub.push(&body, &key).json();
    assert_eq!((first["accepted"].as_u64(), first["repeated"].as_u64()), (Some(3), Some(0)));
    let again = hub.push(&body, &key).json();
    assert_eq!((again["accepted"].as_u64(), again["repeated"].as_u64(), again["lines"].as_u64()), (Some(0), Some(3), Some(3)));
    assert_eq!(hub.push(&body[..1], &key).status, 409);
    let without_key = hub.push(&body, &[]).json();
    assert_eq!((without_key["accepted"].as_u64(), without_key["repeated"].as_u64()), (Some(0), Some(3)));
    let today = hub.server.get("/models/acme/m/stats/recent?days=1").json();
    assert_eq!(today["stats"][0]["files"], 3, "two requests without a path and one with");
}

#[test]
fn the_latest_like_of_a_person_counts_and_the_catalog_until_the_first() {
    let hub = Hub::start();
    hub.list(&json!([{ "type": "model", "id": "acme/m", "private": false, "likes": 40 }]));
    let likes = || hub.server.get("/models/acme/m/stats").json()["likes"].as_u64().unwrap();
    assert_eq!(likes(), 40);
    let authorization = bearer(&hub.admin);
    let set = |method: &str, user: &str, ts: u64| {
        let body = json!({ "user": user, "ts": ts }).to_string();
        let reply = hub.server.ask(method, "/api/models/acme/m/like", &[("Authorization", &authorization)], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    set("POST", "ada", NOON_MS);
    assert_eq!(likes(), 1);
    set("POST", "ada", NOON_MS + 1);
    set("POST", "bob", NOON_MS);
    assert_eq!(likes(), 2);
    set("DELETE", "ada", NOON_MS);
    assert_eq!(likes(), 2, "an older unlike comes too late");
    set("DELETE", "ada", NOON_MS + 1);
    assert_eq!(likes(), 1, "on a tie the unlike wins");
}

#[test]
fn the_breakdown_is_the_csv_that_publishers_know() {
    let hub = Hub::start();
    hub.list(&json!([{ "type": "model", "id": "acme/zebra" }, { "type": "dataset", "id": "acme/data" }, { "type": "space", "id": "acme/app" }]));
    let mut events =
        vec![event("acme/zebra", 1, NOON_MS - 9 * DAY_MS), event("acme/zebra", 2, NOON_MS), event("acme/alpha", 1, NOON_MS)];
    for (kind, repo) in [("dataset", "acme/data"), ("space", "acme/app")] {
        let mut event = event(repo, 3, NOON_MS);
        event["repo_type"] = kind.into();
        events.push(event);
    }
    hub.push(&events, &[]);
    let path = "/organizations/acme/settings/publisher-analytics/download-breakdown";
    let csv = hub.get_as(Some(&hub.token("publisher:acme")), path).text();
    let expected = "repoType,repoName,total,timestamp,downloads\n\
                    model,acme/alpha,1,2026-06-10T00:00:00.000Z,1\n\
                    model,acme/zebra,2,2026-06-01T00:00:00.000Z,1\n\
                    model,acme/zebra,2,2026-06-10T00:00:00.000Z,1\n\
                    dataset,acme/data,1,2026-06-10T00:00:00.000Z,1\n";
    assert_eq!(csv.replace("\r\n", "\n"), expected);
    assert_eq!(hub.server.get(path).status, 401);
    assert_eq!(hub.get_as(Some(&hub.token("publisher:other")), path).status, 404);
}
