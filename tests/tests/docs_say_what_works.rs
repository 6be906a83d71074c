//! Every command in the README and in docs/ is run, on a machine where prxy is a service.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output, Stdio};

use prxy_tests::daemon;
use prxy_tests::manual::{self, Block, Run};
use prxy_tests::scene::Setting;
use prxy_tests::systemd::{Service, UNIT};

#[test]
fn every_command_of_the_documentation_does_what_it_says() {
    let only = std::env::var("PRXY_DOCS").unwrap_or_default();
    let service = Service::install().unwrap();
    prepare(&service);
    let (mut ran, mut left_out, mut failures) = (0, Vec::new(), Vec::new());
    for file in manual::files().unwrap() {
        let blocks = manual::blocks(&file).unwrap();
        let blocks: Vec<_> = blocks.into_iter().filter(is_typed).collect();
        if blocks.is_empty() || !file.display().to_string().contains(&only) {
            continue;
        }
        begin(&service);
        for block in blocks {
            let place = format!("{}:{}", block.file, block.line);
            if let Run::Never(why) = &block.run {
                left_out.push(format!("{place}: {why}"));
                continue;
            }
            let began = std::time::Instant::now();
            match run(&service, &block) {
                Ok(()) => ran += 1,
                Err(said) => failures.push(format!("{place}: {said}")),
            }
            eprintln!("{place}: {:.1} s", began.elapsed().as_secs_f64());
        }
    }
    eprintln!("{ran} blocks ran; {} are left out, and say why:", left_out.len());
    left_out.iter().for_each(|one| eprintln!("  {one}"));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(!only.is_empty() || ran >= LEAST_RUN, "{ran} blocks ran");
    assert!(left_out.len() <= MOST_LEFT_OUT, "{} blocks are left out", left_out.len());
}

#[test]
fn every_configuration_of_the_documentation_is_one() {
    let (mut checked, mut failures) = (0, Vec::new());
    for file in manual::files().unwrap() {
        for block in manual::blocks(&file).unwrap() {
            if block.language != "yaml" || matches!(block.run, Run::Never(_)) {
                continue;
            }
            let dir = tempfile::tempdir().unwrap();
            let config = dir.path().join("config.yaml");
            fs::write(&config, &block.text).unwrap();
            let output = Command::new(daemon::binary().unwrap())
                .args(["config", "check", "--config"])
                .arg(&config)
                .arg("--data-dir")
                .arg(dir.path())
                .output()
                .unwrap();
            checked += 1;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                failures.push(format!("{}:{}: {said}", block.file, block.line));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(checked >= LEAST_CHECKED, "{checked}");
}

/// What people are to type.
fn is_typed(block: &Block) -> bool {
    ["sh", "bash", "shell", "console"].contains(&block.language.as_str())
}

/// What the machine has beside prxy.
fn prepare(service: &Service) {
    let lines = "mkdir -p /root /etc/bash_completion.d && mount -t tmpfs tmpfs /root && \
                 printf 'fail-with-body\nsilent\nshow-error\n' > /root/.curlrc";
    let output = service.systemd.run("bash", &["-c", lines]).unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// A state, a configuration and a folder as if nothing had been done yet; prxy runs.
fn begin(service: &Service) {
    drop(service.systemd.run("systemctl", &["stop", UNIT]).unwrap());
    let lines = "rm -rf /var/lib/prxy/* /root/* && mkdir /root/here";
    let output = service.systemd.run("bash", &["-c", lines]).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    service.configure(&service.config(&Setting::default())).unwrap();
    service.systemd.systemctl(&["start", UNIT]).unwrap();
    service.answers().unwrap();
}

fn run(service: &Service, block: &Block) -> Result<(), String> {
    if !block.before.is_empty() {
        line(service, &block.before, &Run::Whole).map_err(|said| format!("before it: {said}"))?;
    }
    match &block.run {
        Run::Lines(lines) => lines.iter().try_for_each(|(text, how)| line(service, text, how)),
        _ if block.language == "console" => console(service, &block.text),
        how => line(service, &block.text, how),
    }
}

/// Runs a script as it stands, and says what was wrong.
fn line(service: &Service, script: &str, how: &Run) -> Result<(), String> {
    let output = match how {
        Run::Endless => shell(service, &["timeout", "-k", "10", "-s", "INT", "3", "bash"], script),
        _ => shell(service, &["timeout", "-k", "10", "300", "bash"], script),
    };
    let status = output.status.code();
    let right = match how {
        Run::Endless => status == Some(TIMED_OUT),
        Run::Fails => !matches!(status, Some(0 | TIMED_OUT)),
        _ => status == Some(0),
    };
    match right {
        true => Ok(()),
        false => Err(format!("{how:?} ended with {status:?}:\n{script}{}", said(&output))),
    }
}

/// Commands behind `$ `, and what they print.
fn console(service: &Service, text: &str) -> Result<(), String> {
    for part in format!("\n{text}").split("\n$ ").skip(1) {
        let (command, expected) = part.split_once('\n').unwrap_or((part, ""));
        let output = shell(service, &["timeout", "300", "bash"], command);
        let printed = String::from_utf8_lossy(&output.stdout);
        if printed.trim_end() != expected.trim_end() {
            return Err(format!("{command}\nprinted\n{}\nand not\n{expected}", said(&output)));
        }
    }
    Ok(())
}

fn shell(service: &Service, program: &[&str], script: &str) -> Output {
    let root = service.systemd.path("");
    let init = root.iter().nth(2).unwrap().to_str().unwrap();
    let stage = fs::read_link(&root).unwrap();
    Command::new("nsenter")
        .args(["-t", init, "-m", "-p", "-C", "-i", "-u", "-n", "--", "unshare", "-m"])
        .args(["sh", "-ec", SESSION])
        .arg(stage)
        .args(["env", "-i", "-C", "/root/here", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
        .args(["HOME=/root", "TERM=dumb", "KEY=a-test", "OPENAI_API_KEY=sk-of-a-test"])
        .arg("ANTHROPIC_API_KEY=sk-ant-of-a-test")
        .args(program)
        .args(["-eu", "-o", "pipefail", "-c", script])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let mut text = String::new();
    for stream in [&output.stdout, &output.stderr] {
        let stream = String::from_utf8_lossy(stream);
        let begin = stream.ceil_char_boundary(stream.len().saturating_sub(2000));
        let _ = writeln!(text, "{}", &stream[begin..]);
    }
    text
}

/// As whoever logs in has it: the machine's root as its own (in a chroot, no user namespace can be
/// made), a cgroup, and settings that can be written.
const SESSION: &str = r#"
cd "$0"
mount --rbind /dev dev
pivot_root . tmp
cd /
umount -l /tmp
mkdir -p /sys/fs/cgroup/session.scope
echo $$ > /sys/fs/cgroup/session.scope/cgroup.procs
mount -t proc proc /proc
exec "$@"
"#;
/// The status of timeout(1).
const TIMED_OUT: i32 = 124;
/// Below this, the blocks are not found any more.
const LEAST_RUN: usize = 50;
const LEAST_CHECKED: usize = 15;
const MOST_LEFT_OUT: usize = 20;
