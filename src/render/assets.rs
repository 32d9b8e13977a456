//! The files that belong to the pages: one style sheet, one script module, one icon.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

/// A file whose name changes with its content, so that browsers may keep it for good.
#[derive(Debug)]
pub struct Asset {
    /// `NAME-HASH.EXTENSION`.
    pub name: String,
    pub content_type: &'static str,
    pub content: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Asset {
        Asset { name: format!("{stem}-{:08x}.{extension}", xxh3_64(content) >> 32), content_type, content }
    }
}

/// All of them.
#[derive(Debug)]
pub struct Assets {
    pub style: Asset,
    pub script: Asset,
    pub icon: Asset,
}

impl Assets {
    /// The file of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Asset> {
        [&self.style, &self.script, &self.icon].into_iter().find(|asset| asset.name == name)
    }
}

/// The files of this build.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new("style", "css", "text/css; charset=utf-8", include_bytes!("assets/style.css")),
    script: Asset::new("page", "js", "text/javascript; charset=utf-8", include_bytes!("assets/page.js")),
    icon: Asset::new("icon", "svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
});
