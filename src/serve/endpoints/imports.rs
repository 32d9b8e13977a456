//! Whole logs as bodies, streamed into the engine through a bounded channel.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::events;
use super::import_progress::Teller;
use crate::ingest::{GivenSettings, ImportOptions, Progress};
use crate::model::{Format, Receipt};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::app::App;
use crate::serve::auth::Trust;
use crate::serve::call::Call;
use crate::serve::intake::Intake;
use crate::serve::limits;
use crate::serve::validation::Validation;

/// Takes a log of any size. Nothing of it is held but the chunks between the socket and the engine.
pub async fn import(mut call: Call) -> Outcome {
    let source = events::source(&call)?;
    let mut validation = Validation::new(&call.query);
    let formats = Format::ALL.map(|format| (format.word(), Some(format)));
    let format = validation.word("format", None, &[[("auto", None)].as_slice(), &formats].concat());
    let GivenSettings { redirects, head_redirect, knows_users } = events::settings(&mut validation);
    let as_new = validation.word("as_new", Some(false), &[("true", Some(true)), ("false", Some(false))]);
    let progress = validation.word("progress", Some(false), &[("true", Some(true)), ("false", Some(false))]);
    validation.finish()?;
    let name = call.query.last("name").unwrap_or("upload").to_owned();
    let options = ImportOptions { source, name, format, redirects, head_redirect, knows_users, as_new: as_new == Some(true) };
    let Some(body) = call.body.take() else { return Err(Answer::bad_request("the log is the body of the request")) };

    // The owner may pipe a log in as slowly as it comes.
    let waiting_max = (call.trust != Trust::Owner).then_some(limits::IMPORT_TIMEOUT);
    let intake = Intake::new(body, waiting_max);
    if progress != Some(true) {
        return Ok(Answer::json(&run(&call.app, intake, options, |_| {}).await?));
    }
    let (teller, answer) = Teller::new();
    let app = call.app;
    tokio::spawn(async move {
        let told = Arc::clone(&teller);
        let receipt = run(&app, intake, options, move |seen| told.progress(seen)).await;
        let receipt = receipt.and_then(|receipt| serde_json::to_value(receipt).map_err(|_| Answer::broken()));
        teller.end(receipt).await;
    });
    Ok(answer)
}

/// Imports what comes in.
async fn run(
    app: &App,
    intake: Intake,
    options: ImportOptions,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<Receipt, Answer> {
    let (chunks, waiting) = mpsc::channel(limits::CHUNKS_WAITING_MAX);
    let input = Box::new(ChannelReader { chunks: waiting, current: Bytes::new(), ended: false });
    let work = app.upkeep(move |engine| engine.import(input, &options, &progress));
    let (receipt, sent) = tokio::join!(work, send(intake, chunks));
    sent?;
    Ok(receipt??)
}

/// Moves the body into the channel. The engine is told when the client fails, so that it keeps the durable prefix
/// instead of taking a cut-off log for a whole one.
async fn send(mut intake: Intake, chunks: mpsc::Sender<io::Result<Bytes>>) -> Result<(), Answer> {
    loop {
        match intake.next().await {
            Ok(None) => {
                let _ = chunks.send(Ok(END)).await;
                return Ok(());
            }
            Ok(Some(chunk)) => {
                // The engine stopped reading: its own answer says why.
                if !chunk.is_empty() && chunks.send(Ok(chunk)).await.is_err() {
                    return Ok(());
                }
            }
            Err(answer) => {
                let _ = chunks.send(Err(cut_off())).await;
                return Err(answer);
            }
        }
    }
}

/// Ends the stream. Without it the stream was cut off, for whatever reason nobody was left to tell.
const END: Bytes = Bytes::new();

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the upload was cut off")
}

/// The blocking end of the channel.
struct ChannelReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    ended: bool,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !self.ended {
            self.current = self.chunks.blocking_recv().ok_or_else(cut_off)??;
            self.ended = self.current.is_empty();
        }
        let count = buffer.len().min(self.current.len());
        let (filled, _) = buffer.split_at_mut(count);
        self.current.copy_to_slice(filled);
        Ok(count)
    }
}
