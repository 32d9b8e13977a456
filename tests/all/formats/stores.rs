//! Whole stores: one of format 1 gives the numbers it gave, and those that cannot be opened say why.

use super::*;

const EVENTS: &[&str] = &[
    r#"{"ts":"2026-11-18T23:50:00Z","repo_type":"model","repo":"acme/bert","path":"config.json","method":"GET","status":200,"user":"ada","user_agent":"unknown/None; hf_hub/2.4.0; python/3.11.7","country":"DE","bytes":700,"id":"a"}"#,
    r#"{"ts":"2026-11-19T00:10:00Z","repo_type":"model","repo":"acme/bert","path":"model.safetensors","method":"GET","status":302,"user":"ada","user_agent":"unknown/None; hf_hub/2.4.0; python/3.11.7","country":"DE"}"#,
    r#"{"ts":"2026-11-19T08:00:00Z","repo_type":"dataset","repo":"acme/corpus","path":"data/a.parquet","method":"GET","status":206,"ip":"203.0.113.7","user_agent":"curl/8.5.0","range":"bytes=0-99"}"#,
    r#"{"ts":"2026-11-19T08:00:00Z","repo_type":"dataset","repo":"acme/corpus","path":"data/a.parquet","method":"GET","status":206,"ip":"203.0.113.8","user_agent":"curl/8.5.0"}"#,
    r#"{"ts":"2026-11-20T09:00:00Z","repo_type":"space","repo":"gpt2","path":"app.py","method":"HEAD","status":302,"ip":"2001:db8::5"}"#,
    r#"{"ts":"2026-11-20T09:00:01Z","repo_type":"space","repo":"gpt2","path":"app.py","method":"GET","status":200,"ip":"2001:db8::5"}"#,
    "not an event",
];

const LOG: &str = concat!(
    "203.0.113.7 - - [19/Nov/2026:08:29:59 +0000] \"GET /datasets/acme/corpus/resolve/main/data/a.parquet HTTP/1.1\" 200 5 \"-\" \"curl/8.5.0\"\n",
    "203.0.113.9 - - [20/Nov/2026:00:00:00 +0000] \"GET /acme/bert/resolve/main/config.json HTTP/1.1\" 200 5 \"-\" \"git/2.47.3\"\n",
    "203.0.113.9 - - [20/Nov/2026:00:00:02 +0000] \"GET /acme/bert/resolve/main/missing HTTP/1.1\" 404 5 \"-\" \"git/2.47.3\"\n",
);

const EXPORT: &str = "timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent\n\
    2026-11-17T10:00:00Z,200,GET,acme/bert,model,u1,,DE,Bavaria,unknown/None; hf_hub/2.4.0; python/3.11.7\n\
    2026-11-17T10:00:00Z,200,GET,acme/bert,model,,i1,FR,,\n\
    2025-12-31T23:59:59Z,200,GET,acme/old,model,,i1,FR,,\n";

const REPOS: [(RepoKind, &str); 5] = [
    (RepoKind::Model, "acme/bert"),
    (RepoKind::Dataset, "acme/corpus"),
    (RepoKind::Model, "acme/listed"),
    (RepoKind::Model, "acme/old"),
    (RepoKind::Space, "gpt2"),
];

fn open_in(folder: &Path) -> Arc<Engine> {
    let place = Place::Folder(folder.to_path_buf());
    Engine::open(&OpenOptions { place, default_public: false, frozen_now: Some(NOW) }).unwrap()
}

fn import(engine: &Engine, source: &str, name: &str, bytes: &[u8]) -> Receipt {
    let options = ImportOptions {
        source: SourceName::parse(source).unwrap(),
        name: name.to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    engine.import(Box::new(Cursor::new(bytes.to_vec())), &options, &|_| {}).unwrap()
}

fn push(engine: &Engine) -> Receipt {
    let source = SourceName::parse("hub").unwrap();
    let body = EVENTS.join("\n").into_bytes();
    let key = Some("body 1".to_owned());
    engine.push(Push { source, body, content: PushContent::Json, idempotency_key: key }).unwrap()
}

/// Fills a store with everything that format 1 can hold; gives the text of a token.
fn fill(engine: &Engine) -> String {
    push(engine);
    import(engine, "logs", "access.log", LOG.as_bytes());
    import(engine, "export", "export.csv", EXPORT.as_bytes());
    let mistake = LOG.replace("203.0.113", "198.51.100");
    let mistake = import(engine, "logs", "mistake.log", mistake.as_bytes());
    engine.retract(mistake.delivery.parse().unwrap()).unwrap();
    let given = GivenSettings { redirects: None, head_redirect: Some(HeadRedirect::Handoff), knows_users: Some(true) };
    engine.configure_source(&SourceName::parse("hub").unwrap(), given).unwrap();
    let given = GivenSettings { redirects: Some(Redirects::Ignore), ..GivenSettings::default() };
    engine.configure_source(&SourceName::parse("logs").unwrap(), given).unwrap();
    let bert = repo(RepoKind::Model, "acme/bert");
    engine.like(&bert, "ada", NOW, true).unwrap();
    engine.like(&bert, "bob", NOW, true).unwrap();
    engine.like(&bert, "bob", Millis(NOW.0 + 1), false).unwrap();
    let listed = |id: &str, private, likes| RepoListing {
        repo: repo(RepoKind::Model, id),
        private,
        likes,
        library: Some("transformers".to_owned()),
        created_at: Some(NOW),
        renamed_from: if private.is_some_and(|private: bool| private) {
            Vec::new()
        } else {
            vec![FormerName { name: RepoName::parse("acme/former").unwrap(), at: Some(NOW) }]
        },
    };
    engine.put_repos(vec![listed("acme/listed", Some(false), Some(12)), listed("acme/old", Some(true), None)]).unwrap();
    engine.create_token(&Role::parse("publisher:acme").unwrap(), "for the golden store", None).unwrap()
}

/// Everything that is asked of the golden store, as a table.
fn answers(engine: &Engine, token: &str) -> String {
    let view = View::of(engine).unwrap();
    let admin = Caller::admin();
    let all = DayRange { first: Day(0), last: NOW.day() };
    let mut table = format!("token {token}\n");
    for (kind, id) in REPOS {
        let key = repo(kind, id);
        let number = view.repo(&key, &admin).unwrap().unwrap();
        for row in view.recent(number, all, false, true).unwrap() {
            let (counts, uniques) = (row.counts, row.uniques.unwrap().0);
            let (users, others, files) = (counts.authenticated.0, counts.anonymous.0, counts.files.0);
            writeln!(table, "{} {kind} {id}: {users} + {others} downloads, {files} files, {uniques} unique", row.day).unwrap();
        }
        let totals = view.totals(number).unwrap();
        let uniques = view.uniques(&Scope::Repo(key.clone()), all, &admin).unwrap().unwrap().0;
        let public = view.repo(&key, &Caller::public()).unwrap().is_some();
        let (Downloads(downloads), Likes(likes)) = (totals.downloads, totals.likes);
        writeln!(table, "all days {kind} {id}: {downloads} downloads, {likes} likes, {uniques} unique, public {public}").unwrap();
    }
    for scope in [Scope::Hub, Scope::Org(OrgName::parse("acme").unwrap()), Scope::Kind(RepoKind::Model)] {
        let uniques = view.uniques(&scope, all, &admin).unwrap().unwrap().0;
        let public = view.uniques(&scope, all, &Caller::public()).unwrap().unwrap().0;
        writeln!(table, "{scope:?}: {uniques} unique, {public} in public").unwrap();
    }
    drop(view);
    for delivery in engine.deliveries().unwrap() {
        writeln!(table, "{delivery:?}").unwrap();
    }
    for token in engine.tokens().unwrap() {
        writeln!(table, "{token:?}").unwrap();
    }
    writeln!(table, "{:?}", engine.authenticate(token).unwrap()).unwrap();
    table
}

fn write_golden_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(STORE_FILE);
    fs::create_dir_all(golden_path("")).unwrap();
    fs::write(golden_path(KEY_FILE), format!("{}\n", hex(&SECRET))).unwrap();
    fs::copy(golden_path(KEY_FILE), folder.path().join(KEY_FILE)).unwrap();
    let engine = open_in(folder.path());
    let token = fill(&engine);
    fs::write(golden_path("store-v1.txt"), answers(&engine, &token)).unwrap();
    engine.stop();
    drop(engine);
    let mut database = Database::open(&file).unwrap();
    while database.compact().unwrap() {}
    drop(database);
    fs::write(golden_path("store-v1.redb.zst"), zstd::bulk::compress(&fs::read(file).unwrap(), 19).unwrap()).unwrap();
}

/// The golden store, unpacked.
fn golden_store() -> tempfile::TempDir {
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    if writes_golden() {
        WRITTEN.call_once(write_golden_store);
    }
    let folder = tempfile::tempdir().unwrap();
    let packed = fs::read(golden_path("store-v1.redb.zst")).unwrap();
    fs::write(folder.path().join(STORE_FILE), zstd::bulk::decompress(&packed, 64 << 20).unwrap()).unwrap();
    fs::copy(golden_path(KEY_FILE), folder.path().join(KEY_FILE)).unwrap();
    folder
}

#[test]
fn a_store_of_format_1_gives_the_numbers_it_gave() {
    let folder = golden_store();
    let frozen = fs::read_to_string(golden_path("store-v1.txt")).unwrap();
    let token = frozen.lines().next().unwrap().strip_prefix("token ").unwrap();
    let engine = open_in(folder.path());
    assert_eq!(answers(&engine, token), frozen);
    assert_eq!(engine.verify(&|_| {}).unwrap().findings, Vec::<String>::new());

    // What is known is known again: documents by their content, bodies by their key, people by their hash.
    assert_eq!(import(&engine, "logs", "renamed.log", LOG.as_bytes()).accepted, 0);
    assert_eq!(import(&engine, "export", "export.csv", EXPORT.as_bytes()).accepted, 0);
    assert_eq!(push(&engine).accepted, 0);
    assert_eq!(engine.like(&repo(RepoKind::Model, "acme/bert"), "ada", NOW, true).unwrap(), Likes(1));
    engine.rebuild(&|_| {}).unwrap();
    assert_eq!(answers(&engine, token), frozen, "after a rebuild");
    assert_eq!(engine.authenticate("ht_another").unwrap(), Credential::Wrong);
}

fn refusal(folder: &Path) -> String {
    let place = Place::Folder(folder.to_path_buf());
    let opened = Engine::open(&OpenOptions { place, default_public: false, frozen_now: Some(NOW) });
    opened.err().expect("the store is refused").to_string()
}

#[test]
fn a_newer_format_is_refused_with_a_sentence_and_left_alone() {
    let folder = golden_store();
    let fingerprint = |secret: &[u8; 32]| IdentityKey::new(secret).fingerprint();
    let place = Place::Folder(folder.path().to_path_buf());
    let store = Store::open(place, fingerprint, NOW).unwrap();
    let mut record = store.read().unwrap().get(Table::Meta, b"format").unwrap().unwrap();
    assert_eq!(u32::from(record[0]), store::FORMAT_VERSION);
    record[0] = 2;
    let txn = store.write().unwrap();
    txn.put(Table::Meta, b"format", &record).unwrap();
    txn.commit().unwrap();
    drop(store);
    let sentence = "the store has format 2, this program knows up to 1: use the newer hubtally that wrote it";
    assert_eq!(refusal(folder.path()), sentence);
    assert_eq!(refusal(folder.path()), sentence, "again");
}

#[test]
fn a_table_of_a_later_version_is_made_and_a_lost_one_is_missed() {
    for (table, forgotten) in [(Table::RepoHeads, false), (Table::RepoHeads, true)] {
        let folder = golden_store();
        let database = Database::open(folder.path().join(STORE_FILE)).unwrap();
        let raw = |table: Table| TableDefinition::<&[u8], &[u8]>::new(table.name());
        let txn = database.begin_write().unwrap();
        txn.delete_table(raw(table)).unwrap();
        if forgotten {
            let mut meta = txn.open_table(raw(Table::Meta)).unwrap();
            let sealed = meta.get(b"sums".as_slice()).unwrap().unwrap().value().to_vec();
            let configuration = bincode::config::standard();
            type Sums = Vec<(String, u64, u64)>;
            let (mut sums, _): (Sums, _) = bincode::decode_from_slice(&sealed[8..], configuration).unwrap();
            sums.retain(|(name, ..)| name != table.name());
            let sums = bincode::encode_to_vec(sums, configuration).unwrap();
            let checksum = Table::Meta.checksum(b"sums", &sums).to_le_bytes();
            meta.insert(b"sums".as_slice(), [&checksum, sums.as_slice()].concat().as_slice()).unwrap();
        }
        txn.commit().unwrap();
        drop(database);
        if !forgotten {
            let refusal = refusal(folder.path());
            assert!(refusal.contains("repo_heads"), "{refusal}");
            continue;
        }
        let store =
            Store::open(Place::Folder(folder.path().to_path_buf()), |_| IdentityKey::new(&SECRET).fingerprint(), NOW).unwrap();
        assert_eq!(store.read().unwrap().len(table).unwrap(), 0);
    }
}

#[test]
fn another_key_file_is_refused_with_a_sentence() {
    let folder = golden_store();
    let key = folder.path().join(KEY_FILE);
    fs::write(&key, format!("{}\n", hex(&[9; 32]))).unwrap();
    let sentence =
        "secret.key is not the key this store was made with: put the original file back, or start with an empty folder";
    assert_eq!(refusal(folder.path()), sentence);
    fs::write(&key, "not a key").unwrap();
    assert!(refusal(folder.path()).contains("is not 64 hexadecimal digits: put the original file back"));
    fs::remove_file(&key).unwrap();
    assert!(refusal(folder.path()).contains("the store cannot be used without its key file"));
    assert!(!key.exists(), "no new key is made for an old store");
}
