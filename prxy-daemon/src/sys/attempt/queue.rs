//! Message queues of the kernel, by the side that makes them and listens.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::check;

/// A POSIX queue that everyone may write to; unlinked when dropped.
#[derive(Debug)]
pub struct Posix {
    fd: OwnedFd,
    name: CString,
}

impl Posix {
    /// Makes a queue; the name has no slash, as the system call wants it.
    pub fn make(name: &str) -> io::Result<Self> {
        let name = CString::new(name)?;
        // SAFETY: all zeroes is a valid mq_attr.
        let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
        attributes.mq_maxmsg = 1;
        attributes.mq_msgsize = SIZE as i64;
        let flags = libc::O_CREAT | libc::O_EXCL | libc::O_RDONLY | libc::O_NONBLOCK;
        // SAFETY: name and attributes live through the call and are only read.
        let fd = unsafe {
            libc::syscall(libc::SYS_mq_open, name.as_ptr(), flags, 0o666, &raw const attributes)
        };
        check(fd as isize)?;
        // SAFETY: the kernel just returned this descriptor to us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        // The process's mask may have taken the rights of others away.
        nix::sys::stat::fchmod(&fd, nix::sys::stat::Mode::from_bits_truncate(0o666))?;
        Ok(Self { fd, name })
    }

    /// Takes a message if there is one.
    pub fn take(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0_u8; SIZE];
        // SAFETY: the kernel writes at most SIZE bytes into a buffer of that size.
        let length = unsafe {
            libc::syscall(
                libc::SYS_mq_timedreceive,
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr(),
                SIZE,
                std::ptr::null::<u32>(),
                std::ptr::null::<libc::timespec>(),
            )
        };
        check(length as isize)?;
        buffer.truncate(length as usize);
        Ok(buffer)
    }
}

impl Drop for Posix {
    fn drop(&mut self) {
        // SAFETY: takes a string that lives through the call.
        unsafe { libc::syscall(libc::SYS_mq_unlink, self.name.as_ptr()) };
    }
}

/// A System V queue that everyone may write to; removed when dropped.
#[derive(Debug)]
pub struct SystemV(i32);

impl SystemV {
    /// Makes the queue of this key.
    pub fn make(key: i32) -> io::Result<Self> {
        // SAFETY: takes two integers.
        let id = unsafe { libc::msgget(key, libc::IPC_CREAT | libc::IPC_EXCL | 0o666) };
        check(id as isize)?;
        Ok(Self(id))
    }

    /// Takes a message if there is one.
    pub fn take(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0_u8; 8 + SIZE]; // struct msgbuf: a long, then the text
        // SAFETY: the kernel writes the type and at most SIZE bytes; a vector this long is aligned
        // to eight bytes by every allocator, and the kernel does not ask for it.
        let length =
            unsafe { libc::msgrcv(self.0, buffer.as_mut_ptr().cast(), SIZE, 0, libc::IPC_NOWAIT) };
        check(length)?;
        Ok(buffer[8..8 + length as usize].to_vec())
    }
}

impl Drop for SystemV {
    fn drop(&mut self) {
        // SAFETY: removing reads no structure.
        unsafe { libc::msgctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

const SIZE: usize = 256;
