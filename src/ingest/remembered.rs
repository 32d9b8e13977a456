//! What was made of the last texts: a log repeats them, and reading one costs more than recognising it.

use super::fingerprint::Fingerprint;

/// Places there are at first, when a batch may be a single line; a power of two.
const PLACES_MIN: usize = 1 << 6;

/// Places grow by this factor.
const GROWTH: usize = 4;

/// Values of the last texts of one reader, each in the place its fingerprint gives it. Small enough to stay in the cache of
/// one core: what has to be fetched from memory costs as much as what it saves.
#[derive(Debug)]
pub struct Remembered<T> {
    places: Vec<(Fingerprint, T)>,
    places_max: usize,
    /// How many were put in since the number of places is what it is.
    put: usize,
}

impl<T: Copy + Default> Remembered<T> {
    /// Nothing yet; `places_max` is a power of four from 64 on.
    pub fn new(places_max: usize) -> Self {
        Remembered { places: Vec::new(), places_max, put: 0 }
    }

    /// The value of a text, if it is still known.
    pub fn get(&self, text: Fingerprint) -> Option<T> {
        self.places.get(self.at(text)).filter(|(known, _)| *known == text).map(|(_, value)| *value)
    }

    /// The value of a text, remembered from now on.
    pub fn get_or_put(&mut self, text: Fingerprint, make: impl FnOnce() -> T) -> T {
        self.get(text).unwrap_or_else(|| {
            let value = make();
            self.put(text, value);
            value
        })
    }

    /// Remembers the value of a text, in the place of another one.
    pub fn put(&mut self, text: Fingerprint, value: T) {
        if self.put == self.places.len() && self.places.len() < self.places_max {
            self.grow();
        }
        self.put += 1;
        self.set(text, value);
    }

    /// Makes more places, and puts what is known into its new ones.
    fn grow(&mut self) {
        let places = (self.places.len() * GROWTH).clamp(PLACES_MIN, self.places_max);
        let before = std::mem::replace(&mut self.places, vec![<(Fingerprint, T)>::default(); places]);
        self.put = 0;
        before.into_iter().filter(|(text, _)| *text != Fingerprint::default()).for_each(|(text, value)| self.set(text, value));
    }

    fn set(&mut self, text: Fingerprint, value: T) {
        let at = self.at(text);
        if let Some(place) = self.places.get_mut(at) {
            *place = (text, value);
        }
    }

    fn at(&self, text: Fingerprint) -> usize {
        // The low bits always fit.
        text.low() as usize & self.places.len().wrapping_sub(1)
    }
}
