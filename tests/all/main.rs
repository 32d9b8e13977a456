//! The one integration-test binary: a second one would double the link time for nothing.
//! Each module is named after the behaviour it holds hubtally to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

mod blocks;
mod damage;
mod formats;
mod generate;
mod laws;
mod layering;
mod oracle;
mod oracle_examples;
mod oracle_worlds;
mod reading;
mod views;
