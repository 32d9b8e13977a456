//! The logs of Caddy, Traefik and S3: each read as far as it goes, and all telling the same of the same requests.

use super::files::{assert_table, data, with_parser};
use super::*;

#[test]
fn caddy_in_old_and_new_lines() {
    let file = data!("caddy-old-and-new-lines.json");
    assert_table(
        &outcomes(file),
        "1 Body dataset acme/corpus data/a b.parquet
         1 Body model acme/iso config.json
         1 Body model acme/old config.json
         1 Body model acme/tiny-bert config.json
         1 HandOff model acme/tiny-bert model.safetensors
         1 Probe model acme/tiny-bert config.json
         1 Probe model acme/tiny-bert model.safetensors
         1 Step model acme/tiny-bert
         1 format caddy-json
         1 rejected bad_field
         1 rejected bad_status
         2 rejected bad_syntax
         1 skipped failed
         1 skipped same_host_redirect",
    );
    with_parser(file, |parser, lines| {
        let request = |line: usize| parser.parse(lines[line]).ok().unwrap();
        let first = request(0);
        assert_eq!(first.time.to_string(), "2026-05-01T12:00:00.524Z");
        assert_eq!((first.bytes, first.duration_ms, first.host.as_deref()), (Some(614), Some(1), Some("hub.example")));
        assert_eq!((first.address.as_deref(), first.user.as_deref(), first.git_version), (Some("192.0.2.7"), None, None));
        assert_eq!((request(5).user.as_deref(), request(5).git_version), (Some("ada"), Some(2)));
        assert_eq!(request(8).address.as_deref(), Some("2001:db8::7"));
        assert_eq!(request(8).agent.as_deref(), Some("say \"hello\" \\ \u{fc}"));
        assert_eq!(request(9).time.to_string(), "2026-05-01T12:00:09.250Z");
    });
}

#[test]
fn caddy_behind_a_proxy_it_trusts_names_the_client() {
    let line = br#"{"ts":1777636800.5,"request":{"remote_ip":"10.0.0.1","client_ip":"203.0.113.9","method":"GET","uri":"/a/b/resolve/main/c"},"status":200}"#;
    let request = LineParser::detect(line).unwrap().parse(line).map(|request| request.address.map(String::from));
    assert_eq!(request.ok().flatten().as_deref(), Some("203.0.113.9"));
    let nul = String::from_utf8_lossy(line).replace("203.0.113.9", "\\u0000");
    assert_eq!(LineParser::detect(line).unwrap().parse(nul.as_bytes()).err(), Some(RejectReason::ControlByte));
}

#[test]
fn traefik_with_kept_and_dropped_headers() {
    let file = data!("traefik-kept-and-dropped-headers.json");
    assert_table(
        &outcomes(file),
        "1 Body dataset acme/corpus data/a b.parquet
         1 Body model acme/bare config.json
         1 Body model acme/tiny-bert config.json
         1 HandOff model acme/tiny-bert model.safetensors
         1 Probe model acme/tiny-bert config.json
         1 Probe model acme/tiny-bert model.safetensors
         1 Step model acme/tiny-bert
         1 format traefik-json
         1 rejected bad_status
         1 rejected bad_time
         1 rejected missing_time
         1 skipped failed
         1 skipped same_host_redirect",
    );
    with_parser(file, |parser, lines| {
        let request = |line: usize| parser.parse(lines[line]).ok().unwrap();
        let first = request(0);
        assert_eq!(first.time.to_string(), "2026-05-01T12:00:00.524Z");
        assert_eq!((first.bytes, first.duration_ms, first.user.as_deref()), (Some(614), Some(929), None));
        assert_eq!((request(5).user.as_deref(), request(5).git_version), (Some("ada"), Some(2)));
        assert!(request(8).agent.is_none());
    });
}

#[test]
fn traefik_clf_is_a_combined_log() {
    assert_table(
        &outcomes(data!("traefik-clf-with-and-without-agents.log")),
        "1 Body model acme/tiny-bert config.json
         1 HandOff model acme/tiny-bert model.safetensors
         1 format combined
         1 skipped metadata",
    );
}

#[test]
fn s3_with_quotes_lifecycle_and_later_columns() {
    let file = data!("s3-quotes-lifecycle-and-later-columns.log");
    assert_table(
        &outcomes(file),
        "1 Body dataset acme/corpus data/a b.parquet
         1 Body model acme/short config.json
         1 Body model acme/tiny-bert config.json
         1 Body model acme/tiny-bert model.safetensors
         1 Body model acme/young config.json
         2 Probe model acme/tiny-bert config.json
         1 format s3
         1 rejected bad_status
         1 rejected bad_time
         1 rejected open_quote
         1 skipped failed
         2 skipped method
         1 skipped other_path
         1 skipped push",
    );
    with_parser(file, |parser, lines| {
        let request = |line: usize| parser.parse(lines[line]).ok().unwrap();
        assert_eq!((request(0).id.as_deref(), request(0).duration_ms), (Some("3E57427F3EXAMPLE00"), Some(70)));
        // Whoever signed a link is not who followed it.
        assert!(request(1).user.is_none() && request(1).address.as_deref() == Some("192.0.2.7"));
        assert_eq!(request(2).agent.as_deref(), Some("an \"agent\"-like/1.0"));
    });
}

#[test]
fn one_request_is_the_same_whoever_logs_it() {
    let agent = "hf_hub/2.4.0; python/3.11.7";
    let target = "/datasets/acme/corpus/resolve/main/data/a%20b.parquet";
    let owner = "0123456789abcdef".repeat(4);
    let lines = [
        format!("192.0.2.7 - - [01/May/2026:12:00:00 +0000] \"GET {target} HTTP/1.1\" 200 614 \"-\" \"{agent}\""),
        serde_json::json!({"msec": 1_777_636_800.0, "request_method": "GET", "request_uri": target, "status": 200,
                           "remote_addr": "192.0.2.7", "http_user_agent": agent, "body_bytes_sent": 614}).to_string(),
        serde_json::json!({"ts": 1_777_636_800.0, "status": 200, "size": 614, "request":
                           {"method": "GET", "uri": target, "remote_ip": "192.0.2.7", "headers": {"User-Agent": [agent]}}}).to_string(),
        serde_json::json!({"StartUTC": "2026-05-01T12:00:00Z", "RequestMethod": "GET", "RequestPath": target, "DownstreamStatus": 200,
                           "DownstreamContentSize": 614, "ClientHost": "192.0.2.7", "request_User-Agent": agent}).to_string(),
        format!("{owner} b [01/May/2026:12:00:00 +0000] 192.0.2.7 - - REST.GET.OBJECT {0} \"GET {target} HTTP/1.1\" 200 - 614 1 1 1 \"-\" \"{agent}\" -",
            target.trim_start_matches('/')),
        serde_json::json!({"ts": 1_777_636_800, "url": target, "status": 200, "ip": "192.0.2.7", "user_agent": agent, "bytes": 614})
            .to_string(),
    ];
    let mut formats = std::collections::BTreeSet::new();
    for line in &lines {
        let parser = LineParser::detect(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        let request = parser.parse(line.as_bytes()).unwrap_or_else(|reason| panic!("{reason:?}: {line}"));
        formats.insert(parser.format().word());
        let download = download(&request).unwrap();
        let found = (request.time.0, key().identify(&request), request.bytes, download.kind, download.repo, download.path);
        let first = LineParser::detect(lines[0].as_bytes()).unwrap();
        let first = first.parse(lines[0].as_bytes()).ok().unwrap();
        let expected = hubtally::classify::download(&first).unwrap();
        assert_eq!(
            found,
            (first.time.0, key().identify(&first), first.bytes, expected.kind, expected.repo, expected.path),
            "{line}"
        );
    }
    assert_eq!(formats.len(), Format::ALL.len() - 1, "all formats that have URLs");
}
