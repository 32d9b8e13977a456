//! One connection: hyper with every limit set, and an orderly end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::app::App;
use super::auth::Trust;
use super::handle::handle;
use super::limits;
use super::phase::{Phase, reached};
use super::stall::Stall;

/// Serves a connection until the client, a limit or the end of the server ends it.
pub async fn serve<I>(io: I, app: Arc<App>, trust: Trust, mut phases: watch::Receiver<Phase>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        Box::pin(async move { Ok::<_, Infallible>(handle(app, trust, request).await) })
    });
    let mut builder = http1::Builder::new();
    // Without a timer hyper drops the header timeout silently.
    builder.timer(TokioTimer::new()).header_read_timeout(limits::HEADER_TIMEOUT);
    builder.max_headers(limits::HEADERS_MAX).max_buf_size(limits::HEAD_BYTES_MAX).half_close(false);
    let io = TokioIo::new(Stall::new(io, limits::WRITE_TIMEOUT));
    let mut connection = builder.serve_connection(io, service);
    let mut finishing = false;
    {
        let mut also = phases.clone();
        let mut finish = pin!(reached(&mut also, Phase::Finishing));
        // Polled by hand, so that the socket comes back afterwards.
        let served = std::future::poll_fn(|cx| {
            if !finishing && finish.as_mut().poll(cx).is_ready() {
                finishing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(cx)
        });
        tokio::select! {
            // An error is the client's: it went away, was too slow, or spoke something else.
            _ = served => {}
            () = reached(&mut phases, Phase::Leaving) => return,
        }
    }
    if !finishing {
        linger(connection.into_parts().io.into_inner().into_inner()).await;
    }
}

/// Closes our side and reads on for a moment. A socket closed with unread bytes is reset, and a client still sending
/// would lose the answer that says why it was refused.
pub async fn linger<I: AsyncRead + AsyncWrite + Unpin>(mut io: I) {
    let drain = async {
        io.shutdown().await?;
        let mut scrap = [0; 4096];
        while io.read(&mut scrap).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    let _ = tokio::time::timeout(limits::LINGER, drain).await;
}
