//! Agents: real strings, and what must never come through.

use std::collections::BTreeSet;

use hubtally::classify::{IDENTITY_BYTES_MAX, NOTE_BYTES_MAX, agent_note, identity_agent, note_library};

use super::mutations::Random;

/// Agent, its identity, its note, the library in that note.
const REAL: [(&str, &str, &str, &str); 36] = [
    (
        "unknown/None; hf_hub/0.36.2; python/3.11.7",
        "hf_hub/0.36.2; python/3.11.7",
        "hf_hub/0.36.2; python/3.11.7",
        "huggingface_hub",
    ),
    (
        "transformers/4.99.0; hf_hub/2.4.0; python/3.11.7; is_ci/true; file_type/model",
        "hf_hub/2.4.0; python/3.11.7",
        "transformers/4.99.0; hf_hub/2.4.0; python/3.11.7",
        "transformers",
    ),
    (
        "unknown/None; hf_hub/2.4.0; python/3.11.7; transformers/5.23.0; session_id/318d0123456789abcdef0123456789ab; file_type/tokenizer; from_auto_class/True",
        "hf_hub/2.4.0; python/3.11.7",
        "transformers/5.23.0; hf_hub/2.4.0; python/3.11.7",
        "transformers",
    ),
    (
        "datasets/5.2.0; hf_hub/2.4.0; python/3.11.7; pyarrow/26.0.1",
        "hf_hub/2.4.0; python/3.11.7",
        "datasets/5.2.0; hf_hub/2.4.0; python/3.11.7",
        "datasets",
    ),
    (
        "huggingface-cli/2.4.0; hf_hub/2.4.0; python/3.11.7",
        "hf_hub/2.4.0; python/3.11.7",
        "huggingface-cli/2.4.0; hf_hub/2.4.0; python/3.11.7",
        "huggingface-cli",
    ),
    (
        "unknown/None; hf_hub/2.4.0; python/3.12.1; torch/2.5.0; agent/some-id",
        "hf_hub/2.4.0; python/3.12.1",
        "hf_hub/2.4.0; python/3.12.1",
        "huggingface_hub",
    ),
    (
        "diffusers/0.30.1; python/3.10.1; session_id/318d0123456789abcdef0123456789ab; torch/2.4.0",
        "diffusers/0.30",
        "diffusers/0.30.1; python/3.10.1",
        "diffusers",
    ),
    (
        "vllm/0.9.1; hf_hub/0.36.2; python/3.12.1",
        "hf_hub/0.36.2; python/3.12.1",
        "vllm/0.9.1; hf_hub/0.36.2; python/3.12.1",
        "vllm",
    ),
    ("hf-hub/0.4.2", "hf-hub/0.4", "hf-hub/0.4.2", "hf-hub"),
    ("unkown/None; hf-hub/0.3.2; rust/unknown", "hf-hub/0.3", "hf-hub/0.3.2", "hf-hub"),
    ("llama-cpp/b4567", "llama-cpp/b4567", "llama-cpp/b4567", "llama-cpp"),
    ("llama-cpp", "llama-cpp", "llama-cpp", "llama-cpp"),
    ("ollama/0.5.1 (amd64 linux) Go/go1.23.4", "ollama", "ollama/0.5.1", "ollama"),
    ("git/2.47.3", "git", "git/2.47.3", "git"),
    ("git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)", "git", "git-lfs/3.3.0", "git-lfs"),
    ("curl/7.88.1", "curl/7.88.1", "curl/7.88.1", "curl"),
    ("Wget/1.21.3", "Wget/1.21", "Wget/1.21.3", "Wget"),
    ("aria2/1.36.0", "aria2/1.36", "aria2/1.36.0", "aria2"),
    ("node", "node", "node", "node"),
    ("python-httpx/0.28.1", "python-httpx/0.28", "python-httpx/0.28.1", "python-httpx"),
    ("Go-http-client/1.1", "Go-http-client/1.1", "Go-http-client/1.1", "Go-http-client"),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Chrome",
        "Chrome",
        "Chrome",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", "Firefox", "Firefox"),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        "Safari",
        "Safari",
        "Safari",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
        "Edge",
        "Edge",
        "Edge",
    ),
    ("Mozilla/5.0 (compatible; examplebot/2.1)", "browser", "browser; examplebot", "examplebot"),
    ("Mozilla/5.0 (compatible; SomeBot/1.0; +http://example.com/bot.html)", "browser", "browser; SomeBot", "SomeBot"),
    (
        "Mozilla/5.0 (Linux; Android 6.0.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 (compatible; Example-Spider/2.1; +https://example.com/about)",
        "Chrome",
        "Chrome; Example-Spider",
        "Example-Spider",
    ),
    ("Mozilla/5.0 (compatible; Fetchy/1.0; +https://example.com/fetchy)", "browser", "browser; crawler", "crawler"),
    (
        "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20 Build/RP1A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        "Chrome",
        "Chrome",
        "Chrome",
    ),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", "browser", "browser", "browser"),
    ("ExampleBot/2.0 (https://example.com/faq/)", "ExampleBot/2.0", "ExampleBot/2.0", "ExampleBot"),
    ("session_id/318d0123456789abcdef0123456789ab", "other", "other", "other"),
    ("unknown/None", "other", "other", "other"),
    ("\u{202e}\u{fffd} ?", "other", "other", "other"),
    ("python/3.11.7", "python/3.11", "python/3.11.7", "python"),
];

#[test]
fn real_agents() {
    for (agent, identity, note, library) in REAL {
        assert_eq!(identity_agent(agent).as_str(), identity, "{agent}");
        assert_eq!(agent_note(agent).as_str(), note, "{agent}");
        assert_eq!(note_library(note).0, library, "{agent}");
    }
    assert_eq!(note_library("hf_hub/2.4.0; python/3.11.7"), ("huggingface_hub", "2.4.0"));
}

#[test]
fn a_thousand_sessions_are_one_client() {
    let mut random = Random::new();
    let mut identities = BTreeSet::new();
    let mut notes = BTreeSet::new();
    for _ in 0..1_000 {
        let session = format!("{:016x}{:016x}", random.next(), random.next());
        let file_type = ["config", "tokenizer", "model"][(random.next() % 3) as usize];
        let agent = format!(
            "unknown/None; hf_hub/2.4.0; python/3.11.7; transformers/5.23.0; session_id/{session}; file_type/{file_type}"
        );
        identities.insert(identity_agent(&agent).as_str().to_owned());
        notes.insert(agent_note(&agent).as_str().to_owned());
    }
    assert_eq!((identities.len(), notes.len()), (1, 1));
}

#[test]
fn notes_have_the_identity_of_their_agent_and_stay_in_bounds() {
    let pieces = [
        "hf_hub/",
        "python/",
        "transformers/5.23.0",
        "session_id/0123",
        "unknown/None",
        "git",
        "curl/8.5.0-DEV",
        "; ",
        ";",
        " ",
        "/",
        "(",
        "Mozilla/5.0 ",
        "Firefox/",
        "evilbot",
        "compatible; ",
        "http://",
        "browser",
        "1.2.3.4",
        "é",
        "\"",
        "x".repeat(70).leak(),
        "hf-hub/1",
        "agent/x",
        "ollama/",
        "other",
        ".",
    ];
    let mut random = Random::new();
    for _ in 0..200_000 {
        let agent: String = (0..random.next() % 9).map(|_| pieces[(random.next() % pieces.len() as u64) as usize]).collect();
        let (identity, note) = (identity_agent(&agent), agent_note(&agent));
        assert_eq!(identity_agent(note.as_str()), identity, "{agent:?}, note {:?}", note.as_str());
        assert_eq!(agent_note(note.as_str()), note, "{agent:?}");
        for (text, bytes_max) in [(identity.as_bytes(), IDENTITY_BYTES_MAX), (note.as_bytes(), NOTE_BYTES_MAX)] {
            assert!(!text.is_empty() && text.len() <= bytes_max);
            assert!(text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '));
        }
    }
}
