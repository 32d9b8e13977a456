//! hubtally counts downloads for model hubs: access logs and events in, sessions and exact unique downloaders out.
//!
//! ```text
//!  bytes ──parse──> Request ──classify──> Download ──identify──> Row
//!                                                                 │  sorted, encoded (block)
//!                                                                 v
//!                                          store: blocks, ledger, catalog   <- the truth
//!                                                                 │  merged (block), counted (sessionize, rollup)
//!                                                                 v
//!                                          store: day and repo views        <- can be rebuilt at any time
//!                                                                 │  + live overlay of today
//!                                                                 v
//!  JSON, CSV, pages <──serve── render <── query
//! ```
//!
//! Modules stand in the order the data takes; a module imports only from those above it (`tests/all/layering.rs`
//! keeps it so). Stages up to `rollup` are pure: no clock, no disk, no globals.
//!
//! The laws every number obeys: any order, any splitting and any repetition of the same deliveries gives the same
//! numbers; what was acknowledged is on disk; events are the truth and everything else can be rebuilt from them;
//! a late event counts; a delivery can be taken back; no damaged value is ever served.

// A blank line between each keeps the formatter from sorting the flow by alphabet.
pub mod model;

pub mod generate;

pub mod parse;

pub mod classify;

pub mod identify;

pub mod sessionize;

pub mod block;

pub mod rollup;

pub mod store;

pub mod ingest;

pub mod query;

pub mod render;

pub mod serve;

pub mod cli;
