//! Bodies coming in: chunk by chunk, never slower than the limits allow, never larger than the caps.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header;
use tokio::time::{Instant, timeout};

use super::answer::Answer;
use super::call::{Call, header_text};
use super::decoding::{Coding, Refusal, decode};
use super::gate::BodyShare;
use super::limits;

/// Memory for a body grows by this factor, up to what its sender said of it.
const GROWTH: usize = 4;

/// From here on memory for a body is for a multiple of this, and may be that of an earlier one.
const ROUNDED_MIN: usize = 64 << 10;

/// A body being read. Only time spent waiting for the client counts against it.
pub struct Intake {
    body: Incoming,
    /// `None` waits as long as the client likes.
    waiting_max: Option<Duration>,
    waited: Duration,
    received: u64,
}

impl Intake {
    /// Starts to read a body that may keep us waiting for `waiting_max` in all.
    #[must_use]
    pub fn new(body: Incoming, waiting_max: Option<Duration>) -> Intake {
        Intake { body, waiting_max, waited: Duration::ZERO, received: 0 }
    }

    /// The next chunk; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Answer> {
        loop {
            let started = Instant::now();
            let frame = match self.patience() {
                None => Ok(self.body.frame().await),
                Some(patience) => timeout(patience, self.body.frame()).await,
            };
            self.waited += started.elapsed();
            let frame = frame.map_err(|_| {
                let sentence = "the body came in too slowly, so the request was given up";
                Answer::error(StatusCode::REQUEST_TIMEOUT, sentence).with(header::CONNECTION, "close")
            })?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(Answer::bad_request("the body ended before its end")),
                // Trailers carry nothing for us.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.received += bytes.len() as u64;
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// How long to wait for the next chunk: what has come in buys time for the rest.
    fn patience(&self) -> Option<Duration> {
        let earned = Duration::from_secs(self.received / limits::BODY_BYTES_PER_S_MIN);
        let allowed = limits::BODY_GRACE.saturating_add(earned).min(self.waiting_max?);
        Some(allowed.saturating_sub(self.waited))
    }
}

/// A whole body, with its share of the memory for bodies: keep both together.
pub struct Held {
    pub raw: Vec<u8>,
    pub coding: Coding,
    bytes_max: usize,
    share: BodyShare,
}

impl Held {
    /// Reads a body of at most `bytes_max` bytes; compressed ones are no larger than decoded ones.
    pub async fn read(call: &mut Call, bytes_max: usize) -> Result<Held, Answer> {
        let mut share = call.app.bodies.share();
        let mut raw = Vec::new();
        let Some(body) = call.body.take() else { return Ok(Held { raw, coding: Coding::Identity, bytes_max, share }) };
        let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if told > bytes_max {
            return Err(too_large(bytes_max));
        }
        let mut intake = Intake::new(body, Some(limits::BODY_TIMEOUT));
        while let Some(chunk) = intake.next().await? {
            if raw.len() + chunk.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            let room = room_for(raw.len() + chunk.len(), raw.capacity(), told);
            // What an earlier one has left takes all of it, so that it never grows. It is as much as was told, whatever came; but
            // of that there is little, and it is there anyway.
            if room > raw.capacity()
                && room >= ROUNDED_MIN
                && let Some(mut spare) = call.app.engine.spare_body(room.max(told))
                && share.grow_to(spare.capacity())
            {
                spare.extend_from_slice(&raw);
                raw = spare;
            } else if !share.grow_to(room) || raw.try_reserve_exact(room - raw.len()).is_err() {
                return Err(no_room());
            }
            raw.extend_from_slice(&chunk);
        }
        let coding =
            Coding::of(header_text(&call.head, header::CONTENT_ENCODING), &raw).map_err(|refusal| refused(refusal, bytes_max))?;
        Ok(Held { raw, coding, bytes_max, share })
    }

    /// The decoded body; takes milliseconds for a large one, so not on an async thread.
    pub fn decoded(self) -> Result<(Vec<u8>, BodyShare), Answer> {
        let Held { raw, coding, bytes_max, mut share } = self;
        let decoded = decode(raw, coding, bytes_max, &mut |bytes| share.grow_to(bytes));
        decoded.map(|body| (body, share)).map_err(|refusal| refused(refusal, bytes_max))
    }
}

/// The bytes that memory for a body is to have once so many have come. Growing means copying, so that it is for more at once;
/// but what a client says of its body is believed only as far as it has sent a part of it.
fn room_for(came: usize, room: usize, told: usize) -> usize {
    let most = if told < came { came.saturating_mul(2) } else { told };
    if came <= room {
        return room;
    }
    let more = came.saturating_mul(GROWTH).min(most);
    // Bodies of one sender are of one size or nearly so: memory for one is to be enough for the next.
    if more < ROUNDED_MIN { more } else { more.checked_next_multiple_of(ROUNDED_MIN).unwrap_or(more) }
}

fn refused(refusal: Refusal, bytes_max: usize) -> Answer {
    match refusal {
        Refusal::UnknownCoding => {
            let sentence = "this Content-Encoding is not understood; send gzip, zstd, deflate, snappy or the plain body";
            let known = "gzip, zstd, deflate, snappy";
            Answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence).with(header::ACCEPT_ENCODING, known)
        }
        Refusal::TooLarge => too_large(bytes_max),
        Refusal::Broken => Answer::bad_request("the compressed body is damaged, cut off or followed by something else"),
        Refusal::Busy => no_room(),
    }
}

fn too_large(bytes_max: usize) -> Answer {
    let sentence = format!(
        "the body is larger than {} KiB decoded, or packed beyond {}:1; send smaller bodies, or a whole log with `hubtally import`",
        bytes_max / 1024,
        limits::RATIO_MAX
    );
    Answer::error(StatusCode::PAYLOAD_TOO_LARGE, &sentence).with(header::CONNECTION, "close")
}

fn no_room() -> Answer {
    let sentence = "too many bodies are being received at once; nothing of this one was kept, send it again";
    Answer::retry(StatusCode::TOO_MANY_REQUESTS, 1, sentence).with(header::CONNECTION, "close")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_with_what_has_come_up_to_what_was_told() {
        let room = |came: &[usize], told: usize| {
            came.iter().fold((0, 0), |(bytes, room), more| (bytes + more, room_for(bytes + more, room, told))).1
        };
        assert_eq!(room(&[100], 32 << 20), 400, "not all that was told");
        assert_eq!(room(&[100], 300), 300);
        assert_eq!(room(&[100, 300], 32 << 20), 400);
        assert_eq!(room(&[100, 300, 1], 32 << 20), 401 * 4);
        assert_eq!(room(&[65_536 / 4], 32 << 20), 65_536);
        assert_eq!(room(&[65_536 / 4 + 1], 32 << 20), 2 * 65_536);
        assert_eq!(room(&[60_000], 100_001), 2 * 65_536, "a little more than what was told");
        assert_eq!(room(&[100, 100, 1], 0), 402, "a body in chunks tells nothing");
        assert_eq!(room(&[usize::MAX], 0), usize::MAX);
    }
}
