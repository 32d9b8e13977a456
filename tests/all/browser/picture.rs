//! The picture of the README, from the demo hub on a fixed day: the same picture every time. By hand:
//! `HUBTALLY_PICTURE=docs/dashboard.png cargo test --test all browser::picture`.

use super::Browser;
use crate::server::Server;

const BYTES_MAX: usize = 200 * 1024;

#[test]
fn the_demo_hub_makes_a_picture_for_the_readme() {
    let Some(mut browser) = Browser::start("the picture of the README") else { return };
    let server = Server::demo(&["--now", "2026-06-30T12:00:00Z"]);
    browser.screen(1200, 900, "light");
    browser.open(&format!("{}/orgs/myorg", server.url()));
    let picture = browser.picture();
    assert!(picture.starts_with(b"\x89PNG"));
    assert!(picture.len() < BYTES_MAX, "{} bytes", picture.len());
    if let Some(path) = std::env::var_os("HUBTALLY_PICTURE") {
        std::fs::write(path, picture).unwrap();
    }
}
