//! Which descriptors a role keeps: an explicit list, nothing else, and of the standard ones only
//! standard error.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::channel::is_stream_socket;

/// Closes every descriptor above standard error that is not in `keep`.
///
/// # Errors
/// The kernel lacks `close_range` (before Linux 5.9).
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).filter(|fd| *fd > 2).collect();
    kept.sort_unstable();
    kept.dedup();
    let mut first = 3;
    for fd in kept {
        close_range(first, fd - 1)?;
        first = fd + 1;
    }
    close_range(first, RawFd::MAX)
}

fn close_range(first: RawFd, last: RawFd) -> io::Result<()> {
    if first > last {
        return Ok(());
    }
    // SAFETY: closes descriptors by number; the caller forked and owns none of them by type.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Points standard input and output at `/dev/null`.
pub fn silence_stdio() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    for fd in [0, 1] {
        // SAFETY: both are open descriptors.
        if unsafe { libc::dup2(null.as_raw_fd(), fd) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether log lines stay on this host: not so if they go into a network socket, or into one whose
/// holder could send to other places by it.
pub fn is_local(log: &impl AsFd) -> io::Result<bool> {
    let kind = nix::sys::stat::fstat(log)?.st_mode & libc::S_IFMT;
    Ok(kind != libc::S_IFSOCK || is_stream_socket(log, &[libc::AF_UNIX]))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what must be refused has to be made")]
    fn logs_go_to_files_pipes_and_unix_streams_but_never_into_the_network() {
        let (pipe, _other) = nix::unistd::pipe().unwrap();
        let (stream, _other) = UnixStream::pair().unwrap();
        assert!(is_local(&File::open("/dev/null").unwrap()).unwrap());
        assert!(is_local(&pipe).unwrap());
        assert!(is_local(&stream).unwrap());
        assert!(!is_local(&TcpListener::bind("127.0.0.1:0").unwrap()).unwrap());
        assert!(!is_local(&UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap());
        assert!(!is_local(&UnixDatagram::pair().unwrap().0).unwrap());
    }
}
