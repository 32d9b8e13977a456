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
    let (status, rest) = rest.strip_prefix(' ').and_then(word).ok_or(RejectReason::BadSyntax)?;
    let (bytes, rest) = word(rest).ok_or(RejectReason::BadSyntax)?;
    let (_, rest) = quoted(rest.strip_prefix('"').ok_or(RejectReason::BadSyntax)?)?;
    let (agent, rest) = quoted(rest.strip_prefix(" \"").ok_or(RejectReason::BadSyntax)?)?;
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return Err(RejectReason::BadSyntax);
    }
    let (method, target) = request.words().ok_or(RejectReason::BadSyntax)?;
    Ok(Request {
        time,
        method,
        status: parse_status(status)?,
        target: Target::Url(target.unescaped().ok_or(RejectReason::BadUtf8)?),
        user: present(head.user).map(|user| Quoted::of(user).unescaped().ok_or(RejectReason::BadUtf8)).transpose()?,
        address: present(head.address).map(Cow::Borrowed),
        forwarded_for: None,
        hashed: false,
        agent: present(agent.text).map(|_| agent.unescaped_lossy()),
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
        let (address, rest) = word(line)?;
        let (_identd, rest) = word(rest)?;
        let bracket =
            memchr::memchr_iter(b'[', rest.as_bytes()).find(|&at| rest.get(..at).is_some_and(|user| user.ends_with(' ')))?;
        let (user, rest) = (rest.get(..bracket - 1)?, rest.get(bracket + 1..)?);
        let (time, rest) = cut_at(rest, memchr::memchr(b']', rest.as_bytes())?)?;
        Some(Head { address, user, time, rest: rest.strip_prefix(" \"")? })
    };
    split().ok_or(RejectReason::BadSyntax)
}

/// A text up to its first blank, and what follows that. Byte by byte, since words are short.
fn word(text: &str) -> Option<(&str, &str)> {
    cut_at(text, text.bytes().position(|byte| byte == b' ')?)
}

/// What stands before and after the character of one byte at `at`.
fn cut_at(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A text between quotes, as it stands there.
#[derive(Clone, Copy)]
struct Quoted<'a> {
    text: &'a str,
    /// Whether there is a backslash in it.
    escaped: bool,
}

/// Cuts a text off at its closing quote; a backslash takes the next character with it.
fn quoted(text: &str) -> Result<(Quoted<'_>, &str), RejectReason> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let ahead = bytes.get(from..).unwrap_or_default();
        let at = from + memchr::memchr2(b'"', b'\\', ahead).ok_or(RejectReason::OpenQuote)?;
        if bytes.get(at) == Some(&b'"') {
            let (text, rest) = cut_at(text, at).unwrap_or_default();
            return Ok((Quoted { text, escaped: from > 0 }, rest));
        }
        from = at + 2;
    }
}

impl<'a> Quoted<'a> {
    /// A text that stands somewhere else under the same rules.
    fn of(text: &'a str) -> Quoted<'a> {
        Quoted { text, escaped: memchr::memchr(b'\\', text.as_bytes()).is_some() }
    }

    /// The method and target of a request line. What a scanner or a TLS client sends has no three words.
    fn words(self) -> Option<(RequestMethod, Quoted<'a>)> {
        let (method, rest) = word(self.text)?;
        let (target, protocol) = cut_at(rest, rest.bytes().rposition(|byte| byte == b' ')?)?;
        let valid = protocol.starts_with("HTTP/") && !target.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
        valid.then(|| (RequestMethod::from_text(method), Quoted { text: target, ..self }))
    }

    /// Undoes `\xHH`, `\"`, `\\`, `\n`, `\r`, `\t` and the like. `None` if the bytes behind it are not UTF-8.
    fn unescaped(self) -> Option<Cow<'a, str>> {
        if !self.escaped {
            return Some(Cow::Borrowed(self.text));
        }
        String::from_utf8(unescaped_bytes(self.text)).ok().map(Cow::Owned)
    }

    /// As [`Quoted::unescaped`], with bytes that are not UTF-8 replaced: a strange agent is no reason to lose a download.
    fn unescaped_lossy(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.text);
        }
        Cow::Owned(String::from_utf8_lossy(&unescaped_bytes(self.text)).into_owned())
    }
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty() && text != "-").then_some(text)
}

fn unescaped_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        match rest {
            [] => return bytes,
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
