//! The pages: each a template (`NAME.html`, checked when compiled) and the values it is filled with (`NAME.rs`).
//! Everything that is not markup of ours is escaped by askama, on this one way.

mod choice;
mod filters;
mod frame;
mod hub;
mod notice;
mod overview;
mod publisher;
mod repo;
mod repos;
mod shares;
mod welcome;

pub use choice::{Choice, Measure};
pub use frame::{Frame, Instant, Reader, Section};
pub use hub::{HubPage, TrendRow};
pub use notice::Notice;
pub use overview::{Foot, Overview, Place};
pub use publisher::PublisherPage;
pub use repo::RepoPage;
pub use repos::{Repos, TableChoice, TablePlace};
pub use shares::Shares;
pub use welcome::Welcome;
