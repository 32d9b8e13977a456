//! `hubtally serve`: the server, and what its owner should know at the start.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::arguments::{ServeArguments, formats_or_auto};
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::ingest::{Engine, EngineError, FollowOptions};
use crate::model::{Format, SourceName};
use crate::serve::{LEAVE_TIMEOUT, ServeOptions, Server};

/// `serve` as typed.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    server: ServeArguments,
    /// Follow this log through rotation and truncation, as the log of SOURCE (`default`); repeatable
    #[arg(long, value_name = "[SOURCE=]FILE", env = "HUBTALLY_TAIL", value_delimiter = ',', value_parser = tail)]
    tail: Vec<Tail>,
    /// Layout of the followed logs
    #[arg(long, value_name = "FORMAT", env = "HUBTALLY_TAIL_FORMAT", default_value = "auto", value_parser = formats_or_auto())]
    tail_format: String,
}

/// A log to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tail {
    source: SourceName,
    file: PathBuf,
}

/// Reads `SOURCE=FILE`; what stands before a `=` and is no name of a source belongs to the file's.
fn tail(text: &str) -> Result<Tail, String> {
    let named = text.split_once('=').and_then(|(source, file)| Some((SourceName::parse(source)?, file)));
    let (source, file) = named.unwrap_or((SourceName::default_source(), text));
    if file.trim().is_empty() && !text.trim().is_empty() {
        return Err("name the file the server writes, as in /var/log/nginx/hub.json or edge-1=/var/log/edge-1.json".to_owned());
    }
    Ok(Tail { source, file: PathBuf::from(file.trim()) })
}

/// Serves until a signal comes.
pub fn run(arguments: &Arguments, configuration: &Configuration) -> Result<(), Failure> {
    if configuration.server.is_some() {
        return Err(Failure::Usage("serve works on a data folder: leave out --url and HUBTALLY_URL".to_owned()));
    }
    let engine = configuration.open_engine().map_err(|error| held(&error))?;
    let folder = configuration.folder.clone();
    listen(&engine, &arguments.server, folder, |server| {
        greet(&engine, server, configuration)?;
        follow(&engine, arguments)
    })
}

/// Starts to follow the logs.
fn follow(engine: &Arc<Engine>, arguments: &Arguments) -> Result<(), Failure> {
    // An empty variable names no log.
    let logs = || arguments.tail.iter().filter(|tail| !tail.file.as_os_str().is_empty());
    for (at, Tail { source, file }) in logs().enumerate() {
        if logs().take(at).any(|other| other.file == *file) {
            return Err(Failure::Usage(format!("{} is named twice with --tail: a log belongs to one source", file.display())));
        }
        let (file, source) = (file.clone(), source.clone());
        let format = Format::from_word(&arguments.tail_format);
        engine.follow(FollowOptions { file, source, format, say: Arc::new(|sentence| eprintln!("tail: {sentence}")) })?;
    }
    Ok(())
}

/// Listens until a signal comes. `greet` speaks once the address is known.
pub(super) fn listen(
    engine: &Arc<Engine>,
    arguments: &ServeArguments,
    folder: Option<PathBuf>,
    greet: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if arguments.sign_in_header.as_ref().is_some_and(|name| !name.is_empty()) && arguments.trusted_proxies.is_empty() {
        let sentence = "--sign-in-header needs --trusted-proxies: from anybody else the header is not believed";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("no threads could be started: {error}")))?;
    let options = ServeOptions {
        listen: arguments.listen.clone(),
        connections_max: arguments.max_connections as usize,
        proxies: arguments.trusted_proxies.clone(),
        base_path: arguments.base_path.clone(),
        sign_in_header: arguments.sign_in_header.clone().filter(|name| !name.is_empty()),
        folder,
    };
    let served = runtime.block_on(async {
        let bound = Server::bind(Arc::clone(engine), options).await;
        let server = bound.map_err(|error| Failure::failed(format!("cannot listen on {}: {error}", arguments.listen)))?;
        // A harness reads this line; nobody reading it is no reason not to serve.
        let _ = output::line(&format!("listening on http://{}", server.address()));
        if server.connections_max() < arguments.max_connections as usize {
            let most = server.connections_max();
            eprintln!("the limit on open files leaves room for {most} connections; `ulimit -n` or LimitNOFILE= raises it");
        }
        greet(&server)?;
        server.run().await;
        Ok(())
    });
    runtime.shutdown_timeout(LEAVE_TIMEOUT);
    served
}

fn held(error: &EngineError) -> Failure {
    let hint = if error.is_held() { " (is another `hubtally serve` running?)" } else { "" };
    Failure::Failed(format!("{error}{hint}"))
}

/// Says on standard error how to go on, where nothing else would.
fn greet(engine: &Engine, server: &Server, configuration: &Configuration) -> Result<(), Failure> {
    match &configuration.folder {
        Some(folder) => eprintln!("data in {}", folder.display()),
        None => eprintln!("everything is kept in memory and gone at the end"),
    }
    let origin = server.origin();
    if let Some(key) = engine.admin_link_key()? {
        eprintln!("make the administrator's account, once: {origin}/welcome?key={key}");
    }
    if engine.tokens()?.is_empty() {
        eprintln!("to push events, make a token: hubtally token create --scope ingest:default");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_followed_log_is_named_with_or_without_its_source() {
        let of = |text: &str| tail(text).map(|tail| (tail.source.to_string(), tail.file.display().to_string()));
        let is = |source: &str, file: &str| Ok((source.to_owned(), file.to_owned()));
        assert_eq!(of("/var/log/hub.json"), is("default", "/var/log/hub.json"));
        assert_eq!(of("edge-1=/var/log/hub.json"), is("edge-1", "/var/log/hub.json"));
        assert_eq!(of("./a=b.log"), is("default", "./a=b.log"));
        assert_eq!(of(""), is("default", ""));
        assert!(of("edge-1=").is_err());
    }
}
