//! How a command fails: one sentence, and the exit code it stands for.

use std::io;

use crate::ingest::EngineError;
use crate::serve::{ClientError, Reply};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It failed; the sentence says at what.
    Failed(String),
    /// It was asked wrongly.
    Usage(String),
    /// Whoever read the output has seen enough: no failure at all.
    ClosedPipe,
}

impl Failure {
    /// A failure with a sentence.
    pub fn failed(sentence: impl Into<String>) -> Failure {
        Failure::Failed(sentence.into())
    }

    /// Standard output could not be written.
    #[must_use]
    pub fn of_output(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Failed(format!("the output could not be written: {error}")),
        }
    }

    /// A server said no.
    #[must_use]
    pub fn of_reply(reply: &Reply) -> Failure {
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let sentence = body.get("error").and_then(|error| error.as_str()).map(str::to_owned);
        let detail = body.pointer("/detail/0/msg").and_then(|message| message.as_str()).map(str::to_owned);
        Failure::Failed(sentence.or(detail).unwrap_or_else(|| format!("the server answered with status {}", reply.status)))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        Failure::Failed(error.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure::Failed(error.to_string())
    }
}
