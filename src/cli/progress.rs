//! How far an import is: a bar on a terminal, a plain line every few seconds elsewhere.

use std::io::{IsTerminal, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of one file, on standard error.
pub struct ImportProgress {
    name: String,
    /// Bytes of the file as stored, if it is one.
    bytes_all: Option<u64>,
    started: Instant,
    bar: Option<ProgressBar>,
    /// Rows as far as the server that counts them has told; `u64::MAX` if it has not.
    told_rows: AtomicU64,
    next_line: Mutex<Instant>,
}

impl ImportProgress {
    /// Starts with nothing read.
    #[must_use]
    pub fn new(name: &str, bytes_all: Option<u64>) -> ImportProgress {
        let bar = std::io::stderr().is_terminal().then(|| bar(name, bytes_all));
        let started = Instant::now();
        ImportProgress {
            name: name.to_owned(),
            bytes_all,
            started,
            bar,
            told_rows: AtomicU64::new(u64::MAX),
            next_line: Mutex::new(started + LINE_EVERY),
        }
    }

    /// Takes note of what the server says of its rows.
    pub fn tell_rows(&self, rows: u64) {
        self.told_rows.store(rows, Ordering::Relaxed);
    }

    /// Shows how far it is. Rows are counted in this process or told by a server.
    pub fn show(&self, rows: Option<u64>, bytes_read: u64) {
        let told = self.told_rows.load(Ordering::Relaxed);
        let rows = rows.or((told < u64::MAX).then_some(told));
        let Some(bar) = &self.bar else { return self.show_line(rows, bytes_read) };
        if let Some(rows) = rows {
            bar.set_message(format!("{} rows, {}/s", HumanCount(rows), HumanCount(self.per_second(rows))));
        }
        bar.set_position(bytes_read);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn show_line(&self, rows: Option<u64>, bytes_read: u64) {
        let mut next_line = self.next_line.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now < *next_line {
            return;
        }
        *next_line = now + LINE_EVERY;
        let mut line = format!("{}: {}", self.name, HumanBytes(bytes_read));
        if let Some(bytes_all) = self.bytes_all {
            line.push_str(&format!(" of {}", HumanBytes(bytes_all)));
        }
        if let Some(rows) = rows {
            line.push_str(&format!(", {} rows, {} rows/s", HumanCount(rows), HumanCount(self.per_second(rows))));
        }
        if let Some(left) = self.left(bytes_read) {
            line.push_str(&format!(", {} s left", left.as_secs()));
        }
        eprintln!("{line}");
    }

    fn per_second(&self, rows: u64) -> u64 {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        rows.saturating_mul(1000) / elapsed_ms
    }

    fn left(&self, bytes_read: u64) -> Option<Duration> {
        let (bytes_left, elapsed) = (self.bytes_all?.checked_sub(bytes_read)?, self.started.elapsed());
        let ms = elapsed.as_millis().saturating_mul(u128::from(bytes_left)).checked_div(u128::from(bytes_read))?;
        Some(Duration::from_millis(u64::try_from(ms).ok()?))
    }
}

fn bar(name: &str, bytes_all: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes_all {
        Some(bytes_all) => (ProgressBar::new(bytes_all), "{prefix} {bar:30} {bytes}/{total_bytes}  {msg}  ETA {eta}"),
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes}  {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(name.to_owned())
}

/// An input that shows how much of it was read.
pub struct Watched<R> {
    input: R,
    bytes_read: u64,
    progress: Arc<ImportProgress>,
}

impl<R> Watched<R> {
    /// Watches an input.
    #[must_use]
    pub fn new(input: R, progress: Arc<ImportProgress>) -> Watched<R> {
        Watched { input, bytes_read: 0, progress }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes_read += count as u64;
        self.progress.show(None, self.bytes_read);
        Ok(count)
    }
}
