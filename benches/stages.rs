//! Every stage of an import by itself, over the same generated lines in memory and on one core.
//!
//! `cargo bench --bench stages` prints nanoseconds per line of the log, millions of lines per second and a digest of what
//! came out, each the median of several runs: `HUBTALLY_BENCH_ROWS` lines (1,000,000), `HUBTALLY_BENCH_RUNS` runs (5).
//! The digest depends on the seed and the rows alone: where it changes, the stage does something else than before.
//! Days are as dense as those of the reference workload of 10,000,000 lines, so that blocks are as full.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hubtally::block::{BlockError, Decoded, Encoder, Merge, ROWS_MAX, Wanted, decode, for_sorted_blocks};
use hubtally::classify::{agent_note, download};
use hubtally::generate::Workload;
use hubtally::identify::IdentityKey;
use hubtally::model::{
    Country, Day, DeliveryId, Format, PathHash, RepoNumber, Row, SenderId, SourceSettings, Uniques, Words, stored_number,
};
use hubtally::parse::{Chunk, ChunkReader, LineParser, Request, Target};
use hubtally::rollup::{Asked, ChunkWriter, Counting, DayFold, DayFolder, DownloaderNumber, RepoDay, StoredYear, encode_run};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

#[path = "common/settings.rs"]
mod settings;

/// Rows that an import sorts and commits together.
const COMMIT_ROWS: usize = 400_000;

/// Lines of a day of the reference workload.
const DAY_ROWS: u64 = 10_000_000 / 60;

fn main() -> Result<(), Box<dyn Error>> {
    let bench = Bench { rows: settings::rows(1_000_000)?, runs: settings::number("HUBTALLY_BENCH_RUNS", 5)?.max(1) };
    println!("{} lines, median of {} runs on one core", bench.rows, bench.runs);
    println!("{:<28} {:>8} {:>10}  digest", "stage", "ns/line", "M lines/s");
    for format in [Format::HfExport, Format::Combined, Format::Events] {
        bench.format(format)?;
    }
    Ok(())
}

/// Runs stages and prints what they take.
struct Bench {
    rows: u64,
    runs: u64,
}

impl Bench {
    /// Measures one stage; `work` says how long it took and what came out.
    fn stage(&self, name: &str, mut work: impl FnMut() -> Result<(Duration, u64), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
        let mut times = Vec::new();
        let mut digests = Vec::new();
        for _ in 0..self.runs {
            let (time, digest) = work()?;
            times.push(time);
            digests.push(digest);
        }
        digests.dedup();
        let &[digest] = digests.as_slice() else { return Err(format!("{name} gives another result each time").into()) };
        times.sort_unstable();
        let seconds = times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64);
        let rows = self.rows as f64;
        println!("{name:<28} {:>8.1} {:>10.2}  {digest:016x}", seconds * 1e9 / rows, rows / seconds / 1e6);
        Ok(())
    }

    /// All stages of one format.
    fn format(&self, format: Format) -> Result<(), Box<dyn Error>> {
        let days = u16::try_from(self.rows.div_ceil(DAY_ROWS))?;
        let mut log = Vec::new();
        Workload { rows: self.rows, days, format, ..Workload::default() }.write_to(&mut log)?;
        let name = format.word();

        self.stage(&format!("{name}: cut into lines"), || {
            let start = Instant::now();
            let mut sums = (0, 0);
            for chunk in ChunkReader::new(log.as_slice()) {
                for (number, line) in chunk?.lines() {
                    sums = (sums.0 + number, sums.1 + line.len() as u64);
                }
            }
            Ok((start.elapsed(), digest(&[sums.0, sums.1])))
        })?;

        let chunks: Vec<Chunk> = ChunkReader::new(log.as_slice()).collect::<Result<_, _>>()?;
        drop(log);
        let first = chunks.first().and_then(|chunk| chunk.lines().next()).ok_or("the log is empty")?.1;
        let parser = LineParser::detect(first).ok_or("the log is not recognised")?;
        let start_line = u64::from(parser.header());
        self.stage(&format!("{name}: parse"), || {
            let mut took = Duration::ZERO;
            let mut result = Xxh3::new();
            for chunk in &chunks {
                let start = Instant::now();
                let requests: Vec<Request<'_>> = requests(chunk, &parser, start_line).collect();
                took += start.elapsed();
                requests.iter().for_each(|request| result.update(&digest_of_request(request).to_le_bytes()));
            }
            Ok((took, result.digest()))
        })?;

        let key = IdentityKey::new(&[7; 32]);
        self.per_request(&format!("{name}: classify"), &chunks, &parser, |request| match download(request) {
            Ok(download) => u64::from(download.status.0) << 8 | download.repo.len() as u64,
            Err(_) => 0,
        })?;
        self.per_request(&format!("{name}: identify"), &chunks, &parser, |request| {
            let identity = key.identify(request);
            identity.who.0 ^ u64::from(identity.agent.0) << 1 ^ u64::from(identity.user)
        })?;
        self.per_request(&format!("{name}: agent note"), &chunks, &parser, |request| {
            request.agent.as_deref().map_or(0, |agent| agent_note(agent).as_bytes().len() as u64)
        })?;
        if format != Format::Combined {
            let commits = commits(&chunks, &parser, &key);
            drop(chunks);
            self.storage(name, commits)?;
        }
        Ok(())
    }

    /// Measures what is done to each request, chunk by chunk as an import does it, so that requests are in the cache.
    fn per_request(
        &self,
        name: &str,
        chunks: &[Chunk],
        parser: &LineParser,
        work: impl Fn(&Request<'_>) -> u64,
    ) -> Result<(), Box<dyn Error>> {
        let start_line = u64::from(parser.header());
        self.stage(name, || {
            let mut took = Duration::ZERO;
            let mut sum = 0_u64;
            for chunk in chunks {
                let requests: Vec<Request<'_>> = requests(chunk, parser, start_line).collect();
                let start = Instant::now();
                sum = requests.iter().map(&work).fold(sum, |sum, result| sum.rotate_left(1) ^ result);
                took += start.elapsed();
            }
            Ok((took, digest(&[sum])))
        })
    }

    /// From rows to blocks and from blocks to views.
    fn storage(&self, name: &str, mut commits: Vec<Commit>) -> Result<(), Box<dyn Error>> {
        self.stage(&format!("{name}: sort"), || {
            let mut sorted = commits.clone();
            let start = Instant::now();
            sorted.iter_mut().for_each(Commit::sort);
            let took = start.elapsed();
            let rows = sorted.iter().flat_map(|commit| commit.days.values().flatten());
            let mut result = Xxh3::new();
            rows.for_each(|row| result.update(&digest_of_row(row).to_le_bytes()));
            Ok((took, result.digest()))
        })?;
        commits.iter_mut().for_each(Commit::sort);

        let mut blocks = Blocks::new();
        self.stage(&format!("{name}: encode blocks"), || {
            let mut encoder = Encoder::new()?;
            let start = Instant::now();
            blocks = encoded(&commits, &mut encoder)?;
            let took = start.elapsed();
            let mut result = Xxh3::new();
            blocks.values().flatten().flatten().for_each(|block| result.update(block));
            Ok((took, result.digest()))
        })?;
        drop(commits);
        let bytes: usize = blocks.values().flatten().flatten().map(Vec::len).sum();
        println!("{:<28} {:>8.2} bytes/line", format!("{name}: blocks"), bytes as f64 / self.rows as f64);

        for (what, wanted) in
            [("decode identity", Wanted::Identity), ("decode for counting", Wanted::Counting), ("decode all", Wanted::All)]
        {
            self.stage(&format!("{name}: {what}"), || {
                let mut took = Duration::ZERO;
                let mut sums = (0, 0);
                for (day, segments) in &blocks {
                    for block in segments.iter().flatten() {
                        let start = Instant::now();
                        let decoded = decode(*day, block, wanted)?;
                        took += start.elapsed();
                        let last = decoded.rows.last().map_or(0, digest_of_row);
                        sums = (sums.0 + decoded.rows.len() as u64, sums.1 ^ last);
                    }
                }
                Ok((took, digest(&[sums.0, sums.1])))
            })?;
        }

        let counting = Counting::new(
            vec![("default".into(), SourceSettings { knows_users: true, ..SourceSettings::default() }); 2],
            Arc::default(),
        );
        let mut folds = Vec::new();
        self.stage(&format!("{name}: merge and fold"), || {
            let mut took = Duration::ZERO;
            folds.clear();
            for (day, segments) in &blocks {
                let inputs = decoded(*day, segments)?;
                let start = Instant::now();
                folds.push(folded(*day, inputs, &counting)?);
                took += start.elapsed();
            }
            Ok((took, digest_of_folds(&folds)))
        })?;
        drop(blocks);
        self.views(name, &folds)
    }

    /// What a publication makes of the folds of its days.
    fn views(&self, name: &str, folds: &[DayFold]) -> Result<(), Box<dyn Error>> {
        let mut numbers = Vec::new();
        let mut entries = Vec::new();
        self.stage(&format!("{name}: number downloaders"), || {
            let start = Instant::now();
            let asked = Asked::of(folds.iter().flat_map(|fold| fold.downloaders.iter().copied()));
            let mut numbering = asked.numbering();
            entries = numbering.number_rest(DownloaderNumber(0)).entries;
            numbers = asked.numbers(&numbering);
            Ok((start.elapsed(), digest(&[entries.len() as u64, entries.last().map_or(0, |(key, _)| key.who.0)])))
        })?;
        self.stage(&format!("{name}: dictionary run"), || {
            let start = Instant::now();
            let chunks: Vec<Vec<u8>> = encode_run(&entries).map(|(_, _, bytes)| bytes).collect();
            let took = start.elapsed();
            Ok((took, xxh3_64(&chunks.concat())))
        })?;
        let mut changes = Vec::new();
        self.stage(&format!("{name}: day chunks"), || {
            changes.clear();
            let mut result = Xxh3::new();
            let start = Instant::now();
            let mut rest = numbers.iter().copied();
            for fold in folds {
                day_chunks(fold, &mut rest, &mut changes).iter().for_each(|chunk| result.update(chunk));
            }
            Ok((start.elapsed(), result.digest()))
        })?;
        self.stage(&format!("{name}: repo years"), || {
            let mut changes = changes.clone();
            let mut result = Xxh3::new();
            let start = Instant::now();
            changes.sort_unstable_by_key(|(repo, day, _)| (*repo, *day));
            for of_repo in changes.chunk_by(|a, b| a.0 == b.0) {
                let days = of_repo.iter().map(|(_, day, of_day)| (*day, Some(*of_day)));
                result.update(&StoredYear::changed(2026, Vec::new(), days)?.bytes);
            }
            Ok((start.elapsed(), result.digest()))
        })
    }
}

/// The lines of a chunk that can be read.
fn requests<'a>(chunk: &'a Chunk, parser: &'a LineParser, start_line: u64) -> impl Iterator<Item = Request<'a>> {
    chunk.lines().filter(move |(number, _)| *number > start_line).filter_map(|(_, line)| parser.parse(line).ok())
}

/// Rows that are committed together, by day.
#[derive(Clone, Default)]
struct Commit {
    words: Words,
    days: BTreeMap<Day, Vec<Row>>,
}

impl Commit {
    fn sort(&mut self) {
        let mut block = Vec::new();
        for rows in self.days.values_mut() {
            let mut sorted = Vec::with_capacity(rows.len());
            let Ok(()) = for_sorted_blocks(&[rows.as_slice()], &self.words, &mut block, |block| {
                sorted.extend_from_slice(block);
                Ok::<_, std::convert::Infallible>(())
            });
            *rows = sorted;
        }
    }
}

/// The rows of the log as an import makes them.
fn commits(chunks: &[Chunk], parser: &LineParser, key: &IdentityKey) -> Vec<Commit> {
    let mut repos = HashMap::new();
    let mut commits = vec![Commit::default()];
    let mut rows = 0;
    for request in chunks.iter().flat_map(|chunk| requests(chunk, parser, u64::from(parser.header()))) {
        let Ok(download) = download(&request) else { continue };
        let next = RepoNumber(repos.len() as u32);
        let repo = *repos.entry((download.kind, download.repo.to_string())).or_insert(next);
        if rows % COMMIT_ROWS == 0 && rows > 0 {
            commits.push(Commit::default());
        }
        rows += 1;
        let Some(Commit { words, days }) = commits.last_mut() else { continue };
        let identity = key.identify(&request);
        let row = Row {
            repo,
            user: identity.user,
            who: identity.who,
            agent: identity.agent,
            time: request.time,
            method: download.method,
            status: download.status,
            path: download.path.as_deref().map_or(PathHash(0), PathHash::of),
            range: download.range,
            id: request.id.as_deref().map_or(SenderId(0), SenderId::of),
            delivery: DeliveryId::document(1),
            count: 1,
            bytes: stored_number(request.bytes),
            duration: stored_number(request.duration_ms),
            country: request.country.as_deref().map_or(Country(0), Country::parse),
            region: words.number(request.region.as_deref().unwrap_or("").as_bytes()),
            agent_note: words.number(agent_note(request.agent.as_deref().unwrap_or("")).as_bytes()),
            path_name: words.number(download.path.as_deref().unwrap_or("").as_bytes()),
            ..Row::default()
        };
        days.entry(row.time.day()).or_default().push(row);
    }
    commits
}

/// Per day its segments, per segment its blocks.
type Blocks = BTreeMap<Day, Vec<Vec<Vec<u8>>>>;

fn encoded(commits: &[Commit], encoder: &mut Encoder) -> std::io::Result<Blocks> {
    let mut blocks = Blocks::new();
    for Commit { words, days } in commits {
        for (day, rows) in days {
            let segment: Result<_, _> = rows.chunks(ROWS_MAX).map(|rows| encoder.encode(*day, rows, words)).collect();
            blocks.entry(*day).or_default().push(segment?);
        }
    }
    Ok(blocks)
}

fn decoded(day: Day, segments: &[Vec<Vec<u8>>]) -> Result<Vec<Vec<Decoded>>, BlockError> {
    let segment = |blocks: &Vec<Vec<u8>>| blocks.iter().map(|block| decode(day, block, Wanted::Counting)).collect();
    segments.iter().map(segment).collect()
}

fn folded(day: Day, segments: Vec<Vec<Decoded>>, counting: &Counting) -> Result<DayFold, BlockError> {
    let inputs = segments.into_iter().map(|blocks| blocks.into_iter().map(Ok));
    let mut events = Merge::new(inputs)?.joined()?;
    let mut folder = DayFolder::new(day, counting);
    while let Some(event) = events.next_event(|_| true)? {
        folder.add(&event, events.words());
    }
    Ok(folder.finish(events.words()))
}

/// The chunks of a day, as a publication writes them.
fn day_chunks(
    fold: &DayFold,
    numbers: &mut impl Iterator<Item = DownloaderNumber>,
    changes: &mut Vec<(RepoNumber, Day, RepoDay)>,
) -> Vec<Vec<u8>> {
    let mut writer = ChunkWriter::default();
    let mut chunks = Vec::new();
    for (of_repo, downloaders) in fold.repos_with_downloaders() {
        let mut numbers: Vec<DownloaderNumber> = numbers.by_ref().take(downloaders.len()).collect();
        numbers.sort_unstable();
        let uniques = Uniques(downloaders.len() as u64);
        let of_day = RepoDay { counts: of_repo.counts, uniques, evidence: of_repo.evidence };
        chunks.extend(writer.add(of_repo.repo, &of_day, &numbers));
        changes.push((of_repo.repo, fold.day, of_day));
    }
    chunks.extend(writer.take());
    chunks.into_iter().map(|(_, chunk)| chunk).collect()
}

fn digest(values: &[u64]) -> u64 {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    xxh3_64(&bytes)
}

fn digest_of_request(request: &Request<'_>) -> u64 {
    let target = match &request.target {
        Target::Url(url) => url.len(),
        Target::Named { kind, repo, path } => kind.len() + repo.len() + path.as_deref().map_or(0, str::len),
    };
    let texts = [&request.user, &request.address, &request.agent, &request.country, &request.region, &request.id];
    let lengths: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
    request.time.0 as u64 ^ u64::from(request.status) << 44 ^ (target as u64) << 52 ^ (lengths as u64) << 56
}

fn digest_of_row(row: &Row) -> u64 {
    row.who.0 ^ row.path.0.rotate_left(1) ^ row.time.0 as u64 ^ u64::from(row.repo.0) << 40 ^ row.id.0.rotate_left(2)
}

fn digest_of_folds(folds: &[DayFold]) -> u64 {
    let mut values = Vec::new();
    for fold in folds {
        values.extend([u64::from(fold.day.0), fold.accepted, fold.repeated, fold.tails.len() as u64]);
        for repo in &fold.repos {
            let counts = repo.counts;
            values.extend([u64::from(repo.repo.0), counts.authenticated.0, counts.anonymous.0, counts.files.0]);
        }
        values.extend(fold.downloaders.iter().map(|downloader| downloader.who.0 ^ downloader.tag()));
    }
    digest(&values)
}
