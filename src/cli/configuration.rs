//! The command line and the environment as meant.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::Common;
use super::failure::Failure;
use crate::ingest::{Engine, EngineError, OpenOptions, Place};
use crate::model::{Millis, VisibilityPatterns};

/// What every command works with.
pub struct Configuration {
    /// The data folder; `None` keeps everything in memory.
    pub folder: Option<PathBuf>,
    pub now: Option<Millis>,
    pub default_public: bool,
    pub visibility: VisibilityPatterns,
    /// The server to ask instead of the folder.
    pub server: Option<RemoteServer>,
}

/// A server elsewhere.
pub struct RemoteServer {
    pub url: String,
    pub token: Option<String>,
}

impl Configuration {
    /// Reads what was said.
    pub fn new(common: Common) -> Result<Configuration, Failure> {
        let folder = (common.data.as_os_str() != ":memory:").then_some(common.data);
        let server = match common.url.filter(|url| !url.is_empty()) {
            None => None,
            Some(url) => Some(RemoteServer { url, token: token(common.token, common.token_file)? }),
        };
        let said = |patterns: Vec<String>| patterns.into_iter().filter(|pattern| !pattern.is_empty()).collect();
        let visibility = VisibilityPatterns { public: said(common.public), private: said(common.private) };
        Ok(Configuration { folder, now: common.now, default_public: common.visibility == "public", visibility, server })
    }

    /// Opens the engine on the data folder.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn open_engine(&self) -> Result<Arc<Engine>, EngineError> {
        let place = self.folder.clone().map_or(Place::Memory, Place::Folder);
        let engine = Engine::open(&OpenOptions { place, default_public: self.default_public, frozen_now: self.now })?;
        engine.declare(self.visibility.clone());
        Ok(engine)
    }
}

fn token(given: Option<String>, file: Option<PathBuf>) -> Result<Option<String>, Failure> {
    let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else {
        return Ok(given.filter(|token| !token.is_empty()));
    };
    let unreadable = |error| Failure::failed(format!("the file of the token, {}, cannot be read: {error}", file.display()));
    Ok(Some(fs::read_to_string(&file).map_err(unreadable)?.trim().to_owned()))
}
