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

/// Lists the deliveries.
pub fn run(arguments: &ListArguments, configuration: &Configuration) -> Result<(), Failure> {
    let answer = Backend::open(configuration, Folder::MustExist)?.get("/api/v1/deliveries")?;
    if arguments.json { output::line(&answer.text) } else { output::table(&COLUMNS, output::rows(&answer.value, "deliveries")) }
}
