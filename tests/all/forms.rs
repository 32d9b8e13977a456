//! Forms of the pages, as browsers without scripts send them: what is suggested, what is said, and what is kept.

use serde_json::{Value, json};

use crate::server::{Reply, Server};

const NOW: &str = "2026-06-10T12:00:00Z";
/// 2026-06-10T12:00:00Z.
const NOON_MS: u64 = 1_781_092_800_000;

struct Hub {
    server: Server,
    admin: String,
    publisher: String,
}

impl Hub {
    /// A hub of acme, of umbra whose one model is private, and of nobody's organization.
    fn start() -> Hub {
        let server = Server::start(&["--now", NOW]);
        let admin = server.admin_cookie();
        let publisher = format!("Bearer {}", server.token(&admin, "publisher:acme"));
        let hub = Hub { server, admin, publisher };
        let repo = |kind: &str, id: &str, private: bool| json!({ "type": kind, "id": id, "private": private });
        let repos = json!([
            repo("model", "acme/open", false),
            repo("model", "acme/secret", true),
            repo("dataset", "other/words", false),
            repo("model", "umbra/hushed", true),
        ]);
        assert_eq!(hub.put("/api/v1/repos", &repos).status, 200);
        let event = |repo: &str, kind: &str, person: u64| json!({ "ts": NOON_MS - person * 1_000, "repo": repo, "repo_type": kind, "path": "a", "user": format!("u{person}") });
        let events = [
            event("acme/open", "model", 1),
            event("acme/open", "model", 2),
            event("acme/secret", "model", 2),
            event("other/words", "dataset", 3),
        ];
        let body: String = events.iter().map(|event| format!("{event}\n")).collect();
        let headers = [("Cookie", hub.admin.as_str()), ("Content-Type", "application/x-ndjson")];
        let pushed = hub.server.post("/api/v1/events", &headers, body.as_bytes());
        assert_eq!(pushed.json()["accepted"], 4, "{}", pushed.text());
        hub
    }

    fn put(&self, path: &str, body: &Value) -> Reply {
        let headers = [("Cookie", self.admin.as_str()), ("Content-Type", "application/json")];
        self.server.ask("PUT", path, &headers, body.to_string().as_bytes())
    }

    fn as_admin(&self, path: &str) -> Reply {
        self.server.get_with(path, &[("Cookie", &self.admin)])
    }

    fn as_publisher(&self, path: &str) -> Reply {
        self.server.get_with(path, &[("Authorization", &self.publisher)])
    }
}

/// What the fields of a page suggest.
fn suggested(page: &Reply) -> Vec<String> {
    let html = page.text();
    let list = html.split_once("<datalist id=\"offered\">").unwrap().1.split_once("</datalist>").unwrap().0.to_owned();
    list.split("<option value=\"").skip(1).map(|option| option.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_sides_of_an_overlap_are_picked_from_what_one_may_compare() {
    let hub = Hub::start();
    let model = |id: &str| json!({ "type": "model", "id": id });
    for (name, repos) in [("acme:family", json!([model("acme/open")])), ("hush", json!([model("umbra/hushed")]))] {
        assert_eq!(hub.put(&format!("/api/v1/groups/{name}"), &json!({ "repos": repos })).status, 200);
    }
    let own = ["groups/acme:family", "orgs/acme", "models/acme/open", "models/acme/secret"];
    assert_eq!(suggested(&hub.as_publisher("/overlap")), own, "the most downloaded first, nothing of others");
    let all = suggested(&hub.as_admin("/overlap"));
    for text in ["groups/hush", "orgs/other", "orgs/umbra", "datasets/other/words", "models/umbra/hushed", "hub", "types/space"] {
        assert!(all.iter().any(|known| known == text), "{text} in {all:?}");
    }
    for (page, side) in [("/orgs/acme", "orgs%2Facme"), ("/models/acme/open", "models%2Facme%2Fopen")] {
        let html = hub.as_publisher(page).text();
        assert!(html.contains(&format!("<a href=\"/overlap?a={side}\">Compare with…</a>")), "{html}");
        assert!(!hub.server.get(page).text().contains("Compare with…"), "{page} offers the public what it may not see");
    }
    // Where a browser shows no suggestions, links lead from the one side to the other.
    let one = hub.as_publisher("/overlap?a=models/acme/secret&window=30d").text();
    assert!(
        one.contains("value=\"models/acme/secret\"")
            && !one.contains("href=\"/overlap?window=30d&#38;a=models%2Facme%2Fsecret&#38;b=models%2Facme%2Fsecret")
    );
    let link = "/overlap?window=30d&#38;a=models%2Facme%2Fsecret&#38;b=models%2Facme%2Fopen";
    assert!(one.contains(&format!("<a href=\"{link}\">models/acme/open</a>")), "{one}");
    let compared = hub.as_publisher(&link.replace("&#38;", "&")).text();
    assert!(compared.contains("<b>100 %</b> of the 1 downloaders"), "{compared}");
    let foreign = hub.as_publisher("/overlap?a=orgs/other").text();
    assert!(!foreign.contains("Compare orgs/other with"), "{foreign}");
}

#[test]
fn what_is_suggested_is_bounded() {
    let server = Server::start(&["--now", NOW, "--visibility", "public"]);
    let admin = server.admin_cookie();
    let body: String = crate::server::thousand_repos(NOON_MS).iter().map(|event| format!("{event}\n")).collect();
    let headers = [("Cookie", admin.as_str()), ("Content-Type", "application/x-ndjson")];
    assert_eq!(server.post("/api/v1/events", &headers, body.as_bytes()).status, 200);
    let all = suggested(&server.get_with("/overlap", &[("Cookie", &admin)]));
    assert_eq!(all.iter().filter(|text| text.starts_with("models/")).count(), 100, "{all:?}");
}
