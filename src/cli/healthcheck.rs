//! `hubtally healthcheck`: for containers and monitors.

use std::time::Duration;

use serde_json::Value;

use super::arguments::HealthcheckArguments;
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::serve::{Ask, Client, Upload, socket_exists};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the running server: the one given, else the one that holds the folder, else the one at the usual address.
/// Never opens the store itself: that would only prove that no server runs.
pub fn run(arguments: &HealthcheckArguments, configuration: &Configuration) -> Result<(), Failure> {
    let client = match (&configuration.server, &configuration.folder) {
        (Some(server), _) => Client::network(&server.url, server.token.clone())?,
        (None, Some(folder)) if socket_exists(folder) => Client::socket(folder.clone())?,
        (None, _) => Client::network(&format!("http://{}", reachable(&arguments.listen)), None)?,
    };
    let reply = client.ask(Ask { method: "GET", path: "/readyz", upload: Upload::Nothing, timeout: Some(TIMEOUT) })?;
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if arguments.json {
        output::line(&answer.to_string())?;
    }
    let status = answer.get("status").and_then(Value::as_str).unwrap_or("unknown");
    if reply.status == 200 && status == "ok" {
        return if arguments.json { Ok(()) } else { output::line("ok") };
    }
    let reasons = output::rows(&answer, "reasons").iter().filter_map(Value::as_str);
    let told: Vec<&str> = std::iter::once(status).chain(reasons).collect();
    Err(Failure::failed(format!("the server answers, and says: {}", told.join("; "))))
}

/// A server that listens on every address is asked on this machine's own.
fn reachable(listen: &str) -> String {
    match listen.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => listen.to_owned(),
    }
}
