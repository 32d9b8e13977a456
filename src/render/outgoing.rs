//! Stored events as lines of JSON that `/api/v1/events` takes.

use serde_json::{Map, Value};

use crate::classify::GitPost;
use crate::model::{Method, RangeFlag, RepoKey, optional_number};
use crate::query::OutgoingEvent;

/// An event as one line for each time it happened. `who` is the downloader as exports write it.
#[must_use]
pub fn lines(event: &OutgoingEvent, repo: &RepoKey, who: String) -> String {
    let row = &event.row;
    let mut fields: Map<String, Value> = Map::new();
    let mut put = |name: &str, value: Value| {
        if !matches!(&value, Value::Null) && value.as_str() != Some("") {
            fields.insert(name.to_owned(), value);
        }
    };
    put("ts", row.time.0.into());
    put("repo_type", repo.kind.to_string().into());
    put("repo", repo.name.as_str().into());
    put("method", method(row.method).into());
    put("status", row.status.0.into());
    put("path", GitPost::of(row).map_or_else(|| event.path.clone(), |post| post.exported().to_owned()).into());
    put("range", range(row.range).into());
    if row.who != crate::model::Who::NOBODY {
        put(if row.user { "user" } else { "ip" }, who.into());
    }
    put("user_agent", event.agent.as_str().into());
    put("country", row.country.letters().map_or(Value::Null, |letters| String::from_utf8_lossy(&letters).into()));
    put("region", event.region.as_str().into());
    put("bytes", optional_number(row.bytes).into());
    put("duration_ms", optional_number(row.duration).into());
    if row.id.0 != 0 {
        put("id", format!("{:016x}", row.id.0).into());
    }
    let line = format!("{}\n", Value::Object(fields));
    line.repeat(event.count as usize)
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
    }
}

fn range(range: RangeFlag) -> &'static str {
    match range {
        RangeFlag::None => "",
        RangeFlag::FirstByte => "bytes=0-0",
        RangeFlag::Part => "bytes=1-",
    }
}
