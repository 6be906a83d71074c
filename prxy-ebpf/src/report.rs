//! Counts every decision and records those that an auditor wants to see.

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use prxy_common::{COUNTERS as COUNTER_SLOTS, Event, Hook, Reason, Role, Verdict, counter_index};

use crate::maps::{COUNTERS, EVENTS};
use crate::policy::{self, Decision};

/// What every program type returns to let something go on.
pub(crate) const PASS: i32 = 1;
const DENY: i32 = 0;

/// What a hook knows of the subject of its decision.
#[derive(Clone, Copy, Default)]
pub(crate) struct Subject {
    pub(crate) addr: [u32; 4],
    pub(crate) port: u16,
    pub(crate) proto: u16,
    pub(crate) detail: u32,
    pub(crate) generation: u32,
    pub(crate) cookie: u64,
    pub(crate) pid: u32,
}

/// Counts the decision, records it if asked to or if it denies, and gives the kernel's verdict.
#[inline(always)]
pub(crate) fn settle<C: EbpfContext>(
    ctx: &C,
    hook: Hook,
    role: Role,
    subject: &Subject,
    decision: Decision,
    record_allow: bool,
) -> i32 {
    let (verdict, reason) = match decision {
        Ok(reason) => (Verdict::Allow, reason),
        Err(reason) if policy::is_log_only() => (Verdict::WouldDeny, reason),
        Err(reason) => (Verdict::Deny, reason),
    };
    count(counter_index(role, reason));
    if reason == Reason::Internal {
        complain(ctx);
    }
    if decision.is_err() || record_allow {
        record(hook, role, verdict, reason, subject);
    }
    if verdict == Verdict::Deny { DENY } else { PASS }
}

/// Out of line: it happens never, and takes more instructions than all the rest.
#[inline(never)]
fn complain<C: EbpfContext>(ctx: &C) {
    aya_log_ebpf::error!(ctx, "a map is not usable");
}

#[inline(always)]
fn record(hook: Hook, role: Role, verdict: Verdict, reason: Reason, subject: &Subject) {
    let Some(mut entry) = EVENTS.reserve(0) else {
        count(COUNTER_SLOTS - 1);
        return;
    };
    entry.write(Event {
        // SAFETY: the helper takes nothing and only reads the clock.
        ts_ns: unsafe { bpf_ktime_get_ns() },
        cookie: subject.cookie,
        addr: policy::octets(subject.addr),
        generation: subject.generation,
        pid: subject.pid,
        hook: hook.code() as u8,
        verdict: verdict.code() as u8,
        reason: reason.code() as u8,
        role: role.code() as u8,
        port: subject.port,
        proto: subject.proto,
        detail: subject.detail,
        reserved: 0,
    });
    entry.submit(0);
}

/// Adds one to a counter.
#[inline(always)]
pub(crate) fn count(index: u32) {
    if let Some(slot) = COUNTERS.get_ptr_mut(index) {
        // SAFETY: a per-CPU slot; programs on one CPU do not interrupt each other here.
        unsafe { *slot += 1 };
    }
}
