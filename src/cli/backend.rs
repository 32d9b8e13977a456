//! Where a command's answers come from: always a router, whether in this process, behind the owner's socket, or far away.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::configuration::Configuration;
use super::failure::Failure;
use crate::ingest::{Engine, EngineError};
use crate::serve::{Ask, Client, Upload, socket_exists};

/// How long a command waits for a server that has taken the folder and does not listen yet.
const HELD_PATIENCE: Duration = Duration::from_secs(5);
const HELD_PAUSE: Duration = Duration::from_millis(50);

/// Whether a command may make a data folder that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    MayBeNew,
    /// A reading command in the wrong place would leave an empty store behind and answer zeros.
    MustExist,
}

/// A successful answer: as it came, and as a value.
pub struct Answered {
    pub text: String,
    pub value: Value,
    /// The rule by which downloads were counted, if it is not the default.
    pub rule: Option<String>,
}

/// A router to ask, and the engine behind it if this process holds the folder.
pub struct Backend {
    pub client: Client,
    pub engine: Option<Arc<Engine>>,
}

impl Backend {
    /// Finds the router.
    pub fn open(configuration: &Configuration, folder: Folder) -> Result<Backend, Failure> {
        if let Some(server) = &configuration.server {
            return Ok(Backend { client: Client::network(&server.url, server.token.clone())?, engine: None });
        }
        let Some(path) = &configuration.folder else { return Backend::direct(configuration.open_engine()?) };
        if folder == Folder::MustExist && !path.is_dir() {
            let path = path.display();
            return Err(Failure::Failed(format!(
                "there is no data folder {path}: import a log first, or name the folder with --data or a server with --url"
            )));
        }
        let started = Instant::now();
        loop {
            match configuration.open_engine() {
                Ok(engine) => return Backend::direct(engine),
                Err(error) if !EngineError::is_held(&error) => return Err(error.into()),
                Err(_) if socket_exists(path) => {
                    let client = Client::socket(path.clone())?;
                    // A socket left by a killed server is there too; only an answer counts.
                    if ask(&client, "GET", "/healthz", Upload::Nothing).is_ok() {
                        return Ok(Backend { client, engine: None });
                    }
                }
                Err(error) if started.elapsed() > HELD_PATIENCE => return Err(error.into()),
                Err(_) => {}
            }
            if started.elapsed() > HELD_PATIENCE + HELD_PATIENCE {
                return Err(Failure::failed(format!("another process holds {} and does not answer", path.display())));
            }
            thread::sleep(HELD_PAUSE);
        }
    }

    fn direct(engine: Arc<Engine>) -> Result<Backend, Failure> {
        Ok(Backend { client: Client::in_process(Arc::clone(&engine))?, engine: Some(engine) })
    }

    /// Asks, and takes anything but a success for a failure.
    pub fn ask(&self, method: &str, path: &str, upload: Upload) -> Result<Answered, Failure> {
        ask(&self.client, method, path, upload)
    }

    /// Asks with GET.
    pub fn get(&self, path: &str) -> Result<Answered, Failure> {
        self.ask("GET", path, Upload::Nothing)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(engine) = &self.engine {
            engine.stop();
        }
    }
}

fn ask(client: &Client, method: &str, path: &str, upload: Upload) -> Result<Answered, Failure> {
    let reply = client.ask(Ask { method, path, upload, timeout: None })?;
    if !(200..300).contains(&reply.status) {
        return Err(Failure::of_reply(&reply));
    }
    let foreign = || Failure::failed("the answer is not from hubtally; is the URL right?");
    let text = String::from_utf8(reply.body).map_err(|_| foreign())?;
    let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).map_err(|_| foreign())? };
    Ok(Answered { text, value, rule: reply.rule })
}
