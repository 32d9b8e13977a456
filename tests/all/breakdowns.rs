//! Breakdowns, filters and the table of repos are the oracle's, in every world of the laws.

use std::collections::{BTreeMap, BTreeSet};

use hubtally::classify::ClientClass;
use hubtally::model::{Audience, Caller, Country, Day, DayRange};
use hubtally::query::{
    Breakdown, Dimension, Filter, Interval, QueryError, Rule, Scope, TableCursor, TableQuestion, TableRow, TableSort, View,
    Window,
};

use crate::laws::key;
use crate::oracle::{Chosen, Key, Oracle, Random, Repo};

fn rows(breakdown: &Breakdown) -> BTreeMap<Key, u64> {
    let filled = breakdown.rows.iter().filter(|row| row.count > 0);
    filled.map(|row| ((row.key.clone(), row.of.clone()), row.count)).collect()
}

fn any_choice(random: &mut Random) -> (Chosen, Filter) {
    let user = random.chance(30).then(|| random.chance(50));
    let class = random.chance(30).then(|| random.pick(&["library", "tool", "browser"]));
    let country = random.chance(30).then(|| random.pick(&["DE", "FR"]));
    let audience = |user| if user { Audience::Authenticated } else { Audience::Anonymous };
    let filter = Filter {
        audience: user.map(audience),
        class: class.map(|class| ClientClass::from_word(class).unwrap()),
        country: country.map(Country::parse),
    };
    (Chosen { user, class, country }, filter)
}

/// The repos of a scope with those that were only looked at and exist because the catalog names them: under these rules a
/// look is as good as a download.
fn with_listed(view: &View<'_>, oracle: &Oracle, scope: &Scope, repos: &BTreeSet<Repo>) -> BTreeSet<Repo> {
    let exists = |repo: &&Repo| {
        let number = view.repo(&key(repo), &Caller::admin()).unwrap();
        number.is_some_and(|number| view.key(number).unwrap() == key(repo))
    };
    let is_asked = |(_, id): &&Repo| match scope {
        Scope::Org(org) => id.split_once('/').is_some_and(|(namespace, _)| namespace == org.as_str()),
        _ => *scope == Scope::Hub,
    };
    let looked_at = oracle.requests.iter().map(|request| &request.repo).filter(is_asked).filter(exists);
    repos.iter().chain(looked_at).cloned().collect()
}

/// Compares what a scope is made of over a range of days with the oracle.
pub fn compare(
    view: &View<'_>,
    oracle: &Oracle,
    scope: &Scope,
    repos: &BTreeSet<Repo>,
    (from, to): (u64, u64),
    random: &mut Random,
    when: &str,
) {
    if repos.is_empty() {
        return;
    }
    let day = |day: u64| Day(u16::try_from(day).unwrap());
    let range = DayRange { first: day(from), last: day(to) };
    let admin = Caller::admin();
    let by_rule = |rule: Rule| {
        let rows = view.series_by_rule(scope, range, Interval::Week, rule, &Filter::default(), &admin).unwrap().unwrap();
        rows.iter().map(|row| row.counts.downloads().0).sum::<u64>()
    };
    let found = (by_rule(Rule::Requests), by_rule(Rule::QuarterHour), by_rule(Rule::ClockHour));
    assert_eq!(found, oracle.by_other_rules(repos, from, to), "{when}: {scope:?} {from}..{to} by other rules");
    for (chosen, filter) in [(Chosen::default(), Filter::default()), any_choice(random)] {
        let by_hub_rule = |rule: Rule| match view.series_by_rule(scope, range, Interval::Month, rule, &filter, &admin) {
            Ok(rows) => Some(rows.unwrap().iter().map(|row| row.counts.downloads().0).sum::<u64>()),
            Err(QueryError::NotComputable(lacking)) => {
                assert!(lacking.rule == rule && !lacking.sources.is_empty(), "{when}: {lacking}");
                None
            }
            Err(error) => panic!("{when}: {error}"),
        };
        let found = (by_hub_rule(Rule::HfModel), by_hub_rule(Rule::HfDataset));
        let expected = oracle.by_hub_rules(&with_listed(view, oracle, scope, repos), from, to, &chosen);
        assert_eq!(found, expected, "{when}: {scope:?} {from}..{to} by hub rules, {chosen:?}");
        for (word, by) in Dimension::ALL {
            let found = view.breakdown(scope, range, by, &filter, &admin).unwrap().unwrap();
            let expected = match by {
                Dimension::Kind => oracle.kinds(repos, from, to),
                Dimension::File => oracle.files_by_path(repos, from, to),
                _ => oracle.breakdown(word, repos, from, to, &chosen),
            };
            assert_eq!(rows(&found), expected, "{when}: {scope:?} {from}..{to} by {word}, {chosen:?}");
            assert_eq!(found.total, expected.values().sum::<u64>(), "{when}: {scope:?} by {word}");
        }
        let reach = view.reach(scope, range, &filter, &admin).unwrap().unwrap();
        let expected = oracle.reach(repos, from, to, &chosen);
        assert_eq!((reach.floor.0, reach.ceiling.0), expected, "{when}: {scope:?} {from}..{to} reach of {chosen:?}");
        let series = view.filtered_series(scope, range, Interval::Week, false, &filter, &admin).unwrap().unwrap();
        let users = |user: bool| {
            let both =
                Chosen { user: chosen.user.or(Some(user)).filter(|_| chosen.user.is_none_or(|of| of == user)), ..chosen.clone() };
            if both.user.is_none() { 0 } else { oracle.breakdown("source", repos, from, to, &both).values().sum::<u64>() }
        };
        let sums =
            (series.iter().map(|row| row.counts.authenticated.0).sum(), series.iter().map(|row| row.counts.anonymous.0).sum());
        assert_eq!(sums, (users(true), users(false)), "{when}: {scope:?} series of {chosen:?}");
    }
}

/// Compares who came back, and whom two scopes share, with the oracle.
pub fn compare_sets(view: &View<'_>, oracle: &Oracle, scopes: &[(Scope, BTreeSet<Repo>)], random: &mut Random, when: &str) {
    let day = |day: u64| Day(u16::try_from(day).unwrap());
    let admin = Caller::admin();
    let from = oracle.today - random.below(5);
    let range = DayRange { first: day(from), last: day(oracle.today) };
    for (scope, repos) in scopes {
        for interval in [Interval::Day, Interval::Week, Interval::Month] {
            for cohort in view.cohorts(scope, range, interval, &admin).unwrap().unwrap() {
                let (first, last) = (u64::from(cohort.range.first.0), u64::from(cohort.range.last.0));
                let expected = oracle.new_and_returning(repos, first, last);
                assert_eq!((cohort.new.0, cohort.returning.0), expected, "{when}: {scope:?} {first}..{last}");
                assert_eq!(cohort.unique_downloaders.0, expected.0 + expected.1, "{when}");
            }
        }
        let (other, others) = random.pick(scopes);
        let overlap = view.overlap(scope, &other, range, &admin).unwrap().unwrap();
        let expected = oracle.overlap(repos, &others, from, oracle.today);
        let found = (overlap.intersection.0, overlap.only_a.0, overlap.only_b.0);
        assert_eq!(found, expected, "{when}: {scope:?} and {other:?} {from}..");
        assert_eq!(overlap.union.0, found.0 + found.1 + found.2, "{when}");
        assert_eq!((overlap.a.0, overlap.b.0), (found.0 + found.1, found.0 + found.2), "{when}");
    }
}

/// Reads the table of a scope page by page in a random order and compares every row with the oracle.
pub fn compare_table(view: &View<'_>, oracle: &Oracle, scope: &Scope, repos: &BTreeSet<Repo>, random: &mut Random, when: &str) {
    if repos.is_empty() {
        return;
    }
    let sorts = [
        TableSort::Window,
        TableSort::Downloads,
        TableSort::Recent,
        TableSort::Likes,
        TableSort::UniqueDownloaders,
        TableSort::Name,
    ];
    let search = random.pick(&["", "", "A", "bert", "nothing-like-it"]).to_owned();
    let window = random.pick(&[Window::Month, Window::All]);
    let limit = 1 + random.index(3);
    let mut ask = TableQuestion { window, sort: random.pick(&sorts), search: search.clone(), limit, cursor: None };
    let mut rows: Vec<TableRow> = Vec::new();
    loop {
        let page = view.repo_table(scope, &ask, &Caller::admin()).unwrap().unwrap();
        assert!(page.rows.len() <= limit, "{when}");
        rows.extend(page.rows);
        let Some(next) = page.next else { break };
        ask.cursor = TableCursor::parse(&next.to_string());
        assert!(ask.cursor.is_some(), "{when}: {next} is no cursor");
    }
    let found: BTreeSet<Repo> =
        rows.iter().map(|row| (row.repo.kind.word().to_owned(), row.repo.name.as_str().to_owned())).collect();
    let expected: BTreeSet<Repo> =
        repos.iter().filter(|(_, id)| id.to_lowercase().contains(&search.to_lowercase())).cloned().collect();
    // Repos that only the catalog names are there too.
    assert!(found.is_superset(&expected) && found.len() == rows.len(), "{when}: {scope:?} {ask:?}");
    let first = if window == Window::Month { oracle.today - 29 } else { 0 };
    let mut values = Vec::new();
    for row in &rows {
        let repo = (row.repo.kind.word().to_owned(), row.repo.name.as_str().to_owned());
        let of = |first: u64| (first..=oracle.today).map(|day| oracle.day(&repo, day).downloads()).sum::<u64>();
        assert_eq!((row.downloads.0, row.recent.0), (oracle.total(&repo), of(oracle.today - 29)), "{when}: {repo:?}");
        let uniques = oracle.uniques(&[repo.clone()].into(), first, oracle.today);
        assert_eq!(row.unique_downloaders.0, uniques, "{when}: {repo:?}");
        let drawn = row.sparkline.iter().map(|downloads| downloads.0).sum::<u64>();
        assert_eq!(drawn, if window == Window::Month { row.recent.0 } else { row.downloads.0 }, "{when}: {repo:?}");
        values.push(match ask.sort {
            TableSort::Window => drawn,
            TableSort::Downloads => row.downloads.0,
            TableSort::Recent => row.recent.0,
            TableSort::UniqueDownloaders => uniques,
            TableSort::Likes | TableSort::Name => 0,
        });
    }
    assert!(values.is_sorted_by(|a, b| a >= b), "{when}: {ask:?} {values:?}");
}
