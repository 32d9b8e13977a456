//! nginx in JSON: what may be empty, missing, quoted or broken, and what that costs.

use super::*;
use hubtally::classify::GitPost;

/// A line with all keys of the documented format, some of them changed.
fn line(changes: &[(&str, serde_json::Value)]) -> String {
    let mut line = serde_json::json!({
        "msec": 1_777_636_800.123,
        "request_time": 0.25,
        "remote_addr": "192.0.2.7",
        "http_x_forwarded_for": "198.51.100.1",
        "remote_user": "",
        "request_method": "GET",
        "http_host": "hub.example",
        "request_uri": "/acme/tiny-bert/resolve/main/config.json",
        "status": "200",
        "body_bytes_sent": 614,
        "http_range": "",
        "sent_http_location": "",
        "http_user_agent": "curl/7.88.1",
        "request_id": "8a16df7ad3fe97a335c46ab3f36f575f",
        "http_git_protocol": "",
        "http_x_hf_download_counter": ""
    });
    for (key, value) in changes {
        line[*key] = value.clone();
    }
    line.to_string()
}

fn parser() -> LineParser {
    LineParser::detect(line(&[]).as_bytes()).unwrap()
}

fn with<T>(changes: &[(&str, serde_json::Value)], read: impl FnOnce(Result<Request<'_>, RejectReason>) -> T) -> T {
    read(parser().parse(line(changes).as_bytes()))
}

#[test]
fn every_field_is_read_as_it_stands() {
    assert_eq!(parser().format(), Format::NginxJson);
    assert!(!Format::NginxJson.knows_users());
    with(&[], |request| {
        let request = request.ok().unwrap();
        assert_eq!(request.time.to_string(), "2026-05-01T12:00:00.123Z");
        assert_eq!((request.duration_ms, request.bytes, request.status), (Some(250), Some(614), 200));
        assert_eq!(request.address.as_deref(), Some("192.0.2.7"));
        assert_eq!(request.id.as_deref(), Some("8a16df7ad3fe97a335c46ab3f36f575f"));
        assert_eq!((request.host.as_deref(), request.agent.as_deref()), (Some("hub.example"), Some("curl/7.88.1")));
        assert!(request.user.is_none() && request.range.is_none() && request.location.is_none() && !request.hashed);
        assert_eq!(request.git_version, Some(0));
    });
    let changed = [
        ("remote_user", "ada".into()),
        ("http_range", "bytes=0-0".into()),
        ("sent_http_location", "https://files.example/x".into()),
        ("http_user_agent", "say \"hello\" \u{fc}".into()),
        ("msec", "1777636800.999".into()),
        ("request_time", "12.345".into()),
        ("body_bytes_sent", "7".into()),
        ("status", 302.into()),
    ];
    with(&changed, |request| {
        let request = request.ok().unwrap();
        assert_eq!((request.user.as_deref(), request.range.as_deref()), (Some("ada"), Some("bytes=0-0")));
        assert_eq!(request.location.as_deref(), Some("https://files.example/x"));
        assert_eq!(request.agent.as_deref(), Some("say \"hello\" \u{fc}"));
        assert_eq!(request.time.to_string(), "2026-05-01T12:00:00.999Z");
        assert_eq!((request.duration_ms, request.bytes, request.status), (Some(12_345), Some(7), 302));
    });
}

#[test]
fn a_forwarded_address_is_nobodys_word() {
    with(&[("http_x_forwarded_for", "203.0.113.99".into())], |one| {
        with(&[("http_x_forwarded_for", "".into())], |other| {
            assert_eq!(key().identify(&one.ok().unwrap()), key().identify(&other.ok().unwrap()));
        });
    });
}

#[test]
fn the_version_of_git_is_that_of_the_header() {
    for (header, version) in
        [("", 0), ("version=1", 1), ("version=2", 2), ("a=b:version=2:c", 2), ("nonsense", 0), ("version=x", 255)]
    {
        with(&[("http_git_protocol", header.into())], |request| {
            assert_eq!(request.ok().unwrap().git_version, Some(version), "{header}");
        });
    }
    with(&[("http_git_protocol", serde_json::Value::Null)], |request| assert_eq!(request.ok().unwrap().git_version, None));
    let bare = r#"{"msec":1777636800.000,"request_method":"POST","request_uri":"/acme/bert.git/git-upload-pack","status":200}"#;
    let request = parser().parse(bare.as_bytes()).ok().unwrap();
    assert_eq!(request.git_version, None);
    assert_eq!(download(&request).unwrap().post, Some(GitPost::Step));
}

#[test]
fn what_spoke_no_http_is_skipped_and_what_nginx_would_not_write_is_rejected() {
    let outcome = |changes: &[(&str, serde_json::Value)]| {
        with(changes, |request| match request {
            Err(reason) => reason.word(),
            Ok(request) => match download(&request) {
                Ok(_) => "download",
                Err(NotADownload::Skipped(reason)) => reason.word(),
                Err(NotADownload::Rejected(reason)) => reason.word(),
            },
        })
    };
    assert_eq!(outcome(&[]), "download");
    assert_eq!(outcome(&[("request_method", "".into()), ("request_uri", "".into()), ("status", "400".into())]), "other_path");
    assert_eq!(outcome(&[("msec", "".into())]), "missing_time");
    assert_eq!(outcome(&[("msec", "now".into())]), "bad_time");
    assert_eq!(outcome(&[("status", "".into())]), "bad_status");
    assert_eq!(outcome(&[("status", "009".into())]), "bad_status");
    assert_eq!(outcome(&[("request_time", "-".into())]), "bad_field");
    assert_eq!(outcome(&[("body_bytes_sent", "many".into())]), "bad_field");
    assert_eq!(outcome(&[("request_uri", 7.into())]), "bad_field");
    let reject = |line: &[u8]| parser().parse(line).err().map(RejectReason::word);
    assert_eq!(reject(br#"{"msec":1777636800.000,"request_uri":"/a/b/resolve/main/c","status":200}"#), Some("bad_syntax"));
    assert_eq!(reject(br#"{"msec":1777636800.000,"request_method":"GET","status":200}"#), Some("bad_syntax"));
    assert_eq!(reject(br#"{"msec":1777636800.000,"request_meth"#), Some("bad_syntax"));
    // nginx passes bytes above 127 on as they came, so an agent can break its own line; it can break no other.
    let mut broken = line(&[("http_user_agent", "#".into())]).into_bytes();
    broken.iter_mut().filter(|byte| **byte == b'#').for_each(|byte| *byte = 0xff);
    assert_eq!(reject(&broken), Some("bad_utf8"));
}
