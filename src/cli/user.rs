//! `hubtally user`: people who sign in.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::arguments::ListArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};
use crate::model::{PersonName, Role};
use crate::serve::Upload;

const PATH: &str = "/api/v1/people";

const COLUMNS: [Column; 4] = [
    Column { title: "NAME", key: "name" },
    Column { title: "ROLES", key: "roles" },
    Column { title: "PASSWORD", key: "password" },
    Column { title: "CREATED", key: "created" },
];

#[derive(Subcommand, Debug)]
#[command(after_help = "Roles:
  admin            everything
  publisher:ORG    private repositories and exports of an organization
  reader:ORG       private repositories of an organization

Examples:
  hubtally user add ada --role admin
  hubtally user add bob --role publisher:myorg --role reader:otherorg --password-file bob.txt
  hubtally user role bob --add reader:third --remove reader:otherorg

A password is asked for on the terminal, or read from a file (`-` is standard input); it never stands on the command line.")]
pub enum UserCommand {
    /// Make an account
    Add(AddArguments),
    /// List the accounts
    List(ListArguments),
    /// Set somebody's password, which ends their sessions
    Passwd(PasswdArguments),
    /// Give and take roles
    Role(RoleArguments),
    /// Remove an account with its sessions and tokens
    Remove {
        /// Name of the person
        #[arg(value_name = "NAME", value_parser = name)]
        name: String,
    },
}

#[derive(Args, Debug)]
pub struct AddArguments {
    /// Name of the person
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// admin, publisher:ORG or reader:ORG; may be given several times
    #[arg(long = "role", value_name = "ROLE", value_parser = role)]
    pub roles: Vec<String>,
    /// File with the password in its first line; `-` is standard input
    #[arg(long, value_name = "FILE", env = "HUBTALLY_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// No password: only a trusted proxy can sign this person in
    #[arg(long, conflicts_with = "password_file")]
    pub no_password: bool,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct PasswdArguments {
    /// Name of the person
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// File with the password in its first line; `-` is standard input
    #[arg(long, value_name = "FILE", env = "HUBTALLY_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct RoleArguments {
    /// Name of the person
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: String,
    /// A role to give; may be given several times
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub add: Vec<String>,
    /// A role to take; may be given several times
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub remove: Vec<String>,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

fn name(text: &str) -> Result<String, String> {
    PersonName::parse(text).map(|name| name.to_string()).ok_or_else(|| PersonName::HINT.to_owned())
}

fn role(text: &str) -> Result<String, String> {
    let hint = "a role of people is admin, publisher:ORG or reader:ORG";
    Role::parse(text).filter(Role::is_for_people).map(|role| role.to_string()).ok_or_else(|| hint.to_owned())
}

/// Does what was asked with accounts.
pub fn run(command: &UserCommand, configuration: &Configuration) -> Result<(), Failure> {
    match command {
        UserCommand::Add(arguments) => add(arguments, configuration),
        UserCommand::List(arguments) => {
            let answer = Backend::open(configuration, Folder::MustExist)?.get(PATH)?;
            if arguments.json { output::line(&answer.text) } else { show(output::rows(&answer.value, "people")) }
        }
        UserCommand::Passwd(arguments) => {
            let password = password(arguments.password_file.as_deref(), &arguments.name)?;
            change(configuration, &arguments.name, json!({ "password": password }))?;
            output::line(&format!("the password of {} is set; their sessions have ended", arguments.name))
        }
        UserCommand::Role(arguments) => {
            if arguments.add.is_empty() && arguments.remove.is_empty() {
                return Err(Failure::Usage("name a role, as in --add publisher:myorg or --remove admin".to_owned()));
            }
            let asked = json!({ "add_roles": arguments.add, "remove_roles": arguments.remove });
            let person = change(configuration, &arguments.name, asked)?;
            if arguments.json { output::line(&person.to_string()) } else { show(&[person]) }
        }
        UserCommand::Remove { name } => {
            let backend = Backend::open(configuration, Folder::MustExist)?;
            backend.ask("DELETE", &format!("{PATH}/{name}"), Upload::Nothing)?;
            output::line(&format!("{name} is removed, with all sessions and tokens"))
        }
    }
}

fn add(arguments: &AddArguments, configuration: &Configuration) -> Result<(), Failure> {
    let mut new = Map::from_iter([("name".to_owned(), json!(arguments.name)), ("roles".to_owned(), json!(arguments.roles))]);
    if !arguments.no_password {
        let password = password(arguments.password_file.as_deref(), &arguments.name)?;
        new.insert("password".to_owned(), json!(password));
    }
    // An account may be made before the first start of a server.
    let backend = Backend::open(configuration, Folder::MayBeNew)?;
    let answer = backend.ask("POST", PATH, Upload::Json(Value::Object(new)))?;
    if arguments.json { output::line(&answer.text) } else { show(&[answer.value]) }
}

fn change(configuration: &Configuration, name: &str, change: Value) -> Result<Value, Failure> {
    let backend = Backend::open(configuration, Folder::MustExist)?;
    Ok(backend.ask("PUT", &format!("{PATH}/{name}"), Upload::Json(change))?.value)
}

/// The password: the first line of a file or of standard input, else what is typed twice.
fn password(file: Option<&Path>, name: &str) -> Result<String, Failure> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    if let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) {
        if file.as_os_str() == "-" {
            let mut text = String::new();
            let unreadable = |error| Failure::failed(format!("standard input cannot be read: {error}"));
            io::stdin().read_to_string(&mut text).map_err(unreadable)?;
            return Ok(first_line(text));
        }
        let unreadable = |error| Failure::failed(format!("the password in {} cannot be read: {error}", file.display()));
        return fs::read_to_string(file).map(first_line).map_err(unreadable);
    }
    if !io::stdin().is_terminal() {
        let sentence =
            "there is no terminal to ask for the password: name a file with --password-file, or `-` for standard input";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let ask = |question: String| {
        let unreadable = |error| Failure::failed(format!("the password cannot be read: {error}"));
        rpassword::prompt_password(question).map_err(unreadable)
    };
    let typed = ask(format!("Password of {name}: "))?;
    if ask("Once more: ".to_owned())? != typed {
        return Err(Failure::failed("these were two different passwords; nothing was changed"));
    }
    Ok(typed)
}

fn show(people: &[Value]) -> Result<(), Failure> {
    let shown: Vec<Value> = people
        .iter()
        .map(|person| {
            let mut person = person.clone();
            let roles: Vec<&str> = output::rows(&person, "roles").iter().filter_map(Value::as_str).collect();
            person["roles"] = roles.join(" ").into();
            person
        })
        .collect();
    output::table(&COLUMNS, &shown)
}
