//! The pages, and what all of them share: who reads, what is missing, and errors as people read them.

mod assets;
mod catalog;
mod counter;
mod groups;
mod hub;
mod login;
mod overlap;
mod publisher;
mod repo;
mod scoped;
mod settings;
mod sources;
mod welcome;

use askama::Template;
use hyper::StatusCode;

use crate::model::Role;
use crate::query::View;
use crate::render::links::Links;
use crate::render::pages::{Choice, Frame, Notice, Reader, Section, TableChoice};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::body::Body;
use crate::serve::call::Call;
use crate::serve::intake::Held;
use crate::serve::query_string::QueryString;

pub use assets::{asset, icon};
pub use catalog::catalog;
pub use counter::counter;
pub use groups::group_forms;
pub use hub::hub;
pub use login::{login, sign_in, sign_out};
pub use overlap::overlap;
pub use publisher::{group, org};
pub use repo::repo;
pub use settings::{add_person, change_password, change_person, make_token, revoke_token, settings};
pub use sources::{ask_retract, retract, sources};
pub use welcome::{claim, welcome};

/// Who reads, and below which path.
fn reader(call: &Call) -> Reader {
    let caller = &call.caller;
    let words = |role: &Role| match role {
        Role::Admin => "administrator".to_owned(),
        other => other.to_string().replace(':', " of "),
    };
    let account = match &caller.person {
        Some(person) => Some(person.to_string()),
        None => caller.roles.first().map(words),
    };
    let home = caller.roles.iter().find_map(|role| match role {
        Role::Reader(org) | Role::Publisher(org) => Some(org.to_string()),
        Role::Admin | Role::Ingest(_) => None,
    });
    Reader { links: Links::new(call.app.front.base_path()), account, admin: call.caller.is_admin(), home }
}

/// The fields of a form of at most so many bytes.
async fn form(call: &mut Call, bytes_max: usize) -> Result<QueryString, Answer> {
    let (form, _share) = Held::read(call, bytes_max).await?.decoded()?;
    Ok(QueryString::parse(&String::from_utf8_lossy(&form)))
}

/// A form of somebody who is signed in, sent from our own pages.
async fn own_form(call: &mut Call, bytes_max: usize) -> Result<QueryString, Answer> {
    if !auth::is_same_origin(&call.head) {
        return Err(auth::forbidden("this form was sent from another website"));
    }
    if !call.caller.is_known() {
        return Err(auth::unauthorized("sign in first"));
    }
    form(call, bytes_max).await
}

/// The sentence of an error, for the page it is shown on.
fn sentence_of(refused: &Answer) -> String {
    let Body::Whole(body) = &refused.body else { return String::new() };
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let sentence = value.get("error").and_then(serde_json::Value::as_str).unwrap_or("This did not work");
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>() + ".")
}

/// A page from its template.
fn page(status: StatusCode, template: &impl Template) -> Outcome {
    match template.render() {
        Ok(html) => Ok(Answer::page(status, html)),
        Err(error) => Err(Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &format!("the page could not be written: {error}"))),
    }
}

/// A page with one sentence.
fn notice(status: StatusCode, title: &str, sentence: &str, reader: Reader) -> Outcome {
    let frame = Frame::new(title, Section::Other, reader);
    page(status, &Notice { frame, sentence: sentence.to_owned(), on: None })
}

/// The page for what is missing or hidden: it names nothing, so that it is the same for both.
fn missing(reader: Reader) -> Outcome {
    let sentence = "There is no such page, organization or repository here. If it is private, sign in to see it.";
    notice(StatusCode::NOT_FOUND, "Not found", sentence, reader)
}

/// Errors of inner layers, which are JSON for programs, as a page.
fn readable(outcome: Outcome, reader: Reader) -> Outcome {
    let Err(answer) = outcome else { return outcome };
    let Body::Whole(body) = &answer.body else { return Err(answer) };
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(sentence) = value.get("error").and_then(serde_json::Value::as_str) else { return Err(answer) };
    let title = if answer.status.is_server_error() { "This did not work" } else { "This cannot be shown" };
    let mut page = notice(answer.status, title, sentence, reader)?;
    let kept = |name: &hyper::header::HeaderName| name == hyper::header::RETRY_AFTER || name == hyper::header::WWW_AUTHENTICATE;
    page.headers.extend(answer.headers.into_iter().filter(|(name, _)| kept(name)));
    Ok(page)
}

/// What the reader chose, or a page that says what of it cannot be understood.
fn choice(call: &Call, reader: &Reader) -> Result<Choice, Answer> {
    let read = Choice::read(|name| call.query.last(name), call.engine().today());
    read.map_err(|sentence| refused(&sentence, reader))
}

/// What the address says of a table of repos, and whether it asks for the table alone.
fn table_choice(call: &Call, reader: &Reader) -> Result<(TableChoice, bool), Answer> {
    let read = TableChoice::read(|name| call.query.last(name)).map_err(|sentence| refused(&sentence, reader))?;
    Ok((read, call.query.last("part") == Some("repos")))
}

/// The page for an address that cannot be understood.
fn refused(sentence: &str, reader: &Reader) -> Answer {
    let made = notice(StatusCode::UNPROCESSABLE_ENTITY, "This cannot be shown", sentence, reader.clone());
    made.unwrap_or_else(|broken| broken)
}

/// Makes a page from a view on a thread of its own; `None` is the page of what is missing.
async fn view_page(
    call: Call,
    reader: Reader,
    make: impl FnOnce(&View<'_>, Reader) -> Result<Option<Outcome>, crate::query::QueryError> + Send + 'static,
) -> Outcome {
    let make_of = reader.clone();
    let work = move |engine: &crate::ingest::Engine| -> Outcome {
        let view = View::of(engine)?;
        match make(&view, make_of.clone())? {
            Some(outcome) => outcome,
            None => missing(make_of),
        }
    };
    let outcome = call.app.read(work).await.and_then(|outcome| outcome);
    readable(outcome, reader)
}
