//! The one integration-test binary: a second one would double the link time for nothing.
//! Each module is named after the behaviour it holds hubtally to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod command_line;
mod server;
mod serving;
