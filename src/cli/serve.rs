//! `hubtally serve`: the server, and what its owner should know at the start.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments::ServeArguments;
use super::configuration::Configuration;
use super::failure::Failure;
use super::output;
use crate::ingest::{Engine, EngineError};
use crate::serve::{LEAVE_TIMEOUT, ServeOptions, Server};

/// Serves until a signal comes.
pub fn run(arguments: &ServeArguments, configuration: &Configuration) -> Result<(), Failure> {
    if configuration.server.is_some() {
        return Err(Failure::Usage("serve works on a data folder: leave out --url and HUBTALLY_URL".to_owned()));
    }
    let engine = configuration.open_engine().map_err(|error| held(&error))?;
    let folder = configuration.folder.clone();
    listen(&engine, arguments, folder, |server| greet(&engine, server, configuration))
}

/// Listens until a signal comes. `greet` speaks once the address is known.
pub(super) fn listen(
    engine: &Arc<Engine>,
    arguments: &ServeArguments,
    folder: Option<PathBuf>,
    greet: impl FnOnce(&Server) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("no threads could be started: {error}")))?;
    let options = ServeOptions {
        listen: arguments.listen.clone(),
        connections_max: arguments.max_connections as usize,
        proxies: arguments.trusted_proxies.clone(),
        base_path: arguments.base_path.clone(),
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
        eprintln!("sign in as administrator, once: {origin}/welcome?key={key}");
    }
    if engine.tokens()?.is_empty() {
        eprintln!("to push events, make a token: hubtally token create --scope ingest:default");
    }
    Ok(())
}
