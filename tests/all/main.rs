//! The one integration-test binary: a second one would double the link time for nothing.
//! Each module is named after the behaviour it holds hubtally to.

// Helpers of tests are tests too, and what they print is for whoever reads the test's output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod abuse;
mod accounts;
mod analytics;
mod at_once;
mod backup;
mod blocks;
mod breakdowns;
mod browser;
mod cards;
mod command_line;
mod crash;
mod damage;
mod disk;
mod docs;
mod ecosystem;
mod faults;
mod forget;
mod formats;
mod former_breakdown;
mod forms;
mod forward;
mod full_disk;
mod generate;
mod hub;
mod importing;
mod kept;
mod laws;
mod layering;
mod life;
mod oracle;
mod oracle_examples;
mod oracle_worlds;
mod pages;
mod power;
mod privacy;
mod reading;
mod regressions;
mod renames;
mod reported;
mod returning;
mod seeds;
mod server;
mod serving;
mod settings;
mod shippers;
mod tail;
mod taken_back;
mod tools;
mod traffic;
mod upkeep;
mod views;
