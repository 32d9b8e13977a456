//! Every operation of the disk fails once, or it and all after it: nothing is acknowledged that is not kept, nothing panics
//! out of the engine, what is answered is right, and once the disk works again so does the engine, without a restart.
//!
//! `HUBTALLY_FAULTS=all cargo test faults` lets every single operation fail; `HUBTALLY_FAULTS=N` so many of each kind.

use std::fmt::Write as _;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hubtally::ingest::{Engine, EngineError, ImportOptions};
use hubtally::model::{Receipt, SourceName};
use hubtally::query::View;

use crate::disk::{Fault, Simulated};
use crate::laws::{for_seeds, number, table};
use crate::life::{Life, Step};
use crate::oracle::Oracle;

/// Worlds with documents and pushes, retractions, likes, tokens and a rebuild.
const SEEDS: [u64; 3] = [6, 11, 27];
const FAULTS: u64 = 40;
const PATIENCE: Duration = Duration::from_secs(5);

fn operations(seed: u64) -> u64 {
    let disk = Simulated::new(seed);
    let mut life = Life::random(seed);
    let engine = life.open(&disk).unwrap();
    for step in life.steps.clone() {
        life.run(&engine, &step).unwrap();
    }
    drop(engine);
    disk.operations()
}

/// Waits until the engine says that it works.
fn wait_until_ready(engine: &Engine, when: &str) {
    let start = Instant::now();
    while !engine.health().ready {
        assert!(start.elapsed() < PATIENCE, "{when}: {:?}", engine.health());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What is answered while the disk fails is right, or an error.
fn check_answers(life: &Life, engine: &Engine, in_flight: &Step, when: &str) {
    if View::of(engine).is_err() || matches!(in_flight, Step::Retract(_)) {
        return;
    }
    let named = Oracle { named: Oracle::of(&life.world).named, ..Oracle::of(&life.world) };
    if let Ok(found) = catch_unwind(AssertUnwindSafe(|| table(engine, &named))) {
        assert!(life.right(Some(in_flight)).contains(&found), "{when}: while the disk fails, found\n{found}");
    }
}

/// Lives a life in which operation `at` fails.
fn live(seed: u64, at: u64, for_good: bool, fault: Fault) {
    let when = format!("world {seed}, operation {at} {}: {fault:?}", if for_good { "and all later ones" } else { "alone" });
    let disk = Simulated::new(seed);
    let mut life = Life::random(seed);
    disk.fail(at, for_good, fault);
    let engine = life.open(&disk).unwrap_or_else(|error| {
        assert!(disk.failed() > 0, "{when}: {error}");
        disk.mend();
        life.open(&disk).unwrap_or_else(|error| panic!("{when}: not opened after the fault: {error}"))
    });
    for step in life.steps.clone() {
        let Err(error) = life.run(&engine, &step) else { continue };
        assert!(disk.failed() > 0, "{when}: {step:?}: {error}");
        assert!(!error.contains("is stopping"), "{when}: {step:?}: {error}");
        check_answers(&life, &engine, &step, &when);
        if for_good {
            // Asking again brings an error again, or what has become right.
            if life.run(&engine, &step).is_ok() {
                continue;
            }
            check_answers(&life, &engine, &step, &when);
            assert!(!engine.health().ready, "{when}: ready although nothing can be written");
            disk.mend();
        }
        wait_until_ready(&engine, &when);
        life.check(&engine, Some(&step), &when);
        life.run(&engine, &step).unwrap_or_else(|error| panic!("{when}: {step:?} once more: {error}"));
        life.check(&engine, None, &format!("{when}: {step:?} done again"));
    }
    disk.mend();
    wait_until_ready(&engine, &when);
    life.check(&engine, None, &when);
    Life::verify(&engine, &when);
    drop(engine);
    disk.power_on();
    life.check(&life.open(&disk).unwrap(), None, &format!("{when}, opened again after a loss of power"));
}

/// Lets operations fail one by one, spread over the whole life.
fn fail_all(what: &str, kinds: &[(bool, Fault)]) {
    let most = if std::env::var("HUBTALLY_FAULTS").is_ok_and(|text| text == "all") {
        u64::MAX
    } else {
        number("HUBTALLY_FAULTS", FAULTS)
    };
    let start = Instant::now();
    let lives = AtomicU64::new(0);
    for seed in SEEDS {
        let operations = operations(seed);
        let step = operations.div_ceil(most).max(1);
        for &(for_good, fault) in kinds {
            // Other operations are met in every kind and world.
            let first = 1 + (seed + u64::from(for_good)) % step;
            for_seeds(what, 0, (operations - first) / step + 1, |nth| {
                live(seed, first + nth * step, for_good, fault);
                lives.fetch_add(1, Ordering::Relaxed);
            });
        }
    }
    println!("{what}: {} lives in {:?}", lives.into_inner(), start.elapsed());
}

#[test]
fn an_operation_that_fails_once_costs_its_command() {
    fail_all("fails once", &[(false, Fault::Broken), (false, Fault::Full)]);
}

#[test]
fn a_disk_that_fails_for_a_while_is_taken_up_again_by_itself() {
    fail_all("fails for good", &[(true, Fault::Broken), (true, Fault::Full)]);
}

#[test]
fn a_panic_of_the_writer_ends_its_command_alone() {
    fail_all("panics", &[(false, Fault::Panic)]);
}

/// Hands a log of many pieces over on a thread of its own, which is given time to come to an end.
fn import_long(engine: &Arc<Engine>) -> Result<Receipt, EngineError> {
    let mut log = String::new();
    for event in 0..500 {
        writeln!(log, r#"{{"ts":{},"repo":"long/import","ip":"198.51.100.7"}}"#, 1_780_000_000_000_u64 + event).unwrap();
    }
    let options = ImportOptions {
        source: SourceName::parse("long").unwrap(),
        name: "long".to_owned(),
        format: None,
        redirects: None,
        head_redirect: None,
        knows_users: None,
        as_new: false,
    };
    let (ended, end) = std::sync::mpsc::channel();
    let engine = Arc::clone(engine);
    std::thread::spawn(move || drop(ended.send(engine.import(Box::new(Cursor::new(log)), &options, &|_| {}))));
    end.recv_timeout(PATIENCE).expect("the import ends")
}

#[test]
fn a_long_import_ends_wherever_it_can_no_longer_be_written() {
    for after in (1..120).step_by(9) {
        let disk = Simulated::new(1);
        let engine = Life::random(1).open(&disk).unwrap();
        disk.fail(disk.operations() + after, true, Fault::Full);
        assert!(import_long(&engine).is_err_and(|error| error.is_full()), "{after}");
        disk.mend();
        wait_until_ready(&engine, "after a long import");
        let receipt = import_long(&engine).unwrap();
        assert_eq!((receipt.lines, receipt.rejected.len()), (500, 0), "{receipt:?}");
    }
}
