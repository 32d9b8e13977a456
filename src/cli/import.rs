//! `hubtally import`: logs and event files into the store, with a receipt for each.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::ImportArguments;
use super::backend::{Backend, Folder};
use super::configuration::Configuration;
use super::failure::Failure;
use super::interrupt;
use super::output;
use super::progress::{ImportProgress, Watched};
use crate::ingest::{Engine, EngineError, ImportOptions};
use crate::model::{Format, HeadRedirect, Receipt, Redirects, RejectReason, SkipReason, SourceName};
use crate::render::number::grouped;
use crate::serve::{Ask, Upload};

/// Imports each file. One that fails does not keep the others out, but the command fails at the end.
pub fn run(arguments: &ImportArguments, configuration: &Configuration) -> Result<(), Failure> {
    let files = expanded(&arguments.files)?;
    let stdin_count = files.iter().filter(|file| is_stdin(file)).count();
    if stdin_count > 1 || (arguments.name.is_some() && files.len() > 1) {
        return Err(Failure::Usage("--name and `-` each stand for one file: import the files one by one".to_owned()));
    }
    // A typo in a name should not cost the minutes the files before it take.
    for file in files.iter().filter(|file| !is_stdin(file)) {
        let shown = file.display();
        if file.is_dir() {
            return Err(Failure::Failed(format!(
                "{shown} is a folder: name the files in it, as in '{shown}/*'; nothing was imported"
            )));
        }
        if !file.exists() {
            return Err(Failure::Failed(format!("there is no file {shown}; nothing was imported")));
        }
    }
    let kept = match arguments.as_new {
        false => "interrupted. What was committed is kept: the same command goes on from there",
        true => "interrupted. What was committed is kept",
    };
    interrupt::tell(kept).map_err(|error| Failure::failed(format!("Ctrl-C cannot be waited for: {error}")))?;
    let backend = Backend::open(configuration, Folder::MayBeNew)?;
    let mut failed = 0;
    for file in &files {
        match import_file(arguments, &backend, file) {
            Ok(receipt) => show(arguments, file, &receipt)?,
            Err(Failure::Failed(sentence)) => {
                failed += 1;
                eprintln!("hubtally: {}: {sentence}", file.display());
                if arguments.json {
                    json_line(&OfFile { file: file.display().to_string(), outcome: json!({ "error": sentence }) })?;
                }
            }
            Err(other) => return Err(other),
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::failed(format!("{failed} of {} files were not imported", files.len()))),
    }
}

/// The files with patterns among them replaced by what they match, sorted: shells that expand none, service files and
/// quotes leave that to us. A file that is called like a pattern is that file; folders that match are passed over.
fn expanded(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for name in named {
        let pattern = name.to_str().filter(|text| text.contains(['*', '?', '[']) && !name.exists());
        let Some(pattern) = pattern else {
            files.push(name.clone());
            continue;
        };
        let wrong = |error| Failure::Usage(format!("{pattern:?} is no pattern of file names: {error}"));
        let before = files.len();
        for found in glob::glob(pattern).map_err(wrong)? {
            let found = found.map_err(|error| Failure::failed(format!("{error}; nothing was imported")))?;
            if !found.is_dir() {
                files.push(found);
            }
        }
        if files.len() == before {
            return Err(Failure::Failed(format!("no file matches {pattern}; nothing was imported")));
        }
    }
    Ok(files)
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn import_file(arguments: &ImportArguments, backend: &Backend, file: &Path) -> Result<Receipt, Failure> {
    let unreadable = |error: io::Error| Failure::failed(format!("it cannot be read: {error}"));
    let (input, bytes_all): (Box<dyn Read + Send>, _) = if is_stdin(file) {
        (Box::new(io::stdin()), None)
    } else {
        let opened = File::open(file).map_err(unreadable)?;
        let bytes_all = opened.metadata().map_err(unreadable)?.len();
        (Box::new(opened), Some(bytes_all))
    };
    let file_name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let name = arguments.name.clone().unwrap_or_else(|| if is_stdin(file) { "stdin".to_owned() } else { file_name.into_owned() });
    let progress = Arc::new(ImportProgress::new(&name, bytes_all));
    let receipt = match &backend.engine {
        Some(engine) => {
            let mut options = options(arguments, name)?;
            match directly(engine, input, &options, &progress) {
                // Recognising it took reading so much of it that its beginning is gone: a file can be read again.
                Err(error) if error.is_changed_document() && !is_stdin(file) => {
                    options.as_new = true;
                    directly(engine, Box::new(File::open(file).map_err(unreadable)?), &options, &progress)
                }
                outcome => outcome,
            }
            .map_err(Failure::from)
        }
        None => through_server(arguments, backend, input, &name, &progress, arguments.as_new).and_then(|sent| match sent {
            Sent::Changed if !is_stdin(file) => {
                let again = Box::new(File::open(file).map_err(unreadable)?);
                through_server(arguments, backend, again, &name, &progress, true).and_then(Sent::receipt)
            }
            sent => sent.receipt(),
        }),
    };
    progress.finish();
    receipt
}

/// Straight into the engine: a log of gigabytes need not pass through a router in the same process.
fn directly(
    engine: &Engine,
    input: Box<dyn Read + Send>,
    options: &ImportOptions,
    progress: &ImportProgress,
) -> Result<Receipt, EngineError> {
    engine.import(input, options, &|seen| progress.show(Some(seen.rows), seen.bytes_read))
}

/// What a server made of a log.
enum Sent {
    Receipt(Box<Receipt>),
    /// It is known up to some place and differs after it, so it must be read again as a new one.
    Changed,
}

impl Sent {
    fn receipt(self) -> Result<Receipt, Failure> {
        match self {
            Sent::Receipt(receipt) => Ok(*receipt),
            Sent::Changed => {
                Err(Failure::failed("it is known up to some place and differs after it: import it as a new one with --as-new"))
            }
        }
    }
}

fn through_server(
    arguments: &ImportArguments,
    backend: &Backend,
    input: Box<dyn Read + Send>,
    name: &str,
    progress: &Arc<ImportProgress>,
    as_new: bool,
) -> Result<Sent, Failure> {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let mut path = format!("/api/v1/import?format={}&source={}&name={name}&progress=true", arguments.format, arguments.source);
    let switches = [
        ("redirects", &arguments.redirects),
        ("head_redirect", &arguments.head_redirect),
        ("knows_users", &arguments.knows_users),
    ];
    for (key, value) in switches {
        if let Some(value) = value {
            path.push_str(&format!("&{key}={value}"));
        }
    }
    if as_new {
        path.push_str("&as_new=true");
    }
    let upload = Upload::Stream(Box::new(Watched::new(input, Arc::clone(progress))));
    let mut last = Value::Null;
    let mut each = |line: &[u8]| {
        last = serde_json::from_slice(line).unwrap_or_default();
        if let Some(rows) = last.get("rows").and_then(Value::as_u64) {
            progress.tell_rows(rows);
        }
    };
    let ask = Ask { method: "POST", path: &path, upload, timeout: None };
    let reply = backend.client.ask_line_by_line(ask, &mut each)?;
    if !(200..300).contains(&reply.status) {
        return Err(Failure::of_reply(&reply));
    }
    match (last.get("receipt"), last.get("error").and_then(Value::as_str)) {
        (Some(receipt), _) => serde_json::from_value(receipt.clone())
            .map(|receipt| Sent::Receipt(Box::new(receipt)))
            .map_err(|_| Failure::failed("the server's answer is no receipt")),
        (None, Some(_)) if last["code"] == "DocumentChanged" => Ok(Sent::Changed),
        (None, Some(sentence)) => Err(Failure::failed(sentence)),
        (None, None) => Err(Failure::failed("the server went away before it said what became of the log; import it again")),
    }
}

/// What was typed, in the engine's words. The parser has let only known words through.
fn options(arguments: &ImportArguments, name: String) -> Result<ImportOptions, Failure> {
    let source = SourceName::parse(&arguments.source).ok_or_else(|| Failure::Usage("--source is not a name".to_owned()))?;
    let redirects = arguments.redirects.as_deref().map(|word| match word {
        "ignore" => Redirects::Ignore,
        _ => Redirects::Handoff,
    });
    let head_redirect = arguments.head_redirect.as_deref().map(|word| match word {
        "handoff" => HeadRedirect::Handoff,
        _ => HeadRedirect::Probe,
    });
    let knows_users = arguments.knows_users.as_deref().map(|word| word == "true");
    let format = Format::from_word(&arguments.format);
    Ok(ImportOptions { source, name, format, redirects, head_redirect, knows_users, as_new: arguments.as_new })
}

/// What became of a file: its receipt, or an error.
#[derive(Serialize)]
struct OfFile<T> {
    file: String,
    #[serde(flatten)]
    outcome: T,
}

fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let shown = serde_json::to_string(value);
    output::line(&shown.map_err(|error| Failure::failed(format!("the receipt cannot be shown: {error}")))?)
}

fn show(arguments: &ImportArguments, file: &Path, receipt: &Receipt) -> Result<(), Failure> {
    if arguments.json {
        return json_line(&OfFile { file: file.display().to_string(), outcome: receipt });
    }
    output::text(&human(file, receipt))
}

fn human(file: &Path, receipt: &Receipt) -> String {
    let mut text = format!("{}: delivery {}\n", file.display(), receipt.delivery);
    let mut figure = |name: &str, count: u64, note: &str| {
        if count > 0 || name == "lines" || name == "accepted" {
            text.push_str(format!("  {name:<12}{:>14}  {note}", grouped(count)).trim_end());
            text.push('\n');
        }
    };
    figure("lines", receipt.lines, "");
    figure("accepted", receipt.accepted, "new events");
    figure("repeated", receipt.repeated, "already held");
    for (word, count) in &receipt.skipped {
        let sentence =
            SkipReason::ALL.iter().find(|reason| reason.word() == word).map_or(word.as_str(), |reason| reason.sentence());
        figure("skipped", *count, sentence);
    }
    for (word, count) in &receipt.rejected {
        let sentence =
            RejectReason::ALL.iter().find(|reason| reason.word() == word).map_or(word.as_str(), |reason| reason.sentence());
        figure("rejected", *count, sentence);
    }
    figure("no identity", receipt.no_identity, "events that name neither a user nor an address");
    for sample in &receipt.samples {
        text.push_str(&format!("  line {}: {}\n", sample.line, sample.error));
    }
    for note in &receipt.notes {
        text.push_str(&format!("  note: {note}\n"));
    }
    text
}
