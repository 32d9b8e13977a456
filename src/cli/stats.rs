//! `hubtally stats`: figures of one repository.

use std::fs;

use serde_json::Value;

use super::arguments::{RepoArguments, StatsCommand};
use super::backend::{Answered, Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};
use crate::render::csv::CsvWriter;
use crate::render::number::grouped;

/// The measures of a day, in the order of the export.
const COLUMNS: [Column; 5] = [
    Column { title: "DATE", key: "date" },
    Column { title: "DOWNLOADS", key: "downloads" },
    Column { title: "AUTHENTICATED", key: "authenticated" },
    Column { title: "ANONYMOUS", key: "anonymous" },
    Column { title: "FILES", key: "files" },
];

/// Shows or exports them.
pub fn run(command: &StatsCommand, configuration: &Configuration) -> Result<(), Failure> {
    let backend = Backend::open(configuration, Folder::MustExist)?;
    match command {
        StatsCommand::Get { repo, json } => {
            let answer = labelled(backend.get(&path(repo, "stats"))?);
            if *json {
                return output::line(&answer.text);
            }
            let (downloads, likes) = (output::count(&answer.value, "downloads"), output::count(&answer.value, "likes"));
            output::text(&format!("downloads  {}\nlikes      {}\n", grouped(downloads), grouped(likes)))
        }
        StatsCommand::Recent { repo, days, json } => {
            let answer = labelled(backend.get(&path(repo, &format!("stats/recent?days={days}")))?);
            if *json { output::line(&answer.text) } else { output::table(&COLUMNS, output::rows(&answer.value, "stats")) }
        }
        StatsCommand::Export { repo, days, output } => {
            let answer = labelled(backend.get(&path(repo, &format!("stats/recent?days={days}")))?);
            let csv = csv(output::rows(&answer.value, "stats"));
            match output {
                None => output::text(&csv),
                Some(file) => {
                    let failed = |error| Failure::failed(format!("{} could not be written: {error}", file.display()));
                    fs::write(file, csv).map_err(failed)
                }
            }
        }
    }
}

/// Says beside the figures that they are another system's.
fn labelled(answer: Answered) -> Answered {
    if let Some(rule) = &answer.rule {
        eprintln!("by rule '{rule}': nothing of this repository was counted here, and these are another system's figures");
    }
    answer
}

fn path(repo: &RepoArguments, what: &str) -> String {
    format!("/api/{}s/{}/{what}", repo.kind, repo.repo)
}

fn csv(rows: &[Value]) -> String {
    let mut csv = CsvWriter::default();
    for column in &COLUMNS {
        csv.plain(column.key);
    }
    csv.end_row();
    for row in rows {
        for column in &COLUMNS {
            match row.get(column.key) {
                Some(Value::String(date)) => csv.text(date),
                _ => csv.plain(output::count(row, column.key)),
            };
        }
        csv.end_row();
    }
    csv.into_text()
}
