//! Lines -> rows, with what became of every line.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::agents::Agents;
use super::fingerprint::{Fingerprint, Fingerprints};
use super::names::Names;
use super::remembered::Remembered;
use super::spare::Spare;
use super::targets::{self, FILES_MAX, File};
use crate::classify::{FileRequest, NotADownload, download, file_request};
use crate::identify::IdentityKey;
use crate::model::{
    Country, Day, Proxies, Receipt, RejectReason, RepoKey, RepoKind, RepoName, RepoNumber, Row, Sample, SenderId, SkipReason,
    Who, Word, stored_number,
};
use crate::parse::Request;
use crate::store::LinesRecord;

/// Regions and path names are cut to this many bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Names of people and regions that are remembered.
const PEOPLE_MAX: usize = 1 << 12;
const REGIONS_MAX: usize = 1 << 10;

/// What became of the lines of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    pub lines: u64,
    /// Lines that are events, counted or probe.
    pub events: u64,
    pub skipped: BTreeMap<SkipReason, u64>,
    pub rejected: BTreeMap<RejectReason, u64>,
    pub no_identity: u64,
    pub samples: Vec<Sample>,
}

impl Lines {
    /// Adds the lines of a later batch.
    pub fn add(&mut self, other: Lines) {
        self.lines += other.lines;
        self.events += other.events;
        self.no_identity += other.no_identity;
        other.skipped.into_iter().for_each(|(reason, lines)| *self.skipped.entry(reason).or_default() += lines);
        other.rejected.into_iter().for_each(|(reason, lines)| *self.rejected.entry(reason).or_default() += lines);
        self.samples.extend(other.samples);
        self.samples.truncate(Receipt::SAMPLES_MAX);
    }

    /// Counts events as dropped, because of whom they are by.
    pub fn forget(&mut self, events: u64) {
        if events > 0 {
            self.events = self.events.saturating_sub(events);
            *self.skipped.entry(SkipReason::Forgotten).or_default() += events;
        }
    }

    /// Counts a rejected line.
    pub fn reject(&mut self, line: u64, reason: RejectReason) {
        self.reject_as(line, reason, || reason.sentence().to_owned());
    }

    /// Counts what was rejected and is no line of its own, with a sentence that says where and why.
    pub fn reject_as(&mut self, line: u64, reason: RejectReason, error: impl FnOnce() -> String) {
        self.lines += 1;
        *self.rejected.entry(reason).or_default() += 1;
        if self.samples.len() < Receipt::SAMPLES_MAX {
            self.samples.push(Sample { line, error: error() });
        }
    }
}

/// Adds lines to a stored record; all events count as accepted until the counting says otherwise.
pub fn add_to_record(record: &mut LinesRecord, lines: &Lines) {
    fn add<'a>(sums: &mut Vec<(String, u64)>, more: impl Iterator<Item = (&'a str, u64)>) {
        for (word, lines) in more {
            match sums.iter_mut().find(|(known, _)| known == word) {
                Some((_, sum)) => *sum += lines,
                None => sums.push((word.to_owned(), lines)),
            }
        }
        sums.sort_unstable();
    }
    record.lines += lines.lines;
    record.accepted += lines.events;
    record.no_identity += lines.no_identity;
    add(&mut record.skipped, lines.skipped.iter().map(|(reason, lines)| (reason.word(), *lines)));
    add(&mut record.rejected, lines.rejected.iter().map(|(reason, lines)| (reason.word(), *lines)));
    record.samples.extend(lines.samples.iter().map(|sample| (sample.line, sample.error.clone())));
    record.samples.truncate(Receipt::SAMPLES_MAX);
}

/// The receipt of a stored record.
pub fn receipt_of(delivery: &str, record: &LinesRecord) -> Receipt {
    Receipt {
        delivery: delivery.to_owned(),
        lines: record.lines,
        accepted: record.accepted,
        repeated: record.repeated,
        skipped: record.skipped.iter().cloned().collect(),
        rejected: record.rejected.iter().cloned().collect(),
        no_identity: record.no_identity,
        samples: record.samples.iter().map(|(line, error)| Sample { line: *line, error: error.clone() }).collect(),
        notes: Vec::new(),
    }
}

/// Rows of some lines. Their repos are places in `names` until the catalog numbers them, and their texts are of its
/// texts; their source and delivery are the receiver's to set.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub names: Arc<Names>,
    /// Places of repos in `names`, of all that the reader had not met before: of a log, whose batches all come to one place.
    pub new_repos: Vec<u32>,
    rows: Vec<Row>,
    /// The days of rows that follow each other, each with the place behind its last one.
    days: Vec<(Day, usize)>,
    pub lines: Lines,
}

/// What was met while lines were read: whoever reads the next ones goes on from there.
pub struct Memo {
    names: Arc<Names>,
    /// What was met of the names.
    places: HashMap<Fingerprint, u32, FixedState>,
    words: HashMap<Box<[u8]>, Word, FixedState>,
    agents: Agents,
    /// The last people: a client asks for several files.
    people: Remembered<Who>,
    regions: Remembered<Word>,
    /// The last files, by the fingerprints of their targets.
    files: Remembered<File>,
    fingerprints: Fingerprints,
}

impl Memo {
    /// Nothing was met yet of these names.
    pub fn new(names: Arc<Names>) -> Memo {
        let fingerprints = Fingerprints::new();
        Memo {
            names,
            places: HashMap::default(),
            words: HashMap::default(),
            agents: Agents::new(fingerprints),
            people: Remembered::new(PEOPLE_MAX),
            regions: Remembered::new(REGIONS_MAX),
            files: Remembered::new(FILES_MAX),
            fingerprints,
        }
    }

    /// Whether it goes on with these names.
    pub fn is_of(&self, names: &Arc<Names>) -> bool {
        Arc::ptr_eq(&self.names, names)
    }

    /// The place of a repo among the names, noted in `new` where it was not met before; `None` where no repo is called so.
    fn place(&mut self, kind: RepoKind, name: &str, new: &mut Vec<u32>) -> Option<RepoNumber> {
        let fingerprint = self.fingerprints.among(kind.code()).of([name]);
        if let Some(place) = self.places.get(&fingerprint) {
            return Some(RepoNumber(*place));
        }
        let place = self.names.place(RepoKey { kind, name: RepoName::parse(name)? })?;
        self.places.insert(fingerprint, place);
        new.push(place);
        Some(RepoNumber(place))
    }
}

/// Builds batches; reuse one per thread.
pub struct BatchBuilder<'k> {
    key: &'k IdentityKey,
    /// Proxies that name their clients truly.
    proxies: Arc<Proxies>,
    memo: Memo,
    batch: Batch,
    /// Where memory for rows comes from, if not from the system.
    spare: Option<Arc<Spare<Row>>>,
}

impl<'k> BatchBuilder<'k> {
    /// Hashes identities under `key`; `proxies` are those of the source.
    pub fn new(key: &'k IdentityKey, proxies: Arc<Proxies>, memo: Memo) -> BatchBuilder<'k> {
        let batch = Batch::of(Arc::clone(&memo.names));
        BatchBuilder { key, proxies, memo, batch, spare: None }
    }

    /// Puts rows into memory from here as long as there is some; who takes batches brings it back.
    pub fn recycling(mut self, spare: Arc<Spare<Row>>) -> BatchBuilder<'k> {
        self.spare = Some(spare);
        self
    }

    /// What was met till now.
    pub fn into_memo(self) -> Memo {
        self.memo
    }

    /// Goes on with names that others may use too.
    pub fn go_on_with(&mut self, names: Arc<Names>) {
        if !self.memo.is_of(&names) {
            self.batch.names = Arc::clone(&names);
            self.memo = Memo::new(names);
        }
    }

    /// Makes room for so many lines of the next batch.
    pub fn make_room(&mut self, lines: usize) {
        self.batch.rows = self.spare.as_ref().map_or_else(|| Vec::with_capacity(lines), |spare| spare.take(lines));
    }

    /// Adds a line that was read, or could not be.
    pub fn add(&mut self, line: u64, mut request: Result<Request<'_>, RejectReason>) {
        // It stays where it is: moving a request takes as long as reading one of its fields.
        let request = match &mut request {
            Ok(request) => request,
            Err(reason) => return self.batch.lines.reject(line, *reason),
        };
        if let Some(client) = self.behind_proxies(request) {
            request.address = Some(Cow::Owned(client));
        }
        let (asking, file) = match self.file(request) {
            Ok(found) => found,
            Err(NotADownload::Rejected(reason)) => return self.batch.lines.reject(line, reason),
            Err(NotADownload::Skipped(reason)) => {
                self.batch.lines.lines += 1;
                *self.batch.lines.skipped.entry(reason).or_default() += 1;
                return;
            }
        };
        let (key, Memo { names, words, agents, people, regions, fingerprints, .. }) = (self.key, &mut self.memo);
        // Hashed logs seldom need the agent's.
        let hashing = (!request.hashed).then_some(key);
        let agent = request.agent.as_deref().map(|text| agents.find(text, hashing, |note| word(words, names, note)));
        let identity = key.identify_with(
            request,
            |text| agent.and_then(|agent| agent.hash).unwrap_or_else(|| key.agent(text)),
            |kind, name| people.get_or_put(fingerprints.among(kind as u8).of([name]), || key.named(kind, name)),
        );
        let region = request
            .region
            .as_deref()
            .map_or(Word::UNKNOWN, |text| regions.get_or_put(fingerprints.of([text]), || word(words, names, cut(Some(text)))));
        let row = Row {
            repo: file.repo,
            user: identity.user,
            who: identity.who,
            agent: identity.agent,
            time: request.time,
            method: asking.method,
            status: asking.status,
            path: file.path,
            range: asking.range,
            id: request.id.as_deref().map_or(SenderId(0), SenderId::of),
            count: 1,
            bytes: stored_number(request.bytes),
            duration: stored_number(request.duration_ms),
            country: request.country.as_deref().map_or(Country(0), Country::parse),
            region,
            agent_note: agent.map_or(Word::UNKNOWN, |agent| agent.note),
            path_name: file.path_name,
            ..Row::default()
        };
        self.batch.push(row);
        let lines = &mut self.batch.lines;
        lines.lines += 1;
        lines.events += 1;
        lines.no_identity += u64::from(!identity.known);
    }

    /// What a request does, and of which file: as [`download`] finds it, or found it before.
    fn file(&mut self, request: &Request<'_>) -> Result<(FileRequest, File), NotADownload> {
        let memo = &mut self.memo;
        let target = targets::fingerprint(memo.fingerprints, request);
        if let Some(file) = target.and_then(|target| memo.files.get(target)) {
            return Ok((file_request(request)?, file));
        }
        let download = download(request)?;
        let repo = memo.place(download.kind, &download.repo, &mut self.batch.new_repos).ok_or(RejectReason::BadRepo)?;
        let path_name = word(&mut memo.words, &memo.names, cut(download.path.as_deref()));
        let file = File { repo, path: download.path_hash(), path_name };
        if let Some(target) = target {
            memo.files.put(target, file);
        }
        Ok((FileRequest { method: download.method, status: download.status, range: download.range }, file))
    }

    /// The client that trusted proxies name, where the one that connected is such a proxy.
    fn behind_proxies(&self, request: &Request<'_>) -> Option<String> {
        if self.proxies.is_empty() || request.hashed {
            return None;
        }
        let connecting: IpAddr = request.address.as_deref()?.parse().ok()?;
        let forwarded_for = request.forwarded_for.as_deref()?;
        self.proxies.trusts(connecting).then(|| self.proxies.client(connecting, forwarded_for).to_string())
    }

    /// Counts lines that were too long to be read at all.
    pub fn reject(&mut self, line: u64, reason: RejectReason) {
        self.batch.lines.reject(line, reason);
    }

    /// The batch so far; the next one goes on with its names unless it is told others.
    pub fn take(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, Batch::of(Arc::clone(&self.memo.names)))
    }
}

/// Adds a row's day to the days of rows that follow each other: one that ends there.
fn note_day(days: &mut Vec<(Day, usize)>, day: Day, end: usize) {
    match days.last_mut() {
        Some((last, last_end)) if *last == day => *last_end = end,
        _ => days.push((day, end)),
    }
}

/// The number of a text, from what a reader knows by itself if that is enough.
fn word(known: &mut HashMap<Box<[u8]>, Word, FixedState>, names: &Names, text: &[u8]) -> Word {
    if text.is_empty() {
        return Word::UNKNOWN;
    }
    if let Some(word) = known.get(text) {
        return *word;
    }
    let word = names.word(text);
    known.insert(text.into(), word);
    word
}

/// The first bytes of a text, cut at a character.
fn cut(text: Option<&str>) -> &[u8] {
    let text = text.unwrap_or("");
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.as_bytes().get(..end).unwrap_or(&[])
}

impl Batch {
    fn of(names: Arc<Names>) -> Batch {
        Batch { names, new_repos: Vec::new(), rows: Vec::new(), days: Vec::new(), lines: Lines::default() }
    }

    fn push(&mut self, row: Row) {
        self.rows.push(row);
        note_day(&mut self.days, row.time.day(), self.rows.len());
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows alone.
    #[must_use]
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }

    /// The rows in stretches of one day.
    pub fn days_mut(&mut self) -> impl Iterator<Item = (Day, &mut [Row])> {
        let (mut rest, mut start) = (self.rows.as_mut_slice(), 0);
        self.days.iter().map(move |(day, end)| {
            let (rows, after) = std::mem::take(&mut rest).split_at_mut_checked(end - start).unwrap_or_default();
            (rest, start) = (after, *end);
            (*day, rows)
        })
    }

    /// Drops the events of people who are to be forgotten.
    pub fn forget(&mut self, forgotten: &BTreeSet<Who>) {
        let before = self.rows.len();
        if !forgotten.is_empty() {
            self.rows.retain(|row| !forgotten.contains(&row.who));
            self.days.clear();
            self.rows.iter().zip(1..).for_each(|(row, end)| note_day(&mut self.days, row.time.day(), end));
        }
        self.lines.forget((before - self.rows.len()) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Millis;

    #[test]
    fn every_row_is_in_one_stretch_of_its_day_whoever_is_forgotten() {
        let mut random = crate::generate::numbers(5);
        for forgotten in [BTreeSet::new(), BTreeSet::from([Who(0)]), BTreeSet::from([Who(0), Who(1), Who(2)])] {
            let mut batch = Batch::default();
            for _ in 0..500 {
                // Now and then a row of the day before, as around midnight.
                let day = Day(20_000 + u16::from(batch.rows.len() > 250) - u16::from(random(20) == 0));
                batch.push(Row { time: Millis(day.start().0 + 7), who: Who(random(3) as u64), ..Row::default() });
            }
            batch.forget(&forgotten);
            let rows = batch.rows.clone();
            let stretches: Vec<(Day, Vec<Row>)> = batch.days_mut().map(|(day, rows)| (day, rows.to_vec())).collect();
            assert!(stretches.iter().all(|(day, rows)| !rows.is_empty() && rows.iter().all(|row| row.time.day() == *day)));
            assert_eq!(stretches.into_iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>(), rows);
        }
    }
}
