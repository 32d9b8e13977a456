//! A stand-in for the engine with a few canned repos, so that the router can be tried before the store is there.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::{Day, Format, HeadRedirect, Likes, Millis, Receipt, Redirects, RepoKey, Role, SourceName};

pub enum Place {
    Folder(PathBuf),
    Memory,
}

pub struct OpenOptions {
    pub place: Place,
    pub default_public: bool,
    pub frozen_now: Option<Millis>,
}

#[derive(Debug)]
pub struct EngineError {
    sentence: String,
    held: bool,
}

impl EngineError {
    pub fn is_held(&self) -> bool {
        self.held
    }
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for EngineError {}

pub enum PushContent {
    Json,
    Csv,
}

pub struct Push {
    pub source: SourceName,
    pub body: Vec<u8>,
    pub content: PushContent,
    pub idempotency_key: Option<String>,
}

pub enum PushError {
    KeyReused,
    Malformed(String),
    QueueFull { retry_after_s: u64 },
    StorageFull { retry_after_s: u64 },
    Engine(EngineError),
}

pub struct ImportOptions {
    pub source: SourceName,
    pub name: String,
    pub format: Option<Format>,
    pub redirects: Option<Redirects>,
    pub head_redirect: Option<HeadRedirect>,
    pub knows_users: Option<bool>,
}

pub struct Progress {
    pub rows: u64,
    pub bytes_read: u64,
}

pub struct RepoListing {
    pub repo: RepoKey,
    pub private: Option<bool>,
    pub likes: Option<u64>,
    pub library: Option<String>,
    pub created_at: Option<Millis>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryInfo {
    pub delivery: String,
    pub kind: String,
    pub source: String,
    pub name: String,
    pub arrived: String,
    pub lines: u64,
    pub accepted: u64,
    pub repeated: u64,
    pub skipped: u64,
    pub rejected: u64,
    pub state: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenInfo {
    pub id: String,
    pub scope: String,
    pub note: String,
    pub created: String,
    pub expires: Option<String>,
}

pub enum Credential {
    NotOurs,
    Wrong,
    Role(Role),
}

pub struct VerifyReport {
    pub checked_values: u64,
    pub findings: Vec<String>,
}

pub struct Health {
    pub ready: bool,
    pub reasons: Vec<String>,
    pub damaged: bool,
}

#[derive(Default)]
struct Fake {
    tokens: BTreeMap<String, (Role, TokenInfo)>,
    keys: BTreeMap<String, Vec<u8>>,
    deliveries: Vec<DeliveryInfo>,
    likes: BTreeMap<String, u64>,
}

pub struct Engine {
    frozen: Option<Millis>,
    sequence: AtomicU64,
    fake: Mutex<Fake>,
    link: Mutex<Option<String>>,
}

impl Engine {
    pub fn open(options: &OpenOptions) -> Result<Arc<Engine>, EngineError> {
        if let Place::Folder(folder) = &options.place {
            std::fs::create_dir_all(folder).map_err(|error| EngineError { sentence: error.to_string(), held: false })?;
            if std::os::unix::net::UnixStream::connect(folder.join("hubtally.sock")).is_ok() {
                return Err(EngineError { sentence: format!("{} is in use by another process", folder.display()), held: true });
            }
        }
        let link = Mutex::new(Some("firstkey".to_owned()));
        Ok(Arc::new(Engine { frozen: options.frozen_now, sequence: AtomicU64::new(1), fake: Mutex::default(), link }))
    }

    fn fake(&self) -> MutexGuard<'_, Fake> {
        self.fake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> Millis {
        self.frozen.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Millis(i64::try_from(since.as_millis()).unwrap_or(0))
        })
    }

    pub fn today(&self) -> Day {
        self.now().day()
    }

    pub fn push(&self, push: Push) -> Result<Receipt, PushError> {
        let mut fake = self.fake();
        if let Some(key) = push.idempotency_key {
            match fake.keys.get(&key) {
                Some(body) if *body != push.body => return Err(PushError::KeyReused),
                _ => drop(fake.keys.insert(key, push.body.clone())),
            }
        }
        drop(fake);
        Ok(self.deliver("pushes", push.source.as_str(), "", &push.body))
    }

    fn deliver(&self, kind: &str, source: &str, name: &str, body: &[u8]) -> Receipt {
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
        let mut fake = self.fake();
        let delivery = (fake.deliveries.len() + 1).to_string();
        fake.deliveries.push(DeliveryInfo {
            delivery: delivery.clone(),
            kind: kind.into(),
            source: source.into(),
            name: name.into(),
            arrived: self.now().to_string(),
            lines,
            accepted: lines,
            repeated: 0,
            skipped: 0,
            rejected: 0,
            state: "complete".into(),
        });
        self.sequence.fetch_add(1, Ordering::Relaxed);
        Receipt { delivery, lines, accepted: lines, ..Receipt::default() }
    }

    pub fn import(
        &self,
        mut input: Box<dyn Read + Send>,
        options: &ImportOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Receipt, EngineError> {
        let mut body = Vec::new();
        input.read_to_end(&mut body).map_err(|error| EngineError { sentence: error.to_string(), held: false })?;
        progress(Progress { rows: 1, bytes_read: body.len() as u64 });
        Ok(self.deliver("document", options.source.as_str(), &options.name, &body))
    }

    pub fn put_repos(&self, listings: Vec<RepoListing>) -> Result<u64, EngineError> {
        Ok(listings.into_iter().fold(0, |count, _| count + 1))
    }

    pub fn like(&self, repo: &RepoKey, _user: &str, _ts: Millis, liked: bool) -> Result<Likes, EngineError> {
        let mut fake = self.fake();
        let count = fake.likes.entry(repo.to_string()).or_default();
        *count = if liked { *count + 1 } else { count.saturating_sub(1) };
        Ok(Likes(*count))
    }

    pub fn deliveries(&self) -> Result<Vec<DeliveryInfo>, EngineError> {
        Ok(self.fake().deliveries.clone())
    }

    pub fn retract(&self, serial: u32) -> Result<DeliveryInfo, EngineError> {
        let mut fake = self.fake();
        let found = fake.deliveries.iter_mut().find(|delivery| delivery.delivery == serial.to_string());
        let info = found.ok_or_else(|| EngineError { sentence: "no such delivery".into(), held: false })?;
        info.state = "retracted".into();
        Ok(info.clone())
    }

    pub fn create_token(&self, role: Role, note: &str, expires: Option<Millis>) -> Result<String, EngineError> {
        let mut fake = self.fake();
        let id = (fake.tokens.len() + 1).to_string();
        let token = format!("hubtally_{id}");
        let info = TokenInfo {
            id,
            scope: role.to_string(),
            note: note.into(),
            created: self.now().to_string(),
            expires: expires.map(|at| at.to_string()),
        };
        fake.tokens.insert(token.clone(), (role, info));
        Ok(token)
    }

    pub fn tokens(&self) -> Result<Vec<TokenInfo>, EngineError> {
        Ok(self.fake().tokens.values().map(|(_, info)| info.clone()).collect())
    }

    pub fn revoke_token(&self, id: &str) -> Result<bool, EngineError> {
        let mut fake = self.fake();
        let before = fake.tokens.len();
        fake.tokens.retain(|_, (_, info)| info.id != id);
        Ok(fake.tokens.len() < before)
    }

    pub fn authenticate(&self, credential: &str) -> Result<Credential, EngineError> {
        if credential == "session" {
            return Ok(Credential::Role(Role::Admin));
        }
        if !credential.starts_with("hubtally_") {
            return Ok(Credential::NotOurs);
        }
        Ok(self.fake().tokens.get(credential).map_or(Credential::Wrong, |(role, _)| Credential::Role(role.clone())))
    }

    pub fn admin_link_key(&self) -> Result<Option<String>, EngineError> {
        Ok(self.link.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub fn claim_admin_link(&self, key: &str) -> Result<Option<String>, EngineError> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if link.as_deref() == Some(key) { link.take().map(|_| "session".to_owned()) } else { None })
    }

    pub fn verify(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<VerifyReport, EngineError> {
        progress("looked at everything");
        Ok(VerifyReport { checked_values: 3, findings: Vec::new() })
    }

    pub fn rebuild(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<(), EngineError> {
        progress("rebuilt");
        Ok(())
    }

    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    pub fn health(&self) -> Health {
        Health { ready: true, reasons: Vec::new(), damaged: false }
    }

    pub fn stop(&self) {}
}
