//! `hubtally report`: how the repos of an organisation did, as text, a page or CSV; for a weekly mail.

use std::fs;
use std::path::PathBuf;

use askama::Template;
use clap::Args;
use serde_json::Value;

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::model::{OrgName, RepoKind};
use crate::render::report::{Report, ReportRow};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hubtally report myorg
  hubtally report myorg --format html --output report.html
  hubtally report myorg --days 30 --format csv")]
pub struct ReportArguments {
    /// The organization
    #[arg(value_name = "ORG", value_parser = org)]
    pub org: String,
    /// Days, today included; compared with as many before
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=182))]
    pub days: u16,
    /// Layout of the report
    #[arg(long, default_value = "text", value_parser = ["text", "html", "csv"])]
    pub format: String,
    /// File to write; standard output without it
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Asks for every repo of the organisation, and writes what is found.
pub fn run(arguments: &ReportArguments, configuration: &Configuration) -> Result<(), Failure> {
    let backend = Backend::open(configuration, Folder::MustExist)?;
    let report = report(&backend, arguments)?;
    let text = match arguments.format.as_str() {
        "html" => report.render().map_err(|error| Failure::failed(format!("the report cannot be written: {error}")))?,
        "csv" => report.csv(),
        _ => report.text(),
    };
    match &arguments.output {
        None => output::text(&text),
        Some(file) => {
            fs::write(file, text).map_err(|error| Failure::failed(format!("{} cannot be written: {error}", file.display())))
        }
    }
}

fn report(backend: &Backend, arguments: &ReportArguments) -> Result<Report, Failure> {
    let org = &arguments.org;
    // One answer says that there is such an organisation, and which days are asked for.
    let today = backend.get("/api/trending?limit=1&days=1")?.value;
    let last = today.pointer("/period/end").and_then(Value::as_str).and_then(crate::model::Day::parse);
    let last = last.ok_or_else(|| Failure::failed("the answer is not from hubtally; is the URL right?"))?;
    let range = crate::model::DayRange::ending(last, arguments.days);
    let uniques = backend.get(&format!("/api/v1/orgs/{org}/uniques?from={}&to={}", range.first, range.last))?.value;
    let mut rows = Vec::new();
    for kind in RepoKind::ALL {
        for repo in repos(backend, kind, org)? {
            rows.push(row(backend, kind, &repo, arguments.days)?);
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.recent));
    Ok(Report {
        org: org.clone(),
        days: arguments.days,
        first: range.first.to_string(),
        last: range.last.to_string(),
        unique_downloaders: output::count(&uniques, "unique_downloaders"),
        rows,
    })
}

/// All repos of a type, page by page.
fn repos(backend: &Backend, kind: RepoKind, org: &str) -> Result<Vec<Value>, Failure> {
    const PAGE: usize = 1000;
    let mut repos: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/{}?author={org}&sort=downloads&limit={PAGE}{cursor}", kind.plural());
        let Value::Array(page) = backend.get(&path)?.value else { return Ok(repos) };
        let whole = page.len() == PAGE;
        repos.extend(page);
        match repos.last().filter(|_| whole) {
            Some(last) => cursor = format!("&cursor={}:{}", output::count(last, "downloads"), id(last)),
            None => return Ok(repos),
        }
    }
}

fn row(backend: &Backend, kind: RepoKind, repo: &Value, days: u16) -> Result<ReportRow, Failure> {
    let path = format!("/api/{}/{}/stats/recent?days={}", kind.plural(), id(repo), 2 * days);
    let recent = backend.get(&path)?.value;
    let end = recent.pointer("/period/end").and_then(Value::as_str).and_then(crate::model::Day::parse).unwrap_or_default();
    let since = crate::model::DayRange::ending(end, days).first.to_string();
    let (mut now, mut before) = (0, 0);
    for day in output::rows(&recent, "stats") {
        let is_recent = day.get("date").and_then(Value::as_str).is_some_and(|date| *date >= *since);
        *(if is_recent { &mut now } else { &mut before }) += output::count(day, "downloads");
    }
    Ok(ReportRow {
        kind: kind.word().to_owned(),
        id: id(repo).to_owned(),
        downloads: output::count(repo, "downloadsAllTime"),
        recent: now,
        before,
        likes: output::count(repo, "likes"),
        private: repo.get("private").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn id(repo: &Value) -> &str {
    repo.get("id").and_then(Value::as_str).unwrap_or_default()
}

fn org(text: &str) -> Result<String, String> {
    OrgName::parse(text).map(|org| org.to_string()).ok_or_else(|| "an organization is written like myorg".to_owned())
}
