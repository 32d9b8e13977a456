//! Lines of Caddy's access log: files under the URLs of hubs.

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
    page.text("{\"level\":\"info\",\"ts\":");
    page.seconds(hit.time);
    page.text(",\"logger\":\"http.log.access\",\"msg\":\"handled request\",\"request\":{\"remote_ip\":\"");
    client.write_address(page);
    page.text("\",\"remote_port\":\"50000\",\"client_ip\":\"");
    client.write_address(page);
    page.text("\",\"proto\":\"HTTP/2.0\",\"method\":\"");
    page.text(if hit.method == Method::Head { "HEAD" } else { "GET" });
    page.text("\",\"host\":\"hub.example\",\"uri\":\"/");
    write_prefix(page, repo);
    page.text(repo.name);
    page.text("/resolve/main/");
    page.text(file.path);
    page.text("\",\"headers\":{\"User-Agent\":[\"");
    write_agent(page, client, hit.visit, file.path);
    page.text("\"]");
    let part = file.bytes.min(8 << 20);
    if hit.status == 206 && part > 0 {
        page.text(",\"Range\":[\"bytes=0-");
        page.number(part - 1);
        page.text("\"]");
    }
    page.text("}},\"bytes_read\":0,\"user_id\":\"\",\"duration\":0.");
    page.number(u64::from(100 + hit.lot(10, 900)));
    page.text(",\"size\":");
    page.number(match (hit.method, hit.status) {
        (Method::Get, 200) => file.bytes,
        (Method::Get, 206) => part,
        _ => 0,
    });
    page.text(",\"status\":");
    page.number(u64::from(hit.status));
    page.text(",\"resp_headers\":{");
    if matches!(hit.status, 302 | 303 | 307) {
        page.text("\"Location\":[\"https://files.example/");
        page.hex(hit.visit);
        page.text("\"]");
    }
    page.text("}}");
}
