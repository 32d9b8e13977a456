//! Signing in: how many tries there are, one password hashed at a time, and the session's cookie.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header;
use hyper::http::request::Parts;
use tokio::sync::Semaphore;

use super::answer::Answer;
use super::app::App;
use super::auth::Trust;
use super::limits;
use crate::ingest::Engine;

/// The cookie of a signed-in browser. Under TLS its name makes browsers keep other hosts from setting it.
pub const COOKIE: &str = "hubtally_session";
const SECURE_COOKIE: &str = "__Host-hubtally_session";

/// Accounts and addresses whose tries are remembered; beyond that the oldest are forgotten.
const REMEMBERED_MAX: usize = 20_000;

/// What tries are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Tried {
    Account(String),
    Address(IpAddr),
}

/// Keeps passwords from being guessed and processors from being kept busy by it.
pub struct SignIn {
    tries: Mutex<HashMap<Tried, Vec<Instant>>>,
    /// One at a time hashes; some wait; the others come back later.
    places: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for SignIn {
    fn default() -> SignIn {
        let places = Arc::new(Semaphore::new(1 + limits::SIGN_INS_WAITING_MAX));
        SignIn { tries: Mutex::default(), places, turn: Arc::new(Semaphore::new(1)) }
    }
}

impl SignIn {
    /// Counts a try; refuses it if there were too many within a minute for the account or from the address.
    pub fn try_once(&self, account: &str, address: Option<IpAddr>) -> Result<(), Answer> {
        let now = Instant::now();
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED_MAX {
            tries.retain(|_, at| at.last().is_some_and(|last| now.duration_since(*last) < limits::SIGN_IN_WINDOW));
        }
        if tries.len() >= REMEMBERED_MAX {
            return Err(too_often(limits::SIGN_IN_WINDOW));
        }
        let tried = [Some(Tried::Account(account.to_ascii_lowercase())), address.map(|address| Tried::Address(network(address)))];
        let mut wait = None;
        for key in tried.into_iter().flatten() {
            let of_key = tries.entry(key).or_default();
            of_key.retain(|at| now.duration_since(*at) < limits::SIGN_IN_WINDOW);
            match of_key.first() {
                Some(first) if of_key.len() >= limits::SIGN_IN_TRIES => {
                    wait = wait.max(Some(limits::SIGN_IN_WINDOW.saturating_sub(now.duration_since(*first))));
                }
                _ => of_key.push(now),
            }
        }
        wait.map_or(Ok(()), |wait| Err(too_often(wait)))
    }

    /// Forgets the tries of an account that has signed in.
    pub fn succeeded(&self, account: &str) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&Tried::Account(account.to_ascii_lowercase()));
    }

    /// Does something that hashes a password: one at a time, with a short queue.
    pub async fn hashing<T: Send + 'static>(
        &self,
        engine: Arc<Engine>,
        work: impl FnOnce(&Engine) -> T + Send + 'static,
    ) -> Result<T, Answer> {
        let busy = || {
            let sentence = "too many people are signing in at this moment; try again in some seconds";
            Answer::retry(StatusCode::TOO_MANY_REQUESTS, 2, sentence)
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            // Both belong to the work: whoever leaves does not let more in.
            let _held = (place, turn);
            work(&engine)
        });
        done.await.map_err(|_| Answer::broken())
    }
}

fn too_often(wait: Duration) -> Answer {
    let seconds = wait.as_secs().max(1);
    let sentence = format!("too many tries; try again in {seconds} seconds");
    Answer::retry(StatusCode::TOO_MANY_REQUESTS, seconds, &sentence)
}

/// An address as tries are counted: IPv6 by its /64, of which one client may use any address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// The session in a request's cookies.
#[must_use]
pub fn session(head: &Parts) -> Option<&str> {
    let cookies = head.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
    let named = |wanted: &str| pairs.iter().find(|(name, value)| *name == wanted && !value.is_empty()).map(|(_, value)| *value);
    named(SECURE_COOKIE).or_else(|| named(COOKIE))
}

/// The line that gives a browser its session.
#[must_use]
pub fn cookie(app: &App, head: &Parts, trust: Trust, session: &str) -> String {
    if app.front.is_https(head, trust) {
        format!("{SECURE_COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Lax")
    } else {
        format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax")
    }
}

/// The lines that take it away again, under both names.
#[must_use]
pub fn no_cookies() -> [String; 2] {
    [
        format!("{SECURE_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"),
        format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(cookie: &str) -> Parts {
        hyper::Request::builder().header("cookie", cookie).body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        assert_eq!(session(&head("a=b; hubtally_session=s1; c=d")), Some("s1"));
        assert_eq!(session(&head("hubtally_session=s1; __Host-hubtally_session=s2")), Some("s2"));
        assert_eq!(session(&head("xhubtally_session=s1")), None);
    }

    #[test]
    fn five_tries_a_minute_by_account_and_by_address() {
        let sign_in = SignIn::default();
        let from = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        for last in 0..5 {
            assert!(sign_in.try_once("Ada", from(last)).is_ok());
        }
        let refused = sign_in.try_once("ada", from(9)).err().unwrap();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers.iter().any(|(name, _)| *name == header::RETRY_AFTER));
        sign_in.succeeded("ada");
        assert!(sign_in.try_once("ada", from(10)).is_ok());
        let v6 = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]));
        for last in 0..5 {
            assert!(sign_in.try_once(&format!("guess{last}"), v6(last)).is_ok());
        }
        assert!(sign_in.try_once("another", v6(99)).is_err());
    }

    #[tokio::test]
    async fn few_wait_and_the_others_come_back_later() {
        let engine = Engine::open(&crate::ingest::OpenOptions {
            place: crate::ingest::Place::Memory,
            default_public: false,
            frozen_now: None,
        });
        let (engine, sign_in) = (engine.unwrap(), Arc::new(SignIn::default()));
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let ask = || {
            let (sign_in, engine, wait) = (Arc::clone(&sign_in), Arc::clone(&engine), Arc::clone(&wait));
            tokio::spawn(async move {
                sign_in.hashing(engine, move |_| wait.lock().unwrap().recv().is_ok()).await.map_err(|answer| answer.status)
            })
        };
        let asked: Vec<_> = (0..12).map(|_| ask()).collect();
        // Those for whom there is no place are told so while the others still wait.
        let mut refused = 0;
        while refused < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            refused = asked.iter().filter(|task| task.is_finished()).count();
        }
        drop(done);
        let mut outcomes = Vec::new();
        for task in asked {
            outcomes.push(task.await.unwrap());
        }
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 9);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(StatusCode::TOO_MANY_REQUESTS)).count(), 3);
    }
}
