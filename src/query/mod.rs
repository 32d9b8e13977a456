//! Published state -> answers as values.
//!
//! A [`View`] holds one consistent state still: what is published, and the snapshot of the store that belongs to it. It is
//! short-lived and never crosses a wait for a client.

mod access_log;
mod answers;
mod asker;
mod breakdown;
mod cards;
mod coverage;
mod facets;
mod forecast;
mod groups;
mod history;
mod hub_rules;
mod kept;
mod ledger;
mod members;
mod milestones;
mod offers;
mod outgoing;
mod overview;
mod prepare;
mod repo_table;
mod reported;
mod restatements;
mod rules;
mod scan;
mod scope;
mod sets;
mod sums;
mod trending;
mod united;
mod view;
mod visible;

pub use access_log::{AccessColumns, AccessRow};
pub use answers::{DayRow, Ecosystem, HubTotals, Interval, RepoHistory, RepoTotals, Scope, Trend};
pub use asker::{Asker, Waiting};
pub use breakdown::{Breakdown, BreakdownRow, Dimension};
pub use cards::{Card, CardOrder, CardPlace, CardQuery};
pub use coverage::{Explanation, Named, SourceCoverage, SourceReading};
pub use facets::{FacetSums, Filter};
pub use forecast::{COVERAGE, Case, Expected, Growth, Outlook};
pub use ledger::{Delivery, Reason, Restated};
pub use milestones::{DEFAULT_TARGETS, Milestone};
pub use offers::Offers;
pub use outgoing::{Outgoing, OutgoingEvent, OutgoingPlace};
pub use overview::{Look, Overview, Span, Stretch, preceding};
pub use prepare::prepare;
pub use repo_table::{RepoTable, TableCursor, TableQuestion, TableRow, TableSort, Window};
pub use reported::{ReportedHistory, ReportedSum, StandIn};
pub use restatements::Restatement;
pub use rules::{NotComputable, Rule};
pub use scan::Reach;
pub use sets::{Cohort, Overlap};
pub use view::{QueryError, View};
