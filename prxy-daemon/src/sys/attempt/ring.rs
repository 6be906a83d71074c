//! The smallest `io_uring` that can make a socket call: one entry at a time.
//!
//! Layout: `include/uapi/linux/io_uring.h`. What an operation reads is leaked, because the kernel
//! may still read it after an attempt has given up waiting.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{aligned, check};

/// A ring with its two queues mapped.
#[derive(Debug)]
pub struct Ring {
    fd: OwnedFd,
    queues: *mut u8,
    entries: *mut u8,
    offsets: Offsets,
    polled: bool,
}

/// Where the fields of the queues lie.
#[derive(Debug)]
struct Offsets {
    submit_tail: usize,
    submit_array: usize,
    done_head: usize,
    done_tail: usize,
    done_mask: usize,
    done_entries: usize,
}

impl Ring {
    /// Sets up a ring; `polled` has a kernel thread pick the entries up.
    pub fn new(polled: bool) -> io::Result<Self> {
        let mut params = [0_u32; 30]; // struct io_uring_params
        params[2] = if polled { SETUP_SQPOLL } else { 0 };
        // SAFETY: the kernel reads and writes 120 bytes, the size of the structure.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, params.as_mut_ptr()) };
        check(fd as isize)?;
        // SAFETY: the kernel just returned this descriptor to us.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
        let at = |word: usize| params[word] as usize;
        // Both queues in one mapping since Linux 5.4: sq_off begins at word 10, cq_off at word 20.
        let offsets = Offsets {
            submit_tail: at(11),
            submit_array: at(16),
            done_head: at(20),
            done_tail: at(21),
            done_mask: at(22),
            done_entries: at(25),
        };
        let submit = offsets.submit_array + at(0) * 4;
        let done = offsets.done_entries + at(1) * DONE_SIZE;
        let queues = map(&fd, submit.max(done), 0)?;
        let entries = map(&fd, at(0) * ENTRY_SIZE, ENTRIES)?;
        Ok(Self { fd, queues, entries, offsets, polled })
    }

    /// `socket`.
    pub fn socket(&self, family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
        let fd = self.run(45, family, kind as u64, 0, protocol as u32)?;
        // SAFETY: the kernel just returned this descriptor to us.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// `connect`.
    pub fn connect(&self, fd: &OwnedFd, address: &[u8]) -> io::Result<()> {
        let (storage, len) = aligned(address)?;
        let address: *const libc::sockaddr_storage = Box::leak(Box::new(storage));
        self.run(16, fd.as_raw_fd(), len.into(), address as u64, 0).map(drop)
    }

    /// `send` on a connected socket.
    pub fn send(&self, fd: &OwnedFd, payload: &[u8]) -> io::Result<()> {
        let payload: &[u8] = Box::leak(payload.to_vec().into_boxed_slice());
        self.run(26, fd.as_raw_fd(), 0, payload.as_ptr() as u64, payload.len() as u32).map(drop)
    }

    /// `sendmsg` with an address.
    pub fn send_to(&self, fd: &OwnedFd, payload: &[u8], address: &[u8]) -> io::Result<()> {
        let (storage, len) = aligned(address)?;
        let payload: &mut [u8] = Box::leak(payload.to_vec().into_boxed_slice());
        let vector = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() };
        // SAFETY: all zeroes is a valid msghdr.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_name = std::ptr::from_mut(Box::leak(Box::new(storage))).cast();
        message.msg_namelen = len;
        message.msg_iov = Box::leak(Box::new(vector));
        message.msg_iovlen = 1;
        let message: *const libc::msghdr = Box::leak(Box::new(message));
        self.run(9, fd.as_raw_fd(), 0, message as u64, 1).map(drop)
    }

    /// Submits one operation and waits up to a second for its result.
    fn run(&self, code: u8, fd: i32, off: u64, addr: u64, len: u32) -> io::Result<i32> {
        let mut entry = [0_u8; ENTRY_SIZE];
        entry[0] = code;
        entry[4..8].copy_from_slice(&fd.to_ne_bytes());
        entry[8..16].copy_from_slice(&off.to_ne_bytes());
        entry[16..24].copy_from_slice(&addr.to_ne_bytes());
        entry[24..28].copy_from_slice(&len.to_ne_bytes());
        let tail = self.word(self.offsets.submit_tail);
        // SAFETY: slot 0 of the entries is ours: the operation before has ended. So is the first
        // word of the array, as every operation uses slot 0 and the array is zeroed by the kernel.
        unsafe { std::ptr::copy_nonoverlapping(entry.as_ptr(), self.entries, ENTRY_SIZE) };
        tail.fetch_add(1, Ordering::Release);

        let second: [i64; 2] = [1, 0];
        let until: [u64; 3] = [0, 0, second.as_ptr() as u64]; // io_uring_getevents_arg
        let wake = if self.polled { ENTER_SQ_WAKEUP } else { 0 };
        // SAFETY: `until` and what it points to live through the call; the kernel only reads them.
        let entered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd.as_raw_fd(),
                1,
                1,
                ENTER_GETEVENTS | ENTER_EXT_ARG | wake,
                until.as_ptr(),
                // As long as a register: the kernel reads all of it.
                size_of_val(&until),
            )
        };
        check(entered as isize)?;
        let head = self.word(self.offsets.done_head);
        if head.load(Ordering::Acquire) == self.word(self.offsets.done_tail).load(Ordering::Acquire)
        {
            return Err(io::Error::from_raw_os_error(libc::ETIME));
        }
        let mask = self.word(self.offsets.done_mask).load(Ordering::Relaxed);
        let slot = (head.load(Ordering::Relaxed) & mask) as usize;
        let at = self.offsets.done_entries + slot * DONE_SIZE + 8;
        let result = self.word(at).load(Ordering::Acquire).cast_signed();
        head.fetch_add(1, Ordering::Release);
        if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: offsets come from the kernel, lie in the mapping and are aligned to four bytes.
        unsafe { &*self.queues.add(offset).cast::<AtomicU32>() }
    }
}

/// Maps a part of the ring for as long as the process lives.
fn map(fd: &OwnedFd, len: usize, offset: i64) -> io::Result<*mut u8> {
    let (rights, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    // SAFETY: a new mapping at an address of the kernel's choice; nothing is replaced.
    let at =
        unsafe { libc::mmap(std::ptr::null_mut(), len, rights, shared, fd.as_raw_fd(), offset) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast()) }
}

const ENTRIES: i64 = 0x1000_0000; // IORING_OFF_SQES
const ENTRY_SIZE: usize = 64;
const DONE_SIZE: usize = 16;
const SETUP_SQPOLL: u32 = 2;
const ENTER_GETEVENTS: u32 = 1;
const ENTER_SQ_WAKEUP: u32 = 2;
const ENTER_EXT_ARG: u32 = 8;
