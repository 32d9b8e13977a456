//! The combined log of nginx and Apache: `addr - user [time] "METHOD target PROTO" status bytes "referer" "agent"`.
//!
//! Fields after the agent are tolerated and not read: KohakuHub's `location="…"`, for one, is the name of an nginx
//! location, not the target of a redirect.

use std::borrow::Cow;

use super::fields::parse_status;
use super::request::{Request, RequestMethod, Target};
use super::timestamp::parse_log_time;
use crate::model::RejectReason;

/// Whether a line has the shape of this format as far as its time, whatever was requested.
pub(super) fn is_likely(line: &str) -> bool {
    head(line).is_ok_and(|head| parse_log_time(head.time).is_ok())
}

pub(super) fn parse(line: &str) -> Result<Request<'_>, RejectReason> {
    let head = head(line)?;
    let time = parse_log_time(head.time)?;
    let (request, rest) = quoted(head.rest)?;
    let (status, rest) = rest.strip_prefix(' ').and_then(|rest| rest.split_once(' ')).ok_or(RejectReason::BadSyntax)?;
    let (bytes, rest) = rest.split_once(' ').ok_or(RejectReason::BadSyntax)?;
    let (_, rest) = quoted(rest.strip_prefix('"').ok_or(RejectReason::BadSyntax)?)?;
    let (agent, rest) = quoted(rest.strip_prefix(" \"").ok_or(RejectReason::BadSyntax)?)?;
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return Err(RejectReason::BadSyntax);
    }
    let (method, target) = request_words(request).ok_or(RejectReason::BadSyntax)?;
    Ok(Request {
        time,
        method,
        status: parse_status(status)?,
        target: Target::Url(unescaped(target).ok_or(RejectReason::BadUtf8)?),
        user: present(head.user).map(|user| unescaped(user).ok_or(RejectReason::BadUtf8)).transpose()?,
        address: present(head.address).map(Cow::Borrowed),
        forwarded_for: None,
        hashed: false,
        agent: present(agent).map(unescaped_lossy),
        country: None,
        region: None,
        bytes: present(bytes).map(|bytes| bytes.parse().map_err(|_| RejectReason::BadField)).transpose()?,
        duration_ms: None,
        range: None,
        location: None,
        host: None,
        id: None,
        git_version: None,
    })
}

/// What stands before the request, and the rest after the request's opening quote.
struct Head<'a> {
    address: &'a str,
    user: &'a str,
    time: &'a str,
    rest: &'a str,
}

/// A user name may hold blanks, so it ends where the time begins.
fn head(line: &str) -> Result<Head<'_>, RejectReason> {
    let split = || {
        let (address, rest) = line.split_once(' ')?;
        let (_identd, rest) = rest.split_once(' ')?;
        let bracket =
            memchr::memchr_iter(b'[', rest.as_bytes()).find(|&at| rest.get(..at).is_some_and(|user| user.ends_with(' ')))?;
        let (user, rest) = (rest.get(..bracket - 1)?, rest.get(bracket + 1..)?);
        let (time, rest) = rest.split_once(']')?;
        Some(Head { address, user, time, rest: rest.strip_prefix(" \"")? })
    };
    split().ok_or(RejectReason::BadSyntax)
}

/// Cuts a text off at its closing quote; a backslash takes the next character with it.
fn quoted(text: &str) -> Result<(&str, &str), RejectReason> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let ahead = bytes.get(from..).unwrap_or_default();
        let at = from + memchr::memchr2(b'"', b'\\', ahead).ok_or(RejectReason::OpenQuote)?;
        if bytes.get(at) == Some(&b'"') {
            return Ok((text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()));
        }
        from = at + 2;
    }
}

/// The method and target of a request line. What a scanner or a TLS client sends has no three words.
fn request_words(request: &str) -> Option<(RequestMethod, &str)> {
    let (method, rest) = request.split_once(' ')?;
    let (target, protocol) = rest.rsplit_once(' ')?;
    let valid = protocol.starts_with("HTTP/") && !target.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    valid.then(|| (RequestMethod::from_text(method), target))
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "-").then_some(text)
}

/// Undoes `\xHH`, `\"`, `\\`, `\n`, `\r`, `\t` and the like. `None` if the bytes behind it are not UTF-8.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    match unescaped_bytes(text) {
        None => Some(Cow::Borrowed(text)),
        Some(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// As [`unescaped`], with bytes that are not UTF-8 replaced: a strange agent is no reason to lose a download.
fn unescaped_lossy(text: &str) -> Cow<'_, str> {
    match unescaped_bytes(text) {
        None => Cow::Borrowed(text),
        Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

fn unescaped_bytes(text: &str) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', text.as_bytes())?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return Some(bytes),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex_digit(*high) * 16 + hex_digit(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0b,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
