//! The packages: a .deb and a tarball of the same tree, the same bytes from the same sources.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::build::{self, Profile};
use crate::{shell, supply};

/// What `cargo xtask dist` is asked for.
struct Wanted {
    /// Packed as it is; else built as a release.
    binary: Option<PathBuf>,
    version: String,
    out: PathBuf,
    /// Nothing is compressed, for tests.
    quick: bool,
}

/// Builds, stages, packs; prints where the packages are.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::read(arguments)?;
    let binary = match &wanted.binary {
        Some(binary) => binary.clone(),
        None => {
            build::all(Profile::Release)?;
            build::daemon(Profile::Release)
        }
    };
    let epoch = epoch()?;
    let architecture = shell::output(Command::new("dpkg").arg("--print-architecture"))?;
    fs::create_dir_all(&wanted.out)?;
    // A folder of its own, so that two may run at once.
    let stage = wanted.out.join(format!("stage-{}", std::process::id()));
    let tree = stage.join("tree");
    fill(&tree, &binary)?;
    settle(&tree, epoch)?;
    let version = &wanted.version;
    let ending = if wanted.quick { "tar" } else { "tar.gz" };
    let tarball = wanted.out.join(format!("prxy-{version}-linux-{architecture}.{ending}"));
    tar(&tree, &tarball, &wanted, epoch)?;
    control(&tree, &binary, version, &architecture)?;
    settle(&tree, epoch)?;
    let package = wanted.out.join(format!("prxy_{version}_{architecture}.deb"));
    let mut deb = Command::new("dpkg-deb");
    deb.env("SOURCE_DATE_EPOCH", epoch.to_string());
    deb.arg(if wanted.quick { "-Znone" } else { "-Zxz" });
    shell::run(deb.args(["--root-owner-group", "--build"]).arg(&tree).arg(&package))?;
    fs::remove_dir_all(&stage)?;
    for made in [package, tarball] {
        println!("{}", made.display());
    }
    Ok(())
}

impl Wanted {
    fn read(arguments: &[String]) -> Result<Self> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let out = shell::target().join("dist");
        let mut wanted = Self { binary: None, version, out, quick: false };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--binary" => wanted.binary = Some(value()?.into()),
                "--version" => wanted.version = value()?.clone(),
                "--out" => wanted.out = value()?.into(),
                "--quick" => wanted.quick = true,
                _ => bail!("takes --binary FILE, --version VERSION, --out DIR and --quick"),
            }
        }
        Ok(wanted)
    }
}

/// Everything that is installed, where it belongs.
fn fill(tree: &Path, binary: &Path) -> Result<()> {
    let root = shell::root();
    put(tree, "usr/bin/prxy", &fs::read(binary).context("read the binary")?, 0o755)?;
    for (source, place) in FILES {
        let content = fs::read(root.join(source)).with_context(|| format!("read {source}"))?;
        put(tree, place, &content, 0o644)?;
    }
    copy_documents(&root.join("docs"), &tree.join(DOCUMENTS))?;
    put(tree, &format!("{DOCUMENTS}/third-party.txt"), supply::texts()?.as_bytes(), 0o644)?;
    for (words, place) in GENERATED {
        let made = Command::new(binary).args(*words).output().context("run the binary")?;
        ensure!(made.status.success(), "`prxy {}` failed", words.join(" "));
        put(tree, place, &made.stdout, 0o644)?;
    }
    Ok(())
}

/// The guide, with the folders below it.
fn copy_documents(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let entry = entry?;
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_documents(&path, &place)?;
        } else {
            put(to, &entry.file_name().to_string_lossy(), &fs::read(&path)?, 0o644)?;
        }
    }
    Ok(())
}

/// What `dpkg` reads.
fn control(tree: &Path, binary: &Path, version: &str, architecture: &str) -> Result<()> {
    let sums = md5sums(tree)?;
    let size: u64 =
        files(tree)?.iter().filter_map(|file| file.metadata().ok()).map(|d| d.len()).sum();
    let from = shell::root().join("packaging/debian");
    let control = fs::read_to_string(from.join("control"))?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@SIZE@", &size.div_ceil(1024).to_string())
        .replace("@DEPENDS@", &depends(binary)?);
    put(tree, "DEBIAN/control", control.as_bytes(), 0o644)?;
    put(tree, "DEBIAN/conffiles", b"/etc/prxy/config.yaml\n", 0o644)?;
    put(tree, "DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
    for script in ["postinst", "prerm", "postrm"] {
        put(tree, &format!("DEBIAN/{script}"), &fs::read(from.join(script))?, 0o755)?;
    }
    Ok(())
}

/// The packages that the binary's shared libraries are in; fails for a library that is not in the
/// table, and so in `docs/install.md`.
fn depends(binary: &Path) -> Result<String> {
    let linked = shell::output(Command::new("readelf").arg("-dW").arg(binary))?;
    let symbols = shell::output(Command::new("readelf").arg("-VW").arg(binary))?;
    let newest = symbols
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("GLIBC_"))
        .filter_map(|version| {
            version.split('.').map(|n| n.parse().ok()).collect::<Option<Vec<u32>>>()
        })
        .max()
        .context("the binary names no version of glibc")?;
    let newest: Vec<_> = newest.iter().map(u32::to_string).collect();
    let mut wanted = vec![format!("libc6 (>= {})", newest.join("."))];
    for line in linked.lines().filter(|line| line.contains("(NEEDED)")) {
        let name = line.split(['[', ']']).nth(1).context("readelf prints libraries in brackets")?;
        let (_, package) = LIBRARIES
            .iter()
            .find(|(library, _)| *library == name)
            .with_context(|| format!("{name}: in no table of libraries"))?;
        if !package.is_empty() {
            wanted.push((*package).to_owned());
        }
    }
    wanted.extend(["ca-certificates", "systemd (>= 250)"].map(str::to_owned));
    Ok(wanted.join(", "))
}

fn md5sums(tree: &Path) -> Result<String> {
    let mut sums = Command::new("md5sum");
    sums.current_dir(tree);
    for file in files(tree)? {
        let name = file.strip_prefix(tree)?.to_owned();
        // Those that may change are none of its business.
        if !name.starts_with("etc") {
            sums.arg(name);
        }
    }
    Ok(shell::output(&mut sums)? + "\n")
}

fn tar(tree: &Path, tarball: &Path, wanted: &Wanted, epoch: u64) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.env("GZIP", "").arg("--create").arg(format!("--file={}", tarball.display()));
    if !wanted.quick {
        tar.arg("--use-compress-program=gzip -9n");
    }
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.arg(format!("--mtime=@{epoch}"));
    tar.arg(format!("--transform=s,^\\.,prxy-{},", wanted.version));
    shell::run(tar.arg("--directory").arg(tree).arg("."))
}

/// Every file below, in order.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// Modes and times that depend on nothing but the sources.
fn settle(dir: &Path, epoch: u64) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            settle(&path, epoch)?;
        } else {
            File::open(&path)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(epoch))?;
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    Ok(File::open(dir)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(epoch))?)
}

/// `SOURCE_DATE_EPOCH`, else when the sources were committed.
fn epoch() -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => {
            let mut git = Command::new("git");
            shell::output(git.current_dir(shell::root()).args(["log", "-1", "--format=%ct"]))?
        }
    };
    text.parse().context("SOURCE_DATE_EPOCH is a number of seconds")
}

fn put(tree: &Path, place: &str, content: &[u8], mode: u32) -> Result<()> {
    let path = tree.join(place);
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    Ok(fs::set_permissions(&path, Permissions::from_mode(mode))?)
}

const DOCUMENTS: &str = "usr/share/doc/prxy";

/// Sources, and where they are installed.
const FILES: &[(&str, &str)] = &[
    ("packaging/config.yaml", "etc/prxy/config.yaml"),
    ("systemd/prxy.service", "usr/lib/systemd/system/prxy.service"),
    ("systemd/prxy.socket", "usr/lib/systemd/system/prxy.socket"),
    ("systemd/prxy.sysusers", "usr/lib/sysusers.d/prxy.conf"),
    ("systemd/prxy.tmpfiles", "usr/lib/tmpfiles.d/prxy.conf"),
    ("systemd/credentials.conf.example", "usr/share/doc/prxy/credentials.conf.example"),
    ("packaging/debian/copyright", "usr/share/doc/prxy/copyright"),
    ("LICENSE", "usr/share/doc/prxy/LICENSE"),
    ("README.md", "usr/share/doc/prxy/README.md"),
    ("SECURITY.md", "usr/share/doc/prxy/SECURITY.md"),
    ("ARCHITECTURE.md", "usr/share/doc/prxy/ARCHITECTURE.md"),
    ("CHANGELOG.md", "usr/share/doc/prxy/changelog"),
];

/// What the binary itself prints, and where that is installed.
const GENERATED: &[(&[&str], &str)] = &[
    (&["man"], "usr/share/man/man1/prxy.1"),
    (&["completions", "bash"], "usr/share/bash-completion/completions/prxy"),
    (&["completions", "zsh"], "usr/share/zsh/vendor-completions/_prxy"),
    (&["completions", "fish"], "usr/share/fish/vendor_completions.d/prxy.fish"),
];

/// Shared libraries, and the packages of Debian and Ubuntu that they are in; `libc6` is there in
/// any case. `docs/install.md` says what each is for.
const LIBRARIES: &[(&str, &str)] = &[
    ("libcrypto.so.3", "libssl3 | libssl3t64"),
    ("libgcc_s.so.1", "libgcc-s1"),
    ("libm.so.6", ""),
    ("libc.so.6", ""),
    ("ld-linux-x86-64.so.2", ""),
    ("ld-linux-aarch64.so.1", ""),
];
