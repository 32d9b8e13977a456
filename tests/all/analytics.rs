//! The analytics routes as clients see them: shapes, filters, pages, groups, and who may ask.

use hubtally::ingest::{Engine, OpenOptions, Place, Push, PushContent};
use hubtally::model::{Caller, Day, DayRange, Millis, SourceName};
use hubtally::query::{Interval, Look, Scope, Span, View};
use serde_json::{Value, json};

use crate::server::{Reply, Server};

/// 2026-06-10T12:00:00Z.
const NOON_MS: u64 = 1_781_092_800_000;
const DAY_MS: u64 = 86_400_000;

struct Hub {
    server: Server,
    admin: String,
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

impl Hub {
    /// Three models: two of acme, one of them private, and one private of another organization.
    fn start() -> Hub {
        let server = Server::start(&["--now", "2026-06-10T12:00:00Z"]);
        let cookie = server.admin_cookie();
        let admin = server.token(&cookie, "admin");
        let hub = Hub { server, admin };
        let listed = json!([
            { "type": "model", "id": "acme/open", "private": false, "likes": 7 },
            { "type": "model", "id": "acme/secret", "private": true },
            { "type": "model", "id": "other/hush", "private": true },
        ]);
        assert_eq!(hub.send("PUT", "/api/v1/repos", None, &listed).status, 200);
        let event = |repo: &str, ip: u64, days_ago: u64, agent: &str, country: &str, path: &str| {
            json!({
                "ts": NOON_MS - days_ago * DAY_MS, "repo": repo, "ip": format!("203.0.113.{ip}"), "user_agent": agent,
                "country": country, "path": path, "status": 200,
            })
        };
        let transformers = "transformers/5.23.0; hf_hub/2.4.0; python/3.11.7";
        let events = [
            event("acme/open", 1, 40, transformers, "DE", "model.safetensors"),
            event("acme/open", 1, 1, transformers, "DE", "model.safetensors"),
            event("acme/open", 1, 0, "curl/7.88.1", "DE", "tokenizer.json"),
            event("acme/open", 2, 0, transformers, "FR", "config.json"),
            event("acme/secret", 2, 0, transformers, "FR", "config.json"),
            event("other/hush", 3, 0, transformers, "XX", "config.json"),
        ];
        assert_eq!(hub.send("POST", "/api/v1/events", None, &json!(events)).json()["accepted"], 6);
        hub
    }

    fn token(&self, scope: &str) -> String {
        self.send("POST", "/api/v1/tokens", None, &json!({ "scope": scope })).json()["token"].as_str().unwrap().to_owned()
    }

    fn send(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Reply {
        let authorization = bearer(token.unwrap_or(&self.admin));
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.server.ask(method, path, &headers, body.to_string().as_bytes())
    }

    fn get(&self, path: &str) -> Value {
        let reply = self.get_as(Some(&self.admin), path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    fn get_as(&self, token: Option<&str>, path: &str) -> Reply {
        match token {
            Some(token) => self.server.get_with(path, &[("Authorization", &bearer(token))]),
            None => self.server.get(path),
        }
    }
}

#[test]
fn breakdowns_tell_where_downloads_come_from_and_what_they_were_before() {
    let hub = Hub::start();
    let rows = |path: &str| hub.get(&format!("/api/v1/{path}"))["rows"].clone();
    let countries = rows("orgs/acme/breakdown?by=country");
    assert_eq!(countries, json!([{ "key": "DE", "downloads": 2 }, { "key": "FR", "downloads": 2 }]));
    let libraries = rows("repos/model/acme/open/breakdown?by=library&from=2026-06-10&to=2026-06-10&compare=previous");
    let expected = json!([
        { "key": "curl", "downloads": 1, "previous": 0 },
        { "key": "transformers", "downloads": 1, "previous": 1 },
    ]);
    assert_eq!(libraries, expected);
    let versions = rows("repos/model/acme/open/breakdown?by=version&class=tool");
    assert_eq!(versions, json!([{ "key": "7.88.1", "library": "curl", "downloads": 1 }]));
    let kinds = rows("repos/model/acme/open/breakdown?by=kind");
    let expected = json!([{ "key": "config", "files": 1 }, { "key": "tokenizer", "files": 1 }, { "key": "weights", "files": 1 }]);
    assert_eq!(kinds, expected);
    let files = rows("repos/model/acme/open/breakdown?by=file&limit=1&from=2026-01-01");
    assert_eq!(files, json!([{ "key": "model.safetensors", "files": 2 }]));
    let weekdays = hub.get("/api/v1/orgs/acme/breakdown?by=weekday");
    assert_eq!(
        (weekdays["rows"][2].clone(), weekdays["total"].clone()),
        (json!({ "key": "wednesday", "downloads": 3 }), json!(4))
    );
    let csv = hub.get_as(Some(&hub.admin), "/api/v1/orgs/acme/breakdown.csv?by=region").text();
    assert_eq!(csv, "region,country,downloads\n,DE,2\n,FR,2\n");
    for wrong in ["", "?by=color", "?by=country&class=robot", "?by=country&country=Germany", "?by=kind&country=DE"] {
        assert_eq!(hub.get_as(Some(&hub.admin), &format!("/api/v1/hub/breakdown{wrong}")).status, 422, "{wrong}");
    }
}

#[test]
fn totals_series_and_uniques_take_filters_and_the_period_before() {
    let hub = Hub::start();
    let totals = hub.get("/api/v1/repos/model/acme/open/totals?country=DE&from=2026-06-10&compare=previous");
    assert_eq!((&totals["downloads"], &totals["previous"]["downloads"]), (&json!(1), &json!(1)));
    assert!(totals.get("files").is_none(), "a filter chooses sessions: {totals}");
    let series = hub.get("/api/v1/orgs/acme/series?class=library&interval=month&include=unique_downloaders&from=2026-05-01");
    let rows: Vec<(&str, u64, u64)> = series["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (row["date"].as_str().unwrap(), row["downloads"].as_u64().unwrap(), row["unique_downloaders"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(rows, [("2026-05-01", 1, 1), ("2026-06-01", 3, 2)]);
    let uniques = hub.get("/api/v1/orgs/acme/uniques?include=bounds&interval=week&from=2026-06-09");
    assert_eq!((&uniques["floor"], &uniques["ceiling"], &uniques["unique_downloaders"]), (&json!(2), &json!(3), &json!(3)));
    assert_eq!(uniques["series"], json!([{ "date": "2026-06-09", "unique_downloaders": 3 }]));
    let cohorts = hub.get("/api/v1/orgs/acme/cohorts?interval=month&from=2026-05-01");
    let expected = json!([
        { "date": "2026-05-01", "unique_downloaders": 1, "new": 1, "returning": 0 },
        { "date": "2026-06-01", "unique_downloaders": 3, "new": 2, "returning": 1 },
    ]);
    assert_eq!(cohorts["cohorts"], expected);
}

#[test]
fn the_table_of_repos_is_searched_sorted_and_paged() {
    let hub = Hub::start();
    let page = hub.get("/api/v1/orgs/acme/repos?limit=1&window=all");
    assert_eq!(page["total"], 2);
    let first = &page["repos"][0];
    assert_eq!((&first["id"], &first["downloads"], &first["downloads_30d"]), (&json!("acme/open"), &json!(4), &json!(3)));
    assert_eq!((&first["unique_downloaders"], &first["likes"], &first["private"]), (&json!(3), &json!(7), &json!(false)));
    let drawn: u64 = first["sparkline"].as_array().unwrap().iter().map(|part| part.as_u64().unwrap()).sum();
    assert_eq!(drawn, 4);
    let next = page["next"].as_str().unwrap();
    let second = hub.get(&format!("/api/v1/orgs/acme/repos?limit=1&window=all&cursor={next}"));
    assert_eq!((&second["repos"][0]["id"], &second["next"]), (&json!("acme/secret"), &Value::Null));
    assert_eq!(hub.get("/api/v1/hub/repos?search=HUSH&sort=name")["repos"][0]["id"], "other/hush");
    assert_eq!(hub.get_as(Some(&hub.admin), "/api/v1/hub/repos?cursor=nonsense").status, 422);
}

#[test]
fn what_is_known_and_how_it_was_counted_is_told_in_words_and_figures() {
    let hub = Hub::start();
    let coverage = hub.get("/api/v1/repos/model/acme/open/coverage");
    let source = &coverage["sources"][0];
    assert_eq!((&source["source"], &source["events"]), (&json!("default"), &json!(3)));
    assert_eq!((&source["known"]["country"], &source["known"]["user"]), (&json!(1.0), &json!(0.0)));
    let gap = json!([{ "from": "2026-06-09T13:00:00.000Z", "to": "2026-06-10T12:00:00.000Z", "hours": 23 }]);
    assert_eq!(source["gaps"], gap);
    let explained = hub.get("/api/v1/orgs/acme/explain");
    assert_eq!((&explained["downloads"], &explained["floor"], &explained["ceiling"]), (&json!(4), &json!(2), &json!(3)));
    assert_eq!(explained["sources"][0]["bodies"], 4);
    assert!(explained["how"][0].as_str().unwrap().starts_with("rule 'session-30m': requests of one downloader"), "{explained}");
    assert!(explained["how"][1].as_str().unwrap().starts_with("4 answers carried a file"), "{explained}");
    for (rule, downloads) in [("requests", 4), ("hf-model", 2), ("hf-dataset", 0)] {
        let explained = hub.get(&format!("/api/v1/orgs/acme/explain?rule={rule}"));
        assert_eq!((&explained["rule"], &explained["downloads"]), (&json!(rule), &json!(downloads)), "{explained}");
        assert!(explained["how"][0].as_str().unwrap().starts_with(&format!("rule '{rule}': ")), "{explained}");
        assert!(explained.get("files").is_none(), "{explained}");
    }
}

#[test]
fn a_model_is_counted_by_the_files_of_its_library_and_a_dataset_by_address_and_five_minutes() {
    let hub = Hub::start();
    let listed = json!([
        { "type": "model", "id": "acme/paint", "private": false, "library": "diffusers" },
        { "type": "dataset", "id": "acme/corpus", "private": false },
    ]);
    assert_eq!(hub.send("PUT", "/api/v1/repos", None, &listed).status, 200);
    let event = |kind: &str, repo: &str, seconds: u64, method: &str, path: &str, agent: &str| {
        json!({
            "ts": NOON_MS - 3_600_000 + seconds * 1000, "repo_type": kind, "repo": repo, "ip": "198.51.100.9", "method": method,
            "path": path, "status": 200, "user_agent": agent,
        })
    };
    let events = [
        event("model", "acme/paint", 0, "HEAD", "model_index.json", "a/1"),
        event("model", "acme/paint", 1, "GET", "model_index.json", "a/1"),
        event("model", "acme/paint", 2, "GET", "config.json", "a/1"),
        event("model", "acme/paint", 3, "GET", "unet/model.safetensors", "a/1"),
        event("model", "acme/paint", 4, "GET", "sd.safetensors", "a/1"),
        event("dataset", "acme/corpus", 0, "GET", "a.parquet", "a/1"),
        event("dataset", "acme/corpus", 299, "GET", "b.parquet", "b/1"),
        event("dataset", "acme/corpus", 300, "HEAD", "c.parquet", "a/1"),
        event("dataset", "acme/corpus", 599, "GET", "c.parquet", "a/1"),
    ];
    assert_eq!(hub.send("POST", "/api/v1/events", None, &json!(events)).json()["accepted"], 9);
    let by =
        |scope: &str, rule: &str| hub.get(&format!("/api/v1/{scope}/totals?from=2026-06-10&rule={rule}"))["downloads"].clone();
    assert_eq!(by("repos/model/acme/paint", "hf-model"), 3);
    assert_eq!(by("repos/model/acme/paint", "hf-dataset"), 0);
    assert_eq!(by("repos/dataset/acme/corpus", "hf-dataset"), 2);
    assert_eq!(by("repos/dataset/acme/corpus", "hf-model"), 0);
    let of_looks =
        hub.get("/api/v1/repos/dataset/acme/corpus/totals?from=2026-06-10&rule=hf-dataset&class=library&country=unknown");
    assert_eq!(of_looks["downloads"], 2);
    let csv = hub.get_as(Some(&hub.admin), "/api/v1/repos/model/acme/paint/series.csv?from=2026-06-10&rule=hf-model").text();
    assert_eq!(csv, "date,downloads,authenticated,anonymous\n2026-06-10,3,0,3\n");
    let other_library = json!([{ "type": "model", "id": "acme/paint", "private": false, "library": "transformers" }]);
    assert_eq!(hub.send("PUT", "/api/v1/repos", None, &other_library).status, 200);
    assert_eq!(by("repos/model/acme/paint", "hf-model"), 1, "another library, other files, no second import");
}

#[test]
fn a_rule_whose_columns_a_source_lacks_says_so_instead_of_a_number() {
    let hub = Hub::start();
    let pathless = json!([{ "ts": NOON_MS, "repo": "acme/open", "ip": "203.0.113.77", "status": 200 }]);
    assert_eq!(hub.send("POST", "/api/v1/events", None, &pathless).json()["accepted"], 1);
    let nameless = json!([{ "ts": NOON_MS, "repo_type": "dataset", "repo": "acme/open", "path": "a", "status": 200 }]);
    assert_eq!(hub.send("POST", "/api/v1/events", None, &nameless).json()["accepted"], 1);
    for (figure, rule) in [
        ("totals", "hf-model"),
        ("series", "hf-model"),
        ("explain", "hf-model"),
        ("series.csv", "hf-dataset"),
        ("totals", "hf-dataset"),
    ] {
        let reply = hub.get_as(Some(&hub.admin), &format!("/api/v1/hub/{figure}?rule={rule}"));
        assert_eq!((reply.status, reply.header("x-error-code")), (422, Some("NotComputable")), "{figure} {rule}");
        let failure = &reply.json()["detail"][0];
        assert_eq!((&failure["type"], &failure["loc"]), (&json!("not_computable"), &json!(["query", "rule"])));
        assert_eq!((&failure["input"], &failure["ctx"]), (&json!(rule), &json!({ "sources": ["default"] })));
        let sentence = failure["msg"].as_str().unwrap();
        assert!(sentence.starts_with(&format!("'{rule}' is not computable from this source: it needs")), "{sentence}");
    }
    let before = hub.get("/api/v1/hub/totals?rule=hf-model&to=2026-06-09");
    assert_eq!(before["downloads"], 0, "days on which every request has a path: {before}");
}

#[test]
fn a_late_delivery_that_joins_downloads_is_in_the_log_of_restatements() {
    let hub = Hub::start();
    let event = |ms: u64| json!({ "ts": ms, "repo": "acme/open", "path": "a.bin", "status": 200, "ip": "198.51.100.1" });
    let yesterday = NOON_MS - DAY_MS;
    hub.send("POST", "/api/v1/events", None, &json!([event(yesterday), event(yesterday + 3_000_000)]));
    let rebuild = || assert_eq!(hub.send("POST", "/api/v1/verify", None, &json!({})).status, 200);
    rebuild();
    hub.send("POST", "/api/v1/events", None, &json!([event(yesterday + 1_500_000)]));
    rebuild();
    let log = hub.get("/api/v1/repos/model/acme/open/restatements");
    let entry = &log["restatements"][0];
    assert_eq!((&entry["id"], &entry["date"]), (&json!("acme/open"), &json!("2026-06-09")), "{log}");
    assert_eq!((&entry["before"], &entry["after"]), (&json!(3), &json!(2)), "{log}");
    let publisher = hub.token("publisher:other");
    let hidden = hub.get_as(Some(&publisher), "/api/v1/repos/model/acme/secret/restatements");
    assert_eq!(hidden.status, 404);
}

#[test]
fn groups_stand_where_organizations_do_and_belong_to_whom_their_name_says() {
    let hub = Hub::start();
    let publisher = hub.token("publisher:acme");
    let both = json!({ "repos": [{ "type": "model", "id": "acme/open" }, { "type": "model", "id": "acme/secret" }] });
    let foreign = json!({ "repos": [{ "type": "model", "id": "acme/open" }, { "type": "model", "id": "other/hush" }] });
    let put =
        |token: &str, name: &str, body: &Value| hub.send("PUT", &format!("/api/v1/groups/{name}"), Some(token), body).status;
    assert_eq!(put(&publisher, "acme:family", &both), 200);
    assert_eq!(put(&publisher, "acme:mixed", &foreign), 400);
    assert_eq!(put(&hub.admin, "mixed", &foreign), 200);
    assert_eq!(put(&publisher, "acme:empty", &json!({ "repos": [] })), 400);
    assert_eq!(put(&hub.token("reader:acme"), "acme:family", &both), 403);
    assert_eq!(put(&publisher, "acme:a:b", &both), 422);

    assert_eq!(hub.get("/api/v1/groups/acme:family/totals")["downloads"], 5);
    assert_eq!(hub.server.get("/api/v1/groups/acme:family/totals").json()["downloads"], 4, "of what the public sees");
    assert_eq!(hub.get_as(Some(&publisher), "/api/v1/groups/mixed").json()["repos"].as_array().unwrap().len(), 1);
    let overlap = hub.get("/api/v1/overlap?a=groups/mixed&b=repos/model/acme/secret");
    assert_eq!(
        (&overlap["intersection"], &overlap["only_a"], &overlap["only_b"], &overlap["union"]),
        (&json!(1), &json!(3), &json!(0), &json!(4))
    );

    let other = hub.token("publisher:other");
    assert_eq!(hub.send("DELETE", "/api/v1/groups/acme:family", Some(&other), &json!({})).status, 403);
    assert_eq!(hub.send("DELETE", "/api/v1/groups/acme:family", Some(&publisher), &json!({})).status, 204);
    assert_eq!(hub.send("DELETE", "/api/v1/groups/acme:family", Some(&publisher), &json!({})).status, 404);
    assert_eq!(hub.get_as(Some(&hub.admin), "/api/v1/groups/acme:family/totals").status, 404);
}

#[test]
fn saving_a_group_tells_nothing_of_groups_and_repos_that_are_hidden() {
    let hub = Hub::start();
    let of = |repos: &[&str]| {
        let repos: Vec<Value> = repos.iter().map(|id| json!({ "type": "model", "id": id })).collect();
        json!({ "repos": repos })
    };
    let put = |token: &str, name: &str, body: &Value| {
        let reply = hub.send("PUT", &format!("/api/v1/groups/{name}"), Some(token), body);
        (reply.status, reply.text())
    };
    let (publisher, other) = (hub.token("publisher:acme"), hub.token("publisher:other"));
    // Groups that acme does not see: of the hub, and of another organization.
    assert_eq!(put(&hub.admin, "taken", &of(&["other/hush"])).0, 200);
    assert_eq!(put(&other, "other:taken", &of(&["other/hush"])).0, 200);
    for (taken, free) in [("taken", "fresh"), ("other:taken", "other:fresh")] {
        let answers = [taken, free].map(|name| put(&publisher, name, &of(&["acme/open"])));
        assert_eq!(answers[0].0, 403);
        assert_eq!(answers[0], answers[1], "{taken} and {free}");
        let removed = [taken, free].map(|name| {
            let reply = hub.send("DELETE", &format!("/api/v1/groups/{name}"), Some(&publisher), &json!({}));
            (reply.status, reply.text())
        });
        assert_eq!(removed[0], removed[1], "{taken} and {free}");
    }
    // Names of two organizations never meet.
    assert_eq!(put(&publisher, "acme:taken", &of(&["acme/open"])).0, 200);
    // A repo that is hidden and one that nobody has are refused, or kept, in the same words.
    let [hidden, missing] = ["other/hush", "other/none"].map(|id| put(&publisher, "acme:x", &of(&["acme/open", id])));
    assert_eq!((hidden.0, hidden.1.replace("hush", "none")), missing);
    // A group with hidden repos cannot be changed by who sees some of it: the answer is that of any other name.
    assert_eq!(put(&hub.admin, "mixed", &of(&["acme/open", "other/hush"])).0, 200);
    assert_eq!(put(&publisher, "mixed", &of(&["acme/open"])), put(&publisher, "fresh", &of(&["acme/open"])));
    assert_eq!(hub.get_as(Some(&publisher), "/api/v1/groups/mixed").json()["repos"], of(&["acme/open"])["repos"]);
    let listed = hub.get_as(Some(&publisher), "/api/v1/groups").text();
    assert!(!listed.contains("hush") && !listed.contains("\"taken\"") && listed.contains("acme:taken"), "{listed}");
}

#[test]
fn only_readers_of_a_hidden_repo_find_it_in_any_figure() {
    let hub = Hub::start();
    let figures = ["breakdown?by=country", "repos", "cohorts", "coverage", "restatements", "explain", "breakdown?by=file"];
    let stranger = hub.token("reader:nobody");
    let ingest = hub.token("ingest:default");
    for figure in figures {
        for scope in ["hub", "types/model", "orgs/acme", "repos/model/acme/open"] {
            let path = format!("/api/v1/{scope}/{figure}");
            assert_eq!(hub.server.get(&path).status, 401, "{path}");
            assert_eq!(hub.get_as(Some(&ingest), &path).status, 403, "{path}");
            let reply = hub.get_as(Some(&stranger), &path);
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            for hidden in ["secret", "hush", "XX"] {
                assert!(!reply.text().contains(hidden), "{path}: {}", reply.text());
            }
        }
        let hidden = hub.get_as(Some(&stranger), &format!("/api/v1/repos/model/acme/secret/{figure}"));
        let missing = hub.get_as(Some(&stranger), &format!("/api/v1/repos/model/acme/missed/{figure}"));
        assert_eq!((hidden.status, hidden.text().replace("secret", "missed")), (404, missing.text()), "{figure}");
        assert_eq!(hub.get_as(Some(&stranger), &format!("/api/v1/orgs/other/{figure}")).status, 404, "{figure}");
    }
    let totals = |token: &str| hub.get_as(Some(token), "/api/v1/hub/breakdown?by=country").json()["total"].as_u64();
    assert_eq!((totals(&stranger), totals(&hub.token("reader:acme")), totals(&hub.admin)), (Some(3), Some(4), Some(5)));
    assert_eq!(hub.server.get("/api/v1/hub/totals?country=DE").status, 401, "a filter is a breakdown in disguise");
    assert_eq!(hub.server.get("/api/v1/hub/totals?audience=anonymous").status, 200);
    let overlap = |a: &str, b: &str| hub.get_as(Some(&stranger), &format!("/api/v1/overlap?a={a}&b={b}")).status;
    assert_eq!(overlap("orgs/acme", "repos/model/acme/open"), 200);
    assert_eq!(overlap("orgs/acme", "repos/model/acme/secret"), 404);
    assert_eq!(overlap("orgs/acme", "everything"), 422);
}

#[test]
fn a_robot_that_comes_as_a_browser_is_a_crawler_and_counts_all_the_same() {
    let hub = Hub::start();
    let event = |ip: u64, agent: &str| json!({ "ts": NOON_MS, "repo": "acme/open", "path": "a", "status": 200, "ip": format!("198.51.100.{ip}"), "user_agent": agent });
    let events = [
        event(1, "Mozilla/5.0 (compatible; SomeBot/1.0; +http://example.com/bot)"),
        event(2, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ];
    let before = hub.get("/api/v1/repos/model/acme/open/totals")["downloads"].as_u64().unwrap();
    assert_eq!(hub.send("POST", "/api/v1/events", None, &json!(events)).json()["accepted"], 2);
    assert_eq!(hub.get("/api/v1/repos/model/acme/open/totals")["downloads"], before + 2);
    let classes = hub.get("/api/v1/repos/model/acme/open/breakdown?by=class")["rows"].clone();
    let of = |class: &str| classes.as_array().unwrap().iter().find(|row| row["key"] == class).unwrap()["downloads"].clone();
    assert_eq!((of("crawler"), of("browser")), (json!(1), json!(1)), "{classes}");
    let libraries = hub.get("/api/v1/repos/model/acme/open/breakdown?by=library&class=crawler")["rows"].clone();
    assert_eq!(libraries, json!([{ "key": "SomeBot", "downloads": 1 }]));
}

#[test]
fn paths_and_regions_that_a_spreadsheet_would_run_come_back_from_our_export_as_they_were() {
    let hub = Hub::start();
    let texts = ["=1+1.bin", "'=1+1.bin", "''-x", "'a", "@a", "+a,b", "-\"q\"", "'\"=\"", "plain"];
    let event = |index: usize, text: &str| {
        json!({
            "ts": NOON_MS + index as u64, "repo": "acme/open", "path": text, "status": 200, "user": "ada", "region": text,
            "country": "DE",
        })
    };
    let events: Vec<Value> = texts.iter().enumerate().map(|(index, text)| event(index, text)).collect();
    assert_eq!(hub.send("POST", "/api/v1/events", None, &json!(events)).json()["accepted"], texts.len() as u64);
    let export = "/organizations/acme/settings/publisher-analytics/access-logs?columns=all&from=2026-06-10";
    let csv = hub.get_as(Some(&hub.admin), export).text();
    assert!(csv.contains(",'=1+1.bin,") && csv.contains(",''=1+1.bin,"), "{csv}");
    let other = Server::start(&["--now", "2026-06-10T12:00:00Z"]);
    let admin = bearer(&other.token(&other.admin_cookie(), "admin"));
    let headers = [("Authorization", admin.as_str())];
    let reply = other.post("/api/v1/import", &headers, csv.as_bytes());
    assert_eq!((reply.status, reply.json()["rejected"].clone()), (200, json!({})), "{}", reply.text());
    for by in ["file", "region"] {
        let path = format!("/api/v1/repos/model/acme/open/breakdown?by={by}&from=2026-06-10");
        let keys = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["key"].to_string()).collect::<Vec<_>>();
        let (here, there) = (hub.get(&path)["rows"].clone(), other.get_with(&path, &headers).json()["rows"].clone());
        assert_eq!(keys(&there), keys(&here), "by {by}");
    }
}

#[test]
fn ranges_that_hold_no_day_have_no_figures() {
    let hub = Hub::start();
    // An import takes what was pushed into the stored views.
    let event = json!({ "ts": NOON_MS - 3 * DAY_MS, "repo": "acme/open", "ip": "203.0.113.9", "path": "a", "status": 200 });
    assert_eq!(hub.send("POST", "/api/v1/import", None, &event).status, 200);
    let csv = "repoType,repoName,total,timestamp,downloads\nmodel,acme/open,9,2026-06-01T00:00:00.000Z,4\n";
    let told = hub.server.post("/api/v1/import?name=a.csv", &[("Authorization", &bearer(&hub.admin))], csv.as_bytes());
    assert_eq!(told.status, 200, "{}", told.text());

    let scopes = ["hub", "types/model", "orgs/acme", "repos/model/acme/open"];
    let figures = [
        "totals?",
        "series?",
        "uniques?",
        "breakdown?by=country&",
        "breakdown?by=file&",
        "repos?",
        "cohorts?",
        "coverage?",
        "restatements?",
        "explain?",
        "totals?rule=reported&",
        "series?rule=reported&",
        "totals?rule=hf-model&",
        "totals?class=browser&",
    ];
    for range in ["to=2010-01-01", "from=2099-01-01", "from=2099-01-01&to=2099-12-31", "from=2001-01-01&to=2002-01-01"] {
        for scope in scopes {
            for figure in figures {
                let path = format!("/api/v1/{scope}/{figure}{range}");
                let reply = hub.get_as(Some(&hub.admin), &path);
                assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            }
            for rule in ["", "rule=reported&"] {
                let totals = hub.get(&format!("/api/v1/{scope}/totals?{rule}{range}"));
                assert_eq!(totals["downloads"], json!(0), "{scope} {rule}{range}: {totals}");
            }
            let series = hub.get(&format!("/api/v1/{scope}/series?{range}"));
            assert!(series["series"].as_array().is_none_or(Vec::is_empty), "{scope} {range}: {series}");
        }
        for path in [
            "/",
            "/orgs/acme",
            "/models/acme/open",
            "/overlap?a=orgs/acme&b=repos/model/acme/open&",
            "/api/v1/overlap?a=orgs/acme&b=hub&",
        ] {
            let path = format!("{path}{}{range}", if path.ends_with('&') { "" } else { "?" });
            assert!(hub.get_as(Some(&hub.admin), &path).status < 500, "{path}");
        }
    }
}

#[test]
fn a_period_before_that_begins_before_2015_has_all_its_months() {
    let now = Some(Millis(NOON_MS as i64));
    let engine = Engine::open(&OpenOptions { place: Place::Memory, default_public: true, frozen_now: now }).unwrap();
    let body = br#"{"ts":"2016-03-05T12:00:00Z","repo":"acme/open","ip":"203.0.113.9"}"#.to_vec();
    let push = Push { source: SourceName::default_source(), body, content: PushContent::Json, idempotency_key: None };
    assert_eq!(engine.push(push).unwrap().accepted, 1);
    let day = |text: &str| Day::parse(text).unwrap();
    let window = Span::Range(DayRange { first: day("2019-01-01"), last: day("2026-06-10") });
    let look = Look { window, interval: Some(Interval::Month), compare: true, ..Look::default() };
    let overview = View::of(&engine).unwrap().overview(&Scope::Hub, look, &Caller::admin()).unwrap().unwrap();
    let before = overview.before.unwrap();
    let (first, last) = (before.rows.first().unwrap().day, before.rows.last().unwrap().day);
    assert_eq!((first, last), (before.range.first, day("2018-12-01")));
    assert_eq!((before.range.first, before.rows.len()), (day("2011-07-24"), 90));
    let filled: Vec<(usize, Day)> =
        before.rows.iter().enumerate().filter(|(_, row)| !row.counts.is_zero()).map(|(at, row)| (at, row.day)).collect();
    assert_eq!(filled, [(56, day("2016-03-01"))], "between December 2015 and April 2016");
}
