//! Whole logs as bodies, streamed into the engine through a bounded channel.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use super::events;
use crate::ingest::ImportOptions;
use crate::model::{Format, HeadRedirect, Redirects};
use crate::serve::answer::{Answer, Outcome};
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
    let redirects = [("handoff", Some(Redirects::Handoff)), ("ignore", Some(Redirects::Ignore))];
    let redirects = validation.word("redirects", None, &redirects);
    let head_redirect = [("probe", Some(HeadRedirect::Probe)), ("handoff", Some(HeadRedirect::Handoff))];
    let head_redirect = validation.word("head_redirect", None, &head_redirect);
    let knows_users = validation.word("knows_users", None, &[("true", Some(true)), ("false", Some(false))]);
    validation.finish()?;
    let name = call.query.last("name").unwrap_or("upload").to_owned();
    let options = ImportOptions { source, name, format, redirects, head_redirect, knows_users };
    let Some(body) = call.body.take() else { return Err(Answer::bad_request("the log is the body of the request")) };

    let (chunks, waiting) = mpsc::channel(limits::CHUNKS_WAITING_MAX);
    let input = Box::new(ChannelReader { chunks: waiting, current: Bytes::new() });
    let work = call.app.upkeep(move |engine| engine.import(input, &options, &|_| {}));
    let (receipt, sent) = tokio::join!(work, send(body, chunks));
    sent?;
    Ok(Answer::json(&receipt??))
}

/// Moves the body into the channel. The engine is told when the client fails, so that it keeps the durable prefix
/// instead of taking a cut-off log for a whole one.
async fn send(body: hyper::body::Incoming, chunks: mpsc::Sender<io::Result<Bytes>>) -> Result<(), Answer> {
    let mut intake = Intake::new(body, limits::IMPORT_TIMEOUT);
    loop {
        match intake.next().await {
            Ok(None) => return Ok(()),
            Ok(Some(chunk)) => {
                // The engine stopped reading: its own answer says why.
                if chunks.send(Ok(chunk)).await.is_err() {
                    return Ok(());
                }
            }
            Err(answer) => {
                let _ = chunks.send(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client went away"))).await;
                return Err(answer);
            }
        }
    }
}

/// The blocking end of the channel.
struct ChannelReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        let (filled, _) = buffer.split_at_mut(count);
        self.current.copy_to_slice(filled);
        Ok(count)
    }
}
