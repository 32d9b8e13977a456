//! Hands over to the command line and turns its outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(hubtally::cli::run(std::env::args_os()).code())
}
