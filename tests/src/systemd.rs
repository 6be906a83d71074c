//! A real systemd, booted in namespaces on an overlay of this machine, and prxy as its service.
//!
//! systemd is process 1 of a process namespace and the root of a cgroup namespace; it lives in the
//! network namespace it is booted in. What it writes goes to a tmpfs and ends with it. Nothing of
//! the machine is changed: `/proc/sys` is read-only to it and `/dev` is its own.
//!
//! Not for what a unit should do; that is in `tests/`.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::daemon;
use crate::http::Answer;
use crate::netns::Namespace;
use crate::provider::Format;
use crate::roles::{self, Role};
use crate::samples::{self, Delivery};
use crate::scene::{Scene, Setting, call};
use crate::sys::{Entry, enter_before_exec};

/// A booted systemd; dropping it kills every process in it.
pub struct Systemd {
    unshare: Child,
    init: i32,
    group: Group,
    stage: TempDir,
}

/// A unit's state, as systemd tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Such as `active` or `failed`.
    pub active: String,
    /// Such as `running` or `auto-restart`.
    pub sub: String,
    /// Such as `success`, `exit-code` or `watchdog`.
    pub result: String,
    /// The exit status of the main process that ended last.
    pub status: i32,
    /// How often it was restarted since it was last started by hand.
    pub restarts: u32,
    /// The main process, by its number inside; 0 if there is none.
    pub main_pid: i32,
}

/// The cgroup that systemd takes for its root.
struct Group(PathBuf);

impl Systemd {
    /// Boots in a network namespace and waits until systemd takes orders. Needs root and systemd.
    pub fn boot(namespace: &Namespace) -> Result<Self> {
        ensure!(Path::new(INIT).exists(), "no {INIT}: apt-get install systemd");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Not `prxy-…`: by that name tests find the daemon's groups.
        let name = format!("systemd-test-{}-{number}", std::process::id());
        let group = Group(roles::cgroup_root()?.join(name));
        fs::create_dir(&group.0).context("make a cgroup")?;
        let procs = File::options().write(true).open(group.0.join("cgroup.procs"))?;
        let stage = tempfile::Builder::new().prefix("prxy-systemd-").tempdir()?;
        let said = File::create(stage.path().join("console"))?;
        let mut unshare = Command::new("unshare");
        unshare
            .args(["-m", "-p", "-f", "-C", "-i", "-u", "--kill-child", "--propagation", "private"])
            .args(["sh", "-euc", BOOT, "boot"])
            .arg(stage.path())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let entry = Entry { cgroup: Some(Arc::new(procs.into())), netns: Some(namespace.fd()) };
        enter_before_exec(&mut unshare, entry);
        let unshare = unshare.spawn().context("cannot run unshare (util-linux)")?;
        let mut systemd = Self { unshare, init: 0, group, stage };
        systemd.wait_booted()?;
        Ok(systemd)
    }

    /// Runs a command inside, as root, with everything that systemd sees.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        let output = Command::new("nsenter")
            .args(["-t", &self.init.to_string(), "-m", "-p", "-C", "-i", "-u", "-n", "-r", "-w"])
            .args(["--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", program])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot run nsenter (util-linux)")?;
        Ok(output)
    }

    /// Runs `systemctl`, which must succeed.
    pub fn systemctl(&self, arguments: &[&str]) -> Result<String> {
        self.output("systemctl", arguments).with_context(|| self.journal())
    }

    /// What a unit is doing.
    pub fn state(&self, unit: &str) -> Result<State> {
        const WANTED: &str = "ActiveState,SubState,Result,ExecMainStatus,NRestarts,MainPID";
        let text = self.systemctl(&["show", unit, "--property", WANTED])?;
        let fields: BTreeMap<_, _> = text.lines().filter_map(|l| l.split_once('=')).collect();
        let field = |name| fields.get(name).copied().with_context(|| format!("{name}: {text}"));
        Ok(State {
            active: field("ActiveState")?.into(),
            sub: field("SubState")?.into(),
            result: field("Result")?.into(),
            status: field("ExecMainStatus")?.parse()?,
            restarts: field("NRestarts")?.parse()?,
            main_pid: field("MainPID")?.parse()?,
        })
    }

    /// What a command inside prints; it must succeed.
    pub fn output(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let output = self.run(program, arguments)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if !output.status.success() {
            let (said, spelled) = (text(&output.stderr), arguments.join(" "));
            bail!("{program} {spelled}: {}: {said}\n{}", output.status, text(&output.stdout));
        }
        Ok(text(&output.stdout))
    }

    /// Everything in the journal.
    pub fn journal(&self) -> String {
        match self.run("journalctl", &["--no-pager", "--output=short-monotonic"]) {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => format!("no journal: {error}"),
        }
    }

    /// A path inside, as this process can use it.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.init))
    }

    /// Writes a file inside; a file that is there gets replaced by a new one, as a package would.
    pub fn install(&self, inside: &str, content: &[u8], mode: u32) -> Result<()> {
        let path = self.path(inside);
        let dir = path.parent().context("a file lies in a directory")?;
        fs::create_dir_all(dir)?;
        let fresh = dir.join(".fresh");
        let mut file = File::create(&fresh)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        drop(file);
        fs::rename(&fresh, &path).with_context(|| format!("install {inside}"))
    }

    /// The cgroup of a service.
    pub fn group(&self, unit: &str) -> PathBuf {
        self.group.0.join("system.slice").join(unit)
    }

    fn wait_booted(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if self.init == 0
                && let Ok(pids) = roles::pids_of(&self.group.0.join("init.scope"))
            {
                self.init = pids.first().copied().unwrap_or(0);
            }
            if self.init != 0
                && self.run("systemctl", &["is-active", "basic.target"])?.status.success()
            {
                return Ok(());
            }
            let ended = self.unshare.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let console = fs::read_to_string(self.stage.path().join("console"))?;
                bail!("systemd did not boot: {ended:?}\n{console}\n{}", self.journal());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        if thread::panicking() && self.init != 0 {
            eprintln!("--- the journal:\n{}\n---", self.journal());
        }
        // `unshare` takes process 1 with it, and that every process of the namespace.
        drop(self.unshare.kill());
        drop(self.unshare.wait());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while remove_tree(&self.0).is_err() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// prxy as a service of a booted systemd, between the clients and providers of a scene.
pub struct Service {
    /// The systemd that runs it.
    pub systemd: Systemd,
    /// Lab, providers, nameserver, capture; it has no daemon of its own.
    pub scene: Scene,
}

impl Service {
    /// Boots, installs the units, the binary and the usual configuration, and starts nothing.
    pub fn install() -> Result<Self> {
        let service = Self::boot()?;
        for (name, place) in FILES {
            let file = fs::read(Path::new(SOURCES).join(name))?;
            service.systemd.install(place, &file, 0o644)?;
        }
        service.install_binary()?;
        service.systemd.output("systemd-sysusers", &["prxy.conf"])?;
        service.configure(&service.config(&Setting::default()))?;
        service.systemd.systemctl(&["daemon-reload"])?;
        Ok(service)
    }

    /// Boots, and installs nothing of prxy; what its usual configuration names is there.
    pub fn boot() -> Result<Self> {
        let scene = Scene::empty()?;
        let systemd = Systemd::boot(scene.app())?;
        let ca = fs::read(scene.dir().join("ca.pem"))?;
        systemd.install(CA, &ca, 0o644)?;
        Ok(Self { systemd, scene })
    }

    /// The same, started, and both routes work.
    pub fn start() -> Result<Self> {
        let service = Self::install()?;
        service.systemd.systemctl(&["start", UNIT])?;
        service.answers()?;
        Ok(service)
    }

    /// Waits until both providers answer through the service what no cache knows, for at most
    /// fifteen seconds, and says how long that took.
    pub fn answers(&self) -> Result<Duration> {
        let began = Instant::now();
        for format in [Format::Anthropic, Format::OpenAi] {
            loop {
                let text = format!("hello {}", HELLOS.fetch_add(1, Ordering::Relaxed));
                let last = match self.ask(format, &text, Delivery::Whole) {
                    Ok(answer) if answer.status == 200 => break,
                    Ok(answer) => format!("{} {}", answer.status, answer.text()),
                    Err(error) => format!("{error:#}"),
                };
                if began.elapsed() > Duration::from_secs(15) {
                    bail!("{format:?} does not answer: {last}; {:?}", self.state()?);
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(began.elapsed())
    }

    /// Sends one user message.
    pub fn ask(&self, format: Format, text: &str, delivery: Delivery) -> Result<Answer> {
        call(self.scene.app(), ADDRESS, samples::request(format, text, delivery))
    }

    /// Puts a new copy of the binary in the place of the old one, which may be running.
    pub fn install_binary(&self) -> Result<()> {
        let binary = fs::read(daemon::binary()?)?;
        self.systemd.install("/usr/bin/prxy", &binary, 0o755)
    }

    /// The usual configuration of a scene, with the paths and the address of a service.
    pub fn config(&self, setting: &Setting) -> String {
        let ca = self.scene.dir().join("ca.pem").display().to_string();
        let config = self.scene.config(setting).replace(&ca, CA);
        config.replace("127.0.0.1:0", &ADDRESS.to_string())
    }

    /// Writes the configuration; the data directory is the unit's.
    pub fn configure(&self, config: &str) -> Result<()> {
        self.systemd.install("/var/lib/prxy/config.yaml", config.as_bytes(), 0o644)
    }

    /// Adds settings to the unit, as an administrator would.
    pub fn drop_in(&self, name: &str, text: &str) -> Result<()> {
        self.drop_in_of(UNIT, name, text)
    }

    /// The same for the socket's or another unit.
    pub fn drop_in_of(&self, unit: &str, name: &str, text: &str) -> Result<()> {
        let path = format!("/etc/systemd/system/{unit}.d/{name}.conf");
        self.systemd.install(&path, text.as_bytes(), 0o644)?;
        self.systemd.systemctl(&["daemon-reload"]).map(drop)
    }

    /// The unit's state.
    pub fn state(&self) -> Result<State> {
        self.systemd.state(UNIT)
    }

    /// The roles that run now, by name.
    pub fn roles(&self) -> BTreeMap<String, Role> {
        roles_of(&self.systemd.group(UNIT))
    }

    /// Kills every process of a role, if there is any.
    pub fn kill(&self, name: &str) {
        for pid in self.roles().remove(name).map(|role| role.pids).unwrap_or_default() {
            // It may have ended meanwhile: its number is not given away again so soon.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// One role, which must be running.
    pub fn role(&self, name: &str) -> Result<Role> {
        self.roles().remove(name).with_context(|| format!("no {name} is running"))
    }
}

/// The roles that run now in the group of a unit, by name.
pub fn roles_of(unit: &Path) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for group in fs::read_dir(unit).into_iter().flatten().flatten() {
        for role in fs::read_dir(group.path()).into_iter().flatten().flatten() {
            let name = role.file_name().to_string_lossy().into_owned();
            match roles::pids_of(&role.path()) {
                Ok(pids) if !pids.is_empty() => {
                    roles.insert(name.clone(), Role { name, cgroup: role.path(), pids });
                }
                _ => {}
            }
        }
    }
    roles
}

/// Greetings so far: each is another one.
static HELLOS: AtomicU32 = AtomicU32::new(0);

/// What belongs to the service beside the binary: the source, and where it is installed.
const FILES: &[(&str, &str)] = &[
    ("prxy.service", "/etc/systemd/system/prxy.service"),
    ("prxy.socket", "/etc/systemd/system/prxy.socket"),
    ("prxy.tmpfiles", "/usr/lib/tmpfiles.d/prxy.conf"),
    ("prxy.sysusers", "/usr/lib/sysusers.d/prxy.conf"),
];
/// Where these are in the sources.
pub const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd");
/// The name of the socket that starts it.
pub const SOCKET: &str = "prxy.socket";
/// The service's name.
pub const UNIT: &str = "prxy.service";
/// Where the service listens, in the scene's `app` namespace.
pub const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 3099);

fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)?.flatten() {
        if entry.path().is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(dir)
}

/// Not beside the configuration, which is the package's.
const CA: &str = "/etc/ssl/prxy-test-ca.pem";
const INIT: &str = "/lib/systemd/systemd";
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Builds the root and becomes systemd. `$1` is an empty directory. Of the units that set up a
/// machine, those that would reach out of the namespaces are masked.
const BOOT: &str = r#"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf -o mode=700 bpf sys/fs/bpf
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
ln -s pts/ptmx dev/ptmx
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs var/log
mkdir -p etc/systemd/system etc/systemd/journald.conf.d
rm -rf var/lib/prxy etc/systemd/system/*
: > etc/machine-id
printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' > etc/systemd/journald.conf.d/test.conf
for unit in systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-remount-fs.service \
    systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-sysusers.service \
    systemd-update-utmp.service systemd-random-seed.service systemd-journal-flush.service \
    systemd-firstboot.service proc-sys-fs-binfmt_misc.automount dev-hugepages.mount \
    dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount tmp.mount network-online.target; do
    ln -sf /dev/null "etc/systemd/system/$unit"
done
for module in configfs dm_mod drm efi_pstore fuse loop; do
    ln -sf /dev/null "etc/systemd/system/modprobe@$module.service"
done
# Among themselves, as on a machine: credentials reach a service by that.
mount --make-rshared .
exec chroot . /usr/bin/env -i container=prxy-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=basic.target --show-status=no
"#;
