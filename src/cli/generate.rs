//! `hubtally generate`: a synthetic log to a file or to standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use super::arguments::GenerateArguments;
use super::failure::Failure;
use crate::generate::Workload;
use crate::model::Format;

/// Writes the log.
pub fn run(arguments: &GenerateArguments) -> Result<(), Failure> {
    let format = Format::from_word(&arguments.format);
    let workload = Workload {
        seed: arguments.seed,
        part: arguments.part,
        rows: arguments.rows,
        repos: arguments.repos,
        downloaders: arguments.downloaders,
        first_day: arguments.from,
        days: arguments.days,
        format: format.ok_or_else(|| Failure::Usage("--format is not a format".to_owned()))?,
        ..Workload::default()
    };
    let written = match &arguments.output {
        None => write(&workload, io::stdout().lock()).map_err(|error| Failure::of_output(&error))?,
        Some(path) => {
            let unwritable = |error| Failure::failed(format!("{} cannot be written: {error}", path.display()));
            write(&workload, File::create(path).map_err(unwritable)?).map_err(unwritable)?
        }
    };
    eprintln!("{} lines, {} of them damaged, {} repeated", written.rows, written.malformed, written.repeated);
    Ok(())
}

fn write(workload: &Workload, out: impl Write) -> io::Result<crate::generate::Written> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let written = workload.write_to(&mut out)?;
    out.flush()?;
    Ok(written)
}
