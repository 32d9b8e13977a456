//! Events that are pushed while they happen: durable and in every answer before each call returns.
//!
//! `cargo bench --bench live` pushes from 1, 8 and 64 threads, one event a body and then bodies of 1 MiB of NDJSON, these
//! also over HTTP to a server in the same process, so that both share the cores, and over HTTP without region,
//! duration and id, on which downloads do not depend (lean); each into a fresh store in a folder. Beside them stands what a
//! bare server makes of the lean bodies, which reads them with hyper and serde_json and keeps nothing. It prints events per
//! second, the time of all cores that an event takes, of its sender too, and the latency of the calls. The latency of a
//! durable write of 4 KiB on the same disk stands beside every line, since no durable acknowledgement can be faster.
//! `HUBTALLY_BENCH_ROWS` sets the events for large bodies (300,000), `HUBTALLY_BENCH_DAYS` how many days they are of (1; the
//! reference workload has 166,000 events a day), `HUBTALLY_BENCH_PUSHES` how many single events a thread pushes (500),
//! `HUBTALLY_BENCH_DIR` the folder the stores are made in. Whatever the threads do, equal events give equal downloads: the
//! last column must be the same for all lines of one kind that push the same events.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hubtally::generate::Workload;
use hubtally::ingest::{Engine, OpenOptions, Place};
use hubtally::model::{Caller, Day, DayRange, Format};
use hubtally::query::{Scope, View};
use latency::Latencies;
use sender::{Sender, Serving};

#[path = "common/cpu.rs"]
mod cpu;
#[path = "common/durable.rs"]
mod durable;
#[path = "common/latency.rs"]
mod latency;
#[path = "common/place.rs"]
mod place;
#[path = "common/sender.rs"]
mod sender;
#[path = "common/settings.rs"]
mod settings;

const BODY_BYTES: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let rows = settings::rows(300_000)?;
    let pushes = settings::number("HUBTALLY_BENCH_PUSHES", 500)?.max(1);
    let days = u16::try_from(settings::number("HUBTALLY_BENCH_DAYS", 1)?.max(1))?;
    let workload = Workload { rows, days, format: Format::Events, malformed_per_million: 0, ..Workload::default() };
    let mut log = Vec::new();
    workload.write_to(&mut log)?;
    let range = DayRange { first: workload.first_day, last: Day(workload.first_day.0.saturating_add(days - 1)) };

    println!(
        "{:<16} {:>7} {:>8} {:>10} {:>7} {:>9} {:>9} {:>9} {:>8} {:>9} {:>10}",
        "body", "threads", "pushes", "events/s", "CPU µs", "p50 ms", "p99 ms", "max ms", "full", "fsync ms", "downloads"
    );
    for threads in [1, 8, 64] {
        let lines = log.split_inclusive(|byte| *byte == b'\n').take((pushes as usize).saturating_mul(threads));
        let bodies: Vec<&[u8]> = lines.collect();
        run("one event", threads, &bodies, range, Way::Direct)?;
    }
    let lean = without_extras(&log);
    let large = [
        ("1 MiB of NDJSON", &log, Way::Direct),
        ("1 MiB over HTTP", &log, Way::Http),
        ("1 MiB, lean", &lean, Way::Http),
        ("lean, bare", &lean, Way::Bare),
    ];
    for (what, log, way) in large {
        let bodies = large_bodies(log);
        for threads in [1, 8, 64] {
            run(what, threads, &bodies, range, way)?;
        }
    }
    Ok(())
}

/// The events without region, duration and id, which stand last in each and on which downloads do not depend.
fn without_extras(log: &[u8]) -> Vec<u8> {
    let mut lean = Vec::with_capacity(log.len());
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let extras = [&b",\"region\":"[..], b",\"duration_ms\":"].map(|name| memchr::memmem::find(line, name));
        match extras.into_iter().flatten().min().and_then(|at| line.get(..at)) {
            Some(rest) => lean.extend(rest.iter().chain(b"}\n")),
            None => lean.extend(line),
        }
    }
    lean
}

/// The log in pieces of whole lines.
fn large_bodies(log: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    let mut rest = log;
    while !rest.is_empty() {
        let end =
            rest.get(..BODY_BYTES).and_then(|piece| memchr::memrchr(b'\n', piece)).map_or(rest.len(), |newline| newline + 1);
        let (body, after) = rest.split_at(end);
        bodies.push(body);
        rest = after;
    }
    bodies
}

/// Where bodies go.
#[derive(Clone, Copy)]
enum Way {
    Direct,
    Http,
    /// To a server that reads events and does nothing with them.
    Bare,
}

/// What the pushes of some threads came to.
#[derive(Default)]
struct Outcome {
    latencies: Latencies,
    events: u64,
    full: u64,
}

/// Pushes all bodies from so many threads into a fresh store.
fn run(what: &str, threads: usize, bodies: &[&[u8]], range: DayRange, way: Way) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(place::base())?;
    let mut fsync = durable::durable_writes(folder.path())?;
    let place = Place::Folder(folder.path().join("data"));
    let noon = hubtally::model::Millis(range.last.start().0 + 43_200_000);
    let engine = Engine::open(&OpenOptions { place, default_public: true, frozen_now: Some(noon) })?;
    let serving = match way {
        Way::Direct => None,
        Way::Http => Some(Serving::start(&engine)?),
        Way::Bare => Some(Serving::bare()?),
    };

    let next = AtomicUsize::new(0);
    let outcome: Mutex<Outcome> = Mutex::default();
    let failure: Mutex<Option<String>> = Mutex::default();
    let (start, spent) = (Instant::now(), cpu::spent());
    let push_all = || -> Result<(), Box<dyn Error>> {
        let (mut own, mut sender) = (Outcome::default(), Sender::new(&engine, serving.as_ref())?);
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let pushed = sender.push(body)?;
            own.latencies.add(pushed.time);
            own.events += pushed.events;
            own.full += pushed.full;
        }
        let mut all = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        all.latencies.extend([own.latencies]);
        all.events += own.events;
        all.full += own.full;
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                if let Err(error) = push_all() {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).replace(error.to_string());
                }
            });
        }
    });
    let took = start.elapsed().as_secs_f64();
    let spent = cpu::spent().zip(spent).map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1e6);
    if let Some(error) = failure.into_inner()? {
        return Err(error.into());
    }
    let Outcome { mut latencies, events, full } = outcome.into_inner()?;
    let counted = match way {
        Way::Bare => "-".to_owned(),
        Way::Direct | Way::Http => {
            let totals = View::of(&engine)?.scope_totals(&Scope::Hub, range, &Caller::admin())?.unwrap_or_default();
            totals.downloads().0.to_string()
        }
    };
    let cpu = spent.map_or_else(|| "-".to_owned(), |spent| format!("{:.2}", spent / events.max(1) as f64));
    let [p50, p99, max] = [500, 990, 1000].map(|per_mille| latencies.ms(per_mille));
    println!(
        "{what:<16} {threads:>7} {:>8} {:>10.0} {cpu:>7} {p50:>9.3} {p99:>9.3} {max:>9.1} {:>8} {:>9.3} {counted:>10}",
        bodies.len(),
        events as f64 / took,
        full,
        fsync.ms(500)
    );
    Ok(())
}
