//! The pages: each a template (`NAME.html`, checked when compiled) and the values it is filled with (`NAME.rs`).
//! Everything that is not markup of ours is escaped by askama, on this one way.

mod choice;
mod counter;
mod filters;
mod frame;
mod hub;
mod login;
mod milestones;
mod notice;
mod overview;
mod repo;
mod settings;
mod welcome;

pub use choice::{Choice, Measure};
pub use counter::CounterPage;
pub use frame::{Frame, Instant, Reader, Section};
pub use hub::{HubPage, OtherHub, TrendRow};
pub use login::Login;
pub use milestones::Milestones;
pub use notice::Notice;
pub use overview::{Foot, Overview, Place};
pub use repo::RepoPage;
pub use settings::{PersonRow, Settings, TokenRow};
pub use welcome::Welcome;
