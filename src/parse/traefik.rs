//! Traefik's access log in JSON. Its other layout, CLF, is a combined log with more fields at the end.
//!
//! Traefik drops all headers unless told to keep them: then there is no agent, no range and no target of redirects.

use std::borrow::Cow;

use super::fields::{Field, parse_status};
use super::flat::Habits;
use super::json;
use super::request::{Request, RequestMethod, Target};
use super::timestamp::parse_instant;
use crate::model::RejectReason;

const NS_PER_MS: u64 = 1_000_000;

/// Whether an object has the keys without which a line of this format cannot be read.
pub(super) fn is_likely(line: &str) -> bool {
    let has = |key: &str| memchr::memmem::find(line.as_bytes(), key.as_bytes()).is_some();
    has("\"StartUTC\"") && has("\"RequestMethod\"") && has("\"RequestPath\"")
}

/// What a key means. Headers that were kept have a prefix.
pub(super) fn field(name: &str) -> Field {
    match name {
        "StartUTC" => Field::Time,
        "Duration" => Field::Duration,
        "ClientHost" => Field::Address,
        "ClientUsername" => Field::User,
        "RequestMethod" => Field::Method,
        "RequestHost" => Field::Host,
        "RequestPath" => Field::Url,
        "DownstreamStatus" => Field::Status,
        "DownstreamContentSize" => Field::Bytes,
        "request_Range" => Field::Range,
        "request_User-Agent" => Field::Agent,
        "request_Git-Protocol" => Field::GitProtocol,
        "downstream_Location" => Field::Location,
        _ => Field::Unknown,
    }
}

pub(super) fn parse<'a>(line: &'a str, habits: &mut Habits) -> Result<Request<'a>, RejectReason> {
    let fields = json::fields(line, habits)?;
    let time = parse_instant(fields.raw(Field::Time))?;
    if !fields.is_present(Field::Method) || !fields.is_present(Field::Url) {
        return Err(RejectReason::BadSyntax);
    }
    // Traefik writes a dash for what is not there.
    let text = |field| Ok(fields.text(field)?.filter(|text| text != "-"));
    Ok(Request {
        time,
        method: RequestMethod::from_text(&fields.text(Field::Method)?.unwrap_or_default()),
        status: parse_status(fields.raw(Field::Status))?,
        target: Target::Url(fields.text(Field::Url)?.unwrap_or(Cow::Borrowed(""))),
        user: text(Field::User)?,
        address: text(Field::Address)?,
        forwarded_for: None,
        hashed: false,
        agent: text(Field::Agent)?,
        country: None,
        region: None,
        bytes: fields.number(Field::Bytes)?,
        duration_ms: fields.number(Field::Duration)?.map(|ns| ns / NS_PER_MS),
        range: text(Field::Range)?,
        location: text(Field::Location)?,
        host: text(Field::Host)?,
        id: None,
        git_version: fields.git_version()?,
    })
}
