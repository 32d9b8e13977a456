//! The oracle itself, held to examples whose numbers were worked out by hand.

use std::collections::BTreeSet;

use crate::oracle::{Delivery, Fact, Line, Oracle, Repo, Settings, Shape, Source, Trend, World, repo};

/// 2026-06-01, the day of the examples and their today.
const DAY: u64 = 20_605;
const MIDNIGHT: u64 = DAY * 86_400_000;
const NOON: u64 = MIDNIGHT + 43_200_000;
const MINUTE: u64 = 60_000;

fn bert() -> Repo {
    repo("model", "acme/bert")
}

fn document(facts: &[Fact]) -> Delivery {
    Delivery::document("hub", facts.iter().cloned().map(Line::Fact).collect())
}

fn hub(deliveries: &[Delivery]) -> Oracle {
    Oracle::of(&World::of_hub(DAY, deliveries.to_vec()))
}

/// One document's worth of facts.
fn seen(facts: &[Fact]) -> Oracle {
    hub(&[document(facts)])
}

/// Downloads, authenticated, anonymous, files, unique downloaders.
fn figures(oracle: &Oracle, day: u64) -> [u64; 5] {
    let counts = oracle.day(&bert(), day);
    [counts.downloads(), counts.authenticated, counts.anonymous, counts.files, counts.unique_downloaders]
}

#[test]
fn a_session_of_three_files_is_one_download() {
    let facts = [("config.json", 0), ("model.safetensors", 1), ("config.json", 2)];
    let oracle = seen(&facts.map(|(path, minute)| Fact::by_user("ada", NOON + minute * MINUTE).path(path)));
    assert_eq!(figures(&oracle, DAY), [1, 1, 0, 2, 1]);
    assert_eq!(oracle.total(&bert()), 1);
}

#[test]
fn a_pause_of_thirty_minutes_starts_a_session_and_a_millisecond_less_does_not() {
    for (pause, downloads) in [(1_799_999, 1), (1_800_000, 2), (1_800_001, 2)] {
        let oracle = seen(&[Fact::by_user("ada", NOON), Fact::by_user("ada", NOON + pause)]);
        // The same file in two sessions is two files.
        assert_eq!(figures(&oracle, DAY), [downloads, downloads, 0, downloads, 1], "{pause}");
    }
}

#[test]
fn a_session_has_no_longest_length() {
    let facts: Vec<Fact> = (0..10).map(|n| Fact::by_user("ada", NOON + n * 29 * MINUTE)).collect();
    assert_eq!(figures(&seen(&facts), DAY), [1, 1, 0, 1, 1]);
}

#[test]
fn a_session_over_midnight_counts_once_but_its_files_on_both_days() {
    let oracle = seen(&[
        Fact::by_user("ada", MIDNIGHT - 1).path("a"),
        Fact::by_user("ada", MIDNIGHT).path("a"),
        Fact::by_user("ada", MIDNIGHT + MINUTE).path("b"),
    ]);
    assert_eq!(figures(&oracle, DAY - 1), [1, 1, 0, 1, 1]);
    assert_eq!(figures(&oracle, DAY), [0, 0, 0, 2, 1]);
    assert_eq!(oracle.first_day(&bert()), Some(DAY - 1));
    assert_eq!(oracle.uniques(&[bert()].into(), DAY - 1, DAY), 1);
}

#[test]
fn a_late_event_joins_two_sessions_and_the_total_falls() {
    let early = document(&[Fact::by_user("ada", NOON), Fact::by_user("ada", NOON + 40 * MINUTE)]);
    let late = document(&[Fact::by_user("ada", NOON + 20 * MINUTE)]);
    assert_eq!(figures(&hub(std::slice::from_ref(&early)), DAY), [2, 2, 0, 2, 1]);
    assert_eq!(figures(&hub(&[early.clone(), late.clone()]), DAY), [1, 1, 0, 1, 1]);
    let world = World::of_hub(DAY, vec![early, late]);
    assert_eq!(figures(&Oracle::without(&world, 1), DAY), [2, 2, 0, 2, 1]);
}

#[test]
fn a_late_event_before_midnight_moves_the_session_to_the_day_before() {
    let oracle = seen(&[Fact::by_user("ada", MIDNIGHT + MINUTE), Fact::by_user("ada", MIDNIGHT - MINUTE)]);
    assert_eq!(figures(&oracle, DAY - 1), [1, 1, 0, 1, 1]);
    assert_eq!(figures(&oracle, DAY), [0, 0, 0, 1, 1]);
}

#[test]
fn equal_events_add_up_within_a_delivery_and_join_by_maximum_between_them() {
    let fact = Fact::by_user("ada", NOON).without_path();
    let times = |count: usize| document(&vec![fact.clone(); count]);
    for (counts, files) in [(vec![3], 3), (vec![3, 2], 3), (vec![2, 3], 3), (vec![1, 1, 1], 1)] {
        let deliveries: Vec<Delivery> = counts.iter().map(|&count| times(count)).collect();
        assert_eq!(figures(&hub(&deliveries), DAY), [1, 1, 0, files, 1], "{counts:?}");
    }
    // Bodies of one day are deliveries of their own.
    let pushed = |count: usize| Delivery::pushed("hub", DAY, vec![Line::Fact(fact.clone()); count]);
    assert_eq!(figures(&hub(&[pushed(2), pushed(2), times(1)]), DAY), [1, 1, 0, 2, 1]);
    // Ids keep requests apart that are equal in all else.
    let named = |id: &str| Fact { id: Some(id.to_string()), ..fact.clone() };
    assert_eq!(figures(&hub(&[document(&[named("a")]), document(&[named("a"), named("b")])]), DAY), [1, 1, 0, 2, 1]);
}

#[test]
fn files_without_a_path_are_requests_other_than_parts() {
    let facts = [200, 200, 302, 206, 206].map(|status| Fact::by_user("ada", NOON).answer("GET", status).without_path());
    assert_eq!(figures(&seen(&facts), DAY), [1, 1, 0, 3, 1]);
    let parts = [1, 2, 3].map(|second| Fact::by_user("ada", NOON + second).answer("GET", 206));
    assert_eq!(figures(&seen(&parts), DAY), [1, 1, 0, 1, 1]);
}

#[test]
fn a_user_is_one_downloader_and_an_address_one_per_agent() {
    let oracle = seen(&[
        Fact::by_user("ada", NOON).agent("curl/7.88.1", "curl/7.88.1"),
        Fact::by_user("ada", NOON + 1).agent("git/2.47.3", "git"),
        Fact::by_address("203.0.113.7", NOON).agent("curl/7.88.1", "curl/7.88.1"),
        Fact::by_address("203.0.113.7", NOON + 1).agent("git/2.47.3", "git"),
        Fact::by_address("203.0.113.7", NOON + 2).agent("git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)", "git"),
        // A user whose name reads like the address is still a user.
        Fact::by_user("203.0.113.7", NOON),
    ]);
    assert_eq!(figures(&oracle, DAY), [4, 2, 2, 4, 4]);
}

#[test]
fn what_is_counted_depends_on_method_status_and_range() {
    let range = |range: &str, status| Fact { range: Some(range.to_string()), ..Fact::by_user("ada", NOON).answer("GET", status) };
    let get = |status| Fact::by_user("ada", NOON).answer("GET", status);
    let head = |status| Fact::by_user("ada", NOON).answer("HEAD", status);
    for fact in [get(200), get(206), get(302), get(303), get(307), range("bytes=0-1", 206), range("bytes=9-", 302)] {
        assert_eq!(figures(&seen(std::slice::from_ref(&fact)), DAY), [1, 1, 0, 1, 1], "{fact:?}");
    }
    let probes = [head(200), head(302), get(304), range("bytes=0-0", 206), range("bytes=0-0", 302)];
    let skipped = [get(404), get(301), get(308), get(204), get(500), head(404)];
    for fact in probes.into_iter().chain(skipped) {
        let oracle = seen(std::slice::from_ref(&fact));
        assert_eq!(figures(&oracle, DAY), [0; 5], "{fact:?}");
        assert!(oracle.named.is_empty(), "{fact:?}");
    }
}

/// A world of two sources that differ in how they are read.
fn two_sources(first: &[Fact], second: &[Fact], settings: Settings) -> Oracle {
    let lines = second.iter().cloned().map(Line::Fact).collect();
    let mut world = World::of_hub(DAY, vec![document(first), Delivery::document("mirror", lines)]);
    world.sources.insert("mirror".to_string(), Source { shape: Shape::Events, settings });
    Oracle::of(&world)
}

#[test]
fn redirects_are_read_as_their_source_says() {
    let head = [Fact::by_user("ada", NOON).answer("HEAD", 302)];
    let get = [Fact::by_user("ada", NOON).answer("GET", 302)];
    let ignoring = Settings { redirects_ignore: true, ..Settings::default() };
    let counting = Settings { head_redirect_handoff: true, ..Settings::default() };
    assert_eq!(figures(&two_sources(&head, &head, counting), DAY), [1, 1, 0, 1, 1]);
    assert_eq!(figures(&two_sources(&[], &get, ignoring), DAY), [0; 5]);
    assert_eq!(figures(&two_sources(&get, &get, ignoring), DAY), [1, 1, 0, 1, 1]);
}

#[test]
fn sessions_span_sources_but_events_do_not() {
    let at = |minute: u64| Fact::by_user("ada", NOON + minute * MINUTE).without_path();
    let oracle = two_sources(&[at(0), at(40)], &[at(0), at(20)], Settings::default());
    // Minutes 0, 20 and 40 are one session. The two events of minute 0 are two requests, one of each source.
    assert_eq!(figures(&oracle, DAY), [1, 1, 0, 4, 1]);
}

#[test]
fn only_bytes_for_nobody_in_particular_prove_a_repo_public_and_only_where_users_are_known() {
    let anonymous = Fact::by_address("203.0.113.7", NOON);
    let public = |oracle: &Oracle| oracle.public.contains(&bert());
    assert!(public(&seen(std::slice::from_ref(&anonymous))));
    assert!(!public(&seen(&[Fact::by_user("ada", NOON)])));
    assert!(!public(&seen(&[anonymous.clone().answer("GET", 302)])));
    assert!(!public(&seen(&[anonymous.clone().answer("HEAD", 200)])));
    assert!(!public(&seen(&[Fact { range: Some("bytes=0-0".to_string()), ..anonymous.clone().answer("GET", 206) }])));
    assert!(!public(&two_sources(&[], &[anonymous], Settings::default())));
}

#[test]
fn days_to_come_do_not_count_yet() {
    let facts =
        [Fact::by_user("ada", MIDNIGHT + 86_400_000 - 1).path("a"), Fact::by_user("ada", MIDNIGHT + 86_400_000).path("b")];
    let oracle = seen(&facts);
    assert_eq!(figures(&oracle, DAY), [1, 1, 0, 1, 1]);
    assert_eq!(figures(&oracle, DAY + 1), [0; 5]);
    let tomorrow = Oracle::of(&World { today: DAY + 1, ..World::of_hub(DAY, vec![document(&facts)]) });
    assert_eq!(figures(&tomorrow, DAY + 1), [0, 0, 0, 1, 1]);
    let only_tomorrow = seen(&facts[1..]);
    assert!(only_tomorrow.repos().is_empty());
    assert!(only_tomorrow.named.contains(&bert()));
}

#[test]
fn trending_is_by_recent_then_all_time_downloads_then_id() {
    let visit = |id: &str, user: &str, days_ago: u64| Fact::by_user(user, NOON - days_ago * 86_400_000).of(repo("model", id));
    let oracle = seen(&[
        visit("b/old", "ada", 0),
        visit("b/old", "ada", 7),
        visit("c/new", "ada", 0),
        visit("a/new", "ada", 6),
        visit("z/busy", "ada", 0),
        visit("z/busy", "bob", 0),
        visit("d/gone", "ada", 7),
        visit("a/new", "ada", 6).of(repo("dataset", "a/new")),
    ]);
    let ids = |days, kind, limit| {
        let trends = oracle.trending(days, kind, limit).into_iter();
        trends.map(|Trend { repo, downloads, recent_downloads }| (repo.1, downloads, recent_downloads)).collect::<Vec<_>>()
    };
    let row = |id: &str, downloads, recent| (id.to_string(), downloads, recent);
    let models = [row("z/busy", 2, 2), row("b/old", 2, 1), row("a/new", 1, 1), row("c/new", 1, 1)];
    assert_eq!(ids(7, Some("model"), 20), models);
    assert_eq!(ids(7, Some("model"), 2), models[..2]);
    assert_eq!(ids(7, None, 20).len(), 5);
    assert_eq!(oracle.trending(8, Some("model"), 20)[1].recent_downloads, 2);
    assert_eq!(oracle.repos_of("a"), BTreeSet::from([repo("dataset", "a/new"), repo("model", "a/new")]));
    // Everything is by two people.
    assert_eq!(oracle.uniques(&oracle.repos(), 0, DAY), 2);
    assert_eq!(oracle.uniques(&oracle.repos(), 0, DAY - 1), 1);
}

#[test]
fn a_grown_file_is_taken_back_with_its_beginnings_and_pushes_by_day() {
    let fact = |minute| Fact::by_user("ada", NOON + minute * MINUTE);
    let deliveries = vec![
        document(&[fact(0)]),
        document(&[fact(0), fact(60)]),
        document(&[fact(60)]),
        Delivery::pushed("hub", DAY, vec![Line::Fact(fact(120))]),
        Delivery::pushed("hub", DAY, vec![Line::Fact(fact(180))]),
        Delivery::pushed("hub", DAY + 1, vec![Line::Fact(fact(180)), Line::Fact(fact(240))]),
    ];
    let world = World::of_hub(DAY, deliveries);
    assert_eq!(figures(&Oracle::of(&world), DAY)[0], 5);
    assert_eq!(world.taken_with(0), BTreeSet::from([0, 1]));
    assert_eq!(figures(&Oracle::without(&world, 0), DAY)[0], 4);
    assert_eq!(world.taken_with(3), BTreeSet::from([3, 4]));
    assert_eq!(figures(&Oracle::without(&world, 3), DAY)[0], 4);
}

#[test]
fn the_table_reads_like_a_specification() {
    let oracle = seen(&[
        Fact::by_user("ada", MIDNIGHT - 1),
        Fact::by_address("203.0.113.7", MIDNIGHT),
        Fact::by_user("ada", MIDNIGHT + 86_400_000).of(repo("dataset", "squad")),
    ]);
    let table = "\
today 2026-06-01
day        type    repo           downloads authenticated anonymous files unique
2026-05-31 model   acme/bert              1             1         0     1      1
2026-06-01 model   acme/bert              1             0         1     1      1
all days   dataset squad                  0                                    0
all days   model   acme/bert              2                        public      2
";
    assert_eq!(oracle.table(), table);
}
