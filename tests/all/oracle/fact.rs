//! Lines of deliveries as people would tell them: who asked for what, when, and with which answer.

use chrono::DateTime;

/// A repository: its type word and its id.
pub type Repo = (String, String);

pub fn repo(kind: &str, id: &str) -> Repo {
    (kind.to_string(), id.to_string())
}

/// A day since 1970-01-01 as `YYYY-MM-DD`.
pub fn date(day: u64) -> String {
    let at = DateTime::from_timestamp(i64::try_from(day * 86_400).unwrap(), 0).unwrap();
    at.format("%Y-%m-%d").to_string()
}

/// A line of a delivery.
#[allow(clippy::large_enum_variant)] // a test holds a few dozen lines, and reads better without boxes
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Fact(Fact),
    Skipped { time_ms: u64, what: Skipped },
    Broken(Broken),
}

/// A line that is understood and is no download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// A call that only asks about a repo. An export, which names no paths, has none.
    Metadata,
    /// A method that neither gets nor looks at a file.
    Upload,
}

/// A line that nobody can understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    Garbage,
    BadTime,
    BadStatus,
    /// The line ends in the middle.
    CutOff,
}

/// A POST of a git client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Git {
    /// To `git-upload-pack`, with the version of the protocol where the log tells it.
    UploadPack { version: Option<u64> },
    /// To the batch service of LFS.
    LfsBatch,
}

/// One request for a file, or a POST of git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub time_ms: u64,
    pub repo_type: String,
    pub repo: String,
    pub user: Option<String>,
    /// The address as the line has it.
    pub ip: Option<String>,
    /// The address as it counts: IPv4-mapped is IPv4, IPv6 is its /64.
    pub address: Option<String>,
    /// The agent as the line has it; empty if there is none.
    pub raw_agent: String,
    /// The part of it that tells downloaders behind one address apart.
    pub agent_identity: Option<String>,
    pub method: String,
    pub status: u64,
    pub path: Option<String>,
    /// What is asked for instead of a file.
    pub git: Option<Git>,
    pub range: Option<String>,
    /// The id the sender gave the event.
    pub id: Option<String>,
    pub bytes: Option<u64>,
    pub country: Option<String>,
    pub region: Option<String>,
    /// What is kept of the agent: library, `huggingface_hub` and Python with their versions.
    pub note: Option<String>,
}

impl Fact {
    /// A plain download: GET, 200, of `config.json` of the model `acme/bert`, by the given user.
    pub fn by_user(user: &str, time_ms: u64) -> Fact {
        Fact { user: Some(user.to_string()), ..Fact::by_address("203.0.113.7", time_ms) }
    }

    /// The same by nobody in particular, from an address.
    pub fn by_address(ip: &str, time_ms: u64) -> Fact {
        Fact {
            time_ms,
            repo_type: "model".to_string(),
            repo: "acme/bert".to_string(),
            user: None,
            ip: Some(ip.to_string()),
            address: Some(ip.to_string()),
            raw_agent: String::new(),
            agent_identity: None,
            method: "GET".to_string(),
            status: 200,
            path: Some("config.json".to_string()),
            git: None,
            range: None,
            id: None,
            bytes: None,
            country: None,
            region: None,
            note: None,
        }
    }

    pub fn path(self, path: &str) -> Fact {
        Fact { path: Some(path.to_string()), ..self }
    }

    pub fn without_path(self) -> Fact {
        Fact { path: None, ..self }
    }

    /// A POST of git instead of a file's request.
    pub fn posts(self, git: Git) -> Fact {
        Fact { git: Some(git), path: None, range: None, ..self }.answer("POST", 200)
    }

    pub fn answer(self, method: &str, status: u64) -> Fact {
        Fact { method: method.to_string(), status, ..self }
    }

    pub fn of(self, (repo_type, repo): Repo) -> Fact {
        Fact { repo_type, repo, ..self }
    }

    pub fn agent(self, raw: &str, identity: &str) -> Fact {
        Fact { raw_agent: raw.to_string(), agent_identity: Some(identity.to_string()), ..self }
    }

    pub fn repo(&self) -> Repo {
        (self.repo_type.clone(), self.repo.clone())
    }

    pub fn day(&self) -> u64 {
        self.time_ms / 86_400_000
    }
}
