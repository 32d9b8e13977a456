//! Who asked, and with which client, as keyed hashes. The raw address and user id end here.

mod key;

pub use key::{Identity, IdentityKey, NameKind};
