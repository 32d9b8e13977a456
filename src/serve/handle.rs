//! A request from its head to its answer: route, caller, tag, handler, and what every answer carries.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{Answer, Outcome};
use super::app::App;
use super::auth::{self, Trust};
use super::body::Body;
use super::call::{Call, Params, accepts_csv};
use super::compression::{Packing, packed};
use super::endpoints;
use super::query_string::QueryString;
use super::router::{self, Match};
use super::routes::{Access, Endpoint, Route};
use super::tag::{self, State};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Request ids of clients are echoed up to this length.
const REQUEST_ID_MAX: usize = 128;
/// Headers that an answer gets beside its own, at most.
const HEADERS_OF_ALL: usize = 6;

/// Answers one request; a panic on the way is an answer too.
pub async fn handle(app: Arc<App>, trust: Trust, request: Request<Incoming>) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    app.front.localize(&mut head);
    let server = Arc::clone(&app);
    let id = request_id(&app, &head);
    let packing = Packing::accepted(&head.headers);
    let (answer, access) = match router::find(&head.method, path_of(&head)) {
        Match::Found(route, params) => (answered(app, trust, route, params, head, body).await, Some(route.access)),
        Match::OtherMethods(routes) => (other_method(&head, &routes), None),
        Match::TrailingSlash => (without_slash(&head), None),
        Match::Unknown => (Answer::unknown_route(), None),
    };
    server.answers.add(answer.status);
    let mut answer = packed(answer, packing);
    server.front.mount(&mut answer.headers);
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.reserve(answer.headers.len() + HEADERS_OF_ALL);
    headers.extend(answer.headers);
    headers.insert(X_REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if access == Some(Access::Public) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let exposed = "X-Request-Id, X-Error-Code, X-Error-Message, X-Counting-Rule, ETag";
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding, Authorization, Cookie"));
    } else if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// The path without the ending that asks for CSV.
fn path_of(head: &Parts) -> &str {
    let path = head.uri.path();
    match path.strip_suffix(".csv") {
        Some(shorter) if path.starts_with("/api/v1/") || matches!(shorter, "/api/trending" | "/api/ecosystem") => shorter,
        _ => path,
    }
}

fn request_id(app: &App, head: &Parts) -> HeaderValue {
    let given = head
        .headers
        .get(X_REQUEST_ID)
        .filter(|id| (1..=REQUEST_ID_MAX).contains(&id.len()) && id.as_bytes().iter().all(|byte| (0x21..0x7f).contains(byte)));
    let made = || HeaderValue::from_str(&app.request_id()).unwrap_or(HeaderValue::from_static("-"));
    given.cloned().unwrap_or_else(made)
}

async fn answered(app: Arc<App>, trust: Trust, route: &Route, params: Params, head: Parts, body: Incoming) -> Answer {
    let work = Box::pin(answer(app, trust, route, params, head, body));
    match without_panic(work).await {
        Some(Ok(answer) | Err(answer)) => answer,
        None => Answer::broken(),
    }
}

/// Polls to the end; `None` if that panics.
async fn without_panic<F: Future + Unpin>(mut work: F) -> Option<F::Output> {
    std::future::poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut work).poll(cx)));
        // After a panic the future is dropped with this function, never polled again.
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

async fn answer(app: Arc<App>, trust: Trust, route: &Route, params: Params, head: Parts, body: Incoming) -> Outcome {
    let caller = auth::caller(&app, &head, trust)?;
    auth::admit(route.access, &caller)?;
    let by_path = head.uri.path().ends_with(".csv");
    if by_path && !route.endpoint.has_csv() && head.uri.path().starts_with("/api/v1/") {
        return Err(Answer::unknown_route());
    }
    let csv = route.endpoint.has_csv() && (by_path || accepts_csv(&head));
    let query = QueryString::parse(head.uri.query().unwrap_or_default());
    let endpoint = route.endpoint;
    let call = Call { app, head, caller, trust, params, query, csv, body: Some(body) };
    if !endpoint.has_tag() && !endpoint.is_kept() {
        return endpoints::answer(endpoint, call).await;
    }
    // Read before the answer is made: see `State::of`.
    let state = State::of(&call.app);
    let question = tag::question(&call.head, &call.caller, csv);
    if !endpoint.has_tag() {
        return kept(endpoint, call, state, question).await;
    }
    let tag = tag::tag(&call.app, state, &question);
    let cache = if call.caller.is_known() { "private, no-cache" } else { "no-cache" };
    let answer = if tag::is_held(&call.head, &tag) {
        Answer::empty(StatusCode::NOT_MODIFIED)
    } else if endpoint.is_kept() {
        kept(endpoint, call, state, question).await?
    } else {
        endpoints::answer(endpoint, call).await?
    };
    Ok(answer.with(header::ETAG, &tag).with(header::CACHE_CONTROL, cache))
}

/// The answer somebody got to the same question in this state, or a new one.
async fn kept(endpoint: Endpoint, call: Call, state: State, mut question: String) -> Outcome {
    let packing = Packing::accepted(&call.head.headers);
    question.push(' ');
    question.push_str(packing.map_or("plain", Packing::word));
    if let Some(answer) = call.app.kept.find(state, &question) {
        return Ok(answer);
    }
    let app = Arc::clone(&call.app);
    let answer = packed(endpoints::answer(endpoint, call).await?, packing);
    app.kept.keep(state, question, &answer);
    Ok(answer)
}

/// 405, or the preflight answer that lets any website's script read public figures.
fn other_method(head: &Parts, routes: &[&Route]) -> Answer {
    let allow = router::allow(routes);
    if head.method == Method::OPTIONS && routes.iter().any(|route| route.access == Access::Public) {
        return Answer::empty(StatusCode::NO_CONTENT)
            .with(header::ALLOW, &allow)
            .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, "GET")
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-None-Match, X-Request-Id")
            .with(header::ACCESS_CONTROL_MAX_AGE, "86400");
    }
    Answer::error(StatusCode::METHOD_NOT_ALLOWED, &format!("this path answers {allow}")).with(header::ALLOW, &allow)
}

/// 307 to the same path without its last slash, as FastAPI redirects.
fn without_slash(head: &Parts) -> Answer {
    let path = head.uri.path();
    let mut target = path.strip_suffix('/').unwrap_or(path).to_owned();
    if let Some(query) = head.uri.query() {
        target.push('?');
        target.push_str(query);
    }
    match HeaderValue::from_str(&target) {
        Ok(target) => {
            let mut answer = Answer::empty(StatusCode::TEMPORARY_REDIRECT);
            answer.headers.push((header::LOCATION, target));
            answer
        }
        Err(_) => Answer::unknown_route(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_where_it_happens() {
        assert_eq!(without_panic(Box::pin(async { 7 })).await, Some(7));
        let broken = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        });
        assert_eq!(without_panic::<Pin<Box<dyn Future<Output = u8>>>>(broken).await, None);
    }
}
