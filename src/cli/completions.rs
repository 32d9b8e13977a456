//! `hubtally completions` and `hubtally man`: what shells and manuals know of the command line.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::arguments::Arguments;
use super::failure::Failure;
use super::output;

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hubtally completions bash > /etc/bash_completion.d/hubtally
  hubtally completions zsh > \"${fpath[1]}/_hubtally\"
  hubtally completions fish > ~/.config/fish/completions/hubtally.fish")]
pub struct CompletionsArguments {
    /// The shell they are for
    pub shell: Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hubtally man | man -l -
  hubtally man --output /usr/local/share/man/man1")]
pub struct ManArguments {
    /// Folder for one page per command; without it the main page is printed
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Prints a script for a shell.
pub fn completions(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "hubtally", &mut script);
    output::text(&String::from_utf8_lossy(&script))
}

/// Prints the manual, or writes all its pages.
pub fn man(arguments: &ManArguments) -> Result<(), Failure> {
    match &arguments.output {
        Some(folder) => {
            let failed = |error| Failure::failed(format!("the manual cannot be written to {}: {error}", folder.display()));
            fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Arguments::command()).render(&mut page);
            rendered.map_err(|error| Failure::of_output(&error))?;
            output::text(&String::from_utf8_lossy(&page))
        }
    }
}
