//! Telling a process outside by what is no socket at all.

use std::ffi::CString;
use std::fs;
use std::io::Write;

use super::call::{ask, at, relay_key, relay_name, relay_path, reports_are_sent};
use super::{Aid, Aim, Failure, Layer, Medium, Technique};
use crate::sys::attempt::probe::{self, Arg};

pub(super) const ROWS: &[Technique] = &[
    told("fifo", "a named pipe to a relay", "35", FILES, Medium::Fifo, write),
    told("file-drop", "a file that a relay reads", "47", FILES, Medium::File, write),
    told("posix-queue", "a POSIX message queue", "35", QUEUES, Medium::Posix, posix)
        .root_only_in_namespace(UNSEEN_BY_CGROUP),
    told("sysv-queue", "a System V message queue", "35", QUEUES, Medium::SystemV, system_v)
        .root_only_in_namespace(UNSEEN_BY_CGROUP),
    Technique::calls("shared-memory", "System V shared memory", "35", QUEUES, |a| {
        // It does not exist, and is not made: that is said to those who may ask.
        let missing = [Arg::Number(relay_key(&a.token).into()), Arg::Number(4096), Arg::Number(0)];
        super::call::ask_in_vain(probe::SHMGET, &missing)
    })
    .root_may(UNSEEN_BY_CGROUP),
    Technique::calls("make-fifo", "make a named pipe for others", "35", FILES, |a| {
        let path = relay_path(&a.scratch, &a.token);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).map_err(at("mkfifo"))?;
        fs::remove_file(path).map_err(at("unlink"))
    })
    .root_may(UNSEEN_BY_CGROUP),
];

const fn told(
    name: &'static str,
    what: &'static str,
    threat: &'static str,
    layers: &'static [Layer],
    medium: Medium,
    act: fn(&Aim) -> Result<(), Failure>,
) -> Technique {
    Technique::wire(name, what, threat, layers, act)
        .root_may(UNSEEN_BY_CGROUP)
        .aided(Aid::Heard(medium))
}

fn write(aim: &Aim) -> Result<(), Failure> {
    let mut file = fs::File::options()
        .write(true)
        .open(relay_path(&aim.scratch, &aim.token))
        .map_err(at("open"))?;
    file.write_all(aim.token.as_bytes()).map_err(at("write"))?;
    reports_are_sent();
    Ok(())
}

fn posix(aim: &Aim) -> Result<(), Failure> {
    let name = CString::new(relay_name(&aim.token)).map_err(at("name"))?;
    let flags = Arg::Number((libc::O_WRONLY | libc::O_NONBLOCK).into());
    let queue = probe::open(probe::MQ_OPEN, &[Arg::Text(&name), flags, Arg::Null, Arg::Null])
        .map_err(at("mq_open"))?;
    let length = Arg::Number(aim.token.len() as i64);
    let token = Arg::Bytes(aim.token.as_bytes());
    let queue = Arg::Number(std::os::fd::AsRawFd::as_raw_fd(&queue).into());
    ask(probe::MQ_SEND, &[queue, token, length, Arg::Number(0), Arg::Null])?;
    reports_are_sent();
    Ok(())
}

fn system_v(aim: &Aim) -> Result<(), Failure> {
    let key = Arg::Number(relay_key(&aim.token).into());
    let queue = probe::call(probe::MSGGET, &[key, Arg::Number(0)]).map_err(at("msgget"))?;
    let mut message = 1_i64.to_ne_bytes().to_vec(); // struct msgbuf
    message.extend(aim.token.as_bytes());
    let length = Arg::Number(aim.token.len() as i64);
    let flags = Arg::Number(libc::IPC_NOWAIT.into());
    ask(probe::MSGSND, &[Arg::Number(queue), Arg::Bytes(&message), length, flags])?;
    reports_are_sent();
    Ok(())
}

const FILES: &[Layer] = &[Layer::Seccomp, Layer::Landlock, Layer::Permission];
const QUEUES: &[Layer] = &[Layer::Seccomp, Layer::Namespace, Layer::Permission];
const UNSEEN_BY_CGROUP: &str = "the kernel's policy judges packets; seccomp and Landlock do files";
