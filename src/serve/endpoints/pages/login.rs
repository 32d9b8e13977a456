//! Signing in by password, and out again.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header;

use super::{form, page, reader, sentence_of};
use crate::ingest::{Engine, EngineError, PASSWORD_BYTES_MAX};
use crate::render::pages::{Frame, Login, Section};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::call::Call;
use crate::serve::limits;
use crate::serve::sign_in;

/// The form.
pub fn login(call: &Call) -> Outcome {
    show(call, StatusCode::OK, "", call.query.last("next").unwrap_or("/"), None)
}

/// What the form does. Whether the name or the password is wrong is not told, nor does it show in the time it takes.
pub async fn sign_in(mut call: Call) -> Outcome {
    if !auth::is_same_origin(&call.head) {
        return Err(auth::forbidden("this form was sent from another website"));
    }
    let form = form(&mut call, limits::FORM_BYTES_MAX).await?;
    let name = form.last("name").unwrap_or_default().to_owned();
    let password = form.last("password").unwrap_or_default().to_owned();
    let next = form.last("next").unwrap_or("/").to_owned();
    match open(&call, &name, password).await {
        Ok(Some(session)) => {
            call.app.sign_in.succeeded(&name);
            let cookie = sign_in::cookie(&call.app, &call.head, call.trust, &session);
            Ok(Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, own_path(&next)).with(header::SET_COOKIE, &cookie))
        }
        Ok(None) => {
            let sentence = "The name or the password is wrong.".to_owned();
            let answer = show(&call, StatusCode::UNAUTHORIZED, &name, &next, Some(sentence))?;
            Ok(answer.with(header::WWW_AUTHENTICATE, "Bearer realm=\"hubtally\""))
        }
        Err(refused) if refused.status == StatusCode::TOO_MANY_REQUESTS => {
            let mut answer = show(&call, refused.status, &name, &next, Some(sentence_of(&refused)))?;
            answer.headers.extend(refused.headers.into_iter().filter(|(name, _)| *name == header::RETRY_AFTER));
            Ok(answer)
        }
        Err(failed) => Err(failed),
    }
}

/// Opens a session if the password is right; the one this browser had ends.
async fn open(call: &Call, name: &str, password: String) -> Result<Option<String>, Answer> {
    call.app.sign_in.try_once(name, call.app.front.client(&call.head, call.trust))?;
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(None);
    }
    let (name, before) = (name.to_owned(), sign_in::session(&call.head).map(str::to_owned));
    let work = move |engine: &Engine| -> Result<Option<String>, EngineError> {
        let Some(person) = engine.verify_person(&name, &password)? else { return Ok(None) };
        engine.open_session(&person, before.as_deref()).map(Some)
    };
    Ok(call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??)
}

/// Ends the session of this browser.
pub async fn sign_out(call: Call) -> Outcome {
    if !auth::is_same_origin(&call.head) {
        return Err(auth::forbidden("this form was sent from another website"));
    }
    if let Some(session) = sign_in::session(&call.head).map(str::to_owned) {
        call.app.write(move |engine: &Engine| engine.close_session(&session)).await??;
    }
    let answer = Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, "/");
    Ok(sign_in::no_cookies().iter().fold(answer, |answer, cookie| answer.with(header::SET_COOKIE, cookie)))
}

/// A path of ours, never another site: what begins with two slashes or a backslash leads elsewhere.
fn own_path(next: &str) -> &str {
    let elsewhere = next.starts_with("//") || next.contains('\\') || next.bytes().any(|byte| !(0x21..0x7f).contains(&byte));
    if next.starts_with('/') && !elsewhere { next } else { "/" }
}

fn show(call: &Call, status: StatusCode, name: &str, next: &str, error: Option<String>) -> Outcome {
    let frame = Frame::new("Sign in", Section::Account, reader(call));
    let in_the_open = !call.app.front.is_private(&call.head, call.trust);
    let by_proxy = call.app.front.signed_in(&call.head, call.trust);
    let unknown = by_proxy.filter(|_| !call.caller.is_known()).map(|name| name.to_string());
    page(status, &Login { unknown, frame, name: name.to_owned(), next: own_path(next).to_owned(), error, in_the_open })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_nowhere_else() {
        for (next, path) in [
            ("/settings", "/settings"),
            ("/orgs/a?days=1", "/orgs/a?days=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(own_path(next), path);
        }
    }
}
