//! Unix sockets with a name: made by the warden, which takes the name away at the end.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::{Gid, setfsgid};

/// A socket's name in a directory; removed when dropped.
#[derive(Debug)]
pub(crate) struct Name(PathBuf);

impl Name {
    /// Listens at `path`, for those whom `mode` lets in; where a socket is there already, it must be
    /// one that a crash has left.
    ///
    /// # Errors
    /// Something else than a socket or a link stands in its place, or those of the system calls.
    pub(crate) fn listen(
        path: &Path,
        mode: Mode,
        group: Option<Gid>,
        backlog: i32,
    ) -> io::Result<(Self, UnixListener)> {
        match fs::symlink_metadata(path).map(|known| known.file_type()) {
            // The name is removed, never what a link leads to.
            Ok(kind) if kind.is_socket() || kind.is_symlink() => fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::other(format!("{} is no socket", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        // The mode of the socket becomes that of its name, so that there is no moment of a wider one.
        fchmod(&fd, mode)?;
        let (dir, address) = address(path)?;
        // A service may have no right to give a file away, but it can make one in another group.
        let own = group.map(setfsgid);
        let bound = bind(fd.as_raw_fd(), &address);
        own.map(setfsgid);
        bound?;
        let name = Self(path.to_owned());
        let file = path.file_name().unwrap_or_default();
        // What the umask has taken.
        fchmodat(&dir, file, mode, FchmodatFlags::FollowSymlink)?;
        listen(&fd, Backlog::new(backlog)?)?;
        Ok((name, fd.into()))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, "cannot remove a socket's name");
        }
    }
}

/// The name below an open directory: a path may be longer than a socket's address. The address
/// holds as long as the directory is open.
pub(super) fn address(path: &Path) -> io::Result<(File, UnixAddr)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let flags = libc::O_DIRECTORY | libc::O_PATH;
    let dir = File::options().read(true).custom_flags(flags).open(dir)?;
    let below = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
    let address = UnixAddr::new(&below.join(name))?;
    Ok((dir, address))
}
