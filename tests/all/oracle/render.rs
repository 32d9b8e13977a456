//! Deliveries as the bytes a hub, an export or a web server would write.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::fact::{Broken, Fact, Git, Line, Skipped};
use super::world::{Delivery, Shape, World};

impl World {
    /// A delivery in the format of its source. All deliveries of a source must come in one format: to hubtally a
    /// given hash is another person than the name it was made of.
    pub fn render(&self, index: usize) -> (Shape, Vec<u8>) {
        let delivery = &self.deliveries[index];
        let shape = self.sources[&delivery.source].shape;
        let bytes = match shape {
            Shape::Events => Some(delivery.as_events()),
            Shape::HfExport => delivery.as_hf_export(),
            Shape::Combined => delivery.as_combined(),
            Shape::NginxJson => delivery.as_nginx_json(),
        };
        (shape, bytes.unwrap())
    }
}

impl Delivery {
    /// As our own NDJSON, which carries everything.
    pub fn as_events(&self) -> Vec<u8> {
        let lines = self.lines.iter().enumerate().map(|(position, line)| match line {
            Line::Fact(fact) => event(fact, position),
            Line::Skipped { time_ms, what: Skipped::Metadata } => {
                json!({"ts": rfc3339(*time_ms), "url": "/api/models/acme/bert/revision/main", "method": "GET", "status": 200}).to_string()
            }
            Line::Skipped { time_ms, what: Skipped::Upload } => {
                json!({"ts": rfc3339(*time_ms), "repo_type": "model", "repo": "acme/bert", "path": "x", "method": "PUT", "status": 200})
                    .to_string()
            }
            Line::Broken(Broken::Garbage) => "--- log rotated ---".to_string(),
            Line::Broken(Broken::BadTime) => r#"{"ts":"yesterday","repo_type":"model","repo":"acme/bert","method":"GET","status":200}"#.to_string(),
            Line::Broken(Broken::BadStatus) => r#"{"ts":1780000000,"repo_type":"model","repo":"acme/bert","method":"GET","status":"ok"}"#.to_string(),
            Line::Broken(Broken::CutOff) => r#"{"ts":1780000000,"repo_type":"model","repo":"acme/be"#.to_string(),
        });
        join("", lines)
    }

    /// As an access-log export, if that can carry it: no paths, ranges, ids or sizes, and hashes for people.
    pub fn as_hf_export(&self) -> Option<Vec<u8>> {
        let lines: Option<Vec<String>> = self.lines.iter().map(export_line).collect();
        Some(join(
            "timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent\n",
            lines?.into_iter(),
        ))
    }

    /// As a combined log, if that can carry it: addresses only, whole seconds, no ranges or ids.
    pub fn as_combined(&self) -> Option<Vec<u8>> {
        let lines: Option<Vec<String>> = self.lines.iter().map(combined_line).collect();
        Some(join("", lines?.into_iter()))
    }

    /// As nginx in JSON, if that can carry it: addresses and files with paths, no countries.
    pub fn as_nginx_json(&self) -> Option<Vec<u8>> {
        let lines: Option<Vec<String>> = self.lines.iter().map(nginx_json_line).collect();
        Some(join("", lines?.into_iter()))
    }
}

fn join(header: &str, lines: impl Iterator<Item = String>) -> Vec<u8> {
    let mut text = header.to_string();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text.into_bytes()
}

fn at(time_ms: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(time_ms).unwrap()).unwrap()
}

fn rfc3339(time_ms: u64) -> String {
    at(time_ms).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The time of an event in one of the ways it may be written; by position, so that overlapping deliveries differ in it
/// while a grown file does not.
fn event_time(time_ms: u64, position: usize) -> Value {
    match position % 4 {
        0 => json!(time_ms),
        1 if time_ms.is_multiple_of(1000) => json!(time_ms / 1000),
        2 => json!(at(time_ms + 7_200_000).format("%Y-%m-%dT%H:%M:%S%.3f+02:00").to_string()),
        _ => json!(rfc3339(time_ms)),
    }
}

fn event(fact: &Fact, position: usize) -> String {
    let mut event = Map::new();
    event.insert("ts".to_string(), event_time(fact.time_ms, position));
    let url = fact.git.map(|_| url(fact, position).unwrap());
    let version = fact.git.and_then(git_protocol);
    let named = fact.git.is_none();
    let texts = [
        ("url", url.as_ref()),
        ("git_protocol", version.as_ref()),
        ("repo_type", named.then_some(&fact.repo_type)),
        ("repo", named.then_some(&fact.repo)),
        ("method", Some(&fact.method)),
        ("path", fact.path.as_ref()),
        ("range", fact.range.as_ref()),
        ("user", fact.user.as_ref()),
        ("ip", fact.ip.as_ref()),
        // What has no identity agent in its own format has none here either.
        ("user_agent", fact.agent_identity.as_ref().map(|_| &fact.raw_agent)),
        ("country", fact.country.as_ref()),
        ("region", fact.region.as_ref()),
        ("id", fact.id.as_ref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            event.insert(name.to_string(), json!(text));
        }
    }
    event.insert("status".to_string(), json!(fact.status));
    if let Some(bytes) = fact.bytes {
        event.insert("bytes".to_string(), json!(bytes));
    }
    Value::Object(event).to_string()
}

fn export_line(line: &Line) -> Option<String> {
    let fact = match line {
        Line::Fact(fact) => fact,
        Line::Skipped { time_ms, what: Skipped::Upload } => {
            return Some(format!("{},200,PUT,acme/bert,model,{},,,,", rfc3339(*time_ms), hash("export-user-1")));
        }
        Line::Skipped { what: Skipped::Metadata, .. } => return None,
        Line::Broken(Broken::Garbage) => return Some("--- log rotated ---".to_string()),
        Line::Broken(Broken::BadTime) => return Some("yesterday,200,GET,acme/bert,model,,,,,".to_string()),
        Line::Broken(Broken::BadStatus) => return Some("2026-05-26T00:00:00.000Z,ok,GET,acme/bert,model,,,,,".to_string()),
        Line::Broken(Broken::CutOff) => return Some("2026-05-26T00:00:00.000Z,200,GET,acme/be".to_string()),
    };
    let beyond = fact.path.is_some() || fact.range.is_some() || fact.id.is_some() || fact.bytes.is_some();
    if beyond || fact.git.is_some() || fact.agent_identity.is_some() || (fact.user.is_some() && fact.ip.is_some()) {
        return None;
    }
    let hashed = |who: &Option<String>| who.as_deref().map(hash).unwrap_or_default();
    let (user, address) = (hashed(&fact.user), hashed(&fact.ip));
    let country = fact.country.as_deref().unwrap_or_default();
    let region = fact.region.as_deref().unwrap_or_default();
    let Fact { status, method, repo, repo_type, raw_agent, .. } = fact;
    Some(format!(
        "{},{status},{method},{repo},{repo_type},{user},{address},{country},{region},\"{raw_agent}\"",
        rfc3339(fact.time_ms)
    ))
}

/// 32 hexadecimal digits of FNV-1a: the exporter's hash, of which hubtally knows nothing.
pub fn hash(text: &str) -> String {
    let fnv = |seed: u64| text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016x}{:016x}", fnv(0xcbf2_9ce4_8422_2325), fnv(0x1234_5678_9abc_def1))
}

fn combined_line(line: &Line) -> Option<String> {
    let clf = |time_ms: u64| at(time_ms).format("%d/%b/%Y:%H:%M:%S +0000").to_string();
    let fact = match line {
        Line::Fact(fact) => fact,
        Line::Skipped { time_ms, what } => {
            let request = match what {
                Skipped::Metadata => "GET /api/models/acme/bert/revision/main",
                Skipped::Upload => "PUT /acme/bert/resolve/main/config.json",
            };
            return Some(format!("203.0.113.9 - - [{}] \"{request} HTTP/1.1\" 200 17 \"-\" \"curl/7.88.1\"", clf(*time_ms)));
        }
        Line::Broken(broken) => {
            let text = match broken {
                Broken::Garbage => "--- log rotated ---",
                Broken::BadTime => "203.0.113.9 - - [yesterday] \"GET /acme/bert/resolve/main/x HTTP/1.1\" 200 17 \"-\" \"-\"",
                Broken::BadStatus => {
                    "203.0.113.9 - - [26/May/2026:00:00:00 +0000] \"GET /acme/bert/resolve/main/x HTTP/1.1\" ok 17 \"-\" \"-\""
                }
                Broken::CutOff => "203.0.113.9 - - [26/May/2026:00:0",
            };
            return Some(text.to_string());
        }
    };
    let beyond = fact.user.is_some() || fact.range.is_some() || fact.id.is_some() || fact.country.is_some();
    if beyond || !fact.time_ms.is_multiple_of(1000) {
        return None;
    }
    if matches!(fact.git, Some(Git::UploadPack { version: Some(_) })) {
        return None;
    }
    let (address, url) = (fact.ip.as_ref()?, url(fact, 0)?);
    let bytes = fact.bytes.map_or("-".to_string(), |bytes| bytes.to_string());
    let agent = if fact.raw_agent.is_empty() { "-" } else { &fact.raw_agent };
    let Fact { method, status, .. } = fact;
    let time = clf(fact.time_ms);
    Some(format!("{address} - - [{time}] \"{method} {url} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\""))
}

/// What is asked for, as clients spell it. Both spellings of a git URL name one repo, so any position will do.
fn url(fact: &Fact, position: usize) -> Option<String> {
    let prefix = if fact.repo_type == "model" { String::new() } else { format!("{}s/", fact.repo_type) };
    let (repo, suffix) = (&fact.repo, if position.is_multiple_of(2) { ".git" } else { "" });
    Some(match fact.git {
        None => format!("/{prefix}{repo}/resolve/main/{}", percent_encoded(fact.path.as_ref()?)),
        Some(Git::UploadPack { .. }) => format!("/{prefix}{repo}{suffix}/git-upload-pack"),
        Some(Git::LfsBatch) => format!("/{prefix}{repo}{suffix}/info/lfs/objects/batch"),
    })
}

/// The header, where the log has one.
fn git_protocol(git: Git) -> Option<String> {
    match git {
        Git::UploadPack { version: Some(0) } => Some(String::new()),
        Git::UploadPack { version: Some(version) } => Some(format!("version={version}")),
        Git::UploadPack { version: None } | Git::LfsBatch => None,
    }
}

fn nginx_json_line(line: &Line) -> Option<String> {
    let seconds = |time_ms: u64| format!("{}.{:03}", time_ms / 1000, time_ms % 1000);
    let broken = |time: &str, status: &str| {
        format!(
            "{{\"msec\":{time},\"request_method\":\"GET\",\"request_uri\":\"/acme/bert/resolve/main/x\",\"status\":{status}}}"
        )
    };
    let fact = match line {
        Line::Fact(fact) => fact,
        Line::Skipped { time_ms, what } => {
            let (method, url) = match what {
                Skipped::Metadata => ("GET", "/api/models/acme/bert/revision/main"),
                Skipped::Upload => ("PUT", "/acme/bert/resolve/main/config.json"),
            };
            let time = seconds(*time_ms);
            return Some(format!(
                "{{\"msec\":{time},\"request_method\":\"{method}\",\"request_uri\":\"{url}\",\"status\":\"200\"}}"
            ));
        }
        Line::Broken(Broken::Garbage) => return Some("--- log rotated ---".to_string()),
        Line::Broken(Broken::BadTime) => return Some(broken("\"yesterday\"", "200")),
        Line::Broken(Broken::BadStatus) => return Some(broken("1780000000.000", "\"ok\"")),
        Line::Broken(Broken::CutOff) => return Some("{\"msec\":1780000000.000,\"request_me".to_string()),
    };
    if fact.country.is_some() || fact.ip.is_none() {
        return None;
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut line = json!({
        "request_time": 0.25,
        "remote_addr": fact.ip,
        "remote_user": text(&fact.user),
        "http_x_forwarded_for": "198.51.100.99",
        "request_method": fact.method,
        "http_host": "hub.example",
        "request_uri": url(fact, 1)?,
        "status": fact.status.to_string(),
        "body_bytes_sent": fact.bytes.unwrap_or(0),
        "http_range": text(&fact.range),
        "sent_http_location": if (301..309).contains(&fact.status) { "https://files.example/x" } else { "" },
        "http_user_agent": fact.raw_agent,
        "request_id": text(&fact.id),
    });
    if let Some(git) = fact.git
        && let Some(version) = git_protocol(git)
    {
        line["http_git_protocol"] = json!(version);
    }
    let line = line.to_string();
    Some(format!("{{\"msec\":{},{}", seconds(fact.time_ms), &line[1..]))
}

/// A path as clients send it: everything but plain letters and slashes in percent signs.
fn percent_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
