//! Metrics for Prometheus: what this process does, and the figures that the caller may see. Labels are types, classes of
//! status and, for administrators, sources; never a repository or a person, of which there is no end.

use std::fs;

use hyper::StatusCode;

use crate::ingest::Engine;
use crate::model::{Caller, RepoKind};
use crate::query::View;
use crate::render::metrics::{Kind, Metrics};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Sources with lines of their own; the rest are one, `other`.
const SOURCES_MAX: usize = 50;

/// All metrics.
pub async fn metrics(call: Call) -> Outcome {
    let mut metrics = Metrics::default();
    let version = env!("CARGO_PKG_VERSION");
    metrics.metric("hubtally_build_info", Kind::Gauge, "The version that runs.");
    metrics.value("hubtally_build_info", &[("version", version)], 1);
    let name = "hubtally_http_responses_total";
    metrics.metric(name, Kind::Counter, "Answers over HTTP since the start, by class of status.");
    for (class, count) in call.app.answers.classes() {
        metrics.value(name, &[("class", class)], count);
    }
    let health = call.engine().health();
    let ready = "Whether events are taken and questions answered.";
    metrics.single("hubtally_ready", Kind::Gauge, ready, u8::from(health.ready));
    if let Some(bytes) = call.engine().stored_bytes() {
        metrics.single("hubtally_store_bytes", Kind::Gauge, "Bytes of the files in the data folder.", bytes);
    }
    process(&mut metrics);
    let caller = call.caller;
    let metrics = call.app.read(move |engine| figures(engine, &caller, metrics)).await??;
    Ok(Answer::new(StatusCode::OK, CONTENT_TYPE, metrics.into_text()))
}

/// What is counted. These are gauges: a late event or a retraction can make them fall.
fn figures(engine: &Engine, caller: &Caller, mut metrics: Metrics) -> Result<Metrics, Answer> {
    let view = View::of(engine)?;
    let ecosystem = view.ecosystem(caller)?;
    let name = "hubtally_downloads";
    metrics.metric(name, Kind::Gauge, "Downloads of all time by type of repository, as far as the caller may see them.");
    for kind in RepoKind::ALL {
        let downloads = ecosystem.kinds.iter().find(|(known, _)| *known == kind).map_or(0, |(_, downloads)| downloads.0);
        metrics.value(name, &[("type", kind.word())], downloads);
    }
    let last = ecosystem.hub.last_30_days.0;
    metrics.single("hubtally_downloads_30d", Kind::Gauge, "Downloads of the last 30 days, today included.", last);
    let repos = "Repositories with at least one download.";
    metrics.single("hubtally_repositories", Kind::Gauge, repos, ecosystem.hub.repos);
    let uniques = "Distinct downloaders of all time.";
    metrics.single("hubtally_unique_downloaders", Kind::Gauge, uniques, ecosystem.uniques.0);
    drop(view);
    if caller.is_admin() {
        sources(engine, &mut metrics)?;
    }
    Ok(metrics)
}

/// Lines by source and outcome, from the ledger of deliveries.
fn sources(engine: &Engine, metrics: &mut Metrics) -> Result<(), Answer> {
    let mut sums: Vec<(String, [u64; 4])> = Vec::new();
    for delivery in engine.deliveries()?.into_iter().filter(|delivery| delivery.state != "retracted") {
        let lines = [delivery.accepted, delivery.repeated, delivery.skipped, delivery.rejected];
        let source = if sums.len() < SOURCES_MAX { delivery.source } else { "other".to_owned() };
        let at = sums.iter().position(|(known, _)| *known == source).unwrap_or_else(|| {
            sums.push((source, [0; 4]));
            sums.len() - 1
        });
        if let Some((_, sum)) = sums.get_mut(at) {
            sum.iter_mut().zip(lines).for_each(|(sum, lines)| *sum += lines);
        }
    }
    let name = "hubtally_source_lines";
    metrics.metric(name, Kind::Gauge, "Lines of the deliveries that are in force, by source and what became of them.");
    for (source, lines) in &sums {
        for (outcome, count) in ["accepted", "repeated", "skipped", "rejected"].iter().zip(lines) {
            metrics.value(name, &[("source", source), ("outcome", outcome)], count);
        }
    }
    Ok(())
}

/// What Linux tells of this process, under the names that all exporters use.
fn process(metrics: &mut Metrics) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    if let Some(kib) = resident {
        metrics.single("process_resident_memory_bytes", Kind::Gauge, "Resident memory in bytes.", kib * 1024);
    }
    if let Ok(handles) = fs::read_dir("/proc/self/fd") {
        metrics.single("process_open_fds", Kind::Gauge, "Open file handles.", handles.count());
    }
}
