//! A listener that the service manager made: taken over, asked what it is, and stepped behind.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, listen,
    setsockopt, socket, sockopt,
};

use super::channel::is_stream_socket;

/// Takes over the first descriptor that a service manager hands to a service.
///
/// # Errors
/// There is none.
pub fn first() -> io::Result<OwnedFd> {
    // SAFETY: borrowed for one call, which fails if it is not open.
    let handed = unsafe { BorrowedFd::borrow_raw(FIRST) };
    let own = fcntl(handed, FcntlArg::F_DUPFD_CLOEXEC(FIRST + 1))?;
    // SAFETY: the kernel has just made it for us.
    Ok(unsafe { OwnedFd::from_raw_fd(own) })
}

/// Whether it is a listening TCP socket of IPv4 or IPv6.
pub fn is_tcp_listener(fd: &impl AsFd) -> io::Result<bool> {
    let of_inet = is_stream_socket(fd, &[libc::AF_INET, libc::AF_INET6]);
    Ok(of_inet
        && option(fd, libc::SO_PROTOCOL)? == libc::IPPROTO_TCP
        && option(fd, libc::SO_ACCEPTCONN)? != 0)
}

/// Whether another socket of the same user may listen beside it (`ReusePort=yes`).
pub fn shares_its_port(fd: &impl AsFd) -> io::Result<bool> {
    Ok(option(fd, libc::SO_REUSEPORT)? != 0)
}

/// Listens on an address on which another socket may listen as well.
pub fn listen_beside(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let listener = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, SockProtocol::Tcp)?;
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    setsockopt(&listener, sockopt::ReusePort, &true)?;
    bind(listener.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&listener, Backlog::MAXCONN)?;
    Ok(TcpListener::from(listener))
}

/// From now on connections go to the listener that joins second on this port, and only without one
/// to this (Linux 4.5).
pub fn step_behind(first: &impl AsFd) -> io::Result<()> {
    // "Return 1", the second of the group; where there is none, the kernel chooses among those
    // there are.
    let mut code = [libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: 1 }];
    let program = libc::sock_fprog { len: 1, filter: code.as_mut_ptr() };
    // SAFETY: the option takes a `sock_fprog`, which lives through the call with its code.
    let result = unsafe {
        libc::setsockopt(
            first.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            libc::socklen_t::try_from(size_of_val(&program)).unwrap_or_default(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends the connections that wait on it; how many there were.
pub fn hang_up(listener: &TcpListener) -> io::Result<usize> {
    listener.set_nonblocking(true)?;
    let mut ended = 0;
    loop {
        match listener.accept() {
            Ok(_) => ended += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(ended),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

fn option(fd: &impl AsFd, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
    // SAFETY: value and length are live and agree.
    let result = unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// `SD_LISTEN_FDS_START`.
const FIRST: i32 = 3;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 6;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "sockets of every kind have to be made")]
mod tests {
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_a_listening_tcp_socket_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_tcp_listener(&tcp).unwrap());
        assert!(!shares_its_port(&tcp).unwrap());
        let stream = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        assert!(!is_tcp_listener(&stream).unwrap());
        assert!(!is_tcp_listener(&UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap());
        assert!(!is_tcp_listener(&UnixListener::bind(dir.path().join("s")).unwrap()).unwrap());
        assert_eq!(hang_up(&tcp).unwrap(), 1);
        assert_eq!(hang_up(&tcp).unwrap(), 0);
    }

    #[test]
    fn who_steps_behind_is_passed_over_for_as_long_as_there_is_a_second() {
        let first = listen_beside("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let ring = || (0..40).map(|_| TcpStream::connect(address).unwrap()).collect::<Vec<_>>();
        step_behind(&first).unwrap();
        drop(ring());
        assert_eq!(hang_up(&first).unwrap(), 40);
        let second = listen_beside(address).unwrap();
        drop(ring());
        assert_eq!((hang_up(&first).unwrap(), hang_up(&second).unwrap()), (0, 40));
        drop(second);
        drop(ring());
        assert_eq!(hang_up(&first).unwrap(), 40);
        // Without that they share, and who waits on the first would wait for ever.
        let first = listen_beside("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let _second = listen_beside(address).unwrap();
        let ring: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
        drop(ring);
        assert_ne!(hang_up(&first).unwrap(), 0);
    }
}
