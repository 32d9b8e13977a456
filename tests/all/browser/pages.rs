//! The pages in a real browser: signed in, searched, sorted, by keyboard, on a phone, in the dark, and read aloud.

use serde_json::{Value, json};

use super::{Browser, assert_quiet};
use crate::server::Server;

/// 2026-06-10T12:00:00Z.
const NOON_MS: u64 = 1_781_092_800_000;
const DAY_MS: u64 = 86_400_000;
const NOW: &str = "2026-06-10T12:00:00Z";

/// An organization with forty models, one of them private, and a second organization.
fn hub() -> (Server, String, String) {
    let server = Server::start(&["--now", NOW]);
    let cookie = server.admin_cookie();
    let token = server.token(&cookie, "admin");
    let repos: Vec<Value> = (0..40)
        .map(|model| json!({ "type": "model", "id": format!("acme/model-{model:02}"), "private": model == 7, "likes": model }))
        .chain([json!({ "type": "dataset", "id": "other/words", "private": false })])
        .collect();
    let authorization = format!("Bearer {token}");
    let listed = server.ask("PUT", "/api/v1/repos", &[("Authorization", &authorization)], json!(repos).to_string().as_bytes());
    assert_eq!(listed.status, 200, "{}", listed.text());
    let mut events = String::new();
    for day in 0..50 {
        for model in 0..40 {
            if (day + model) % 4 != 0 || model % 5 == 0 {
                let country = ["DE", "FR", "JP"][model as usize % 3];
                events += &event(&format!("acme/model-{model:02}"), day * 7 + model, NOON_MS - day * DAY_MS, country);
            }
        }
    }
    push(&server, &authorization, &events);
    (server, authorization, cookie)
}

fn event(repo: &str, person: u64, ts: u64, country: &str) -> String {
    let agent = ["curl/8.5.0", "vllm/0.11.0; hf_hub/0.36.2; python/3.12.3"][person as usize % 2];
    let path = ["config.json", "model.safetensors"][person as usize % 2];
    let event = json!({ "ts": ts, "repo": repo, "path": path, "status": 200, "ip": format!("203.0.113.{}", person % 250),
        "user_agent": agent, "country": country });
    format!("{event}\n")
}

fn push(server: &Server, authorization: &str, events: &str) {
    let headers = [("Authorization", authorization), ("Content-Type", "application/x-ndjson")];
    let reply = server.post("/api/v1/events", &headers, events.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn the_one_time_link_signs_a_browser_in_by_its_button() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let server = Server::start(&["--now", NOW]);
    let key = server.admin_key();
    browser.open(&format!("{}/welcome?key={key}", server.url()));
    browser.js("document.querySelector('main input[name=name]').focus()");
    browser.type_text("ada");
    browser.js("document.querySelector('main input[name=password]').focus()");
    browser.type_text("a long enough password");
    browser.click_through("main form button");
    assert_eq!(browser.text("location.pathname"), "/");
    assert!(browser.text("document.querySelector('footer').textContent").contains("Signed in as"));
    browser.click_through("a[href='/sources']");
    assert!(browser.text("document.body.textContent").contains("Nothing was delivered yet"));
    assert_quiet(&mut browser, &server, "empty hub");
}

#[test]
fn a_table_is_searched_and_sorted_in_place_and_by_its_address() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let (server, ..) = hub();
    browser.open(&format!("{}/orgs/acme", server.url()));
    let names = "[...document.querySelectorAll('#repos tbody th a')].map(link => link.textContent).join()";
    assert_eq!(browser.js("document.querySelectorAll('#repos tbody tr').length"), 25, "a page of the table");
    assert!(!browser.text(names).contains("model-07"), "hidden from the public");
    browser.js("document.querySelector('#repos input[name=q]').focus()");
    browser.type_text("MODEL-3");
    browser.wait_for("document.querySelectorAll('#repos tbody tr').length === 10");
    browser.wait_for("location.search === '?q=MODEL-3'");
    assert_eq!(browser.js("document.activeElement.name"), "q", "the focus stays where one types");
    browser.js("document.querySelectorAll('#repos thead a')[0].click()");
    browser.wait_for("document.querySelector('#repos [aria-sort]').textContent.includes('Repository')");
    let by_name = browser.text(names);
    assert!(by_name.starts_with("model-30,model-31,"), "{by_name}");
    let address = browser.text("location.href");
    browser.open(&address);
    assert_eq!(browser.text(names), by_name, "the address holds all of it");
    browser.open(&format!("{}/orgs/acme?q=nothing-like-it", server.url()));
    assert!(browser.text("document.querySelector('#repos').textContent").contains("No repository is called"));
    assert_quiet(&mut browser, &server, "/orgs/acme");
}

#[test]
fn windows_measures_and_files_are_links_and_the_chart_follows_the_keys() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let (server, ..) = hub();
    browser.open(&format!("{}/models/acme/model-00", server.url()));
    let shown = "document.querySelector('.tiles [aria-current] .value').textContent";
    let all = browser.text(shown);
    browser.click_through(".segments a:nth-child(2)");
    assert_eq!(browser.text("location.search"), "?window=30d");
    let month = browser.text(shown);
    assert_eq!((all.as_str(), month.as_str()), ("50", "30"), "a download a day");
    browser.click_through(".tiles li:nth-child(2) a");
    assert_eq!(browser.text("location.search"), "?window=30d&measure=uniques");
    browser.js("document.querySelector('.plot').focus()");
    browser.key("Home");
    let value = "document.querySelector('.plot').getAttribute('aria-valuetext')";
    assert!(browser.text(value).starts_with("2026-05-12: "), "{}", browser.text(value));
    browser.key("ArrowRight");
    assert!(browser.text(value).starts_with("2026-05-13: Downloads 1, Unique downloaders 1"), "{}", browser.text(value));
    assert_eq!(browser.js("document.querySelector('.tip').hidden"), false);
    assert_eq!(browser.js("document.querySelectorAll('.chart tbody tr').length"), 30, "the same numbers as a table");
    let csv = browser.text("document.querySelector('.card .foot a').href");
    let path = csv.strip_prefix(&server.url()).unwrap();
    let file = server.get(path);
    assert_eq!(file.status, 200, "{path}");
    assert!(
        file.text().starts_with("date,downloads,authenticated,anonymous,files,unique_downloaders\n2026-05-12,1,"),
        "{}",
        file.text()
    );
    browser.js("document.activeElement.blur()");
    assert_quiet(&mut browser, &server, "/models/acme/model-00");
}

#[test]
fn the_counter_moves_while_one_looks_and_counts_only_what_happened() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let (server, authorization, _) = hub();
    browser.open(&format!("{}/", server.url()));
    browser.wait_for("document.querySelector('[data-live]').dataset.live === 'on'");
    let counter = "Number(document.querySelector('[data-counter] data').value)";
    let before = browser.js(counter).as_u64().unwrap();
    assert_eq!(server.get("/api/v1/hub/totals").json()["downloads"], before);
    push(&server, &authorization, &event("acme/model-01", 1_000, NOON_MS, "DE").replace("203.0.113", "198.51.100"));
    browser.wait_for(&format!("{counter} === {}", before + 1));
    drop(server);
    browser.wait_for("document.querySelector('[data-live]').dataset.live === 'off'");
}

/// Printed, not asserted: how long it takes depends on what else the machine does.
#[test]
fn an_organization_of_a_thousand_repos_is_searched_at_once() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let server = Server::start(&["--now", NOW, "--visibility", "public"]);
    let cookie = server.admin_cookie();
    let authorization = format!("Bearer {}", server.token(&cookie, "admin"));
    push(
        &server,
        &authorization,
        &crate::server::thousand_repos(NOON_MS).iter().map(|event| format!("{event}\n")).collect::<String>(),
    );
    let (name, value) = cookie.split_once('=').unwrap();
    browser.command("Network.setCookie", json!({ "name": name, "value": value, "url": server.url() }));
    for turn in ["first", "second"] {
        browser.open(&format!("{}/orgs/acme?window=30d", server.url()));
        let timing = browser.text(
            "(() => { const [seen] = performance.getEntriesByType('navigation'); return `first byte ${seen.responseStart.toFixed()} ms, \
             all read ${seen.responseEnd.toFixed()} ms, shown ${seen.domContentLoadedEventEnd.toFixed()} ms, \
             loaded ${seen.loadEventEnd.toFixed()} ms; ${seen.encodedBodySize} of ${seen.decodedBodySize} bytes` })()",
        );
        println!("an organization of 1,000 repositories, {turn} look: {timing}");
    }
    // The last of all is not on the page, and found by its name.
    browser.js("window.began = performance.now(); document.querySelector('#repos input[name=q]').focus()");
    browser.type_text("NAME-0999");
    browser.wait_for("document.querySelectorAll('#repos tbody tr').length === 1");
    assert!(browser.text("document.querySelector('#repos tbody th a').textContent").contains("name-0999"));
    let milliseconds = browser.js("Math.round(performance.now() - window.began)");
    println!("searched among 1,000 repositories in {milliseconds} ms, the pause of the typing included");
}
