//! `hubtally trending`: repositories ranked by recent downloads.

use super::arguments::TrendingArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};

const COLUMNS: [Column; 6] = [
    Column { title: "REPOSITORY", key: "id" },
    Column { title: "TYPE", key: "type" },
    Column { title: "RECENT", key: "recent_downloads" },
    Column { title: "ALL TIME", key: "downloads" },
    Column { title: "LIKES", key: "likes" },
    Column { title: "PRIVATE", key: "private" },
];

/// Shows the top.
pub fn run(arguments: &TrendingArguments, configuration: &Configuration) -> Result<(), Failure> {
    let TrendingArguments { kind, days, limit, json } = arguments;
    let path = format!("/api/trending?repo_type={kind}&days={days}&limit={limit}");
    let answer = Backend::open(configuration, Folder::MustExist)?.get(&path)?;
    if *json { output::line(&answer.text) } else { output::table(&COLUMNS, output::rows(&answer.value, "trending")) }
}
