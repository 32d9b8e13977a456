//! `/openapi.json`: the route table with what is said of each endpoint. Paths, methods and access come from the table itself.

mod operations;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::routes::{Access, ROUTES, Route};
use crate::query::Rule;
use operations::{OPERATIONS, Operation, PAGES};

/// Parameters and schemas by name, written by hand.
const PARTS: &str = include_str!("parts.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The document, with the path under which this server is mounted.
pub fn answer(call: &Call) -> Outcome {
    let mut document = DOCUMENT.clone();
    let base = call.app.front.base_path();
    if let Some(keys) = document.as_object_mut() {
        keys.insert("servers".to_owned(), json!([{ "url": if base.is_empty() { "/" } else { base } }]));
    }
    Ok(Answer::json(&document))
}

/// OpenAPI 3.1.
fn document() -> Value {
    let mut parts: Value = serde_json::from_str(PARTS).unwrap_or_default();
    if let Some(schema) = parts.pointer_mut("/parameters/rule/schema") {
        schema["enum"] = Rule::ALL.iter().map(|(word, _)| *word).collect();
    }
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES.iter() {
        let Some(operation) = OPERATIONS.iter().find(|operation| operation.endpoint == route.endpoint) else { continue };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            // Of two routes for one method and path the first is the one that answers.
            methods.entry(route.method.as_str().to_ascii_lowercase()).or_insert_with(|| told(route, operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hubtally",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Download analytics for model hubs. Missing, hidden and private repositories answer alike: 404.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "parameters": parts.get("parameters"),
            "schemas": parts.get("schemas"),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "`hubtally token create` makes one" },
                "session": { "type": "apiKey", "in": "cookie", "name": super::sign_in::COOKIE },
            },
        },
    })
}

fn told(route: &Route, operation: &Operation) -> Value {
    let parameters: Vec<Value> = variables(route.path).chain(operation.query.iter().copied()).map(parameter).collect();
    let mut told = json!({
        "operationId": operation_id(route),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(route, operation),
        "security": match route.access {
            Access::Public | Access::Open => json!([{}, { "token": [] }, { "session": [] }]),
            Access::Credential | Access::Admin => json!([{ "token": [] }, { "session": [] }]),
        },
    });
    if !operation.body.is_empty() {
        let content: Map<String, Value> =
            operation.body.iter().map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": reference(schema) }))).collect();
        // An empty log is a log; what else is empty is refused in words.
        told["requestBody"] = json!({ "required": false, "content": content });
    }
    told
}

/// What comes out when it works, and the shape of every error.
fn responses(route: &Route, operation: &Operation) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for (status, kind, schema) in operation.answers {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({ "description": operation.summary }));
        // The answer to a HEAD has no body.
        if !kind.is_empty() && route.method != hyper::Method::HEAD {
            response["content"][*kind] = json!({ "schema": reference(schema) });
        }
    }
    let error = json!({ "schema": reference("Error") });
    let mut content = json!({ "application/json": error });
    // Pages tell people what is wrong, and so do their forms.
    if operation.tag == PAGES || operation.answers.iter().any(|(_, kind, _)| *kind == "text/html") {
        content["text/html"] = json!({ "schema": reference("Text") });
    }
    responses.insert("default".to_owned(), json!({ "description": "One clear sentence says what is wrong", "content": content }));
    Value::Object(responses)
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

/// The variables of a path.
fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.split_once('}').map(|(name, _)| name))
}

fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(route.method.as_str().to_ascii_lowercase(), |id, word| format!("{id}_{word}"))
}
