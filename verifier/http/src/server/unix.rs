//! Control sockets.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use axum::Router;
use tokio::net::{UnixListener, UnixStream};

use super::serve::{Listener, ServeOptions, serve};

/// Serves a router on a Unix socket that only the owner may use, until `shutdown` ends and the requests in flight are answered.
///
/// The folder is created (mode 0700) if it is missing. The socket has mode 0600 from the moment it can be seen, and is removed at shutdown. A socket
/// left behind by a process that died is replaced; one that somebody answers is not. A file `<path>.lock` beside the socket says who serves it
/// and is left in place.
///
/// # Errors
///
/// [`io::ErrorKind::AddrInUse`] when another process serves the path, [`io::ErrorKind::AlreadyExists`] when something other than a socket
/// is there, and what the file system says otherwise.
pub async fn serve_unix(path: impl AsRef<Path>, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    serve_unix_with(path, router, ServeOptions::default(), shutdown).await
}

/// As [`serve_unix`], with other options.
///
/// # Errors
///
/// As [`serve_unix`].
pub async fn serve_unix_with(
    path: impl AsRef<Path>,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let socket = ControlSocket::bind(path.as_ref())?;
    let ControlSocket { listener, file, lock } = socket;
    serve(Named { listener, _file: file }, router, options, shutdown).await;
    drop(lock);
    Ok(())
}

/// The listener and its name: both go when the accept loop drops them.
struct Named {
    listener: UnixListener,
    _file: SocketFile,
}

impl Listener for Named {
    type Io = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

/// A Unix socket that only the owner may use, as [`serve_unix`] serves one, for whoever speaks something else than HTTP on it. Its name is
/// removed on drop.
pub struct PrivateSocket(ControlSocket);

impl PrivateSocket {
    /// Binds it.
    ///
    /// # Errors
    ///
    /// As [`serve_unix`].
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        ControlSocket::bind(path.as_ref()).map(Self)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        self.0.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl std::fmt::Debug for PrivateSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateSocket").field("path", &self.0.file.path).finish_non_exhaustive()
    }
}

struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
    lock: File,
}

impl ControlSocket {
    fn bind(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;

        let mut lock_name = name.to_owned();
        lock_name.push(".lock");
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join(lock_name))?;
        if lock.try_lock().is_err() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        refuse_if_taken(path)?;

        // Bound in a private folder and moved into place, so that it is never visible with other permissions. The lock is ours: whatever
        // an earlier attempt left in that folder is ours as well.
        let mut nest_name = std::ffi::OsString::from(".");
        nest_name.push(name);
        let nest = Nest::create(folder.join(nest_name))?;
        let unnamed = nest.0.join("s");
        let listener = UnixListener::bind(&unnamed)?;
        fs::set_permissions(&unnamed, Permissions::from_mode(0o600))?;
        fs::rename(&unnamed, path)?;
        let file = SocketFile::of(path)?;
        Ok(Self { listener, file, lock })
    }
}

/// Refuses unless the path is free or holds a socket that nobody answers.
fn refuse_if_taken(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) => match StdUnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Ok(_) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
        },
    }
}

/// A private folder for as long as the socket has no name.
struct Nest(PathBuf);

impl Nest {
    fn create(path: PathBuf) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_dir_all(&path)?;
                DirBuilder::new().mode(0o700).create(&path)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Self(path))
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_err() {
            tracing::debug!("the folder of a new control socket could not be removed");
        }
    }
}

/// The socket's name, removed on drop if it still is this socket's.
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let still_ours =
            fs::symlink_metadata(&self.path).is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if still_ours && fs::remove_file(&self.path).is_err() {
            tracing::warn!("the control socket could not be removed");
        }
    }
}
