//! CSV that is made a piece at a time while the client takes it.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header;
use tokio::sync::mpsc;

use crate::ingest::Engine;
use crate::query::QueryError;
use crate::serve::answer::Answer;
use crate::serve::app::App;
use crate::serve::body::Body;
use crate::serve::call::Call;
use crate::serve::compression::{Packer, Packing, labelled};
use crate::serve::limits;

/// The rest of a CSV: gives the next piece, and itself if there is more after it.
pub trait Pieces: Sized + Send + 'static {
    /// Makes the next piece. It holds a view no longer than that: a slow client never holds a snapshot of the store.
    ///
    /// # Errors
    /// When the store fails; the client then gets a body that is cut off.
    fn next(self, engine: &Engine) -> Result<(String, Option<Self>), QueryError>;
}

/// Answers with a header line and the pieces, as a file to keep.
pub fn csv(call: Call, file_name: &str, header_line: &str, pieces: impl Pieces) -> Answer {
    let packing = Packing::accepted(&call.head.headers);
    let (chunks, body) = mpsc::channel(limits::CHUNKS_WAITING_MAX);
    tokio::spawn(stream(call.app, header_line.to_owned(), pieces, packing, chunks));
    let mut answer = labelled(Answer::csv(String::new()), packing);
    answer.body = Body::Stream(body);
    answer.with(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{file_name}\""))
}

async fn stream(
    app: Arc<App>,
    header_line: String,
    pieces: impl Pieces,
    packing: Option<Packing>,
    chunks: mpsc::Sender<std::io::Result<Bytes>>,
) {
    let Err(error) = send_all(&app, header_line, pieces, packing, &chunks).await else { return };
    // The status is long gone; a body cut off in the middle is the only way left to say that it is not whole.
    let _ = chunks.send(Err(error)).await;
}

async fn send_all(
    app: &App,
    mut text: String,
    pieces: impl Pieces,
    packing: Option<Packing>,
    chunks: &mpsc::Sender<std::io::Result<Bytes>>,
) -> std::io::Result<()> {
    let mut packer = Packer::new(packing)?;
    let mut left = Some(pieces);
    loop {
        let packed = packer.push(text.into_bytes())?;
        if !packed.is_empty() && chunks.send(Ok(packed.into())).await.is_err() {
            return Ok(());
        }
        let Some(pieces) = left else { break };
        let made = app.read(move |engine| pieces.next(engine)).await;
        let cut = || std::io::Error::other("the rest of the file could not be read");
        (text, left) = made.map_err(|_| cut())?.map_err(|error| {
            // Builds the answer nobody gets, for the line it leaves in the log.
            drop(Answer::from(error));
            cut()
        })?;
    }
    let rest = packer.finish()?;
    if !rest.is_empty() {
        let _ = chunks.send(Ok(rest.into())).await;
    }
    Ok(())
}
