//! Likes, told by the hub that knows its users.

use serde::Deserialize;
use serde_json::{Value, json};

use super::json_body;
use crate::ingest::Engine;
use crate::model::Caller;
use crate::query::View;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::call::{Call, missing};

/// Who likes, or no longer does, and since when.
#[derive(Deserialize)]
struct Like {
    user: String,
    ts: Option<Value>,
}

/// User ids longer than this are a mistake.
const USER_BYTES_MAX: usize = 256;

/// Takes a like or an unlike. Per user the latest instant wins, so it may come twice or late.
pub async fn set(mut call: Call, liked: bool) -> Outcome {
    if !call.caller.is_admin() && call.caller.ingest_source().is_none() {
        return Err(auth::forbidden("likes need an ingest or admin token: `hubtally token create --scope ingest:default`"));
    }
    let repo = call.repo()?;
    let like: Like = json_body::read(&mut call).await?;
    if like.user.is_empty() || like.user.len() > USER_BYTES_MAX {
        return Err(Answer::bad_request("user is the id of the person, 1 to 256 bytes"));
    }
    let ts = json_body::optional_instant(like.ts.as_ref())?.unwrap_or_else(|| call.engine().now());
    let write = move |engine: &Engine| {
        // The hub tells likes of its private repos too, though its token may not read them.
        let view = View::of(engine)?;
        let Some(number) = view.repo(&repo, &Caller::admin())? else { return Err(missing(&repo)) };
        // The repo's own spelling: another one would make a repo of its own.
        let repo = view.key(number)?;
        drop(view);
        let likes = engine.like(&repo, &like.user, ts, liked)?;
        Ok(Answer::json(&json!({ "likes": likes })))
    };
    call.app.write(write).await?
}
