//! Senders of pushed bodies: straight into an engine, or over HTTP to a server in the same process.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hubtally::ingest::{Engine, Push, PushContent, PushError};
use hubtally::model::{Proxies, Role, SourceName};
use hubtally::serve::{ServeOptions, Server};
use serde::Deserialize;
use tokio::runtime::Runtime;

#[path = "bare.rs"]
mod bare;

type Failure = Box<dyn std::error::Error>;

/// Pause after the queue was full.
const RETRY: Duration = Duration::from_millis(2);

/// What a body brought, and how often the queue was full before it was taken in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pushed {
    pub time: Duration,
    pub events: u64,
    pub full: u64,
}

#[derive(Deserialize)]
struct Receipt {
    accepted: u64,
    repeated: u64,
}

/// A server, of an engine or a bare one, on a port of its own, for as long as this is held.
pub struct Serving {
    address: SocketAddr,
    token: String,
    _runtime: Runtime,
}

impl Serving {
    /// Serves an engine as `hubtally serve` does.
    pub fn start(engine: &Arc<Engine>) -> Result<Serving, Failure> {
        let options = ServeOptions {
            listen: "127.0.0.1:0".to_owned(),
            connections_max: 1_024,
            proxies: Proxies::default(),
            base_path: String::new(),
            sign_in_header: None,
            folder: None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let token = engine.create_token(&Role::Ingest(SourceName::default_source()), "bench", None)?;
        let server = runtime.block_on(Server::bind(Arc::clone(engine), options))?;
        let address = server.address();
        runtime.spawn(server.run());
        Ok(Serving { address, token, _runtime: runtime })
    }

    /// Serves nothing: bodies are received and read, and that is all.
    pub fn bare() -> Result<Serving, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let address = runtime.block_on(bare::serve())?;
        Ok(Serving { address, token: String::new(), _runtime: runtime })
    }
}

/// One of those who push bodies one after the other.
pub enum Sender<'e> {
    Direct(&'e Engine),
    Http { connection: BufReader<TcpStream>, token: &'e str },
}

impl<'e> Sender<'e> {
    /// Connects to the server if there is one.
    pub fn new(engine: &'e Engine, serving: Option<&'e Serving>) -> Result<Sender<'e>, Failure> {
        let Some(Serving { address, token, .. }) = serving else { return Ok(Sender::Direct(engine)) };
        let connection = TcpStream::connect(address)?;
        connection.set_nodelay(true)?;
        Ok(Sender::Http { connection: BufReader::new(connection), token })
    }

    /// One push, repeated while the queue is full.
    pub fn push(&mut self, body: &[u8]) -> Result<Pushed, Failure> {
        let (start, mut full) = (Instant::now(), 0);
        loop {
            if let Some(events) = self.push_once(body)? {
                return Ok(Pushed { time: start.elapsed(), events, full });
            }
            full += 1;
            std::thread::sleep(RETRY);
        }
    }

    /// The events of a body that was taken in; `None` if the queue was full.
    fn push_once(&mut self, body: &[u8]) -> Result<Option<u64>, Failure> {
        match self {
            Sender::Direct(engine) => {
                let (source, body) = (SourceName::default_source(), body.to_vec());
                match engine.push(Push { source, body, content: PushContent::Json, idempotency_key: None }) {
                    Ok(receipt) => Ok(Some(receipt.accepted + receipt.repeated)),
                    Err(PushError::QueueFull { .. }) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Sender::Http { connection, token } => {
                let head = format!(
                    "POST /api/v1/events HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\n\
                     Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let stream = connection.get_mut();
                stream.write_all(head.as_bytes())?;
                stream.write_all(body)?;
                let (status, told) = answer(connection)?;
                match status {
                    200 => {
                        let receipt: Receipt = serde_json::from_slice(&told)?;
                        Ok(Some(receipt.accepted + receipt.repeated))
                    }
                    429 => Ok(None),
                    _ => Err(format!("a push was answered {status}: {}", String::from_utf8_lossy(&told)).into()),
                }
            }
        }
    }
}

/// The status and the body of an answer.
fn answer(connection: &mut impl BufRead) -> Result<(u16, Vec<u8>), Failure> {
    let (mut status, mut length, mut line) = (None, 0, String::new());
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let text = line.trim_end();
        if status.is_none() {
            status = Some(text.split(' ').nth(1).unwrap_or_default().parse()?);
        } else if text.is_empty() {
            break;
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status.unwrap_or_default(), body))
}
