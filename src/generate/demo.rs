//! The demo hub: a few organisations with a year of growth, weekends and a spike, as events to be pushed or imported.

use std::io::{self, Write};

use serde_json::json;

use super::place::place;
use super::random::{Random, traits};
use crate::model::{Day, Millis, RepoKind, SESSION_GAP_MS};

/// A repo of the demo hub.
struct DemoRepo {
    kind: RepoKind,
    id: &'static str,
    /// Sessions a day in the end.
    sessions: u32,
    /// Age in days.
    age: u16,
    files: &'static [(&'static str, u32)],
}

const MODEL: &[(&str, u32)] = &[
    ("config.json", 1_204),
    ("tokenizer.json", 9_085_657),
    ("model-00001-of-00002.safetensors", 4_000_000_000),
    ("model-00002-of-00002.safetensors", 3_141_592_653),
];
const SMALL_MODEL: &[(&str, u32)] = &[("config.json", 733), ("tokenizer.json", 2_120_000), ("model.safetensors", 540_000_000)];
const GGUF: &[(&str, u32)] = &[("mymodel.Q4_K_M.gguf", 4_100_000_000)];
const DATASET: &[(&str, u32)] = &[
    ("README.md", 3_120),
    ("data/train-00000-of-00002.parquet", 310_000_000),
    ("data/train-00001-of-00002.parquet", 290_000_000),
];
const SPACE: &[(&str, u32)] = &[("app.py", 4_410), ("requirements.txt", 88)];

const REPOS: [DemoRepo; 16] = [
    DemoRepo { kind: RepoKind::Model, id: "myorg/mymodel", sessions: 180, age: 365, files: MODEL },
    DemoRepo { kind: RepoKind::Dataset, id: "myorg/mydataset", sessions: 60, age: 330, files: DATASET },
    DemoRepo { kind: RepoKind::Model, id: "myorg/mymodel-mini", sessions: 90, age: 140, files: SMALL_MODEL },
    DemoRepo { kind: RepoKind::Model, id: "myorg/mymodel-GGUF", sessions: 45, age: 120, files: GGUF },
    DemoRepo { kind: RepoKind::Space, id: "myorg/playground", sessions: 8, age: 200, files: SPACE },
    DemoRepo { kind: RepoKind::Dataset, id: "myorg/eval-suite", sessions: 14, age: 90, files: DATASET },
    DemoRepo { kind: RepoKind::Model, id: "openlab/protein-lm", sessions: 40, age: 365, files: MODEL },
    DemoRepo { kind: RepoKind::Dataset, id: "openlab/reactions", sessions: 22, age: 300, files: DATASET },
    DemoRepo { kind: RepoKind::Model, id: "openlab/protein-lm-large", sessions: 16, age: 60, files: MODEL },
    DemoRepo { kind: RepoKind::Model, id: "tidewater/whisper-north", sessions: 70, age: 250, files: SMALL_MODEL },
    DemoRepo { kind: RepoKind::Dataset, id: "tidewater/harbour-speech", sessions: 18, age: 240, files: DATASET },
    DemoRepo { kind: RepoKind::Space, id: "tidewater/transcribe", sessions: 5, age: 100, files: SPACE },
    DemoRepo { kind: RepoKind::Model, id: "kestrel/ocr-base", sessions: 30, age: 180, files: SMALL_MODEL },
    DemoRepo { kind: RepoKind::Model, id: "kestrel/ocr-new", sessions: 55, age: 6, files: SMALL_MODEL },
    DemoRepo { kind: RepoKind::Model, id: "gpt-mini", sessions: 25, age: 365, files: SMALL_MODEL },
    DemoRepo { kind: RepoKind::Dataset, id: "kestrel/receipts", sessions: 9, age: 170, files: DATASET },
];

const AGENTS: [&str; 8] = [
    "unknown/None; hf_hub/2.4.0; python/3.12.3; transformers/5.23.0; session_id/0123456789abcdef0123456789abcdef; file_type/model",
    "unknown/None; hf_hub/0.36.2; python/3.11.7; transformers/4.57.1; session_id/fedcba9876543210fedcba9876543210; file_type/config",
    "vllm/0.11.0; hf_hub/0.36.2; python/3.12.3; torch/2.9.1",
    "datasets/5.2.0; hf_hub/2.4.0; python/3.11.7; pyarrow/26.0.1",
    "unknown/None; hf_hub/1.28.0; python/3.10.12",
    "ollama/0.12.3 (amd64 linux) Go/go1.24.1",
    "curl/8.5.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
];

const DAYS: u16 = 365;
const SALT: u64 = 0x0068_7562_7461_6c6c;

/// The demo hub. The same seed gives the same year on every machine.
pub struct DemoHub {
    random: Random,
}

impl DemoHub {
    /// A hub from a seed.
    #[must_use]
    pub fn new(seed: u64) -> DemoHub {
        DemoHub { random: Random::seeded(seed) }
    }

    /// Writes a year of events that ends at `now`, as NDJSON.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_year(&mut self, now: Millis, out: &mut impl Write) -> io::Result<()> {
        let today = now.day();
        for back in (0..DAYS).rev() {
            let day = today.minus(back);
            for repo in &REPOS {
                for _ in 0..self.sessions_on(repo, day, back) {
                    let at = day.start().0 + self.moment();
                    if at <= now.0 {
                        self.write_session(repo, Millis(at), now, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what happens within a second or two, as NDJSON: a session of some repo, or nothing.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_moment(&mut self, now: Millis, out: &mut impl Write) -> io::Result<()> {
        let all: u32 = REPOS.iter().map(|repo| repo.sessions).sum();
        let mut ticket = self.random.below(all);
        for repo in &REPOS {
            if ticket < repo.sessions {
                return self.write_session(repo, now, Millis(i64::MAX), out);
            }
            ticket -= repo.sessions;
        }
        Ok(())
    }

    /// Growth to the repo's size, fewer at weekends, and a spike when a model was in the news.
    fn sessions_on(&mut self, repo: &DemoRepo, day: Day, back: u16) -> u32 {
        if back >= repo.age {
            return 0;
        }
        let grown = u32::from(repo.age - back) * 1_000 / u32::from(repo.age);
        let mut sessions = repo.sessions * (150 + grown * 85 / 100) / 1_000;
        // 1970-01-01 was a Thursday: days 2 and 3 of a week counted from there are Saturday and Sunday.
        if matches!(day.0 % 7, 2 | 3) {
            sessions = sessions * 55 / 100;
        }
        if repo.id == "myorg/mymodel" && (38..46).contains(&back) {
            sessions = sessions * (46 - u32::from(back)) * 60 / 100;
        }
        sessions * (80 + self.random.below(41)) / 100 + u32::from(self.random.below(100) < repo.sessions.min(60))
    }

    /// A time of day in ms; afternoons are busier than nights.
    fn moment(&mut self) -> i64 {
        let hour = (self.random.below(24) + self.random.below(24)).div_ceil(2);
        i64::from(hour) * 3_600_000 + i64::from(self.random.below(3_600_000))
    }

    fn write_session(&mut self, repo: &DemoRepo, start: Millis, until: Millis, out: &mut impl Write) -> io::Result<()> {
        // A few come again and again, most only once in a while.
        let crowd = if self.random.below(100) < 30 { 40 } else { repo.sessions * 60 };
        let person = traits(SALT ^ u64::from(repo.sessions), self.random.below(crowd), 1);
        let agent = AGENTS.get((person >> 8) as usize % AGENTS.len()).copied().unwrap_or_default();
        let user = (person % 100 < 28).then(|| format!("user-{:06}", person % 1_000_000));
        let address = format!("2001:db8:{:x}:{:x}::1", (person >> 16) & 0xffff, (person >> 32) & 0xffff);
        let place = place(person >> 3);
        let files = 1 + self.random.below(u32::try_from(repo.files.len()).unwrap_or(1)) as usize;
        let mut at = start.0;
        for (path, bytes) in repo.files.iter().take(files) {
            let status = if path.ends_with(".json") || path.ends_with(".md") { 200 } else { 302 };
            let mut event = json!({
                "ts": at, "repo_type": repo.kind.word(), "repo": repo.id, "method": "GET", "status": status, "path": path,
                "bytes": bytes, "ip": address, "user_agent": agent, "country": place.country, "region": place.region,
            });
            if let (Some(user), Some(event)) = (&user, event.as_object_mut()) {
                event.insert("user".to_owned(), user.as_str().into());
            }
            writeln!(out, "{event}")?;
            at += i64::from(self.random.below(40_000));
            if at > until.0 || at - start.0 > SESSION_GAP_MS {
                break;
            }
        }
        Ok(())
    }

    /// What the demo hub's catalog says: type, id, whether it is private, likes.
    pub fn listings() -> impl Iterator<Item = (RepoKind, &'static str, bool, u64)> {
        REPOS.iter().map(|repo| (repo.kind, repo.id, repo.id == "myorg/eval-suite", u64::from(repo.sessions) * 7 / 2))
    }
}
