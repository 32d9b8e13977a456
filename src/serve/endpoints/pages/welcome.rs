//! The one-time admin link: a page with a button, and what the button does.

use hyper::StatusCode;
use hyper::header;

use super::{notice, page, reader};
use crate::render::pages::{Frame, Section, Welcome};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth::{self, SESSION_COOKIE};
use crate::serve::call::Call;
use crate::serve::intake::Held;
use crate::serve::limits;
use crate::serve::query_string::QueryString;

/// The page behind the one-time link. Opening it changes nothing.
pub fn welcome(call: &Call) -> Outcome {
    let frame = Frame::new("Welcome", Section::Other, reader(call));
    page(StatusCode::OK, &Welcome { frame, key: call.query.last("key").unwrap_or_default().to_owned() })
}

/// The button of that page: gives this browser the admin's session.
pub async fn claim(mut call: Call) -> Outcome {
    if !auth::is_same_origin(&call.head) {
        return Err(auth::forbidden("this form was sent from another website"));
    }
    let reader = reader(&call);
    let secure = call.app.front.is_https(&call.head, call.trust);
    let (form, _share) = Held::read(&mut call, limits::FORM_BYTES_MAX).await?.decoded()?;
    let form = QueryString::parse(&String::from_utf8_lossy(&form));
    let key = form.last("key").unwrap_or_default().to_owned();
    let Some(session) = call.app.write(move |engine| engine.claim_admin_link(&key)).await?? else {
        let sentence = "This link was used before or is not the newest one. Whoever runs the server can make an admin token with \
                        `hubtally token create --scope admin`, or restart it for a new link while there is no admin yet.";
        return notice(StatusCode::FORBIDDEN, "This link does not work", sentence, reader);
    };
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax{secure}");
    let home = reader.links.to("/");
    Ok(Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, &home).with(header::SET_COOKIE, &cookie))
}
