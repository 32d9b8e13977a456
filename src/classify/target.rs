//! What a URL of a model hub asks for.
//!
//! The raw path is split at its slashes first and each part is percent-decoded once after that, since clients send
//! `refs%2Fpr%2F1` as one part. Readings are tried from the longest repo id to the shortest, and one holds only if it
//! leaves a revision and a path: a repo may be named `resolve`, and so may a folder.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::git;
use crate::model::{RejectReason, SkipReason};
use crate::parse::RequestMethod;

/// The parts looked at: `api`, type, namespace, name, `resolve`, `refs`, `pr`, number and the first part of the path.
const PARTS_MAX: usize = 9;

/// A file of a repo, or a repo alone. What cannot be decoded is told with the reason it would be rejected for.
pub(super) struct Asked<'a> {
    /// `model` or `models` and so on; unchecked.
    pub kind: &'a str,
    pub repo: Result<Cow<'a, str>, RejectReason>,
    pub path: Option<Result<Cow<'a, str>, RejectReason>>,
    pub service: Service,
}

/// What answers a request: a file, or a service that is asked by POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    File,
    UploadPack,
    LfsBatch,
}

/// Reads a request target: a raw path with optional query, or a whole URL.
///
/// # Errors
/// Why this asks for no file of a repo.
pub(super) fn asked<'a>(url: &'a str, method: RequestMethod) -> Result<Asked<'a>, SkipReason> {
    let (path, query) = split_url(url);
    let parts = Parts::split(path);
    let all = parts.names();
    if let ["api", "resolve-cache", kind, cached @ ..] = all {
        return parts.resolve_cache(kind, cached).ok_or(SkipReason::OtherPath);
    }
    let (prefix, names) = match all {
        ["api", names @ ..] => (1, names),
        names => (0, names),
    };
    let resolved = match names {
        // Under /api only typed paths are files.
        [kind, typed @ ..] if is_type_word(kind) => parts.resolved(kind, prefix + 1, typed),
        _ => None,
    };
    // Without a type it is a model, even one that is called like a type.
    let resolved = resolved.or_else(|| if prefix == 0 { parts.resolved("models", 0, names) } else { None });
    if let Some(asked) = resolved {
        return Ok(asked);
    }
    if prefix == 1
        && let Some(asked) = parts.parquet(names)
    {
        return Ok(asked);
    }
    if let Some(asked) = git::asked(&parts) {
        return Ok(asked);
    }
    Err(no_file(path, query, &parts, method))
}

/// The host, with its port, of a URL that has one.
pub(super) fn host(url: &str) -> Option<&str> {
    let rest = match url.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => rest,
        _ => url.strip_prefix("//")?,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// The raw path and query of a target. `//x` at the start of a request target is a path with a slash too many.
fn split_url(url: &str) -> (&str, &str) {
    let (path, query) = match memchr::memchr2(b'?', b'#', url.as_bytes()) {
        None => (url, ""),
        Some(end) => {
            let (path, rest) = url.split_at_checked(end).unwrap_or_default();
            // What follows `#` is a fragment.
            let query = rest.strip_prefix('?').unwrap_or_default();
            (path, query.split_once('#').map_or(query, |(query, _fragment)| query))
        }
    };
    if path.starts_with('/') {
        return (path, query);
    }
    let path = match path.split_once("://") {
        Some(("http" | "https" | "HTTP" | "HTTPS", rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        _ => path,
    };
    (path, query)
}

pub(super) fn is_type_word(part: &str) -> bool {
    matches!(part, "models" | "datasets" | "spaces" | "kernels")
}

/// Why a path that names no file is skipped.
fn no_file(path: &str, query: &str, parts: &Parts<'_>, method: RequestMethod) -> SkipReason {
    let has = |word: &str| path.split('/').any(|part| part == word);
    let is_api = parts.names().first() == Some(&"api");
    let pushes = path.ends_with("/git-receive-pack") || query.split('&').any(|pair| pair == "service=git-receive-pack");
    let uploads = has("upload") || has("preupload") || (is_api && has("commit")) || path.ends_with("/objects/verify");
    if pushes || method == RequestMethod::Put || (method == RequestMethod::Post && uploads) {
        SkipReason::Push
    } else if is_api || path.ends_with("/info/refs") || path.contains("/info/lfs/") || has("raw") || has("blob") || has("tree") {
        SkipReason::Metadata
    } else {
        SkipReason::OtherPath
    }
}

/// The first parts of a raw path, without empty ones (servers merge slashes), and where each of them starts.
pub(super) struct Parts<'a> {
    path: &'a str,
    names: [&'a str; PARTS_MAX],
    starts: [usize; PARTS_MAX],
    count: usize,
}

impl<'a> Parts<'a> {
    fn split(path: &'a str) -> Parts<'a> {
        let mut parts = Parts { path, names: [""; PARTS_MAX], starts: [0; PARTS_MAX], count: 0 };
        let mut start = 0;
        for end in memchr::memchr_iter(b'/', path.as_bytes()).chain([path.len()]) {
            let (Some(name), Some(at)) = (parts.names.get_mut(parts.count), parts.starts.get_mut(parts.count)) else {
                break;
            };
            if start < end {
                (*name, *at) = (path.get(start..end).unwrap_or_default(), start);
                parts.count += 1;
            }
            start = end + 1;
        }
        parts
    }

    pub(super) fn names(&self) -> &[&'a str] {
        self.names.get(..self.count).unwrap_or_default()
    }

    /// Reads `{id}/resolve/{rev}/{path}`, where `names` are the parts from number `first` on.
    fn resolved(&self, kind: &'a str, first: usize, names: &[&'a str]) -> Option<Asked<'a>> {
        let two = match names {
            [_, _, "resolve", revision @ ..] => self.file(kind, first..first + 2, first + 3, revision),
            _ => None,
        };
        two.or_else(|| match names {
            [_, "resolve", revision @ ..] => self.file(kind, first..first + 1, first + 2, revision),
            _ => None,
        })
    }

    /// Reads the path after a revision of one part, or of three: `refs/pr/N`, `refs/convert/X`.
    fn file(&self, kind: &'a str, repo: std::ops::Range<usize>, revision_at: usize, revision: &[&str]) -> Option<Asked<'a>> {
        let path_at = match revision {
            ["refs", "pr" | "convert", _, _, ..] => revision_at + 3,
            [_, _, ..] => revision_at + 1,
            _ => return None,
        };
        let climbs = revision.first().is_some_and(|part| percent_decode_str(part).eq(b"..".iter().copied()));
        let path = if climbs { Err(RejectReason::BadPath) } else { self.path_from(path_at) };
        Some(Asked { kind, repo: self.repo(repo), path: Some(path), service: Service::File })
    }

    /// Reads `{ns}/{repo}/{sha}/{path}` or `{repo}/{sha}/{path}`; the commit tells which.
    fn resolve_cache(&self, kind: &'a str, names: &[&'a str]) -> Option<Asked<'a>> {
        let is_commit = |part: &str| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id_parts = match names {
            _ if !is_type_word(kind) => return None,
            [_, _, commit, _, ..] if is_commit(commit) => 2,
            [_, commit, _, ..] if is_commit(commit) => 1,
            [_, _, _, _, ..] => 2,
            _ => return None,
        };
        let path = self.path_from(3 + id_parts + 1);
        Some(Asked { kind, repo: self.repo(3..3 + id_parts), path: Some(path), service: Service::File })
    }

    /// Reads `/api/datasets/{id}/parquet/{config}/{split}/{n}.parquet`, a file of the converted branch.
    fn parquet(&self, names: &[&'a str]) -> Option<Asked<'a>> {
        let id_parts = match names {
            ["datasets", _, _, "parquet", _, ..] => 2,
            ["datasets", _, "parquet", _, ..] => 1,
            _ => return None,
        };
        let is_file = self.path.ends_with(".parquet");
        is_file.then(|| Asked {
            kind: "datasets",
            repo: self.repo(2..2 + id_parts),
            path: Some(self.path_from(3 + id_parts)),
            service: Service::File,
        })
    }

    /// The decoded id of one or two parts.
    pub(super) fn repo(&self, at: std::ops::Range<usize>) -> Result<Cow<'a, str>, RejectReason> {
        let start_of = |part: usize| self.starts.get(part).copied().unwrap_or_default();
        let names = self.names.get(at.clone()).unwrap_or_default();
        let length = names.iter().map(|name| name.len() + 1).sum::<usize>().saturating_sub(1);
        let end = start_of(at.end.saturating_sub(1)) + names.last().map_or(0, |name| name.len());
        let raw = self.path.get(start_of(at.start)..end).unwrap_or_default();
        // It is longer than its parts where servers merge slashes.
        if raw.len() == length && memchr::memchr(b'%', raw.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(raw));
        }
        let decoded: Result<Vec<_>, _> = names.iter().map(|name| percent_decode_str(name).decode_utf8()).collect();
        let names = decoded.map_err(|_| RejectReason::BadRepo)?;
        // A slash that comes out of one part must not make two of it.
        if names.iter().any(|name| name.contains('/')) {
            return Err(RejectReason::BadRepo);
        }
        Ok(Cow::Owned(names.join("/")))
    }

    /// The decoded path from a part on.
    fn path_from(&self, part: usize) -> Result<Cow<'a, str>, RejectReason> {
        let start = self.starts.get(part).copied().unwrap_or_default();
        let raw = self.path.get(start..).unwrap_or_default();
        let raw = raw.trim_end_matches('/');
        // Most paths have one part: looking for a slash costs less than looking at every pair of bytes.
        let has_parts = memchr::memchr(b'/', raw.as_bytes()).is_some();
        let merged = match has_parts && raw.as_bytes().windows(2).any(|pair| pair == b"//") {
            true => Cow::Owned(raw.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/")),
            false => Cow::Borrowed(raw),
        };
        if memchr::memchr(b'%', merged.as_bytes()).is_none() {
            return Ok(merged);
        }
        let decoded = percent_decode_str(&merged).decode_utf8().map_err(|_| RejectReason::BadPath)?;
        Ok(Cow::Owned(decoded.into_owned()))
    }
}
