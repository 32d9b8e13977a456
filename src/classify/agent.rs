//! User agents, reduced to what tells clients apart and what is worth a breakdown. Raw agent text never leaves here.
//!
//! Raw agents carry random session ids and change with the file that is loaded: hashed as they are, a thousand people
//! become thirty thousand. What is kept is built from known names and versions, in safe characters and bounded length.

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

/// Names that come along with a library and tell something about the machine.
const RUNTIMES: [&str; 10] =
    ["hf_hub", "hf-hub", "python", "torch", "jax", "flax", "tensorflow", "pyarrow", "onnxruntime", "rust"];

/// Names that tell nothing, or something about this one session. Their values never leave here.
const NOISE: [&str; 11] = [
    "unknown",
    "unkown",
    "session_id",
    "file_type",
    "from_auto_class",
    "is_ci",
    "agent",
    "origin",
    "telemetry",
    "framework",
    "Mozilla",
];

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
        for (slot, byte) in free.iter_mut().zip(text.bytes()) {
            *slot = byte;
            self.length += 1;
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
    let mut text = AgentText::new();
    let helpers = Helpers::find(agent);
    if let Some(hf_hub) = helpers.hf_hub {
        text.push_token("hf_hub", hf_hub);
        if let Some(python) = helpers.python {
            text.push_token("python", python);
        }
        return text;
    }
    let (name, version) = product(agent);
    match name {
        "git" | "git-lfs" => text.push_token("git", ""),
        "ollama" => text.push_token(name, ""),
        "curl" => text.push_token(name, version),
        _ => text.push_token(name, major_minor(version)),
    }
    text
}

/// What is kept of an agent for breakdowns: `library/version; hf_hub/version; python/version`, as far as it names them.
///
/// [`note_library`] reads it.
#[must_use]
pub fn agent_note(agent: &str) -> AgentText<NOTE_BYTES_MAX> {
    let mut text = AgentText::new();
    let helpers = Helpers::find(agent);
    let library = library(agent);
    if library.is_some() || helpers.hf_hub.is_none() {
        let (name, version) = library.unwrap_or_else(|| product(agent));
        text.push_token(name, version);
        if name == "python" {
            return text;
        }
    }
    if let Some(hf_hub) = helpers.hf_hub {
        text.push_token("hf_hub", hf_hub);
    }
    if let Some(python) = helpers.python {
        text.push_token("python", python);
    }
    text
}

/// The library an [`agent_note`] names, and its version, which may be empty.
#[must_use]
pub fn note_library(note: &str) -> (&str, &str) {
    let first = note.split("; ").next().unwrap_or_default();
    match first.split_once('/').unwrap_or((first, "")) {
        ("hf_hub", version) => ("huggingface_hub", version),
        named => named,
    }
}

/// The tokens that every library built on `huggingface_hub` sends along.
struct Helpers<'a> {
    hf_hub: Option<&'a str>,
    python: Option<&'a str>,
}

impl<'a> Helpers<'a> {
    fn find(agent: &'a str) -> Helpers<'a> {
        let mut helpers = Helpers { hf_hub: None, python: None };
        for token in agent.split(';') {
            let token = token.trim_start();
            let version = |name| {
                let version = safe(token.strip_prefix(name)?, HELPER_VERSION_BYTES_MAX);
                (!version.is_empty()).then_some(version)
            };
            helpers.hf_hub = helpers.hf_hub.or_else(|| version("hf_hub/"));
            helpers.python = helpers.python.or_else(|| version("python/"));
        }
        helpers
    }
}

/// The first token that names a library; browsers name none.
fn library(agent: &str) -> Option<(&str, &str)> {
    first_token(agent, |name| !RUNTIMES.contains(&name) && !NOISE.contains(&name))
}

/// What asks: a browser's family, the library, or else the first runtime.
fn product(agent: &str) -> (&str, &str) {
    if agent.starts_with("Mozilla/") {
        return (browser(agent), "");
    }
    library(agent).or_else(|| first_token(agent, |name| !NOISE.contains(&name))).unwrap_or((OTHER, ""))
}

/// The first token with a name that will do. Browsers have no tokens.
fn first_token(agent: &str, will_do: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let mut tokens = agent.split(';').map(token).filter(|_| !agent.starts_with("Mozilla/"));
    tokens.find(|(name, _)| !name.is_empty() && will_do(name))
}

/// The family of a browser. Order matters: each one claims to be those that follow.
fn browser(agent: &str) -> &'static str {
    let families = [
        ("Edge", ["Edg/", "EdgA/", "EdgiOS/", "Edge/"].as_slice()),
        ("Firefox", &["Firefox/", "FxiOS/"]),
        ("Chrome", &["Chrome/", "CriOS/", "Chromium/"]),
        ("Safari", &["Safari/"]),
    ];
    let has = |mark: &&str| memchr::memmem::find(agent.as_bytes(), mark.as_bytes()).is_some();
    families.into_iter().find(|(_, marks)| marks.iter().any(has)).map_or("browser", |(family, _)| family)
}

/// Name and version of `name/version (comment)`; either may be empty.
fn token(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let name = safe(text, PRODUCT_BYTES_MAX);
    let version = text.get(name.len()..).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    (name, safe(version, VERSION_BYTES_MAX))
}

/// The leading safe characters of a text, at most `bytes_max`.
fn safe(text: &str, bytes_max: usize) -> &str {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    let length = text.as_bytes().iter().take(bytes_max).take_while(|byte| is_safe(byte)).count();
    text.get(..length).unwrap_or_default()
}

fn major_minor(version: &str) -> &str {
    let second_dot = version.bytes().enumerate().filter(|(_, byte)| *byte == b'.').nth(1);
    second_dot.and_then(|(at, _)| version.get(..at)).unwrap_or(version)
}
