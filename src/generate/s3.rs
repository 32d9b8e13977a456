//! Lines of an S3 server access log, of a bucket that holds files under the paths of hubs.

use super::agent::write_agent;
use super::client::Client;
use super::combined::write_prefix;
use super::file::file;
use super::hit::Hit;
use super::hub::Repo;
use super::page::Page;
use crate::model::Method;

/// Writes a line without its end. No text in it needs escaping.
pub(super) fn write_line(page: &mut Page, seed: u64, repo: Repo<'_>, client: Client, hit: &Hit) {
    let file = file(seed, repo, hit.turn);
    let method = if hit.method == Method::Head { "HEAD" } else { "GET" };
    page.text("79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be mirror [");
    page.clf(hit.time);
    page.text("] ");
    client.write_address(page);
    page.text(" - ");
    page.hex(hit.visit ^ u64::from(hit.salt) << 16);
    page.text(" REST.");
    page.text(method);
    page.text(".OBJECT ");
    write_key(page, repo, file.path);
    page.text(" \"");
    page.text(method);
    page.text(" /");
    write_key(page, repo, file.path);
    page.text(" HTTP/1.1\" ");
    page.number(u64::from(hit.status));
    page.text(" - ");
    match (hit.method, hit.status) {
        (Method::Get, 200) => page.number(file.bytes),
        (Method::Get, 206) => page.number(file.bytes.min(8 << 20)),
        _ => page.text("-"),
    }
    page.text(" ");
    page.number(file.bytes);
    page.text(" ");
    page.number(u64::from(1 + hit.lot(10, 5_000)));
    page.text(" 12 \"-\" \"");
    write_agent(page, client, hit.visit, file.path);
    page.text("\" - ");
    page.hex(hit.visit);
    page.text(" - TLS_AES_128_GCM_SHA256 - mirror.files.example TLSv1.3 - -");
}

fn write_key(page: &mut Page, repo: Repo<'_>, path: &str) {
    write_prefix(page, repo);
    page.text(repo.name);
    page.text("/resolve/main/");
    page.text(path);
}
