//! What kind of program a library is. Nobody is left out of a count by it: a model hub's users are programs.

/// The class of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientClass {
    /// Code that loads models or data.
    Library,
    /// A program that fetches files for a person or a script.
    Tool,
    Browser,
    Crawler,
    /// A program that serves models, with a cache of its own.
    Server,
    Other,
    /// The log names no client.
    Unknown,
}

const TOOLS: &[&str] = &[
    "curl",
    "wget",
    "aria2",
    "git",
    "git-lfs",
    "huggingface-cli",
    "hf",
    "hfdownloader",
    "hf-transfer",
    "rclone",
    "axel",
    "httpie",
    "lm-studio",
    "lmstudio",
    "jan",
    "comfyui",
    "stable-diffusion-webui",
];
const SERVERS: &[&str] =
    &["ollama", "vllm", "text-generation-inference", "tgi", "llama-cpp", "sglang", "localai", "xinference", "triton"];
const BROWSERS: &[&str] = &["edge", "firefox", "chrome", "safari", "browser", "opera"];

impl ClientClass {
    /// All classes.
    pub const ALL: [ClientClass; 7] = [
        ClientClass::Library,
        ClientClass::Tool,
        ClientClass::Browser,
        ClientClass::Crawler,
        ClientClass::Server,
        ClientClass::Other,
        ClientClass::Unknown,
    ];

    /// The name used in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ClientClass::Library => "library",
            ClientClass::Tool => "tool",
            ClientClass::Browser => "browser",
            ClientClass::Crawler => "crawler",
            ClientClass::Server => "server",
            ClientClass::Other => "other",
            ClientClass::Unknown => "unknown",
        }
    }

    /// The class of a name used in answers.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ClientClass> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }

    /// The class of a library as [`note_library`](super::note_library) names it.
    #[must_use]
    pub fn of(library: &str) -> ClientClass {
        let name = library.to_ascii_lowercase();
        let name = name.as_str();
        match name {
            "" => ClientClass::Unknown,
            "other" => ClientClass::Other,
            _ if BROWSERS.contains(&name) => ClientClass::Browser,
            _ if TOOLS.contains(&name) => ClientClass::Tool,
            _ if SERVERS.contains(&name) => ClientClass::Server,
            _ if is_crawler_name(name) => ClientClass::Crawler,
            _ => ClientClass::Library,
        }
    }
}

/// Whether a program calls itself a robot.
pub(super) fn is_crawler_name(name: &str) -> bool {
    ["bot", "crawler", "spider"].iter().any(|mark| {
        let end = name.len().checked_sub(mark.len()).and_then(|start| name.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(mark))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_python_client_is_no_robot() {
        for (library, class) in [
            ("transformers", ClientClass::Library),
            ("huggingface_hub", ClientClass::Library),
            ("python-httpx", ClientClass::Library),
            ("Wget", ClientClass::Tool),
            ("git", ClientClass::Tool),
            ("ollama", ClientClass::Server),
            ("Firefox", ClientClass::Browser),
            ("CCBot", ClientClass::Crawler),
            ("other", ClientClass::Other),
            ("", ClientClass::Unknown),
        ] {
            assert_eq!(ClientClass::of(library), class, "{library}");
        }
        assert!(ClientClass::ALL.iter().all(|class| ClientClass::from_word(class.word()) == Some(*class)));
    }
}
