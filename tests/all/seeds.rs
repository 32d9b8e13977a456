//! The seeds' own Python and JavaScript run unchanged against a small hub on the port they name.
//!
//! The scripts stand in a text beside the project (`HUBTALLY_SEEDS`, else `../shared/seeds`) whose indentation was lost;
//! `tests/seeds/python-indentation.txt` says how deep each line stands. Nothing else of them is touched: what they import
//! from a hub's own package is stubbed, and missing programs are said, not hidden.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::server::Server;

const SCRIPTS: &str = "001_36e8dce839eed53f.txt";
const JAVASCRIPT_LINES: std::ops::RangeInclusive<usize> = 413..=475;

fn seed_lines() -> Option<Vec<String>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
    let folder = std::env::var_os("HUBTALLY_SEEDS").map_or_else(beside, PathBuf::from);
    let text = fs::read_to_string(folder.join(SCRIPTS)).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

/// The Python of the seed, indented again.
fn python(lines: &[String]) -> String {
    let mut script = String::new();
    for range in include_str!("../seeds/python-indentation.txt").lines().filter(|line| !line.starts_with('#')) {
        let numbers: Vec<usize> = range.split([' ', '-']).map(|number| number.parse().unwrap()).collect();
        for line in &lines[numbers[0] - 1..numbers[1]] {
            writeln!(script, "{}{line}", "    ".repeat(numbers[2])).unwrap();
        }
    }
    script
}

/// A Python that has `requests`, as `tests/run` sets it up or as the machine has it.
fn python_with_requests() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python3");
    [own, PathBuf::from("python3")].into_iter().find(|python| works(python, &["-c", "import requests"]))
}

fn works(program: impl AsRef<Path>, arguments: &[&str]) -> bool {
    Command::new(program.as_ref()).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn text(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    String::from_utf8(text).unwrap()
}

/// A hub with a model and a dataset of `myorg` that were downloaded today and in the days before.
fn fill(server: &Server) {
    let cookie = server.admin_cookie();
    let token = format!("Bearer {}", server.token(&cookie, "ingest:default"));
    let now: u128 = 1_780_315_200_000; // 2026-06-01T12:00:00Z
    let mut body = Vec::new();
    for back in 0..40_u128 {
        for person in 0..=40 - back {
            let ts = now - back * 86_400_000 - person * 1_000;
            let (kind, repo) = if person % 4 == 0 { ("dataset", "myorg/mydataset") } else { ("model", "myorg/mymodel") };
            let user = if person % 3 == 0 { format!(r#","user":"u{person}""#) } else { String::new() };
            let event = format!(
                r#"{{"ts":{ts},"repo_type":"{kind}","repo":"{repo}","path":"config.json","ip":"198.51.100.{person}"{user}}}"#
            );
            writeln!(body, "{event}").unwrap();
        }
    }
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/x-ndjson")];
    let reply = server.post("/api/v1/events", &headers, &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn the_scripts_of_the_seeds_run_unchanged() {
    let Some(lines) = seed_lines() else {
        println!("did not run: the seeds' text is not beside the project (HUBTALLY_SEEDS names its folder)");
        return;
    };
    // The scripts name this port. Somebody else's server on it would answer with its own numbers.
    if std::net::TcpListener::bind("127.0.0.1:28080").is_err() {
        println!("did not run: port 28080, which the scripts name, is taken");
        return;
    }
    let server = Server::start(&["--listen", "127.0.0.1:28080", "--now", "2026-06-01T12:00:00Z"]);
    fill(&server);
    let folder = tempfile::tempdir().unwrap();
    match python_with_requests() {
        None => println!("did not run: the seeds' Python, for want of python3 with requests (tests/run installs it)"),
        Some(interpreter) => {
            let stub = folder.path().join("kohakuhub/api");
            fs::create_dir_all(&stub).unwrap();
            fs::write(stub.join("repo.py"), "def list_repositories():\n    return []\n").unwrap();
            fs::write(folder.path().join("seed.py"), python(&lines)).unwrap();
            let said = text(&Command::new(interpreter).arg("seed.py").current_dir(folder.path()).output().unwrap());
            for expected in [
                "Total Downloads: 630\n",
                "=== Statistics Summary: myorg/mymodel ===",
                "1. myorg/mymodel: 197 downloads",
                "Exported statistics to myorg_mymodel_stats_",
                "Top 5 Trending Datasets (Last 7 Days)",
                "dataset/myorg/mydataset",
            ] {
                assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
            }
            assert!(!said.contains("Error:"), "{said}");
            let exported = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let csv = exported.into_iter().find(|path| path.extension().is_some_and(|end| end == "csv")).unwrap();
            let csv = fs::read_to_string(csv).unwrap();
            assert_eq!(csv.lines().next(), Some("date,downloads,authenticated,anonymous,files"));
            assert_eq!(csv.lines().count(), 1 + 40, "every day from the first known one on");
        }
    }
    if works("node", &["-e", "fetch"]) {
        let script = lines[JAVASCRIPT_LINES.start() - 1..*JAVASCRIPT_LINES.end()].join("\n");
        // A module, so that the script may wait at its top level, as it does.
        let file = folder.path().join("seed.mjs");
        fs::write(&file, script).unwrap();
        let said = text(&Command::new("node").arg(file).output().unwrap());
        for expected in ["Downloads: 630", "Top Trending Models:", "1. myorg/mymodel: 197 downloads", "30-day growth: "] {
            assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
        }
    } else {
        println!("did not run: the seeds' JavaScript, for want of node 18 or later");
    }
}
