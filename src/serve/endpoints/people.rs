//! People: listed, made, changed and removed by administrators.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::json_body;
use crate::ingest::{Engine, PersonChange};
use crate::model::{PersonName, Role};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// A person to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    name: String,
    password: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

/// What is to be changed; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    password: Option<String>,
    roles: Option<Vec<String>>,
    #[serde(default)]
    add_roles: Vec<String>,
    #[serde(default)]
    remove_roles: Vec<String>,
}

/// The people there are.
pub async fn list(call: Call) -> Outcome {
    let people = call.app.read(Engine::people).await??;
    Ok(Answer::json(&json!({ "people": people })))
}

/// Makes an account.
pub async fn add(mut call: Call) -> Outcome {
    let new: NewPerson = json_body::read(&mut call).await?;
    let (name, roles) = (name(&new.name)?, roles(&new.roles)?);
    let work = move |engine: &Engine| engine.add_person(&name, new.password.as_deref(), &roles);
    let person = call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??;
    Ok(Answer::json_with(StatusCode::CREATED, &person))
}

/// Changes an account.
pub async fn change(mut call: Call) -> Outcome {
    let name = existing(&call).await?;
    let asked: Change = json_body::read(&mut call).await?;
    let change = PersonChange {
        password: asked.password,
        roles: asked.roles.as_deref().map(roles).transpose()?,
        add_roles: roles(&asked.add_roles)?,
        remove_roles: roles(&asked.remove_roles)?,
    };
    let work = move |engine: &Engine| engine.change_person(&name, change);
    Ok(Answer::json(&call.app.sign_in.hashing(Arc::clone(&call.app.engine), work).await??))
}

/// Removes an account with its sessions and tokens.
pub async fn remove(call: Call) -> Outcome {
    let name = existing(&call).await?;
    call.app.write(move |engine| engine.remove_person(&name)).await??;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn name(text: &str) -> Result<PersonName, Answer> {
    PersonName::parse(text).ok_or_else(|| Answer::bad_request(PersonName::HINT))
}

/// Roles as people are given them.
pub fn roles(texts: &[String]) -> Result<Vec<Role>, Answer> {
    let role = |text: &String| {
        Role::parse(text)
            .filter(Role::is_for_people)
            .ok_or_else(|| Answer::bad_request(&format!("{text:?} is no role: admin, publisher:ORG or reader:ORG")))
    };
    texts.iter().map(role).collect()
}

/// The person the path names, if there is one.
async fn existing(call: &Call) -> Result<PersonName, Answer> {
    let asked = call.params.get("name").to_owned();
    let missing =
        || Answer::error(StatusCode::NOT_FOUND, &format!("there is no account {asked}; `hubtally user list` shows them"));
    let name = PersonName::parse(&asked).ok_or_else(missing)?;
    let known = name.clone();
    let found = call.app.read(move |engine: &Engine| engine.person(&known)).await??;
    if found.is_some() { Ok(name) } else { Err(missing()) }
}
