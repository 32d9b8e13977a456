//! How many connections the system's limit on open files leaves room for. A server that runs out of handles can answer
//! nobody, and cannot even refuse politely.

use std::fs;

use super::limits;

/// At most so many connections: what is asked for, or what the limit leaves beside the files of the store.
#[must_use]
pub fn connections_max(asked: usize) -> usize {
    match fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(open_files_max) {
        // A limit too small for anything still lets some in.
        Some(handles) => asked.min(handles.saturating_sub(limits::SPARE_HANDLES).max(1)),
        None => asked,
    }
}

/// The soft limit on open files, as Linux tells it. `None` if it tells none.
fn open_files_max(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 1048576              files     \n";
        assert_eq!(open_files_max(limits), Some(1024));
        assert_eq!(open_files_max("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(connections_max(3), 3);
    }
}
