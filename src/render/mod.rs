//! Values to text: JSON, CSV and pages; pure, so that every shape can be tested without a server.

pub mod assets;
pub mod chart;
pub mod csv;
pub mod json;
pub mod links;
pub mod milestones;
pub mod number;
pub mod pages;
