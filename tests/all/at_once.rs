//! Many senders at once: whoever comes first, and with whose names, the numbers are the oracle's.

use std::sync::atomic::{AtomicUsize, Ordering};

use hubtally::ingest::Place;

use crate::laws::{compare, configure, deliver, for_seeds, noon, number, open};
use crate::oracle::{Oracle, World};

#[test]
fn deliveries_that_come_all_at_once_give_the_same_numbers() {
    for_seeds("at once", number("HUBTALLY_FIRST_WORLD", 0), number("HUBTALLY_WORLDS", 500) / 5, |seed| {
        let world = World::random(seed).split(seed);
        let engine = open(Place::Memory, world.today);
        configure(&engine, &world).unwrap();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= world.deliveries.len() {
                            break;
                        }
                        deliver(&engine, &world, index, seed);
                    }
                });
            }
        });
        // Pushes have set the clock to when they came.
        engine.freeze_clock(noon(world.today));
        compare(&engine, &Oracle::of(&world), seed, "all at once");
        engine.rebuild(&|_| {}).unwrap();
        compare(&engine, &Oracle::of(&world), seed, "folded into views");
    });
}
