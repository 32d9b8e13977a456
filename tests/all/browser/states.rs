//! Every page in every state a hub can be in (nothing yet, one day old, huge) on a phone and on a desk, light and dark: it
//! fits, it says nothing on the console, asks nobody else, and keeps the rules of accessibility. Pictures of all of it:
//! `HUBTALLY_PICTURES=FOLDER cargo test --test all browser::states`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Browser, assert_quiet};
use crate::server::Server;

/// 2026-06-10T12:00:00Z.
const NOON_MS: u64 = 1_781_092_800_000;
const DAY_MS: u64 = 86_400_000;
const NOW: &str = "2026-06-10T12:00:00Z";

const SCREENS: [(u32, &str); 4] = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")];

/// As long as names may well be.
const LONG: &str = "a-long-name-of-a-model-distilled-quantized-and-merged-v2.5-GGUF";

/// A hub with the administrator ada.
struct Hub {
    server: Server,
    cookie: String,
    authorization: String,
}

impl Hub {
    fn start() -> Hub {
        let server = Server::start(&["--now", NOW]);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let made = format!("key={}&name=ada&password=a+long+enough+password", server.admin_key());
        let reply = server.post("/welcome", &form, made.as_bytes());
        assert_eq!(reply.status, 303, "{}", reply.text());
        let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let authorization = format!("Bearer {}", server.token(&cookie, "admin"));
        Hub { server, cookie, authorization }
    }

    fn put(&self, path: &str, body: &Value) {
        let headers = [("Authorization", self.authorization.as_str())];
        let reply = self.server.ask("PUT", path, &headers, body.to_string().as_bytes());
        assert!(reply.status < 300, "{path}: {}", reply.text());
    }

    fn send(&self, path: &str, kind: &str, body: &str) {
        let headers = [("Authorization", self.authorization.as_str()), ("Content-Type", kind)];
        let reply = self.server.post(path, &headers, body.as_bytes());
        assert!(reply.status < 300, "{path}: {}", reply.text());
    }

    /// Opens pages on all screens and holds them to the rules; `stretched` writes a figure of ten digits for each number.
    fn show(&self, browser: &mut Browser, state: &str, pages: &[(&str, &str)], stretched: bool) {
        let (name, value) = self.cookie.split_once('=').unwrap();
        let rules = Rules::read();
        for (page, path) in pages {
            browser.command("Network.clearBrowserCookies", json!({}));
            if *page != "login" && !page.ends_with("-public") {
                browser.command("Network.setCookie", json!({ "name": name, "value": value, "url": self.server.url() }));
            }
            browser.open(&format!("{}{path}", self.server.url()));
            browser.wait_for("!document.querySelector('[data-later]')");
            if let Some(axe) = &rules.axe {
                browser.js(&format!("{axe}\n;void 0"));
            }
            if stretched {
                browser.js(STRETCH);
            }
            for (width, scheme) in SCREENS {
                browser.screen(width, 844, scheme);
                let place = format!("{state}: {path} at {width} in {scheme}");
                rules.picture(browser, &format!("{state}-{page}-{width}-{scheme}.png"));
                for unfolded in [false, true] {
                    browser
                        .js(&format!("for (const part of document.querySelectorAll('main details')) part.open = {unfolded}; 0"));
                    assert_eq!(browser.js(WIDE), json!([width, []]), "{place}, unfolded: {unfolded}, is as wide as the screen");
                    assert_eq!(browser.js(SMALL), json!([]), "labels of {place} stay readable");
                }
                if rules.axe.is_some() {
                    assert_eq!(browser.text(VIOLATIONS), "[]", "{place}");
                }
                browser.js("for (const part of document.querySelectorAll('main details')) part.open = false; 0");
            }
            assert_quiet(browser, &self.server, path);
        }
    }
}

/// What pages are held to, and where their pictures go.
struct Rules {
    axe: Option<String>,
    pictures: Option<PathBuf>,
}

impl Rules {
    fn read() -> Rules {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/axe/package/axe.min.js");
        let axe = std::fs::read_to_string(file).ok();
        if axe.is_none() {
            println!("did not run: axe-core on the pages; tests/run fetches it into target/axe where npm is");
        }
        Rules { axe, pictures: std::env::var_os("HUBTALLY_PICTURES").map(PathBuf::from) }
    }

    fn picture(&self, browser: &mut Browser, name: &str) {
        if let Some(folder) = &self.pictures {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(name), browser.whole_picture()).unwrap();
        }
    }
}

/// How wide the page is, and what in it is cut at its right edge although nothing there scrolls.
const WIDE: &str = "[document.documentElement.scrollWidth, [...document.querySelectorAll('main *')].filter(element => { \
    const box = element.getBoundingClientRect(); \
    return element.checkVisibility() && box.width > 1 && box.right > innerWidth + 1 && !element.closest('.scroll, pre, .unseen, svg, .bar ul'); \
    }).map(element => element.outerHTML.slice(0, 200))]";

/// Labels too small to be read.
const SMALL: &str = "[...document.querySelectorAll('main, main *')].filter(label => [...label.childNodes].some(node => \
    node.nodeType === 3 && node.data.trim()) && label.checkVisibility() && parseFloat(getComputedStyle(label).fontSize) < 11) \
    .map(element => element.outerHTML.slice(0, 200))";

const VIOLATIONS: &str = "axe.run().then(found => JSON.stringify(found.violations.map(rule => [rule.id, \
    rule.nodes.map(node => node.html + node.failureSummary)])))";

/// Ten digits where a number stands.
const STRETCH: &str = "for (const element of document.querySelectorAll('.value, .number, data, .numbers td')) \
    if (/^[0-9,]+$/.test(element.textContent) && element.textContent !== '0') element.textContent = '1,234,567,890'; \
    for (const element of document.querySelectorAll('.value')) element.classList.add('long'); void 0";

fn event(repo: &str, person: u64, days_ago: u64) -> String {
    let agent = ["curl/8.5.0", "vllm/0.11.0; hf_hub/0.36.2; python/3.12.3", "transformers/4.57.1; hf_hub/0.36.2; python/3.11.9"];
    let path = ["config.json", "model.safetensors", "tokenizer.json"][person as usize % 3];
    let country = ["DE", "FR", "JP", "US", "BR", "BA", "GS", "VC", "CN"][person as usize % 9];
    let region = ["BY", "IDF", "13", "CA", "SP", "SRP", "", "", "BJ"][person as usize % 9];
    let event = json!({ "ts": NOON_MS - days_ago * DAY_MS - person % 11 * 3_600_000, "repo": repo, "path": path, "status": 200,
        "ip": format!("198.51.{}.{}", person / 250 % 250, person % 250), "user_agent": agent[person as usize % 3],
        "country": country, "region": region });
    format!("{event}\n")
}

#[test]
fn a_hub_with_nothing_says_what_to_do() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let hub = Hub::start();
    let pages = [
        ("hub", "/"),
        ("hub-public", "/"),
        ("repos", "/repos"),
        ("org", "/orgs/myorg"),
        ("overlap", "/overlap"),
        ("sources", "/sources"),
        ("settings", "/settings"),
        ("groups", "/settings/groups"),
        ("login", "/login?next=/settings"),
        ("welcome", "/welcome?key=x"),
    ];
    hub.show(&mut browser, "empty", &pages, false);
}

#[test]
fn a_hub_of_one_day_shows_that_day() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let hub = Hub::start();
    let repo = |id: &str, private: bool| json!({ "type": "model", "id": id, "private": private });
    hub.put("/api/v1/repos", &json!([repo("acme/tiny", false), repo("acme/base", false), repo("acme/next", true)]));
    let events: String =
        (0..60).map(|person| event(["acme/tiny", "acme/base", "acme/next"][person as usize % 3], person, 0)).collect();
    hub.send("/api/v1/import?name=access.log", "application/x-ndjson", &events);
    let reported = "repoType,repoName,total,timestamp,downloads\nmodel,acme/elsewhere,1234567,2026-06-09T00:00:00.000Z,34567\n";
    hub.send("/api/v1/import?name=breakdown.csv", "text/csv", reported);
    let pages = [
        ("hub", "/"),
        ("repos", "/repos"),
        ("org", "/orgs/acme"),
        ("org-public", "/orgs/acme"),
        ("org-month", "/orgs/acme?window=30d&measure=uniques"),
        ("repo", "/models/acme/tiny"),
        ("overlap", "/overlap?a=models/acme/tiny&b=models/acme/base"),
        ("sources", "/sources"),
        ("retract", "/sources/1/retract"),
    ];
    hub.show(&mut browser, "day", &pages, false);
}

#[test]
fn a_huge_hub_of_long_names_fits() {
    let Some(mut browser) = Browser::start("the pages in a browser") else { return };
    let hub = Hub::start();
    let name = |at: u64| {
        if at.is_multiple_of(3) {
            format!("acme-research-institute/{LONG}-{at:04}")
        } else {
            format!("acme-research-institute/m{at}")
        }
    };
    let kind_of = |at: u64| if at % 7 == 6 { "dataset" } else { "model" };
    let repos: Vec<Value> = (0..1_000)
        .map(|at| json!({ "type": kind_of(at), "id": name(at), "private": at % 50 == 1, "likes": at * 977 }))
        .chain([json!({ "type": "dataset", "id": "other/words", "private": false })])
        .collect();
    hub.put("/api/v1/repos", &json!(repos));
    let rows = (0..1_000).flat_map(|at| {
        let (days, kind) = (if at < 40 { 1_090 } else { 60 }, kind_of(at));
        let told = move |line: String| line.replace("\"repo\":", &format!("\"repo_type\":\"{kind}\",\"repo\":"));
        (0..days).step_by(1 + at as usize % 9).map(move |day| told(event(&name(at), at * 7 + day * day % 97, day)))
    });
    let lines: Vec<String> = rows.collect();
    for part in lines.chunks(50_000) {
        hub.send("/api/v1/import?name=access.log", "application/x-ndjson", &part.concat());
    }
    hub.send("/api/v1/events", "application/x-ndjson", &format!("{}not json\n", event("other/words", 9, 3)));
    hub.put(
        "/api/v1/groups/acme-research-institute:family",
        &json!({ "repos": [{ "type": "model", "id": name(0) }, { "type": "model", "id": name(2) }] }),
    );
    let total = |day: u64| json!({ "date": format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28), "total": 900_000_000 + day * 3_300_000 });
    let totals: Vec<Value> = (0..140).map(total).collect();
    hub.put(
        "/api/v1/counters/other",
        &json!({ "title": "Downloads of another hub", "source": "its public page", "metric": "downloads",
        "scope": "all repositories", "caveats": ["told by the hub itself"], "totals": totals }),
    );
    for person in 0..3 {
        let body = json!({ "name": format!("a-person-with-a-long-name-{person}"), "password": "a long enough password",
            "roles": ["publisher:acme-research-institute", "reader:other"] });
        hub.send("/api/v1/people", "application/json", &body.to_string());
    }
    hub.server.token(&hub.cookie, "publisher:acme-research-institute");
    let long = format!("/models/{}", name(0));
    let sides = format!("/overlap?a=orgs/acme-research-institute&b=models/{}", name(0));
    let pages = [
        ("hub", "/"),
        ("repos", "/repos?sort=name"),
        ("org", "/orgs/acme-research-institute"),
        ("org-month", "/orgs/acme-research-institute?window=30d&measure=uniques"),
        ("org-public", "/orgs/acme-research-institute"),
        ("repo", long.as_str()),
        ("group", "/groups/acme-research-institute:family"),
        ("overlap", sides.as_str()),
        ("sources", "/sources"),
        ("settings", "/settings"),
        ("groups", "/settings/groups"),
        ("group-form", "/settings/groups/acme-research-institute:family"),
        ("compare", "/overlap?a=orgs/acme-research-institute"),
        ("counter", "/counters/other"),
        ("refused", "/?window=year"),
    ];
    hub.show(&mut browser, "huge", &pages, true);
}
