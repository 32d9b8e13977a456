//! Caddy's access log: one JSON object per line, with the request and its headers nested in it.
//!
//! The user that Caddy names is the one of Basic authentication; bearer tokens are in no field, as with nginx.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::fields::{git_version, parse_status, present};
use super::request::{Request, RequestMethod, Target};
use super::timestamp::parse_instant;
use crate::model::RejectReason;

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    request: Option<Asked<'a>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    duration: Option<f64>,
    size: Option<u64>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    resp_headers: Option<Answered>,
}

#[derive(Deserialize)]
struct Asked<'a> {
    /// Whom Caddy takes the client for, which behind trusted proxies is not who connected.
    #[serde(borrow)]
    client_ip: Option<Cow<'a, str>>,
    #[serde(borrow)]
    remote_ip: Option<Cow<'a, str>>,
    /// With its port: what Caddy wrote before version 2.5.
    #[serde(borrow)]
    remote_addr: Option<Cow<'a, str>>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
    headers: Option<Headers>,
}

/// The headers that are read. Absent ones are not known to be absent: a filter may have taken them away.
#[derive(Default, Deserialize)]
struct Headers {
    #[serde(rename = "User-Agent")]
    user_agent: Option<Vec<String>>,
    #[serde(rename = "Range")]
    range: Option<Vec<String>>,
    #[serde(rename = "Git-Protocol")]
    git_protocol: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct Answered {
    #[serde(rename = "Location")]
    location: Option<Vec<String>>,
}

/// Whether an object has the keys without which a line of this format cannot be read.
pub(super) fn is_likely(line: &str) -> bool {
    let has = |key: &str| memchr::memmem::find(line.as_bytes(), key.as_bytes()).is_some();
    has("\"ts\"") && has("\"request\"") && has("\"uri\"") && has("\"method\"")
}

pub(super) fn parse(line: &str) -> Result<Request<'_>, RejectReason> {
    let entry: Entry<'_> = serde_json::from_str(line).map_err(|error| match error.classify() {
        Category::Data => RejectReason::BadField,
        Category::Io | Category::Syntax | Category::Eof => RejectReason::BadSyntax,
    })?;
    let time = parse_instant(scalar(entry.ts))?;
    let asked = entry.request.ok_or(RejectReason::BadSyntax)?;
    let (Some(method), Some(uri)) = (asked.method, asked.uri) else { return Err(RejectReason::BadSyntax) };
    let headers = asked.headers.unwrap_or_default();
    let answered = entry.resp_headers.unwrap_or_default();
    let git_protocol = first(headers.git_protocol)?;
    Ok(Request {
        time,
        method: RequestMethod::from_text(&method),
        status: parse_status(scalar(entry.status))?,
        target: Target::Url(present(Some(uri))?.unwrap_or(Cow::Borrowed(""))),
        user: present(entry.user_id)?,
        address: present(asked.client_ip.or(asked.remote_ip).or(asked.remote_addr.map(without_port)))?,
        forwarded_for: None,
        hashed: false,
        agent: first(headers.user_agent)?,
        country: None,
        region: None,
        bytes: entry.size,
        duration_ms: duration_ms(entry.duration)?,
        range: first(headers.range)?,
        location: first(answered.location)?,
        host: present(asked.host)?,
        id: None,
        git_version: git_protocol.as_deref().map(git_version),
    })
}

/// A number or a text without escapes, as it stands.
fn scalar(value: Option<&RawValue>) -> &str {
    match value.map_or("", RawValue::get) {
        "null" => "",
        text => text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text),
    }
}

fn first(values: Option<Vec<String>>) -> Result<Option<Cow<'static, str>>, RejectReason> {
    present(values.and_then(|values| values.into_iter().next()).map(Cow::Owned))
}

/// `192.0.2.7:1234` and `[2001:db8::1]:1234` without the port.
fn without_port(address: Cow<'_, str>) -> Cow<'_, str> {
    let bare = match address.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, _)| host),
        None => address.rsplit_once(':').map(|(host, _)| host),
    };
    bare.map(str::to_owned).map_or(address, Cow::Owned)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn duration_ms(seconds: Option<f64>) -> Result<Option<u64>, RejectReason> {
    let Some(seconds) = seconds else { return Ok(None) };
    // A bound far above any request keeps the cast exact.
    (0.0..1e12).contains(&seconds).then(|| Some((seconds * 1000.0).round() as u64)).ok_or(RejectReason::BadField)
}
