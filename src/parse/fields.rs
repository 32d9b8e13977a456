//! The named fields of a line, whether they were columns or JSON keys, and the request they make up.

use std::borrow::Cow;
use std::cell::Cell;

use super::request::{Request, RequestMethod, Target};
use super::timestamp::parse_instant;
use crate::model::{Millis, RejectReason};

/// What a column or key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Time,
    Status,
    Method,
    Repo,
    Kind,
    Path,
    /// Stands in for `Path` where only this one is there.
    Filename,
    User,
    Address,
    ForwardedFor,
    Country,
    Region,
    Agent,
    Bytes,
    Duration,
    Range,
    Id,
    Url,
    Location,
    Host,
    /// The `Git-Protocol` header.
    GitProtocol,
    Unknown,
}

impl Field {
    pub(super) const COUNT: usize = Field::Unknown as usize + 1;

    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Whose names the fields go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Hugging Face's access-log export; a few columns it may get one day are known too.
    HuggingFace,
    /// hubtally's own events.
    Events,
    /// nginx's own names of its variables.
    Nginx,
    /// Traefik's names; headers it was told to keep have a prefix.
    Traefik,
}

impl Naming {
    /// What a name means; names not listed are ignored.
    pub(super) fn field(self, name: &str) -> Field {
        match self {
            Naming::HuggingFace => match name {
                "timestamp" => Field::Time,
                "status" => Field::Status,
                "method" => Field::Method,
                "repoName" => Field::Repo,
                "repoType" => Field::Kind,
                "hashedUserId" => Field::User,
                "hashedIp" => Field::Address,
                "country" => Field::Country,
                "region" => Field::Region,
                "userAgent" => Field::Agent,
                "path" => Field::Path,
                "filename" => Field::Filename,
                "bytes" => Field::Bytes,
                "duration" => Field::Duration,
                "range" => Field::Range,
                "id" => Field::Id,
                _ => Field::Unknown,
            },
            Naming::Events => match name {
                "ts" => Field::Time,
                "status" => Field::Status,
                "method" => Field::Method,
                "repo" => Field::Repo,
                "repo_type" => Field::Kind,
                "path" => Field::Path,
                "user" => Field::User,
                "ip" => Field::Address,
                "country" => Field::Country,
                "region" => Field::Region,
                "user_agent" => Field::Agent,
                "bytes" => Field::Bytes,
                "duration_ms" => Field::Duration,
                "range" => Field::Range,
                "id" => Field::Id,
                "url" => Field::Url,
                "location" => Field::Location,
                "host" => Field::Host,
                "git_protocol" => Field::GitProtocol,
                _ => Field::Unknown,
            },
            Naming::Nginx => match name {
                "msec" => Field::Time,
                "request_time" => Field::Duration,
                "remote_addr" => Field::Address,
                "http_x_forwarded_for" => Field::ForwardedFor,
                "remote_user" => Field::User,
                "request_method" => Field::Method,
                "http_host" | "host" => Field::Host,
                "request_uri" => Field::Url,
                "status" => Field::Status,
                "body_bytes_sent" => Field::Bytes,
                "http_range" => Field::Range,
                "sent_http_location" => Field::Location,
                "http_user_agent" => Field::Agent,
                "request_id" => Field::Id,
                "http_git_protocol" => Field::GitProtocol,
                _ => Field::Unknown,
            },
            Naming::Traefik => super::traefik::field(name),
        }
    }

    /// Whether a header with these fields can be read.
    pub(super) fn is_readable(self, fields: &[Field]) -> bool {
        let has_target = fields.contains(&Field::Repo) || (self == Naming::Events && fields.contains(&Field::Url));
        has_target && fields.contains(&Field::Time)
    }
}

/// How a field's text is escaped where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    /// RFC 4180: `""` stands for `"`. The text comes without its outer quotes.
    DoubledQuotes,
    /// JSON string escapes. The text comes with its outer quotes.
    Json,
}

/// The columns that every line of a table has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns(u32);

impl Columns {
    pub(super) fn of(fields: &[Field]) -> Columns {
        Columns(fields.iter().fold(0, |bits, field| bits | field.bit()))
    }
}

/// The fields of one line. The empty text means absent.
pub(super) struct Fields<'a> {
    texts: [&'a str; Field::COUNT],
    /// Bits of the fields that a line, or its header, has at all.
    present: u32,
    /// Bits of the fields whose text still has escapes in it.
    escaped: u32,
    escaping: Escaping,
    /// Why the first field that could not be read could not.
    failed: Cell<Option<RejectReason>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(escaping: Escaping) -> Self {
        Fields { texts: [""; Field::COUNT], present: 0, escaped: 0, escaping, failed: Cell::new(None) }
    }

    /// The fields of a line that has all of some columns; none is set yet.
    pub(super) fn of_columns(columns: Columns) -> Self {
        Fields { present: columns.0, ..Fields::new(Escaping::DoubledQuotes) }
    }

    /// Sets a field of those that are known to be present, of a line without any escapes.
    pub(super) fn set_plain(&mut self, field: Field, text: &'a str) {
        if let Some(slot) = self.texts.get_mut(field as usize) {
            *slot = text;
        }
    }

    /// Sets a field; a field that comes twice has its last value.
    pub(super) fn set(&mut self, field: Field, text: &'a str, escaped: bool) {
        self.set_plain(field, text);
        self.present |= field.bit();
        self.escaped = if escaped { self.escaped | field.bit() } else { self.escaped & !field.bit() };
    }

    /// Takes away the quote that keeps a spreadsheet from running the text, if there is one.
    pub(super) fn undo_guard(&mut self, field: Field) {
        if let Some(slot) = self.texts.get_mut(field as usize)
            && let Some(text) = slot.strip_prefix('\'')
            && super::is_formula(text.trim_start_matches('\''))
        {
            *slot = text;
        }
    }

    /// Makes a field one that the line does not have.
    pub(super) fn remove(&mut self, field: Field) {
        self.set(field, "", false);
        self.present &= !field.bit();
    }

    pub(super) fn is_present(&self, field: Field) -> bool {
        self.present & field.bit() != 0
    }

    pub(super) fn raw(&self, field: Field) -> &'a str {
        self.texts.get(field as usize).copied().unwrap_or_default()
    }

    /// The text of a field; `None` if it is empty.
    pub(super) fn text(&self, field: Field) -> Result<Option<Cow<'a, str>>, RejectReason> {
        let text = self.told(field);
        self.failed.take().map_or(Ok(text), Err)
    }

    /// The text of a field, or nothing and a note in `failed`: a result for each of the many fields of a line costs more
    /// than all the rest of them.
    #[inline(always)]
    fn told(&self, field: Field) -> Option<Cow<'a, str>> {
        let raw = self.raw(field);
        if self.escaped & field.bit() != 0 {
            return self.told_in_escapes(raw);
        }
        (!raw.is_empty()).then_some(Cow::Borrowed(raw))
    }

    #[cold]
    fn told_in_escapes(&self, raw: &str) -> Option<Cow<'a, str>> {
        self.noted(self.unescaped(raw)).flatten()
    }

    fn unescaped(&self, raw: &str) -> Result<Option<Cow<'a, str>>, RejectReason> {
        let text = match self.escaping {
            Escaping::DoubledQuotes => raw.replace("\"\"", "\""),
            Escaping::Json => serde_json::from_str::<String>(raw).map_err(|_| RejectReason::BadSyntax)?,
        };
        if text.contains('\0') {
            return Err(RejectReason::ControlByte);
        }
        Ok((!text.is_empty()).then_some(Cow::Owned(text)))
    }

    /// A number of bytes or ms; a fraction is cut off.
    #[inline(always)]
    pub(super) fn number(&self, field: Field) -> Result<Option<u64>, RejectReason> {
        match self.raw(field) {
            "" => Ok(None),
            raw => number(raw).map(Some),
        }
    }

    fn status(&self) -> Result<u16, RejectReason> {
        let raw = self.raw(Field::Status);
        if raw.is_empty() { Ok(200) } else { parse_status(raw) }
    }

    /// An export that has a column says something in it: an empty cell is damage, where a left-out key of an event
    /// means the usual.
    fn check_cells(&self) -> Result<(), RejectReason> {
        let checks = [
            (Field::Status, RejectReason::BadStatus),
            (Field::Method, RejectReason::BadField),
            (Field::Kind, RejectReason::BadKind),
        ];
        match checks.into_iter().find(|&(field, _)| self.is_present(field) && self.raw(field).is_empty()) {
            Some((_, reason)) => Err(reason),
            None => Ok(()),
        }
    }

    fn target(&self) -> Result<Target<'a>, RejectReason> {
        if let Some(repo) = self.told(Field::Repo) {
            let path = self.told(Field::Path).or_else(|| self.told(Field::Filename));
            let kind = self.raw(Field::Kind);
            return Ok(Target::Named { kind: if kind.is_empty() { "model" } else { kind }, repo, path });
        }
        self.told(Field::Url).map(Target::Url).ok_or(RejectReason::MissingRepo)
    }

    /// The version of git's protocol. Clients name it from 1 on, so where the header is known to be absent it is 0.
    pub(super) fn git_version(&self) -> Result<Option<u8>, RejectReason> {
        if !self.is_present(Field::GitProtocol) {
            return Ok(None);
        }
        Ok(Some(git_version(&self.text(Field::GitProtocol)?.unwrap_or_default())))
    }

    /// The request the fields make up. Where a log has no method, status or repo type at all, GET, 200 and model are
    /// taken for granted: whoever cuts these columns out of an export has to cut out the failed requests too.
    pub(super) fn request(&self, naming: Naming) -> Result<Request<'a>, RejectReason> {
        let time = parse_instant(self.raw(Field::Time))?;
        if naming == Naming::HuggingFace {
            self.check_cells()?;
        }
        let status = self.status()?;
        let request = self.request_at(time, status, naming);
        self.failed.take().map_or(Ok(request), Err)
    }

    /// The request, with a note in `failed` of the first field that could not be read.
    fn request_at(&self, time: Millis, status: u16, naming: Naming) -> Request<'a> {
        let method = match self.raw(Field::Method) {
            "" => RequestMethod::Get,
            text => RequestMethod::from_text(text),
        };
        Request {
            time,
            method,
            status,
            target: self.noted(self.target()).unwrap_or(Target::Url(Cow::Borrowed(""))),
            user: self.told(Field::User),
            address: self.told(Field::Address),
            forwarded_for: None,
            hashed: naming == Naming::HuggingFace,
            agent: self.told(Field::Agent),
            country: self.told(Field::Country),
            region: self.told(Field::Region),
            bytes: self.noted(self.number(Field::Bytes)).flatten(),
            duration_ms: self.noted(self.number(Field::Duration)).flatten(),
            range: self.told(Field::Range),
            location: self.told(Field::Location),
            host: self.told(Field::Host),
            id: self.told(Field::Id),
            git_version: self.noted(self.git_version()).flatten(),
        }
    }

    /// What was read, or nothing and a note in `failed` unless something before it failed.
    fn noted<T>(&self, read: Result<T, RejectReason>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(reason) => {
                self.failed.set(self.failed.get().or(Some(reason)));
                None
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn number(text: &str) -> Result<u64, RejectReason> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let number: f64 = text.parse().map_err(|_| RejectReason::BadField)?;
    // 2^53: above it a float is no exact count any more.
    (0.0..9_007_199_254_740_992.0).contains(&number).then_some(number as u64).ok_or(RejectReason::BadField)
}

/// The version a `Git-Protocol` header asks for.
pub(super) fn git_version(header: &str) -> u8 {
    let version = header.split(':').find_map(|part| part.trim().strip_prefix("version="));
    version.map_or(0, |version| version.parse().unwrap_or(u8::MAX))
}

/// A text that came out of its escapes: nothing if it is empty.
///
/// # Errors
/// `ControlByte` if it holds a NUL.
pub(super) fn present(text: Option<Cow<'_, str>>) -> Result<Option<Cow<'_, str>>, RejectReason> {
    let text = text.filter(|text| !text.is_empty());
    if text.as_deref().is_some_and(|text| text.contains('\0')) { Err(RejectReason::ControlByte) } else { Ok(text) }
}

/// Reads a status of three digits, 100 to 599.
pub(super) fn parse_status(text: &str) -> Result<u16, RejectReason> {
    match *text.as_bytes() {
        [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Ok(u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0'))
        }
        _ => Err(RejectReason::BadStatus),
    }
}
