//! Bare system calls for attempts to break out, each behind a safe function.
//!
//! Addresses and options are raw bytes, because what is tried is often no valid one. Not for the
//! roles' own work, and not for judging: what an errno means is said elsewhere.

pub mod message;
pub mod probe;
pub mod queue;
pub mod ring;

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Opens a socket of any family, close-on-exec.
pub fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: socket takes three integers.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    check(fd as isize)?;
    // SAFETY: the kernel just returned this descriptor to us, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Calls `connect` with the bytes of a socket address.
pub fn connect(fd: &OwnedFd, address: &[u8]) -> io::Result<()> {
    let (storage, len) = aligned(address)?;
    // SAFETY: `storage` is aligned for every address family and holds at least `len` bytes.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const storage).cast(), len) } as isize)
}

/// Calls `bind` with the bytes of a socket address.
pub fn bind(fd: &OwnedFd, address: &[u8]) -> io::Result<()> {
    let (storage, len) = aligned(address)?;
    // SAFETY: as in `connect`.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const storage).cast(), len) } as isize)
}

/// Calls `listen`.
pub fn listen(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: listen takes two integers.
    check(unsafe { libc::listen(fd.as_raw_fd(), 8) } as isize)
}

/// Calls `accept4` without asking for the peer's address.
pub fn accept(fd: &OwnedFd) -> io::Result<OwnedFd> {
    let null = std::ptr::null_mut();
    // SAFETY: null address pointers are allowed and mean that no address is written.
    let peer = unsafe { libc::accept4(fd.as_raw_fd(), null, null.cast(), libc::SOCK_CLOEXEC) };
    check(peer as isize)?;
    // SAFETY: the kernel just returned this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(peer) })
}

/// Calls `sendto`; without an address it is `send`.
pub fn sendto(
    fd: &OwnedFd,
    payload: &[u8],
    flags: i32,
    address: Option<&[u8]>,
) -> io::Result<usize> {
    let (storage, len) = aligned(address.unwrap_or(&[]))?;
    let pointer = if address.is_some() { (&raw const storage).cast() } else { std::ptr::null() };
    // SAFETY: payload and address are live for the call and their lengths are their own.
    let sent = unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            payload.as_ptr().cast(),
            payload.len(),
            flags | libc::MSG_NOSIGNAL,
            pointer,
            len,
        )
    };
    check(sent)?;
    Ok(sent as usize)
}

/// Calls `setsockopt` with raw bytes.
pub fn setsockopt(fd: &OwnedFd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let len = value.len() as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes of `value`, which is that long.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), len) }
        as isize)
}

/// Calls `getsockopt`; the bytes that the kernel has written.
pub fn getsockopt(fd: &OwnedFd, level: i32, name: i32, room: usize) -> io::Result<Vec<u8>> {
    let mut value = vec![0_u8; room];
    let mut len = libc::socklen_t::try_from(room).unwrap_or(0);
    // SAFETY: the kernel writes at most `len` bytes into a live vector of that length.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len)
    } as isize)?;
    value.truncate(usize::try_from(len).unwrap_or(0));
    Ok(value)
}

/// Calls `sendmsg` with an address of its own, which seccomp cannot look at.
pub fn sendmsg_to(fd: &OwnedFd, payload: &[u8], flags: i32, address: &[u8]) -> io::Result<usize> {
    let (mut storage, len) = aligned(address)?;
    let mut bytes =
        libc::iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
    // SAFETY: all zeroes is a valid msghdr.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_name = (&raw mut storage).cast();
    message.msg_namelen = len;
    message.msg_iov = &raw mut bytes;
    message.msg_iovlen = 1;
    // SAFETY: everything that the message points to lives through the call and is only read.
    let sent =
        unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags | libc::MSG_NOSIGNAL) };
    check(sent)?;
    Ok(sent as usize)
}

/// A connected pair of unix sockets of any type.
pub fn socketpair(kind: i32) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut pair = [-1; 2];
    // SAFETY: the kernel writes two integers into a live array.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) } as isize)?;
    // SAFETY: the kernel just returned these descriptors to us.
    Ok(unsafe { (OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1])) })
}

/// Waits until `fd` is ready for `events`; false when the time is over.
pub fn poll(fd: &OwnedFd, events: i16, timeout_ms: i32) -> io::Result<bool> {
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    // SAFETY: one entry is passed, and it lives on this stack.
    let ready = unsafe { libc::poll(&raw mut entry, 1, timeout_ms) };
    check(ready as isize)?;
    Ok(ready > 0)
}

/// The pending error of a socket (`SO_ERROR`).
pub fn pending_error(fd: &OwnedFd) -> io::Result<()> {
    let bytes = getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, 4)?;
    match bytes.try_into().map(i32::from_ne_bytes) {
        Ok(0) => Ok(()),
        Ok(error) => Err(io::Error::from_raw_os_error(error)),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Creates an io_uring and returns its descriptor.
pub fn io_uring_setup() -> io::Result<OwnedFd> {
    let mut params = [0u8; 120]; // struct io_uring_params
    // SAFETY: the kernel reads and writes 120 bytes, the size of the structure.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, params.as_mut_ptr()) };
    check(fd as isize)?;
    // SAFETY: the kernel just returned this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Another descriptor for whatever this number means in the process; `EBADF` if nothing.
pub fn by_number(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: dup takes a number and opens a new descriptor, or fails.
    let fd = unsafe { libc::dup(number) };
    check(fd as isize)?;
    // SAFETY: the kernel just returned this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a process by the oldest call, which ends at once and is waited for.
pub fn fork() -> io::Result<()> {
    // SAFETY: without flags this is `fork`; the child makes one system call, which ends it.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::SIGCHLD as libc::c_long,
            0_usize,
            0_usize,
            0_usize,
            0_usize,
        )
    };
    if pid == 0 {
        // SAFETY: does not return, and runs nothing of the parent's.
        unsafe { libc::_exit(0) };
    }
    check(pid as isize)?;
    nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid as i32), None)?;
    Ok(())
}

fn aligned(address: &[u8]) -> io::Result<(libc::sockaddr_storage, libc::socklen_t)> {
    // SAFETY: all zeroes is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    if address.len() > mem::size_of_val(&storage) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the bounds were checked on the line above, and bytes have no invalid values.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address.as_ptr(),
            (&raw mut storage).cast::<u8>(),
            address.len(),
        );
    }
    Ok((storage, address.len() as libc::socklen_t))
}

fn check(result: isize) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
