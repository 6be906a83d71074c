//! What the helper process does: put on a role's confinement, try one technique, say what happened.
//!
//! The order is read from standard input as JSON, the report goes to standard output as JSON.
//! cgroup and network namespace were entered before exec, so that every socket is born inside.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use serde_json::{Value, json};

use crate::roles::Rights;
use crate::sys::{self, Ended};
use prxy::verify::technique::{self, Aim, Failure, Technique};

/// What to try, and what to put on first.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub technique: String,
    pub token: String,
    pub cgroup_root: PathBuf,
    pub rights: Option<Rights>,
    pub filters: Vec<Vec<u8>>,
}

/// What the system calls said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `done`, `failed` or `killed`.
    pub outcome: String,
    /// The system call that failed.
    pub at: String,
    /// Its errno, or the signal.
    pub code: i32,
}

/// Runs as the helper process: reads an order, prints a report.
///
/// With the argument `stand-still` it puts on a filter that denies ping sockets and waits for the
/// end of its input instead: something to copy filters from. With `flood` it asks for UDP sockets
/// until it is killed.
pub fn main() -> Result<()> {
    let mut input = String::new();
    match std::env::args().nth(1).as_deref() {
        Some("stand-still") => {
            nix::sys::prctl::set_no_new_privs()?;
            sys::install_seccomp(&no_ping_sockets())?;
        }
        Some("flood") => loop {
            drop(sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0));
        },
        _ => {}
    }
    std::io::stdin().read_to_string(&mut input)?;
    if input.is_empty() {
        return Ok(());
    }
    let order = Order::from_json(&serde_json::from_str(&input)?)?;
    let technique = technique::by_name(&order.technique).context("no such technique")?;
    let report = run(technique, &order)?;
    let report =
        json!({"outcome": report.outcome, "at": report.at, "code": report.code}).to_string();
    nix::unistd::write(std::io::stdout(), report.as_bytes())?;
    Ok(())
}

fn run(technique: &Technique, order: &Order) -> Result<Report> {
    if let Some(rights) = &order.rights {
        put_on(rights)?;
    }
    let aim = Aim {
        token: order.token.clone(),
        cgroup_root: order.cgroup_root.clone(),
        scratch: std::env::temp_dir(),
        patience: PATIENCE,
        given: -1,
    };
    let ended = sys::in_child(|| {
        for filter in &order.filters {
            if let Err(error) = sys::install_seccomp(filter) {
                return format!("broken install_seccomp {}", code(&error)).into_bytes();
            }
        }
        let report = match (technique.act)(&aim) {
            Ok(()) => "done - 0".to_owned(),
            Err(Failure { at, error }) => format!("failed {at} {}", code(&error)),
        };
        report.into_bytes()
    })?;
    Ok(match ended {
        Ended::Killed(signal) => {
            Report { outcome: "killed".into(), at: "signal".into(), code: signal }
        }
        Ended::Returned(bytes) => {
            let text = String::from_utf8(bytes)?;
            let mut words = text.split(' ');
            let mut word = || words.next().context("short report").map(str::to_owned);
            Report { outcome: word()?, at: word()?, code: word()?.parse()? }
        }
    })
}

fn put_on(rights: &Rights) -> Result<()> {
    sys::limit_bounding_set(rights.bounding);
    let groups: Vec<_> = rights.groups.iter().map(|g| Gid::from_raw(*g)).collect();
    setgroups(&groups).context("setgroups")?;
    let (uid, gid) = (Uid::from_raw(rights.uid), Gid::from_raw(rights.gid));
    setresgid(gid, gid, gid).context("setresgid")?;
    setresuid(uid, uid, uid).context("setresuid")?;
    // Leaving uid 0 has cleared the permitted set; then only "none" can be set.
    let keep = if uid.is_root() { rights.effective } else { 0 };
    sys::set_capabilities(keep).context("capset")?;
    if rights.no_new_privs {
        nix::sys::prctl::set_no_new_privs().context("no_new_privs")?;
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_millis(1500);

/// `socket(_, _, IPPROTO_ICMP)` gives EXDEV, an errno that nothing else gives here.
fn no_ping_sockets() -> Vec<u8> {
    let instruction = |code: u16, jt: u8, jf: u8, k: u32| {
        let mut bytes = code.to_ne_bytes().to_vec();
        bytes.extend([jt, jf]);
        bytes.extend(k.to_ne_bytes());
        bytes
    };
    [
        instruction(0x20, 0, 0, 0), // load the call's number
        instruction(0x15, 0, 3, libc::SYS_socket as u32),
        instruction(0x20, 0, 0, 32), // load the third argument
        instruction(0x15, 0, 1, libc::IPPROTO_ICMP as u32),
        instruction(0x06, 0, 0, 0x0005_0000 | libc::EXDEV as u32),
        instruction(0x06, 0, 0, 0x7fff_0000),
    ]
    .concat()
}

fn code(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(-1)
}

impl Order {
    pub(super) fn to_json(&self) -> Value {
        let rights = self.rights.as_ref().map(|r| {
            json!({"uid": r.uid, "gid": r.gid, "groups": r.groups, "effective": r.effective,
                "bounding": r.bounding, "no_new_privs": r.no_new_privs})
        });
        json!({"technique": self.technique, "token": self.token, "rights": rights,
            "cgroup_root": self.cgroup_root, "filters": self.filters})
    }

    fn from_json(value: &Value) -> Result<Self> {
        let text = |v: &Value| v.as_str().map(str::to_owned).context("not a string");
        let number = |v: &Value| v.as_u64().context("not a number");
        let list = |v: &Value| v.as_array().cloned().context("not a list");
        let rights = match &value["rights"] {
            Value::Null => None,
            r => Some(Rights {
                uid: number(&r["uid"])? as u32,
                gid: number(&r["gid"])? as u32,
                groups: list(&r["groups"])?
                    .iter()
                    .map(|g| Ok(number(g)? as u32))
                    .collect::<Result<_>>()?,
                effective: number(&r["effective"])?,
                bounding: number(&r["bounding"])?,
                no_new_privs: r["no_new_privs"] == json!(true),
                seccomp_filters: 0,
            }),
        };
        let filters = list(&value["filters"])?
            .iter()
            .map(|f| list(f)?.iter().map(|b| Ok(number(b)? as u8)).collect())
            .collect::<Result<_>>()?;
        Ok(Self {
            technique: text(&value["technique"])?,
            token: text(&value["token"])?,
            cgroup_root: text(&value["cgroup_root"])?.into(),
            rights,
            filters,
        })
    }
}
