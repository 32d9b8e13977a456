//! The vocabulary of hubtally: what all other modules speak in.

mod caller;
mod counter;
mod counts;
mod event;
mod person;
mod proxies;
mod receipt;
mod renames;
mod repo;
mod source;
mod time;
mod visibility;

pub use caller::{Caller, Role};
pub use counter::{Counter, is_counter_name};
pub use counts::{Audience, DayCounts, Downloads, Files, Likes, Uniques};
pub use event::{
    AgentHash, Country, DownloaderKey, Method, PathHash, RangeFlag, Row, SenderId, Status, Who, Word, Words, optional_number,
    stored_number,
};
pub use person::PersonName;
pub use proxies::Proxies;
pub use receipt::{Receipt, RejectReason, Sample, SkipReason};
pub use renames::{Rename, Renames};
pub use repo::{GroupName, OrgName, RepoKey, RepoKind, RepoName, RepoNumber};
pub use source::{DeliveryId, Format, HeadRedirect, Redirects, SourceId, SourceName, SourceSettings};
pub use time::{DAY_MS, Day, DayRange, DayText, FETCH_GAP_MS, Millis, SESSION_GAP_MS};
pub use visibility::VisibilityPatterns;
