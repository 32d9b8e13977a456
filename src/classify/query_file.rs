//! Which of a model's files stand for a download under Hugging Face's rule: a table by library, read when counting, so that
//! a changed table or library is a recount.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

const TABLE: &str = include_str!("query_files.txt");

type Table = HashMap<&'static str, Vec<Pattern>, FixedState>;

static PATTERNS: LazyLock<Table> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let line = |line: &'static str| {
        let (library, patterns) = line.split_once(':')?;
        Some((library, patterns.split_whitespace().map(Pattern::parse).collect()))
    };
    lines.filter_map(line).collect()
});

/// What a path must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    Path(&'static str),
    Extension(&'static str),
    RootExtension(&'static str),
    Name(&'static str),
    /// Of a file in a folder.
    NameBelow(&'static str),
}

impl Pattern {
    fn parse(text: &'static str) -> Pattern {
        let behind = |mark: &str| text.strip_prefix(mark);
        behind("**/")
            .map(Pattern::Name)
            .or_else(|| behind("*/").map(Pattern::NameBelow))
            .or_else(|| behind("/*.").map(Pattern::RootExtension))
            .or_else(|| behind("*.").map(Pattern::Extension))
            .unwrap_or(Pattern::Path(text))
    }

    fn takes(self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').map_or((None, path), |(folder, name)| (Some(folder), name));
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        match self {
            Pattern::Path(wanted) => path == wanted,
            Pattern::Extension(wanted) => extension == Some(wanted),
            Pattern::RootExtension(wanted) => folder.is_none() && extension == Some(wanted),
            Pattern::Name(wanted) => name == wanted,
            Pattern::NameBelow(wanted) => folder.is_some() && name == wanted,
        }
    }
}

/// The query files of one library.
#[derive(Clone, Copy, Debug)]
pub struct QueryFiles([&'static [Pattern]; 2]);

impl QueryFiles {
    /// Those of the library a model's card names; `None` where nobody told.
    #[must_use]
    pub fn of(library: Option<&str>) -> QueryFiles {
        let patterns = |library: &str| PATTERNS.get(library).map(Vec::as_slice);
        let of_library = match library {
            Some(library) => patterns(&library.to_ascii_lowercase()).or_else(|| patterns("default")),
            None => patterns("unknown"),
        };
        QueryFiles([of_library.unwrap_or_default(), patterns("always").unwrap_or_default()])
    }

    /// Whether a path is one of them.
    #[must_use]
    pub fn take(self, path: &str) -> bool {
        self.0.into_iter().flatten().any(|pattern| pattern.takes(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(PATTERNS.len(), lines.len(), "no library twice");
        for (library, patterns) in PATTERNS.iter() {
            assert!(!patterns.is_empty() && *library == library.to_ascii_lowercase(), "{library}");
        }
        assert!(["always", "default", "unknown"].iter().all(|line| PATTERNS.contains_key(line)));
    }

    #[test]
    fn a_library_has_its_files_and_others_the_usual_ones() {
        for (library, path, is_query_file) in [
            (None, "config.json", true),
            (None, "onnx/config.json", false),
            (None, "model_index.json", true),
            (None, "model.safetensors", false),
            (None, "Q4/model.gguf", true),
            (Some("transformers"), "config.json", true),
            (Some("transformers"), "model_index.json", false),
            (Some("diffusers"), "config.json", false),
            (Some("Diffusers"), "sd.safetensors", true),
            (Some("diffusers"), "unet/model.safetensors", false),
            (Some("timm"), "model.gguf", true),
            (Some("timm"), "config.json", false),
            (Some("ultralytics"), "weights/best.pt", true),
            (Some("wan2.2"), "high/config.json", true),
            (Some("whisperkit"), "model.mil", false),
            (Some("whisperkit"), "Encoder/model.mil", true),
        ] {
            assert_eq!(QueryFiles::of(library).take(path), is_query_file, "{library:?} {path}");
        }
    }
}
