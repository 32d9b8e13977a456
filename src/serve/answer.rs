//! An answer before it goes out: status, headers, body, and how errors of the inner layers become one.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Serialize;

use super::body::Body;
use crate::ingest::{EngineError, PushError};
use crate::query::QueryError;

/// The header Hub clients dispatch on.
pub const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
/// The header Hub clients show to people.
pub const X_ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// The rule by which the downloads of an answer were counted; absent for the default.
pub const X_COUNTING_RULE: HeaderName = HeaderName::from_static("x-counting-rule");

/// Header values longer than this are cut.
const HEADER_TEXT_MAX: usize = 4096;

/// Bytes that most short JSON answers do not exceed, and that an allocator has at hand.
const JSON_BYTES: usize = 1000;

/// Status, headers and body.
pub struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Body,
}

/// What a handler gives: both sides are answers, so that `?` ends a request early.
pub type Outcome = Result<Answer, Answer>;

impl Answer {
    /// An answer with a body of a type.
    #[must_use]
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Answer { status, headers, body: Body::Whole(body.into()) }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Answer {
        Answer { status, headers: Vec::new(), body: Body::empty() }
    }

    /// 200 with a value as JSON.
    #[must_use]
    pub fn json<T: Serialize>(value: &T) -> Answer {
        Answer::json_with(StatusCode::OK, value)
    }

    /// A status with a value as JSON.
    #[must_use]
    pub fn json_with<T: Serialize>(status: StatusCode, value: &T) -> Answer {
        // An answer that grows from nothing is copied again and again.
        let mut text = Vec::with_capacity(JSON_BYTES);
        match serde_json::to_writer(&mut text, value) {
            Ok(()) => Answer::new(status, "application/json", text),
            Err(error) => Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &format!("the answer could not be written: {error}")),
        }
    }

    /// 200 with what is JSON already.
    #[must_use]
    pub fn json_text(text: Vec<u8>) -> Answer {
        Answer::new(StatusCode::OK, "application/json", text)
    }

    /// 200 with CSV.
    #[must_use]
    pub fn csv(text: String) -> Answer {
        Answer::new(StatusCode::OK, "text/csv; charset=utf-8", text)
    }

    /// A page, under a policy by which only our own files run and load, and nothing inside the page does.
    #[must_use]
    pub fn page(status: StatusCode, html: String) -> Answer {
        const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                              form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        Answer::new(status, "text/html; charset=utf-8", html).with(header::CONTENT_SECURITY_POLICY, POLICY)
    }

    /// An error as JSON, repeated in the header people's tools show.
    #[must_use]
    pub fn error(status: StatusCode, sentence: &str) -> Answer {
        let body = serde_json::json!({ "error": sentence }).to_string();
        Answer::new(status, "application/json", body).with(X_ERROR_MESSAGE, sentence)
    }

    /// An error that passes if the client comes back later.
    #[must_use]
    pub fn retry(status: StatusCode, retry_after_s: u64, sentence: &str) -> Answer {
        Answer::error(status, sentence).with(header::RETRY_AFTER, &retry_after_s.to_string())
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(sentence: &str) -> Answer {
        Answer::error(StatusCode::BAD_REQUEST, sentence)
    }

    /// 404 for a route that does not exist.
    #[must_use]
    pub fn unknown_route() -> Answer {
        let body = r#"{"error":"there is no such route","detail":"Not Found"}"#;
        Answer::new(StatusCode::NOT_FOUND, "application/json", body)
    }

    /// 404 for a repo that is missing, hidden, or of an unknown type: all the same.
    #[must_use]
    pub fn repo_not_found(kind: &str, id: &str) -> Answer {
        Answer::error(StatusCode::NOT_FOUND, &format!("Repository '{id}' ({kind}) not found")).with(X_ERROR_CODE, "RepoNotFound")
    }

    /// 503 after a panic: the connection and the server live on.
    #[must_use]
    pub fn broken() -> Answer {
        Answer::retry(StatusCode::SERVICE_UNAVAILABLE, 5, "the server failed on this request; its log has the place")
    }

    /// The answer with one more header. Bytes a header cannot carry become `?`.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Answer {
        let visible = |byte: u8| if (0x20..0x7f).contains(&byte) { byte } else { b'?' };
        let bytes: Vec<u8> = value.bytes().take(HEADER_TEXT_MAX).map(visible).collect();
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(bytes)) {
            self.headers.push((name, value));
        }
        self
    }
}

impl From<EngineError> for Answer {
    fn from(error: EngineError) -> Answer {
        match error {
            EngineError::Refused(sentence) => Answer::bad_request(&sentence),
            EngineError::Changed { .. } => {
                Answer::error(StatusCode::CONFLICT, &error.to_string()).with(X_ERROR_CODE, "DocumentChanged")
            }
            _ if error.is_full() => Answer::retry(StatusCode::INSUFFICIENT_STORAGE, 5, &error.to_string()),
            _ => Answer::retry(StatusCode::SERVICE_UNAVAILABLE, 5, &error.to_string()),
        }
    }
}

impl From<QueryError> for Answer {
    fn from(error: QueryError) -> Answer {
        match error {
            // The place is for the operator: it may name a repo this caller must not know of.
            QueryError::Damaged(place) => {
                eprintln!("damaged data: {place}; run `hubtally verify`, then `hubtally rebuild`");
                let sentence = "stored data is damaged here, so no number is given; the operator can run `hubtally verify`";
                Answer::error(StatusCode::SERVICE_UNAVAILABLE, sentence)
            }
            QueryError::Engine(error) => error.into(),
            QueryError::NobodyWaits => Answer::retry(StatusCode::SERVICE_UNAVAILABLE, 5, &error.to_string()),
            QueryError::NotComputable(lacking) => super::validation::not_computable(&lacking),
        }
    }
}

impl From<PushError> for Answer {
    fn from(error: PushError) -> Answer {
        match error {
            PushError::KeyReused => {
                let sentence = "this Idempotency-Key came with another body before; send a new key with a new body";
                Answer::error(StatusCode::CONFLICT, sentence)
            }
            PushError::Malformed(sentence) => Answer::bad_request(&sentence),
            PushError::QueueFull { retry_after_s } => {
                let sentence = "more is being pushed than the disk takes; nothing of this body was kept, send it again later";
                Answer::retry(StatusCode::TOO_MANY_REQUESTS, retry_after_s, sentence)
            }
            PushError::StorageFull { retry_after_s } => {
                let sentence = "the disk is full; nothing of this body was kept, send it again when there is space";
                Answer::retry(StatusCode::INSUFFICIENT_STORAGE, retry_after_s, sentence)
            }
            PushError::Engine(error) => error.into(),
        }
    }
}
