//! The lists that hubs' clients read, against the oracle: every repo once, in order, page by page, with its figures.

use hubtally::model::{Caller, RepoKind};
use hubtally::query::{CardOrder, CardQuery, View};

use crate::oracle::{Oracle, Random};

/// What a card tells of a repo, and its place in a list.
type Told = (String, u64, u64, u64);

/// Follows one list of each type to its end.
pub fn compare(view: &View<'_>, oracle: &Oracle, random: &mut Random, when: &str) {
    for kind in RepoKind::ALL {
        let order = random.pick(&[CardOrder::Downloads, CardOrder::DownloadsAllTime, CardOrder::Trending]);
        let ascending = random.chance(30);
        let last_days = |repo: &(String, String), days: u64| -> u64 {
            (oracle.today + 1 - days..=oracle.today).map(|day| oracle.day(repo, day).downloads()).sum()
        };
        let repos = oracle.repos().into_iter().filter(|(of, _)| of == kind.word());
        let mut expected: Vec<Told> =
            repos.map(|repo| (repo.1.clone(), last_days(&repo, 30), last_days(&repo, 7), oracle.total(&repo))).collect();
        expected.sort_by(|a, b| {
            let value = |told: &Told| match order {
                CardOrder::Downloads => told.1,
                CardOrder::Trending => told.2,
                _ => told.3,
            };
            let by_value = if ascending { value(a).cmp(&value(b)) } else { value(b).cmp(&value(a)) };
            by_value.then(a.0.cmp(&b.0))
        });
        let mut asked = CardQuery {
            kind,
            order,
            ascending,
            org: None,
            search: String::new(),
            libraries: Vec::new(),
            after: None,
            limit: 1 + random.index(3),
        };
        let mut found: Vec<Told> = Vec::new();
        loop {
            let (cards, next) = view.cards(&asked, &Caller::admin()).unwrap();
            assert!(cards.len() <= asked.limit, "{when}");
            found.extend(
                cards.into_iter().map(|card| {
                    (card.repo.name.as_str().to_owned(), card.downloads.0, card.trending.0, card.downloads_all_time.0)
                }),
            );
            match next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
        }
        // What only the catalog names is listed too, with zeros; the oracle knows events alone.
        found.retain(|told| told.3 > 0 || expected.contains(told));
        assert_eq!(found, expected, "{when}: {order:?} {kind:?}");
    }
}
