//! Memory that was used and will be again while more is to come: the system takes longer to give it than to fill it.

use std::sync::{Mutex, PoisonError};

/// Empty memory for items, of no more pieces than were in use at once.
pub struct Spare<T> {
    /// The last one that was put back comes last.
    kept: Mutex<Vec<Vec<T>>>,
    /// Memory for fewer items than this comes fast.
    items_min: usize,
    /// Memory for more items than this is given back to the system.
    items_max: usize,
    /// Items that fit into all of what is kept, at most.
    all_max: usize,
}

impl<T> Spare<T> {
    /// Keeps memory for so many items at least and at most, and for so many in all.
    #[must_use]
    pub const fn of(items_min: usize, items_max: usize, all_max: usize) -> Spare<T> {
        Spare { kept: Mutex::new(Vec::new()), items_min, items_max, all_max }
    }

    fn with_kept<R>(&self, work: impl FnOnce(&mut Vec<Vec<T>>) -> R) -> R {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Memory with room for so many items and not for more than twice as many, if there is some.
    pub fn find(&self, items: usize) -> Option<Vec<T>> {
        let fits = |memory: &Vec<T>| (items..=items.saturating_mul(2)).contains(&memory.capacity());
        self.with_kept(|kept| kept.iter().rposition(fits).map(|at| kept.swap_remove(at)))
    }

    /// Memory with room for so many items, in place of some that is kept, so that there is never more of it.
    pub fn take(&self, items: usize) -> Vec<T> {
        if items < self.items_min {
            return Vec::with_capacity(items);
        }
        let fits = |memory: &Vec<T>| memory.capacity() >= items;
        let found = self.with_kept(|kept| kept.iter().rposition(fits).map(|at| kept.swap_remove(at)).or_else(|| kept.pop()));
        // Growing as they come would take up to twice the memory.
        found.filter(fits).unwrap_or_else(|| Vec::with_capacity(items))
    }

    /// Takes memory back whose items are of no use any more. Where that is too much, what was put back first goes.
    pub fn put(&self, used: impl IntoIterator<Item = Vec<T>>) {
        let sizes = self.items_min..=self.items_max;
        let mut empty: Vec<Vec<T>> = used.into_iter().filter(|memory| sizes.contains(&memory.capacity())).collect();
        empty.iter_mut().for_each(Vec::clear);
        let too_much: Vec<Vec<T>> = self.with_kept(|kept| {
            kept.append(&mut empty);
            let mut all: usize = kept.iter().map(Vec::capacity).sum();
            let is_too_much = |memory: &mut Vec<T>| {
                let too_much = all > self.all_max;
                all -= if too_much { memory.capacity() } else { 0 };
                too_much
            };
            kept.extract_if(.., is_too_much).collect()
        });
        // It goes without the lock.
        drop(too_much);
    }

    /// Gives all of it back to the system.
    pub fn rest(&self) {
        drop(self.with_kept(std::mem::take));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<T>(spare: &Spare<T>) -> Vec<usize> {
        spare.with_kept(|kept| kept.iter().map(Vec::capacity).collect())
    }

    #[test]
    fn memory_is_used_again_as_far_as_it_has_room() {
        let spare = Spare::of(10, 100, 1_000);
        assert_eq!(spare.take(20).capacity(), 20);
        spare.put([vec![7_u64; 20], vec![7; 30], vec![7; 9], vec![7; 101]]);
        assert_eq!(kept(&spare), [20, 30], "nine are not worth it, and a hundred and one are too many");
        assert!(spare.find(31).is_none() && spare.find(14).is_some_and(|memory| memory.capacity() == 20));
        assert!(spare.find(14).is_none(), "for thirty there is better use");
        assert_eq!(spare.take(14), [] as [u64; 0], "nothing is left in it");
        assert!(kept(&spare).is_empty());
        spare.put([vec![7; 50]]);
        assert_eq!((spare.take(9).capacity(), kept(&spare)), (9, vec![50]));
        spare.rest();
        assert!(kept(&spare).is_empty());
    }

    #[test]
    fn there_are_never_more_pieces_than_were_in_use_at_once() {
        let spare = Spare::of(0, usize::MAX, usize::MAX);
        for items in 100..200 {
            let memory: [Vec<u8>; 3] = [items, items + 7, items / 2].map(|items| spare.take(items));
            assert!(kept(&spare).is_empty());
            spare.put(memory);
            assert_eq!(kept(&spare).len(), 3);
        }
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let spare = Spare::of(10, 100, 100);
        spare.put([60, 50, 40].map(|items| vec![0_u8; items]));
        assert_eq!(kept(&spare), [50, 40], "the first one went");
        spare.put([vec![0; 20]]);
        assert_eq!(kept(&spare), [40, 20]);
        spare.put([vec![0; 40]]);
        assert_eq!(kept(&spare), [40, 20, 40]);
    }
}
