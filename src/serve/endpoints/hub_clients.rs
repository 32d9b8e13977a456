//! What the clients of Hugging Face hubs ask for when their endpoint is this server: a repo's figures, and lists of repos.

use hyper::StatusCode;
use hyper::header;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::ingest::Engine;
use crate::model::{OrgName, RepoKind};
use crate::query::{CardOrder, CardPlace, CardQuery, Rule, View};
use crate::render::card;
use crate::serve::answer::{Answer, Outcome, X_COUNTING_RULE, X_ERROR_CODE};
use crate::serve::call::Call;
use crate::serve::query_string::QueryString;
use crate::serve::validation::Validation;

/// Repos of a list at once; clients that want more follow the link.
const LIMIT_MAX: u16 = 1000;
/// Parameters that begin the next page anew.
const PAGING: [&str; 1] = ["cursor"];

/// Figures of one repo.
pub fn info(call: &Call) -> Outcome {
    let repo = call.repo()?;
    let view = View::of(call.engine())?;
    let number = call.visible(&view, &repo)?;
    // hubtally knows no revisions: there is the one that everybody means.
    let revision = call.params.get("revision");
    if !matches!(revision, "" | "main" | "HEAD") {
        let sentence = format!("Invalid rev id: {revision}");
        return Err(Answer::error(StatusCode::NOT_FOUND, &sentence).with(X_ERROR_CODE, "RevisionNotFound"));
    }
    let found = view.card(number)?;
    let answer = Answer::json(&card::card(&found, &expanded(&call.query)));
    Ok(if found.reported.is_some() { answer.with(X_COUNTING_RULE, Rule::Reported.word()) } else { answer })
}

/// Repos of a type, filtered, ordered, page by page.
pub async fn list(call: Call) -> Outcome {
    let Some(kind) = RepoKind::from_word(call.params.get("type")) else { return Err(Answer::unknown_route()) };
    let asked = asked(kind, &call.query)?;
    let origin = call.origin();
    let path = format!("{}{}", call.app.front.base_path(), call.head.uri.path());
    let Some(asked) = asked else { return Ok(Answer::json(&serde_json::json!([]))) };
    let (caller, query) = (call.caller, call.query);
    let ask = move |engine: &Engine| -> Outcome {
        let (cards, next) = View::of(engine)?.cards(&asked, &caller)?;
        let expand = expanded(&query);
        let cards: Vec<_> = cards.iter().map(|found| card::card(found, &expand)).collect();
        let answer = Answer::json(&cards);
        Ok(match next {
            Some(next) => {
                let parameters = next_page(&query, &next);
                answer.with(header::LINK, &format!("<{origin}{path}?{parameters}>; rel=\"next\""))
            }
            None => answer,
        })
    };
    call.app.read(ask).await?
}

/// The keys asked for; clients write `expand=a&expand=b`, `expand[]=a` or `expand=a,b`.
fn expanded(query: &QueryString) -> Vec<&str> {
    let all = query.all("expand").chain(query.all("expand[]"));
    all.flat_map(|keys| keys.split(',')).map(str::trim).filter(|key| !key.is_empty()).collect()
}

/// What is asked for; `None` if nothing can be it.
fn asked(kind: RepoKind, query: &QueryString) -> Result<Option<CardQuery>, Answer> {
    let mut validation = Validation::new(query);
    let orders = [
        ("trendingScore", CardOrder::Trending),
        ("downloads", CardOrder::Downloads),
        ("likes", CardOrder::Likes),
        ("createdAt", CardOrder::Created),
        // Nobody tells hubtally when a repo was changed.
        ("lastModified", CardOrder::Created),
        ("downloadsAllTime", CardOrder::DownloadsAllTime),
        ("trending_score", CardOrder::Trending),
        ("created_at", CardOrder::Created),
        ("last_modified", CardOrder::Created),
    ];
    let order = validation.word("sort", CardOrder::Trending, &orders);
    let ascending = validation.word("direction", false, &[("-1", false), ("1", true)]);
    let limit = match query.last("limit").and_then(|limit| limit.parse::<u64>().ok()) {
        Some(limit) if limit > u64::from(LIMIT_MAX) => LIMIT_MAX,
        _ => validation.number("limit", LIMIT_MAX, 1..=LIMIT_MAX),
    };
    validation.finish()?;
    let words = query.all("filter").flat_map(|words| words.split(','));
    let libraries = words.map(|word| word.strip_prefix("library:").unwrap_or(word).to_lowercase());
    let org = match query.last("author").filter(|author| !author.is_empty()) {
        None => None,
        Some(author) => match OrgName::parse(author) {
            Some(org) => Some(org),
            None => return Ok(None),
        },
    };
    let after = match query.last("cursor").filter(|cursor| !cursor.is_empty()) {
        None => None,
        Some(cursor) => Some(place(cursor).ok_or_else(|| Answer::bad_request("this cursor is not from a link of a list"))?),
    };
    Ok(Some(CardQuery {
        kind,
        order,
        ascending,
        org,
        search: query.last("search").unwrap_or_default().to_ascii_lowercase(),
        libraries: libraries.filter(|word| !word.is_empty()).collect(),
        after,
        limit: usize::from(limit),
    }))
}

/// A cursor is the place of the last repo: its value and its id.
fn place(cursor: &str) -> Option<CardPlace> {
    let (value, id) = cursor.split_once(':')?;
    Some(CardPlace { value: value.parse().ok()?, id: percent_decode_str(id).decode_utf8().ok()?.into_owned() })
}

/// The same parameters with another cursor.
fn next_page(query: &QueryString, next: &CardPlace) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let kept = query.pairs().filter(|(name, _)| !PAGING.contains(name));
    let mut parameters: Vec<String> = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    parameters.push(format!("cursor={}", encode(&format!("{}:{}", next.value, next.id))));
    parameters.join("&")
}
