//! Tokens: made once, listed without their secret, revoked. Administrators have to do with all of them, people with those
//! they made.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_body;
use crate::ingest::{Engine, NewToken};
use crate::model::{Caller, Millis, Role};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::call::Call;

/// A token to be made.
#[derive(Deserialize)]
struct Asked {
    scope: String,
    #[serde(default)]
    note: String,
    expires: Option<Value>,
}

/// The tokens there are, as far as the caller has to do with them.
pub async fn list(call: Call) -> Outcome {
    manages(&call.caller)?;
    let caller = call.caller;
    let tokens = call.app.read(move |engine: &Engine| engine.tokens_of(&caller)).await??;
    Ok(Answer::json(&json!({ "tokens": tokens })))
}

/// Makes a token; this answer is the only place where it is ever shown.
pub async fn create(mut call: Call) -> Outcome {
    manages(&call.caller)?;
    let asked: Asked = json_body::read(&mut call).await?;
    let expires = json_body::optional_instant(asked.expires.as_ref())?;
    let new = new_token(&call.caller, &asked.scope, asked.note, expires)?;
    let token = call.app.write(move |engine: &Engine| engine.make_token(new)).await??;
    Ok(Answer::json_with(StatusCode::CREATED, &json!({ "token": token })))
}

/// Revokes a token by the id the list shows.
pub async fn revoke(call: Call) -> Outcome {
    manages(&call.caller)?;
    let id = call.params.get("id").to_owned();
    let missing = format!("there is no token {id}; `hubtally token list` shows them");
    let caller = call.caller;
    if call.app.write(move |engine: &Engine| revoke_of(engine, &caller, &id)).await?? {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(Answer::error(StatusCode::NOT_FOUND, &missing))
    }
}

/// Who has to do with tokens at all: administrators, and people who signed in. Other tokens make none.
pub fn manages(caller: &Caller) -> Result<(), Answer> {
    if caller.is_admin() || caller.person.is_some() {
        return Ok(());
    }
    Err(auth::forbidden("this needs an admin token (`hubtally token create --scope admin`), or somebody who is signed in"))
}

/// A token that a caller may make.
pub fn new_token(caller: &Caller, scope: &str, note: String, expires: Option<Millis>) -> Result<NewToken, Answer> {
    let role =
        Role::parse(scope).ok_or_else(|| Answer::bad_request("scope is admin, publisher:ORG, reader:ORG or ingest:SOURCE"))?;
    if !caller.covers(&role) {
        return Err(auth::forbidden(&format!("you do not have the rights of {role} yourself, so you cannot hand them on")));
    }
    Ok(NewToken { role, note, expires, person: caller.person.clone() })
}

/// Revokes a token the caller has to do with; says whether there was one.
pub fn revoke_of(engine: &Engine, caller: &Caller, id: &str) -> Result<bool, crate::ingest::EngineError> {
    let known = engine.tokens_of(caller)?.iter().any(|token| id.len() >= 6 && token.id.starts_with(id));
    Ok(known && engine.revoke_token(id)?)
}
