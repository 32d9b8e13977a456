//! Real traffic: lines that real clients made a real nginx write, and what they count as.
//!
//! `tests/traffic/run` starts the clients, captures the lines and checks them against the same table.

use std::io::Cursor;

use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place};
use hubtally::model::{Caller, DayRange, Format, Millis, RepoKey, RepoKind, RepoName, SourceName};
use hubtally::query::{Scope, View};

const EXPECTED: &str = include_str!("../../data/real-clients.tsv");
const NGINX_JSON: &[u8] = include_bytes!("../../data/real-clients-nginx.json");
const COMBINED: &[u8] = include_bytes!("../../data/real-clients-combined.log");

/// Downloads, those by users among them, files and unique downloaders.
type Counts = [u64; 4];

fn imported(log: &'static [u8]) -> (std::sync::Arc<Engine>, Format) {
    let now = Millis::parse_rfc3339("2027-01-01T00:00:00Z");
    let engine = Engine::open(&OpenOptions { place: Place::Memory, default_public: false, frozen_now: now }).unwrap();
    let options = ImportOptions {
        source: SourceName::default_source(),
        name: "real clients".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    let receipt = engine.import(Box::new(Cursor::new(log)), &options, &|_| {}).unwrap();
    assert!(receipt.adds_up() && receipt.rejected.is_empty() && receipt.repeated == 0, "{receipt:?}");
    let first = log.split(|byte| *byte == b'\n').next().unwrap();
    (engine, hubtally::parse::LineParser::detect(first).unwrap().format())
}

fn counts(engine: &Engine, repo: &RepoKey) -> Counts {
    let view = View::of(engine).unwrap();
    let admin = Caller::admin();
    let range = DayRange::ending(engine.today(), 365);
    let scope = Scope::Repo(repo.clone());
    let Some(sums) = view.scope_totals(&scope, range, &admin).unwrap() else { return [0; 4] };
    let uniques = view.uniques(&scope, range, &admin).unwrap().unwrap_or_default();
    [sums.downloads().0, sums.authenticated.0, sums.files.0, uniques.0]
}

/// The rows of the table: repo, counts by nginx-json, counts by combined, what it is.
fn expected() -> impl Iterator<Item = (RepoKey, Counts, Counts, &'static str)> {
    EXPECTED.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| cells[at].parse().unwrap();
        let key = RepoKey { kind: RepoKind::from_word(cells[0]).unwrap(), name: RepoName::parse(cells[1]).unwrap() };
        (key, [2, 3, 4, 5].map(number), [6, 7, 8, 9].map(number), cells[10])
    })
}

#[test]
fn each_real_client_is_one_session_with_its_files() {
    let (by_json, json) = imported(NGINX_JSON);
    let (by_combined, combined) = imported(COMBINED);
    assert_eq!((json, combined), (Format::NginxJson, Format::Combined));
    let mut sums = [0; 2];
    for (repo, of_json, of_combined, what) in expected() {
        assert_eq!(counts(&by_json, &repo), of_json, "nginx-json: {repo}: {what}");
        assert_eq!(counts(&by_combined, &repo), of_combined, "combined: {repo}: {what}");
        sums[0] += of_json[0];
        sums[1] += of_combined[0];
    }
    // Nothing counts that the table does not name.
    for (engine, sum) in [(&by_json, sums[0]), (&by_combined, sums[1])] {
        let view = View::of(engine).unwrap();
        let all = view.scope_totals(&Scope::Hub, DayRange::ending(engine.today(), 365), &Caller::admin()).unwrap();
        assert_eq!(all.unwrap().downloads().0, sum);
    }
}

#[test]
fn a_log_that_came_in_twice_or_grows_counts_once() {
    let (engine, _) = imported(NGINX_JSON);
    let middle = NGINX_JSON.len() / 2;
    let cut = middle + NGINX_JSON[middle..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let options = ImportOptions {
        source: SourceName::default_source(),
        name: "the second half".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    let receipt = engine.import(Box::new(Cursor::new(&NGINX_JSON[cut..])), &options, &|_| {}).unwrap();
    assert_eq!(receipt.accepted, 0, "{receipt:?}");
    for (repo, of_json, _, what) in expected() {
        assert_eq!(counts(&engine, &repo), of_json, "{repo}: {what}");
    }
}
