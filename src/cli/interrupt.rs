//! Ctrl-C in a command that takes long: one sentence, and the command ends as in a crash.

use std::io::{self, Write};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// What shells expect of a command that SIGINT ended.
const EXIT_CODE: i32 = 130;

/// Ends the process with a sentence on standard error when it is interrupted, unless whoever started it has it ignore that.
///
/// # Errors
/// When the system takes no handler or gives no thread.
pub fn tell(sentence: &'static str) -> io::Result<()> {
    if is_ignored() {
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut interrupt = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let wait = move || {
        if runtime.block_on(interrupt.recv()).is_some() {
            // Whoever reads it may have been interrupted too.
            let _ = writeln!(io::stderr(), "\nhubtally: {sentence}");
            std::process::exit(EXIT_CODE);
        }
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(wait).map(drop)
}

/// Whether SIGINT is ignored, as it is for what a script runs in the background. Only Linux tells.
fn is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (SignalKind::interrupt().as_raw_value() - 1)) != 0
}
