//! Badges of a repo: its downloads or unique downloaders, as a picture or for shields.io.

use hyper::StatusCode;
use hyper::header::{self, HeaderName};

use crate::ingest::Engine;
use crate::model::{Caller, DayRange, RepoKey};
use crate::query::{QueryError, Scope, View};
use crate::render::badge::{Badge, CACHE_SECONDS};
use crate::render::number::Short;
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// What a badge can show: its name in the path, its label, and of how many days; all time without.
const MEASURES: [(&str, &str, Measure); 4] = [
    ("downloads", "downloads", Measure::AllTime),
    ("monthly", "downloads", Measure::Last(30, "/month")),
    ("weekly", "downloads", Measure::Last(7, "/week")),
    ("uniques", "unique downloaders", Measure::Uniques(30, "/month")),
];
/// Bytes of a label that somebody chose.
const LABEL_BYTES_MAX: usize = 64;

#[derive(Clone, Copy)]
enum Measure {
    AllTime,
    Last(u16, &'static str),
    Uniques(u16, &'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Svg,
    Json,
}

/// A picture.
pub async fn svg(call: Call) -> Outcome {
    badge(call, Shape::Svg).await
}

/// For shields.io.
pub async fn json(call: Call) -> Outcome {
    badge(call, Shape::Json).await
}

async fn badge(call: Call, shape: Shape) -> Outcome {
    let measure = MEASURES.iter().find(|(name, _, _)| *name == call.params.get("measure"));
    let Some((_, usual, measure)) = measure.copied() else { return Err(Answer::unknown_route()) };
    let label = call.query.last("label").map_or(usual, |label| cut(label)).to_owned();
    let color = call.query.last("color").unwrap_or("blue").to_owned();
    let private = call.caller.is_known();
    let repo = call.repo();
    let caller = call.caller;
    let ask = move |engine: &Engine| -> Result<Option<String>, QueryError> {
        match &repo {
            Ok(repo) => message(&View::of(engine)?, repo, measure, &caller),
            Err(_) => Ok(None),
        }
    };
    let named = call.params.repo_id();
    let kind = call.params.get("type").to_owned();
    let message = call.app.read(ask).await??;
    let answer = match (message, shape) {
        (Some(message), _) => drawn(&Badge { label: &label, message: &message, color: &color, is_error: false }, shape),
        // A picture is looked at even if it is none; a program reads the status.
        (None, Shape::Svg) => {
            let mut answer = drawn(&Badge { label: &label, message: "not found", color: "lightgrey", is_error: true }, shape);
            answer.status = StatusCode::NOT_FOUND;
            answer
        }
        (None, Shape::Json) => return Err(Answer::repo_not_found(&kind, &named)),
    };
    let cache = if private { "private, no-cache".to_owned() } else { format!("public, max-age={CACHE_SECONDS}") };
    Ok(answer.with(header::CACHE_CONTROL, &cache))
}

fn message(view: &View<'_>, repo: &RepoKey, measure: Measure, caller: &Caller) -> Result<Option<String>, QueryError> {
    let Some(number) = view.repo(repo, caller)? else { return Ok(None) };
    let scope = Scope::Repo(repo.clone());
    let range = |days| DayRange::ending(view.today(), days);
    let reported = match measure {
        Measure::AllTime => view.stand_in(number, range(1))?.map(|figures| (figures.all_time, "")),
        Measure::Last(days, per) => view.stand_in(number, range(days))?.map(|figures| (figures.of_range, per)),
        // Another system does not tell who downloaded.
        Measure::Uniques(..) => None,
    };
    if let Some((downloads, per)) = reported {
        // In the message, since the label may be of the reader's choice.
        return Ok(Some(format!("{}{per} reported", Short(downloads.0))));
    }
    Ok(match measure {
        Measure::AllTime => Some(Short(view.totals(number)?.downloads.0).to_string()),
        Measure::Last(days, per) => {
            let counts = view.scope_totals(&scope, range(days), caller)?;
            counts.map(|counts| format!("{}{per}", Short(counts.downloads().0)))
        }
        Measure::Uniques(days, per) => {
            view.uniques(&scope, range(days), caller)?.map(|uniques| format!("{}{per}", Short(uniques.0)))
        }
    })
}

fn drawn(badge: &Badge<'_>, shape: Shape) -> Answer {
    match shape {
        Shape::Json => Answer::json(&badge.shield()),
        // Opened by itself it is a document of this host, which must not run anything.
        Shape::Svg => Answer::new(StatusCode::OK, "image/svg+xml; charset=utf-8", badge.svg())
            .with(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox")
            .with(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    }
}

fn cut(label: &str) -> &str {
    let mut end = label.len().min(LABEL_BYTES_MAX);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    label.get(..end).unwrap_or_default()
}
