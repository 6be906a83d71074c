//! What the kernel programs cost: nanoseconds a run by the kernel's own statistics, and iperf3
//! throughput from netgate's cgroup beside the same without it, in a lab of namespaces.
//!
//! Figures of one machine and one run, both ends on the same cores: compare, don't quote.
#![expect(clippy::print_stdout, reason = "a program whose output is a table")]

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use prxy::sys::bpf::{self, ProgramInfo};
use prxy_tests::daemon::Daemon;
use prxy_tests::lab::{Lab, PROVIDER_A};
use prxy_tests::sys::{self, Entry};
use serde_json::Value;

const SERVER: SocketAddr = SocketAddr::new(PROVIDER_A, 5201);
const ROUNDS: usize = 5;
const SECONDS: &str = "2";
const WINDOWS: usize = 3;
/// What is sent, and the arguments for it.
const LOADS: [(&str, &[&str]); 2] =
    [("bulk, segments of up to 64 KiB", &[]), ("writes of 1 KiB, no delay", &["-l", "1K", "-N"])];

fn main() -> Result<()> {
    let lab = Lab::new()?;
    let _server = Server::start(&lab)?;
    let dir = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()?;
    let config = dir.path().join("config.yaml");
    let host = SERVER.ip();
    let url = format!("https://{host}:{}", SERVER.port());
    fs::write(
        &config,
        format!(
            "listen: 127.0.0.1:0\npipeline: [airgap, guardrails]\n\
             providers: {{ lab: {{ base_url: '{url}', api: openai, private: true }} }}\n"
        ),
    )?;
    let daemon = Daemon::start(&lab.app, &config, &dir.path().join("data"), &[])?;
    let netgate = daemon.role("netgate")?.cgroup;
    let parent = netgate.parent().context("netgate's cgroup has no parent")?.to_owned();
    let confined = Entry {
        cgroup: Some(Arc::new(
            File::options().write(true).open(netgate.join("cgroup.procs"))?.into(),
        )),
        netns: Some(lab.app.fd()),
    };
    let free = Entry { cgroup: None, netns: Some(lab.app.fd()) };
    let programs = programs(&parent)?;

    println!("throughput from netgate's cgroup, {ROUNDS} rounds of {SECONDS} s, in turns:");
    for (name, arguments) in LOADS {
        compare(name, arguments, &free, &confined)?;
    }
    for (name, arguments) in LOADS {
        println!(
            "\nby the kernel's own statistics, {name}, {WINDOWS} windows of 1 s, best and median:"
        );
        println!("  {:14} {:>6} {:>6} {:>9} {:>14}", "program", "insns", "bytes", "runs", "ns/run");
        let (mut windows, mut spent_in_all) = (Vec::new(), Duration::ZERO);
        for _ in 0..WINDOWS {
            let before = infos(&programs)?;
            {
                let _on = bpf::enable_statistics()?;
                iperf3(&confined, arguments, "1")?;
            }
            windows.push((before, infos(&programs)?));
        }
        for (index, (name, _)) in programs.iter().enumerate() {
            let (mut each, mut runs) = (Vec::new(), 0);
            for (before, after) in &windows {
                let (before, after) = (before[index], after[index]);
                let counted = after.runs - before.runs;
                let spent = after.run_time.saturating_sub(before.run_time);
                spent_in_all += spent;
                if counted > 0 {
                    each.push(spent.as_nanos() as f64 / counted as f64);
                    runs += counted;
                }
            }
            each.sort_by(f64::total_cmp);
            let shown = match each.first() {
                Some(best) => format!("{best:.0} {:.0}", each[each.len() / 2]),
                None => "-".into(),
            };
            let ProgramInfo { instructions, machine_bytes, .. } = windows[0].1[index];
            println!("  {name:14} {instructions:>6} {machine_bytes:>6} {runs:>9} {shown:>14}");
        }
        let share = spent_in_all.as_secs_f64() / WINDOWS as f64 * 100.0;
        println!("  all programs together: {share:.2} % of one core");
    }
    daemon.stop()?;
    // The hierarchy's root is read-only to the daemon by then.
    drop(fs::remove_dir(parent));
    Ok(())
}

/// Gigabits a second in both ways, and what their pairs' ratios say.
fn compare(name: &str, arguments: &[&str], free: &Entry, confined: &Entry) -> Result<()> {
    iperf3(free, arguments, SECONDS)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Who comes first changes, because the second may find a warmer machine.
        if round % 2 == 0 {
            without.push(iperf3(free, arguments, SECONDS)?);
            with.push(iperf3(confined, arguments, SECONDS)?);
        } else {
            with.push(iperf3(confined, arguments, SECONDS)?);
            without.push(iperf3(free, arguments, SECONDS)?);
        }
    }
    let mut ratios: Vec<f64> =
        with.iter().zip(&without).map(|(with, without)| with / without).collect();
    for values in [&mut without, &mut with, &mut ratios] {
        values.sort_by(f64::total_cmp);
    }
    let shown = |values: &[f64]| {
        let [low, .., high] = values else { return String::new() };
        format!("{:6.2} ({low:.2} to {high:.2})", values[values.len() / 2])
    };
    println!("  {name}: median (lowest to highest)");
    println!("    without   {} Gbit/s", shown(&without));
    println!("    with      {} Gbit/s", shown(&with));
    println!("    with/without, pair by pair {}", shown(&ratios));
    Ok(())
}

/// Gigabits a second.
fn iperf3(from: &Entry, arguments: &[&str], seconds: &str) -> Result<f64> {
    let (host, port) = (SERVER.ip().to_string(), SERVER.port().to_string());
    for _ in 0..100 {
        let mut command = std::process::Command::new("iperf3");
        command.args(["-J", "-c", &host, "-p", &port, "-t", seconds]).args(arguments);
        sys::enter_before_exec(&mut command, from.clone());
        let output = command.stdin(Stdio::null()).output().context("start iperf3")?;
        let report: Value = serde_json::from_slice(&output.stdout).context("read its report")?;
        match report["error"].as_str() {
            // It has not yet noticed the end of the run before.
            Some(error) if error.contains("busy") => std::thread::sleep(Duration::from_millis(50)),
            Some(error) => bail!("iperf3: {error}"),
            None => {
                let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
                return Ok(bits.context("iperf3 gave no figure")? / 1e9);
            }
        }
    }
    bail!("iperf3's server stays busy")
}

/// Every program in force below a daemon's cgroup, by name: what its pinned links run.
fn programs(parent: &Path) -> Result<Vec<(String, OwnedFd)>> {
    let name = parent.file_name().unwrap_or_default().to_string_lossy();
    let pins = Path::new("/sys/fs/bpf/prxy").join(name.trim_start_matches("prxy-"));
    let mut found = Vec::new();
    for start in fs::read_dir(&pins).with_context(|| pins.display().to_string())? {
        for pin in fs::read_dir(start?.path())? {
            let pin = pin?;
            let link = bpf::link_info(&bpf::open_pin(&pin.path())?)?;
            let name = pin.file_name().to_string_lossy().into_owned();
            found.push((name, bpf::open_program(link.program_id)?));
        }
    }
    ensure!(!found.is_empty(), "nothing is pinned in {}", pins.display());
    found.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(found)
}

fn infos(programs: &[(String, OwnedFd)]) -> Result<Vec<ProgramInfo>> {
    programs.iter().map(|(_, program)| Ok(bpf::program_info(program)?)).collect()
}

/// The far end; gone when dropped.
struct Server(Child);

impl Server {
    fn start(lab: &Lab) -> Result<Self> {
        let mut command = lab.net.command("iperf3");
        let (host, port) = (SERVER.ip().to_string(), SERVER.port().to_string());
        command.args(["-s", "-B", &host, "-p", &port]);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(quiet.spawn().context("start iperf3")?);
        for _ in 0..100 {
            let tried = lab.net.block_on(tokio::net::TcpStream::connect(SERVER));
            std::thread::sleep(Duration::from_millis(50));
            if tried.is_ok() {
                return Ok(server);
            }
        }
        bail!("iperf3 does not listen")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
