//! Our own client: one way to ask a server, over TCP, over the owner's socket, or in this very process.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::answer::X_COUNTING_RULE;
use super::app::App;
use super::auth::Trust;
use super::body::Body;
use super::front::Front;
use super::phase::Phase;
use super::{connection, limits, socket};
use crate::ingest::Engine;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Buffer of the pipe between this process's client and its own router.
const PIPE_BYTES: usize = 64 * 1024;

/// Where the questions go.
enum Transport {
    Network {
        /// `HOST:PORT`.
        authority: String,
        /// Path under which a proxy mounts the server.
        prefix: String,
    },
    Socket(PathBuf),
    InProcess(Arc<App>),
}

/// A client of one server.
pub struct Client {
    transport: Transport,
    token: Option<String>,
    runtime: Runtime,
}

/// What is asked.
pub struct Ask<'a> {
    pub method: &'a str,
    /// Path and query, already encoded.
    pub path: &'a str,
    pub upload: Upload,
    /// How long the whole exchange may take; `None` waits as long as the work takes.
    pub timeout: Option<Duration>,
}

/// What is sent along.
pub enum Upload {
    Nothing,
    Json(serde_json::Value),
    /// Lines of JSON.
    Lines(String),
    /// A stream of unknown length.
    Stream(Box<dyn Read + Send>),
}

/// What came back.
pub struct Reply {
    pub status: u16,
    /// The rule by which downloads were counted, if it is not the default.
    pub rule: Option<String>,
    pub body: Vec<u8>,
}

/// Why nothing came back, as a sentence.
#[derive(Debug)]
pub struct ClientError(String);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

impl Client {
    /// A client of the server at a URL such as `http://127.0.0.1:8642`.
    pub fn network(url: &str, token: Option<String>) -> Result<Client, ClientError> {
        let Some(rest) = url.strip_prefix("http://") else {
            let sentence =
                format!("the URL {url} does not start with http://; hubtally speaks plain HTTP and leaves TLS to a proxy");
            return Err(ClientError(sentence));
        };
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Client::new(Transport::Network { authority, prefix }, token)
    }

    /// A client of the server that holds a data folder, with the owner's rights.
    pub fn socket(folder: PathBuf) -> Result<Client, ClientError> {
        Client::new(Transport::Socket(folder), None)
    }

    /// A client of an engine in this process, with the owner's rights: the same router, no socket.
    pub fn in_process(engine: Arc<Engine>) -> Result<Client, ClientError> {
        Client::new(Transport::InProcess(Arc::new(App::new(engine, "http://localhost".to_owned(), Front::default()))), None)
    }

    fn new(transport: Transport, token: Option<String>) -> Result<Client, ClientError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| ClientError(format!("no threads could be started: {error}")))?;
        Ok(Client { transport, token, runtime })
    }

    /// Asks and waits for the whole answer.
    pub fn ask(&self, ask: Ask<'_>) -> Result<Reply, ClientError> {
        self.ask_line_by_line(ask, &mut |_| {})
    }

    /// Asks and hands over each line of the answer as it comes, while the upload may still go on; the whole answer comes
    /// at the end.
    pub fn ask_line_by_line(&self, ask: Ask<'_>, each: &mut dyn FnMut(&[u8])) -> Result<Reply, ClientError> {
        let timeout = ask.timeout;
        self.runtime.block_on(async {
            match timeout {
                None => self.exchange(ask, each).await,
                Some(limit) => tokio::time::timeout(limit, self.exchange(ask, each))
                    .await
                    .map_err(|_| ClientError(format!("{} did not answer within {} s", self.name(), limit.as_secs())))?,
            }
        })
    }

    async fn exchange(&self, ask: Ask<'_>, each: &mut dyn FnMut(&[u8])) -> Result<Reply, ClientError> {
        let request = self.request(ask)?;
        let failed = |error: io::Error| ClientError(format!("{} cannot be reached: {error}", self.name()));
        match &self.transport {
            Transport::Network { authority, .. } => {
                let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(authority)).await;
                let stream = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(failed)?;
                self.send(stream, request, each).await
            }
            Transport::Socket(folder) => {
                let stream = socket::connect(folder).await.map_err(failed)?;
                self.send(stream, request, each).await
            }
            Transport::InProcess(app) => {
                let (near, far) = tokio::io::duplex(PIPE_BYTES);
                let (phase, phases) = watch::channel(Phase::Serving);
                let serving = tokio::spawn(connection::serve(far, Arc::clone(app), Trust::Owner, phases));
                let reply = self.send(near, request, each).await;
                phase.send_replace(Phase::Leaving);
                serving.abort();
                reply
            }
        }
    }

    async fn send<I>(&self, io: I, request: Request<Body>, each: &mut dyn FnMut(&[u8])) -> Result<Reply, ClientError>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let failed = |error: hyper::Error| ClientError(format!("{} did not answer: {error}", self.name()));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(failed)?;
        let driving = tokio::spawn(connection);
        let response: Response<hyper::body::Incoming> = sender.send_request(request).await.map_err(failed)?;
        let status = response.status().as_u16();
        let rule = response.headers().get(X_COUNTING_RULE).and_then(|rule| rule.to_str().ok()).map(str::to_owned);
        let mut incoming = response.into_body();
        let (mut body, mut told) = (Vec::new(), 0);
        while let Some(frame) = incoming.frame().await {
            let Ok(bytes) = frame.map_err(failed)?.into_data() else { continue };
            body.extend_from_slice(&bytes);
            while let Some(line) = body.get(told..).and_then(|rest| rest.split_inclusive(|byte| *byte == b'\n').next()) {
                if !line.ends_with(b"\n") {
                    break;
                }
                each(line);
                told += line.len();
            }
        }
        driving.abort();
        Ok(Reply { status, rule, body })
    }

    fn request(&self, ask: Ask<'_>) -> Result<Request<Body>, ClientError> {
        let (host, prefix) = match &self.transport {
            Transport::Network { authority, prefix } => (authority.as_str(), prefix.as_str()),
            Transport::Socket(_) | Transport::InProcess(_) => ("localhost", ""),
        };
        let wrong = |error: hyper::http::Error| ClientError(format!("this cannot be asked: {error}"));
        let method = Method::from_bytes(ask.method.as_bytes()).unwrap_or(Method::GET);
        let mut request = Request::builder().method(method).uri(format!("{prefix}{}", ask.path)).header(header::HOST, host);
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| ClientError("the token holds characters that no token has".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        match ask.upload {
            Upload::Nothing => request.body(Body::empty()).map_err(wrong),
            Upload::Json(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                request.body(Body::Whole(value.to_string().into())).map_err(wrong)
            }
            Upload::Lines(lines) => {
                request = request.header(header::CONTENT_TYPE, "application/x-ndjson");
                request.body(Body::Whole(lines.into())).map_err(wrong)
            }
            Upload::Stream(input) => {
                request = request.header(header::CONTENT_TYPE, "application/octet-stream");
                request.body(stream(input)).map_err(wrong)
            }
        }
    }

    /// The server, as errors call it.
    fn name(&self) -> String {
        match &self.transport {
            Transport::Network { authority, .. } => format!("the server at {authority}"),
            Transport::Socket(folder) => format!("the server that holds {}", folder.display()),
            Transport::InProcess(_) => "the store".to_owned(),
        }
    }
}

/// Reads on a thread of its own, no faster than the server takes it. Not one of the runtime's: those are waited for at
/// the end, and a terminal nobody types on would hold the command for ever.
fn stream(mut input: Box<dyn Read + Send>) -> Body {
    let (chunks, body) = mpsc::channel(limits::CHUNKS_WAITING_MAX);
    std::thread::spawn(move || {
        loop {
            let mut chunk = vec![0; limits::CHUNK_BYTES];
            let read = match input.read(&mut chunk) {
                Ok(0) => return,
                Ok(count) => {
                    chunk.truncate(count);
                    Ok(Bytes::from(chunk))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if chunks.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    Body::Stream(body)
}
