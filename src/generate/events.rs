//! Lines of our own NDJSON events, with every field a hub can know.

use super::agent::write_agent;
use super::client::Client;
use super::file::file;
use super::hit::Hit;
use super::hub::Repo;
use super::page::Page;
use crate::model::Method;

/// Writes a line without its end. No text in it needs escaping.
pub(super) fn write_line(page: &mut Page, seed: u64, repo: Repo<'_>, client: Client, hit: &Hit) {
    let file = file(seed, repo, hit.turn);
    page.text("{\"ts\":\"");
    page.rfc3339(hit.time);
    page.text("\",\"repo_type\":\"");
    page.text(repo.kind.word());
    page.text("\",\"repo\":\"");
    page.text(repo.name);
    page.text(if hit.method == Method::Head {
        "\",\"method\":\"HEAD\",\"status\":"
    } else {
        "\",\"method\":\"GET\",\"status\":"
    });
    page.number(u64::from(hit.status));
    page.text(",\"path\":\"");
    page.text(file.path);
    page.text("\"");
    write_body(page, file.bytes, hit);
    if client.signed_in {
        page.text(",\"user\":\"user-");
        page.number(u64::from(client.number));
    } else {
        page.text(",\"ip\":\"");
        client.write_address(page);
    }
    page.text("\",\"user_agent\":\"");
    write_agent(page, client, hit.visit, file.path);
    page.text("\"");
    let place = client.place();
    for (name, value) in [(",\"country\":\"", place.country), (",\"region\":\"", place.region)] {
        if !value.is_empty() {
            page.text(name);
            page.text(value);
            page.text("\"");
        }
    }
    page.text(",\"duration_ms\":");
    page.number(u64::from(1 + hit.lot(10, 1 << (4 + hit.lot(11, 12)))));
    page.text(",\"id\":\"");
    page.hex(hit.visit ^ u64::from(hit.salt) << 16);
    page.text("\"}");
}

/// What was sent: all of the file, a part of it, one byte to learn its size, or nothing.
fn write_body(page: &mut Page, size: u64, hit: &Hit) {
    let part = size.min(8 << 20);
    let bytes = match (hit.method, hit.status) {
        (Method::Get, 200) => size,
        (Method::Get, 206) if hit.lot(12, 10) == 0 => {
            page.text(",\"range\":\"bytes=0-0\"");
            1
        }
        (Method::Get, 206) => {
            page.text(",\"range\":\"bytes=0-");
            page.number(part - 1);
            page.text("\"");
            part
        }
        _ => 0,
    };
    page.text(",\"bytes\":");
    page.number(bytes);
}
