//! Whether two builds of the same sources come to the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Builds twice, from two copies of the sources in folders of other names, and compares.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let whole = match arguments {
        [] => true,
        [one] if one == "--kernel" => false,
        _ => bail!("takes only --kernel"),
    };
    let base = shell::target().join("reproduce");
    let (mut sums, names) = (Vec::new(), ["one", "another/place"]);
    for name in names {
        let folder = base.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
        }
        let sources = folder.join("sources");
        fs::create_dir_all(&folder)?;
        shell::run(
            Command::new("git").arg("clone").arg("--quiet").arg(shell::root()).arg(&sources),
        )?;
        let target = folder.join("target");
        share_tools(&target)?;
        let mut build = shell::cargo();
        build.current_dir(&sources).env("CARGO_TARGET_DIR", &target);
        shell::run(build.args(["xtask", "build", if whole { "--release" } else { "--kernel" }]))?;
        let mut built = vec![target.join("bpf/prxy-ebpf.o")];
        if whole {
            built.push(target.join("release/prxy"));
        }
        sums.push(built.iter().map(|file| sum(file)).collect::<Result<Vec<_>>>()?);
    }
    let what = ["kernel object", "daemon"];
    let mut differ = Vec::new();
    for (at, what) in what.iter().enumerate().take(sums[0].len()) {
        println!(
            "{what}: {}\n{:>width$}: {}",
            sums[0][at],
            "again",
            sums[1][at],
            width = what.len()
        );
        if sums[0][at] != sums[1][at] {
            differ.push(*what);
        }
    }
    if differ.is_empty() { Ok(()) } else { bail!("two builds differ: {}", differ.join(", ")) }
}

/// The linker need not be built twice.
fn share_tools(target: &Path) -> Result<()> {
    let tools: PathBuf = shell::target().join("tools");
    fs::create_dir_all(target)?;
    if tools.exists() {
        std::os::unix::fs::symlink(tools.canonicalize()?, target.join("tools"))?;
    }
    Ok(())
}

fn sum(file: &Path) -> Result<String> {
    let line = shell::output(Command::new("sha256sum").arg("--").arg(file))?;
    Ok(line.split(' ').next().unwrap_or_default().to_owned())
}
