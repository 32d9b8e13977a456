//! Other people's tools: what hubs' clients, README badges, Prometheus and API clients ask for and rely on, and our own
//! commands for people and monitors. The clients themselves run in `tests/clients/run`.

use std::collections::BTreeSet;
use std::process::{Output, Stdio};

use hubtally::serve::ROUTES;
use serde_json::{Value, json};

use crate::hub::{Hub, NOON_MS, bearer};
use crate::server::{Reply, hubtally};

const DAY_MS: u64 = 86_400_000;

fn event(kind: &str, repo: &str, person: &str, ms: u64) -> Value {
    json!({ "ts": ms, "repo_type": kind, "repo": repo, "path": "config.json", "status": 200, "user": person })
}

/// Three public models of two organisations, a private one, a dataset; figures of today, a week and a month ago.
fn hub() -> Hub {
    let hub = Hub::start();
    hub.list(&json!([
        { "type": "model", "id": "acme/bert", "private": false, "likes": 3, "library": "transformers", "created_at": "2026-01-02T03:04:05Z" },
        { "type": "model", "id": "acme/tiny", "private": false, "likes": 9, "library": "Diffusers", "created_at": "2026-03-01T00:00:00Z" },
        { "type": "model", "id": "other/quiet", "private": false },
        { "type": "model", "id": "acme/secret", "private": true, "likes": 100 },
        { "type": "dataset", "id": "acme/corpus", "private": false },
    ]));
    let mut events = Vec::new();
    for (repo, per_day) in [("acme/bert", [3, 1, 4]), ("acme/tiny", [5, 0, 0]), ("acme/secret", [50, 0, 0])] {
        for (days_ago, count) in [0, 20, 60].into_iter().zip(per_day) {
            for person in 0..count {
                events.push(event("model", repo, &format!("p{person}"), NOON_MS - days_ago * DAY_MS));
            }
        }
    }
    events.push(event("dataset", "acme/corpus", "p1", NOON_MS));
    assert_eq!(hub.push(&events, &[]).status, 200);
    hub
}

fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json().as_array().unwrap().iter().map(|repo| repo["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_repos_figures_are_under_the_keys_of_hub_clients() {
    let hub = hub();
    // As huggingface_hub, `hf` and huggingface.js spell it.
    for path in [
        "/api/models/acme/bert",
        "/api/models/acme/bert/revision/main",
        "/api/models/acme/bert/revision/HEAD?expand=downloads&expand=downloadsAllTime&expand=likes&expand=trendingScore",
        "/api/models/acme/bert?expand=downloads%2CdownloadsAllTime%2Clikes%2CtrendingScore",
        "/api/models/acme/bert?expand[]=downloads&expand[]=downloadsAllTime&expand[]=likes&expand[]=trendingScore&expand[]=evalResults",
    ] {
        let reply = hub.server.get(path);
        let info = reply.json();
        assert_eq!((reply.status, info["id"].as_str()), (200, Some("acme/bert")), "{path}");
        let figures = ["downloads", "downloadsAllTime", "likes", "trendingScore"].map(|key| info[key].as_u64());
        assert_eq!(figures, [Some(4), Some(8), Some(3), Some(3)], "{path}");
        assert_eq!(info.as_object().unwrap().contains_key("private"), !path.contains("expand"), "{path}");
    }
    let whole = hub.server.get("/api/models/acme/bert").json();
    assert_eq!(whole["createdAt"], "2026-01-02T03:04:05.000Z");
    assert_eq!(
        (&whole["library_name"], &whole["tags"], &whole["author"]),
        (&json!("transformers"), &json!(["transformers"]), &json!("acme"))
    );
    assert_eq!(hub.server.get("/api/datasets/acme/corpus").json()["downloads"], 1);
    let revision = hub.server.get("/api/models/acme/bert/revision/v2");
    assert_eq!((revision.status, revision.header("x-error-code")), (404, Some("RevisionNotFound")));
}

#[test]
fn a_hidden_repo_is_missing_for_hub_clients_and_on_badges() {
    let hub = hub();
    let reader = hub.token("reader:acme");
    for path in [
        "/api/models/acme/secret",
        "/api/models/acme/secret/revision/main",
        "/api/models/acme/secret/revision/v2",
        "/badge/model/acme/secret/downloads.json",
        "/badge/model/acme/secret/uniques.svg",
    ] {
        let (hidden, missing) = (hub.server.get(path), hub.server.get(&path.replace("secret", "nosuch")));
        assert_eq!((hidden.status, missing.status), (404, 404), "{path}");
        assert_eq!(hidden.text().replace("secret", "nosuch"), missing.text(), "{path}");
        let expected = if path.contains("v2") { 404 } else { 200 };
        assert_eq!(hub.get_as(Some(&reader), path).status, expected, "{path}");
    }
    for path in ["/api/models", "/api/models?author=acme", "/api/models?search=SECRET", "/api/models?sort=likes&limit=1"] {
        assert!(!hub.server.get(path).text().contains("secret"), "{path}");
    }
    assert_eq!(ids(&hub.get_as(Some(&reader), "/api/models?search=secret")), ["acme/secret"]);
    assert_eq!(
        hub.get_as(Some(&reader), "/badge/model/acme/secret/downloads.svg").header("cache-control"),
        Some("private, no-cache")
    );
}

#[test]
fn lists_are_ordered_filtered_and_come_page_by_page() {
    let hub = hub();
    for (query, expected) in [
        ("sort=downloads", vec!["acme/tiny", "acme/bert", "other/quiet"]),
        ("sort=downloadsAllTime", vec!["acme/bert", "acme/tiny", "other/quiet"]),
        ("sort=trendingScore&direction=-1&full=True&cardData=True", vec!["acme/tiny", "acme/bert", "other/quiet"]),
        ("sort=downloads&direction=1", vec!["other/quiet", "acme/bert", "acme/tiny"]),
        ("sort=likes&limit=2", vec!["acme/tiny", "acme/bert"]),
        ("sort=createdAt", vec!["acme/tiny", "acme/bert", "other/quiet"]),
        ("sort=lastModified&limit=100000", vec!["acme/tiny", "acme/bert", "other/quiet"]),
        ("author=other", vec!["other/quiet"]),
        ("author=no%20org", vec![]),
        ("search=TIN", vec!["acme/tiny"]),
        ("filter=transformers", vec!["acme/bert"]),
        ("filter=library%3Adiffusers", vec!["acme/tiny"]),
        ("filter=transformers,diffusers", vec![]),
    ] {
        assert_eq!(ids(&hub.server.get(&format!("/api/models?{query}"))), expected, "{query}");
    }
    assert_eq!(ids(&hub.server.get("/api/datasets")), ["acme/corpus"]);
    assert_eq!(hub.server.get("/api/spaces").json(), json!([]));
    assert_eq!(hub.server.get("/api/things").status, 404);
    for bad in ["sort=size", "limit=0", "limit=x", "direction=2"] {
        assert_eq!(hub.server.get(&format!("/api/models?{bad}")).status, 422, "{bad}");
    }
    assert_eq!(hub.server.get("/api/models?cursor=nonsense").status, 400);
    // Every order, followed to its end one by one, gives every repo once.
    for sort in ["downloads", "likes", "trendingScore", "createdAt"] {
        for direction in ["-1", "1"] {
            let whole = ids(&hub.server.get(&format!("/api/models?sort={sort}&direction={direction}")));
            let mut path = format!("/api/models?sort={sort}&direction={direction}&limit=1");
            let mut found = Vec::new();
            loop {
                let reply = hub.server.get(&path);
                found.extend(ids(&reply));
                let Some(link) = reply.header("link") else { break };
                let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
                path = target.strip_prefix(&hub.server.url()).unwrap().to_owned();
            }
            assert_eq!(found, whole, "{sort} {direction}");
        }
    }
}

#[test]
fn badges_show_figures_and_carry_their_own_rules() {
    let hub = hub();
    for (measure, message) in [("downloads", "8"), ("monthly", "4/month"), ("weekly", "3/week"), ("uniques", "3/month")] {
        let shield = hub.server.get(&format!("/badge/model/acme/bert/{measure}.json"));
        assert_eq!((shield.status, shield.json()["schemaVersion"].as_u64()), (200, Some(1)));
        assert_eq!(shield.json()["message"], message, "{measure}");
        assert!(!shield.json()["label"].as_str().unwrap().is_empty());
        let svg = hub.server.get(&format!("/badge/models/acme/bert/{measure}.svg"));
        assert!(svg.header("content-type").unwrap().starts_with("image/svg+xml"));
        assert!(svg.text().contains(&format!(">{message}</text>")), "{}", svg.text());
        assert_eq!(svg.header("cache-control"), Some("public, max-age=300"));
        assert!(svg.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert_eq!(svg.header("access-control-allow-origin"), Some("*"));
    }
    let chosen = hub.server.get("/badge/model/acme/bert/downloads.svg?label=%3Cscript%3E%22&color=%22%2F%3E%3Cx");
    assert!(chosen.text().contains("&lt;script&gt;&quot;") && !chosen.text().contains("<script"), "{}", chosen.text());
    assert_eq!(hub.server.get("/badge/model/acme/bert/stars.svg").status, 404);
    let missing = hub.server.get("/badge/model/acme/nosuch/downloads.svg");
    assert!(missing.status == 404 && missing.text().contains("not found</text>"));
}

#[test]
fn metrics_have_bounded_labels_and_name_no_repo() {
    let hub = hub();
    let public = hub.server.get("/metrics");
    assert_eq!((public.status, public.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    let text = public.text();
    assert!(text.contains("\nhubtally_downloads{type=\"model\"} 13\n"), "{text}");
    assert!(text.contains("\nhubtally_ready 1\n") && text.contains("hubtally_http_responses_total{class=\"2xx\"}"));
    assert!(!text.contains("acme") && !text.contains("default"), "neither repos nor, for the public, sources: {text}");
    let admin = hub.get_as(Some(&hub.admin), "/metrics").text();
    assert!(admin.contains("\nhubtally_downloads{type=\"model\"} 63\n"), "{admin}");
    assert!(admin.contains("\nhubtally_source_lines{source=\"default\",outcome=\"accepted\"} 64\n"), "{admin}");
    assert!(!admin.contains("acme"));
    // Each metric has its help and type once, before its values.
    let mut seen = BTreeSet::new();
    for line in admin.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(matches!(kind, "counter" | "gauge") && seen.insert(name.to_owned()), "{line}");
        assert!(admin.contains(&format!("# HELP {name} ")), "{name}");
    }
    for line in admin.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(seen.contains(name), "{line}");
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn the_api_document_names_every_route_and_no_other() {
    let hub = Hub::start();
    let document = hub.server.get("/openapi.json").json();
    let told: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())))
        .collect();
    let routes: BTreeSet<(String, String)> =
        ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    let undocumented: Vec<_> = routes.difference(&told).collect();
    assert!(undocumented.is_empty(), "describe these in src/serve/openapi/operations.rs: {undocumented:?}");
    assert_eq!(told.difference(&routes).count(), 0);
    // Whatever is referred to is there, and operations have names of their own.
    let mut ids = BTreeSet::new();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(keys) => {
                if let Some(Value::String(target)) = keys.get("$ref") {
                    assert!(document.pointer(&target[1..]).is_some_and(Value::is_object), "{target}");
                }
                if let Some(Value::String(id)) = keys.get("operationId") {
                    assert!(ids.insert(id.clone()), "{id}");
                }
                open.extend(keys.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert_eq!(ids.len(), routes.len());
    // Every variable of a path is a parameter of its operation.
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (_, rest) in path.match_indices('{').map(|(at, _)| path.split_at(at + 1)) {
                let name = rest.split('}').next().unwrap();
                let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
                assert!(operation["parameters"].as_array().unwrap().contains(&reference), "{method} {path}: {name}");
            }
        }
    }
}

fn command(hub: &Hub, arguments: &[&str]) -> Output {
    let mut command = hubtally();
    command.args(["--url", &hub.server.url()]).args(arguments).env("HUBTALLY_TOKEN", &hub.admin);
    command.stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_report_has_every_repo_of_the_organisation_against_the_days_before() {
    let hub = hub();
    let text = stdout(&command(&hub, &["report", "acme"]));
    for line in [
        "Weekly Statistics Report - acme",
        "2026-06-04 to 2026-06-10",
        "model/acme/secret (private)\n  Downloads: 50 (7-day: 50)",
        "model/acme/bert\n  Downloads: 8 (7-day: 3)\n  Likes: 3\n  Trend: up (new against the 7 days before)",
        "dataset/acme/corpus",
        "Total Downloads: 64",
        "Unique downloaders of these days: 50",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("quiet"));
    let csv = stdout(&command(&hub, &["report", "acme", "--format", "csv", "--days", "30"]));
    assert!(csv.contains("\nmodel,acme/bert,2026-05-12,2026-06-10,8,4,0,3,false\n"), "{csv}");
    let page = stdout(&command(&hub, &["report", "acme", "--format", "html"]));
    assert!(page.starts_with("<!doctype html>") && page.contains("acme/bert"));
    let missing = command(&hub, &["report", "nosuch"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("Organization 'nosuch' not found"));
}

#[test]
fn a_check_fails_when_a_source_fell_silent() {
    let hub = hub();
    let body = event("model", "acme/bert", "p", NOON_MS - 3 * 3_600_000).to_string();
    let mirror = hub.server.post("/api/v1/events?source=mirror", &[("Authorization", &bearer(&hub.admin))], body.as_bytes());
    assert_eq!(mirror.status, 200, "{}", mirror.text());
    // What is dated in the future is no sign of life.
    let future = event("model", "acme/bert", "p", NOON_MS + 3_600_000).to_string();
    hub.server.post("/api/v1/events?source=mirror", &[("Authorization", &bearer(&hub.admin))], future.as_bytes());
    let code = |arguments: &[&str]| command(&hub, &[&["check"], arguments].concat()).status.code();
    assert_eq!(code(&["--max-gap", "4h"]), Some(0));
    assert_eq!(code(&["--max-gap", "2h", "--source", "default"]), Some(0));
    let silent = command(&hub, &["check", "--max-gap", "2h"]);
    let said = String::from_utf8_lossy(&silent.stderr).into_owned();
    assert_eq!(silent.status.code(), Some(1));
    assert!(said.contains("no event of source mirror for 3 h 0 min; the newest is of 2026-06-10T09:00:00.000Z"), "{said}");
    assert!(!said.contains("default"));
    assert_eq!(code(&["--source", "nosuch"]), Some(1));
    assert_eq!(code(&["--max-gap", "soon"]), Some(2));
    let json: Value = serde_json::from_str(&stdout(&command(&hub, &["check", "--max-gap", "4h", "--json"]))).unwrap();
    assert_eq!(json["sources"].as_array().unwrap().len(), 2);
}

#[test]
fn shells_and_manuals_know_every_command() {
    let run = |arguments: &[&str]| hubtally().args(arguments).stdin(Stdio::null()).output().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&run(&["completions", shell]));
        assert!(script.contains("healthcheck") && script.contains("max-gap"), "{shell}");
    }
    let page = stdout(&run(&["man"]));
    assert!(page.starts_with(".ie") && page.contains(".SH SUBCOMMANDS"), "{}", &page[..200]);
    let folder = tempfile::tempdir().unwrap();
    stdout(&run(&["man", "--output", folder.path().to_str().unwrap()]));
    for name in ["hubtally.1", "hubtally-serve.1", "hubtally-import.1", "hubtally-report.1"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}
