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
    let mut text = AgentText::new();
    let tokens = Tokens::find(agent);
    if let Some(hf_hub) = tokens.hf_hub {
        text.push_token("hf_hub", hf_hub);
        if let Some(python) = tokens.python {
            text.push_token("python", python);
        }
        return text;
    }
    let (name, version) = tokens.product(agent);
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
    let tokens = Tokens::find(agent);
    if tokens.library.is_some() || tokens.hf_hub.is_none() {
        let (name, version) = tokens.product(agent);
        text.push_token(name, version);
        if name == "python" {
            return text;
        }
    }
    if let Some(hf_hub) = tokens.hf_hub {
        text.push_token("hf_hub", hf_hub);
    }
    if let Some(python) = tokens.python {
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

/// What the tokens of an agent tell, found in one pass.
#[derive(Default)]
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
            let token = agent.get(start..end).unwrap_or_default().trim_start();
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
