//! Questions to a store that an import filled, in process: one view each, as each HTTP request takes one.
//!
//! `cargo bench --bench queries` prints the latency that half, 99 % and all of the calls stay within, and a digest of the
//! answers. The last ones are asked of an org with a thousand repos, first right after an import, when nothing is kept.
//! `HUBTALLY_BENCH_ROWS` sets the size of the log (1,000,000), `HUBTALLY_BENCH_CALLS` how often the cheap
//! questions are asked (20,000; dear ones a hundredth of that), `HUBTALLY_BENCH_DIR` the folder the store is made in.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::sync::Arc;
use std::time::Instant;

use hubtally::generate::Workload;
use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place};
use hubtally::model::{Caller, Day, DayRange, GroupName, OrgName, RepoKey, RepoKind, SourceName};
use hubtally::query::{Dimension, Filter, Look, QueryError, Scope, Span, TableQuestion, View, Window};
use hubtally::store::all_repos;
use latency::Latencies;
use random::Random;

#[path = "common/latency.rs"]
mod latency;
#[path = "common/place.rs"]
mod place;
#[path = "common/random.rs"]
mod random;
#[path = "common/settings.rs"]
mod settings;

fn main() -> Result<(), Box<dyn Error>> {
    let rows = settings::rows(1_000_000)?;
    let calls = settings::number("HUBTALLY_BENCH_CALLS", 20_000)?.max(100);
    let folder = tempfile::tempdir_in(place::base())?;
    let workload = Workload { rows, ..Workload::default() };
    let log = folder.path().join("export.csv");
    let mut writer = BufWriter::new(File::create(&log)?);
    workload.write_to(&mut writer)?;
    writer.flush()?;

    let today = Day(workload.first_day.0 + workload.days - 1);
    let place = Place::Folder(folder.path().join("data"));
    let engine = Engine::open(&OpenOptions { place, default_public: true, frozen_now: Some(today.start()) })?;
    let options = ImportOptions {
        source: SourceName::default_source(),
        name: "export.csv".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    engine.import(Box::new(File::open(&log)?), &options, &|_| {})?;
    let questions = Questions::new(Arc::clone(&engine), workload.first_day, today, rows, calls)?;
    questions.ask_all()?;
    let log = log_of_large_org(workload.first_day, workload.days, (rows / 1_000).clamp(10, 1_000));
    let options = ImportOptions { name: "large-org.csv".to_owned(), ..options };
    engine.import(Box::new(Cursor::new(log)), &options, &|_| {})?;
    questions.ask_of_large_org()
}

/// An export in which one org has many repos, each downloaded a few times a day.
fn log_of_large_org(first_day: Day, days: u16, repos: u64) -> Vec<u8> {
    let mut random = Random(repos);
    let mut log = String::from("timestamp,status,method,repoName,repoType,hashedUserId,hashedIp,country,region,userAgent\n");
    for day in first_day.0..first_day.0 + days {
        for repo in 0..repos {
            for _ in 0..=random.below(5) {
                let (hour, person) = (random.below(24), random.below(60_000));
                log.push_str(&format!(
                    "{}T{hour:02}:00:00.000Z,200,GET,{LARGE_ORG}/model-{repo},model,,{person:032x},US,,unknown/None; hf_hub/0.20.3\n",
                    Day(day)
                ));
            }
        }
    }
    log.into_bytes()
}

const LARGE_ORG: &str = "large-org";

/// The questions and whom to ask.
struct Questions {
    engine: Arc<Engine>,
    caller: Caller,
    repos: Vec<RepoKey>,
    orgs: Vec<OrgName>,
    /// The org and the repo with the most downloads.
    largest: (OrgName, RepoKey),
    first_day: Day,
    today: Day,
    calls: u64,
}

impl Questions {
    fn new(engine: Arc<Engine>, first_day: Day, today: Day, rows: u64, calls: u64) -> Result<Questions, Box<dyn Error>> {
        let caller = Caller::public();
        let (published, txn) = engine.published()?;
        let counted = all_repos(&txn)?.into_iter().filter(|(number, _)| published.sets.counted.contains(*number));
        let repos: Vec<RepoKey> = counted.map(|(_, entry)| entry.key).collect();
        drop((published, txn));
        let mut orgs: Vec<OrgName> = repos.iter().filter_map(|repo| OrgName::parse(repo.name.org()?)).collect();
        orgs.sort_unstable();
        orgs.dedup();

        let view = View::of(&engine)?;
        let all = DayRange { first: first_day, last: today };
        let mut sums = Vec::new();
        for org in &orgs {
            let totals = view.scope_totals(&Scope::Org(org.clone()), all, &caller)?;
            sums.push((totals.map_or(0, |totals| totals.downloads().0), org));
        }
        let largest_org = sums.into_iter().max().ok_or("the hub is empty")?.1.clone();
        let largest_repo = view.trending(None, all, 1, &caller)?.into_iter().next().ok_or("the hub is empty")?.repo;
        drop(view);
        println!(
            "{rows} rows, {} repos and {} orgs with downloads; largest: {largest_org}, {largest_repo}",
            repos.len(),
            orgs.len()
        );
        println!("{:<42} {:>9} {:>9} {:>9} {:>7}  digest", "question", "p50 ms", "p99 ms", "max ms", "calls");
        Ok(Questions { engine, caller, repos, orgs, largest: (largest_org, largest_repo), first_day, today, calls })
    }

    fn ask_all(&self) -> Result<(), Box<dyn Error>> {
        let Questions { caller, repos, orgs, largest, today, .. } = self;
        let (org, repo) = largest;
        let any = |random: &mut Random| repos.get(random.below(repos.len())).unwrap_or(repo);
        self.ask("stats of any repo", self.calls, |view, random| stats(view, any(random), caller))?;
        for (days, uniques) in [(30, false), (365, false), (365, true)] {
            let with = if uniques { " and their uniques" } else { "" };
            let range = DayRange::ending(*today, days);
            let what = format!("recent {days} days{with} of any repo");
            self.ask(&what, self.calls, |view, random| recent(view, any(random), range, uniques, caller))?;
        }
        let range = DayRange::ending(*today, 365);
        self.ask("recent 365 days of the largest repo", self.calls, |view, _| recent(view, repo, range, true, caller))?;
        self.ask("uniques of any repo", self.calls, |view, random| {
            self.uniques(view, &Scope::Repo(any(random).clone()), random)
        })?;
        self.ask("uniques of the largest repo", self.calls / 10, |view, random| {
            self.uniques(view, &Scope::Repo(repo.clone()), random)
        })?;
        for (kind, days, limit) in [(Some(RepoKind::Model), 7, 20), (None, 30, 100), (None, 90, 100)] {
            let of = kind.map_or("all types", RepoKind::plural);
            let range = DayRange::ending(*today, days);
            self.ask(&format!("trending: top {limit} of {days} days, {of}"), self.calls / 100, |view, _| {
                let trends = view.trending(kind, range, limit, caller)?;
                Ok(trends.iter().map(|trend| trend.recent.0 * 7 + trend.downloads.0).sum())
            })?;
        }
        self.ask("uniques of any org", self.calls / 10, |view, random| {
            let any = orgs.get(random.below(orgs.len())).unwrap_or(org);
            self.uniques(view, &Scope::Org(any.clone()), random)
        })?;
        self.ask("uniques of the largest org", self.calls / 100, |view, random| {
            self.uniques(view, &Scope::Org(org.clone()), random)
        })?;
        self.ask("uniques of all models", self.calls / 100, |view, random| {
            self.uniques(view, &Scope::Kind(RepoKind::Model), random)
        })?;
        self.ask("uniques of the hub", self.calls / 100, |view, random| self.uniques(view, &Scope::Hub, random))?;
        self.ask("totals of the hub", self.calls / 100, |view, _| {
            let all = DayRange { first: self.first_day, last: *today };
            Ok(view.scope_totals(&Scope::Hub, all, caller)?.map_or(0, |totals| totals.downloads().0))
        })?;
        self.ask_blocks()
    }

    /// The blocks of a publisher's page, for as many repos as the largest publishers have.
    fn ask_blocks(&self) -> Result<(), Box<dyn Error>> {
        let name = GroupName::parse("a-thousand-repos").ok_or("a group has a name")?;
        let step = (self.repos.len() / 1_000).max(1);
        let members: Vec<RepoKey> = self.repos.iter().step_by(step).take(1_000).cloned().collect();
        let of = format!("{} repos", members.len());
        self.engine.put_group(&name, Some(members))?;
        let (group, caller, calls) = (Scope::Group(name), &self.caller, (self.calls / 200).max(20));
        for (window, span) in [(Window::Month, Span::Month), (Window::All, Span::All)] {
            let range = match window {
                Window::Month => DayRange::ending(self.today, 30),
                Window::All => DayRange { first: self.first_day, last: self.today },
                Window::Range(range) => range,
            };
            let days = range.last.0 - range.first.0 + 1;
            let look = Look { window: span, interval: None, uniques: false, compare: false, bounds: true };
            let overview = |view: &View<'_>| {
                Ok::<_, QueryError>(view.overview(&group, look, caller)?.map_or(0, |of| of.now.uniques.0 + of.now.counts.files.0))
            };
            let filter = Filter::default();
            let breakdowns = |view: &View<'_>| {
                let Some(sums) = view.facets(&group, range, &filter, caller)? else { return Ok(0) };
                let mut rows = 0;
                for (_, by) in Dimension::ALL.into_iter().filter(|(_, by)| *by != Dimension::File) {
                    rows += view.breakdown_of(&sums, by, 0)?.rows.iter().map(|row| row.count).sum::<u64>();
                }
                Ok::<_, QueryError>(rows)
            };
            let table = |view: &View<'_>| {
                let ask = TableQuestion { window, limit: 50, ..TableQuestion::default() };
                let table = view.repo_table(&group, &ask, caller)?;
                Ok::<_, QueryError>(table.map_or(0, |table| table.rows.iter().map(|row| row.unique_downloaders.0).sum()))
            };
            self.ask(&format!("{of}, {days} days: overview"), calls, |view, _| overview(view))?;
            self.ask(&format!("{of}, {days} days: all breakdowns"), calls, |view, _| breakdowns(view))?;
            self.ask(&format!("{of}, {days} days: table, 50 rows"), calls, |view, _| table(view))?;
            self.ask(&format!("{of}, {days} days: all of these"), calls, |view, _| {
                Ok(overview(view)? + breakdowns(view)? + table(view)?)
            })?;
        }
        let range = DayRange::ending(self.today, 30);
        let hub = Scope::Hub;
        self.ask("breakdown of the hub, 30 days", calls, |view, _| {
            Ok(view.facets(&hub, range, &Filter::default(), caller)?.map_or(0, |sums| sums.counts().downloads().0))
        })?;
        self.ask("reach of 1000 repos, 30 days, from events", 20, |view, _| {
            Ok(view.reach(&group, range, &Filter::default(), caller)?.map_or(0, |reach| reach.ceiling.0))
        })
    }

    /// What its public page shows of an org with many repos.
    fn ask_of_large_org(&self) -> Result<(), Box<dyn Error>> {
        let org = Scope::Org(OrgName::parse(LARGE_ORG).ok_or("an org has a name")?);
        let caller = &self.caller;
        let page = |view: &View<'_>| {
            let look = Look { compare: true, ..Look::default() };
            let figures = view.overview(&org, look, caller)?.map_or(0, |of| of.now.uniques.0);
            let ask = TableQuestion { window: Window::All, limit: 50, ..TableQuestion::default() };
            Ok(figures + view.repo_table(&org, &ask, caller)?.map_or(0, |table| table.rows.len() as u64))
        };
        self.once("page of the large org", page)?;
        self.once("uniques of the hub, all days", |view| {
            let all = DayRange { first: self.first_day, last: self.today };
            Ok(view.uniques(&Scope::Hub, all, caller)?.map_or(0, |uniques| uniques.0))
        })?;
        self.once("ecosystem", |view| Ok(view.ecosystem(caller)?.uniques.0))?;
        self.once("table of all repos", |view| {
            let ask = TableQuestion { window: Window::All, limit: 50, ..TableQuestion::default() };
            Ok(view.repo_table(&Scope::Hub, &ask, caller)?.map_or(0, |table| table.total))
        })?;
        let calls = (self.calls / 100).max(20);
        self.ask("page of the large org", calls, |view, _| page(view))?;
        self.ask("uniques of the large org", calls, |view, random| self.uniques(view, &org, random))?;
        self.ask("ecosystem", calls, |view, _| Ok(view.ecosystem(caller)?.uniques.0))
    }

    /// Asks for the first time after an import.
    fn once(&self, what: &str, question: impl Fn(&View<'_>) -> Result<u64, QueryError>) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        let answer = question(&View::of(&self.engine)?)?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        println!("{:<42} {:>9} {:>9} {ms:>9.3} {:>7}  {answer:016x}", format!("first: {what}"), "", "", 1);
        Ok(())
    }

    /// Asks one kind of question many times; a digest of the answers shows whether they stay the same.
    fn ask(
        &self,
        what: &str,
        calls: u64,
        question: impl Fn(&View<'_>, &mut Random) -> Result<u64, QueryError>,
    ) -> Result<(), Box<dyn Error>> {
        let mut random = Random(calls);
        let mut latencies = Latencies::default();
        let mut digest = 0_u64;
        for call in 0..calls + calls / 10 {
            let start = Instant::now();
            let answer = question(&View::of(&self.engine)?, &mut random)?;
            // The first tenth warms the caches.
            if call >= calls / 10 {
                latencies.add(start.elapsed());
            }
            digest = digest.rotate_left(5) ^ answer;
        }
        let [p50, p99, max] = [500, 990, 1000].map(|per_mille| latencies.ms(per_mille));
        println!("{what:<42} {p50:>9.4} {p99:>9.4} {max:>9.3} {calls:>7}  {digest:016x}");
        Ok(())
    }

    /// Distinct downloaders over a random range of days.
    fn uniques(&self, view: &View<'_>, scope: &Scope, random: &mut Random) -> Result<u64, QueryError> {
        let days = usize::from(self.today.0 - self.first_day.0) + 1;
        let (a, b) = (random.below(days) as u16, random.below(days) as u16);
        let range = DayRange { first: Day(self.first_day.0 + a.min(b)), last: Day(self.first_day.0 + a.max(b)) };
        Ok(view.uniques(scope, range, &self.caller)?.map_or(0, |uniques| uniques.0))
    }
}

fn stats(view: &View<'_>, repo: &RepoKey, caller: &Caller) -> Result<u64, QueryError> {
    let Some(number) = view.repo(repo, caller)? else { return Ok(0) };
    Ok(view.totals(number)?.downloads.0)
}

fn recent(view: &View<'_>, repo: &RepoKey, range: DayRange, uniques: bool, caller: &Caller) -> Result<u64, QueryError> {
    let Some(number) = view.repo(repo, caller)? else { return Ok(0) };
    let rows = view.recent(number, range, true, uniques)?;
    let sum = |row: &hubtally::query::DayRow| row.counts.downloads().0 + 3 * row.uniques.map_or(0, |uniques| uniques.0);
    Ok(rows.iter().map(sum).sum())
}
