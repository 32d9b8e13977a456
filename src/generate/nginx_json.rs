//! Lines of nginx in JSON, as the `log_format` of `docs/nginx.md` writes them: files, and the git requests of a clone.

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
    let git = hit.lot(13, 1000) >= 980;
    page.text("{\"msec\":");
    page.seconds(hit.time);
    page.text(",\"request_time\":0.");
    page.number(u64::from(100 + hit.lot(10, 900)));
    page.text(",\"remote_addr\":\"");
    client.write_address(page);
    page.text("\",\"remote_user\":\"");
    if git && client.signed_in {
        page.text("user-");
        page.number(u64::from(client.number));
    }
    page.text("\",\"http_x_forwarded_for\":\"\",\"request_method\":\"");
    page.text(match hit.method {
        _ if git => "POST",
        Method::Head => "HEAD",
        _ => "GET",
    });
    page.text("\",\"http_host\":\"hub.example\",\"request_uri\":\"/");
    write_prefix(page, repo);
    page.text(repo.name);
    if git {
        page.text(".git/git-upload-pack");
    } else {
        page.text("/resolve/main/");
        page.text(file.path);
    }
    page.text("\",\"status\":\"");
    page.number(if git { 200 } else { u64::from(hit.status) });
    page.text("\",\"body_bytes_sent\":");
    let part = file.bytes.min(8 << 20);
    let bytes = match (hit.method, hit.status) {
        _ if git => 600,
        (Method::Get, 200) => file.bytes,
        (Method::Get, 206) => part,
        _ => 0,
    };
    page.number(bytes);
    page.text(",\"http_range\":\"");
    if !git && hit.status == 206 && part > 0 {
        page.text("bytes=0-");
        page.number(part - 1);
    }
    page.text("\",\"sent_http_location\":\"");
    if !git && matches!(hit.status, 302 | 303 | 307) {
        page.text("https://files.example/");
        page.hex(hit.visit);
    }
    page.text("\",\"http_user_agent\":\"");
    if git {
        page.text("git/2.47.3");
    } else {
        write_agent(page, client, hit.visit, file.path);
    }
    page.text("\",\"request_id\":\"");
    page.hex(hit.visit);
    page.hex(u64::from(hit.salt));
    page.text("\",\"http_x_hf_download_counter\":\"\",\"http_git_protocol\":\"");
    page.text(if git { "version=2\"}" } else { "\"}" });
}
