//! Messages between roles: `SOCK_SEQPACKET` socketpairs that keep message boundaries and can
//! carry one descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair, sockopt,
};
use tokio::io::unix::AsyncFd;

/// One end of a message channel.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// A connected pair, close-on-exec, blocking.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        Ok((Self(a), Self(b)))
    }

    /// The same end by another descriptor.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Sends one message, with a descriptor if there is one.
    ///
    /// # Errors
    /// Those of `sendmsg(2)`.
    pub fn send(&self, message: &[u8], passed: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.send_with(MsgFlags::MSG_NOSIGNAL, message, passed)
    }

    /// Sends one message, or fails at once if the other end does not read.
    ///
    /// # Errors
    /// Those of `sendmsg(2)`; `WouldBlock` if the channel is full.
    pub fn send_now(&self, message: &[u8]) -> io::Result<()> {
        self.send_with(MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT, message, None)
    }

    fn send_with(
        &self,
        flags: MsgFlags,
        message: &[u8],
        passed: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let fds: Vec<_> = passed.iter().map(AsRawFd::as_raw_fd).collect();
        let control = [ControlMessage::ScmRights(&fds)];
        let control = if fds.is_empty() { &control[..0] } else { &control[..] };
        let bytes = [IoSlice::new(message)];
        let sent = sendmsg::<()>(self.0.as_raw_fd(), &bytes, control, flags, None)?;
        if sent == message.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Receives one message into `buffer`, and the descriptor that came with it.
    ///
    /// A length of 0 means that the other end is gone.
    ///
    /// # Errors
    /// Those of `recvmsg(2)`; `InvalidData` if the message was longer than `buffer` or carried
    /// more than one descriptor.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        let mut control = nix::cmsg_space!([std::os::fd::RawFd; 4]);
        let mut bytes = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.0.as_raw_fd(), &mut bytes, Some(&mut control), flags)?;
        let mut passed = Vec::new();
        for item in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = item {
                // SAFETY: the kernel has just opened these for us; nobody else owns them.
                passed.extend(fds.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        let cut = message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
        if cut || passed.len() > 1 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok((message.bytes, passed.pop()))
    }

    /// Refuses descriptors from the other end where the kernel can (Linux 6.16); whether it can.
    pub fn refuse_descriptors(&self) -> bool {
        let off: libc::c_int = 0;
        // SAFETY: the value is a live c_int of the length given. An old kernel answers
        // ENOPROTOOPT, and `receive` drops what it did not expect anyway.
        unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_PASSRIGHTS,
                (&raw const off).cast(),
                libc::socklen_t::try_from(size_of_val(&off)).unwrap_or(0),
            ) == 0
        }
    }
}

impl From<OwnedFd> for Channel {
    /// Takes a descriptor that is one end of a pair.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Channel {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// A channel end inside a tokio runtime.
#[derive(Debug)]
pub struct AsyncChannel(AsyncFd<Channel>);

impl AsyncChannel {
    /// Registers the channel with the running runtime.
    ///
    /// # Errors
    /// The descriptor cannot be polled.
    pub fn new(channel: Channel) -> io::Result<Self> {
        let flags = nix::fcntl::fcntl(&channel.0, nix::fcntl::FcntlArg::F_GETFL)?;
        let flags = nix::fcntl::OFlag::from_bits_retain(flags) | nix::fcntl::OFlag::O_NONBLOCK;
        nix::fcntl::fcntl(&channel.0, nix::fcntl::FcntlArg::F_SETFL(flags))?;
        // SAFETY: `Channel` owns its descriptor, never changes it, and moves into the `AsyncFd`.
        unsafe { AsyncFd::register(channel) }.map(Self).map_err(io::Error::from)
    }

    /// As [`Channel::send`], waiting while the channel is full.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub async fn send(&self, message: &[u8], passed: Option<BorrowedFd<'_>>) -> io::Result<()> {
        loop {
            let mut ready = self.0.writable().await?;
            match ready.try_io(|channel| channel.get_ref().send(message, passed)) {
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }

    /// As [`Channel::receive`], waiting for a message.
    ///
    /// # Errors
    /// As [`Channel::receive`].
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|channel| channel.get_ref().receive(buffer)) {
                Ok(result) => return result,
                Err(_would_block) => {}
            }
        }
    }
}

/// Whether a received descriptor is a stream socket of the family that was asked for.
pub fn is_stream_socket(fd: &impl AsFd, families: &[i32]) -> bool {
    let kind = nix::sys::socket::getsockopt(fd, sockopt::SockType);
    let family = domain(fd.as_fd());
    kind == Ok(SockType::Stream) && family.is_some_and(|family| families.contains(&family))
}

fn domain(fd: BorrowedFd<'_>) -> Option<i32> {
    let mut family: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of_val(&family)).ok()?;
    // SAFETY: value and length are live and agree.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut family).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(family)
}

const SO_PASSRIGHTS: libc::c_int = 83;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_read_cannot_make_the_sender_wait() {
        let (a, _unread) = Channel::pair().unwrap();
        let full = (0..1_000_000).find_map(|_| a.send_now(&[7; 512]).err()).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_message_carries_a_descriptor_and_keeps_its_length() {
        let (a, b) = Channel::pair().unwrap();
        let (x, _y) = std::os::unix::net::UnixStream::pair().unwrap();
        a.send(b"one", Some(x.as_fd())).unwrap();
        a.send(b"two", None).unwrap();
        let mut buffer = [0; 16];
        let (length, fd) = b.receive(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"one");
        assert!(is_stream_socket(&fd.unwrap(), &[libc::AF_UNIX]));
        let (length, fd) = b.receive(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], fd.is_none()), (&b"two"[..], true));
        drop(a);
        assert_eq!(b.receive(&mut buffer).unwrap().0, 0);
    }

    #[test]
    fn a_message_that_is_too_long_is_an_error_and_not_cut() {
        let (a, b) = Channel::pair().unwrap();
        a.send(&[0; 64], None).unwrap();
        let error = b.receive(&mut [0; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
