//! Files that a log asks for, each found out from its URL or its names once.

use super::fingerprint::{Fingerprint, Fingerprints};
use super::remembered::Remembered;
use crate::model::{PathHash, RepoNumber, Word};
use crate::parse::{Request, RequestMethod, Target};

/// So many are remembered.
const FILES_MAX: usize = 1 << 14;

/// A file of a repo.
#[derive(Clone, Copy, Debug, Default)]
pub struct File {
    /// The place of the repo among the names.
    pub repo: RepoNumber,
    pub path: PathHash,
    pub path_name: Word,
}

/// The last files of one thread.
#[derive(Debug)]
pub struct Targets {
    fingerprints: Fingerprints,
    known: Remembered<File>,
}

impl Targets {
    /// No file yet.
    pub fn new(fingerprints: Fingerprints) -> Targets {
        Targets { fingerprints, known: Remembered::new(FILES_MAX) }
    }

    /// What tells the target of a request from others. `None` where it does not say by itself whether it is that of a file.
    pub fn fingerprint(&self, request: &Request<'_>) -> Option<Fingerprint> {
        if !matches!(request.method, RequestMethod::Get | RequestMethod::Head) {
            return None;
        }
        Some(match &request.target {
            Target::Url(url) => self.fingerprints.of([url]),
            Target::Named { kind, repo, path: None } => self.fingerprints.of([kind, repo]),
            Target::Named { kind, repo, path: Some(path) } => self.fingerprints.of([kind, repo, path]),
        })
    }

    /// The file behind a target, if that is known.
    pub fn get(&self, target: Fingerprint) -> Option<File> {
        self.known.get(target)
    }

    /// Remembers what file is behind a target.
    pub fn put(&mut self, target: Fingerprint, file: File) {
        self.known.put(target, file);
    }
}
