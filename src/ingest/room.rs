//! Room for what questions keep of a published state. It is thrown away with the state it was made of, so nothing that is
//! kept can outlive what it was made from.

use std::any::Any;
use std::sync::OnceLock;

/// Room for one value, which is made by whoever needs it first.
#[derive(Default)]
pub struct Room(OnceLock<Box<dyn Any + Send + Sync>>);

impl Room {
    /// The value; `None` if the room is taken by one of another type.
    #[must_use]
    pub fn get<T: Any + Default + Send + Sync>(&self) -> Option<&T> {
        self.0.get_or_init(|| Box::new(T::default())).downcast_ref()
    }
}
