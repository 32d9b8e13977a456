//! What all requests share: the engine, the gates in front of it, and the server's own identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::answer::Answer;
use super::front::Front;
use super::gate::{BodyBudget, Gate};
use super::kept::KeptAnswers;
use super::limits;
use super::sign_in::SignIn;
use super::tally::Tally;
use crate::ingest::Engine;

/// One server.
pub struct App {
    pub engine: Arc<Engine>,
    /// `http://HOST:PORT`, as far as this process knows; shown to people only.
    pub origin: String,
    pub front: Front,
    pub sign_in: SignIn,
    pub bodies: BodyBudget,
    /// What was answered, for monitors.
    pub answers: Tally,
    /// Answers of the state that is published.
    pub kept: KeptAnswers,
    reads: Gate,
    pushes: Gate,
    upkeep: Gate,
    /// Random per process: tags of another run never match, ids of two servers do not collide.
    pub boot: u64,
    requests: AtomicU64,
}

impl App {
    /// A server around an engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, origin: String, front: Front) -> App {
        let cores = std::thread::available_parallelism().map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(2));
        App {
            engine,
            origin,
            answers: Tally::default(),
            kept: KeptAnswers::default(),
            front,
            sign_in: SignIn::default(),
            bodies: BodyBudget::new(limits::BODIES_BYTES_MAX),
            reads: Gate::new(cores * 2),
            pushes: Gate::new(limits::PUSHES_MAX),
            upkeep: Gate::new(limits::UPKEEP_MAX),
            boot: getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id())),
            requests: AtomicU64::new(0),
        }
    }

    /// Answers a costly question on a thread of its own.
    pub async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Engine) -> T + Send + 'static) -> Result<T, Answer> {
        let engine = Arc::clone(&self.engine);
        self.reads.run(move || work(&engine)).await
    }

    /// Writes something that waits for the disk.
    pub async fn write<T: Send + 'static>(&self, work: impl FnOnce(&Engine) -> T + Send + 'static) -> Result<T, Answer> {
        let engine = Arc::clone(&self.engine);
        self.pushes.run(move || work(&engine)).await
    }

    /// Does something that can take minutes.
    pub async fn upkeep<T: Send + 'static>(&self, work: impl FnOnce(&Engine) -> T + Send + 'static) -> Result<T, Answer> {
        let engine = Arc::clone(&self.engine);
        self.upkeep.run(move || work(&engine)).await
    }

    /// Waits until no write is under way.
    pub async fn writes_done(&self) {
        tokio::join!(self.pushes.idle(), self.upkeep.idle());
    }

    /// A new request id.
    #[must_use]
    pub fn request_id(&self) -> String {
        let serial = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}{serial:08x}", self.boot & 0xffff_ffff)
    }
}
