//! The files of invented repos and their sizes.

use super::hub::Repo;
use super::random::traits;
use crate::model::RepoKind;

/// A file of a repo.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) bytes: u64,
}

/// Path and the binary logarithm of its least size, in the order clients ask for them.
type Listing = &'static [(&'static str, u32)];

const SMALL_MODEL: Listing = &[
    ("config.json", 9),
    ("tokenizer_config.json", 11),
    ("tokenizer.json", 21),
    ("model.safetensors", 28),
    ("generation_config.json", 7),
    ("special_tokens_map.json", 8),
    ("vocab.txt", 17),
    ("README.md", 12),
    (".gitattributes", 10),
    ("onnx/model.onnx", 28),
    ("pytorch_model.bin", 28),
];
const SHARDED_MODEL: Listing = &[
    ("config.json", 9),
    ("model.safetensors.index.json", 15),
    ("model-00001-of-00004.safetensors", 32),
    ("model-00002-of-00004.safetensors", 32),
    ("model-00003-of-00004.safetensors", 32),
    ("model-00004-of-00004.safetensors", 31),
    ("generation_config.json", 7),
    ("tokenizer_config.json", 12),
    ("tokenizer.json", 22),
    ("chat_template.jinja", 12),
    ("README.md", 13),
    (".gitattributes", 10),
];
const GGUF_MODEL: Listing =
    &[("model-Q4_K_M.gguf", 32), ("config.json", 9), ("model-Q8_0.gguf", 33), ("model-Q5_K_M.gguf", 32), ("README.md", 13)];
const DATASET: Listing = &[
    ("README.md", 13),
    ("data/train-00000-of-00004.parquet", 28),
    ("data/train-00001-of-00004.parquet", 28),
    ("data/train-00002-of-00004.parquet", 28),
    ("data/train-00003-of-00004.parquet", 27),
    ("data/test-00000-of-00001.parquet", 24),
    ("dataset_infos.json", 11),
    (".gitattributes", 10),
];
const SPACE: Listing = &[("README.md", 10), ("app.py", 12), ("requirements.txt", 7), ("style.css", 11), (".gitattributes", 10)];

/// The file a visit asks for as number `turn`.
pub(super) fn file(seed: u64, repo: Repo<'_>, turn: u16) -> File {
    let bits = traits(seed, repo.number, 4);
    let listing = match (repo.kind, bits % 10) {
        (RepoKind::Model, 0..6) => SMALL_MODEL,
        (RepoKind::Model, 6..9) => SHARDED_MODEL,
        (RepoKind::Model, _) => GGUF_MODEL,
        (RepoKind::Dataset, _) => DATASET,
        (RepoKind::Space, _) => SPACE,
    };
    let index = usize::from(turn) % listing.len();
    let (path, size) = listing.get(index).copied().unwrap_or(("config.json", 9));
    let least = 1 << size;
    File { path, bytes: least + (traits(bits, u32::from(turn), 5) & (least - 1)) }
}
