//! The rarer ways to hand bytes to a socket.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{aligned, check};

/// Calls `sendmsg` with control messages of our own, see [`control`].
pub fn sendmsg_with(
    fd: &OwnedFd,
    payload: &[u8],
    address: Option<&[u8]>,
    control: &[u8],
) -> io::Result<()> {
    let (mut storage, len) = aligned(address.unwrap_or(&[]))?;
    let mut bytes =
        libc::iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
    // SAFETY: all zeroes is a valid msghdr.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    if address.is_some() {
        message.msg_name = (&raw mut storage).cast();
        message.msg_namelen = len;
    }
    message.msg_iov = &raw mut bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.as_ptr().cast_mut().cast();
    message.msg_controllen = control.len();
    // SAFETY: everything that the message points to lives through the call and is only read.
    check(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) })
}

/// One control message (`cmsghdr` and data), padded.
pub fn control(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + data.len()).to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// Calls `sendmmsg` with one message.
pub fn sendmmsg(fd: &OwnedFd, payload: &[u8], address: &[u8]) -> io::Result<()> {
    let (mut storage, len) = aligned(address)?;
    let mut bytes =
        libc::iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
    // SAFETY: all zeroes is a valid mmsghdr.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_name = (&raw mut storage).cast();
    message.msg_hdr.msg_namelen = len;
    message.msg_hdr.msg_iov = &raw mut bytes;
    message.msg_hdr.msg_iovlen = 1;
    // SAFETY: one message is passed; what it points to lives through the call.
    check(
        unsafe { libc::sendmmsg(fd.as_raw_fd(), &raw mut message, 1, libc::MSG_NOSIGNAL) } as isize
    )
}

/// Writes the payload to a pipe and splices it into the socket.
pub fn splice(fd: &OwnedFd, payload: &[u8]) -> io::Result<()> {
    let (from, into) = nix::unistd::pipe()?;
    nix::unistd::write(&into, payload)?;
    let none = std::ptr::null_mut();
    // SAFETY: null offsets are allowed for pipes and sockets; no memory is touched.
    check(unsafe { libc::splice(from.as_raw_fd(), none, fd.as_raw_fd(), none, payload.len(), 0) })
}

/// Writes the payload to a file in memory and has the kernel send that.
pub fn sendfile(fd: &OwnedFd, payload: &[u8]) -> io::Result<()> {
    let file = super::probe::memory_file(payload)?;
    let mut offset: libc::off_t = 0;
    // SAFETY: the offset lives on this stack.
    check(unsafe {
        libc::sendfile(fd.as_raw_fd(), file.as_raw_fd(), &raw mut offset, payload.len())
    })
}

/// Lays a frame into a packet socket's transmit ring, and has it sent.
pub fn send_by_ring(fd: &OwnedFd, frame: &[u8], address: &[u8]) -> io::Result<()> {
    const BLOCK: usize = 4096;
    const DATA: usize = 32; // TPACKET_HDRLEN - sizeof(struct sockaddr_ll), version 1
    if frame.len() > BLOCK - DATA {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let request: [u32; 4] = [BLOCK as u32, 1, BLOCK as u32, 1]; // struct tpacket_req
    let request: Vec<u8> = request.iter().flat_map(|word| word.to_ne_bytes()).collect();
    super::setsockopt(fd, libc::SOL_PACKET, libc::PACKET_TX_RING, &request)?;
    let (rights, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: a new mapping at an address of the kernel's choice; nothing is replaced.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), BLOCK, rights, shared, fd.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let at = at.cast::<u8>();
    // SAFETY: the block is mapped, page-aligned, and the length was checked above. The header
    // begins with tp_status (8 bytes) and tp_len (4 bytes).
    unsafe {
        std::ptr::copy_nonoverlapping(frame.as_ptr(), at.add(DATA), frame.len());
        at.add(8).cast::<u32>().write(frame.len() as u32);
        at.cast::<u64>().write_volatile(1); // TP_STATUS_SEND_REQUEST
    }
    let sent = super::sendto(fd, &[], 0, Some(address)).map(drop);
    // SAFETY: the mapping is ours and not used any more.
    unsafe { libc::munmap(at.cast(), BLOCK) };
    sent
}
