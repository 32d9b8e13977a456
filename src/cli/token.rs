//! `hubtally token`: makes, lists and revokes tokens.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::arguments::TokenCommand;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output::{self, Column};
use crate::serve::Upload;

const PATH: &str = "/api/v1/tokens";

const COLUMNS: [Column; 5] = [
    Column { title: "ID", key: "id" },
    Column { title: "SCOPE", key: "scope" },
    Column { title: "NOTE", key: "note" },
    Column { title: "CREATED", key: "created" },
    Column { title: "EXPIRES", key: "expires" },
];

/// Does what was asked with tokens.
pub fn run(command: &TokenCommand, configuration: &Configuration) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { scope, note, expires } => {
            let expires = expires.map(|at| at.to_string());
            let new = json!({ "scope": scope, "note": note, "expires": expires });
            // A token may be made before the first start of a server.
            let answer = Backend::open(configuration, Folder::MayBeNew)?.ask("POST", PATH, Upload::Json(new))?;
            let token = answer.value.get("token").and_then(Value::as_str);
            output::line(token.ok_or_else(|| Failure::failed("the answer holds no token"))?)
        }
        TokenCommand::List { json } => {
            let answer = Backend::open(configuration, Folder::MustExist)?.get(PATH)?;
            if *json { output::line(&answer.text) } else { output::table(&COLUMNS, output::rows(&answer.value, "tokens")) }
        }
        TokenCommand::Revoke { id } => {
            let path = format!("{PATH}/{}", utf8_percent_encode(id, NON_ALPHANUMERIC));
            Backend::open(configuration, Folder::MustExist)?.ask("DELETE", &path, Upload::Nothing)?;
            output::line(&format!("token {id} is revoked"))
        }
    }
}
