//! The kernel programs of the daemon's own binary, loaded once more with maps of their own: fed
//! with made-up packets (`BPF_PROG_TEST_RUN`), or put on a cgroup of the test's own.
//!
//! Not for the daemon's use of them: that is for `scene` and `attack`.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, Map, MapData, MapInfo, PerCpuArray, RingBuf};
use aya::programs::{CgroupSkb, Program, TestRun, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use prxy::sys::bpf;
use prxy::sys::cgroup::Cgroup;
use prxy::warden::{OBJECT, PROGRAMS};
use prxy_common::{
    AllowKey, COUNTERS, Event, Hook, Reason, Role, State, Verdict, counter_index, map,
};

use crate::netns::Namespace;
use crate::sys::{self, Entry};

/// The programs, and what steers them.
pub struct Policy {
    ebpf: Ebpf,
    allow: LpmTrie<MapData, AllowKey, u32>,
    counters: PerCpuArray<MapData, u64>,
    events: RingBuf<MapData>,
    roles: HashMap<MapData, u64, u32>,
    state: Array<MapData, State>,
    own: u64,
}

/// What the programs made of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// As it is recorded.
    pub verdict: Verdict,
    /// As it is counted.
    pub reason: Reason,
}

/// How many decisions did not fit into the ring buffer of the warden with this pid, by the kernel's
/// own count, which needs nobody to read the buffer.
pub fn lost_events(warden: i32) -> Result<u64> {
    for descriptor in fs::read_dir(format!("/proc/{warden}/fdinfo"))? {
        // It may be closed by now.
        let info = fs::read_to_string(descriptor?.path()).unwrap_or_default();
        let Some(id) = info.lines().find_map(|line| line.strip_prefix("map_id:")) else { continue };
        let id = id.trim().parse()?;
        if MapInfo::from_id(id)?.name_as_str() == Some(map::COUNTERS) {
            let counters = Map::from_map_data(MapData::from_id(id)?)?;
            let counters: PerCpuArray<MapData, u64> = counters.try_into()?;
            return Ok(counters.get(&(COUNTERS - 1), 0)?.iter().sum());
        }
    }
    bail!("process {warden} has no counters")
}

impl Policy {
    /// Loads the programs. Needs root.
    pub fn load() -> Result<Self> {
        let mut ebpf = EbpfLoader::new().load(OBJECT).context("load (are you root?)")?;
        for (_, program) in ebpf.programs_mut() {
            match program {
                Program::CgroupSkb(program) => program.load()?,
                Program::CgroupSock(program) => program.load()?,
                Program::CgroupSockAddr(program) => program.load()?,
                Program::CgroupSockopt(program) => program.load()?,
                other => bail!("unknown program type {:?}", other.prog_type()),
            }
        }
        let mut take = |name| ebpf.take_map(name).context(name);
        Ok(Self {
            allow: take(map::ALLOW)?.try_into()?,
            counters: take(map::COUNTERS)?.try_into()?,
            events: take(map::EVENTS)?.try_into()?,
            roles: take(map::ROLES)?.try_into()?,
            state: take(map::STATE)?.try_into()?,
            own: Cgroup::make(&Cgroup::own()?)?.id()?,
            ebpf,
        })
    }

    /// Writes the state word.
    pub fn set(&mut self, state: State) -> Result<()> {
        Ok(self.state.set(0, state, 0)?)
    }

    /// Puts one destination on a role's list of a generation.
    pub fn allow(&mut self, generation: u32, role: Role, addr: [u8; 16], port: u16) -> Result<()> {
        let data = AllowKey::new(generation, role, port, addr);
        Ok(self.allow.insert(&Key::new(AllowKey::EXACT_BITS + 128, data), 0, 0)?)
    }

    /// Runs a frame through one direction's program as a packet of a socket of `role`; the socket
    /// that the kernel makes for that belongs to this process's cgroup and passed no `connect`.
    pub fn packet(
        &mut self,
        hook: Hook,
        role: Role,
        frame: &[u8],
        context: Option<&[u8]>,
    ) -> Result<Outcome> {
        self.roles.insert(self.own, role.code(), 0)?;
        let before = self.counts(role)?;
        let program: &CgroupSkb =
            self.ebpf.program(hook.name()).context("no such program")?.try_into()?;
        let options =
            TestRunOptions { data_in: Some(frame), ctx_in: context, ..TestRunOptions::new() };
        let passed = match program.test_run(options)?.return_value {
            0 => false,
            1 => true,
            other => bail!("the program returned {other}"),
        };
        let mut verdict = Verdict::Allow;
        if let Some(event) = self.next_event() {
            verdict = Verdict::from_code(event.verdict.into()).context("unknown verdict")?;
            let codes = (u32::from(event.hook), u32::from(event.role));
            anyhow::ensure!(codes == (hook.code(), role.code()), "{event:?}");
        }
        anyhow::ensure!(passed == (verdict != Verdict::Deny), "{verdict:?}, but passed: {passed}");
        let after = self.counts(role)?;
        let mut counted = Reason::ALL.iter().zip(before.iter().zip(&after));
        let changed = counted.find(|(_, (before, after))| before != after);
        let (reason, _) = changed.context("nothing was counted")?;
        Ok(Outcome { verdict, reason: *reason })
    }

    /// How often a role was judged in each way, in the order of [`Reason::ALL`].
    pub fn counts(&self, role: Role) -> Result<Vec<u64>> {
        let sum = |reason: &Reason| -> Result<u64> {
            Ok(self.counters.get(&counter_index(role, *reason), 0)?.iter().sum())
        };
        Reason::ALL.iter().map(sum).collect()
    }

    /// The next recorded decision.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.next().and_then(|item| bpf::read_event(&item))
    }

    /// Puts every program on a new cgroup, whose processes are `role`.
    pub fn confine(&mut self, role: Role) -> Result<Confined> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("policy-{}-{number}", std::process::id());
        let cgroup = Cgroup::make(&crate::roles::cgroup_root()?.join(name))?;
        self.roles.insert(cgroup.id()?, role.code(), 0)?;
        let mut links = Vec::new();
        for (name, attach_type) in PROGRAMS {
            let fd = match self.ebpf.program(name).context(*name)? {
                Program::CgroupSkb(program) => program.fd()?,
                Program::CgroupSock(program) => program.fd()?,
                Program::CgroupSockAddr(program) => program.fd()?,
                Program::CgroupSockopt(program) => program.fd()?,
                _ => bail!("unknown program type"),
            };
            links.push(bpf::attach(&fd, cgroup.dir(), *attach_type)?);
        }
        Ok(Confined { cgroup, _links: links })
    }
}

/// A cgroup under the policy; gone when dropped.
pub struct Confined {
    cgroup: Cgroup,
    _links: Vec<OwnedFd>,
}

impl Confined {
    /// What a process writes itself into to join.
    pub fn procs(&self) -> PathBuf {
        self.cgroup.path().join("cgroup.procs")
    }

    /// What a process starts with that is to stand in the cgroup and a namespace.
    pub fn entry(&self, namespace: &Namespace) -> Result<Entry> {
        let procs = File::options().write(true).open(self.procs())?;
        Ok(Entry { cgroup: Some(Arc::new(procs.into())), netns: Some(namespace.fd()) })
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        for _ in 0..200 {
            if fs::remove_dir(self.cgroup.path()).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        eprintln!("{} is still in use", self.cgroup.path().display());
    }
}

/// A Python program that will run inside `entry`, with pipes for what it reads and says.
pub fn python(entry: Entry, program: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    sys::enter_before_exec(&mut command, entry);
    command
}

/// Runs a Python program with this input to its end; what it printed.
pub fn python_output(entry: Entry, program: &str, input: &str) -> Result<String> {
    let mut child = python(entry, program).spawn().context("start python3")?;
    child.stdin.take().context("no pipe")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "python3 ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
