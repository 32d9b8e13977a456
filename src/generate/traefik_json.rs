//! Lines of Traefik's access log in JSON, with the two headers kept that count: files under the URLs of hubs.

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
    page.text("{\"ClientHost\":\"");
    client.write_address(page);
    page.text("\",\"ClientUsername\":\"-\",\"DownstreamContentSize\":");
    let part = file.bytes.min(8 << 20);
    page.number(match (hit.method, hit.status) {
        (Method::Get, 200) => file.bytes,
        (Method::Get, 206) => part,
        _ => 0,
    });
    page.text(",\"DownstreamStatus\":");
    page.number(u64::from(hit.status));
    page.text(",\"Duration\":");
    page.number(u64::from(100_000 + hit.lot(10, 900_000_000)));
    page.text(",\"RequestHost\":\"hub.example\",\"RequestMethod\":\"");
    page.text(if hit.method == Method::Head { "HEAD" } else { "GET" });
    page.text("\",\"RequestPath\":\"/");
    write_prefix(page, repo);
    page.text(repo.name);
    page.text("/resolve/main/");
    page.text(file.path);
    page.text("\",\"RequestProtocol\":\"HTTP/1.1\",\"RouterName\":\"hub@file\",\"StartUTC\":\"");
    page.rfc3339(hit.time);
    page.text("\",\"level\":\"info\",\"msg\":\"\",\"request_User-Agent\":\"");
    write_agent(page, client, hit.visit, file.path);
    if hit.status == 206 && part > 0 {
        page.text("\",\"request_Range\":\"bytes=0-");
        page.number(part - 1);
    }
    page.text("\",\"time\":\"");
    page.rfc3339(hit.time);
    page.text("\"}");
}
