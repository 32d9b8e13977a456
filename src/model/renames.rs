//! Renamed repos: under which of a hub's names an event is read, whatever the order in which events and catalog came in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Millis, RepoNumber};

/// Later than every event.
const FOR_EVER: Millis = Millis(i64::MAX);

/// By old name: until when it is the name of what, without regard to what became of that, ascending.
type Direct = BTreeMap<RepoNumber, Vec<(Millis, RepoNumber)>>;

/// One line of the catalog: events of `from` before `until` are events of `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rename {
    pub from: RepoNumber,
    pub to: RepoNumber,
    /// `None`: all events, however late.
    pub until: Option<Millis>,
    /// Whether a listing of `from` is of the repo before it was renamed, not of a new repo that took the name.
    pub supersedes_listing: bool,
}

/// All renames of a hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// By old name: until when it is read as what, ascending; of several renames at one instant the first told.
    readings: BTreeMap<RepoNumber, Vec<(Millis, RepoNumber)>>,
    superseded: BTreeSet<RepoNumber>,
}

impl Renames {
    /// Renames in an order that does not depend on when they were told; it decides between two of one instant.
    #[must_use]
    pub fn new(renames: &[Rename]) -> Renames {
        let mut direct = Direct::new();
        for rename in renames.iter().filter(|rename| rename.from != rename.to) {
            direct.entry(rename.from).or_default().push((rename.until.unwrap_or(FOR_EVER), rename.to));
        }
        direct.values_mut().for_each(|steps| steps.sort_by_key(|(until, _)| *until));
        let readings = direct.keys().map(|from| (*from, readings(&direct, *from))).filter(|(_, all)| !all.is_empty()).collect();
        let superseded = renames.iter().filter(|rename| rename.supersedes_listing).map(|rename| rename.from).collect();
        Renames { readings, superseded }
    }

    /// Whether nothing was renamed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    /// The repo that an event of this repo at this time is an event of.
    #[must_use]
    pub fn read_as(&self, repo: RepoNumber, time: Millis) -> RepoNumber {
        let reading = self.readings.get(&repo).and_then(|all| all.iter().find(|(until, _)| time < *until));
        reading.map_or(repo, |(_, to)| *to)
    }

    /// The old names.
    pub fn old(&self) -> impl Iterator<Item = RepoNumber> {
        self.readings.keys().copied()
    }

    /// Whether some events of this name are read under another one.
    #[must_use]
    pub fn is_old(&self, repo: RepoNumber) -> bool {
        self.readings.contains_key(&repo)
    }

    /// The old names of which some events are read as one of these repos.
    pub fn old_of<'a>(&'a self, repos: &'a BTreeSet<RepoNumber>) -> impl Iterator<Item = RepoNumber> + 'a {
        let leads = |all: &[(Millis, RepoNumber)]| all.iter().any(|(_, to)| repos.contains(to));
        self.readings.iter().filter(move |(_, all)| leads(all)).map(|(from, _)| *from)
    }

    /// What a repo is called now that had this name.
    #[must_use]
    pub fn name_now(&self, old: RepoNumber) -> Option<RepoNumber> {
        self.readings.get(&old).and_then(|all| all.last()).map(|(_, to)| *to)
    }

    /// Whether the catalog's listing of this name is of a repo that has another name now.
    #[must_use]
    pub fn supersedes(&self, repo: RepoNumber) -> bool {
        self.superseded.contains(&repo)
    }

    /// The old names that are read otherwise than in `other`.
    #[must_use]
    pub fn differing(&self, other: &Renames) -> BTreeSet<RepoNumber> {
        let all = self.readings.keys().chain(other.readings.keys());
        all.filter(|repo| self.readings.get(repo) != other.readings.get(repo)).copied().collect()
    }

    /// Bytes that differ where readings differ, for a checksum.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let readings = self.readings.iter().flat_map(|(from, all)| all.iter().map(move |(until, to)| (from, until, to)));
        readings
            .flat_map(|(from, until, to)| from.0.to_le_bytes().into_iter().chain(until.0.to_le_bytes()).chain(to.0.to_le_bytes()))
            .collect()
    }
}

/// Until when events of one old name are read as what, following renames of renamed repos.
fn readings(direct: &Direct, from: RepoNumber) -> Vec<(Millis, RepoNumber)> {
    let mut names = BTreeSet::from([from]);
    let mut open = vec![from];
    let mut instants = BTreeSet::new();
    while let Some(name) = open.pop() {
        for (until, to) in direct.get(&name).into_iter().flatten() {
            instants.insert(*until);
            if names.insert(*to) {
                open.push(*to);
            }
        }
    }
    let mut all: Vec<(Millis, RepoNumber)> = Vec::new();
    let mut since = Millis(i64::MIN);
    for until in instants {
        let to = followed(direct, from, since);
        match all.last_mut() {
            Some((last_until, last)) if *last == to => *last_until = until,
            _ => all.push((until, to)),
        }
        since = until;
    }
    if all.last().is_some_and(|(_, to)| *to == from) {
        all.pop();
    }
    all
}

/// What a repo that is called `name` at `time` is called in the end. Steps go forward in time; a rename without an instant
/// takes none, and a circle of these leads back to where it began.
fn followed(direct: &Direct, name: RepoNumber, time: Millis) -> RepoNumber {
    let (mut name, mut time) = (name, time);
    let mut passed = BTreeSet::from([(name, time)]);
    loop {
        let next = direct.get(&name).and_then(|steps| steps.iter().find(|(until, _)| *until > time));
        let Some((until, to)) = next else { return name };
        name = *to;
        if *until != FOR_EVER {
            time = *until;
        }
        if !passed.insert((name, time)) {
            return name;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renames(all: &[(u32, u32, Option<i64>)]) -> Renames {
        let rename = |(from, to, until): &(u32, u32, Option<i64>)| Rename {
            from: RepoNumber(*from),
            to: RepoNumber(*to),
            until: until.map(Millis),
            supersedes_listing: false,
        };
        Renames::new(&all.iter().map(rename).collect::<Vec<_>>())
    }

    fn read(all: &[(u32, u32, Option<i64>)], repo: u32, time: i64) -> u32 {
        renames(all).read_as(RepoNumber(repo), Millis(time)).0
    }

    #[test]
    fn events_before_the_instant_are_read_under_the_new_name() {
        let once = [(1, 2, Some(10))];
        assert_eq!([read(&once, 1, 9), read(&once, 1, 10), read(&once, 2, 9)], [2, 1, 2]);
        let always = [(1, 2, None)];
        assert_eq!([read(&always, 1, 9), read(&always, 1, i64::MAX - 1)], [2, 2]);
        assert!(renames(&[(1, 1, None)]).is_empty());
    }

    #[test]
    fn renamed_repos_are_followed_forward_in_time() {
        let chain = [(1, 2, Some(10)), (2, 3, Some(20))];
        assert_eq!([read(&chain, 1, 5), read(&chain, 1, 15), read(&chain, 2, 15), read(&chain, 2, 25)], [3, 1, 3, 2]);
        // What was called 2 before 5 is another repo than the one that was called 1 until 10.
        let crossed = [(1, 2, Some(10)), (2, 3, Some(5))];
        assert_eq!([read(&crossed, 1, 3), read(&crossed, 2, 3), read(&crossed, 2, 7)], [2, 3, 2]);
        let without_instant = [(1, 2, None), (2, 3, Some(20))];
        assert_eq!([read(&without_instant, 1, 5), read(&without_instant, 1, 25)], [3, 2]);
    }

    #[test]
    fn a_name_that_was_given_twice_belongs_to_each_in_its_time() {
        let twice = [(1, 2, Some(10)), (1, 3, Some(20))];
        assert_eq!([read(&twice, 1, 5), read(&twice, 1, 15), read(&twice, 1, 25)], [2, 3, 1]);
        let back = [(1, 2, Some(10)), (2, 1, Some(20))];
        assert_eq!([read(&back, 1, 5), read(&back, 2, 15), read(&back, 1, 15)], [1, 1, 1]);
        let circle = [(1, 2, None), (2, 1, None)];
        assert_eq!([read(&circle, 1, 5), read(&circle, 2, 5)], [1, 2]);
    }

    #[test]
    fn what_differs_is_told() {
        let (before, after) = (renames(&[(1, 2, Some(10)), (4, 5, None)]), renames(&[(1, 2, Some(11)), (4, 5, None)]));
        assert_eq!(before.differing(&after), BTreeSet::from([RepoNumber(1)]));
        assert_eq!(before.differing(&before), BTreeSet::new());
        assert_ne!(before.bytes(), after.bytes());
        assert_eq!(before.old_of(&BTreeSet::from([RepoNumber(5)])).collect::<Vec<_>>(), [RepoNumber(4)]);
        assert_eq!((before.name_now(RepoNumber(1)), before.name_now(RepoNumber(2))), (Some(RepoNumber(2)), None));
    }
}
