//! The command line: arguments as typed, configuration as meant, one file per command.

mod arguments;
mod backend;
mod backup;
mod check;
mod compact;
mod completions;
mod config;
mod configuration;
mod days;
mod deliveries;
mod demo;
mod failure;
mod forget;
mod forward;
mod generate;
mod healthcheck;
mod import;
mod interrupt;
mod output;
mod progress;
mod rebuild;
mod recount;
mod report;
mod restore;
mod retract;
mod serve;
mod settings;
mod source;
mod stats;
mod token;
mod trending;
mod uniques;
mod user;
mod verify;

use std::ffi::OsString;

use arguments::{Arguments, Command};
use configuration::Configuration;
use failure::Failure;
use settings::Unresolved;

/// How a command ended, as the code of the process tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    Usage,
}

impl Outcome {
    /// 0 done, 1 failed, 2 wrong usage.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Usage => 2,
        }
    }
}

/// Runs one command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Outcome {
    let typed: Vec<OsString> = arguments.into_iter().collect();
    let (arguments, settings) = match settings::resolve(&typed) {
        Ok(resolved) => resolved,
        Err(Unresolved::CommandLine(error)) => {
            // Help and version are no mistakes. Nobody reading them is none either.
            let _ = error.print();
            return if error.use_stderr() { Outcome::Usage } else { Outcome::Done };
        }
        Err(Unresolved::Settings(failure)) => return outcome(Err(failure)),
    };
    let Arguments { common, command } = arguments;
    if let Command::Config(arguments) = &command {
        return outcome(config::run(arguments, &settings));
    }
    outcome(Configuration::new(common).and_then(|configuration| run_command(command, &configuration)))
}

/// Says why a command failed, if it did.
fn outcome(ended: Result<(), Failure>) -> Outcome {
    match ended {
        Ok(()) | Err(Failure::ClosedPipe) => Outcome::Done,
        Err(Failure::Failed(sentence)) => {
            eprintln!("hubtally: {sentence}");
            Outcome::Failed
        }
        Err(Failure::Usage(sentence)) => {
            eprintln!("hubtally: {sentence}");
            Outcome::Usage
        }
    }
}

fn run_command(command: Command, configuration: &Configuration) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments, configuration),
        Command::Import(arguments) => import::run(&arguments, configuration),
        Command::Deliveries(arguments) => deliveries::run(&arguments, configuration),
        Command::Retract(arguments) => retract::run(&arguments, configuration),
        Command::Stats(arguments) => stats::run(&arguments, configuration),
        Command::Trending(arguments) => trending::run(&arguments, configuration),
        Command::Uniques(arguments) => uniques::run(&arguments, configuration),
        Command::Source(arguments) => source::run(&arguments, configuration),
        Command::Token(arguments) => token::run(&arguments, configuration),
        Command::User(arguments) => user::run(&arguments, configuration),
        Command::Report(arguments) => report::run(&arguments, configuration),
        Command::Check(arguments) => check::run(&arguments, configuration),
        Command::Verify(arguments) => verify::run(&arguments, configuration),
        Command::Backup(arguments) => backup::run(&arguments, configuration),
        Command::Recount(arguments) => recount::run(&arguments, configuration),
        Command::Compact(arguments) => compact::run(&arguments, configuration),
        Command::Forget(arguments) => forget::run(&arguments, configuration),
        Command::Forward(arguments) => forward::run(&arguments, configuration),
        Command::Restore(arguments) => restore::run(&arguments, configuration),
        Command::Rebuild => rebuild::run(configuration),
        Command::Demo(arguments) => demo::run(&arguments, configuration),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
        // Needs no data and no server, so it is run before those are looked for.
        Command::Config(_) => Ok(()),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments, configuration),
    }
}
