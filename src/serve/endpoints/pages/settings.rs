//! The settings page, and what its forms do.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header;

use super::groups::saves_groups;
use super::{own_form, page, reader, sentence_of};
use crate::ingest::{Engine, EngineError, PersonChange};
use crate::model::{Caller, Day, Millis, PersonName, Role};
use crate::render::pages::{Frame, PersonRow, Section, Settings, TokenRow};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::call::Call;
use crate::serve::endpoints::{people, tokens};
use crate::serve::limits;
use crate::serve::query_string::QueryString;
use crate::serve::sign_in;

/// What was done, by the word in the address.
const DONE: [(&str, &str); 5] = [
    ("revoked", "The token is revoked."),
    ("password", "The password is changed. Other browsers are signed out."),
    ("added", "The account is made."),
    ("saved", "The account is changed."),
    ("removed", "The account is removed, with its sessions and tokens."),
];

/// What a form came to.
enum Came {
    Done(&'static str),
    /// A token to be shown this once.
    Token(String),
}

/// The page, for those who are signed in.
pub async fn settings(call: Call) -> Outcome {
    if !call.caller.is_known() {
        return Ok(Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, "/login?next=/settings"));
    }
    let done = call.query.last("done").and_then(|word| DONE.iter().find(|(known, _)| *known == word));
    show(call, StatusCode::OK, done.map(|(_, sentence)| (*sentence).to_owned()), None, None).await
}

/// Makes a token.
pub async fn make_token(mut call: Call) -> Outcome {
    let form = own_form(&mut call, limits::FORM_BYTES_MAX).await?;
    let made = token(&call, &form).await;
    end(call, made).await
}

async fn token(call: &Call, form: &QueryString) -> Result<Came, Answer> {
    tokens::manages(&call.caller)?;
    let text = |name: &str| form.last(name).unwrap_or_default().trim().to_owned();
    let expires = match text("expires").as_str() {
        "" => None,
        day => Some(Day::parse(day).map(Day::start).ok_or_else(|| Answer::bad_request("a day is written like 2027-01-01"))?),
    };
    let new = tokens::new_token(&call.caller, &text("scope"), text("note"), expires)?;
    Ok(Came::Token(call.app.write(move |engine: &Engine| engine.make_token(new)).await??))
}

/// Revokes a token.
pub async fn revoke_token(mut call: Call) -> Outcome {
    own_form(&mut call, limits::FORM_BYTES_MAX).await?;
    let revoked = revoke(&call).await;
    end(call, revoked).await
}

async fn revoke(call: &Call) -> Result<Came, Answer> {
    tokens::manages(&call.caller)?;
    let (caller, id) = (call.caller.clone(), call.params.get("id").to_owned());
    match call.app.write(move |engine: &Engine| tokens::revoke_of(engine, &caller, &id)).await?? {
        true => Ok(Came::Done("revoked")),
        false => Err(Answer::error(StatusCode::NOT_FOUND, "there is no such token any more")),
    }
}

/// Changes the password of whoever is signed in. This browser gets a new session, all others end.
pub async fn change_password(mut call: Call) -> Outcome {
    let form = own_form(&mut call, limits::FORM_BYTES_MAX).await?;
    match new_password(&call, &form).await {
        Ok(session) => {
            let cookie = sign_in::cookie(&call.app, &call.head, call.trust, &session);
            Ok(back("password").with(header::SET_COOKIE, &cookie))
        }
        Err(refused) => end(call, Err(refused)).await,
    }
}

async fn new_password(call: &Call, form: &QueryString) -> Result<String, Answer> {
    let person = call.caller.person.clone().ok_or_else(|| auth::forbidden("nobody in particular is signed in here"))?;
    let text = |name: &str| form.last(name).unwrap_or_default().to_owned();
    let (now, new) = (text("password"), text("new"));
    call.app.sign_in.try_once(person.as_str(), call.app.front.client(&call.head, call.trust))?;
    if now.len() > crate::ingest::PASSWORD_BYTES_MAX {
        return Err(auth::forbidden("the password is wrong"));
    }
    let work = move |engine: &Engine| -> Result<Option<String>, EngineError> {
        if engine.verify_person(person.as_str(), &now)?.is_none() {
            return Ok(None);
        }
        engine.change_person(&person, PersonChange { password: Some(new), ..PersonChange::default() })?;
        engine.open_session(&person, None).map(Some)
    };
    let opened = call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??;
    opened.ok_or_else(|| auth::forbidden("the password is wrong"))
}

/// Makes an account.
pub async fn add_person(mut call: Call) -> Outcome {
    let form = own_form(&mut call, limits::FORM_BYTES_MAX).await?;
    let added = add(&call, &form).await;
    end(call, added).await
}

async fn add(call: &Call, form: &QueryString) -> Result<Came, Answer> {
    administers(&call.caller)?;
    let name = PersonName::parse(form.last("name").unwrap_or_default().trim());
    let name = name.ok_or_else(|| Answer::bad_request(PersonName::HINT))?;
    let (roles, password) = (roles(form)?, password(form));
    let work = move |engine: &Engine| engine.add_person(&name, password.as_deref(), &roles);
    call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??;
    Ok(Came::Done("added"))
}

/// Changes an account, or removes it.
pub async fn change_person(mut call: Call) -> Outcome {
    let form = own_form(&mut call, limits::FORM_BYTES_MAX).await?;
    let changed = change(&call, &form).await;
    end(call, changed).await
}

async fn change(call: &Call, form: &QueryString) -> Result<Came, Answer> {
    administers(&call.caller)?;
    let missing = || Answer::error(StatusCode::NOT_FOUND, "there is no such account any more");
    let name = PersonName::parse(call.params.get("name")).ok_or_else(missing)?;
    if form.last("do") == Some("remove") {
        return match call.app.write(move |engine: &Engine| engine.remove_person(&name)).await?? {
            true => Ok(Came::Done("removed")),
            false => Err(missing()),
        };
    }
    let change = PersonChange { password: password(form), roles: Some(roles(form)?), ..PersonChange::default() };
    let work = move |engine: &Engine| engine.change_person(&name, change);
    call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??;
    Ok(Came::Done("saved"))
}

fn administers(caller: &Caller) -> Result<(), Answer> {
    if caller.is_admin() { Ok(()) } else { Err(auth::forbidden("only administrators change accounts")) }
}

fn roles(form: &QueryString) -> Result<Vec<Role>, Answer> {
    let words = form.last("roles").unwrap_or_default().split([' ', ',']).filter(|word| !word.is_empty());
    people::roles(&words.map(str::to_owned).collect::<Vec<_>>())
}

fn password(form: &QueryString) -> Option<String> {
    form.last("password").filter(|password| !password.is_empty()).map(str::to_owned)
}

fn back(word: &str) -> Answer {
    Answer::empty(StatusCode::SEE_OTHER).with(header::LOCATION, &format!("/settings?done={word}"))
}

/// Shows what a form came to.
async fn end(call: Call, came: Result<Came, Answer>) -> Outcome {
    match came {
        Ok(Came::Done(word)) => Ok(back(word)),
        Ok(Came::Token(token)) => show(call, StatusCode::CREATED, None, None, Some(token)).await,
        Err(refused) if refused.status.is_client_error() => {
            let sentence = sentence_of(&refused);
            show(call, refused.status, None, Some(sentence), None).await
        }
        Err(failed) => Err(failed),
    }
}

async fn show(call: Call, status: StatusCode, done: Option<String>, error: Option<String>, token: Option<String>) -> Outcome {
    let frame = Frame::new("Settings", Section::Account, reader(&call));
    let caller = call.caller.clone();
    let work = move |engine: &Engine| -> Result<_, EngineError> {
        let everybody = engine.people()?;
        Ok((engine.tokens_of(&caller)?, everybody))
    };
    let (tokens, everybody) = call.app.read(work).await??;
    let caller = &call.caller;
    let own = caller.person.as_ref().map(PersonName::key);
    let has_password = everybody.iter().any(|person| person.password && Some(person.name.to_ascii_lowercase()) == own);
    let day = |text: &str| Millis::parse_rfc3339(text).map_or_else(|| text.to_owned(), |at| at.day().to_string());
    let tokens = tokens.into_iter().map(|token| TokenRow {
        id: token.id,
        scope: token.scope,
        note: token.note,
        created: day(&token.created),
        expires: token.expires.as_deref().map(day),
        person: token.person,
    });
    let row = |person: crate::ingest::PersonInfo| PersonRow {
        name: person.name,
        roles: person.roles.join(" "),
        password: person.password,
    };
    let people = caller.is_admin().then(|| everybody.into_iter().map(row).collect());
    let roles: Vec<String> = caller.roles.iter().map(Role::to_string).collect();
    let page_of = |role: &Role| match role {
        Role::Reader(org) | Role::Publisher(org) => Some(frame.links.org(org.as_str())),
        Role::Admin | Role::Ingest(_) => None,
    };
    let linked = caller.roles.iter().map(|role| (role.to_string(), page_of(role))).collect();
    let settings = Settings {
        saves_groups: saves_groups(caller),
        by_proxy: call.app.front.signed_in(&call.head, call.trust).is_some(),
        done,
        error,
        token,
        person: caller.person.as_ref().map(PersonName::to_string),
        password: has_password,
        scopes: if caller.person.is_some() || caller.is_admin() { roles } else { Vec::new() },
        roles: linked,
        tokens: tokens.collect(),
        people,
        frame,
    };
    page(status, &settings)
}
