//! A node that hands its events on, killed and cut off as often as one likes, leaves the centre with the figures of one
//! import of everything.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::oracle::Random;
use crate::server::{Server, hubtally, run, said};

/// Logs of one node: an export, a proxy's log, and events without paths that happen twice in one millisecond.
fn logs(place: &Path) -> Vec<(String, String)> {
    let mut logs = Vec::new();
    for (source, format, seed) in [("exports", "hf-export", "1"), ("proxy", "combined", "2"), ("proxy", "combined", "3")] {
        let path = place.join(format!("{source}-{seed}.log")).to_str().unwrap().to_owned();
        let size = ["--rows", "12000", "--repos", "60", "--downloaders", "500", "--days", "20"];
        let what = ["generate", "--format", format, "--seed", seed, "--output", &path];
        said(place, &[what.as_slice(), &size].concat());
        logs.push((source.to_owned(), path));
    }
    let path = place.join("events.log").to_str().unwrap().to_owned();
    let mut file = fs::File::create(&path).unwrap();
    for number in 0..900_u64 {
        let ts = 1_777_700_000_000 + number / 3 * 400_000;
        let id = if number % 2 == 0 { format!(",\"id\":\"e{number}\"") } else { String::new() };
        let git = if number % 7 == 0 { ",\"method\":\"HEAD\"" } else { "" };
        writeln!(
            file,
            "{{\"ts\":{ts},\"repo\":\"o/r{}\",\"ip\":\"2001:db8::{}\",\"bytes\":7{id}{git}}}",
            number % 5,
            number % 11
        )
        .unwrap();
    }
    logs.push(("events".to_owned(), path));
    logs
}

fn import(folder: &Path, (source, path): &(String, String)) {
    said(folder, &["import", "--source", source, path]);
}

/// What a store answers about everything.
fn figures(server: &Server, bearer: &str) -> Vec<(String, String)> {
    let range = "from=2026-01-01&to=2026-12-31";
    let mut paths = vec!["/api/trending?repo_type=all&days=90&limit=100".to_owned()];
    for scope in ["hub", "types/model", "types/dataset", "orgs/org-1", "orgs/o", "repos/model/o/r1"] {
        for figure in
            ["totals", "uniques", "series", "cohorts", "breakdown?by=country", "breakdown?by=library", "breakdown?by=source"]
        {
            let mark = if figure.contains('?') { '&' } else { '?' };
            paths.push(format!("/api/v1/{scope}/{figure}{mark}{range}"));
        }
        paths.push(format!("/api/v1/{scope}/totals?rule=requests&{range}"));
    }
    let ask = |path: String| {
        let reply = server.get_with(&path, &[("Authorization", bearer)]);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        (path, reply.text())
    };
    paths.into_iter().map(ask).collect()
}

#[test]
fn a_node_that_is_killed_and_cut_off_hands_on_everything_once() {
    let place = tempfile::tempdir().unwrap();
    let (node, centre, whole) = (place.path().join("node"), place.path().join("centre"), place.path().join("whole"));
    let mut random = Random::new(17);
    let token_of_whole = said(&whole, &["token", "create", "--scope", "admin"]).trim().to_owned();
    for folder in [&node, &centre] {
        fs::create_dir(folder).unwrap();
        fs::copy(whole.join("secret.key"), folder.join("secret.key")).unwrap();
    }
    let tokens = [said(&centre, &["token", "create", "--scope", "admin"]).trim().to_owned(), token_of_whole];
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let to = format!("http://{listen}");
    let now = ["--now", "2026-07-01T00:00:00Z"];
    let serve = |folder: &Path, listen: &str| Server::start_in(folder, &[now.as_slice(), &["--listen", listen]].concat());
    let forward = |arguments: &[&str]| {
        let mut command = hubtally();
        command.arg("--data").arg(&node).args(["forward", "--to", &to, "--every", "1", "--to-token", &tokens[0]]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let logs = logs(place.path());
    import(&node, &logs[0]);
    assert_eq!(run(&node, &["forward", "--to", &to, "--once"]).status.code(), Some(1), "nobody listens there");
    let mut kills = 0;
    for log in logs {
        import(&whole, &log);
        // The node itself serves half of the time, and takes the log in while it forwards.
        let serving = random.chance(50).then(|| serve(&node, "127.0.0.1:0"));
        for round in 0..4 {
            let mut child = forward(&[]).spawn().unwrap();
            let server = serve(&centre, &listen);
            if round == 1 {
                import(&node, &log);
            }
            std::thread::sleep(Duration::from_millis(random.below(700)));
            // Dropping a server kills it; the node goes before it or after it.
            if random.chance(50) {
                drop(server);
                std::thread::sleep(Duration::from_millis(random.below(200)));
                child.kill().unwrap();
            } else {
                child.kill().unwrap();
                drop(server);
            }
            child.wait().unwrap();
            kills += 2;
        }
        drop(serving);
    }
    let server = serve(&centre, &listen);
    assert!(forward(&["--once"]).status().unwrap().success());
    let told = said(&node, &["forward", "--to", &to, "--once", "--to-token", &tokens[0]]);
    assert!(told.starts_with("0 events"), "{told}");
    let everything = serve(&whole, "127.0.0.1:0");
    let forwarded = figures(&server, &format!("Bearer {}", tokens[0]));
    let imported = figures(&everything, &format!("Bearer {}", tokens[1]));
    println!("{kills} kills, {} figures", forwarded.len());
    for (forwarded, imported) in forwarded.iter().zip(&imported) {
        assert_eq!(forwarded, imported);
    }

    let wrong = run(&node, &["forward", "--to", &to, "--once", "--to-token", "ht_wrong"]);
    assert_eq!(wrong.status.code(), Some(0), "nothing is left to hand on, so nobody is asked");
    let late = place.path().join("late.log");
    fs::write(&late, "{\"ts\":1777700000000,\"repo\":\"o/late\",\"user\":\"u\"}\n").unwrap();
    import(&node, &("events".to_owned(), late.to_str().unwrap().to_owned()));
    let wrong = run(&node, &["forward", "--to", &to, "--once", "--to-token", "wrong"]);
    assert_eq!(wrong.status.code(), Some(1));
    let tls = run(&node, &["forward", "--to", "https://centre", "--once"]);
    assert_eq!(tls.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&tls.stderr).contains("plain HTTP"));
}

#[test]
fn a_token_that_pushes_neither_sets_a_source_nor_hands_on_hashes_of_another_key() {
    let place = tempfile::tempdir().unwrap();
    let (node, centre) = (place.path().join("node"), place.path().join("centre"));
    let admin = format!("Bearer {}", said(&centre, &["token", "create", "--scope", "admin"]).trim());
    let token = said(&centre, &["token", "create", "--scope", "ingest:proxy"]).trim().to_owned();
    let log = place.path().join("proxy.log");
    let lines = "192.0.2.1 - - [01/May/2026:10:00:00 +0000] \"GET /acme/m/resolve/main/f.bin HTTP/1.1\" 200 5 \"-\" \"curl/8\"\n";
    fs::write(&log, lines).unwrap();
    let log = ("proxy".to_owned(), log.to_str().unwrap().to_owned());
    import(&node, &log);
    let server = Server::start_in(&centre, &["--now", "2026-07-01T00:00:00Z"]);
    let to = format!("http://{}", server.address);
    let forward = |folder: &Path| {
        let output = run(folder, &["forward", "--to", &to, "--once", "--to-token", &token]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let stored = |expected: usize| {
        let list = server.get_with("/api/v1/deliveries", &[("Authorization", &admin)]).json();
        assert_eq!(list["deliveries"].as_array().unwrap().len(), expected, "{list}");
    };
    let (code, why) = forward(&node);
    assert!(code == Some(1) && why.contains("another secret key"), "{why}");
    stored(0);

    let node = place.path().join("node-of-the-key");
    fs::create_dir(&node).unwrap();
    fs::copy(centre.join("secret.key"), node.join("secret.key")).unwrap();
    import(&node, &log);
    let (code, why) = forward(&node);
    let remedy = "hubtally source set proxy --redirects handoff --head-redirect probe --knows-users false";
    assert!(code == Some(1) && why.contains(remedy), "{why}");
    stored(0);
    let list = server.get_with("/api/v1/sources", &[("Authorization", &admin)]).text();
    assert!(!list.contains("proxy"), "a refused push leaves no source behind: {list}");

    said(&centre, &remedy.split(' ').skip(1).collect::<Vec<_>>());
    let (code, why) = forward(&node);
    assert_eq!(code, Some(0), "{why}");
    stored(1);
    let repo = |bearer: &str| server.get_with("/api/v1/repos/model/acme/m/totals?days=90", &[("Authorization", bearer)]);
    assert_eq!(repo(&admin).json()["downloads"], 1, "{}", repo(&admin).text());
    assert_eq!(server.get("/api/v1/repos/model/acme/m/totals?days=90").status, 404, "a log without users proves nothing");
}
