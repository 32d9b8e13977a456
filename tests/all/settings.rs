//! Settings: a flag wins over the environment, that over the file, that over the default; mistakes are told with their place.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::server::{Server, hubtally};

fn config(folder: &Path) -> Command {
    let mut command = hubtally();
    command.arg("--data").arg(folder).arg("config");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn setting(output: &Output, name: &str) -> (Value, String) {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = shown["settings"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} in {shown}"));
    (row["value"].clone(), row["origin"].as_str().unwrap().to_owned())
}

#[test]
fn each_setting_tells_its_value_and_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let none = config(folder.path()).arg("--json").output().unwrap();
    assert_eq!(setting(&none, "listen"), ("127.0.0.1:8642".into(), "default".into()));
    assert_eq!(setting(&none, "data").1, "flag");
    assert_eq!(setting(&none, "token"), (Value::Null, "default".into()));
    let file = "listen = \"127.0.0.1:9000\"\nmax_connections = 77\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n\
                public = [\"acme/*\", \"gpt2\"]\nvisibility = \"public\"\ntoken = \"ht_secret\"\n\
                tail = [\"edge-1=/logs/a.json\", \"/logs/b.json\"]\nsign_in_header = \"Remote-User\"\n";
    fs::write(folder.path().join("hubtally.toml"), file).unwrap();
    let output = config(folder.path())
        .args(["--json", "--listen", "127.0.0.1:9001"])
        .env("HUBTALLY_LISTEN", "127.0.0.1:9002")
        .env("HUBTALLY_MAX_CONNECTIONS", "88")
        .output()
        .unwrap();
    for (name, value, origin) in [
        ("listen", "127.0.0.1:9001", "flag"),
        ("max_connections", "88", "environment"),
        ("trusted_proxies", "10.0.0.0/8,::1", "file"),
        ("public", "acme/*,gpt2", "file"),
        ("visibility", "public", "file"),
        ("base_path", "/", "default"),
        ("tail", "edge-1=/logs/a.json,/logs/b.json", "file"),
        ("sign_in_header", "Remote-User", "file"),
        ("token", "(hidden)", "file"),
        ("tail_format", "auto", "default"),
    ] {
        assert_eq!(setting(&output, name), (value.into(), origin.into()), "{name}");
    }
    let names = |output: &Output| -> Vec<String> {
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        shown["settings"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&none), names(&output), "a file does not change the order of the settings");
    let shown = config(folder.path()).output().unwrap();
    let shown = text(&shown.stdout);
    assert!(shown.starts_with("SETTING") && shown.contains("hubtally.toml") && !shown.contains("ht_secret"), "{shown}");
}

#[test]
fn a_file_elsewhere_is_named_and_mistakes_in_it_have_their_line_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.toml");
    for (content, line, hint) in [
        ("listen = \"127.0.0.1:1\"\nmax_conections = 5\n", "line 2", "did you mean max_connections?"),
        ("\n\nmax_connections = 0\n", "line 3", "1..=1000000"),
        ("listen = 127.0.0.1\n", "line 1", ""),
        ("visibility = \"secret\"", "line 1", "public"),
        ("trusted_proxies = [\"10.0.0.0/8\", \"nowhere\"]", "line 1", "nowhere"),
        ("private = [\"a/b/c\"]", "line 1", "myorg/*"),
        ("[serve]\nlisten = \"127.0.0.1:1\"", "line 1", "there is no setting serve; there are"),
        ("listen = 1.5", "line 1", "a text, a number or a list"),
        ("now = \"noon\"", "line 1", "2026-11-20T12:00:00Z"),
        ("config = \"x\"", "line 1", "no setting config"),
    ] {
        fs::write(&path, content).unwrap();
        let output = hubtally().args(["--data", ":memory:", "config", "--config"]).arg(&path).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{content}: {told}");
        assert!(told.contains(line) && told.contains(hint) && told.contains("other.toml"), "{content}: {told}");
    }
    fs::write(&path, "now = 2026-05-02T12:00:00Z\n").unwrap();
    let output = hubtally().args(["--data", ":memory:", "config", "--json"]).env("HUBTALLY_CONFIG", &path).output().unwrap();
    assert_eq!(setting(&output, "now"), ("2026-05-02T12:00:00Z".into(), "file".into()));
    let missing = hubtally().args(["--config", "no-such.toml", "trending"]).output().unwrap();
    assert!(missing.status.code() == Some(1) && text(&missing.stderr).contains("no-such.toml"));
    let own = folder.path().join("hubtally.toml");
    fs::write(own, "data = \"/elsewhere\"\n").unwrap();
    let output = config(folder.path()).output().unwrap();
    assert!(text(&output.stderr).contains("--data"), "{}", text(&output.stderr));
}

#[test]
fn the_secret_of_a_file_counts_where_nobody_said_one_more_strongly() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[]);
    let admin = server.token(&server.admin_cookie(), "admin");
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    fs::write(&right, format!("{admin}\n")).unwrap();
    fs::write(&wrong, "ht_wrong").unwrap();
    let url = server.url();
    let list = |command: &mut Command| command.args(["--url", &url, "deliveries", "--json"]).output().unwrap().status.code();
    assert_eq!(list(hubtally().env("HUBTALLY_TOKEN_FILE", &right)), Some(0));
    assert_eq!(list(hubtally().arg("--token-file").arg(&right).env("HUBTALLY_TOKEN", "ht_wrong")), Some(0), "a flag wins");
    assert_eq!(list(hubtally().env("HUBTALLY_TOKEN_FILE", &wrong).env("HUBTALLY_TOKEN", &admin)), Some(0));
    assert_eq!(list(hubtally().env("HUBTALLY_TOKEN_FILE", &wrong)), Some(1));
    fs::write(folder.path().join("hubtally.toml"), format!("token_file = {right:?}\n")).unwrap();
    assert_eq!(list(hubtally().arg("--data").arg(folder.path())), Some(0));
}

#[test]
fn patterns_say_who_is_public_unless_the_catalog_does() {
    let server = Server::start(&["--now", "2026-06-10T12:00:00Z", "--public", "acme/*,listed/*", "--private", "*/secret*"]);
    let admin = format!("Bearer {}", server.token(&server.admin_cookie(), "admin"));
    let ask = |method: &str, path: &str, body: &str| {
        let reply =
            server.ask(method, path, &[("Authorization", &admin), ("Content-Type", "application/x-ndjson")], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    ask(
        "PUT",
        "/api/v1/repos",
        r#"[{"type":"model","id":"listed/private","private":true},{"type":"model","id":"listed/untold"}]"#,
    );
    let mut body = String::new();
    for repo in ["acme/m", "acme/Secret-1", "umbra/secret", "umbra/m", "listed/private", "listed/untold"] {
        // Without a user, from a hub that tells users: proof that the repo is public, unless somebody says otherwise.
        let proof = if repo == "umbra/secret" { r#","ip":"192.0.2.1""# } else { r#","user":"ada""# };
        body.push_str(&format!("{{\"ts\":1781092800,\"repo\":\"{repo}\",\"path\":\"a\"{proof}}}\n"));
    }
    let receipt = ask("POST", "/api/v1/events", &body);
    assert!(receipt["notes"][0].as_str().unwrap().starts_with("1 repo is private only because nothing tells"), "{receipt}");
    for (repo, status) in [
        ("acme/m", 200),
        ("acme/Secret-1", 404),
        ("umbra/secret", 404),
        ("umbra/m", 404),
        ("listed/private", 404),
        ("listed/untold", 200),
    ] {
        assert_eq!(server.get(&format!("/models/{repo}/stats")).status, status, "{repo}");
    }
    assert_eq!(server.get("/api/v1/hub/totals?from=2026-06-01").json()["downloads"], 2);
}

#[test]
fn a_server_below_a_path_answers_and_leads_there() {
    let server = Server::start(&["--base-path", "/downloads/", "--trusted-proxies", "127.0.0.0/8"]);
    for prefix in ["", "/downloads"] {
        assert_eq!(server.get(&format!("{prefix}/healthz")).status, 200);
        assert_eq!(server.get(&format!("{prefix}/api/v1/hub/totals.csv")).status, 200);
        let slash = server.get(&format!("{prefix}/models/a/b/stats/?days=3"));
        assert_eq!((slash.status, slash.header("location")), (307, Some("/downloads/models/a/b/stats?days=3")));
    }
    assert_eq!(server.get("/downloadsx/healthz").status, 404);
    let cookie = server.admin_cookie();
    let page = server.get_with("/downloads", &[("X-Forwarded-Proto", "https"), ("Cookie", &cookie)]);
    assert!(page.status == 200 && page.text().contains(&format!("https://{}/downloads/api/v1/events", server.address)));
    server.admin_key();
    let said = server.stderr();
    assert!(said.contains("/downloads/welcome?key="), "{said}");
    let wrong = hubtally().args(["serve", "--data", ":memory:", "--base-path", "downloads"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
