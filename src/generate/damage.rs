//! The ways in which lines of logs are broken.

use super::hit::Hit;

/// Damages the line that begins at `start`, so that it can only be rejected, whatever the format.
pub(super) fn damage(bytes: &mut Vec<u8>, start: usize, hit: &Hit) {
    let middle = start + (bytes.len() - start) / 2;
    match hit.lot(20, 6) {
        // A full disk or a kill: the line ends long before its time.
        0 => bytes.truncate(start + (bytes.len() - start) / 4),
        // A hole in a file that was copied while it was written.
        1 => bytes.insert(middle, 0),
        // Bytes that are no UTF-8.
        2 => {
            bytes.splice(middle..middle, [0xC3, 0x28]);
        }
        // A quote that is never closed.
        3 if bytes.last() == Some(&b'"') => {
            bytes.pop();
        }
        3 => bytes.insert(start, b'"'),
        // A remark of somebody's script.
        4 => {
            bytes.truncate(start);
            bytes.extend_from_slice(b"--- log rotated ---");
        }
        // The front is missing: neither time nor address.
        _ => {
            bytes.drain(start..start + 24);
        }
    }
}
