//! Tokens: made once, listed without their secret, revoked.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_body;
use crate::ingest::Engine;
use crate::model::Role;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// A token to be made.
#[derive(Deserialize)]
struct NewToken {
    scope: String,
    #[serde(default)]
    note: String,
    expires: Option<Value>,
}

/// The tokens there are.
pub async fn list(call: Call) -> Outcome {
    let tokens = call.app.read(Engine::tokens).await??;
    Ok(Answer::json(&json!({ "tokens": tokens })))
}

/// Makes a token; this answer is the only place where it is ever shown.
pub async fn create(mut call: Call) -> Outcome {
    let new: NewToken = json_body::read(&mut call).await?;
    let role = Role::parse(&new.scope)
        .ok_or_else(|| Answer::bad_request("scope is admin, publisher:ORG, reader:ORG or ingest:SOURCE"))?;
    let expires = json_body::optional_instant(new.expires.as_ref())?;
    let work = move |engine: &Engine| engine.create_token(&role, &new.note, expires);
    let token = call.app.write(work).await??;
    Ok(Answer::json_with(StatusCode::CREATED, &json!({ "token": token })))
}

/// Revokes a token by the id the list shows.
pub async fn revoke(call: Call) -> Outcome {
    let id = call.params.get("id").to_owned();
    let missing = format!("there is no token {id}; `hubtally token list` shows them");
    let revoked = call.app.write(move |engine| engine.revoke_token(&id)).await??;
    if revoked { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(Answer::error(StatusCode::NOT_FOUND, &missing)) }
}
