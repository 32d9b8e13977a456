//! What questions keep: sums and downloaders of sets of repos while the stored views stay the same, and whole answers
//! until anything changes. Nothing is kept by time; what is kept has a bound in bytes.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::members::Members;
use super::{QueryError, View};
use crate::model::{Caller, Day, DayCounts, DayRange, Downloads, Role};
use crate::rollup::{DownloaderSet, Persons, RepoSet};

/// Sets of repos of which something is kept: hub and types as the public and an admin see them, and some orgs.
const SCOPES_MAX: usize = 64;
/// Bytes of all kept downloader sets.
const SETS_BYTES_MAX: usize = 6 << 20;
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
    ranges: Vec<(DayRange, ByRepo)>,
    all_time: Option<ByRepo>,
    persons: Option<Arc<Persons>>,
}

struct KeptScope {
    members: Arc<Members>,
    days: Option<Days>,
    sets: BTreeMap<Day, Arc<DownloaderSet>>,
}

impl KeptScope {
    fn bytes(&self) -> usize {
        self.sets.values().map(|set| set.bytes()).sum()
    }
}

impl KeptViews {
    /// What is kept of some repos, which thereby are the last ones used.
    fn scope(&mut self, members: &Arc<Members>) -> Option<&mut KeptScope> {
        let same = |kept: &KeptScope| Arc::ptr_eq(&kept.members, members) || kept.members == *members;
        match self.scopes.iter().position(same) {
            Some(at) => self.scopes.get_mut(at..).into_iter().for_each(|newer| newer.rotate_left(1)),
            None => {
                self.scopes.push(KeptScope { members: Arc::clone(members), days: None, sets: BTreeMap::new() });
                if self.scopes.len() > SCOPES_MAX {
                    self.sets_bytes -= self.scopes.remove(0).bytes();
                }
            }
        }
        self.scopes.last_mut()
    }

    fn keep_set(&mut self, members: &Arc<Members>, day: Day, set: &Arc<DownloaderSet>) {
        // Sets of others make room, the longest unused first; where even that is not enough, what is kept stays.
        for at in 0..self.scopes.len() {
            if self.sets_bytes + set.bytes() <= SETS_BYTES_MAX {
                break;
            }
            if let Some(other) = self.scopes.get_mut(at).filter(|other| other.members != *members) {
                self.sets_bytes -= other.bytes();
                other.sets.clear();
            }
        }
        if self.sets_bytes + set.bytes() > SETS_BYTES_MAX {
            return;
        }
        let Some(scope) = self.scope(members) else { return };
        if scope.sets.insert(day, Arc::clone(set)).is_none() {
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
        members: &Arc<Members>,
        make: impl FnOnce() -> Result<BTreeMap<Day, DayCounts>, QueryError>,
    ) -> Result<Days, QueryError> {
        if let Some(days) = lock(&self.0).scope(members).and_then(|scope| scope.days.clone()) {
            return Ok(days);
        }
        let days = Arc::new(make()?);
        if let Some(scope) = lock(&self.0).scope(members) {
            scope.days = Some(Arc::clone(&days));
        }
        Ok(days)
    }

    /// The downloaders of some repos on a day.
    pub(super) fn set(
        &self,
        members: &Arc<Members>,
        day: Day,
        make: impl FnOnce() -> Result<DownloaderSet, QueryError>,
    ) -> Result<Arc<DownloaderSet>, QueryError> {
        if let Some(set) = lock(&self.0).scope(members).and_then(|scope| scope.sets.get(&day).cloned()) {
            return Ok(set);
        }
        let set = Arc::new(make()?);
        lock(&self.0).keep_set(members, day, &set);
        Ok(set)
    }

    /// The downloads by repo over a range.
    pub(super) fn range(
        &self,
        range: DayRange,
        make: impl FnOnce() -> Result<Vec<Downloads>, QueryError>,
    ) -> Result<ByRepo, QueryError> {
        if let Some((_, sums)) = lock(&self.0).ranges.iter().find(|(known, _)| *known == range) {
            return Ok(Arc::clone(sums));
        }
        let sums = Arc::new(make()?);
        let mut kept = lock(&self.0);
        if kept.ranges.len() >= RANGES_MAX {
            kept.ranges.remove(0);
        }
        kept.ranges.push((range, Arc::clone(&sums)));
        Ok(sums)
    }

    /// The downloads by repo over all time.
    pub(super) fn all_time(&self, make: impl FnOnce() -> Result<Vec<Downloads>, QueryError>) -> Result<ByRepo, QueryError> {
        if let Some(sums) = &lock(&self.0).all_time {
            return Ok(Arc::clone(sums));
        }
        let sums = Arc::new(make()?);
        lock(&self.0).all_time = Some(Arc::clone(&sums));
        Ok(sums)
    }

    /// Which downloaders are one person.
    pub(super) fn persons(&self, make: impl FnOnce() -> Result<Persons, QueryError>) -> Result<Arc<Persons>, QueryError> {
        if let Some(persons) = &lock(&self.0).persons {
            return Ok(Arc::clone(persons));
        }
        let persons = Arc::new(make()?);
        lock(&self.0).persons = Some(Arc::clone(&persons));
        Ok(persons)
    }
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
