//! Memory, descriptors and latency, second by second.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use prxy_tests::roles::{self, Role};
use prxy_tests::systemd::{self, Service, UNIT};

use crate::clients::Tally;

/// Memory in KiB that a role does not share, and its open descriptors.
type Look = (u64, u64);

/// One look at everything.
pub(crate) struct Sample {
    pub(crate) second: f64,
    pub(crate) roles: BTreeMap<String, Look>,
    /// Half of the answers, and 99 of 100, took no longer, in microseconds.
    pub(crate) latency: Option<(u64, u64)>,
}

/// All samples and what happened when.
#[derive(Default)]
pub(crate) struct Track {
    pub(crate) samples: Vec<Sample>,
    pub(crate) events: Vec<(f64, &'static str)>,
    pub(crate) phases: Vec<(f64, &'static str)>,
}

/// Looks once a second until it is told to end.
pub(crate) struct Watch {
    began: Instant,
    track: Arc<Mutex<Track>>,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(service: &Service, tally: Arc<Tally>) -> Self {
        let (began, group) = (Instant::now(), service.systemd.group(UNIT));
        let (track, ended) = (Arc::<Mutex<Track>>::default(), Arc::<AtomicBool>::default());
        let (kept, over) = (Arc::clone(&track), Arc::clone(&ended));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_secs(1));
                let latencies = tally.latencies();
                let at = |share: usize| latencies.get(latencies.len() * share / 100).copied();
                let latency = at(50).zip(at(99));
                let second = began.elapsed().as_secs_f64();
                let sample = Sample { second, roles: look(&group), latency };
                kept.lock().unwrap_or_else(PoisonError::into_inner).samples.push(sample);
            }
        });
        Self { began, track, ended, thread }
    }

    pub(crate) fn event(&self, name: &'static str) {
        let at = self.began.elapsed().as_secs_f64();
        self.track.lock().unwrap_or_else(PoisonError::into_inner).events.push((at, name));
    }

    pub(crate) fn phase(&self, name: &'static str) {
        let at = self.began.elapsed().as_secs_f64();
        self.track.lock().unwrap_or_else(PoisonError::into_inner).phases.push((at, name));
    }

    pub(crate) fn end(self) -> Track {
        self.ended.store(true, Ordering::Relaxed);
        // A thread that has panicked has left what it had until then.
        let _ = self.thread.join();
        std::mem::take(&mut *self.track.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Track {
    /// Growth from the second to the last quarter of the first phase, in which no process is new.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (role, (before, after)) in self.growth() {
            let allowed = before.0 + before.0 / 5 + ALLOWED_KIB;
            if after.0 > allowed {
                findings.push(format!("{role} grew from {} to {} KiB", before.0, after.0));
            }
            if after.1 > before.1 + ALLOWED_DESCRIPTORS {
                findings.push(format!("{role} went from {} to {} descriptors", before.1, after.1));
            }
        }
        if findings.is_empty() && self.growth().is_empty() {
            findings.push("too few samples to judge memory by".to_owned());
        }
        findings
    }

    pub(crate) fn report(&self) -> String {
        let mut out = String::from("role        KiB   then   descriptors   then");
        for (role, (before, after)) in self.growth() {
            let _ = write!(
                out,
                "\n{role:9} {:5}  {:5}         {:5}  {:5}",
                before.0, after.0, before.1, after.1
            );
        }
        out
    }

    /// By role: memory and descriptors in the middle of its second and of its last quarter.
    fn growth(&self) -> BTreeMap<String, (Look, Look)> {
        let end = self.phases.get(1).map_or(f64::MAX, |(at, _)| *at);
        let first: Vec<_> = self.samples.iter().filter(|sample| sample.second < end).collect();
        let quarter = first.len() / 4;
        if quarter < 4 {
            return BTreeMap::new();
        }
        let middle = |samples: &[&Sample], role: &String| {
            let of = |pick: fn(&(u64, u64)) -> u64| {
                let mut all: Vec<_> =
                    samples.iter().filter_map(|sample| sample.roles.get(role)).map(pick).collect();
                all.sort_unstable();
                all.get(all.len() / 2).copied().unwrap_or(0)
            };
            (of(|(memory, _)| *memory), of(|(_, descriptors)| *descriptors))
        };
        let (second, last) = (&first[quarter..quarter * 2], &first[quarter * 3..]);
        let roles = second.iter().flat_map(|sample| sample.roles.keys());
        roles.map(|role| (role.clone(), (middle(second, role), middle(last, role)))).collect()
    }
}

fn look(group: &Path) -> BTreeMap<String, Look> {
    let of = |role: Role| {
        let memory = |pid: &i32| roles::memory_kib(*pid).map_or(0, |(_, pss)| pss);
        let open = |pid: &i32| {
            std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |list| list.count() as u64)
        };
        let sum = (role.pids.iter().map(memory).sum(), role.pids.iter().map(open).sum());
        (role.name, sum)
    };
    systemd::roles_of(group).into_values().map(of).collect()
}

/// What caches, pools and the allocator may still take after the first quarter.
const ALLOWED_KIB: u64 = 8 * 1024;
const ALLOWED_DESCRIPTORS: u64 = 32;
