//! Lines of the combined format of nginx and Apache: files under real URL shapes, and all the rest a hub is asked for.

use super::agent::write_agent;
use super::client::Client;
use super::file::{File, file};
use super::hit::Hit;
use super::hub::Repo;
use super::page::Page;
use super::random::mix;
use crate::model::{Method, RepoKind};

/// What no client of a hub would ask for; the last is a TLS hello as nginx writes it.
const GARBAGE: [&str; 6] = [
    "GET /wp-login.php HTTP/1.1\" 404 153",
    "GET /.env HTTP/1.1\" 404 153",
    "GET /robots.txt HTTP/1.1\" 200 26",
    "POST /api/v1/login HTTP/1.1\" 404 153",
    "GET /../../etc/passwd HTTP/1.1\" 400 157",
    "\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xFC\\x03\\x03\" 400 157",
];

/// Writes a line without its end.
pub(super) fn write_line(page: &mut Page, seed: u64, repo: Repo<'_>, client: Client, hit: &Hit) {
    let file = file(seed, repo, hit.turn);
    client.write_address(page);
    page.text(" - ");
    let shape = hit.lot(13, 1000);
    let git = (960..980).contains(&shape);
    if git && client.signed_in {
        // Basic authentication of git is the only sign-in such a log shows.
        page.text("user-");
        page.number(u64::from(client.number));
    } else {
        page.text("-");
    }
    page.text(" [");
    page.clf(hit.time);
    page.text("] \"");
    match shape {
        0..880 => write_file(page, repo, file, hit),
        880..960 => write_metadata(page, repo, hit),
        960..980 => write_git(page, repo, hit),
        980..990 => write_page(page, "GET", repo, "", 200, 18_000),
        _ => page.text(GARBAGE.get(hit.lot(14, 6) as usize).copied().unwrap_or_default()),
    }
    page.text(" \"-\" \"");
    match shape {
        960..980 => page.text("git/2.47.3"),
        990.. => page.text("Mozilla/5.0 zgrab/0.x"),
        _ => write_agent(page, client, hit.visit, file.path),
    }
    page.text("\"");
}

/// A file, in one of the shapes in which hubs hand them out.
fn write_file(page: &mut Page, repo: Repo<'_>, file: File, hit: &Hit) {
    page.text(if hit.method == Method::Head { "HEAD /" } else { "GET /" });
    match hit.lot(15, 40) {
        // Behind a redirect of the hub to its own cache.
        0 => {
            page.text("api/resolve-cache/");
            page.text(repo.kind.plural());
            page.text("/");
            page.text(repo.name);
            page.text("/");
            page.hex(mix(u64::from(repo.number)));
            page.hex(mix(u64::from(repo.number) + 1));
            page.text("00c0ffee/");
        }
        1 => {
            page.text("api/");
            page.text(repo.kind.plural());
            page.text("/");
            write_resolve(page, repo, "main");
        }
        // A pull request as clients spell it: one percent-encoded segment.
        2 => {
            write_prefix(page, repo);
            write_resolve(page, repo, "refs%2Fpr%2F1");
        }
        _ => {
            write_prefix(page, repo);
            write_resolve(page, repo, "main");
        }
    }
    page.text(file.path);
    if hit.lot(16, 30) == 0 {
        page.text("?download=true");
    }
    let bytes = match (hit.method, hit.status) {
        (Method::Get, 200) => file.bytes,
        (Method::Get, 206) => file.bytes.min(8 << 20),
        (Method::Get, 302 | 303 | 307) => 1_100,
        (Method::Get, 400..) => 150,
        _ => 0,
    };
    write_answer(page, hit.status, bytes);
}

fn write_resolve(page: &mut Page, repo: Repo<'_>, revision: &str) {
    page.text(repo.name);
    page.text("/resolve/");
    page.text(revision);
    page.text("/");
}

/// Models have no prefix on the pages of a hub.
pub(super) fn write_prefix(page: &mut Page, repo: Repo<'_>) {
    if repo.kind != RepoKind::Model {
        page.text(repo.kind.plural());
        page.text("/");
    }
}

/// The calls around a download: what a repo holds, who asks, which branches there are.
fn write_metadata(page: &mut Page, repo: Repo<'_>, hit: &Hit) {
    if hit.lot(17, 10) == 0 {
        page.text("GET /api/whoami-v2");
        return write_answer(page, 401, 41);
    }
    page.text("GET /api/");
    page.text(repo.kind.plural());
    page.text("/");
    page.text(repo.name);
    page.text(match hit.lot(18, 4) {
        0 => "",
        1 => "/revision/main",
        2 => "/tree/main?recursive=True&expand=False",
        _ => "/refs",
    });
    write_answer(page, if hit.status == 404 { 404 } else { 200 }, 2_048 + u64::from(hit.lot(19, 4_096)));
}

/// One of the requests of a clone.
fn write_git(page: &mut Page, repo: Repo<'_>, hit: &Hit) {
    match hit.turn % 3 {
        0 => write_page(page, "GET", repo, ".git/info/refs?service=git-upload-pack", 200, 180),
        1 => write_page(page, "POST", repo, ".git/git-upload-pack", 200, 600),
        _ => write_page(page, "POST", repo, ".git/git-upload-pack", 200, 40_000 + u64::from(hit.salt & 0xF_FFFF)),
    }
}

fn write_page(page: &mut Page, method: &str, repo: Repo<'_>, rest: &str, status: u16, bytes: u64) {
    page.text(method);
    page.text(" /");
    write_prefix(page, repo);
    page.text(repo.name);
    page.text(rest);
    write_answer(page, status, bytes);
}

fn write_answer(page: &mut Page, status: u16, bytes: u64) {
    page.text(" HTTP/1.1\" ");
    page.number(u64::from(status));
    page.text(" ");
    page.number(bytes);
}
