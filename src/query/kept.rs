//! What questions keep: sums and downloaders of sets of repos while the stored views of their days stay the same, and whole
//! answers until anything changes. Nothing is kept by time; what is kept has a bound in bytes.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::members::Members;
use super::{QueryError, View};
use crate::ingest::{Changes, Publication};
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads, RepoNumber, Role};
use crate::rollup::{DownloaderSet, Persons, RepoSet};
use crate::store::RepoSets;

/// Sets of repos of which something is kept: hub and types as the public and an admin see them, and some orgs.
const SCOPES_MAX: usize = 64;
/// Bytes of all kept downloader sets, or as many as there are downloaders if that is more: room for eight sets of all.
const SETS_BYTES_MAX: usize = 8 << 20;
/// Ranges of days whose downloads by repo are kept.
const RANGES_MAX: usize = 3;
/// Bytes of all kept answers.
const ANSWERS_BYTES_MAX: usize = 4 << 20;
/// Kinds of caller whose hidden repos are kept.
const CALLERS_MAX: usize = 32;

/// Counts by day.
pub(super) type Days = Arc<BTreeMap<Day, DayCounts>>;
/// Downloads by repo number.
pub(super) type ByRepo = Arc<Vec<Downloads>>;

/// What is kept of the stored views; the live overlay is added to it by whoever asks.
#[derive(Default)]
pub(super) struct OfViews(Mutex<KeptViews>);

#[derive(Default)]
struct KeptViews {
    /// The one that was used last comes last.
    scopes: Vec<KeptScope>,
    sets_bytes: usize,
    ranges: Vec<(DayRange, Made<ByRepo>)>,
    all_time: Option<Made<ByRepo>>,
    persons: Option<Made<Arc<Persons>>>,
}

/// Something, and the last publication by then.
#[derive(Clone)]
struct Made<T>(Publication, T);

impl<T: Clone> Made<T> {
    /// The thing, if what it was made of has not changed since.
    fn if_after(&self, change: Publication) -> Option<T> {
        (self.0 >= change).then(|| self.1.clone())
    }
}

struct KeptScope {
    members: Arc<Members>,
    /// Repos from this number on had no stored counts yet: whether they are members changes nothing of what is kept.
    counted_end: u32,
    days: Option<Made<Days>>,
    /// By first and last day: days, and whole months.
    sets: BTreeMap<(Day, Day), Made<Arc<DownloaderSet>>>,
    /// Whoever makes a set holds its turn: others who ask the same wait for what comes of it.
    turns: BTreeMap<(Day, Day), Weak<Turn>>,
}

/// A set in the making; then the set, for those who wait, even where there is no room to keep it.
type Turn = Mutex<Option<Made<Arc<DownloaderSet>>>>;

impl KeptScope {
    fn bytes(&self) -> usize {
        self.sets.values().map(|Made(_, set)| set.bytes()).sum()
    }
}

/// Who asks of what state: the repos of a question, the stored counts there are, and when they changed.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub members: &'a Arc<Members>,
    pub sets: &'a RepoSets,
    pub changes: &'a Changes,
    /// All that have a number.
    pub downloaders: usize,
}

impl KeptViews {
    /// What is kept of some repos, which thereby are the last ones used.
    fn scope(&mut self, asked: Asked<'_>) -> Option<&mut KeptScope> {
        let members = asked.members;
        let same = |kept: &KeptScope| {
            Arc::ptr_eq(&kept.members, members) || kept.members.agree_below(members, RepoNumber(kept.counted_end))
        };
        match self.scopes.iter().position(same) {
            Some(at) => self.scopes.get_mut(at..).into_iter().for_each(|newer| newer.rotate_left(1)),
            None => {
                let (members, sets, turns) = (Arc::clone(members), BTreeMap::new(), BTreeMap::new());
                self.scopes.push(KeptScope { members, counted_end: 0, days: None, sets, turns });
                if self.scopes.len() > SCOPES_MAX {
                    self.sets_bytes -= self.scopes.remove(0).bytes();
                }
            }
        }
        let scope = self.scopes.last_mut()?;
        scope.members = Arc::clone(members);
        scope.counted_end = asked.sets.counted.end().0;
        Some(scope)
    }

    fn keep_set(&mut self, asked: Asked<'_>, range: DayRange, set: &Arc<DownloaderSet>) {
        let Some(scope) = self.scope(asked) else { return };
        // What no longer holds makes room first.
        let stale = |range: &(Day, Day), made: &Made<Arc<DownloaderSet>>| {
            made.if_after(asked.changes.last_of(DayRange { first: range.0, last: range.1 })).is_none()
        };
        let before = scope.bytes();
        scope.sets.retain(|range, made| !stale(range, made));
        let after = scope.bytes();
        self.sets_bytes -= before - after;
        // Sets of others then, the longest unused first; where even that is not enough, what is kept stays.
        let bytes_max = SETS_BYTES_MAX.max(asked.downloaders);
        let others = self.scopes.len().saturating_sub(1);
        for other in self.scopes.iter_mut().take(others) {
            if self.sets_bytes + set.bytes() <= bytes_max {
                break;
            }
            self.sets_bytes -= other.bytes();
            other.sets.clear();
        }
        if self.sets_bytes + set.bytes() > bytes_max {
            return;
        }
        if let Some(scope) = self.scopes.last_mut()
            && scope.sets.insert((range.first, range.last), Made(asked.changes.last(), Arc::clone(set))).is_none()
        {
            self.sets_bytes += set.bytes();
        }
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OfViews {
    /// The counts by day of some repos.
    pub(super) fn days(
        &self,
        asked: Asked<'_>,
        make: impl FnOnce() -> Result<BTreeMap<Day, DayCounts>, QueryError>,
    ) -> Result<Days, QueryError> {
        let last = asked.changes.last();
        if let Some(days) = lock(&self.0).scope(asked).and_then(|scope| scope.days.as_ref()?.if_after(last)) {
            return Ok(days);
        }
        let days = Arc::new(make()?);
        if let Some(scope) = lock(&self.0).scope(asked) {
            scope.days = Some(Made(last, Arc::clone(&days)));
        }
        Ok(days)
    }

    /// The turn of those who make a set of some repos.
    fn turn(&self, asked: Asked<'_>, range: (Day, Day)) -> Arc<Turn> {
        let mut kept = lock(&self.0);
        let Some(scope) = kept.scope(asked) else { return Arc::default() };
        scope.turns.retain(|_, turn| turn.strong_count() > 0);
        scope.turns.get(&range).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turn = Arc::default();
            scope.turns.insert(range, Arc::downgrade(&turn));
            turn
        })
    }

    /// The downloaders of some repos over a day or month.
    pub(super) fn set(
        &self,
        asked: Asked<'_>,
        range: DayRange,
        make: impl FnOnce() -> Result<DownloaderSet, QueryError>,
    ) -> Result<Arc<DownloaderSet>, QueryError> {
        let change = asked.changes.last_of(range);
        let key = (range.first, range.last);
        let find = || lock(&self.0).scope(asked).and_then(|scope| scope.sets.get(&key)?.if_after(change));
        if let Some(set) = find() {
            return Ok(set);
        }
        let turn = self.turn(asked, key);
        let mut made = lock(&turn);
        if let Some(set) = made.as_ref().and_then(|made| made.if_after(change)).or_else(find) {
            return Ok(set);
        }
        let set = Arc::new(make()?);
        *made = Some(Made(asked.changes.last(), Arc::clone(&set)));
        lock(&self.0).keep_set(asked, range, &set);
        Ok(set)
    }

    /// The downloaders of some repos on all days until one. `make` gets what is kept until an earlier day, which then makes
    /// room.
    pub(super) fn set_until(
        &self,
        asked: Asked<'_>,
        last: Day,
        make: impl FnOnce(Option<(Day, Arc<DownloaderSet>)>) -> Result<DownloaderSet, QueryError>,
    ) -> Result<Arc<DownloaderSet>, QueryError> {
        let until = |last| DayRange { first: Day(0), last };
        let find = || {
            lock(&self.0).scope(asked).and_then(|scope| {
                let mut earlier = scope.sets.range((Day(0), Day(0))..=(Day(0), last)).rev();
                earlier.find_map(|((_, day), made)| Some((*day, made.if_after(asked.changes.last_of(until(*day)))?)))
            })
        };
        if let Some((_, set)) = find().filter(|(day, _)| *day == last) {
            return Ok(set);
        }
        let turn = self.turn(asked, (Day(0), last));
        let mut made = lock(&turn);
        if let Some(set) = made.as_ref().and_then(|made| made.if_after(asked.changes.last_of(until(last)))) {
            return Ok(set);
        }
        let known = find();
        if let Some((_, set)) = known.as_ref().filter(|(day, _)| *day == last) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(make(known)?);
        *made = Some(Made(asked.changes.last(), Arc::clone(&set)));
        let mut kept = lock(&self.0);
        if let Some(scope) = kept.scope(asked) {
            let before = scope.bytes();
            scope.sets.retain(|(first, until), _| *first > Day(0) || *until > last);
            let after = scope.bytes();
            kept.sets_bytes -= before - after;
        }
        kept.keep_set(asked, until(last), &set);
        Ok(set)
    }

    /// The downloads by repo over a range.
    pub(super) fn range(
        &self,
        range: DayRange,
        changes: &Changes,
        make: impl FnOnce() -> Result<Vec<Downloads>, QueryError>,
    ) -> Result<ByRepo, QueryError> {
        let change = changes.last_of(range);
        let known = lock(&self.0).ranges.iter().find(|(known, _)| *known == range).and_then(|(_, made)| made.if_after(change));
        if let Some(sums) = known {
            return Ok(sums);
        }
        let sums = Arc::new(make()?);
        let mut kept = lock(&self.0);
        kept.ranges.retain(|(known, _)| *known != range);
        if kept.ranges.len() >= RANGES_MAX {
            kept.ranges.remove(0);
        }
        kept.ranges.push((range, Made(changes.last(), Arc::clone(&sums))));
        Ok(sums)
    }

    /// The downloads by repo over all time.
    pub(super) fn all_time(
        &self,
        changes: &Changes,
        make: impl FnOnce() -> Result<Vec<Downloads>, QueryError>,
    ) -> Result<ByRepo, QueryError> {
        kept_whole(&self.0, |kept| &mut kept.all_time, changes, || make().map(Arc::new))
    }

    /// Which downloaders are one person.
    pub(super) fn persons(
        &self,
        changes: &Changes,
        make: impl FnOnce() -> Result<Persons, QueryError>,
    ) -> Result<Arc<Persons>, QueryError> {
        kept_whole(&self.0, |kept| &mut kept.persons, changes, || make().map(Arc::new))
    }
}

/// What holds until the next publication, of whatever day.
fn kept_whole<T: Clone>(
    kept: &Mutex<KeptViews>,
    place: impl Fn(&mut KeptViews) -> &mut Option<Made<T>>,
    changes: &Changes,
    make: impl FnOnce() -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    let last = changes.last();
    if let Some(known) = place(&mut lock(kept)).as_ref().and_then(|made| made.if_after(last)) {
        return Ok(known);
    }
    let value = make()?;
    *place(&mut lock(kept)) = Some(Made(last, value.clone()));
    Ok(value)
}

/// What is kept until anything changes.
#[derive(Default)]
pub(super) struct OfSequence(Mutex<KeptAnswers>);

#[derive(Default)]
struct KeptAnswers {
    /// The newest comes last.
    answers: VecDeque<KeptAnswer>,
    bytes: usize,
    /// The repos that callers of some roles may not see on a day.
    hidden: VecDeque<(Vec<Role>, Day, Arc<RepoSet>)>,
}

struct KeptAnswer {
    question: String,
    answer: Arc<dyn Any + Send + Sync>,
    bytes: usize,
}

impl OfSequence {
    pub(super) fn hidden(
        &self,
        roles: &[Role],
        today: Day,
        make: impl FnOnce() -> Result<RepoSet, QueryError>,
    ) -> Result<Arc<RepoSet>, QueryError> {
        let same = |(known, day, _): &&(Vec<Role>, Day, Arc<RepoSet>)| known == roles && *day == today;
        if let Some((.., hidden)) = lock(&self.0).hidden.iter().find(same) {
            return Ok(Arc::clone(hidden));
        }
        let hidden = Arc::new(make()?);
        let mut kept = lock(&self.0);
        if kept.hidden.len() >= CALLERS_MAX {
            kept.hidden.pop_front();
        }
        kept.hidden.push_back((roles.to_vec(), today, Arc::clone(&hidden)));
        Ok(hidden)
    }

    fn find(&self, question: &str) -> Option<Arc<dyn Any + Send + Sync>> {
        lock(&self.0).answers.iter().find(|kept| kept.question == question).map(|kept| Arc::clone(&kept.answer))
    }

    fn keep(&self, question: String, answer: Arc<dyn Any + Send + Sync>, bytes: usize) {
        let bytes = bytes + question.len() + size_of::<KeptAnswer>();
        let mut kept = lock(&self.0);
        if bytes > ANSWERS_BYTES_MAX / 4 {
            return;
        }
        while kept.bytes + bytes > ANSWERS_BYTES_MAX {
            let Some(oldest) = kept.answers.pop_front() else { break };
            kept.bytes -= oldest.bytes;
        }
        kept.bytes += bytes;
        kept.answers.push_back(KeptAnswer { question, answer, bytes });
    }
}

impl View<'_> {
    pub(super) fn of_views(&self) -> Result<&OfViews, QueryError> {
        self.published.of_views.get().ok_or_else(taken)
    }

    pub(super) fn of_sequence(&self) -> Result<&OfSequence, QueryError> {
        self.published.of_sequence.get().ok_or_else(taken)
    }

    /// The answer to a question that was asked before, or a new one. `question` says all that the answer depends on,
    /// beside the caller, the day and what is published; `bytes` is about what the answer takes.
    pub(super) fn answered<T: Clone + Send + Sync + 'static>(
        &self,
        question: std::fmt::Arguments<'_>,
        caller: &Caller,
        bytes: impl FnOnce(&T) -> usize,
        make: impl FnOnce() -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let question = format!("{:?} {} {question}", caller.roles, self.today);
        let kept = self.of_sequence()?;
        if let Some(answer) = kept.find(&question).and_then(|answer| answer.downcast::<T>().ok()) {
            return Ok(T::clone(&answer));
        }
        let answer = make()?;
        kept.keep(question, Arc::new(answer.clone()), size_of::<T>() + bytes(&answer));
        Ok(answer)
    }
}

fn taken() -> QueryError {
    QueryError::Engine(crate::ingest::EngineError::Broken("the room for kept figures is taken by others".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn those_who_ask_the_same_at_once_wait_for_one() {
        let (kept, members) = (OfViews::default(), Arc::new(Members::Some([RepoNumber(7)].into())));
        let (sets, changes) = (RepoSets::default(), Changes::default());
        let asked = Asked { members: &members, sets: &sets, changes: &changes, downloaders: 3 };
        let (made, start) = (AtomicUsize::new(0), Barrier::new(4));
        let make = || {
            made.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            Ok(DownloaderSet::of_bits(&[0b110]))
        };
        let month = DayRange { first: Day(31), last: Day(58) };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    assert_eq!(kept.set(asked, month, make).unwrap().iter().count(), 2);
                    assert_eq!(kept.set_until(asked, month.last, |_| make()).unwrap().iter().count(), 2);
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 2, "each of both is made once");
    }

    #[test]
    fn those_who_wait_get_a_set_for_which_there_is_no_room() {
        let (kept, members) = (OfViews::default(), Arc::new(Members::Some([RepoNumber(7)].into())));
        let (sets, changes) = (RepoSets::default(), Changes::default());
        let asked = Asked { members: &members, sets: &sets, changes: &changes, downloaders: 3 };
        // Every 16th number.
        let large = DownloaderSet::of_bits(&[1, 0].repeat(1_100 << 12));
        assert!(large.bytes() > SETS_BYTES_MAX, "{} bytes", large.bytes());
        let made = AtomicUsize::new(0);
        let ask = || {
            let make = || {
                made.fetch_add(1, Ordering::SeqCst);
                Ok(large.clone())
            };
            let month = DayRange { first: Day(31), last: Day(58) };
            assert_eq!(kept.set(asked, month, make).unwrap().len(), large.len());
            assert_eq!(kept.set_until(asked, month.last, |_| make()).unwrap().len(), large.len());
            made.load(Ordering::SeqCst)
        };
        let waiting = [kept.turn(asked, (Day(31), Day(58))), kept.turn(asked, (Day(0), Day(58)))];
        assert_eq!((ask(), ask()), (2, 2), "made once for all who wait");
        drop(waiting);
        assert_eq!(ask(), 4, "and not kept");
    }
}
