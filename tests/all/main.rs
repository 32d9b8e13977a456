//! The one integration-test binary: a second one would double the link time for nothing.
//! Each module is named after the behaviour it holds hubtally to.

mod command_line;
mod server;
mod serving;
