//! The life of a server, as its connections follow it.

use tokio::sync::watch;

/// Where a server is in its life. Phases only ever go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Serving,
    /// No new requests; those in flight are answered.
    Finishing,
    /// Whatever is still in flight is dropped, so that nothing waits for a client any more.
    Leaving,
}

/// Waits until the server has come to a phase; a server that is gone has passed them all.
pub async fn reached(phases: &mut watch::Receiver<Phase>, phase: Phase) {
    let _ = phases.wait_for(|now| *now >= phase).await;
}
