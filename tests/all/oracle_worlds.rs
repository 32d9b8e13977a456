//! Random worlds: the laws hold for the oracle, and the worlds are as nasty as they are meant to be.

use std::collections::BTreeMap;

use crate::oracle::{Delivery, Fact, Git, Kind, Line, Oracle, Shape, World};

const WORLDS: u64 = 500;

#[test]
fn neither_order_nor_growth_nor_repetition_changes_a_number() {
    for seed in 0..WORLDS {
        let world = World::random(seed);
        assert_eq!(world, World::random(seed));
        let table = Oracle::of(&world).table();
        assert_eq!(Oracle::of(&world.permuted(seed)).table(), table, "seed {seed}");
        assert_eq!(Oracle::of(&world.split(seed)).table(), table, "seed {seed}");
        assert_eq!(Oracle::of(&world.split(seed).permuted(seed)).table(), table, "seed {seed}");
        let twice = World { deliveries: [world.deliveries.clone(), world.deliveries.clone()].concat(), ..world.clone() };
        assert_eq!(Oracle::of(&twice).table(), table, "seed {seed}");
        // A delivery that was repeated or split is taken back in all its copies and parts.
        let without = Oracle::without(&world, 0).table();
        assert_eq!(Oracle::without(&twice, world.deliveries.len()).table(), without, "seed {seed}");
    }
}

#[test]
fn a_split_world_grows_its_documents_and_ends_with_them_whole() {
    for seed in 0..WORLDS {
        let (world, split) = (World::random(seed), World::random(seed).split(seed));
        assert!(world.deliveries.iter().all(|delivery| split.deliveries.contains(delivery)), "seed {seed}");
        let pushes = |world: &World| world.deliveries.iter().filter(|delivery| delivery.kind != Kind::Document).count();
        assert_eq!(pushes(&world), pushes(&split), "seed {seed}");
    }
}

#[test]
fn every_delivery_renders_in_the_format_of_its_source_line_by_line() {
    for seed in 0..WORLDS {
        let world = World::random(seed);
        for (index, delivery) in world.deliveries.iter().enumerate() {
            let (shape, bytes) = world.render(index);
            let header = usize::from(shape == Shape::HfExport);
            let newlines = bytes.iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(newlines, delivery.lines.len() + header, "seed {seed}");
            assert_eq!(delivery.as_events().split(|&byte| byte == b'\n').count(), delivery.lines.len() + 1);
            assert!(delivery.broken_lines() <= delivery.lines.len());
            // A file that grows keeps its beginning to the byte.
            let mut grown = world.clone();
            grown.deliveries[index].lines.extend(delivery.lines.clone());
            assert!(grown.render(index).1.starts_with(&bytes), "seed {seed}");
        }
    }
}

#[test]
fn formats_carry_what_they_can_and_refuse_the_rest() {
    let rendered = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).unwrap());
    let of = |fact: Fact| Delivery::document("hub", vec![Line::Fact(fact)]);
    let with_path = of(Fact::by_address("203.0.113.8", 1_780_000_000_000).path("a b.bin").agent("curl/7.88.1", "curl/7.88.1"));
    let line = r#"203.0.113.8 - - [28/May/2026:20:26:40 +0000] "GET /acme/bert/resolve/main/a%20b.bin HTTP/1.1" 200 - "-" "curl/7.88.1""#;
    assert_eq!(rendered(with_path.as_combined()), Some(format!("{line}\n")));
    assert_eq!(with_path.as_hf_export(), None);
    let event = r#"{"ip":"203.0.113.8","method":"GET","path":"a b.bin","repo":"acme/bert","repo_type":"model","status":200,"ts":1780000000000,"user_agent":"curl/7.88.1"}"#;
    assert_eq!(rendered(Some(with_path.as_events())), Some(format!("{event}\n")));
    let by_user = Fact { ip: None, address: None, ..Fact::by_user("ada", 1_780_000_000_001).without_path() };
    let by_user = of(by_user);
    assert_eq!(by_user.as_combined(), None);
    let line = "2026-05-28T20:26:40.001Z,200,GET,acme/bert,model,e70bc0190530e13b2c79a8fdd553b407,,,,\"\"\n";
    assert!(rendered(by_user.as_hf_export()).unwrap().ends_with(line), "{:?}", rendered(by_user.as_hf_export()));
}

/// How many worlds have each hazard.
fn hazards(world: &World, seen: &mut BTreeMap<&'static str, u64>) {
    let oracle = Oracle::of(world);
    let facts = |delivery: &Delivery| -> Vec<Fact> {
        let facts = delivery.lines.iter().filter_map(|line| if let Line::Fact(fact) = line { Some(fact.clone()) } else { None });
        facts.collect()
    };
    let all: Vec<Fact> = world.deliveries.iter().flat_map(facts).collect();
    let same_downloader = |a: &Fact, b: &Fact| {
        let one_user = a.user.is_some() && a.user == b.user;
        let one_address =
            a.user.is_none() && b.user.is_none() && (&a.address, &a.agent_identity) == (&b.address, &b.agent_identity);
        a.repo() == b.repo() && (one_user || one_address)
    };
    let pause = |ms: u64| all.iter().any(|a| all.iter().any(|b| same_downloader(a, b) && a.time_ms + ms == b.time_ms));
    let over_midnight = oracle.days.values().any(|counts| counts.downloads() < counts.unique_downloaders);
    let equal_pushes =
        |a: usize, b: usize| a != b && world.deliveries[a] == world.deliveries[b] && world.deliveries[a].kind != Kind::Document;
    let indices = 0..world.deliveries.len();
    let total = |oracle: &Oracle| oracle.repos().iter().map(|repo| oracle.total(repo)).sum::<u64>();
    let joins_sessions = indices.clone().any(|index| total(&Oracle::without(world, index)) > total(&oracle));
    let without_repeats = |delivery: &Delivery| {
        let first = |(position, line): &(usize, &Line)| !delivery.lines[..*position].contains(line);
        let lines = delivery.lines.iter().enumerate().filter(first).map(|(_, line)| line.clone());
        Delivery { lines: lines.collect(), ..delivery.clone() }
    };
    let once = World { deliveries: world.deliveries.iter().map(without_repeats).collect(), ..world.clone() };
    let counts_twice = Oracle::of(&once).table() != oracle.table();
    let told = |delivery: &Delivery| facts(delivery).into_iter().map(|fact| (delivery.source.clone(), fact)).collect::<Vec<_>>();
    let told: Vec<(String, Fact)> = world.deliveries.iter().flat_map(told).collect();
    let body = |fact: &Fact| fact.method == "GET" && fact.status == 200;
    let over_sources = told.iter().any(|(here, a)| {
        let near = |b: &Fact| same_downloader(a, b) && a.time_ms.abs_diff(b.time_ms) < 1_800_000 && body(a) && body(b);
        told.iter().any(|(there, b)| here != there && near(b))
    });
    let mut note = |hazard, is_there: bool| *seen.entry(hazard).or_default() += u64::from(is_there);
    note("a delivery that joins sessions", joins_sessions);
    note("a request made twice", counts_twice);
    note("a session over two sources", over_sources);
    note("a pause just too short", pause(1_799_999));
    note("a pause just long enough", pause(1_800_000));
    note("a pause just longer", pause(1_800_001));
    note("a session over midnight", over_midnight);
    note("several sources", world.sources.len() > 1);
    note("a day to come", all.iter().any(|fact| fact.day() > world.today));
    note("only days to come", oracle.named != oracle.repos());
    note("a grown or copied document", indices.clone().any(|index| world.taken_with(index).len() > 1));
    note("a retried body", indices.clone().any(|a| indices.clone().any(|b| equal_pushes(a, b))));
    note("a delivery that matters", indices.clone().any(|index| Oracle::without(world, index).table() != oracle.table()));
    note(
        "one user with two agents",
        all.iter().any(|a| all.iter().any(|b| a.user.is_some() && a.user == b.user && a.agent_identity != b.agent_identity)),
    );
    note("two spellings of an address", all.iter().any(|a| all.iter().any(|b| a.address == b.address && a.ip != b.ip)));
    note("nobody at all", all.iter().any(|fact| fact.user.is_none() && fact.ip.is_none()));
    note("a probe", all.iter().any(|fact| fact.method == "HEAD" || fact.range.as_deref() == Some("bytes=0-0")));
    note("a broken line", world.deliveries.iter().any(|delivery| delivery.broken_lines() > 0));
    note("a public repo", !oracle.public.is_empty());
    note("a repo not proven public", oracle.public != oracle.named);
    note("ignored redirects", world.sources.values().any(|source| source.settings.redirects_ignore));
    note("counted heads", world.sources.values().any(|source| source.settings.head_redirect_handoff));
    let is_post = |fact: &&Fact| matches!(fact.git, Some(Git::UploadPack { .. }));
    let posts: Vec<&Fact> = all.iter().filter(is_post).collect();
    let post_pause =
        |ms: u64| posts.iter().any(|a| posts.iter().any(|b| a != b && same_downloader(a, b) && a.time_ms + ms == b.time_ms));
    let without_posts = |delivery: &Delivery| {
        let lines = delivery.lines.iter().filter(|line| !matches!(line, Line::Fact(fact) if fact.git.is_some()));
        Delivery { lines: lines.cloned().collect(), ..delivery.clone() }
    };
    let unasked = World { deliveries: world.deliveries.iter().map(without_posts).collect(), ..world.clone() };
    note("a fetch that counts", Oracle::of(&unasked).table() != oracle.table());
    note("POSTs of git at one instant", post_pause(0));
    note("POSTs of git just within a minute", post_pause(59_999));
    note("POSTs of git just a minute apart", post_pause(60_000));
    note("a fetch without a listing", posts.iter().any(|fact| fact.git == Some(Git::UploadPack { version: Some(0) })));
    note("a batch of LFS", all.iter().any(|fact| fact.git == Some(Git::LfsBatch)));
    note("requests without a path", all.iter().any(|fact| fact.path.is_none() && fact.status == 200));
}

#[test]
fn worlds_hit_their_hazards() {
    let mut seen = BTreeMap::new();
    for seed in 0..WORLDS {
        hazards(&World::random(seed), &mut seen);
    }
    for (hazard, worlds) in &seen {
        assert!(*worlds > WORLDS / 50, "{hazard}: in {worlds} of {WORLDS} worlds\n{seen:#?}");
    }
    println!("{seen:#?}");
}
