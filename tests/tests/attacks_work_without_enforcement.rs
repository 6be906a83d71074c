//! The harness's own promise: each attack gets through when nothing stops it, and what confines a
//! role is really put on. Without this, "blocked" would mean nothing.

use std::fs;
use std::process::{Command, Stdio};

use prxy_tests::attack::{self, Confinement, Presence, Range, Verdict};
use prxy_tests::netns::Namespace;
use prxy_tests::roles::{self, Role};

#[test]
fn every_technique_gets_through_when_nothing_stops_it() {
    let techniques: Vec<_> = attack::all().collect();
    let verdicts = attack::controls(&techniques).unwrap();
    assert_eq!(verdicts.len(), techniques.len());
    let mut through = 0;
    for (technique, verdict) in techniques.iter().zip(&verdicts) {
        println!("{:16} {verdict:?}", technique.name);
        match verdict {
            Verdict::GotThrough(_) => through += 1,
            Verdict::Unavailable(_) => assert_eq!(technique.presence, Presence::Optional),
            Verdict::Blocked(why) => panic!("{} did not get through: {why}", technique.name),
        }
    }
    assert!(through >= 30, "{through}");
}

#[test]
fn a_quiet_process_counts_as_blocked_in_an_empty_namespace() {
    let range = Range::new().unwrap();
    let nowhere = Namespace::new("nowhere").unwrap();
    let from = Confinement::none(nowhere.fd());
    for technique in attack::all().filter(|t| t.judge == attack::Judge::Wire) {
        if ["unix-relay", "unix-datagram"].contains(&technique.name) {
            // The first has no relay there; the second goes by path, which knows no namespace:
            // that is what seccomp is for.
            continue;
        }
        let verdict = range.attempt(technique, &from).unwrap();
        assert!(matches!(verdict, Verdict::Blocked(_)), "{}: {verdict:?}", technique.name);
    }
    assert_eq!(range.attacker.caught(), []);
}

/// A process that stands for a role: a cgroup, another user, and seccomp denying `socket`.
#[test]
fn a_roles_rights_and_filters_are_taken_over() {
    let cgroup = roles::cgroup_root().unwrap().join(format!("harness-{}", std::process::id()));
    fs::create_dir(&cgroup).unwrap();
    let mut sleeper = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"])
        .args(["--bounding-set=-all", "sleep", "60"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid = sleeper.id() as i32;
    fs::write(cgroup.join("cgroup.procs"), pid.to_string()).unwrap();
    prxy_tests::eventually!(roles::rights(pid).unwrap().no_new_privs);
    prxy_tests::eventually!(
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "sleep")
    );

    let role = Role { name: "fake".into(), cgroup: cgroup.clone(), pids: vec![pid] };
    let outcome = std::panic::catch_unwind(|| {
        let range = Range::new().unwrap();
        let from = Confinement::of(&role).unwrap().in_namespace(range.lab.app.fd());
        let by = |name| attack::technique::by_name(name).unwrap();
        // Without rights a packet socket cannot be opened; an ordinary one can.
        let verdict = range.attempt(by("packet"), &from).unwrap();
        assert_eq!(verdict, Verdict::Blocked("socket: EPERM".into()));
        let verdict = range.attempt(by("leave-cgroup"), &from).unwrap();
        assert_eq!(verdict, Verdict::Blocked("cgroup.procs: EACCES".into()));
        let verdict = range.attempt(by("tcp4"), &from).unwrap();
        assert!(matches!(verdict, Verdict::GotThrough(_)), "{verdict:?}");
    });
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    prxy_tests::eventually!(fs::remove_dir(&cgroup).is_ok());
    outcome.unwrap();
}

#[test]
fn a_roles_seccomp_filter_is_taken_over() {
    let mut still = Command::new(env!("CARGO_BIN_EXE_attempt"))
        .arg("stand-still")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = still.id() as i32;
    prxy_tests::eventually!(roles::rights(pid).unwrap().seccomp_filters == 1);
    let role =
        Role { name: "still".into(), cgroup: roles::cgroup_root().unwrap(), pids: vec![pid] };
    let range = Range::new().unwrap();
    let from = Confinement::of(&role).unwrap().in_namespace(range.lab.app.fd());
    assert_eq!(from.filters(), 1);
    let by = |name| attack::technique::by_name(name).unwrap();
    assert_eq!(range.attempt(by("icmp"), &from).unwrap(), Verdict::Blocked("socket: EXDEV".into()));
    let verdict = range.attempt(by("icmp6"), &from).unwrap();
    assert!(matches!(verdict, Verdict::GotThrough(_)), "{verdict:?}");
    drop(still.stdin.take());
    assert!(still.wait().unwrap().success());
}
