//! Kernel services that widen what an exploit can do, or that have others act.

use super::call::{ask, ask_in_vain, at};
use super::{Aim, Failure, Layer, Technique};
use crate::sys::attempt::probe::{self, Arg};

pub(super) const ROWS: &[Technique] = &[
    service("userfault", "handle page faults of its own", "39", |_| {
        const USER_MODE_ONLY: i64 = 1;
        probe::open(probe::USERFAULTFD, &[Arg::Number(USER_MODE_ONLY)])
            .map_err(at("userfaultfd"))
            .map(drop)
    })
    .optional(),
    service("perf", "watch the kernel and others", "43", |_| {
        let mut attributes = [0_u8; 64]; // struct perf_event_attr, first version: the cpu clock
        attributes[0] = 1;
        attributes[4] = 64;
        let (me, any, none) = (Arg::Number(0), Arg::Number(-1), Arg::Number(-1));
        probe::open(
            probe::PERF_EVENT_OPEN,
            &[Arg::Bytes(&attributes), me, any, none, Arg::Number(0)],
        )
        .map_err(at("perf_event_open"))
        .map(drop)
    })
    .optional(),
    service("add-key", "leave data in a keyring", "35", |_| {
        let (kind, name) = (Arg::Text(c"user"), Arg::Text(c"prxy-verify"));
        ask(probe::ADD_KEY, &[kind, name, Arg::Bytes(b"x"), Arg::Number(1), PROCESS_KEYRING])
    })
    .optional(),
    service("request-key", "have root's helper look for a key", "35", |_| {
        // Without words for the helper, which is not started.
        let (kind, name) = (Arg::Text(c"user"), Arg::Text(c"prxy-no-such-key"));
        ask_in_vain(probe::REQUEST_KEY, &[kind, name, Arg::Null, Arg::Number(0)])
    })
    .optional(),
    service("memory-file", "a file in memory, to be passed on", "46", |_| {
        probe::memory_file(b"x").map_err(at("memfd_create")).map(drop)
    }),
    service("device-node", "make a device node", "47", |a| {
        let path = super::call::relay_path(&a.scratch, &a.token);
        let text =
            std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).map_err(at("name"))?;
        let here = Arg::Number(libc::AT_FDCWD.into());
        let (kind, null) = (Arg::Number((libc::S_IFCHR | 0o600).into()), Arg::Number(0x103));
        ask(probe::MKNODAT, &[here, Arg::Text(&text), kind, null])?;
        std::fs::remove_file(path).map_err(at("unlink"))
    }),
];

const fn service(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::calls(name, what, threat, &[Layer::Seccomp, Layer::Capability], act)
        .root_may("the kernel's policy judges packets; seccomp denies the call to every role")
}

const PROCESS_KEYRING: Arg<'static> = Arg::Number(-2);
