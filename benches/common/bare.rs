//! A bare server: hyper receives bodies of events, serde_json reads each line, three hashes are made of it, and nothing is
//! counted or kept. A server of events does at least that.

use std::convert::Infallible;
use std::hint::black_box;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// An event as it is sent, with the fields that every answer is made of.
#[derive(Deserialize)]
struct Event<'e> {
    ts: &'e str,
    repo_type: &'e str,
    repo: &'e str,
    method: &'e str,
    status: u16,
    path: &'e str,
    range: Option<&'e str>,
    bytes: u64,
    user: Option<&'e str>,
    ip: Option<&'e str>,
    user_agent: &'e str,
    country: Option<&'e str>,
}

/// Serves on a port of its own until the runtime ends.
pub async fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            // The bench closes its connections when it is done.
            tokio::spawn(async move { drop(serving.await) });
        }
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let read = match request.into_body().collect().await {
        Ok(body) => read(&body.to_bytes()),
        Err(_) => None,
    };
    let (status, told) = match read {
        Some(events) => (StatusCode::OK, format!(r#"{{"accepted":{events},"repeated":0}}"#)),
        None => (StatusCode::BAD_REQUEST, "a line is no event".to_owned()),
    };
    let mut response = Response::new(Full::new(told.into()));
    *response.status_mut() = status;
    Ok(response)
}

/// How many events a body holds; `None` if a line is none.
fn read(body: &[u8]) -> Option<u64> {
    let mut events = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let event: Event<'_> = serde_json::from_slice(line).ok()?;
        let who = event.user.or(event.ip).unwrap_or_default();
        black_box([hash([who, event.user_agent]), hash([event.repo_type, event.repo]), hash([event.repo, event.path])]);
        black_box((event.ts, event.method, event.status, event.range, event.bytes, event.country));
        events += 1;
    }
    Some(events)
}

fn hash(texts: [&str; 2]) -> u64 {
    texts.into_iter().fold(0, |seed, text| xxh3_64_with_seed(text.as_bytes(), seed))
}
