//! Parsed chunks, which come in any order -> groups in the order of the document, each enough for one commit.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::stages::Parsed;

/// Puts chunks in order and hands them on in groups of so many rows at least, fewer where names begin anew. While a group is
/// being committed the next one fills up; a failure comes after all that was read before it. `parsed` hears of every chunk's
/// lines.
pub(super) fn group_all(
    chunks: &Receiver<(u64, io::Result<Parsed>)>,
    group_rows: usize,
    groups: &SyncSender<io::Result<Vec<Parsed>>>,
    parsed: impl Fn(u64),
) {
    let mut early: BTreeMap<u64, io::Result<Parsed>> = BTreeMap::new();
    let mut group: Vec<Parsed> = Vec::new();
    let (mut rows, mut next) = (0, 0);
    for (number, chunk) in chunks {
        early.insert(number, chunk);
        while let Some(chunk) = early.remove(&next) {
            next += 1;
            let full = match chunk {
                Ok(chunk) => {
                    let names = group.first().map(|first| &first.batch.names);
                    if names.is_some_and(|names| !Arc::ptr_eq(names, &chunk.batch.names)) {
                        rows = 0;
                        if groups.send(Ok(std::mem::take(&mut group))).is_err() {
                            return;
                        }
                    }
                    rows += chunk.batch.rows().len();
                    parsed(chunk.batch.lines.lines);
                    group.push(chunk);
                    rows >= group_rows
                }
                Err(error) => {
                    let whole = std::mem::take(&mut group);
                    // If nobody listens any more, the import has ended already.
                    if groups.send(Ok(whole)).is_ok() {
                        drop(groups.send(Err(error)));
                    }
                    return;
                }
            };
            if full {
                rows = 0;
                if groups.send(Ok(std::mem::take(&mut group))).is_err() {
                    return;
                }
            }
        }
    }
    if !group.is_empty() {
        drop(groups.send(Ok(group)));
    }
}
