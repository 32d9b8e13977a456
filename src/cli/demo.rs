//! `hubtally demo`: an invented hub with a year of history and a present that moves.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::arguments::ServeArguments;
use super::configuration::Configuration;
use super::failure::Failure;
use super::serve;
use crate::generate::DemoHub;
use crate::ingest::{Engine, ImportOptions, OpenOptions, Place, Push, PushContent, RepoListing};
use crate::model::{RepoKey, RepoName, SourceName};
use crate::serve::Server;

/// The same hub for everybody.
const SEED: u64 = 8642;

/// Somebody downloads something this often.
const MOMENT: Duration = Duration::from_millis(1_500);

/// Fills a temporary store and serves it until a signal comes; then the store is removed.
pub fn run(arguments: &ServeArguments, configuration: &Configuration) -> Result<(), Failure> {
    let folder = Temporary::new();
    let place = folder.as_ref().map_or(Place::Memory, |folder| Place::Folder(folder.path.clone()));
    let options = OpenOptions { place, default_public: false, frozen_now: configuration.now };
    let engine = Engine::open(&options)?;
    eprintln!("inventing a hub with a year of history …");
    let mut hub = DemoHub::new(SEED);
    fill(&engine, &mut hub)?;
    if configuration.now.is_none() {
        let engine = Arc::downgrade(&engine);
        thread::spawn(move || go_on(&engine, &mut hub));
    }
    let served =
        serve::listen(&engine, arguments, folder.as_ref().map(|folder| folder.path.clone()), |server| greet(&engine, server));
    engine.stop();
    served
}

fn fill(engine: &Engine, hub: &mut DemoHub) -> Result<(), Failure> {
    let listings = DemoHub::listings().filter_map(|(kind, id, private, likes)| {
        let repo = RepoKey { kind, name: RepoName::parse(id)? };
        Some(RepoListing {
            repo,
            private: Some(private),
            likes: Some(likes),
            library: None,
            created_at: None,
            renamed_from: Vec::new(),
        })
    });
    engine.put_repos(listings.collect())?;
    let mut log = Vec::new();
    hub.write_year(engine.now(), &mut log).map_err(|error| Failure::failed(error.to_string()))?;
    let options = ImportOptions {
        source: SourceName::default_source(),
        name: "a year of the demo hub".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    let receipt = engine.import(Box::new(Cursor::new(log)), &options, &|_| {})?;
    eprintln!("{} events are in", receipt.accepted);
    Ok(())
}

/// Pushes a session now and then until the engine is gone.
fn go_on(engine: &Weak<Engine>, hub: &mut DemoHub) {
    loop {
        thread::sleep(MOMENT);
        let Some(engine) = engine.upgrade() else { break };
        let mut body = Vec::new();
        if hub.write_moment(engine.now(), &mut body).is_err() {
            break;
        }
        let source = SourceName::default_source();
        if engine.push(Push { source, body, content: PushContent::Json, idempotency_key: None }).is_err() {
            break;
        }
    }
}

fn greet(engine: &Engine, server: &Server) -> Result<(), Failure> {
    let origin = server.origin();
    eprintln!("open {origin}/ or try:");
    eprintln!("  curl {origin}/models/myorg/mymodel/stats");
    eprintln!("  curl '{origin}/datasets/myorg/mydataset/stats/recent?days=7'");
    eprintln!("  curl '{origin}/api/trending?days=7&limit=5'");
    eprintln!("  curl '{origin}/api/v1/orgs/myorg/uniques'");
    if let Some(key) = engine.admin_link_key()? {
        eprintln!("as administrator, with private repositories too: {origin}/welcome?key={key}");
    }
    eprintln!("Ctrl-C ends the demo and removes its store");
    Ok(())
}

/// A folder that goes when it is dropped.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// `None` where there is no place for temporary files: the demo is kept in memory then.
    fn new() -> Option<Temporary> {
        let path = std::env::temp_dir().join(format!("hubtally-demo-{}", std::process::id()));
        fs::create_dir(&path).ok().map(|()| Temporary { path })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays behind in a folder for temporary files does no harm.
        drop(fs::remove_dir_all(&self.path));
    }
}
