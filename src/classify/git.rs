//! Git and LFS over HTTP: what their POSTs are stored as, and which paths are theirs.
//!
//! A clone under protocol 2 is one POST that lists the refs and at least one that moves data; `ls-remote` and a fetch that
//! finds nothing new are the first POST alone. Under older protocols the refs come with `info/refs`, and every POST moves
//! data. The access log tells these POSTs apart by nothing but their order, so which of them count is decided when
//! counting; what is stored is how much the line itself tells.

use std::borrow::Cow;

use super::target::{Asked, Parts, Service, is_type_word};
use crate::model::{FETCH_GAP_MS, Method, PathHash, Row};
use crate::parse::Request;

/// A POST of a git client that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GitPost {
    /// A request to `git-upload-pack`, which may be the listing of refs: it takes two of them to move data.
    Step,
    /// A request to `git-upload-pack` that moved data, whatever came before it.
    Fetch,
    /// A request for LFS objects. Whether it is a download or an upload stands in its body, which no log has; the objects
    /// themselves have lines of their own, if they come from here.
    LfsBatch,
}

impl GitPost {
    const ALL: [GitPost; 3] = [GitPost::Step, GitPost::Fetch, GitPost::LfsBatch];

    /// What is stored in place of the hash of a path. Frozen: it is part of stored identities.
    #[must_use]
    pub fn marker(self) -> PathHash {
        PathHash(u64::from_be_bytes(match self {
            GitPost::Step => *b"git-step",
            GitPost::Fetch => *b"git-pack",
            GitPost::LfsBatch => *b"lfsbatch",
        }))
    }

    /// The POST a row stands for.
    #[must_use]
    pub fn of(row: &Row) -> Option<GitPost> {
        Self::ALL.into_iter().find(|post| row.method == Method::Post && post.marker() == row.path)
    }

    /// The path under which exports name such a POST, where other requests have that of a file.
    #[must_use]
    pub fn exported(self) -> &'static str {
        match self {
            GitPost::Step => "git-upload-pack",
            GitPost::Fetch => "git-upload-pack/data",
            GitPost::LfsBatch => "info/lfs/objects/batch",
        }
    }

    /// The POST that an export names.
    pub(super) fn of_export(path: &str) -> Option<GitPost> {
        Self::ALL.into_iter().find(|post| post.exported() == path)
    }

    /// A POST to `git-upload-pack`. One that took as long as two may lie apart counts by itself: the log states when a
    /// request ended, so the listing of refs before it would look too old to belong to it.
    pub(super) fn to_upload_pack(request: &Request<'_>) -> GitPost {
        let is_long = request.duration_ms.is_some_and(|ms| i64::try_from(ms).is_ok_and(|ms| ms >= FETCH_GAP_MS));
        if is_long || request.git_version.is_some_and(|version| version < 2) { GitPost::Fetch } else { GitPost::Step }
    }
}

/// Reads `{id}.git/git-upload-pack` and the paths of LFS, with or without `.git` and a type. An LFS object has its id for a
/// path, since the URL does not tell which files it stands for.
pub(super) fn asked<'a>(parts: &Parts<'a>) -> Option<Asked<'a>> {
    let (prefix, names) = match parts.names() {
        ["api", names @ ..] => (1, names),
        names => (0, names),
    };
    let typed = match names {
        [kind, typed @ ..] if is_type_word(kind) => of_repo(parts, kind, prefix + 1, typed),
        _ => None,
    };
    typed.or_else(|| of_repo(parts, "models", prefix, names))
}

/// Reads a path whose id starts at part number `first`: of one part only where that makes an `info/lfs` of the rest, or
/// where two leave nothing that is known. `squad.git/info` is no repo.
fn of_repo<'a>(parts: &Parts<'a>, kind: &'a str, first: usize, names: &[&'a str]) -> Option<Asked<'a>> {
    let standard = |service: &[&str]| matches!(service, ["info", "lfs", ..]);
    let lengths = if names.get(1..).is_some_and(standard) { [1, 2] } else { [2, 1] };
    lengths.into_iter().find_map(|id_parts| {
        let (service, path) = match names.get(id_parts..)? {
            ["git-upload-pack"] => (Service::UploadPack, None),
            ["info", "lfs", "objects", "batch"] => (Service::LfsBatch, None),
            ["info", "lfs", "objects", oid, ..] | ["lfs" | "gitlab-lfs", "objects", oid, ..] if is_oid(oid) => {
                (Service::File, Some(Ok(Cow::Borrowed(*oid))))
            }
            _ => return None,
        };
        Some(Asked { kind, repo: parts.repo(first..first + id_parts).map(without_git), path, service })
    })
}

fn without_git(repo: Cow<'_, str>) -> Cow<'_, str> {
    match repo {
        Cow::Borrowed(repo) => Cow::Borrowed(repo.strip_suffix(".git").unwrap_or(repo)),
        Cow::Owned(repo) => Cow::Owned(repo.strip_suffix(".git").map_or_else(|| repo.clone(), str::to_owned)),
    }
}

/// Whether a part is a SHA-256 in hexadecimal digits.
fn is_oid(part: &str) -> bool {
    part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}
