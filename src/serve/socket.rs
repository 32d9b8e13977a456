//! The socket in the data folder, through which the owner's commands reach a running server.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

const NAME: &str = "hubtally.sock";
/// The longest path a socket address holds, with its final zero, is 108 bytes.
const ADDRESS_BYTES_MAX: usize = 107;

/// An address of a name in a folder, and what must stay open while it is used.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    /// The path itself, or, where that is too long for a socket, a short one through the opened folder.
    fn new(folder: &Path, name: &str) -> io::Result<Address> {
        let path = folder.join(name);
        if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
            return Ok(Address { path, _folder: None });
        }
        let opened = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", opened.as_raw_fd()));
        Ok(Address { path, _folder: Some(opened) })
    }
}

/// Listens in a data folder. Only its owner can connect: the name appears after the mode is set. A socket that a
/// killed server left is replaced; whoever calls this holds the folder, so nobody listens there.
pub fn listen(folder: &Path) -> io::Result<UnixListener> {
    let fresh_name = format!("{NAME}.new");
    let fresh = folder.join(&fresh_name);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&Address::new(folder, &fresh_name)?.path)?;
    fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
    fs::rename(&fresh, folder.join(NAME))?;
    Ok(listener)
}

/// Takes the socket away at the end.
pub fn remove(folder: &Path) {
    // A socket that stays is no harm: the next server replaces it.
    let _ = fs::remove_file(folder.join(NAME));
}

/// Whether a data folder has a socket.
#[must_use]
pub fn exists(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

/// Connects to the server that holds a data folder.
pub async fn connect(folder: &Path) -> io::Result<UnixStream> {
    let address = Address::new(folder, NAME)?;
    UnixStream::connect(&address.path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_long_paths_work() {
        let place = tempfile::tempdir().unwrap();
        for folder in [place.path().to_owned(), place.path().join("a".repeat(120))] {
            fs::create_dir_all(&folder).unwrap();
            drop(listen(&folder).unwrap());
            assert!(connect(&folder).await.is_err());
            let listener = listen(&folder).unwrap();
            assert_eq!(fs::metadata(folder.join(NAME)).unwrap().permissions().mode() & 0o777, 0o600);
            let (accepted, connected) = tokio::join!(listener.accept(), connect(&folder));
            assert!(accepted.is_ok() && connected.is_ok());
        }
    }
}
