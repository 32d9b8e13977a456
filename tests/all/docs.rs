//! What the documentation says is so: its examples count as it says, and the messages it explains are the ones there are.

use std::fs;
use std::path::{Path, PathBuf};

use hubtally::ingest::{Place, Push, PushContent};
use hubtally::model::{Caller, DayRange, RejectReason, RepoKind, RepoName, SkipReason, SourceName};
use hubtally::query::View;

use crate::laws::{day, open};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// All sources as one text, with the string literals as they read when printed.
fn sources() -> String {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let texts = files.iter().map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let mut joined = String::new();
        let mut rest = text.as_str();
        // A backslash at a line's end joins the literal with the next line's first letter.
        while let Some((before, after)) = rest.split_once("\\\n") {
            joined.push_str(before);
            rest = after.trim_start();
        }
        joined.push_str(rest);
        joined.replace("\\\"", "\"")
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Whether the parts of a message stand in one literal: one after the other, close together.
fn occurs(message: &str, sources: &str) -> bool {
    const LITERAL_BYTES_MAX: usize = 400;
    let parts: Vec<&str> = message.split('…').filter(|part| part.trim().len() > 1).collect();
    let Some((first, rest)) = parts.split_first() else { return false };
    sources.match_indices(first).any(|(at, _)| {
        let mut end = (at + LITERAL_BYTES_MAX).min(sources.len());
        while !sources.is_char_boundary(end) {
            end -= 1;
        }
        let mut text = &sources[at + first.len()..end];
        rest.iter().all(|part| match text.split_once(part) {
            Some((_, after)) => {
                text = after;
                true
            }
            None => false,
        })
    })
}

#[test]
fn every_message_that_is_explained_is_one_that_there_is() {
    let sources = sources();
    let page = page("troubleshooting.md");
    let messages: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    assert!(messages.len() > 50, "{}", messages.len());
    for message in messages {
        assert!(occurs(message, &sources), "no such message in the sources: {message}");
    }
    assert!(!occurs("the disk is … empty: fill it", &sources));
}

#[test]
fn every_reason_of_a_receipt_is_explained() {
    let page = page("troubleshooting.md");
    let skipped = SkipReason::ALL.iter().map(|reason| (reason.word(), reason.sentence()));
    let rejected = RejectReason::ALL.iter().map(|reason| (reason.word(), reason.sentence()));
    for (word, sentence) in skipped.chain(rejected) {
        assert!(page.contains(&format!("| `{word}` | {sentence} |\n")), "{word}");
    }
}

/// The examples of the page: events, and the rows of the table that follows them.
fn examples(page: &str) -> Vec<(String, Vec<String>)> {
    let mut examples = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```ndjson\n") {
        let (events, after) = after.split_once("```\n").unwrap();
        let table = after.lines().skip_while(|line| !line.starts_with("| date |")).take_while(|line| line.starts_with('|'));
        let rows = table.skip(2).map(|row| row.split(['|', ' ']).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" "));
        let rows: Vec<String> = rows.collect();
        examples.push((events.to_owned(), rows));
        rest = after;
    }
    examples
}

#[test]
fn the_examples_of_how_numbers_are_counted_are_counted_so() {
    let examples = examples(&page("counting.md"));
    assert!(examples.len() >= 6, "{}", examples.len());
    for (events, expected) in examples {
        // 2026-05-10
        let today = 20_583;
        let engine = open(Place::Memory, today);
        let source = SourceName::default_source();
        let push = Push { source, body: events.clone().into_bytes(), content: PushContent::Json, idempotency_key: None };
        let receipt = engine.push(push).unwrap();
        assert!(receipt.rejected.is_empty(), "{receipt:?}");
        let view = View::of(&engine).unwrap();
        let repo = hubtally::model::RepoKey { kind: RepoKind::Model, name: RepoName::parse("myorg/mymodel").unwrap() };
        let number = view.repo(&repo, &Caller::admin()).unwrap().unwrap();
        let range = DayRange { first: day(today - 30), last: day(today) };
        let rows = view.recent(number, range, false, true).unwrap();
        let counted = rows.iter().map(|row| {
            let counts = &row.counts;
            format!(
                "{} {} {} {} {} {}",
                row.day,
                counts.downloads().0,
                counts.authenticated.0,
                counts.anonymous.0,
                counts.files.0,
                row.uniques.map_or(0, |uniques| uniques.0)
            )
        });
        assert_eq!(counted.collect::<Vec<_>>(), expected, "\n{events}");
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&path).unwrap();
        for (_, rest) in text.match_indices("](").map(|(at, mark)| text.split_at(at + mark.len())) {
            let target = rest.split(')').next().unwrap().split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(path.parent().unwrap().join(target).exists(), "{} links to {target}", path.display());
        }
    }
}

#[test]
fn the_image_listens_where_the_documentation_says() {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    for line in ["USER 65532:65532", "HUBTALLY_LISTEN=0.0.0.0:8642", "VOLUME /data", "CMD [\"serve\"]", "--chown=65532:65532"] {
        assert!(dockerfile.contains(line), "{line}");
    }
    // Whatever a build reads must reach the builder.
    let ignored = fs::read_to_string(root().join(".dockerignore")).unwrap();
    for input in ["Cargo.toml", "Cargo.lock", "askama.toml", "src", "benches", "tests/all"] {
        assert!(root().join(input).exists() && ignored.lines().any(|line| line == format!("!{input}")), "{input}");
    }
}

#[test]
fn the_dashboard_and_its_page_use_metrics_that_there_are() {
    let server = crate::server::Server::start(&[]);
    let admin = server.admin_cookie();
    let told = server.get_with("/metrics", &[("Cookie", &admin)]).text();
    let names: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let dashboard: serde_json::Value = serde_json::from_str(&page("grafana.json")).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        expressions.extend(panel["targets"].as_array().unwrap().iter().map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    assert!(expressions.len() >= 10);
    let text = page("monitoring.md") + &expressions.join("\n");
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for word in text.split(|c| !is_name(c)).filter(|word| word.starts_with("hubtally_") || word.starts_with("process_")) {
        // A server without a folder has no file to measure.
        assert!(names.contains(&word) || word == "hubtally_store_bytes", "{word}");
    }
}
