//! Stored bytes are frozen: what any released hubtally wrote is read as it was meant, for ever.
//!
//! The files in `data/golden` are what format 1 looks like. `HUBTALLY_WRITE_GOLDEN=1 cargo test formats` writes them
//! anew: right before a release that changes a format, never to make a test pass.

mod stores;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hubtally::block::{BlockError, ByteReader, Encoder, Wanted, decode, decode_sought};
use hubtally::identify::{IdentityKey, NameKind};
use hubtally::ingest::{
    Credential, Engine, FormerName, GivenSettings, ImportOptions, OpenOptions, Place, Push, PushContent, RepoListing,
};
use hubtally::model::{
    AgentHash, Caller, Counter, Country, Day, DayRange, DeliveryId, Downloads, GroupName, HeadRedirect, Likes, Method, Millis,
    OrgName, PathHash, PersonName, RangeFlag, Receipt, Redirects, RepoKey, RepoKind, RepoName, RepoNumber, Role, Row, SenderId,
    SourceId, SourceName, Status, Who, Words,
};
use hubtally::query::{Scope, View};
use hubtally::store::{self, Read, ReadTxn, Store, StoreError, Table, WriteTxn};
use redb::{Database, ReadableTable, TableDefinition};

const STORE_FILE: &str = "hubtally.redb";
const KEY_FILE: &str = "secret.key";
const SECRET: [u8; 32] = *b"an example of a secret of bytes!";
const DAY: Day = Day(20_600);
/// Noon of 2026-11-20.
const NOW: Millis = Millis(1_795_176_000_000);

fn golden_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/golden").join(name)
}

fn writes_golden() -> bool {
    std::env::var_os("HUBTALLY_WRITE_GOLDEN").is_some()
}

/// The frozen bytes of a file; `now` becomes them when golden files are written.
fn golden(name: &str, now: &[u8]) -> Vec<u8> {
    if writes_golden() {
        fs::create_dir_all(golden_path("")).unwrap();
        fs::write(golden_path(name), now).unwrap();
    }
    frozen(name)
}

fn frozen(name: &str) -> Vec<u8> {
    fs::read(golden_path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn assert_golden_text(name: &str, now: &str) {
    let frozen = String::from_utf8(golden(name, now.as_bytes())).unwrap();
    assert_eq!(now, frozen, "{name}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Rows that use every column, with values at both ends of what fits.
fn rows_of_every_column() -> (Vec<Row>, Words) {
    let mut words = Words::default();
    let region = words.number("Île-de-France".as_bytes());
    let agent_note = words.number(b"transformers/5.23.0; hf_hub/2.4.0; python/3.11.7");
    let path_name = words.number(b"onnx/model.onnx");
    let full = Row {
        repo: RepoNumber(3),
        user: true,
        who: Who(0x0123_4567_89ab_cdef),
        agent: AgentHash(0xdead_beef),
        time: Millis(DAY.start().0 + 86_399_999),
        source: SourceId(2),
        method: Method::Get,
        status: Status(206),
        path: PathHash::of("onnx/model.onnx"),
        range: RangeFlag::Part,
        id: SenderId::of("request-1"),
        delivery: DeliveryId::pushes(9),
        count: 3,
        bytes: 1 + (5 << 30),
        duration: 1 + 1_234,
        country: Country::parse("FR"),
        region,
        agent_note,
        path_name,
    };
    let most = Row {
        repo: RepoNumber(u32::MAX),
        who: Who(u64::MAX),
        agent: AgentHash(u32::MAX),
        source: SourceId(u16::MAX),
        status: Status(599),
        path: PathHash(u64::MAX),
        id: SenderId(u64::MAX),
        delivery: DeliveryId(u32::MAX),
        count: u32::MAX,
        bytes: u64::MAX,
        duration: u64::MAX,
        country: Country::parse("ZZ"),
        ..full
    };
    let mut rows = vec![
        full,
        most,
        Row { method: Method::Head, status: Status(302), range: RangeFlag::FirstByte, count: 1, ..full },
        Row { method: Method::Post, status: Status(200), time: DAY.start(), country: Country(0), region: agent_note, ..full },
        Row { user: false, who: Who::NOBODY, agent: AgentHash(0), path: PathHash(0), id: SenderId(0), ..full },
        Row { repo: RepoNumber(0), delivery: DeliveryId::document(1), bytes: 0, duration: 1, path_name: region, ..full },
    ];
    // Enough rows alike that compression pays.
    rows.extend((0..200).map(|at| Row { repo: RepoNumber(7), who: Who(at), time: DAY.start(), count: 1, ..full }));
    rows.sort_unstable_by(Row::cmp_stored);
    (rows, words)
}

/// The same with a time that is no multiple of another.
fn rows_of_every_column_and_odd_times() -> (Vec<Row>, Words) {
    let (mut rows, words) = rows_of_every_column();
    let odd: Vec<Row> = rows.iter().take(1).map(|row| Row { time: Millis(DAY.start().0 + 12_345), ..*row }).collect();
    rows.extend(odd);
    rows.sort_unstable_by(Row::cmp_stored);
    (rows, words)
}

fn minimal_rows() -> (Vec<Row>, Words) {
    (vec![Row { time: DAY.start(), status: Status(200), count: 1, ..Row::default() }], Words::default())
}

/// The columns of a block by id, unpacked: the compressor's output may change with its version, this may not.
fn columns(block: &[u8], version: u8) -> BTreeMap<u8, Vec<u8>> {
    let mut reader = ByteReader::new(block, "golden block");
    let (known, _rows) = (reader.byte().unwrap(), reader.varint().unwrap());
    assert_eq!(known, version);
    let mut columns = BTreeMap::new();
    for _ in 0..reader.byte().unwrap() {
        let (id, codec) = (reader.byte().unwrap(), reader.byte().unwrap());
        let plain: usize = reader.number().unwrap();
        let stored: usize = reader.number().unwrap();
        let stored = reader.take(stored).unwrap();
        let bytes = if codec == 1 { zstd::bulk::decompress(stored, plain).unwrap() } else { stored.to_vec() };
        columns.insert(id, bytes);
    }
    assert!(reader.is_empty());
    columns
}

fn assert_block_holds(name: &str, bytes: &[u8], rows: &[Row], words: &Words) {
    let block = decode(DAY, bytes, Wanted::All).unwrap();
    let mut renumbered = Words::default();
    block.texts.iter().for_each(|text| assert_eq!(renumbered.number(text).0 as usize, renumbered.len()));
    let mut word = |word| renumbered.number(words.text(word));
    let expected: Vec<Row> = rows
        .iter()
        .map(|row| Row { region: word(row.region), agent_note: word(row.agent_note), path_name: word(row.path_name), ..*row })
        .collect();
    assert_eq!(block.rows, expected, "{name}");
    let expected: Vec<Row> = expected.into_iter().filter(|row| row.who.0 % 2 == 0).collect();
    let even = decode_sought(DAY, bytes, Wanted::All, |_, who| who.0 % 2 == 0).unwrap();
    assert_eq!(even.map(|block| block.rows).unwrap_or_default(), expected, "{name}, of some");
}

#[test]
fn blocks_of_version_1_are_read_as_they_were_written() {
    for (name, (rows, words)) in [("block-v1-every-column.bin", rows_of_every_column()), ("block-v1-minimal.bin", minimal_rows())]
    {
        // Nothing writes this version any more.
        assert_block_holds(name, &frozen(name), &rows, &words);
    }
    assert_eq!(columns(&frozen("block-v1-every-column.bin"), 1).into_keys().collect::<Vec<_>>(), (1..=17).collect::<Vec<_>>());
}

#[test]
fn blocks_of_version_2_are_read_as_they_were_written() {
    let every_column = rows_of_every_column_and_odd_times();
    for (name, (rows, words)) in [("block-v2-every-column.bin", every_column), ("block-v2-minimal.bin", minimal_rows())] {
        let now = Encoder::new().unwrap().encode(DAY, &rows, &words).unwrap();
        let frozen = golden(name, &now);
        assert_eq!(columns(&now, 2), columns(&frozen, 2), "{name}: the columns");
        assert_block_holds(name, &frozen, &rows, &words);
    }
    let every = [1, 2, 7, 8, 9, 12, 13].into_iter().chain(18..=29);
    assert!(columns(&frozen("block-v2-every-column.bin"), 2).into_keys().eq(every));
    let mut newer = frozen("block-v2-minimal.bin");
    newer[0] = 3;
    let error = decode(DAY, &newer, Wanted::All).unwrap_err();
    assert_eq!(error, BlockError::Version(3));
    assert_eq!(error.to_string(), "block format 3 is newer than this program: use the newer hubtally that wrote it");
}

#[test]
fn hashes_and_checksums_are_what_they_were() {
    let mut table = String::new();
    for text in ["", "config.json", "data/größe.parquet"] {
        writeln!(table, "path hash of {text:?}: {:016x}", PathHash::of(text).0).unwrap();
        writeln!(table, "sender id of {text:?}: {:016x}", SenderId::of(text).0).unwrap();
    }
    for (user, agent) in [(true, 0), (true, 7), (false, 0), (false, 7)] {
        let row = Row { who: Who(0x0123_4567_89ab_cdef), user, agent: AgentHash(agent), ..Row::default() };
        writeln!(table, "downloader of one who, user {user}, agent {agent}: {:09x}", row.downloader().tag()).unwrap();
    }
    for known in Table::ALL.iter().filter(|table| table.is_truth()) {
        let checksum = known.checksum(b"key", b"a value of some bytes");
        writeln!(table, "checksum in {}: {checksum:016x}", known.name()).unwrap();
    }
    writeln!(table, "digest of a token: {}", hex(&store::digest("ht_example"))).unwrap();
    let key = IdentityKey::new(&SECRET);
    writeln!(table, "key id {}, fingerprint {}", key.id(), hex(&key.fingerprint())).unwrap();
    writeln!(
        table,
        "user ada: {:016x}, given as a hash: {:016x}",
        key.named(NameKind::User, "ada").0,
        key.named(NameKind::UserHash, "ada").0
    )
    .unwrap();
    assert_golden_text("hashes-v1.txt", &table);
}

fn memory_store() -> Store {
    Store::open(Place::Memory, |_| [7; 32], NOW).unwrap()
}

fn document() -> store::DeliveryRecord {
    let lines = store::LinesRecord {
        lines: 10,
        accepted: 3,
        repeated: 2,
        skipped: vec![("metadata".to_owned(), 4)],
        rejected: vec![("bad_time".to_owned(), 1)],
        no_identity: 1,
        samples: vec![(7, "no time".to_owned())],
    };
    let content = store::ContentRecord::Document(store::DocumentRecord {
        format: 2,
        bytes: 70_000,
        lines: 300,
        terminated: true,
        checkpoints: vec![
            store::CheckpointRecord { bytes: 4_096, hash: u128::MAX - 5 },
            store::CheckpointRecord { bytes: 70_000, hash: 6 },
        ],
        file: Some(store::FileRecord { device: 7, inode: u64::MAX - 8, bytes: 9_000, modified: (1_780_000_000, 999_999_999) }),
    });
    store::DeliveryRecord {
        source: 1,
        name: "access.log".to_owned(),
        arrived_ms: NOW.0,
        state: store::DeliveryState::Complete,
        lines,
        content,
    }
}

fn pushes() -> store::DeliveryRecord {
    store::DeliveryRecord {
        state: store::DeliveryState::Retracted,
        lines: store::LinesRecord::default(),
        content: store::ContentRecord::Pushes { day: 20_600, formats: 6 },
        ..document()
    }
}

fn body() -> store::BodyRecord {
    store::BodyRecord { body_hash: 1 << 100, delivery: DeliveryId::pushes(2).0, lines: document().lines }
}

fn source() -> store::SourceEntry {
    let record = store::SourceRecord {
        name: "edge".to_owned(),
        formats: 5,
        redirects_ignored: Some(true),
        head_redirect_handoff: None,
        knows_users: Some(false),
        trusted_proxies: "10.0.0.0/8,fd00::/8".to_owned(),
    };
    store::SourceEntry { id: SourceId(1), record }
}

fn listing() -> store::ListingRecord {
    let library = Some("transformers".to_owned());
    store::ListingRecord { private: Some(true), likes: Some(300), library, created_ms: Some(NOW.0) }
}

fn manifest() -> store::DayManifest {
    let block = store::BlockRecord { rows: 300, first_repo: 0, last_repo: 70_000, bytes: 5_000, checksum: u64::MAX - 1 };
    let merged =
        store::SegmentRecord { id: 8, rows: 300, unpublished: None, deliveries: vec![1, 1 << 31], blocks: vec![block; 2] };
    let fresh = store::SegmentRecord { id: 9, unpublished: Some(3), blocks: vec![block], ..merged.clone() };
    store::DayManifest { segments: vec![merged, fresh] }
}

fn credentials() -> Vec<(&'static str, store::CredentialRecord)> {
    let record = |kind, expires_ms| store::CredentialRecord {
        kind,
        scope: "publisher:acme".to_owned(),
        note: "a note".to_owned(),
        created_ms: NOW.0,
        expires_ms,
        person: (kind == store::CredentialKind::Session).then(|| "ada".to_owned()),
        used_ms: NOW.0 + 7,
    };
    vec![
        ("ht_token", record(store::CredentialKind::Token, None)),
        ("ht_session", record(store::CredentialKind::Session, Some(NOW.0 + 1))),
        ("ht_link", record(store::CredentialKind::AdminLink, None)),
    ]
}

fn person() -> (PersonName, store::PersonRecord) {
    let password = store::PasswordRecord { memory_kib: 19_456, passes: 2, lanes: 1, salt: [3; 16], hash: [250; 32] };
    let record = store::PersonRecord {
        name: "Ada".to_owned(),
        roles: vec!["admin".to_owned(), "reader:acme".to_owned()],
        password: Some(password),
        created_ms: NOW.0,
        changed_ms: NOW.0 + 1,
    };
    (PersonName::parse("Ada").unwrap(), record)
}

fn restatement() -> store::RestatementRecord {
    store::RestatementRecord { at_ms: NOW.0, document: Some(4), day: 20_600, before: 900, after: 899, fallen: vec![(3, 7, 6)] }
}

fn repo(kind: RepoKind, id: &str) -> RepoKey {
    RepoKey { kind, name: RepoName::parse(id).unwrap() }
}

fn counter() -> Counter {
    Counter {
        title: "Other hub".to_owned(),
        source: "a page".to_owned(),
        metric: "downloads".to_owned(),
        scope: "models".to_owned(),
        caveats: vec!["a total".to_owned()],
        totals: [(DAY, 5), (DAY.next(), 1 << 40)].into(),
    }
}

const FORMER: store::RenameRecord = store::RenameRecord { from: 0, at_ms: Some(NOW.0) };

fn write_records(txn: &WriteTxn) {
    store::put_counters(txn, &store::CountersRecord { repo: 2, delivery: 300, segment: 70_000 }).unwrap();
    store::put_source(txn, &source()).unwrap();
    let mut counters = store::CountersRecord::default();
    for (number, repo) in [(0, repo(RepoKind::Model, "Acme/Bert")), (1, repo(RepoKind::Space, "gpt2"))] {
        assert_eq!(store::allocate_repo(txn, &mut counters, &repo).unwrap(), RepoNumber(number));
    }
    store::write_listing(txn, RepoNumber(1), listing()).unwrap();
    store::put_counter(txn, "other-hub", &counter()).unwrap();
    store::put_renames(txn, RepoNumber(1), &[FORMER]).unwrap();
    store::put_delivery(txn, DeliveryId::document(1), &document()).unwrap();
    store::put_delivery(txn, DeliveryId::pushes(2), &pushes()).unwrap();
    store::put_delivery(txn, DeliveryId::document(3), &breakdown()).unwrap();
    store::put_body(txn, SourceId(1), "key of a body", &body()).unwrap();
    store::put_manifest(txn, DAY, &manifest()).unwrap();
    store::put_like(txn, RepoNumber(1), Who(5), NOW, true).unwrap();
    store::put_like(txn, RepoNumber(1), Who(6), NOW, false).unwrap();
    credentials().iter().for_each(|(secret, record)| store::put_credential(txn, secret, record).unwrap());
    store::put_person(txn, &person().0, &person().1).unwrap();
    store::add_restatement(txn, &restatement()).unwrap();
    store::put_reported(txn, RepoNumber(1), DeliveryId::document(1), &reported()).unwrap();
    store::put_group(txn, &GroupName::parse("bert-family").unwrap(), Some(&group())).unwrap();
    store::put_forgotten(txn, Who(7), NOW).unwrap();
}

fn reported() -> store::ReportedRecord {
    store::ReportedRecord { total: 1 << 40, days: vec![(DAY.0, 5), (DAY.next().0, 300)] }
}

fn breakdown() -> store::DeliveryRecord {
    let store::ContentRecord::Document(content) = document().content else { panic!("a document") };
    store::DeliveryRecord { content: store::ContentRecord::Reported(content), ..document() }
}

fn group() -> Vec<RepoKey> {
    vec![repo(RepoKind::Model, "Acme/Bert"), repo(RepoKind::Space, "gpt2")]
}

fn assert_records_are_read(txn: &ReadTxn) {
    assert_eq!(store::counters(txn).unwrap(), store::CountersRecord { repo: 2, delivery: 300, segment: 70_000 });
    assert_eq!(store::read_sources(txn).unwrap(), [source()]);
    assert_eq!(store::find_repo(txn, &repo(RepoKind::Model, "Acme/Bert")).unwrap(), Some(RepoNumber(0)));
    assert_eq!(store::find_repo(txn, &repo(RepoKind::Model, "acme/bert")).unwrap(), None);
    assert_eq!(store::find_spellings(txn, &repo(RepoKind::Model, "acme/bert")).unwrap(), [RepoNumber(0)]);
    let repos: Vec<_> =
        store::all_repos(txn).unwrap().into_iter().map(|(number, entry)| (number.0, entry.key, entry.listing)).collect();
    let expected = [(0, repo(RepoKind::Model, "Acme/Bert"), None), (1, repo(RepoKind::Space, "gpt2"), Some(listing()))];
    assert_eq!(repos, expected);
    let deliveries =
        [(DeliveryId::document(1), document()), (DeliveryId::document(3), breakdown()), (DeliveryId::pushes(2), pushes())];
    assert_eq!(store::list_deliveries(txn).unwrap(), deliveries);
    assert_eq!(store::get_body(txn, SourceId(1), "key of a body").unwrap(), Some(body()));
    assert_eq!(store::manifest(txn, DAY).unwrap(), manifest());
    assert_eq!(store::like_count(txn, RepoNumber(1)).unwrap(), Some(Likes(1)));
    for (secret, record) in credentials() {
        assert_eq!(store::find_credential(txn, secret).unwrap(), Some(record));
    }
    assert_eq!(store::find_person(txn, &PersonName::parse("ADA").unwrap()).unwrap(), Some(person().1));
    assert_eq!(store::list_restatements(txn).unwrap(), [restatement()]);
    assert_eq!(store::list_forgotten(txn).unwrap(), [(Who(7), NOW)]);
    assert_eq!(store::find_counter(txn, "other-hub").unwrap(), Some(counter()));
    assert_eq!(store::read_reported(txn, RepoNumber(1), DeliveryId::document(1)).unwrap(), Some(reported()));
    assert_eq!(store::reported_repos(txn).unwrap(), [RepoNumber(1)].into());
    assert_eq!(store::list_groups(txn).unwrap(), [(GroupName::parse("bert-family").unwrap(), group())]);
    assert_eq!(store::renames(txn).unwrap().read_as(RepoNumber(0), Millis(NOW.0 - 1)), RepoNumber(1));
    assert_eq!(store::renames(txn).unwrap().read_as(RepoNumber(0), NOW), RepoNumber(0));
}

/// The truth of a store: table, key and payload of every value.
fn truth(txn: &ReadTxn) -> String {
    let mut lines = String::new();
    for table in Table::ALL.iter().filter(|table| table.is_truth()) {
        for (key, payload) in txn.with_prefix(*table, &[]).unwrap() {
            writeln!(lines, "{} {} {}", table.name(), hex(&key), hex(&payload)).unwrap();
        }
    }
    lines
}

#[test]
fn records_of_the_truth_are_written_and_read_as_they_were() {
    let store = memory_store();
    let txn = store.write().unwrap();
    write_records(&txn);
    txn.commit().unwrap();
    let now = truth(&store.read().unwrap());
    assert_golden_text("records-v1.txt", &now);

    let other = memory_store();
    let txn = other.write().unwrap();
    for line in String::from_utf8(frozen("records-v1.txt")).unwrap().lines() {
        let [name, key, payload] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let table = Table::ALL.iter().find(|table| table.name() == name).unwrap();
        // The sums are the store's own to write.
        if unhex(key) != b"sums" {
            txn.put(*table, &unhex(key), &unhex(payload)).unwrap();
        }
    }
    txn.commit().unwrap();
    assert_records_are_read(&other.read().unwrap());
    assert_eq!(truth(&other.read().unwrap()), now, "the same values have the same sums");
}

#[test]
fn a_record_that_is_longer_or_shorter_than_it_says_is_damaged() {
    let store = memory_store();
    let txn = store.write().unwrap();
    write_records(&txn);
    let all: Vec<(Table, Vec<u8>, Vec<u8>)> =
        [Table::Sources, Table::Deliveries, Table::Days, Table::Credentials, Table::People, Table::Restatements]
            .into_iter()
            .flat_map(|table| txn.with_prefix(table, &[]).unwrap().into_iter().map(move |(key, payload)| (table, key, payload)))
            .collect();
    let read_all = |txn: &WriteTxn| -> Result<(), StoreError> {
        store::read_sources(txn)?;
        store::list_deliveries(txn)?;
        store::manifests(txn)?;
        store::list_credentials(txn)?;
        store::list_people(txn)?;
        store::list_restatements(txn).map(drop)
    };
    read_all(&txn).unwrap();
    for (table, key, payload) in all {
        for changed in [[payload.as_slice(), &[0]].concat(), payload[..payload.len() - 1].to_vec(), Vec::new(), vec![0xff; 40]] {
            txn.put(table, &key, &changed).unwrap();
            let error = read_all(&txn).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { table: place, .. } if place == table.name()), "{error}");
        }
        txn.put(table, &key, &payload).unwrap();
    }
}
