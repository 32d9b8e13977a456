//! nginx in JSON: one object per line under the names of nginx's variables, as the `log_format` of `docs/nginx.md` writes it.
//!
//! What clients send is in it as they sent it, so anything may be empty; only what nginx itself knows must be there.
//! `X-Forwarded-For` counts only behind the trusted proxies of the source: anybody can write anything into it.

use std::borrow::Cow;

use super::fields::{Field, Fields, parse_status};
use super::flat::Habits;
use super::json;
use super::request::{Request, RequestMethod, Target};
use super::timestamp::parse_instant;
use crate::model::RejectReason;

/// Whether an object has the keys without which a line of this format cannot be read.
pub(super) fn is_likely(line: &str) -> bool {
    let has = |key: &str| memchr::memmem::find(line.as_bytes(), key.as_bytes()).is_some();
    has("\"msec\"") && has("\"request_uri\"") && has("\"request_method\"")
}

pub(super) fn parse<'a>(line: &'a str, habits: &mut Habits) -> Result<Request<'a>, RejectReason> {
    let fields = json::fields(line, habits)?;
    let time = parse_instant(fields.raw(Field::Time))?;
    if !fields.is_present(Field::Method) || !fields.is_present(Field::Url) {
        return Err(RejectReason::BadSyntax);
    }
    Ok(Request {
        time,
        // Empty, like the target, where a client spoke no HTTP at all.
        method: RequestMethod::from_text(&fields.text(Field::Method)?.unwrap_or_default()),
        status: parse_status(fields.raw(Field::Status))?,
        target: Target::Url(fields.text(Field::Url)?.unwrap_or(Cow::Borrowed(""))),
        user: fields.text(Field::User)?,
        address: fields.text(Field::Address)?,
        forwarded_for: fields.text(Field::ForwardedFor)?,
        hashed: false,
        agent: fields.text(Field::Agent)?,
        country: None,
        region: None,
        bytes: fields.number(Field::Bytes)?,
        duration_ms: duration_ms(&fields)?,
        range: fields.text(Field::Range)?,
        location: fields.text(Field::Location)?,
        host: fields.text(Field::Host)?,
        id: fields.text(Field::Id)?,
        git_version: fields.git_version()?,
    })
}

/// nginx writes seconds with three digits behind the point.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn duration_ms(fields: &Fields<'_>) -> Result<Option<u64>, RejectReason> {
    let raw = fields.raw(Field::Duration);
    if raw.is_empty() {
        return Ok(None);
    }
    let seconds: f64 = raw.parse().map_err(|_| RejectReason::BadField)?;
    // A bound far above any request keeps the cast exact.
    (0.0..1e12).contains(&seconds).then(|| Some((seconds * 1000.0).round() as u64)).ok_or(RejectReason::BadField)
}
