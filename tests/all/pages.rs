//! The pages as they go over the wire: what they show to whom, where their links lead, and how large they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::server::{Reply, Server};

const NOW: &str = "2026-06-10T12:00:00Z";
/// 2026-06-10T12:00:00Z.
const NOON_MS: u64 = 1_781_092_800_000;
const DAY_MS: u64 = 86_400_000;

struct Hub {
    server: Server,
    cookie: String,
}

impl Hub {
    fn start(arguments: &[&str]) -> Hub {
        let server = Server::start(&[&["--now", NOW], arguments].concat());
        let cookie = server.admin_cookie();
        Hub { server, cookie }
    }

    fn list(&self, repos: &[Value]) {
        let token = self.server.token(&self.cookie, "admin");
        let headers = [("Authorization", format!("Bearer {token}"))];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = self.server.ask("PUT", "/api/v1/repos", &headers, json!(repos).to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn push(&self, events: &[Value]) {
        let token = self.server.token(&self.cookie, "ingest:default");
        let headers = [("Authorization", format!("Bearer {token}")), ("Content-Type", "application/x-ndjson".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body: String = events.iter().map(|event| format!("{event}\n")).collect();
        let reply = self.server.post("/api/v1/events", &headers, body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn as_admin(&self, path: &str) -> Reply {
        self.server.get_with(path, &[("Cookie", &self.cookie)])
    }
}

fn event(repo: &str, person: u64, days_ago: u64) -> Value {
    json!({ "ts": NOON_MS - days_ago * DAY_MS, "repo": repo, "path": "config.json", "status": 200,
        "ip": format!("198.51.{}.{}", person / 250, person % 250), "country": "NL", "user_agent": "curl/8.5.0" })
}

/// The values of an attribute.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    let parts = html.split(&start).skip(1);
    parts.filter_map(|part| part.split_once('"')).map(|(value, _)| value.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[test]
fn the_page_of_what_is_hidden_is_the_page_of_what_is_missing() {
    let hub = Hub::start(&[]);
    hub.list(&[
        json!({ "type": "model", "id": "acme/open", "private": false }),
        json!({ "type": "model", "id": "acme/secret", "private": true }),
        json!({ "type": "dataset", "id": "hushed/words", "private": true }),
    ]);
    let mut by_user = event("nobody/knows", 3, 0);
    by_user["user"] = "u3".into();
    hub.push(&[event("acme/open", 1, 0), event("acme/secret", 2, 0), by_user]);
    for (hidden, missing) in [
        ("/models/acme/secret", "/models/acme/missed"),
        ("/models/acme/secret?window=30d", "/models/acme/missed?window=30d"),
        ("/datasets/hushed/words", "/datasets/hushed/none"),
        ("/orgs/hushed", "/orgs/nowhere"),
        ("/orgs/hushed?part=repos", "/orgs/nowhere?part=repos"),
        ("/models/nobody/knows", "/models/nobody/else"),
    ] {
        let (there, nowhere) = (hub.server.get(hidden), hub.server.get(missing));
        assert_eq!((there.status, nowhere.status), (404, 404), "{hidden}");
        assert_eq!(there.text(), nowhere.text(), "{hidden}");
        let names = |reply: &Reply| reply.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&there), names(&nowhere), "{hidden}");
        assert_eq!(hub.as_admin(hidden).status, 200, "{hidden}");
    }
    for path in
        ["/", "/repos", "/repos?q=secret", "/orgs/acme", "/orgs/acme?q=secret", "/models/acme/open", "/sources", "/overlap"]
    {
        let page = hub.server.get(path);
        // The search repeats what was typed.
        let shown = page
            .text()
            .replace("q=secret", "")
            .replace("search=secret", "")
            .replace("value=\"secret\"", "")
            .replace("“secret”", "");
        for word in ["secret", "hushed", "knows"] {
            assert!(!shown.contains(word), "{path} tells of {word}");
        }
    }
    assert!(
        !hub.server.get("/orgs/acme").text().contains("Netherlands") && !hub.server.get("/orgs/acme").text().contains(">NL<")
    );
    assert!(hub.as_admin("/orgs/acme").text().contains(">NL<"), "countries are for the organization's people");
}

#[test]
fn every_link_leads_somewhere_also_below_a_base_path() {
    for base in ["", "/stats"] {
        let arguments: Vec<&str> = if base.is_empty() { Vec::new() } else { vec!["--base-path", base] };
        let hub = Hub::start(&arguments);
        hub.list(&[json!({ "type": "model", "id": "acme/open", "private": false, "likes": 3 })]);
        hub.push(&(0..40).map(|day| event("acme/open", day, day)).collect::<Vec<_>>());
        let put = |path: &str, body: Value| {
            let headers = [("Cookie", hub.cookie.as_str()), ("Content-Type", "application/json")];
            let reply = hub.server.ask("PUT", path, &headers, body.to_string().as_bytes());
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        };
        put("/api/v1/groups/acme:family", json!({ "repos": [{ "type": "model", "id": "acme/open" }] }));
        put("/api/v1/counters/theirs", json!({ "title": "Theirs", "totals": [{ "date": "2026-06-01", "total": 7 }] }));
        let mut known = BTreeSet::from([format!("{base}/"), format!("{base}/overlap?a=orgs/acme&b=models/acme/open")]);
        let mut left: Vec<String> = known.iter().cloned().collect();
        let mut pages = 0;
        while let Some(path) = left.pop() {
            let reply = hub.as_admin(&path);
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            if !reply.header("content-type").unwrap().starts_with("text/html") {
                continue;
            }
            pages += 1;
            let html = reply.text();
            for foot in html.split("<p class=\"foot\">").skip(1) {
                let foot = foot.split("</p>").next().unwrap();
                for part in [">CSV</a>", ">JSON</a>", "as of <time"] {
                    assert!(foot.contains(part), "a block of {path} lacks {part}: {foot}");
                }
            }
            for address in attributes(&html, "action") {
                assert!(address.starts_with(&format!("{base}/")), "{path} sends a form to {address}");
            }
            for address in ["href", "src"].iter().flat_map(|name| attributes(&html, name)) {
                if address.starts_with('#') {
                    continue;
                }
                assert!(address.starts_with(&format!("{base}/")), "{path} links to {address}");
                let target = address.split('#').next().unwrap().to_owned();
                // One of each kind of choice is enough: every state leads to every other.
                let choices = target.split_once('?').map_or(0, |(_, query)| query.matches('=').count());
                let api = target.contains("/api/") || target.contains("/organizations/");
                if (choices < 2 || api) && !target.ends_with("/retract") && known.insert(target.clone()) {
                    left.push(target);
                }
            }
        }
        assert!(pages > 20, "{pages} pages below {base:?}");
    }
}

#[test]
fn an_organization_of_a_thousand_repos_is_a_small_page() {
    let hub = Hub::start(&["--visibility", "public"]);
    hub.push(&crate::server::thousand_repos(NOON_MS));
    let mut bytes = BTreeMap::new();
    let page = hub.server.get_with("/orgs/acme", &[("Accept-Encoding", "gzip"), ("Cookie", &hub.cookie)]);
    assert_eq!((page.status, page.header("content-encoding")), (200, Some("gzip")));
    bytes.insert("page".to_owned(), page.body.len());
    let html = hub.as_admin("/orgs/acme").text();
    assert!(html.contains("25 of 1,000"));
    let linked = attributes(&html, "src").into_iter().chain(attributes(&html, "href"));
    for path in linked.filter(|path| path.starts_with("/assets/")) {
        let file = hub.server.get_with(&path, &[("Accept-Encoding", "gzip")]);
        assert!(file.header("cache-control").unwrap().contains("immutable"), "{path}");
        bytes.insert(path, file.body.len());
    }
    assert_eq!(bytes.len(), 4, "page, style, script, icon: {bytes:?}");
    assert!(bytes.values().sum::<usize>() < 60 * 1024, "{bytes:?}");
    let most = hub.as_admin("/orgs/acme?rows=500");
    let first = attributes(&most.text(), "href").into_iter().find(|href| href.contains("after=")).unwrap();
    let rest = hub.as_admin(first.split('#').next().unwrap());
    let rows = |reply: &Reply| reply.text().matches("<td class=\"trend\">").count();
    assert_eq!((rows(&most), rows(&rest)), (500, 500), "two pages of 500 are all");
}

#[test]
fn what_an_address_cannot_mean_is_said_on_a_page() {
    let hub = Hub::start(&[]);
    hub.list(&[json!({ "type": "model", "id": "acme/open", "private": false })]);
    for (path, part) in [
        ("/?window=year", "window=year"),
        ("/orgs/acme?sort=%3Cscript%3E", "sort=&#60;script&#62;"),
        ("/models/acme/open?from=yesterday", "from=yesterday"),
        ("/orgs/acme?after=x", "after=x"),
        ("/repos?rows=1000000", "rows=1000000"),
    ] {
        let reply = hub.server.get(path);
        assert_eq!(reply.status, 422, "{path}");
        assert!(reply.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(reply.text().contains(part), "{path}: {}", reply.text());
    }
    let policy = hub.server.get("/orgs/acme").header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
}

#[test]
fn a_delivery_is_retracted_by_its_page_and_by_nobody_elses() {
    let hub = Hub::start(&[]);
    hub.list(&[json!({ "type": "model", "id": "acme/open", "private": false })]);
    hub.push(&[event("acme/open", 1, 0)]);
    assert_eq!(hub.server.get("/sources").status, 403);
    assert_eq!(hub.server.get("/sources?part=hours").status, 403);
    let hours = hub.as_admin("/sources?part=hours").text();
    assert!(hours.starts_with("<section") && hours.contains("<td class=\"l4\">1</td>"), "{hours}");
    assert_eq!(hub.as_admin("/sources?days=28").text().matches("<th scope=\"row\">2026-").count(), 28);
    assert_eq!(hub.server.get("/sources/1/retract").status, 403);
    let page = hub.as_admin("/sources").text();
    let ask = attributes(&page, "href").into_iter().find(|href| href.ends_with("/retract")).unwrap();
    assert!(hub.as_admin(&ask).text().contains("Retract this delivery?"));
    assert_eq!(hub.server.post(&ask, &[], b"").status, 403);
    let elsewhere = [("Cookie", hub.cookie.as_str()), ("Origin", "http://elsewhere.example")];
    assert_eq!(hub.server.post(&ask, &elsewhere, b"").status, 403);
    assert_eq!(hub.server.get("/models/acme/open/stats").json()["downloads"], 1);
    let done = hub.server.post(&ask, &[("Cookie", &hub.cookie)], b"");
    assert_eq!(done.status, 303, "{}", done.text());
    assert_eq!(hub.server.get("/models/acme/open/stats").json()["downloads"], 0);
    assert!(hub.as_admin("/sources").text().contains("retracted"));
}

#[test]
fn what_stands_on_a_page_can_be_had_as_a_table() {
    let hub = Hub::start(&["--visibility", "public"]);
    hub.push(&(0..90).map(|day| event("acme/open", day, day)).collect::<Vec<_>>());
    hub.push(&[event("acme/=late", 1, 1)]);
    let csv = |path: &str| {
        let reply = hub.as_admin(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(reply.header("content-type").unwrap().starts_with("text/csv"), "{path}");
        reply.text()
    };
    assert_eq!(
        csv("/api/trending.csv?days=7"),
        "type,id,recent_downloads,downloads,likes,private\nmodel,acme/open,7,90,0,false\n"
    );
    let milestones = csv("/api/ecosystem.csv?targets=50,100");
    let rows: Vec<&str> = milestones.lines().collect();
    assert!(
        rows[0].starts_with("target,status,reached,conservative,conservative_earliest,conservative_latest,baseline,"),
        "{rows:?}"
    );
    assert!(rows[1].starts_with("50,reached,2026-") && rows[2].starts_with("100,"), "{rows:?}");
    assert_eq!((rows[0].split(',').count(), rows[1].split(',').count()), (13, 13), "{rows:?}");
    let deliveries = csv("/api/v1/deliveries.csv");
    assert!(deliveries.lines().nth(1).is_some_and(|row| row.contains(",pushes,default,")), "{deliveries}");
    let counter = json!({ "title": "Theirs, \"all\"", "source": "=page", "totals": [{ "date": "2026-06-01", "total": 7 }] });
    let headers = [("Cookie", hub.cookie.as_str()), ("Content-Type", "application/json")];
    assert_eq!(hub.server.ask("PUT", "/api/v1/counters/theirs", &headers, counter.to_string().as_bytes()).status, 200);
    assert_eq!(
        csv("/api/v1/counters.csv"),
        "name,title,cumulative_downloads,as_of,source\ntheirs,\"Theirs, \"\"all\"\"\",7,2026-06-01,'=page\n"
    );
    assert_eq!(csv("/api/v1/counters/theirs.csv"), "date,total\n2026-06-01,7\n");
    assert!(csv("/api/v1/counters/theirs.csv?part=milestones&targets=5").starts_with("target,status,"));
    // The files of the table hold the days of the page.
    let page = hub.as_admin("/orgs/acme?from=2026-05-01&to=2026-05-10").text();
    let file = attributes(&page, "href").into_iter().find(|href| href.starts_with("/api/v1/orgs/acme/repos.csv")).unwrap();
    let period = hub.as_admin(&file.replace(".csv", "")).json()["period"].clone();
    assert_eq!(period, json!({ "start": "2026-05-01", "end": "2026-05-10", "days": 10 }));
    // What has no table has no such address, and writing has none either.
    assert_eq!(hub.as_admin("/api/v1/tokens.csv").status, 404);
}

#[test]
fn readers_of_an_organization_see_how_many_addresses_its_downloaders_are() {
    let hub = Hub::start(&["--visibility", "public"]);
    let by_agent = |person, agent: &str| {
        let mut event = event("acme/bert", person, 1);
        event["user_agent"] = json!(agent);
        event
    };
    hub.push(&[by_agent(1, "curl/8.5.0"), by_agent(1, "Wget/1.21.4"), by_agent(2, "curl/8.5.0")]);
    for path in ["/orgs/acme", "/models/acme/bert", "/"] {
        let page = hub.as_admin(path).text();
        assert!(page.contains("exact; 2 by address alone"), "{path}: {page}");
        let public = hub.server.get(path).text();
        assert!(public.contains("exact, each counted once") && !public.contains("by address alone"), "{path}");
    }
}
