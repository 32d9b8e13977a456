//! Breakdowns, filters and the table of repos are the oracle's, in every world of the laws.

use std::collections::{BTreeMap, BTreeSet};

use hubtally::classify::ClientClass;
use hubtally::model::{Audience, Caller, Country, Day, DayRange};
use hubtally::query::{Breakdown, Dimension, Filter, Scope, TableCursor, TableQuestion, TableRow, TableSort, View, Window};

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
    for (chosen, filter) in [(Chosen::default(), Filter::default()), any_choice(random)] {
        for (word, by) in Dimension::ALL {
            let found = view.breakdown(scope, range, by, &filter, &admin).unwrap().unwrap();
            let expected = match by {
                Dimension::Kind => oracle.kinds(repos, from, to),
                _ => oracle.breakdown(word, repos, from, to, &chosen),
            };
            assert_eq!(rows(&found), expected, "{when}: {scope:?} {from}..{to} by {word}, {chosen:?}");
            assert_eq!(found.total, expected.values().sum::<u64>(), "{when}: {scope:?} by {word}");
        }
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
