//! What to say when the operating system refuses a file of the data folder: who owns it, who asks, and the line that helps.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Why a path cannot be used. Where it is a matter of rights, with the command that gives them, ready to be pasted.
pub(super) fn refusal(path: &Path, error: &io::Error) -> String {
    let remedy = (error.kind() == io::ErrorKind::PermissionDenied).then(|| remedy(path)).flatten();
    match remedy {
        Some(remedy) => format!("{error}: {remedy}"),
        None => error.to_string(),
    }
}

/// Needs `/proc` to know who asks; elsewhere the error has to do.
fn remedy(path: &Path) -> Option<String> {
    let asking = owner(Path::new("/proc/self"))?;
    // What is not there yet was to be made in the nearest folder that is.
    let (place, owner) = path.ancestors().find_map(|place| Some((place, owner(place)?)))?;
    if owner == asking {
        return Some(format!("{} belongs to this user, but its mode forbids it: `chmod -R u+rwX {0}`", place.display()));
    }
    Some(format!(
        "{place} belongs to {owner} and this runs as {asking}: `chown -R {asking} {place}` (for a container: on the folder that is \
         mounted there), or run it as the owner (for a container: `--user {owner}`)",
        place = place.display()
    ))
}

/// `UID:GID` of a path.
fn owner(path: &Path) -> Option<String> {
    fs::metadata(path).ok().map(|found| format!("{}:{}", found.uid(), found.gid()))
}
