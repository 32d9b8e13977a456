//! An import that tells how far it is while its body still comes in: one JSON object per line, the outcome last.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::ingest::Progress;
use crate::serve::answer::{Answer, X_ERROR_CODE};
use crate::serve::body::Body;
use crate::serve::limits;

/// Between two lines.
const LINE_EVERY: Duration = Duration::from_millis(200);

type Lines = mpsc::Sender<std::io::Result<Bytes>>;

/// Tells progress, now and then.
pub struct Teller {
    lines: Lines,
    next: Mutex<Instant>,
}

impl Teller {
    /// A teller, and the answer its lines go out in.
    #[must_use]
    pub fn new() -> (Arc<Teller>, Answer) {
        let (lines, body) = mpsc::channel(limits::CHUNKS_WAITING_MAX);
        let mut answer = Answer::new(StatusCode::OK, "application/x-ndjson", Bytes::new());
        answer.body = Body::Stream(body);
        (Arc::new(Teller { lines, next: Mutex::new(Instant::now()) }), answer)
    }

    /// Says how far the import is, unless that was said just now or nobody listens.
    pub fn progress(&self, seen: Progress) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now < *next {
            return;
        }
        *next = now + LINE_EVERY;
        // A reader that is behind misses a line, not the import.
        let _ = self.lines.try_send(Ok(line(&json!({ "rows": seen.rows, "bytes": seen.bytes_read }))));
    }

    /// Says how it ended. The status is long gone, so a failure brings its own.
    pub async fn end(&self, outcome: Result<Value, Answer>) {
        let told = match outcome {
            Ok(receipt) => json!({ "receipt": receipt }),
            Err(answer) => failure(&answer),
        };
        let _ = self.lines.send(Ok(line(&told))).await;
    }
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}

fn failure(answer: &Answer) -> Value {
    let body: Value = match &answer.body {
        Body::Whole(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
        Body::Stream(_) => Value::Null,
    };
    let code = answer.headers.iter().find(|(name, _)| *name == X_ERROR_CODE).and_then(|(_, value)| value.to_str().ok());
    json!({ "status": answer.status.as_u16(), "code": code, "error": body["error"] })
}
