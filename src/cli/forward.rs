//! `hubtally forward`: hands the events of this store on to another hubtally, again and again, and loses none.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::render::number::grouped;
use crate::serve::{Ask, Client, Reply, Upload};

/// Pauses after failures double from the first to the last of these.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// How long one push may take.
const PUSH_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Args, Debug)]
#[command(
    after_help = "For nodes at the edge: they count locally and hand their events on, with kept hashes in place of people. Both must \
have the same secret key: copy the centre's secret.key into the data folder of the node before its first start. How far it is lies \
in the data folder; what is sent again after a kill or a lost answer counts once. Retractions and forgotten people are no events: \
repeat these commands at the centre.

Sources keep their names and settings. A token of the scope ingest:SOURCE hands on that one source, if the centre reads it with the \
same settings; an admin token hands on all of them and sets them there.

Plain HTTP only, so token and events can be read on the way: outside of a trusted network let a tunnel carry it (ssh -L, WireGuard, \
stunnel). An https:// address is refused.

Examples:
  hubtally forward --to http://centre:8642 --to-token-file ingest.token
  hubtally forward --to http://localhost:9000 --every 60 --data /var/lib/hubtally
  HUBTALLY_TO_TOKEN=… hubtally forward --to http://centre:8642 --once"
)]
pub struct ForwardArguments {
    /// The hubtally to hand events to
    #[arg(long, value_name = "URL", env = "HUBTALLY_TO")]
    pub to: String,
    /// Token of that server, ingest:SOURCE or admin; better in HUBTALLY_TO_TOKEN or a file
    #[arg(long, value_name = "TOKEN", env = "HUBTALLY_TO_TOKEN", hide_env_values = true)]
    pub to_token: Option<String>,
    /// File that holds that token
    #[arg(long, value_name = "FILE", env = "HUBTALLY_TO_TOKEN_FILE", conflicts_with = "to_token")]
    pub to_token_file: Option<PathBuf>,
    /// Seconds between looks for new events
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub every: u64,
    /// Hand on what is there and end; exit 1 if that cannot be done now
    #[arg(long)]
    pub once: bool,
}

/// Why a round ended early.
enum Halt {
    /// Trying again will do.
    Passing(String),
    Failure(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Halt {
        Halt::Failure(failure)
    }
}

/// Hands events on until it is stopped.
pub fn run(arguments: &ForwardArguments, configuration: &Configuration) -> Result<(), Failure> {
    let (Some(folder), None) = (&configuration.folder, &configuration.server) else {
        return Err(Failure::Usage("events are handed on from a folder: name it with --data, without --url".to_owned()));
    };
    let token = match &arguments.to_token_file {
        None => arguments.to_token.clone(),
        Some(file) => Some(read_token(file)?),
    };
    let centre = Client::network(&arguments.to, token)?;
    let place = PlaceFile::of(folder, &arguments.to);
    let mut pause = FIRST_PAUSE;
    loop {
        match round(configuration, &centre, &place) {
            Ok(lines) => {
                pause = FIRST_PAUSE;
                if arguments.once {
                    return output::line(&format!("{} events handed on to {}", grouped(lines), arguments.to));
                }
                thread::sleep(Duration::from_secs(arguments.every));
            }
            Err(Halt::Failure(failure)) => return Err(failure),
            Err(Halt::Passing(sentence)) if arguments.once => return Err(Failure::Failed(sentence)),
            Err(Halt::Passing(sentence)) => {
                eprintln!("hubtally: {sentence}; trying again");
                thread::sleep(jittered(pause));
                pause = LAST_PAUSE.min(pause * 2);
            }
        }
    }
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file);
    let text =
        text.map_err(|error| Failure::failed(format!("the file of the token, {}, cannot be read: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// Half of a pause to all of it, so that many nodes do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

/// Hands on all that is there now; gives the lines sent. The folder is held no longer than that.
fn round(configuration: &Configuration, centre: &Client, place: &PlaceFile) -> Result<u64, Halt> {
    let own = Backend::open(configuration, Folder::MustExist).map_err(passing)?;
    let mut after = place.read()?;
    let mut sent = 0;
    loop {
        let query = after.as_ref().map(|after| format!("?after={after}")).unwrap_or_default();
        let page = own.get(&format!("/api/v1/outgoing{query}")).map_err(passing)?.value;
        let key = page.get("key").and_then(Value::as_str).unwrap_or_default();
        for source in output::rows(&page, "sources") {
            push(centre, source, key)?;
            sent += output::count(source, "lines");
        }
        let next =
            page.get("next").and_then(Value::as_str).ok_or_else(|| Failure::failed("the store's answer has no next page"))?;
        // On disk before the next page is asked for: what is sent again after a kill is a page at most.
        if after.as_deref() != Some(next) {
            place.write(next)?;
        }
        if page.get("end").and_then(Value::as_bool) == Some(true) {
            return Ok(sent);
        }
        after = Some(next.to_owned());
    }
}

fn passing(failure: Failure) -> Halt {
    match failure {
        Failure::Failed(sentence) => Halt::Passing(sentence),
        other => Halt::Failure(other),
    }
}

/// Pushes the events of one source, with the settings by which they count here.
fn push(centre: &Client, source: &Value, key: &str) -> Result<(), Halt> {
    let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default();
    let knows_users = source.get("knows_users").and_then(Value::as_bool).unwrap_or(false);
    let (name, redirects, head_redirect) = (text("source"), text("redirects"), text("head_redirect"));
    let settings = format!("redirects={redirects}&head_redirect={head_redirect}&knows_users={knows_users}");
    let path = format!("/api/v1/events?source={name}&key={key}&{settings}");
    let upload = Upload::Lines(text("events").to_owned());
    let ask = Ask { method: "POST", path: &path, upload, timeout: Some(PUSH_TIMEOUT) };
    let reply = centre.ask(ask).map_err(|error| Halt::Passing(error.to_string()))?;
    check(&reply, name)
}

/// What an answer means: done, later again, or never.
fn check(reply: &Reply, source: &str) -> Result<(), Halt> {
    match reply.status {
        200..300 => {}
        408 | 429 | 500.. => return Err(passing(Failure::of_reply(reply))),
        _ => return Err(Failure::of_reply(reply).into()),
    }
    let receipt: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let Some(rejected) = receipt.get("rejected").and_then(Value::as_object) else {
        return Err(Failure::failed("what answers there is not hubtally; is the URL right?").into());
    };
    let rejected: u64 = rejected.values().filter_map(Value::as_u64).sum();
    if rejected > 0 {
        // Going on would lose them; what was taken of the page counts once when it is sent again.
        return Err(Failure::failed(format!(
            "{rejected} events of {source} were not understood at the other end, so nothing after them is handed on: bring the \
             server there up to this version, then start again"
        ))
        .into());
    }
    Ok(())
}

/// The file that keeps how far events have gone to a server.
struct PlaceFile {
    folder: PathBuf,
    path: PathBuf,
}

impl PlaceFile {
    fn of(folder: &Path, url: &str) -> PlaceFile {
        let name = format!("forward-{:016x}", xxhash_rust::xxh3::xxh3_64(url.trim_end_matches('/').as_bytes()));
        PlaceFile { folder: folder.to_owned(), path: folder.join(name) }
    }

    fn read(&self) -> Result<Option<String>, Failure> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::failed(format!("{} cannot be read: {error}", self.path.display()))),
        }
    }

    fn write(&self, place: &str) -> Result<(), Failure> {
        let unfinished = self.path.with_extension("new");
        let written = File::create(&unfinished)
            .and_then(|mut file| writeln!(file, "{place}").and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&unfinished, &self.path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        written.map_err(|error| Failure::failed(format!("{} cannot be written: {error}", self.path.display())))
    }
}
