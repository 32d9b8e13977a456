//! Lines of Hugging Face's access-log export: ten columns, hashed identities, no paths.

use super::agent::write_agent;
use super::client::Client;
use super::file::file;
use super::hit::Hit;
use super::hub::Repo;
use super::page::Page;
use crate::model::Method;

/// The ten columns as they stand since May 2026.
pub(super) const HEADER: &str = "timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent\n";

/// Writes a line without its end.
pub(super) fn write_line(page: &mut Page, seed: u64, repo: Repo<'_>, client: Client, hit: &Hit) {
    page.rfc3339(hit.time);
    page.text(",");
    page.number(u64::from(hit.status));
    page.text(if hit.method == Method::Head { ",HEAD," } else { ",GET," });
    page.text(repo.name);
    page.text(",");
    page.text(repo.kind.word());
    page.text(if client.signed_in { "," } else { ",," });
    client.write_hash(page);
    page.text(if client.signed_in { ",," } else { "," });
    let place = client.place();
    page.text(place.country);
    page.text(",");
    write_field(page, |page| page.text(place.region));
    page.text(",");
    write_field(page, |page| write_agent(page, client, hit.visit, file(seed, repo, hit.turn).path));
}

/// Quotes a field if it holds a comma, as the agents of browsers do. None holds a quote.
fn write_field(page: &mut Page, write: impl FnOnce(&mut Page)) {
    let start = page.bytes.len();
    write(page);
    if memchr::memchr(b',', &page.bytes[start..]).is_some() {
        page.bytes.insert(start, b'"');
        page.bytes.push(b'"');
    }
}
