//! The server access log of S3 and of what speaks like it: fields separated by blanks, three of them quoted.
//!
//! `owner bucket [time] ip requester request-id operation key "request-URI" status error bytes size total turn-around
//! "referer" "agent" …`. The layout has grown at its end and will again, so what follows the agent is not read.
//!
//! The requester is no user of the hub: whoever follows a presigned link acts under the name of its signer.

use std::borrow::Cow;

use super::fields::parse_status;
use super::request::{Request, RequestMethod, Target};
use super::timestamp::parse_log_time;
use crate::model::RejectReason;

/// Hexadecimal digits of the owner that begins each line.
const OWNER_DIGITS: usize = 64;

/// Whether a line has the shape of this format as far as its address.
pub(super) fn is_likely(line: &str) -> bool {
    let owner = line.split(' ').next().unwrap_or_default();
    let is_owner = owner == "-" || (owner.len() == OWNER_DIGITS && owner.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_owner && head(line).is_some_and(|(time, rest)| parse_log_time(time).is_ok() && rest.split(' ').count() > 5)
}

pub(super) fn parse(line: &str) -> Result<Request<'_>, RejectReason> {
    let (time, rest) = head(line).ok_or(RejectReason::BadSyntax)?;
    let time = parse_log_time(time)?;
    let mut rest = rest;
    let [address, _requester, id, operation, key] = words(&mut rest).ok_or(RejectReason::BadSyntax)?;
    let request = quoted(&mut rest).ok_or(RejectReason::OpenQuote)?;
    let [status, _error, bytes, _size, total_ms, _turn_around] = words(&mut rest).ok_or(RejectReason::BadSyntax)?;
    let _referer = quoted(&mut rest).ok_or(RejectReason::OpenQuote)?;
    let agent = quoted(&mut rest).ok_or(RejectReason::OpenQuote)?;
    // What the bucket does by itself, such as letting an object expire, was requested by nobody.
    let requested = present(request).is_some();
    Ok(Request {
        time,
        method: method(request, operation),
        status: if requested { parse_status(status)? } else { 200 },
        target: Target::Url(present(key).map_or(Cow::Borrowed(""), |key| Cow::Owned(format!("/{key}")))),
        user: None,
        address: present(address).map(Cow::Borrowed),
        forwarded_for: None,
        hashed: false,
        agent: present(agent).map(Cow::Borrowed),
        country: None,
        region: None,
        bytes: number(bytes)?,
        duration_ms: number(total_ms)?,
        range: None,
        location: None,
        host: None,
        id: present(id).map(Cow::Borrowed),
        git_version: None,
    })
}

/// The time, without its brackets, and what follows it.
fn head(line: &str) -> Option<(&str, &str)> {
    let (_owner, rest) = line.split_once(' ')?;
    let (_bucket, rest) = rest.split_once(' ')?;
    rest.strip_prefix('[')?.split_once("] ")
}

/// The next fields that have no quotes.
fn words<'a, const COUNT: usize>(rest: &mut &'a str) -> Option<[&'a str; COUNT]> {
    let mut words = [""; COUNT];
    for word in &mut words {
        (*word, *rest) = rest.split_once(' ')?;
    }
    Some(words)
}

/// The next field, which is quoted or a dash. A quote inside ends it only where a blank or the line's end follows.
fn quoted<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let Some(text) = rest.strip_prefix('"') else {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        *rest = after;
        return Some(word);
    };
    let end = memchr::memchr_iter(b'"', text.as_bytes()).find(|&at| matches!(text.as_bytes().get(at + 1), None | Some(b' ')))?;
    *rest = text.get(end + 1..).unwrap_or_default().trim_start_matches(' ');
    text.get(..end)
}

/// The method of the request line; of copies, which have none of their own, that of the operation.
fn method(request: &str, operation: &str) -> RequestMethod {
    if present(request).is_none() || operation.contains(".COPY.") {
        return RequestMethod::Other;
    }
    request.split(' ').next().map_or(RequestMethod::Other, RequestMethod::from_text)
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "-").then_some(text)
}

fn number(text: &str) -> Result<Option<u64>, RejectReason> {
    present(text).map(|text| text.parse().map_err(|_| RejectReason::BadField)).transpose()
}
