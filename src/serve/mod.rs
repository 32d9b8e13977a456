//! The server: hyper behind limits, a table of routes, and an orderly stop.
//!
//! ```text
//! listener ─> connection ─> handle ─> router (routes) ─> auth ─> tag ─> endpoints ─> Answer ─> compression
//! ```

mod answer;
mod app;
mod auth;
mod body;
mod call;
mod client;
mod compression;
mod connection;
mod decoding;
mod endpoints;
mod front;
mod gate;
mod handle;
mod handles;
mod intake;
mod kept;
mod limits;
mod listener;
mod openapi;
mod phase;
mod query_string;
mod router;
mod routes;
mod sign_in;
mod socket;
mod stall;
mod tag;
mod tally;
mod validation;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::ingest::Engine;
use crate::model::Proxies;
use crate::query;
use app::App;
pub use client::{Ask, Client, ClientError, Reply, Upload};
use front::Front;
pub use limits::{CONNECTIONS_MAX, LEAVE_TIMEOUT};
use phase::Phase;
pub use routes::{Access, ROUTES, Route};
pub use socket::exists as socket_exists;

/// How a server listens.
pub struct ServeOptions {
    /// `HOST:PORT`; port 0 takes a free one.
    pub listen: String,
    pub connections_max: usize,
    /// Proxies that name their clients truly.
    pub proxies: Proxies,
    /// Path under which a proxy mounts the server.
    pub base_path: String,
    /// Header in which those proxies name whom they have signed in.
    pub sign_in_header: Option<String>,
    /// Where the owner's socket goes; without a folder there is none.
    pub folder: Option<PathBuf>,
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    owner: Option<UnixListener>,
    terminate: Signal,
    interrupt: Signal,
    engine: Arc<Engine>,
    options: ServeOptions,
}

impl Server {
    /// Takes the port, the owner's socket and the signals: from here on commands find the server, and a signal stops it
    /// in order.
    pub async fn bind(engine: Arc<Engine>, options: ServeOptions) -> io::Result<Server> {
        let listener = TcpListener::bind(&options.listen).await?;
        let address = listener.local_addr()?;
        let owner = options.folder.as_deref().map(|folder| {
            let at = |error| io::Error::other(format!("the socket in {} failed: {error}", folder.display()));
            socket::listen(folder).map_err(at)
        });
        let owner = owner.transpose()?;
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Server { listener, address, owner, terminate, interrupt, engine, options })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections it takes at once: what was asked for, as far as the system has file handles.
    #[must_use]
    pub fn connections_max(&self) -> usize {
        handles::connections_max(self.options.connections_max)
    }

    /// An address a browser on this machine can open: the unspecified address is none.
    #[must_use]
    pub fn origin(&self) -> String {
        let host = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let base_path = Front::new(Proxies::default(), &self.options.base_path);
        format!("http://{}{}", SocketAddr::new(host, self.address.port()), base_path.base_path())
    }

    /// Answers until SIGTERM or SIGINT, then finishes what is in flight and commits the queue.
    pub async fn run(mut self) {
        let front = Front::new(self.options.proxies.clone(), &self.options.base_path)
            .with_sign_in_header(self.options.sign_in_header.as_deref());
        let app = Arc::new(App::new(Arc::clone(&self.engine), self.origin(), front));
        let (phase, phases) = watch::channel(Phase::Serving);
        let network = Turns::new(self.connections_max());
        let owners = Turns::new(limits::OWNER_CONNECTIONS_MAX);
        let accepting = listener::network(self.listener, Arc::clone(&app), Arc::clone(&network.free), phases.clone());
        let mut loops = vec![tokio::spawn(accepting)];
        if let Some(owner) = self.owner.take() {
            loops.push(tokio::spawn(listener::owner(owner, Arc::clone(&app), Arc::clone(&owners.free), phases.clone())));
        }
        let (engine, serving) = (Arc::clone(&self.engine), phases.clone());
        let prepared = tokio::task::spawn_blocking(move || query::prepare(&engine, || *serving.borrow() == Phase::Serving));
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        phase.send_replace(Phase::Finishing);
        for accepting in loops {
            let _ = accepting.await;
        }
        if let Some(folder) = &self.options.folder {
            socket::remove(folder);
        }
        // What could not be prepared is told to whoever asks for it.
        let done = async { tokio::join!(network.all_back(), owners.all_back(), prepared) };
        let _ = tokio::time::timeout(limits::DRAIN_TIMEOUT, done).await;
        // Imports that waited for their clients end here, so that the engine is not stopped under them.
        phase.send_replace(Phase::Leaving);
        let _ = tokio::time::timeout(LEAVE_TIMEOUT, app.writes_done()).await;
        let engine = Arc::clone(&self.engine);
        let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
    }
}

/// The turns of connections, and how to know that none is left.
struct Turns {
    free: Arc<Semaphore>,
    all: usize,
}

impl Turns {
    fn new(all: usize) -> Turns {
        Turns { free: Arc::new(Semaphore::new(all)), all }
    }

    /// Waits until the last connection has given its turn back.
    async fn all_back(&self) {
        let all = u32::try_from(self.all).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }
}
