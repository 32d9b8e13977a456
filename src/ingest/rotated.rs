//! The files a log was rotated into: which they are, and whether they still change.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::store::FileRecord;

/// What compressed files end in; other compressions cannot be read.
const COMPRESSED: [&str; 3] = [".gz", ".zst", ".zstd"];

/// A file that a log was rotated into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rotated {
    pub path: PathBuf,
    pub file: FileRecord,
}

/// What tells a file from all others and from what it was before.
pub(super) fn file_record(metadata: &Metadata) -> FileRecord {
    FileRecord {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}

/// The files that `log` was rotated into, in its folder, oldest first. A compressed one whose original is still there is
/// being written.
pub(super) fn rotated_files(log: &Path) -> io::Result<Vec<Rotated>> {
    let Some(name) = log.file_name().and_then(OsStr::to_str) else { return Ok(Vec::new()) };
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(of_file) = entry.file_name().to_str().filter(|other| is_rotated(name, other)).map(str::to_owned) else {
            continue;
        };
        let path = entry.path();
        let original = COMPRESSED.iter().find_map(|ending| of_file.strip_suffix(ending));
        if original.is_some_and(|original| folder.join(original).exists()) {
            continue;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && metadata.len() > 0 => {
                found.push(Rotated { path, file: file_record(&metadata) });
            }
            Ok(_) => {}
            // It was renamed or removed since the folder was listed; if renamed, the next look finds it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|a, b| (a.file.modified, &a.path).cmp(&(b.file.modified, &b.path)));
    Ok(found)
}

/// Whether `other` is a name that a log called `log` is rotated to: `access.log.1`, `access.log-20261120.gz`,
/// `access-20261120.log`, `access.log.old`. Only dates and numbers are taken for such, so that `access.log.other` is not.
fn is_rotated(log: &str, other: &str) -> bool {
    let other = COMPRESSED.iter().find_map(|ending| other.strip_suffix(ending)).unwrap_or(other);
    let is_mark = |mark: &str| {
        matches!(mark, ".old" | ".bak")
            || (mark.starts_with(['.', '-', '_'])
                && mark.bytes().any(|byte| byte.is_ascii_digit())
                && mark.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'T' | b'Z' | b':')))
    };
    let inside = log.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).and_then(|(stem, ending)| {
        let rest = other.strip_prefix(stem)?;
        rest.strip_suffix(ending)?.strip_suffix('.')
    });
    other.strip_prefix(log).is_some_and(is_mark) || inside.is_some_and(is_mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_and_dates_are_rotated_and_others_are_not() {
        for rotated in [
            "access.log.1",
            "access.log.12.gz",
            "access.log-20261120",
            "access.log-2026-11-20T00:00:00Z.zst",
            "access-20261120.log",
            "access.1.log.gz",
            "access.log.old",
        ] {
            assert!(is_rotated("access.log", rotated), "{rotated}");
        }
        for other in
            ["access.log", "access.log.gz", "access.log.other", "access.log.1.bz2", "access.log1", "access-b.log", "error.log.1"]
        {
            assert!(!is_rotated("access.log", other), "{other}");
        }
        assert!(is_rotated("hub", "hub.1") && !is_rotated("hub", "hub-private"));
    }

    #[test]
    fn a_compressed_file_counts_once_its_original_is_gone_and_the_oldest_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a.log");
        for (name, at) in [("a.log.1", 30), ("a.log.2", 20), ("a.log.2.gz", 20), ("a.log.3.gz", 10), ("b.log.1", 5)] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            io::Write::write_all(&mut &file, b"x\n").unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(at)).unwrap();
        }
        let names = |found: Vec<Rotated>| -> Vec<String> {
            found.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(rotated_files(&log).unwrap()), ["a.log.3.gz", "a.log.2", "a.log.1"]);
        fs::remove_file(folder.path().join("a.log.2")).unwrap();
        assert_eq!(names(rotated_files(&log).unwrap()), ["a.log.3.gz", "a.log.2.gz", "a.log.1"]);
    }
}
