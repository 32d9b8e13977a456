//! The one integration-test binary: a second one would double the link time for nothing.
//! Each module is named after the behaviour it holds hubtally to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

mod command_line;
mod generate;
mod laws;
mod oracle;
mod oracle_examples;
mod oracle_worlds;
mod reading;
mod seeds;
mod server;
mod serving;
