//! Every reject reason has a line that triggers it, costs that line alone, and no other line.

use super::*;

const GOOD: &[u8] = br#"{"ts":1777636800,"repo":"acme/tiny-bert","ip":"192.0.2.7"}"#;

fn reject(line: &[u8]) -> Option<RejectReason> {
    match LineParser::events().parse(line) {
        Err(reason) => Some(reason),
        Ok(request) => match download(&request) {
            Err(NotADownload::Rejected(reason)) => Some(reason),
            _ => None,
        },
    }
}

fn table_reject(line: &str) -> Option<RejectReason> {
    LineParser::detect(b"ts,repo").unwrap().parse(line.as_bytes()).err()
}

#[test]
fn every_reason_has_a_line() {
    let long = [GOOD, &b" ".repeat(64 * 1024)].concat();
    let seen = [
        (RejectReason::TooLong, reject(&long)),
        (RejectReason::BadUtf8, reject(b"{\"ts\":1777636800,\"repo\":\"\xff\"}")),
        (RejectReason::ControlByte, reject(b"{\"ts\":1777636800,\"repo\":\"a\0b\"}")),
        (RejectReason::OpenQuote, table_reject("1777636800,\"acme")),
        (RejectReason::CutOff, LineParser::events().parse_unterminated(&GOOD[..30]).err()),
        (RejectReason::Columns, table_reject("1777636800")),
        (RejectReason::UnknownLine, ItemReader::default().read_line(b"log rotated", |_, read| read.err())),
        (RejectReason::BadSyntax, reject(b"{")),
        (RejectReason::MissingTime, reject(br#"{"repo":"acme/tiny-bert"}"#)),
        (RejectReason::BadTime, reject(br#"{"ts":"now","repo":"acme/tiny-bert"}"#)),
        (RejectReason::TimeOutOfRange, reject(br#"{"ts":1,"repo":"acme/tiny-bert"}"#)),
        (RejectReason::BadStatus, reject(br#"{"ts":1777636800,"repo":"acme/tiny-bert","status":600}"#)),
        (RejectReason::MissingRepo, reject(br#"{"ts":1777636800}"#)),
        (RejectReason::BadRepo, reject(br#"{"ts":1777636800,"repo":"a b"}"#)),
        (RejectReason::BadPath, reject(br#"{"ts":1777636800,"repo":"a","path":"../x"}"#)),
        (RejectReason::BadKind, reject(br#"{"ts":1777636800,"repo":"a","repo_type":"app"}"#)),
        (RejectReason::BadField, reject(br#"{"ts":1777636800,"repo":["a"]}"#)),
    ];
    let expected: Vec<_> = RejectReason::ALL.iter().map(|&reason| (reason, Some(reason))).collect();
    let mut seen = seen.to_vec();
    seen.sort_by_key(|(reason, _)| *reason);
    assert_eq!(seen, expected);
}

#[test]
fn a_bad_line_costs_one_line() {
    let bad: [&[u8]; 5] = [b"{\"ts\":\"", b"\xff\xfe", b"a\0b", b"\"", &[b'x'; 70_000]];
    for line in bad {
        let file = [GOOD, line, GOOD, b""].join(&b'\n');
        let chunks: Vec<_> = ChunkReader::new(&file[..]).map(Result::unwrap).collect();
        let overlong: usize = chunks.iter().map(|chunk| chunk.overlong.len()).sum();
        let read: Vec<_> = chunks.iter().flat_map(|chunk| chunk.lines()).map(|(number, line)| (number, reject(line))).collect();
        assert_eq!(read.iter().filter(|(_, reason)| reason.is_some()).count() + overlong, 1);
        assert_eq!(read.iter().filter(|(_, reason)| reason.is_none()).map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3]);
    }
}

#[test]
fn the_longest_line_is_read() {
    let line = [GOOD, &b" ".repeat(64 * 1024 - GOOD.len())].concat();
    assert_eq!(reject(&line), None);
}

#[test]
fn an_unterminated_last_line_may_be_whole() {
    assert!(LineParser::events().parse_unterminated(GOOD).is_ok());
}

#[test]
fn a_line_is_read_the_same_whatever_lines_came_before_it() {
    let lines = [
        r#"{"ts":1795168800,"repo":"org/m","user":"a"}"#,
        r#"{"ts": 1795168801,"repo":"org/m","path":"repoName","user":"b"}"#,
        r#"{"ts":1795168802, "repo": "org/m" , "user":"c"}"#,
    ];
    let told = |format, read: Result<Request<'_>, RejectReason>| {
        let request = read.unwrap();
        assert_eq!(format, Format::Events);
        (request.time, request.user.map(|user| user.into_owned()))
    };
    let mut of_lines = ItemReader::default();
    let mut of_items = ItemReader::default();
    for line in lines {
        let alone = ItemReader::default().read_line(line.as_bytes(), told);
        assert_eq!(of_lines.read_line(line.as_bytes(), told), alone);
        assert_eq!(of_items.read_item(line.as_bytes(), told), alone);
    }
}
