//! Breakdowns as JSON, as they were before October 2024: the same figures as the table of them, and what is wrong costs itself.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::hub::{Hub, bearer};
use crate::server::{Reply, hubtally, said};

/// Repos with their totals and days.
type Told = BTreeMap<(&'static str, &'static str), (u64, Days)>;

type Days = Vec<(&'static str, u64)>;

fn told() -> Told {
    BTreeMap::from([
        (("dataset", "acme/words"), (900, vec![("2026-03-01", 400), ("2026-03-02", 500)])),
        (("model", "acme/bert"), (4_362_460, vec![("2024-09-29", 1_200), ("2026-06-08", 7), ("2026-06-10", 3)])),
        (("model", "gpt2"), (12, vec![("2026-06-01", 12)])),
    ])
}

fn table(told: &Told) -> String {
    let mut csv = "repoType,repoName,total,timestamp,downloads\n".to_owned();
    for ((kind, name), (total, days)) in told {
        days.iter().for_each(|(day, downloads)| {
            csv.push_str(&format!("{kind},{name},{total},{day}T00:00:00.000Z,{downloads}\n"));
        });
    }
    csv
}

fn list(told: &Told) -> Value {
    let record = |(day, downloads): &(&str, u64)| json!({ "timestamp": format!("{day}T00:00:00.000Z"), "downloads": downloads });
    let entry = |((kind, name), (total, days)): (&(&str, &str), &(u64, Days))| {
        let records: Vec<Value> = days.iter().map(record).collect();
        json!({ "repoType": kind, "repoName": name, "totalDownloads": total, "records": records })
    };
    told.iter().map(entry).collect()
}

/// As other programs write it: the keys in the order of the old export.
fn lines_of(list: &Value) -> String {
    let entries = list.as_array().unwrap().iter().map(|entry| {
        format!(
            "  {{\n    \"repoType\": {},\n    \"repoName\": {},\n    \"totalDownloads\": {},\n    \"records\": {:#}\n  }}",
            entry["repoType"], entry["repoName"], entry["totalDownloads"], entry["records"]
        )
    });
    format!("[\n{}\n]\n", entries.collect::<Vec<_>>().join(",\n"))
}

fn send(hub: &Hub, body: &str) -> Reply {
    hub.server.post("/api/v1/import?name=breakdown", &[("Authorization", &bearer(&hub.admin))], body.as_bytes())
}

/// All that a hub says of reported figures.
fn answers(hub: &Hub) -> Vec<String> {
    let repos = ["model/acme/bert", "model/gpt2", "dataset/acme/words"];
    let of_repo = |repo: &&str| {
        let plural = repo.replacen('/', "s/", 1);
        vec![
            format!("/api/{plural}/stats"),
            format!("/api/{plural}/stats/recent?days=365"),
            format!("/api/v1/repos/{repo}/series?from=2024-09-01&interval=month"),
        ]
    };
    let hub_wide =
        ["/api/v1/hub/totals?rule=reported", "/api/v1/orgs/acme/series?rule=reported&from=2026-03-01", "/api/v1/hub/repos"];
    let paths = repos.iter().flat_map(of_repo).chain(hub_wide.map(str::to_owned));
    paths.map(|path| format!("{path}: {}", hub.get_as(Some(&hub.admin), &path).text())).collect()
}

#[test]
fn the_table_and_the_list_of_the_same_figures_are_the_same() {
    let told = told();
    let by_table = Hub::start();
    let receipt = send(&by_table, &table(&told)).json();
    assert_eq!((&receipt["lines"], &receipt["accepted"]), (&json!(6), &json!(6)), "{receipt}");
    let expected = answers(&by_table);
    assert!(expected[0].contains("4362460"), "{expected:?}");
    let list = list(&told);
    let by_entry: String = list.as_array().unwrap().iter().map(|entry| format!("{entry}\n")).collect();
    for body in [list.to_string(), format!("{list:#}"), lines_of(&list), format!("\u{feff}{}", lines_of(&list)), by_entry] {
        let hub = Hub::start();
        let first = send(&hub, &body).json();
        assert_eq!(
            (&first["lines"], &first["accepted"], &first["rejected"]),
            (&json!(6), &json!(6), &json!({})),
            "{body}: {first}"
        );
        assert_eq!(answers(&hub), expected, "{body}");
        let again = send(&hub, &body).json();
        assert_eq!((&again["delivery"], &again["accepted"], &again["repeated"]), (&first["delivery"], &json!(0), &json!(6)));
        let beside = send(&hub, &table(&told)).json();
        assert_ne!(beside["delivery"], first["delivery"]);
        assert_eq!(answers(&hub), expected, "both of them say the same");
    }
}

#[test]
fn what_is_wrong_in_a_list_costs_itself_and_has_its_place() {
    let hub = Hub::start();
    let long = "x".repeat(5 * 1024 * 1024);
    let body = format!(
        "[\n{{\"repoType\":\"model\",\"repoName\":\"acme/bert\",\"totalDownloads\":9,\"records\":[\
         {{\"timestamp\":\"2026-06-08T00:00:00.000Z\",\"downloads\":4}},{{\"timestamp\":\"soon\",\"downloads\":4}}]}},\n\
         {{\"repoType\":\"kernel\",\"repoName\":\"acme/x\",\"totalDownloads\":9,\"records\":[]}},\n\
         {{\"repoType\":\"model\",\"repoName\":\"acme/{long}\",\"totalDownloads\":9,\"records\":[]}},\n7,\n\
         {{\"repoType\":\"model\",\"repoName\":\"acme/last\",\"totalDownloads\":2,\"records\":[\
         {{\"timestamp\":\"2026-06-08T00:00:00.000Z\",\"downloads\":2}}]}}]"
    );
    let receipt = send(&hub, &body).json();
    assert_eq!((&receipt["lines"], &receipt["accepted"]), (&json!(6), &json!(2)), "{receipt}");
    let reasons = json!({ "bad_time": 1, "bad_repo_type": 1, "line_too_long": 1, "bad_field": 1 });
    assert_eq!(receipt["rejected"], reasons, "{receipt}");
    let samples: Vec<(u64, String)> = receipt["samples"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| (sample["line"].as_u64().unwrap(), sample["error"].as_str().unwrap().split(':').next().unwrap().to_owned()))
        .collect();
    let places = [(2, "entry 1, record 2"), (3, "entry 2"), (4, "entry 3"), (5, "entry 4")];
    assert_eq!(samples, places.map(|(line, place)| (line, place.to_owned())), "{receipt}");
    let too_long = &receipt["samples"][2]["error"];
    assert_eq!(too_long, "entry 3: it is longer than 4 MiB; write its records as several entries");
    let total = |id: &str| hub.get_as(Some(&hub.admin), &format!("/api/models/acme/{id}/stats")).json()["downloads"].clone();
    assert_eq!((total("bert"), total("last")), (json!(9), json!(2)));
}

#[test]
fn a_list_that_breaks_off_keeps_nothing_and_says_where() {
    let hub = Hub::start();
    let whole = lines_of(&list(&told()));
    for end in [whole.len() - 2, whole.len() / 2] {
        let reply = send(&hub, &whole[..end]);
        let sentence = reply.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(reply.status, 400, "{sentence}");
        let line = whole[..end].matches('\n').count() + 1;
        assert!(
            sentence.contains(&format!("the list of repositories breaks off on line {line}; nothing of it was kept")),
            "{sentence}"
        );
    }
    let followed = send(&hub, &format!("{whole}and more"));
    assert!(followed.status == 400 && followed.text().contains("is no list of repositories"), "{}", followed.text());
    assert_eq!(hub.get_as(Some(&hub.admin), "/api/models/acme/bert/stats").status, 404);
    assert_eq!(send(&hub, &whole).json()["accepted"], 6);
}

#[test]
fn the_command_reads_a_list_and_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("breakdown.json"));
    fs::write(&file, list(&told()).to_string()).unwrap();
    let receipt: Value = serde_json::from_str(&said(&data, &["import", "--json", file.to_str().unwrap()])).unwrap();
    let receipt = receipt.as_array().map_or(&receipt, |all| &all[0]);
    assert_eq!(receipt["accepted"], 6, "{receipt}");
    let stats = || hubtally().arg("--data").arg(&data).args(["stats", "get", "model", "acme/bert"]).output().unwrap();
    assert!(String::from_utf8(stats().stdout).unwrap().contains("4,362,460"));
    said(&data, &["retract", receipt["delivery"].as_str().unwrap()]);
    assert!(!stats().status.success());
}
