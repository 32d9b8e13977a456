//! The logs of `data/`: each is named after its hazard, and each line costs exactly itself.

use super::*;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/", $name)).as_slice()
    };
}
pub(super) use data;

/// Compares tables regardless of indentation.
#[track_caller]
pub(super) fn assert_table(actual: &str, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(actual.lines().collect::<Vec<_>>(), expected, "\n{actual}");
}

pub(super) fn with_parser<T>(file: &[u8], read: impl Fn(&LineParser, &[&[u8]]) -> T) -> T {
    let lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').filter(|line| !is_blank(line)).collect();
    let parser = LineParser::detect(lines[0]).unwrap();
    read(&parser, if parser.header() { &lines[1..] } else { &lines })
}

#[test]
fn hf_export_with_ten_columns() {
    assert_table(
        &outcomes(data!("hf-export-ten-columns.csv")),
        "1 Body dataset acme/corpus -
         2 Body model acme/tiny-bert -
         1 Body space acme/demo -
         1 HandOff model acme/tiny-bert -
         1 Probe model acme/tiny-bert -
         1 Probe model gpt2 -
         1 format hf-export
         1 skipped failed
         1 skipped method
         1 skipped other_status
         1 skipped permanent_redirect",
    );
}

#[test]
fn hf_export_as_tsv_with_nine_columns() {
    assert_table(
        &outcomes(data!("hf-export-nine-columns.tsv")),
        "1 Body dataset acme/corpus -
         1 Body model acme/tiny-bert -
         1 format hf-export",
    );
}

#[test]
fn hf_export_with_reordered_and_unknown_columns() {
    let file = data!("hf-export-reordered-columns.csv");
    assert_table(
        &outcomes(file),
        "1 Body model acme/tiny-bert config.json
         1 HandOff dataset acme/corpus data/train.parquet
         1 format hf-export",
    );
    with_parser(file, |parser, lines| {
        let times: Vec<String> = lines.iter().map(|line| parser.parse(line).ok().unwrap().time.to_string()).collect();
        assert_eq!(times, ["2026-05-01T12:00:00.000Z", "2026-05-01T12:00:00.123Z"]);
    });
}

#[test]
fn hf_export_with_the_required_columns_only() {
    assert_table(&outcomes(data!("hf-export-three-columns.csv")), "1 Body model acme/tiny-bert -\n1 format hf-export");
}

#[test]
fn hf_export_with_quotes_and_commas() {
    let file = data!("hf-export-quotes-and-commas.csv");
    assert_table(
        &outcomes(file),
        "2 Body model acme/tiny-bert -
         1 format hf-export
         1 rejected bad_syntax
         1 rejected columns
         1 rejected open_quote",
    );
    with_parser(file, |parser, lines| {
        let first = parser.parse(lines[0]).ok().unwrap();
        assert_eq!(first.region.as_deref(), Some("Washington, D.C."));
        assert_eq!(agent_note(&first.agent.unwrap()).as_str(), "Chrome");
        assert!(first.user.is_none());
        let second = parser.parse(lines[1]).ok().unwrap();
        assert_eq!(second.region.as_deref(), Some("The \"Bay\" Area"));
        assert_eq!(second.agent.as_deref(), Some("my \"own\" tool/1.0"));
    });
}

#[test]
fn hf_export_with_crlf_and_bom_and_a_second_header() {
    let file = data!("hf-export-crlf-and-bom.csv");
    assert_table(&outcomes(file), "2 Body model acme/tiny-bert -\n1 format hf-export");
    with_parser(file, |parser, lines| {
        assert_eq!(parser.parse(lines[0]).ok().unwrap().agent.as_deref(), Some("curl/7.88.1"));
    });
}

#[test]
fn hf_export_as_ndjson() {
    let file = data!("hf-export.ndjson");
    assert_table(
        &outcomes(file),
        "1 Body model acme/tiny-bert -
         1 Body model gpt2 -
         1 HandOff dataset acme/corpus -
         1 format hf-export
         1 rejected bad_status",
    );
    with_parser(file, |parser, lines| assert!(parser.parse(lines[0]).ok().unwrap().hashed));
}

#[test]
fn hf_export_with_broken_lines() {
    assert_table(
        &outcomes(data!("hf-export-broken-lines.csv")),
        "1 Body model acme/tiny-bert -
         1 format hf-export
         1 rejected bad_field
         1 rejected bad_repo
         1 rejected bad_repo_type
         2 rejected bad_status
         2 rejected bad_time
         2 rejected columns
         1 rejected missing_repo
         1 rejected missing_time
         2 rejected time_out_of_range
         1 skipped failed",
    );
}

#[test]
fn combined_with_escapes() {
    let file = data!("nginx-combined-escapes.log");
    assert_table(
        &outcomes(file),
        "1 Body model acme/tiny-bert a\"b.txt
         1 Body model acme/tiny-bert a.txt
         1 Body model acme/tiny-bert config.json
         1 Body model acme/tiny-bert grüße.txt
         1 HandOff dataset acme/corpus default/train/0000.parquet
         1 Probe model gpt2 model.safetensors
         1 format combined
         1 rejected bad_utf8",
    );
    with_parser(file, |parser, lines| {
        let read = |line: usize| parser.parse(lines[line]).ok().unwrap();
        assert_eq!(read(0).time.to_string(), "2026-05-01T12:00:00.000Z");
        assert_eq!(read(0).bytes, Some(614));
        assert!(read(0).user.is_none());
        assert_eq!(read(1).address.as_deref(), Some("2001:db8::17"));
        assert_eq!(read(2).user.as_deref(), Some("Jane Doe"));
        assert_eq!(read(3).agent.as_deref(), Some("say \"hello\" \u{fffd}"));
        assert_eq!(read(4).agent.as_deref(), Some("tool \"x\"/1.0"));
        assert_eq!(read(6).time.to_string(), "2026-01-01T00:30:00.000Z");
        assert!(read(6).agent.is_none());
    });
}

#[test]
fn combined_with_garbage() {
    assert_table(
        &outcomes(data!("nginx-combined-garbage.log")),
        "1 Body model acme/tiny-bert a
         1 format combined
         1 rejected bad_field
         2 rejected bad_path
         1 rejected bad_status
         5 rejected bad_syntax
         1 rejected bad_time
         1 rejected open_quote
         1 skipped other_path",
    );
}

#[test]
fn kohakuhub_location_field_is_no_redirect_target() {
    let file = data!("kohakuhub-location-field.log");
    assert_table(
        &outcomes(file),
        "1 Body model acme/tiny-bert config.json
         1 HandOff model acme/tiny-bert model.safetensors
         1 Step model acme/tiny-bert
         1 format combined
         2 skipped metadata
         1 skipped other_path
         1 skipped push",
    );
    with_parser(file, |parser, lines| assert!(parser.parse(lines[1]).ok().unwrap().location.is_none()));
}

#[test]
fn events_with_all_fields() {
    let file = data!("events-all-fields.ndjson");
    assert_table(
        &outcomes(file),
        "1 Body dataset acme/corpus -
         1 Body model acme/tiny-bert -
         1 Body model acme/tiny-bert config.json
         1 HandOff space acme/demo app.py
         1 Probe model acme/tiny-bert x
         1 format events
         1 skipped push
         2 skipped same_host_redirect",
    );
    with_parser(file, |parser, lines| {
        let first = parser.parse(lines[0]).ok().unwrap();
        assert_eq!((first.bytes, first.duration_ms, first.id.as_deref()), (Some(614), Some(12), Some("req-1")));
        assert_eq!(first.region.as_deref(), Some("Texas"));
        assert!(!first.hashed);
    });
}

#[test]
fn events_with_broken_lines() {
    assert_table(
        &outcomes(data!("events-broken-lines.ndjson")),
        "3 Body model acme/tiny-bert -
         1 format events
         4 rejected bad_field
         1 rejected bad_path
         1 rejected bad_repo
         1 rejected bad_repo_type
         1 rejected bad_status
         6 rejected bad_syntax
         1 rejected bad_time
         1 rejected bad_utf8
         2 rejected control_byte
         1 rejected missing_repo
         1 rejected missing_time
         1 rejected time_out_of_range",
    );
}

#[test]
fn events_by_header() {
    let file = data!("events-by-header.csv");
    assert_table(
        &outcomes(file),
        "1 Body dataset acme/corpus a \"b\", c.txt
         2 Body model acme/tiny-bert config.json
         1 format events
         1 rejected bad_field",
    );
    with_parser(file, |parser, lines| assert_eq!(parser.parse(lines[2]).ok().unwrap().bytes, Some(1000)));
}

#[test]
fn formats_are_recognised_or_not_at_all() {
    let format = |line: &str| LineParser::detect(line.as_bytes()).map(|parser| parser.format());
    assert_eq!(format("timestamp,repoName"), Some(Format::HfExport));
    assert_eq!(format("repoName\ttimestamp\tuserAgent"), Some(Format::HfExport));
    assert_eq!(format("ts,url"), Some(Format::Events));
    assert_eq!(format("{\"ts\":1}"), Some(Format::Events));
    let nginx = "{\"msec\":1.000,\"request_method\":\"\",\"request_uri\":\"\",\"http_user_agent\":\"\\\"ts\\\"\"}";
    assert_eq!(format(nginx), Some(Format::NginxJson));
    assert_eq!(format("  {\"repoName\":\"gpt2\"}"), Some(Format::HfExport));
    assert_eq!(format("192.0.2.7 - - [01/May/2026:12:00:00 +0000] \"\\x16\\x03\" 400 0 \"-\" \"-\""), Some(Format::Combined));
    for unknown in
        ["", "hello", "repoName,status", "timestamp,status", "{}", "{\"message\":\"x\"}", "repoType,repoName,total,downloads"]
    {
        assert_eq!(format(unknown), None, "{unknown}");
    }
}

#[test]
fn a_named_format_is_used_or_refused_with_a_remedy() {
    let parser = |format, line: &str| LineParser::for_format(format, line.as_bytes());
    let refusal = parser(Format::HfExport, "2026-05-01T12:00:00Z,200,GET,acme/secret").unwrap_err();
    assert!(refusal.contains("header") && !refusal.contains("secret"), "{refusal}");
    assert!(parser(Format::HfExport, "timestamp,repoName").unwrap().header());
    assert!(!parser(Format::HfExport, "{\"repo").unwrap().header());
    assert!(!parser(Format::Events, "a broken first line").unwrap().header());
    assert!(parser(Format::Events, "ts,repo").unwrap().header());
    assert_eq!(parser(Format::Combined, "anything").unwrap().format(), Format::Combined);
}

#[test]
fn a_parser_can_be_shared() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    shared(&LineParser::events());
}
