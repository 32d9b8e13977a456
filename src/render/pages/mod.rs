//! The pages: each a template (`NAME.html`, checked when compiled) and the values it is filled with (`NAME.rs`).
//! Everything that is not markup of ours is escaped by askama, on this one way.

mod catalog;
mod choice;
mod cohorts;
mod counter;
mod filters;
mod frame;
mod groups;
mod hours;
mod hub;
mod login;
mod milestones;
mod notice;
mod overlap;
mod overview;
mod publisher;
mod repo;
mod repos;
mod settings;
mod shares;
mod sources;
mod welcome;

pub use catalog::CatalogPage;
pub use choice::{Choice, Measure};
pub use cohorts::Cohorts;
pub use counter::CounterPage;
pub use frame::{Frame, Instant, Reader, Section};
pub use groups::{GroupFields, GroupForm, GroupRow, GroupsPage};
pub use hours::Hours;
pub use hub::{HubPage, OtherHub, TrendRow};
pub use login::Login;
pub use milestones::Milestones;
pub use notice::Notice;
pub use overlap::{Found, OverlapPage, Side};
pub use overview::{Foot, Overview, Pick, Place};
pub use publisher::PublisherPage;
pub use repo::RepoPage;
pub use repos::{Repos, TableChoice, TablePlace};
pub use settings::{PersonRow, Settings, TokenRow};
pub use shares::Shares;
pub use sources::{RetractPage, SourcesPage};
pub use welcome::Welcome;
