//! The plain pages and what belongs to them.

use hyper::StatusCode;
use hyper::header;

use crate::ingest::Engine;
use crate::model::{Caller, DayRange};
use crate::query::View;
use crate::render::page::{self, HubPage};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth::{self, SESSION_COOKIE};
use crate::serve::call::Call;
use crate::serve::intake::Held;
use crate::serve::limits;
use crate::serve::query_string::QueryString;

const TRENDING_DAYS: u16 = 7;
const TRENDING_REPOS: usize = 20;

/// The start page.
pub async fn hub(call: Call) -> Outcome {
    let origin = origin(&call);
    let caller = call.caller;
    let work = move |engine: &Engine| hub_page(engine, &caller, &origin);
    call.app.read(work).await?
}

/// The address this reader came by, which behind a proxy is not the one we listen on.
fn origin(call: &Call) -> String {
    let https = call.app.front.is_https(&call.head, call.trust);
    match call.header(header::HOST) {
        Some(host) => format!("{}://{host}{}", if https { "https" } else { "http" }, call.app.front.base_path()),
        None => call.app.origin.clone(),
    }
}

fn hub_page(engine: &Engine, caller: &Caller, origin: &str) -> Outcome {
    let view = View::of(engine)?;
    let trending = view.trending(None, DayRange::ending(engine.today(), TRENDING_DAYS), TRENDING_REPOS, caller)?;
    let page = HubPage { totals: view.hub(caller)?, trending: &trending, origin, admin: caller.is_admin() };
    Ok(Answer::page(StatusCode::OK, page::hub(&page)))
}

/// The page behind the one-time link. Opening it changes nothing.
pub fn welcome(call: &Call) -> Answer {
    Answer::page(StatusCode::OK, page::welcome(call.query.last("key").unwrap_or_default()))
}

/// The button of that page: gives this browser the admin's session.
pub async fn claim(mut call: Call) -> Outcome {
    if !auth::is_same_origin(&call.head) {
        return Err(auth::forbidden("this form was sent from another website"));
    }
    let secure = call.app.front.is_https(&call.head, call.trust);
    let (form, _share) = Held::read(&mut call, limits::FORM_BYTES_MAX).await?.decoded()?;
    let form = QueryString::parse(&String::from_utf8_lossy(&form));
    let key = form.last("key").unwrap_or_default().to_owned();
    let Some(session) = call.app.write(move |engine| engine.claim_admin_link(&key)).await?? else {
        let sentence = "This link was used before or is not the newest one. Whoever runs the server can make an admin token with \
                        `hubtally token create --scope admin`, or restart it for a new link while there is no admin yet.";
        return Ok(Answer::page(StatusCode::FORBIDDEN, page::sentence("This link does not work", sentence)));
    };
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax{secure}");
    Ok(Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, "/").with(header::SET_COOKIE, &cookie))
}

/// The style sheet.
pub fn style() -> Answer {
    Answer::new(StatusCode::OK, "text/css; charset=utf-8", page::STYLE).with(header::CACHE_CONTROL, "max-age=3600")
}

/// The icon.
pub fn icon() -> Answer {
    Answer::new(StatusCode::OK, "image/svg+xml", page::ICON).with(header::CACHE_CONTROL, "max-age=86400")
}
