//! The accept loops: a counted number of connections, and a polite refusal beyond it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};

use super::app::App;
use super::auth::Trust;
use super::phase::{Phase, reached};
use super::{connection, limits};

/// Pause after a failed accept: the usual reason is a lack of file handles, which passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Said to connections beyond the cap.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 68\r\n\
Retry-After: 5\r\nConnection: close\r\n\r\n{\"error\":\"too many connections are open; come back in some seconds\"}";

/// Accepts clients of the network until the server finishes.
pub async fn network(listener: TcpListener, app: Arc<App>, turns: Arc<Semaphore>, mut phases: watch::Receiver<Phase>) {
    let refusals = Arc::new(Semaphore::new(limits::REFUSALS_MAX));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = reached(&mut phases, Phase::Finishing) => return,
        };
        let Ok((stream, peer)) = stream else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(turn) = Arc::clone(&turns).try_acquire_owned() else {
            refuse(stream, &refusals);
            continue;
        };
        // Answers are written whole; waiting for more only delays them.
        let _ = stream.set_nodelay(true);
        let (app, phases) = (Arc::clone(&app), phases.clone());
        tokio::spawn(async move {
            connection::serve(stream, app, Trust::Network(peer.ip()), phases).await;
            drop(turn);
        });
    }
}

/// Accepts the owner's own commands on the socket in the data folder until the server finishes. They have turns of their
/// own, so that no crowd outside keeps the owner out; one command too many waits.
pub async fn owner(listener: UnixListener, app: Arc<App>, turns: Arc<Semaphore>, mut phases: watch::Receiver<Phase>) {
    loop {
        let accepting = async {
            let turn = Arc::clone(&turns).acquire_owned().await.ok();
            (listener.accept().await, turn)
        };
        let (stream, turn) = tokio::select! {
            accepted = accepting => accepted,
            () = reached(&mut phases, Phase::Finishing) => return,
        };
        let Ok((stream, _)) = stream else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (app, phases) = (Arc::clone(&app), phases.clone());
        tokio::spawn(async move {
            connection::serve(stream, app, Trust::Owner, phases).await;
            drop(turn);
        });
    }
}

fn refuse(mut stream: TcpStream, refusals: &Arc<Semaphore>) {
    let Ok(turn) = Arc::clone(refusals).try_acquire_owned() else { return };
    tokio::spawn(async move {
        if stream.write_all(REFUSAL).await.is_ok() {
            connection::linger(stream).await;
        }
        drop(turn);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_states_its_own_length() {
        let text = std::str::from_utf8(REFUSAL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
