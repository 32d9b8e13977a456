//! Who asks: the credential of a request, and what a caller without enough of one is told.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header;
use hyper::http::request::Parts;

use super::answer::Answer;
use super::app::App;
use super::call::header_text;
use super::routes::Access;
use super::sign_in;
use crate::ingest::Credential;
use crate::model::Caller;

/// Whom a connection can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Anybody: credentials decide. With the address that connected, which may be a proxy's.
    Network(IpAddr),
    /// The owner of the data folder, who may do everything.
    Owner,
}

/// The caller of a request. A bearer of another hub counts as none, as clients send the one they have to everybody;
/// one of ours that is wrong is told so.
pub fn caller(app: &App, head: &Parts, trust: Trust) -> Result<Caller, Answer> {
    if trust == Trust::Owner {
        return Ok(Caller::admin());
    }
    if let Some(token) = bearer(head) {
        match app.engine.authenticate(token)? {
            Credential::Role(role) => return Ok(Caller::of(role)),
            // A session's secret is no token: a cookie cannot be sent by another website's script, a header can.
            Credential::Wrong | Credential::Person(_) => {
                return Err(unauthorized("this token is wrong, revoked or expired; make a new one with `hubtally token create`"));
            }
            Credential::NotOurs => {}
        }
    }
    let caller = signed_in(app, head, trust)?;
    if caller.is_known() && !head.method.is_safe() && !is_same_origin(head) {
        let sentence = "this request comes from another website, so that somebody is signed in here does not count";
        return Err(Answer::error(StatusCode::FORBIDDEN, sentence));
    }
    Ok(caller)
}

/// Who is signed in: by a trusted proxy, else by the session of this browser.
fn signed_in(app: &App, head: &Parts, trust: Trust) -> Result<Caller, Answer> {
    if let Some(name) = app.front.signed_in(head, trust) {
        return Ok(app.engine.person(&name)?.unwrap_or_else(Caller::public));
    }
    let Some(session) = sign_in::session(head) else { return Ok(Caller::public()) };
    Ok(match app.engine.authenticate(session)? {
        Credential::Role(role) => Caller::of(role),
        Credential::Person(caller) => caller,
        Credential::Wrong | Credential::NotOurs => Caller::public(),
    })
}

/// Whether a route may be used at all.
pub fn admit(access: Access, caller: &Caller) -> Result<(), Answer> {
    match access {
        Access::Public | Access::Open => Ok(()),
        Access::Credential if caller.is_known() => Ok(()),
        Access::Credential => Err(unauthorized(
            "a token is needed: `hubtally token create --scope ingest:default` makes one that pushes events, \
             `--scope publisher:ORG` one that reads an organization's exports",
        )),
        Access::Admin if caller.is_admin() => Ok(()),
        Access::Admin if caller.is_known() => Err(forbidden("this needs an admin token: `hubtally token create --scope admin`")),
        Access::Admin => Err(unauthorized("this needs an admin token: `hubtally token create --scope admin`")),
    }
}

/// 401, with the scheme that would do.
#[must_use]
pub fn unauthorized(sentence: &str) -> Answer {
    Answer::error(StatusCode::UNAUTHORIZED, sentence).with(header::WWW_AUTHENTICATE, "Bearer realm=\"hubtally\"")
}

/// 403: known, but not for this.
#[must_use]
pub fn forbidden(sentence: &str) -> Answer {
    Answer::error(StatusCode::FORBIDDEN, sentence)
}

/// Whether a request that changes something comes from our own pages, or from no page at all.
#[must_use]
pub fn is_same_origin(head: &Parts) -> bool {
    if let Some(site) = head.headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    match (header_text(head, header::ORIGIN), header_text(head, header::HOST)) {
        (None, _) => !head.headers.contains_key(header::ORIGIN),
        (Some(origin), host) => origin.split_once("://").map(|(_, authority)| authority) == host,
    }
}

/// The bearer up to the first `|`: some clients append the tokens of other hubs.
fn bearer(head: &Parts) -> Option<&str> {
    let (scheme, rest) = header_text(head, header::AUTHORIZATION)?.split_once(' ')?;
    let token = rest.split('|').next().unwrap_or_default().trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = hyper::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_bearer_ends_at_the_first_bar() {
        assert_eq!(bearer(&head(&[("authorization", "Bearer abc|https://other,def|x")])), Some("abc"));
        assert_eq!(bearer(&head(&[("authorization", "bearer abc")])), Some("abc"));
        assert_eq!(bearer(&head(&[("authorization", "Bearer |https://other,def")])), None);
        assert_eq!(bearer(&head(&[("authorization", "Basic abc")])), None);
    }

    #[test]
    fn another_site_is_told_from_our_own_and_from_none() {
        assert!(is_same_origin(&head(&[("host", "h:1")])));
        assert!(is_same_origin(&head(&[("host", "h:1"), ("origin", "http://h:1")])));
        assert!(!is_same_origin(&head(&[("host", "h:1"), ("origin", "http://evil")])));
        assert!(!is_same_origin(&head(&[("host", "h:1"), ("origin", "null")])));
        assert!(!is_same_origin(&head(&[("host", "h:1"), ("origin", "http://h:1"), ("sec-fetch-site", "cross-site")])));
    }
}
