//! Memory that was used and will be again while more is to come: the system takes longer to give it than to fill it.

use std::sync::{Mutex, PoisonError};

/// Empty memory for items, as much of it as was in use at once.
pub struct Spare<T> {
    kept: Mutex<Vec<Vec<T>>>,
    /// Memory for fewer items than this comes fast.
    items_min: usize,
    /// Items that fit into all of what is kept, at most.
    items_max: usize,
}

impl<T> Spare<T> {
    /// Keeps memory for so many items at least, and for so many in all at most.
    #[must_use]
    pub const fn of(items_min: usize, items_max: usize) -> Spare<T> {
        Spare { kept: Mutex::new(Vec::new()), items_min, items_max }
    }

    fn with_kept<R>(&self, work: impl FnOnce(&mut Vec<Vec<T>>) -> R) -> R {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Memory with room for so many items, if some is kept that has it.
    pub fn find(&self, items: usize) -> Option<Vec<T>> {
        self.with_kept(|kept| {
            let at = kept.iter().rposition(|memory| memory.capacity() >= items)?;
            Some(kept.swap_remove(at))
        })
    }

    /// Memory with room for so many items.
    pub fn take(&self, items: usize) -> Vec<T> {
        // Growing as they come would take up to twice the memory.
        self.find(items).unwrap_or_else(|| Vec::with_capacity(items))
    }

    /// Takes memory back whose items are of no use any more.
    pub fn put(&self, used: impl IntoIterator<Item = Vec<T>>) {
        let (mut empty, mut too_much): (Vec<Vec<T>>, Vec<Vec<T>>) = used
            .into_iter()
            .filter(|memory| memory.capacity() >= self.items_min)
            .partition(|memory| memory.capacity() <= self.items_max);
        empty.iter_mut().for_each(Vec::clear);
        self.with_kept(|kept| {
            kept.append(&mut empty);
            let mut room = self.items_max;
            let fits = |memory: &mut Vec<T>| {
                let left = room.checked_sub(memory.capacity());
                room = left.unwrap_or(room);
                left.is_none()
            };
            too_much.extend(kept.extract_if(.., fits));
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
        let spare = Spare::of(10, 100);
        assert_eq!(spare.take(20).capacity(), 20);
        spare.put([vec![7_u64; 20], vec![7; 30], vec![7; 9]]);
        assert_eq!(kept(&spare), [20, 30], "nine are not worth it");
        assert!(spare.find(31).is_none());
        assert_eq!(spare.take(25), [] as [u64; 0], "nothing is left in it");
        assert_eq!((kept(&spare), spare.take(21).capacity()), (vec![20], 21));
        spare.rest();
        assert!(kept(&spare).is_empty());
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let spare = Spare::of(10, 100);
        spare.put([vec![0_u8; 101]]);
        assert!(kept(&spare).is_empty());
        spare.put([60, 50, 40].map(|items| vec![0; items]));
        assert_eq!(kept(&spare), [60, 40]);
        spare.put([vec![0; 10]]);
        assert_eq!(kept(&spare), [60, 40]);
    }
}
