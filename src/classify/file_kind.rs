//! What a file of a repo is, told by its path.

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Parameters of a model, in any format.
    Weights,
    /// Vocabulary and rules that turn text into numbers.
    Tokenizer,
    /// What describes a model, a dataset or a pipeline.
    Config,
    /// Tables, archives, text, images, sound.
    Data,
    Other,
}

const WEIGHTS: &[&str] = &[
    "safetensors",
    "gguf",
    "ggml",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "h5",
    "onnx",
    "onnx_data",
    "msgpack",
    "tflite",
    "pb",
    "mlmodel",
    "llamafile",
    "engine",
    "nemo",
    "keras",
    "npz",
    "ot",
];
const DATA: &[&str] = &[
    "parquet", "arrow", "csv", "tsv", "jsonl", "ndjson", "txt", "zip", "tar", "gz", "tgz", "zst", "xz", "bz2", "7z", "npy",
    "pkl", "db", "sqlite", "wav", "mp3", "flac", "ogg", "jpg", "jpeg", "png", "webp", "gif", "mp4", "webm", "tfrecord", "lance",
    "feather", "orc", "avro", "xml", "pdf",
];
const CONFIG: &[&str] = &["json", "yaml", "yml", "toml", "ini", "cfg", "jinja"];

/// Names of tokenizer files that do not begin with `tokenizer`.
const TOKENIZERS: &[&str] = &[
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "source.spm",
    "target.spm",
    "vocab.bpe",
    "encoder.json",
    "normalizer.json",
    "spm.model",
];

impl FileKind {
    /// All kinds. Their places are stored in views.
    pub const ALL: [FileKind; 5] = [FileKind::Weights, FileKind::Tokenizer, FileKind::Config, FileKind::Data, FileKind::Other];

    /// The name used in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FileKind::Weights => "weights",
            FileKind::Tokenizer => "tokenizer",
            FileKind::Config => "config",
            FileKind::Data => "data",
            FileKind::Other => "other",
        }
    }

    /// The kind of a name used in answers.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Option<FileKind> {
        Self::ALL.into_iter().find(|kind| kind.word().as_bytes() == word)
    }

    /// The kind of a path inside a repo. The last part decides, whatever its case.
    #[must_use]
    pub fn of(path: &str) -> FileKind {
        let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if name.starts_with("tokenizer") || TOKENIZERS.contains(&name.as_str()) {
            return FileKind::Tokenizer;
        }
        let Some((_, extension)) = name.rsplit_once('.') else { return FileKind::Other };
        // An index says where the weights are; it is no weights itself.
        match extension {
            _ if CONFIG.contains(&extension) => FileKind::Config,
            _ if WEIGHTS.contains(&extension) => FileKind::Weights,
            _ if DATA.contains(&extension) => FileKind::Data,
            _ => FileKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_path_decides() {
        for (path, kind) in [
            ("model-00001-of-00002.safetensors", FileKind::Weights),
            ("onnx/Model.ONNX", FileKind::Weights),
            ("model.safetensors.index.json", FileKind::Config),
            ("tokenizer_config.json", FileKind::Tokenizer),
            ("text_encoder/vocab.json", FileKind::Tokenizer),
            ("config.json", FileKind::Config),
            ("data/train-00000-of-00008.parquet", FileKind::Data),
            ("README.md", FileKind::Other),
            ("LICENSE", FileKind::Other),
            ("weights.bin/readme", FileKind::Other),
        ] {
            assert_eq!(FileKind::of(path), kind, "{path}");
        }
        assert!(FileKind::ALL.iter().all(|kind| FileKind::from_word(kind.word().as_bytes()) == Some(*kind)));
    }
}
