//! The power goes at random moments, also while the store is made or opened again: what was acknowledged is there, nothing
//! is there in half, and the store can always be opened.
//!
//! `HUBTALLY_POWER_SEEDS=20000 cargo test power` lives more lives, of which each loses its power some six times; `HUBTALLY_SEED=N` starts at another one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::disk::Simulated;
use crate::laws::{compare, for_seeds, number};
use crate::life::{Life, Step};
use crate::oracle::{Oracle, Random};

const POWER_SEEDS: u64 = 2_000;

/// Changes of the disk until the power goes.
fn until_the_next_loss(random: &mut Random) -> Option<u64> {
    let most = random.pick(&[5, 40, 150, 400, 1_000]);
    random.chance(90).then(|| 1 + random.below(most))
}

/// Lives one life to its end; gives how often the power went.
fn live(seed: u64) -> u64 {
    let mut life = Life::random(seed);
    let disk = Simulated::new(seed);
    let mut random = Random::new(seed ^ 0xb1ac);
    let (mut losses, mut next) = (0, 0);
    let mut in_flight: Option<Step> = None;
    loop {
        disk.power_for(until_the_next_loss(&mut random));
        let opened = life.open(&disk);
        if disk.is_off() {
            drop(opened);
            losses += 1;
            disk.power_on();
            continue;
        }
        let engine = opened.unwrap_or_else(|error| panic!("seed {seed}, {losses} losses: not opened again: {error}"));
        disk.power_for(None);
        let when = format!("seed {seed}, after {losses} losses");
        life.check(&engine, in_flight.take().as_ref(), &when);
        if random.chance(30) {
            Life::verify(&engine, &when);
        }
        disk.power_for(until_the_next_loss(&mut random));
        while let Some(step) = life.steps.get(next).cloned() {
            let outcome = life.run(&engine, &step);
            match outcome {
                Ok(()) => next += 1,
                Err(_) if disk.is_off() => {
                    in_flight = Some(step);
                    break;
                }
                Err(error) => panic!("{when}: {step:?} failed with the power on: {error}"),
            }
        }
        if in_flight.is_none() {
            // The power may have gone in what the writer does after it has answered.
            if disk.is_off() {
                drop(engine);
                losses += 1;
                disk.power_on();
                continue;
            }
            disk.power_for(None);
            life.check(&engine, None, &when);
            Life::verify(&engine, &when);
            let retracted = life.steps.iter().find_map(|step| if let Step::Retract(index) = step { Some(*index) } else { None });
            let oracle = retracted.map_or_else(|| Oracle::of(&life.world), |index| Oracle::without(&life.world, index));
            compare(&engine, &oracle, seed, "at the end");
            return losses;
        }
        drop(engine);
        losses += 1;
        disk.power_on();
    }
}

#[test]
fn what_was_acknowledged_outlives_a_loss_of_power_at_any_moment() {
    let (first, seeds) = (number("HUBTALLY_SEED", 0), number("HUBTALLY_POWER_SEEDS", POWER_SEEDS));
    let losses = AtomicU64::new(0);
    let start = Instant::now();
    for_seeds("power", first, seeds, |seed| {
        losses.fetch_add(live(seed), Ordering::Relaxed);
    });
    let losses = losses.into_inner();
    println!("{seeds} seeds, {losses} losses of power in {:?}", start.elapsed());
    assert!(losses >= seeds / 2, "the power goes often enough");
}
