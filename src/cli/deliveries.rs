//! `hubtally deliveries`: what came in.

use super::arguments::ListArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};

const COLUMNS: [Column; 11] = [
    Column { title: "DELIVERY", key: "delivery" },
    Column { title: "KIND", key: "kind" },
    Column { title: "SOURCE", key: "source" },
    Column { title: "NAME", key: "name" },
    Column { title: "ARRIVED", key: "arrived" },
    Column { title: "LINES", key: "lines" },
    Column { title: "ACCEPTED", key: "accepted" },
    Column { title: "REPEATED", key: "repeated" },
    Column { title: "SKIPPED", key: "skipped" },
    Column { title: "REJECTED", key: "rejected" },
    Column { title: "STATE", key: "state" },
];

const FOLLOWING: [Column; 5] = [
    Column { title: "FOLLOWED LOG", key: "file" },
    Column { title: "SOURCE", key: "source" },
    Column { title: "STATE", key: "state" },
    Column { title: "BYTES BEHIND", key: "behind_bytes" },
    Column { title: "PROBLEM", key: "problem" },
];

/// Lists the deliveries, and the logs that are followed.
pub fn run(arguments: &ListArguments, configuration: &Configuration) -> Result<(), Failure> {
    let answer = Backend::open(configuration, Folder::MustExist)?.get("/api/v1/deliveries")?;
    if arguments.json {
        return output::line(&answer.text);
    }
    output::table(&COLUMNS, output::rows(&answer.value, "deliveries"))?;
    match output::rows(&answer.value, "following") {
        [] => Ok(()),
        following => output::line("").and_then(|()| output::table(&FOLLOWING, following)),
    }
}
