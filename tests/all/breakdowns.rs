//! Breakdowns, filters and the table of repos are the oracle's, in every world of the laws.

use std::collections::{BTreeMap, BTreeSet};

use hubtally::classify::ClientClass;
use hubtally::model::{Audience, Caller, Country, Day, DayRange};
use hubtally::query::{Breakdown, Dimension, Filter, Scope, View};

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
