//! Deliveries into the store and into the answers: parse, classify, identify, commit, publish.
//!
//! One thread writes. Pushes queue up for it and are committed in groups, and published before they are acknowledged;
//! documents are parsed on all cores, committed piece by piece and published at their end.

mod access;
mod agents;
mod append;
mod backup;
mod batch;
mod catalog;
mod changes;
mod compact;
mod counters;
mod declared;
mod document;
mod engine;
mod error;
mod fingerprint;
mod follow;
mod followed;
mod forget;
mod grouping;
mod groups;
mod histories;
mod import;
mod names;
mod numbers;
mod observe;
mod overlay;
mod people;
mod pieces;
mod publish;
mod push;
mod recount;
mod recovery;
mod remembered;
mod reported;
mod retract;
mod room;
mod rotated;
mod seen;
mod segments;
mod sources;
mod stages;
mod targets;
mod verify;
mod waves;
mod writer;

pub use access::{Credential, NewToken, TokenInfo};
pub use backup::restore;
pub use changes::{Changes, Publication};
pub use declared::Declared;
pub use engine::{DeliveryInfo, Engine, FormerName, GivenSettings, Health, OpenOptions, Published, RepoListing};
pub use error::{EngineError, PushError};
pub use follow::{FollowOptions, Following};
pub use forget::{ForgetReceipt, ForgottenInfo};
pub use groups::GROUP_REPOS_MAX;
pub use import::{ImportOptions, Progress};
pub use people::{PASSWORD_BYTES_MAX, PersonChange, PersonInfo};
pub use push::{Push, PushContent};
pub use recount::Recounted;
pub use room::Room;
pub use sources::{FollowingSetting, SourceChange, SourceInfo};
pub use verify::VerifyReport;

pub use crate::store::{Place, RestoreError, RestoreSecret};
