//! Milestones and counters of other hubs: dates that hold on series nobody showed the forecast, in an order that cannot
//! contradict itself, and the seed's page rebuilt from a counter.

use hubtally::model::Day;
use hubtally::query::{Expected, Growth, Outlook};
use serde_json::{Value, json};

use crate::hub::{Hub, bearer};
use crate::oracle::Random;

/// A cumulative series with weekends, a trend that wanders, and now and then a week that is twice as good.
fn wandering(random: &mut Random, days: usize) -> Vec<u64> {
    let chance = |random: &mut Random| random.below(1_000_000) as f64 / 1_000_000.0;
    let (mut rate, mut trend, mut sum) = (50.0 + 500.0 * chance(random), 0.01 * (chance(random) - 0.3), 0.0);
    let mut totals = Vec::with_capacity(days);
    let mut lift = 1.0;
    for day in 0..days {
        if day % 7 == 0 {
            trend = 0.9 * trend + 0.002 * (chance(random) - 0.45);
            lift = if chance(random) < 0.05 { 2.0 } else { 1.0 };
        }
        rate *= 1.0 + trend + 0.02 * (chance(random) - 0.5);
        let weekend = if day % 7 > 4 { 0.6 } else { 1.0 };
        sum += rate * weekend * lift * (0.8 + 0.4 * chance(random));
        totals.push(sum as u64);
    }
    totals
}

#[test]
fn a_bolder_case_is_never_later_nor_a_greater_target_earlier() {
    let mut told = 0;
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let days = 60 + random.index(900);
        let growth = Growth { first: Day(20_000), totals: wandering(&mut random, days) };
        let total = *growth.totals.last().unwrap();
        let targets: Vec<u64> = (1..12).map(|step| total * (2 + step) / 10 + 1).collect();
        let mut before: Option<[Option<Expected>; 3]> = None;
        for outlook in growth.outlooks(&targets) {
            let Outlook::Expected(cases) = outlook else { continue };
            let cases = cases.map(Result::ok);
            let known: Vec<&Expected> = cases.iter().flatten().collect();
            told += known.len();
            for case in &known {
                assert!(
                    case.earliest <= case.day && case.latest.is_none_or(|latest| case.day <= latest),
                    "seed {seed}: {case:?}"
                );
                assert!(case.held as f64 >= 0.8 * case.tried as f64, "seed {seed}: {case:?}");
            }
            for pair in known.windows(2) {
                let later = |day: Option<Day>| day.unwrap_or(Day(u16::MAX));
                assert!(pair[1].day <= pair[0].day && pair[1].earliest <= pair[0].earliest, "seed {seed}: {pair:?}");
                assert!(later(pair[1].latest) <= later(pair[0].latest), "seed {seed}: {pair:?}");
            }
            for (smaller, greater) in before.iter().flatten().zip(&cases) {
                if let (Some(smaller), Some(greater)) = (smaller, greater) {
                    assert!(smaller.day <= greater.day && smaller.earliest <= greater.earliest, "seed {seed}");
                }
            }
            before = Some(cases);
        }
    }
    assert!(told > 300, "only {told} dates were told");
}

/// The end of every series is hidden from the forecast; its intervals must hold about as often as they say.
#[test]
fn intervals_hold_on_what_the_forecast_has_not_seen() {
    let (mut told, mut held, mut series) = (0, 0, 0);
    for seed in 0..400 {
        let mut random = Random::new(seed ^ 0xec05);
        let all = wandering(&mut random, 800);
        let shown = 400 + random.index(300);
        let growth = Growth { first: Day(20_000), totals: all[..shown].to_vec() };
        let truth = shown + 7 + random.index(80);
        let target = all[truth];
        let Outlook::Expected([_, Ok(baseline), _]) = &growth.outlooks(&[target])[0] else { continue };
        series += 1;
        told += 1;
        let reached = Day(20_000 + u16::try_from(all.iter().position(|total| *total >= target).unwrap()).unwrap());
        held += usize::from(baseline.earliest <= reached && baseline.latest.is_none_or(|latest| reached <= latest));
    }
    println!("{held} of {told} intervals held, over {series} series");
    assert!(told > 150, "only {told} of 400 were told");
    assert!(held * 100 >= told * 75, "{held} of {told}");
}

#[test]
fn the_ecosystem_tells_milestones_of_what_the_caller_sees() {
    let hub = Hub::start();
    let day_ms = 86_400_000;
    let first = crate::hub::NOON_MS - 300 * day_ms;
    // One download a day for three hundred days, and as many of a repo that is hidden.
    let events: Vec<Value> = (0..300)
        .flat_map(|day| {
            let event = |repo: &str| json!({ "ts": first + day * day_ms, "repo": repo, "path": "a", "ip": "203.0.113.9" });
            [event("acme/open"), event("acme/hush")]
        })
        .collect();
    hub.push(&events, &[]);
    hub.list(&json!([
        { "type": "model", "id": "acme/open", "private": false },
        { "type": "model", "id": "acme/hush", "private": true }
    ]));
    let path = "/api/ecosystem?targets=100,310,900000";
    let public = hub.get_as(None, path).json();
    assert_eq!(public["cumulative_downloads"], 300);
    assert_eq!(public["milestones"][0], json!({ "target": 100, "status": "reached", "reached": "2025-11-21" }));
    let soon = &public["milestones"][1];
    assert_eq!(soon["status"], "expected", "{public}");
    for case in ["conservative", "baseline", "aggressive"] {
        assert_eq!(soon["expected"][case]["date"], "2026-06-19", "{soon}");
    }
    assert_eq!(public["milestones"][2]["status"], "not enough history");
    let admin = hub.get_as(Some(&hub.admin), path).json();
    assert_eq!(admin["cumulative_downloads"], 600);
    assert_eq!(admin["milestones"][1]["status"], "reached");
    let defaults = hub.get_as(None, "/api/ecosystem").json();
    assert_eq!(defaults["milestones"][4]["target"], 1_000_000_000_000_u64);
    for wrong in ["", "0", "-1", "x", "1,,2", "7;7"] {
        assert_eq!(hub.get_as(None, &format!("/api/ecosystem?targets={wrong}")).status, 422, "{wrong:?}");
    }
}

#[test]
fn the_page_of_another_hub_can_be_rebuilt_from_its_counter() {
    let hub = Hub::start();
    let authorization = bearer(&hub.admin);
    let admin = [("Authorization", authorization.as_str())];
    let counter = json!({
        "title": "Somebody's model downloads",
        "source": "a page of theirs",
        "metric": "cumulative downloads of models and datasets",
        "scope": "weights, tokenizers, configurations, datasets",
        "caveats": ["a total, not a rate"],
        "totals": [{ "date": "2026-03-11", "total": 933_000_000 }, { "date": "2026-03-04", "total": 930_000_000 }]
    });
    let put = |name: &str, body: &str| hub.server.ask("PUT", &format!("/api/v1/counters/{name}"), &admin, body.as_bytes());
    assert_eq!(put("their-hub", &counter.to_string()).status, 200);
    let told = hub.get_as(None, "/api/v1/counters/their-hub?targets=933000000,100000000000").json();
    assert_eq!((told["cumulative_downloads"].as_u64(), told["as_of"].as_str()), (Some(933_000_000), Some("2026-03-11")));
    assert_eq!(told["methodology"]["caveats"][0], "a total, not a rate");
    assert_eq!(told["totals"][0], json!({ "date": "2026-03-04", "total": 930_000_000 }));
    assert_eq!(told["milestones"][0]["reached"], "2026-03-11");
    assert_eq!(told["milestones"][1]["status"], "not enough history");
    let added = hub.server.post("/api/v1/counters/their-hub", &admin, br#"{"date":"2026-03-12","total":933500000}"#);
    assert_eq!(added.json()["cumulative_downloads"], 933_500_000);
    let csv = [("Authorization", authorization.as_str()), ("Content-Type", "text/csv")];
    let added = hub.server.post("/api/v1/counters/their-hub", &csv, b"date,total\n2026-03-13,934000000\n");
    assert_eq!(added.json()["as_of"], "2026-03-13");
    // A day that is still to come is kept, and told when it is there.
    hub.server.post("/api/v1/counters/their-hub", &admin, br#"[{"date":"2027-01-01","total":2000000000}]"#);
    assert_eq!(hub.get_as(None, "/api/v1/counters/their-hub").json()["as_of"], "2026-03-13");
    // Beside ours, never added.
    let ecosystem = hub.get_as(None, "/api/ecosystem").json();
    assert_eq!((ecosystem["cumulative_downloads"].as_u64(), &ecosystem["counters"][0]["name"]), (Some(0), &json!("their-hub")));
    let replaced = hub.server.ask("PUT", "/api/v1/counters/their-hub", &csv, b"2026-01-01,5\n");
    assert_eq!(
        (&replaced.json()["title"], &replaced.json()["cumulative_downloads"]),
        (&json!("Somebody's model downloads"), &json!(5))
    );
}

#[test]
fn wrong_counters_are_refused_with_a_sentence_and_change_nothing() {
    let hub = Hub::start();
    let authorization = bearer(&hub.admin);
    let admin = [("Authorization", authorization.as_str())];
    let csv = [("Authorization", authorization.as_str()), ("Content-Type", "text/csv")];
    let put = |name: &str, body: &str| hub.server.ask("PUT", &format!("/api/v1/counters/{name}"), &admin, body.as_bytes());
    for (name, body, part) in [
        ("UP", "{}", "lower-case"),
        ("a", "[]", "the JSON expected here"),
        ("a", "5", "expected an object with totals"),
        ("a", r#"{"totals":[5]}"#, "expected an object with date and total"),
        ("a", r#"{"totals":[{"date":"11.3.2026","total":5}]}"#, "2026-03-11"),
        ("a", r#"{"totals":[{"date":"2026-03-11","total":-5}]}"#, "expected"),
        ("a", r#"{"titel":"a"}"#, "unknown field"),
    ] {
        let reply = put(name, body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["error"].as_str().unwrap().contains(part), "{body}: {}", reply.text());
    }
    let reply = hub.server.post("/api/v1/counters/a", &csv, b"date,total\n2026-03-11,5\n2026-03-12\n");
    assert!(reply.text().contains("line 3"), "{}", reply.text());
    assert_eq!(hub.server.ask("PUT", "/api/v1/counters/a", &[], b"{}").status, 401);
    let reader = bearer(&hub.token("reader:acme"));
    assert_eq!(hub.server.ask("PUT", "/api/v1/counters/a", &[("Authorization", &reader)], b"{}").status, 403);
    assert_eq!(hub.get_as(None, "/api/v1/counters").json(), json!({ "counters": [] }));
    assert_eq!(hub.get_as(None, "/api/v1/counters/a").status, 404);
    assert_eq!(hub.server.ask("DELETE", "/api/v1/counters/a", &admin, b"").status, 404);
    put("a", "{}");
    assert_eq!(hub.server.ask("DELETE", "/api/v1/counters/a", &admin, b"").status, 204);
}

#[test]
fn pages_show_milestones_and_other_hubs_and_escape_what_was_told() {
    let hub = Hub::start();
    let authorization = bearer(&hub.admin);
    let admin = [("Authorization", authorization.as_str())];
    let counter = json!({
        "title": "<b>Their</b> hub",
        "source": "a \"page\" of theirs",
        "caveats": ["a total & no rate"],
        "totals": [{ "date": "2026-03-04", "total": 930_000_000 }, { "date": "2026-03-11", "total": 933_000_000 }]
    });
    hub.server.ask("PUT", "/api/v1/counters/their-hub", &admin, counter.to_string().as_bytes());
    let page = hub.get_as(None, "/counters/their-hub");
    assert_eq!(page.status, 200);
    for part in ["933,000,000", "as of 2026-03-11", "&#60;b&#62;Their&#60;/b&#62;", "a total &#38; no rate", "Not enough history"]
    {
        assert!(page.text().contains(part), "{part} is not in {}", page.text());
    }
    assert!(!page.text().contains("<b>Their"));
    let start = hub.get_as(None, "/");
    assert!(start.text().contains("/counters/their-hub") && start.text().contains("Nothing to see yet"));
    assert_eq!(hub.get_as(None, "/counters/none").status, 404);
}

#[test]
fn the_largest_number_there_is_can_be_told() {
    let hub = Hub::start();
    let authorization = bearer(&hub.admin);
    let told = format!(r#"{{"totals":[{{"date":"2026-06-01","total":0}},{{"date":"2026-06-08","total":{}}}]}}"#, u64::MAX);
    let admin = [("Authorization", authorization.as_str())];
    assert_eq!(hub.server.ask("PUT", "/api/v1/counters/a", &admin, told.as_bytes()).status, 200);
    let counter = hub.get_as(None, "/api/v1/counters/a");
    assert_eq!((counter.status, &counter.json()["milestones"][0]["status"]), (200, &json!("reached")));
}
