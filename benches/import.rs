//! The whole import: a generated Hugging Face export, from the file to every answer.
//!
//! `cargo bench --bench import` prints rows per second, the peak memory of the process, allocated bytes per row and the
//! latency of a durable write on the same disk in the same minute. `HUBTALLY_BENCH_ROWS` sets the size (10,000,000),
//! `HUBTALLY_BENCH_DIR` the folder the store is made in.

#![allow(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use hubtally::generate::Workload;
use hubtally::ingest::{Engine, ImportOptions, OpenOptions, Place};
use hubtally::model::{Caller, Day, DayRange, Format, SourceName};
use hubtally::query::{Scope, View};

#[path = "common/durable.rs"]
mod durable;
#[path = "common/latency.rs"]
mod latency;
#[path = "common/place.rs"]
mod place;
#[path = "common/settings.rs"]
mod settings;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = settings::rows(10_000_000)?;
    let folder = tempfile::tempdir_in(place::base())?;
    let log = folder.path().join("export.csv");
    let workload = Workload { rows, format: Format::HfExport, ..Workload::default() };
    let mut writer = BufWriter::with_capacity(1 << 20, File::create(&log)?);
    let written = workload.write_to(&mut writer)?;
    writer.flush()?;
    println!("log             {:>12} rows, {} bytes", written.rows, written.bytes);
    println!("durable write   {:>12.2} ms (median of 64 x 4 KiB)", durable::durable_writes(folder.path())?.ms(500));

    let place = Place::Folder(folder.path().join("data"));
    let now = workload.first_day.minus(0).0 + workload.days;
    let options = OpenOptions { place, default_public: true, frozen_now: Some(Day(now).start()) };
    let engine = Engine::open(&options)?;
    let import = ImportOptions {
        source: SourceName::default_source(),
        name: "export.csv".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    let start = Instant::now();
    let receipt = engine.import(Box::new(File::open(&log)?), &import, &|_| {})?;
    let took = start.elapsed();
    println!("import          {:>12.3} s, {:.2} M rows/s", took.as_secs_f64(), millions_per_second(rows, took));
    println!(
        "receipt         {:>12} accepted, {} repeated, {} rejected",
        receipt.accepted,
        receipt.repeated,
        receipt.rejected.values().sum::<u64>()
    );
    println!("peak memory     {:>12} MB", peak_memory_kib()? / 1024);
    let allocated = allocated_bytes(&folder.path().join("data"))?;
    println!("disk            {:>12} bytes, {:.2} a row", allocated, allocated as f64 / rows as f64);

    let range = DayRange { first: workload.first_day, last: Day(now) };
    let caller = Caller::admin();
    let timed = |what: &str, question: &dyn Fn(&View<'_>) -> u64| -> Result<(), Box<dyn std::error::Error>> {
        let start = Instant::now();
        let view = View::of(&engine)?;
        let answer = question(&view);
        println!("{what:<15} {:>12.3} ms -> {answer}", start.elapsed().as_secs_f64() * 1e3);
        Ok(())
    };
    timed("hub uniques", &|view| view.uniques(&Scope::Hub, range, &caller).ok().flatten().map_or(0, |uniques| uniques.0))?;
    timed("hub totals", &|view| view.hub(&caller).map_or(0, |hub| hub.downloads.0))?;
    let week = DayRange::ending(Day(now - 1), 7);
    timed("trending", &|view| {
        view.trending(None, week, 20, &caller).map_or(0, |trends| trends.first().map_or(0, |trend| trend.recent.0))
    })?;
    Ok(())
}

fn millions_per_second(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64() / 1e6
}

/// Peak resident memory of this process, the generator included.
fn peak_memory_kib() -> std::io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    Ok(line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0))
}

fn allocated_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.blocks() * 512;
    }
    Ok(bytes)
}
