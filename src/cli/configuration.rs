//! The command line and the environment as meant.

use std::env;
use std::fs;
use std::path::PathBuf;

use super::arguments::Common;
use super::failure::Failure;
use crate::ingest::{OpenOptions, Place};
use crate::model::Millis;

/// What every command works with.
pub struct Configuration {
    /// The data folder; `None` keeps everything in memory.
    pub folder: Option<PathBuf>,
    pub now: Option<Millis>,
    pub default_public: bool,
    /// The server to ask instead of the folder.
    pub server: Option<RemoteServer>,
}

/// A server elsewhere.
pub struct RemoteServer {
    pub url: String,
    pub token: Option<String>,
}

impl Configuration {
    /// Resolves what was typed. A flag wins over the environment, a secret in it over a file named by it.
    pub fn new(common: Common) -> Result<Configuration, Failure> {
        let folder = (common.data.as_os_str() != ":memory:").then_some(common.data);
        let server = match common.url.filter(|url| !url.is_empty()) {
            None => None,
            Some(url) => Some(RemoteServer { url, token: token(common.token)? }),
        };
        Ok(Configuration { folder, now: common.now, default_public: common.visibility == "public", server })
    }

    /// How the engine is opened.
    #[must_use]
    pub fn open_options(&self) -> OpenOptions {
        let place = self.folder.clone().map_or(Place::Memory, Place::Folder);
        OpenOptions { place, default_public: self.default_public, frozen_now: self.now }
    }
}

fn token(given: Option<String>) -> Result<Option<String>, Failure> {
    let file = env::var_os("HUBTALLY_TOKEN_FILE").filter(|file| !file.is_empty());
    let (None, Some(file)) = (&given, file) else { return Ok(given.filter(|token| !token.is_empty())) };
    let unreadable = |error| Failure::failed(format!("the file named by HUBTALLY_TOKEN_FILE cannot be read: {error}"));
    Ok(Some(fs::read_to_string(file).map_err(unreadable)?.trim().to_owned()))
}
