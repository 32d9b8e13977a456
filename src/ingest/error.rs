//! What can go wrong with a delivery or a command, in sentences for people.

use std::fmt;

use crate::store::StoreError;

/// A command failed.
#[derive(Clone, Debug)]
pub enum EngineError {
    Store(StoreError),
    /// What was asked cannot be done; the sentence says why and what to do.
    Refused(String),
    /// A document is known up to some place and differs after it; reading it from the start as a new one will do.
    Changed {
        delivery: String,
        bytes: u64,
    },
    /// Somebody else added to the document in the meantime, as a followed log does; it is to be recognised anew.
    Moved {
        delivery: String,
    },
    /// A failure inside; the sentence says what to do.
    Broken(String),
    /// The engine is stopping.
    Stopped,
}

impl EngineError {
    /// Whether another process holds the data folder.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self, EngineError::Store(StoreError::Held))
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, EngineError::Store(StoreError::Full))
    }

    /// Whether reading the document again as a new one will do.
    #[must_use]
    pub fn is_changed_document(&self) -> bool {
        matches!(self, EngineError::Changed { .. })
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Store(error) => error.fmt(f),
            EngineError::Refused(why) | EngineError::Broken(why) => f.write_str(why),
            EngineError::Changed { delivery, bytes } => {
                write!(
                    f,
                    "the log equals delivery {delivery} in parts of its first {bytes} bytes and then differs: import it with --as-new"
                )
            }
            EngineError::Moved { delivery } => write!(
                f,
                "delivery {delivery} grew in the meantime, as a log does that is followed with --tail: nothing was counted \
                 twice; import it again if it is not followed"
            ),
            EngineError::Stopped => f.write_str("hubtally is stopping: try again when it is up"),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> EngineError {
        EngineError::Store(error)
    }
}

/// A push failed.
#[derive(Debug)]
pub enum PushError {
    /// The idempotency key came before, with another body.
    KeyReused,
    /// The body as a whole cannot be read; the sentence says why.
    Malformed(String),
    QueueFull {
        retry_after_s: u64,
    },
    StorageFull {
        retry_after_s: u64,
    },
    Engine(EngineError),
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::KeyReused => {
                f.write_str("this Idempotency-Key came before with another body: use a new key for a new body")
            }
            PushError::Malformed(why) => f.write_str(why),
            PushError::QueueFull { retry_after_s } => {
                write!(f, "more events are waiting than can be written: send again in {retry_after_s} s")
            }
            PushError::StorageFull { retry_after_s } => {
                write!(f, "the disk is full, nothing of this body was kept: send again in {retry_after_s} s or later")
            }
            PushError::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PushError {}

impl From<EngineError> for PushError {
    fn from(error: EngineError) -> PushError {
        if error.is_full() { PushError::StorageFull { retry_after_s: 5 } } else { PushError::Engine(error) }
    }
}

impl From<StoreError> for PushError {
    fn from(error: StoreError) -> PushError {
        EngineError::from(error).into()
    }
}
