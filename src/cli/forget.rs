//! `hubtally forget`: removes somebody's events for good, and drops later ones.

use std::io::{self, IsTerminal, Read};

use clap::Args;
use serde_json::{Value, json};

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};
use crate::render::number::grouped;
use crate::serve::Upload;

const PATH: &str = "/api/v1/forget";

const COLUMNS: [Column; 2] = [Column { title: "WHO", key: "who" }, Column { title: "SINCE", key: "at" }];

#[derive(Args, Debug)]
#[command(
    after_help = "A person is a user id, an address, or a hash as exports show it (ht1_…). Better on standard input than on the command \
line, which shells and process lists remember. Of an address everybody behind it is forgotten, of an IPv6 address its /64.

Events and likes are removed from the store, the counts are made anew, and what comes later of these people is dropped and \
counted in receipts as `forgotten`. Only keyed hashes are kept, to know them by. Backups made before still hold the events.

Examples:
  hubtally forget < people.txt                 one person a line
  printf 'ada' | hubtally forget --json
  hubtally forget --list
  hubtally forget --undo < people.txt          what comes from now on counts again; what was removed stays removed"
)]
pub struct ForgetArguments {
    /// User ids, addresses or exported hashes; standard input without any
    #[arg(value_name = "PERSON")]
    pub people: Vec<String>,
    /// Take these people off the list; what was removed stays removed
    #[arg(long)]
    pub undo: bool,
    /// Show the list, as hashes
    #[arg(long, conflicts_with_all = ["undo", "people"])]
    pub list: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Forgets them.
pub fn run(arguments: &ForgetArguments, configuration: &Configuration) -> Result<(), Failure> {
    if arguments.list {
        let answer = Backend::open(configuration, Folder::MustExist)?.get(PATH)?;
        return match arguments.json {
            true => output::line(&answer.text),
            false => output::table(&COLUMNS, output::rows(&answer.value, "forgotten")),
        };
    }
    let people = people(arguments)?;
    let method = if arguments.undo { "DELETE" } else { "POST" };
    let upload = Upload::Json(json!({ "people": people }));
    let answer = Backend::open(configuration, Folder::MustExist)?.ask(method, PATH, upload)?;
    if arguments.json {
        return output::line(&answer.text);
    }
    output::line(&told(&answer.value, arguments.undo))
}

fn told(receipt: &Value, undone: bool) -> String {
    let count = |key: &str| output::count(receipt, key);
    let (people, known) = (count("people"), count("known"));
    if undone {
        return format!("{known} of {people} were on the list and are off it; what was removed stays removed");
    }
    let again = if known > 0 { format!(", {known} of them not for the first time") } else { String::new() };
    format!(
        "{} forgotten{again}: {} events of {} repositories on {} days and {} likes are removed, and later ones will be dropped",
        grouped(people),
        grouped(count("events")),
        grouped(count("repos")),
        grouped(count("days")),
        grouped(count("likes"))
    )
}

/// The people named on the command line, or one a line on standard input.
fn people(arguments: &ForgetArguments) -> Result<Vec<String>, Failure> {
    let mut people = arguments.people.clone();
    if people.is_empty() {
        if io::stdin().is_terminal() {
            eprintln!("hubtally: user ids, addresses or hashes, one a line; end with Ctrl-D");
        }
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text);
        read.map_err(|error| Failure::failed(format!("standard input cannot be read: {error}")))?;
        people = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    }
    if people.is_empty() {
        Err(Failure::Usage("nobody was named: a user id, an address or a hash a line".to_owned()))
    } else {
        Ok(people)
    }
}
