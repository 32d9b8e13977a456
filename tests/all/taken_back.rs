//! What is taken back had never come, for what was there and for what comes later.

use std::collections::BTreeSet;

use hubtally::ingest::Place;
use hubtally::model::Receipt;

use crate::laws::{compare, configure, deliver, for_worlds, open, verify};
use crate::oracle::{Kind, Oracle, Random, World};

#[test]
fn what_is_taken_back_had_never_come() {
    for_worlds("retraction", |seed| {
        let world = World::random(seed);
        let engine = open(Place::Memory, world.today);
        configure(&engine, &world).unwrap();
        let receipts: Vec<Receipt> = (0..world.deliveries.len()).map(|index| deliver(&engine, &world, index, seed)).collect();
        if receipts.is_empty() {
            return;
        }
        let index = Random::new(seed).index(receipts.len());
        let taken = world.taken_with(index);
        let numbers: BTreeSet<&str> = taken.iter().map(|index| receipts[*index].delivery.as_str()).collect();
        for number in numbers.into_iter().filter(|number| !number.is_empty()) {
            engine.retract(number.parse().unwrap()).unwrap();
        }
        compare(&engine, &Oracle::without(&world, index), seed, "after a retraction");
        engine.rebuild(&|_| {}).unwrap();
        compare(&engine, &Oracle::without(&world, index), seed, "after a retraction and a rebuild");
    });
}

#[test]
fn what_comes_later_counts_as_if_nothing_had_been_taken_back_or_set_otherwise() {
    for_worlds("after a retraction", |seed| {
        let world = World::random(seed);
        let mut random = Random::new(seed);
        let engine = open(Place::Memory, world.today);
        let cut = random.index(world.deliveries.len() + 1);
        if seed % 2 > 0 {
            configure(&engine, &world).unwrap();
        }
        let receipts: Vec<Receipt> = (0..cut).map(|index| deliver(&engine, &world, index, seed)).collect();
        // In half of the worlds the sources are what they are only from here on.
        configure(&engine, &world).unwrap();
        let mut taken = if cut > 0 { world.taken_with(random.index(cut)) } else { BTreeSet::new() };
        // A push that comes again is a new one, a document that was taken back stays so.
        taken.retain(|index| *index < cut || matches!(world.deliveries[*index].kind, Kind::Document));
        let before = taken.iter().filter_map(|index| receipts.get(*index));
        let numbers: BTreeSet<&str> = before.map(|receipt| receipt.delivery.as_str()).collect();
        for number in numbers.into_iter().filter(|number| !number.is_empty()) {
            engine.retract(number.parse().unwrap()).unwrap();
        }
        let later = (cut..world.deliveries.len()).filter(|index| !taken.contains(index));
        later.for_each(|index| drop(deliver(&engine, &world, index, seed)));
        let left = world.deliveries.iter().enumerate().filter(|(index, _)| !taken.contains(index));
        let left = World { deliveries: left.map(|(_, delivery)| delivery.clone()).collect(), ..world.clone() };
        compare(&engine, &Oracle::of(&left), seed, "after what was taken back");
        verify(&engine, seed);
        compare(&engine, &Oracle::of(&left), seed, "after what was taken back, folded into views");
    });
}
