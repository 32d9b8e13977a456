//! Pushed events: who may push where, what the body is, and the receipt after the commit.

use hyper::StatusCode;
use hyper::header::{self, HeaderName};

use crate::ingest::{Engine, GivenSettings, Push, PushContent};
use crate::model::{HeadRedirect, Redirects, SourceName};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::auth;
use crate::serve::call::Call;
use crate::serve::intake::Held;
use crate::serve::limits;
use crate::serve::validation::Validation;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// Takes a body of events. Answers when they are on the disk.
pub async fn push(mut call: Call) -> Outcome {
    let source = source(&call)?;
    let idempotency_key = idempotency_key(&call)?;
    let declared = content(&call)?;
    let mut validation = Validation::new(&call.query);
    let settings = settings(&mut validation);
    validation.finish()?;
    let may_set = call.caller.is_admin();
    let key = call.query.last("key").map(str::to_owned);
    let held = Held::read(&mut call, limits::PUSH_BYTES_MAX).await?;
    let write = move |engine: &Engine| {
        let (body, _share) = held.decoded()?;
        let content = match declared {
            Some(content) => content,
            None if looks_like_json(&body) => PushContent::Json,
            None => return Err(unknown_type("application/x-www-form-urlencoded")),
        };
        if key.is_some_and(|key| key != engine.key_id()) {
            return Err(other_key());
        }
        if settings != GivenSettings::default() {
            if may_set {
                engine.configure_source(&source, settings)?;
            } else if engine.reads_otherwise(&source, settings)? {
                return Err(may_not_set(&source, settings));
            }
        }
        let receipt = engine.push(Push { source, body, content, idempotency_key })?;
        Ok(Answer::json(&receipt))
    };
    call.app.write(write).await?
}

/// Hashes of another key would be hashed again: everybody would be somebody else here.
fn other_key() -> Answer {
    let sentence = "these events hold hashes made with another secret key, and nothing of them was kept: nodes that hand events on \
                    need the secret.key of this server, from before their first event";
    Answer::error(StatusCode::CONFLICT, sentence)
}

/// Whoever may only push may not decide how a source is read: that could make a hidden repo public.
fn may_not_set(source: &SourceName, settings: GivenSettings) -> Answer {
    let redirects = settings.redirects.map(|redirects| match redirects {
        Redirects::Handoff => " --redirects handoff",
        Redirects::Ignore => " --redirects ignore",
    });
    let head_redirect = settings.head_redirect.map(|head_redirect| match head_redirect {
        HeadRedirect::Probe => " --head-redirect probe",
        HeadRedirect::Handoff => " --head-redirect handoff",
    });
    let knows_users = settings.knows_users.map(|knows| format!(" --knows-users {knows}")).unwrap_or_default();
    let (redirects, head_redirect) = (redirects.unwrap_or_default(), head_redirect.unwrap_or_default());
    auth::forbidden(&format!(
        "the source {source} is read otherwise here and this token may not change that, so nothing was kept: on this server run \
         `hubtally source set {source}{redirects}{head_redirect}{knows_users}`, or push with an admin token"
    ))
}

/// Settings of the source that come with its events; what is left out stays as it is.
pub fn settings(validation: &mut Validation<'_>) -> GivenSettings {
    let redirects = [("handoff", Some(Redirects::Handoff)), ("ignore", Some(Redirects::Ignore))];
    let head_redirect = [("probe", Some(HeadRedirect::Probe)), ("handoff", Some(HeadRedirect::Handoff))];
    GivenSettings {
        redirects: validation.word("redirects", None, &redirects),
        head_redirect: validation.word("head_redirect", None, &head_redirect),
        knows_users: validation.word("knows_users", None, &[("true", Some(true)), ("false", Some(false))]),
    }
}

/// The source events go to: the token's own, else the one asked for, else the default.
pub fn source(call: &Call) -> Result<SourceName, Answer> {
    let asked =
        match call.query.last("source") {
            None => None,
            Some(name) => Some(SourceName::parse(name).ok_or_else(|| {
                Answer::bad_request("source is a name of letters, digits, '.', '_' and '-', at most 64 of them")
            })?),
        };
    let own = call.caller.ingest_source().cloned();
    let source = asked.or(own).unwrap_or_else(SourceName::default_source);
    if call.caller.pushes_to(&source) {
        return Ok(source);
    }
    let sentence =
        format!("this token may not push to the source {source}: `hubtally token create --scope ingest:{source}` makes one");
    Err(auth::forbidden(&sentence))
}

fn idempotency_key(call: &Call) -> Result<Option<String>, Answer> {
    let Some(value) = call.head.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Answer::bad_request("an Idempotency-Key is 1 to 255 visible ASCII characters")),
    }
}

/// What the body is by its declared type. `None` leaves it to the body: curl calls every body a form.
fn content(call: &Call) -> Result<Option<PushContent>, Answer> {
    let Some(value) = call.head.headers.get(header::CONTENT_TYPE) else { return Ok(Some(PushContent::Json)) };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    match text.split(';').next().unwrap_or_default().trim() {
        "application/json" | "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Ok(Some(PushContent::Json))
        }
        "text/csv" => Ok(Some(PushContent::Csv)),
        "text/plain" => Ok(Some(PushContent::Lines)),
        "application/msgpack" | "application/x-msgpack" | "application/vnd.msgpack" => Err(Answer::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "events are not taken as MessagePack, which Fluent Bit sends unless told otherwise: set `format json_lines` in its \
             http output",
        )),
        "application/x-www-form-urlencoded" => Ok(None),
        other => Err(unknown_type(other)),
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn unknown_type(given: &str) -> Answer {
    let sentence = format!(
        "events are application/x-ndjson, application/json or text/csv, and plain lines of a log text/plain, not {given}"
    );
    Answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &sentence)
}
