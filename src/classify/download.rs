//! The download-related request: its repo, file, method, status and range, or the reason why it is none.

use std::borrow::Cow;

use super::git::GitPost;
use super::target::{self, Asked, Service};
use crate::model::{Method, PathHash, RangeFlag, RejectReason, RepoKind, RepoName, SkipReason, Status};
use crate::parse::{Request, RequestMethod, Target};

/// The longest file path, in bytes.
const PATH_BYTES_MAX: usize = 4096;

/// A request for a file of a repo, or for its history by git, that did not fail: counted or a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download<'a> {
    pub kind: RepoKind,
    /// Valid in the sense of [`RepoName::is_valid`].
    pub repo: Cow<'a, str>,
    /// The decoded path inside the repo, without a leading slash.
    pub path: Option<Cow<'a, str>>,
    pub method: Method,
    pub status: Status,
    pub range: RangeFlag,
    /// What it is instead of a request for a file.
    pub post: Option<GitPost>,
}

/// A request for a file of a repo that did not fail, apart from its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRequest {
    pub method: Method,
    pub status: Status,
    pub range: RangeFlag,
}

impl Download<'_> {
    /// What is stored as the hash of the path.
    #[must_use]
    pub fn path_hash(&self) -> PathHash {
        match (self.post, self.path.as_deref()) {
            (Some(post), _) => post.marker(),
            (None, Some(path)) => PathHash::of(path),
            (None, None) => PathHash(0),
        }
    }
}

/// Why a request is no download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotADownload {
    /// It was understood.
    Skipped(SkipReason),
    /// It was not.
    Rejected(RejectReason),
}

impl From<SkipReason> for NotADownload {
    fn from(reason: SkipReason) -> Self {
        NotADownload::Skipped(reason)
    }
}

impl From<RejectReason> for NotADownload {
    fn from(reason: RejectReason) -> Self {
        NotADownload::Rejected(reason)
    }
}

/// Judges a request. Nothing that is stored depends on a setting, so this knows none.
///
/// # Errors
/// Why it is no download. What is asked for is judged first, then method and status, then names: a failed request for
/// nonsense is a failed request.
pub fn download<'a>(request: &'a Request<'_>) -> Result<Download<'a>, NotADownload> {
    let asked = match &request.target {
        Target::Named { kind, repo, path } => {
            let path = path.as_deref().map(|path| Ok(path.into()));
            Asked { kind, repo: Ok(Cow::Borrowed(repo)), path, service: Service::File }
        }
        Target::Url(url) => target::asked(url, request.method)?,
    };
    let exported = match &request.target {
        Target::Named { path: Some(path), .. } => GitPost::of_export(path),
        _ => None,
    };
    let (method, status, post) = judged(request, asked.service, exported)?;
    let kind = RepoKind::parse(asked.kind).ok_or(RejectReason::BadKind)?;
    let repo = asked.repo.ok().filter(|repo| RepoName::is_valid(repo)).ok_or(RejectReason::BadRepo)?;
    let path = asked.path.filter(|_| post.is_none()).map(|path| path.and_then(checked_path)).transpose()?;
    Ok(Download { kind, repo, path, method, status, range: range_flag(request.range.as_deref()), post })
}

/// Judges a request for what is known to be a file of a repo, by all but its names: as [`download`] would.
///
/// # Errors
/// Why it is no download.
pub fn file_request(request: &Request<'_>) -> Result<FileRequest, SkipReason> {
    let (method, status, _) = judged(request, Service::File, None)?;
    Ok(FileRequest { method, status, range: range_flag(request.range.as_deref()) })
}

fn judged(
    request: &Request<'_>,
    service: Service,
    exported: Option<GitPost>,
) -> Result<(Method, Status, Option<GitPost>), SkipReason> {
    let status = judged_status(request.status)?;
    let (method, post) = match (request.method, service) {
        (RequestMethod::Post, Service::File) if exported.is_some() => (Method::Post, exported),
        (RequestMethod::Get, Service::File) => (Method::Get, None),
        (RequestMethod::Head, Service::File) => (Method::Head, None),
        (RequestMethod::Post, Service::UploadPack) => (Method::Post, Some(GitPost::to_upload_pack(request))),
        (RequestMethod::Post, Service::LfsBatch) => (Method::Post, Some(GitPost::LfsBatch)),
        (RequestMethod::Put, _) => return Err(SkipReason::Push),
        _ => return Err(SkipReason::Method),
    };
    if post.is_some() && status != Status(200) {
        return Err(SkipReason::Informational);
    }
    if matches!(status.0, 302 | 303 | 307) && is_same_host(request) {
        return Err(SkipReason::SameHost);
    }
    Ok((method, status, post))
}

/// Which statuses are events. Whether they count is for [`class`](super::class()) to say.
fn judged_status(status: u16) -> Result<Status, SkipReason> {
    match status {
        200 | 206 | 302 | 303 | 304 | 307 => Ok(Status(status)),
        301 | 308 => Err(SkipReason::Permanent),
        400.. => Err(SkipReason::Failed),
        _ => Err(SkipReason::Informational),
    }
}

fn range_flag(range: Option<&str>) -> RangeFlag {
    let Some(range) = range.map(str::trim).filter(|range| !range.is_empty() && *range != "-") else {
        return RangeFlag::None;
    };
    let spans = range.strip_prefix("bytes").map_or(range, |rest| rest.trim_start_matches([' ', '=']));
    if spans == "0-0" || spans.starts_with("0-0/") { RangeFlag::FirstByte } else { RangeFlag::Part }
}

fn checked_path(path: Cow<'_, str>) -> Result<Cow<'_, str>, RejectReason> {
    let path = match path {
        Cow::Borrowed(path) => Cow::Borrowed(path.trim_start_matches('/')),
        Cow::Owned(path) if path.starts_with('/') => Cow::Owned(path.trim_start_matches('/').to_owned()),
        Cow::Owned(path) => Cow::Owned(path),
    };
    // Most paths have one part: looking for a slash costs less than splitting.
    let has_parts = memchr::memchr(b'/', path.as_bytes()).is_some();
    let climbs = path == ".." || has_parts && path.split('/').any(|part| part == "..");
    let valid = !path.is_empty() && path.len() <= PATH_BYTES_MAX && !climbs && memchr::memchr(0, path.as_bytes()).is_none();
    if valid { Ok(path) } else { Err(RejectReason::BadPath) }
}

/// Whether a redirect is known to lead back to the host that was asked.
fn is_same_host(request: &Request<'_>) -> bool {
    let Some(location) = request.location.as_deref() else {
        return false;
    };
    let Some(to) = target::host(location) else {
        return true;
    };
    let from = match &request.target {
        Target::Url(url) => target::host(url),
        Target::Named { .. } => None,
    };
    from.or(request.host.as_deref()).is_some_and(|from| bare_host(from).eq_ignore_ascii_case(bare_host(to)))
}

/// A host without the port its scheme implies. Other ports stay: the object store may live on one of the same host.
fn bare_host(host: &str) -> &str {
    host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host)
}
