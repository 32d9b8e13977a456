//! Answers that were given: the same question of the same caller gets the same bytes until something is published or the
//! day changes. Nothing is kept by time; what is kept has a bound in bytes. A question that nobody asked lately is not kept
//! for: who walks over all repos once would only push out what others ask for again and again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use xxhash_rust::xxh3::xxh3_64;

use super::answer::Answer;
use super::body::Body;
use super::tag::State;

/// Bytes of all kept answers with what is asked and their headers. More than that, and keeping begins anew.
const BYTES_MAX: usize = 4 << 20;
/// A longer answer is not kept.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Questions that are remembered as asked, by a hash each: 32 KiB.
const ASKED: usize = 4096;
/// About what a header takes beside its value.
const HEADER_BYTES: usize = 64;

/// The answers of one state.
#[derive(Default)]
pub struct KeptAnswers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    state: Option<State>,
    answers: HashMap<Box<str>, Whole>,
    bytes: usize,
    asked: Asked,
}

/// Hashes of the questions that were not answered from what is kept lately, in pairs of places: the older of a pair makes way.
/// They outlast a state, so that what is asked all the time is kept from its first answer in the next one on, unless others
/// took its place meanwhile.
struct Asked(Box<[[u64; 2]; ASKED / 2]>);

impl Default for Asked {
    fn default() -> Asked {
        Asked(Box::new([[0; 2]; ASKED / 2]))
    }
}

impl Asked {
    /// Remembers the question of a hash; says whether it is asked again.
    fn again(&mut self, hash: u64) -> bool {
        let pairs = self.0.len() as u64;
        let Some(pair) = usize::try_from(hash % pairs).ok().and_then(|at| self.0.get_mut(at)) else { return false };
        let again = pair.contains(&hash);
        if !again {
            *pair = [hash, pair[0]];
        }
        again
    }
}

/// An answer whose body is in memory: copies share it.
#[derive(Clone)]
struct Whole {
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl KeptAnswers {
    /// The answer to a question that was asked in this state before.
    pub fn find(&self, state: State, question: &str) -> Option<Answer> {
        let kept = self.lock();
        let Whole { headers, body } = kept.answers.get(question).filter(|_| kept.state == Some(state))?.clone();
        Some(Answer { status: StatusCode::OK, headers, body: Body::Whole(body) })
    }

    /// Keeps an answer that came from this state or a later one, if it is a short one that went well to a question that is
    /// asked again.
    pub fn keep(&self, state: State, question: String, answer: &Answer) {
        let Body::Whole(body) = &answer.body else { return };
        if answer.status != StatusCode::OK || body.len() > BODY_BYTES_MAX {
            return;
        }
        let hash = xxh3_64(question.as_bytes());
        if !self.lock().asked.again(hash) {
            return;
        }
        // Copies take no more than they have to; the memory of a question or an answer may be longer than its text.
        let (question, body) = (question.into_boxed_str(), Bytes::copy_from_slice(body));
        let whole = Whole { headers: answer.headers.clone(), body };
        let headers: usize = whole.headers.iter().map(|(_, value)| value.len() + HEADER_BYTES).sum();
        let bytes = question.len() + headers + whole.body.len() + size_of::<(Box<str>, Whole)>();
        let (mut kept, mut old) = (self.lock(), HashMap::new());
        if kept.state != Some(state) || kept.bytes + bytes > BYTES_MAX {
            old = std::mem::take(&mut kept.answers);
            (kept.state, kept.bytes) = (Some(state), 0);
        }
        if kept.answers.insert(question, whole).is_none() {
            kept.bytes += bytes;
        }
        // Thousands of answers are let go without making others wait.
        drop(kept);
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Day;

    fn body(answer: Option<Answer>) -> Option<Bytes> {
        answer.map(|answer| match answer.body {
            Body::Whole(bytes) => bytes,
            Body::Stream(_) => unreachable!("streams are not kept"),
        })
    }

    /// A question that is asked a second time.
    fn twice(kept: &KeptAnswers, state: State, question: &str, answer: &Answer) {
        for _ in 0..2 {
            kept.keep(state, question.to_owned(), answer);
        }
    }

    #[test]
    fn who_asks_of_everything_once_does_not_push_out_what_is_asked_again() {
        let kept = KeptAnswers::default();
        let state = State { sequence: 7, today: Day(3) };
        let answer = Answer::csv("x".repeat(BODY_BYTES_MAX));
        kept.keep(state, "a".to_owned(), &answer);
        assert!(kept.find(state, "a").is_none(), "asked once");
        kept.keep(state, "a".to_owned(), &answer);
        assert!(kept.find(state, "a").is_some(), "asked again");
        for number in 0..10 * ASKED {
            kept.keep(state, format!("crawler {number}"), &answer);
        }
        assert_eq!((kept.find(state, "a").is_some(), kept.lock().answers.len()), (true, 1));
        // Two that share their places, and are asked in turns.
        let mut asked = Asked::default();
        let (one, other) = (7, 7 + ASKED as u64 / 2);
        assert_eq!([one, other, one, other].map(|hash| asked.again(hash)), [false, false, true, true]);
        // In the next state, too, it is not new.
        twice(&kept, state, "b", &answer);
        kept.keep(State { sequence: 8, ..state }, "b".to_owned(), &answer);
        assert!(kept.find(State { sequence: 8, ..state }, "b").is_some());
    }

    #[test]
    fn an_answer_is_kept_until_the_state_changes() {
        let kept = KeptAnswers::default();
        let state = State { sequence: 7, today: Day(3) };
        twice(&kept, state, "a", &Answer::json(&1));
        assert_eq!(body(kept.find(state, "a")).as_deref(), Some(&b"1"[..]));
        assert_eq!(body(kept.find(state, "b")), None);
        assert_eq!(body(kept.find(State { sequence: 8, ..state }, "a")), None);
        assert_eq!(body(kept.find(State { today: Day(4), ..state }, "a")), None);
        twice(&kept, State { sequence: 8, ..state }, "b", &Answer::json(&2));
        assert_eq!(body(kept.find(state, "a")), None, "an older state does not come back");
    }

    #[test]
    fn only_short_answers_that_went_well_are_kept_and_few() {
        let kept = KeptAnswers::default();
        let state = State { sequence: 1, today: Day(1) };
        twice(&kept, state, "bad", &Answer::bad_request("no"));
        twice(&kept, state, "long", &Answer::csv("x".repeat(BODY_BYTES_MAX + 1)));
        assert!(kept.find(state, "bad").is_none() && kept.find(state, "long").is_none());
        let many = 3 * BYTES_MAX / BODY_BYTES_MAX;
        for number in 0..many {
            twice(&kept, state, &number.to_string(), &Answer::csv("x".repeat(BODY_BYTES_MAX)));
            assert!(kept.lock().bytes <= BYTES_MAX);
        }
        assert!(kept.find(state, "0").is_none());
        assert!(kept.find(state, &(many - 1).to_string()).is_some());
    }
}
