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

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

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

/// What a text area holds.
fn typed(page: &Reply) -> String {
    let html = page.text();
    let area = html.split_once("<textarea").unwrap().1.split_once('>').unwrap().1;
    area.split_once("</textarea>").unwrap().0.trim_start_matches('\n').to_owned()
}

#[test]
fn groups_are_made_changed_and_removed_by_forms() {
    let hub = Hub::start();
    let send = |path: &str, form: &str| hub.server.post(path, &[FORM, ("Authorization", &hub.publisher)], form.as_bytes());
    let list = "/settings/groups";
    let links = [("/orgs/acme", "/settings/groups?name=acme%3A"), ("/settings", list), ("/repos", list)];
    for (page, link) in links {
        assert!(hub.as_publisher(page).text().contains(&format!("href=\"{link}\"")), "{page} leads to {link}");
    }
    assert!(hub.as_publisher("/settings/groups?name=acme%3A").text().contains("value=\"acme:\""));
    let made = send(
        list,
        "name=acme%3Afamily&repos=models%2Facme%2Fopen%0D%0A%0D%0A+%2Fmodels%2Facme%2Fopen%0D%0Amodels%2Facme%2Fsecret",
    );
    assert_eq!((made.status, made.header("location")), (303, Some("/settings/groups?done=made")), "{}", made.text());
    let shown = hub.as_publisher("/settings/groups?done=made").text();
    assert!(shown.contains("<p role=\"status\">The group is saved.</p>"), "{shown}");
    assert!(shown.contains("<a href=\"/groups/acme:family\">acme:family</a></th><td class=\"number\">2</td>"), "{shown}");
    assert!(hub.as_publisher("/groups/acme:family").text().contains("href=\"/settings/groups/acme:family\">Change this group"));
    let form = hub.as_publisher("/settings/groups/acme:family");
    assert_eq!(typed(&form), "models/acme/open\nmodels/acme/secret");
    let saved = send("/settings/groups/acme:family", "do=save&repos=datasets%2Facme%2Flater");
    assert_eq!(saved.header("location"), Some("/settings/groups?done=saved"), "{}", saved.text());
    assert_eq!(typed(&hub.as_publisher("/settings/groups/acme:family")), "datasets/acme/later");
    // Nothing is known of its only repo yet: it is in the list, and has no page.
    assert!(hub.as_publisher(list).text().contains("<th scope=\"row\">acme:family</th>"));
    let removed = send("/settings/groups/acme:family", "do=remove&repos=");
    assert_eq!(removed.header("location"), Some("/settings/groups?done=removed"), "{}", removed.text());
    assert_eq!(hub.as_publisher("/settings/groups/acme:family").status, 404);
    let gone = send("/settings/groups/acme:family", "do=remove&repos=");
    assert!(gone.status == 404 && gone.text().contains("There is no such group any more."), "{}", gone.text());
}

#[test]
fn a_refused_group_says_why_and_keeps_what_was_typed() {
    let hub = Hub::start();
    let send = |path: &str, form: &str| hub.server.post(path, &[FORM, ("Authorization", &hub.publisher)], form.as_bytes());
    let list = "/settings/groups";
    assert_eq!(send(list, "name=acme%3Aone&repos=models%2Facme%2Fopen").status, 303);
    for (path, name, repos, status, sentence) in [
        (list, "acme:two", "models/acme/open\nacme/<secret>", 400, "Line 2 names no repository: write models/NAMESPACE/NAME"),
        (list, "acme:two", "models/other/words", 400, "Model other/words is not of the organization before the colon"),
        (list, "acme:two", "", 400, "A group has 1 to 10000 repos"),
        (list, "acme:t w o", "models/acme/open", 422, "The name of a group is 1 to 96 letters"),
        (list, "acme:one", "models/acme/secret", 409, "There is a group acme:one already: change it in the list above"),
        (list, "other:two", "datasets/other/words", 403, "s groups are called ORG:NAME after its organization"),
        ("/settings/groups/acme:one", "acme:one", "orgs/acme", 400, "Line 1 names no repository"),
    ] {
        let form = format!("name={}&repos={}", name.replace(' ', "+"), repos.replace('\n', "%0D%0A"));
        let reply = send(path, &form);
        assert_eq!(reply.status, status, "{form}: {}", reply.text());
        let html = reply.text();
        let error = html.split_once("<p class=\"error\" role=\"alert\">").unwrap().1.split_once("</p>").unwrap().0;
        assert!(error.contains(sentence), "{form}: {error}");
        let kept = typed(&reply).replace("\r\n", "\n").replace("&#60;", "<").replace("&#62;", ">");
        assert_eq!((kept.as_str(), html.contains(name)), (repos, true), "{form}");
    }
    let kept = hub.as_publisher("/api/v1/groups").json();
    assert_eq!(kept, json!({ "groups": [{ "name": "acme:one", "repos": [{ "type": "model", "id": "acme/open" }] }] }));
    let reader = format!("Bearer {}", hub.server.token(&hub.admin, "reader:acme"));
    let by_reader = hub.server.post(list, &[FORM, ("Authorization", &reader)], b"name=acme%3Atwo&repos=models%2Facme%2Fopen");
    assert!(by_reader.status == 403 && by_reader.text().contains("saved by an organization"), "{}", by_reader.text());
    for path in [list, "/settings/groups/acme:one", "/settings/groups/acme:none"] {
        assert_eq!(hub.server.get_with(path, &[("Authorization", &reader)]).status, 403, "{path}");
        assert_eq!(hub.server.get(path).header("location"), Some("/login?next=/settings/groups"), "{path}");
    }
    assert_eq!(hub.server.post(list, &[FORM], b"name=acme%3Atwo&repos=models%2Facme%2Fopen").status, 401);
    assert!(!hub.server.get_with("/orgs/acme", &[("Authorization", &reader)]).text().contains("Save a group"));
    assert_eq!(hub.as_publisher("/settings/groups/umbra:none").status, 403);
}

#[test]
fn the_table_of_all_repos_is_a_file_for_whoever_sees_the_page() {
    let hub = Hub::start();
    let page = hub.server.get("/repos?q=words&window=30d").text();
    let foot = page.rsplit_once("<p class=\"foot\">").unwrap().1;
    let link = |text: &str| {
        let before = foot.split_once(&format!("\">{text}</a>")).unwrap().0;
        before.rsplit_once("<a href=\"").unwrap().1.replace("&#38;", "&")
    };
    let (csv, json) = (hub.server.get(&link("CSV")), hub.server.get(&link("JSON")));
    assert_eq!(
        (csv.header("content-type"), json.header("content-type")),
        (Some("text/csv; charset=utf-8"), Some("application/json"))
    );
    assert_eq!(csv.text().lines().skip(1).collect::<Vec<_>>(), ["dataset,other/words,1,1,1,0,false,,"]);
    let file = json.json();
    assert_eq!((&file["total"], &file["repos"][0]["id"]), (&json!(1), &json!("other/words")), "{file}");
    let ids = |reply: Reply| {
        let rows = reply.json()["repos"].as_array().unwrap().clone();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(hub.server.get("/repos.json?sort=name")), ["acme/open", "other/words"], "what is hidden is not in it");
    assert_eq!(ids(hub.as_publisher("/repos.json?sort=name")), ["acme/open", "acme/secret", "other/words"]);
    assert_eq!(hub.server.get("/repos.csv?limit=0").status, 422);
    assert_eq!(hub.server.get("/api/v1/hub/repos").status, 401, "the API's table is for those who read");
}
