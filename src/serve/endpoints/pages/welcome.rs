//! The one-time admin link: a page that makes the first account, and what its buttons do.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header;

use super::{form, notice, page, reader, sentence_of};
use crate::model::PersonName;
use crate::render::pages::{Frame, Section, Welcome};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::call::Call;
use crate::serve::limits;
use crate::serve::query_string::QueryString;
use crate::serve::sign_in;

/// The page behind the one-time link. Opening it changes nothing.
pub fn welcome(call: &Call) -> Outcome {
    let frame = Frame::new("Welcome", Section::Account, reader(call));
    let key = call.query.last("key").unwrap_or_default().to_owned();
    page(StatusCode::OK, &Welcome { frame, key, name: String::new(), error: None })
}

/// The buttons of that page: make an account, or give this browser the admin's session without one.
pub async fn claim(mut call: Call) -> Outcome {
    if !auth::is_same_origin(&call.head) {
        return Err(auth::forbidden("this form was sent from another website"));
    }
    let form = form(&mut call, limits::FORM_BYTES_MAX).await?;
    let key = form.last("key").unwrap_or_default().to_owned();
    let claimed = match form.last("name") {
        None => call.app.write(move |engine| engine.claim_admin_link(&key)).await??,
        Some(name) => match make_account(&call, key.clone(), name, &form).await {
            Ok(session) => session,
            Err(refused) if refused.status.is_client_error() => return again(&call, key, name, &refused),
            Err(failed) => return Err(failed),
        },
    };
    let Some(session) = claimed else {
        let sentence = "This link was used before or is not the newest one. Whoever runs the server can make an account with \
                        `hubtally user add`, or restart it for a new link while there is no administrator yet.";
        return notice(StatusCode::FORBIDDEN, "This link does not work", sentence, reader(&call));
    };
    let cookie = sign_in::cookie(&call.app, &call.head, call.trust, &session);
    Ok(Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, "/").with(header::SET_COOKIE, &cookie))
}

async fn make_account(call: &Call, key: String, name: &str, form: &QueryString) -> Result<Option<String>, Answer> {
    let name = PersonName::parse(name).ok_or_else(|| Answer::bad_request(PersonName::HINT))?;
    let password = form.last("password").unwrap_or_default().to_owned();
    // Hashing is for those who hold the key.
    if !call.engine().is_admin_link(&key)? {
        return Ok(None);
    }
    let work = move |engine: &crate::ingest::Engine| engine.claim_admin_link_as(&key, &name, &password);
    Ok(call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??)
}

/// The page again, with what was wrong; the link is still good.
fn again(call: &Call, key: String, name: &str, refused: &Answer) -> Outcome {
    let frame = Frame::new("Welcome", Section::Account, reader(call));
    let error = Some(sentence_of(refused));
    page(refused.status, &Welcome { frame, key, name: name.to_owned(), error })
}
