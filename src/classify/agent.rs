//! User agents, reduced to what tells clients apart and what is worth a breakdown. Raw agent text never leaves here.
//!
//! Raw agents carry random session ids and change with the file that is loaded: hashed as they are, a thousand people
//! become thirty thousand. What is kept is built from known names and versions, in safe characters and bounded length.

use super::client_class::is_crawler_name;

/// The longest identity agent, in bytes.
pub const IDENTITY_BYTES_MAX: usize = 64;

/// The longest agent note, in bytes.
pub const NOTE_BYTES_MAX: usize = 128;

const PRODUCT_BYTES_MAX: usize = 40;
const VERSION_BYTES_MAX: usize = 20;

/// The version of a helper such as `hf_hub` or `python`: short enough that a note always has room for both.
const HELPER_VERSION_BYTES_MAX: usize = 16;

/// The agent of which nothing can be kept.
const OTHER: &str = "other";

/// Whether a name comes along with a library and tells something about the machine.
fn is_runtime(name: &str) -> bool {
    matches!(name, "hf_hub" | "hf-hub" | "python" | "torch" | "jax" | "flax" | "tensorflow" | "pyarrow" | "onnxruntime" | "rust")
}

/// Whether a name tells nothing, or something about this one session. Its value never leaves here.
fn is_noise(name: &str) -> bool {
    matches!(
        name,
        "" | "unknown"
            | "unkown"
            | "session_id"
            | "file_type"
            | "from_auto_class"
            | "is_ci"
            | "agent"
            | "origin"
            | "telemetry"
            | "framework"
            | "Mozilla"
    )
}

/// A short ASCII text on the stack, since there is one per line. What does not fit is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentText<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> AgentText<N> {
    fn new() -> Self {
        AgentText { bytes: [0; N], length: 0 }
    }

    fn push(&mut self, text: &str) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        let length = text.len().min(free.len());
        if let (Some(to), Some(from)) = (free.get_mut(..length), text.as_bytes().get(..length)) {
            to.copy_from_slice(from);
            self.length += length;
        }
    }

    /// Adds `name/version`, or `name` alone, behind a separator.
    fn push_token(&mut self, name: &str, version: &str) {
        if self.length > 0 {
            self.push("; ");
        }
        self.push(name);
        if !version.is_empty() {
            self.push("/");
            self.push(version);
        }
    }

    /// The text; ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The part of an agent that tells clients behind one address apart. Part of stored identities, so it is frozen.
///
/// `hf_hub/V; python/V` for everything that downloads through `huggingface_hub`, `git` (git-lfs too), `ollama`, `curl/V`,
/// a browser's family, for other tools `product/major.minor`, else `other`. Of an [`agent_note`] it is the same as of the
/// agent behind it.
#[must_use]
pub fn identity_agent(agent: &str) -> AgentText<IDENTITY_BYTES_MAX> {
    AgentReader::new(agent).identity()
}

/// What is kept of an agent for breakdowns: `library/version; hf_hub/version; python/version`, as far as it names them. Of a
/// robot that comes as a browser the family and the robot's name: the identity is the family's alone, whatever it says.
///
/// [`note_library`] reads it.
#[must_use]
pub fn agent_note(agent: &str) -> AgentText<NOTE_BYTES_MAX> {
    AgentReader::new(agent).note()
}

/// An agent that was taken apart once, for all that is made of it.
#[derive(Debug)]
pub struct AgentReader<'a> {
    agent: &'a str,
    tokens: Tokens<'a>,
}

impl<'a> AgentReader<'a> {
    /// Takes an agent apart.
    #[must_use]
    pub fn new(agent: &'a str) -> AgentReader<'a> {
        AgentReader { agent, tokens: Tokens::find(agent) }
    }

    /// As [`identity_agent`].
    #[must_use]
    pub fn identity(&self) -> AgentText<IDENTITY_BYTES_MAX> {
        let mut text = AgentText::new();
        if let Some(hf_hub) = self.tokens.hf_hub {
            text.push_token("hf_hub", hf_hub);
            if let Some(python) = self.tokens.python {
                text.push_token("python", python);
            }
            return text;
        }
        let (name, version) = self.tokens.product(self.agent);
        match name {
            "git" | "git-lfs" => text.push_token("git", ""),
            "ollama" => text.push_token(name, ""),
            "curl" => text.push_token(name, version),
            _ => text.push_token(name, major_minor(version)),
        }
        text
    }

    /// As [`agent_note`].
    #[must_use]
    pub fn note(&self) -> AgentText<NOTE_BYTES_MAX> {
        let mut text = AgentText::new();
        if self.tokens.library.is_some() || self.tokens.hf_hub.is_none() {
            let (name, version) = self.tokens.product(self.agent);
            text.push_token(name, version);
            if name == "python" {
                return text;
            }
            if version.is_empty()
                && is_family(name)
                && let Some(bot) = declared_bot(self.agent)
            {
                text.push_token(bot, "");
            }
        }
        if let Some(hf_hub) = self.tokens.hf_hub {
            text.push_token("hf_hub", hf_hub);
        }
        if let Some(python) = self.tokens.python {
            text.push_token("python", python);
        }
        text
    }
}

/// The library an [`agent_note`] names, and its version, which may be empty. A robot that comes as a browser is what it
/// says it is.
#[must_use]
pub fn note_library(note: &str) -> (&str, &str) {
    let mut tokens = note.split("; ");
    let first = tokens.next().unwrap_or_default();
    match first.split_once('/').unwrap_or((first, "")) {
        ("hf_hub", version) => ("huggingface_hub", version),
        (family, "") if is_family(family) => (tokens.next().filter(|bot| is_crawler_name(bot)).unwrap_or(family), ""),
        named => named,
    }
}

/// What the tokens of an agent tell, found in one pass.
#[derive(Debug, Default)]
struct Tokens<'a> {
    /// Versions of what every library built on `huggingface_hub` sends along.
    hf_hub: Option<&'a str>,
    python: Option<&'a str>,
    /// Name and version of the first token that names a library.
    library: Option<(&'a str, &'a str)>,
    /// Name and version of the first token that names a runtime.
    runtime: Option<(&'a str, &'a str)>,
}

impl<'a> Tokens<'a> {
    fn find(agent: &'a str) -> Tokens<'a> {
        let mut tokens = Tokens::default();
        let is_browser = agent.starts_with("Mozilla/");
        let mut start = 0;
        for end in memchr::memchr_iter(b';', agent.as_bytes()).chain([agent.len()]) {
            let token = trimmed(agent.get(start..end).unwrap_or_default());
            start = end + 1;
            let name = safe(token, PRODUCT_BYTES_MAX);
            let version = |bytes_max| {
                let behind = token.get(name.len()..).and_then(|rest| rest.strip_prefix('/'));
                safe(behind.unwrap_or_default(), bytes_max)
            };
            let helper_version = || Some(version(HELPER_VERSION_BYTES_MAX)).filter(|version| !version.is_empty());
            match name {
                "hf_hub" => tokens.hf_hub = tokens.hf_hub.or_else(helper_version),
                "python" => tokens.python = tokens.python.or_else(helper_version),
                _ => {}
            }
            if is_browser || is_noise(name) {
                continue;
            }
            let first = if is_runtime(name) { &mut tokens.runtime } else { &mut tokens.library };
            *first = first.or_else(|| Some((name, version(VERSION_BYTES_MAX))));
        }
        tokens
    }

    /// What asks: a browser's family, the library, or else the first runtime.
    fn product(&self, agent: &str) -> (&'a str, &'a str) {
        if agent.starts_with("Mozilla/") {
            return (browser(agent), "");
        }
        self.library.or(self.runtime).unwrap_or((OTHER, ""))
    }
}

/// Families of browsers with what they are known by. Order matters: each one claims to be those that follow.
const FAMILIES: [(&str, &[&str]); 4] = [
    ("Edge", &["Edg/", "EdgA/", "EdgiOS/", "Edge/"]),
    ("Firefox", &["Firefox/", "FxiOS/"]),
    ("Chrome", &["Chrome/", "CriOS/", "Chromium/"]),
    ("Safari", &["Safari/"]),
];

/// What claims to be a browser and is none of them.
const NO_FAMILY: &str = "browser";

fn is_family(name: &str) -> bool {
    name == NO_FAMILY || FAMILIES.iter().any(|(family, _)| *family == name)
}

/// The family of a browser.
fn browser(agent: &str) -> &'static str {
    let has = |mark: &&str| holds(agent, mark);
    FAMILIES.into_iter().find(|(_, marks)| marks.iter().any(has)).map_or(NO_FAMILY, |(family, _)| family)
}

fn holds(agent: &str, mark: &str) -> bool {
    memchr::memmem::find(agent.as_bytes(), mark.as_bytes()).is_some()
}

/// The name of a robot that comes as a browser, as in `Mozilla/5.0 (compatible; SomeBot/1.0; +http://…)`, without its
/// version; `crawler` for one that declares itself by its address under another kind of name. Of a note it is what the note
/// says. A telephone called Cubot declares nothing: it has neither a version behind its name nor an address.
fn declared_bot(agent: &str) -> Option<&str> {
    let whole = |token: &&str| is_crawler_name(token) && safe(token, PRODUCT_BYTES_MAX).len() == token.len();
    if !agent.starts_with("Mozilla/") {
        return agent.split("; ").nth(1).filter(whole);
    }
    let (compatible, address) = (holds(agent, "compatible;"), holds(agent, "://"));
    let mut start = 0;
    while start < agent.len() {
        let word = safe(agent.get(start..).unwrap_or_default(), agent.len());
        let end = start + word.len();
        let named = compatible || address || agent.as_bytes().get(end) == Some(&b'/');
        if named && word.len() <= PRODUCT_BYTES_MAX && is_crawler_name(word) {
            return Some(word);
        }
        start = end + agent.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    (compatible && address).then_some("crawler")
}

/// A token without blanks before it. There is nearly always one, and no character of other scripts has to be thought of.
fn trimmed(token: &str) -> &str {
    let token = token.strip_prefix(' ').unwrap_or(token);
    if token.as_bytes().first().is_some_and(u8::is_ascii_graphic) { token } else { token.trim_start() }
}

/// The leading safe characters of a text, at most `bytes_max`.
fn safe(text: &str, bytes_max: usize) -> &str {
    let is_safe = |byte: &u8| SAFE_BYTES.get(usize::from(*byte)) == Some(&true);
    let length = text.as_bytes().iter().take(bytes_max).take_while(|byte| is_safe(byte)).count();
    text.get(..length).unwrap_or_default()
}

/// The bytes a name or a version may hold.
const SAFE_BYTES: [bool; 256] = {
    let mut safe = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let ascii = byte as u8;
        safe[byte] = ascii.is_ascii_alphanumeric() || matches!(ascii, b'.' | b'_' | b'-' | b'+');
        byte += 1;
    }
    safe
};

fn major_minor(version: &str) -> &str {
    let second_dot = version.bytes().enumerate().filter(|(_, byte)| *byte == b'.').nth(1);
    second_dot.and_then(|(at, _)| version.get(..at)).unwrap_or(version)
}
