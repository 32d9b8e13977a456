//! Daily figures of another system: in any order, repeated or taken back they are the oracle's, and no figure of our own
//! knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use hubtally::ingest::{Engine, FormerName, ImportOptions, Place, RepoListing};
use hubtally::model::{Caller, DayRange, Millis, OrgName, Receipt, RepoName, SourceName};
use hubtally::query::{Filter, Interval, QueryError, Rule, Scope, View};
use serde_json::{Value, json};

use crate::hub::{Hub, NOON_MS, bearer};
use crate::laws::{configure, day, deliver, for_worlds, key, open, table};
use crate::oracle::{Breakdown, History, Oracle, Random, Repo, World, believed, repo};
use crate::server::hubtally;

fn import(engine: &Engine, source: &str, csv: &str) -> Receipt {
    let options = ImportOptions {
        source: SourceName::parse(source).unwrap(),
        name: "breakdown.csv".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    engine.import(Box::new(Cursor::new(csv.to_owned().into_bytes())), &options, &|_| {}).unwrap()
}

/// Compares every reported figure with what is believed.
fn compare(engine: &Engine, believed: &BTreeMap<Repo, History>, sessions: &Oracle, when: &str) {
    assert_eq!(table(engine, sessions), sessions.table(), "{when}: what is counted here");
    let (view, admin, today) = (View::of(engine).unwrap(), Caller::admin(), sessions.today);
    for (repo, history) in believed {
        let number = view.repo(&key(repo), &admin).unwrap().unwrap_or_else(|| panic!("{when}: {repo:?} is missing"));
        let found = view.reported(number).unwrap().unwrap();
        let days: Vec<(u64, u64)> = found.days.iter().map(|(day, downloads)| (u64::from(day.0), downloads.0)).collect();
        let until_today: Vec<(u64, u64)> = history.days.iter().filter(|(day, _)| *day <= today).copied().collect();
        assert_eq!((found.earlier.0, days), (history.earlier(), until_today), "{when}: {repo:?}");
        let total = view.reported_totals(number).unwrap().downloads.0;
        assert_eq!(total, history.earlier() + history.within(0, today), "{when}: {repo:?}");
        let counted = sessions.named.contains(repo) && sessions.downloaders.keys().any(|(of, _)| of == repo);
        let expected = if counted { Rule::Session } else { Rule::Reported };
        assert_eq!(view.default_rule(&Scope::Repo(key(repo)), &admin).unwrap(), expected, "{when}: {repo:?}");
    }
    compare_sums(&view, &Scope::Hub, believed.iter(), today, when);
    let acme = Scope::Org(OrgName::parse("acme").unwrap());
    compare_sums(&view, &acme, believed.iter().filter(|(repo, _)| repo.1.starts_with("acme/")), today, when);
}

fn compare_sums<'a>(
    view: &View<'_>,
    scope: &Scope,
    of_scope: impl Iterator<Item = (&'a Repo, &'a History)>,
    today: u64,
    when: &str,
) {
    let histories: Vec<&History> = of_scope.map(|(_, history)| history).collect();
    let range = DayRange { first: day(today - 3), last: day(today + 1) };
    let filter = Filter::default();
    let rows = view.series_by_rule(scope, range, Interval::Day, Rule::Reported, &filter, &Caller::admin());
    if histories.is_empty() {
        assert!(matches!(rows, Ok(None) | Err(QueryError::NotComputable(_))), "{when}: {scope:?} {rows:?}");
        return;
    }
    let sum = |first: u64, last: u64| histories.iter().map(|history| history.within(first, last)).sum::<u64>();
    for row in rows.unwrap().unwrap() {
        let of_day = u64::from(row.day.0);
        assert_eq!(row.counts.downloads().0, sum(of_day, of_day), "{when}: {scope:?} on {}", row.day);
    }
    let ever = DayRange { first: Millis::EARLIEST.day(), last: day(today) };
    let months = view.series_by_rule(scope, ever, Interval::Month, Rule::Reported, &filter, &Caller::admin());
    let found: u64 = months.unwrap().unwrap().iter().map(|row| row.counts.downloads().0).sum();
    assert_eq!(found, sum(0, today), "{when}: {scope:?} by month");
    let totals = view.totals_by_rule(scope, ever, Rule::Reported, &filter, &Caller::admin()).unwrap().unwrap();
    let earlier: u64 = histories.iter().map(|history| history.earlier()).sum();
    assert_eq!(totals.downloads().0, earlier + sum(0, today), "{when}: {scope:?} in all");
}

#[test]
fn reported_figures_do_not_depend_on_order_and_no_counted_figure_depends_on_them() {
    for_worlds("reported figures", |seed| {
        let (world, mut random) = (World::random(seed), Random::new(seed ^ 0x5e1f));
        let exports = Breakdown::random(&mut random, world.today);
        let oracle = Oracle::of(&world);
        let engine = open(Place::Memory, world.today);
        configure(&engine, &world).unwrap();
        let mut told: Vec<usize> = (0..exports.len()).collect();
        random.shuffle(&mut told);
        // The deliveries that hold what an export says.
        let mut holders: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut deliveries = 0..world.deliveries.len();
        for index in told {
            if random.chance(60)
                && let Some(delivery) = deliveries.next()
            {
                deliver(&engine, &world, delivery, seed);
            }
            let receipt = import(&engine, &exports[index].source, &exports[index].csv());
            assert!(receipt.adds_up(), "world {seed}: {receipt:?}");
            let (lines, broken) = (exports[index].rows.len() as u64, exports[index].broken());
            assert_eq!((receipt.lines, receipt.rejected.values().sum()), (lines, broken), "world {seed}: {receipt:?}");
            let again = import(&engine, &exports[index].source, &exports[index].csv());
            // An older version that came after a newer one is a delivery of its own, which the newer one can grow out of too.
            assert!(again.accepted == 0 || again.delivery != receipt.delivery, "world {seed}: {again:?}");
            assert_eq!(again.lines, lines, "world {seed}: {again:?}");
            holders.insert(index, [receipt.delivery, again.delivery].into());
            if random.chance(20) {
                engine.rebuild(&|_| {}).unwrap();
            }
        }
        deliveries.for_each(|delivery| drop(deliver(&engine, &world, delivery, seed)));
        compare(&engine, &believed(exports.iter()), &oracle, &format!("world {seed}"));
        // A copy, and what grew out of an export, is one delivery with it.
        let taken = holders[&random.index(exports.len())].first().unwrap().clone();
        engine.retract(taken.parse().unwrap()).unwrap();
        let held = |index: &usize| holders[index].iter().any(|delivery| *delivery != taken);
        let left = believed(exports.iter().enumerate().filter(|(index, _)| held(index)).map(|(_, export)| export));
        compare(&engine, &left, &oracle, &format!("world {seed}, one taken back"));
        engine.rebuild(&|_| {}).unwrap();
        compare(&engine, &left, &oracle, &format!("world {seed}, one taken back and rebuilt"));
        assert_eq!(engine.verify(&|_| {}).unwrap().findings, Vec::<String>::new(), "world {seed}");
    });
}

#[test]
fn reported_figures_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let csv = "repoType,repoName,total,timestamp,downloads\nmodel,acme/bert,9,2026-05-01T00:00:00.000Z,4\n";
    let engine = open(place.clone(), 20_600);
    import(&engine, "default", csv);
    engine.stop();
    drop(engine);
    let engine = open(place, 20_600);
    let view = View::of(&engine).unwrap();
    let number = view.repo(&key(&repo("model", "acme/bert")), &Caller::admin()).unwrap().unwrap();
    assert_eq!(view.reported(number).unwrap().unwrap().total().0, 9);
}

#[test]
fn a_history_is_of_the_repo_that_had_the_name_on_its_last_day() {
    let engine = open(Place::Memory, 20_600);
    let csv = "repoType,repoName,total,timestamp,downloads\nmodel,acme/old,9,2026-05-01T00:00:00.000Z,4\n";
    import(&engine, "default", csv);
    let total = |id: &str| {
        let view = View::of(&engine).unwrap();
        let number = view.repo(&key(&repo("model", id)), &Caller::admin()).unwrap()?;
        let name = view.key(number).unwrap().name.to_string();
        Some((name, view.reported(number).unwrap().map(|history| history.total().0)))
    };
    assert_eq!(total("acme/old"), Some(("acme/old".to_owned(), Some(9))));
    let former = FormerName { name: RepoName::parse("acme/old").unwrap(), at: Some(Millis(1_778_000_000_000)) };
    let listing = RepoListing {
        repo: key(&repo("model", "acme/new")),
        private: None,
        likes: None,
        library: None,
        created_at: None,
        renamed_from: vec![former],
    };
    engine.put_repos(vec![listing]).unwrap();
    assert_eq!(total("acme/new"), Some(("acme/new".to_owned(), Some(9))));
    assert_eq!(total("acme/old"), Some(("acme/new".to_owned(), Some(9))));
    import(&engine, "default", &csv.replace("old,9,", "new,12,").replace("05-01", "05-20"));
    assert_eq!(total("acme/new"), Some(("acme/new".to_owned(), Some(12))), "the one that reaches further");
}

/// Sends a breakdown as its own upload.
fn send(hub: &Hub, csv: &str) -> Value {
    let authorization = bearer(&hub.admin);
    let reply = hub.server.post("/api/v1/import?name=breakdown.csv", &[("Authorization", &authorization)], csv.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

const THEIRS: &str = "repoType,repoName,total,timestamp,downloads\n\
    model,acme/there,100,2026-06-08T00:00:00.000Z,7\n\
    model,acme/there,100,2026-06-10T00:00:00.000Z,3\n\
    model,acme/there,many,2026-06-09T00:00:00.000Z,3\n\
    model,acme/both,50,2026-06-09T00:00:00.000Z,50\n";

fn two_repos() -> Hub {
    let hub = Hub::start();
    hub.list(&json!([
        { "type": "model", "id": "acme/there", "private": false, "likes": 2 },
        { "type": "model", "id": "acme/both", "private": false },
    ]));
    let event = json!({ "ts": NOON_MS, "repo": "acme/both", "path": "config.json", "status": 200, "user": "ada" });
    assert_eq!(hub.push(&[event], &[]).status, 200);
    let receipt = send(&hub, THEIRS);
    assert_eq!((&receipt["accepted"], &receipt["rejected"]), (&json!(3), &json!({ "bad_field": 1 })), "{receipt}");
    assert_eq!(receipt["samples"], json!([{ "line": 4, "error": "a field does not have the type it must have" }]));
    hub
}

#[test]
fn what_another_system_reports_stands_in_where_nothing_was_counted_and_says_so() {
    let hub = two_repos();
    let stats = hub.server.get("/api/models/acme/there/stats");
    assert_eq!((stats.json(), stats.header("x-counting-rule")), (json!({ "downloads": 100, "likes": 2 }), Some("reported")));
    let recent = hub.server.get("/models/acme/there/stats/recent?days=30");
    assert_eq!(recent.header("x-counting-rule"), Some("reported"));
    let row = |date: &str, downloads: u64| json!({ "date": date, "downloads": downloads, "authenticated": 0, "anonymous": downloads, "files": 0 });
    assert_eq!(recent.json()["stats"], json!([row("2026-06-08", 7), row("2026-06-09", 0), row("2026-06-10", 3)]));
    let filled = hub.server.get("/models/acme/there/stats/recent?fill=none").json();
    assert_eq!(filled["stats"], json!([row("2026-06-08", 7), row("2026-06-10", 3)]));

    let counted = hub.server.get("/api/models/acme/both/stats");
    assert_eq!((counted.json()["downloads"].clone(), counted.header("x-counting-rule")), (json!(1), None));
    let asked = hub.server.get("/api/models/acme/both/stats?rule=reported");
    assert_eq!((asked.json()["downloads"].clone(), asked.header("x-counting-rule")), (json!(50), Some("reported")));
    let own = hub.server.get("/api/models/acme/there/stats?rule=session-30m");
    assert_eq!((own.json()["downloads"].clone(), own.header("x-counting-rule")), (json!(0), None));
    assert_eq!(hub.server.get("/api/models/acme/there/stats?rule=guessed").status, 422);
    assert_eq!(hub.server.get("/api/models/acme/there/stats/recent?rule=reported&include=unique_downloaders").status, 400);

    // Never added: what was counted is one download, whatever others say.
    assert_eq!(hub.server.get("/api/v1/hub/totals").json()["downloads"], 1);
    assert_eq!(hub.server.get("/api/ecosystem").json()["cumulative_downloads"], 1);
    let trending = hub.server.get("/api/trending").json();
    assert_eq!(trending["trending"].as_array().unwrap().len(), 1, "{trending}");
}

#[test]
fn totals_and_series_of_reported_figures_are_labelled_and_have_no_columns_that_nobody_told() {
    let hub = two_repos();
    let totals = |path: &str| hub.server.get(path).json();
    let expected = json!({ "rule": "reported", "from": "2015-01-01", "to": "2026-06-10", "downloads": 150 });
    assert_eq!(totals("/api/v1/orgs/acme/totals?rule=reported"), expected);
    let of_days = json!({ "rule": "reported", "from": "2026-06-01", "to": "2026-06-10", "downloads": 60 });
    assert_eq!(totals("/api/v1/orgs/acme/totals?rule=reported&from=2026-06-01"), of_days, "what came before is on no day");
    assert_eq!(totals("/api/v1/repos/model/acme/there/totals?from=2026-06-09")["rule"], "reported");
    assert_eq!(totals("/api/v1/repos/model/acme/both/totals").get("rule"), None);
    let series = hub.server.get("/api/v1/repos/model/acme/there/series?interval=week&from=2026-06-01");
    assert_eq!(
        series.json()["series"],
        json!([{ "date": "2026-06-01", "downloads": 0 }, { "date": "2026-06-08", "downloads": 10 }])
    );
    let csv = hub.server.get("/api/v1/orgs/acme/series.csv?rule=reported&from=2026-06-09&compare=previous");
    let lines = "date,downloads\n2026-06-07,0\n2026-06-08,7\n2026-06-09,50\n2026-06-10,3\n";
    assert_eq!((csv.text().as_str(), csv.header("x-counting-rule")), (lines, Some("reported")));
    let explained = hub.get_as(Some(&hub.admin), "/api/v1/orgs/acme/explain?rule=reported").json();
    assert!(explained["how"][0].as_str().unwrap().starts_with("rule 'reported': daily figures that another system"));
    for path in ["orgs/acme/totals?rule=reported&audience=anonymous", "types/dataset/series?rule=reported"] {
        let reply = hub.get_as(Some(&hub.admin), &format!("/api/v1/{path}"));
        assert_eq!((reply.status, reply.header("x-error-code")), (422, Some("NotComputable")), "{path}");
    }
    let filtered = hub.server.get("/api/v1/repos/model/acme/there/totals?audience=anonymous").json();
    assert_eq!(filtered["downloads"], 0, "a filter asks what was counted here: {filtered}");
}

#[test]
fn pages_name_reported_figures_and_a_retraction_takes_the_repo_away() {
    let hub = two_repos();
    let sentence = "<b>Reported by another system:</b> 100 downloads until 2026-06-10";
    let page = hub.server.get("/models/acme/there").text();
    assert!(page.contains(sentence), "{page}");
    let org = hub.server.get("/orgs/acme").text();
    assert!(org.contains("<b>Reported by another system:</b> 150 downloads of 2 repositories until 2026-06-10"), "{org}");
    // Named by nothing but a breakdown.
    let receipt = send(&hub, &THEIRS.replace("acme/", "umbra/"));
    let stats = || hub.get_as(Some(&hub.admin), "/api/models/umbra/there/stats").status;
    assert_eq!((stats(), hub.server.get("/api/models/umbra/there/stats").status), (200, 404), "nothing says that it is public");
    let authorization = bearer(&hub.admin);
    let deliveries = hub.get_as(Some(&hub.admin), "/api/v1/deliveries").json();
    let listed = deliveries["deliveries"].as_array().or(deliveries.as_array()).unwrap();
    let own = listed.iter().find(|delivery| delivery["delivery"] == receipt["delivery"]).unwrap();
    assert_eq!((&own["kind"], &own["state"], &own["rejected"]), (&json!("reported"), &json!("complete"), &json!(1)), "{own}");
    let path = format!("/api/v1/deliveries/{}", receipt["delivery"].as_str().unwrap());
    let taken = hub.server.ask("DELETE", &path, &[("Authorization", &authorization)], b"");
    assert!(taken.status == 200 || taken.status == 204, "{}", taken.text());
    assert_eq!(stats(), 404);
    let again =
        hub.server.post("/api/v1/import", &[("Authorization", &authorization)], THEIRS.replace("acme/", "umbra/").as_bytes());
    assert_eq!(again.status, 400, "what was taken back does not come in again by itself: {}", again.text());
}

#[test]
fn our_own_breakdown_in_another_store_is_the_same_days_as_reported() {
    let hub = Hub::start();
    let event = |name: &str, user: &str, days_ago: u64| {
        json!({
            "ts": NOON_MS - days_ago * 86_400_000, "repo": format!("acme/{name}"), "path": "a", "status": 200, "user": user,
        })
    };
    let events = [event("one", "ada", 0), event("one", "bob", 0), event("one", "ada", 3), event("two", "ada", 20)];
    assert_eq!(hub.push(&events, &[]).status, 200);
    let export = hub.get_as(Some(&hub.admin), "/organizations/acme/settings/publisher-analytics/download-breakdown").text();
    assert_eq!(export.lines().count(), 4, "{export}");

    let other = Hub::start();
    let receipt = send(&other, &export);
    assert_eq!((&receipt["lines"], &receipt["accepted"]), (&json!(3), &json!(3)), "{receipt}");
    for scope in ["repos/model/acme/one", "repos/model/acme/two", "orgs/acme", "hub"] {
        for question in ["series?from=2026-05-01", "series?from=2026-05-01&interval=week", "totals?from=2026-06-01", "totals"] {
            let answer = |hub: &Hub, rule: &str| {
                let (path, parameters) = question.split_once('?').unwrap_or((question, ""));
                let answer = hub.get_as(Some(&hub.admin), &format!("/api/v1/{scope}/{path}?{parameters}&rule={rule}")).json();
                let rows = answer["series"].as_array().cloned().unwrap_or(vec![answer]);
                rows.iter().map(|row| (row["date"].clone(), row["downloads"].clone())).collect::<Vec<_>>()
            };
            assert_eq!(answer(&other, "reported"), answer(&hub, "session-30m"), "{scope} {question}");
        }
    }
    let stats = |hub: &Hub| hub.get_as(Some(&hub.admin), "/api/models/acme/one/stats").json();
    assert_eq!(stats(&other), stats(&hub));
    let kept: BTreeSet<&str> = ["downloads", "likes"].into();
    assert_eq!(stats(&other).as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), kept);
}

#[test]
fn the_command_says_whose_figures_it_shows() {
    let hub = two_repos();
    let stats = |id: &str| {
        let output = hubtally().args(["--url", &hub.server.url(), "stats", "get", "model", id]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (shown, said) = stats("acme/there");
    assert!(shown.contains("100") && said.contains("by rule 'reported'"), "{shown}{said}");
    let (shown, said) = stats("acme/both");
    assert!(shown.contains('1') && said.is_empty(), "{shown}{said}");
}

#[test]
fn cards_badges_and_tables_show_reported_figures_labelled_where_there_are_no_others() {
    let hub = two_repos();
    let info = hub.server.get("/api/models/acme/there");
    assert_eq!(info.header("x-counting-rule"), Some("reported"));
    let card = info.json();
    assert_eq!(
        (&card["downloads"], &card["downloadsAllTime"], &card["trendingScore"], &card["rule"]),
        (&json!(10), &json!(100), &json!(0), &json!("reported")),
        "{card}"
    );
    let expanded = hub.server.get("/api/models/acme/there?expand=downloads").json();
    assert_eq!(expanded, json!({ "id": "acme/there", "downloads": 10, "rule": "reported" }));
    assert_eq!(hub.server.get("/api/models/acme/there?expand=likes").json(), json!({ "id": "acme/there", "likes": 2 }));
    let counted = hub.server.get("/api/models/acme/both");
    assert_eq!((&counted.json()["downloads"], counted.json().get("rule")), (&json!(1), None), "what was counted stays ours");
    // Ordered by what was counted: 1 before none, whatever another system says of the second.
    for sort in ["downloads", "downloadsAllTime", "trendingScore"] {
        let list = hub.server.get(&format!("/api/models?sort={sort}")).json();
        let told: Vec<_> = list.as_array().unwrap().iter().map(|card| (card["id"].clone(), card.get("rule").cloned())).collect();
        assert_eq!(told, [(json!("acme/both"), None), (json!("acme/there"), Some(json!("reported")))], "{list}");
    }

    for (measure, message) in [("downloads", "100 reported"), ("monthly", "10/month reported"), ("weekly", "10/week reported")] {
        let badge = hub.server.get(&format!("/badge/model/acme/there/{measure}.json?label=mine")).json();
        assert_eq!((&badge["label"], &badge["message"]), (&json!("mine"), &json!(message)));
        assert!(hub.server.get(&format!("/badge/model/acme/there/{measure}.svg")).text().contains(message));
        let own = hub.server.get(&format!("/badge/model/acme/both/{measure}.json")).json();
        assert!(own["message"].as_str().is_some_and(|own| own.starts_with('1') && !own.contains("reported")), "{own}");
    }
    assert_eq!(hub.server.get("/badge/model/acme/there/uniques.json").json()["message"], "0/month");

    let table = hub.get_as(Some(&hub.admin), "/api/v1/orgs/acme/repos?window=all").json();
    let [both, there] = [&table["repos"][0], &table["repos"][1]];
    assert_eq!((&both["id"], both.get("reported")), (&json!("acme/both"), None), "{table}");
    assert_eq!(
        (&there["downloads"], &there["reported"]),
        (&json!(0), &json!({ "downloads": 100, "downloads_30d": 10 })),
        "{table}"
    );
    let csv = hub.get_as(Some(&hub.admin), "/api/v1/orgs/acme/repos.csv").text();
    assert!(
        csv.contains("model,acme/both,1,1,1,0,false,,\n") && csv.contains("model,acme/there,0,0,0,2,false,100,10\n"),
        "{csv}"
    );
    for (page, all, month) in
        [("/orgs/acme", 100, 10), ("/orgs/acme?window=30d", 10, 100), ("/repos?from=2026-06-09&to=2026-06-10", 3, 100)]
    {
        let html = hub.server.get(page).text();
        let row = html.split_once("/models/acme/there\">").unwrap().1.split_once("</tr>").unwrap().0;
        assert!(row.contains("<span class=\"tag\">reported downloads</span>"), "{row}");
        assert!(row.contains(&format!("<td class=\"number\">{all}</td>")), "{page}: {row}");
        assert!(row.contains(&format!("<td class=\"number wide\">{month}</td>")), "{page}: {row}");
        assert!(html.contains("Reported downloads are another system’s"), "{page}");
        assert!(!html.contains("downloads</b> of 101"), "{page}");
    }
    assert!(hub.server.get("/orgs/acme").text().contains("<b>1</b> downloads of 2 models"), "no sum knows of them");
    assert!(!hub.server.get("/repos?q=both").text().contains("Reported downloads are"));
}

#[test]
fn trending_and_our_breakdown_are_what_was_counted_and_say_so() {
    let hub = two_repos();
    let trending = hub.server.get("/api/trending?days=90").json();
    let ids: Vec<_> = trending["trending"].as_array().unwrap().iter().map(|trend| trend["id"].clone()).collect();
    assert_eq!(ids, ["acme/both"]);
    let breakdown = "/organizations/acme/settings/publisher-analytics/download-breakdown";
    let csv = hub.get_as(Some(&hub.admin), breakdown).text();
    assert!(csv.contains("acme/both,1,") && !csv.contains("acme/there"), "{csv}");
    let paths = hub.server.get("/openapi.json").json()["paths"].clone();
    let summary = |path: &str| paths[path]["get"]["summary"].as_str().unwrap_or_default().to_owned();
    assert!(summary("/api/trending").contains("what was counted here alone"));
    let org = "/organizations/{org}/settings/publisher-analytics/download-breakdown";
    assert!(summary(org).contains("never another system's"));
}
