//! The command line as typed.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use super::backup::BackupArguments;
use super::check::CheckArguments;
use super::compact::CompactArguments;
use super::completions::{CompletionsArguments, ManArguments};
use super::config::ConfigArguments;
use super::days::DaysArguments;
use super::forget::ForgetArguments;
use super::forward::ForwardArguments;
use super::recount::RecountArguments;
use super::report::ReportArguments;
use super::restore::RestoreArguments;
use super::source::SourceCommand;
use super::user::UserCommand;
use crate::model::{Day, Format, Millis, Proxies, RepoName, Role, SourceName, VisibilityPatterns};
use crate::serve::CONNECTIONS_MAX;

const EXAMPLES: &str = "\
Examples:
  hubtally serve                                     serve ./data-hubtally on http://127.0.0.1:8642
  hubtally import access.log.gz                      count the downloads of a log
  hubtally stats get model myorg/mymodel             all-time downloads and likes
  hubtally trending --type dataset --days 30         what is downloaded most
  hubtally uniques orgs/myorg --from 2026-01-01      exact unique downloaders
  hubtally token create --scope ingest:default       a token that pushes events

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Download analytics for model hubs: access logs and events in, downloads and exact unique downloaders out.
#[derive(Parser, Debug)]
#[command(name = "hubtally", version, after_help = EXAMPLES, propagate_version = true, max_term_width = 110)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Data folder; `:memory:` keeps nothing
    #[arg(long, global = true, value_name = "DIR", env = "HUBTALLY_DATA", default_value = "./data-hubtally")]
    pub data: PathBuf,
    /// Freeze the clock, for reproducible figures (RFC 3339)
    #[arg(long, global = true, value_name = "INSTANT", env = "HUBTALLY_NOW", value_parser = instant)]
    pub now: Option<Millis>,
    /// Whether repositories of which nothing tells otherwise are public
    #[arg(long, global = true, value_name = "DEFAULT", env = "HUBTALLY_VISIBILITY", default_value = "private",
          value_parser = ["public", "private"])]
    pub visibility: String,
    /// Repositories that are public whatever events show, unless the catalog says otherwise: 'myorg/*'
    #[arg(long, global = true, value_name = "PATTERN,…", env = "HUBTALLY_PUBLIC", value_delimiter = ',', value_parser = pattern)]
    pub public: Vec<String>,
    /// Repositories that are private whatever events show, unless the catalog says otherwise; wins over --public
    #[arg(long, global = true, value_name = "PATTERN,…", env = "HUBTALLY_PRIVATE", value_delimiter = ',', value_parser = pattern)]
    pub private: Vec<String>,
    /// File of settings; DATA/hubtally.toml without it, if there is one
    #[arg(long, global = true, value_name = "FILE", env = "HUBTALLY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Ask this server instead of the data folder
    #[arg(long, global = true, value_name = "URL", env = "HUBTALLY_URL")]
    pub url: Option<String>,
    /// Token for that server; better in HUBTALLY_TOKEN or a file
    #[arg(long, global = true, value_name = "TOKEN", env = "HUBTALLY_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// File that holds the token
    #[arg(long, global = true, value_name = "FILE", env = "HUBTALLY_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve the data folder over HTTP
    Serve(super::serve::Arguments),
    /// Import access logs or event files; a second import of the same content changes nothing
    Import(ImportArguments),
    /// List what came in
    Deliveries(ListArguments),
    /// Take a delivery back, as if it had never come
    Retract(RetractArguments),
    /// Figures of one repository
    #[command(subcommand)]
    Stats(StatsCommand),
    /// Repositories ranked by recent downloads
    Trending(TrendingArguments),
    /// Exact unique downloaders of the hub, a type, an organization or a repository
    Uniques(UniquesArguments),
    /// List sources and change their settings
    #[command(subcommand)]
    Source(SourceCommand),
    /// Make, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list, change and remove accounts of people
    #[command(subcommand)]
    User(UserCommand),
    /// How the repositories of an organization did, against the days before
    Report(ReportArguments),
    /// Exit 1 if a source had no event for too long
    Check(CheckArguments),
    /// Read everything and report damage
    Verify(ListArguments),
    /// Count days anew while answers go on
    Recount(RecountArguments),
    /// Give the store's unused space back
    Compact(CompactArguments),
    /// Remove somebody's events for good, and drop later ones
    Forget(ForgetArguments),
    /// Hand the events of this store on to another hubtally
    Forward(ForwardArguments),
    /// Write a consistent copy of the store, also while a server holds it
    Backup(BackupArguments),
    /// Make a data folder of a backup
    Restore(RestoreArguments),
    /// Make all views anew from the stored events
    Rebuild,
    /// Fill a temporary store with an invented hub and serve it
    Demo(ServeArguments),
    /// Write a synthetic log, for trying things out and for benchmarks
    Generate(GenerateArguments),
    /// Print the completions of a shell
    Completions(CompletionsArguments),
    /// Print the manual, or write its pages
    Man(ManArguments),
    /// Show every setting with its value and where that comes from
    Config(ConfigArguments),
    /// Exit 0 if the server answers and is not damaged
    Healthcheck(HealthcheckArguments),
}

#[derive(Args, Debug)]
#[command(
    after_help = "The first line on standard output is `listening on http://HOST:PORT`; everything else goes to standard error.

Examples:
  hubtally serve
  hubtally serve --listen 0.0.0.0:8642 --data /var/lib/hubtally
  hubtally serve --tail /var/log/nginx/hub.json
  hubtally serve --tail edge-1=/logs/edge-1.json --tail edge-2=/logs/edge-2.json
  hubtally serve --data :memory: --listen 127.0.0.1:0 --now 2026-11-20T12:00:00Z"
)]
pub struct ServeArguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", env = "HUBTALLY_LISTEN", default_value = "127.0.0.1:8642")]
    pub listen: String,
    /// Connections at once; further ones are refused with 503
    #[arg(long, value_name = "N", env = "HUBTALLY_MAX_CONNECTIONS", default_value_t = CONNECTIONS_MAX as u32,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Proxies in front of this server whose X-Forwarded-For and X-Forwarded-Proto are believed
    #[arg(long, value_name = "NETWORK,…", env = "HUBTALLY_TRUSTED_PROXIES", default_value = "", value_parser = Proxies::parse)]
    pub trusted_proxies: Proxies,
    /// Header in which trusted proxies name the person they have signed in, as in Remote-User
    #[arg(long, value_name = "HEADER", env = "HUBTALLY_SIGN_IN_HEADER", value_parser = header)]
    pub sign_in_header: Option<String>,
    /// Path under which a proxy mounts this server, as in /downloads; it may pass the path on or strip it
    #[arg(long, value_name = "PATH", env = "HUBTALLY_BASE_PATH", default_value = "/", value_parser = base_path)]
    pub base_path: String,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hubtally import /var/log/nginx/access.log*
  hubtally import --source mirror --redirects ignore access.log.zst
  zcat old.gz | hubtally import --format hf-export --name 2026-10 -")]
pub struct ImportArguments {
    /// Files, plain, gzip or zstd, or patterns such as 'logs/*.gz'; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Layout of the files
    #[arg(long, default_value = "auto", value_parser = formats_or_auto())]
    pub format: String,
    /// The log these files belong to; logs of two servers are two sources
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = source)]
    pub source: String,
    /// Name shown in the list of deliveries instead of the file's
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// What a redirected GET of this source means: handed to a file store, or a login wall
    #[arg(long, value_parser = ["handoff", "ignore"])]
    pub redirects: Option<String>,
    /// What a redirected HEAD of this source means: a look, or the start of a download
    #[arg(long, value_parser = ["probe", "handoff"])]
    pub head_redirect: Option<String>,
    /// Whether a request without a user proves that it needed none
    #[arg(long, value_parser = ["true", "false"])]
    pub knows_users: Option<String>,
    /// Take the files for new ones without looking whether they are known; equal events still count once
    #[arg(long)]
    pub as_new: bool,
    /// One line of JSON per file
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hubtally generate --rows 100000 --output export.csv
  hubtally generate --format combined --days 7 --seed 3 | hubtally import --format combined -

The same arguments write the same bytes on every machine.")]
pub struct GenerateArguments {
    /// Lines to write, without the header
    #[arg(long, default_value_t = 100_000)]
    pub rows: u64,
    /// Layout of the log
    #[arg(long, default_value = "hf-export", value_parser = formats())]
    pub format: String,
    /// Seed of the random numbers: another seed is another hub
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Part of a log in several pieces: the same repos and downloaders, other traffic
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub part: u32,
    /// Repositories, a few of them far more popular than the rest
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub repos: u32,
    /// Downloaders
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    pub downloaders: u32,
    /// Days the log covers
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    pub days: u16,
    /// First day of the log
    #[arg(long, value_name = "DAY", default_value = "2026-05-01", value_parser = day)]
    pub from: Day,
    /// File to write; standard output without it
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ListArguments {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct RetractArguments {
    /// Number of the delivery, as `hubtally deliveries` lists it
    #[arg(value_name = "DELIVERY")]
    pub delivery: u32,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// One repository.
#[derive(Args, Debug)]
pub struct RepoArguments {
    /// Type of the repository
    #[arg(value_name = "TYPE", value_parser = ["model", "dataset", "space"])]
    pub kind: String,
    /// Its id: namespace/name, or a single legacy name
    #[arg(value_name = "REPO", value_parser = repo)]
    pub repo: String,
}

#[derive(Subcommand, Debug)]
#[command(after_help = "Examples:
  hubtally stats get model myorg/mymodel
  hubtally stats recent dataset myorg/mydataset --days 7
  hubtally stats export model myorg/mymodel --days 90 --output stats.csv")]
pub enum StatsCommand {
    /// All-time downloads and likes
    Get {
        #[command(flatten)]
        repo: RepoArguments,
        /// JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Downloads per day
    Recent {
        #[command(flatten)]
        repo: RepoArguments,
        /// Days, today included
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
        /// JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Downloads per day as CSV: date, downloads, authenticated, anonymous, files
    Export {
        #[command(flatten)]
        repo: RepoArguments,
        /// Days, today included
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=365))]
        days: u16,
        /// File to write; standard output without it
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub struct TrendingArguments {
    /// Type of repositories
    #[arg(long = "type", value_name = "TYPE", default_value = "model",
          value_parser = PossibleValuesParser::new(["model", "dataset", "space", "all"]))]
    pub kind: String,
    /// Days, today included
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=90))]
    pub days: u16,
    /// Repositories at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub limit: u16,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Without --to the last day is today, without --from the 30 days that end with it are meant.

Examples:
  hubtally uniques hub
  hubtally uniques types/dataset --from 2026-01-01 --to 2026-03-31
  hubtally uniques repos/model/myorg/mymodel")]
pub struct UniquesArguments {
    /// hub, types/TYPE, orgs/ORG or repos/TYPE/NAMESPACE/NAME
    #[arg(value_name = "SCOPE", value_parser = scope)]
    pub scope: String,
    #[command(flatten)]
    pub days: DaysArguments,
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
#[command(after_help = "Scopes:
  admin            everything
  publisher:ORG    private repositories and exports of an organization
  reader:ORG       private repositories of an organization
  ingest:SOURCE    pushing events to one source

Example:
  TOKEN=$(hubtally token create --scope ingest:default)")]
pub enum TokenCommand {
    /// Make a token and print it, once
    Create {
        /// admin, publisher:ORG, reader:ORG or ingest:SOURCE
        #[arg(long, value_name = "SCOPE", value_parser = role)]
        scope: String,
        /// What it is for
        #[arg(long, default_value = "")]
        note: String,
        /// When it ends: a day or an RFC 3339 instant
        #[arg(long, value_name = "WHEN", value_parser = day_or_instant)]
        expires: Option<Millis>,
    },
    /// List the tokens, without their secrets
    List {
        /// JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token
    Revoke {
        /// Id of the token, as the list shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Args, Debug)]
pub struct HealthcheckArguments {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Address the server listens on, where there is no data folder to find it by
    #[arg(long, value_name = "HOST:PORT", env = "HUBTALLY_LISTEN", default_value = "127.0.0.1:8642")]
    pub listen: String,
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(Format::ALL.map(Format::word))
}

pub(super) fn formats_or_auto() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once("auto").chain(Format::ALL.map(Format::word)))
}

fn instant(text: &str) -> Result<Millis, String> {
    Millis::parse_rfc3339(text).ok_or_else(|| "an instant is written like 2026-11-20T12:00:00Z".to_owned())
}

pub(super) fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day is written like 2026-11-20".to_owned())
}

fn day_or_instant(text: &str) -> Result<Millis, String> {
    let at = Day::parse(text).map(Day::start).or_else(|| Millis::parse_rfc3339(text));
    at.ok_or_else(|| "write a day like 2027-01-01 or an instant like 2027-01-01T12:00:00Z".to_owned())
}

pub(super) fn source(text: &str) -> Result<String, String> {
    let hint = "a source is 1 to 64 letters, digits, '.', '_' or '-'";
    SourceName::parse(text).map(|name| name.to_string()).ok_or_else(|| hint.to_owned())
}

fn base_path(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'~');
    let valid = text.starts_with('/') && text.bytes().all(allowed) && !text.contains("//") && !text.contains("..");
    if valid || text.is_empty() { Ok(text.to_owned()) } else { Err("a base path is written like /downloads".to_owned()) }
}

fn header(text: &str) -> Result<String, String> {
    let valid = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if valid { Ok(text.to_owned()) } else { Err("a header is named like Remote-User".to_owned()) }
}

fn pattern(text: &str) -> Result<String, String> {
    let hint = "a pattern is written like 'myorg/*', 'myorg/mymodel' or '*'";
    if text.is_empty() || VisibilityPatterns::is_valid(text) { Ok(text.to_owned()) } else { Err(hint.to_owned()) }
}

fn repo(text: &str) -> Result<String, String> {
    RepoName::parse(text).map(|name| name.to_string()).ok_or_else(|| "a repository is written like myorg/mymodel".to_owned())
}

fn role(text: &str) -> Result<String, String> {
    let hint = "a scope is admin, publisher:ORG, reader:ORG or ingest:SOURCE";
    Role::parse(text).map(|role| role.to_string()).ok_or_else(|| hint.to_owned())
}

/// The scope as the path of its route, of characters that need no encoding.
fn scope(text: &str) -> Result<String, String> {
    let is_kind = |word: &str| crate::model::RepoKind::from_word(word).is_some();
    let valid = match text.split_once('/') {
        None => text == "hub",
        Some(("types", kind)) => is_kind(kind),
        Some(("orgs", org)) => crate::model::OrgName::parse(org).is_some(),
        Some(("repos", rest)) => rest.split_once('/').is_some_and(|(kind, id)| is_kind(kind) && RepoName::is_valid(id)),
        Some(_) => false,
    };
    let hint = "a scope is hub, types/model, orgs/myorg or repos/model/myorg/mymodel";
    if valid { Ok(text.to_owned()) } else { Err(hint.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declarations_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn scopes_are_checked_before_anything_is_asked() {
        for good in ["hub", "types/space", "orgs/my-org", "repos/model/a/b", "repos/dataset/squad"] {
            assert!(scope(good).is_ok(), "{good}");
        }
        for bad in ["", "hubs", "types/models", "orgs/", "orgs/a/b", "repos/model", "repos/model/a/b/c", "types/x?y"] {
            assert!(scope(bad).is_err(), "{bad}");
        }
    }
}
