//! Files that a log asks for, and what tells their targets apart.

use super::fingerprint::{Fingerprint, Fingerprints};
use crate::model::{PathHash, RepoKind, RepoNumber, Word};
use crate::parse::{Request, RequestMethod, Target};

/// So many are remembered.
pub const FILES_MAX: usize = 1 << 14;

/// A file of a repo.
#[derive(Clone, Copy, Debug, Default)]
pub struct File {
    /// The place of the repo among the names.
    pub repo: RepoNumber,
    pub path: PathHash,
    pub path_name: Word,
}

/// What tells the target of a request from others. `None` where it does not say by itself whether it is that of a file.
pub fn fingerprint(fingerprints: Fingerprints, request: &Request<'_>) -> Option<Fingerprint> {
    if !matches!(request.method, RequestMethod::Get | RequestMethod::Head) {
        return None;
    }
    let among = |kind| RepoKind::parse(kind).map(|kind| fingerprints.among(kind.code()));
    Some(match &request.target {
        Target::Url(url) => fingerprints.of([url]),
        Target::Named { kind, repo, path: None } => among(kind)?.of([repo]),
        Target::Named { kind, repo, path: Some(path) } => among(kind)?.of([repo, path]),
    })
}
