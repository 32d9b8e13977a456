//! Somebody who comes again counts by what is there now: whatever was there before and was taken back, forgotten, or counts no
//! longer.

use std::sync::Arc;

use hubtally::ingest::{Engine, GivenSettings, OpenOptions, Place, Push, PushContent};
use hubtally::model::{Caller, Day, DayRange, Millis, Receipt, Redirects, RepoKey, RepoKind, RepoName, SourceName};
use hubtally::query::{Scope, View};

const TODAY: &str = "2026-11-20T12:00:00Z";

fn open() -> Arc<Engine> {
    let now = Millis::parse_rfc3339(TODAY);
    Engine::open(&OpenOptions { place: Place::Memory, default_public: false, frozen_now: now }).unwrap()
}

fn source() -> SourceName {
    SourceName::parse("s").unwrap()
}

fn push(engine: &Engine, time: &str, who: &str, status: u16) -> Receipt {
    let body = format!(r#"{{"ts":"2026-11-20T{time}:00Z","repo":"org/m","user":"{who}","status":{status},"path":"f"}}"#);
    let push = Push { source: source(), body: body.into_bytes(), content: PushContent::Json, idempotency_key: None };
    engine.push(push).unwrap()
}

/// Downloads and unique downloaders of the repo today, and how many of the store's figures are wrong.
fn figures(engine: &Engine) -> (u64, u64, usize) {
    let repo = Scope::Repo(RepoKey { kind: RepoKind::Model, name: RepoName::parse("org/m").unwrap() });
    let day = Day(Millis::parse_rfc3339(TODAY).unwrap().day().0);
    let range = DayRange { first: day, last: day };
    let view = View::of(engine).unwrap();
    let downloads = view.scope_totals(&repo, range, &Caller::admin()).unwrap().map_or(0, |counts| counts.downloads().0);
    let uniques = view.uniques(&repo, range, &Caller::admin()).unwrap().map_or(0, |uniques| uniques.0);
    drop(view);
    (downloads, uniques, engine.verify(&|_| {}).unwrap().findings.len())
}

/// Somebody is seen, what `meanwhile` does takes effect, and the same one comes again after a pause.
fn comes_again(fold_after: usize, first: u16, meanwhile: impl Fn(&Engine, &Receipt)) -> (u64, u64, usize) {
    let engine = open();
    engine.fold_pushes_after(fold_after);
    // Of the second push it is known who was there.
    push(&engine, "09:00", "other", 200);
    let receipt = push(&engine, "10:00", "ada", first);
    meanwhile(&engine, &receipt);
    push(&engine, "10:40", "ada", 200);
    push(&engine, "11:30", "ada", 200);
    figures(&engine)
}

#[test]
fn after_a_pause_two_sessions_are_of_one_downloader() {
    for fold_after in [0, 2, 1_000] {
        assert_eq!(comes_again(fold_after, 200, |_, _| {}), (4, 2, 0));
        assert_eq!(comes_again(fold_after, 404, |_, _| {}), (3, 2, 0));
        assert_eq!(comes_again(fold_after, 304, |_, _| {}), (3, 2, 0));
    }
}

#[test]
fn whoever_was_taken_back_counts_anew() {
    for fold_after in [0, 2, 1_000] {
        let taken_back = |engine: &Engine, receipt: &Receipt| drop(engine.retract(receipt.delivery.parse().unwrap()).unwrap());
        assert_eq!(comes_again(fold_after, 200, taken_back), (2, 1, 0));
    }
}

#[test]
fn whoever_was_forgotten_for_a_while_counts_anew() {
    for fold_after in [0, 2, 1_000] {
        let forgotten = |engine: &Engine, _: &Receipt| {
            engine.forget(&["ada".to_owned()]).unwrap();
            engine.unforget(&["ada".to_owned()]).unwrap();
        };
        assert_eq!(comes_again(fold_after, 200, forgotten), (3, 2, 0));
    }
}

#[test]
fn whoever_counts_no_longer_counts_anew() {
    for fold_after in [0, 2, 1_000] {
        let ignored = |engine: &Engine, _: &Receipt| {
            let redirects = Some(Redirects::Ignore);
            engine.configure_source(&source(), GivenSettings { redirects, ..GivenSettings::default() }).unwrap();
        };
        assert_eq!(comes_again(fold_after, 302, ignored), (3, 2, 0));
        assert_eq!(comes_again(fold_after, 302, |_, _| {}), (4, 2, 0));
    }
}
