//! Style, script and icon, under names that change with their content.

use hyper::StatusCode;
use hyper::header;

use crate::render::assets::{ASSETS, Asset};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

/// A file by its name; one of another build is gone.
pub fn asset(call: &Call) -> Outcome {
    let asset = ASSETS.find(call.params.get("file")).ok_or_else(Answer::unknown_route)?;
    Ok(file(asset).with(header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
}

/// The icon by the name browsers ask for by themselves.
pub fn icon() -> Answer {
    file(&ASSETS.icon).with(header::CACHE_CONTROL, "public, max-age=86400")
}

fn file(asset: &Asset) -> Answer {
    Answer::new(StatusCode::OK, asset.content_type, asset.content)
}
