//! Ctrl-C in a command that takes long: one sentence, and the command ends as in a crash.

use std::io;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// What shells expect of a command that SIGINT ended.
const EXIT_CODE: i32 = 130;

/// Ends the process with a sentence on standard error when it is interrupted.
///
/// # Errors
/// When the system takes no handler or gives no thread.
pub fn tell(sentence: &'static str) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut interrupt = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let wait = move || {
        if runtime.block_on(interrupt.recv()).is_some() {
            eprintln!("\nhubtally: {sentence}");
            std::process::exit(EXIT_CODE);
        }
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(wait).map(drop)
}
