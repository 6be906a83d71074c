//! System calls that ask the kernel for something else than a socket.
//!
//! Each is made such that it harms nothing where it is permitted: with arguments that name
//! nothing, or on this process alone.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// An argument of a [`Call`].
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A number, a flag, a descriptor.
    Number(i64),
    /// A string.
    Text(&'a CStr),
    /// A structure that the kernel reads.
    Bytes(&'a [u8]),
    /// No pointer.
    Null,
}

/// A system call that writes to no memory of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    number: libc::c_long,
}

/// Makes the call; its result.
pub fn call(call: Call, arguments: &[Arg<'_>]) -> io::Result<i64> {
    let mut words = [0_i64; 6];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = match *argument {
            Arg::Number(number) => number,
            Arg::Text(text) => text.as_ptr() as i64,
            Arg::Bytes(bytes) => bytes.as_ptr() as i64,
            Arg::Null => 0,
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: every call that can be named reads memory only, and checks it, and changes no
    // mapping of this process; strings and structures live through the call.
    let result = unsafe { libc::syscall(call.number, a, b, c, d, e, f) };
    check(result as isize)?;
    Ok(result)
}

/// As [`call`], for calls that return a descriptor.
pub fn open(this: Call, arguments: &[Arg<'_>]) -> io::Result<OwnedFd> {
    let fd = call(this, arguments)?;
    // SAFETY: the kernel just returned this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

macro_rules! calls {
    ($($constant:ident $name:literal $number:ident;)*) => {$(
        #[doc = concat!("`", $name, "`")]
        pub const $constant: Call = Call { name: $name, number: libc::$number };
    )*};
}

calls! {
    ADD_KEY "add_key" SYS_add_key;
    CAPSET "capset" SYS_capset;
    EXECVEAT "execveat" SYS_execveat;
    FSOPEN "fsopen" SYS_fsopen;
    KILL "kill" SYS_kill;
    MEMFD_CREATE "memfd_create" SYS_memfd_create;
    MKNODAT "mknodat" SYS_mknodat;
    MOUNT "mount" SYS_mount;
    MOVE_MOUNT "move_mount" SYS_move_mount;
    MQ_OPEN "mq_open" SYS_mq_open;
    MQ_SEND "mq_timedsend" SYS_mq_timedsend;
    MSGGET "msgget" SYS_msgget;
    MSGSND "msgsnd" SYS_msgsnd;
    OPEN_TREE "open_tree" SYS_open_tree;
    PERF_EVENT_OPEN "perf_event_open" SYS_perf_event_open;
    PERSONALITY "personality" SYS_personality;
    PIDFD_GETFD "pidfd_getfd" SYS_pidfd_getfd;
    PIDFD_OPEN "pidfd_open" SYS_pidfd_open;
    PIVOT_ROOT "pivot_root" SYS_pivot_root;
    PROCESS_VM_WRITEV "process_vm_writev" SYS_process_vm_writev;
    REQUEST_KEY "request_key" SYS_request_key;
    SETGROUPS "setgroups" SYS_setgroups;
    SETHOSTNAME "sethostname" SYS_sethostname;
    SETRESUID "setresuid" SYS_setresuid;
    SHMGET "shmget" SYS_shmget;
    UMOUNT2 "umount2" SYS_umount2;
    USERFAULTFD "userfaultfd" SYS_userfaultfd;
}

/// A file in memory with this content.
pub fn memory_file(content: &[u8]) -> io::Result<OwnedFd> {
    let file = open(MEMFD_CREATE, &[Arg::Text(c"prxy"), Arg::Number(1)])?;
    nix::unistd::write(&file, content)?;
    Ok(file)
}

/// Begins to trace a process without stopping it; the end of the tracer ends it.
pub fn ptrace_seize(pid: i32) -> io::Result<()> {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: seizing takes a process id and touches no memory of ours.
    check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) } as isize)
}

/// Maps a page that may be executed; with `later` it is made so afterwards.
pub fn executable_memory(later: bool) -> io::Result<()> {
    const PAGE: usize = 4096;
    let code = libc::PROT_READ | libc::PROT_EXEC;
    let first = if later { libc::PROT_READ } else { code };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the kernel's choice; nothing is replaced.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, first, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page was just mapped, holds nothing and is used by nobody else.
    let changed = if later { unsafe { libc::mprotect(at, PAGE, code) } } else { 0 };
    let changed = check(changed as isize);
    // SAFETY: as above.
    unsafe { libc::munmap(at, PAGE) };
    changed
}

/// Names a new interface of this kind on `/dev/net/tun`; it goes with the descriptor.
pub fn tun_interface(device: &OwnedFd, flags: i16) -> io::Result<()> {
    let mut request = [0_u8; 40]; // struct ifreq: an empty name, then the flags
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: the kernel reads and writes one ifreq, which is 40 bytes long.
    check(unsafe { libc::ioctl(device.as_raw_fd(), TUNSETIFF, request.as_mut_ptr()) } as isize)
}

/// Opens a socket by the 32-bit entry of the kernel.
#[cfg(target_arch = "x86_64")]
pub fn socket_i386(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    const SOCKET: i64 = 359; // arch/x86/entry/syscalls/syscall_32.tbl
    let result: i64;
    // SAFETY: socket takes three integers. The compiler keeps rbx for itself, so that it is put
    // back; old kernels do not keep r8 to r11.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {family}",
            "int 0x80",
            "xchg rbx, {family}",
            family = inout(reg) i64::from(family) => _,
            inlateout("rax") SOCKET => result,
            in("rcx") i64::from(kind),
            in("rdx") i64::from(protocol),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    let result = result as i32;
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    // SAFETY: the kernel just returned this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// Other machines have no such entry, or keep it behind a mode of the processor.
#[cfg(not(target_arch = "x86_64"))]
pub fn socket_i386(_: i32, _: i32, _: i32) -> io::Result<OwnedFd> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// Opens a socket by the x32 numbers of the kernel.
pub fn socket_x32(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    let x32 = Call { name: "socket-x32", number: libc::SYS_socket | 0x4000_0000 };
    open(x32, &[family, kind, protocol].map(|number| Arg::Number(number.into())))
}

/// What is asked of `bpf(2)`.
#[derive(Clone, Copy, Debug)]
pub enum Bpf {
    /// Load a program that does nothing.
    Load,
    /// Make a map.
    Map,
    /// Open what is pinned at a path (of a hundred bytes at most).
    Pin(&'static CStr),
    /// Detach a link by a descriptor that is none.
    Detach,
    /// Find the first program of the machine by its number.
    Next,
}

/// Calls `bpf(2)`; what it opens is closed again.
pub fn bpf(probe: Bpf) -> io::Result<()> {
    let program: [u64; 2] = [0xb7, 0x95]; // r0 = 0; exit
    let mut attributes = [0_u64; 16]; // union bpf_attr
    let command = match probe {
        Bpf::Load => {
            attributes[0] = 1 | 2 << 32; // a socket filter of two instructions
            attributes[1] = program.as_ptr() as u64;
            attributes[2] = c"GPL".as_ptr() as u64;
            5
        }
        Bpf::Map => {
            attributes[0] = 2 | 4 << 32; // an array with keys of 4 bytes,
            attributes[1] = 8 | 1 << 32; // values of 8, one entry
            0
        }
        Bpf::Pin(path) => {
            attributes[0] = path.as_ptr() as u64;
            7
        }
        Bpf::Detach => {
            attributes[0] = u32::MAX.into();
            34
        }
        Bpf::Next => 11,
    };
    // SAFETY: the kernel reads and writes the attributes, which are 128 bytes long, and reads the
    // program, the licence or the path that they point to, all of which live through the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), 128) };
    check(result as isize)?;
    if result > 0 {
        // SAFETY: only commands that open something return more than zero: a new descriptor.
        drop(unsafe { OwnedFd::from_raw_fd(result as RawFd) });
    }
    Ok(())
}

const TUNSETIFF: libc::Ioctl = 0x4004_54ca;
