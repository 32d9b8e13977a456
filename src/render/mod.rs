//! Values to text: JSON, CSV and pages; pure, so that every shape can be tested without a server.

pub mod analytics;
pub mod assets;
pub mod badge;
pub mod card;
pub mod chart;
pub mod comparisons;
pub mod coverage;
pub mod csv;
pub mod json;
pub mod ledger;
pub mod links;
pub mod metrics;
pub mod milestones;
pub mod number;
pub mod outgoing;
pub mod pages;
pub mod recent;
pub mod report;
