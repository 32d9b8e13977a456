//! What the environment says of a bench: how many rows, and how often.

/// A number from the environment; what is no number is refused, so that a typo never measures something else.
pub fn number(name: &str, default: u64) -> Result<u64, String> {
    match std::env::var(name) {
        Ok(text) => text.replace('_', "").parse().map_err(|_| format!("{name} is not a number")),
        Err(_) => Ok(default),
    }
}

/// Rows of the log: `HUBTALLY_BENCH_ROWS`.
pub fn rows(default: u64) -> Result<u64, String> {
    number("HUBTALLY_BENCH_ROWS", default)
}
